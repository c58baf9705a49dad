package core

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"proximity/core/pve"
)

// NodeFit says whether an app fits on a node.
type NodeFit struct {
	Host       string `json:"host"`
	Node       string `json:"node"`
	Fits       bool   `json:"fits"`
	Reason     string `json:"reason,omitempty"` // why not
	FreeMB     int    `json:"free_mb"`
	FreeDiskGB int    `json:"free_disk_gb"`
	Storage    string `json:"storage,omitempty"`
}

// promises are what unfinished deploys have reserved but Proxmox does not show
// yet: memory per "host/node" in MB, disk per storage in GB.
type promises struct {
	memory map[string]int
	disk   map[string]int
}

// counts reports whether an app's resources are promised rather than visible:
// while it is made, and until the lists have caught up.
func (a app) counts(now time.Time) bool {
	return a.Status == StatusDeploying || a.Status == StatusCloning || a.Status == StatusRunning && now.Sub(a.ChangedAt) < statusLag
}

func (c *Core) promised(records []app, except string) promises {
	p := promises{memory: map[string]int{}, disk: map[string]int{}}
	for _, a := range records {
		if a.ID == except || !a.counts(c.now()) {
			continue
		}
		p.memory[a.Host+"/"+a.Node] += a.MemoryMB
		p.disk[diskKey(a.Host, a.Node, a.Storage)] += a.DiskGB
	}
	return p
}

func diskKey(host, node, storage string) string { return host + "/" + node + "/" + storage }

// placeInto chooses host, node and storage for the plan's app: online, with the
// most free memory after what is promised, and enough disk.
func (c *Core) placeInto(p *plan, r DeployRequest, records []app) {
	hosts := c.liveHosts()
	if len(hosts) == 0 {
		p.problem(&Error{Kind: ErrUnavailable, Field: "host", Text: "no Proxmox host is connected", Hint: "an admin connects one: hosts add NAME URL"})
		return
	}
	if r.Host != "" {
		l, err := c.liveHost(r.Host)
		if err != nil {
			e := refused(err)
			e.Kind, e.Field = ErrInvalid, "host"
			p.problem(e)
			return
		}
		hosts = []*liveHost{l}
	}
	promised := c.promised(records, p.app.ID)
	var silent []*liveHost
	asked := 0
	for _, l := range hosts {
		s := l.poller.Snapshot()
		if why := l.rec.away(); why != "" {
			for _, n := range s.Nodes {
				p.fits = append(p.fits, NodeFit{Host: l.rec.Name, Node: n.Name, Reason: why})
			}
			continue
		}
		asked++
		if s.At.IsZero() || s.Err != nil {
			silent = append(silent, l)
			for _, n := range s.Nodes {
				p.fits = append(p.fits, NodeFit{Host: l.rec.Name, Node: n.Name, Reason: reasonSilent})
			}
			continue
		}
		for _, n := range s.Nodes {
			p.fits = append(p.fits, fit(l, s, n, p.app, promised))
		}
	}
	bestFirst(p.fits)
	if r.Node != "" {
		p.chooseNode(r.Node)
		return
	}
	if asked == 0 {
		e := hosts[0].rec.refusal()
		e.Kind, e.Field = ErrUnavailable, "host"
		p.problem(e)
		return
	}
	if len(silent) == asked {
		p.problem(silence(silent[0]))
		return
	}
	for _, f := range p.fits {
		if f.Fits {
			p.place(f)
			return
		}
	}
	p.problem(p.noRoom())
}

