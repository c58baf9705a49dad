package core

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"proximity/core/pve"
	"proximity/pvesim"
	"proximity/store"
)

// reconcile compares the records with the hosts and waits for all that comes of
// it.
func (r *rig) reconcile() JobView {
	r.t.Helper()
	j := r.done(r.Reconcile(context.Background(), admin))
	r.until("all repairs end", func() bool { return len(r.engine.Live()) == 0 })
	return j
}

// outside does something to an app's container behind our back.
func (r *rig) outside(name string, do func(c *pve.Client, a AppView) (pve.UPID, error)) {
	r.t.Helper()
	a, err := r.App(r.t.Context(), admin, name)
	if err != nil {
		r.t.Fatal(err)
	}
	l, err := r.liveHost(a.Host)
	if err != nil {
		r.t.Fatal(err)
	}
	upid, err := do(l.client, a)
	if err == nil {
		err = l.client.Wait(r.t.Context(), upid, func(string) {})
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) destroyOutside(name string) {
	r.t.Helper()
	r.outside(name, func(c *pve.Client, a AppView) (pve.UPID, error) {
		return c.Destroy(r.t.Context(), a.Node, a.VMID, pve.DestroyOptions{Force: true, Purge: true})
	})
}

func (r *rig) stopOutside(name string) {
	r.t.Helper()
	r.outside(name, func(c *pve.Client, a AppView) (pve.UPID, error) { return c.Stop(r.t.Context(), a.Node, a.VMID) })
}

// record is what the store holds of an app.
func (r *rig) record(name string) app {
	r.t.Helper()
	rec, err := r.appNamed(admin, name)
	if err != nil {
		r.t.Fatalf("%s: %v", name, err)
	}
	return rec
}

// The earlier project purged every app of a host that was merely offline.
func TestReconcileTouchesNoAppOfAHostThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	r := openRig(t, testConfig(t.TempDir()))
	sims := map[string]*pvesim.Cluster{}
	for _, name := range []string{"attic", "barn", "cellar"} {
		sims[name] = startSim(t, pvesim.Options{Nodes: 1, TaskTime: 0.01})
		r.connectAs(sims[name], name)
		_, job := r.deploy(DeployRequest{CatalogID: "adminer", Hostname: "app-" + name, Host: name})
		r.end(job.ID)
	}
	// All three are gone by now, as far as anybody can tell, but barn cannot be asked.
	for _, name := range []string{"attic", "barn", "cellar"} {
		r.destroyOutside("app-" + name)
	}
	sims["barn"].Disconnect()
	before := r.record("app-barn")
	if before.VMID != r.record("app-attic").VMID {
		t.Fatalf("the containers of different hosts should have the same number for this test")
	}
	j := r.reconcile()
	if after := r.record("app-barn"); after.Status != StatusRunning || after.VMID != before.VMID || after.PublicPort != before.PublicPort || !after.UpdatedAt.Equal(before.UpdatedAt) {
		t.Errorf("the app of the host that is away became %+v", after)
	}
	for _, name := range []string{"app-attic", "app-cellar"} {
		if rec := r.record(name); rec.Status != StatusError || !rec.Lost {
			t.Errorf("%s, whose host says it is gone, is %s", name, rec.Status)
		}
	}
	lines, err := r.JobLog(t.Context(), admin, j.ID, 0, 0)
	if err != nil || !slices.ContainsFunc(lines, func(l LogLine) bool {
		return l.Level == "warning" && strings.Contains(l.Text, "host barn skipped")
	}) {
		t.Errorf("the log does not say that barn was skipped: %+v, %v", lines, err)
	}
	sims["barn"].Reconnect()
	r.until("barn answers again", func() bool {
		return slices.ContainsFunc(r.World(admin).Hosts, func(h HostView) bool { return h.Name == "barn" && h.State == "online" })
	})
	r.reconcile()
	if rec := r.record("app-barn"); rec.Status != StatusError || !rec.Lost {
		t.Errorf("once its host answers, it is %s", rec.Status)
	}
}

