package core

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"proximity/keys"
	"proximity/store"
)

// user is a person; their keys and passwords are the same for every face.
type user struct {
	Name      string
	Role      Role
	Password  string // argon2id hash, "" = none
	CreatedAt time.Time
}

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

func newUserTable() *store.Table[user] {
	return store.NewTable("users", func(u user) string { return u.Name })
}

func newKeyTable() *store.Table[key] {
	return store.NewTable("keys", func(k key) string { return k.Fingerprint },
		store.By("user", func(k key) []string { return []string{k.User} }))
}

func newKnockTable() *store.Table[knock] {
	return store.NewTable("knocks", func(k knock) string { return k.Fingerprint })
}

// admit gives keys to a user with a role, making the user if needed.
func (c *Core) admit(name string, role Role, lines []string, by string) error {
	var parsed []keys.PublicKey
	for _, l := range lines {
		ks, errs := keys.ParseAuthorizedKeys(l)
		if len(errs) > 0 {
			return &Error{Kind: ErrInvalid, Field: "keys", Text: SafeText(errs[0].Error(), 200), Hint: "one line of an authorized_keys file a key", Err: errs[0]}
		}
		parsed = append(parsed, ks...)
	}
	return c.store.Update(func(tx *store.Tx) error {
		u, err := c.users.Get(tx, name)
		if errors.Is(err, store.ErrNotFound) {
			u, err = user{Name: name, Role: role, CreatedAt: c.now()}, c.users.Insert(tx, user{Name: name, Role: role, CreatedAt: c.now()})
		}
		if err != nil {
			return err
		}
		for _, p := range parsed {
			old, err := c.keys.Get(tx, p.Fingerprint)
			if err == nil && old.User != u.Name {
				return &Error{Kind: ErrConflict, Text: fmt.Sprintf("key %s belongs to %s", p.Fingerprint, old.User), Hint: "a key belongs to one user"}
			}
			if err == nil {
				continue
			}
			if err := c.keys.Put(tx, key{Fingerprint: p.Fingerprint, User: u.Name, Line: p.Line, Comment: p.Comment, AddedAt: c.now(), AddedBy: by}); err != nil {
				return err
			}
			if err := c.knocks.Delete(tx, p.Fingerprint); err != nil {
				return err
			}
		}
		return nil
	})
}

// AddUser makes a user with a role, or gives an existing one further keys.
func (c *Core) AddUser(a Actor, name string, role Role, keyLines []string) error {
	err := c.addUser(a, name, role, keyLines)
	c.audit(a, "user.add", name, err, string(role))
	return err
}

func (c *Core) addUser(a Actor, name string, role Role, keyLines []string) error {
	if err := a.May(VerbChangeUsers, ""); err != nil {
		return err
	}
	if !userName(name) {
		return invalid("name", "1-32 of a-z 0-9 . _ -", "%q is not a user name", SafeText(name, 40))
	}
	if !slices.Contains(Roles(), role) {
		return invalid("role", "one of admin, operator, user, viewer", "unknown role %q", SafeText(string(role), 20))
	}
	return c.admit(name, role, keyLines, a.User)
}

func userName(s string) bool {
	return s != "" && len(s) <= 32 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789._-") == "" && s[0] != '-'
}

// SetPassword sets the password a user has for the API.
func (c *Core) SetPassword(a Actor, name, password string) error {
	err := c.setPassword(a, name, password)
	c.audit(a, "user.password", name, err, "")
	return err
}

func (c *Core) setPassword(a Actor, name, password string) error {
	if a.User != name {
		if err := a.May(VerbChangeUsers, ""); err != nil {
			return err
		}
	}
	hash, err := keys.HashPassword(password)
	if err != nil {
		return err
	}
	return c.store.Update(func(tx *store.Tx) error {
		u, err := c.users.Get(tx, name)
		if errors.Is(err, store.ErrNotFound) {
			return notFound("`users` lists them", "there is no user %q", SafeText(name, 40))
		}
		if err != nil {
			return err
		}
		u.Password = hash
		return c.users.Put(tx, u)
	})
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

// Entered notes that an actor has logged in: when a key was last used, and an
// audit record. It writes at most once a minute per key.
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
		var all []knock
		for row, err := range c.knocks.All(tx) {
			if err != nil {
				return err
			}
			all = append(all, row)
		}
		if len(all) <= maxKnocks {
			return nil
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
