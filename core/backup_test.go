package core

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"proximity/jobs"
	"proximity/pvesim"
)

// backedUp backs an app up, which must go well.
func (r *rig) backedUp(name string, req BackupRequest) BackupView {
	r.t.Helper()
	b, job, err := r.BackupApp(r.t.Context(), admin, name, req)
	if err != nil {
		r.t.Fatal(err)
	}
	if j := r.end(job.ID); j.State != "succeeded" {
		r.t.Fatalf("backup ended %s: %s\n%s", j.State, j.Error, r.dump())
	}
	if b, err = r.Backup(r.t.Context(), admin, b.ID); err != nil {
		r.t.Fatal(err)
	}
	return b
}

// archives are the names of a storage's archives.
func (r *rig) archives(node, storage string) []string {
	r.t.Helper()
	l, err := r.liveHost("lab")
	if err != nil {
		r.t.Fatal(err)
	}
	volumes, err := l.client.Content(r.t.Context(), node, storage, "backup", 0)
	if err != nil {
		r.t.Fatal(err)
	}
	var names []string
	for _, v := range volumes {
		names = append(names, v.VolID)
	}
	return names
}

// sh runs a command in an app's container.
func (r *rig) sh(name, script string) string {
	r.t.Helper()
	rec, err := r.appNamed(admin, name)
	if err != nil {
		r.t.Fatal(err)
	}
	l, err := r.liveHost(rec.Host)
	if err != nil {
		r.t.Fatal(err)
	}
	var out strings.Builder
	if exit, err := l.client.Exec(r.t.Context(), rec.Node, rec.VMID, script, &out); err != nil || exit != 0 {
		r.t.Fatalf("%s in %s: exit code %d, %v: %s", script, name, exit, err, out.String())
	}
	return out.String()
}

// jobLog is what a job has logged, as one text.
func (r *rig) jobLog(job uint64) string {
	r.t.Helper()
	lines, err := r.JobLog(r.t.Context(), admin, job, 0, 0)
	if err != nil {
		r.t.Fatal(err)
	}
	var s strings.Builder
	for _, l := range lines {
		s.WriteString(l.Text + "\n")
	}
	return s.String()
}

func TestAnAppIsBackedUpRestoredAndItsBackupDeleted(t *testing.T) {
	t.Parallel()
	sim := startSim(t, pvesim.Options{TaskTime: 0.01})
	r := openRig(t, testConfig(t.TempDir()))
	r.connect(sim)
	app := r.running("adminer", "tool")
	r.sh("tool", "echo one >/root/state")
	before, _ := r.appNamed(admin, "tool")

	b := r.backedUp("tool", BackupRequest{Note: "the first"})
	if b.Status != BackupCompleted || b.Storage != "nas" || b.Size <= 0 || b.TakenAt.IsZero() || b.Mode != "snapshot" || b.Compress != "zstd" || b.Why != "by hand" || b.By != "admin" || b.App != "tool" || b.Note != "the first" {
		t.Errorf("the backup is %+v", b)
	}
	if got := r.archives(app.Node, "nas"); len(got) != 1 || got[0] != b.VolID {
		t.Errorf("on the storage are %v, recorded is %s", got, b.VolID)
	}

	r.sh("tool", "echo two >/root/state")
	_, job, err := r.RestoreBackup(t.Context(), admin, b.ID, RestoreRequest{})
	r.done(job, err)
	if got := r.sh("tool", "cat /root/state"); got != "one\n" {
		t.Errorf("after the restore the container holds %q", got)
	}
	after, _ := r.appNamed(admin, "tool")
	if after.Status != StatusRunning || after.VMID != before.VMID || after.MAC != before.MAC || after.PublicPort != before.PublicPort || len(managed(sim)) != 1 {
		t.Errorf("the app was %+v, is %+v, of %d containers", before, after, len(managed(sim)))
	}
	l, _ := r.liveHost("lab")
	if who, err := r.whose(t.Context(), l, after); who != ours || err != nil {
		t.Errorf("its container is not ours any more: %v, %v", who, err)
	}
	r.until("its page answers again", func() bool { code, _, err := get(app.URL); return err == nil && code == 200 })

	list, err := r.Backups(t.Context(), admin, "tool")
	if err != nil || len(list) != 2 || list[0].Why != "before a restore" || list[0].Status != BackupCompleted {
		t.Fatalf("its backups are %+v, %v", list, err)
	}
	_, job, err = r.RestoreBackup(t.Context(), admin, list[0].ID, RestoreRequest{NoSafety: true})
	r.done(job, err)
	if got := r.sh("tool", "cat /root/state"); got != "two\n" {
		t.Errorf("the safety copy holds %q", got)
	}
	stats, _ := r.BackupStats(t.Context(), admin, "tool")
	if stats.Total != 2 || stats.Completed != 2 || stats.TotalSize != list[0].Size+list[1].Size {
		t.Errorf("the sums are %+v", stats)
	}
	r.done(r.DeleteBackup(t.Context(), admin, b.ID))
	if got := r.archives(app.Node, "nas"); len(got) != 1 || got[0] != list[0].VolID {
		t.Errorf("after the delete are left %v", got)
	}
	if _, err := r.Backup(t.Context(), admin, b.ID); !errors.Is(err, ErrNotFound) {
		t.Errorf("its record is still there: %v", err)
	}
}

