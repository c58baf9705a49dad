package core

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"proximity/core/pve"
	"proximity/store"
)

// host is a Proxmox cluster, or a single node, as the store keeps it.
type host struct {
	ID          uint64
	Name        string
	URL         string
	User        string // user@realm or token id
	Token       bool   // the secret is a token's
	Secret      string // password or token secret, sealed
	Fingerprint string // pinned certificate; "" = verified by authorities
	SSHUser     string
	SSHPort     int
	SSHSecret   string // sealed sshSecret; "" = no node SSH
	SSHPins     map[string]string
	Cluster     string
	Identity    string     // of the cluster: the same one twice is refused
	Peers       []pve.Peer // other nodes that may answer when URL does not
	Default     bool
	Disabled    bool        // not asked, nothing placed on it
	Changed     []KeyChange // keys that are not the pinned ones: all stops until they are accepted
	AddedAt     time.Time
}

type sshSecret struct{ Key, Password string }

// savedSnapshot is what a host last said, kept for a fresh start.
type savedSnapshot struct {
	Host     string
	Snapshot *pve.Snapshot
}

func newHostTable() *store.Table[host] {
	return store.NewTable("hosts", func(h host) string { return h.Name },
		store.Unique(indexID, func(h host) string { return idKey(h.ID) }),
		store.Unique("identity", func(h host) string { return h.Identity }))
}

// liveHost is a host at work: its client and its poller.
type liveHost struct {
	rec    host
	client *pve.Client
	poller *pve.Poller

	*hostRun
}

// hostRun is what a live host keeps when its record changes.
type hostRun struct {
	mu      sync.Mutex
	started bool
	stop    context.CancelFunc
	savedAt time.Time
}

// with is the same host at work with another record, whose client is the same.
func (l *liveHost) with(rec host) *liveHost {
	return &liveHost{rec: rec, client: l.client, poller: l.poller, hostRun: l.hostRun}
}

func (l *liveHost) close() {
	l.mu.Lock()
	if l.stop != nil {
		l.stop()
	}
	l.started = true // for good
	l.mu.Unlock()
	_ = l.client.Close()
}

// loadHosts makes every recorded host live, with the last snapshot saved.
func (c *Core) loadHosts() error {
	return c.store.View(func(tx *store.Tx) error {
		for h, err := range c.hostTable.All(tx) {
			if err != nil {
				return err
			}
			l, err := c.enliven(h)
			if err != nil {
				return fmt.Errorf("host %s: %w", h.Name, err)
			}
			if s, err := c.snapshots.Get(tx, h.Name); err == nil && s.Snapshot != nil {
				l.poller.Restore(s.Snapshot)
			}
			c.hosts[h.Name] = l
		}
		return nil
	})
}

// enliven makes a client and a poller for a record.
func (c *Core) enliven(h host) (*liveHost, error) {
	cfg, err := c.clientConfig(h)
	if err != nil {
		return nil, err
	}
	client, err := pve.New(cfg)
	if err != nil {
		return nil, err
	}
	if why := h.halted(); why != nil {
		client.Halt(why)
	}
	l := &liveHost{rec: h, client: client, hostRun: &hostRun{}}
	l.poller = pve.NewPoller(client, pve.PollerOptions{Watched: c.cfg.Pace.Watched, Idle: c.cfg.Pace.Idle, Changed: func() { c.polled(l) }})
	return l, nil
}

func (c *Core) clientConfig(h host) (pve.Config, error) {
	secret, err := c.ring.Unseal("host/"+h.Name, h.Secret)
	if err != nil {
		return pve.Config{}, fmt.Errorf("open the sealed credentials of host %s: %w", h.Name, err)
	}
	cfg := pve.Config{Name: h.Name, URL: h.URL, Fingerprint: h.Fingerprint, Peers: h.Peers, Logger: c.log, TaskPoll: c.cfg.Pace.TaskPoll, Return: c.cfg.Pace.Return,
		Changed: func(ch pve.Change) { c.distrust(h.Name, ch) }}
	if h.Token {
		cfg.TokenID, cfg.TokenSecret = h.User, string(secret)
	} else {
		cfg.User, cfg.Password = h.User, string(secret)
	}
	if h.SSHSecret == "" {
		return cfg, nil
	}
	s, err := c.sshSecretOf(h)
	if err != nil {
		return pve.Config{}, err
	}
	cfg.SSH = pve.SSHConfig{User: h.SSHUser, Port: h.SSHPort, Key: []byte(s.Key), Password: s.Password,
		Pinned: func(node string) string { return c.pinnedKey(h.Name, node) },
		Learn:  func(node, fingerprint string) error { return c.pinKey(h.Name, node, fingerprint) },
	}
	return cfg, nil
}

// sshSecretOf opens the credentials of the nodes' SSH; empty for none.
func (c *Core) sshSecretOf(h host) (s sshSecret, err error) {
	if h.SSHSecret == "" {
		return s, nil
	}
	plain, err := c.ring.Unseal("host-ssh/"+h.Name, h.SSHSecret)
	if err != nil {
		return s, fmt.Errorf("open the sealed SSH credentials of host %s: %w", h.Name, err)
	}
	if err := json.Unmarshal(plain, &s); err != nil {
		return s, fmt.Errorf("read the SSH credentials of host %s: %w", h.Name, err)
	}
	return s, nil
}

