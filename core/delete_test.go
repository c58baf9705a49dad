package core

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"proximity/core/pve"
	"proximity/pvesim"
)

// deployed is a rig on a simulated cluster with one app at work.
func deployed(t *testing.T, o pvesim.Options, cfg Config, hostname string) (*rig, *pvesim.Cluster, AppView) {
	t.Helper()
	o.TaskTime = 0.01
	sim := startSim(t, o)
	r := openRig(t, cfg)
	r.connect(sim)
	_, job := r.deploy(DeployRequest{CatalogID: "adminer", Hostname: hostname})
	if j := r.end(job.ID); j.State != "succeeded" {
		t.Fatalf("deploy ended %s: %s", j.State, j.Error)
	}
	a, err := r.App(t.Context(), admin, hostname)
	if err != nil {
		t.Fatal(err)
	}
	return r, sim, a
}

// done waits for a job that was accepted and must succeed.
func (r *rig) done(j JobView, err error) JobView {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
	if j = r.end(j.ID); j.State != "succeeded" {
		r.t.Fatalf("%s ended %s: %s %s\n%s", j.Title, j.State, j.Error, j.Left, r.dump())
	}
	return j
}

// status is an app's status by its record.
func (r *rig) status(name string) AppStatus {
	r.t.Helper()
	a, err := r.App(r.t.Context(), admin, name)
	if err != nil {
		r.t.Fatal(err)
	}
	return a.Status
}

func TestADeleteWaitsAndCanBeTakenBack(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t.TempDir())
	cfg.Pace.DeleteWait = 0 // as set: ten minutes
	r, sim, app := deployed(t, pvesim.Options{}, cfg, "tool")
	j, err := r.DeleteApp(t.Context(), admin, "tool", DeleteOptions{})
	if err != nil {
		t.Fatal(err)
	}
	r.until("it waits", func() bool { j, _ := r.Job(t.Context(), admin, j.ID); return j.State == "waiting" })
	a, err := r.App(t.Context(), admin, "tool")
	if left := time.Until(a.DeletesAt); err != nil || a.Status != StatusRemoving || left < 9*time.Minute || left > 10*time.Minute {
		t.Errorf("while it waits it is %s, destroyed at %v, %v", a.Status, a.DeletesAt, err)
	}
	if g := managed(sim); len(g) != 1 || g[0].Status != "stopped" {
		t.Errorf("while it waits its container is %+v", g)
	}
	if _, err := r.DoApp(t.Context(), admin, StartApp, "tool"); !errors.Is(err, ErrConflict) || !strings.Contains(err.Error(), "delete") {
		t.Errorf("starting it meanwhile: %v", err)
	}
	// The wait is not lost with the process.
	r.stop()
	r = openRig(t, cfg)
	if again, err := r.App(t.Context(), admin, "tool"); err != nil || !again.DeletesAt.Equal(a.DeletesAt) {
		t.Errorf("after a restart it goes at %v, not %v: %v", again.DeletesAt, a.DeletesAt, err)
	}
	kept, err := r.KeepApp(t.Context(), admin, "tool")
	if err != nil {
		t.Fatal(err)
	}
	if kept = r.end(kept.ID); kept.State != "cancelled" || kept.Left != "" {
		t.Errorf("the delete ended %s: %s %s", kept.State, kept.Error, kept.Left)
	}
	a, err = r.App(t.Context(), admin, "tool")
	if err != nil || a.Status != StatusRunning || !a.DeletesAt.IsZero() || a.VMID != app.VMID || a.PublicPort != app.PublicPort {
		t.Errorf("kept, it is %+v, %v", a, err)
	}
	if g := managed(sim); len(g) != 1 || g[0].Status != "running" {
		t.Errorf("kept, its container is %+v", g)
	}
	r.until("its page answers again", func() bool { code, _, err := get(a.URL); return err == nil && code == 200 })
	if _, err := r.KeepApp(t.Context(), admin, "tool"); !errors.Is(err, ErrConflict) {
		t.Errorf("keeping what is not being deleted: %v", err)
	}
}

