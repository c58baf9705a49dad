package core

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"time"

	"proximity/keys"
	"proximity/store"
)

// wrongCredentials is the one answer to a wrong name, a wrong password, and a
// user without one.
func wrongCredentials() error {
	return &Error{Kind: ErrDenied, Text: "unable to log in with provided credentials", Hint: "`users passwd NAME` sets a new password"}
}

// LoginPassword tells who has a name, or an e-mail address, and a password.
// Failed attempts are bounded by address and account: ErrTooMany says when to
// try again. It takes as long for names that nobody has.
func (c *Core) LoginPassword(ctx context.Context, from, name, password string) (Actor, UserView, error) {
	a := Actor{User: SafeText(name, 40), Via: ViaAPI, From: from}
	u, known := c.personCalled(name)
	account := strings.ToLower(name)
	if known {
		account = idKey(u.ID)
	}
	if known && u.LastFrom == from { // others who try must not keep them out of where they always are
		account += " from " + from
	}
	harmless, err := c.access.attempt(countedAs(from), account, c.now())
	if err != nil {
		return Actor{}, UserView{}, err
	}
	ok, err := c.proves(ctx, u, known, password)
	if err == nil && !ok {
		err = wrongCredentials()
		c.audit(a, "login", a.User, err, "password")
		return Actor{}, UserView{}, err
	}
	harmless()
	if err != nil {
		return Actor{}, UserView{}, err
	}
	a.User, a.Role = u.Name, u.Role
	var view UserView
	err = c.store.Batch(func(tx *store.Tx) error {
		err := c.changeUser(tx, u.Name, func(u *user) error {
			u.LastLogin, u.LastFrom = c.now(), SafeText(from, 64)
			return nil
		})
		if err != nil {
			return err
		}
		if u, err = c.users.Get(tx, u.Name); err != nil {
			return err
		}
		if view, err = c.userView(tx, u); err != nil {
			return err
		}
		return c.auditTx(tx, a, "login", u.Name, nil, "password")
	})
	return a, view, err
}

// attempt counts a login as failed until it is called harmless.
func (x *access) attempt(address, account string, now time.Time) (harmless func(), err error) {
	if wait := x.byAddress.Take(address, now); wait > 0 {
		return nil, tooMany("too many failed logins from your address", wait)
	}
	if wait := x.byAccount.Take(account, now); wait > 0 {
		x.byAddress.Return(address)
		return nil, tooMany("too many failed logins to this account", wait)
	}
	return func() {
		x.byAddress.Return(address)
		x.byAccount.Return(account)
	}, nil
}

func tooMany(text string, wait time.Duration) error {
	wait = max(wait.Round(time.Second), time.Second)
	return &Error{Kind: ErrTooMany, Text: text, Hint: "wait " + wait.String(), After: wait}
}

// personCalled finds somebody by name or e-mail address.
func (c *Core) personCalled(name string) (u user, known bool) {
	err := c.store.View(func(tx *store.Tx) (err error) {
		u, err = c.users.Get(tx, name)
		if errors.Is(err, store.ErrNotFound) && strings.Contains(name, "@") {
			u, err = c.users.Find(tx, indexEmail, strings.ToLower(name))
		}
		return err
	})
	return u, err == nil
}

// proves reports whether it is their password. Who has none is not told so
// faster.
func (c *Core) proves(ctx context.Context, u user, known bool, password string) (bool, error) {
	if waiting := c.access.proving.Add(1); waiting > maxProving {
		c.access.proving.Add(-1)
		return false, tooMany("too many logins at once", 5*time.Second)
	}
	defer c.access.proving.Add(-1)
	if !known || u.Password == "" {
		return false, keys.VerifyNoPassword(ctx, password)
	}
	ok, err := keys.VerifyPassword(ctx, u.Password, password)
	if errors.Is(err, keys.ErrHash) {
		c.log.Error("check a password", "user", u.Name, "error", err)
		return false, nil
	}
	return ok, err
}

// countedAs is what an address counts as: one IPv6 customer has a whole /64.
func countedAs(from string) string {
	ip, err := netip.ParseAddr(from)
	if err != nil {
		return from
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is6() {
		if p, err := ip.Prefix(64); err == nil {
			return p.String()
		}
	}
	return ip.String()
}

// SetPassword sets the password a user has for the API; their logins end.
func (c *Core) SetPassword(ctx context.Context, a Actor, name, password string) error {
	err := c.mayChangeAccount(a, name)
	if err == nil {
		err = goodPassword(password, name)
	}
	var hash string
	if err == nil {
		hash, err = keys.HashPassword(ctx, password)
	}
	if err == nil {
		err = c.store.Update(func(tx *store.Tx) error {
			u, err := c.userNamed(tx, name)
			if err != nil {
				return err
			}
			u.Password = hash
			if err := c.dropLogins(tx, u.ID); err != nil {
				return err
			}
			return c.putUser(tx, u)
		})
	}
	c.audit(a, "user.password", name, err, "")
	return err
}
