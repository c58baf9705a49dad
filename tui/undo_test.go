package tui

import (
	"strings"
	"testing"
	"time"

	"proximity/core"
)

// TestDeleteLater: what is deleted can be kept, with z where it is selected and
// from anywhere while it was the last thing done; who does not want to wait
// says so.
func TestDeleteLater(t *testing.T) {
	s := newScripted()
	c := at(t, s, look{}, []string{"2", "down", "down", "d"})
	expect(t, c, "[x] wait 10 minutes before destroying", "z keeps it")
	typed(c, "gitea")
	press(c, "tab")
	pause(c)
	press(c, "enter")
	expect(t, c, "deleting gitea: job 901 · z keeps it, for 10 minutes")
	if len(s.options) != 1 || s.options[0].Now {
		t.Fatalf("asked for %+v", s.options)
	}
	press(c, "4", "z") // somewhere else
	if s.done() != "delete gitea-0000006b, undo 901" {
		t.Fatalf("did %q", s.done())
	}
	expect(t, c, "taken back: deleting gitea")
	press(c, "z")
	expect(t, c, "nothing to take back")

	s = newScripted()
	c = at(t, s, look{}, []string{"2", "down", "down", "d"})
	typed(c, "gitea")
	press(c, "tab", "tab", "space", "up")
	expect(t, c, "[ ] wait 10 minutes")
	pause(c)
	press(c, "enter")
	if len(s.options) != 1 || !s.options[0].Now {
		t.Errorf("asked for %+v", s.options)
	}
	press(c, "z")
	expect(t, c, "nothing to take back")
}

// TestDeleteWithOrAfterABackup: a last backup can be asked for, or that the
// backups go, too, but not both; what is lost is told accordingly.
func TestDeleteWithOrAfterABackup(t *testing.T) {
	s := newScripted()
	s.world.Apps[2].Protection = &core.Protection{Backups: 3, Last: noon.Add(-2 * time.Hour)}
	c := at(t, s, look{}, []string{"2", "down", "down", "d"})
	expect(t, c, "no backup is made", "3 backups, the newest 2h ago", "[ ] back up first", "[ ] delete the 3 backups, too")
	typed(c, "gitea")
	press(c, "tab", "tab", "tab", "space")
	expect(t, c, "[x] back up first", "but for the backup made first", "3 backups and the one made first")
	press(c, "tab", "space")
	expect(t, c, "[ ] back up first", "[x] delete the 3 backups, too", "what is pinned of the 3 backups")
	press(c, "up", "enter", "up", "up")
	expect(t, c, "[x] back up first", "[ ] delete the 3 backups, too")
	pause(c)
	press(c, "enter")
	if len(s.options) != 1 || s.options[0] != (core.DeleteOptions{Backup: true}) {
		t.Errorf("asked for %+v", s.options)
	}
}

// TestLeavingAppsSayWhen: an app that waits to be destroyed says so wherever it
// is shown, and z keeps it, whoever deleted it.
func TestLeavingAppsSayWhen(t *testing.T) {
	s := newScripted()
	a := &s.world.Apps[2]
	a.Status, a.DeletesAt = core.StatusRemoving, noon.Add(9*time.Minute+40*time.Second)
	a.Job = &core.JobRef{ID: 490, Kind: "delete", State: "waiting", Step: 3, Steps: 4}
	c := at(t, s, look{}, []string{"2", "down", "down"})
	expect(t, c, "destroyed in 9m40s · z keeps it")
	press(c, "enter")
	expect(t, c, "▲ destroyed in 9m40s · z keeps it")
	press(c, "z")
	if s.done() != "undo 490" {
		t.Errorf("did %q", s.done())
	}
}

// TestStopByForce is a choice in the overlay.
func TestStopByForce(t *testing.T) {
	s := newScripted()
	c := at(t, s, look{}, []string{"2", "down", "down", "t", "space"})
	expect(t, c, "asked to shut down, for a minute", "[x] end it at once by force")
	pause(c)
	press(c, "enter")
	if s.done() != "force-stop gitea-0000006b" {
		t.Errorf("did %q", s.done())
	}
	expect(t, c, "stopping by force gitea: job 901")
	s = newScripted()
	c = at(t, s, look{}, []string{"2", "down", "down", "r", "space"})
	pause(c)
	press(c, "enter")
	if s.done() != "restart gitea-0000006b" {
		t.Errorf("did %q", s.done())
	}
}

