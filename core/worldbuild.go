package core

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"proximity/core/forward"
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

// traffic is the latest rate of a node or guest; nil = not known.
func (l *liveHost) traffic(of string) *Traffic {
	hist := l.poller.History(of)
	if len(hist) == 0 || !hist[len(hist)-1].NetKnown {
		return nil
	}
	last := hist[len(hist)-1]
	return &Traffic{In: last.NetIn, Out: last.NetOut}
}

func hostView(h host, s *pve.Snapshot) HostView {
	v := HostView{ID: h.ID, Name: h.Name, URL: h.URL, Auth: "password", User: h.User, Default: h.Default, Fingerprint: h.Fingerprint,
		Cluster: SafeText(h.Cluster, 64), State: "asking", LastSeen: s.At}
	if h.Token {
		v.Auth = "token"
	}
	if h.SSHSecret != "" {
		v.SSHUser, v.SSHPort = h.SSHUser, h.SSHPort
	}
	if s.Err != nil {
		v.State, v.Error, v.Since, v.NextTry, v.Tries = "unreachable", trouble(s.Err), s.Since, s.NextTry, s.Tries
	} else if !s.At.IsZero() && s.Tries == 0 {
		v.State = "online"
	}
	if off := h.off(); off != "" {
		v.State, v.Error, v.NextTry, v.Tries, v.Changed = off, h.away(), time.Time{}, 0, h.Changed
	}
	for _, n := range s.Nodes {
		v.Nodes++
		if n.Online && v.State == "online" {
			v.NodesOnline++
		}
	}
	return v
}

func (c *Core) nodeViews(l *liveHost, s *pve.Snapshot, records []app, promised promises) []NodeView {
	var views []NodeView
	for _, n := range s.Nodes {
		off := l.rec.off()
		v := NodeView{ID: nodeID(l.rec.ID, n.Name), Host: l.rec.Name, Name: SafeText(n.Name, 64), AsOf: s.At, Stale: s.Err != nil || off != "", State: "online"}
		switch {
		case off != "":
			v.State = off
		case s.Err != nil:
			v.State = "unreachable"
		case !n.Online:
			v.State = "offline"
		}
		if n.Online && n.MaxMem > 0 {
			v.Metrics = &Metrics{CPU: n.CPU, Cores: n.MaxCPU, Mem: n.Mem, MaxMem: n.MaxMem, Disk: n.Disk, MaxDisk: n.MaxDisk, Uptime: n.Uptime}
			v.Metrics.Net = l.traffic("node/" + n.Name)
			v.Promised = promised.memory[l.rec.Name+"/"+n.Name]
			free := NodeFit{Host: l.rec.Name}
			free.room(s, n, promised)
			v.FreeMB, v.FreeDiskGB, v.FreeStorage = free.FreeMB, free.FreeDiskGB, SafeText(free.Storage, 64)
		}
		for _, a := range records {
			if a.Host == l.rec.Name && a.Node == n.Name {
				v.Apps++
			}
		}
		for _, st := range s.Storages {
			if st.Node == n.Name {
				v.Storages = append(v.Storages, StorageView{Name: SafeText(st.Name, 64), Type: SafeText(st.PluginType, 20), Content: st.Content,
					Used: st.Disk, Total: st.MaxDisk, Shared: st.Shared, Active: st.Status == "available"})
			}
		}
		views = append(views, v)
	}
	byName := map[string]int{}
	for i := range views {
		byName[views[i].Name] = i
	}
	for _, g := range s.Guests {
		if i, ok := byName[g.Node]; ok {
			views[i].Guests++
		}
	}
	slices.SortFunc(views, func(a, b NodeView) int { return strings.Compare(a.Name, b.Name) })
	return views
}

// nodeID is a number for a node of a host: 32 bits of its name below the
// host's own number.
func nodeID(host uint64, name string) uint64 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(name)) // never fails
	return host<<32 | uint64(h.Sum32())
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

