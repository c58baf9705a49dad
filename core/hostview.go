package core

import (
	"hash/fnv"
	"slices"
	"strings"
	"time"

	"proximity/core/pve"
)

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
