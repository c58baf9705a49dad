package core

import (
	"context"
	"errors"
	"strings"

	"proximity/keys"
	"proximity/store"
)

// Registration is who may make an account by themselves, over the API.
type Registration string

// The modes of registration.
const (
	RegistrationFirst  Registration = "first"  // only while there is no admin: the first becomes one
	RegistrationOpen   Registration = "open"   // anybody becomes a plain user
	RegistrationClosed Registration = "closed" // nobody
)

// ParseRegistration reads a mode; "" is first.
func ParseRegistration(s string) (Registration, error) {
	switch r := Registration(s); r {
	case "":
		return RegistrationFirst, nil
	case RegistrationFirst, RegistrationOpen, RegistrationClosed:
		return r, nil
	}
	return "", invalid("registration", "one of first, open, closed", "unknown mode %q", SafeText(s, 20))
}

// RegisterRequest asks for an account.
type RegisterRequest struct {
	Name     string
	Email    string
	Password string
}

// Register makes an account for somebody who has none, if registration is
// open to them. Attempts count like failed logins, since they tell which names
// there are and cost as much.
func (c *Core) Register(ctx context.Context, from string, r RegisterRequest) (Actor, UserView, error) {
	a := Actor{User: SafeText(r.Name, 40), Via: ViaAPI, From: from}
	err := c.mayRegister()
	if err == nil {
		err = r.check()
	}
	if err == nil {
		if wait := c.access.byAddress.Take(countedAs(from), c.now()); wait > 0 {
			err = tooMany("too many registrations from your address", wait)
		}
	}
	var hash string
	if err == nil {
		hash, err = keys.HashPassword(ctx, r.Password)
	}
	var view UserView
	if err == nil {
		err = c.store.Update(func(tx *store.Tx) error {
			role, err := c.registrationRole(tx)
			if err != nil {
				return err
			}
			u, err := c.newUser(tx, r.Name, role)
			if err != nil {
				return err
			}
			u.Email, u.Password, u.LastLogin, u.LastFrom = r.Email, hash, c.now(), SafeText(from, 64)
			if _, err := c.users.Get(tx, u.Name); err == nil {
				return &Error{Kind: ErrConflict, Field: "username", Text: "a user with that username already exists", Hint: "choose another name"}
			}
			if err := c.putUser(tx, u); err != nil {
				return err
			}
			a.Role = role
			view, err = c.userView(tx, u)
			return err
		})
	}
	c.audit(a, "user.register", a.User, err, string(a.Role))
	return a, view, err
}

// mayRegister looks before anything is computed; the transaction looks again.
func (c *Core) mayRegister() error {
	return c.store.View(func(tx *store.Tx) error {
		_, err := c.registrationRole(tx)
		return err
	})
}

// registrationRole is the role of who registers now, or why nobody may.
func (c *Core) registrationRole(tx *store.Tx) (Role, error) {
	closed := &Error{Kind: ErrDenied, Text: "registration is closed", Hint: "an admin makes accounts: `users add NAME`"}
	switch c.cfg.Registration {
	case RegistrationOpen:
		return RoleUser, nil
	case RegistrationClosed:
		return "", closed
	}
	people, err := rows(tx, c.users)
	if err != nil {
		return "", err
	}
	for _, u := range people {
		if u.Role == RoleAdmin {
			closed.Text = "registration is closed: there is an admin already"
			return "", closed
		}
	}
	return RoleAdmin, nil
}

func (r RegisterRequest) check() error {
	if !goodUserName(r.Name) {
		return invalid("username", userNameRule, "enter a valid username")
	}
	if r.Email != "" && !goodEmail(r.Email) {
		return invalid("email", "write it as name@example.org", "enter a valid email address")
	}
	mailbox, _, _ := strings.Cut(r.Email, "@")
	err := goodPassword(r.Password, r.Name, mailbox)
	var e *Error
	if errors.As(err, &e) && e.Field != "" {
		e.Field = "password1"
	}
	return err
}
