package core

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"proximity/core/pve"
	"proximity/pvesim"
)

// clone starts a clone that must be accepted.
func (r *rig) clone(name string, req CloneRequest) (AppView, JobView) {
	r.t.Helper()
	a, j, err := r.CloneApp(r.t.Context(), admin, name, req)
	if err != nil {
		r.t.Fatal(err)
	}
	return a, j
}

// running deploys an app and waits until it runs.
func (r *rig) running(catalogID, hostname string) AppView {
	r.t.Helper()
	_, job := r.deploy(DeployRequest{CatalogID: catalogID, Hostname: hostname})
	r.succeeds(job)
	app, err := r.App(r.t.Context(), admin, hostname)
	if err != nil {
		r.t.Fatal(err)
	}
	return app
}

// succeeds follows a job to an end that must be a good one.
func (r *rig) succeeds(job JobView) JobView {
	r.t.Helper()
	j := r.end(job.ID)
	if j.State != "succeeded" {
		r.t.Fatalf("%s ended %s: %s (%s) %s\n%s", j.Title, j.State, j.Error, j.Hint, j.Left, r.dump())
	}
	return j
}

// did does a verb to an app and waits for its good end.
func (r *rig) did(verb AppVerb, name string) {
	r.t.Helper()
	j, err := r.DoApp(r.t.Context(), admin, verb, name)
	if err != nil {
		r.t.Fatal(err)
	}
	r.succeeds(j)
}

// rawGuest is a container of the simulator by number.
func rawGuest(t testing.TB, sim *pvesim.Cluster, vmid int) pvesim.GuestInfo {
	t.Helper()
	for _, g := range sim.Guests() {
		if g.VMID == vmid {
			return g
		}
	}
	t.Fatalf("there is no CT %d", vmid)
	return pvesim.GuestInfo{}
}

// snapshotsOf lists the snapshots of an app's container.
func (r *rig) snapshotsOf(app AppView) []string {
	r.t.Helper()
	l, err := r.liveHost(app.Host)
	if err != nil {
		r.t.Fatal(err)
	}
	list, err := l.client.Snapshots(r.t.Context(), app.Node, app.VMID)
	if err != nil {
		r.t.Fatal(err)
	}
	var names []string
	for _, s := range list {
		names = append(names, s.Name)
	}
	return names
}

// twins checks that a copy is an app of its own with the data of its source.
func (r *rig) twins(sim *pvesim.Cluster, source, copied AppView) {
	r.t.Helper()
	if copied.ClonedFrom != source.Hostname {
		r.t.Errorf("it is a clone of %q", copied.ClonedFrom)
	}
	was, _ := r.appNamed(admin, source.ID)
	now, err := r.appNamed(admin, copied.ID)
	if err != nil || now.Status != StatusRunning {
		r.t.Fatalf("the copy is %+v, %v\n%s", now, err, r.dump())
	}
	if now.VMID == was.VMID || now.MAC == was.MAC || now.PublicPort == was.PublicPort || now.RootPassword == was.RootPassword || now.Address == was.Address || now.Address == "" {
		r.t.Errorf("the copy shares something with its source:\n%+v\n%+v", was, now)
	}
	g, s := rawGuest(r.t, sim, now.VMID), rawGuest(r.t, sim, was.VMID)
	if g.Hostname != now.Hostname || len(g.MACs) != 1 || !strings.EqualFold(g.MACs[0], now.MAC) || !strings.Contains(g.Description, now.ID) || strings.Contains(g.Description, was.ID) || g.Lock != "" {
		r.t.Errorf("the copy's container is %+v", g)
	}
	if s.Lock != "" || !strings.Contains(s.Description, was.ID) || s.Status != string(was.Status) {
		r.t.Errorf("the source's container has become %+v", s)
	}
	if left := r.snapshotsOf(source); len(left) > 0 {
		r.t.Errorf("snapshots are left behind: %v", left)
	}
	secrets, _ := r.AppSecrets(r.t.Context(), admin, source.ID)
	same, _ := r.AppSecrets(r.t.Context(), admin, copied.ID)
	if fmt.Sprint(secrets) != fmt.Sprint(same) {
		r.t.Error("the copy has other secrets than its data")
	}
	env, _ := sim.Machine(now.VMID).ReadFile(appDir(now) + "/.env")
	for _, line := range []string{"PX_URL='" + strings.TrimSuffix(r.viewApp(now).URL, "/"), fmt.Sprintf("PX_PORT='%d'\n", now.PublicPort)} {
		if !strings.Contains(string(env), line) {
			r.t.Errorf("its .env does not say %s:\n%s", line, env)
		}
	}
	view, _ := r.App(r.t.Context(), admin, copied.ID)
	r.until("the copy answers", func() bool { code, _, err := get(view.URL); return err == nil && code == 200 })
}

