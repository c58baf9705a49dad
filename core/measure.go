package core

import (
	"maps"
	"slices"
	"time"
)

// JobBuckets are the durations, in seconds, that ended jobs are counted up to.
func JobBuckets() []float64 { return []float64{1, 5, 15, 60, 180, 600, 1800} }

// Measures are figures about this installation, for monitoring.
type Measures struct {
	Apps     map[AppStatus]int
	Live     map[JobSort]int       // unfinished jobs
	Ended    map[JobSort]Durations // jobs that ended since this process began
	Hosts    []HostMeasure
	Consoles int // open now
	Sessions int // over SSH, with consoles
	Logins   int // of the API, not run out
}

// JobSort is a kind of job in a state.
type JobSort struct{ Kind, State string }

// Durations count how long things took.
type Durations struct {
	Count uint64
	Sum   float64  // seconds
	Upto  []uint64 // how many took no longer than each of JobBuckets
}

// HostMeasure is how a host answers.
type HostMeasure struct {
	Name        string
	Online      bool
	Poll        time.Duration // of the last poll; 0 = there was none
	NodesOnline int
	Nodes       int
}

// Measures gives the figures, from memory.
func (c *Core) Measures() Measures {
	c.renew()
	w := c.hub.world.Load()
	m := Measures{Apps: map[AppStatus]int{}, Live: map[JobSort]int{}, Consoles: len(c.Present())}
	for i := range w.Apps {
		m.Apps[w.Apps[i].Status]++
	}
	for i := range w.Jobs {
		if j := &w.Jobs[i]; !j.Ended {
			m.Live[JobSort{j.Kind, j.State}]++
		}
	}
	for _, l := range c.liveHosts() {
		s := l.poller.Snapshot()
		v := hostView(l.rec, s)
		m.Hosts = append(m.Hosts, HostMeasure{Name: v.Name, Online: v.State == "online", Poll: s.Took, NodesOnline: v.NodesOnline, Nodes: v.Nodes})
	}
	c.access.mu.RLock()
	m.Sessions = len(c.access.admitted)
	for _, l := range c.access.logins {
		if l.ExpiresAt.After(c.now()) {
			m.Logins++
		}
	}
	c.access.mu.RUnlock()
	m.Ended = c.hub.endedJobs()
	return m
}

// tally counts jobs as they end. It belongs to who builds the world; what it
// has counted may be read by others under hub.building.
type tally struct {
	live map[uint64]bool // as last seen
	top  uint64          // the highest number seen
	sums map[JobSort]Durations
}

// see counts the jobs that have ended since the last look. recent are the
// latest ended ones; find gets one that is not among them any more.
func (t *tally) see(live, recent []JobView, find func(id uint64) (JobView, bool)) {
	first := t.live == nil // what ended before this process began is not counted
	gone := t.live
	t.live = map[uint64]bool{}
	top := t.top
	for _, j := range live {
		t.live[j.ID] = true
		delete(gone, j.ID)
		top = max(top, j.ID)
	}
	for _, j := range recent {
		top = max(top, j.ID)
		if gone[j.ID] || j.ID > t.top && !first {
			t.count(j)
		}
		delete(gone, j.ID)
	}
	for id := range gone {
		if j, ok := find(id); ok && j.Ended {
			t.count(j)
		}
	}
	t.top = top
}

func (t *tally) count(j JobView) {
	took := j.EndedAt.Sub(j.CreatedAt).Seconds()
	d := t.sums[JobSort{j.Kind, j.State}]
	d.Count++
	d.Sum += took
	d.Upto = slices.Clone(d.Upto)
	if d.Upto == nil {
		d.Upto = make([]uint64, len(JobBuckets()))
	}
	for i, limit := range JobBuckets() {
		if took <= limit {
			d.Upto[i]++
		}
	}
	if t.sums == nil {
		t.sums = map[JobSort]Durations{}
	}
	t.sums[JobSort{j.Kind, j.State}] = d
}

// tallyJobs counts what has ended between two looks at the list of jobs.
func (c *Core) tallyJobs(live, ended []JobView) {
	c.hub.tally.see(live, ended, func(id uint64) (JobView, bool) {
		j, err := c.engine.Get(id)
		return jobView(j), err == nil
	})
}

func (h *hub) endedJobs() map[JobSort]Durations {
	h.building.Lock()
	defer h.building.Unlock()
	return maps.Clone(h.tally.sums)
}
