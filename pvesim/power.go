package pvesim

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Durations as measured on a running node.
const (
	startTime    = 1300 * time.Millisecond
	stopTime     = 900 * time.Millisecond
	shutdownTime = 2800 * time.Millisecond
	destroyTime  = 500 * time.Millisecond
)

// powerWait is how long a worker waits for another one that holds a container.
const powerWait = 10 * time.Second

// hold lets one worker at a time start, stop or destroy a container.
func (t *task) hold(g *guest) (release func(), err error) {
	limit := time.NewTimer(max(t.c.scaled(powerWait), time.Second))
	defer limit.Stop()
	select {
	case g.power <- struct{}{}:
		return func() { <-g.power }, nil
	case <-t.ctx.Done():
		return nil, errInterrupted
	case <-limit.C:
		return nil, fmt.Errorf("can't lock file '/run/lock/lxc/pve-config-%d.lock' - got timeout", g.VMID)
	}
}

func startGuest(q *call) (any, error) {
	g, err := q.container()
	if err != nil {
		return nil, err
	}
	if q.has("skiplock") && !q.who.root() {
		return nil, paramErr("skiplock", "Only root may use this option.")
	}
	if g.Running {
		return nil, failf("CT %d already running", g.VMID)
	}
	locked := q.lockOf(g)
	return q.spawn("vzstart", vmidText(g.VMID), func(t *task) error {
		if locked != nil && !q.flag("skiplock") {
			return plain(locked)
		}
		return t.start(g)
	}), nil
}

// plain is an API error as a task says it.
func plain(err error) error { return errors.New(strings.TrimRight(err.Error(), "\n")) }

