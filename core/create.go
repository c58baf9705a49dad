package core

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"proximity/core/pve"
	"proximity/jobs"
)

// create makes the container, or finds that it has been made: whatever was cut
// off before, there is never a second one.
func (d *deploying) create(ctx context.Context) error {
	for range 20 {
		if d.rec.CreateTask != "" {
			if err := d.wait(ctx, &d.rec.CreateTask, "create the container"); err != nil {
				return err
			}
		} else if err := d.finishOthers(ctx); err != nil {
			return err
		}
		who, err := d.look(ctx)
		if err != nil {
			return err
		}
		switch who {
		case ours:
			if d.rec.Created { // told before a crash
				return nil
			}
			d.rec.Created = true
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
	return passing{fmt.Errorf("CT %d on %s does not appear", d.app.VMID, d.app.Node)}
}

// renumber takes a new vmid: somebody else's container has ours.
func (d *work[D]) renumber(ctx context.Context) error {
	d.Logf(jobs.Warning, "CT %d belongs to somebody else: taking another number", d.app.VMID)
	old := d.app.VMID
	d.rec.CreateTask = ""
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
	send, err := d.creation()
	if err != nil {
		return err
	}
	d.rec.CreateAt = d.c.now()
	d.rec.CreateTask = ""
	if err := d.Save(); err != nil {
		return err
	}
	upid, err := send(ctx)
	if errors.Is(err, pve.ErrExists) {
		return nil // ours or not: the caller looks
	}
	if err != nil {
		return fmt.Errorf("create CT %d: %w", d.app.VMID, err)
	}
	d.rec.CreateTask = upid
	return d.Save()
}

// creation is the call that makes the container: from a template, or from a
// backup.
func (d *deploying) creation() (func(context.Context) (pve.UPID, error), error) {
	if d.Data.From != 0 {
		o, err := d.fromBackup()
		return func(ctx context.Context) (pve.UPID, error) { return d.host.client.Restore(ctx, d.app.Node, o) }, err
	}
	o, err := d.createOptions()
	return func(ctx context.Context) (pve.UPID, error) { return d.host.client.Create(ctx, d.app.Node, o) }, err
}

// net0 is the network interface of an app's container.
func (c *Core) net0(a app) string {
	return fmt.Sprintf("name=eth0,bridge=%s,hwaddr=%s,%s", c.Settings().Bridge, a.MAC, a.netAddress())
}

func (d *deploying) createOptions() (pve.CreateOptions, error) {
	a, set := d.app, d.c.Settings()
	password, err := d.c.ring.Unseal("app-root/"+a.ID, a.RootPassword)
	if err != nil {
		return pve.CreateOptions{}, fmt.Errorf("open the sealed root password of %s: %w", a.Hostname, err)
	}
	features := "nesting=1"
	if d.host.rec.isRoot() {
		features += ",keyctl=1" // Proxmox: only root@pam with its password may set more than nesting
	}
	o := pve.CreateOptions{
		VMID: a.VMID, Template: d.Data.Template, Hostname: a.Hostname, Storage: a.Storage, DiskGB: a.DiskGB,
		Cores: a.Cores, MemoryMB: a.MemoryMB, SwapMB: a.SwapMB,
		Net0:       d.c.net0(a),
		Nameserver: strings.Join(set.DNS, " "), Unprivileged: true, OnBoot: true, Features: features,
		Tags: []string{"proximity"}, Description: d.c.mark(a), Password: string(password),
	}
	grant(&o, d.manifest)
	return o, nil
}