// Nor does it judge by half an answer.
func TestReconcileTouchesNoAppOfANodeThatIsDown(t *testing.T) {
	t.Parallel()
	sim := startSim(t, pvesim.Options{TaskTime: 0.01})
	r := openRig(t, testConfig(t.TempDir()))
	r.connect(sim)
	for _, node := range []string{"pve1", "pve2", "pve3"} {
		_, job := r.deploy(DeployRequest{CatalogID: "adminer", Hostname: "app-" + node, Node: node})
		r.end(job.ID)
	}
	r.destroyOutside("app-pve3")
	sim.NodeDown("pve2") // its container has stopped with it
	before := r.record("app-pve2")
	r.reconcile()
	if after := r.record("app-pve2"); after.Status != before.Status || after.Node != "pve2" || !after.UpdatedAt.Equal(before.UpdatedAt) {
		t.Errorf("the app of the node that is down became %+v", after)
	}
	if rec := r.record("app-pve1"); rec.Status != StatusRunning {
		t.Errorf("the app of a node that is up is %s", rec.Status)
	}
	if rec := r.record("app-pve3"); rec.Status != StatusRunning {
		t.Errorf("an app counts as gone while a node is missing: it is %s", rec.Status)
	}
	sim.NodeUp("pve2")
	r.until("pve2 is back", func() bool {
		return slices.ContainsFunc(r.World(admin).Nodes, func(n NodeView) bool { return n.Name == "pve2" && n.State == "online" })
	})
	r.reconcile()
	if rec := r.record("app-pve3"); rec.Status != StatusError {
		t.Errorf("once all nodes are there it is %s", rec.Status)
	}
}

func TestReconcileTouchesNothingWhenAnotherClusterAnswers(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t.TempDir())
	r, _, _ := deployed(t, pvesim.Options{}, cfg, "tool")
	r.destroyOutside("tool")
	r.stop()
	c, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	err = c.store.Update(func(tx *store.Tx) error {
		h, err := c.hostTable.Get(tx, "lab")
		if h.Identity = "ca:another"; err != nil {
			return err
		}
		return c.hostTable.Put(tx, h)
	})
	if err = errors.Join(err, c.Close()); err != nil {
		t.Fatal(err)
	}
	r = openRig(t, cfg)
	if j := r.reconcile(); r.status("tool") != StatusRunning {
		t.Errorf("it is %s after %+v", r.status("tool"), j)
	}
}

func TestAnAppWhoseContainerIsGoneStaysUntilAPersonDecides(t *testing.T) {
	t.Parallel()
	r, sim, app := deployed(t, pvesim.Options{}, testConfig(t.TempDir()), "tool")
	r.destroyOutside("tool")
	r.reconcile()
	rec := r.record("tool")
	if rec.Status != StatusError || rec.Error != "container deleted outside Proximity" || !strings.Contains(rec.Hint, "backup") || !strings.Contains(rec.Hint, "forget") || rec.PublicPort != app.PublicPort {
		t.Errorf("the record is %+v", rec)
	}
	r.until("there is an alert", func() bool {
		return slices.ContainsFunc(r.World(admin).Alerts, func(a Alert) bool {
			return a.Object == "app/"+app.ID && a.Level == "error" && strings.Contains(a.Text, "deleted outside")
		})
	})
	log, err := r.DeploymentLog(t.Context(), admin, "tool", 0)
	if err != nil || !slices.ContainsFunc(log, func(l LogLine) bool { return l.Step == "repair" && l.Level == "error" }) {
		t.Errorf("its log does not tell: %v", err)
	}
	if got, err := r.Audit(t.Context(), admin, AuditFilter{Action: "app.repair"}); err != nil || len(got) != 1 || got[0].Target != "tool" || got[0].Via != ViaScheduler {
		t.Errorf("the audit has %+v, %v", got, err)
	}
	if j := r.reconcile(); len(r.jobsOfKind("repair")) != 1 {
		t.Errorf("it is told again: %+v", j)
	}
	if _, err := r.DoApp(t.Context(), admin, StartApp, "tool"); !errors.Is(err, ErrConflict) {
		t.Errorf("starting it: %v", err)
	}
	// Whoever puts it back, from Proxmox, finds it as it was.
	r.done(r.DeleteApp(t.Context(), admin, "tool", DeleteOptions{}))
	if _, err := r.App(t.Context(), admin, "tool"); !errors.Is(err, ErrNotFound) || len(managed(sim)) != 0 {
		t.Errorf("forgotten, it is still there: %v", err)
	}
}

