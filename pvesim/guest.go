package pvesim

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"proximity/pvesim/machine"
)

// guest is a container or a virtual machine.
type guest struct {
	VMID    int                `json:"vmid"`
	Kind    string             `json:"kind"` // "lxc" or "qemu"
	Node    string             `json:"node"`
	Conf    config             `json:"conf"`
	Raw     [][2]string        `json:"raw,omitempty"`     // lxc.* lines
	Pending map[string]*string `json:"pending,omitempty"` // changes for the next start; nil = deletion
	Snaps   []*snapshot        `json:"snaps,omitempty"`
	Parent  string             `json:"parent,omitempty"` // the snapshot it stands on
	Running bool               `json:"running"`
	Started time.Time          `json:"started"`
	PID     uint32             `json:"pid,omitempty"`
	OS      string             `json:"os,omitempty"`
	Slot    int                `json:"slot,omitempty"` // its place in the guests' network, 0 = none yet
	Foreign bool               `json:"foreign,omitempty"`
	Made    time.Time          `json:"made"`
	Runs    []run              `json:"runs,omitempty"` // that have ended, oldest first

	Password string `json:"password,omitempty"` // root's, for the console's login

	machine *machine.Machine
	shaped  machineShape  // what machine was made for
	power   chan struct{} // holds a token while nobody starts, stops or destroys it
	before  *sight        // what pvestatd saw last, while that is older than changed
	changed time.Time
	sample  sample
	history []sample
}

// snapshot is a named state of a container.
type snapshot struct {
	Name        string        `json:"name"`
	Description string        `json:"description,omitempty"`
	Time        int64         `json:"time"`
	Parent      string        `json:"parent,omitempty"`
	Conf        config        `json:"conf"`
	Raw         [][2]string   `json:"raw,omitempty"`
	State       machine.State `json:"state"`
}

// machineShape is what of a configuration shapes a container's inside.
type machineShape struct {
	hostname        string
	cores, memoryMB int
	diskGB          int
}

// sight is what pvestatd has last reported of a guest.
type sight struct {
	known   bool
	running bool
	name    string
	started time.Time
}

// statPeriod is how often pvestatd reports to /cluster/resources.
const statPeriod = 10 * time.Second

// lastStat is when pvestatd last reported.
func (c *Cluster) lastStat() time.Time {
	period := c.scaled(statPeriod)
	now := c.now()
	if period <= 0 {
		return now
	}
	return c.began.Add(now.Sub(c.began).Truncate(period))
}

// touch remembers what pvestatd has seen before a guest changes.
func (c *Cluster) touch(g *guest, known bool) {
	if c.scaled(statPeriod) > 0 && (g.before == nil || !g.changed.After(c.lastStat())) {
		g.before = &sight{known: known, running: g.Running, name: g.name(), started: g.Started}
	}
	g.changed = c.now()
}

// seen is what /cluster/resources knows of a guest now.
func (c *Cluster) seen(g *guest, last time.Time) sight {
	if g.before != nil && g.changed.After(last) {
		return *g.before
	}
	return sight{known: !g.creating(), running: g.Running, name: g.name(), started: g.Started}
}

func (g *guest) creating() bool { return g.Conf["lock"] == "create" }

// name is the guest's hostname.
func (g *guest) name() string {
	if n := g.Conf["hostname"]; n != "" {
		return n
	}
	if n := g.Conf["name"]; n != "" {
		return n
	}
	if g.Kind == "qemu" {
		return fmt.Sprintf("VM%d", g.VMID)
	}
	return fmt.Sprintf("CT%d", g.VMID)
}

func (g *guest) template() bool { return g.Conf["template"] == "1" }

// locked is the error of a guest that holds a configuration lock, nil for a free one.
func (g *guest) locked() error {
	if l := g.Conf["lock"]; l != "" {
		return failf("CT is locked (%s)", l)
	}
	return nil
}

// memory is the configured memory in bytes; a container without has 512 MiB.
func (g *guest) memory() int64 { return int64(g.Conf.number("memory", 512)) << 20 }

func (g *guest) swap() int64 { return int64(g.Conf.number("swap", 512)) << 20 }

