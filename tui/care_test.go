package tui

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"proximity/core"
)

// note remembers a call with what it was given.
func (s *scripted) noted(call string) error {
	s.called(strings.Fields(call)[0])
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deeds = append(s.deeds, call)
	return s.fail
}

func (s *scripted) CheckClone(_ context.Context, _ core.Actor, _ string, r core.CloneRequest) (core.CloneCheck, error) {
	s.called("CheckClone")
	ck := core.CloneCheck{Hostname: r.Hostname, Running: true, Snapshots: r.StopFirst || !strings.HasPrefix(r.Hostname, "thick"), Node: "pve1", Port: 8112, Network: "dhcp",
		Fits: []core.NodeFit{{Host: "homelab", Node: "pve1", Fits: true, FreeMB: 19456}, {Host: "homelab", Node: "pve3", Reason: "the disk is on local-lvm, which only pve1 can reach"}}}
	if !ck.Snapshots {
		ck.Problems = []core.FieldProblem{{Field: "stop_first", Text: "storage thick has no snapshots: gitea cannot be cloned while it runs", Hint: "have it stopped"}}
	}
	return ck, s.fail
}

func (s *scripted) CloneApp(_ context.Context, _ core.Actor, name string, r core.CloneRequest) (core.AppView, core.JobView, error) {
	err := s.noted("CloneApp " + name + " " + r.Hostname + " " + r.Node + map[bool]string{true: " stop"}[r.StopFirst])
	return core.AppView{Hostname: r.Hostname}, core.JobView{ID: 950, Title: "clone gitea as " + r.Hostname, Owner: "ops", State: "running"}, err
}

// offer is the update scripted cores have for every app.
var offer = core.UpdateView{Hostname: "gitea", Available: true, From: core.RecipeVersion{Revision: 1, Version: "1.22.3"}, To: core.RecipeVersion{Revision: 2, Version: "1.22.6"},
	Images: []core.ImageChange{{Service: "app", From: "gitea:1.22.3", To: "gitea:1.22.6", Source: "recipe"}}, Backup: true, WayBack: "restore", Digest: "d1", Confirm: true,
	Breaking: []core.BreakingChange{{Note: "Read the release notes.", Action: "confirm"}}, Secrets: []string{"KEY"}, Unknown: []string{"db: its tags could not be had"},
	Diff: []core.DiffLine{{Op: "@"}, {Op: " ", Text: `"app": {`}, {Op: "-", Text: `"image": "gitea:1.22.3"`}, {Op: "+", Text: `"image": "gitea:1.22.6"`}}}

func (s *scripted) CheckUpdate(_ context.Context, _ core.Actor, id string) (core.UpdateView, error) {
	s.called("CheckUpdate")
	if !strings.HasPrefix(id, "gitea") {
		return core.UpdateView{Hostname: id, From: core.RecipeVersion{Revision: 1, Version: "1"}}, s.fail
	}
	return offer, s.fail
}

func (s *scripted) UpdateApp(_ context.Context, _ core.Actor, name string, r core.UpdateRequest) (core.JobView, error) {
	err := s.noted("UpdateApp " + name + " " + r.Digest + map[bool]string{true: " yes"}[r.Yes])
	return core.JobView{ID: 951, Title: "update gitea", Owner: "ops", State: "running"}, err
}

func (s *scripted) TestHost(context.Context, core.Actor, string) ([]core.HostCheck, error) {
	s.called("TestHost")
	return []core.HostCheck{{Name: "api", OK: true, Text: "Proxmox VE 9.2"}, {Name: "clock of pve1", OK: true, Warn: true, Text: "differs", Hint: "ask a time server"}, {Name: "ssh to pve3", Text: "no credentials", Hint: "add a key"}}, s.fail
}

func (s *scripted) EditHost(_ context.Context, _ core.Actor, name string, e core.HostEdit) (core.HostView, error) {
	off := map[bool]string{true: "disabled"}[e.Disabled != nil && *e.Disabled]
	return core.HostView{Name: name}, s.noted(strings.Join(strings.Fields(strings.Join([]string{"EditHost", name, off, e.Name, e.URL, e.TokenID, e.TokenSecret, e.User, e.Password, e.Fingerprint}, " ")), " "))
}

func (s *scripted) ProbeHost(_ context.Context, _ core.Actor, url string) (core.Certificate, error) {
	return core.Certificate{Fingerprint: "AA:BB:CC", Subject: "CN=pve7", Trusted: strings.Contains(url, "trusted")}, s.noted("ProbeHost " + url)
}

func (s *scripted) AddHost(_ context.Context, _ core.Actor, r core.AddHostRequest) (core.HostView, error) {
	err := s.noted(strings.Join([]string{"AddHost", r.Name, r.URL, r.TokenID, r.TokenSecret, r.User, r.Password, strconv.Quote(r.SSHKey), r.Fingerprint}, " "))
	return core.HostView{Name: r.Name}, err
}

func (s *scripted) SetDefaultHost(_ context.Context, _ core.Actor, name string) (core.HostView, error) {
	return core.HostView{Name: name}, s.noted("SetDefaultHost " + name)
}

