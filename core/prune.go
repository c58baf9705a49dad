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

// pruning is what a job that prunes remembers.
type pruning struct {
	Schedule uint64
	Name     string
	Apps     []string // ids; those whose backups may go
	Now      uint64   // the backup being removed
	Removed  int
}

// pruneWorkflow removes the backups that no schedule wants any more. What goes
// is judged anew before each removal.
func (c *Core) pruneWorkflow() jobs.Workflow[pruning] {
	step := jobs.Step[pruning]{Name: "prune", Title: "remove what nobody wants any more", Timeout: dumpTimeout, Do: c.prune, FinishBeforeCancel: true}
	return jobs.Workflow[pruning]{Kind: "prune", Retries: 2, Backoff: c.evenly, Steps: []jobs.Step[pruning]{step},
		Finish: func(tx *store.Tx, j jobs.Job, d *pruning) error {
			if d.Now != 0 { // it could not be removed
				err := c.changeBackup(tx, d.Now, func(b *backup) error { b.Status = BackupCompleted; return nil })
				if err := ignore(err, store.ErrNotFound); err != nil {
					return err
				}
			}
			return c.auditEnd(tx, j)
		}}
}

func (c *Core) prune(ctx context.Context, r *jobs.Run[pruning]) error {
	d := r.Data
	for r.Job().CancelBy == "" {
		if d.Now == 0 {
			if err := c.pickPruned(r); err != nil || d.Now == 0 {
				return err
			}
		}
		b, err := c.backupRecord(d.Now)
		if err == nil {
			err = c.removeArchive(ctx, b)
		}
		switch {
		case errors.Is(err, pve.ErrProtected):
			err = c.pinnedOutside(r, b)
		case err == nil, errors.Is(err, store.ErrNotFound): // the latter before a crash
			r.Logf(jobs.Info, "removed backup %d of %s: %s", d.Now, b.Hostname, SafeText(b.VolID, 200))
			d.Now, d.Removed = 0, d.Removed+1
			err = r.Save()
		}
		if err != nil {
			return err
		}
	}
	return context.Canceled
}

// pinnedOutside takes note of a pin that was set in Proxmox.
func (c *Core) pinnedOutside(r *jobs.Run[pruning], b backup) error {
	r.Logf(jobs.Warning, "backup %d of %s stays: Proxmox protects it", b.ID, b.Hostname)
	return r.Save(func(tx *store.Tx) error {
		r.Data.Now = 0
		return c.changeBackup(tx, b.ID, func(b *backup) error { b.Status, b.Pinned = BackupCompleted, true; return nil })
	})
}

// pickPruned marks the next backup that is to go, if there is one.
func (c *Core) pickPruned(r *jobs.Run[pruning]) error {
	d := r.Data
	return r.Save(func(tx *store.Tx) error {
		d.Now = 0
		for _, id := range d.Apps {
			rec, err := c.apps.Get(tx, id)
			if errors.Is(err, store.ErrNotFound) {
				continue // its backups are orphans now: for people to decide on
			}
			if err != nil {
				return err
			}
			all, err := c.backupsTx(tx, id)
			if err != nil {
				return err
			}
			for _, v := range slices.Backward(fates(all, c.schedulesOf(rec, schedule{}))) { // the oldest first
				if v.keep {
					continue
				}
				d.Now = v.backup.ID
				return c.changeBackup(tx, d.Now, func(b *backup) error { b.Status, b.Job = BackupDeleting, r.Job().ID; return nil })
			}
		}
		return nil
	})
}

// backupsTx are an app's backups as they are in a transaction, newest first.
func (c *Core) backupsTx(tx *store.Tx, appID string) ([]backup, error) {
	var all []backup
	for b, err := range c.backups.Where(tx, indexApp, appID) {
		if err != nil {
			return nil, err
		}
		all = append(all, b)
	}
	return newestFirst(all), nil
}

// pruneTx writes the job that prunes the backups of apps.
func (c *Core) pruneTx(tx *store.Tx, a Actor, s schedule, apps []string) (jobs.Job, error) {
	return c.engine.Enqueue(tx, jobs.Spec{Kind: "prune", Subject: fmt.Sprintf("schedule/%d", s.ID), SubjectTitle: s.Name, Owner: a.User, OwnerVia: string(a.Via),
		Title: "prune backups of " + s.Name, Data: pruning{Schedule: s.ID, Name: s.Name, Apps: apps}})
}

// PreviewPrune says of every backup of the apps a schedule covers (visible
// ones; by app, newest first) whether a prune would keep it, and why. Without a
// name, of all apps.
func (c *Core) PreviewPrune(_ context.Context, a Actor, name string) ([]PruneMark, error) {
	s := schedule{Which: AllApps}
	if name != "" {
		var err error
		if s, err = c.scheduleNamed(name); err != nil {
			return nil, err
		}
	}
	marks := []PruneMark{}
	for _, rec := range c.covered(s, c.cachedApps()) {
		if !a.sees(rec.Owner) {
			continue
		}
		for _, v := range fates(c.shelf.of(rec.ID), c.schedulesOf(rec, schedule{})) {
			marks = append(marks, PruneMark{Backup: c.backupView(v.backup), Keep: v.keep, Why: v.why})
		}
	}
	return marks, nil
}

// PruneSchedule starts a job that removes what no schedule wants any more of the
// apps that a schedule covers, or ("") of all apps.
func (c *Core) PruneSchedule(_ context.Context, a Actor, name string) (JobView, error) {
	s, err := schedule{Name: "all", Which: AllApps}, error(nil)
	if name != "" {
		s, err = c.scheduleNamed(name)
	}
	if err == nil {
		err = a.May(VerbSchedules, "")
	}
	var job jobs.Job
	if err == nil {
		var ids []string
		for _, rec := range c.covered(s, c.cachedApps()) {
			ids = append(ids, rec.ID)
		}
		err = c.store.Update(func(tx *store.Tx) error {
			job, err = c.pruneTx(tx, a, s, ids)
			return busy(err)
		})
	}
	c.audit(a, "schedule.prune", name, err, "")
	if err != nil {
		return JobView{}, err
	}
	return jobView(job), nil
}
