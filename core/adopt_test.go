package core

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"

	"proximity/pvesim"
	"proximity/store"
)

// strangers is a rig on a cluster full of containers that nobody manages.
func strangers(t *testing.T, n int) (*rig, *pvesim.Cluster) {
	t.Helper()
	sim := startSim(t, pvesim.Options{TaskTime: 0.01, Guests: n})
	r := openRig(t, testConfig(t.TempDir()))
	r.connect(sim)
	return r, sim
}

// guest finds a simulated guest.
func guest(t *testing.T, sim *pvesim.Cluster, so func(pvesim.GuestInfo) bool) pvesim.GuestInfo {
	t.Helper()
	for _, g := range sim.Guests() {
		if so(g) {
			return g
		}
	}
	t.Fatal("the simulated cluster has no such guest")
	return pvesim.GuestInfo{}
}

func container(status string) func(pvesim.GuestInfo) bool {
	return func(g pvesim.GuestInfo) bool { return g.Type == "lxc" && g.Status == status && g.Foreign }
}

func TestDiscoverListsWhatNobodyManages(t *testing.T) {
	t.Parallel()
	r, sim := strangers(t, 12)
	_, job := r.deploy(DeployRequest{CatalogID: "adminer", Hostname: "tool"})
	r.end(job.ID)
	found, err := r.Discover(t.Context(), admin, "")
	if err != nil {
		t.Fatal(err)
	}
	want := 0
	for _, g := range sim.Guests() {
		if g.Type == "lxc" && g.Foreign {
			want++
		}
	}
	if len(found) != want {
		t.Errorf("%d found of %d containers", len(found), want)
	}
	names := map[string]bool{}
	for _, f := range found {
		g := guest(t, sim, func(g pvesim.GuestInfo) bool { return g.VMID == f.VMID })
		if f.Host != "lab" || f.Node != g.Node || f.Name != g.Hostname || f.Status != g.Status || f.Cores != g.Cores || f.MemoryMB != g.MemoryMB || f.DiskGB != g.DiskGB || f.OS == "" {
			t.Errorf("CT %d is found as %+v, it is %+v", f.VMID, f, g)
		}
		if f.PortsKnown != (g.Status == "running") {
			t.Errorf("CT %d, which is %s: its ports are known: %v", f.VMID, g.Status, f.PortsKnown)
		}
		if !goodHostname(f.Hostname) || names[f.Hostname] || f.Hostname == "tool" {
			t.Errorf("CT %d would be adopted as %q", f.VMID, f.Hostname)
		}
		names[f.Hostname] = true
	}
	sim.Disconnect()
	if _, err := r.Discover(t.Context(), admin, "lab"); !errors.Is(err, ErrUnreachable) {
		t.Errorf("of a host that is away: %v", err)
	}
	if _, err := r.Discover(t.Context(), admin, "attic"); !errors.Is(err, ErrNotFound) {
		t.Errorf("of a host that is not there: %v", err)
	}
}

func TestWhatAContainerLooksLike(t *testing.T) {
	t.Parallel()
	c := idleCore(t)
	for name, tc := range map[string]struct {
		ports []int
		id    string
		sure  bool
	}{
		"miniflux":      {[]int{22, 8080}, "miniflux", true},
		"my-miniflux-2": {nil, "miniflux", false},
		"Adminer":       {[]int{9999}, "adminer", false},
		"paperless":     {nil, "paperless-ngx", false},
		"box":           {[]int{22, 5432}, "postgresql", false},
		"nobody":        {[]int{31337}, "", false},
		"web":           {[]int{22, 8080}, "", false},
	} {
		m, sure := c.looksLike(name, tc.ports)
		id := ""
		if m != nil {
			id = m.ID
		}
		if id != tc.id || sure != tc.sure {
			t.Errorf("%s with %v looks like %q (sure: %v)", name, tc.ports, id, sure)
		}
	}
}

