package core

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"proximity/core/pve"
	"proximity/jobs"
)

// ownership is whose a container is.
type ownership int

const (
	absent  ownership = iota // there is no such container
	unready                  // it is being made: its configuration holds only a lock
	foreign                  // somebody else's
	ours
)

// mark is what we write into a container's description: with the MAC and the
// recorded (host, vmid) it makes the container ours. People can edit marks,
// clones copy them, and vmids come back: all three must agree.
func (c *Core) mark(a app) string {
	return "Managed by Proximity\n\nproximity-installation: " + c.installation + "\nproximity-app: " + a.ID
}

// whose looks at the container with an app's vmid.
func (c *Core) whose(ctx context.Context, l *liveHost, a app) (ownership, error) {
	cfg, err := l.client.GuestConfig(ctx, a.Node, a.VMID)
	if errors.Is(err, pve.ErrNotFound) {
		free, e := l.client.CheckID(ctx, a.VMID)
		if e != nil {
			return absent, e
		}
		if !free { // on another node, or a virtual machine
			return foreign, nil
		}
		return absent, nil
	}
	if err != nil {
		return absent, err
	}
	if cfg.Lock == "create" && len(cfg.Nets) == 0 {
		return unready, nil
	}
	mac := false
	for _, n := range cfg.Nets {
		mac = mac || strings.EqualFold(n.MAC, a.MAC)
	}
	if mac && strings.Contains(cfg.Description, "proximity-installation: "+c.installation) && strings.Contains(cfg.Description, "proximity-app: "+a.ID) {
		return ours, nil
	}
	return foreign, nil
}

// create makes the container, or finds that it has been made: whatever was cut
// off before, there is never a second one.
func (d *deploying) create(ctx context.Context) error {
	for range 20 {
		if d.Data.CreateTask != "" {
			if err := d.wait(ctx, &d.Data.CreateTask, "create the container"); err != nil {
				return err
			}
		} else if err := d.finishOthers(ctx); err != nil {
			return err
		}
		who, err := d.c.whose(ctx, d.host, d.app)
		if err != nil {
			return err
		}
		switch who {
		case ours:
			d.Data.Created = true
			d.Logf(jobs.Info, "created CT %d on %s", d.app.VMID, d.app.Node)
			return d.Save()
		case unready:
			if err := pause(ctx, d.c.cfg.Pace.TaskPoll); err != nil {
				return err
			}
		case foreign:
			if err := d.renumber(ctx); err != nil {
				return err
			}
		case absent:
			if err := d.sendCreate(ctx); err != nil {
				return err
			}
		}
	}
	return fmt.Errorf("CT %d on %s does not appear: %w", d.app.VMID, d.app.Node, errPassing)
}

// finishOthers waits for a running create of our vmid whose UPID never reached
// us, because we died or the connection was cut.
func (d *deploying) finishOthers(ctx context.Context) error {
	if d.Data.CreateAt.IsZero() {
		return nil
	}
	tasks, err := d.host.client.Tasks(ctx, d.app.Node, pve.TaskFilter{VMID: d.app.VMID, Type: "vzcreate", Source: "active"})
	if err != nil {
		return err
	}
	for _, t := range tasks {
		if !t.Running {
			continue
		}
		d.Data.CreateTask = t.UPID
		if err := d.Save(); err != nil {
			return err
		}
		d.Log(jobs.Info, "found the create that was already under way")
		return d.wait(ctx, &d.Data.CreateTask, "create the container")
	}
	return nil
}

// renumber takes a new vmid: somebody else's container has ours.
func (d *deploying) renumber(ctx context.Context) error {
	d.Logf(jobs.Warning, "CT %d belongs to somebody else: taking another number", d.app.VMID)
	old := d.app.VMID
	d.Data.CreateTask = ""
	next, err := d.reserve(old + 1)
	if err != nil {
		return err
	}
	free, err := d.host.client.CheckID(ctx, next)
	if err != nil {
		return err
	}
	if free {
		d.Logf(jobs.Info, "reserved CT %d", next)
	}
	return nil // if not free, create sees it as foreign and comes back here
}

// sendCreate records the intent, sends the create once, and records its UPID.
func (d *deploying) sendCreate(ctx context.Context) error {
	o, err := d.createOptions()
	if err != nil {
		return err
	}
	d.Data.CreateAt = d.c.now()
	d.Data.CreateTask = ""
	if err := d.Save(); err != nil {
		return err
	}
	upid, err := d.host.client.Create(ctx, d.app.Node, o)
	if errors.Is(err, pve.ErrExists) {
		return nil // ours or not: the caller looks
	}
	if err != nil {
		return fmt.Errorf("create CT %d: %w", d.app.VMID, err)
	}
	d.Data.CreateTask = upid
	return d.Save()
}

