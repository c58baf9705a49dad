package cli

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"

	"proximity/core"
)

// vault is a scripted core with backups and schedules.
type vault struct {
	*scripted
	backups   []core.BackupView
	schedules []core.ScheduleView
	marks     []core.PruneMark
	calls     []string
}

func (v *vault) call(format string, args ...any) {
	v.calls = append(v.calls, fmt.Sprintf(format, args...))
}

func (v *vault) BackupApp(_ context.Context, _ core.Actor, name string, r core.BackupRequest) (core.BackupView, core.JobView, error) {
	v.call("backup %s %+v", name, r)
	return v.backups[0], v.job, v.fail
}

func (v *vault) Backups(_ context.Context, _ core.Actor, name string) ([]core.BackupView, error) {
	v.call("list %s", name)
	return v.backups, v.fail
}

func (v *vault) Backup(_ context.Context, _ core.Actor, id uint64) (core.BackupView, error) {
	return v.backups[0], v.fail
}

func (v *vault) RestoreBackup(_ context.Context, _ core.Actor, id uint64, r core.RestoreRequest) (core.AppView, core.JobView, error) {
	v.call("restore %d %+v", id, r)
	return v.apps[0], v.job, v.fail
}

func (v *vault) DeleteBackup(_ context.Context, _ core.Actor, id uint64) (core.JobView, error) {
	v.call("delete %d", id)
	return v.job, v.fail
}

func (v *vault) NoteBackup(_ context.Context, _ core.Actor, id uint64, note string) (core.BackupView, error) {
	v.call("note %d %s", id, note)
	return v.backups[0], v.fail
}

func (v *vault) PinBackup(_ context.Context, _ core.Actor, id uint64, pinned bool) (core.BackupView, error) {
	v.call("pin %d %v", id, pinned)
	return v.backups[0], v.fail
}

func (v *vault) ScanBackups(context.Context, core.Actor) (core.JobView, error) {
	v.call("scan")
	return v.job, v.fail
}

func (v *vault) Schedules(context.Context, core.Actor) ([]core.ScheduleView, error) {
	return v.schedules, v.fail
}

func (v *vault) SaveSchedule(_ context.Context, _ core.Actor, of string, r core.ScheduleRequest) (core.ScheduleView, error) {
	v.call("save %q %+v", of, r)
	return v.schedules[0], v.fail
}

func (v *vault) RemoveSchedule(_ context.Context, _ core.Actor, name string) error {
	v.call("remove %s", name)
	return v.fail
}

func (v *vault) RunSchedule(_ context.Context, _ core.Actor, name string) (core.JobView, error) {
	v.call("run %s", name)
	return v.job, v.fail
}

func (v *vault) PreviewPrune(context.Context, core.Actor, string) ([]core.PruneMark, error) {
	return v.marks, v.fail
}

func (v *vault) PruneSchedule(_ context.Context, _ core.Actor, name string) (core.JobView, error) {
	v.call("prune %s", name)
	return v.job, v.fail
}

func newVault() *vault {
	good := core.BackupView{ID: 12, App: "git", AppID: "gitea-0123abcd", Owner: "ann", Status: core.BackupCompleted, Why: "schedule nightly", By: "cron", Storage: "nas", Mode: "snapshot", Size: 1900 << 20, TakenAt: noon.Add(-10 * time.Hour), Pinned: true}
	bad := core.BackupView{ID: 11, App: "git", Status: core.BackupFailed, Error: "No space left on device", Why: "by hand", By: "ann", CreatedAt: noon.Add(-72 * time.Hour)}
	lost := core.BackupView{ID: 3, App: "CT 204", Status: core.BackupCompleted, Why: "found on the storage", Found: true, Storage: "local", Size: 300 << 20, TakenAt: noon.Add(-time.Hour), Missing: noon}
	gone := core.BackupView{ID: 2, App: "blog", AppID: "ghost-1", Status: core.BackupCompleted, Orphaned: true, Why: "before an update", By: "bob", Storage: "nas", Mode: "stop", Size: 5 << 30, TakenAt: noon.Add(-time.Minute), Note: "before 6.0"}
	return &vault{scripted: lab(), backups: []core.BackupView{good, bad, lost, gone},
		schedules: []core.ScheduleView{{ID: 1, ScheduleRequest: core.ScheduleRequest{Name: "nightly", Cron: "0 2 * * *", Zone: "Europe/Rome", Which: core.ListedApps, Of: []string{"git"}, Mode: "snapshot", Compress: "zstd", Keep: core.Retention{Daily: 7, Weekly: 4}},
			Apps: []string{"git"}, Next: noon.Add(14 * time.Hour), LastRun: noon.Add(-10 * time.Hour), LastEnded: noon.Add(-9 * time.Hour), OK: 1, Failed: 2, By: "ann"}},
		marks: []core.PruneMark{{Backup: good, Keep: true, Why: "pinned"}, {Backup: gone, Why: "no schedule wants it"}}}
}

