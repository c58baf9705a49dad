package core

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"proximity/core/pve"
	"proximity/store"
)

// KeyChange is a key of a host that is not the one that was pinned: nothing is
// sent to that host until somebody accepts it.
type KeyChange struct {
	Kind  string    `json:"kind"`           // "certificate" or "ssh"
	Node  string    `json:"node,omitempty"` // of an SSH host key
	Known string    `json:"known"`          // the pinned fingerprint
	Shown string    `json:"shown"`          // the one that was shown instead
	At    time.Time `json:"at"`             // when it was first seen
}

// what names the key.
func (k KeyChange) what() string {
	if k.Kind == "ssh" {
		return "the SSH host key of node " + SafeText(k.Node, 64)
	}
	return "the certificate"
}

// pinnedKey is the SSH host key known for a node; "" = none, as of a host that is
// tested before it is added. A record that cannot be read makes no key good:
// pinKey refuses then.
func (c *Core) pinnedKey(hostName, node string) string {
	var fp string
	_ = c.store.View(func(tx *store.Tx) error {
		h, err := c.hostTable.Get(tx, hostName)
		fp = h.SSHPins[node]
		return err
	})
	return fp
}

// pinKey keeps the SSH host key a node showed at first contact.
func (c *Core) pinKey(hostName, node, fingerprint string) error {
	err := c.store.Update(func(tx *store.Tx) error {
		h, err := c.hostTable.Get(tx, hostName)
		if errors.Is(err, store.ErrNotFound) {
			return nil // a host being tested before it is added: nothing to keep yet
		}
		if err != nil {
			return err
		}
		if old := h.SSHPins[node]; old != "" && old != fingerprint {
			return fmt.Errorf("node %s already has the SSH host key %s", node, old)
		}
		h.SSHPins = maps.Clone(h.SSHPins)
		if h.SSHPins == nil {
			h.SSHPins = map[string]string{}
		}
		h.SSHPins[node] = fingerprint
		return c.hostTable.Put(tx, h)
	})
	if err == nil {
		c.log.Warn("pinned the SSH host key of a node at first contact", "host", hostName, "node", node, "fingerprint", fingerprint)
	}
	return err
}

// distrust stops all work on a host that showed a key that is not the pinned
// one. It is called by the host's client, from within a call.
func (c *Core) distrust(name string, ch pve.Change) {
	k := KeyChange{Kind: "certificate", Node: ch.Node, Known: ch.Known, Shown: ch.Shown, At: c.now().UTC()}
	if errors.Is(ch.Kind, pve.ErrHostKey) {
		k.Kind = "ssh"
	}
	var rec host
	err := c.store.Update(func(tx *store.Tx) error {
		var err error
		if rec, err = c.hostTable.Get(tx, name); err != nil {
			return err
		}
		same := func(o KeyChange) bool { return o.Kind == k.Kind && o.Node == k.Node }
		if i := slices.IndexFunc(rec.Changed, same); i >= 0 && rec.Changed[i].Shown == k.Shown {
			return nil
		}
		rec.Changed = append(slices.DeleteFunc(slices.Clone(rec.Changed), same), k)
		if err := c.hostTable.Put(tx, rec); err != nil {
			return err
		}
		return c.auditTx(tx, Actor{User: "proximity", Via: ViaScheduler}, "host.changed", name, nil, k.what()+": "+k.Known+" is now "+k.Shown)
	})
	if errors.Is(err, store.ErrNotFound) {
		return // it is only being tried
	}
	if err != nil {
		c.log.Error("keep a host's changed key", "host", name, "error", err)
		return
	}
	c.log.Error("a host shows another key than the pinned one: all work on it stops", "host", name, "key", k.what(), "pinned", k.Known, "shown", k.Shown)
	if l, err := c.liveHost(name); err == nil {
		l.client.Halt(rec.halted())
		c.revise(rec)
	}
}

