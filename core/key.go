package core

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"proximity/keys"
	"proximity/store"
)

// key is one public key that may log in. A fingerprint belongs to one user.
type key struct {
	Fingerprint string
	User        string
	Line        string // authorized_keys form
	Comment     string
	AddedAt     time.Time
	AddedBy     string
	LastUsed    time.Time
	LastFrom    string
}

// knock is a key that was refused and waits for approval.
type knock struct {
	Fingerprint string
	Line        string
	Name        string // what the client called itself; never taken over unasked
	From        string
	Count       int
	First, Last time.Time
}

// maxKnocks bounds the list of keys waiting for approval.
const maxKnocks = 100

const indexUser = "user"

func newKeyTable() *store.Table[key] {
	return store.NewTable("keys", func(k key) string { return k.Fingerprint },
		store.By(indexUser, func(k key) []string { return []string{k.User} }))
}

func newKnockTable() *store.Table[knock] {
	return store.NewTable("knocks", func(k knock) string { return k.Fingerprint })
}

// KeyView is a public key as the faces show it.
type KeyView struct {
	Fingerprint string    `json:"fingerprint"`
	Type        string    `json:"type"` // "ssh-ed25519"
	User        string    `json:"user"`
	Comment     string    `json:"comment,omitempty"`
	AddedAt     time.Time `json:"added_at"`
	AddedBy     string    `json:"added_by"`
	LastUsed    time.Time `json:"last_used,omitzero"`
	LastFrom    string    `json:"last_from,omitempty"`
}

// KnockView is a key that waits for approval.
type KnockView struct {
	Fingerprint string    `json:"fingerprint"`
	Type        string    `json:"type"`
	Name        string    `json:"name"` // what the client called itself
	From        string    `json:"from"`
	Count       int       `json:"count"` // how often it was refused
	First       time.Time `json:"first"`
	Last        time.Time `json:"last"`
}

func keyType(line string) string {
	kind, _, _ := strings.Cut(line, " ")
	return SafeText(kind, 40)
}

// addKey gives a person one more key; it no longer waits for approval.
func (c *Core) addKey(tx *store.Tx, name string, p keys.PublicKey, by string) error {
	old, err := c.keys.Get(tx, p.Fingerprint)
	switch {
	case err == nil && old.User != name:
		return &Error{Kind: ErrConflict, Text: fmt.Sprintf("key %s belongs to %s", p.Fingerprint, old.User), Hint: "a key belongs to one user"}
	case err == nil:
		return nil
	case !errors.Is(err, store.ErrNotFound):
		return err
	}
	if err := c.keys.Put(tx, key{Fingerprint: p.Fingerprint, User: name, Line: p.Line, Comment: p.Comment, AddedAt: c.now(), AddedBy: by}); err != nil {
		return err
	}
	return c.knocks.Delete(tx, p.Fingerprint)
}

// AddKeys gives a person who is there further keys: people their own, admins
// anybody's.
func (c *Core) AddKeys(_ context.Context, a Actor, name string, keyLines []string) error {
	err := c.mayChangeAccount(a, name)
	if err == nil {
		err = c.store.View(func(tx *store.Tx) error { _, err := c.userNamed(tx, name); return err })
	}
	if err == nil {
		err = c.admit(name, "", keyLines, a.User)
	}
	c.audit(a, "key.add", name, err, "")
	return err
}

func (c *Core) keysOf(tx *store.Tx, name string) []key {
	var all []key
	for k, err := range c.keys.Where(tx, indexUser, name) {
		if err == nil {
			all = append(all, k)
		}
	}
	return all
}

