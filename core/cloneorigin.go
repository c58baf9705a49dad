package core

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"proximity/core/pve"
	"proximity/jobs"
	"proximity/keys"
)

// origin is the work on the source, which must be there and ours.
func (d *copying) origin(ctx context.Context) (*work[cloning], error) {
	if d.source == nil {
		return nil, &Error{Kind: ErrFailed, Text: "the app to be cloned is gone", Hint: "nothing was left behind"}
	}
	gone, err := d.source.check(ctx)
	if err == nil && gone {
		err = d.source.lost()
	}
	return d.source, err
}

// prepare makes the source one that can be copied: a running one gets a
// temporary snapshot, or is stopped where that was asked for.
func (d *copying) prepare(ctx context.Context) error {
	src, err := d.origin(ctx)
	if err != nil {
		return err
	}
	st, err := d.free(ctx, src)
	switch {
	case err != nil:
		return err
	case !st.Running() && d.Data.Snapshot == "":
		d.Logf(jobs.Info, "CT %d does not run: it is copied as it is", src.app.VMID)
		return nil
	case d.Data.StopFirst:
		return d.stopSource(ctx, src)
	}
	can, err := d.host.client.CanSnapshot(ctx, src.app.Node, src.app.VMID)
	if err != nil {
		return err
	}
	if !can {
		return noSnapshots(src.app)
	}
	return d.snapshot(ctx, src)
}

// stopSource shuts the source down for the time of the copy.
func (d *copying) stopSource(ctx context.Context, src *work[cloning]) error {
	d.Data.Stopped = true
	if err := d.Save(); err != nil {
		return err
	}
	if err := src.shutdownOurs(ctx); err != nil {
		return err
	}
	d.Logf(jobs.Info, "CT %d is stopped until it is copied", src.app.VMID)
	return src.keep(func(a *app) { a.setStatus(StatusStopped, d.c.now()) })
}

// free waits until nobody holds the source's lock: a backup of it may.
func (d *copying) free(ctx context.Context, src *work[cloning]) (pve.GuestStatus, error) {
	st, err := d.host.client.Status(ctx, src.app.Node, src.app.VMID)
	if err == nil && st.Lock != "" {
		err = &lockedError{vmid: src.app.VMID, node: src.app.Node, lock: st.Lock}
	}
	return st, err
}

// snapshot makes the temporary snapshot, or finds that it has been made.
func (d *copying) snapshot(ctx context.Context, src *work[cloning]) error {
	if d.Data.Snapshot == "" {
		d.Data.Snapshot = fmt.Sprintf("proximity-%d-%s", d.Job().ID, keys.RandomHex(4))
		if err := d.Save(); err != nil {
			return err
		}
	}
	if err := d.settleOrigin(ctx, src, &d.Data.SnapshotTask, "vzsnapshot", "make the snapshot"); err != nil {
		return err
	}
	if there, err := d.snapshotThere(ctx, src); err != nil || there {
		return err
	}
	upid, err := d.host.client.CreateSnapshot(ctx, src.app.Node, src.app.VMID, d.Data.Snapshot, "taken by Proximity to clone "+src.app.Hostname+", removed when that is done")
	if err != nil {
		return fmt.Errorf("make a snapshot of CT %d: %w", src.app.VMID, err)
	}
	d.Data.SnapshotTask = upid
	if err := d.Save(); err != nil {
		return err
	}
	if err := ignore(src.wait(ctx, &d.Data.SnapshotTask, "make the snapshot"), pve.ErrExists); err != nil {
		return err
	}
	d.Logf(jobs.Info, "temporary snapshot %s of CT %d", d.Data.Snapshot, src.app.VMID)
	return nil
}

func (d *copying) snapshotThere(ctx context.Context, src *work[cloning]) (bool, error) {
	all, err := d.host.client.Snapshots(ctx, src.app.Node, src.app.VMID)
	return slices.ContainsFunc(all, func(s pve.GuestSnapshot) bool { return s.Name == d.Data.Snapshot }), err
}

