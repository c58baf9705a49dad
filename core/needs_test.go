package core

import (
	"errors"
	"strings"
	"testing"

	"proximity/pvesim"
)

// What an app needs of its node is given where that is possible, looked at before docker is installed, and said where it is
// missing.
func TestAppsGetWhatTheyNeedOrAreRefused(t *testing.T) {
	t.Parallel()
	cfg, write := ownFolder(t)
	needing := func(id, requirements string) {
		write(id+".json", strings.TrimSuffix(small(id, ""), "}")+`, "requirements": `+requirements+"}")
	}
	needing("vpn", `{"features": ["nesting", "tun", "fuse"], "cpu_flags": ["avx"], "kernel_modules": ["wireguard"], "sysctls": {"vm.max_map_count": 262144}}`)
	needing("old", `{"features": ["privileged"], "kernel_modules": ["floppy"], "sysctls": {"vm.max_map_count": 1048576}}`)
	needing("fast", `{"cpu_flags": ["avx", "avx1024"]}`)
	sim := startSim(t, pvesim.Options{TaskTime: 0.002})
	r := openRig(t, cfg)
	r.connect(sim)
	deploy := func(id string) (JobView, string) {
		_, job := r.deploy(DeployRequest{CatalogID: id, Hostname: id + "-app"})
		j := r.end(job.ID)
		lines, err := r.JobLog(t.Context(), admin, job.ID, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		var warned []string
		for _, l := range lines {
			if l.Level == "warning" {
				warned = append(warned, l.Text)
			}
		}
		return j, strings.Join(warned, "; ")
	}
	l, err := r.liveHost("lab")
	if err != nil {
		t.Fatal(err)
	}
	config := func(name string) map[string]string {
		app, err := r.App(t.Context(), admin, name)
		if err != nil {
			t.Fatal(err)
		}
		cfg, err := l.client.GuestConfig(t.Context(), app.Node, app.VMID)
		if err != nil {
			t.Fatal(err)
		}
		return cfg.Raw
	}

	if j, warned := deploy("vpn"); j.State != "succeeded" || warned != "" {
		t.Errorf("vpn: %s %s; warned of %q", j.State, j.Error, warned)
	} else if got := config("vpn-app"); got["dev0"] != "path=/dev/net/tun" || got["features"] != "nesting=1,keyctl=1,fuse=1" {
		t.Errorf("vpn got %v", got)
	}
	if j, warned := deploy("old"); j.State != "succeeded" || !strings.Contains(warned, "kernel module floppy is not loaded") || !strings.Contains(warned, "vm.max_map_count is 262144, vm.max_map_count=1048576 is wanted") {
		t.Errorf("old: %s %s; warned of %q", j.State, j.Error, warned)
	} else if got := config("old-app"); got["unprivileged"] == "1" {
		t.Errorf("old got %v", got)
	}
	if j, _ := deploy("fast"); j.State != "failed" || !strings.Contains(j.Error, "FAST cannot run on pve") || !strings.Contains(j.Error, "the processor has no avx1024") || j.Hint != "deploy it on another node" {
		t.Errorf("fast: %s %s (%s)", j.State, j.Error, j.Hint)
	}

	l.rec.User = "proximity@pve"
	_, _, err = r.DeployApp(t.Context(), admin, DeployRequest{CatalogID: "vpn", Hostname: "refused"})
	if !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "host: VPN needs tun, and on lab only root@pam may give it to a container") {
		t.Errorf("without root: %v", err)
	}
}
