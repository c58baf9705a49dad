package core

import (
	"cmp"
	"slices"
	"strconv"

	"proximity/core/pve"
)

// viewApp is a record with what its host says now.
func (c *Core) viewApp(a app) AppView {
	var s *pve.Snapshot
	if l, err := c.liveHost(a.Host); err == nil {
		s = l.poller.Snapshot()
	}
	v := c.appView(a, s)
	v.Protection = c.protection(a, c.cachedSchedules())
	for _, j := range c.engine.Live() {
		if jv := jobView(j); slices.Contains(jv.holds(), a.ID) {
			v.busy(jv.ref())
		}
	}
	return v
}

// busy notes the job that works on the app: what its host says meanwhile is
// the job's doing.
func (v *AppView) busy(j *JobRef) {
	if v.Job = j; j != nil {
		v.Drift = ""
	}
}

func (c *Core) appView(a app, s *pve.Snapshot) AppView {
	v := AppView{
		ID: a.ID, CatalogID: a.CatalogID, Name: a.CatalogID, ClonedFrom: a.ClonedFrom, Hostname: a.Hostname, Status: a.Status, Error: a.Error, Hint: a.Hint, Owner: a.Owner,
		Host: a.Host, Node: a.Node, VMID: a.VMID, Address: a.Address, Network: a.network(), PublicPort: a.PublicPort, InternalPort: a.InternalPort,
		Cores: a.Cores, MemoryMB: a.MemoryMB, DiskGB: a.DiskGB, SwapMB: a.SwapMB, OS: a.OS, Storage: a.Storage,
		CreatedAt: a.CreatedAt, UpdatedAt: a.UpdatedAt, ChangedAt: a.ChangedAt,
		Adopted: a.Adopted, Adoption: a.Adoption, Lost: a.Lost, DeletesAt: a.DeleteAt, Values: a.Values,
	}
	newest, listed := c.catalogue.Load().Get(a.CatalogID)
	m := c.manifestOf(a)
	switch {
	case m != nil:
		v.Name, v.Version = m.Name, cmp.Or(a.Recipe.Version, m.Version)
		if a.PublicPort != 0 && m.Access.Kind == "web" {
			v.URL = c.publicURL(a.PublicPort, m.Access.Scheme, m.Access.Path)
		} else {
			v.Published = c.builtins(a, m).URL
		}
		if a.Status == StatusRunning || a.Status == StatusStopped {
			v.Notes = SafeText(m.AfterInstall(a.Values, c.builtins(a, m)), 400)
		}
		if listed && a.Recipe.Revision > 0 && newest.Revision > a.Recipe.Revision {
			v.Update = newest.Version
		}
	case listed: // what it is said to be
		v.Name = newest.Name
	}
	web := !listed || newest.Access.Kind == "web" // of what nobody knows, the web is the best guess
	if m == nil && web && a.PublicPort != 0 && a.InternalPort != 0 {
		v.URL = c.publicURL(a.PublicPort, schemeOf(a.InternalPort), "/")
	}
	if s == nil || a.VMID == 0 {
		return v
	}
	v.AsOf, v.Stale = s.At, s.Err != nil
	l, err := c.liveHost(a.Host)
	if err == nil && l.rec.away() != "" {
		v.Stale, v.Away = true, l.rec.away()
	}
	g, ok := s.Guest(a.VMID)
	if !ok || g.Status == "unknown" {
		return v
	}
	v.Node = SafeText(g.Node, 64)
	if n, ok := s.Node(g.Node); ok && !n.Online {
		v.Stale = true
	}
	if g.Status == "running" {
		v.Metrics = &Metrics{CPU: g.CPU, Cores: g.MaxCPU, Mem: g.Mem, MaxMem: g.MaxMem, Disk: g.Disk, MaxDisk: g.MaxDisk, Uptime: g.Uptime}
		if err == nil {
			v.Metrics.Net = l.traffic("lxc/" + strconv.Itoa(a.VMID))
		}
	}
	if now := drift(a, s); now != a.Status {
		v.Drift = map[AppStatus]string{StatusStopped: "stopped outside Proximity", StatusRunning: "started outside Proximity"}[now]
	}
	return v
}
