package pve

import (
	"strconv"
	"strings"
	"sync"
	"time"
)

// Sample is one point of a history. CPU and Mem are shares 0..1, the rates bytes per second.
type Sample struct {
	At            time.Time
	CPU, Mem      float64
	NetIn, NetOut float64
}

// countersHold is how long a guest's traffic counters may stand still before that means no traffic.
// Proxmox: it reads them every 10 s only, so between two readings the last rate goes on.
const countersHold = 25 * time.Second

// history keeps the last samples of every node and running guest. A guest that is gone takes its samples
// with it. 10,000 guests with 60 samples each are 15 MB.
type history struct {
	size int

	mu     sync.Mutex
	round  uint64 // polls so far
	start  time.Time
	tracks map[string]*track
	keys   map[int]string // "lxc/100" by vmid: made once
}

// track is one ring of samples and the counters the next rate is taken from.
type track struct {
	points    []point // a ring once it is full
	oldest    int
	round     uint64 // of the last sample
	in, out   int64
	countedAt time.Time // when the counters were last seen to move; zero = not yet
	seen      bool
	rateIn    float32
	rateOut   float32
}

// point is a Sample at a quarter of its size.
type point struct {
	at              uint32 // milliseconds since history.start, for 49 days; then start is moved
	cpu, mem        float32
	rateIn, rateOut float32
}

func (h *history) add(now time.Time, r Resources) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.tracks == nil || now.Sub(h.start) > 40*24*time.Hour || now.Before(h.start) {
		h.tracks, h.keys, h.start = make(map[string]*track), make(map[int]string), now
	}
	h.round++
	for _, n := range r.Nodes {
		if n.Online {
			h.sample(h.track("node/"+n.Name), now, n.CPU, n.Mem, n.MaxMem)
		}
	}
	for i := range r.Guests {
		g := &r.Guests[i]
		if g.Status != "running" {
			continue
		}
		t := h.track(h.key(g))
		t.count(now, g.NetIn, g.NetOut)
		h.sample(t, now, g.CPU, g.Mem, g.MaxMem)
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
	anew := !t.seen || in < t.in || out < t.out
	if !anew && in == t.in && out == t.out {
		if now.Sub(t.countedAt) > countersHold {
			t.rateIn, t.rateOut = 0, 0
		}
		return
	}
	passed := now.Sub(t.countedAt).Seconds()
	switch {
	case anew:
		t.rateIn, t.rateOut, t.countedAt = 0, 0, time.Time{}
	case t.countedAt.IsZero():
		t.countedAt = now
	case passed > 0:
		t.rateIn = float32(float64(in-t.in) / passed)
		t.rateOut = float32(float64(out-t.out) / passed)
		t.countedAt = now
	}
	t.in, t.out, t.seen = in, out, true
}

func (h *history) sample(t *track, now time.Time, cpu float64, mem, maxMem int64) {
	t.round = h.round
	p := point{at: uint32(now.Sub(h.start).Milliseconds()), cpu: float32(cpu), rateIn: t.rateIn, rateOut: t.rateOut}
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
			CPU: float64(p.cpu), Mem: float64(p.mem), NetIn: float64(p.rateIn), NetOut: float64(p.rateOut)}
	}
	return samples
}
