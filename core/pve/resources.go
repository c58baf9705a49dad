package pve

import (
	"cmp"
	"context"
	"slices"
	"strings"
)

// Resources is one look at a whole cluster, nodes by name, guests by vmid, storages by name and node.
// Proxmox: it refreshes the figures about every 10 s: lock, tags and node are of the moment; status lags,
// and a guest just made has no name. What the credentials may not see is not there.
type Resources struct {
	Nodes    []Node
	Guests   []Guest
	Storages []Storage
}

// Node is one machine. Sizes in bytes, uptime in seconds, CPU as a share (0..1) of MaxCPU cores.
type Node struct {
	Name, Status               string // status: "online", "offline", "unknown"
	CPU, MaxCPU                float64
	Mem, MaxMem, Disk, MaxDisk int64
	Uptime                     int64
	Online                     bool
}

// Guest is one container or virtual machine. Sizes and counters in bytes, uptime in seconds, CPU as a
// share (0..1) of MaxCPU cores.
type Guest struct {
	VMID                       int
	Type                       string // "lxc", "qemu"
	Node, Name, Status         string // status: "running", "stopped", "unknown"
	Template                   bool
	CPU, MaxCPU                float64
	Mem, MaxMem, Disk, MaxDisk int64
	NetIn, NetOut, Uptime      int64
	Lock                       string
}

// Storage is one storage as one node sees it. Sizes in bytes.
type Storage struct {
	Name, Node, Status, PluginType string // status: "available", "unknown"
	Content                        []string
	Disk, MaxDisk                  int64
	Shared                         bool
}

// Resources asks for everything in one request, of the configured node as soon as that answers again.
func (c *Client) Resources(ctx context.Context) (Resources, error) {
	c.goHome(ctx)
	var r Resources
	err := c.do(ctx, request{op: "list the resources", path: "/cluster/resources", decode: func(data []byte) (err error) {
		r, err = decodeResources(data)
		return err
	}})
	return r, err
}

// row is one row of any type. The types share their names for the same thing, so one struct takes all.
type row struct {
	Guest
	storage, pluginType string
	content             []string
	shared              bool
}

func decodeResources(data []byte) (Resources, error) {
	var r Resources
	var now row
	known := make(interned)
	err := scanRows(data, func(key, value []byte) { now.set(known, key, value) }, func() {
		switch now.Type {
		case "lxc", "qemu":
			if now.VMID > 0 {
				r.Guests = append(r.Guests, now.Guest)
			}
		case "node":
			r.Nodes = append(r.Nodes, Node{Name: now.Node, Status: now.Status, CPU: now.CPU, MaxCPU: now.MaxCPU,
				Mem: now.Mem, MaxMem: now.MaxMem, Disk: now.Disk, MaxDisk: now.MaxDisk,
				Uptime: now.Uptime, Online: now.Status == "online"})
		case "storage":
			r.Storages = append(r.Storages, Storage{Name: now.storage, Node: now.Node, Status: now.Status,
				PluginType: now.pluginType, Content: now.content, Disk: now.Disk, MaxDisk: now.MaxDisk, Shared: now.shared})
		}
		now = row{}
	})
	if err != nil {
		return Resources{}, err
	}
	r.sort()
	return r, nil
}

func (r *Resources) sort() {
	slices.SortFunc(r.Guests, func(a, b Guest) int { return cmp.Compare(a.VMID, b.VMID) })
	slices.SortFunc(r.Nodes, func(a, b Node) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(r.Storages, func(a, b Storage) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Node, b.Node))
	})
}

func (w *row) set(known interned, key, value []byte) {
	switch string(key) {
	case "vmid":
		w.VMID = int(toInt(parseNumber(value)))
	case "type":
		w.Type = known.text(value)
	case "node":
		w.Node = known.text(value)
	case "name":
		w.Name = textOf(value)
	case "status":
		w.Status = known.text(value)
	case "template":
		w.Template = parseFlag(value)
	case "cpu":
		w.CPU = max(0, parseNumber(value)) // Proxmox: slightly negative now and then
	case "maxcpu":
		w.MaxCPU = parseNumber(value)
	case "mem":
		w.Mem = toInt(parseNumber(value))
	case "maxmem":
		w.MaxMem = toInt(parseNumber(value))
	case "disk":
		w.Disk = toInt(parseNumber(value))
	case "maxdisk":
		w.MaxDisk = toInt(parseNumber(value))
	case "netin":
		w.NetIn = toInt(parseNumber(value))
	case "netout":
		w.NetOut = toInt(parseNumber(value))
	case "uptime":
		w.Uptime = toInt(parseNumber(value))
	case "lock":
		w.Lock = known.text(value)
	case "storage":
		w.storage = known.text(value)
	case "plugintype":
		w.pluginType = known.text(value)
	case "content":
		w.content = splitList(known.text(value))
	case "shared":
		w.shared = parseFlag(value)
	}
}

// interned keeps one copy of the words that every row repeats.
type interned map[string]string

func (known interned) text(raw []byte) string {
	if s, ok := known[string(raw)]; ok { // no allocation
		return s
	}
	s := textOf(raw)
	known[string(raw)] = s
	return s
}

// textOf reads a raw scalar as text; null is empty.
func textOf(raw []byte) string {
	if string(raw) == "null" {
		return ""
	}
	return unquote(raw)
}
