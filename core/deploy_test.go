package core

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"proximity/core/pve"
	"proximity/jobs"
	"proximity/pvesim"
)

func TestDeployedAppRunsAndAnswersOnItsPort(t *testing.T) {
	t.Parallel()
	sim := startSim(t, pvesim.Options{TaskTime: 0.01})
	r := openRig(t, testConfig(t.TempDir()))
	r.connect(sim)
	for _, id := range []string{"adminer", "miniflux"} {
		app, job := r.deploy(DeployRequest{CatalogID: id, Hostname: "my-" + id})
		if app.Status != StatusDeploying || job.AppID != app.ID {
			t.Fatalf("accepted as %+v with job %+v", app, job)
		}
		if j := r.end(job.ID); j.State != "succeeded" {
			t.Fatalf("%s ended %s: %s\n%s", id, j.State, j.Error, r.dump())
		}
		app, err := r.App(t.Context(), admin, "my-"+id)
		if err != nil || app.Status != StatusRunning || app.VMID == 0 || app.Address == "" {
			t.Fatalf("afterwards it is %+v, %v", app, err)
		}
		code, body, err := get(app.URL)
		if err != nil || code != 200 || body == "" {
			t.Errorf("%s answers %d %q, %v", app.URL, code, body, err)
		}
		var log []string
		if err := r.AppLogs(t.Context(), admin, app.Hostname, 20, false, func(s string) { log = append(log, s) }); err != nil || len(log) == 0 {
			t.Errorf("its log is %q, %v", log, err)
		}
	}
	if n := len(managed(sim)); n != 2 {
		t.Errorf("%d containers for 2 apps", n)
	}
}

func TestDeployRefusesWrongInput(t *testing.T) {
	t.Parallel()
	sim := startSim(t, pvesim.Options{TaskTime: 0.01, NodeMemoryMB: 8192, NodeDiskGB: 200})
	r := openRig(t, testConfig(t.TempDir()))
	r.connect(sim)
	_, job := r.deploy(DeployRequest{CatalogID: "adminer", Hostname: "taken"})
	r.end(job.ID)
	sim.NodeDown("pve2")
	r.until("pve2 is seen offline", func() bool {
		for _, n := range r.World(admin).Nodes {
			if n.Name == "pve2" {
				return n.State == "offline"
			}
		}
		return false
	})
	before, known := len(managed(sim)), len(r.World(admin).Jobs)
	ok := DeployRequest{CatalogID: "miniflux", Hostname: "reader"}
	for name, c := range map[string]struct {
		change func(*DeployRequest)
		kind   error
		field  string
	}{
		"unknown app":         {func(r *DeployRequest) { r.CatalogID = "minifluxx" }, ErrNotFound, "catalog_id"},
		"no hostname":         {func(r *DeployRequest) { r.Hostname = "" }, ErrInvalid, "hostname"},
		"short hostname":      {func(r *DeployRequest) { r.Hostname = "ab" }, ErrInvalid, "hostname"},
		"capital hostname":    {func(r *DeployRequest) { r.Hostname = "Reader" }, ErrInvalid, "hostname"},
		"trailing newline":    {func(r *DeployRequest) { r.Hostname = "reader\n" }, ErrInvalid, "hostname"},
		"long hostname":       {func(r *DeployRequest) { r.Hostname = strings.Repeat("a", 64) }, ErrInvalid, "hostname"},
		"taken hostname":      {func(r *DeployRequest) { r.Hostname = "taken" }, ErrConflict, "hostname"},
		"unknown host":        {func(r *DeployRequest) { r.Host = "attic" }, ErrInvalid, "host"},
		"unknown node":        {func(r *DeployRequest) { r.Node = "pve9" }, ErrInvalid, "node"},
		"offline node":        {func(r *DeployRequest) { r.Node = "pve2" }, ErrInvalid, "node"},
		"too little memory":   {func(r *DeployRequest) { r.MemoryMB = 1 }, ErrInvalid, "memory_mb"},
		"too much memory":     {func(r *DeployRequest) { r.MemoryMB = 60000 }, ErrUnavailable, "memory_mb"},
		"too much disk":       {func(r *DeployRequest) { r.DiskGB = 10000 }, ErrUnavailable, "disk_gb"},
		"too many cores":      {func(r *DeployRequest) { r.Cores = 1000 }, ErrInvalid, "cores"},
		"unknown field":       {func(r *DeployRequest) { r.Values = map[string]string{"NOPE": "1"} }, ErrInvalid, "values.NOPE"},
		"missing value":       {func(r *DeployRequest) { r.CatalogID = "cloudflared" }, ErrInvalid, "values.TUNNEL_TOKEN"},
		"bad value":           {func(r *DeployRequest) { r.Values = map[string]string{"ADMIN_USERNAME": "No Spaces"} }, ErrInvalid, "values.ADMIN_USERNAME"},
		"port out of range":   {func(r *DeployRequest) { r.Port = 80 }, ErrInvalid, "port"},
		"port of another app": {func(r *DeployRequest) { r.Port = firstPort }, ErrConflict, "port"},
	} {
		t.Run(name, func(t *testing.T) {
			req := ok
			c.change(&req)
			_, _, err := r.DeployApp(t.Context(), admin, req)
			var e *Error
			if !errors.As(err, &e) || kindOf(err) != c.kind || e.Field != c.field {
				t.Fatalf("got %v (field %q), want %v on %s", err, e, c.kind, c.field)
			}
			if strings.Contains(err.Error(), "\n") || e.Hint == "" && !strings.HasPrefix(c.field, "values") {
				t.Errorf("not one line with a way out: %q", err)
			}
			check := r.CheckDeploy(admin, req)
			if len(check.Problems) == 0 || check.Problems[0].Field != c.field {
				t.Errorf("the form would say %+v", check.Problems)
			}
		})
	}
	if n := len(managed(sim)); n != before {
		t.Errorf("%d containers are left behind", n-before)
	}
	if n := len(r.World(admin).Jobs); n != known {
		t.Errorf("%d jobs are left behind", n-known)
	}
}

