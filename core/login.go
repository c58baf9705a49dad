package core

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"proximity/keys"
	"proximity/store"
)

// login is one login with a password: what its two tokens stand on. Without
// the row neither is worth anything.
type login struct {
	ID        string // in both tokens
	User      uint64
	Refresh   string // id of the one refresh token that is good
	RotatedAt time.Time
	From      string
	CreatedAt time.Time
	ExpiresAt time.Time // of the refresh token
}

func newLoginTable() *store.Table[login] {
	return store.NewTable("logins", func(l login) string { return l.ID },
		store.By(indexUser, func(l login) []string { return []string{idKey(l.User)} }))
}

const (
	accessLife  = time.Hour
	refreshLife = 7 * 24 * time.Hour
	// maxLogins bounds the logins of one person: the oldest ends.
	maxLogins = 100
	// maxProving bounds how many passwords wait to be checked.
	maxProving = 128
	// A refresh token that comes twice within this time is a client that asked
	// twice at once; later, somebody has a copy of it.
	rotationLag = time.Minute
)

// Tokens are what a login gives to a client: JWTs, signed with a key of this
// installation.
type Tokens struct {
	Access         string
	Refresh        string
	AccessExpires  time.Time
	RefreshExpires time.Time
}

// StartLogin gives a person who has proved themselves a pair of tokens.
func (c *Core) StartLogin(_ context.Context, a Actor) (Tokens, error) {
	var out Tokens
	err := c.store.Batch(func(tx *store.Tx) error {
		u, err := c.userNamed(tx, a.User)
		if err != nil {
			return err
		}
		if err := c.tidyLogins(tx, u.ID); err != nil {
			return err
		}
		l := login{ID: keys.RandomHex(32), User: u.ID, From: SafeText(a.From, 64), CreatedAt: c.now()}
		out, err = c.rotate(tx, l)
		return err
	})
	return out, err
}

// tidyLogins removes what has run out, and the oldest of too many.
func (c *Core) tidyLogins(tx *store.Tx, id uint64) error {
	mine := c.loginsOf(id)
	slices.SortFunc(mine, func(a, b login) int { return cmp.Compare(a.CreatedAt.UnixNano(), b.CreatedAt.UnixNano()) })
	for i, l := range mine {
		if l.ExpiresAt.After(c.now()) && len(mine)-i < maxLogins {
			continue
		}
		if err := c.dropLogin(tx, l.ID); err != nil {
			return err
		}
	}
	return nil
}

// rotate signs a new pair of tokens; the refresh token before is worth nothing
// any more.
func (c *Core) rotate(tx *store.Tx, l login) (Tokens, error) {
	now := c.now().UTC().Truncate(time.Second)
	l.Refresh, l.RotatedAt, l.ExpiresAt = keys.RandomHex(32), now, now.Add(refreshLife)
	t := Tokens{AccessExpires: now.Add(accessLife), RefreshExpires: l.ExpiresAt}
	sign := func(kind, id string, until time.Time) (string, error) {
		return c.ring.SignToken(map[string]any{"token_type": kind, "exp": until.Unix(), "iat": now.Unix(), "jti": id, "user_id": idKey(l.User), "sid": l.ID})
	}
	var err error
	if t.Access, err = sign("access", keys.RandomHex(32), t.AccessExpires); err != nil {
		return t, err
	}
	if t.Refresh, err = sign("refresh", l.Refresh, t.RefreshExpires); err != nil {
		return t, err
	}
	if err := c.access.loginTable.Put(tx, l); err != nil {
		return t, err
	}
	tx.OnCommit(func() {
		c.access.mu.Lock()
		c.access.logins[l.ID] = l
		c.access.mu.Unlock()
	})
	return t, nil
}

// RefreshLogin gives a new pair of tokens for a refresh token, once: ErrDenied
// for any other, with keys.ErrTokenExpired if that is why.
func (c *Core) RefreshLogin(_ context.Context, from, refresh string) (Tokens, error) {
	l, id, err := c.loginOf(refresh, "refresh")
	if err != nil {
		return Tokens{}, err
	}
	var out Tokens
	copied := false
	err = c.store.Batch(func(tx *store.Tx) error {
		now, err := c.access.loginTable.Get(tx, l.ID)
		if errors.Is(err, store.ErrNotFound) {
			return badToken(nil)
		}
		if err != nil {
			return err
		}
		if copied = now.Refresh != id; copied {
			return badToken(nil)
		}
		now.From = SafeText(from, 64)
		out, err = c.rotate(tx, now)
		return err
	})
	if copied && c.now().Sub(l.RotatedAt) > rotationLag {
		c.endCopied(l, from)
	}
	return out, err
}

