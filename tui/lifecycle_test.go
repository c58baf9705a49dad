package tui

import (
	"errors"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"proximity/core"
)

// pause lets a moment pass, so that an overlay takes enter.
func pause(c *Console) {
	now := c.now().Add(time.Second)
	c.now = func() time.Time { return now }
}

// done is the calls of DoApp so far.
func (s *scripted) done() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.deeds, ", ")
}

// TestStart acts at once and says which job it is; its row shows how far it is,
// and the end is told, even of a job no world has shown unfinished.
func TestStart(t *testing.T) {
	s := newScripted()
	c := at(t, s, look{}, []string{"2", "down", "s"})
	if s.done() != "start ghost-00000077" || c.over != nil {
		t.Fatalf("s did %q", s.done())
	}
	expect(t, c, "✓ starting blog: job 901", "◐ starting", "1/2 shut the", "3 jobs")
	press(c, "s")
	expect(t, c, "blog is busy: job 901 (start) by ops")
	w := *s.world
	w.Jobs = append([]core.JobView(nil), w.Jobs...)
	w.Jobs[0].State, w.Jobs[0].Ended, w.Jobs[0].EndedAt = "succeeded", true, noon.Add(4*time.Second)
	c.Update(beatMsg{gen: c.tickGen, world: &w})
	expect(t, c, "start blog done in 4.0s")

	c = at(t, newScripted(), look{}, []string{"2"})
	quick := core.JobView{ID: 77, Kind: "start", Title: "start blog", Owner: "ops", State: "running"}
	c.tell(deed{verb: core.StartApp, app: "ghost-00000077", name: "blog", begun: []core.JobView{quick}})
	quick.State, quick.Ended = "succeeded", true
	w = *c.world
	w.Jobs = append([]core.JobView{quick}, w.Jobs...)
	c.Update(beatMsg{gen: c.tickGen, world: &w})
	expect(t, c, "start blog done")
}

// TestStopAndRestartAsk: the overlay names victim and effect; enter does it,
// esc does not, nor does the key that opened it.
func TestStopAndRestartAsk(t *testing.T) {
	for _, x := range []struct{ key, verb, button, effect, toast string }{
		{"t", "stop", "[ Stop gitea ]", "does not answer until it is", "stopping gitea: job 901"},
		{"r", "restart", "[ Restart gitea ]", "who uses it is cut", "restarting gitea: job 901"},
	} {
		for _, open := range [][]string{{"2", "down", "down"}, {"2", "down", "down", "enter"}, {"2", "down", "down", "l"}} {
			s := newScripted()
			c := at(t, s, look{}, append(open, x.key))
			expect(t, c, x.button, "(CT 107 on pve1, owner ops)", x.effect, "dev is looking at gitea now")
			pause(c)
			press(c, x.key, "y", "esc")
			if s.done() != "" || c.over != nil {
				t.Fatalf("%s: did %q without being told to", x.verb, s.done())
			}
			press(c, x.key)
			press(c, "enter")
			if s.done() != "" {
				t.Fatalf("%s in the same breath did %q", x.verb, s.done())
			}
			pause(c)
			press(c, "enter")
			if s.done() != x.verb+" gitea-0000006b" {
				t.Fatalf("%s did %q", x.verb, s.done())
			}
			expect(t, c, x.toast)
		}
	}
}

// TestDelete wants the name typed; after it one is back at the list, where the
// row shows how far it is.
func TestDelete(t *testing.T) {
	for _, open := range [][]string{{"2", "down", "down"}, {"2", "down", "down", "enter"}, {":", "d", "e", "l", "e", "t", "e", "space", "g", "i", "t", "e", "a", "enter"}} {
		s := newScripted()
		c := at(t, s, look{}, open)
		if c.over == nil {
			press(c, "d")
		}
		expect(t, c, "You are about to delete  gitea  (CT 107 on pve1, owner ops).", "its data is gone for ever; no backup is made",
			"container 107 on pve1 and its 20G disk on local-lvm", "port 8107", "the name does not match", "▌[ Cancel ]")
		typed(c, "gite")
		pause(c)
		press(c, "tab", "enter")
		expect(t, c, "the name does not match: type gitea")
		typed(c, "a")
		press(c, "enter") // in the same breath
		expect(t, c, "that was quick")
		if s.done() != "" {
			t.Fatalf("did %q", s.done())
		}
		pause(c)
		press(c, "enter")
		if s.done() != "delete gitea-0000006b" {
			t.Fatalf("did %q", s.done())
		}
		expect(t, c, "✓ deleting gitea: job 901")
		if open[0] == "2" {
			expect(t, c, "[2 Apps]", "▌gitea", "◐ removing", "0%  1/2 shut the")
			if len(c.stack) != 0 {
				t.Error("the app's page is still open")
			}
		}
	}
}

