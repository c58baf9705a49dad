package tui

import (
	"context"
	"fmt"
	"slices"
	"time"

	"proximity/core"
)

// vaultOf are backups and schedules for homelab: good, failed, pinned, found,
// missing, orphaned, and one being made.
func vaultOf(w *core.World) (list []core.BackupView, schedules []core.ScheduleView, marks []core.PruneMark) {
	add := func(app string, age time.Duration, size int64, change func(*core.BackupView)) {
		b := core.BackupView{ID: uint64(42 - len(list)), App: app, Owner: "ops", Status: core.BackupCompleted, Why: "schedule nightly", By: "cron", Host: "homelab", Node: "pve1", VMID: 100, Storage: "nas", Shared: true,
			Mode: "snapshot", Compress: "zstd", Size: size << 20, TakenAt: ago(age), CreatedAt: ago(age), CompletedAt: ago(age - time.Minute), Kept: "daily 1 of 7", JobID: 400}
		for i := range w.Apps {
			if a := &w.Apps[i]; a.Hostname == app {
				b.AppID, b.Node, b.VMID = a.ID, a.Node, a.VMID
			}
		}
		b.File = fmt.Sprintf("vzdump-lxc-%d-%s.tar.zst", b.VMID, b.TakenAt.Format("2006_01_02-15_04_05"))
		b.VolID = "nas:backup/" + b.File
		if change != nil {
			change(&b)
		}
		list = append(list, b)
		if b.AppID != "" && !b.Orphaned {
			marks = append(marks, core.PruneMark{Backup: b, Keep: b.Kept != "", Why: map[bool]string{true: "no schedule wants it", false: b.Kept}[b.Kept == ""]})
		}
	}
	add("gitea", 12*time.Hour, 0, func(b *core.BackupView) {
		b.Status, b.Error, b.VolID, b.File, b.Kept, b.TakenAt = core.BackupFailed, "storage nas: no space left on device", "", "", "it has no archive", time.Time{}
	})
	add("immich", 12*time.Hour+9*time.Minute, 39014, nil)
	add("postgres", 13*time.Hour, 812, func(b *core.BackupView) { b.Pinned, b.Kept, b.Note = true, "pinned", "before the move to 16" })
	add("gitea", 36*time.Hour, 1946, func(b *core.BackupView) { b.Kept = "daily 2 of 7" })
	add("gitea", 60*time.Hour, 1940, func(b *core.BackupView) { b.Kept, b.Why, b.By = "", "by hand", "ops" })
	add("blog", 90*time.Hour, 140, func(b *core.BackupView) { b.Missing, b.Kept = ago(2*time.Hour), "its archive is missing" })
	add("oldwiki", 200*time.Hour, 96, func(b *core.BackupView) { b.AppID, b.Orphaned, b.Kept = "dokuwiki-000000aa", true, "until deleted" })
	add("", 400*time.Hour, 2048, func(b *core.BackupView) {
		b.Owner, b.Found, b.Why, b.By, b.VMID, b.Mode, b.Kept = "", true, "found on the storage", "", 208, "", "until deleted"
	})
	schedules = []core.ScheduleView{
		{ID: 1, ScheduleRequest: core.ScheduleRequest{Name: "nightly", Cron: "0 2 * * *", Zone: "Europe/Rome", Which: core.AllApps, Storage: "nas", Mode: "snapshot", Compress: "zstd", Keep: core.Retention{Daily: 7, Weekly: 4}},
			Apps: []string{"adguard", "blog", "gitea", "immich"}, Next: noon.Add(11*time.Hour + 28*time.Minute), LastRun: ago(12 * time.Hour), LastEnded: ago(11 * time.Hour), LastJob: 471, OK: 7, Failed: 1, By: "ops", CreatedAt: ago(900 * time.Hour)},
		{ID: 2, ScheduleRequest: core.ScheduleRequest{Name: "weekly", Cron: "0 4 * * 0", Paused: true, Which: core.ListedApps, Of: []string{"immich"}, Mode: "stop", Compress: "gzip"}, Apps: []string{"immich"}, By: "dev", CreatedAt: ago(100 * time.Hour)},
	}
	return list, schedules, marks
}

// asked remembers a call with what it was given.
func (s *scripted) asked(name, what string) error {
	s.called(name)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deeds = append(s.deeds, name+" "+what)
	return s.fail
}