func TestABackupIsRestoredAsANewApp(t *testing.T) {
	t.Parallel()
	sim := startSim(t, pvesim.Options{TaskTime: 0.01})
	r := openRig(t, testConfig(t.TempDir()))
	r.connect(sim)
	old := r.running("miniflux", "news")
	secrets, _ := r.AppSecrets(t.Context(), admin, "news")
	b := r.backedUp("news", BackupRequest{Storage: "local"})
	fresh, job, err := r.RestoreBackup(t.Context(), Actor{User: "ops", Role: RoleOperator}, b.ID, RestoreRequest{As: "news-copy"})
	r.done(job, err)
	fresh, _ = r.App(t.Context(), admin, "news-copy")
	if fresh.ID == old.ID || fresh.VMID == old.VMID || fresh.PublicPort == old.PublicPort || fresh.Owner != "ops" || fresh.Status != StatusRunning {
		t.Errorf("the new app is %+v", fresh)
	}
	was, is := mustRec(t, r, "news"), mustRec(t, r, "news-copy")
	if was.MAC == is.MAC {
		t.Error("both have one address")
	}
	l, _ := r.liveHost("lab")
	if who, err := r.whose(t.Context(), l, is); who != ours || err != nil {
		t.Errorf("its container is not marked as its own: %v, %v", who, err)
	}
	if got, _ := r.AppSecrets(t.Context(), admin, "news-copy"); got["ADMIN_PASSWORD"] == "" || got["ADMIN_PASSWORD"] != secrets["ADMIN_PASSWORD"] {
		t.Error("the secrets of the archive are not those of the app")
	}
	env := r.sh("news-copy", "cat /opt/proximity/"+fresh.ID+"/.env")
	if !strings.Contains(env, "PX_URL='"+strings.TrimSuffix(fresh.URL, "/")) || !strings.Contains(env, fmt.Sprintf("PX_PORT='%d'\n", fresh.PublicPort)) {
		t.Errorf("its files name another address than %s:\n%s", fresh.URL, env)
	}
	r.until("both pages answer", func() bool {
		for _, url := range []string{old.URL, fresh.URL} {
			if code, _, err := get(url); err != nil || code != 200 {
				return false
			}
		}
		return true
	})
	if b, _ := r.Backup(t.Context(), admin, b.ID); b.Status != BackupCompleted {
		t.Errorf("the backup is %s", b.Status)
	}
}

