package pvesim

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"proximity/pvesim/machine"
)

// state is what survives a restart of the simulator.
type state struct {
	Version int                   `json:"version"`
	Secret  []byte                `json:"secret"`
	Keys    map[string]nodeKeys   `json:"keys"`
	Access  *access               `json:"access"`
	Pools   map[string]*pool      `json:"pools"`
	Guests  []*guest              `json:"guests"`
	Inside  map[int]machine.State `json:"inside"` // of containers that somebody has looked into
	Volumes []*volume             `json:"volumes"`
	Tasks   []*task               `json:"tasks"`
	NextIDs map[string]uint32     `json:"next_ids"`
}

const stateVersion = 1

// load reads the state file; nil without one.
func (c *Cluster) load() (*state, error) {
	if c.o.StateFile == "" {
		return nil, nil
	}
	b, err := os.ReadFile(c.o.StateFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var s state
	if err := json.Unmarshal(b, &s); err != nil {
		return nil, fmt.Errorf("state file %s is damaged: %w; remove it to start anew", c.o.StateFile, err)
	}
	if s.Version != stateVersion {
		return nil, fmt.Errorf("state file %s has version %d, this simulator reads %d; remove it to start anew", c.o.StateFile, s.Version, stateVersion)
	}
	return &s, nil
}

// restore makes the cluster what it was. Nodes have booted since: tasks that ran are gone, locks are free, containers
// that were being made are not there.
func (c *Cluster) restore(s *state) {
	c.secret = s.Secret
	if s.Access != nil {
		s.Access.pools = c.poolsOf
		c.access = s.Access
	}
	for name, p := range s.Pools {
		c.pools[name] = p
	}
	unmade := map[int]bool{}
	for _, g := range s.Guests {
		unmade[g.VMID] = g.creating() && g.Conf["rootfs"] == ""
	}
	for _, v := range s.Volumes {
		if (v.Node == "" || c.node(v.Node) != nil) && (v.Content == "backup" || !unmade[v.VMID]) {
			c.addVolume(v)
		}
	}
	for _, t := range s.Tasks {
		t.c, t.done, t.cancel = c, make(chan struct{}), func() {}
		close(t.done)
		if t.Exit == "" {
			t.Exit, t.End = exitUnexpected, c.now().Unix()
		}
		c.tasks.add(t)
	}
	for _, n := range c.nodes {
		n.nextID = s.NextIDs[n.Name] + 1000
	}
	for _, g := range s.Guests {
		if unmade[g.VMID] || c.node(g.Node) == nil {
			continue
		}
		delete(g.Conf, "lock")
		g.power = make(chan struct{}, 1)
		c.guests[g.VMID] = g
		if inside, ok := s.Inside[g.VMID]; ok {
			g.shaped = c.shape(g)
			g.machine = machine.New(c.machineOptions(g))
			g.machine.Restore(inside)
		}
	}
}

// resume boots the containers that ran when the state was saved.
func (c *Cluster) resume() {
	c.mu.Lock()
	var boot []*guest
	for _, g := range c.guests {
		if g.Running && g.machine != nil {
			boot = append(boot, g)
		}
	}
	c.mu.Unlock()
	for _, g := range boot {
		if err := g.machine.Boot(c.ctx, c.net.address(g.Slot)); err != nil {
			c.log.Warn("container did not boot", "vmid", g.VMID, "err", err)
		}
	}
}

// saveEvery is how much of the cluster's life a kill may cost: nothing tells when a container's inside changes.
const saveEvery = 500 * time.Millisecond

// keeper saves the state after each task and otherwise every saveEvery, a large cluster's more seldom: saving takes at
// most a tenth of the time.
func (c *Cluster) keeper() {
	tick := time.NewTimer(saveEvery)
	defer tick.Stop()
	for {
		select {
		case <-c.ctx.Done():
			return
		case <-c.changed:
		case <-tick.C:
		}
		began := time.Now()
		if err := c.save(); err != nil {
			c.log.Error("state not saved", "err", err)
		}
		tick.Reset(max(saveEvery, 10*time.Since(began)))
	}
}

// save writes the state file, if there is to be one and it has changed.
func (c *Cluster) save() error {
	if c.o.StateFile == "" || len(c.nodes) == 0 {
		return nil
	}
	c.saving.Lock()
	defer c.saving.Unlock()
	b, err := c.encode()
	if err != nil || bytes.Equal(b, c.saved) {
		return err
	}
	tmp := c.o.StateFile + ".tmp"
	if err := os.MkdirAll(filepath.Dir(tmp), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(tmp, b, 0o600); err != nil {
		return err
	}
	if err := os.Rename(tmp, c.o.StateFile); err != nil {
		return err
	}
	c.saved = b
	return nil
}

func (c *Cluster) encode() ([]byte, error) {
	c.mu.Lock()
	insides := map[int]*machine.Machine{}
	for vmid, g := range c.guests {
		if g.machine != nil {
			insides[vmid] = g.machine
		}
	}
	c.mu.Unlock()
	s := state{Version: stateVersion, Keys: map[string]nodeKeys{}, Inside: map[int]machine.State{}, NextIDs: map[string]uint32{}}
	for vmid, m := range insides {
		s.Inside[vmid] = m.Snapshot()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	s.Secret, s.Access, s.Pools, s.Guests, s.Tasks = c.secret, c.access, c.pools, c.sortedGuests(), c.tasks.order
	for _, n := range c.nodes {
		s.Keys[n.Name], s.NextIDs[n.Name] = n.keys, n.nextID
	}
	s.Volumes = c.sortedVolumes()
	return json.Marshal(s)
}