// TestDeleteNotDone: enter on Cancel, esc, a paste of the name and the wrong
// case leave the app alone.
func TestDeleteNotDone(t *testing.T) {
	s := newScripted()
	c := at(t, s, look{}, []string{"2", "down", "down", "d"})
	typed(c, "gitea")
	pause(c)
	press(c, "enter")
	expect(t, c, "gitea stays as it is")
	press(c, "d")
	typed(c, "gitea")
	press(c, "esc", "d")
	if f := c.over.(*erase); f.field.Value() != "" || f.focus != onCancel {
		t.Error("a new overlay remembers the old one")
	}
	c.Update(tea.PasteMsg{Content: "gitea\n"})
	expect(t, c, "pasted text does not count")
	press(c, "tab")
	pause(c)
	press(c, "enter")
	typed(c, "Gitea")
	pause(c)
	press(c, "enter", "tab")
	if c.over == nil || s.done() != "" {
		t.Errorf("did %q", s.done())
	}
}

// TestDeletedMeanwhile: what has changed while an overlay was open is looked at
// again before core is asked.
func TestDeletedMeanwhile(t *testing.T) {
	s := newScripted()
	c := at(t, s, look{}, []string{"2", "down", "down", "t"})
	w := *s.world
	w.Apps = append([]core.AppView(nil), w.Apps...)
	w.Apps[2].Job = &core.JobRef{ID: 483, Kind: "deploy", State: "running"}
	c.Update(beatMsg{gen: c.tickGen, world: &w})
	pause(c)
	press(c, "enter")
	expect(t, c, "gitea is busy: job 483 (deploy) by dev")
	c = at(t, s, look{}, []string{"2", "down", "down", "t"})
	gone := *s.world
	gone.Apps = gone.Apps[:1]
	c.Update(beatMsg{gen: c.tickGen, world: &gone})
	pause(c)
	press(c, "enter")
	expect(t, c, "that app is gone")
	if s.done() != "" {
		t.Errorf("did %q", s.done())
	}
}

// TestReasonsOfApps: each state says why, and keys, hints, help, the actions
// menu and the palette agree.
func TestReasonsOfApps(t *testing.T) {
	for _, x := range []struct {
		app        string
		role       core.Role
		can        string // keys
		key, wants string
	}{
		{"gitea", "", "trd", "s", "gitea is already running: r restarts it"},
		{"blog", "", "sd", "t", "blog is not running: s starts it"},
		{"blog", "", "sd", "r", "blog is not running: s starts it"},
		{"postgres", "", "sd", "t", "postgres is not running: s starts it"}, // stopped outside Proximity
		{"jellyfin", "", "", "d", "jellyfin is busy: job 482 (deploy) by ops"},
		{"uptime-kuma", "", "d", "r", "uptime-kuma is in error: d deletes it, n deploys it again"},
		{"lost", "", "d", "s", "lost has no container: d deletes it, n deploys it again"},
		{"wiki", "", "", "t", "barn has not answered since 14:30:02 · ctrl+r asks it now"},
		{"gitea", core.RoleViewer, "", "t", "a viewer may not change apps: ask an admin"},
	} {
		s := newScripted()
		s.world.Apps = append(s.world.Apps, core.AppView{ID: "lost-1", CatalogID: "gitea", Hostname: "lost", Status: core.StatusError, Error: "deploy failed: no room", Owner: "ops"})
		c := at(t, s, look{role: x.role, w: 200, h: 60}, []string{"2"})
		for c.page().(*apps).table.Move(1) {
			if a, _ := c.appOf(c.page().on(c)); a.Hostname == x.app {
				break
			}
		}
		on := c.page().on(c)
		hints := strings.Split(text(c), "\n")[59]
		press(c, "a")
		items := c.over.(*menu).menu.Items
		press(c, "esc")
		for key, verb := range map[string]string{"s": "start", "t": "stop", "r": "restart", "d": "delete"} {
			b := c.keys.verb[verb]
			why := c.reason(b, on)
			if can := strings.Contains(x.can, key); can != (why == "") || can != strings.Contains(hints, " "+key+" "+verb) {
				t.Errorf("%s: %s is %q, the hints are %s", x.app, verb, why, hints)
			}
			for _, it := range items {
				if it.Label == verb && it.Reason != why {
					t.Errorf("%s: %s is %q, in the menu %q", x.app, verb, why, it.Reason)
				}
			}
			found := c.paletteItems(verb + " " + x.app)
			listed := false
			for _, it := range found {
				if listed = listed || it.Label == verb+" "+x.app; it.Label == verb+" "+x.app && it.Reason != why {
					t.Errorf("%s: %s is %q, in the palette %q", x.app, verb, why, it.Reason)
				}
			}
			if !listed {
				t.Errorf("the palette does not find %s %s", verb, x.app)
			}
			all := c.helpItems("")
			for _, it := range all {
				if it.Value.(*binding) == b && (why == "") != (it.Reason == "") {
					t.Errorf("%s: help says %q of %s", x.app, it.Reason, verb)
				}
			}
		}
		press(c, x.key)
		if n, _ := c.notices.current(); n.text != x.wants || c.over != nil || s.done() != "" {
			t.Errorf("%s on %s says %q, want %q", x.key, x.app, n.text, x.wants)
		}
	}
}

