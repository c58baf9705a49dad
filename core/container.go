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
	if cfg.Lock == "create" && len(cfg.Nets) == 0 {
		return unready, nil
	}
	mac := a.Adopted && a.MAC == "" // it had no network then
	for _, n := range cfg.Nets {
		mac = mac || strings.EqualFold(n.MAC, a.MAC)
	}
	if mac && a.Adopted { // it carries no mark of ours: its place and its MAC are what there is
		return ours, nil
	}
	if mac && strings.Contains(cfg.Description, markInstallation+c.installation) && strings.Contains(cfg.Description, markApp+a.ID) {
		return ours, nil
	}
	return foreign, nil
}
