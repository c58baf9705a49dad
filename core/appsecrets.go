package core

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"

	"proximity/core/catalog"
	"proximity/keys"
)

// sealValues splits the values into the open and the sealed ones.
func (c *Core) sealValues(rec *app, m *catalog.Manifest, v catalog.Values) error {
	secret := map[string]string{}
	rec.Values = map[string]string{}
	for k, x := range v {
		if m.Secret(k) {
			secret[k] = x
		} else {
			rec.Values[k] = x
		}
	}
	return c.sealSecrets(rec, secret)
}

// sealSecrets keeps an app's secret values.
func (c *Core) sealSecrets(rec *app, secret map[string]string) error {
	plain, err := json.Marshal(secret)
	if err != nil {
		return err
	}
	rec.Sealed, err = c.ring.Seal("app-values/"+rec.ID, plain)
	return err
}

// newRootPassword makes the password of root in the app's container.
func (c *Core) newRootPassword(rec *app) (err error) {
	rec.RootPassword, err = c.ring.Seal("app-root/"+rec.ID, []byte(keys.RandomPassword(24)))
	return err
}

// secretsOf opens the sealed values of an app.
func (c *Core) secretsOf(rec app) (map[string]string, error) {
	secret := map[string]string{}
	if rec.Sealed == "" {
		return secret, nil
	}
	plain, err := c.ring.Unseal("app-values/"+rec.ID, rec.Sealed)
	if err != nil {
		return nil, fmt.Errorf("open the sealed values of %s: %w", rec.Hostname, err)
	}
	return secret, json.Unmarshal(plain, &secret)
}

// valuesOf are all values of an app, the secret ones among them.
func (c *Core) valuesOf(rec app) (catalog.Values, error) {
	values := catalog.Values{}
	maps.Copy(values, rec.Values)
	secret, err := c.secretsOf(rec)
	maps.Copy(values, secret)
	return values, err
}

// AppSecrets are the secret field values of an app, for its owner and admins;
// each reading leaves an audit record.
func (c *Core) AppSecrets(_ context.Context, a Actor, name string) (map[string]string, error) {
	rec, err := c.appNamed(a, name)
	if err == nil {
		err = a.May(VerbChangeApp, rec.Owner)
	}
	var secret map[string]string
	if err == nil {
		secret, err = c.secretsOf(rec)
	}
	c.audit(a, "app.secrets", name, err, "")
	return secret, err
}