func TestPortsAreReadFromWhateverIsThere(t *testing.T) {
	t.Parallel()
	for name, out := range map[string]string{
		"ss": "State  Recv-Q Send-Q Local Address:Port  Peer Address:Port\nLISTEN 0      4096   0.0.0.0:80         0.0.0.0:*\nLISTEN 0      4096   [::]:80            [::]:*\n" +
			"LISTEN 0      128    *:22               *:*\nLISTEN 0      128    127.0.0.1:5432     0.0.0.0:*\nLISTEN 0 5 [::1]:25 [::]:*\nLISTEN 0 5 10.0.0.4%eth0:8080 0.0.0.0:*\n",
		"netstat": "Active Internet connections (only servers)\nProto Recv-Q Send-Q Local Address           Foreign Address         State\n" +
			"tcp        0      0 0.0.0.0:80              0.0.0.0:*               LISTEN\ntcp        0      0 :::22                   :::*                    LISTEN\ntcp 0 0 10.0.0.4:8080 0.0.0.0:* LISTEN\ntcp 0 0 ::1:25 :::* LISTEN\n",
		"garbage": "LISTEN\nLISTEN 0 0 x\nLISTEN 0 0 a:b\nLISTEN 0 0 a:99999999999\n\x1b]0;x\x07 LISTEN 1 *:80 LISTEN\nLISTEN 0 0 *:8080\nLISTEN 0 0 *:22\nLISTEN 0 0 *:80",
	} {
		if got := portsIn(out); !slices.Equal(got, []int{22, 80, 8080}) {
			t.Errorf("%s gives %v", name, got)
		}
	}
}

func TestAnAdoptedContainerIsManagedAndNeverDestroyed(t *testing.T) {
	t.Parallel()
	r, sim := strangers(t, 12)
	g := guest(t, sim, container("running"))
	l, _ := r.liveHost("lab")
	before, err := l.client.GuestConfig(t.Context(), g.Node, g.VMID)
	if err != nil {
		t.Fatal(err)
	}
	a, job, err := r.Adopt(t.Context(), admin, AdoptRequest{VMID: g.VMID, Hostname: "foundling", Port: 8080})
	if err != nil || a.Status != StatusAdopting || !a.Adopted || !strings.HasPrefix(a.ID, a.CatalogID+"-") {
		t.Fatalf("it is %+v, %v", a, err)
	}
	adopted := r.done(job, nil)
	a, _ = r.App(t.Context(), admin, "foundling")
	if a.Status != StatusRunning || a.PublicPort == 0 || a.InternalPort != 8080 || a.Owner != "admin" || a.Node != g.Node || a.Cores != g.Cores || a.MemoryMB != g.MemoryMB || a.DiskGB != g.DiskGB || a.Address == "" {
		t.Errorf("it is %+v", a)
	}
	if k := a.Adoption; k == nil || k.Name != g.Hostname || k.VMID != g.VMID || k.Status != "running" || k.PortFrom != "given" || k.Config["hostname"] != g.Hostname || k.Memory == 0 {
		t.Errorf("what was taken down is %+v", k)
	}
	if _, _, err := r.Adopt(t.Context(), admin, AdoptRequest{VMID: g.VMID}); !errors.Is(err, ErrConflict) || !strings.Contains(err.Error(), "foundling") {
		t.Errorf("adopting it twice: %v", err)
	}
	if found, _ := r.Discover(t.Context(), admin, ""); slices.ContainsFunc(found, func(f FoundGuest) bool { return f.VMID == g.VMID }) {
		t.Error("it can still be discovered")
	}
	r.done(r.DoApp(t.Context(), admin, StopApp, "foundling"))
	r.done(r.DoApp(t.Context(), admin, StartApp, "foundling"))
	r.reconcile()
	if r.status("foundling") != StatusRunning {
		t.Errorf("reconciled, it is %s", r.status("foundling"))
	}
	after, err := l.client.GuestConfig(t.Context(), g.Node, g.VMID)
	if err != nil || after.Digest != before.Digest {
		t.Errorf("its configuration was changed: %v", err)
	}
	if list, err := r.Audit(t.Context(), admin, AuditFilter{Action: "app.adopt", Result: "ok"}); err != nil || len(list) != 1 || !list[0].Undo || list[0].Job != adopted.ID {
		t.Errorf("the audit has %+v, %v", list, err)
	}
	// Every way that ends an app of ours only lets this one go.
	r.done(r.DeleteApp(t.Context(), admin, "foundling", DeleteOptions{Now: true}))
	if now := guest(t, sim, func(x pvesim.GuestInfo) bool { return x.VMID == g.VMID }); now.Status != "running" {
		t.Errorf("deleted, its container is %s", now.Status)
	}
	found, err := r.Discover(t.Context(), admin, "")
	if err != nil || !slices.ContainsFunc(found, func(f FoundGuest) bool { return f.VMID == g.VMID }) {
		t.Errorf("it cannot be discovered again: %v", err)
	}
	for _, q := range sim.Requests() {
		if q.Method == "DELETE" && strings.Contains(q.Path, "/lxc/") {
			t.Errorf("%s %s", q.Method, q.Path)
		}
	}
}

