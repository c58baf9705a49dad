package core

import (
	"errors"
	"sync"
	"time"

	"proximity/store"
)

// place is where a user's console was left.
type place struct {
	ID   string // user/key
	Blob []byte
}

// maxPlace bounds what a console may leave behind, in bytes.
const maxPlace = 64 << 10

// Place is where a user's console was left: opaque to core; nil if never saved.
func (c *Core) Place(a Actor, key string) []byte {
	var p place
	err := c.store.View(func(tx *store.Tx) error {
		var err error
		p, err = c.places.Get(tx, a.User+"/"+key)
		return err
	})
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		c.log.Warn("read a console's place", "user", a.User, "error", err)
	}
	return p.Blob
}

// SavePlace keeps it over disconnects and restarts, up to 64 KiB.
func (c *Core) SavePlace(a Actor, key string, blob []byte) error {
	if len(blob) > maxPlace {
		return invalid("place", "leave a draft with less text", "the console's place is too large to keep")
	}
	return c.store.Update(func(tx *store.Tx) error { return c.places.Put(tx, place{ID: a.User + "/" + key, Blob: blob}) })
}

// Presence is who is here.
type Presence struct {
	User  string
	From  string
	Place string
	Since time.Time
}

// Enter counts a console session until leave is called; move says where it is
// now ("Apps › gitea"), for the others to see.
func (c *Core) Enter(a Actor) (move func(place string), leave func()) {
	p := &Presence{User: a.User, From: a.From, Since: c.now()}
	c.mu.Lock()
	c.present[p] = true
	c.mu.Unlock()
	c.changed()
	var once sync.Once
	return func(place string) {
			c.mu.Lock()
			same := p.Place == place
			p.Place = place
			c.mu.Unlock()
			if !same {
				c.changed()
			}
		}, func() {
			once.Do(func() {
				c.mu.Lock()
				delete(c.present, p)
				c.mu.Unlock()
				c.changed()
			})
		}
}

// Present lists the console sessions.
func (c *Core) Present() []Presence {
	c.mu.RLock()
	defer c.mu.RUnlock()
	all := make([]Presence, 0, len(c.present))
	for p := range c.present {
		all = append(all, *p)
	}
	return all
}