// bestFirst puts nodes in order: those that fit, with the most free memory.
func bestFirst(fits []NodeFit) {
	slices.SortStableFunc(fits, func(a, b NodeFit) int {
		if a.Fits != b.Fits {
			if a.Fits {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(b.FreeMB, a.FreeMB), strings.Compare(a.Node, b.Node))
	})
}

// silence says that a host does not answer.
func silence(l *liveHost) *Error {
	s := l.poller.Snapshot()
	if s.Err == nil {
		return &Error{Kind: ErrUnreachable, Field: "host", Text: fmt.Sprintf("host %s has not answered yet", l.rec.Name), Hint: "try again in a moment"}
	}
	return &Error{Kind: ErrUnreachable, Field: "host", Text: fmt.Sprintf("host %s does not answer: %s", l.rec.Name, SafeText(s.Err.Error(), 200)),
		Hint: fmt.Sprintf("`hosts test %s` says more", l.rec.Name), Err: s.Err}
}

// place puts the app where f says.
func (p *plan) place(f NodeFit) { p.app.Host, p.app.Node, p.app.Storage = f.Host, f.Node, f.Storage }

func (p *plan) chooseNode(name string) {
	for _, f := range p.fits {
		if f.Node != name {
			continue
		}
		if !f.Fits {
			kind := ErrUnavailable
			switch f.Reason {
			case reasonOffline:
				kind = ErrInvalid
			case reasonSilent:
				kind = ErrUnreachable
			}
			p.problem(&Error{Kind: kind, Field: "node", Text: fmt.Sprintf("%s: %s", f.Node, f.Reason), Hint: "leave the node out for the best one"})
		}
		p.place(f)
		return
	}
	var known []string
	for _, f := range p.fits {
		known = append(known, f.Node)
	}
	slices.Sort(known)
	p.problem(invalid("node", "known: "+strings.Join(known, ", "), "there is no node %q", SafeText(name, 40)))
}

// noRoom says what is missing everywhere.
func (p *plan) noRoom() *Error {
	memory, disk := false, false
	for _, f := range p.fits {
		memory = memory || strings.Contains(f.Reason, "memory")
		disk = disk || strings.Contains(f.Reason, "disk")
	}
	switch {
	case memory && !disk:
		return &Error{Kind: ErrUnavailable, Field: "memory_mb", Text: fmt.Sprintf("no node has enough memory: %d MB are needed, %s", p.app.MemoryMB, p.most()),
			Hint: "stop or delete an app, or give it less memory"}
	case disk && !memory:
		return &Error{Kind: ErrUnavailable, Field: "disk_gb", Text: fmt.Sprintf("no node has enough disk: %d GB are needed", p.app.DiskGB), Hint: "free some space, or give it a smaller disk"}
	case memory && disk:
		return &Error{Kind: ErrUnavailable, Field: "node", Text: fmt.Sprintf("no node has room for %d MB of memory and %d GB of disk", p.app.MemoryMB, p.app.DiskGB), Hint: "stop or delete an app"}
	}
	return &Error{Kind: ErrUnavailable, Field: "node", Text: "no Proxmox node is online", Hint: "`nodes` shows them"}
}

func (p *plan) most() string {
	best := NodeFit{}
	for _, f := range p.fits {
		if f.FreeMB > best.FreeMB {
			best = f
		}
	}
	if best.Node == "" {
		return "none is free"
	}
	return fmt.Sprintf("%s has the most free: %d MB", best.Node, best.FreeMB)
}

const (
	reasonOffline = "it is offline"
	reasonSilent  = "its host does not answer"
)

// fit judges one node for an app.
func fit(l *liveHost, s *pve.Snapshot, n pve.Node, a app, promised promises) NodeFit {
	f := NodeFit{Host: l.rec.Name, Node: n.Name}
	if !n.Online {
		f.Reason = reasonOffline
		return f
	}
	f.room(s, n, promised)
	f.judge(a.MemoryMB, a.DiskGB)
	return f
}

// room measures what is free on a node after what is promised: memory, and disk on the storage with most of it.
func (f *NodeFit) room(s *pve.Snapshot, n pve.Node, promised promises) {
	f.FreeMB = max(int((n.MaxMem-n.Mem)>>20)-promised.memory[f.Host+"/"+n.Name], 0)
	for _, st := range s.Storages {
		if st.Node != n.Name || st.Status != "available" || !slices.Contains(st.Content, "rootdir") {
			continue
		}
		free := int((st.MaxDisk-st.Disk)>>30) - promised.disk[diskKey(f.Host, n.Name, st.Name)]
		if f.Storage == "" || free > f.FreeDiskGB {
			f.Storage, f.FreeDiskGB = st.Name, max(free, 0)
		}
	}
}

// judge says whether what is free is enough, and if not, what is short.
func (f *NodeFit) judge(memoryMB, diskGB int) {
	switch {
	case f.FreeMB < memoryMB:
		f.Reason = fmt.Sprintf("not enough memory: %d MB free, %d MB needed", f.FreeMB, memoryMB)
	case f.Storage == "":
		f.Reason = "no storage takes containers: not enough disk"
	case f.FreeDiskGB < diskGB:
		f.Reason = fmt.Sprintf("not enough disk: %d GB free on %s, %d GB needed", f.FreeDiskGB, f.Storage, diskGB)
	default:
		f.Fits = true
	}
}

// FitsOn says on which of the nodes there is room for the least the app needs, in their order.
func (it CatalogueItem) FitsOn(nodes []NodeView) []NodeFit {
	fits := make([]NodeFit, 0, len(nodes))
	for _, n := range nodes {
		f := NodeFit{Host: n.Host, Node: n.Name, FreeMB: n.FreeMB, FreeDiskGB: n.FreeDiskGB, Storage: n.FreeStorage}
		switch n.State {
		case "online":
			f.judge(it.MinMemoryMB, it.MinDiskGB)
		case "offline":
			f.Reason = reasonOffline
		default:
			f.Reason = reasonSilent
		}
		fits = append(fits, f)
	}
	return fits
}