// Even a delete job that was made by mistake, or by an older version, does not
// destroy an adopted container.
func TestNoJobDestroysAnAdoptedContainer(t *testing.T) {
	t.Parallel()
	r, sim := strangers(t, 6)
	g := guest(t, sim, container("running"))
	_, job, err := r.Adopt(t.Context(), admin, AdoptRequest{VMID: g.VMID, Hostname: "foundling", Port: 8080})
	r.done(job, err)
	rec := r.record("foundling")
	var id uint64
	if err := r.store.Update(func(tx *store.Tx) error {
		j, err := r.enqueue(tx, admin, "delete", rec, "delete foundling", deletion{App: rec.ID, Was: standingOf(rec)})
		id = j.ID
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if j := r.end(id); j.State != "failed" || !strings.Contains(j.Error, "never destroys") {
		t.Errorf("it ended %s: %s", j.State, j.Error)
	}
	if g := guest(t, sim, func(x pvesim.GuestInfo) bool { return x.VMID == g.VMID }); g.VMID == 0 {
		t.Error("it is gone")
	}
}

func TestThePortOfAnAdoptedContainerIsFound(t *testing.T) {
	t.Parallel()
	r, sim := strangers(t, 40)
	serving := guest(t, sim, func(g pvesim.GuestInfo) bool {
		return container("running")(g) && slices.Contains([]string{"homeassistant", "nodered", "blog", "prometheus", "photos", "chat", "jellyfin"}, g.Hostname)
	})
	_, job, err := r.Adopt(t.Context(), admin, AdoptRequest{Host: "lab", Node: serving.Node, VMID: serving.VMID, Hostname: "served"})
	r.done(job, err)
	a, _ := r.App(t.Context(), admin, "served")
	if a.Adoption.PortFrom != "detected" || !slices.Contains(a.Adoption.Ports, a.InternalPort) || a.InternalPort < 1024 {
		t.Errorf("its port is %d, of %+v", a.InternalPort, a.Adoption)
	}
	r.until("it is published", func() bool { code, _, err := get(a.URL); return err == nil && code == 200 })
	still := guest(t, sim, container("stopped"))
	_, job, err = r.Adopt(t.Context(), admin, AdoptRequest{VMID: still.VMID, Hostname: "still", Type: "my-thing"})
	r.done(job, err)
	a, _ = r.App(t.Context(), admin, "still")
	if a.Status != StatusStopped || a.Adoption.PortFrom != "assumed" || a.InternalPort != 80 || a.CatalogID != "my-thing" {
		t.Errorf("a stopped one is %+v, %+v", a, a.Adoption)
	}
	if g := guest(t, sim, func(x pvesim.GuestInfo) bool { return x.VMID == still.VMID }); g.Status != "stopped" {
		t.Error("it was started")
	}
}

func TestANodeWithoutSSHHoldsNoAdoptionUp(t *testing.T) {
	t.Parallel()
	sim := startSim(t, pvesim.Options{TaskTime: 0.01, Guests: 12})
	r := openRig(t, testConfig(t.TempDir()))
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = nobody.Close() // a port that refuses
	_, err = r.AddHost(t.Context(), admin, AddHostRequest{Name: "lab", URL: sim.URL(), User: "root@pam", Password: sim.RootPassword(), Fingerprint: sim.Fingerprint(),
		SSHPort: nobody.Addr().(*net.TCPAddr).Port})
	if err != nil {
		t.Fatal(err)
	}
	r.until("the host answers", func() bool { return r.state("lab") == "online" })
	g := guest(t, sim, container("running"))
	_, job, err := r.Adopt(t.Context(), admin, AdoptRequest{VMID: g.VMID, Hostname: "foundling", Type: "my-thing"})
	r.done(job, err)
	a, _ := r.App(t.Context(), admin, "foundling")
	if a.Status != StatusRunning || a.Adoption.PortFrom != "assumed" || a.Address == "" {
		t.Errorf("it is %+v, %+v", a, a.Adoption)
	}
	if log, err := r.JobLog(t.Context(), admin, job.ID, 0, 0); err != nil || !slices.ContainsFunc(log, func(l LogLine) bool { return l.Level == "warning" && strings.Contains(l.Text, "SSH of "+g.Node) }) {
		t.Errorf("its log does not say so: %+v, %v", log, err)
	}
}

func TestTheLogOfAnAdoptedContainerIsWhatItLogs(t *testing.T) {
	t.Parallel()
	r, _ := strangers(t, 12)
	found, err := r.Discover(t.Context(), admin, "")
	if err != nil {
		t.Fatal(err)
	}
	g := found[slices.IndexFunc(found, func(f FoundGuest) bool { return f.Status == "running" && f.OS == "debian" })]
	_, job, err := r.Adopt(t.Context(), admin, AdoptRequest{VMID: g.VMID, Hostname: "foundling", Port: 8080})
	r.done(job, err)
	var log []string
	read := func(tail int) error {
		log = nil
		return r.AppLogs(t.Context(), admin, "foundling", tail, false, func(s string) { log = append(log, s) })
	}
	if err := read(100); err != nil || len(log) == 0 || !strings.Contains(log[len(log)-1], "Started") {
		t.Errorf("its journal: %q, %v", log, err)
	}
	if err := read(1); err != nil || len(log) != 1 {
		t.Errorf("one line of it: %q, %v", log, err)
	}
	ctx, leave := context.WithCancel(t.Context())
	if err := r.AppLogs(ctx, admin, "foundling", 1, true, func(string) { leave() }); err != nil {
		t.Errorf("following it: %v", err)
	}
	l, _ := r.liveHost("lab")
	run := func(script string) {
		var out strings.Builder
		if exit, err := l.client.Exec(t.Context(), g.Node, g.VMID, script, &out); exit != 0 || err != nil {
			t.Fatalf("%s: exit %d, %v\n%s", script, exit, err, &out)
		}
	}
	run("mv /usr/bin/journalctl /root/")
	if err := read(100); !errors.Is(err, ErrFailed) || !strings.Contains(err.Error(), "keeps no log") {
		t.Errorf("without a log: %v", err)
	}
	run("echo one >/var/log/messages; echo two >>/var/log/messages")
	if err := read(1); err != nil || !slices.Equal(log, []string{"two"}) {
		t.Errorf("its log file: %q, %v", log, err)
	}
	run("apt-get update && apt-get install -y docker.io docker-cli && docker run -d --name web nginx:1.27")
	if err := read(5); err != nil || len(log) == 0 || !strings.HasPrefix(log[0], "web: ") {
		t.Errorf("its docker containers: %q, %v", log, err)
	}
}

func TestAdoptRefusesWhatMakesNoSense(t *testing.T) {
	t.Parallel()
	r, sim := strangers(t, 12)
	_, job := r.deploy(DeployRequest{CatalogID: "adminer", Hostname: "tool"})
	r.end(job.ID)
	own, _ := r.App(t.Context(), admin, "tool")
	ct := guest(t, sim, container("running"))
	vm := guest(t, sim, func(g pvesim.GuestInfo) bool { return g.Type == "qemu" })
	for name, c := range map[string]struct {
		req   AdoptRequest
		kind  error
		field string
	}{
		"no number":      {AdoptRequest{}, ErrInvalid, "vmid"},
		"nobody":         {AdoptRequest{VMID: 999999}, ErrNotFound, "vmid"},
		"a machine":      {AdoptRequest{VMID: vm.VMID}, ErrInvalid, "vmid"},
		"ours":           {AdoptRequest{VMID: own.VMID}, ErrConflict, "vmid"},
		"unknown host":   {AdoptRequest{VMID: ct.VMID, Host: "attic"}, ErrNotFound, ""},
		"unknown node":   {AdoptRequest{VMID: ct.VMID, Node: "pve9"}, ErrNotFound, "node"},
		"another node":   {AdoptRequest{VMID: ct.VMID, Node: map[string]string{"pve1": "pve2", "pve2": "pve3", "pve3": "pve1"}[ct.Node]}, ErrNotFound, "node"},
		"no port":        {AdoptRequest{VMID: ct.VMID, Port: 70000}, ErrInvalid, "port"},
		"no name":        {AdoptRequest{VMID: ct.VMID, Hostname: "x y"}, ErrInvalid, "hostname"},
		"a taken name":   {AdoptRequest{VMID: ct.VMID, Hostname: "tool"}, ErrConflict, "hostname"},
		"a hostile type": {AdoptRequest{VMID: ct.VMID, Type: "../../etc"}, ErrInvalid, "type"},
	} {
		_, _, err := r.Adopt(t.Context(), admin, c.req)
		var e *Error
		if !errors.As(err, &e) || kindOf(err) != c.kind || e.Field != c.field {
			t.Errorf("%s: %v, want %v on %q", name, err, c.kind, c.field)
		}
	}
	if len(r.cachedApps()) != 1 {
		t.Error("records are left behind")
	}
}

func TestAContainerThatTookItsPlaceIsNotTheAdoptedOne(t *testing.T) {
	t.Parallel()
	r, sim := strangers(t, 6)
	g := guest(t, sim, container("running"))
	_, job, err := r.Adopt(t.Context(), admin, AdoptRequest{VMID: g.VMID, Hostname: "foundling", Port: 8080})
	r.done(job, err)
	l, _ := r.liveHost("lab")
	if err := l.client.SetConfig(t.Context(), g.Node, g.VMID, map[string]string{"net0": "name=eth0,bridge=vmbr0,ip=dhcp,hwaddr=BC:24:11:00:00:01"}, ""); err != nil {
		t.Fatal(err)
	}
	j, err := r.DoApp(t.Context(), admin, StopApp, "foundling")
	if err != nil {
		t.Fatal(err)
	}
	if j = r.end(j.ID); j.State != "failed" || j.Hint == "" {
		t.Errorf("stopping it ended %s: %s", j.State, j.Error)
	}
	if g := guest(t, sim, func(x pvesim.GuestInfo) bool { return x.VMID == g.VMID }); g.Status != "running" {
		t.Error("the stranger was stopped")
	}
}

func TestTwoHostsMayHaveContainersOfOneNumber(t *testing.T) {
	t.Parallel()
	r := openRig(t, testConfig(t.TempDir()))
	for _, name := range []string{"attic", "barn"} {
		r.connectAs(startSim(t, pvesim.Options{Nodes: 1, Guests: 4, TaskTime: 0.01}), name)
	}
	for _, name := range []string{"attic", "barn"} {
		_, job, err := r.Adopt(t.Context(), admin, AdoptRequest{Host: name, VMID: 1000, Hostname: "of-" + name, Port: 8080})
		r.done(job, err)
	}
	if a, b := r.record("of-attic"), r.record("of-barn"); a.VMID != b.VMID || a.MAC != b.MAC || a.PublicPort == b.PublicPort {
		t.Errorf("they are %+v and %+v", a, b)
	}
}