func TestCloningARunningAppGivesASecondOne(t *testing.T) {
	t.Parallel()
	sim := startSim(t, pvesim.Options{TaskTime: 0.01})
	r := openRig(t, testConfig(t.TempDir()))
	r.connect(sim)
	source := r.running("miniflux", "reader")
	_, job := r.clone("reader", CloneRequest{Hostname: "reader-two"})
	if !strings.Contains(job.Title, "reader as reader-two") || len(job.Also) != 1 || job.Also[0] != source.ID {
		t.Errorf("the job is %+v", job)
	}
	if _, err := r.DoApp(t.Context(), admin, DeleteApp, "reader"); !errors.Is(err, ErrConflict) || !strings.Contains(err.Error(), "clone reader as reader-two") {
		t.Errorf("deleting the source meanwhile: %v", err)
	}
	r.succeeds(job)
	copied, _ := r.App(t.Context(), admin, "reader-two")
	r.twins(sim, source, copied)
	r.did(DeleteApp, "reader-two") // it is a whole app: deleting it leaves the source alone
	if code, _, err := get(source.URL); err != nil || code != 200 {
		t.Errorf("the source answers %d, %v", code, err)
	}
}

func TestCloningAStoppedApp(t *testing.T) {
	t.Parallel()
	sim := startSim(t, pvesim.Options{TaskTime: 0.01})
	r := openRig(t, testConfig(t.TempDir()))
	r.connect(sim)
	r.running("adminer", "tool")
	r.did(StopApp, "tool")
	_, job := r.clone("tool", CloneRequest{Hostname: "tool-two"})
	r.succeeds(job)
	for _, q := range sim.Requests() {
		if q.Method == "POST" && strings.HasSuffix(q.Path, "/snapshot") {
			t.Errorf("a stopped container needs no snapshot: %s", q.Path)
		}
	}
	source, _ := r.App(t.Context(), admin, "tool")
	copied, _ := r.App(t.Context(), admin, "tool-two")
	if source.Status != StatusStopped {
		t.Errorf("the source is %s", source.Status)
	}
	r.did(StartApp, "tool") // it has an address of its own only while it runs
	source, _ = r.App(t.Context(), admin, "tool")
	r.twins(sim, source, copied)
}

// thick is a storage for containers that has no snapshots, and so much room
// that it is chosen.
var thick = pvesim.Storage{Name: "thick", Type: "lvm", Content: []string{"rootdir"}, GB: 5000}

func TestAStorageWithoutSnapshotsWantsTheSourceStopped(t *testing.T) {
	t.Parallel()
	sim := startSim(t, pvesim.Options{TaskTime: 0.01, Storages: []pvesim.Storage{thick}})
	r := openRig(t, testConfig(t.TempDir()))
	r.connect(sim)
	r.running("adminer", "tool")
	_, _, err := r.CloneApp(t.Context(), admin, "tool", CloneRequest{Hostname: "tool-two"})
	if !errors.Is(err, ErrConflict) || !strings.Contains(err.Error(), "thick") || !strings.Contains(err.Error(), "--stop") {
		t.Fatalf("refused with %v", err)
	}
	check, err := r.CheckClone(t.Context(), admin, "tool", CloneRequest{})
	if err != nil || check.Snapshots || len(check.Problems) != 1 || check.Problems[0].Field != "stop_first" || check.Hostname != "tool-2" {
		t.Errorf("the overlay is told %+v, %v", check, err)
	}
	var during atomic.Pointer[AppView]
	sim.OnRequest(func(q pvesim.Request) {
		if strings.HasSuffix(q.Path, "/clone") {
			a, _ := r.App(t.Context(), admin, "tool")
			during.Store(&a)
		}
	})
	_, job := r.clone("tool", CloneRequest{Hostname: "tool-two", StopFirst: true})
	r.succeeds(job)
	if a := during.Load(); a == nil || a.Status != StatusStopped || a.Drift != "" || a.Job == nil || a.Job.ID != job.ID {
		t.Errorf("while it is copied it is %+v", a)
	}
	copied, _ := r.App(t.Context(), admin, "tool-two")
	source, _ := r.App(t.Context(), admin, "tool")
	r.twins(sim, source, copied)
	if code, _, err := get(source.URL); err != nil || code != 200 {
		t.Errorf("the source answers %d, %v", code, err)
	}
}

