package tui

import (
	"strings"
	"testing"

	"proximity/core"
)

// row opens the screen of backups with the cursor on a backup.
func row(t *testing.T, s *scripted, o look, id string) *Console {
	c := at(t, s, o, []string{"5"})
	c.vault().archives.table.Select(id)
	return c
}

func verb(c *Console, name string) {
	settle(c, c.act(c.keys.verb[name], c.aim(c.keys.verb[name])))
}

// says fails unless the newest notice has these words.
func says(t *testing.T, c *Console, want string) {
	t.Helper()
	if n, _ := c.notices.current(); !strings.Contains(n.text, want) {
		t.Errorf("it says %q, want %q", n.text, want)
	}
}

// TestArchives: every backup is listed with what it is, why it is there and why
// it stays; what is particular about one is said at the foot, and a job on it
// shows how far it is.
func TestArchives(t *testing.T) {
	s := newScripted()
	c := row(t, s, look{}, "41")
	expect(t, c, "8 · 6 of 8 apps protected", "immich", "38G", "schedule nightly", "daily 1 of 7", "× failed", "storage nas: no space left", "pinned", "until next prune", "▲ missing", "oldwiki (go", "CT 208",
		"SCHEDULE nightly", "next in 11h", "7 ok, 1 failed", "1 more", "STORAGE  nas", "96% of 2.0T ▲")
	for id, want := range map[string]string{"40": "before the move to 16 · nas:backup/", "37": "not on nas any more, since 2h ago", "36": "its app is gone · a restores it as a new app", "42": "no space left"} {
		expect(t, row(t, s, look{}, id), want)
	}
	s = newScripted()
	s.backups[0].Status, s.backups[0].JobID = core.BackupCreating, 482
	c = row(t, s, look{}, "42")
	expect(t, c, "◐ making 64%", "job 482, t stops it")
	press(c, "r")
	says(t, c, "backup 42 is busy (making): job 482")
	press(c, "t")
	expect(t, c, "Stop job 482")

	c = at(t, newScripted(), look{}, []string{"5", "/"})
	typed(c, "storage:nas immich")
	if n := c.vault().list().Len(); n != 1 {
		t.Errorf("the filter leaves %d", n)
	}
	press(c, "enter", "esc", "o")
	expect(t, c, "Order by", "SIZE")
	for role, want := range map[core.Role]string{core.RoleViewer: "may not change", core.RoleOperator: ""} {
		c := row(t, newScripted(), look{role: role}, "39")
		press(c, "d")
		if _, asks := c.over.(*erase); asks != (want == "") {
			t.Errorf("a %s is asked: %v", role, asks)
		}
		if want != "" {
			says(t, c, want)
		}
	}
	s = newScripted()
	s.backups, s.schedules, s.marks = nil, nil, nil
	expect(t, at(t, s, look{}, []string{"5"}), "No backups yet: b on an app makes one")
	expect(t, at(t, s, look{}, []string{"5", "right"}), "No schedule yet: n makes one")
	s.fail = &core.Error{Kind: core.ErrFailed, Text: "the disk is gone", Hint: "look at it"}
	c = at(t, s, look{}, []string{"5"})
	expect(t, c, "the disk is gone · look at it · ctrl+r asks again")
	s.fail = nil
	press(c, "ctrl+r")
	expect(t, c, "No backups yet")
}

// TestBackUpByKey: b backs up the app at once, from its row, from its page and
// from a backup of it; marked apps together. What cannot be says why.
func TestBackUpByKey(t *testing.T) {
	for _, keys := range [][]string{{"2", "down", "down", "b"}, {"2", "down", "down", "enter", "b"}, {"5", "b"}, {"5", "n"}} {
		s := newScripted()
		c := at(t, s, look{}, keys)
		if s.done() != "back up gitea-0000006b" || c.over != nil {
			t.Errorf("%v did %q", keys, s.done())
		}
		expect(t, c, "✓ backing up gitea: job 901")
	}
	s := newScripted()
	c := at(t, s, look{}, []string{"2", "*", "b"})
	expect(t, c, "backing up 6, skipped 3 (1 busy, 1 in error, 1 not reachable)") // the stopped one is backed up, too
	c = row(t, newScripted(), look{}, "36")
	press(c, "b")
	says(t, c, "oldwiki is no app of Proximity now")
	c = at(t, newScripted(), look{}, []string{"5", "right", "right", "right", "n"})
	says(t, c, "choose an app and press b")
	if c.top != 2 {
		t.Error("n on a storage does not lead to the apps")
	}
}