// TestCoreRefuses: what core says becomes a notice, with its hint.
func TestCoreRefuses(t *testing.T) {
	s := newScripted()
	s.refuse = map[string]error{"ghost-00000077": &core.Error{Kind: core.ErrConflict, Text: "blog is busy: job 7 (start) by dev", Hint: "job 7 -f follows it"}}
	c := at(t, s, look{}, []string{"2", "down", "s"})
	expect(t, c, "× blog is busy: job 7 (start) by dev · job 7 -f follows it")
	s.refuse["ghost-00000077"] = &core.Error{Kind: core.ErrDenied, Text: "a user may not change apps", Hint: "ask an admin"}
	press(c, "enter", "d")
	typed(c, "blog")
	press(c, "tab")
	pause(c)
	press(c, "enter")
	expect(t, c, "× a user may not change apps · ask an admin", "Apps › blog › Overview")
}

// TestMarks: one call for each app that it can be done to, and a summary; the
// marks are gone after it.
func TestMarks(t *testing.T) {
	s := newScripted()
	for i := range s.world.Apps {
		switch s.world.Apps[i].Hostname {
		case "gitea", "immich", "paperless":
			s.world.Apps[i].Status = core.StatusStopped
		}
	}
	c := at(t, s, look{}, []string{"2", "space", "down", "space", "space", "down", "space", "s"})
	if s.done() != "start gitea-0000006b, start immich-00000076, start paperless-0000006d" {
		t.Fatalf("did %q", s.done())
	}
	expect(t, c, "▲ starting 3, skipped 1 (already running)")
	if ids, _ := c.page().(*apps).table.Marked(); len(ids) != 0 {
		t.Error("the marks stay")
	}

	s = newScripted()
	s.refuse = map[string]error{
		"immich-00000076":    &core.Error{Kind: core.ErrConflict, Text: "immich is not running", Hint: "start it instead"},
		"paperless-0000006d": errors.New("the store is full"),
	}
	c = at(t, s, look{}, []string{"2", "*", "/"})
	typed(c, "pve1")
	press(c, "enter", "t")
	expect(t, c, "Stop 4 apps", "adguard, gitea, immich, paperless", "The filter hides 4 of the 9 marked apps", "5 marked apps left out: 2 not running, 1 busy, 1 in error, 1 not reachable", "[ ] end it at once by force")
	pause(c)
	press(c, "enter")
	if n := s.count("DoApp stop"); n != 4 {
		t.Errorf("%d calls", n)
	}
	expect(t, c, "× stopping 2, skipped 6 (3 not running, 1 busy, 1 in error, 1 not reachable), 1 failed (! shows why)")
	press(c, "!")
	expect(t, c, "the store is full")

	s = newScripted()
	c = at(t, s, look{}, []string{"2", "*", "d"})
	expect(t, c, "Delete 7 apps", "adguard, blog, gitea, immich", "Type \"7 apps\" to delete", "left out", "1 busy, 1 not reachable", "140G of disk")
	press(c, "esc", "*", "home", "space", "end", "d") // one mark, the cursor elsewhere
	expect(t, c, "Delete adguard")
	press(c, "esc", "a")
	expect(t, c, "1 marked app · wiki", "delete 1 marked app", "logs wiki")
	press(c, "esc", "esc", "home", "down", "space", "r")
	expect(t, c, "blog is not running: s starts it")
	press(c, "home", "down", "down", "down", "down", "space", "r")
	expect(t, c, "none of the 2 marked apps can do that: 1 not running, 1 busy")
	if s.done() != "" {
		t.Errorf("did %q", s.done())
	}
}

// TestOutOfError: an app whose deploy failed says what leads out: d deletes it,
// n opens its form again with its sizes and a free name.
func TestOutOfError(t *testing.T) {
	for _, keys := range [][]string{{"2", "end", "up"}, {"2", "end", "up", "enter"}, {"6", "down", "down", "down", "enter"}} {
		s := newScripted()
		c := at(t, s, look{}, keys)
		if expect(t, c, "n deploy again"); keys[0] == "6" {
			expect(t, c, "enter open uptime-kuma and delete it there")
		} else {
			expect(t, c, "d delete")
		}
		press(c, "n")
		d, ok := c.page().(*deploy)
		if !ok || d.it.ID != "uptime-kuma" || d.form.Field(fieldName).Value() != "uptime-kuma-2" || d.form.Field(fieldMemory).Value() != "2048" {
			t.Fatalf("%v: n leads to\n%s", keys, text(c))
		}
	}
	c := at(t, newScripted(), look{role: core.RoleViewer}, []string{"2", "end", "up"})
	if got := text(c); strings.Contains(got, "d delete") || strings.Contains(got, "n deploy again") {
		t.Error("a viewer is offered what a viewer may not do")
	}
}
