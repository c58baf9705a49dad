package core

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// backupTrials are the verbs on backups. The app is one that is stopped for its
// snapshot, so that it matters whether it goes on afterwards.
func backupTrials() []trial {
	ready := func(w *bench) {
		w.running("uptime-kuma", "tool")
		w.sh("tool", "echo one >/root/state")
	}
	saved := func(w *bench) {
		ready(w)
		w.note["backup"] = strconv.FormatUint(w.backedUp("tool", BackupRequest{}).ID, 10)
		w.sh("tool", "echo two >/root/state")
	}
	planned := func(w *bench) {
		ready(w)
		now := time.Now().UTC()
		w.aged(w.sim, "tool", now.Add(-72*time.Hour), now.Add(-48*time.Hour), now.Add(-24*time.Hour))
		w.saved(ScheduleRequest{Name: "nightly", Cron: "0 2 1 1 *", Keep: Retention{Last: 1}})
	}
	id := func(w *bench) uint64 { return parseID(w.note["backup"]) }
	return []trial{
		{name: "backup", prepare: ready,
			act: func(w *bench) uint64 {
				_, j, err := w.BackupApp(context.Background(), admin, "tool", BackupRequest{Note: "trial"})
				return w.accepted(j, err)
			},
			check:  func(w *bench) { w.kept(1); w.serves("tool") },
			undone: func(w *bench) { w.kept(0); w.serves("tool") }},
		{name: "restore", prepare: saved,
			act: func(w *bench) uint64 {
				_, j, err := w.RestoreBackup(context.Background(), admin, id(w), RestoreRequest{})
				return w.accepted(j, err)
			},
			check:  func(w *bench) { w.kept(2); w.holds("tool", "one"); w.serves("tool") },
			undone: func(w *bench) { w.holds("tool", "two"); w.serves("tool") }},
		{name: "restore as a new app", prepare: saved,
			act: func(w *bench) uint64 {
				_, j, err := w.RestoreBackup(context.Background(), admin, id(w), RestoreRequest{As: "copy"})
				return w.accepted(j, err)
			},
			check: func(w *bench) {
				w.kept(1)
				w.holds("copy", "one")
				w.holds("tool", "two")
				w.serves("copy")
			},
			undone: func(w *bench) { w.kept(1); w.holds("tool", "two") }},
		{name: "delete with a last backup", prepare: ready,
			act: func(w *bench) uint64 {
				return w.accepted(w.DeleteApp(context.Background(), admin, "tool", DeleteOptions{Now: true, Backup: true}))
			},
			check: func(w *bench) { w.kept(1); isGone(w) },
			undone: func(w *bench) {
				if _, err := w.App(context.Background(), admin, "tool"); errors.Is(err, ErrNotFound) { // cancelled too late
					w.kept(1)
					return
				}
				s, err := w.BackupStats(context.Background(), admin, "")
				if err != nil {
					w.t.Fatal(err)
				}
				w.kept(s.Completed) // 0 or 1: what is complete stays
				w.serves("tool")
			}},
		{name: "delete a backup", prepare: saved,
			act:    func(w *bench) uint64 { return w.accepted(w.DeleteBackup(context.Background(), admin, id(w))) },
			check:  func(w *bench) { w.kept(0) },
			undone: func(w *bench) { w.kept(1) }},
		{name: "prune", prepare: planned,
			act:    func(w *bench) uint64 { return w.accepted(w.PruneSchedule(context.Background(), admin, "nightly")) },
			check:  func(w *bench) { w.kept(1) },
			undone: func(w *bench) { w.kept(3) }},
		{name: "schedule", prepare: planned,
			act: func(w *bench) uint64 { return w.accepted(w.RunSchedule(context.Background(), admin, "nightly")) },
			check: func(w *bench) {
				w.settle()
				left := 1
				for _, j := range w.jobsOf() {
					if j.Kind == "prune" && j.State != "succeeded" { // that is a job of its own
						left = 4
					}
				}
				w.kept(left)
				w.serves("tool")
			}},
	}
}

func parseID(s string) uint64 {
	n, _ := strconv.ParseUint(s, 10, 64)
	return n
}

// accepted is the number of a job that must have been taken.
func (w *bench) accepted(j JobView, err error) uint64 {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
	return j.ID
}

// kept checks that so many backups are complete, that the storages hold exactly
// their archives, and that no record is left half-way.
func (w *bench) kept(n int) {
	w.t.Helper()
	list, err := w.Backups(context.Background(), admin, "")
	if err != nil {
		w.t.Fatal(err)
	}
	var recorded, there []string
	for _, b := range list {
		switch b.Status {
		case BackupCompleted:
			recorded = append(recorded, b.VolID)
		case BackupFailed:
			if b.Error == "" {
				w.t.Errorf("backup %d failed without a reason", b.ID)
			}
		default:
			w.t.Errorf("backup %d is still %s", b.ID, b.Status)
		}
	}
	there = append(there, w.archives("pve1", "nas")...)
	if len(recorded) != n || len(there) != n {
		w.t.Errorf("%d backups are recorded and %d archives there, want %d: %v, %v", len(recorded), len(there), n, recorded, there)
	}
	for _, v := range recorded {
		if !strings.Contains(fmt.Sprint(there), v) {
			w.t.Errorf("%s is recorded, but not on its storage", v)
		}
	}
}

// holds checks what an app's container holds.
func (w *bench) holds(name, want string) {
	w.t.Helper()
	if got := strings.TrimSpace(w.sh(name, "cat /root/state")); got != want {
		w.t.Errorf("%s holds %q, want %q", name, got, want)
	}
}

// serves waits until an app's page answers.
func (w *bench) serves(name string) {
	w.t.Helper()
	w.until(name+" answers", func() bool {
		a, err := w.App(context.Background(), admin, name)
		if err != nil {
			return false
		}
		code, _, err := get(a.URL)
		return err == nil && code == 200
	})
}
