package pve

import "context"

// Resources is one look at a whole cluster. Proxmox refreshes the figures about every 10 s: lock, tags
// and node are of the moment, status lags.
type Resources struct {
	Nodes    []Node
	Guests   []Guest
	Storages []Storage
}

// Node is one machine. Sizes in bytes, uptime in seconds, CPU as a share (0..1) of MaxCPU cores.
type Node struct {
	Name, Status               string
	CPU, MaxCPU                float64
	Mem, MaxMem, Disk, MaxDisk int64
	Uptime                     int64
	Online                     bool
}

// Guest is one container or virtual machine. Sizes and counters in bytes, uptime in seconds.
type Guest struct {
	VMID                                       int
	Type                                       string // "lxc", "qemu"
	Node, Name, Status                         string
	Template                                   bool
	CPU, MaxCPU                                float64
	Mem, MaxMem, Disk, MaxDisk                 int64
	NetIn, NetOut, DiskRead, DiskWrite, Uptime int64
	Tags                                       []string
	Lock, Pool                                 string
}

// Storage is one storage as one node sees it. Sizes in bytes.
type Storage struct {
	Name, Node, Status, PluginType string
	Content                        []string
	Disk, MaxDisk                  int64
	Shared                         bool
}

// Resources asks for everything in one request.
func (c *Client) Resources(ctx context.Context) (Resources, error) {
	return Resources{}, ErrUnsupported
}