// cpus are the cores a guest may use: a float with cpulimit.
func (g *guest) cpus(n int) float64 {
	cores := float64(g.Conf.number("cores", n))
	if limit, err := strconv.ParseFloat(g.Conf["cpulimit"], 64); err == nil && limit > 0 {
		cores = min(cores, limit)
	}
	return cores
}

// rootfs is the container's root volume and its size in bytes.
func (g *guest) rootfs() (volid string, size int64) {
	volid, rest, _ := strings.Cut(g.Conf["rootfs"], ",")
	for _, kv := range strings.Split(rest, ",") {
		if s, ok := strings.CutPrefix(kv, "size="); ok {
			size, _ = parseSize(s)
		}
	}
	return volid, size
}

// size is that of the guest's first disk in bytes.
func (g *guest) size() int64 {
	_, n := g.rootfs()
	if g.Kind == "qemu" {
		_, n = g.disk("scsi0")
	}
	return n
}

// GuestInfo is what tests ask about a guest.
type GuestInfo struct {
	VMID        int
	Node        string
	Type        string // "lxc" or "qemu"
	Status      string // "running" or "stopped"
	Hostname    string
	MACs        []string
	Address     netip.Addr // of the container now, or its last one
	Description string
	Tags        []string
	Lock        string
	MemoryMB    int
	Cores       int
	DiskGB      int
	Template    bool
	Snapshots   []string // names, oldest first
	Foreign     bool     // made by the simulator itself at its start
}

// Guests returns every guest, in the order of their ids.
func (c *Cluster) Guests() []GuestInfo {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make([]GuestInfo, 0, len(c.guests))
	for _, g := range c.sortedGuests() {
		info := GuestInfo{
			VMID: g.VMID, Node: g.Node, Type: g.Kind, Status: statusText(g.Running), Hostname: g.name(), Lock: g.Conf["lock"],
			Description: g.Conf["description"], MemoryMB: int(g.memory() >> 20), Cores: g.Conf.number("cores", c.o.NodeCores),
			DiskGB: int(g.size() >> 30), Template: g.template(), Foreign: g.Foreign,
		}
		for _, s := range g.Snaps {
			info.Snapshots = append(info.Snapshots, s.Name)
		}
		if g.Slot > 0 {
			info.Address = c.net.address(g.Slot)
		}
		if t := g.Conf["tags"]; t != "" {
			info.Tags = strings.Split(t, ";")
		}
		for _, key := range sortedKeys(g.Conf) {
			if strings.HasPrefix(key, "net") {
				if mac := netMAC(g.Conf[key]); mac != "" {
					info.MACs = append(info.MACs, mac)
				}
			}
		}
		out = append(out, info)
	}
	return out
}

func statusText(running bool) string {
	if running {
		return "running"
	}
	return "stopped"
}

// netMAC is the address of a netN value: hwaddr, for a virtual machine that of its virtio card.
func netMAC(value string) string {
	for _, kv := range strings.Split(value, ",") {
		k, mac, _ := strings.Cut(kv, "=")
		if k == "hwaddr" || k == "virtio" {
			return mac
		}
	}
	return ""
}

// container finds the container of the path on the node of the path.
func (q *call) container() (*guest, error) {
	g := q.guests[q.id()]
	if g == nil || g.Kind != "lxc" || g.Node != q.node.Name {
		return nil, failf("Configuration file 'nodes/%s/lxc/%d.conf' does not exist", q.node.Name, q.id())
	}
	return g, nil
}

// unlocked finds the container of the path and refuses it while it is locked.
func (q *call) unlocked() (*guest, error) {
	g, err := q.container()
	if err != nil {
		return nil, err
	}
	return g, q.lockOf(g)
}

// lockOf is the error of a locked guest; a fault may lock it for this call.
func (q *call) lockOf(g *guest) error {
	if q.fault != nil && q.fault.verb == "lock" {
		return failf("CT is locked (%s)", q.fault.text)
	}
	return g.locked()
}