func mustRec(t *testing.T, r *rig, name string) app {
	t.Helper()
	rec, err := r.appNamed(admin, name)
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

// An app whose manifest wants it stopped for a backup is stopped only until the
// snapshot is taken.
func TestAnAppIsHeldStillForItsSnapshot(t *testing.T) {
	t.Parallel()
	sim := startSim(t, pvesim.Options{TaskTime: 0.01})
	r := openRig(t, testConfig(t.TempDir()))
	r.connect(sim)
	app := r.running("uptime-kuma", "status")
	finish := sim.Inject(pvesim.Fault{Method: "POST", Path: "/nodes/*/vzdump", Times: 1, Do: "stall-task:5m"}) // a large archive
	_, job, err := r.BackupApp(t.Context(), admin, "status", BackupRequest{})
	if err != nil {
		t.Fatal(err)
	}
	r.until("the app goes on", func() bool { return strings.Contains(r.jobLog(job.ID), "Started") })
	if j, err := r.Job(t.Context(), admin, job.ID); err != nil || j.Ended {
		t.Errorf("the archive is done already: %+v, %v", j, err)
	}
	finish()
	j := r.done(job, err)
	log := r.jobLog(j.ID)
	order := []string{"hold the app still", "Stopped", "creating vzdump archive", "Started", "Finished Backup of VM"}
	at := 0
	for _, want := range order {
		i := strings.Index(log[at:], want)
		if i < 0 {
			t.Fatalf("%q does not come in its place of the log:\n%s", want, log)
		}
		at += i
	}
	r.until("its page answers", func() bool { code, _, err := get(app.URL); return err == nil && code == 200 })

	// Restored, its services run again though they were stopped in the snapshot.
	list, _ := r.Backups(t.Context(), admin, "status")
	_, job, err = r.RestoreBackup(t.Context(), admin, list[0].ID, RestoreRequest{NoSafety: true})
	r.done(job, err)
	r.until("its page answers after the restore", func() bool { code, _, err := get(app.URL); return err == nil && code == 200 })

	for _, mode := range []string{"suspend", "stop"} {
		b := r.backedUp("status", BackupRequest{Mode: mode, Compress: "gzip", Storage: "local"})
		if b.Mode != mode || !strings.HasSuffix(b.File, ".tar.gz") {
			t.Errorf("the backup is %+v", b)
		}
		r.until("its page answers after mode "+mode, func() bool { code, _, err := get(app.URL); return err == nil && code == 200 })
	}
}

func TestWhatCannotBeBackedUpOrRestoredIsRefused(t *testing.T) {
	t.Parallel()
	sim := startSim(t, pvesim.Options{TaskTime: 0.01})
	r := openRig(t, testConfig(t.TempDir()))
	r.connect(sim)
	r.running("adminer", "tool")
	user := Actor{User: "eve", Role: RoleUser}
	b := r.backedUp("tool", BackupRequest{})
	for what, c := range map[string]struct {
		err  error
		kind error
	}{
		"another's app":         {err2(r.BackupApp(t.Context(), user, "tool", BackupRequest{})), ErrNotFound},
		"a viewer":              {err2(r.BackupApp(t.Context(), Actor{User: "v", Role: RoleViewer}, "tool", BackupRequest{})), ErrDenied},
		"a mode there is not":   {err2(r.BackupApp(t.Context(), admin, "tool", BackupRequest{Mode: "fast"})), ErrInvalid},
		"a storage of disks":    {err2(r.BackupApp(t.Context(), admin, "tool", BackupRequest{Storage: "local-lvm"})), ErrInvalid},
		"another's backup":      {err2(r.RestoreBackup(t.Context(), user, b.ID, RestoreRequest{})), ErrNotFound},
		"a name that is taken":  {err2(r.RestoreBackup(t.Context(), admin, b.ID, RestoreRequest{As: "tool"})), ErrConflict},
		"a viewer who deletes":  {err1(r.DeleteBackup(t.Context(), Actor{User: "v", Role: RoleViewer}, b.ID)), ErrDenied},
		"a backup there is not": {err1(r.DeleteBackup(t.Context(), admin, 99)), ErrNotFound},
	} {
		if kindOf(c.err) != c.kind {
			t.Errorf("%s: %v", what, c.err)
		}
	}
	if _, err := r.PinBackup(t.Context(), admin, b.ID, true); err != nil {
		t.Fatal(err)
	}
	if _, err := r.DeleteBackup(t.Context(), admin, b.ID); !errors.Is(err, ErrConflict) || !strings.Contains(err.Error(), "pinned") {
		t.Errorf("deleting a pinned backup: %v", err)
	}
	if got, _ := r.NoteBackup(t.Context(), admin, b.ID, "keep\x1b[31m this"); got.Note != "keep this" || !got.Pinned {
		t.Errorf("noted and pinned it is %+v", got)
	}
	// A pin that was set in Proxmox holds, too.
	if _, err := r.PinBackup(t.Context(), admin, b.ID, false); err != nil {
		t.Fatal(err)
	}
	l, _ := r.liveHost("lab")
	yes := true
	if err := l.client.SetVolume(t.Context(), "pve1", b.VolID, nil, &yes); err != nil {
		t.Fatal(err)
	}
	job, err := r.DeleteBackup(t.Context(), admin, b.ID)
	if err != nil {
		t.Fatal(err)
	}
	if j := r.end(job.ID); j.State != "failed" || !strings.Contains(j.Hint, "unpin") {
		t.Errorf("the delete of a protected archive ended %s: %s (%s)", j.State, j.Error, j.Hint)
	}
	if got, _ := r.Backup(t.Context(), admin, b.ID); got.Status != BackupCompleted {
		t.Errorf("after that it is %s", got.Status)
	}
}

func err1[A any](_ A, err error) error         { return err }
func err2[A, B any](_ A, _ B, err error) error { return err }

// Proxmox runs one vzdump a node: others wait for their turn, they do not fail.
func TestBackupsOfOneNodeWaitForEachOther(t *testing.T) {
	t.Parallel()
	sim := startSim(t, pvesim.Options{TaskTime: 0.01, Nodes: 1})
	r := openRig(t, testConfig(t.TempDir()))
	r.connect(sim)
	names := []string{"one", "two", "three"}
	var deploys []JobView
	for _, n := range names {
		_, job := r.deploy(DeployRequest{CatalogID: "adminer", Hostname: n})
		deploys = append(deploys, job)
	}
	for _, job := range deploys {
		r.end(job.ID)
	}
	var most atomic.Int32
	sim.OnRequest(func(q pvesim.Request) {
		if q.Method == "POST" && strings.HasSuffix(q.Path, "/vzdump") {
			var n int32
			for _, j := range r.engine.Live() {
				if j.Kind == "backup" && j.State == jobs.Running {
					n++
				}
			}
			most.Store(max(most.Load(), n))
		}
	})
	var ids []uint64
	for _, n := range names {
		_, job, err := r.BackupApp(t.Context(), admin, n, BackupRequest{})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, job.ID)
	}
	for _, id := range ids {
		if j := r.end(id); j.State != "succeeded" {
			t.Errorf("%s ended %s: %s", j.Title, j.State, j.Error)
		}
	}
	if most.Load() != 1 {
		t.Errorf("%d backups ran at once", most.Load())
	}
}