func (s *scripted) SyncNodes(_ context.Context, _ core.Actor, name string) (int, error) {
	return 2, s.noted("SyncNodes " + name)
}

func (s *scripted) TrustHost(_ context.Context, _ core.Actor, name string, accept []string) (core.HostView, error) {
	return core.HostView{Name: name}, s.noted("TrustHost " + name + " " + strings.Join(accept, " "))
}

func (s *scripted) RemoveHost(_ context.Context, _ core.Actor, name string) error {
	return s.noted("RemoveHost " + name)
}

// TestClone: the overlay says what is copied and what the copy gets, offers to
// stop the app where its storage wants that, and begins with ctrl+s.
func TestClone(t *testing.T) {
	for _, open := range [][]string{{"2", "down", "down"}, {"2", "down", "down", "enter"}} {
		s := newScripted()
		c := at(t, s, look{}, append(open, "c"))
		expect(t, c, "Clone gitea", "(CT 107 on pve1, owner ops)", "from a temporary snapshot; gitea runs on", "port 8112", "✓ free", "auto (pve1)", "ready: it goes to pve1")
		for range len("gitea-copy") {
			press(c, "backspace")
		}
		typed(c, "thick")
		expect(t, c, "storage thick has no snapshots")
		press(c, "ctrl+s")
		if s.done() != "" {
			t.Fatalf("did %q", s.done())
		}
		press(c, "space") // the field that has to be changed has the focus
		expect(t, c, "gitea is stopped for it", "ready: it goes to pve1")
		press(c, "ctrl+s")
		if s.done() != "CloneApp gitea-0000006b thick  stop" || c.over != nil {
			t.Fatalf("did %q", s.done())
		}
		expect(t, c, "✓ clone gitea as thick has begun: job 950")
	}
	c := at(t, newScripted(), look{w: 80, h: 24}, []string{"2", "down", "down", "c"})
	expect(t, c, "[ Clone gitea ]", "ready: it goes to pve1")
	c = at(t, newScripted(), look{role: core.RoleViewer}, []string{"2", "down", "down", "c"})
	expect(t, c, "viewer may not deploy")
	c = at(t, newScripted(), look{}, []string{"2", "c"})
	press(c, "esc")
	if c.over != nil {
		t.Error("esc does not close it")
	}
}

// TestUpdate: the difference is shown first, and enter takes the very update
// that is shown, not in the same breath.
func TestUpdate(t *testing.T) {
	s := newScripted()
	c := at(t, s, look{}, []string{"2", "down", "down", "u"})
	expect(t, c, "Update gitea", "1.22.3 (revision 1) → 1.22.6 (revision 2)", "Read the release notes.", "gitea:1.22.3 → gitea:1.22.6", "new secrets for KEY", "a backup", "back to that backup", "db: its tags could not be had",
		`- "image": "gitea:1.22.3"`, `+ "image": "gitea:1.22.6"`, "[ Update gitea ]")
	press(c, "enter")
	if s.done() != "" {
		t.Fatalf("in the same breath did %q", s.done())
	}
	pause(c)
	press(c, "enter")
	if s.done() != "UpdateApp gitea-0000006b d1 yes" || c.over != nil {
		t.Fatalf("did %q", s.done())
	}
	expect(t, c, "update gitea has begun: job 951")

	s = newScripted()
	c = at(t, s, look{}, []string{"2", "u"})
	expect(t, c, "is up to date", "[ Close ]")
	pause(c)
	press(c, "enter")
	if s.done() != "" || c.over != nil {
		t.Errorf("did %q", s.done())
	}
	s = newScripted()
	w := *s.world
	w.Apps = append([]core.AppView(nil), w.Apps...)
	w.Apps[2].Update = "1.22.6"
	s.world = &w
	expect(t, at(t, s, look{}, []string{"2", "down", "down", "enter"}), "(1.22.6 can be had, u)")
}

