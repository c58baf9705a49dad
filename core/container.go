package core

import (
	"context"
	"errors"
	"strings"

	"proximity/core/pve"
)

// ownership is whose a container is.
type ownership int

const (
	absent  ownership = iota // there is no such container
	unready                  // it is being made: its configuration holds only a lock
	foreign                  // somebody else's
	ours
)

// mark is what we write into a container's description: with the MAC and the
// recorded (host, vmid) it makes the container ours. People can edit marks,
// clones copy them, and vmids come back: all three must agree.
func (c *Core) mark(a app) string {
	return "Managed by Proximity\n\nproximity-installation: " + c.installation + "\nproximity-app: " + a.ID
}

// whose looks at the container with an app's vmid.
func (c *Core) whose(ctx context.Context, l *liveHost, a app) (ownership, error) {
	cfg, err := l.client.GuestConfig(ctx, a.Node, a.VMID)
	if errors.Is(err, pve.ErrNotFound) {
		free, e := l.client.CheckID(ctx, a.VMID)
		if e != nil {
			return absent, e
		}
		if !free { // on another node, or a virtual machine
			return foreign, nil
		}
		return absent, nil
	}
	if err != nil {
		return absent, err
	}
	if cfg.Lock == "create" && len(cfg.Nets) == 0 {
		return unready, nil
	}
	mac := false
	for _, n := range cfg.Nets {
		mac = mac || strings.EqualFold(n.MAC, a.MAC)
	}
	if mac && strings.Contains(cfg.Description, "proximity-installation: "+c.installation) && strings.Contains(cfg.Description, "proximity-app: "+a.ID) {
		return ours, nil
	}
	return foreign, nil
}