// A cancel stops vzdump at once and leaves neither lock nor archive.
func TestACancelledBackupLeavesNothing(t *testing.T) {
	t.Parallel()
	sim := startSim(t, pvesim.Options{TaskTime: 0.01})
	r := openRig(t, testConfig(t.TempDir()))
	r.connect(sim)
	app := r.running("uptime-kuma", "status")
	started := make(chan struct{}, 1)
	sim.OnRequest(func(q pvesim.Request) {
		if strings.Contains(q.Path, "vzdump%3A") || strings.Contains(q.Path, "vzdump:") {
			select {
			case started <- struct{}{}:
			default:
			}
		}
	})
	sim.Inject(pvesim.Fault{Method: "POST", Path: "/nodes/*/vzdump", Times: 1, Do: "stall-task:5m"})
	b, job, err := r.BackupApp(t.Context(), admin, "status", BackupRequest{})
	if err != nil {
		t.Fatal(err)
	}
	<-started
	if _, err := r.CancelJob(t.Context(), admin, job.ID); err != nil {
		t.Fatal(err)
	}
	j := r.end(job.ID)
	if j.State != "cancelled" || j.Left != "" {
		t.Errorf("it ended %s: %s, left %s", j.State, j.Error, j.Left)
	}
	if got := r.archives(app.Node, "nas"); len(got) != 0 {
		t.Errorf("on the storage is left %v", got)
	}
	l, _ := r.liveHost("lab")
	if st, err := l.client.Status(t.Context(), app.Node, app.VMID); err != nil || st.Lock != "" || !st.Running() {
		t.Errorf("its container is %+v, %v", st, err)
	}
	if got, _ := r.Backup(t.Context(), admin, b.ID); got.Status != BackupFailed || !strings.Contains(got.Error, "admin") {
		t.Errorf("the record is %+v", got)
	}
	r.until("its page answers", func() bool { code, _, err := get(app.URL); return err == nil && code == 200 })
}
