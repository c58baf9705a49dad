package pve

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// CloneOptions describes a copy. Empty values are left to Proxmox: the hostname, tags and description are
// copied; the MAC addresses are made anew.
type CloneOptions struct {
	NewID                       int
	Hostname, Description, Pool string
	Storage                     string // of the copy's disks
	Snapshot                    string // to copy from; a running container can only be copied from one
	Target                      string // node; needs shared storage
}

// Clone starts a full copy. While it is made the source is locked ("disk") and the copy, too ("create").
// ErrRunning: the source runs and no Snapshot is given; ErrExists: take another vmid.
func (c *Client) Clone(ctx context.Context, node string, vmid int, o CloneOptions) (UPID, error) {
	p := params{"newid": o.NewID, "full": 1}
	for name, value := range map[string]string{"hostname": o.Hostname, "description": o.Description, "pool": o.Pool,
		"storage": o.Storage, "snapname": o.Snapshot, "target": o.Target} {
		if value != "" {
			p[name] = value
		}
	}
	return c.guestTask(ctx, "clone CT", node, vmid, "clone", p)
}

// GuestSnapshot is one snapshot of a container.
type GuestSnapshot struct {
	Name string
	Time time.Time
}

// Snapshots lists a container's snapshots, oldest first.
func (c *Client) Snapshots(ctx context.Context, node string, vmid int) ([]GuestSnapshot, error) {
	var answer []struct {
		Name     text
		SnapTime integer
	}
	err := c.do(ctx, request{op: "list the snapshots of CT", node: node, vmid: vmid, path: guestPath(node, vmid, "snapshot"), into: &answer})
	if err != nil {
		return nil, err
	}
	var snapshots []GuestSnapshot
	for _, a := range answer {
		if a.Name == "current" { // Proxmox: "You are here!"
			continue
		}
		snapshots = append(snapshots, GuestSnapshot{Name: string(a.Name), Time: time.Unix(int64(a.SnapTime), 0)})
	}
	slices.SortFunc(snapshots, func(a, b GuestSnapshot) int { return a.Time.Compare(b.Time) })
	return snapshots, nil
}

// CanSnapshot says whether all of the container's disks are on storages with snapshots.
func (c *Client) CanSnapshot(ctx context.Context, node string, vmid int) (bool, error) {
	var answer struct{ HasFeature flag }
	err := c.do(ctx, request{op: "ask whether snapshots are possible for CT", node: node, vmid: vmid,
		path: guestPath(node, vmid, "feature"), params: params{"feature": "snapshot"}, into: &answer})
	return bool(answer.HasFeature), err
}

// CreateSnapshot starts taking a snapshot. The name is 2 to 40 letters, digits, '-' and '_', a letter
// first. The task fails with ErrExists, or ErrUnsupported where the storage has none.
func (c *Client) CreateSnapshot(ctx context.Context, node string, vmid int, name, description string) (UPID, error) {
	p := params{"snapname": name}
	if description != "" {
		p["description"] = description
	}
	return c.guestTask(ctx, "snapshot CT", node, vmid, "snapshot", p)
}

// DeleteSnapshot starts removing a snapshot; force forgets it even if the storage fails to remove it. The
// task fails with ErrNotFound when there is none of that name.
func (c *Client) DeleteSnapshot(ctx context.Context, node string, vmid int, name string, force bool) (UPID, error) {
	p := params{}
	if force {
		p["force"] = 1
	}
	return c.start(ctx, request{op: "delete snapshot " + name + " of CT", node: node, vmid: vmid,
		method: http.MethodDelete, path: nodePath(node, "lxc", vmid, "snapshot", name), params: p})
}

// Resize grows a disk ("rootfs", "mp0") to so many GB. ErrRefused when it has that size, or a larger one.
func (c *Client) Resize(ctx context.Context, node string, vmid int, disk string, toGB int) (UPID, error) {
	return c.start(ctx, request{op: "resize CT", node: node, vmid: vmid, method: http.MethodPut,
		path: guestPath(node, vmid, "resize"), params: params{"disk": disk, "size": strconv.Itoa(toGB) + "G"}})
}
