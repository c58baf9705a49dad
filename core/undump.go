package core

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"proximity/core/pve"
	"proximity/jobs"
	"proximity/store"
)

// unBackUp takes a backup back that is not complete: vzdump is stopped, what it
// has left removed, the app let go on, and the record says why. A complete one
// stays.
func (d *work[D]) unBackUp(ctx context.Context, m *dumping) error {
	if m.Backup == 0 {
		return nil
	}
	d.expect()
	b, err := d.c.backupRecord(m.Backup)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if b.Status != BackupCompleted {
		if err := d.stopDump(ctx, m, b); err != nil {
			return err
		}
	}
	if err := d.thaw(ctx, m, b); err != nil {
		return err
	}
	if b.Status == BackupCompleted {
		return nil
	}
	return d.Save(func(tx *store.Tx) error { return d.c.failBackup(tx, b.ID, d.Job()) })
}

// failBackup writes down why a backup has come to nothing.
func (c *Core) failBackup(tx *store.Tx, id uint64, j jobs.Job) error {
	return c.changeBackup(tx, id, func(r *backup) error {
		if r.Status != BackupCreating {
			return nil
		}
		r.Status, r.Error = BackupFailed, "it was cancelled"
		if j.CancelBy != "" {
			r.Error = "cancelled by " + j.CancelBy
		}
		if f := j.Failure; f != nil {
			r.Error = f.Text
			if f.Left != "" {
				r.Error += "; left behind: " + f.Left
			}
		}
		return nil
	})
}

// stopDump ends vzdump and sees that nothing is left of it: no archive, no
// snapshot, no lock.
func (d *work[D]) stopDump(ctx context.Context, m *dumping, b backup) error {
	if m.SentAt.IsZero() {
		return nil
	}
	if m.Task == "" {
		if err := d.findDump(ctx, m); err != nil {
			return err
		}
	}
	if m.Task != "" {
		st, err := d.host.client.TaskStatus(ctx, m.Task)
		if err == nil && st.Running {
			d.Log(jobs.Info, "stop vzdump")
			err = d.host.client.StopTask(ctx, m.Task)
		}
		if err := ignore(err, pve.ErrNotFound); err != nil {
			return err
		}
		if err := d.dumpEnded(ctx, m, b); err != nil {
			return err
		}
	}
	v, err := d.archive(ctx, m, b)
	if err != nil {
		return err
	}
	if v != nil {
		d.Logf(jobs.Info, "remove %s", v.VolID)
		if err := d.c.removeVolume(ctx, d.host, m.Node, v.VolID); err != nil {
			return err
		}
	}
	return d.unlocked(ctx)
}

// dumpEnded waits for a stopped vzdump to have cleaned up after itself.
func (d *work[D]) dumpEnded(ctx context.Context, m *dumping, b backup) error {
	err := d.waitFor(ctx, &m.Task, "stop vzdump", func(line string) bool {
		if volid, ok := pve.ArchiveIn(line, b.Storage); ok {
			m.VolID = volid
		}
		return false
	})
	if pve.IsTaskFailure(err) || errors.Is(err, pve.ErrTaskLost) {
		return nil // it has ended
	}
	return err
}

// unlocked sees to it that vzdump has left neither its lock nor its snapshot on
// the container.
func (d *work[D]) unlocked(ctx context.Context) error {
	for range 20 {
		st, err := d.host.client.Status(ctx, d.app.Node, d.app.VMID)
		if err != nil {
			return ignore(err, pve.ErrNotFound)
		}
		if st.Lock == "" {
			return d.dropSnapshot(ctx, "vzdump")
		}
		if err := pause(ctx, d.c.cfg.Pace.TaskPoll); err != nil {
			return err
		}
	}
	return &Error{Kind: ErrConflict, Text: fmt.Sprintf("CT %d is still locked after its backup was stopped", d.app.VMID), Hint: fmt.Sprintf("`pct unlock %d` on %s lifts the lock", d.app.VMID, d.app.Node)}
}

// dropSnapshot removes a snapshot of the container, if there is one of that
// name.
func (d *work[D]) dropSnapshot(ctx context.Context, name string) error {
	all, err := d.host.client.Snapshots(ctx, d.app.Node, d.app.VMID)
	if err != nil || !slices.ContainsFunc(all, func(s pve.GuestSnapshot) bool { return s.Name == name }) {
		return ignore(err, pve.ErrNotFound)
	}
	upid, err := d.host.client.DeleteSnapshot(ctx, d.app.Node, d.app.VMID, name, false)
	if err != nil {
		return fmt.Errorf("remove snapshot %s of CT %d: %w", name, d.app.VMID, err)
	}
	return ignore(d.host.client.Wait(ctx, upid, nil), pve.ErrNotFound)
}
