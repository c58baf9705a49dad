package core

import (
	"context"
	"fmt"
	"time"

	"proximity/core/pve"
	"proximity/store"
)

// syncEvery is how often hosts are asked who is in their cluster.
const syncEvery = time.Hour

// runSync keeps the nodes of every host known, so that another one answers
// when the configured one does not.
func (c *Core) runSync(ctx context.Context) error {
	tick := time.NewTicker(syncEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		for _, l := range c.liveHosts() {
			if l.rec.off() != "" || !l.poller.Snapshot().Fresh() {
				continue
			}
			if _, err := c.syncNodes(ctx, l.rec.Name); err != nil && ctx.Err() == nil {
				c.log.Warn("ask a host for its nodes", "host", l.rec.Name, "error", err)
			}
		}
	}
}

// SyncNodes asks a host who is in its cluster now, and keeps it: the number of
// nodes.
func (c *Core) SyncNodes(ctx context.Context, a Actor, name string) (int, error) {
	n, err := 0, a.May(VerbChangeHosts, "")
	if err == nil {
		n, err = c.syncNodes(ctx, name)
	}
	c.audit(a, "host.sync", name, err, fmt.Sprintf("%d nodes", n))
	return n, err
}

func (c *Core) syncNodes(ctx context.Context, name string) (int, error) {
	l, err := c.workingHost(name)
	if err != nil {
		return 0, err
	}
	status, err := l.client.Cluster(ctx)
	if err != nil {
		return 0, hostError(name, err)
	}
	if !pve.SameCluster(l.rec.Identity, status.Identity) && l.rec.Fingerprint == "" {
		return 0, &Error{Kind: ErrConflict, Text: fmt.Sprintf("another cluster answers for host %s now", name), Hint: "find out why: nothing of it was taken over"}
	}
	peers := l.client.Peers()
	var h host
	err = c.store.Update(func(tx *store.Tx) error {
		if h, err = c.hostTable.Get(tx, name); err != nil {
			return err
		}
		h.Cluster, h.Identity, h.Peers = status.Name, status.Identity, peers
		return c.hostTable.Put(tx, h)
	})
	if err != nil {
		return 0, err
	}
	c.revise(h)
	l.poller.Refresh()
	return len(status.Nodes), nil
}