func TestOthersCannotDeployOrSee(t *testing.T) {
	t.Parallel()
	sim := startSim(t, pvesim.Options{TaskTime: 0.01})
	r := openRig(t, testConfig(t.TempDir()))
	r.connect(sim)
	alice := Actor{User: "alice", Role: RoleUser, Via: ViaSSH}
	bob := Actor{User: "bob", Role: RoleUser, Via: ViaSSH}
	eve := Actor{User: "eve", Role: RoleViewer, Via: ViaSSH}
	app, job, err := r.DeployApp(t.Context(), alice, DeployRequest{CatalogID: "adminer", Hostname: "hers"})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.DeployApp(t.Context(), eve, DeployRequest{CatalogID: "adminer", Hostname: "mine"}); !errors.Is(err, ErrDenied) {
		t.Errorf("a viewer's deploy: %v", err)
	}
	if _, err := r.App(t.Context(), bob, "hers"); !errors.Is(err, ErrNotFound) {
		t.Errorf("another user sees it: %v", err)
	}
	if _, err := r.Job(t.Context(), bob, job.ID); !errors.Is(err, ErrNotFound) {
		t.Errorf("another user sees its job: %v", err)
	}
	if _, err := r.CancelJob(t.Context(), bob, job.ID); !errors.Is(err, ErrNotFound) {
		t.Errorf("another user cancels its job: %v", err)
	}
	if _, err := r.CancelJob(t.Context(), eve, job.ID); !errors.Is(err, ErrDenied) {
		t.Errorf("a viewer cancels its job: %v", err)
	}
	if _, err := r.AppSecrets(t.Context(), eve, "hers"); !errors.Is(err, ErrDenied) {
		t.Errorf("a viewer reads its secrets: %v", err)
	}
	r.until("the world has the app", func() bool { _, ok := r.World(alice).App(app.ID); return ok })
	if w := r.World(bob); len(w.Apps) != 0 || len(w.Jobs) != 0 {
		t.Errorf("bob's world has %d apps, %d jobs", len(w.Apps), len(w.Jobs))
	}
	r.end(job.ID)
}

