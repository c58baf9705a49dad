package pve

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// fakeHost answers polls in a bubble whose clock a test moves.
type fakeHost struct {
	mu    sync.Mutex
	err   error
	now   Resources
	polls []time.Duration // since start
	start time.Time
}

func (h *fakeHost) fetch(context.Context) (Resources, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.polls = append(h.polls, time.Since(h.start))
	return h.now, h.err
}

func (h *fakeHost) set(r Resources, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now, h.err = r, err
}

func (h *fakeHost) taken() []time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	taken := h.polls
	h.polls = nil
	return taken
}

func oneGuest(cpu float64, netIn int64) Resources {
	return Resources{
		Nodes:  []Node{{Name: "pve1", Online: true, Status: "online", CPU: 0.5, Mem: 1, MaxMem: 2}},
		Guests: []Guest{{VMID: 100, Type: "lxc", Node: "pve1", Status: "running", CPU: cpu, Mem: 1, MaxMem: 4, NetIn: netIn}, {VMID: 101, Type: "lxc", Status: "stopped"}},
	}
}

// inBubble runs a poller against a fake host in a bubble.
func inBubble(t *testing.T, o PollerOptions, test func(t *testing.T, h *fakeHost, p *Poller)) {
	synctest.Test(t, func(t *testing.T) {
		h := &fakeHost{start: time.Now(), now: oneGuest(0.1, 0)}
		p := newPoller(h.fetch, o)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- p.Run(ctx) }()
		synctest.Wait()
		test(t, h, p)
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Run ended with %v", err)
		}
	})
}

func ofSeconds(s ...float64) (list []time.Duration) {
	for _, x := range s {
		list = append(list, time.Duration(x*float64(time.Second)))
	}
	return list
}

func TestThePaceFollowsThoseWhoLook(t *testing.T) {
	inBubble(t, PollerOptions{}, func(t *testing.T, h *fakeHost, p *Poller) {
		time.Sleep(31 * time.Second)
		if got := h.taken(); !reflect.DeepEqual(got, ofSeconds(0, 15, 30)) {
			t.Errorf("idle: polled at %v", got)
		}
		first, second := p.Watch(), p.Watch() // at 31 s
		time.Sleep(4500 * time.Millisecond)
		if got := h.taken(); !reflect.DeepEqual(got, ofSeconds(31, 33, 35)) {
			t.Errorf("watched: polled at %v", got)
		}
		first()
		first() // twice is once
		time.Sleep(3 * time.Second)
		if got := h.taken(); !reflect.DeepEqual(got, ofSeconds(37)) {
			t.Errorf("watched by one: polled at %v", got)
		}
		second()
		time.Sleep(17 * time.Second) // 55.5 s
		if got := h.taken(); !reflect.DeepEqual(got, ofSeconds(39, 54)) {
			t.Errorf("idle again: polled at %v", got)
		}
	})
}

func TestRefreshIsDebounced(t *testing.T) {
	inBubble(t, PollerOptions{}, func(t *testing.T, h *fakeHost, p *Poller) {
		time.Sleep(5 * time.Second)
		h.taken()
		for range 100 {
			p.Refresh()
			time.Sleep(10 * time.Millisecond)
		}
		if got := len(h.taken()); got < 2 || got > 3 {
			t.Errorf("100 requests within a second made %d polls", got)
		}
	})
}

func TestBackingOffAndRecovering(t *testing.T) {
	inBubble(t, PollerOptions{Watched: time.Second}, func(t *testing.T, h *fakeHost, p *Poller) {
		defer p.Watch()()
		time.Sleep(5 * time.Second)
		good := p.Snapshot()
		if !good.Fresh() || good.Tries != 0 || !good.Since.IsZero() {
			t.Errorf("healthy: %+v", good)
		}
		down := errors.New("down")
		h.set(Resources{}, down)
		time.Sleep(time.Second)
		h.taken()
		s := p.Snapshot()
		if !errors.Is(s.Err, down) || s.Fresh() || s.Tries != 1 || s.Since.IsZero() || len(s.Guests) != 2 || !s.At.After(good.At.Add(-time.Nanosecond)) {
			t.Errorf("a second after: %+v", s)
		}
		began, last := s.Since, time.Since(h.start)
		time.Sleep(5 * time.Minute)
		var pauses []time.Duration
		for _, at := range h.taken() {
			pauses = append(pauses, at-last)
			last = at
		}
		for i, longest := range ofSeconds(2, 4, 8, 16, 30, 30, 30) {
			if i == 0 {
				continue // began before we looked
			}
			if pauses[i] > longest || pauses[i] < longest*4/5 {
				t.Errorf("pause %d is %v, want nearly %v", i, pauses[i], longest)
			}
		}
		if s := p.Snapshot(); !s.Since.Equal(began) || s.Tries < 10 || s.NextTry.Before(time.Now()) {
			t.Errorf("minutes after: since %v, %d tries, next %v", s.Since, s.Tries, s.NextTry)
		}
		h.set(oneGuest(0.2, 0), nil)
		time.Sleep(30 * time.Second)
		if s := p.Snapshot(); !s.Fresh() || s.Err != nil || s.Tries != 0 || !s.Since.IsZero() {
			t.Errorf("recovered: %+v", s)
		}
		h.taken()
		time.Sleep(3500 * time.Millisecond)
		if got := len(h.taken()); got < 3 || got > 4 {
			t.Errorf("%d polls in 3.5 s after recovery: the pace is not back", got)
		}
	})
}