// UserKeys lists the public keys the actor may see, those of one user where name
// is given: all, or only their own.
func (c *Core) UserKeys(_ context.Context, a Actor, name string) ([]KeyView, error) {
	all := a.May(VerbReadUsers, "") == nil
	var views []KeyView
	err := c.store.View(func(tx *store.Tx) error {
		for k, err := range c.keys.All(tx) {
			if err != nil {
				return err
			}
			if !all && k.User != a.User || name != "" && k.User != name {
				continue
			}
			views = append(views, KeyView{Fingerprint: k.Fingerprint, Type: keyType(k.Line), User: SafeText(k.User, 150), Comment: SafeText(k.Comment, 60), AddedAt: k.AddedAt, AddedBy: SafeText(k.AddedBy, 150), LastUsed: k.LastUsed, LastFrom: k.LastFrom})
		}
		return nil
	})
	slices.SortFunc(views, func(a, b KeyView) int { return cmp.Or(cmp.Compare(a.User, b.User), a.AddedAt.Compare(b.AddedAt)) })
	return views, err
}

// Knocks lists the keys that wait for approval, the latest first.
func (c *Core) Knocks(_ context.Context, a Actor) ([]KnockView, error) {
	if err := a.May(VerbChangeUsers, ""); err != nil {
		return nil, err
	}
	var views []KnockView
	err := c.store.View(func(tx *store.Tx) error {
		for k, err := range c.knocks.All(tx) {
			if err != nil {
				return err
			}
			views = append(views, KnockView{Fingerprint: k.Fingerprint, Type: keyType(k.Line), Name: SafeText(k.Name, 32), From: SafeText(k.From, 64), Count: k.Count, First: k.First, Last: k.Last})
		}
		return nil
	})
	slices.SortFunc(views, func(a, b KnockView) int { return b.Last.Compare(a.Last) })
	return views, err
}

// ApproveKey gives a key that waits to a user, making one with the role if
// there is none of that name.
func (c *Core) ApproveKey(_ context.Context, a Actor, fingerprint, name string, role Role) error {
	err := a.May(VerbChangeUsers, "")
	if err == nil && !goodUserName(name) {
		err = invalid("name", userNameRule, "%q is not a user name", SafeText(name, 40))
	}
	if err == nil {
		err = goodRole(role)
	}
	var waiting knock
	if err == nil {
		waiting, err = c.waitingKey(fingerprint)
	}
	if err == nil {
		err = c.admit(name, role, []string{waiting.Line}, a.User)
	}
	c.audit(a, "key.approve", fingerprint, err, name)
	return err
}

// waitingKey finds a key that waits for approval by its fingerprint or the
// beginning of it.
func (c *Core) waitingKey(fingerprint string) (found knock, err error) {
	err = c.store.View(func(tx *store.Tx) error {
		waiting, err := rows(tx, c.knocks)
		if err != nil {
			return err
		}
		found, err = oneKey(waiting, fingerprint, func(k knock) string { return k.Fingerprint })
		return err
	})
	return found, err
}

// oneKey finds the one whose fingerprint begins so; at least eight characters
// of it must be given.
func oneKey[T any](all []T, prefix string, fingerprint func(T) string) (T, error) {
	var found []T
	bare := strings.TrimPrefix(prefix, "SHA256:")
	for _, k := range all {
		if len(bare) >= 8 && strings.HasPrefix(strings.TrimPrefix(fingerprint(k), "SHA256:"), bare) {
			found = append(found, k)
		}
	}
	if len(found) == 1 {
		return found[0], nil
	}
	var none T
	if len(found) > 1 {
		return none, invalid("fingerprint", "give more of it", "%d keys begin with %s", len(found), SafeText(prefix, 60))
	}
	return none, notFound("`keys` lists them; give the fingerprint or the first 8 characters of it", "there is no key %s", SafeText(prefix, 60))
}

// DenyKey forgets a key that waits for approval.
func (c *Core) DenyKey(_ context.Context, a Actor, fingerprint string) error {
	err := a.May(VerbChangeUsers, "")
	if err == nil {
		var waiting knock
		if waiting, err = c.waitingKey(fingerprint); err == nil {
			err = c.store.Update(func(tx *store.Tx) error { return c.knocks.Delete(tx, waiting.Fingerprint) })
		}
	}
	c.audit(a, "key.deny", fingerprint, err, "")
	return err
}