func (r *rig) jobsOfKind(kind string) []JobView {
	r.t.Helper()
	list, err := r.Jobs(context.Background(), admin, JobFilter{Limit: 200})
	if err != nil {
		r.t.Fatal(err)
	}
	return slices.DeleteFunc(list, func(j JobView) bool { return j.Kind != kind })
}

func TestAContainerThatIsThereAgainIsTakenBack(t *testing.T) {
	t.Parallel()
	r, _, app := deployed(t, pvesim.Options{}, testConfig(t.TempDir()), "tool")
	l, _ := r.liveHost("lab")
	cfg, err := l.client.GuestConfig(t.Context(), app.Node, app.VMID)
	if err != nil {
		t.Fatal(err)
	}
	marks := func(s string) {
		t.Helper()
		if err := l.client.SetConfig(t.Context(), app.Node, app.VMID, map[string]string{"description": s}, ""); err != nil {
			t.Fatal(err)
		}
	}
	marks("tidied up")
	r.reconcile()
	if rec := r.record("tool"); rec.Status != StatusError || !rec.Lost || !strings.Contains(rec.Error, "marks") {
		t.Errorf("without its marks it is %s: %s", rec.Status, rec.Error)
	}
	marks(cfg.Description)
	r.reconcile()
	if rec := r.record("tool"); rec.Status != StatusRunning || rec.Lost || rec.Error != "" {
		t.Errorf("with its marks it is %+v", rec)
	}
}

func TestForgettingAnAppLeavesTheContainerWithItsNumber(t *testing.T) {
	t.Parallel()
	r, sim, app := deployed(t, pvesim.Options{}, testConfig(t.TempDir()), "tool")
	l, _ := r.liveHost("lab")
	if err := l.client.SetConfig(t.Context(), app.Node, app.VMID, map[string]string{"description": "somebody else's now"}, ""); err != nil {
		t.Fatal(err)
	}
	r.reconcile()
	r.done(r.DeleteApp(t.Context(), admin, "tool", DeleteOptions{Now: true}))
	if _, err := r.App(t.Context(), admin, "tool"); !errors.Is(err, ErrNotFound) {
		t.Errorf("its record is still there: %v", err)
	}
	if !slices.ContainsFunc(sim.Guests(), func(g pvesim.GuestInfo) bool { return g.VMID == app.VMID && g.Status == "running" }) {
		t.Error("the container was touched")
	}
}

func TestWhatAFailedDeleteLeftIsCleanedUpOnceItIsGone(t *testing.T) {
	t.Parallel()
	r, sim, _ := deployed(t, pvesim.Options{}, testConfig(t.TempDir()), "tool")
	heal := sim.Inject(pvesim.Fault{Method: "DELETE", Path: "/nodes/*/lxc/*", Do: "403:Permission check failed (/vms/100, VM.Allocate)"})
	j, err := r.DeleteApp(t.Context(), admin, "tool", DeleteOptions{Now: true})
	if err != nil {
		t.Fatal(err)
	}
	if j = r.end(j.ID); j.State != "failed" || r.status("tool") != StatusError {
		t.Fatalf("the delete ended %s, the app is %s", j.State, r.status("tool"))
	}
	heal()
	r.reconcile()
	if r.status("tool") != StatusError {
		t.Error("it is cleaned up while its container is there")
	}
	r.destroyOutside("tool")
	r.reconcile()
	if _, err := r.App(t.Context(), admin, "tool"); !errors.Is(err, ErrNotFound) {
		t.Errorf("its record is still there: %v", err)
	}
}

