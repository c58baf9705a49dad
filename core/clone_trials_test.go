package core

import (
	"context"
	"strings"

	"proximity/pvesim"
)

// twin is a row's act: a copy of the survivor.
func twin(stop bool) func(w *bench) uint64 {
	return func(w *bench) uint64 {
		w.t.Helper()
		_, j, err := w.CloneApp(context.Background(), admin, "survivor", CloneRequest{Hostname: "twin", StopFirst: stop})
		if err != nil {
			w.t.Fatal(err)
		}
		return j.ID
	}
}

// alone checks that the survivor is as it was and nothing of a copy is left.
func alone(status AppStatus) func(w *bench) {
	return func(w *bench) {
		w.t.Helper()
		if status == StatusStopped {
			isStopped("survivor")(w)
		} else {
			isRunning("survivor")(w)
		}
		if n, apps := len(managed(w.sim)), len(w.cachedApps()); n != 1 || apps != 1 {
			w.t.Errorf("%d containers and %d apps are left for one", n, apps)
		}
	}
}

// both checks that the copy runs beside its source, and that one snapshot at
// most was ever made for it.
func both(status AppStatus) func(w *bench) {
	return func(w *bench) {
		w.t.Helper()
		if status == StatusStopped {
			isStopped("survivor")(w)
		} else {
			isRunning("survivor")(w)
		}
		isRunning("twin")(w)
		if n := len(managed(w.sim)); n != 2 {
			w.t.Errorf("%d containers for two apps", n)
		}
		if lines, err := w.DeploymentLog(context.Background(), admin, "twin", 0); err != nil {
			w.t.Error(err)
		} else {
			once(w, lines, "temporary snapshot ", "copied CT ", "is running at")
		}
	}
}

// once checks that the log of a job says none of the texts twice.
func once(w *bench, lines []LogLine, texts ...string) {
	w.t.Helper()
	for _, text := range texts {
		n := 0
		for _, l := range lines {
			if strings.Contains(l.Text, text) {
				n++
			}
		}
		if n > 1 {
			w.t.Errorf("the log says %d times %q", n, text)
		}
	}
}

func cloneTrials() []trial {
	return []trial{
		{name: "clone of a running app", prepare: survivor, act: twin(false), check: both(StatusRunning), undone: alone(StatusRunning)},
		{name: "clone of a stopped app", prepare: did(StopApp), act: twin(false), check: both(StatusStopped), undone: alone(StatusStopped)},
		{name: "clone with a stop", sim: pvesim.Options{Storages: []pvesim.Storage{thick}}, prepare: survivor, act: twin(true), check: both(StatusRunning), undone: alone(StatusRunning)},
	}
}
