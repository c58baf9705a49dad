package core

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"proximity/keys"
	"proximity/store"
)

// user is a person; their keys, password and tokens are the same for every
// face.
type user struct {
	ID        uint64
	Name      string
	Role      Role
	Password  string // argon2id hash, "" = none
	Email     string
	FirstName string
	LastName  string
	CreatedAt time.Time
	LastLogin time.Time // with the password; keys and tokens keep their own
	LastFrom  string
}

const (
	indexID    = "id"
	indexFold  = "name" // without regard to case: Admin must not pass for admin
	indexEmail = "email"
)

func newUserTable() *store.Table[user] {
	return store.NewTable("users", func(u user) string { return u.Name },
		store.Unique(indexID, func(u user) string { return idKey(u.ID) }),
		store.Unique(indexFold, func(u user) string { return strings.ToLower(u.Name) }),
		store.Unique(indexEmail, func(u user) string { return strings.ToLower(u.Email) }))
}

// idKey is a number as an index has it; "" for none.
func idKey(id uint64) string {
	if id == 0 {
		return ""
	}
	return strconv.FormatUint(id, 10)
}

// UserView is a person as the faces show one.
type UserView struct {
	ID        uint64    `json:"id"`
	Name      string    `json:"name"`
	Email     string    `json:"email,omitempty"`
	FirstName string    `json:"first_name,omitempty"`
	LastName  string    `json:"last_name,omitempty"`
	Role      Role      `json:"role"`
	Password  bool      `json:"password"` // there is one
	Keys      int       `json:"keys"`
	Tokens    int       `json:"tokens"`
	Apps      int       `json:"apps"`
	CreatedAt time.Time `json:"created_at"`
	LastLogin time.Time `json:"last_login,omitzero"` // by key, password or token
	LastFrom  string    `json:"last_from,omitempty"`
}

// loadPeople reads who may come in.
func (c *Core) loadPeople() error {
	return c.store.View(func(tx *store.Tx) error {
		people, err := rows(tx, c.users)
		if err != nil {
			return err
		}
		for _, u := range people {
			c.access.people[u.ID] = u
		}
		tokens, err := rows(tx, c.access.tokenTable)
		if err != nil {
			return err
		}
		for _, t := range tokens {
			c.access.tokens[t.Hash] = t
		}
		logins, err := rows(tx, c.access.loginTable)
		if err != nil {
			return err
		}
		for _, l := range logins {
			c.access.logins[l.ID] = l
		}
		return nil
	})
}

// newUser makes a person's record, with a number of its own.
func (c *Core) newUser(tx *store.Tx, name string, role Role) (user, error) {
	id, err := c.users.Next(tx)
	return user{ID: id, Name: name, Role: role, CreatedAt: c.now()}, err
}

// putUser writes a person and, once committed, the copy that logins look at.
func (c *Core) putUser(tx *store.Tx, u user) error {
	err := c.users.Put(tx, u)
	var taken *store.TakenError
	switch {
	case errors.As(err, &taken) && taken.Index == indexEmail:
		return &Error{Kind: ErrConflict, Field: "email", Text: "a user with that e-mail address already exists", Hint: "choose another", Err: err}
	case err != nil && errors.As(err, &taken):
		return &Error{Kind: ErrConflict, Field: "username", Text: fmt.Sprintf("a user named %q already exists", SafeText(taken.By, 40)), Hint: "choose another name", Err: err}
	case err != nil:
		return err
	}
	tx.OnCommit(func() {
		c.access.mu.Lock()
		c.access.people[u.ID] = u
		c.access.mu.Unlock()
		c.changed()
	})
	return nil
}

// userNamed finds a person in the store.
func (c *Core) userNamed(tx *store.Tx, name string) (user, error) {
	u, err := c.users.Get(tx, name)
	if errors.Is(err, store.ErrNotFound) {
		return user{}, notFound("`users` lists them", "there is no user %q", SafeText(name, 40))
	}
	return u, err
}