// TestDiscoverStory: somebody looks what there is, marks two containers, adopts
// them, and takes it back.
func TestDiscoverStory(t *testing.T) {
	s := newScripted()
	c := at(t, s, look{}, []string{"7"})
	expect(t, c, "[7 Discover]", "pihole (port 80)", "dokuwiki (guess)", "listens on 53, 80, would be published on 80", "Adopting changes nothing inside")
	press(c, "space", "space", "n")
	if len(s.adopts) != 2 || s.adopts[0] != (core.AdoptRequest{Host: "homelab", Node: "pve1", VMID: 201, Type: "pihole", Hostname: "pihole"}) || s.adopts[1].VMID != 202 {
		t.Fatalf("asked for %+v", s.adopts)
	}
	expect(t, c, "adopting 2", "k3s-a", "managed by another Proximity")
	if strings.Contains(text(c), "old-wiki") {
		t.Error("what is adopted is still listed")
	}
	press(c, "z")
	if s.done() != "undo 701, undo 702" {
		t.Errorf("did %q", s.done())
	}
	// As something else, under another name.
	press(c, "e")
	expect(t, c, "Adopt CT 210", "Port inside")
	press(c, "backspace", "b", "down")
	typed(c, "kubernetes")
	press(c, "down")
	typed(c, "6443")
	press(c, "ctrl+s")
	if got := s.adopts[len(s.adopts)-1]; got != (core.AdoptRequest{Host: "homelab", Node: "pve3", VMID: 210, Type: "kubernetes", Port: 6443, Hostname: "k3s-b"}) {
		t.Errorf("asked for %+v", got)
	}
	expect(t, c, "Every container is managed")
	if n := s.count("Discover"); n != 1 {
		t.Errorf("the hosts were asked %d times", n)
	}
	press(c, "ctrl+r")
	if n := s.count("Discover"); n != 2 {
		t.Errorf("the hosts were asked %d times", n)
	}
}

// TestDiscoverIsForAdmins: others are told, and the hosts are not bothered.
func TestDiscoverIsForAdmins(t *testing.T) {
	for _, role := range []core.Role{core.RoleOperator, core.RoleUser, core.RoleViewer} {
		s := newScripted()
		c := at(t, s, look{role: role}, []string{"7"})
		expect(t, c, "may not adopt containers")
		press(c, "n", "e", "ctrl+r", "9")
		expect(t, c, "may not read the audit")
		if s.count("Discover")+s.count("Adopt")+s.count("Audit")+s.count("VerifyAudit") != 0 {
			t.Errorf("%s: core was asked", role)
		}
	}
}

// TestAuditStory: somebody finds who changed gitea, and takes it back in place.
func TestAuditStory(t *testing.T) {
	s := newScripted()
	c := at(t, s, look{}, []string{"9"})
	expect(t, c, "chain ok: 6 of 6 records verified", "denied", "a viewer may not change")
	press(c, "/")
	typed(c, "by:dev action:app.config")
	press(c, "enter")
	expect(t, c, "(1)", "memory 512 → 1024 MB", "z undo")
	press(c, "z")
	if s.done() != "undo 470" {
		t.Errorf("did %q", s.done())
	}
	press(c, "esc", "/")
	typed(c, "since:1h result:denied")
	press(c, "enter")
	expect(t, c, "qa1", "(1)")
	press(c, "enter") // no job: all that is known
	expect(t, c, `"action": "app.stop"`)
	press(c, "esc", "esc", "home", "enter")
	if j, ok := c.page().(*job); !ok || j.id != 483 {
		t.Errorf("enter leads to\n%s", text(c))
	}
	s.chain = core.AuditCheck{Records: 6, Verified: 2, Problem: "record 3 was changed"}
	c = at(t, s, look{}, []string{"9"})
	expect(t, c, "× the chain is broken: record 3 was changed")
}