// TestRestoreAsks: the overlay says what is lost and what stays, makes a copy of
// what is there unless told not to, and wants the name typed.
func TestRestoreAsks(t *testing.T) {
	for name, x := range map[string]struct {
		keys []string
		did  string
	}{
		"with a copy": {[]string{"tab", "enter"}, "RestoreBackup 39"}, "without": {[]string{"shift+tab", "space", "shift+tab", "enter"}, "RestoreBackup 39 without a copy"},
	} {
		s := newScripted()
		c := row(t, s, look{}, "39")
		press(c, "r")
		expect(t, c, "Restore gitea", "back to backup 39", "all that was stored in it in the last 36h", "its snapshots", "it ends running, as now", "dev is looking at gitea now", "[x] back up what is there now first")
		press(c, "enter")
		if s.done() != "" || c.over != nil {
			t.Fatalf("enter on Cancel did %q", s.done())
		}
		press(c, "r")
		typed(c, "gitea")
		pause(c)
		press(c, x.keys...)
		if s.done() != "" {
			t.Fatalf("in the same breath did %q", s.done())
		}
		pause(c)
		press(c, "enter")
		if s.done() != x.did {
			t.Errorf("%s: did %q", name, s.done())
		}
		says(t, c, "restore: job 960 has begun")
	}
	for id, want := range map[string]string{"42": "has come to nothing", "37": "is not on nas any more", "36": "is gone: a → restore as a new app", "35": "is of no app of Proximity"} {
		c := row(t, newScripted(), look{}, id)
		press(c, "r")
		says(t, c, want)
	}
}

// TestReviveFromABackup: a name is asked for, and the app of it made.
func TestReviveFromABackup(t *testing.T) {
	s := newScripted()
	c := row(t, s, look{}, "36")
	press(c, "a")
	expect(t, c, "restore as a new app", "backup 36 of oldwiki")
	press(c, "esc")
	verb(c, "restore as a new app")
	expect(t, c, "Restore backup 36 as a new app", "of its own, and is yours")
	press(c, "enter")
	if s.done() != "" {
		t.Fatal("the enter that opened it made an app")
	}
	typed(c, "-2")
	pause(c)
	press(c, "enter")
	if s.done() != "RestoreAs 36 oldwiki-2" {
		t.Errorf("did %q", s.done())
	}
}

// TestDeleteABackup wants the name, says what is left, and is refused for what
// is pinned.
func TestDeleteABackup(t *testing.T) {
	s := newScripted()
	c := row(t, s, look{w: 80, h: 24}, "39")
	press(c, "d")
	expect(t, c, "Delete backup 39 of gitea", "for ever: vzdump-lxc-107", "1 other backup of gitea, the newest 22 Nov", "[ Delete backup 39 ]")
	typed(c, "gitea")
	press(c, "tab")
	pause(c)
	press(c, "enter")
	if s.done() != "DeleteBackup 39" {
		t.Errorf("did %q", s.done())
	}
	for id, want := range map[string]string{"36": "this is all that is left of it", "42": "forgets   the record only"} {
		c := row(t, newScripted(), look{}, id)
		press(c, "d")
		expect(t, c, want)
	}
	c = row(t, newScripted(), look{}, "40")
	press(c, "d")
	says(t, c, "backup 40 is pinned: a → unpin lets it go")
}

// TestPinsAndNotes act at once, and z takes them back.
func TestPinsAndNotes(t *testing.T) {
	s := newScripted()
	c := row(t, s, look{}, "39")
	verb(c, "unpin")
	says(t, c, "backup 39 is not pinned")
	verb(c, "pin")
	says(t, c, "nothing but an unpin lets it go")
	press(c, "z")
	verb(c, "note")
	typed(c, "good")
	pause(c)
	press(c, "enter")
	press(c, "z", "z")
	if want := "PinBackup 39 true, PinBackup 39 false, NoteBackup 39 good, NoteBackup 39 "; s.done() != want {
		t.Errorf("did %q", s.done())
	}
	says(t, c, "nothing to take back")
	c = row(t, newScripted(), look{}, "42")
	verb(c, "note")
	says(t, c, "has no archive: d forgets it")
}