// changeUser reads, changes and writes one person in a transaction.
func (c *Core) changeUser(tx *store.Tx, name string, change func(*user) error) error {
	u, err := c.userNamed(tx, name)
	if err != nil {
		return err
	}
	if err := change(&u); err != nil {
		return err
	}
	return c.putUser(tx, u)
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
		if _, err := c.users.Get(tx, name); errors.Is(err, store.ErrNotFound) {
			u, err := c.newUser(tx, name, role)
			if err != nil {
				return err
			}
			if err := c.putUser(tx, u); err != nil {
				return err
			}
		} else if err != nil {
			return err
		}
		for _, p := range parsed {
			if err := c.addKey(tx, name, p, by); err != nil {
				return err
			}
		}
		return nil
	})
}

// AddUser makes a user with a role, or gives an existing one further keys.
func (c *Core) AddUser(_ context.Context, a Actor, name string, role Role, keyLines []string) error {
	err := a.May(VerbChangeUsers, "")
	if err == nil && !goodUserName(name) {
		err = invalid("name", userNameRule, "%q is not a user name", SafeText(name, 40))
	}
	if err == nil {
		err = goodRole(role)
	}
	if err == nil {
		err = c.admit(name, role, keyLines, a.User)
	}
	c.audit(a, "user.add", name, err, string(role))
	return err
}

const userNameRule = "1-150 of letters, digits and . _ - @ +"

func goodUserName(s string) bool {
	return s != "" && len(s) <= 150 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-@+") == "" && s[0] != '-'
}

func goodRole(r Role) error {
	if !slices.Contains(Roles(), r) {
		return invalid("role", "one of admin, operator, user, viewer", "unknown role %q", SafeText(string(r), 20))
	}
	return nil
}

// Users lists the people the actor may see, by name: all, or only themselves.
func (c *Core) Users(_ context.Context, a Actor) ([]UserView, error) {
	all := a.May(VerbReadUsers, "") == nil
	var views []UserView
	err := c.store.View(func(tx *store.Tx) error {
		for u, err := range c.users.All(tx) {
			if err != nil {
				return err
			}
			if !all && u.Name != a.User {
				continue
			}
			v, err := c.userView(tx, u)
			if err != nil {
				return err
			}
			views = append(views, v)
		}
		return nil
	})
	return views, err
}

// User is one person the actor may see.
func (c *Core) User(ctx context.Context, a Actor, name string) (UserView, error) {
	all, err := c.Users(ctx, a)
	if err != nil {
		return UserView{}, err
	}
	for _, v := range all {
		if v.Name == name {
			return v, nil
		}
	}
	return UserView{}, notFound("`users` lists them", "there is no user %q", SafeText(name, 40))
}

// userView puts together what is known of a person.
func (c *Core) userView(tx *store.Tx, u user) (UserView, error) {
	v := UserView{ID: u.ID, Name: SafeText(u.Name, 150), Email: SafeText(u.Email, 254), FirstName: SafeText(u.FirstName, 150), LastName: SafeText(u.LastName, 150), Role: u.Role,
		Password: u.Password != "", CreatedAt: u.CreatedAt, LastLogin: u.LastLogin, LastFrom: u.LastFrom}
	seen := func(at time.Time, from string) {
		if at.After(v.LastLogin) {
			v.LastLogin, v.LastFrom = at, from
		}
	}
	for k, err := range c.keys.Where(tx, indexUser, u.Name) {
		if err != nil {
			return v, err
		}
		v.Keys++
		seen(k.LastUsed, k.LastFrom)
	}
	for t, err := range c.access.tokenTable.Where(tx, indexUser, idKey(u.ID)) {
		if err != nil {
			return v, err
		}
		v.Tokens++
		seen(t.LastUsed, t.LastFrom)
	}
	for _, err := range c.apps.Where(tx, indexOwner, u.Name) {
		if err != nil {
			return v, err
		}
		v.Apps++
	}
	return v, nil
}