func TestBackupTables(t *testing.T) {
	want := `BACKUP  APP     TAKEN                SIZE  STATE                WHY                   BY    STORAGE  MODE      NOTE
    12  git     10h ago           1.9 GiB  completed, pinned    schedule nightly      cron  nas      snapshot
    11  git     2026-11-21 12:00        –  failed               by hand               ann   –        –         No space left on device
     3  CT 204  1h ago            300 MiB  completed, missing   found on the storage        local    –
     2  blog    1m ago            5.0 GiB  completed, orphaned  before an update      bob   nas      stop      before 6.0
`
	if diff := cmp.Diff(want, command(t, newVault(), "", "backups").out); diff != "" {
		t.Error(diff)
	}
	want = `SCHEDULE  WHEN                   APPS  NEXT    KEEPS              STORAGE  LAST RUN                 BY
nightly   0 2 * * * Europe/Rome     1  in 14h  daily 7, weekly 4  any      10h ago, 1 ok, 2 failed  ann
`
	if diff := cmp.Diff(want, command(t, newVault(), "", "schedules").out); diff != "" {
		t.Error(diff)
	}
	for _, line := range []string{"backups", "schedules", "schedules preview"} {
		for _, width := range []int{200, 100, 80, 60, 40} {
			got := command(t, newVault(), "", line, func(e *Env) { e.Width = width })
			for l := range strings.Lines(got.out) {
				if w := ansi.StringWidth(strings.TrimSuffix(l, "\n")); w > width {
					t.Errorf("%s at %d: %d cells: %s", line, width, w, l)
				}
			}
		}
	}
	if got := command(t, newVault(), "", "schedules preview nightly"); !strings.Contains(got.out, "GOES   no schedule wants it") || !strings.Contains(got.err, "would free 5.0 GiB") {
		t.Errorf("the preview: %+v", got)
	}
}

func TestBackupCommandsAskForWhatIsMeant(t *testing.T) {
	keep := core.Retention{Daily: 7, Weekly: 4}
	for _, k := range []struct {
		line string
		exit int
		call string // the one that reaches core
		err  string
	}{
		{"backup git --mode stop --compress gzip --storage nas --note before", 0, "backup git {Mode:stop Compress:gzip Storage:nas Note:before}", "`job 7 -f`"},
		{"backup git --note before the upgrade", 2, "", "\"the\" is one word too many (write `backup NAME [--mode M] [--compress C] [--storage S] [--note T] [--wait]`; over ssh a value of several words needs two pairs of quotes: --note \"'two words'\")"},
		{"backups git", 0, "list git", ""},
		{"backups a b", 2, "", "one word too many"},
		{"backups --scan", 0, "scan", ""},
		{"restore 12", 2, "", "this replaces all data of git by those of 10h ago (add --yes if you mean it)"},
		{"restore 12 --as copy", 2, "", `this makes a new app "copy" of the backup of git`},
		{"restore #12 --yes --no-safety", 0, "restore 12 {As: NoSafety:true}", ""},
		{"restore 12 --yes --as copy", 0, "restore 12 {As:copy NoSafety:false}", ""},
		{"restore twelve --yes", 2, "", `"twelve" is not the number of a backup`},
		{"backup-delete 12", 2, "", "this deletes the backup of git from 10h ago (add --yes"},
		{"backup-delete 12 --yes --wait", 0, "delete 12", ""},
		{"backup-note 12 keep it", 0, "note 12 keep it", ""},
		{"backup-note 12", 2, "", "TEXT… is missing"},
		{"pin 12", 0, "pin 12 true", ""},
		{"pin 12 --off", 0, "pin 12 false", ""},
		{"schedules add weekly --cron @weekly --tag git,dev --keep-last 3", 0, fmt.Sprintf("save \"\" %+v", core.ScheduleRequest{Name: "weekly", Cron: "@weekly", Which: core.TaggedApps, Of: []string{"git", "dev"}, Keep: core.Retention{Last: 3}}), ""},
		{"schedules add early --cron 0 2 * * 1 --keep-last 3", 0, fmt.Sprintf("save \"\" %+v", core.ScheduleRequest{Name: "early", Cron: "0 2 * * 1", Keep: core.Retention{Last: 3}}), ""},
		{"schedules add early --cron 0 2 * *", 2, "", "one word too many"},
		{"schedules add weekly --all --tag x", 2, "", "exclude each other"},
		{"schedules edit nightly --paused --keep-weekly 0", 0, fmt.Sprintf("save \"nightly\" %+v", core.ScheduleRequest{Name: "nightly", Cron: "0 2 * * *", Zone: "Europe/Rome", Paused: true, Which: core.ListedApps, Of: []string{"git"}, Mode: "snapshot", Compress: "zstd", Keep: core.Retention{Daily: 7}}), ""},
		{"schedules edit nightly --all --name all", 0, fmt.Sprintf("save \"nightly\" %+v", core.ScheduleRequest{Name: "all", Cron: "0 2 * * *", Zone: "Europe/Rome", Which: core.AllApps, Mode: "snapshot", Compress: "zstd", Keep: keep}), ""},
		{"schedules edit hourly --all", 3, "", "there is no schedule"},
		{"schedules remove nightly", 2, "", "1 app would not be backed up by nightly any more"},
		{"schedules remove nightly --yes", 0, "remove nightly", ""},
		{"schedules run nightly", 0, "run nightly", ""},
		{"schedules prune nightly", 2, "", "this removes 1 backup of 2"},
		{"schedules prune nightly --yes", 0, "prune nightly", ""},
		{"schedules nightly", 2, "", "unknown command"},
	} {
		v := newVault()
		v.job.State, v.job.Ended = "queued", false
		if strings.Contains(k.line, "--wait") {
			v.job.State, v.job.Ended = "succeeded", true
		}
		got := command(t, v, "", k.line)
		if got.exit != k.exit || !strings.Contains(got.err, k.err) || strings.Join(v.calls, "; ") != k.call {
			t.Errorf("%s: exit %d, %q, core was asked %q, want %d, %q, %q", k.line, got.exit, got.err, v.calls, k.exit, k.err, k.call)
		}
	}
}
