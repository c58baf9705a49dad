package core

import (
	"context"
	"net/netip"
	"strings"
	"time"

	"proximity/core/pve"
	"proximity/store"
)

// addressEvery bounds how often a container is asked for its address.
const addressEvery = 2 * time.Second

// runAddresses keeps the addresses of running apps right: asked for when
// unknown and after a restart of the container, a few at a time.
func (c *Core) runAddresses(ctx context.Context) error {
	tick := time.NewTicker(addressEvery)
	defer tick.Stop()
	known := map[string]int64{} // app id → uptime at which its address was read
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			c.refreshAddresses(ctx, known)
		}
	}
}

// addressBudget is how many containers are asked per turn.
const addressBudget = 4

func (c *Core) refreshAddresses(ctx context.Context, known map[string]int64) {
	budget := addressBudget
	for _, a := range c.cachedApps() {
		if a.Status != StatusRunning || a.VMID == 0 || budget == 0 {
			continue
		}
		l, err := c.liveHost(a.Host)
		if err != nil {
			continue
		}
		s := l.poller.Snapshot()
		g, ok := s.Guest(a.VMID)
		if s.Err != nil || !ok || g.Status != "running" {
			continue
		}
		at, asked := known[a.ID]
		if a.Address != "" && asked && g.Uptime >= at {
			known[a.ID] = g.Uptime
			continue
		}
		budget--
		addr, _, err := c.guestIP(ctx, l, a)
		if err != nil || !addr.IsValid() {
			continue
		}
		known[a.ID] = g.Uptime
		if addr.String() == a.Address {
			continue
		}
		err = c.store.Update(func(tx *store.Tx) error {
			return c.changeApp(tx, a.ID, func(r *app) error { r.Address = addr.String(); return nil })
		})
		if err != nil {
			c.log.Warn("keep the address of an app", "app", a.Hostname, "error", err)
		}
	}
}

// guestIP is the first address of the container inside the guest networks, IPv4
// first; the zero Addr while it has none. outside is one that it has elsewhere.
func (c *Core) guestIP(ctx context.Context, l *liveHost, a app) (inside, outside netip.Addr, err error) {
	faces, err := l.client.Interfaces(ctx, c.nodeOf(l, a), a.VMID)
	if err != nil {
		return inside, outside, err
	}
	for _, f := range faces {
		if f.Name == "lo" || isDocker(f) {
			continue
		}
		for _, p := range f.Addresses {
			switch addr := p.Addr(); {
			case addr.IsLinkLocalUnicast():
			case !c.guestAddress(addr):
				outside = addr
			case addr.Is4():
				return addr, outside, nil
			case !inside.IsValid():
				inside = addr
			}
		}
	}
	return inside, outside, nil
}

// isDocker reports a bridge or veth that docker makes inside the container.
func isDocker(f pve.Interface) bool {
	return strings.HasPrefix(f.Name, "docker") || strings.HasPrefix(f.Name, "br-") || strings.HasPrefix(f.Name, "veth")
}