// TestAuditOlder: the end of the list brings older records, once.
func TestAuditOlder(t *testing.T) {
	s := newScripted()
	s.records = nil
	for i := 500; i > 0; i-- {
		s.records = append(s.records, core.AuditView{Seq: uint64(i), Time: ago(time.Duration(500-i) * time.Minute), User: "ops", Action: "app.stop", Target: "gitea", Result: "ok"})
	}
	c := at(t, s, look{}, []string{"9"})
	expect(t, c, "the last 300")
	press(c, "end")
	settle(c, c.page().(*audit).beat(c))
	if n := c.page().(*audit).table.Total(); n != 500 {
		t.Errorf("%d records", n)
	}
	press(c, "end", "down")
	expect(t, c, "this is the end")
	// The newest come in front, and what is older stays.
	s.records = append([]core.AuditView{{Seq: 501, Time: noon, User: "dev", Action: "app.start", Target: "blog", Result: "ok"}}, s.records...)
	settle(c, c.page().(*audit).reload(c))
	if n := c.page().(*audit).table.Total(); n != 501 {
		t.Errorf("%d records", n)
	}
}

// TestConfigStory: somebody gives an app more memory, and takes it back.
func TestConfigStory(t *testing.T) {
	s := newScripted()
	c := at(t, s, look{}, []string{"2", "down", "down", "enter", "right", "right", "right", "right", "right", "right"})
	expect(t, c, "[Config]", "2.0G", "Admin password", "(secret)", "cannot be changed", "e changes it")
	press(c, "e")
	expect(t, c, "Change gitea", "nothing is another than it was")
	press(c, "ctrl+s")
	expect(t, c, "nothing is another than it was")
	press(c, "backspace", "backspace", "backspace", "backspace")
	typed(c, "99999")
	expect(t, c, "pve1 has 9000 MB free · give it less")
	press(c, "ctrl+s")
	if len(s.changes) != 0 {
		t.Fatalf("asked for %+v", s.changes)
	}
	press(c, "backspace", "backspace", "backspace", "backspace", "backspace")
	typed(c, "4096")
	press(c, "down", "down", "down")
	typed(c, "new secret")
	if strings.Contains(text(c), "new secret") {
		t.Error("a secret is shown")
	}
	expect(t, c, "starts the app's services anew")
	press(c, "ctrl+s")
	if len(s.changes) != 1 || *s.changes[0].MemoryMB != 4096 || s.changes[0].Cores != nil || s.changes[0].Hostname != nil || len(s.changes[0].Values) != 1 || s.changes[0].Values["ADMIN_PASSWORD"] != "new secret" {
		t.Fatalf("asked for %+v", s.changes)
	}
	expect(t, c, "changing gitea: job 950 · z takes it back", "[Config]")
	press(c, "z")
	if s.done() != "undo 950" {
		t.Errorf("did %q", s.done())
	}
	press(c, "e", "esc")
	expect(t, c, "gitea stays as it is")
}

// TestActivityReachesBack: an app's jobs are there even when the world has
// forgotten them.
func TestActivityReachesBack(t *testing.T) {
	s := newScripted()
	s.past = []core.JobView{{ID: 12, Kind: "restart", Title: "restart gitea", AppID: "gitea-0000006b", Owner: "dev", State: "succeeded", Ended: true, CreatedAt: ago(900 * time.Hour), StartedAt: ago(900 * time.Hour), EndedAt: ago(900*time.Hour - 4*time.Second)}}
	c := at(t, s, look{}, []string{"2", "down", "down", "enter", "right", "right"})
	expect(t, c, "[Activity]", "restart gitea", "dev")
}

// TestConfigOvertaken: who is told that somebody else was faster still has what
// they typed, and sends it again or leaves it.
func TestConfigOvertaken(t *testing.T) {
	s := newScripted()
	s.overtaken = "dev changed gitea meanwhile: cores 2 → 4"
	c := at(t, s, look{}, []string{"2", "down", "down", "e", "backspace", "backspace", "backspace", "backspace"})
	typed(c, "4096")
	press(c, "ctrl+s")
	expect(t, c, "dev changed gitea meanwhile: cores 2 → 4 · ctrl+s keeps yours, esc takes theirs", "4096")
	press(c, "ctrl+s")
	if n := len(s.changes); n != 2 || s.changes[1].Base != "theirs" || *s.changes[1].MemoryMB != 4096 || s.changes[1].Cores != nil {
		t.Fatalf("asked for %+v", s.changes)
	}
	expect(t, c, "changing gitea: job 950")
}
