package core

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"proximity/core/catalog"
	"proximity/core/pve"
)

// FoundGuest is a container that Proximity does not manage.
type FoundGuest struct {
	Host       string `json:"host"`
	Node       string `json:"node"`
	VMID       int    `json:"vmid"`
	Name       string `json:"name"`
	Status     string `json:"status"` // "running", "stopped", "unknown"
	OS         string `json:"os,omitempty"`
	Cores      int    `json:"cpus"`
	MemoryMB   int    `json:"memory_mb"`
	DiskGB     int    `json:"disk_gb"`
	MaxMem     int64  `json:"memory"` // bytes
	MaxDisk    int64  `json:"disk"`   // bytes
	Uptime     int64  `json:"uptime"` // seconds
	Ports      []int  `json:"ports,omitempty"`
	PortsKnown bool   `json:"ports_known"` // it was looked at from inside
	LooksLike  string `json:"looks_like,omitempty"`
	Sure       bool   `json:"sure,omitempty"` // by its name and its ports; else a guess
	Port       int    `json:"port,omitempty"` // that would be published
	Hostname   string `json:"hostname"`       // that it would be adopted as
	Note       string `json:"note,omitempty"`
}

// detailTime is how long Discover looks into containers; those it has not
// looked at by then are listed with what the host says of them.
const detailTime = 12 * time.Second

// detailsAtOnce is how many containers of a host are looked into at a time.
const detailsAtOnce = 4

// Discover lists the containers of a host, or of all hosts, that Proximity does
// not manage; for admins. They are looked into, where commands can be run
// inside, to see on which ports something listens; nothing is changed. With an
// error, the list is what the hosts without one said.
func (c *Core) Discover(ctx context.Context, a Actor, hostName string) ([]FoundGuest, error) {
	if err := a.May(VerbAdopt, ""); err != nil {
		c.audit(a, "app.discover", hostName, err, "")
		return nil, err
	}
	hosts := c.liveHosts()
	if hostName != "" {
		l, err := c.liveHost(hostName)
		if err != nil {
			return nil, err
		}
		hosts = []*liveHost{l}
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	var failed []error
	found := []FoundGuest{}
	for _, l := range hosts {
		wg.Go(func() {
			list, err := c.discover(ctx, l)
			mu.Lock()
			defer mu.Unlock()
			found = append(found, list...)
			if err != nil {
				failed = append(failed, hostError(l.rec.Name, err))
			}
		})
	}
	wg.Wait()
	slices.SortFunc(found, func(a, b FoundGuest) int { return cmp.Or(strings.Compare(a.Host, b.Host), cmp.Compare(a.VMID, b.VMID)) })
	c.propose(found)
	return found, errors.Join(failed...)
}

// discover asks one host.
func (c *Core) discover(ctx context.Context, l *liveHost) ([]FoundGuest, error) {
	seen, err := l.client.Resources(ctx)
	if err != nil {
		return nil, err
	}
	managed := map[int]bool{}
	for _, rec := range c.cachedApps() {
		if rec.Host == l.rec.Name {
			managed[rec.VMID] = true
		}
	}
	online := map[string]bool{}
	for _, n := range seen.Nodes {
		online[n.Name] = n.Online
	}
	var found []FoundGuest
	for _, g := range seen.Guests {
		if g.Type != "lxc" || g.Template || g.Lock == "create" || managed[g.VMID] || !online[g.Node] {
			continue
		}
		found = append(found, FoundGuest{Host: l.rec.Name, Node: SafeText(g.Node, 64), VMID: g.VMID, Name: cmp.Or(SafeText(g.Name, 64), "ct-"+strconv.Itoa(g.VMID)), Status: g.Status,
			Cores: int(g.MaxCPU), MemoryMB: int(g.MaxMem >> 20), DiskGB: int(g.MaxDisk >> 30), MaxMem: g.MaxMem, MaxDisk: g.MaxDisk, Uptime: g.Uptime})
	}
	limited, cancel := context.WithTimeout(ctx, detailTime)
	defer cancel()
	var group errgroup.Group
	group.SetLimit(detailsAtOnce)
	for i := range found {
		group.Go(func() error { c.detail(limited, l, &found[i]); return nil })
	}
	return found, errors.Join(group.Wait(), ctx.Err())
}

// detail adds what a container's configuration and its inside say, as far as
// they say something.
func (c *Core) detail(ctx context.Context, l *liveHost, f *FoundGuest) {
	if cfg, err := l.client.GuestConfig(ctx, f.Node, f.VMID); err == nil {
		f.OS = SafeText(cfg.OSType, 20)
		f.Cores = cmp.Or(cfg.Cores, f.Cores)
		if size := cfg.RootSize(); size > 0 {
			f.DiskGB, f.MaxDisk = gigabytes(size), size
		}
		switch {
		case strings.Contains(cfg.Description, markInstallation+c.installation):
			f.Note = "made by this Proximity, whose record of it is gone"
		case strings.Contains(cfg.Description, markInstallation):
			f.Note = "managed by another Proximity"
		}
	}
	if f.Status == "running" {
		f.Ports, f.PortsKnown, _ = c.listening(ctx, l, f.Node, f.VMID) // why they are not known is not told
	}
	m, sure := c.looksLike(f.Name, f.Ports)
	if m != nil {
		f.LooksLike, f.Sure = m.ID, sure
	}
	f.Port = portOf(m, f.Ports)
}

// gigabytes rounds bytes up.
func gigabytes(bytes int64) int { return int((bytes + 1<<30 - 1) >> 30) }

// propose gives each container a hostname that no app has.
func (c *Core) propose(found []FoundGuest) {
	records := c.cachedApps()
	for i := range found {
		f := &found[i]
		f.Hostname = proposedName(f.Name, f.VMID, records)
		records = append(records, app{Hostname: f.Hostname})
	}
}

// proposedName makes a hostname of a container's name that no app has.
func proposedName(name string, vmid int, records []app) string {
	s := strings.Trim(strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		}
		return '-'
	}, name), "-")
	if len(s) > 63 {
		s = strings.TrimRight(s[:63], "-")
	}
	if s != "" && len(s) < 3 {
		s += fmt.Sprintf("-%d", vmid)
	}
	if !goodHostname(s) {
		s = fmt.Sprintf("ct-%d", vmid)
	}
	if slices.ContainsFunc(records, func(o app) bool { return o.Hostname == s || o.Leaving == s }) {
		return freeName(s, records)
	}
	return s
}