func TestADeleteGoesOnWhenItsTimeHasCome(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t.TempDir())
	cfg.Pace.DeleteWait = 300 * time.Millisecond
	r, sim, _ := deployed(t, pvesim.Options{}, cfg, "tool")
	asked := time.Now()
	r.done(r.DeleteApp(t.Context(), admin, "tool", DeleteOptions{}))
	if took := time.Since(asked); took < cfg.Pace.DeleteWait {
		t.Errorf("it was destroyed after %s", took)
	}
	if len(managed(sim)) != 0 {
		t.Error("its container is still there")
	}
	if _, err := r.App(t.Context(), admin, "tool"); !errors.Is(err, ErrNotFound) {
		t.Errorf("its record is still there: %v", err)
	}
	app, job := r.deploy(DeployRequest{CatalogID: "adminer", Hostname: "tool"})
	if app.PublicPort != firstPort {
		t.Errorf("its port was not released: the next one has %d", app.PublicPort)
	}
	r.end(job.ID)
}

func TestAStoppedAppThatIsKeptStaysStopped(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t.TempDir())
	cfg.Pace.DeleteWait = 0
	r, sim, _ := deployed(t, pvesim.Options{}, cfg, "tool")
	r.done(r.DoApp(t.Context(), admin, StopApp, "tool"))
	j, err := r.DeleteApp(t.Context(), admin, "tool", DeleteOptions{})
	if err != nil {
		t.Fatal(err)
	}
	r.until("it waits", func() bool { j, _ := r.Job(t.Context(), admin, j.ID); return j.State == "waiting" })
	if _, err := r.Undo(t.Context(), admin, j.ID); err != nil { // what z does
		t.Fatal(err)
	}
	r.end(j.ID)
	if g := managed(sim); r.status("tool") != StatusStopped || g[0].Status != "stopped" {
		t.Errorf("kept, it is %s, its container %s", r.status("tool"), g[0].Status)
	}
}

func TestNobodyButWhoMayDeletes(t *testing.T) {
	t.Parallel()
	r, sim, _ := deployed(t, pvesim.Options{}, testConfig(t.TempDir()), "tool")
	for _, a := range []Actor{{User: "eve", Role: RoleViewer, Via: ViaSSH, From: "10.0.0.9"}, {User: "bob", Role: RoleUser, Via: ViaSSH}} {
		want := map[Role]error{RoleViewer: ErrDenied, RoleUser: ErrNotFound}[a.Role]
		if _, err := r.DeleteApp(t.Context(), a, "tool", DeleteOptions{Now: true}); !errors.Is(err, want) {
			t.Errorf("%s deletes: %v", a.Role, err)
		}
		if _, err := r.KeepApp(t.Context(), a, "tool"); !errors.Is(err, want) {
			t.Errorf("%s undeletes: %v", a.Role, err)
		}
		if _, err := r.ReleaseApp(t.Context(), a, "tool"); !errors.Is(err, want) {
			t.Errorf("%s releases: %v", a.Role, err)
		}
	}
	if _, err := r.ReleaseApp(t.Context(), admin, "tool"); !errors.Is(err, ErrConflict) {
		t.Errorf("releasing an app of ours: %v", err)
	}
	if r.status("tool") != StatusRunning || len(managed(sim)) != 1 {
		t.Error("something was done to it")
	}
	list, err := r.Audit(t.Context(), admin, AuditFilter{User: "eve"})
	if err != nil || len(list) != 3 || list[2].Action != "app.delete" || list[2].Result != "denied" || list[2].From != "10.0.0.9" || list[2].Target != "tool" {
		t.Errorf("the audit has %+v, %v", list, err)
	}
}

// TestADestroyThatIsAskedForTwice: an earlier task, whose answer was lost with
// the process, is still at it; the second finds nothing left, and that is what
// was wanted.
func TestADestroyThatIsAskedForTwice(t *testing.T) {
	t.Parallel()
	r, sim, app := deployed(t, pvesim.Options{}, testConfig(t.TempDir()), "tool")
	sim.Inject(pvesim.Fault{Method: "DELETE", Path: "/nodes/*/lxc/*", Do: "stall-task:500ms", Times: 1})
	client := r.liveHosts()[0].client
	var asked atomic.Int32
	sim.OnRequest(func(q pvesim.Request) {
		if q.Method == "DELETE" && asked.Add(1) == 1 { // before the job's own is handled
			if _, err := client.Destroy(t.Context(), app.Node, app.VMID, pve.DestroyOptions{Purge: true, Force: true}); err != nil {
				t.Error(err)
			}
		}
	})
	r.done(r.DeleteApp(t.Context(), admin, "tool", DeleteOptions{Now: true}))
	if g := managed(sim); len(g) != 0 || asked.Load() != 2 {
		t.Errorf("asked for %d times, left: %+v", asked.Load(), g)
	}
}
