package core

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"proximity/core/pve"
	"proximity/store"
)

// HostEdit changes a host; what is empty or nil stays as it is. The name stays.
type HostEdit struct {
	URL         string // https://10.0.0.1:8006
	TokenID     string // user@realm!id, with TokenSecret
	TokenSecret string
	Name        string // what it is called from now on
	User        string // user@realm, with Password
	Password    string
	SSHUser     string
	SSHPort     int
	SSHKey      string // private key, PEM
	SSHPassword string
	Fingerprint string // expected SHA-256 of the certificate
	Trust       bool   // pin whatever certificate answers now
	Verify      bool   // pin none: an authority must vouch for it
	Disabled    *bool
	Default     bool
}

// contact reports whether the change concerns how the host is reached: then it
// is asked before anything is written.
func (e HostEdit) contact() bool {
	e.Disabled, e.Default, e.Name = nil, false, ""
	return e != HostEdit{}
}

// EditHost changes how a host is reached, disables or enables it, or makes it
// the default one. A new address or login is tried first, and must lead to the
// same cluster.
func (c *Core) EditHost(ctx context.Context, a Actor, name string, e HostEdit) (HostView, error) {
	v, err := c.editHost(ctx, a, name, e)
	c.audit(a, "host.edit", name, err, e.summary())
	return v, err
}

// summary says what is changed, and no secret.
func (e HostEdit) summary() string {
	var parts []string
	add := func(is bool, s string) {
		if is {
			parts = append(parts, s)
		}
	}
	add(e.Name != "", "name "+e.Name)
	add(e.URL != "", "address "+e.URL)
	add(e.TokenID != "", "token "+e.TokenID)
	add(e.User != "", "user "+e.User)
	add(e.Password != "" && e.User == "", "password")
	add(e.SSHUser != "" || e.SSHPort != 0 || e.SSHKey != "" || e.SSHPassword != "", "SSH")
	add(e.Fingerprint != "" || e.Trust || e.Verify, "certificate")
	add(e.Disabled != nil && *e.Disabled, "disabled")
	add(e.Disabled != nil && !*e.Disabled, "enabled")
	add(e.Default, "default")
	return strings.Join(parts, ", ")
}

func (c *Core) editHost(ctx context.Context, a Actor, name string, e HostEdit) (HostView, error) {
	if err := a.May(VerbChangeHosts, ""); err != nil {
		return HostView{}, err
	}
	l, err := c.liveHost(name)
	if err != nil {
		return HostView{}, err
	}
	next := l.rec
	if e.contact() {
		if next, err = c.recontact(ctx, l.rec, e); err != nil {
			return HostView{}, err
		}
	}
	return c.changeHost(a, name, e.contact() || e.Disabled != nil || e.Name != "", func(tx *store.Tx, h *host) error {
		disabled := h.Disabled
		if e.contact() {
			next.Default, next.Changed = h.Default, nil
			*h = next
		}
		h.Disabled = disabled
		if e.Disabled != nil {
			h.Disabled = *e.Disabled
		}
		if e.Default {
			if err := c.makeDefault(tx, h); err != nil {
				return err
			}
		}
		if e.Name != "" {
			h.Name = e.Name
		}
		return nil
	})
}

// recontact is the record with another way to the host, which has been tried.
func (c *Core) recontact(ctx context.Context, old host, e HostEdit) (host, error) {
	h := old
	var err error
	if e.URL != "" {
		if h.URL, err = cleanURL(e.URL); err != nil {
			return h, err
		}
	}
	if err := c.relogin(&h, e); err != nil {
		return h, err
	}
	if h.URL != old.URL || e.Fingerprint != "" || e.Trust || e.Verify {
		h.Fingerprint = ""
		if err := c.trust(ctx, &h, AddHostRequest{Fingerprint: e.Fingerprint, Trust: e.Trust}); err != nil {
			return h, err
		}
	}
	h.Changed, h.Disabled = nil, false // it is asked, whatever it was
	cfg, err := c.clientConfig(h)
	if err != nil {
		return h, err
	}
	cfg.Peers, cfg.Changed = nil, nil // this very address must answer
	client, err := pve.New(cfg)
	if err != nil {
		return h, invalid("credentials", "", "%s", err)
	}
	defer client.Close()
	status, err := client.Cluster(ctx)
	if err != nil {
		return h, hostError(h.Name, err)
	}
	if !pve.SameCluster(old.Identity, status.Identity) {
		return h, &Error{Kind: ErrConflict, Field: "url", Text: fmt.Sprintf("another cluster answers at %s: %s", h.URL, SafeText(status.Name, 64)),
			Hint: "a host stays the same cluster: add that one as a host of its own"}
	}
	h.Cluster, h.Identity, h.Peers = status.Name, status.Identity, client.Peers()
	return h, nil
}

