package tui

import (
	"testing"

	"proximity/core"
)

// TestNodesOfTheSameName are told apart by their hosts wherever one is named,
// most of all where something is to be destroyed: a fresh Proxmox calls its node
// "pve", whichever machine it is.
func TestNodesOfTheSameName(t *testing.T) {
	two := func() *scripted {
		s := newScripted()
		for i := range s.world.Nodes {
			if s.world.Nodes[i].Host == "barn" {
				s.world.Nodes[i].Name = "pve1"
			}
		}
		s.found = []core.FoundGuest{{Host: "barn", Node: "pve1", VMID: 201, Name: "pihole", Status: "running", Hostname: "pihole"}}
		return s
	}
	for _, x := range []struct {
		keys []string
		want []string
	}{
		{nil, []string{"● homelab/pve1", "▲ barn/pve1", "● pve3"}},
		{[]string{"2"}, []string{"homelab/pve1", "pve3"}},
		{[]string{"2", "down", "down", "enter"}, []string{"CT 107 on homelab/pve1"}},
		{[]string{"2", "down", "down", "d"}, []string{"(CT 107 on homelab/pve1, owner ops)", "container 107 on homelab/pve1 and its"}},
		{[]string{"2", "down", "down", "t"}, []string{"(CT 107 on homelab/pve1, owner ops)"}},
		{[]string{"3", "down", "down", "down", "down", "n"}, []string{"✓ homelab/pve1", "ready: it goes to homelab/pve1"}},
		{[]string{"7"}, []string{"barn/pve1"}},
	} {
		expect(t, at(t, two(), look{}, x.keys), x.want...)
	}
	one := at(t, newScripted(), look{}, []string{"2", "down", "down", "enter"})
	expect(t, one, "CT 107 on pve1 ")
}

// TestLongHostNames are cut before the node's name is.
func TestLongHostNames(t *testing.T) {
	s := newScripted()
	long := "the-cluster-in-the-cellar"
	for i := range s.world.Nodes {
		if s.world.Nodes[i].Host == "barn" {
			s.world.Nodes[i].Host, s.world.Nodes[i].Name = long, "pve1"
		}
	}
	expect(t, at(t, s, look{}, nil), "the-cluste…/pve1")
}

// TestStepsAreNamedInFull where there is room for it.
func TestStepsAreNamedInFull(t *testing.T) {
	s := newScripted()
	for i := range s.world.Jobs {
		if len(s.world.Jobs[i].Steps) > 0 {
			s.world.Jobs[i].Steps[0].Title = "wait, in case somebody changes their mind"
		}
	}
	expect(t, at(t, s, look{}, []string{"6", "enter"}), "wait, in case somebody changes their mind ")
}

// TestStoragesOfTheSameName are told apart on narrow terminals, too: every node
// has a "local".
func TestStoragesOfTheSameName(t *testing.T) {
	for _, w := range []int{60, 80, 120} {
		s := newScripted()
		for i := range s.world.Nodes {
			s.world.Nodes[i].Storages = append(s.world.Nodes[i].Storages, core.StorageView{Name: "local", Type: "dir", Content: []string{"backup"}, Used: 1 << 30, Total: 1 << 36, Active: true})
		}
		expect(t, at(t, s, look{w: w, h: 24}, []string{"5", "right", "right", "right"}), "homelab, pve1", "homelab, pve3")
	}
}
