package pve

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// CreateOptions describes a new container. Empty and zero values are left to Proxmox, except SwapMB,
// Unprivileged and OnBoot, which are sent as they are.
type CreateOptions struct {
	VMID                     int
	Template                 string // volid: "local:vztmpl/debian-12-standard_12.12-1_amd64.tar.zst"
	Hostname, Storage        string
	DiskGB, Cores            int
	MemoryMB, SwapMB         int
	Net0                     string // "name=eth0,bridge=vmbr0,ip=dhcp,hwaddr=…"
	Nameserver, SearchDomain string
	Unprivileged, OnBoot     bool
	Features                 string // "nesting=1"; anything else needs a login as root@pam
	Tags                     []string
	Description, Password    string   // Password: at least 5 characters
	SSHKeys                  []string // OpenSSH lines
	Pool                     string
	Devices                  []string // paths on the node that the container gets, too; needs a login as root@pam
}

func (o CreateOptions) params() params {
	p := params{
		"vmid":         o.VMID,
		"ostemplate":   o.Template,
		"swap":         o.SwapMB,
		"unprivileged": bit(o.Unprivileged),
		"onboot":       bit(o.OnBoot),
	}
	for name, value := range map[string]string{
		"hostname": o.Hostname, "net0": o.Net0, "nameserver": o.Nameserver, "searchdomain": o.SearchDomain,
		"features": o.Features, "tags": strings.Join(o.Tags, ";"), "description": o.Description,
		"password": o.Password, "ssh-public-keys": strings.Join(o.SSHKeys, "\n"), "pool": o.Pool,
	} {
		if value != "" {
			p[name] = value
		}
	}
	for i, device := range o.Devices {
		p["dev"+strconv.Itoa(i)] = "path=" + device
	}
	for name, value := range map[string]int{"cores": o.Cores, "memory": o.MemoryMB} {
		if value != 0 {
			p[name] = value
		}
	}
	switch {
	case o.Storage != "" && o.DiskGB > 0:
		p["rootfs"] = o.Storage + ":" + strconv.Itoa(o.DiskGB)
	case o.DiskGB > 0:
		p["rootfs"] = strconv.Itoa(o.DiskGB)
	case o.Storage != "":
		p["storage"] = o.Storage
	}
	return p
}

// Create starts making a container. ErrExists when the vmid is taken: nextid reserves nothing, so take
// another and try again.
func (c *Client) Create(ctx context.Context, node string, o CreateOptions) (UPID, error) {
	return c.start(ctx, request{op: "create CT", node: node, vmid: o.VMID,
		method: http.MethodPost, path: nodePath(node, "lxc"), params: o.params()})
}

// Start starts a container; ErrRunning when it already runs.
func (c *Client) Start(ctx context.Context, node string, vmid int) (UPID, error) {
	return c.guestTask(ctx, "start CT", node, vmid, "status/start", nil)
}

// Stop ends a container at once, also one that is being shut down; ErrNotRunning when it does not run.
func (c *Client) Stop(ctx context.Context, node string, vmid int) (UPID, error) {
	// Proxmox: overrule-shutdown aborts a vzshutdown under way, which holds the lock else.
	u, err := c.guestTask(ctx, "stop CT", node, vmid, "status/stop", params{"overrule-shutdown": 1})
	if refusedParameter(err, "overrule-shutdown") { // before 8.2 there was no such parameter
		return c.guestTask(ctx, "stop CT", node, vmid, "status/stop", nil)
	}
	return u, err
}

// Shutdown asks the container to end within timeout; force kills it after that, without force the task
// fails. ErrNotRunning when it does not run.
func (c *Client) Shutdown(ctx context.Context, node string, vmid int, timeout time.Duration, force bool) (UPID, error) {
	return c.guestTask(ctx, "shut down CT", node, vmid, "status/shutdown",
		params{"timeout": seconds(timeout), "forceStop": bit(force)})
}

func (c *Client) guestTask(ctx context.Context, op, node string, vmid int, path string, p params) (UPID, error) {
	return c.start(ctx, request{op: op, node: node, vmid: vmid,
		method: http.MethodPost, path: guestPath(node, vmid, path), params: p})
}

func seconds(d time.Duration) int { return max(1, int(d.Round(time.Second)/time.Second)) }

// DestroyOptions says how thoroughly a container goes. Its backups always stay.
type DestroyOptions struct {
	Purge bool // also from backup jobs, replication and HA
	Force bool // even when running
}

// Destroy removes a container and its disks. ErrRunning when it runs and Force is not set.
func (c *Client) Destroy(ctx context.Context, node string, vmid int, o DestroyOptions) (UPID, error) {
	p := params{}
	if o.Purge {
		p["purge"] = 1
	}
	if o.Force {
		p["force"] = 1
	}
	return c.start(ctx, request{op: "destroy CT", node: node, vmid: vmid,
		method: http.MethodDelete, path: guestPath(node, vmid, ""), params: p})
}

// GuestStatus is a container's state now.
type GuestStatus struct {
	Status string // "running", "stopped"
	Lock   string // what holds it, "" = nothing
}

// Running says whether it runs.
func (s GuestStatus) Running() bool { return s.Status == "running" }

// Status asks the node itself: unlike Resources it does not lag. ErrNotFound when there is no such
// container on that node.
func (c *Client) Status(ctx context.Context, node string, vmid int) (GuestStatus, error) {
	var a struct{ Status, Lock text }
	err := c.do(ctx, request{op: "ask for the status of CT", node: node, vmid: vmid,
		path: guestPath(node, vmid, "status/current"), into: &a})
	if err != nil {
		return GuestStatus{}, err
	}
	return GuestStatus{Status: string(a.Status), Lock: string(a.Lock)}, nil
}
