package vfs

import (
	"context"
	"sync"
)

// Lock is flock(2) of one inode: shared by many openings or held by one.
type Lock struct {
	mu      sync.Mutex
	holders map[any]bool  // opening → exclusive
	changed chan struct{} // closed when a holder leaves
}

// Try takes the lock for owner if nobody is in the way; holding it already in the other mode converts it.
func (l *Lock) Try(owner any, exclusive bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for holder, ex := range l.holders {
		if holder != owner && (ex || exclusive) {
			return false
		}
	}
	if l.holders == nil {
		l.holders = map[any]bool{}
	}
	l.holders[owner] = exclusive
	return true
}

// Acquire waits for the lock until ctx ends.
func (l *Lock) Acquire(ctx context.Context, owner any, exclusive bool) error {
	for {
		l.mu.Lock()
		if l.changed == nil {
			l.changed = make(chan struct{})
		}
		changed := l.changed
		l.mu.Unlock()
		if l.Try(owner, exclusive) {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Release gives the lock up; it does nothing for one who does not hold it.
func (l *Lock) Release(owner any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, held := l.holders[owner]; !held {
		return
	}
	delete(l.holders, owner)
	if l.changed != nil {
		close(l.changed)
		l.changed = nil
	}
}