func (s *scripted) newJob(kind, title string) core.JobView {
	return core.JobView{ID: 960, Kind: kind, Title: title, Owner: "ops", State: "running", CreatedAt: noon, StartedAt: noon}
}

func (s *scripted) Backups(context.Context, core.Actor, string) ([]core.BackupView, error) {
	s.called("Backups")
	return s.backups, s.fail
}

func (s *scripted) BackupApp(ctx context.Context, a core.Actor, id string, _ core.BackupRequest) (core.BackupView, core.JobView, error) {
	j, err := s.DoApp(ctx, a, backUpVerb, id)
	return core.BackupView{}, j, err
}

func (s *scripted) RestoreBackup(_ context.Context, _ core.Actor, id uint64, r core.RestoreRequest) (core.AppView, core.JobView, error) {
	name, what := "RestoreBackup", fmt.Sprint(id)
	if r.As != "" {
		name, what = "RestoreAs", what+" "+r.As
	}
	if r.NoSafety {
		what += " without a copy"
	}
	return core.AppView{}, s.newJob("restore", "restore"), s.asked(name, what)
}

func (s *scripted) DeleteBackup(_ context.Context, _ core.Actor, id uint64) (core.JobView, error) {
	return s.newJob("backup-delete", "delete a backup"), s.asked("DeleteBackup", fmt.Sprint(id))
}

func (s *scripted) NoteBackup(_ context.Context, _ core.Actor, id uint64, note string) (core.BackupView, error) {
	return core.BackupView{}, s.asked("NoteBackup", fmt.Sprint(id, " ", note))
}

func (s *scripted) PinBackup(_ context.Context, _ core.Actor, id uint64, pinned bool) (core.BackupView, error) {
	return core.BackupView{}, s.asked("PinBackup", fmt.Sprint(id, " ", pinned))
}

func (s *scripted) ScanBackups(context.Context, core.Actor) (core.JobView, error) {
	return s.newJob("backup-scan", "look for archives"), s.asked("ScanBackups", "")
}

func (s *scripted) Schedules(context.Context, core.Actor) ([]core.ScheduleView, error) {
	s.called("Schedules")
	return s.schedules, s.fail
}

func (s *scripted) CheckSchedule(_ core.Actor, of string, r core.ScheduleRequest) core.ScheduleCheck {
	s.called("CheckSchedule")
	ck := core.ScheduleCheck{Apps: []string{"gitea", "immich"}, Command: r.Command(of), Next: []time.Time{noon.Add(12 * time.Hour), noon.Add(36 * time.Hour), noon.Add(60 * time.Hour)}}
	if r.Keep.Daily > 0 && r.Keep.Daily < 3 {
		ck.Prune = 4
	}
	if r.Name == "" {
		ck.Problems = append(ck.Problems, core.FieldProblem{Field: "name", Text: "\"\" is not a name for a schedule", Hint: "1-40 of a-z 0-9 . _ -"})
	}
	if len(r.Cron) < 5 {
		ck.Next = nil
		ck.Problems = append(ck.Problems, core.FieldProblem{Field: "cron", Text: "\"" + r.Cron + "\" has not five fields"})
	}
	if r.Which != core.AllApps && len(r.Of) == 0 {
		ck.Problems = append(ck.Problems, core.FieldProblem{Field: "of", Text: "nothing is selected", Hint: "name at least one, or choose all apps"})
	}
	return ck
}

func (s *scripted) SaveSchedule(_ context.Context, _ core.Actor, of string, r core.ScheduleRequest) (core.ScheduleView, error) {
	err := s.asked("SaveSchedule", fmt.Sprintf("%q %s", of, r.Command("")))
	return core.ScheduleView{ScheduleRequest: r, Apps: []string{"gitea", "immich"}, Next: noon.Add(12 * time.Hour)}, err
}

func (s *scripted) RemoveSchedule(_ context.Context, _ core.Actor, name string) error {
	return s.asked("RemoveSchedule", name)
}

func (s *scripted) RunSchedule(_ context.Context, _ core.Actor, name string) (core.JobView, error) {
	return s.newJob("schedule", "run "+name), s.asked("RunSchedule", name)
}

func (s *scripted) PreviewPrune(context.Context, core.Actor, string) ([]core.PruneMark, error) {
	s.called("PreviewPrune")
	return slices.Clone(s.marks), s.fail
}

func (s *scripted) PruneSchedule(_ context.Context, _ core.Actor, name string) (core.JobView, error) {
	return s.newJob("prune", "prune backups of "+name), s.asked("PruneSchedule", name)
}
