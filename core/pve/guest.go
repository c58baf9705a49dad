package pve

import (
	"context"
	"time"
)

// CreateOptions describes a new container. Zero values are left to Proxmox, except Unprivileged and
// OnBoot, which are sent as they are.
type CreateOptions struct {
	VMID                     int
	Template                 string // volid: "local:vztmpl/debian-12-standard_12.12-1_amd64.tar.zst"
	Hostname, Storage        string
	DiskGB, Cores            int
	MemoryMB, SwapMB         int
	Net0                     string // "name=eth0,bridge=vmbr0,ip=dhcp,hwaddr=…"
	Nameserver, SearchDomain string
	Unprivileged, OnBoot     bool
	Features                 string // "nesting=1"
	Tags                     []string
	Description, Password    string
	SSHKeys                  []string
	Pool                     string
}

// DestroyOptions says how thoroughly a container goes.
type DestroyOptions struct {
	Purge bool // also from backup jobs, replication and HA
	Force bool // even when running
}

// GuestStatus is a container's state now. Sizes in bytes, uptime in seconds.
type GuestStatus struct {
	VMID                       int
	Status, Name, Lock         string
	CPU, CPUs                  float64
	Mem, MaxMem, Disk, MaxDisk int64
	Swap, MaxSwap              int64
	NetIn, NetOut              int64
	DiskRead, DiskWrite        int64
	Uptime                     int64
	PID                        int
	Tags                       []string
	Template                   bool
}

func (c *Client) Create(ctx context.Context, node string, o CreateOptions) (UPID, error) {
	return "", ErrUnsupported
}
func (c *Client) Start(ctx context.Context, node string, vmid int) (UPID, error) {
	return "", ErrUnsupported
}

// Stop ends a container at once.
func (c *Client) Stop(ctx context.Context, node string, vmid int) (UPID, error) {
	return "", ErrUnsupported
}

// Shutdown asks the container to end within timeout; force kills it after that.
func (c *Client) Shutdown(ctx context.Context, node string, vmid int, timeout time.Duration, force bool) (UPID, error) {
	return "", ErrUnsupported
}

// Reboot shuts down (killing after timeout) and starts again.
func (c *Client) Reboot(ctx context.Context, node string, vmid int, timeout time.Duration) (UPID, error) {
	return "", ErrUnsupported
}
func (c *Client) Destroy(ctx context.Context, node string, vmid int, o DestroyOptions) (UPID, error) {
	return "", ErrUnsupported
}
func (c *Client) Status(ctx context.Context, node string, vmid int) (GuestStatus, error) {
	return GuestStatus{}, ErrUnsupported
}
