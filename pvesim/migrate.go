package pvesim

import (
	"errors"
	"fmt"
	"time"
)

func getMigrate(q *call) (any, error) {
	g, err := q.unlocked()
	if err != nil {
		return nil, err
	}
	allowed, not := []string{}, map[string]any{}
	for _, n := range q.Cluster.nodes {
		switch {
		case n == q.node:
		case n.up:
			allowed = append(allowed, n.Name)
		default:
			not[n.Name] = map[string]any{"offline": 1}
		}
	}
	return map[string]any{"running": bit(g.Running), "allowed-nodes": allowed, "not-allowed-nodes": not}, nil
}

func migrateGuest(q *call) (any, error) {
	g, err := q.container()
	if err != nil {
		return nil, err
	}
	target := q.Cluster.node(q.p["target"])
	switch {
	case target == nil:
		return nil, paramErr("target", fmt.Sprintf("no such cluster node '%s'", q.p["target"]))
	case target == q.node:
		return nil, paramErr("target", "target is local node.")
	case !target.up:
		return nil, paramErr("target", fmt.Sprintf("target node '%s' is offline", target.Name))
	case g.Running && !q.flag("online") && !q.flag("restart"):
		return nil, failf("can't migrate running container without --online or --restart")
	}
	online, locked := q.flag("online") && !q.flag("restart"), q.lockOf(g)
	return q.spawn("vzmigrate", vmidText(g.VMID), func(t *task) error {
		if locked != nil {
			return plain(locked)
		}
		return t.migrate(g, target, online)
	}), nil
}

// migrate is the work of vzmigrate: stop, copy the disks, start on the other node.
func (t *task) migrate(g *guest, target *node, online bool) (err error) {
	running, bytes := false, int64(0)
	err = t.lockedErr(func() error {
		if g.locked() != nil {
			return plain(g.locked())
		}
		running = g.Running
		if running && online {
			return errors.New("lxc live migration is currently not implemented")
		}
		g.Conf["lock"] = "migrate"
		for _, v := range t.c.volumes {
			if v.VMID == g.VMID && v.Content == "rootdir" && v.Node == g.Node {
				bytes += v.Used
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	now := func() string { return t.c.now().UTC().Format("2006-01-02 15:04:05") }
	if running {
		t.logf("%s shutdown CT %d", now(), g.VMID)
		t.c.halt(g)
	}
	t.logf("%s starting migration of CT %d to node '%s' (%s)", now(), g.VMID, target.Name, target.ip)
	volid, _ := g.rootfs()
	t.logf("%s found local volume '%s' (in current VM config)", now(), volid)
	if err := t.sleep(time.Second + time.Duration(bytes>>20)*9*time.Millisecond); err != nil {
		if !errors.Is(err, errInterrupted) {
			t.locked(func() { delete(g.Conf, "lock") })
		}
		return err
	}
	t.locked(func() {
		t.c.relocate(g, target)
		delete(g.Conf, "lock")
	})
	if running {
		t.logf("%s start container on target node", now())
		if err := t.start(g); err != nil {
			return err
		}
	}
	t.logf("%s migration finished successfully", now())
	return nil
}

// relocate moves a guest's configuration and disks. The caller holds the lock.
func (c *Cluster) relocate(g *guest, target *node) {
	var move []*volume
	for _, v := range c.volumes {
		if v.VMID == g.VMID && v.Content == "rootdir" && v.Node == g.Node {
			move = append(move, v)
		}
	}
	for _, v := range move {
		c.removeVolume(v)
		v.Node = target.Name
		c.addVolume(v)
	}
	c.touch(g, true)
	g.Node = target.Name
}

// Migrate moves a container to another node at once, as HA does that finds its disks there.
func (c *Cluster) Migrate(vmid int, to string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if g, target := c.guests[vmid], c.node(to); g != nil && target != nil {
		c.relocate(g, target)
	}
}