// Who looks wants to know soon that the host is gone, whether it refuses or is silent.
func TestASilentHostShowsWithinTenSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPoller(func(ctx context.Context) (Resources, error) {
			<-ctx.Done()
			return Resources{}, ctx.Err()
		}, PollerOptions{})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- p.Run(ctx) }()
		time.Sleep(10 * time.Second)
		if s := p.Snapshot(); s.Err == nil {
			t.Error("no error after 10 s")
		}
		cancel()
		<-ended
		if s := p.Snapshot(); errors.Is(s.Err, context.Canceled) {
			t.Error("our own end was taken for the host's")
		}
	})
}

func TestPublishedSnapshotsNeverChange(t *testing.T) {
	var changes atomic.Int64
	inBubble(t, PollerOptions{Changed: func() { changes.Add(1) }}, func(t *testing.T, h *fakeHost, p *Poller) {
		old := p.Snapshot()
		before, _ := json.Marshal(old)
		h.set(oneGuest(0.9, 5000), nil)
		time.Sleep(16 * time.Second)
		h.set(Resources{}, errors.New("down"))
		time.Sleep(16 * time.Second)
		if after, _ := json.Marshal(old); string(after) != string(before) {
			t.Errorf("it was\n%s\nand is\n%s", before, after)
		}
		if p.Snapshot() == old {
			t.Error("there is no new one")
		}
		if got := changes.Load(); got != int64(len(h.taken())) {
			t.Errorf("%d changes told", got)
		}
	})
}

func TestLookups(t *testing.T) {
	inBubble(t, PollerOptions{}, func(t *testing.T, h *fakeHost, p *Poller) {
		live := p.Snapshot()
		packed, err := json.Marshal(live)
		if err != nil {
			t.Fatal(err)
		}
		var unpacked Snapshot
		if err := json.Unmarshal(packed, &unpacked); err != nil {
			t.Fatal(err)
		}
		for name, s := range map[string]*Snapshot{"live": live, "from JSON": &unpacked, "empty": {}} {
			g, ok := s.Guest(101)
			if want := name != "empty"; ok != want || want && g.Status != "stopped" {
				t.Errorf("%s: guest 101 is %+v, %v", name, g, ok)
			}
			if _, ok := s.Guest(99); ok {
				t.Errorf("%s: guest 99 is there", name)
			}
			if _, ok := s.Node("pve1"); ok != (name != "empty") {
				t.Errorf("%s: node pve1: %v", name, ok)
			}
			if _, ok := s.Node("pve2"); ok {
				t.Errorf("%s: node pve2 is there", name)
			}
		}
	})
}

func TestRestoredDataIsDatedUntilTheHostAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &fakeHost{start: time.Now(), err: errors.New("down")}
		p := newPoller(h.fetch, PollerOptions{})
		saved := &Snapshot{At: time.Now().Add(-time.Hour), Tries: 9, Resources: Resources{Guests: []Guest{{VMID: 300}, {VMID: 200}}}}
		p.Restore(saved)
		p.Restore(nil)
		saved.Guests[0].VMID = 1 // the caller's is not ours
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- p.Run(ctx) }()
		time.Sleep(time.Second)
		s := p.Snapshot()
		if _, ok := s.Guest(300); !ok || s.Fresh() || s.Err == nil || !s.At.Equal(time.Now().Add(-time.Hour-time.Second)) || s.Tries != 1 {
			t.Errorf("got %+v", s)
		}
		h.set(oneGuest(0.1, 0), nil)
		time.Sleep(5 * time.Second)
		p.Restore(saved) // too late
		if _, ok := p.Snapshot().Guest(100); !ok || !p.Snapshot().Fresh() {
			t.Errorf("got %+v", p.Snapshot())
		}
		cancel()
		<-ended
	})
}

