package core

import (
	"errors"
	"strings"
	"testing"

	"proximity/pvesim"
)

func TestTheSecondOfTwoIsToldWhoDoesWhat(t *testing.T) {
	t.Parallel()
	r, sim, _ := deployed(t, pvesim.Options{}, testConfig(t.TempDir()), "tool")
	release := sim.Inject(pvesim.Fault{Method: "GET", Path: "/nodes/*/tasks/*/status", Do: "delay:50ms"})
	defer release()
	alice := Actor{User: "alice", Role: RoleOperator, Via: ViaSSH}
	bob := Actor{User: "bob", Role: RoleOperator, Via: ViaAPI}
	first, err := r.DoApp(t.Context(), alice, RestartApp, "tool")
	if err != nil {
		t.Fatal(err)
	}
	two := 2
	for name, second := range map[string]func() error{
		"stop":   func() error { _, err := r.DoApp(t.Context(), bob, StopApp, "tool"); return err },
		"force":  func() error { _, err := r.DoApp(t.Context(), bob, ForceStop, "tool"); return err },
		"delete": func() error { _, err := r.DeleteApp(t.Context(), bob, "tool", DeleteOptions{}); return err },
		"configure": func() error {
			_, err := r.ConfigureApp(t.Context(), bob, "tool", ConfigChange{Cores: &two})
			return err
		},
	} {
		err := second()
		if !errors.Is(err, ErrConflict) || !strings.Contains(err.Error(), "alice") || !strings.Contains(err.Error(), "restart") {
			t.Errorf("%s meanwhile is told %v", name, err)
		}
	}
	if j := r.end(first.ID); j.State != "succeeded" {
		t.Errorf("the first ended %s: %s", j.State, j.Error)
	}
	if got, err := r.Audit(t.Context(), admin, AuditFilter{User: "bob", Result: "conflict"}); err != nil || len(got) != 4 {
		t.Errorf("the audit has %d refusals, %v", len(got), err)
	}
}

func TestAnAppThatDoesNotShutDownIsEndedByForceOnRequestOnly(t *testing.T) {
	t.Parallel()
	r, sim, _ := deployed(t, pvesim.Options{}, testConfig(t.TempDir()), "tool")
	sim.Inject(pvesim.Fault{Method: "POST", Path: "/nodes/*/lxc/*/status/shutdown", Do: "fail-task:container did not stop"})
	j, err := r.DoApp(t.Context(), admin, StopApp, "tool")
	if err != nil {
		t.Fatal(err)
	}
	if j = r.end(j.ID); j.State != "failed" || !strings.Contains(j.Error, "did not shut down") || !strings.Contains(j.Hint, "--force") {
		t.Errorf("it ended %s: %s (%s)", j.State, j.Error, j.Hint)
	}
	if g := managed(sim); g[0].Status != "running" || r.status("tool") != StatusRunning {
		t.Errorf("the container is %s, the app %s", g[0].Status, r.status("tool"))
	}
	r.done(r.DoApp(t.Context(), admin, ForceStop, "tool"))
	if g := managed(sim); g[0].Status != "stopped" || r.status("tool") != StatusStopped {
		t.Errorf("after force the container is %s, the app %s", g[0].Status, r.status("tool"))
	}
}

func TestALockIsWaitedForAndNoFailure(t *testing.T) {
	t.Parallel()
	r, sim, _ := deployed(t, pvesim.Options{}, testConfig(t.TempDir()), "tool")
	sim.Inject(pvesim.Fault{Method: "POST", Path: "/nodes/*/lxc/*/status/shutdown", Do: "lock:backup", Times: 2})
	r.done(r.DoApp(t.Context(), admin, StopApp, "tool"))
	if r.status("tool") != StatusStopped {
		t.Errorf("it is %s", r.status("tool"))
	}
}

func TestWhatProxmoxHasDoneAlreadyCountsAsDone(t *testing.T) {
	t.Parallel()
	r, _, app := deployed(t, pvesim.Options{}, testConfig(t.TempDir()), "tool")
	l, err := r.liveHost("lab")
	if err != nil {
		t.Fatal(err)
	}
	upid, err := l.client.Stop(t.Context(), app.Node, app.VMID) // by somebody in Proxmox's own console
	if err == nil {
		err = l.client.Wait(t.Context(), upid, func(string) {})
	}
	if err != nil {
		t.Fatal(err)
	}
	r.done(r.DoApp(t.Context(), admin, StopApp, "tool"))
	if r.status("tool") != StatusStopped {
		t.Errorf("it is %s", r.status("tool"))
	}
	if _, err := r.DoApp(t.Context(), admin, StopApp, "tool"); !errors.Is(err, ErrConflict) || !strings.Contains(err.Error(), "start it instead") {
		t.Errorf("stopping a stopped app: %v", err)
	}
}
