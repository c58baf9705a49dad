package core

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"proximity/jobs"
	"proximity/store"
)

// RestoreRequest says how a backup is restored: over its app, or as a new one.
type RestoreRequest struct {
	As       string `json:"as,omitempty"`        // hostname of the new app; "" = over its own
	NoSafety bool   `json:"no_safety,omitempty"` // make no copy of what is there now
}

// RestoreBackup starts a job that restores a backup, over its app or as a new
// one that the actor owns.
func (c *Core) RestoreBackup(_ context.Context, a Actor, id uint64, r RestoreRequest) (AppView, JobView, error) {
	b, err := c.backupSeen(a, id)
	if err != nil {
		return AppView{}, JobView{}, err
	}
	var rec app
	var job jobs.Job
	err = c.store.Update(func(tx *store.Tx) error {
		if b, err = c.backups.Get(tx, store.Key(id)); err != nil {
			return err
		}
		if err := b.restorable(); err != nil {
			return err
		}
		if r.As == "" {
			rec, job, err = c.restoreTx(tx, a, &b, r)
		} else {
			rec, job, err = c.restoreAsTx(tx, a, &b, r.As)
		}
		if err != nil {
			return err
		}
		b.Status, b.Job = BackupRestoring, job.ID
		if err := c.putBackup(tx, b); err != nil {
			return err
		}
		return c.auditJob(tx, a, "app.restore", rec.Hostname, job.ID, fmt.Sprintf("backup %d", id))
	})
	if err != nil {
		c.audit(a, "app.restore", cmp.Or(r.As, b.Hostname), err, fmt.Sprintf("backup %d", id))
		return AppView{}, JobView{}, err
	}
	return c.viewApp(rec), jobView(job), nil
}

// restorable refuses a backup that nothing can be restored from.
func (b backup) restorable() error {
	if b.Status == BackupFailed || b.VolID == "" && !b.underWay() {
		return &Error{Kind: ErrInvalid, Text: fmt.Sprintf("backup %d has come to nothing: %s", b.ID, b.Error), Hint: "restore another one"}
	}
	if err := b.free(); err != nil {
		return err
	}
	if !b.Missing.IsZero() {
		return &Error{Kind: ErrConflict, Text: fmt.Sprintf("the archive of backup %d is not on storage %s any more", b.ID, b.Storage), Hint: "restore another one"}
	}
	return nil
}

// restoreTx writes the job that puts a backup over its app.
func (c *Core) restoreTx(tx *store.Tx, a Actor, b *backup, r RestoreRequest) (app, jobs.Job, error) {
	rec, err := c.apps.Get(tx, b.App)
	if errors.Is(err, store.ErrNotFound) {
		return app{}, jobs.Job{}, &Error{Kind: ErrConflict, Text: fmt.Sprintf("the app of backup %d is gone", b.ID), Hint: fmt.Sprintf("restore it as a new one: `restore %d --as HOSTNAME --yes`", b.ID)}
	}
	if err != nil {
		return app{}, jobs.Job{}, err
	}
	if err := a.May(VerbChangeApp, rec.Owner); err != nil {
		return app{}, jobs.Job{}, err
	}
	d := restoring{App: rec.ID, Backup: b.ID, Was: rec.Status, End: rec.Status, Error: rec.Error, Hint: rec.Hint, NoSafety: r.NoSafety}
	if rec.Status == StatusError {
		d.End = StatusRunning
	}
	job, err := c.engine.Enqueue(tx, jobs.Spec{Kind: "restore", Subject: rec.ID, SubjectTitle: rec.Hostname, Owner: a.User, OwnerVia: string(a.Via),
		Title: "restore " + rec.Hostname, Data: d})
	if err != nil {
		return app{}, jobs.Job{}, busy(err)
	}
	if rec.VMID == 0 || rec.Status == StatusRemoving {
		return app{}, jobs.Job{}, &Error{Kind: ErrConflict, Text: rec.Hostname + " has no container to restore over", Hint: fmt.Sprintf("restore it as a new app: `restore %d --as HOSTNAME --yes`", b.ID)}
	}
	if l, err := c.liveHost(rec.Host); err == nil && !b.Shared && b.Node != c.nodeOf(l, rec) && b.Host == rec.Host {
		return app{}, jobs.Job{}, &Error{Kind: ErrConflict, Text: fmt.Sprintf("the archive is on storage %s of %s, and %s lives on %s", b.Storage, b.Node, rec.Hostname, c.nodeOf(l, rec)),
			Hint: fmt.Sprintf("restore it as a new app there: `restore %d --as HOSTNAME --yes`", b.ID)}
	}
	rec.setStatus(StatusUpdating, c.now())
	return rec, job, c.putApp(tx, rec)
}