func (d *deploying) createOptions() (pve.CreateOptions, error) {
	a, set := d.app, d.c.Settings()
	password, err := d.c.ring.Unseal("app-root/"+a.ID, a.RootPassword)
	if err != nil {
		return pve.CreateOptions{}, fmt.Errorf("open the sealed root password of %s: %w", a.Hostname, err)
	}
	features := "nesting=1"
	if !d.host.rec.Token && d.host.rec.User == "root@pam" {
		features += ",keyctl=1" // Proxmox: only root@pam with its password may set more than nesting
	}
	return pve.CreateOptions{
		VMID: a.VMID, Template: d.Data.Template, Hostname: a.Hostname, Storage: a.Storage, DiskGB: a.DiskGB,
		Cores: a.Cores, MemoryMB: a.MemoryMB, SwapMB: a.SwapMB,
		Net0:       fmt.Sprintf("name=eth0,bridge=%s,ip=dhcp,hwaddr=%s", set.Bridge, a.MAC),
		Nameserver: strings.Join(set.DNS, " "), Unprivileged: true, OnBoot: true, Features: features,
		Tags: []string{"proximity"}, Description: d.c.mark(a), Password: string(password),
	}, nil
}

// destroy takes back what create made: only a container that is ours goes.
func (d *deploying) destroy(ctx context.Context) error {
	if d.Data.CreateAt.IsZero() || d.app.VMID == 0 {
		return nil
	}
	if err := d.settleCreate(ctx); err != nil {
		return err
	}
	for range 20 {
		who, err := d.c.whose(ctx, d.host, d.app)
		if err != nil {
			return err
		}
		switch who {
		case absent:
			d.Logf(jobs.Info, "CT %d is gone", d.app.VMID)
			return nil
		case foreign:
			if !d.Data.Created {
				return nil // ours was never made
			}
			return &Error{Kind: ErrConflict, Text: fmt.Sprintf("CT %d on %s does not carry our marks any more", d.app.VMID, d.app.Node), Hint: "look at it in Proxmox: nothing was destroyed"}
		case unready:
			if err := pause(ctx, d.c.cfg.Pace.TaskPoll); err != nil {
				return err
			}
		case ours:
			if err := d.destroyOnce(ctx); err != nil {
				return err
			}
		}
	}
	return fmt.Errorf("CT %d on %s does not go: %w", d.app.VMID, d.app.Node, errPassing)
}

// settleCreate lets a create that is still running come to its end: killing it
// would leave a lock that only root can clear.
func (d *deploying) settleCreate(ctx context.Context) error {
	var failed *pve.TaskError
	if d.Data.CreateTask == "" {
		if err := d.finishOthers(ctx); err != nil && !errors.As(err, &failed) {
			return err
		}
		return nil
	}
	if err := d.wait(ctx, &d.Data.CreateTask, "let the create end"); err != nil && !errors.As(err, &failed) {
		return err
	}
	return nil
}

func (d *deploying) destroyOnce(ctx context.Context) error {
	client, a := d.host.client, d.app
	st, err := client.Status(ctx, a.Node, a.VMID)
	if err != nil {
		return ignore(err, pve.ErrNotFound)
	}
	if st.Status == "running" {
		upid, err := client.Stop(ctx, a.Node, a.VMID)
		if err == nil {
			d.Data.StopTask = upid
			err = d.wait(ctx, &d.Data.StopTask, "stop the container")
		}
		if err := ignore(err, pve.ErrNotRunning, pve.ErrNotFound); err != nil {
			return err
		}
	}
	upid, err := client.Destroy(ctx, a.Node, a.VMID, pve.DestroyOptions{Purge: true, Force: true})
	if err != nil {
		return ignore(err, pve.ErrNotFound)
	}
	d.Data.DestroyTask = upid
	if err := d.Save(); err != nil {
		return err
	}
	return d.wait(ctx, &d.Data.DestroyTask, "destroy the container")
}

// ignore makes the kinds given no error.
func ignore(err error, kinds ...error) error {
	for _, k := range kinds {
		if errors.Is(err, k) {
			return nil
		}
	}
	return err
}