// alert lists what needs attention, worst first.
func (w *World) alert() {
	add := func(level, object, format string, args ...any) *Alert {
		w.Alerts = append(w.Alerts, Alert{Level: level, Object: object, Text: fmt.Sprintf(format, args...)})
		return &w.Alerts[len(w.Alerts)-1]
	}
	for _, h := range w.Hosts {
		if h.State == "unreachable" {
			add("error", "host/"+h.Name, "host %s unreachable: %s", h.Name, h.Error).Since = h.Since
		}
		for _, k := range h.Changed {
			add("error", "host/"+h.Name, "host %s: %s has changed: pinned %s, shown %s: all work on it stops; `hosts trust %s` accepts it", h.Name, k.what(), k.Known, k.Shown, h.Name).Since = k.At
		}
	}
	for _, n := range w.Nodes {
		if n.State == "offline" {
			add("error", "node/"+n.Host+"/"+n.Name, "node %s is offline", w.Place(n.Host, n.Name))
		}
		for _, st := range n.Storages {
			if st.Active && st.Total > 0 && float64(st.Used) > 0.95*float64(st.Total) {
				add("warning", "node/"+n.Host+"/"+n.Name, "storage %s on %s is %d%% full", st.Name, w.Place(n.Host, n.Name), 100*st.Used/st.Total)
			}
		}
	}
	for _, a := range w.Apps {
		if a.Status == StatusError {
			add("error", "app/"+a.ID, "%s: %s", a.Hostname, a.Error).Since = a.ChangedAt
		} else if a.Drift != "" {
			add("warning", "app/"+a.ID, "%s was %s", a.Hostname, a.Drift)
		}
	}
	for _, a := range w.Apps {
		if p := a.Protection; p != nil && p.Alert != "" {
			add(p.level(), "app/"+a.ID, "%s: %s", a.Hostname, p.Alert).Since = p.Since
		}
	}
	for _, j := range w.Jobs {
		if !j.Ended && j.State == string(jobs.Waiting) && j.Waiting != "" && !j.turn {
			add("warning", jobObject(j.ID), "%s: %s", j.Title, j.Waiting)
		}
	}
	slices.SortStableFunc(w.Alerts, func(a, b Alert) int { return cmp.Compare(a.Level, b.Level) }) // "error" < "warning"
}

func jobObject(id uint64) string { return "job/" + strconv.FormatUint(id, 10) }

// steer keeps the published ports in line with the apps.
func (c *Core) steer() {
	desired := map[int]forward.Target{}
	for _, a := range c.cachedApps() {
		if a.PublicPort == 0 || a.InternalPort == 0 || !slices.Contains([]AppStatus{StatusRunning, StatusDeploying, StatusCloning, StatusAdopting, StatusUpdating}, a.Status) {
			continue
		}
		t := forward.Target{App: a.Hostname}
		if a.Address != "" {
			t.Address = net.JoinHostPort(a.Address, strconv.Itoa(a.InternalPort))
		}
		desired[a.PublicPort] = t
	}
	c.forwarder.Set(desired)
}

// schemeOf is how a port inside a container is probably spoken to.
func schemeOf(port int) string {
	if port == 443 || port == 8443 {
		return "https"
	}
	return "http"
}

// publicURL is how people reach a published port.
func (c *Core) publicURL(port int, scheme, path string) string {
	if scheme == "" {
		scheme = "http"
	}
	if path == "" {
		path = "/"
	}
	return scheme + "://" + net.JoinHostPort(c.cfg.PublicHost, strconv.Itoa(port)) + path
}

// History is the short history of "app/ID", "node/HOST/NAME" or "host/NAME",
// oldest first.
func (c *Core) History(a Actor, object string) []Sample {
	kind, rest, _ := strings.Cut(object, "/")
	switch kind {
	case "app":
		c.mu.RLock()
		rec, ok := c.appCache[rest]
		c.mu.RUnlock()
		if ok && a.sees(rec.Owner) && rec.VMID != 0 {
			return c.samples(rec.Host, "lxc/"+strconv.Itoa(rec.VMID))
		}
	case "node":
		if hostName, node, ok := strings.Cut(rest, "/"); ok && a.May(VerbReadHosts, "") == nil {
			return c.samples(hostName, "node/"+node)
		}
	case "host":
		if a.May(VerbReadHosts, "") == nil {
			return c.hostHistory(rest)
		}
	}
	return nil
}

func (c *Core) samples(hostName, key string) []Sample {
	l, err := c.liveHost(hostName)
	if err != nil {
		return nil
	}
	var out []Sample
	for _, s := range l.poller.History(key) {
		out = append(out, Sample{At: s.At, CPU: s.CPU, Mem: s.Mem})
	}
	return out
}

// hostHistory is the mean of a host's nodes; "" means all hosts.
func (c *Core) hostHistory(name string) []Sample {
	var sum []Sample
	n := 0
	for _, l := range c.liveHosts() {
		if name != "" && l.rec.Name != name {
			continue
		}
		for _, node := range l.poller.Snapshot().Nodes {
			hist := l.poller.History("node/" + node.Name)
			if len(hist) == 0 {
				continue
			}
			n++
			for len(sum) < len(hist) {
				sum = append([]Sample{{}}, sum...)
			}
			off := len(sum) - len(hist)
			for i, s := range hist {
				d := &sum[off+i]
				d.At = s.At
				d.CPU += s.CPU
				d.Mem += s.Mem
			}
		}
	}
	for i := range sum {
		sum[i].CPU /= float64(n)
		sum[i].Mem /= float64(n)
	}
	return sum
}