func TestACopyGoesToAnotherNodeOnlyWithItsStorage(t *testing.T) {
	t.Parallel()
	shared := pvesim.Storage{Name: "ceph", Type: "rbd", Content: []string{"rootdir"}, Shared: true, GB: 9000}
	sim := startSim(t, pvesim.Options{TaskTime: 0.01, Storages: []pvesim.Storage{shared}})
	r := openRig(t, testConfig(t.TempDir()))
	r.connect(sim)
	source := r.running("adminer", "tool")
	other := "pve1"
	if source.Node == other {
		other = "pve2"
	}
	_, job := r.clone("tool", CloneRequest{Hostname: "tool-two", Node: other})
	r.succeeds(job)
	copied, _ := r.App(t.Context(), admin, "tool-two")
	if copied.Node != other || rawGuest(t, sim, copied.VMID).Node != other {
		t.Errorf("the copy is on %s", copied.Node)
	}
	r.twins(sim, source, copied)

	local := startSim(t, pvesim.Options{TaskTime: 0.01})
	l := openRig(t, testConfig(t.TempDir()))
	l.connect(local)
	source = l.running("adminer", "tool")
	other = "pve1"
	if source.Node == other {
		other = "pve2"
	}
	_, _, err := l.CloneApp(t.Context(), admin, "tool", CloneRequest{Hostname: "tool-two", Node: other})
	if !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "only "+source.Node+" can reach") {
		t.Errorf("a copy to %s without a shared storage: %v", other, err)
	}
}

func TestAClonesFailureLeavesTheSourceAsItWas(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, method, path, do, says string }{
		{"the copy fails half-way", "POST", "/nodes/*/lxc/*/clone", "fail-task:clone failed: I/O error", "I/O error"},
		{"the snapshot fails", "POST", "/nodes/*/lxc/*/snapshot", "fail-task:lvcreate failed", "lvcreate failed"},
		{"copying is not allowed", "POST", "/nodes/*/lxc/*/clone", "500:Permission check failed (/vms/101, VM.Clone)", "VM.Clone"},
		{"its card cannot be set", "PUT", "/nodes/*/lxc/*/config", "500:Permission check failed (/vms/101, VM.Config.Network)", "VM.Config.Network"},
		{"it does not start", "POST", "/nodes/*/lxc/*/status/start", "fail-task:startup for container failed", "startup"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			sim := startSim(t, pvesim.Options{TaskTime: 0.005})
			r := openRig(t, testConfig(t.TempDir()))
			r.connect(sim)
			source := r.running("adminer", "tool")
			before := len(managed(sim))
			sim.Inject(pvesim.Fault{Method: c.method, Path: c.path, Do: c.do})
			_, job := r.clone("tool", CloneRequest{Hostname: "tool-two"})
			j := r.end(job.ID)
			if j.State != "failed" || !strings.Contains(j.Error, c.says) || j.Left != "" {
				t.Fatalf("ended %s: %s %s\n%s", j.State, j.Error, j.Left, r.dump())
			}
			if _, err := r.App(t.Context(), admin, "tool-two"); !errors.Is(err, ErrNotFound) {
				t.Errorf("a record of the copy is left: %v", err)
			}
			if after := len(managed(sim)); after != before {
				t.Errorf("%d containers for %d", after, before)
			}
			if left := r.snapshotsOf(source); len(left) > 0 {
				t.Errorf("snapshots are left: %v", left)
			}
			if g := rawGuest(t, sim, source.VMID); g.Lock != "" || g.Status != "running" {
				t.Errorf("the source is %+v", g)
			}
		})
	}
}

