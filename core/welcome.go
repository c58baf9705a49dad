package core

import (
	"context"
	"strings"

	"proximity/store"
)

// WelcomeNote is what to do first with an app that was just deployed. The first
// time one of its own people reads it, it holds the passwords that the manifest
// wants shown, and the audit notes it; after that they are among the app's
// secrets.
func (c *Core) WelcomeNote(_ context.Context, a Actor, name string) (string, error) {
	rec, err := c.appNamed(a, name)
	if err != nil {
		return "", err
	}
	if err := a.May(VerbChangeApp, rec.Owner); err != nil {
		c.audit(a, "app.secrets", name, err, "welcome note")
		return "", err
	}
	m := c.manifestOf(rec)
	if m == nil { // adopted: nobody has a recipe for it
		return "", nil
	}
	values, err := c.valuesOf(rec)
	if err != nil {
		return "", err
	}
	open, full := m.AfterInstall(rec.Values, c.builtins(rec, m)), m.AfterInstall(values, c.builtins(rec, m))
	switch {
	case rec.Status != StatusRunning:
		return "", nil
	case rec.Welcomed || full == open:
		return welcomeText(open), nil
	}
	err = c.store.Update(func(tx *store.Tx) error {
		return c.changeApp(tx, rec.ID, func(r *app) error {
			if r.Welcomed { // somebody was faster
				full = open
				return nil
			}
			r.Welcomed = true
			return c.auditTx(tx, a, "app.secrets", r.Hostname, nil, "welcome note")
		})
	})
	return welcomeText(full), err
}

func welcomeText(note string) string { return strings.TrimSpace(SafeText(note, 0)) }
