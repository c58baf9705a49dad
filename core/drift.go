package core

import (
	"time"

	"proximity/core/pve"
)

// statusLag is how far Proxmox's lists may lag behind what just happened
// (pvestatd writes them about every 10 s).
const statusLag = 15 * time.Second

// drift is what an app's host says of it where that differs from the record:
// only a fresh answer about a node that is there counts, and only when the
// lists have had the time to catch up with us.
func drift(a app, s *pve.Snapshot) AppStatus {
	if s == nil || s.Err != nil || a.VMID == 0 || s.At.Sub(a.ChangedAt) <= statusLag {
		return a.Status
	}
	g, ok := s.Guest(a.VMID)
	if n, is := s.Node(g.Node); !ok || g.Lock != "" || !is || !n.Online {
		return a.Status
	}
	switch {
	case a.Status == StatusRunning && g.Status == "stopped":
		return StatusStopped
	case a.Status == StatusStopped && g.Status == "running":
		return StatusRunning
	}
	return a.Status
}

// actual is an app's status as its host has it now, where that is known.
func (c *Core) actual(a app) AppStatus {
	l, err := c.liveHost(a.Host)
	if err != nil {
		return a.Status
	}
	return drift(a, l.poller.Snapshot())
}