// start is the work of vzstart.
func (t *task) start(g *guest) error {
	release, err := t.hold(g)
	if err != nil {
		return err
	}
	defer release()
	err = t.lockedErr(func() error {
		switch {
		case t.c.guests[g.VMID] != g:
			return fmt.Errorf("Configuration file 'nodes/%s/lxc/%d.conf' does not exist", g.Node, g.VMID)
		case g.locked() != nil:
			return plain(g.locked())
		case g.template():
			return errors.New("you can't start a CT if it's a template")
		case g.Running:
			return fmt.Errorf("CT %d already running", g.VMID)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := t.sleep(startTime / 2); err != nil {
		return err
	}
	var bridge string
	t.locked(func() { bridge = g.missingBridge() })
	if bridge != "" {
		return fmt.Errorf("bridge '%s' does not exist", bridge)
	}
	if err := t.c.boot(t.c.ctx, g); err != nil {
		return fmt.Errorf("startup for container '%d' failed: %w", g.VMID, err)
	}
	return t.sleep(startTime / 2)
}

// missingBridge is a bridge of the configuration that no node has, "" for none.
func (g *guest) missingBridge() string {
	for _, k := range sortedKeys(g.Conf) {
		if !strings.HasPrefix(k, "net") {
			continue
		}
		for _, kv := range strings.Split(g.Conf[k], ",") {
			if b, ok := strings.CutPrefix(kv, "bridge="); ok && !bridgeExists(b) {
				return b
			}
		}
	}
	return ""
}

func stopGuest(q *call) (any, error) {
	g, err := q.container()
	if err != nil {
		return nil, err
	}
	if !g.Running {
		return nil, failf("CT %d not running", g.VMID)
	}
	if q.has("skiplock") && !q.who.root() {
		return nil, paramErr("skiplock", "Only root may use this option.")
	}
	locked := q.lockOf(g)
	if q.flag("overrule-shutdown") {
		for _, t := range q.tasks.order {
			if t.Type == "vzshutdown" && t.ID == vmidText(g.VMID) && t.Exit == "" {
				t.killed = true
				t.cancel()
			}
		}
	}
	return q.spawn("vzstop", vmidText(g.VMID), func(t *task) error {
		if locked != nil && !q.flag("skiplock") {
			return plain(locked)
		}
		return t.stop(g, stopTime)
	}), nil
}

// stop is the work of vzstop, and of a shutdown that succeeds.
func (t *task) stop(g *guest, takes time.Duration) error {
	release, err := t.hold(g)
	if err != nil {
		return err
	}
	defer release()
	if err := t.sleep(takes); err != nil {
		return err
	}
	t.c.halt(g)
	return nil
}

func shutdownGuest(q *call) (any, error) {
	g, err := q.container()
	if err != nil {
		return nil, err
	}
	if !g.Running {
		return nil, failf("CT %d not running", g.VMID)
	}
	locked, force := q.lockOf(g), q.flag("forceStop")
	limit := 60 * time.Second
	if q.has("timeout") {
		limit = time.Duration(q.number("timeout")) * time.Second
	}
	return q.spawn("vzshutdown", vmidText(g.VMID), func(t *task) error {
		if locked != nil {
			return plain(locked)
		}
		if limit >= shutdownTime {
			return t.stop(g, shutdownTime)
		}
		if err := t.sleep(limit); err != nil {
			return err
		}
		if !force {
			return errors.New("container did not stop")
		}
		return t.stop(g, stopTime)
	}), nil
}

func rebootGuest(q *call) (any, error) {
	g, err := q.container()
	if err != nil {
		return nil, err
	}
	if !g.Running {
		// Proxmox: says VM for containers, too.
		return nil, failf("VM %d not running", g.VMID)
	}
	locked := q.lockOf(g)
	return q.spawn("vzreboot", vmidText(g.VMID), func(t *task) error {
		if locked != nil {
			return plain(locked)
		}
		if err := t.stop(g, shutdownTime); err != nil {
			return err
		}
		return t.start(g)
	}), nil
}

func destroyGuest(q *call) (any, error) {
	g, err := q.unlocked()
	if err != nil {
		return nil, err
	}
	if g.Conf["protection"] == "1" {
		return nil, failf("can't remove CT %d - protection mode enabled", g.VMID)
	}
	force, purge := q.flag("force"), q.flag("purge")
	if g.Running && !force {
		return nil, failf("unable to destroy CT %d - container is running", g.VMID)
	}
	return q.spawn("vzdestroy", vmidText(g.VMID), func(t *task) error {
		return t.destroy(g, force, purge)
	}), nil
}

func (t *task) destroy(g *guest, force, purge bool) error {
	release, err := t.hold(g)
	if err != nil {
		return err
	}
	defer release()
	running := false
	err = t.lockedErr(func() error {
		running = g.Running
		switch {
		case t.c.guests[g.VMID] != g:
			return fmt.Errorf("Configuration file 'nodes/%s/lxc/%d.conf' does not exist", g.Node, g.VMID)
		case g.locked() != nil:
			return plain(g.locked())
		case running && !force:
			return fmt.Errorf("unable to destroy CT %d - container is running", g.VMID)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if running {
		t.logf("forced to stop CT %d before destroying!", g.VMID)
		if err := t.sleep(stopTime); err != nil {
			return err
		}
		t.c.halt(g)
	}
	if err := t.sleep(destroyTime); err != nil {
		return err
	}
	t.locked(func() {
		for _, v := range t.c.volumes {
			if v.VMID == g.VMID && v.Content == "rootdir" && v.Node == g.Node {
				t.c.removeVolume(v)
			}
		}
		t.c.forget(g)
		t.c.access.dropPath("/vms/" + vmidText(g.VMID))
	})
	if purge {
		t.logf("purging CT %d from related configurations..", g.VMID)
	}
	return nil
}

// dropPath forgets the access list of a path.
func (a *access) dropPath(path string) {
	var rest []aclEntry
	for _, e := range a.ACL {
		if e.Path != path {
			rest = append(rest, e)
		}
	}
	a.ACL = rest
}