// listenScript prints the listening TCP ports, with whatever is there to tell.
const listenScript = "ss -tln 2>/dev/null || netstat -tln 2>/dev/null"

// listening finds out on which ports something listens inside a container, for
// others than itself. known is false where nobody could look.
func (c *Core) listening(ctx context.Context, l *liveHost, node string, vmid int) (ports []int, known bool, err error) {
	var out strings.Builder
	exit, err := l.client.Exec(ctx, node, vmid, listenScript, &out)
	if err != nil || exit != 0 {
		return nil, false, err
	}
	return portsIn(out.String()), true, nil
}

// portsIn reads what ss or netstat print: the local address is the fourth word
// of a line that has LISTEN in it.
func portsIn(out string) []int {
	ports := []int{}
	for line := range strings.Lines(out) {
		words := strings.Fields(line)
		if len(words) < 4 || !slices.Contains(words, "LISTEN") {
			continue
		}
		at := strings.LastIndexByte(words[3], ':')
		if at < 0 || strings.HasPrefix(words[3], "127.") || strings.HasPrefix(words[3], "[::1]") || strings.HasPrefix(words[3], "::1:") {
			continue
		}
		if n, err := strconv.Atoi(words[3][at+1:]); err == nil && n > 0 && n < 65536 {
			ports = append(ports, n)
		}
	}
	slices.Sort(ports)
	return slices.Compact(ports)
}

// housekeeping are ports that machines have for their own sake.
func housekeeping(port int) bool { return slices.Contains([]int{22, 25, 53, 111}, port) }

// common are ports that say nothing of what listens there.
func common(port int) bool {
	return housekeeping(port) || slices.Contains([]int{80, 443, 3000, 5000, 8000, 8080, 8443, 9000}, port)
}

// portOf is the port people would want of a container: the one its app has, a
// usual one of the web, or the lowest. 0 = none is known.
func portOf(m *catalog.Manifest, ports []int) int {
	if m != nil && (len(ports) == 0 || slices.Contains(ports, m.InternalPort())) {
		return m.InternalPort()
	}
	for _, p := range []int{80, 443, 8080, 8443, 3000, 8000, 5000, 9000} {
		if slices.Contains(ports, p) {
			return p
		}
	}
	for _, p := range ports {
		if !housekeeping(p) {
			return p
		}
	}
	return 0
}

// looksLike guesses which app of the catalogue a container is, by its name and
// the ports something listens on; sure when both say so. nil = no idea.
func (c *Core) looksLike(name string, ports []int) (m *catalog.Manifest, sure bool) {
	plain := func(s string) string {
		return strings.NewReplacer("-", "", "_", "", ".", "", " ", "").Replace(strings.ToLower(s))
	}
	name = plain(name)
	var byName, byPort *catalog.Manifest
	several, best := false, 0
	for _, m := range c.catalogue.Load().Search("", "") {
		id := plain(m.ID)
		shared := 0 // letters that name and id have in common
		switch {
		case name == id:
			shared = 1000
		case len(id) > 3 && strings.Contains(name, id):
			shared = len(id)
		case len(name) > 4 && strings.HasPrefix(id, name):
			shared = len(name)
		}
		if shared > best {
			byName, best = m, shared
		}
		if port := m.InternalPort(); port != 0 && !common(port) && slices.Contains(ports, port) {
			several = several || byPort != nil
			byPort = m
		}
	}
	switch {
	case byName != nil:
		return byName, slices.Contains(ports, byName.InternalPort())
	case several:
		return nil, false
	}
	return byPort, false
}

// isContainer finds a container by its number, on the node given if one is.
func isContainer(seen pve.Resources, node string, vmid int) (pve.Guest, error) {
	if node != "" && !slices.ContainsFunc(seen.Nodes, func(n pve.Node) bool { return n.Name == node }) {
		return pve.Guest{}, &Error{Kind: ErrNotFound, Field: "node", Text: fmt.Sprintf("there is no node %q", SafeText(node, 64)), Hint: "`nodes` lists them"}
	}
	for _, g := range seen.Guests {
		switch {
		case g.VMID != vmid:
		case g.Type != "lxc":
			return g, invalid("vmid", "only containers can be adopted", "%d is a virtual machine", vmid)
		case g.Template:
			return g, invalid("vmid", "only containers that can run can be adopted", "CT %d is a template", vmid)
		case node != "" && g.Node != node:
			return g, &Error{Kind: ErrNotFound, Field: "node", Text: fmt.Sprintf("CT %d is on %s, not on %s", vmid, SafeText(g.Node, 64), SafeText(node, 64)), Hint: "leave the node out"}
		default:
			return g, nil
		}
	}
	return pve.Guest{}, &Error{Kind: ErrNotFound, Field: "vmid", Text: fmt.Sprintf("there is no CT %d", vmid), Hint: "`discover` lists the containers that can be adopted"}
}
