package core

import (
	"sync"
	"time"
)

// maxThrottled bounds how many keys a Throttle remembers.
const maxThrottled = 10_000

// Throttle lets each key do something burst times at once and then once every
// so often. It is safe for concurrent use.
type Throttle struct {
	burst int
	every time.Duration

	mu   sync.Mutex
	full map[string]time.Time // when the key will have its whole burst again
}

// NewThrottle makes a throttle; every is the time after which one more is
// allowed.
func NewThrottle(burst int, every time.Duration) *Throttle {
	return &Throttle{burst: burst, every: every, full: map[string]time.Time{}}
}

// Take takes one for the key, or says how long to wait for it.
func (t *Throttle) Take(key string, now time.Time) (wait time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	full := t.full[key]
	if full.Before(now) {
		full = now
	}
	full = full.Add(t.every)
	if over := full.Sub(now) - time.Duration(t.burst)*t.every; over > 0 {
		return over
	}
	if _, known := t.full[key]; !known && len(t.full) >= maxThrottled {
		t.forget(now)
	}
	t.full[key] = full
	return 0
}

// Return gives back what was taken and did no harm.
func (t *Throttle) Return(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if full, known := t.full[key]; known {
		t.full[key] = full.Add(-t.every)
	}
}

// forget makes room: for those who have their whole burst nothing is lost; of
// others, any one goes.
func (t *Throttle) forget(now time.Time) {
	for key, full := range t.full {
		if !full.After(now) {
			delete(t.full, key)
		}
	}
	for key := range t.full {
		if len(t.full) < maxThrottled {
			return
		}
		delete(t.full, key)
	}
}