func TestWhatWasStoppedOutsideIsCorrectedButNotUnderOurHands(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t.TempDir())
	cfg.Pace.Settled = time.Hour // a job of ours has just worked on it
	r, _, _ := deployed(t, pvesim.Options{}, cfg, "tool")
	r.stopOutside("tool")
	r.reconcile()
	if r.status("tool") != StatusRunning {
		t.Error("corrected right after a job of ours")
	}
	r.stop()
	cfg.Pace.Settled = time.Millisecond
	r = openRig(t, cfg)
	r.reconcile()
	if r.status("tool") != StatusStopped {
		t.Errorf("it is %s", r.status("tool"))
	}
	r.done(r.DoApp(t.Context(), admin, StartApp, "tool"))
}

func TestAContainerThatMovedIsFollowed(t *testing.T) {
	t.Parallel()
	r, sim, app := deployed(t, pvesim.Options{}, testConfig(t.TempDir()), "tool")
	to := "pve1"
	if app.Node == to {
		to = "pve2"
	}
	sim.Migrate(app.VMID, to)
	r.reconcile()
	if rec := r.record("tool"); rec.Node != to || rec.Status != StatusRunning {
		t.Errorf("it is %s on %s, not on %s", rec.Status, rec.Node, to)
	}
	r.done(r.DoApp(t.Context(), admin, RestartApp, "tool"))
}

func TestOneReconcileAtATime(t *testing.T) {
	t.Parallel()
	r, sim, _ := deployed(t, pvesim.Options{}, testConfig(t.TempDir()), "tool")
	free := sim.Inject(pvesim.Fault{Method: "GET", Path: "/cluster/status", Do: "delay:300ms"})
	defer free()
	first, err := r.Reconcile(t.Context(), admin)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Reconcile(t.Context(), admin); !errors.Is(err, ErrConflict) {
		t.Errorf("a second one meanwhile: %v", err)
	}
	if j := r.end(first.ID); j.State != "succeeded" || j.AppID != "" {
		t.Errorf("the first ended %s: %s", j.State, j.Error)
	}
	eve := Actor{User: "eve", Role: RoleUser, Via: ViaSSH}
	if _, err := r.Reconcile(t.Context(), eve); !errors.Is(err, ErrDenied) {
		t.Errorf("a user asks for it: %v", err)
	}
}

func TestTheJanitorPutsWhatIsStuckInErrorAndTouchesNothing(t *testing.T) {
	t.Parallel()
	r, sim, view := deployed(t, pvesim.Options{}, testConfig(t.TempDir()), "tool")
	half := func(s AppStatus, since time.Duration) {
		t.Helper()
		if err := r.store.Update(func(tx *store.Tx) error {
			return r.changeApp(tx, view.ID, func(a *app) error { a.Status, a.ChangedAt = s, time.Now().Add(-since); return nil })
		}); err != nil {
			t.Fatal(err)
		}
	}
	tidy := func() {
		t.Helper()
		r.done(r.Janitor(t.Context(), admin))
		r.until("the diagnosis ends", func() bool { return len(r.engine.Live()) == 0 })
	}
	half(StatusUpdating, 59*time.Minute)
	tidy()
	if r.status("tool") != StatusUpdating {
		t.Error("it is called stuck before an hour has passed")
	}
	half(StatusUpdating, 61*time.Minute)
	tidy()
	rec := r.record("tool")
	if rec.Status != StatusError || rec.Hint == "" || !strings.Contains(rec.Error, "updating") {
		t.Errorf("it is %s: %s (%s)", rec.Status, rec.Error, rec.Hint)
	}
	if g := managed(sim); len(g) != 1 || g[0].Status != "running" {
		t.Errorf("its container is %+v", g)
	}
	log, err := r.DeploymentLog(t.Context(), admin, "tool", 0)
	if err != nil || !slices.ContainsFunc(log, func(l LogLine) bool { return l.Step == "janitor_diagnosis" && l.Level == "error" }) {
		t.Errorf("its log does not tell: %v", err)
	}
	// A delete that waits is on its way for as long as it is told to.
	r.done(r.DeleteApp(t.Context(), admin, "tool", DeleteOptions{}))
}