func TestFollowedLogsLeaveRoomForDeploys(t *testing.T) {
	t.Parallel()
	sim := startSim(t, pvesim.Options{TaskTime: 0.01, Nodes: 1, NodeMemoryMB: 64 << 10})
	r := openRig(t, testConfig(t.TempDir()))
	r.connect(sim)
	_, job := r.deploy(DeployRequest{CatalogID: "adminer", Hostname: "chatty"})
	r.end(job.ID)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var wg sync.WaitGroup
	began := make(chan bool, 100)
	for range maxReading {
		wg.Go(func() {
			first := true
			err := r.AppLogs(ctx, admin, "chatty", 10, true, func(string) {
				if first {
					first = false
					began <- true
				}
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	for range maxReading {
		<-began
	}
	if err := r.AppLogs(ctx, admin, "chatty", 10, true, func(string) {}); !errors.Is(err, ErrUnavailable) {
		t.Errorf("one more follower: %v", err)
	}
	if err := r.AppLogs(ctx, admin, "chatty", 10, false, func(string) {}); err != nil {
		t.Errorf("reading without following: %v", err)
	}
	_, job = r.deploy(DeployRequest{CatalogID: "adminer", Hostname: "second"})
	if j := r.end(job.ID); j.State != "succeeded" {
		t.Errorf("a deploy meanwhile ended %s: %s", j.State, j.Error)
	}
	cancel()
	wg.Wait()
	if len(r.reading) != 0 {
		t.Errorf("still counted: %v", r.reading)
	}
}

func TestTwoHundredDeploysAtOnce(t *testing.T) {
	n := 200
	if testing.Short() {
		n = 60 // with the race detector; without it all two hundred are run
	}
	sim := startSim(t, pvesim.Options{TaskTime: 0, NodeMemoryMB: 512 << 10, NodeDiskGB: 20000})
	r := openRig(t, testConfig(t.TempDir()))
	r.connect(sim)
	ids := make([]uint64, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			_, j, err := r.DeployApp(t.Context(), admin, DeployRequest{CatalogID: "adminer", Hostname: fmt.Sprintf("app-%03d", i)})
			if err != nil {
				t.Error(err)
				return
			}
			ids[i] = j.ID
		})
	}
	wg.Wait()
	for _, id := range ids {
		if j := r.end(id); j.State != "succeeded" {
			t.Fatalf("job %d %s: %s\n%s", id, j.State, j.Error, r.dump())
		}
	}
	apps, _ := r.Apps(t.Context(), admin)
	seen := map[string]bool{}
	for _, a := range apps {
		for _, k := range []string{fmt.Sprint("vmid ", a.VMID), fmt.Sprint("port ", a.PublicPort), "name " + a.Hostname} {
			if seen[k] {
				t.Errorf("twice: %s", k)
			}
			seen[k] = true
		}
	}
	macs := map[string]bool{}
	for _, g := range managed(sim) {
		for _, m := range g.MACs {
			macs[strings.ToUpper(m)] = true
		}
	}
	if len(apps) != n || len(managed(sim)) != n || len(macs) != n {
		t.Errorf("%d apps, %d containers, %d MACs", len(apps), len(managed(sim)), len(macs))
	}
}

func TestMemoryIsNeverPromisedTwice(t *testing.T) {
	t.Parallel()
	sim := startSim(t, pvesim.Options{TaskTime: 1, Nodes: 2, NodeMemoryMB: 10240})
	r := openRig(t, testConfig(t.TempDir()))
	r.connect(sim)
	free := map[string]int{}
	for _, n := range r.World(admin).Nodes {
		free[n.Name] = n.FreeMB
	}
	var mu sync.Mutex
	var refused error
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			_, _, err := r.DeployApp(t.Context(), admin, DeployRequest{CatalogID: "adminer", Hostname: fmt.Sprintf("app-%03d", i)})
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				refused = err
			}
		})
	}
	wg.Wait()
	if !errors.Is(refused, ErrUnavailable) || !strings.Contains(refused.Error(), "no node has enough memory") {
		t.Errorf("nobody was told that memory is short: %v", refused)
	}
	promised := map[string]int{}
	for _, a := range r.cachedApps() {
		promised[a.Node] += a.MemoryMB
	}
	for node, mb := range promised {
		if mb > free[node] {
			t.Errorf("%s had %d MB free, %d MB are promised", node, free[node], mb)
		}
	}
}

