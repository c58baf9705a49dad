package core

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	catalogdata "proximity/catalog_data"
	"proximity/core/catalog"
	"proximity/pvesim"
	"proximity/pvesim/machine"
)

// debianApp is adminer in a container that its manifest wants to be Debian.
func debianApp(t *testing.T) catalog.Source {
	t.Helper()
	raw, err := fs.ReadFile(catalogdata.FS, "adminer.json")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(string(raw), `"id": "adminer"`, `"id": "adminer-debian", "os": "debian"`, 1)
	return catalog.Source{Name: "test", FS: fstest.MapFS{"adminer-debian.json": {Data: []byte(text)}}}
}

func TestAnAppThatWantsDebianGetsIt(t *testing.T) {
	t.Parallel()
	sim := startSim(t, pvesim.Options{TaskTime: 0.01})
	cfg := testConfig(t.TempDir())
	cfg.Catalogue = []catalog.Source{debianApp(t)}
	r := openRig(t, cfg)
	r.connect(sim)
	app, job := r.deploy(DeployRequest{CatalogID: "adminer-debian", Hostname: "deb"})
	if j := r.end(job.ID); j.State != "succeeded" {
		t.Fatalf("ended %s: %s\n%s", j.State, j.Error, r.dump())
	}
	app, _ = r.App(t.Context(), admin, app.ID)
	l, _ := r.liveHost("lab")
	cfgNow, err := l.client.GuestConfig(t.Context(), app.Node, app.VMID)
	if err != nil || cfgNow.OSType != "debian" {
		t.Errorf("its container is %q, %v", cfgNow.OSType, err)
	}
	if code, _, err := get(app.URL); err != nil || code != 200 {
		t.Errorf("%s answers %d, %v", app.URL, code, err)
	}
}

// The AppArmor fault of late 2025 keeps every container inside from starting;
// the documented change of the profile mends it, where we are root.
func TestTheAppArmorFaultIsMended(t *testing.T) {
	t.Parallel()
	sim := startSim(t, pvesim.Options{TaskTime: 0.05})
	r := openRig(t, testConfig(t.TempDir()))
	r.connect(sim)
	app, job := r.deploy(DeployRequest{CatalogID: "adminer", Hostname: "armoured"})
	r.until("docker is being installed", func() bool {
		j, err := r.Job(t.Context(), admin, job.ID)
		return err == nil && (j.Ended || j.Step >= 8)
	})
	app, _ = r.App(t.Context(), admin, app.ID)
	sim.Machine(app.VMID).SetFault(machine.Fault("apparmor"))
	if j := r.end(job.ID); j.State != "succeeded" {
		t.Fatalf("ended %s: %s (%s)\n%s", j.State, j.Error, j.Hint, r.dump())
	}
	lines, _ := r.JobLog(t.Context(), admin, job.ID, 0, 0)
	told := false
	for _, l := range lines {
		told = told || strings.Contains(l.Text, "AppArmor") && l.Level == "warning"
	}
	if !told {
		t.Error("the log does not say that the profile was changed")
	}
	app, _ = r.App(t.Context(), admin, app.ID)
	if code, _, err := get(app.URL); err != nil || code != 200 {
		t.Errorf("%s answers %d, %v", app.URL, code, err)
	}
}
