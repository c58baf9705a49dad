package core

import (
	"context"
	"slices"
	"strings"
)

// trials are the workflows that are put through everything.
func trials() []trial {
	return slices.Concat(deployTrials(), lifecycleTrials(), deleteTrials(), configureTrials(), adoptTrials(), reconcileTrials(), cloneTrials(), updateTrials(), backupTrials())
}

// survivor makes the world have a running app of that name.
func survivor(w *bench) {
	w.t.Helper()
	_, j := w.deploy(DeployRequest{CatalogID: "adminer", Hostname: "survivor"})
	if j := w.end(j.ID); j.State != "succeeded" {
		w.t.Fatalf("the app could not be prepared: %s", j.Error)
	}
}

// isRunning checks that the app runs in the one container that is its own, and
// answers.
func isRunning(hostname string) func(w *bench) {
	return func(w *bench) {
		w.t.Helper()
		app, err := w.App(context.Background(), admin, hostname)
		if err != nil || app.Status != StatusRunning {
			w.t.Fatalf("%s is %s (%s), %v", hostname, app.Status, app.Error, err)
		}
		rec, _ := w.appNamed(admin, hostname)
		mine := 0
		for _, g := range managed(w.sim) {
			if strings.Contains(g.Description, app.ID) {
				mine++
				if g.VMID != app.VMID || len(g.MACs) != 1 || !strings.EqualFold(g.MACs[0], rec.MAC) {
					w.t.Errorf("the container %+v is not the app's CT %d %s", g, app.VMID, rec.MAC)
				}
			}
		}
		if mine != 1 {
			w.t.Errorf("%s has %d containers", hostname, mine)
		}
		w.until("its page answers", func() bool { code, _, err := get(app.URL); return err == nil && code == 200 })
	}
}

// isStopped checks that the app stands still.
func isStopped(hostname string) func(w *bench) {
	return func(w *bench) {
		w.t.Helper()
		if app, err := w.App(context.Background(), admin, hostname); err != nil || app.Status != StatusStopped {
			w.t.Fatalf("%s is %s (%s), %v", hostname, app.Status, app.Error, err)
		}
	}
}

// isGone checks that nothing of ours is left.
func isGone(w *bench) {
	w.t.Helper()
	if got := managed(w.sim); len(got) > 0 {
		w.t.Errorf("containers are left behind: %+v", got)
	}
	if apps := w.cachedApps(); len(apps) > 0 {
		w.t.Errorf("apps are left behind: %+v", apps)
	}
}

// verb is a row's act: one verb on the app named.
func verb(v AppVerb, hostname string) func(w *bench) uint64 {
	return func(w *bench) uint64 {
		w.t.Helper()
		j, err := w.DoApp(context.Background(), admin, v, hostname)
		if err != nil {
			w.t.Fatal(err)
		}
		return j.ID
	}
}

// did makes the world one in which the verb has been done to the survivor.
func did(v AppVerb) func(w *bench) {
	return func(w *bench) {
		w.t.Helper()
		survivor(w)
		if j := w.end(verb(v, "survivor")(w)); j.State != "succeeded" {
			w.t.Fatalf("%s could not be prepared: %s", v, j.Error)
		}
	}
}

func deployTrials() []trial {
	return []trial{{
		name: "deploy",
		act: func(w *bench) uint64 {
			_, j := w.deploy(DeployRequest{CatalogID: "adminer", Hostname: "survivor"})
			return j.ID
		},
		check: isRunning("survivor"), undone: isGone,
	}}
}

// alike are rows so like others that only the long way takes them.
func alike(rows ...trial) []trial {
	if faultsWanted() {
		return rows
	}
	return nil
}

func lifecycleTrials() []trial {
	return append([]trial{
		{name: "start", prepare: did(StopApp), act: verb(StartApp, "survivor"), check: isRunning("survivor"), undone: isStopped("survivor")},
		{name: "stop", prepare: survivor, act: verb(StopApp, "survivor"), check: isStopped("survivor"), undone: isRunning("survivor")},
		{name: "restart", prepare: survivor, act: verb(RestartApp, "survivor"), check: isRunning("survivor"), undone: isRunning("survivor")},
	}, alike(trial{name: "force-stop", prepare: survivor, act: verb(ForceStop, "survivor"), check: isStopped("survivor"), undone: isRunning("survivor")})...)
}
