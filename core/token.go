package core

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"proximity/keys"
	"proximity/store"
)

// Scope is how much of its owner's rights a personal token has. The zero value
// narrows nothing: it is that of a person.
type Scope string

// The scopes, the narrowest first.
const (
	ScopeRead  Scope = "read"  // see
	ScopeWrite Scope = "write" // deploy and change apps, too
	ScopeAdmin Scope = "admin" // everything its owner may
)

// Scopes lists the scopes of tokens, the narrowest first.
func Scopes() []Scope { return []Scope{ScopeRead, ScopeWrite, ScopeAdmin} }

// allows reports whether the scope is wide enough for a verb.
func (s Scope) allows(v Verb) bool {
	switch v {
	case VerbReadApp, VerbReadHosts, VerbListNodes, VerbReadUsers, VerbReadAudit:
		return slices.Contains([]Scope{"", ScopeRead, ScopeWrite, ScopeAdmin}, s)
	case VerbDeploy, VerbChangeApp:
		return s == "" || s == ScopeWrite || s == ScopeAdmin
	}
	return s == "" || s == ScopeAdmin
}

// token is a personal token, for scripts. It is shown once: only its hash is
// kept. Its randomness is as good as a key's, so that hash need not be slow.
type token struct {
	ID        uint64
	User      uint64
	Name      string
	Scope     Scope
	Hash      string // SHA-256, hex
	CreatedAt time.Time
	ExpiresAt time.Time // zero = never
	LastUsed  time.Time
	LastFrom  string
}

const (
	tokenPrefix = "px_"
	tokenLength = 40 // characters after the prefix: 233 bits
	maxTokens   = 100
	indexHash   = "hash"
)

func newTokenTable() *store.Table[token] {
	return store.NewTable("tokens", func(t token) string { return store.Key(t.ID) },
		store.Unique(indexHash, func(t token) string { return t.Hash }),
		store.By(indexUser, func(t token) []string { return []string{idKey(t.User)} }))
}

// TokenView is a personal token as the faces show it.
type TokenView struct {
	ID        uint64    `json:"id"`
	Name      string    `json:"name"`
	User      string    `json:"user"`
	Scope     Scope     `json:"scope"`
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at,omitzero"` // absent: never
	Expired   bool      `json:"expired,omitempty"`
	LastUsed  time.Time `json:"last_used,omitzero"`
	LastFrom  string    `json:"last_from,omitempty"`
	Secret    string    `json:"token,omitempty"` // only where it has just been made
}

func (c *Core) tokenView(t token) TokenView {
	u, _ := c.access.person(t.User)
	return TokenView{ID: t.ID, Name: SafeText(t.Name, 60), User: u.Name, Scope: t.Scope, CreatedAt: t.CreatedAt, ExpiresAt: t.ExpiresAt, Expired: t.expired(c.now()), LastUsed: t.LastUsed, LastFrom: t.LastFrom}
}

func (t token) expired(now time.Time) bool { return !t.ExpiresAt.IsZero() && !now.Before(t.ExpiresAt) }

