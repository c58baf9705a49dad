package core

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"proximity/pvesim"
	"proximity/store"
)

// saved makes a schedule that must be accepted.
func (r *rig) saved(req ScheduleRequest) ScheduleView {
	r.t.Helper()
	s, err := r.SaveSchedule(r.t.Context(), admin, "", req)
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

// aged puts finished backups of other days beside an app's own, as if they had
// been made by us then; their archives are on the storage.
func (r *rig) aged(sim *pvesim.Cluster, name string, taken ...time.Time) []uint64 {
	r.t.Helper()
	rec, err := r.appNamed(admin, name)
	if err != nil {
		r.t.Fatal(err)
	}
	var ids []uint64
	for _, at := range taken {
		volid := sim.AddArchive(rec.Node, "nas", rec.VMID, at)
		err := r.store.Update(func(tx *store.Tx) error {
			b, err := r.newBackup(tx, rec, backupOrder{Why: "by hand", By: "admin"})
			if err != nil {
				return err
			}
			ids = append(ids, b.ID)
			b.Status, b.Storage, b.Shared, b.VolID, b.TakenAt, b.CompletedAt, b.Size = BackupCompleted, "nas", true, volid, at, at, 1<<20
			return r.putBackup(tx, b)
		})
		if err != nil {
			r.t.Fatal(err)
		}
	}
	return ids
}

func TestAScheduleBacksItsAppsUpAndPrunes(t *testing.T) {
	t.Parallel()
	sim := startSim(t, pvesim.Options{TaskTime: 0.01})
	r := openRig(t, testConfig(t.TempDir()))
	r.connect(sim)
	r.running("adminer", "one")
	r.running("adminer", "two")
	now := time.Now().UTC().Truncate(24 * time.Hour).Add(time.Hour)
	day := func(n int) time.Time { return now.AddDate(0, 0, -n) }
	old := r.aged(sim, "one", day(9), day(5), day(4), day(3).Add(time.Minute), day(3), day(2))
	alone := r.aged(sim, "two", day(400))
	if _, err := r.PinBackup(t.Context(), admin, old[0], true); err != nil {
		t.Fatal(err)
	}
	s := r.saved(ScheduleRequest{Name: "nightly", Cron: "0 2 * * *", Zone: "UTC", Which: ListedApps, Of: []string{"one"}, Storage: "nas", Keep: Retention{Daily: 3}})
	if len(s.Apps) != 1 || s.Apps[0] != "one" || s.Next.IsZero() || s.Mode != "snapshot" {
		t.Errorf("the schedule is %+v", s)
	}
	mark := func(id uint64) PruneMark {
		t.Helper()
		marks, err := r.PreviewPrune(t.Context(), admin, "nightly")
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range marks {
			if m.Backup.ID == id {
				return m
			}
		}
		t.Fatalf("backup %d is not in the preview %+v", id, marks)
		return PruneMark{}
	}
	for i, want := range []string{"pinned", "no schedule wants it", "daily 3 of 3", "daily 2 of 3", "no schedule wants it", "daily 1 of 3"} {
		if m := mark(old[i]); m.Why != want || m.Keep == (want == "no schedule wants it") {
			t.Errorf("of %s the preview says %v, %s; want %s", m.Backup.TakenAt, m.Keep, m.Why, want)
		}
	}

	j := r.done(r.RunSchedule(t.Context(), admin, "nightly"))
	if j.Kind != "schedule" || j.AppID != "" {
		t.Errorf("the job is %+v", j)
	}
	r.until("the prune ends", func() bool {
		list, _ := r.Jobs(t.Context(), admin, JobFilter{})
		return slices.ContainsFunc(list, func(j JobView) bool { return j.Kind == "prune" && j.State == "succeeded" })
	})
	list, _ := r.Backups(t.Context(), admin, "one")
	var kept []uint64
	for _, b := range list {
		kept = append(kept, b.ID)
	}
	if len(list) != 4 || list[0].Why != "schedule nightly" || list[0].By != "cron" || !slices.Equal(kept[1:], []uint64{old[5], old[3], old[0]}) {
		t.Errorf("kept are %v of %v: %+v", kept, old, list[0])
	}
	if there := r.archives("pve1", "nas"); len(there) != 5 {
		t.Errorf("on the storage are %v", there)
	}
	if b, err := r.Backup(t.Context(), admin, alone[0]); err != nil || b.Status != BackupCompleted {
		t.Errorf("a backup of an app the schedule does not cover is %+v, %v", b, err)
	}
	all, _ := r.Schedules(t.Context(), admin)
	if len(all) != 1 || all[0].OK != 1 || all[0].Failed != 0 || all[0].LastEnded.IsZero() {
		t.Errorf("the schedule says %+v", all)
	}
}

// A run waits for an app that is busy: quietly, saying so once.
func TestAScheduleWaitsForABusyApp(t *testing.T) {
	t.Parallel()
	sim := startSim(t, pvesim.Options{TaskTime: 0.01})
	cfg := testConfig(t.TempDir())
	held, release := make(chan struct{}), make(chan struct{})
	cfg.atStep = func(kind, step, when string) error {
		if kind == "clone" && when == "begin" {
			select {
			case held <- struct{}{}:
				<-release
			case <-release:
			}
		}
		return nil
	}
	r := openRig(t, cfg)
	r.connect(sim)
	r.running("adminer", "one")
	r.running("adminer", "two")
	_, clone, err := r.CloneApp(t.Context(), admin, "two", CloneRequest{Hostname: "three"})
	if err != nil {
		t.Fatal(err)
	}
	<-held
	r.saved(ScheduleRequest{Name: "nightly", Cron: "0 2 * * *", Which: ListedApps, Of: []string{"one", "two"}})
	run, err := r.RunSchedule(t.Context(), admin, "nightly")
	if err != nil {
		t.Fatal(err)
	}
	r.until("it waits for one backup", func() bool {
		j, _ := r.Job(t.Context(), admin, run.ID)
		return strings.Contains(j.Waiting, "1 of 2 backups")
	})
	r.did(RestartApp, "one") // time for many looks
	close(release)
	r.succeeds(clone)
	r.succeeds(run)
	log, err := r.JobLog(t.Context(), admin, run.ID, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	last := ""
	for _, l := range log {
		if l.Level != "info" || l.Text == last {
			t.Errorf("%s: %s after %s", l.Level, l.Text, last)
		}
		last = l.Text
	}
}

// The last good backup of an app stays, whatever the rules say, and so does what
// others made.
func TestThePruneNeverTakesTheLast(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	day := func(n int) time.Time { return now.AddDate(0, 0, -n) }
	b := func(id uint64, at time.Time, change ...func(*backup)) backup {
		x := backup{ID: id, Host: "lab", Storage: "nas", Status: BackupCompleted, TakenAt: at, Schedule: 1}
		for _, c := range change {
			c(&x)
		}
		return x
	}
	on := func(storage string) func(*backup) { return func(b *backup) { b.Storage = storage } }
	failed := func(b *backup) { b.Status, b.VolID = BackupFailed, "" }
	missing := func(b *backup) { b.Missing = now }
	found := func(b *backup) { b.Found = true }
	daily := schedule{ID: 1, Name: "nightly", Zone: "UTC", Keep: Retention{Daily: 2}}
	last := schedule{ID: 2, Name: "weekly", Zone: "UTC", Keep: Retention{Weekly: 3}}
	forever := schedule{ID: 3, Name: "forever", Zone: "UTC"}
	nas := schedule{ID: 4, Name: "nas", Zone: "UTC", Storage: "nas", Keep: Retention{Last: 1}}
	for name, c := range map[string]struct {
		all       []backup
		schedules []schedule
		want      string // why, of each
	}{
		"the newest good one is missing": {[]backup{b(3, day(0), missing), b(2, day(1)), b(1, day(2))}, []schedule{nas}, "its archive is missing|last 1 of 1|no schedule wants it"},
		"a failure is no backup":         {[]backup{b(3, day(0), failed), b(2, day(1))}, []schedule{nas}, "it has no archive|last 1 of 1"},
		"others' archives":               {[]backup{b(2, day(0), found), b(1, day(1))}, []schedule{nas}, "Proximity did not make it|last 1 of 1"},
		"one being restored":             {[]backup{b(2, day(0)), b(1, day(1), func(b *backup) { b.Status = BackupRestoring })}, []schedule{nas}, "last 1 of 1|a job works on it"},
		"no schedule at all":             {[]backup{b(1, day(900))}, nil, "no schedule prunes here"},
		"another storage":                {[]backup{b(2, day(0), on("local")), b(1, day(1), on("local"))}, []schedule{nas}, "no schedule prunes here|no schedule prunes here"},
		"each storage by itself":         {[]backup{b(3, day(0)), b(2, day(1), on("local")), b(1, day(2))}, []schedule{{ID: 1, Zone: "UTC", Keep: Retention{Last: 1}}}, "last 1 of 1|last 1 of 1|no schedule wants it"},
		"two schedules, one backup":      {[]backup{b(4, day(0)), b(3, day(1)), b(2, day(6)), b(1, day(40))}, []schedule{daily, last}, "nightly: daily 1 of 2|nightly: daily 2 of 2|weekly: weekly 2 of 3|weekly: weekly 3 of 3"},
		"one that keeps all keeps its own": {[]backup{b(3, day(0)), b(2, day(5), func(b *backup) { b.Schedule = 3 }), b(1, day(6))}, []schedule{{ID: 1, Name: "n", Zone: "UTC", Keep: Retention{Last: 1}}, forever},
			"n: last 1 of 1|forever: all are kept|no schedule wants it"},
	} {
		var got []string
		kept := 0
		for _, v := range fates(c.all, c.schedules) {
			got = append(got, v.why)
			if v.keep && v.backup.good() {
				kept++
			}
		}
		if strings.Join(got, "|") != c.want {
			t.Errorf("%s: %s, want %s", name, strings.Join(got, "|"), c.want)
		}
		if kept == 0 {
			t.Errorf("%s: no good backup is left", name)
		}
	}
}

func TestASchedulesRequestIsChecked(t *testing.T) {
	t.Parallel()
	sim := startSim(t, pvesim.Options{TaskTime: 0})
	cfg := testConfig(t.TempDir())
	r := openRig(t, cfg)
	r.connect(sim)
	r.running("miniflux", "news")
	good := ScheduleRequest{Name: "nightly", Cron: "0 2 * * *", Zone: "Europe/Rome", Keep: Retention{Daily: 7}}
	with := func(change func(*ScheduleRequest)) ScheduleRequest { q := good; change(&q); return q }
	for field, q := range map[string]ScheduleRequest{
		"name":       with(func(q *ScheduleRequest) { q.Name = "No good!" }),
		"cron":       with(func(q *ScheduleRequest) { q.Cron = "0 25 * * *" }),
		"zone":       with(func(q *ScheduleRequest) { q.Zone = "Mars/Olympus" }),
		"mode":       with(func(q *ScheduleRequest) { q.Mode = "fast" }),
		"compress":   with(func(q *ScheduleRequest) { q.Compress = "rar" }),
		"storage":    with(func(q *ScheduleRequest) { q.Storage = "local-lvm" }),
		"keep_daily": with(func(q *ScheduleRequest) { q.Keep.Daily = -1 }),
		"which":      with(func(q *ScheduleRequest) { q.Which = "some" }),
		"of":         with(func(q *ScheduleRequest) { q.Which, q.Of = ListedApps, []string{"nobody"} }),
	} {
		_, err := r.SaveSchedule(t.Context(), admin, "", q)
		var e *Error
		if !errors.As(err, &e) || e.Field != field || kindOf(err) != ErrInvalid {
			t.Errorf("%s: %v", field, err)
		}
		if check := r.CheckSchedule(admin, "", q); len(check.Problems) == 0 || check.Problems[0].Field != field {
			t.Errorf("%s: the check says %+v", field, check.Problems)
		}
	}
	for which, name := range map[Selection]string{OwnerApps: "nobody", TaggedApps: "rrs"} { // they would cover no app, for ever
		_, err := r.SaveSchedule(t.Context(), admin, "", with(func(q *ScheduleRequest) { q.Which, q.Of = which, []string{name} }))
		if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s %s: %v", which, name, err)
		}
	}
	if _, err := r.SaveSchedule(t.Context(), Actor{User: "eve", Role: RoleUser}, "", good); !errors.Is(err, ErrDenied) {
		t.Errorf("a user plans backups: %v", err)
	}
	r.saved(good)
	if _, err := r.SaveSchedule(t.Context(), admin, "", good); !errors.Is(err, ErrConflict) {
		t.Errorf("a second one of that name: %v", err)
	}
	check := r.CheckSchedule(admin, "nightly", with(func(q *ScheduleRequest) { q.Cron = "30 4 * * 1" }))
	if len(check.Problems) > 0 || len(check.Next) != 3 || check.Next[1].Sub(check.Next[0]) < 6*24*time.Hour || len(check.Apps) != 1 {
		t.Errorf("the check says %+v", check)
	}
	if h, m, _ := check.Next[0].In(mustZone(t, "Europe/Rome")).Clock(); h != 4 || m != 30 {
		t.Errorf("it would run at %s", check.Next[0])
	}
	tags := r.CheckSchedule(admin, "", with(func(q *ScheduleRequest) { q.Name, q.Which, q.Of = "feeds", TaggedApps, []string{"rss"} }))
	if len(tags.Problems) > 0 || fmt.Sprint(tags.Apps) != "[news]" {
		t.Errorf("by tag: %+v", tags)
	}
	// It is there after a restart, paused it does not come, removed it is gone.
	r.stop()
	r = openRig(t, cfg)
	if all, _ := r.Schedules(t.Context(), admin); len(all) != 1 || all[0].Next.IsZero() {
		t.Errorf("after a restart there are %+v", all)
	}
	paused, err := r.SaveSchedule(t.Context(), admin, "nightly", with(func(q *ScheduleRequest) { q.Paused = true }))
	if err != nil || !paused.Next.IsZero() {
		t.Errorf("paused it comes %s, %v", paused.Next, err)
	}
	if err := r.RemoveSchedule(t.Context(), admin, "nightly"); err != nil {
		t.Error(err)
	}
	if all, _ := r.Schedules(t.Context(), admin); len(all) != 0 {
		t.Errorf("removed, there are %+v", all)
	}
}

func mustZone(t *testing.T, name string) *time.Location {
	t.Helper()
	l, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// An app is told apart by what its backups come to, and whoever looks is told.
func TestAppsThatAreNotProtectedAreTold(t *testing.T) {
	t.Parallel()
	sim := startSim(t, pvesim.Options{TaskTime: 0.01})
	r := openRig(t, testConfig(t.TempDir()))
	r.connect(sim)
	for _, name := range []string{"safe", "late", "broken", "forgotten"} {
		r.running("adminer", name)
	}
	state := func(name string) Protection {
		t.Helper()
		a, err := r.App(t.Context(), admin, name)
		if err != nil || a.Protection == nil {
			t.Fatalf("%s: %+v, %v", name, a.Protection, err)
		}
		return *a.Protection
	}
	if p := state("safe"); p.State != "unprotected" || p.Alert != "" {
		t.Errorf("before anything is planned: %+v", p)
	}
	s := r.saved(ScheduleRequest{Name: "nightly", Cron: "0 2 * * *", Which: ListedApps, Of: []string{"safe", "late", "broken"}})
	due := time.Now().Add(-5 * time.Hour)
	err := r.store.Update(func(tx *store.Tx) error {
		for _, a := range r.cachedApps() { // all are older than the run that was due
			a.CreatedAt = due.Add(-time.Hour)
			if err := r.putApp(tx, a); err != nil {
				return err
			}
		}
		row, err := r.scheduleTable.Get(tx, store.Key(s.ID))
		row.Run.Nominal = due
		if err == nil {
			err = r.putSchedule(tx, row)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	r.backedUp("safe", BackupRequest{})
	r.aged(sim, "late", due.Add(-24*time.Hour))
	sim.Inject(pvesim.Fault{Method: "POST", Path: "/nodes/*/vzdump", Times: 1, Do: "full"})
	b, job, err := r.BackupApp(t.Context(), admin, "broken", BackupRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if j := r.end(job.ID); j.State != "failed" || !strings.Contains(j.Error, "No space left") || j.Hint == "" {
		t.Errorf("the backup onto a full storage ended %s: %s (%s)", j.State, j.Error, j.Hint)
	}
	if b, _ = r.Backup(t.Context(), admin, b.ID); b.Status != BackupFailed || !strings.Contains(b.Error, "No space left") {
		t.Errorf("its record is %+v", b)
	}
	for name, want := range map[string]string{"safe": "protected", "late": "overdue", "broken": "overdue", "forgotten": "unprotected"} {
		if p := state(name); p.State != want || (p.Alert == "") != (name == "safe") {
			t.Errorf("%s is %+v, want %s", name, p, want)
		}
	}
	w := r.FreshWorld(admin)
	if w.Protected.Apps != 4 || w.Protected.Protected != 1 || w.Protected.Next.IsZero() || w.Protected.Schedules != 1 {
		t.Errorf("the sums are %+v", w.Protected)
	}
	var alerts []string
	for _, a := range w.Alerts {
		alerts = append(alerts, a.Level+" "+a.Text)
	}
	all := strings.Join(alerts, "\n")
	for _, want := range []string{"error broken: backup failed: ", "warning late: backup overdue: schedule nightly was due", "warning forgotten: no backup, and no schedule covers it"} {
		if !strings.Contains(all, want) {
			t.Errorf("no alert %q among\n%s", want, all)
		}
	}
}

// TestARunSkipsWhatCannotBeBackedUp once, and comes to its end: one app in error
// must not keep all the others from their next backups.
func TestARunSkipsWhatCannotBeBackedUp(t *testing.T) {
	t.Parallel()
	sim := startSim(t, pvesim.Options{TaskTime: 0.01})
	r := openRig(t, testConfig(t.TempDir()))
	r.connect(sim)
	broken := r.running("adminer", "broken")
	r.running("adminer", "sound")
	err := r.store.Update(func(tx *store.Tx) error {
		return r.changeApp(tx, broken.ID, func(a *app) error { a.fail("delete", "it is not ours any more", "", r.now()); return nil })
	})
	if err != nil {
		t.Fatal(err)
	}
	r.saved(ScheduleRequest{Name: "nightly", Cron: "0 2 * * *"})
	run, err := r.RunSchedule(t.Context(), admin, "nightly")
	if err != nil {
		t.Fatal(err)
	}
	r.succeeds(run)
	if n := strings.Count(r.jobLog(run.ID), "broken: skipped"); n != 1 {
		t.Errorf("skipped %d times:\n%s", n, r.jobLog(run.ID))
	}
	if all, _ := r.Schedules(t.Context(), admin); len(all) != 1 || all[0].OK != 1 || all[0].Skipped != 1 || all[0].LastEnded.IsZero() {
		t.Errorf("the schedule says %+v", all)
	}
}
