package jobs

import (
	"context"
	"sync"
	"time"
)

const (
	// The queue looks at the clock at least this often, so that a changed clock is noticed.
	maxSleep = 30 * time.Second
	// How many jobs look at the same time whether the one thing they wait for is over: each look may hang as long as
	// a connection takes to fail, and must not take the workers from jobs that could go on.
	maxScouts = 4
)

// schedule is what the queue knows of a live job. It is guarded by Engine.mu.
type schedule struct {
	working bool      // a worker has it
	until   time.Time // not before
	reason  string    // what it waits for, shared with others who wait for the same
	want    place     // what it needs to go on
	held    string    // the slot it has
	scout   string    // the reason it is looking after
	urgent  bool      // a cancel waits: neither until nor reason nor want count
}

// place is a slot that a step needs.
type place struct {
	slot  string
	limit int
}

// pause is how a worker leaves a job that has not ended.
type pause struct {
	until  time.Time
	reason string
	want   place
}

func (e *Engine) look() { knock(e.poke) }

// queueLoop hands jobs to workers until ctx ends.
func (e *Engine) queueLoop(ctx context.Context, wg *sync.WaitGroup) {
	for ctx.Err() == nil {
		sleep := e.dispatch(ctx, wg)
		timer := time.NewTimer(sleep)
		select {
		case <-ctx.Done():
		case <-e.poke:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// dispatch starts all workers that can be started, and returns how long nothing will change by itself.
func (e *Engine) dispatch(ctx context.Context, wg *sync.WaitGroup) time.Duration {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.now()
	for {
		l := e.pick(now)
		if l == nil {
			break
		}
		e.take(l)
		wg.Go(func() { e.rest(l, l.work(ctx)) })
	}
	sleep := maxSleep
	for _, l := range e.live {
		if wait := l.sched.until.Sub(now); !l.sched.working && wait > 0 {
			sleep = min(sleep, wait)
		}
	}
	return sleep
}

// pick returns the job to be worked on next, or nil: of those that could go on one of the owner with the fewest jobs
// at work, and of these the oldest. Callers hold e.mu.
func (e *Engine) pick(now time.Time) *live {
	full := e.working >= e.o.Workers
	var best *live
	for _, l := range e.live {
		if !e.ready(l, now) || full && !(l.sched.urgent && l.quick()) {
			continue
		}
		if best == nil {
			best = l
			continue
		}
		mine, its := e.owners[l.owner], e.owners[best.owner]
		if mine < its || mine == its && l.id < best.id {
			best = l
		}
	}
	return best
}

func (e *Engine) ready(l *live, now time.Time) bool {
	s := &l.sched
	switch {
	case s.working:
		return false
	case s.urgent:
		return true
	case s.until.After(now):
		return false
	case s.want.slot != "" && e.slots[s.want.slot] >= s.want.limit:
		return false
	case s.reason != "" && e.scouts[s.reason] >= maxScouts:
		return false
	}
	return true
}

// take gives the job to a worker.
func (e *Engine) take(l *live) {
	s := &l.sched
	s.working = true
	e.working++
	e.owners[l.owner]++
	if !s.urgent && s.want.slot != "" {
		e.slots[s.want.slot]++
		s.held = s.want.slot
	}
	if !s.urgent && s.reason != "" {
		e.scouts[s.reason]++
		s.scout = s.reason
	}
	s.urgent, s.want, s.reason, s.until = false, place{}, "", time.Time{}
}

// rest takes a job back from its worker.
func (e *Engine) rest(l *live, p pause) {
	e.mu.Lock()
	s := &l.sched
	s.working = false
	e.working--
	if e.owners[l.owner]--; e.owners[l.owner] == 0 {
		delete(e.owners, l.owner)
	}
	e.releaseSlot(l)
	s.until, s.reason, s.want = p.until, p.reason, p.want
	if s.scout != "" {
		e.scoutBack(l, p.reason == "", p.until)
	}
	e.mu.Unlock()
	e.look()
}

// scoutBack ends the job's look after what it waited for, and tells the others who wait for the same: to look
// themselves when it is over, else not to look before the time given. Callers hold e.mu.
func (e *Engine) scoutBack(l *live, over bool, until time.Time) {
	reason := l.sched.scout
	l.sched.scout = ""
	if e.scouts[reason]--; e.scouts[reason] == 0 {
		delete(e.scouts, reason)
	}
	if over {
		until = time.Time{}
	}
	for _, other := range e.live {
		if other.sched.reason == reason {
			other.sched.until = until
		}
	}
}

// over tells that what the job waited for is over, while it goes on.
func (e *Engine) over(l *live) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if l.sched.scout != "" {
		e.scoutBack(l, true, time.Time{})
		e.look()
	}
}

// slot gives the job a place, instead of any it has. It reports false when there is none free, or others have waited
// for one longer.
func (e *Engine) slot(l *live, p place) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if l.sched.held == p.slot {
		return true
	}
	if l.sched.held != "" {
		e.releaseSlot(l)
		e.look()
	}
	if p.slot == "" {
		return true
	}
	if e.slots[p.slot] >= p.limit {
		return false
	}
	for _, other := range e.live {
		if other.sched.want.slot == p.slot && !other.sched.working {
			e.look()
			return false
		}
	}
	e.slots[p.slot]++
	l.sched.held = p.slot
	return true
}

// releaseSlot gives the job's slot back. Callers hold e.mu.
func (e *Engine) releaseSlot(l *live) {
	held := l.sched.held
	if held == "" {
		return
	}
	l.sched.held = ""
	if e.slots[held]--; e.slots[held] == 0 {
		delete(e.slots, held)
	}
}

// forget drops an ended job from memory.
func (e *Engine) forget(l *live) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.live, l.id)
}

// hurry has a job looked at now because of a cancel; calm takes that back when a worker has seen it.
func (e *Engine) hurry(l *live) {
	e.mu.Lock()
	l.sched.urgent = true
	e.mu.Unlock()
	e.look()
}

func (e *Engine) calm(l *live) {
	e.mu.Lock()
	defer e.mu.Unlock()
	l.sched.urgent = false
}