func tokenHash(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// CreateToken makes a personal token of the actor; life 0 = it never expires.
// The view holds its secret, which cannot be shown again.
func (c *Core) CreateToken(_ context.Context, a Actor, name string, scope Scope, life time.Duration) (TokenView, error) {
	secret := tokenPrefix + keys.RandomPassword(tokenLength)
	t := token{Name: strings.TrimSpace(name), Scope: scope, Hash: tokenHash(secret), CreatedAt: c.now()}
	if life > 0 {
		t.ExpiresAt = t.CreatedAt.Add(life)
	}
	err := a.May(VerbOwnAccount, a.User)
	if err == nil {
		err = t.check(life)
	}
	if err == nil {
		err = c.store.Update(func(tx *store.Tx) error { return c.createToken(tx, a.User, &t) })
	}
	c.audit(a, "token.create", t.Name, err, string(scope))
	if err != nil {
		return TokenView{}, err
	}
	v := c.tokenView(t)
	v.Secret = secret
	return v, nil
}

func (t token) check(life time.Duration) error {
	switch {
	case t.Name == "" || len(t.Name) > 60 || SafeText(t.Name, 0) != t.Name:
		return invalid("name", "say what it is for, in at most 60 characters", "a token needs a name")
	case !slices.Contains(Scopes(), t.Scope):
		return invalid("scope", "one of read, write, admin", "unknown scope %q", SafeText(string(t.Scope), 20))
	case life < 0:
		return invalid("expires", "give a time to come", "a token cannot have expired already")
	}
	return nil
}

func (c *Core) createToken(tx *store.Tx, name string, t *token) error {
	u, err := c.users.Get(tx, name)
	if errors.Is(err, store.ErrNotFound) { // the local admin has no record
		return &Error{Kind: ErrConflict, Text: fmt.Sprintf("%s is not a user of Proximity: a token belongs to one", SafeText(name, 40)), Hint: "come in as a user over ssh to make one"}
	}
	if err != nil {
		return err
	}
	mine := 0
	for _, err := range c.access.tokenTable.Where(tx, indexUser, idKey(u.ID)) {
		if err != nil {
			return err
		}
		mine++
	}
	if mine >= maxTokens {
		return &Error{Kind: ErrConflict, Text: fmt.Sprintf("%s has %d tokens already", name, mine), Hint: "revoke those that are no longer used"}
	}
	if t.ID, err = c.access.tokenTable.Next(tx); err != nil {
		return err
	}
	t.User = u.ID
	return c.putToken(tx, *t)
}

// putToken writes a token and, once committed, the copy that requests look at.
func (c *Core) putToken(tx *store.Tx, t token) error {
	tx.OnCommit(func() {
		c.access.mu.Lock()
		c.access.tokens[t.Hash] = t
		c.access.mu.Unlock()
	})
	return c.access.tokenTable.Put(tx, t)
}

func (c *Core) dropToken(tx *store.Tx, t token) error {
	tx.OnCommit(func() {
		c.access.mu.Lock()
		delete(c.access.tokens, t.Hash)
		c.access.mu.Unlock()
	})
	return c.access.tokenTable.Delete(tx, store.Key(t.ID))
}

func (c *Core) dropTokens(tx *store.Tx, user uint64) error {
	all, err := rows(tx, c.access.tokenTable)
	if err != nil {
		return err
	}
	for _, t := range all {
		if t.User != user {
			continue
		}
		if err := c.dropToken(tx, t); err != nil {
			return err
		}
	}
	return nil
}

// Tokens lists the personal tokens the actor may see: all, or only their own.
func (c *Core) Tokens(_ context.Context, a Actor) ([]TokenView, error) {
	all := a.May(VerbReadUsers, "") == nil
	c.access.mu.RLock()
	var found []token
	for _, t := range c.access.tokens {
		if all || c.access.people[t.User].Name == a.User {
			found = append(found, t)
		}
	}
	c.access.mu.RUnlock()
	views := make([]TokenView, 0, len(found))
	for _, t := range found {
		views = append(views, c.tokenView(t))
	}
	slices.SortFunc(views, func(a, b TokenView) int { return cmp.Compare(a.ID, b.ID) })
	return views, nil
}

// RevokeToken takes a personal token away: it is worth nothing at once.
func (c *Core) RevokeToken(_ context.Context, a Actor, id uint64) error {
	owner := ""
	err := c.store.Update(func(tx *store.Tx) error {
		t, err := c.access.tokenTable.Get(tx, store.Key(id))
		if errors.Is(err, store.ErrNotFound) {
			return notFound("`tokens` lists them", "there is no token %d", id)
		}
		if err != nil {
			return err
		}
		u, _ := c.access.person(t.User)
		owner = u.Name
		if owner != a.User && a.May(VerbReadUsers, "") != nil {
			return notFound("`tokens` lists them", "there is no token %d", id)
		}
		if err := c.mayChangeAccount(a, owner); err != nil {
			return err
		}
		return c.dropToken(tx, t)
	})
	c.audit(a, "token.revoke", fmt.Sprint(id), err, owner)
	return err
}

// tokenActor tells who a personal token belongs to, and narrows them to its
// scope. When it was last used is noted once a minute.
func (c *Core) tokenActor(from, secret string) (Actor, error) {
	hash := tokenHash(secret)
	c.access.mu.RLock()
	t, ok := c.access.tokens[hash]
	u := c.access.people[t.User]
	c.access.mu.RUnlock()
	switch {
	case !ok || u.ID == 0:
		return Actor{}, badToken(nil)
	case t.expired(c.now()):
		return Actor{}, badToken(keys.ErrTokenExpired)
	}
	if c.now().Sub(t.LastUsed) >= time.Minute {
		c.usedToken(t.ID, from)
	}
	return Actor{User: u.Name, Role: u.Role, Via: ViaAPI, Scope: t.Scope, Fingerprint: fmt.Sprintf("token %d", t.ID), From: from}, nil
}

func (c *Core) usedToken(id uint64, from string) {
	err := c.store.Batch(func(tx *store.Tx) error {
		t, err := c.access.tokenTable.Get(tx, store.Key(id))
		if errors.Is(err, store.ErrNotFound) || err == nil && c.now().Sub(t.LastUsed) < time.Minute {
			return nil
		}
		if err != nil {
			return err
		}
		t.LastUsed, t.LastFrom = c.now(), SafeText(from, 64)
		return c.putToken(tx, t)
	})
	if err != nil {
		c.log.Warn("note the use of a token", "token", id, "error", err)
	}
}
