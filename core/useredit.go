package core

import (
	"cmp"
	"context"
	"fmt"
	"net/mail"
	"slices"
	"unicode/utf8"

	"proximity/store"
)

// Profile is what people say of themselves.
type Profile struct {
	Email     string `json:"email"`
	FirstName string `json:"first_name"`
	LastName  string `json:"last_name"`
}

// SetRole gives a person another role; the last admin stays one.
func (c *Core) SetRole(_ context.Context, a Actor, name string, role Role) error {
	err := a.May(VerbChangeUsers, "")
	if err == nil {
		err = goodRole(role)
	}
	was := Role("")
	if err == nil {
		err = c.store.Update(func(tx *store.Tx) error {
			if role != RoleAdmin {
				if err := c.keepAnAdmin(tx, name); err != nil {
					return err
				}
			}
			err := c.changeUser(tx, name, func(u *user) error {
				was, u.Role = u.Role, role
				return nil
			})
			if err == nil {
				tx.OnCommit(func() { c.sendAway(name, "", "your role is "+string(role)+" now: come in again") })
			}
			return err
		})
	}
	c.audit(a, "user.role", name, err, fmt.Sprintf("%s → %s", was, role))
	return err
}

// keepAnAdmin refuses what would leave nobody who may do everything.
func (c *Core) keepAnAdmin(tx *store.Tx, without string) error {
	leaving := false
	for u, err := range c.users.All(tx) {
		if err != nil {
			return err
		}
		switch {
		case u.Role != RoleAdmin:
		case u.Name != without:
			return nil
		default:
			leaving = true
		}
	}
	if !leaving {
		return nil
	}
	return &Error{Kind: ErrConflict, Text: fmt.Sprintf("%s is the last admin", SafeText(without, 40)), Hint: "make somebody else an admin first"}
}

// SetProfile changes the e-mail address and names of a person.
func (c *Core) SetProfile(ctx context.Context, a Actor, name string, p Profile) (UserView, error) {
	err := c.mayChangeAccount(a, name)
	if err == nil {
		err = p.check()
	}
	if err == nil {
		err = c.store.Update(func(tx *store.Tx) error {
			return c.changeUser(tx, name, func(u *user) error {
				u.Email, u.FirstName, u.LastName = p.Email, p.FirstName, p.LastName
				return nil
			})
		})
	}
	c.audit(a, "user.profile", name, err, "")
	if err != nil {
		return UserView{}, err
	}
	return c.User(ctx, a, name)
}

// mayChangeAccount: one's own, or those of others.
func (c *Core) mayChangeAccount(a Actor, name string) error {
	if a.User == name {
		return a.May(VerbOwnAccount, name)
	}
	return a.May(VerbChangeUsers, "")
}

func (p Profile) check() error {
	if p.Email != "" && !goodEmail(p.Email) {
		return invalid("email", "write it as name@example.org", "%q is not an e-mail address", SafeText(p.Email, 60))
	}
	for field, s := range map[string]string{"first_name": p.FirstName, "last_name": p.LastName} {
		if utf8.RuneCountInString(s) > 150 || SafeText(s, 0) != s {
			return invalid(field, "at most 150 printable characters", "that is not a name")
		}
	}
	return nil
}

func goodEmail(s string) bool {
	parsed, err := mail.ParseAddress(s)
	return err == nil && parsed.Address == s && len(s) <= 254 && SafeText(s, 0) == s
}

// RemoveUser takes a person's access away: keys, tokens, logins and sessions
// end. Apps of theirs go to heir; without one, a person with apps stays.
func (c *Core) RemoveUser(_ context.Context, a Actor, name, heir string) error {
	err := a.May(VerbChangeUsers, "")
	if err == nil && name == a.User && a.Via != ViaLocal {
		err = &Error{Kind: ErrConflict, Text: "you cannot remove yourself: your last key would go", Hint: "ask another admin"}
	}
	if err == nil {
		err = c.store.Update(func(tx *store.Tx) error { return c.removeUser(tx, name, heir) })
	}
	detail := ""
	if heir != "" {
		detail = "apps to " + heir
	}
	c.audit(a, "user.remove", name, err, detail)
	return err
}

func (c *Core) removeUser(tx *store.Tx, name, heir string) error {
	u, err := c.userNamed(tx, name)
	if err != nil {
		return err
	}
	if err := c.keepAnAdmin(tx, name); err != nil {
		return err
	}
	if err := c.inherit(tx, u, heir); err != nil {
		return err
	}
	for _, k := range c.keysOf(tx, name) {
		if err := c.keys.Delete(tx, k.Fingerprint); err != nil {
			return err
		}
	}
	if err := c.dropTokens(tx, u.ID); err != nil {
		return err
	}
	if err := c.dropLogins(tx, u.ID); err != nil {
		return err
	}
	if err := c.users.Delete(tx, name); err != nil {
		return err
	}
	tx.OnCommit(func() {
		c.access.mu.Lock()
		delete(c.access.people, u.ID)
		c.access.mu.Unlock()
		c.sendAway(name, "", "your access has been taken away")
		c.changed()
	})
	return nil
}

// inherit hands the apps of somebody who leaves over.
func (c *Core) inherit(tx *store.Tx, u user, heir string) error {
	var left []app
	for rec, err := range c.apps.Where(tx, indexOwner, u.Name) {
		if err != nil {
			return err
		}
		left = append(left, rec)
	}
	if len(left) == 0 {
		return nil
	}
	if heir == "" || heir == u.Name {
		var names []string
		for _, rec := range left {
			names = append(names, rec.Hostname)
		}
		return &Error{Kind: ErrConflict, Text: u.Name + " owns " + listed(names, 10), Hint: "hand them over: `users remove " + u.Name + " --apps-to NAME`, or delete them first"}
	}
	if _, err := c.userNamed(tx, heir); err != nil {
		return err
	}
	slices.SortFunc(left, func(a, b app) int { return cmp.Compare(a.Hostname, b.Hostname) })
	for _, rec := range left {
		rec.Owner = heir
		if err := c.putApp(tx, rec); err != nil {
			return err
		}
	}
	return nil
}
