package core

import (
	"errors"
	"testing"
	"time"

	"proximity/pvesim"
)

func TestTheHistoryOfAnAppIsWhatItsHostRecorded(t *testing.T) {
	t.Parallel()
	r, sim, app := deployed(t, pvesim.Options{Now: func() time.Time { return time.Now().Add(time.Minute).Truncate(time.Minute) }}, testConfig(t.TempDir()), "tool")
	for _, period := range Periods() {
		v, err := r.AppHistory(t.Context(), admin, app.ID, period)
		if err != nil {
			t.Fatal(err)
		}
		if v.Hostname != "tool" || v.Node != app.Node || v.Period != period || len(v.Points) < 60 || v.To.Sub(v.From) != period.Length() || period.Length() == 0 {
			t.Errorf("%s: %s on %s, %d points from %s to %s", period, v.Hostname, v.Node, len(v.Points), v.From, v.To)
		}
		if p := v.Points[0]; p.CPU != nil || p.Mem != nil || p.Disk != nil || p.NetIn != nil {
			t.Errorf("%s: known before the app was made: %+v", period, p)
		}
	}
	v, err := r.AppHistory(t.Context(), admin, "tool", "hour")
	if err != nil {
		t.Fatal(err)
	}
	if p := v.Points[len(v.Points)-1]; p.CPU == nil || *p.CPU > 1 || p.Mem == nil || *p.Mem <= 0 || p.MaxMem == nil || *p.MaxMem != float64(app.MemoryMB)*(1<<20) ||
		p.Disk == nil || p.MaxDisk == nil || *p.MaxDisk != float64(app.DiskGB)*(1<<30) || p.NetIn == nil || p.NetOut == nil {
		t.Errorf("now: %+v", p)
	}

	others := Actor{User: "bob", Role: RoleUser, Via: ViaSSH}
	eve := Actor{User: "eve", Role: RoleViewer, Via: ViaSSH}
	_, unknown := r.AppHistory(t.Context(), others, "nothing", "hour")
	if _, err := r.AppHistory(t.Context(), others, "tool", "hour"); !errors.Is(err, ErrNotFound) || !errors.Is(unknown, ErrNotFound) {
		t.Errorf("somebody else's app: %v, none: %v", err, unknown)
	}
	if _, err := r.AppHistory(t.Context(), eve, "tool", "hour"); err != nil {
		t.Errorf("a viewer sees all apps: %v", err)
	}
	if _, err := r.AppHistory(t.Context(), admin, "tool", "hour&cf=MAX"); !errors.Is(err, ErrInvalid) {
		t.Errorf("a period that is none: %v", err)
	}

	remove := sim.Inject(pvesim.Fault{Method: "GET", Path: "/nodes/*/lxc/*/rrddata", Do: "500:Configuration file 'nodes/pve1/lxc/1.conf' does not exist"})
	if _, err := r.AppHistory(t.Context(), admin, "tool", "hour"); !errors.Is(err, ErrConflict) {
		t.Errorf("its container is gone: %v", err)
	}
	remove()
	sim.Disconnect()
	var e *Error
	if _, err := r.AppHistory(t.Context(), admin, "tool", "hour"); !errors.Is(err, ErrUnreachable) || !errors.As(err, &e) || e.Hint == "" {
		t.Errorf("its host is away: %v", err)
	}
}

func TestAnAppWithoutAContainerHasNoHistory(t *testing.T) {
	t.Parallel()
	r := openRig(t, testConfig(t.TempDir()))
	sim := startSim(t, pvesim.Options{TaskTime: 0.01})
	r.connect(sim)
	sim.Inject(pvesim.Fault{Method: "POST", Path: "/nodes/*/lxc", Do: "403:Permission check failed"})
	_, job := r.deploy(DeployRequest{CatalogID: "adminer", Hostname: "tool"})
	r.end(job.ID)
	var e *Error
	if _, err := r.AppHistory(t.Context(), admin, "tool", "hour"); !errors.Is(err, ErrConflict) || !errors.As(err, &e) || e.Hint == "" {
		t.Errorf("it is told %v", err)
	}
}