func TestDeployWaitsForAHostThatGoesAway(t *testing.T) {
	t.Parallel()
	sim := startSim(t, pvesim.Options{TaskTime: 0.05})
	r := openRig(t, testConfig(t.TempDir()))
	r.connect(sim)
	_, job := r.deploy(DeployRequest{CatalogID: "adminer", Hostname: "patient"})
	r.until("the container is being made", func() bool { return len(managed(sim)) > 0 })
	sim.Disconnect()
	r.until("the job waits for the host", func() bool {
		j, ok := r.World(admin).Job(job.ID)
		return ok && j.State == "waiting" && j.Waiting != ""
	})
	if w := r.World(admin); w.Hosts[0].State != "unreachable" || len(w.Alerts) == 0 {
		t.Errorf("the world says %+v, alerts %+v", w.Hosts[0], w.Alerts)
	}
	if text := r.World(admin).Hosts[0].Error; strings.Contains(text, "dial") || strings.Contains(text, "resources") { // its column has room for the cause alone
		t.Errorf("its trouble is %q", text)
	}
	sim.Reconnect()
	if j := r.end(job.ID); j.State != "succeeded" || j.Attempt != 0 {
		t.Errorf("it ended %s after %d retries: %s", j.State, j.Attempt, j.Error)
	}
	if n := len(managed(sim)); n != 1 {
		t.Errorf("%d containers", n)
	}
}

func TestPrivilegeErrorFailsAtOnceAndLeavesNothing(t *testing.T) {
	t.Parallel()
	sim := startSim(t, pvesim.Options{TaskTime: 0.01})
	r := openRig(t, testConfig(t.TempDir()))
	r.connect(sim)
	remove := sim.Inject(pvesim.Fault{Method: "POST", Path: "/nodes/*/lxc", Do: "403:Permission check failed (/vms, VM.Allocate)"})
	defer remove()
	app, job := r.deploy(DeployRequest{CatalogID: "adminer", Hostname: "denied"})
	j := r.end(job.ID)
	if j.State != "failed" || j.Hint == "" || !strings.Contains(j.Error, "VM.Allocate") {
		t.Errorf("ended %s: %q (%s)", j.State, j.Error, j.Hint)
	}
	got, err := r.App(t.Context(), admin, app.ID)
	if err != nil || got.Status != StatusError || got.PublicPort != 0 || got.VMID != 0 {
		t.Errorf("the app is %+v, %v", got, err)
	}
	if len(managed(sim)) != 0 {
		t.Error("a container is left behind")
	}
}

func TestClassifyNeverRetriesWhatCannotPass(t *testing.T) {
	t.Parallel()
	for kind, want := range map[error]string{
		pve.ErrUnreachable: "wait", pve.ErrTimeout: "retry", pve.ErrLocked: "retry", pve.ErrNoQuorum: "retry", pve.ErrBusy: "retry", pve.ErrTaskLost: "retry", pve.ErrChanged: "retry",
		pve.ErrPermission: "fatal", pve.ErrParameter: "fatal", pve.ErrAuth: "fatal", pve.ErrCertificate: "wait", pve.ErrHostKey: "wait",
		pve.ErrNoSpace: "fatal", pve.ErrNoSSH: "fatal", pve.ErrTask: "fatal",
	} {
		name := map[jobs.VerdictKind]string{jobs.Fatal: "fatal", jobs.Retry: "retry", jobs.Wait: "wait"}[classify(fmt.Errorf("step: %w", kind)).Kind]
		if name != want {
			t.Errorf("%v is %s, want %s", kind, name, want)
		}
	}
}