// relogin takes other credentials over, for the API and for the nodes' SSH.
func (c *Core) relogin(h *host, e HostEdit) error {
	before, err := c.ring.Unseal("host/"+h.Name, h.Secret)
	if err != nil {
		return fmt.Errorf("open the sealed credentials of host %s: %w", h.Name, err)
	}
	secret := ""
	switch {
	case e.TokenID != "" && e.User != "":
		return invalid("token", "give one of the two", "both a token and a user are given")
	case e.TokenID != "":
		h.Token, h.User, secret = true, e.TokenID, e.TokenSecret
	case e.TokenSecret != "" && h.Token:
		secret = e.TokenSecret
	case e.User != "":
		h.Token, h.User, secret = false, e.User, e.Password
		if !strings.Contains(h.User, "@") {
			h.User += "@pam"
		}
	case e.Password != "" && !h.Token:
		secret = e.Password
	}
	if (e.TokenID != "" || e.User != "") && secret == "" {
		return invalid("credentials", "send them with --credentials - or --password-stdin", "no secret is given for %s", SafeText(h.User, 60))
	}
	if secret != "" {
		if h.Secret, err = c.ring.Seal("host/"+h.Name, []byte(secret)); err != nil {
			return err
		}
	}
	return c.relogSSH(h, e, string(before), secret)
}

// relogSSH takes other credentials for the nodes' SSH over. Where the login
// served so far, the new one does.
func (c *Core) relogSSH(h *host, e HostEdit, before, secret string) error {
	if secret == "" && e.SSHUser == "" && e.SSHPort == 0 && e.SSHKey == "" && e.SSHPassword == "" {
		return nil
	}
	own, err := c.sshSecretOf(*h)
	if err != nil {
		return err
	}
	r := AddHostRequest{SSHUser: cmp.Or(e.SSHUser, h.SSHUser), SSHPort: cmp.Or(e.SSHPort, h.SSHPort), SSHKey: e.SSHKey, SSHPassword: e.SSHPassword, Password: secret}
	if r.SSHKey == "" && r.SSHPassword == "" {
		r.SSHKey, r.SSHPassword = own.Key, own.Password
		if own.Key == "" && own.Password == before && !h.Token && secret != "" {
			r.SSHPassword = secret
		}
	}
	h.SSHUser, h.SSHPort, h.SSHSecret = r.SSHUser, r.SSHPort, ""
	return c.sealSSH(h, r)
}

// changeHost changes a host's record and has the host work by it, anew with
// another client. A change may give it another name.
func (c *Core) changeHost(a Actor, name string, anew bool, change func(*store.Tx, *host) error) (HostView, error) {
	if err := a.May(VerbChangeHosts, ""); err != nil {
		return HostView{}, err
	}
	var h host
	err := c.store.Update(func(tx *store.Tx) error {
		var err error
		if h, err = c.hostTable.Get(tx, name); err != nil {
			return err
		}
		if err := change(tx, &h); err != nil {
			return err
		}
		if h.Name != name {
			if err := c.renameTx(tx, name, &h); err != nil {
				return err
			}
		}
		return c.hostTable.Put(tx, h)
	})
	if errors.Is(err, store.ErrNotFound) {
		_, err = c.liveHost(name)
	}
	if err != nil {
		return HostView{}, err
	}
	if !anew {
		c.revise(h)
	} else if err := c.reenliven(name, h); err != nil {
		return HostView{}, err
	}
	l, err := c.liveHost(h.Name)
	if err != nil {
		return HostView{}, err
	}
	return hostView(l.rec, l.poller.Snapshot()), nil
}