// shape is what the guest's configuration says of its inside.
func (c *Cluster) shape(g *guest) machineShape {
	_, size := g.rootfs()
	return machineShape{hostname: g.name(), cores: max(1, int(g.cpus(c.o.NodeCores))), memoryMB: int(g.memory() >> 20), diskGB: int(size >> 30)}
}

func (c *Cluster) machineOptions(g *guest) machine.Options {
	s := c.shape(g)
	var serves []int
	if name, _, _ := strings.Cut(s.hostname, "-"); g.Foreign {
		serves = foreignPorts()[name]
	}
	return machine.Options{
		Serves:   serves,
		Hostname: s.hostname, OS: g.OS, Cores: s.cores, MemoryMB: s.memoryMB, DiskGB: s.diskGB,
		TaskTime: c.o.TaskTime, Seed: c.o.Seed + int64(g.VMID), Now: c.o.Now, Registry: c.o.Registry, Devices: g.devices(),
	}
}

// devices are the node's that a container is handed: dev0 is path=/dev/net/tun,mode=0666, or the path alone.
func (g *guest) devices() []string {
	var list []string
	for key, value := range g.Conf {
		if n, is := strings.CutPrefix(key, "dev"); is && strings.Trim(n, "0123456789") == "" {
			path, _, _ := strings.Cut(value, ",")
			list = append(list, strings.TrimPrefix(path, "path="))
		}
	}
	return list
}

// inside returns a container's machine, made when it is first needed; that of a guest which has run from the start of
// the simulation is booted then.
func (c *Cluster) inside(g *guest) *machine.Machine {
	if g.machine == nil {
		g.shaped = c.shape(g)
		g.machine = machine.New(c.machineOptions(g))
		if g.Running && g.Slot > 0 {
			if err := g.machine.Boot(c.ctx, c.net.address(g.Slot)); err != nil {
				c.log.Warn("container did not boot", "vmid", g.VMID, "err", err)
			}
		}
	}
	return g.machine
}

// insideFrom gives a container the inside that was saved from another one, under its own name.
func (c *Cluster) insideFrom(g *guest, s machine.State) {
	saved := machine.New(c.machineOptions(g))
	saved.Restore(s)
	g.shaped = c.shape(g)
	g.machine = saved.Clone(c.machineOptions(g))
}

// powered notes that a guest runs or has stopped.
func (c *Cluster) powered(g *guest, running bool) {
	if g.Running == running {
		return
	}
	c.touch(g, true)
	g.Running = running
	g.PID = 0
	g.sample = sample{}
	if !running {
		g.Runs = append(g.Runs, run{g.Started, c.now()})
		g.Runs = g.Runs[max(len(g.Runs)-runsKept, 0):]
	} else {
		n := c.node(g.Node)
		n.nextID++
		g.PID, g.Started = 0x3e8+n.nextID, c.now()
	}
}

// boot starts a guest's inside and notes that it runs. The cluster's lock is not held.
func (c *Cluster) boot(ctx context.Context, g *guest) error {
	c.mu.Lock()
	if !c.node(g.Node).up {
		c.mu.Unlock()
		return fmt.Errorf("node '%s' is down", g.Node)
	}
	c.applyPending(g)
	if g.Kind != "lxc" {
		c.powered(g, true)
		c.mu.Unlock()
		return nil
	}
	m := c.inside(g)
	if g.shaped != c.shape(g) {
		g.machine = m.Clone(c.machineOptions(g))
		m, g.shaped = g.machine, c.shape(g)
	}
	if g.Slot == 0 {
		g.Slot = c.net.lease()
	}
	addr := c.net.address(g.Slot)
	if static, ok := c.staticAddress(g); ok {
		addr = static
	}
	unconfined := slices.Contains(g.Raw, [2]string{"lxc.apparmor.profile", "unconfined"})
	c.mu.Unlock()
	if unconfined {
		m.ClearFault("apparmor") // without a profile there is nothing that refuses
	}
	if err := m.Boot(ctx, addr); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.powered(g, true)
	return nil
}

// halt stops a guest's inside and notes it. The cluster's lock is not held.
func (c *Cluster) halt(g *guest) {
	c.mu.Lock()
	m := g.machine
	c.mu.Unlock()
	if m != nil {
		m.Halt()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.powered(g, false)
}
