package core

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"proximity/pvesim"
)

// fileInside is a file in an app's container.
func (r *rig) fileInside(name, file string) string {
	r.t.Helper()
	rec := r.record(name)
	l, err := r.liveHost(rec.Host)
	if err != nil {
		r.t.Fatal(err)
	}
	var out strings.Builder
	if exit, err := l.client.Exec(r.t.Context(), rec.Node, rec.VMID, "ls -l "+appDir(rec)+"/"+file+"; cat "+appDir(rec)+"/"+file, &out); exit != 0 || err != nil {
		r.t.Fatalf("%s: exit %d, %v", file, exit, err)
	}
	return out.String()
}

func reader(t *testing.T) (*rig, *pvesim.Cluster) { return readerWith(t, testConfig(t.TempDir())) }

func readerWith(t *testing.T, cfg Config) (*rig, *pvesim.Cluster) {
	t.Helper()
	sim := startSim(t, pvesim.Options{TaskTime: 0.01})
	r := openRig(t, cfg)
	r.connect(sim)
	_, job := r.deploy(DeployRequest{CatalogID: "miniflux", Hostname: "reader", Cores: 1, MemoryMB: 1024, DiskGB: 8})
	if j := r.end(job.ID); j.State != "succeeded" {
		t.Fatalf("deploy ended %s: %s", j.State, j.Error)
	}
	return r, sim
}

func TestAConfigurationIsChangedAndTakenBack(t *testing.T) {
	t.Parallel()
	r, sim := reader(t)
	secrets, err := r.AppSecrets(t.Context(), admin, "reader")
	if err != nil {
		t.Fatal(err)
	}
	cores, memory, disk, name := 2, 1536, 12, "news"
	change := ConfigChange{Cores: &cores, MemoryMB: &memory, DiskGB: &disk, Hostname: &name, Values: map[string]string{"POLLING_FREQUENCY": "30", "ADMIN_PASSWORD": "correct horse battery"}}
	if ck := r.CheckConfig(admin, "reader", change); len(ck.Problems) > 0 || len(ck.Changes) != 6 || !ck.Inside || strings.Contains(strings.Join(ck.Changes, " "), "horse") {
		t.Errorf("the form would say %+v", ck)
	}
	first := r.done(r.ConfigureApp(t.Context(), admin, "reader", change))
	g := managed(sim)[0]
	if g.Cores != 2 || g.MemoryMB != 1536 || g.DiskGB != 12 || g.Hostname != "news" {
		t.Errorf("the container is %+v", g)
	}
	if _, err := r.App(t.Context(), admin, "reader"); !errors.Is(err, ErrNotFound) {
		t.Errorf("the old name still leads to it: %v", err)
	}
	env := r.fileInside("news", ".env")
	if !strings.Contains(env, "POLLING_FREQUENCY='30'") || !strings.Contains(env, "ADMIN_PASSWORD='correct horse battery'") || !strings.HasPrefix(env, "-rw-------") {
		t.Errorf(".env is %q", env)
	}
	a, _ := r.App(t.Context(), admin, "news")
	r.until("it answers", func() bool { code, _, err := get(a.URL + "healthcheck"); return err == nil && code == 200 })
	list, err := r.Audit(t.Context(), admin, AuditFilter{Action: "app.config"})
	if err != nil || len(list) != 1 || !list[0].Undo || !strings.Contains(list[0].Detail, "memory 1024 → 1536 MB") || strings.Contains(list[0].Detail, "horse") {
		t.Errorf("the audit has %+v, %v", list, err)
	}
	// z takes it back, but for the disk.
	second, err := r.Undo(t.Context(), admin, first.ID)
	r.done(second, err)
	g = managed(sim)[0]
	if g.Cores != 1 || g.MemoryMB != 1024 || g.DiskGB != 12 || g.Hostname != "reader" {
		t.Errorf("taken back, the container is %+v", g)
	}
	if again, err := r.AppSecrets(t.Context(), admin, "reader"); err != nil || again["ADMIN_PASSWORD"] != secrets["ADMIN_PASSWORD"] {
		t.Errorf("taken back, the secrets are others: %v", err)
	}
	if env := r.fileInside("reader", ".env"); strings.Contains(env, "horse") || strings.Contains(env, "POLLING_FREQUENCY='30'") {
		t.Errorf("taken back, .env is %q", env)
	}
	if _, err := r.Undo(t.Context(), admin, first.ID); !errors.Is(err, ErrConflict) || !strings.Contains(err.Error(), "again since") {
		t.Errorf("taking it back twice: %v", err)
	}
}