// A copy in the making is told from a stranger's container that took its
// number, whatever that stranger copied from ours.
func TestWhatIsNotOurCopyIsNeverDestroyed(t *testing.T) {
	t.Parallel()
	c := &Core{installation: "one"}
	a := app{ID: "adminer-00000001", MAC: "02:00:00:00:00:01", Status: StatusCloning}
	mark, other := c.mark(a), c.mark(app{ID: "adminer-00000002"})
	net := map[int]pve.Net{0: {MAC: "BC:24:11:00:00:09"}}
	own := map[int]pve.Net{0: {MAC: a.MAC}}
	for _, x := range []struct {
		name string
		cfg  pve.GuestConfig
		bare bool
		want ownership
	}{
		{"a lock and nothing else", pve.GuestConfig{Lock: "create"}, true, unready},
		{"being copied", pve.GuestConfig{Lock: "create", Nets: net, Description: mark}, true, unready},
		{"copied", pve.GuestConfig{Nets: net, Description: mark}, true, undressed},
		{"dressed", pve.GuestConfig{Nets: own, Description: mark}, true, ours},
		{"a stranger's copy of our source", pve.GuestConfig{Nets: net, Description: other}, true, foreign},
		{"a stranger being made", pve.GuestConfig{Lock: "create", Nets: net, Description: "mine"}, true, foreign},
		{"another installation's", pve.GuestConfig{Nets: net, Description: strings.Replace(mark, "one", "two", 1)}, true, foreign},
		{"our mark alone, once it is made", pve.GuestConfig{Nets: net, Description: mark}, false, foreign},
		{"our MAC alone", pve.GuestConfig{Nets: own}, true, foreign},
	} {
		a.Bare = x.bare
		if got := c.judge(x.cfg, a); got != x.want {
			t.Errorf("%s: judged %d, want %d", x.name, got, x.want)
		}
	}
}

func TestTheCopyOfAnAdoptedAppIsOurs(t *testing.T) {
	t.Parallel()
	sim := startSim(t, pvesim.Options{TaskTime: 0.01, Nodes: 1, Guests: 4})
	r := openRig(t, testConfig(t.TempDir()))
	r.connect(sim)
	var theirs pvesim.GuestInfo
	for _, g := range sim.Guests() {
		if g.Type == "lxc" && g.Status == "running" {
			theirs = g
		}
	}
	adopted, job, err := r.Adopt(t.Context(), admin, AdoptRequest{VMID: theirs.VMID, Type: "adminer", Port: 80, Hostname: "theirs"})
	if err != nil {
		t.Fatal(err)
	}
	r.succeeds(job)
	_, job = r.clone("theirs", CloneRequest{Hostname: "copy"})
	r.succeeds(job)
	copied, _ := r.App(t.Context(), admin, "copy")
	g := rawGuest(t, sim, copied.VMID)
	if copied.Adopted || copied.Adoption != nil || !strings.Contains(g.Description, copied.ID) || !slices.Contains(g.Tags, "proximity") || g.Status != "running" {
		t.Errorf("the copy is %+v in %+v", copied, g)
	}
	if s := rawGuest(t, sim, theirs.VMID); s.Description != theirs.Description || len(s.Snapshots) > 0 || s.Status != "running" {
		t.Errorf("the source has become %+v", s)
	}
	var log []string
	if err := r.AppLogs(t.Context(), admin, "copy", 5, false, func(s string) { log = append(log, s) }); err != nil || len(log) == 0 || strings.Contains(strings.Join(log, ""), "/opt/proximity") {
		t.Errorf("its log: %q, %v", log, err)
	}
	if _, err := r.CheckUpdate(t.Context(), admin, "copy"); !errors.Is(err, ErrConflict) {
		t.Errorf("an update of what nobody has a recipe for: %v", err)
	}
	job, err = r.DeleteApp(t.Context(), admin, "copy", DeleteOptions{Now: true})
	if err != nil {
		t.Fatal(err)
	}
	r.succeeds(job)
	for _, g := range sim.Guests() {
		if g.VMID == copied.VMID {
			t.Error("the copy's container was not destroyed with it")
		}
	}
	if got, err := r.App(t.Context(), admin, adopted.ID); err != nil || got.Status != StatusRunning {
		t.Errorf("the source is %+v, %v", got, err)
	}
}
