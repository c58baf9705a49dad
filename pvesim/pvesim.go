// Package pvesim simulates a Proxmox VE cluster: its HTTPS API, its tasks, its storages and the SSH of its nodes, well
// enough that a client cannot tell. It serves demo mode, tests and benchmarks, on loopback only.
package pvesim

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"proximity/pvesim/machine"
	"proximity/pvesim/nodessh"
	"proximity/pvesim/schema"
)

// Options say what cluster to simulate. The zero value is one node without guests at real speed.
type Options struct {
	Listen    string // HTTPS address of the first node, default 127.0.0.1:0; node k listens on the k-th following address
	SSHListen string // SSH address of the first node, likewise
	Nodes     int    // default 1
	Guests    int    // containers and a few virtual machines that nobody manages, spread over the nodes

	NodeMemoryMB int       // default 32768
	NodeCores    int       // default 16
	NodeDiskGB   int       // default 1000
	Storages     []Storage // beside local, local-lvm and nas

	Seed     int64
	Latency  time.Duration // of every HTTPS request
	TaskTime float64       // factor on every duration: 1 = as measured on real nodes, 0 = as fast as possible
	Faults   []Fault

	User, Password string // default root@pam and "proximity"
	ClusterName    string // default "proximity" with more than one node; a single node has none
	StateFile      string // "" = nothing survives Close

	Registry *machine.Registry // images that containers can pull; nil = any well-formed image
	Logger   *slog.Logger
	Now      func() time.Time // what clocks say; durations pass in real time, times TaskTime
}

func (o Options) withDefaults() Options {
	def := func(s *string, v string) {
		if *s == "" {
			*s = v
		}
	}
	defInt := func(n *int, v int) {
		if *n <= 0 {
			*n = v
		}
	}
	def(&o.Listen, "127.0.0.1:0")
	def(&o.SSHListen, "127.0.0.1:0")
	def(&o.User, "root@pam")
	def(&o.Password, "proximity")
	defInt(&o.Nodes, 1)
	defInt(&o.NodeMemoryMB, 32768)
	defInt(&o.NodeCores, 16)
	defInt(&o.NodeDiskGB, 1000)
	if o.Nodes > 1 {
		def(&o.ClusterName, "proximity")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Registry == nil {
		o.Registry = machine.NewRegistry()
	}
	return o
}

// Cluster is a running simulated cluster. Its methods may be called from several goroutines at once.
type Cluster struct {
	o      Options
	schema *schema.Schema
	routes map[string]handler
	log    *slog.Logger
	began  time.Time

	ctx     context.Context
	cancel  context.CancelFunc
	wg      sync.WaitGroup // tasks and the statistics loop
	ports   ports
	net     *network
	watch   watch
	ended   sync.Once
	saving  sync.Mutex    // held while the state file is written
	saved   []byte        // what it holds
	changed chan struct{} // a task has ended: the state is worth saving

	mu       sync.Mutex // guards all below, and what hangs below it
	rng      *rand.Rand
	nodes    []*node
	guests   map[int]*guest
	storages []*storage
	volumes  map[volumeKey]*volume
	used     map[storageKey]int64 // bytes of volumes
	pools    map[string]*pool
	tasks    taskList
	access   *access
	faults   []*armedFault
	consoles map[int]*console
	secret   []byte // signs tickets

	tags map[string][]string // of repositories, where a test has set them

	authorizedKeys map[string]nodessh.Restriction // for SSH, by their wire form
}

// Start starts a cluster. It ends with Close or with ctx.
func Start(ctx context.Context, o Options) (*Cluster, error) {
	o = o.withDefaults()
	s, err := schema.Load()
	if err != nil {
		return nil, err
	}
	c := &Cluster{
		o: o, schema: s, routes: routes(), log: o.Logger, began: o.Now(),
		rng:     rand.New(rand.NewPCG(uint64(o.Seed), 0x9e3779b97f4a7c15)),
		guests:  map[int]*guest{},
		volumes: map[volumeKey]*volume{}, used: map[storageKey]int64{},
		pools: map[string]*pool{}, consoles: map[int]*console{}, changed: make(chan struct{}, 1),
	}
	c.ctx, c.cancel = context.WithCancel(ctx)
	for _, f := range o.Faults {
		if _, err := c.arm(f); err != nil {
			return nil, err
		}
	}
	if err := c.populate(); err != nil {
		return nil, fmt.Errorf("start the simulated cluster: %w", err)
	}
	if c.net, err = claimNetwork(o.Seed); err != nil {
		return nil, fmt.Errorf("start the simulated cluster: %w", err)
	}
	c.connect()
	c.resume()
	if err := c.listen(); err != nil {
		return nil, errors.Join(fmt.Errorf("start the simulated cluster: %w", err), c.Close())
	}
	c.wg.Go(c.statd)
	if o.StateFile != "" {
		c.wg.Go(c.keeper)
	}
	context.AfterFunc(ctx, func() { _ = c.Close() })
	return c, nil
}

// Close stops everything: listeners, tasks, containers. The state file, if any, is written first.
func (c *Cluster) Close() (err error) {
	c.ended.Do(func() { err = c.close() })
	return err
}

func (c *Cluster) close() error {
	err := c.save()
	c.cancel()
	c.ports.closeAll()
	c.wg.Wait()
	c.mu.Lock()
	var running []*machine.Machine
	for _, g := range c.guests {
		if g.machine != nil {
			running = append(running, g.machine)
		}
	}
	c.mu.Unlock()
	for _, m := range running {
		m.Halt()
	}
	if c.net != nil {
		c.net.release()
	}
	return err
}

// URL is the address of the first node's API, without a path.
func (c *Cluster) URL() string { return "https://" + c.ports.https(0) }

// SSHPort is the port that every node's SSH server listens on.
func (c *Cluster) SSHPort() int { return c.ports.sshPort() }

// Fingerprint is the first node's certificate fingerprint as Proxmox VE prints it: SHA-256, colon hex.
func (c *Cluster) Fingerprint() string { return c.nodes[0].fingerprint }

// SSHHostKey is the fingerprint ("SHA256:…") of a node's SSH host key, "" for an unknown node.
func (c *Cluster) SSHHostKey(node string) string {
	if n := c.node(node); n != nil {
		return n.sshFingerprint
	}
	return ""
}

// RootPassword is the password of the first user, for the API and for SSH.
func (c *Cluster) RootPassword() string { return c.o.Password }

// Machine is the inside of a container, nil when there is no such container.
func (c *Cluster) Machine(vmid int) *machine.Machine {
	c.mu.Lock()
	defer c.mu.Unlock()
	g := c.guests[vmid]
	if g == nil || g.Kind != "lxc" {
		return nil
	}
	return c.inside(g)
}

// now is the simulated time.
func (c *Cluster) now() time.Time { return c.o.Now() }

// scaled is a duration of the real world at the simulation's speed.
func (c *Cluster) scaled(d time.Duration) time.Duration {
	return time.Duration(float64(d) * c.o.TaskTime)
}

// pause waits for a scaled duration; false when the cluster or ctx ended first.
func (c *Cluster) pause(ctx context.Context, d time.Duration) bool {
	d = c.scaled(d)
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
