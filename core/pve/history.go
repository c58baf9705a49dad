package pve

import (
	"math"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Sample is one point of a history. CPU and Mem are shares 0..1, the rates bytes per second: of a guest its own, of a
// node those of its running guests together.
type Sample struct {
	At            time.Time
	CPU, Mem      float64
	NetIn, NetOut float64
	NetKnown      bool // the counters have been seen to move, or to stand still for long enough
}

// countersHold is how long a guest's traffic counters may stand still before that means no traffic.
// Proxmox: it reads them every 10 s only, so between two readings the last rate goes on.
const countersHold = 25 * time.Second

// history keeps the last samples of every node and running guest. A guest that is gone takes its samples
// with it. 10,000 guests with 60 samples each are 15 MB.
type history struct {
	size int

	mu      sync.Mutex
	round   uint64 // polls so far
	start   time.Time
	tracks  map[string]*track
	keys    map[int]string      // "lxc/100" by vmid: made once
	traffic map[string]*traffic // by node, of the poll that is being added
}

// traffic is the sum of guests' rates.
type traffic struct {
	in, out float32
	guests  int
	known   int // guests whose rates are in it
}

// track is one ring of samples and the counters the next rate is taken from.
type track struct {
	points    []point // a ring once it is full
	oldest    int
	round     uint64 // of the last sample
	in, out   int64
	seenAt    time.Time // when these counters were first seen; zero = not yet
	countedAt time.Time // when they were last seen to move; zero = not yet
	known     bool      // the rates are
	rateIn    float32
	rateOut   float32
}

// point is a Sample at a quarter of its size.
type point struct {
	at              uint32 // milliseconds since history.start, for 49 days; then start is moved
	cpu, mem        float32
	rateIn, rateOut float32 // NaN: not known
}

func (h *history) add(now time.Time, r Resources) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.tracks == nil || now.Sub(h.start) > 40*24*time.Hour || now.Before(h.start) {
		h.tracks, h.keys, h.start = make(map[string]*track), make(map[int]string), now
	}
	h.round++
	h.traffic = make(map[string]*traffic, len(r.Nodes))
	for _, n := range r.Nodes {
		h.traffic[n.Name] = &traffic{}
	}
	for i := range r.Guests {
		g := &r.Guests[i]
		if g.Status != "running" {
			continue
		}
		t := h.track(h.key(g))
		t.count(now, g.NetIn, g.NetOut)
		h.sample(t, now, g.CPU, g.Mem, g.MaxMem)
		if sum := h.traffic[g.Node]; sum != nil {
			sum.add(t)
		}
	}
	for _, n := range r.Nodes {
		if n.Online {
			t, sum := h.track("node/"+n.Name), h.traffic[n.Name]
			t.rateIn, t.rateOut, t.known = sum.in, sum.out, sum.known > 0 || sum.guests == 0
			h.sample(t, now, n.CPU, n.Mem, n.MaxMem)
		}
	}
	for key, t := range h.tracks {
		if t.round != h.round {
			delete(h.tracks, key) // stopped or gone
		}
	}
	if len(h.keys) > 2*len(r.Guests)+100 {
		clear(h.keys)
	}
}

func (s *traffic) add(t *track) {
	s.guests++
	if t.known {
		s.known++
		s.in += t.rateIn
		s.out += t.rateOut
	}
}

func (h *history) key(g *Guest) string {
	if key, ok := h.keys[g.VMID]; ok && strings.HasPrefix(key, g.Type) {
		return key
	}
	key := g.Type + "/" + strconv.Itoa(g.VMID)
	h.keys[g.VMID] = key
	return key
}

func (h *history) track(key string) *track {
	t := h.tracks[key]
	if t == nil {
		t = &track{}
		h.tracks[key] = t
	}
	return t
}

// count makes a rate of two readings of the traffic counters, taken when they move: what is first seen, and
// how long that has been so, says nothing. A counter that went back is that of a guest started anew.
func (t *track) count(now time.Time, in, out int64) {
	anew := t.seenAt.IsZero() || in < t.in || out < t.out
	if !anew && in == t.in && out == t.out {
		if now.Sub(t.countedAt) > countersHold && now.Sub(t.seenAt) > countersHold {
			t.rateIn, t.rateOut, t.known = 0, 0, true
		}
		return
	}
	passed := now.Sub(t.countedAt).Seconds()
	switch {
	case anew:
		t.rateIn, t.rateOut, t.known, t.seenAt, t.countedAt = 0, 0, false, now, time.Time{}
	case t.countedAt.IsZero():
		t.countedAt = now
	case passed > 0:
		t.rateIn = float32(float64(in-t.in) / passed)
		t.rateOut = float32(float64(out-t.out) / passed)
		t.countedAt, t.known = now, true
	}
	t.in, t.out = in, out
}

func (h *history) sample(t *track, now time.Time, cpu float64, mem, maxMem int64) {
	t.round = h.round
	p := point{at: uint32(now.Sub(h.start).Milliseconds()), cpu: float32(cpu), rateIn: t.rateIn, rateOut: t.rateOut}
	if !t.known {
		p.rateIn = float32(math.NaN())
	}
	if maxMem > 0 {
		p.mem = float32(float64(mem) / float64(maxMem))
	}
	if len(t.points) < h.size {
		t.points = append(t.points, p)
		return
	}
	t.points[t.oldest] = p
	t.oldest = (t.oldest + 1) % h.size
}

func (h *history) of(key string) []Sample {
	h.mu.Lock()
	defer h.mu.Unlock()
	t := h.tracks[key]
	if t == nil {
		return nil
	}
	samples := make([]Sample, len(t.points))
	for i := range samples {
		p := t.points[(t.oldest+i)%len(t.points)]
		samples[i] = Sample{At: h.start.Add(time.Duration(p.at) * time.Millisecond),
			CPU: float64(p.cpu), Mem: float64(p.mem)}
		if rate := float64(p.rateIn); !math.IsNaN(rate) {
			samples[i].NetIn, samples[i].NetOut, samples[i].NetKnown = rate, float64(p.rateOut), true
		}
	}
	return samples
}
