package pvesim

import (
	"math"
	"sort"
	"time"
)

// run is a time in which a guest ran.
type run struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// runsKept is how many past runs of a guest are remembered.
const runsKept = 400

// made is when the guest was made; of one saved without that, when it started last.
func (g *guest) made() time.Time {
	if g.Made.IsZero() {
		return g.Started
	}
	return g.Made
}

// ranAt says whether the guest ran at a moment.
func (g *guest) ranAt(at time.Time) bool {
	if g.Running && !at.Before(g.Started) {
		return true
	}
	i := sort.Search(len(g.Runs), func(i int) bool { return g.Runs[i].To.After(at) })
	return i < len(g.Runs) && !at.Before(g.Runs[i].From)
}

// load is what a guest uses at a moment: a share of its cores, bytes, and bytes per second.
type load [7]float64

const (
	loadCPU = iota
	loadMem
	loadDisk
	loadNetIn
	loadNetOut
	loadRead
	loadWrite
)

func mean(loads []load) load {
	var m load
	for _, l := range loads {
		for i := range m {
			m[i] += l[i] / float64(len(loads))
		}
	}
	return m
}

func highest(loads []load) load {
	var m load
	for _, l := range loads {
		for i := range m {
			m[i] = max(m[i], l[i])
		}
	}
	return m
}

// loadAt is what a guest used at a moment it ran: measured where it was, made up where nobody has looked into it, and
// before that made up so that it leads to what was measured first.
func (c *Cluster) loadAt(g *guest, at time.Time) load {
	h := g.history
	next := sort.Search(len(h), func(i int) bool { return h[i].at.After(at) })
	switch {
	case next > 0 && at.Sub(h[next-1].at) <= time.Minute:
		return g.measured(next - 1)
	case next < len(h):
		return c.leading(g, at, g.measured(next), h[next].at)
	case len(h) > 0:
		return c.leading(g, at, g.measured(len(h)-1), h[len(h)-1].at)
	case g.machine != nil && g.Running:
		now := c.use(g)
		return c.leading(g, at, now.load(now.at.Sub(g.Started)), now.at)
	}
	s := c.madeUp(g, at)
	return s.load(at.Sub(g.Started))
}

// load is a sample's, with the rates its counters give over the time they have counted.
func (s sample) load(counted time.Duration) load {
	over := max(counted.Seconds(), 1)
	return load{s.cpu, float64(s.mem), float64(s.disk), float64(s.netIn) / over, float64(s.netOut) / over, float64(s.diskRead) / over, float64(s.diskWr) / over}
}

// measured is the load of the i-th sample: its rates are those since the one before, or up to the one after.
func (g *guest) measured(i int) load {
	s := g.history[i]
	for _, k := range [][2]int{{i - 1, i}, {i, i + 1}} {
		if k[0] < 0 || k[1] >= len(g.history) {
			continue
		}
		a, b := g.history[k[0]], g.history[k[1]]
		passed := b.at.Sub(a.at)
		if passed <= 0 || passed > time.Minute || b.netIn < a.netIn || b.netOut < a.netOut || b.diskRead < a.diskRead || b.diskWr < a.diskWr { // a start between them
			continue
		}
		moved := sample{cpu: s.cpu, mem: s.mem, disk: s.disk, netIn: b.netIn - a.netIn, netOut: b.netOut - a.netOut, diskRead: b.diskRead - a.diskRead, diskWr: b.diskWr - a.diskWr}
		return moved.load(passed)
	}
	return s.load(s.at.Sub(g.Started))
}

// leading makes up a moment from a measured one: as a day has hours of more and of less work, around what was measured,
// with a disk that has been filling up.
func (c *Cluster) leading(g *guest, at time.Time, from load, measured time.Time) load {
	r := random(c.o.Seed, g.VMID, "past")
	t, phase := float64(at.Unix()), float64(r&0xffff)/0xffff*2*math.Pi
	wave := 0.5*math.Sin(t/86400*2*math.Pi+phase) + 0.3*math.Sin(t/5000+2*phase) + 0.2*math.Sin(t/700+3*phase)
	age := measured.Sub(g.made()).Seconds()
	filled := 1.0
	if age > 0 {
		filled = 0.8 + 0.2*min(at.Sub(g.made()).Seconds()/age, 1)
	}
	out := from
	out[loadCPU] = min(from[loadCPU]*(1+0.7*wave), 1)
	out[loadMem] = min(from[loadMem]*(1+0.1*wave), float64(g.memory()))
	out[loadDisk] = from[loadDisk] * filled
	for _, i := range []int{loadNetIn, loadNetOut, loadRead, loadWrite} {
		out[i] = from[i] * (1 + 0.7*wave)
	}
	return out
}