func TestHistoryIsShortAndInOrder(t *testing.T) {
	inBubble(t, PollerOptions{Samples: 5}, func(t *testing.T, h *fakeHost, p *Poller) {
		defer p.Watch()()
		for i := range 20 {
			h.set(oneGuest(float64(i)/100, 0), nil)
			time.Sleep(2 * time.Second)
		}
		got := p.History("lxc/100")
		if len(got) != 5 {
			t.Fatalf("%d samples, want 5", len(got))
		}
		for i := 1; i < len(got); i++ {
			if got[i].CPU <= got[i-1].CPU || got[i].At.Sub(got[i-1].At) != 2*time.Second {
				t.Errorf("out of order: %+v", got)
			}
		}
		if got[0].Mem != 0.25 {
			t.Errorf("memory share is %v", got[0].Mem)
		}
		if n := p.History("node/pve1"); len(n) != 5 || n[0].CPU != 0.5 || n[0].Mem != 0.5 {
			t.Errorf("node: %+v", n)
		}
		for _, none := range []string{"lxc/101", "lxc/999", "node/pve2", ""} {
			if s := p.History(none); s != nil {
				t.Errorf("%q: %+v", none, s)
			}
		}
		h.set(Resources{}, nil)
		time.Sleep(3 * time.Second)
		if s := p.History("lxc/100"); s != nil {
			t.Errorf("a guest that is gone: %+v", s)
		}
	})
}

// Proxmox moves the counters every 10 s only; a rate taken from each poll would be nothing, nothing,
// nothing, nothing, and five times too much.
func TestRatesComeFromCountersThatMoveRarely(t *testing.T) {
	inBubble(t, PollerOptions{}, func(t *testing.T, h *fakeHost, p *Poller) {
		defer p.Watch()()
		for i := range 40 { // 80 s at 1000 bytes/s
			h.set(oneGuest(0, int64(i/5)*10_000+7_000_000), nil)
			time.Sleep(2 * time.Second)
		}
		samples := p.History("lxc/100")
		if samples[0].NetKnown {
			t.Errorf("the first sample has a rate of %v", samples[0].NetIn)
		}
		for _, s := range append(samples[20:], p.History("node/pve1")[20:]...) {
			if s.NetIn < 900 || s.NetIn > 1100 || !s.NetKnown {
				t.Errorf("rate is %v bytes/s, want 1000", s.NetIn)
			}
		}
		time.Sleep(30 * time.Second) // nothing moves any more
		samples = p.History("lxc/100")
		if last := samples[len(samples)-1]; last.NetIn != 0 || !last.NetKnown {
			t.Errorf("without traffic: %+v", last)
		}
		h.set(oneGuest(0, 5), nil) // started anew
		time.Sleep(3 * time.Second)
		samples = p.History("lxc/100")
		if last := samples[len(samples)-1]; last.NetIn != 0 || last.NetKnown {
			t.Errorf("after a restart: %+v", last)
		}
	})
}

func TestAPollIsOneRequestWhateverTheSize(t *testing.T) {
	f := newFake(t)
	f.data("GET /cluster/resources", string(manyResources(500)))
	changed := make(chan struct{}, 100)
	p := NewPoller(f.client(t, Config{}), PollerOptions{Watched: 5 * time.Millisecond, Changed: func() { changed <- struct{}{} }})
	ctx, cancel := context.WithCancel(testContext(t))
	ended := make(chan error)
	go func() { ended <- p.Run(ctx) }()
	defer p.Watch()()
	for range 5 {
		<-changed
	}
	cancel()
	<-ended
	polls := len(f.requests("GET /cluster/resources"))
	if all := len(f.requests("")); all != polls || polls < 5 {
		t.Errorf("%d requests for %d polls", all, polls)
	}
	if len(p.Snapshot().Guests) != 500 {
		t.Errorf("%d guests", len(p.Snapshot().Guests))
	}
}

func TestThePollerTellsThatTheHostIsGone(t *testing.T) {
	f := newFake(t)
	f.data("GET /cluster/resources", someResources)
	changed := make(chan struct{}, 100)
	p := NewPoller(f.client(t, Config{}), PollerOptions{Watched: time.Millisecond, Timeout: 50 * time.Millisecond, Changed: func() { changed <- struct{}{} }})
	ctx, cancel := context.WithCancel(testContext(t))
	ended := make(chan error)
	go func() { ended <- p.Run(ctx) }()
	defer p.Watch()()
	<-changed
	f.on("GET /cluster/resources", func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	eventually(t, "a silent host is noticed", func() bool { return errors.Is(p.Snapshot().Err, ErrTimeout) })
	if s := p.Snapshot(); len(s.Guests) != 3 || s.Fresh() {
		t.Errorf("got %+v", s)
	}
	cancel()
	<-ended
}

func BenchmarkHistoryOf10000Guests(b *testing.B) {
	r, err := decodeResources(manyResources(10000))
	if err != nil {
		b.Fatal(err)
	}
	h := history{size: 60}
	now := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(2 * time.Second)
		h.add(now, r)
	}
}
