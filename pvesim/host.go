package pvesim

import (
	"context"
	"fmt"
	"strings"

	"golang.org/x/crypto/ssh"

	"proximity/pvesim/machine"
	"proximity/pvesim/nodessh"
)

// host is a node as its SSH server sees it.
type host struct {
	c *Cluster
	n *node
}

func (c *Cluster) sshOptions(n *node) nodessh.Options {
	h := host{c, n}
	return nodessh.Options{
		Host: h, HostKey: n.sshKey, TaskTime: c.o.TaskTime, Logger: c.log, Guests: h.list, Power: h.switchPower,
		Password: func(user, password string) bool { return user == "root" && password == c.o.Password },
		Key:      func(user string, k ssh.PublicKey) bool { _, ok := c.authorized(k); return user == "root" && ok },
		Forced:   func(k ssh.PublicKey) nodessh.Restriction { r, _ := c.authorized(k); return r },
	}
}

// AuthorizeKey lets a key in authorized_keys form log in to every node as root. Of its options command="…", restrict,
// pty and no-pty count.
func (c *Cluster) AuthorizeKey(line string) error {
	k, _, options, _, err := ssh.ParseAuthorizedKey([]byte(line))
	if err != nil {
		return fmt.Errorf("authorize a key: %w", err)
	}
	var r nodessh.Restriction
	for _, o := range options {
		switch name, value, _ := strings.Cut(o, "="); name {
		case "command":
			r.Command = strings.ReplaceAll(strings.Trim(value, `"`), `\"`, `"`)
		case "restrict", "no-pty":
			r.NoPTY = true
		case "pty":
			r.NoPTY = false
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.authorizedKeys == nil {
		c.authorizedKeys = map[string]nodessh.Restriction{}
	}
	c.authorizedKeys[string(k.Marshal())] = r
	return nil
}

func (c *Cluster) authorized(k ssh.PublicKey) (nodessh.Restriction, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r, ok := c.authorizedKeys[string(k.Marshal())]
	return r, ok
}

func (h host) NodeName() string { return h.n.Name }

// guest finds a container of this node. The cluster's lock is held.
func (h host) guest(vmid int) *guest {
	g := h.c.guests[vmid]
	if g == nil || g.Kind != "lxc" || g.Node != h.n.Name {
		return nil
	}
	return g
}

func (h host) Machine(vmid int) (m *machine.Machine, running, exists bool) {
	h.c.mu.Lock()
	defer h.c.mu.Unlock()
	g := h.guest(vmid)
	if g == nil {
		return nil, false, false
	}
	if g.creating() && g.machine == nil {
		return machine.New(h.c.machineOptions(g)), false, true
	}
	return h.c.inside(g), g.Running, true
}

func (h host) ConfigFile(vmid int) ([]byte, bool) {
	h.c.mu.Lock()
	defer h.c.mu.Unlock()
	g := h.guest(vmid)
	if g == nil {
		return nil, false
	}
	return []byte(g.text()), true
}

func (h host) SetConfigFile(vmid int, b []byte) error {
	h.c.mu.Lock()
	defer h.c.mu.Unlock()
	g := h.guest(vmid)
	if g == nil {
		return fmt.Errorf("Configuration file 'nodes/%s/lxc/%d.conf' does not exist", h.n.Name, vmid)
	}
	h.c.touch(g, true)
	g.parseConfig(string(b))
	return nil
}

// Fault notes the command and says what is to happen to it.
func (h host) Fault(command string) string {
	h.c.watch.note(Request{Method: "SSH", Path: "ssh", Node: h.n.Name, Command: command, Time: h.c.now()})
	f := h.c.strike("SSH", "ssh", h.n.Name)
	if f == nil {
		return ""
	}
	switch f.verb {
	case "drop", "drop-after", "hang", "delay":
		return f.Do
	}
	return "refuse"
}

// list is what `pct list` shows.
func (h host) list() []nodessh.Guest {
	h.c.mu.Lock()
	defer h.c.mu.Unlock()
	var out []nodessh.Guest
	for _, g := range h.c.sortedGuests() {
		if g.Node == h.n.Name && g.Kind == "lxc" {
			out = append(out, nodessh.Guest{VMID: g.VMID, Status: statusText(g.Running), Lock: g.Conf["lock"], Name: g.name()})
		}
	}
	return out
}

// switchPower does `pct start|stop|shutdown|reboot` and waits for its end.
func (h host) switchPower(ctx context.Context, verb string, vmid int) error {
	handlers := map[string]handler{"start": startGuest, "stop": stopGuest, "shutdown": shutdownGuest, "reboot": rebootGuest}
	do := handlers[verb]
	if do == nil {
		return fmt.Errorf("unknown command 'pct %s'", verb)
	}
	h.c.mu.Lock()
	q := &call{Cluster: h.c, via: h.n, node: h.n, who: identity{User: "root@pam"}, p: map[string]string{"vmid": vmidText(vmid), "node": h.n.Name}}
	upid, err := do(q)
	t := h.c.tasks.byUPID[fmt.Sprint(upid)]
	h.c.mu.Unlock()
	if err != nil {
		return fmt.Errorf("%s", strings.TrimRight(err.Error(), "\n"))
	}
	return t.await(ctx)
}