func TestAConfigurationThatDoesNotWorkIsBroughtBack(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t.TempDir())
	cfg.atStep = func(kind, step, when string) error {
		if kind == "configure" && step == "ready" && when == "end" {
			return &Error{Kind: ErrFailed, Text: "it does not answer any more", Hint: "look at its log"}
		}
		return nil
	}
	r, sim := readerWith(t, cfg)
	before := r.record("reader")
	memory, name := 2048, "news"
	j, err := r.ConfigureApp(t.Context(), admin, "reader", ConfigChange{MemoryMB: &memory, Hostname: &name, Values: map[string]string{"POLLING_FREQUENCY": "30"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.ConfigureApp(t.Context(), admin, "news", ConfigChange{MemoryMB: &memory}); !errors.Is(err, ErrConflict) {
		t.Errorf("another change meanwhile: %v", err)
	}
	if _, _, err := r.DeployApp(t.Context(), admin, DeployRequest{CatalogID: "adminer", Hostname: "reader"}); !errors.Is(err, ErrConflict) {
		t.Errorf("the old name is given away while it may come back: %v", err)
	}
	if j = r.end(j.ID); j.State != "failed" || j.Hint == "" || j.Left != "" {
		t.Errorf("it ended %s: %s (%s), left %q", j.State, j.Error, j.Hint, j.Left)
	}
	after := r.record("reader")
	if after.MemoryMB != before.MemoryMB || after.Leaving != "" || after.Status != StatusRunning || after.Values["POLLING_FREQUENCY"] != before.Values["POLLING_FREQUENCY"] {
		t.Errorf("the record is %+v", after)
	}
	if g := managed(sim)[0]; g.MemoryMB != before.MemoryMB || g.Hostname != "reader" {
		t.Errorf("the container is %+v", g)
	}
	if env := r.fileInside("reader", ".env"); strings.Contains(env, "POLLING_FREQUENCY='30'") {
		t.Errorf(".env is %q", env)
	}
}

func TestConfigureRefusesWhatMakesNoSense(t *testing.T) {
	t.Parallel()
	r, _ := reader(t)
	_, job := r.deploy(DeployRequest{CatalogID: "adminer", Hostname: "taken"})
	r.end(job.ID)
	n := func(i int) *int { return &i }
	s := func(x string) *string { return &x }
	known := len(r.jobsOfKind("configure"))
	for name, c := range map[string]struct {
		change ConfigChange
		kind   error
		field  string
	}{
		"nothing":         {ConfigChange{}, ErrConflict, ""},
		"as it is":        {ConfigChange{Cores: n(1), Hostname: s("reader")}, ErrConflict, ""},
		"smaller disk":    {ConfigChange{DiskGB: n(4)}, ErrInvalid, "disk_gb"},
		"huge disk":       {ConfigChange{DiskGB: n(9000)}, ErrUnavailable, "disk_gb"},
		"no cores":        {ConfigChange{Cores: n(0)}, ErrInvalid, "cores"},
		"little memory":   {ConfigChange{MemoryMB: n(1)}, ErrInvalid, "memory_mb"},
		"all memory":      {ConfigChange{MemoryMB: n(500000)}, ErrUnavailable, "memory_mb"},
		"negative swap":   {ConfigChange{SwapMB: n(-1)}, ErrInvalid, "swap_mb"},
		"taken name":      {ConfigChange{Hostname: s("taken")}, ErrConflict, "hostname"},
		"bad name":        {ConfigChange{Hostname: s("No Name\n")}, ErrInvalid, "hostname"},
		"unknown field":   {ConfigChange{Values: map[string]string{"NOPE": "1"}}, ErrInvalid, "values.NOPE"},
		"immutable field": {ConfigChange{Values: map[string]string{"ADMIN_USERNAME": "other"}}, ErrInvalid, "values.ADMIN_USERNAME"},
	} {
		_, err := r.ConfigureApp(t.Context(), admin, "reader", c.change)
		var e *Error
		if !errors.As(err, &e) || kindOf(err) != c.kind || e.Field != c.field || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want %v on %q", name, err, c.kind, c.field)
		}
		if ck := r.CheckConfig(admin, "reader", c.change); len(ck.Problems) == 0 || ck.Problems[0].Field != c.field {
			t.Errorf("%s: the form would say %+v", name, ck.Problems)
		}
	}
	r.done(r.DoApp(t.Context(), admin, StopApp, "reader"))
	if _, err := r.ConfigureApp(t.Context(), admin, "reader", ConfigChange{Values: map[string]string{"POLLING_FREQUENCY": "30"}}); !errors.Is(err, ErrConflict) || !strings.Contains(err.Error(), "start it first") {
		t.Errorf("telling a stopped app: %v", err)
	}
	if got := len(r.jobsOfKind("configure")); got != known {
		t.Errorf("%d jobs are left behind", got-known)
	}
	r.done(r.ConfigureApp(t.Context(), admin, "reader", ConfigChange{Cores: n(2)})) // that needs nobody inside
}

func TestADiskGrowsOnce(t *testing.T) {
	t.Parallel()
	r, sim := reader(t)
	sim.Inject(pvesim.Fault{Method: "PUT", Path: "/nodes/*/lxc/*/resize", Do: "drop-after", Times: 2})
	disk := 11
	r.done(r.ConfigureApp(t.Context(), admin, "reader", ConfigChange{DiskGB: &disk}))
	if g := managed(sim)[0]; g.DiskGB != 11 {
		t.Errorf("it has %d GB", g.DiskGB)
	}
}

func TestWhatSomebodyElseConfiguresInTheSameMomentIsNotLost(t *testing.T) {
	t.Parallel()
	r, sim := reader(t)
	sim.Inject(pvesim.Fault{Method: "PUT", Path: "/nodes/*/lxc/*/config", Do: "500:detected modified configuration - file changed by other user? Try again.", Times: 2})
	cores := 2
	j := r.done(r.ConfigureApp(t.Context(), admin, "reader", ConfigChange{Cores: &cores}))
	lines, err := r.JobLog(t.Context(), admin, j.ID, 0, 0)
	if err != nil || !slices.ContainsFunc(lines, func(l LogLine) bool { return strings.Contains(l.Text, "attempt 2") }) {
		t.Errorf("it was not tried again: %v", err)
	}
	if managed(sim)[0].Cores != 2 {
		t.Error("it has not got its cores")
	}
}

func TestTheConfigurationIsShownWithoutSecrets(t *testing.T) {
	t.Parallel()
	r, _ := reader(t)
	v, err := r.AppConfig(t.Context(), admin, "reader")
	if err != nil || v.Cores != 1 || v.MemoryMB != 1024 || v.DiskGB != 8 {
		t.Fatalf("it is %+v, %v", v, err)
	}
	seen := map[string]ConfigField{}
	for _, f := range v.Fields {
		seen[f.Key] = f
	}
	if f := seen["ADMIN_PASSWORD"]; !f.Secret || !f.Set || f.Value != "" {
		t.Errorf("the password is shown as %+v", f)
	}
	if f := seen["POLLING_FREQUENCY"]; f.Value == "" || !f.Set {
		t.Errorf("an open value is shown as %+v", f)
	}
	if f := seen["ADMIN_USERNAME"]; !f.Immutable {
		t.Errorf("what cannot change is shown as %+v", f)
	}
	if _, err := r.AppConfig(context.Background(), Actor{User: "bob", Role: RoleUser}, "reader"); !errors.Is(err, ErrNotFound) {
		t.Errorf("another user sees it: %v", err)
	}
}

func TestWhoIsOvertakenIsToldByWhom(t *testing.T) {
	t.Parallel()
	r, _ := reader(t)
	seen, err := r.AppConfig(t.Context(), admin, "reader")
	if err != nil {
		t.Fatal(err)
	}
	dev := Actor{User: "dev", Role: RoleOperator, Via: ViaSSH}
	two, more := 2, 1536
	r.done(r.ConfigureApp(t.Context(), dev, "reader", ConfigChange{MemoryMB: &more, Base: seen.Revision}))
	_, err = r.ConfigureApp(t.Context(), admin, "reader", ConfigChange{Cores: &two, Base: seen.Revision})
	if !errors.Is(err, ErrConflict) || !strings.Contains(err.Error(), "dev changed reader meanwhile: memory 1024 → 1536 MB") {
		t.Errorf("the second is told %v", err)
	}
	now, _ := r.AppConfig(t.Context(), admin, "reader")
	r.done(r.ConfigureApp(t.Context(), admin, "reader", ConfigChange{Cores: &two, Base: now.Revision}))
}

// TestTheSecondIsToldWhoAndWhat, whichever verb comes second.
func TestTheSecondIsToldWhoAndWhat(t *testing.T) {
	t.Parallel()
	r, sim, _ := deployed(t, pvesim.Options{}, testConfig(t.TempDir()), "tool")
	defer sim.Inject(pvesim.Fault{Method: "POST", Path: "/nodes/*/lxc/*/status/shutdown", Do: "stall-task:20s"})()
	first, err := r.DoApp(t.Context(), Actor{User: "otto", Role: RoleOperator}, StopApp, "tool")
	if err != nil {
		t.Fatal(err)
	}
	_, config := r.ConfigureApp(t.Context(), admin, "tool", ConfigChange{MemoryMB: new(1024)})
	_, restart := r.DoApp(t.Context(), admin, RestartApp, "tool")
	_, _, backup := r.BackupApp(t.Context(), admin, "tool", BackupRequest{})
	_, gone := r.DeleteApp(t.Context(), admin, "tool", DeleteOptions{Now: true})
	_, _, clone := r.CloneApp(t.Context(), admin, "tool", CloneRequest{Hostname: "copy"})
	_, update := r.UpdateApp(t.Context(), admin, "tool", UpdateRequest{Yes: true})
	want := fmt.Sprintf("tool is busy: job %d (stop) by otto since ", first.ID)
	for verb, err := range map[string]error{"config": config, "restart": restart, "backup": backup, "delete": gone, "clone": clone, "update": update} {
		if !errors.Is(err, ErrConflict) || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v", verb, err)
		}
	}
}

