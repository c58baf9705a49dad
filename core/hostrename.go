package core

import (
	"encoding/json"
	"errors"
	"fmt"

	"proximity/store"
)

// errRenamed ends the client that goes by a host's old name.
var errRenamed = &Error{Kind: ErrUnreachable, Text: "the host is being renamed", Hint: "try again in a moment"}

// renameTx moves a host's record and all that names it (apps, backups, its
// last snapshot) from its old name to the one the record has. While any job is
// unfinished it is refused: jobs know their host by name.
func (c *Core) renameTx(tx *store.Tx, old string, h *host) error {
	if !goodHostName(h.Name) {
		return invalid("name", "1-100 printable characters, no /", "%q is not a name for a host", SafeText(h.Name, 40))
	}
	if _, err := c.hostTable.Get(tx, h.Name); !errors.Is(err, store.ErrNotFound) {
		if err != nil {
			return err
		}
		return &Error{Kind: ErrConflict, Field: "name", Text: fmt.Sprintf("there is already a host %q", h.Name), Hint: "choose another name"}
	}
	if live := c.engine.Live(); len(live) > 0 {
		return &Error{Kind: ErrConflict, Field: "name", Text: fmt.Sprintf("a host cannot be renamed while jobs are at work: job %d (%s)", live[0].ID, live[0].Title), Hint: "try again when they have ended: `jobs --live`"}
	}
	if err := c.resealHost(old, h); err != nil {
		return err
	}
	if l, err := c.liveHost(old); err == nil {
		tx.OnCommit(func() { l.client.Halt(errRenamed) })
	}
	if err := c.renameIn(tx, old, h.Name); err != nil {
		return err
	}
	return c.hostTable.Delete(tx, old)
}

// resealHost seals a host's credentials anew: they are bound to its name.
func (c *Core) resealHost(old string, h *host) error {
	was := *h
	was.Name = old
	secret, err := c.ring.Unseal("host/"+old, h.Secret)
	if err != nil {
		return fmt.Errorf("open the sealed credentials of host %s: %w", old, err)
	}
	if h.Secret, err = c.ring.Seal("host/"+h.Name, secret); err != nil || was.SSHSecret == "" {
		return err
	}
	s, err := c.sshSecretOf(was)
	if err != nil {
		return err
	}
	plain, err := json.Marshal(s)
	if err != nil {
		return err
	}
	h.SSHSecret, err = c.ring.Seal("host-ssh/"+h.Name, plain)
	return err
}

// renameIn has every record that names a host say another name.
func (c *Core) renameIn(tx *store.Tx, old, name string) error {
	apps, err := c.allApps(tx)
	if err != nil {
		return err
	}
	for _, a := range apps {
		if a.Host == old {
			a.Host = name
			if err := c.putApp(tx, a); err != nil {
				return err
			}
		}
	}
	for _, b := range c.shelf.list() {
		if b.Host == old {
			b.Host = name
			if err := c.putBackup(tx, b); err != nil {
				return err
			}
		}
	}
	s, err := c.snapshots.Get(tx, old)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	s.Host = name
	return errors.Join(c.snapshots.Put(tx, s), c.snapshots.Delete(tx, old))
}