// TestScheduleForm: what would come of a schedule is shown while it is typed;
// what is wrong with it stops it; a draft is kept; z takes it back.
func TestScheduleForm(t *testing.T) {
	s := newScripted()
	c := at(t, s, look{}, []string{"5", "right", "n"})
	expect(t, c, "New schedule", "nightly-2", "next runs: Wed 25 Nov 02:32")
	press(c, "ctrl+u")
	expect(t, c, "is not a name for a schedule")
	press(c, "ctrl+s")
	if s.count("SaveSchedule") != 0 {
		t.Fatal("saved with a problem")
	}
	typed(c, "daily")
	expect(t, c, "✓ 2 apps: gitea, immich")
	press(c, "esc")
	says(t, c, "the draft is kept")
	press(c, "n")
	expect(t, c, "daily")
	for c.page().(*scheduleForm).form.Focus().Key != scheduleWhich {
		press(c, "tab")
	}
	if c.page().(*scheduleForm).form.Field(scheduleOf).Hidden != true {
		t.Error("who is meant is asked for though all are")
	}
	press(c, "right", "right", "right")
	expect(t, c, "nothing is selected")
	press(c, "tab")
	typed(c, "gitea, immich")
	for c.page().(*scheduleForm).form.Focus().Key != "keep_daily" {
		press(c, "tab")
	}
	press(c, "backspace")
	typed(c, "2")
	expect(t, c, "4 backups would be pruned")
	press(c, "ctrl+s")
	says(t, c, "daily covers 2 apps · next run in 12h · z takes it back")
	if _, still := c.page().(*scheduleForm); still {
		t.Error("the form stays open")
	}
	press(c, "z")
	if want := `SaveSchedule "" schedules add daily --cron '0 2 * * *' --app gitea,immich --mode snapshot --compress zstd --keep-daily 2 --keep-weekly 4 --keep-monthly 3, RemoveSchedule daily`; s.done() != want {
		t.Errorf("did %q", s.done())
	}

	s = newScripted()
	c = at(t, s, look{}, []string{"5", "right", "e"})
	expect(t, c, "Change schedule nightly", "Europe/Rome")
	for c.page().(*scheduleForm).form.Focus().Key != buttonCLI {
		press(c, "tab")
	}
	press(c, "enter")
	expect(t, c, "ssh home.lan schedules edit nightly --cron '0 2 * * *' --zone Europe/Rome")
	press(c, "esc", "esc")
	says(t, c, "nightly stays as it is")
	s.fail = &core.Error{Kind: core.ErrConflict, Field: "name", Text: "there is a schedule \"nightly\" already"}
	press(c, "e", "ctrl+s")
	says(t, c, "there is a schedule")
	if p, still := c.page().(*scheduleForm); !still || p.form.Focus().Key != "name" {
		t.Error("a refusal does not lead to its field")
	}
	c = at(t, newScripted(), look{role: core.RoleViewer}, []string{"5", "right", "n"})
	says(t, c, "may not plan backups")
}

// TestSchedules: run, pause and resume act at once; removing wants the name, and
// z brings it back.
func TestSchedules(t *testing.T) {
	s := newScripted()
	c := at(t, s, look{}, []string{"5", "right", "enter"})
	expect(t, c, "Schedule nightly", "daily 7, weekly 4", "7 ok, 1 failed", "adguard, blog, gitea, immich")
	press(c, "esc")
	verb(c, "run schedule")
	verb(c, "resume schedule")
	says(t, c, "nightly is not paused")
	verb(c, "pause schedule")
	press(c, "z", "d")
	expect(t, c, "Remove nightly", "the backups of 4 apps", "the backups it has made")
	typed(c, "nightly")
	press(c, "tab")
	pause(c)
	press(c, "enter", "z")
	save := `schedules add nightly --cron '0 2 * * *' --zone Europe/Rome --storage nas --mode snapshot --compress zstd --keep-daily 7 --keep-weekly 4`
	if want := `RunSchedule nightly, SaveSchedule "nightly" ` + save + ` --paused, SaveSchedule "nightly" ` + save + `, RemoveSchedule nightly, SaveSchedule "" ` + save; s.done() != want {
		t.Errorf("did %q", s.done())
	}
	verb(c, "go to job")
	if p, ok := c.page().(*job); !ok || p.id != 471 {
		t.Error("its last job is not opened")
	}
}

