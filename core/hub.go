package core

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// hub turns changes into new worlds and tells watchers, at most once every
// worldEvery however much happens.
type hub struct {
	dirty        chan struct{} // size one: something changed
	hostsChanged chan struct{} // size one: a host came or went
	changes      atomic.Uint64 // how many there were
	jobs         atomic.Bool   // the list of jobs must be read again
	building     sync.Mutex    // one rebuild at a time
	tally        tally         // of ended jobs; guarded by building
	world        atomic.Pointer[World]
	catalogue    atomic.Uint64 // counts the reloads
	filtered     sync.Map      // user + role → *filteredWorld

	mu       sync.Mutex
	watchers map[chan struct{}]*watcher
}

// watcher is one who looks: while there is any, hosts are polled often.
type watcher struct{ release []func() }

const worldEvery = 100 * time.Millisecond

func (h *hub) init() {
	h.dirty = make(chan struct{}, 1)
	h.hostsChanged = make(chan struct{}, 1)
	h.watchers = map[chan struct{}]*watcher{}
	h.jobs.Store(true)
}

// fill puts a token into a mailbox of size one; the newest wins.
func fill(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// changed asks for a new world soon. It never blocks.
func (c *Core) changed() {
	c.hub.changes.Add(1)
	fill(c.hub.dirty)
}

// runHub rebuilds the world after changes.
func (c *Core) runHub(ctx context.Context) error {
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-c.hub.dirty:
		}
		c.renew()
		c.steer()
		c.hub.mu.Lock()
		for ch := range c.hub.watchers {
			fill(ch)
		}
		c.hub.mu.Unlock()
		pause.Reset(worldEvery)
		select {
		case <-ctx.Done():
			return nil
		case <-pause.C:
		}
	}
}

// Watch returns a mailbox of size one that is filled after changes of the
// world or of any job's log, until ctx ends. While it is open, hosts are polled
// often.
func (c *Core) Watch(ctx context.Context) <-chan struct{} {
	ch := make(chan struct{}, 1)
	w := &watcher{}
	for _, l := range c.liveHosts() {
		w.release = append(w.release, l.poller.Watch())
	}
	c.hub.mu.Lock()
	c.hub.watchers[ch] = w
	c.hub.mu.Unlock()
	context.AfterFunc(ctx, func() {
		c.hub.mu.Lock()
		delete(c.hub.watchers, ch)
		c.hub.mu.Unlock()
		for _, release := range w.release {
			release()
		}
	})
	return ch
}

// watchHost lets everybody who looks look at a new host, too.
func (c *Core) watchHost(l *liveHost) {
	c.hub.mu.Lock()
	defer c.hub.mu.Unlock()
	for _, w := range c.hub.watchers {
		w.release = append(w.release, l.poller.Watch())
	}
}

// filteredWorld is the world as one user sees it, kept while the whole one
// lasts.
type filteredWorld struct{ whole, seen *World }

// FreshWorld is the world with all that has been committed before the call:
// for commands and the API, whose answer must not lag behind the one before.
func (c *Core) FreshWorld(a Actor) *World {
	c.renew()
	return c.World(a)
}

// renew rebuilds the world if anything has changed since it was made.
func (c *Core) renew() {
	if w := c.hub.world.Load(); w.change == c.hub.changes.Load() {
		return
	}
	c.hub.building.Lock()
	defer c.hub.building.Unlock()
	if w := c.hub.world.Load(); w.change != c.hub.changes.Load() { // nobody did it while we waited
		c.rebuild()
	}
}

// World is what the actor may see now; from memory, shared, never changed.
func (c *Core) World(a Actor) *World {
	w := c.hub.world.Load()
	if a.May(VerbReadApp, "") == nil { // sees every app
		return w
	}
	id := string(a.Role) + "/" + a.User
	if f, ok := c.hub.filtered.Load(id); ok && f.(*filteredWorld).whole == w {
		return f.(*filteredWorld).seen
	}
	seen := w.seenBy(a)
	c.hub.filtered.Store(id, &filteredWorld{whole: w, seen: seen})
	return seen
}

// seenBy leaves out what the actor may not see.
func (w *World) seenBy(a Actor) *World {
	s := &World{At: w.At, Totals: w.Totals, Catalogue: w.Catalogue, BackupsRev: w.BackupsRev, memo: &memo{}}
	hosts := a.May(VerbReadHosts, "") == nil
	if hosts {
		s.Hosts, s.Nodes = w.Hosts, w.Nodes
	}
	apps := map[string]bool{}
	for _, app := range w.Apps {
		if a.sees(app.Owner) {
			s.Apps = append(s.Apps, app)
			apps["app/"+app.ID] = true
		}
	}
	s.Protected = w.Protected.of(s.Apps)
	jobs := map[string]bool{}
	for _, j := range w.Jobs {
		if a.sees(j.Owner) || j.AppID != "" && apps["app/"+j.AppID] {
			s.Jobs = append(s.Jobs, j)
			jobs[jobObject(j.ID)] = true
		}
	}
	for _, al := range w.Alerts {
		if apps[al.Object] || jobs[al.Object] || hosts && (strings.HasPrefix(al.Object, "host/") || strings.HasPrefix(al.Object, "node/")) {
			s.Alerts = append(s.Alerts, al)
		}
	}
	return s
}