// endCopied ends a login whose old refresh token came back: it has been copied.
func (c *Core) endCopied(l login, from string) {
	u, _ := c.access.person(l.User)
	err := c.store.Update(func(tx *store.Tx) error { return c.dropLogin(tx, l.ID) })
	if err != nil {
		c.log.Error("end a login whose token was used twice", "user", u.Name, "error", err)
	}
	c.audit(Actor{User: u.Name, Via: ViaAPI, From: from}, "login.refresh", u.Name, badToken(nil), "an old refresh token came again: its login has been ended")
}

// EndLogin ends the login that an access or refresh token belongs to, also
// when that token's time is over: the login goes on by the other. It is no
// error when there is none.
func (c *Core) EndLogin(_ context.Context, from, token string) {
	l, _, err := c.loginOf(token, "")
	if errors.Is(err, keys.ErrTokenExpired) {
		l, err = c.loginBefore(token)
	}
	if err != nil {
		return
	}
	u, _ := c.access.person(l.User)
	err = c.store.Batch(func(tx *store.Tx) error { return c.dropLogin(tx, l.ID) })
	c.audit(Actor{User: u.Name, Role: u.Role, Via: ViaAPI, From: from}, "logout", u.Name, err, "")
}

// loginBefore finds the login that a token of the past belongs to.
func (c *Core) loginBefore(token string) (login, error) {
	raw, err := c.ring.PastToken(token)
	if err != nil {
		return login{}, badToken(err)
	}
	id, _ := raw["sid"].(string)
	c.access.mu.RLock()
	defer c.access.mu.RUnlock()
	l, ok := c.access.logins[id]
	if !ok {
		return login{}, badToken(nil)
	}
	return l, nil
}

// badToken is the answer to a token that is not worth anything.
func badToken(why error) error {
	if errors.Is(why, keys.ErrTokenExpired) {
		return &Error{Kind: ErrDenied, Text: "the token is expired", Hint: "refresh it, or log in again", Err: why}
	}
	return &Error{Kind: ErrDenied, Text: "the token is invalid", Hint: "log in again", Err: why}
}

// claims are what a token of ours says.
type claims struct {
	kind, id, login, user string
	until                 time.Time
}

// maxVerified bounds how many tokens are remembered as ours.
const maxVerified = 4096

// claimsOf reads a token that this installation has signed. Its signature is
// checked once: clients send the same one with every request.
func (c *Core) claimsOf(token string) (claims, error) {
	c.access.mu.RLock()
	v, known := c.access.verified[token]
	c.access.mu.RUnlock()
	if known {
		if !c.now().Before(v.until) {
			return v, badToken(keys.ErrTokenExpired)
		}
		return v, nil
	}
	raw, err := c.ring.VerifyToken(token, c.now())
	if err != nil {
		return v, badToken(err)
	}
	text := func(name string) string { s, _ := raw[name].(string); return s }
	until, _ := raw["exp"].(float64) // it is there: VerifyToken demands it
	v = claims{kind: text("token_type"), id: text("jti"), login: text("sid"), user: text("user_id"), until: time.Unix(int64(until), 0)}
	c.access.mu.Lock()
	defer c.access.mu.Unlock()
	if len(c.access.verified) >= maxVerified {
		clear(c.access.verified)
	}
	c.access.verified[token] = v
	return v, nil
}

// loginOf finds the login that a token of the kind ("" = any) belongs to.
func (c *Core) loginOf(token, kind string) (l login, id string, err error) {
	v, err := c.claimsOf(token)
	if err != nil {
		return l, "", err
	}
	c.access.mu.RLock()
	l, ok := c.access.logins[v.login]
	c.access.mu.RUnlock()
	if !ok || kind != "" && v.kind != kind || v.user != idKey(l.User) {
		return l, "", badToken(nil)
	}
	return l, v.id, nil
}

// Bearer tells who a token belongs to: an access token of a login, or a
// personal token.
func (c *Core) Bearer(_ context.Context, from, token string) (Actor, error) {
	if strings.HasPrefix(token, tokenPrefix) {
		return c.tokenActor(from, token)
	}
	l, _, err := c.loginOf(token, "access")
	if err != nil {
		return Actor{}, err
	}
	u, ok := c.access.person(l.User)
	if !ok {
		return Actor{}, badToken(nil)
	}
	return Actor{User: u.Name, Role: u.Role, Via: ViaAPI, From: from}, nil
}

func (c *Core) loginsOf(id uint64) []login {
	c.access.mu.RLock()
	defer c.access.mu.RUnlock()
	var all []login
	for _, l := range c.access.logins {
		if l.User == id {
			all = append(all, l)
		}
	}
	return all
}

func (c *Core) dropLogin(tx *store.Tx, id string) error {
	tx.OnCommit(func() {
		c.access.mu.Lock()
		delete(c.access.logins, id)
		c.access.mu.Unlock()
	})
	return c.access.loginTable.Delete(tx, id)
}

func (c *Core) dropLogins(tx *store.Tx, user uint64) error {
	for _, l := range c.loginsOf(user) {
		if err := c.dropLogin(tx, l.ID); err != nil {
			return err
		}
	}
	return nil
}