// runHosts runs every host's poller, also of hosts added later.
func (c *Core) runHosts(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		c.mu.RLock()
		for _, l := range c.hosts {
			l.mu.Lock()
			if !l.started {
				l.started = true
				hctx, cancel := context.WithCancel(ctx)
				l.stop = cancel
				wg.Go(func() { _ = l.poller.Run(hctx) }) // it ends with the context, for no other reason
			}
			l.mu.Unlock()
		}
		c.mu.RUnlock()
		select {
		case <-ctx.Done():
			return nil
		case <-c.hub.hostsChanged:
		}
	}
}

// polled is called by a poller after every new snapshot.
func (c *Core) polled(l *liveHost) {
	s := l.poller.Snapshot()
	if s.Err == nil {
		c.engine.Wake()
		c.saveSnapshot(l, s)
	}
	c.changed()
}

// snapshotEvery is how often the last snapshot is kept in the store.
const snapshotEvery = 5 * time.Minute

func (c *Core) saveSnapshot(l *liveHost, s *pve.Snapshot) {
	l.mu.Lock()
	due := c.now().Sub(l.savedAt) > snapshotEvery
	if due {
		l.savedAt = c.now()
	}
	l.mu.Unlock()
	if !due {
		return
	}
	err := c.store.Update(func(tx *store.Tx) error {
		return c.snapshots.Put(tx, savedSnapshot{Host: l.rec.Name, Snapshot: s})
	})
	if err != nil {
		c.log.Warn("keep the last snapshot of a host", "host", l.rec.Name, "error", err)
	}
}

// liveHosts lists the hosts, default first, then by name.
func (c *Core) liveHosts() []*liveHost {
	c.mu.RLock()
	all := slices.Collect(maps.Values(c.hosts))
	c.mu.RUnlock()
	slices.SortFunc(all, func(a, b *liveHost) int {
		if a.rec.Default != b.rec.Default {
			if a.rec.Default {
				return -1
			}
			return 1
		}
		return strings.Compare(a.rec.Name, b.rec.Name)
	})
	return all
}

func (c *Core) liveHost(name string) (*liveHost, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if l := c.hosts[name]; l != nil {
		return l, nil
	}
	known := strings.Join(slices.Sorted(maps.Keys(c.hosts)), ", ")
	if known == "" {
		return nil, &Error{Kind: ErrNotFound, Text: fmt.Sprintf("there is no host %q", SafeText(name, 64)), Hint: "no host is connected yet: hosts add"}
	}
	return nil, notFound("known: "+known, "there is no host %q", SafeText(name, 64))
}

// Refresh asks all hosts (or the one named) now instead of at the next poll.
func (c *Core) Refresh(name string) {
	for _, l := range c.liveHosts() {
		if name == "" || l.rec.Name == name {
			l.poller.Refresh()
		}
	}
	c.engine.Wake()
}

// Hosts lists the hosts, default first.
func (c *Core) Hosts(_ context.Context, a Actor) ([]HostView, error) {
	if err := a.May(VerbReadHosts, ""); err != nil {
		return nil, err
	}
	return c.FreshWorld(a).Hosts, nil
}

// Nodes lists all nodes of all hosts.
func (c *Core) Nodes(_ context.Context, a Actor) ([]NodeView, error) {
	if err := a.May(VerbReadHosts, ""); err != nil {
		return nil, err
	}
	return c.FreshWorld(a).Nodes, nil
}

// cleanURL checks and completes a host's address: https, a name, port 8006.
func cleanURL(raw string) (string, error) {
	if !strings.Contains(raw, "://") {
		raw = "https://" + raw
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Hostname() == "":
		return "", invalid("url", "write it as https://10.0.0.1:8006", "%q is not an address", SafeText(raw, 80))
	case u.Scheme != "https":
		return "", invalid("url", "write it as https://10.0.0.1:8006", "Proxmox speaks https only")
	case u.User != nil || u.RawQuery != "" || strings.Trim(u.Path, "/") != "":
		return "", invalid("url", "write it as https://10.0.0.1:8006", "only a name and a port belong into the address")
	}
	port := u.Port()
	if port == "" {
		port = "8006"
	}
	h := u.Hostname()
	if strings.Contains(h, ":") {
		h = "[" + h + "]"
	}
	return "https://" + h + ":" + port, nil
}

// trouble is why a host does not answer, in the words that differ: where many
// stand in one column, what was tried and the layers of the network are noise.
func trouble(err error) string {
	var op *net.OpError
	var sys *os.SyscallError
	if !errors.As(err, &op) || op.Addr == nil {
		return SafeText(err.Error(), 200)
	}
	cause := op.Err
	if errors.As(cause, &sys) {
		cause = sys.Err
	}
	return SafeText(cause.Error()+" ("+op.Addr.String()+")", 200)
}
