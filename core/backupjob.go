package core

import (
	"cmp"
	"context"
	"fmt"

	"proximity/jobs"
	"proximity/store"
)

// backingUp is what a job that backs an app up remembers.
type backingUp struct {
	App string
	guestRecord
	dumping
}

// registerBackups makes the jobs on backups known.
func (c *Core) registerBackups() {
	register(c, c.backupWorkflow())
	register(c, c.removalWorkflow())
	register(c, c.restoreWorkflow())
	register(c, c.restoreAsWorkflow())
	register(c, c.scheduleWorkflow())
	register(c, c.pruneWorkflow())
	register(c, c.scanWorkflow())
}

// backupWorkflow makes one backup.
func (c *Core) backupWorkflow() jobs.Workflow[backingUp] {
	at := func(do func(ctx context.Context, w *work[backingUp]) error) func(context.Context, *jobs.Run[backingUp]) error {
		return func(ctx context.Context, r *jobs.Run[backingUp]) error {
			w, err := newWork(c, r, r.Data.App, &r.Data.guestRecord)
			if err != nil {
				return err
			}
			return w.named(do(ctx, w))
		}
	}
	step := jobs.Step[backingUp]{Name: "backup", Title: "make the archive", Timeout: dumpTimeout,
		Slot: func(d *backingUp) (string, int) { return c.dumpSlot(d.App) },
		Do: at(func(ctx context.Context, w *work[backingUp]) error {
			return w.backUp(ctx, &w.Data.dumping, backupOrder{})
		}),
		Undo: at(func(ctx context.Context, w *work[backingUp]) error { return w.unBackUp(ctx, &w.Data.dumping) })}
	return jobs.Workflow[backingUp]{Kind: "backup", Retries: 2, Backoff: c.evenly, Steps: []jobs.Step[backingUp]{step},
		Finish: func(tx *store.Tx, j jobs.Job, d *backingUp) error {
			if err := ignore(c.failBackup(tx, d.Backup, j), store.ErrNotFound); err != nil {
				return err
			}
			return c.auditEnd(tx, j)
		}}
}

// BackupApp starts a job that backs an app up. ErrConflict while another job
// works on the app, or when there is nothing to back up.
func (c *Core) BackupApp(_ context.Context, a Actor, name string, r BackupRequest) (BackupView, JobView, error) {
	rec, err := c.appNamed(a, name)
	if err != nil {
		return BackupView{}, JobView{}, err
	}
	var b backup
	var job jobs.Job
	if err = a.May(VerbChangeApp, rec.Owner); err == nil {
		err = c.checkStorage(rec, r.Storage)
	}
	if err == nil {
		err = c.store.Update(func(tx *store.Tx) error {
			var err error
			b, job, err = c.backupTx(tx, a, rec.ID, backupOrder{BackupRequest: r, Why: "by hand", By: a.User})
			return err
		})
	}
	if err != nil {
		c.audit(a, "app.backup", rec.Hostname, err, "")
		return BackupView{}, JobView{}, err
	}
	return c.backupView(b), jobView(job), nil
}

// backupTx writes the record of a backup and its job.
func (c *Core) backupTx(tx *store.Tx, a Actor, appID string, o backupOrder) (backup, jobs.Job, error) {
	rec, err := c.apps.Get(tx, appID)
	if err != nil {
		return backup{}, jobs.Job{}, err
	}
	b, err := c.newBackup(tx, rec, o)
	if err != nil {
		return backup{}, jobs.Job{}, err
	}
	job, err := c.engine.Enqueue(tx, jobs.Spec{Kind: "backup", Subject: rec.ID, SubjectTitle: rec.Hostname, Owner: a.User, OwnerVia: string(a.Via),
		Title: "back up " + rec.Hostname, Data: backingUp{App: rec.ID, dumping: dumping{Backup: b.ID}}})
	if err != nil {
		return backup{}, jobs.Job{}, busy(err)
	}
	if err := rec.backable(); err != nil { // after busy: who works on it says more than its state
		return backup{}, jobs.Job{}, err
	}
	b.Job = job.ID
	if err := c.putBackup(tx, b); err != nil {
		return backup{}, jobs.Job{}, err
	}
	return b, job, c.auditJob(tx, a, "app.backup", rec.Hostname, job.ID, fmt.Sprintf("backup %d, %s", b.ID, o.Why))
}

// backable refuses where there is nothing sound to back up.
func (a app) backable() error {
	switch {
	case a.VMID == 0:
		return &Error{Kind: ErrConflict, Text: a.Hostname + " has no container", Hint: "delete it, then deploy it again"}
	case a.Status == StatusRemoving:
		return &Error{Kind: ErrConflict, Text: a.Hostname + " is being deleted", Hint: "its earlier backups stay"}
	case a.Status == StatusError:
		return &Error{Kind: ErrConflict, Text: a.Hostname + " is in error: " + a.Error, Hint: cmp.Or(a.Hint, "mend it first, or restore one of its backups")}
	}
	return nil
}

// checkStorage refuses a storage of which the host has said that it takes no
// backups. What it has not said yet, the job finds out.
func (c *Core) checkStorage(a app, name string) error {
	if name == "" {
		return nil
	}
	l, err := c.liveHost(a.Host)
	if err != nil {
		return err
	}
	s := l.poller.Snapshot()
	if s.Err != nil || s.At.IsZero() {
		return nil
	}
	known := backupStorages(s, c.nodeOf(l, a))
	for _, st := range known {
		if st.Name == name {
			return nil
		}
	}
	e := invalid("storage", "no storage there does", "storage %s does not take backups on %s", SafeText(name, 64), a.Node)
	if len(known) > 0 {
		e.Hint = "those that do: " + storageNames(known)
	}
	return e
}
