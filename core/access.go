package core

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"proximity/store"
)

// access is who may come in and who is in, kept in memory beside its tables:
// every request of the API asks.
type access struct {
	loginTable *store.Table[login]
	tokenTable *store.Table[token]
	byAddress  *Throttle // failed logins
	byAccount  *Throttle
	proving    atomic.Int32 // passwords being checked, or waiting for it

	mu       sync.RWMutex // guards what follows
	people   map[uint64]user
	logins   map[string]login // by ID
	tokens   map[string]token // by hash
	admitted map[*admission]bool
	verified map[string]claims // tokens whose signature has been checked
}

// Failed logins: so many at once from one address and for one account, then
// one every half minute.
const (
	addressFailures = 20
	accountFailures = 10
	failureEvery    = 30 * time.Second
)

func newAccess() *access {
	return &access{
		loginTable: newLoginTable(), tokenTable: newTokenTable(),
		byAddress: NewThrottle(addressFailures, failureEvery), byAccount: NewThrottle(accountFailures, failureEvery),
		people: map[uint64]user{}, logins: map[string]login{}, tokens: map[string]token{}, admitted: map[*admission]bool{}, verified: map[string]claims{},
	}
}

// person finds somebody by number.
func (x *access) person(id uint64) (user, bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	u, ok := x.people[id]
	return u, ok
}

// admission is a session that lasts: of a terminal, not of a request.
type admission struct {
	user, fingerprint string
	end               context.CancelCauseFunc
}

// Admit returns a context for a session of the actor. It ends with ctx, with
// leave, or when their access is taken away or their role changed: its cause
// then says so.
func (c *Core) Admit(ctx context.Context, a Actor) (_ context.Context, leave func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	if a.Via == ViaLocal { // whoever can open the socket: not in the list of people
		return ctx, func() { cancel(nil) }
	}
	in := &admission{user: a.User, fingerprint: a.Fingerprint, end: cancel}
	c.access.mu.Lock()
	c.access.admitted[in] = true
	c.access.mu.Unlock()
	if now, err := c.Login(a.Fingerprint, a.From); a.Fingerprint != "" && (err != nil || now.Role != a.Role) { // between their login and here
		c.sendAway(a.User, a.Fingerprint, "your access has changed: come in again")
	}
	return ctx, func() {
		c.access.mu.Lock()
		delete(c.access.admitted, in)
		c.access.mu.Unlock()
		cancel(nil)
	}
}

// sendAway ends the sessions of a user, or only those of one key.
func (c *Core) sendAway(name, fingerprint, why string) (ended int) {
	c.access.mu.Lock()
	defer c.access.mu.Unlock()
	for in := range c.access.admitted {
		if in.user == name && (fingerprint == "" || in.fingerprint == fingerprint) {
			delete(c.access.admitted, in)
			in.end(&Error{Kind: ErrDenied, Text: why})
			ended++
		}
	}
	return ended
}

// EndSessions ends all sessions of a user: terminals, and logins of the API.
// Keys, password and tokens stay.
func (c *Core) EndSessions(_ context.Context, a Actor, name string) (ended int, err error) {
	err = c.mayChangeAccount(a, name)
	if err == nil {
		err = c.store.Update(func(tx *store.Tx) error {
			u, err := c.userNamed(tx, name)
			if err != nil {
				return err
			}
			ended = len(c.loginsOf(u.ID))
			return c.dropLogins(tx, u.ID)
		})
	}
	if err == nil {
		ended += c.sendAway(name, "", "your sessions have been ended")
	}
	c.audit(a, "user.sessions", name, err, "ended")
	return ended, err
}