// settleOrigin lets a task of the source come to its end, whose UPID may never
// have reached us.
func (d *copying) settleOrigin(ctx context.Context, src *work[cloning], task *pve.UPID, kind, what string) error {
	if *task == "" {
		running, err := d.host.client.Tasks(ctx, src.app.Node, pve.TaskFilter{VMID: src.app.VMID, Type: kind, Source: "active"})
		if err != nil {
			return err
		}
		for _, t := range running {
			if t.Running {
				*task = t.UPID
			}
		}
	}
	return src.settleTask(ctx, task, what)
}

// settle takes back what was done to the source: the snapshot goes, and it
// runs again if we stopped it.
func (d *copying) settle(ctx context.Context) error {
	if d.source == nil {
		return nil // with the source its snapshots went, too
	}
	src := d.source
	if err := d.unsnapshot(ctx, src); err != nil {
		return err
	}
	if !d.Data.Stopped {
		return nil
	}
	if _, err := d.free(ctx, src); err != nil {
		return err
	}
	if err := d.startSource(ctx, src); err != nil {
		return fmt.Errorf("start CT %d again: %w", src.app.VMID, err)
	}
	d.Logf(jobs.Info, "CT %d runs again", src.app.VMID)
	d.Data.Stopped = false
	return src.keep(func(a *app) { a.setStatus(StatusRunning, d.c.now()) })
}

// startSource starts the source again, once what stopped it is over.
func (d *copying) startSource(ctx context.Context, src *work[cloning]) error {
	if err := d.settleOrigin(ctx, src, &src.rec.StopTask, "vzshutdown", "let the container stop"); err != nil {
		return err
	}
	for range 3 {
		if err := src.settleTask(ctx, &src.rec.StartTask, "start the container"); err != nil {
			return err
		}
		st, err := d.host.client.Status(ctx, src.app.Node, src.app.VMID)
		if err != nil || st.Running() {
			return err
		}
		if err := src.startOurs(ctx); !errors.Is(err, pve.ErrPermission) || src.rec.StartTask == "" {
			return err
		}
	}
	return passing{fmt.Errorf("CT %d on %s does not start", src.app.VMID, src.app.Node)}
}

// unsnapshot removes the temporary snapshot, whatever became of it.
func (d *copying) unsnapshot(ctx context.Context, src *work[cloning]) error {
	if d.Data.Snapshot == "" {
		return nil
	}
	if err := d.settleOrigin(ctx, src, &d.Data.SnapshotTask, "vzsnapshot", "let the snapshot be made"); err != nil {
		return ignore(err, pve.ErrNotFound)
	}
	for range 3 {
		if err := d.settleOrigin(ctx, src, &d.Data.RemoveTask, "vzdelsnapshot", "remove the snapshot"); err != nil {
			return err
		}
		there, err := d.snapshotThere(ctx, src)
		if err = ignore(err, pve.ErrNotFound); err != nil {
			return err
		}
		if !there {
			d.Logf(jobs.Info, "snapshot %s is gone", d.Data.Snapshot)
			d.Data.Snapshot = ""
			return d.Save()
		}
		if _, err := d.free(ctx, src); err != nil {
			return err
		}
		upid, err := d.host.client.DeleteSnapshot(ctx, src.app.Node, src.app.VMID, d.Data.Snapshot, false)
		if err != nil {
			return fmt.Errorf("remove snapshot %s of CT %d: %w", d.Data.Snapshot, src.app.VMID, err)
		}
		d.Data.RemoveTask = upid
		if err := d.Save(); err != nil {
			return err
		}
	}
	return passing{fmt.Errorf("snapshot %s of CT %d does not go", d.Data.Snapshot, src.app.VMID)}
}

// letGo leaves the source as it was, free for others.
func (d *copying) letGo(ctx context.Context) error {
	if err := d.settle(ctx); err != nil {
		return err
	}
	return d.LetGo()
}