// TestHostsAreLookedAfter: what can be done to a host is in its actions; a key
// that has changed is shown with both fingerprints, and a removal wants the
// name typed.
func TestHostsAreLookedAfter(t *testing.T) {
	act := func(c *Console, verb string) {
		t.Helper()
		settle(c, c.act(c.keys.verb[verb], c.page().on(c)))
	}
	s := newScripted()
	c := at(t, s, look{}, []string{"4"})
	act(c, "test host")
	expect(t, c, "homelab · test", "✓ api: Proxmox VE 9.2", "▲ clock of pve1: differs", "ask a time server", "× ssh to pve3: no credentials")
	press(c, "esc")
	act(c, "make default")
	expect(t, c, "homelab is the default already")
	act(c, "enable host")
	expect(t, c, "homelab is not disabled")
	act(c, "disable host")
	act(c, "sync nodes")
	press(c, "d")
	expect(t, c, "8 apps on homelab: delete them first")
	act(c, "trust host")
	expect(t, c, "homelab shows the keys that are pinned")
	if got := s.done(); got != "EditHost homelab disabled, SyncNodes homelab" {
		t.Errorf("did %q", got)
	}

	s = newScripted()
	w := *s.world
	w.Hosts = append([]core.HostView(nil), w.Hosts...)
	w.Hosts[1].State, w.Hosts[1].Apps = "untrusted", 0
	w.Hosts[1].Changed = []core.KeyChange{{Kind: "ssh", Node: "barn1", Known: "SHA256:old", Shown: "SHA256:new", At: ago(time.Minute)}}
	s.world = &w
	c = at(t, s, look{}, []string{"4", "down", "down", "down"})
	expect(t, c, "× untrusted", "barn shows another key than the pinned one", "pinned SHA256:old", "shown  SHA256:new", "all work on it stops")
	act(c, "trust host")
	expect(t, c, "Trust barn", "pinned  SHA256:old", "shown   SHA256:new", "SSH host key of barn1")
	pause(c)
	press(c, "enter")
	press(c, "d")
	expect(t, c, "You are about to remove host  barn", "Type the name to remove:", "[ Remove barn ]")
	typed(c, "barn")
	pause(c)
	press(c, "tab", "enter")
	pause(c)
	press(c, "enter")
	if got := s.done(); got != "TrustHost barn SHA256:new, RemoveHost barn" {
		t.Errorf("did %q", got)
	}
	for _, verb := range []string{"test host", "disable host", "trust host"} {
		c := at(t, newScripted(), look{role: core.RoleOperator}, []string{"4"})
		act(c, verb)
		if n, _ := c.notices.current(); !strings.Contains(n.text, "may not change hosts") {
			t.Errorf("an operator who wants to %s is told %q", verb, n.text)
		}
	}
	if got := ansi.Strip(at(t, s, look{w: 80, h: 24}, []string{"4", "down", "down", "down"}).View().Content); !strings.Contains(got, "SHA256:new") {
		t.Error("at 80x24 the new key is not shown")
	}
}

// TestAHostIsConnected: nothing secret is sent before its certificate was
// accepted; a private key is pasted whole.
func TestAHostIsConnected(t *testing.T) {
	s := newScripted()
	c := at(t, s, look{}, []string{"4", "n"})
	expect(t, c, "Connect a Proxmox host", "Account", "SSH to the nodes")
	press(c, "ctrl+s")
	expect(t, c, "the host needs a name")
	typed(c, "attic")
	press(c, "tab")
	typed(c, "https://10.0.0.9:8006")
	press(c, "tab")
	typed(c, "proximity@pve!main")
	press(c, "tab")
	typed(c, "hunter2")
	expect(t, c, "•••••••")
	press(c, "tab", "space", "tab", "tab", "tab")
	c.Update(tea.PasteMsg{Content: "no key"})
	c.Update(tea.PasteMsg{Content: "-----BEGIN OPENSSH PRIVATE KEY-----\r\nabc\r\n-----END OPENSSH PRIVATE KEY-----\r\n"})
	expect(t, c, "a private key is pasted")
	press(c, "ctrl+s")
	expect(t, c, "Certificate of https://10.0.0.9:8006", "AA:BB:CC", "nothing has been sent yet")
	if got := s.done(); got != "ProbeHost https://10.0.0.9:8006" {
		t.Fatalf("before anybody has looked at the certificate: %q", got)
	}
	pause(c)
	press(c, "enter")
	expect(t, c, "✓ attic is connected")
	if got := s.done(); got != `ProbeHost https://10.0.0.9:8006, AddHost attic https://10.0.0.9:8006 proximity@pve!main hunter2   "-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n-----END OPENSSH PRIVATE KEY-----\n" AA:BB:CC` {
		t.Errorf("did %q", got)
	}

	s = newScripted()
	c = at(t, s, look{}, []string{"4", "e"})
	expect(t, c, "Change how homelab is reached", "unchanged")
	press(c, "ctrl+s")
	expect(t, c, "nothing is another than it was")
	press(c, "tab")
	typed(c, "https://trusted:8006")
	press(c, "tab")
	typed(c, "root@pam")
	press(c, "tab")
	typed(c, "secret")
	press(c, "ctrl+s")
	if got := s.done(); got != "ProbeHost https://trusted:8006, EditHost homelab https://trusted:8006 root@pam secret" {
		t.Errorf("did %q", got)
	}
	s = newScripted()
	c = at(t, s, look{}, []string{"4", "e"})
	typed(c, "barnyard")
	press(c, "ctrl+s")
	if got := s.done(); got != "EditHost homelab barnyard" {
		t.Errorf("did %q", got)
	}
	s.fail = &core.Error{Kind: core.ErrInvalid, Field: "credentials", Text: "no secret is given for x@pam", Hint: "give it"}
	c = at(t, s, look{}, []string{"4", "e", "tab", "tab", "x", "ctrl+s"})
	expect(t, c, "× no secret is given for x@pam")
	expect(t, at(t, newScripted(), look{role: core.RoleOperator}, []string{"4", "n"}), "may not change hosts")
}
