package core

import (
	"cmp"
	"slices"
	"strings"

	"proximity/core/pve"
	"proximity/jobs"
)

// recentJobs is how many ended jobs a world holds.
const recentJobs = 50

// rebuild makes the world anew from what is in memory. One at a time: whoever
// calls it holds hub.building, or is alone.
func (c *Core) rebuild() {
	w := &World{At: c.now(), Catalogue: c.hub.catalogue.Load(), change: c.hub.changes.Load(), memo: &memo{}}
	w.Jobs = c.worldJobs()
	live := map[string]*JobRef{}
	for i := range w.Jobs {
		if j := &w.Jobs[i]; !j.Ended {
			for _, id := range j.holds() {
				live[id] = j.ref()
			}
		}
	}
	records, schedules := c.cachedApps(), c.cachedSchedules()
	hosts := c.liveHosts()
	snaps := map[string]*pve.Snapshot{}
	for _, l := range hosts {
		snaps[l.rec.Name] = l.poller.Snapshot()
	}
	for _, a := range records {
		v := c.appView(a, snaps[a.Host])
		v.busy(live[a.ID])
		v.Protection = c.protection(a, schedules)
		w.Apps = append(w.Apps, v)
	}
	promised := c.promised(records, "")
	for _, l := range hosts {
		s := snaps[l.rec.Name]
		h := hostView(l.rec, s)
		for _, a := range records {
			if a.Host == l.rec.Name {
				h.Apps++
			}
		}
		w.Hosts = append(w.Hosts, h)
		w.Nodes = append(w.Nodes, c.nodeViews(l, s, records, promised)...)
	}
	w.total(snaps)
	w.protect(schedules)
	w.BackupsRev = c.shelf.revision()
	w.alert()
	c.hub.world.Store(w)
}

// worldJobs lists unfinished jobs, then the latest ended ones.
func (c *Core) worldJobs() []JobView {
	old := c.hub.world.Load()
	if !c.hub.jobs.Swap(false) && old != nil {
		return old.Jobs
	}
	var views []JobView
	for _, j := range c.engine.Live() {
		views = append(views, jobView(j))
	}
	slices.SortFunc(views, func(a, b JobView) int { return cmp.Compare(b.ID, a.ID) })
	ended, err := c.engine.List(jobs.Filter{States: []jobs.State{jobs.Succeeded, jobs.Failed, jobs.Cancelled}, Limit: recentJobs})
	if err != nil {
		c.log.Error("list the jobs", "error", err)
	}
	live := len(views)
	for _, j := range ended {
		if j.State == jobs.Succeeded && strings.HasPrefix(j.Subject, houseSubject) && j.OwnerVia == string(ViaScheduler) {
			continue // housekeeping that went well is no news
		}
		views = append(views, jobView(j))
	}
	c.tallyJobs(views[:live], views[live:])
	return views
}

// total sums up the nodes.
func (w *World) total(snaps map[string]*pve.Snapshot) {
	t := &w.Totals
	for _, n := range w.Nodes {
		t.Nodes++
		if n.State == "online" {
			t.NodesOnline++
		}
		if n.Metrics == nil {
			continue
		}
		t.Known = true
		t.Stale = t.Stale || n.Stale
		t.CPU += n.Metrics.CPU * n.Metrics.Cores
		t.Cores += n.Metrics.Cores
		t.Mem += n.Metrics.Mem
		t.MaxMem += n.Metrics.MaxMem
		if net := n.Metrics.Net; net != nil {
			if t.Net == nil {
				t.Net = &Traffic{}
			}
			t.Net.In += net.In
			t.Net.Out += net.Out
		}
	}
	if t.Cores > 0 {
		t.CPU /= t.Cores
	}
	for _, s := range snaps {
		shared := map[string]bool{}
		for _, st := range s.Storages {
			if st.Shared && shared[st.Name] {
				continue // one storage, seen by every node
			}
			shared[st.Name] = true
			t.Disk += st.Disk
			t.MaxDisk += st.MaxDisk
		}
	}
}