// halted is why nothing is sent to the host; nil if it may be.
func (h host) halted() error {
	switch {
	case len(h.Changed) > 0:
		k := h.Changed[0]
		e := &pve.Error{Kind: pve.ErrCertificate, Known: k.Known, Shown: k.Shown}
		if k.Kind == "ssh" {
			e.Kind = pve.ErrHostKey
		}
		e.Message = fmt.Sprintf("%s of host %s has changed: pinned is %s, shown is %s; `hosts trust %s` accepts it", k.what(), h.Name, k.Known, k.Shown, h.Name)
		return e
	case h.Disabled:
		return &pve.Error{Kind: pve.ErrUnreachable, Message: "host " + h.Name + " is disabled"}
	}
	return nil
}

// off is the state of a host that is not asked, "" for one that is.
func (h host) off() string {
	switch {
	case len(h.Changed) > 0:
		return "untrusted"
	case h.Disabled:
		return "disabled"
	}
	return ""
}

// away says why nothing is known of the host's apps, where that is no outage.
func (h host) away() string {
	switch {
	case len(h.Changed) > 0:
		return "host " + h.Name + " is not trusted: " + h.Changed[0].what() + " has changed"
	case h.Disabled:
		return "host " + h.Name + " is disabled"
	}
	return ""
}

// refusal is why the host may not be asked, nil = it may.
func (h host) refusal() *Error {
	why := h.away()
	if why == "" {
		return nil
	}
	hint := "enable it first: hosts enable " + h.Name
	if len(h.Changed) > 0 {
		hint = "`hosts trust " + h.Name + "` shows both keys and accepts the new one"
	}
	return &Error{Kind: ErrConflict, Text: why, Hint: hint}
}

// workingHost is a host that may be asked.
func (c *Core) workingHost(name string) (*liveHost, error) {
	l, err := c.liveHost(name)
	if err != nil {
		return nil, err
	}
	if e := l.rec.refusal(); e != nil {
		return nil, e
	}
	return l, nil
}

// TrustHost ends the stop that another key than the pinned one has brought: for
// each, accept names the fingerprint that is the host's own. It is the one that was
// shown, which is pinned from now on, or the pinned one, where what answered was
// somebody else.
func (c *Core) TrustHost(_ context.Context, a Actor, name string, accept []string) (HostView, error) {
	v, err := c.changeHost(a, name, true, func(_ *store.Tx, h *host) error { return h.trust(accept) })
	c.audit(a, "host.trust", name, err, strings.Join(accept, " "))
	return v, err
}

func (h *host) trust(accept []string) error {
	if len(h.Changed) == 0 {
		return &Error{Kind: ErrConflict, Text: "host " + h.Name + " shows the keys that are pinned", Hint: "there is nothing to accept"}
	}
	pins := maps.Clone(h.SSHPins)
	for _, k := range h.Changed {
		named := func(fingerprint string) bool {
			return slices.ContainsFunc(accept, func(s string) bool { return sameFingerprint(s, fingerprint) })
		}
		switch {
		case named(k.Shown) && k.Kind == "ssh":
			pins[k.Node] = k.Shown
		case named(k.Shown):
			h.Fingerprint = k.Shown
		case named(k.Known): // should the other still be there, all stops again before anything is sent
		default:
			return &Error{Kind: ErrConflict, Text: fmt.Sprintf("host %s: %s was shown as %s, pinned is %s", h.Name, k.what(), k.Shown, k.Known),
				Hint: "find out on the node itself which is its own, then go on with that one: hosts trust " + h.Name + " --accept FINGERPRINT"}
		}
	}
	h.SSHPins, h.Changed = pins, nil
	return nil
}

func sameFingerprint(a, b string) bool {
	if strings.HasPrefix(b, "SHA256:") { // SSH's are base64: case matters
		return strings.TrimSpace(a) == b
	}
	return normalFingerprint(a) == normalFingerprint(b)
}

// HostWrapper is the script that Proximity's key on the nodes can be restricted
// to: it allows what this installation needs, on its own containers.
func (c *Core) HostWrapper(a Actor) (string, error) {
	if err := a.May(VerbChangeHosts, ""); err != nil {
		return "", err
	}
	return pve.Wrapper(c.installation), nil
}
