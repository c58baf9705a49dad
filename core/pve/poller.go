package pve

import (
	"cmp"
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

const (
	firstRetry = 2 * time.Second  // after a failed poll, doubled with each
	lastRetry  = 30 * time.Second // at most
	debounce   = 500 * time.Millisecond
)

// PollerOptions sets a poller's pace.
type PollerOptions struct {
	Watched, Idle time.Duration // between polls while somebody looks, and otherwise; default 2 s, 15 s
	Timeout       time.Duration // of one poll, default 5 s
	Changed       func()        // called after every new snapshot, from Run's goroutine: it must not block
	Samples       int           // kept per node and running guest, default 60
	Now           func() time.Time
}

// Poller keeps one cluster's live state for everybody: one GET /cluster/resources per poll, whatever the
// number of guests and of those who look. All its methods may be called at any time.
type Poller struct {
	options PollerOptions
	fetch   func(context.Context) (Resources, error)
	latest  atomic.Pointer[Snapshot]
	wake    chan struct{} // somebody wants a poll soon
	history history

	publishing sync.Mutex // held from reading latest to replacing it

	mu       sync.Mutex
	watchers int
}

// NewPoller returns a poller with an empty snapshot. Run makes it live.
func NewPoller(c *Client, o PollerOptions) *Poller {
	return newPoller(c.Resources, o)
}

func newPoller(fetch func(context.Context) (Resources, error), o PollerOptions) *Poller {
	o.Watched = cmp.Or(o.Watched, 2*time.Second)
	o.Idle = cmp.Or(o.Idle, 15*time.Second)
	o.Timeout = cmp.Or(o.Timeout, 5*time.Second)
	o.Samples = cmp.Or(o.Samples, 60)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Changed == nil {
		o.Changed = func() {}
	}
	p := &Poller{options: o, fetch: fetch, wake: make(chan struct{}, 1), history: history{size: o.Samples}}
	p.latest.Store(&Snapshot{})
	return p
}

// Run polls until ctx ends, whose error it returns.
func (p *Poller) Run(ctx context.Context) error {
	for {
		started := time.Now()
		pause := p.poll(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		p.options.Changed()
		if err := p.rest(ctx, started, pause); err != nil {
			return err
		}
	}
}

// rest waits for the next poll's time, which comes sooner when somebody asks for it.
func (p *Poller) rest(ctx context.Context, started time.Time, pause time.Duration) error {
	next := time.NewTimer(time.Until(started.Add(pause)))
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-next.C:
			return nil
		case <-p.wake:
			if soon := time.Until(started.Add(debounce)); soon < time.Until(started.Add(pause)) {
				next.Reset(max(0, soon))
			}
		}
	}
}

// poll asks once, publishes what came of it, and says how long to pause, from the start of this poll on.
func (p *Poller) poll(ctx context.Context) time.Duration {
	limited, cancel := context.WithTimeout(ctx, p.options.Timeout)
	defer cancel()
	asked := p.options.Now()
	resources, err := p.fetch(limited)
	if ctx.Err() != nil {
		return 0 // we end: that says nothing about the host
	}
	p.publishing.Lock()
	defer p.publishing.Unlock()
	now, old := p.options.Now(), p.Snapshot()
	next := &Snapshot{Took: now.Sub(asked), At: old.At, Err: err, Since: old.Since, Resources: old.Resources, sorted: old.sorted}
	var pause time.Duration
	if err != nil {
		if old.Err == nil {
			next.Since = now
		}
		next.Tries = old.Tries + 1
		pause = retryPause(next.Tries)
	} else {
		next.At, next.Since, next.Resources, next.sorted = now, time.Time{}, resources, true
		pause = p.pace()
		p.history.add(now, resources)
	}
	next.NextTry = now.Add(pause)
	p.latest.Store(next)
	return pause
}

// retryPause is how long to wait after so many failures in a row, a little less for some than for others.
func retryPause(tries int) time.Duration {
	pause := lastRetry
	if tries < 5 {
		pause = min(lastRetry, firstRetry<<(tries-1))
	}
	return pause - time.Duration(rand.Int64N(int64(pause/5)))
}

func (p *Poller) pace() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.watchers > 0 {
		return p.options.Watched
	}
	return p.options.Idle
}

// Snapshot is what is known now. It is never nil and never changes; the next poll makes a new one.
func (p *Poller) Snapshot() *Snapshot { return p.latest.Load() }

// Watch says that somebody looks: there is a poll at once, and then every Watched until release is called.
func (p *Poller) Watch() (release func()) {
	p.mu.Lock()
	p.watchers++
	p.mu.Unlock()
	p.Refresh()
	return sync.OnceFunc(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.watchers--
	})
}

// Refresh asks for a poll now. Many requests at once make one poll, and there are never more than two in a
// second.
func (p *Poller) Refresh() {
	select {
	case p.wake <- struct{}{}:
	default: // one is asked for already
	}
}

// History returns the last samples of "node/pve1" or "lxc/100" ("qemu/100"), oldest first.
func (p *Poller) History(key string) []Sample { return p.history.of(key) }

// Restore gives a poller that has not had an answer yet an older snapshot to show. Its At says how old.
func (p *Poller) Restore(s *Snapshot) {
	if s == nil {
		return
	}
	restored := &Snapshot{At: s.At, Resources: s.Resources.clone(), sorted: true}
	restored.sort()
	p.publishing.Lock()
	defer p.publishing.Unlock()
	if now := p.Snapshot(); now.At.IsZero() {
		restored.Err, restored.Since, restored.Tries, restored.NextTry = now.Err, now.Since, now.Tries, now.NextTry
		p.latest.Store(restored)
	}
}