// RevokeKey takes a key away; sessions it opened end. Nobody takes their own
// last one, nor the last admin's.
func (c *Core) RevokeKey(_ context.Context, a Actor, fingerprint string) error {
	owner := ""
	err := c.store.Update(func(tx *store.Tx) error {
		all, err := rows(tx, c.keys)
		if err != nil {
			return err
		}
		if a.May(VerbChangeUsers, "") != nil { // those of others do not exist for them
			all = slices.DeleteFunc(all, func(k key) bool { return k.User != a.User })
		}
		k, err := oneKey(all, fingerprint, func(k key) string { return k.Fingerprint })
		if err != nil {
			return err
		}
		owner, fingerprint = k.User, k.Fingerprint
		if err := c.mayChangeAccount(a, k.User); err != nil {
			return err
		}
		if len(c.keysOf(tx, k.User)) == 1 {
			if k.User == a.User && a.Via != ViaLocal {
				return &Error{Kind: ErrConflict, Text: "this is your last key: you could not come in again", Hint: "add another one first"}
			}
			if err := c.keepAnAdmin(tx, k.User); err != nil {
				return err
			}
		}
		tx.OnCommit(func() { c.sendAway(k.User, k.Fingerprint, "this key has been revoked") })
		return c.keys.Delete(tx, k.Fingerprint)
	})
	c.audit(a, "key.revoke", fingerprint, err, owner)
	return err
}

// Login tells who holds a key, by its fingerprint; ErrDenied for unknown ones.
// It only reads: call Entered once the key has proved itself.
func (c *Core) Login(fingerprint, from string) (Actor, error) {
	var actor Actor
	err := c.store.View(func(tx *store.Tx) error {
		k, err := c.keys.Get(tx, fingerprint)
		if err != nil {
			return err
		}
		u, err := c.users.Get(tx, k.User)
		if err != nil {
			return err
		}
		actor = Actor{User: u.Name, Role: u.Role, Via: ViaSSH, Fingerprint: fingerprint, From: from}
		return nil
	})
	if errors.Is(err, store.ErrNotFound) {
		return Actor{}, &Error{Kind: ErrDenied, Text: "unknown key " + fingerprint, Hint: "an admin can approve it under Access"}
	}
	return actor, err
}

// Entered notes that an actor has logged in: when a key was last used. It
// writes at most once a minute per key.
func (c *Core) Entered(a Actor) {
	if a.Fingerprint == "" {
		return
	}
	err := c.store.Update(func(tx *store.Tx) error {
		k, err := c.keys.Get(tx, a.Fingerprint)
		if err != nil || c.now().Sub(k.LastUsed) < time.Minute {
			return err
		}
		k.LastUsed, k.LastFrom = c.now(), SafeText(a.From, 64)
		return c.keys.Put(tx, k)
	})
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		c.log.Warn("note a login", "user", a.User, "error", err)
	}
}

// SeenUnknownKey notes a key that was refused, for an admin to approve. The
// list is bounded: the longest unseen go first.
func (c *Core) SeenUnknownKey(fingerprint, line, name, from string) {
	now := c.now()
	err := c.store.Update(func(tx *store.Tx) error {
		k, err := c.knocks.Get(tx, fingerprint)
		if errors.Is(err, store.ErrNotFound) {
			k, err = knock{Fingerprint: fingerprint, Line: line, First: now}, nil
		}
		if err != nil {
			return err
		}
		k.Name, k.From, k.Last = SafeText(name, 32), SafeText(from, 64), now
		k.Count++
		if err := c.knocks.Put(tx, k); err != nil {
			return err
		}
		all, err := rows(tx, c.knocks)
		if err != nil || len(all) <= maxKnocks {
			return err
		}
		oldest := slices.MinFunc(all, func(a, b knock) int {
			return cmp.Or(a.Last.Compare(b.Last), strings.Compare(a.Fingerprint, b.Fingerprint))
		})
		return c.knocks.Delete(tx, oldest.Fingerprint)
	})
	if err != nil {
		c.log.Warn("note an unknown key", "error", err)
	}
}