// What to do about a failure is shown beside it: it must not be in it as well.
func TestAFailureSaysItsHintOnce(t *testing.T) {
	t.Parallel()
	why := &Error{Kind: ErrFailed, Text: "node pve1 offers no alpine template", Hint: "run `pveam update` on the node"}
	for err, text := range map[error]string{
		why:                                  "node pve1 offers no alpine template",
		fmt.Errorf("step: %w", why):          "step: node pve1 offers no alpine template",
		passing{fmt.Errorf("step: %w", why)}: "step: node pve1 offers no alpine template",
		noSnapshots(app{Hostname: "wiki"}):   "stop_first: the storage of wiki has no snapshots: wiki cannot be cloned while it runs",
		errors.New("plain"):                  "plain",
	} {
		v := classify(err)
		if v.Reason != text || v.Hint == "" && !errors.Is(err, errPassing) || strings.Contains(v.Reason, v.Hint) {
			t.Errorf("%v is told as %q (%s), want %q", err, v.Reason, v.Hint, text)
		}
	}
	sim := startSim(t, pvesim.Options{TaskTime: 0.01})
	r := openRig(t, testConfig(t.TempDir()))
	r.connect(sim)
	app, job := r.deploy(DeployRequest{CatalogID: "adminer", Hostname: "tool"})
	r.end(job.ID)
	defer sim.Inject(pvesim.Fault{Method: "GET", Path: "/nodes/*/storage", Do: "403:Permission check failed (/storage, Datastore.Audit)"})()
	_, backup, err := r.BackupApp(t.Context(), admin, app.ID, BackupRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if j := r.end(backup.ID); j.State != "failed" || j.Hint == "" || strings.Contains(j.Error, j.Hint) {
		t.Errorf("ended %s: %q (%s)", j.State, j.Error, j.Hint)
	}
}

func TestAppsAreStoppedStartedRestartedAndDeleted(t *testing.T) {
	t.Parallel()
	sim := startSim(t, pvesim.Options{TaskTime: 0.01})
	r := openRig(t, testConfig(t.TempDir()))
	r.connect(sim)
	app, job := r.deploy(DeployRequest{CatalogID: "adminer", Hostname: "tool"})
	if _, err := r.DoApp(t.Context(), admin, StopApp, "tool"); !errors.Is(err, ErrConflict) || !strings.Contains(err.Error(), "deploy") {
		t.Errorf("a second verb during the deploy: %v", err)
	}
	r.end(job.ID)
	do := func(verb AppVerb, want AppStatus) {
		t.Helper()
		j, err := r.DoApp(t.Context(), admin, verb, "tool")
		if err != nil {
			t.Fatal(err)
		}
		if j = r.end(j.ID); j.State != "succeeded" {
			t.Fatalf("%s ended %s: %s\n%s", verb, j.State, j.Error, r.dump())
		}
		if a, err := r.App(t.Context(), admin, "tool"); want != "" && (err != nil || a.Status != want) {
			t.Fatalf("after %s it is %+v, %v", verb, a, err)
		}
	}
	do(StopApp, StatusStopped)
	if _, err := r.DoApp(t.Context(), admin, StopApp, "tool"); !errors.Is(err, ErrConflict) {
		t.Errorf("stopping a stopped app: %v", err)
	}
	do(StartApp, StatusRunning)
	do(RestartApp, StatusRunning)
	r.until("its page answers again", func() bool { code, _, err := get(app.URL); return err == nil && code == 200 })
	do(DeleteApp, "")
	if len(managed(sim)) != 0 {
		t.Error("its container is still there")
	}
	if _, err := r.App(t.Context(), admin, "tool"); !errors.Is(err, ErrNotFound) {
		t.Errorf("its record is still there: %v", err)
	}
}

func TestDeleteNeverTouchesAContainerThatIsNotOurs(t *testing.T) {
	t.Parallel()
	sim := startSim(t, pvesim.Options{TaskTime: 0.01})
	r := openRig(t, testConfig(t.TempDir()))
	r.connect(sim)
	app, job := r.deploy(DeployRequest{CatalogID: "adminer", Hostname: "tool"})
	r.end(job.ID)
	app, _ = r.App(t.Context(), admin, app.ID)
	l, _ := r.liveHost("lab")
	if err := l.client.SetConfig(t.Context(), app.Node, app.VMID, map[string]string{"description": "somebody else's now"}, ""); err != nil {
		t.Fatal(err)
	}
	j, err := r.DoApp(t.Context(), admin, DeleteApp, "tool")
	if err != nil {
		t.Fatal(err)
	}
	if j = r.end(j.ID); j.State != "failed" || j.Hint == "" {
		t.Errorf("the delete ended %s: %s", j.State, j.Error)
	}
	for _, g := range sim.Guests() {
		if g.VMID == app.VMID {
			return
		}
	}
	t.Error("a container without our marks was destroyed")
}

// A container whose address no port may lead to is told apart from one that
// has none, and not waited for.
func TestAnAddressOutsideTheGuestNetworksIsNamed(t *testing.T) {
	t.Parallel()
	sim := startSim(t, pvesim.Options{TaskTime: 0.01})
	cfg := testConfig(t.TempDir())
	cfg.GuestNetworks = []string{"10.0.0.0/8"}
	r := openRig(t, cfg)
	r.connect(sim)
	_, job := r.deploy(DeployRequest{CatalogID: "adminer", Hostname: "tool"})
	j := r.end(job.ID)
	if j.State != "failed" || !strings.Contains(j.Error, "has the address 127.") || !strings.Contains(j.Error, "not among the guest networks (10.0.0.0/8)") || !strings.Contains(j.Hint, "guest-networks") {
		t.Errorf("it ended %s: %s (%s)", j.State, j.Error, j.Hint)
	}
	if got := managed(sim); len(got) > 0 {
		t.Errorf("left behind: %+v", got)
	}
}
