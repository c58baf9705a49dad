package pvesim

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"proximity/pvesim/machine"
)

const (
	snapshotTime = 500 * time.Millisecond
	rollbackTime = time.Second
)

var errNoSnapshots = errors.New("snapshot feature is not available")

// snapshot finds a container's snapshot, nil without.
func (g *guest) snapshot(name string) *snapshot {
	for _, s := range g.Snaps {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// snapshottable says whether all of a container's disks can have snapshots.
func (c *Cluster) snapshottable(g *guest) bool {
	for k, v := range g.Conf {
		if k != "rootfs" && !strings.HasPrefix(k, "mp") {
			continue
		}
		name, _, _ := strings.Cut(v, ":")
		if s := c.storage(name); s == nil || !s.snapshots() {
			return false
		}
	}
	return true
}

func getSnapshots(q *call) (any, error) {
	g, err := q.container()
	if err != nil {
		return nil, err
	}
	rows := []map[string]any{}
	for _, s := range g.Snaps {
		row := map[string]any{"name": s.Name, "snaptime": s.Time, "description": s.Description}
		if s.Parent != "" {
			row["parent"] = s.Parent
		}
		rows = append(rows, row)
	}
	current := map[string]any{"name": "current", "description": "You are here!", "digest": g.digest(), "running": bit(g.Running)}
	if g.Parent != "" {
		current["parent"] = g.Parent
	}
	return append(rows, current), nil
}

// pathSnapshot finds the snapshot of the path.
func (q *call) pathSnapshot() (*guest, *snapshot, error) {
	g, err := q.container()
	if err != nil {
		return nil, nil, err
	}
	s := g.snapshot(q.p["snapname"])
	if s == nil {
		return g, nil, failf("snapshot '%s' does not exist", q.p["snapname"])
	}
	return g, s, nil
}

func getSnapshot(q *call) (any, error) {
	if _, err := q.container(); err != nil {
		return nil, err
	}
	return []map[string]string{{"cmd": "rollback"}, {"cmd": "config"}}, nil
}

func getSnapshotConfig(q *call) (any, error) {
	_, s, err := q.pathSnapshot()
	if err != nil {
		return nil, err
	}
	out := q.typed(s.Conf)
	out["snaptime"] = s.Time
	if s.Description != "" {
		out["description"] = s.Description
	}
	return out, nil
}

func putSnapshotConfig(q *call) (any, error) {
	_, s, err := q.pathSnapshot()
	if err != nil {
		return nil, err
	}
	if q.has("description") {
		s.Description = description(q.p["description"])
	}
	return nil, nil
}

// description is a text as configurations store it: ending in a newline.
func description(s string) string {
	if s == "" || strings.HasSuffix(s, "\n") {
		return s
	}
	return s + "\n"
}

func createSnapshot(q *call) (any, error) {
	g, err := q.container()
	if err != nil {
		return nil, err
	}
	name := q.p["snapname"]
	if name == "current" || name == "vzdump" {
		return nil, failf("unable to use snapshot name '%s' (reserved name)", name)
	}
	text, locked := description(q.p["description"]), q.lockOf(g)
	return q.spawn("vzsnapshot", vmidText(g.VMID), func(t *task) error {
		if locked != nil {
			return plain(locked)
		}
		return t.snapshot(g, name, text)
	}), nil
}

// snapshot is the work of vzsnapshot.
func (t *task) snapshot(g *guest, name, text string) error {
	err := t.lockedErr(func() error {
		switch {
		case g.locked() != nil:
			return plain(g.locked())
		case g.snapshot(name) != nil:
			return fmt.Errorf("snapshot name '%s' already used", name)
		case g.template():
			return errors.New("a template cannot have snapshots")
		case !t.c.snapshottable(g):
			return errNoSnapshots
		}
		g.Conf["lock"] = "snapshot"
		return nil
	})
	if err != nil {
		return err
	}
	err = t.sleep(snapshotTime)
	if errors.Is(err, errInterrupted) {
		return err
	}
	var state machine.State
	if err == nil {
		state = t.c.snapshotInside(g)
	}
	t.locked(func() {
		delete(g.Conf, "lock")
		if err != nil {
			return
		}
		g.Snaps = append(g.Snaps, &snapshot{
			Name: name, Description: text, Time: t.c.now().Unix(), Parent: g.Parent, Conf: g.Conf.clone(), Raw: slices.Clone(g.Raw), State: state,
		})
		g.Parent = name
	})
	return err
}

// snapshotInside copies a container's inside, nothing for one that nobody has looked into.
func (c *Cluster) snapshotInside(g *guest) machine.State {
	c.mu.Lock()
	m := g.machine
	c.mu.Unlock()
	if m == nil {
		return machine.State{}
	}
	return m.Snapshot()
}

func deleteSnapshot(q *call) (any, error) {
	g, err := q.container()
	if err != nil {
		return nil, err
	}
	name, locked := q.p["snapname"], q.lockOf(g)
	return q.spawn("vzdelsnapshot", vmidText(g.VMID), func(t *task) error {
		if locked != nil {
			return plain(locked)
		}
		return t.deleteSnapshot(g, name)
	}), nil
}

func (t *task) deleteSnapshot(g *guest, name string) error {
	err := t.lockedErr(func() error {
		switch {
		case g.locked() != nil:
			return plain(g.locked())
		case g.snapshot(name) == nil:
			return fmt.Errorf("snapshot '%s' does not exist", name)
		}
		g.Conf["lock"] = "snapshot-delete"
		return nil
	})
	if err != nil {
		return err
	}
	if err = t.sleep(snapshotTime); errors.Is(err, errInterrupted) {
		return err
	}
	t.locked(func() {
		delete(g.Conf, "lock")
		if err == nil {
			g.dropSnapshot(name)
		}
	})
	return err
}

// dropSnapshot removes a snapshot and hands its children to its parent.
func (g *guest) dropSnapshot(name string) {
	gone := g.snapshot(name)
	if gone == nil {
		return
	}
	for _, s := range g.Snaps {
		if s.Parent == name {
			s.Parent = gone.Parent
		}
	}
	if g.Parent == name {
		g.Parent = gone.Parent
	}
	g.Snaps = slices.DeleteFunc(g.Snaps, func(s *snapshot) bool { return s == gone })
}

func rollbackSnapshot(q *call) (any, error) {
	g, _, err := q.pathSnapshot()
	if g == nil {
		return nil, err
	}
	name, again, locked := q.p["snapname"], q.flag("start"), q.lockOf(g)
	return q.spawn("vzrollback", vmidText(g.VMID), func(t *task) error {
		if locked != nil {
			return plain(locked)
		}
		if err := t.rollback(g, name); err != nil {
			return err
		}
		if again {
			return t.start(g)
		}
		return nil
	}), nil
}

func (t *task) rollback(g *guest, name string) error {
	var s *snapshot
	running := false
	err := t.lockedErr(func() error {
		s, running = g.snapshot(name), g.Running
		switch {
		case g.locked() != nil:
			return plain(g.locked())
		case s == nil:
			return fmt.Errorf("snapshot '%s' does not exist", name)
		}
		g.Conf["lock"] = "rollback"
		return nil
	})
	if err != nil {
		return err
	}
	if running {
		t.c.halt(g)
	}
	if err = t.sleep(rollbackTime); errors.Is(err, errInterrupted) {
		return err
	}
	t.locked(func() {
		if err != nil {
			delete(g.Conf, "lock")
			return
		}
		t.c.touch(g, true)
		g.Conf, g.Raw, g.Pending, g.Parent = s.Conf.clone(), slices.Clone(s.Raw), nil, name
		delete(g.Conf, "lock")
		t.c.insideFrom(g, s.State)
	})
	return err
}

func getFeature(q *call) (any, error) {
	g, err := q.container()
	if err != nil {
		return nil, err
	}
	has := true
	switch q.p["feature"] {
	case "snapshot":
		has = q.snapshottable(g)
	case "clone":
		has = g.template() && q.snapshottable(g)
	case "copy":
		has = !g.Running || q.has("snapname")
	}
	return map[string]int{"hasFeature": bit(has)}, nil
}
