package core

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"proximity/pvesim"
)

func deleteTrials() []trial {
	later := func(w *bench) uint64 {
		w.t.Helper()
		j, err := w.DeleteApp(context.Background(), admin, "survivor", DeleteOptions{})
		if err != nil {
			w.t.Fatal(err)
		}
		return j.ID
	}
	// Cancelled while it is destroyed, it is destroyed all the same.
	kept := func(w *bench) {
		w.t.Helper()
		if _, err := w.App(context.Background(), admin, "survivor"); errors.Is(err, ErrNotFound) {
			isGone(w)
			return
		}
		isRunning("survivor")(w)
	}
	return append([]trial{{name: "delete later", prepare: survivor, act: later, check: isGone, undone: kept}},
		alike(trial{name: "delete", prepare: survivor, act: verb(DeleteApp, "survivor"), check: isGone, undone: kept})...)
}

func configureTrials() []trial {
	is := func(hostname string, cores, memoryMB int) func(w *bench) {
		return func(w *bench) {
			w.t.Helper()
			isRunning(hostname)(w)
			a, _ := w.App(context.Background(), admin, hostname)
			g := managed(w.sim)[0]
			if a.Cores != cores || a.MemoryMB != memoryMB || g.Cores != cores || g.MemoryMB != memoryMB || g.Hostname != hostname || g.DiskGB != a.DiskGB {
				w.t.Errorf("the app is %+v, its container %+v", a, g)
			}
			if rec, _ := w.appNamed(admin, hostname); rec.Leaving != "" {
				w.t.Errorf("the name %s is still held", rec.Leaving)
			}
		}
	}
	reader := func(w *bench) {
		w.t.Helper()
		_, j := w.deploy(DeployRequest{CatalogID: "miniflux", Hostname: "survivor", Cores: 1, MemoryMB: 1024, DiskGB: 8})
		if j := w.end(j.ID); j.State != "succeeded" {
			w.t.Fatalf("the app could not be prepared: %s", j.Error)
		}
	}
	return []trial{{
		name: "configure", prepare: reader,
		act: func(w *bench) uint64 {
			w.t.Helper()
			cores, memory, disk, name := 2, 1536, 12, "reader"
			j, err := w.ConfigureApp(context.Background(), admin, "survivor", ConfigChange{Cores: &cores, MemoryMB: &memory, DiskGB: &disk, Hostname: &name, Values: map[string]string{"POLLING_FREQUENCY": "30"}})
			if err != nil {
				w.t.Fatal(err)
			}
			return j.ID
		},
		check: is("reader", 2, 1536), undone: is("survivor", 1, 1024),
	}}
}

// foundGuest is a running container that the simulator made itself.
func foundGuest(w *bench) pvesim.GuestInfo {
	w.t.Helper()
	for _, g := range w.sim.Guests() {
		if g.Foreign && g.Type == "lxc" && g.Status == "running" {
			return g
		}
	}
	w.t.Fatal("there is no container to be found")
	return pvesim.GuestInfo{}
}

func adoptTrials() []trial {
	adopt := func(w *bench) uint64 {
		w.t.Helper()
		g := foundGuest(w)
		w.note["vmid"] = strconv.Itoa(g.VMID)
		_, j, err := w.Adopt(context.Background(), admin, AdoptRequest{VMID: g.VMID, Hostname: "foundling", Port: 8080})
		if err != nil {
			w.t.Fatal(err)
		}
		return j.ID
	}
	untouched := func(w *bench) {
		w.t.Helper()
		for _, g := range w.sim.Guests() {
			if strconv.Itoa(g.VMID) == w.note["vmid"] {
				if g.Status != "running" || strings.Contains(g.Description, "proximity") || g.Lock != "" {
					w.t.Errorf("the container is %+v", g)
				}
				return
			}
		}
		w.t.Error("the container is gone")
	}
	forgotten := func(w *bench) {
		w.t.Helper()
		untouched(w)
		if apps := w.cachedApps(); len(apps) > 0 {
			w.t.Errorf("apps are left behind: %+v", apps)
		}
	}
	return append([]trial{
		{name: "adopt", sim: pvesim.Options{Guests: 6}, act: adopt, undone: forgotten, check: func(w *bench) {
			w.t.Helper()
			untouched(w)
			a, err := w.App(context.Background(), admin, "foundling")
			if err != nil || a.Status != StatusRunning || !a.Adopted || a.InternalPort != 8080 || a.PublicPort == 0 || a.Owner != admin.User {
				w.t.Errorf("it is %+v, %v", a, err)
			}
		}},
	}, alike(trial{name: "release", sim: pvesim.Options{Guests: 6}, prepare: func(w *bench) {
		if j := w.end(adopt(w)); j.State != "succeeded" {
			w.t.Fatalf("adopting could not be prepared: %s", j.Error)
		}
	}, act: func(w *bench) uint64 {
		w.t.Helper()
		j, err := w.ReleaseApp(context.Background(), admin, "foundling")
		if err != nil {
			w.t.Fatal(err)
		}
		return j.ID
	}, check: forgotten, undone: untouched})...)
}

// reconcileTrials follow a container that HA has moved to another node.
func reconcileTrials() []trial {
	moved := func(w *bench) {
		w.t.Helper()
		survivor(w)
		rec := w.record("survivor")
		w.note["node"] = map[string]string{"pve1": "pve2", "pve2": "pve3", "pve3": "pve1"}[rec.Node]
		w.sim.Migrate(rec.VMID, w.note["node"])
	}
	return []trial{{
		name: "reconcile", prepare: moved,
		act: func(w *bench) uint64 {
			w.t.Helper()
			j, err := w.Reconcile(context.Background(), admin)
			if err != nil {
				w.t.Fatal(err)
			}
			return j.ID
		},
		check: func(w *bench) {
			w.t.Helper()
			isRunning("survivor")(w)
			if len(w.jobsOfKind("repair")) == 0 { // the host did not answer as a whole: it was left alone
				return
			}
			if rec := w.record("survivor"); rec.Node != w.note["node"] {
				w.t.Errorf("its record says %s, it is on %s", rec.Node, w.note["node"])
			}
		},
	}}
}
