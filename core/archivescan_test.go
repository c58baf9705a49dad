package core

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"proximity/pvesim"
)

// The storages are looked through: what others made is recorded, what is gone is
// marked, and nobody is judged who did not answer.
func TestTheStoragesAreLookedThrough(t *testing.T) {
	t.Parallel()
	sim := startSim(t, pvesim.Options{TaskTime: 0.01, Guests: 6})
	r := openRig(t, testConfig(t.TempDir()))
	r.connect(sim)
	app := r.running("adminer", "tool")
	mine := r.backedUp("tool", BackupRequest{})
	lost := r.backedUp("tool", BackupRequest{Storage: "local"})
	theirs := sim.AddArchive(app.Node, "nas", app.VMID, time.Now().Add(-time.Hour)) // a job of Proxmox's own
	var stranger int
	for _, g := range sim.Guests() {
		if g.Foreign && g.Type == "lxc" {
			stranger = g.VMID
		}
	}
	strange := sim.AddArchive("pve2", "local", stranger, time.Now().Add(-48*time.Hour))
	old := sim.AddArchive("pve3", "local", 999, time.Now().Add(-480*time.Hour))
	find := func(volid string) (b BackupView) {
		t.Helper()
		list, err := r.Backups(t.Context(), admin, "")
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range list {
			if x.VolID == volid {
				b = x
			}
		}
		return b
	}
	l, _ := r.liveHost("lab")
	if err := r.removeVolume(t.Context(), l, app.Node, lost.VolID); err != nil {
		t.Fatal(err)
	}
	remove := sim.Inject(pvesim.Fault{Method: "GET", Path: "/nodes/*/storage/*/content", Do: "596"})
	r.done(r.ScanBackups(t.Context(), admin))
	if b := find(lost.VolID); !b.Missing.IsZero() {
		t.Error("an archive is called missing though its storage did not answer")
	}
	remove()

	r.done(r.ScanBackups(t.Context(), admin))
	if b := find(lost.VolID); b.Missing.IsZero() || b.Status != BackupCompleted {
		t.Errorf("an archive that is gone is %+v", b)
	}
	if b := find(mine.VolID); !b.Missing.IsZero() || b.Found || b.ID != mine.ID {
		t.Errorf("our own archive is %+v", b)
	}
	if b := find(theirs); !b.Found || b.AppID != app.ID || b.Owner != "admin" || b.Orphaned || b.Size <= 0 {
		t.Errorf("an archive of our app that others made is %+v", b)
	}
	if b := find(strange); !b.Found || b.AppID != "" || b.Owner != "" || b.VMID != stranger {
		t.Errorf("an archive of a container that is not ours is %+v", b)
	}
	if find(old).ID == 0 {
		t.Error("an archive of a container that is gone has no record")
	}
	if list, _ := r.Backups(t.Context(), Actor{User: "eve", Role: RoleUser}, ""); len(list) != 0 {
		t.Errorf("a user sees archives that are nobody's: %+v", list)
	}
	if _, _, err := r.RestoreBackup(t.Context(), admin, lost.ID, RestoreRequest{}); !errors.Is(err, ErrConflict) {
		t.Errorf("restoring an archive that is gone: %v", err)
	}
	if _, _, err := r.RestoreBackup(t.Context(), admin, find(strange).ID, RestoreRequest{As: "mine-now"}); !errors.Is(err, ErrConflict) || !strings.Contains(err.Error(), "adopt") {
		t.Errorf("restoring a stranger's archive: %v", err)
	}
	n := len(must2(r.Backups(t.Context(), admin, "")))
	r.done(r.ScanBackups(t.Context(), admin))
	if again := len(must2(r.Backups(t.Context(), admin, ""))); again != n {
		t.Errorf("a second look makes %d of %d records", again, n)
	}
	// What is gone can be forgotten, and what was found can be deleted.
	r.done(r.DeleteBackup(t.Context(), admin, lost.ID))
	r.done(r.DeleteBackup(t.Context(), admin, find(theirs).ID))
	if slices.Contains(r.archives(app.Node, "nas"), theirs) {
		t.Error("the deleted archive is still there")
	}
}

func must2[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// The backups of an app outlive it: they are listed as orphans, and one of them
// becomes an app again.
func TestBackupsOutliveTheirApp(t *testing.T) {
	t.Parallel()
	sim := startSim(t, pvesim.Options{TaskTime: 0.01})
	r := openRig(t, testConfig(t.TempDir()))
	r.connect(sim)
	old := r.running("miniflux", "news")
	secrets := must2(r.AppSecrets(t.Context(), admin, "news"))
	b := r.backedUp("news", BackupRequest{})
	other := r.backedUp("news", BackupRequest{})
	r.done(r.DeleteApp(t.Context(), admin, "news", DeleteOptions{Now: true}))
	if got := must2(r.Backup(t.Context(), admin, b.ID)); !got.Orphaned || got.App != "news" || got.Status != BackupCompleted {
		t.Errorf("after the delete the backup is %+v", got)
	}
	if list := must2(r.Backups(t.Context(), admin, "news")); len(list) != 2 {
		t.Errorf("by its name are listed %+v", list)
	}
	if _, _, err := r.RestoreBackup(t.Context(), admin, b.ID, RestoreRequest{}); !errors.Is(err, ErrConflict) || !strings.Contains(err.Error(), "--as") {
		t.Errorf("restoring over an app that is gone: %v", err)
	}
	_, job, err := r.RestoreBackup(t.Context(), admin, b.ID, RestoreRequest{As: "news"})
	r.done(job, err)
	fresh := must2(r.App(t.Context(), admin, "news"))
	if fresh.ID == old.ID || fresh.Status != StatusRunning {
		t.Errorf("the app is %+v", fresh)
	}
	if got := must2(r.AppSecrets(t.Context(), admin, "news")); got["ADMIN_PASSWORD"] != secrets["ADMIN_PASSWORD"] {
		t.Error("it has other secrets than its files")
	}
	r.until("its page answers", func() bool { code, _, err := get(fresh.URL); return err == nil && code == 200 })
	// Another app goes with all it has, but for what is pinned.
	pinned, gone := r.backedUp("news", BackupRequest{}), r.backedUp("news", BackupRequest{Storage: "local"})
	if _, err := r.PinBackup(t.Context(), admin, pinned.ID, true); err != nil {
		t.Fatal(err)
	}
	r.done(r.DeleteApp(t.Context(), admin, "news", DeleteOptions{Now: true, WithBackups: true}))
	if left := append(r.archives(gone.Node, "local"), r.archives("pve1", "nas")...); len(left) != 3 || !slices.Contains(left, pinned.VolID) || !slices.Contains(left, other.VolID) {
		t.Errorf("left are %v", left)
	}
}
