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
	absent    ownership = iota // there is no such container
	unready                    // it is being made: it has a lock, and nothing or not all of its configuration
	undressed                  // a copy we have made: it carries our mark, and still the MAC that Proxmox gave it: ours, too
	foreign                    // somebody else's
	ours
)

// mark is what we write into a container's description: with the MAC and the
// recorded (host, vmid) it makes the container ours. People can edit marks,
// clones copy them, and vmids come back: all three must agree.
func (c *Core) mark(a app) string {
	return "Managed by Proximity\n\n" + markInstallation + c.installation + "\n" + markApp + a.ID
}

const (
	markInstallation = "proximity-installation: "
	markApp          = "proximity-app: "
)

// whose looks at the container with an app's vmid. An adopted one is ours to
// run, never to destroy.
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
	return c.judge(cfg, a), nil
}

// judge says whose a container is by its configuration. A copy gets our mark
// with the very call that makes it, and our MAC only afterwards; until then the
// mark, of an app that was made up for this copy alone, at the number we
// reserved for it, is what proves it.
func (c *Core) judge(cfg pve.GuestConfig, a app) ownership {
	marked := strings.Contains(cfg.Description, markInstallation+c.installation) && strings.Contains(cfg.Description, markApp+a.ID)
	mac := a.Adopted && a.MAC == "" // it had no network then
	for _, n := range cfg.Nets {
		mac = mac || strings.EqualFold(n.MAC, a.MAC)
	}
	switch {
	case cfg.Lock == "create" && (len(cfg.Nets) == 0 || marked && a.Bare):
		return unready
	case mac && (marked || a.Adopted): // an adopted one carries no mark of ours: its place and its MAC are what there is
		return ours
	case marked && a.Bare:
		return undressed
	}
	return foreign
}