// makeDefault makes h the one default host.
func (c *Core) makeDefault(tx *store.Tx, h *host) error {
	if h.Disabled {
		return &Error{Kind: ErrConflict, Text: "host " + h.Name + " is disabled", Hint: "enable it first: hosts enable " + h.Name}
	}
	var others []host
	for o, err := range c.hostTable.All(tx) {
		if err != nil {
			return err
		}
		if o.Default && o.Name != h.Name {
			o.Default = false
			others = append(others, o)
		}
	}
	for _, o := range others {
		if err := c.hostTable.Put(tx, o); err != nil {
			return err
		}
		tx.OnCommit(func() { c.revise(o) })
	}
	h.Default = true
	return nil
}

// SetDefaultHost makes a host the one that comes first.
func (c *Core) SetDefaultHost(ctx context.Context, a Actor, name string) (HostView, error) {
	return c.EditHost(ctx, a, name, HostEdit{Default: true})
}

// RemoveHost forgets a host. While apps live there it is refused: they would be
// lost to us.
func (c *Core) RemoveHost(_ context.Context, a Actor, name string) error {
	err := a.May(VerbChangeHosts, "")
	if err == nil {
		_, err = c.liveHost(name)
	}
	if err == nil {
		err = c.store.Update(func(tx *store.Tx) error { return c.removeHostTx(tx, name) })
	}
	c.audit(a, "host.remove", name, err, "")
	if err != nil {
		return err
	}
	c.mu.Lock()
	l := c.hosts[name]
	delete(c.hosts, name)
	c.mu.Unlock()
	if l != nil {
		l.close()
	}
	c.changed()
	return nil
}

func (c *Core) removeHostTx(tx *store.Tx, name string) error {
	h, err := c.hostTable.Get(tx, name)
	if err != nil {
		return err
	}
	apps, err := c.allApps(tx)
	if err != nil {
		return err
	}
	var living []string
	for _, a := range apps {
		if a.Host == name {
			living = append(living, a.Hostname)
		}
	}
	if len(living) > 0 {
		return &Error{Kind: ErrConflict, Text: fmt.Sprintf("%d apps live on host %s: %s", len(living), name, listed(living, 10)), Hint: "delete them first, or disable the host: hosts disable " + name}
	}
	for _, b := range c.shelf.list() {
		if b.Host == name && b.underWay() {
			return b.free()
		}
	}
	if err := c.hostTable.Delete(tx, name); err != nil {
		return err
	}
	if err := c.snapshots.Delete(tx, name); err != nil {
		return err
	}
	if !h.Default {
		return nil
	}
	for o, err := range c.hostTable.All(tx) { // by name
		if err != nil {
			return err
		}
		if !o.Disabled {
			o.Default = true
			tx.OnCommit(func() { c.revise(o) })
			return c.hostTable.Put(tx, o)
		}
	}
	return nil
}

// listed is a list of names, the first most of them.
func listed(names []string, most int) string {
	slices.Sort(names)
	s := strings.Join(names[:min(len(names), most)], ", ")
	if more := len(names) - most; more > 0 {
		s += fmt.Sprintf(" and %d more", more)
	}
	return s
}

// revise has a host at work go by a changed record; its client stays.
func (c *Core) revise(h host) {
	c.mu.Lock()
	if l := c.hosts[h.Name]; l != nil {
		c.hosts[h.Name] = l.with(h)
	}
	c.mu.Unlock()
	c.changed()
}

// reenliven has the host that goes by name work by a changed record with a
// client of its own. What the old one is doing fails and is tried again with
// the new one.
func (c *Core) reenliven(name string, h host) error {
	l, err := c.enliven(h)
	if err != nil {
		return fmt.Errorf("host %s: %w", h.Name, err)
	}
	c.mu.Lock()
	old := c.hosts[name]
	if old != nil {
		l.poller.Restore(old.poller.Snapshot())
	}
	delete(c.hosts, name)
	c.hosts[h.Name] = l
	c.mu.Unlock()
	c.watchHost(l)
	if old != nil {
		old.close()
	}
	fill(c.hub.hostsChanged)
	c.changed()
	return nil
}