// A deploy is not over, or an update: the status says so, and the job says whose.
func TestTheSecondIsToldWhileAnAppIsOnItsWay(t *testing.T) {
	t.Parallel()
	sim := startSim(t, pvesim.Options{TaskTime: 0.01})
	r := openRig(t, testConfig(t.TempDir()))
	r.connect(sim)
	defer sim.Inject(pvesim.Fault{Method: "POST", Path: "/nodes/*/lxc", Do: "stall-task:20s"})()
	_, first := r.deploy(DeployRequest{CatalogID: "adminer", Hostname: "tool"})
	r.until("the container is being made", func() bool { return len(managed(sim)) > 0 })
	_, _, clone := r.CloneApp(t.Context(), admin, "tool", CloneRequest{Hostname: "copy"})
	_, update := r.UpdateApp(t.Context(), admin, "tool", UpdateRequest{Yes: true})
	_, _, backup := r.BackupApp(t.Context(), admin, "tool", BackupRequest{})
	for verb, err := range map[string]error{"clone": clone, "update": update, "backup": backup} {
		if !errors.Is(err, ErrConflict) || !strings.HasPrefix(err.Error(), fmt.Sprintf("tool is busy: job %d (deploy) by ", first.ID)) {
			t.Errorf("%s: %v", verb, err)
		}
	}
}

// TestTheLogSaysWhatWasNotNeeded: a step that had nothing to do does not read as
// if it had done something.
func TestTheLogSaysWhatWasNotNeeded(t *testing.T) {
	t.Parallel()
	r, _, _ := deployed(t, pvesim.Options{}, testConfig(t.TempDir()), "tool")
	memory := 1024
	j := r.done(r.ConfigureApp(t.Context(), admin, "tool", ConfigChange{MemoryMB: &memory}))
	log := r.jobLog(j.ID)
	for _, want := range []string{"it keeps its size", "nothing is another for it", "it was left alone"} {
		if !strings.Contains(log, want) {
			t.Errorf("not in the log: %s\n%s", want, log)
		}
	}
	j = r.done(r.DeleteApp(t.Context(), admin, "tool", DeleteOptions{Now: true}))
	if log := r.jobLog(j.ID); !strings.Contains(log, "none was asked for") {
		t.Error(log)
	}
}
