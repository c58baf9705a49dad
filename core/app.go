package core

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"proximity/jobs"
	"proximity/store"
)

// app is one deployed app as the store keeps it.
type app struct {
	ID        string // <catalog_id>-<8 hex>
	CatalogID string
	Hostname  string
	Owner     string
	Status    AppStatus
	Error     string // why Status is error
	Hint      string // what to do about it
	Cause     string // kind of the job that left it in error; "" = none did
	Lost      bool   // its container was deleted outside Proximity

	Host string // name of the Proxmox host
	Node string
	VMID int    // 0 until reserved
	MAC  string // the one we set: part of what makes a container ours
	Bare bool   // it is a copy that may not have that MAC yet

	Address      string // of the container, as last seen
	IP           string // the static one handed out to it, with its prefix: "10.0.0.5/24"; "" = DHCP
	Gateway      string // that goes with IP
	PublicPort   int
	InternalPort int
	Cores        int
	MemoryMB     int
	DiskGB       int
	SwapMB       int
	OS           string // "alpine", "debian"
	Storage      string // of the root disk
	Recipe       recipe // what it was deployed with

	Values       map[string]string // field values that are not secret
	Sealed       string            // the secret field values, sealed as one JSON document
	RootPassword string            // of the container, sealed
	Welcomed     bool              // its first passwords have been shown to somebody

	ClonedFrom string // hostname of the app it was made of, as it was called then

	Adopted  bool      // Proximity did not make its container, and never destroys it
	Adoption *Adoption // what it was like then

	Leaving  string    // the hostname it had, until the job that renames it has ended
	DeleteAt time.Time // when a delete that waits goes on; zero = none waits

	CreatedAt, UpdatedAt, ChangedAt time.Time // ChangedAt moves with Status
}

const (
	indexHostname = "hostname"
	indexPort     = "port"
	indexVMID     = "vmid"
	indexMAC      = "mac"
	indexLeaving  = "leaving"
	indexIP       = "ip"
	indexOwner    = "owner"
	indexNode     = "node"
)

func newAppTable() *store.Table[app] {
	return store.NewTable("apps", func(a app) string { return a.ID },
		store.Unique(indexHostname, func(a app) string { return a.Hostname }),
		store.Unique(indexPort, func(a app) string {
			if a.PublicPort == 0 {
				return ""
			}
			return fmt.Sprint(a.PublicPort)
		}),
		store.Unique(indexVMID, func(a app) string {
			if a.VMID == 0 {
				return ""
			}
			return fmt.Sprintf("%s/%d", a.Host, a.VMID)
		}),
		store.Unique(indexMAC, func(a app) string {
			if a.Adopted { // not ours to keep unique: two clusters may have the same one
				return ""
			}
			return strings.ToUpper(a.MAC)
		}),
		store.Unique(indexLeaving, func(a app) string { return a.Leaving }),
		store.Unique(indexIP, func(a app) string { address, _, _ := strings.Cut(a.IP, "/"); return address }),
		store.By(indexOwner, func(a app) []string { return []string{a.Owner} }),
		store.By(indexNode, func(a app) []string { return []string{a.Host + "/" + a.Node} }),
	)
}

// setStatus changes the status and the moment it changed.
func (a *app) setStatus(s AppStatus, now time.Time) {
	if a.Status != s {
		a.Status, a.ChangedAt = s, now
	}
	if s != StatusError {
		a.Error, a.Hint, a.Cause, a.Lost = "", "", "", false
	}
}

// fail puts the app in error: why, what to do about it, and the kind of job
// that left it so.
func (a *app) fail(cause, text, hint string, now time.Time) {
	a.setStatus(StatusError, now)
	a.Error, a.Hint, a.Cause = text, hint, cause
}

// letGo gives back what an app without a container has no use for.
func (a *app) letGo() { a.PublicPort, a.VMID, a.Address, a.IP, a.Gateway = 0, 0, "", "", "" }

// putApp writes an app and, once committed, the copy the world is made from.
func (c *Core) putApp(tx *store.Tx, a app) error {
	a.UpdatedAt = c.now()
	if err := c.apps.Put(tx, a); err != nil {
		return err
	}
	tx.OnCommit(func() { c.cacheApp(a) })
	return nil
}

// deleteApp removes an app's record.
func (c *Core) deleteApp(tx *store.Tx, id string) error {
	if err := c.apps.Delete(tx, id); err != nil {
		return err
	}
	tx.OnCommit(func() {
		c.mu.Lock()
		delete(c.appCache, id)
		c.mu.Unlock()
		c.changed()
	})
	return nil
}

func (c *Core) cacheApp(a app) {
	c.mu.Lock()
	c.appCache[a.ID] = a
	c.mu.Unlock()
	c.changed()
}

// changeApp reads, changes and writes one app in a transaction.
func (c *Core) changeApp(tx *store.Tx, id string, change func(*app) error) error {
	a, err := c.apps.Get(tx, id)
	if err != nil {
		return fmt.Errorf("app %s: %w", id, err)
	}
	if err := change(&a); err != nil {
		return err
	}
	return c.putApp(tx, a)
}

// cached is one record from memory.
func (c *Core) cached(id string) (app, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	a, ok := c.appCache[id]
	return a, ok
}

// cachedApps is a copy of all records, by hostname.
func (c *Core) cachedApps() []app {
	c.mu.RLock()
	all := slices.Collect(maps.Values(c.appCache))
	c.mu.RUnlock()
	slices.SortFunc(all, func(a, b app) int { return strings.Compare(a.Hostname, b.Hostname) })
	return all
}

// appNamed finds a record the actor may see by hostname or id.
func (c *Core) appNamed(a Actor, name string) (app, error) {
	var found app
	err := c.store.View(func(tx *store.Tx) error {
		var err error
		found, err = c.apps.Get(tx, name)
		if errors.Is(err, store.ErrNotFound) {
			found, err = c.apps.Find(tx, indexHostname, name)
		}
		return err
	})
	if errors.Is(err, store.ErrNotFound) || err == nil && !a.sees(found.Owner) {
		return app{}, notFound("`apps` lists yours", "there is no app %q", SafeText(name, 64))
	}
	return found, err
}

// Apps lists the visible apps by hostname.
func (c *Core) Apps(_ context.Context, a Actor) ([]AppView, error) { return c.FreshWorld(a).Apps, nil }

// App finds a visible app by hostname or id.
func (c *Core) App(_ context.Context, a Actor, name string) (AppView, error) {
	found, err := c.appNamed(a, name)
	if err != nil {
		return AppView{}, err
	}
	return c.viewApp(found), nil
}

// newAppID makes an id nobody has: the catalogue id and 8 hex digits.
func newAppID(catalogID string) string {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails
	return catalogID + "-" + hex.EncodeToString(b[:])
}

// newMAC makes a locally administered unicast address (IEEE 802, bit 1 of the
// first byte), so that it can never be a real card's.
func newMAC() string {
	var b [5]byte
	_, _ = rand.Read(b[:])
	return fmt.Sprintf("02:%02X:%02X:%02X:%02X:%02X", b[0], b[1], b[2], b[3], b[4])
}

func (c *Core) allApps(tx *store.Tx) ([]app, error) {
	var all []app
	for a, err := range c.apps.All(tx) {
		if err != nil {
			return nil, err
		}
		all = append(all, a)
	}
	return all, nil
}

// idle refuses while a job works on an app.
func (c *Core) idle(tx *store.Tx, rec app) error {
	j, is, err := c.engine.Busy(tx, rec.ID)
	if is {
		return busy(&jobs.BusyError{Subject: rec.ID, Job: j})
	}
	return err
}