// TestPruneShowsFirst: what would go is listed with why the others stay; the
// prune itself wants to hear how many.
func TestPruneShowsFirst(t *testing.T) {
	s := newScripted()
	c := at(t, s, look{}, []string{"5", "right", "right"})
	expect(t, c, "× goes", "no schedule wants it", "✓ stays", "a prune would remove 1 backup of 5 and free 1.9G")
	verb(c, "prune")
	expect(t, c, "Prune 1 backup", "1 of gitea", "the last good one of each app")
	typed(c, "1 backup")
	press(c, "tab")
	pause(c)
	press(c, "enter")
	c = at(t, s, look{}, []string{"5", "right"})
	verb(c, "prune")
	expect(t, c, "Prune 1 backup of nightly")
	typed(c, "nightly")
	press(c, "tab")
	pause(c)
	press(c, "enter")
	if s.done() != "PruneSchedule , PruneSchedule nightly" {
		t.Errorf("did %q", s.done())
	}
	press(c, "down")
	verb(c, "prune") // the app of weekly has nothing that goes
	says(t, c, "nothing would go")
	c = at(t, newScripted(), look{}, []string{"5", "right", "right", "right", "enter"})
	if c.vault().at != vaultArchives || c.vault().query() != "storage:nas" {
		t.Error("enter on a storage does not list what is on it")
	}
	verb(c, "look for archives")
	says(t, c, "look for archives: job 960 has begun")
}

// TestAppsSayHowTheyAreProtected: on its row, on its page, in the list of its
// backups and on the overview.
func TestAppsSayHowTheyAreProtected(t *testing.T) {
	c := at(t, newScripted(), look{}, []string{"2", "down", "down"})
	expect(t, c, "36h ▲", "none", "backup failed: storage nas", "b backs it up now")
	press(c, "/")
	typed(c, "backup:overdue")
	if n := c.page().(lister).list().Len(); n != 1 {
		t.Errorf("the filter leaves %d", n)
	}
	press(c, "enter", "enter")
	expect(t, c, "PROTECTION", "latest     36h ago", "in 11h  by nightly, keeps daily 7, weekly 4", "3 backups, 5.0G", "Backups 3")
	press(c, "right", "right", "right", "right")
	expect(t, c, "39", "daily 2 of 7", "until next prune")
	press(c, "down", "r")
	expect(t, c, "Restore gitea", "back to backup 39")
	press(c, "esc", "d")
	expect(t, c, "Delete backup 39 of gitea")
	press(c, "esc", "e") // what is not for backups is for the app
	expect(t, c, "Change gitea")
	press(c, "esc", "l")
	if p, ok := c.page().(*app); !ok || p.at != tabLogs {
		t.Error("l does not show the app's log")
	}
	expect(t, at(t, newScripted(), look{}, nil), "BACKUPS", "6 of 8 apps protected · newest 12h · oldest 36h", "next run in 11h · nas 96% full ▲")
	s := newScripted()
	s.backups = nil
	expect(t, at(t, s, look{}, []string{"2", "enter", "right", "right", "right", "right"}), "No backup of adguard yet: b makes one.")
}

// TestBackupsAreAskedForWhenTheyChange: once for a change, and not while nothing
// changes.
func TestBackupsAreAskedForWhenTheyChange(t *testing.T) {
	s := newScripted()
	c := at(t, s, look{}, []string{"5"})
	beat := func(rev uint64) {
		w := *s.world
		w.BackupsRev = rev
		s.world = &w
		c.take(&w)
		settle(c, c.page().(beater).beat(c))
	}
	beat(1)
	beat(2)
	beat(2)
	if n := s.count("Backups"); n != 2 {
		t.Errorf("asked %d times for two states", n)
	}
	press(c, "right", "3")
	blob := c.snapshot()
	s.place = blob
	if c := sit(t, s, look{}); c.vault().at != vaultSchedules {
		t.Error("the tab is not kept")
	}
}
