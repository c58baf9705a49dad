package core

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"

	"proximity/store"
)

// shelf is every backup in memory, and what they come to for each app: lists
// and the world are made from it without reading the store.
type shelf struct {
	mu    sync.RWMutex
	all   map[uint64]backup
	byApp map[string]map[uint64]bool
	facts map[string]kept
	rev   uint64 // rises with every change
}

// kept is what an app's backups come to.
type kept struct {
	n      int       // completed ones
	last   time.Time // when the newest good one was taken
	lastID uint64
	failed string // why the latest try failed; "" = it did not
	since  time.Time
	size   int64 // bytes of all completed ones
}

func newShelf() *shelf {
	return &shelf{all: map[uint64]backup{}, byApp: map[string]map[uint64]bool{}, facts: map[string]kept{}}
}

// loadBackups fills the shelf at start.
func (c *Core) loadBackups() error {
	return c.store.View(func(tx *store.Tx) error {
		for b, err := range c.backups.All(tx) {
			if err != nil {
				return err
			}
			c.shelf.put(b)
		}
		return nil
	})
}

func (s *shelf) put(b backup) {
	b.As = nil
	s.mu.Lock()
	defer s.mu.Unlock()
	if old, ok := s.all[b.ID]; ok && old.App != b.App {
		delete(s.byApp[old.App], b.ID)
		s.sum(old.App)
	}
	s.all[b.ID] = b
	if b.App != "" {
		if s.byApp[b.App] == nil {
			s.byApp[b.App] = map[uint64]bool{}
		}
		s.byApp[b.App][b.ID] = true
		s.sum(b.App)
	}
	s.rev++
}

func (s *shelf) drop(id uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.all[id]
	delete(s.all, id)
	delete(s.byApp[b.App], id)
	s.sum(b.App)
	s.rev++
}

// sum works an app's facts out anew. Callers hold mu.
func (s *shelf) sum(app string) {
	if len(s.byApp[app]) == 0 {
		delete(s.byApp, app)
		delete(s.facts, app)
		return
	}
	var k kept
	var tried backup // the latest one that has ended
	for id := range s.byApp[app] {
		b := s.all[id]
		if b.good() {
			k.n++
			k.size += b.Size
			if b.TakenAt.After(k.last) {
				k.last, k.lastID = b.TakenAt, b.ID
			}
		}
		if b.Status != BackupCreating && !b.Found && b.ID > tried.ID {
			tried = b
		}
	}
	if tried.Status == BackupFailed {
		k.failed, k.since = cmp.Or(tried.Error, "it failed"), tried.UpdatedAt
	}
	s.facts[app] = k
}

func (s *shelf) kept(app string) kept {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.facts[app]
}

func (s *shelf) revision() uint64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.rev
}

// touch counts a change of what is shown beside the backups.
func (s *shelf) touch() {
	s.mu.Lock()
	s.rev++
	s.mu.Unlock()
}

// list is every backup, newest first.
func (s *shelf) list() []backup {
	s.mu.RLock()
	all := slices.Collect(maps.Values(s.all))
	s.mu.RUnlock()
	return newestFirst(all)
}

// of is every backup of an app, newest first.
func (s *shelf) of(app string) []backup {
	s.mu.RLock()
	var all []backup
	for id := range s.byApp[app] {
		all = append(all, s.all[id])
	}
	s.mu.RUnlock()
	return newestFirst(all)
}

func newestFirst(all []backup) []backup {
	slices.SortFunc(all, func(a, b backup) int { return cmp.Or(b.at().Compare(a.at()), cmp.Compare(b.ID, a.ID)) })
	return all
}

// at is the moment a backup is listed under.
func (b backup) at() time.Time {
	if !b.TakenAt.IsZero() {
		return b.TakenAt
	}
	return b.CreatedAt
}
