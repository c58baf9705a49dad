package core

import (
	"context"
	"slices"
	"strings"
)

// offered makes the world one in which the survivor runs and a second revision
// of its recipe is there.
func offered(pairs ...string) func(w *bench) {
	return func(w *bench) {
		survivor(w)
		w.second(pairs...)
	}
}

func updated(w *bench) uint64 {
	w.t.Helper()
	j, err := w.UpdateApp(context.Background(), admin, "survivor", UpdateRequest{})
	if err != nil {
		w.t.Fatal(err)
	}
	return j.ID
}

// runs checks that the survivor runs by a revision, with the image of that and
// no other files than its own.
func runs(revision int, tag string) func(w *bench) {
	return func(w *bench) {
		w.t.Helper()
		isRunning("survivor")(w)
		rec, _ := w.appNamed(admin, "survivor")
		app := w.viewApp(rec)
		if got := image(w.t, w.sim, app); rec.Recipe.Revision != revision || !strings.HasSuffix(got, ":"+tag) {
			w.t.Errorf("it runs %s by revision %d", got, rec.Recipe.Revision)
		}
		if _, err := w.sim.Machine(rec.VMID).ReadFile(appDir(rec) + ".next/.env"); err == nil {
			w.t.Error("the files that were put aside are left behind")
		}
	}
}

func updateTrials() []trial {
	return []trial{
		{name: "update", prepare: offered(), act: updated, check: runs(2, "5.5.0"), undone: runs(1, "5.4.2")},
		{name: "update with a backup", prepare: offered(backedUp...), act: updated, check: runs(2, "5.5.0"), undone: runs(1, "5.4.2")},
		{name: "update that fails its probe", prepare: offered(broken...), act: updated, check: runs(1, "5.4.2"), undone: runs(1, "5.4.2"), end: "failed"},
		{name: "update that goes back to its backup", prepare: offered(slices.Concat(broken, backedUp)...), act: updated, check: runs(1, "5.4.2"), undone: runs(1, "5.4.2"), end: "failed"},
	}
}
