package core

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"proximity/core/pve"
	"proximity/jobs"
	"proximity/store"
)

// removeVolume removes an archive from its storage. One that is gone already is
// removed well, and asking twice harms nothing.
func (c *Core) removeVolume(ctx context.Context, l *liveHost, node, volid string) error {
	upid, err := l.client.DeleteVolume(ctx, node, volid)
	if err == nil && upid != "" {
		err = l.client.Wait(ctx, upid, nil)
	}
	if errors.Is(err, pve.ErrProtected) {
		return &Error{Kind: ErrConflict, Text: "Proxmox protects " + SafeText(volid, 200), Hint: "unpin it first", Err: err}
	}
	if err := ignore(err, pve.ErrNotFound); err != nil {
		return fmt.Errorf("remove %s: %w", volid, err)
	}
	return nil
}

// readerOf is a node that reads the archive of a backup now.
func (c *Core) readerOf(l *liveHost, b backup) (string, error) {
	s := l.poller.Snapshot()
	if s.Err != nil || s.At.IsZero() {
		return "", silence(l)
	}
	online := func(name string) bool { n, ok := s.Node(name); return ok && n.Online }
	if online(b.Node) {
		return b.Node, nil
	}
	if b.Shared {
		for _, st := range s.Storages {
			if st.Name == b.Storage && st.Status == "available" && online(st.Node) {
				return st.Node, nil
			}
		}
	}
	return "", &Error{Kind: ErrUnreachable, Text: fmt.Sprintf("node %s, which has storage %s, is offline", b.Node, b.Storage), Hint: "`nodes` shows when it is back"}
}

// removeArchive removes what is on the storage of a backup, and its record.
func (c *Core) removeArchive(ctx context.Context, b backup) error {
	if b.VolID != "" {
		l, err := c.liveHost(b.Host)
		if err == nil {
			var node string
			if node, err = c.readerOf(l, b); err == nil {
				err = c.removeVolume(ctx, l, node, b.VolID)
			}
		}
		if err != nil && !errors.Is(err, ErrNotFound) { // the archives of a host that was removed are out of reach
			return &awayError{host: b.Host, err: err}
		}
	}
	return c.store.Update(func(tx *store.Tx) error { return c.dropBackup(tx, b.ID) })
}

// removeBackupsOf removes all backups of an app from their storages, for a
// delete that is to leave none. Pinned ones stay. It may be repeated.
func (c *Core) removeBackupsOf(ctx context.Context, appID string, say func(jobs.Level, string)) error {
	for _, b := range c.shelf.of(appID) {
		if b.Pinned {
			say(jobs.Warning, fmt.Sprintf("backup %d stays: it is pinned", b.ID))
			continue
		}
		if err := c.removeArchive(ctx, b); err != nil {
			return err
		}
		say(jobs.Info, fmt.Sprintf("removed backup %d: %s", b.ID, SafeText(b.VolID, 200)))
	}
	return nil
}

// removal is what a job that deletes a backup remembers.
type removal struct {
	Backup uint64
	Was    BackupStatus // to go back to
}

// removalWorkflow deletes one backup from its storage.
func (c *Core) removalWorkflow() jobs.Workflow[removal] {
	remove := jobs.Step[removal]{Name: "backup_delete", Title: "remove the archive", Do: func(ctx context.Context, r *jobs.Run[removal]) error {
		if r.Job().CancelBy != "" {
			return context.Canceled // once it has begun it is not broken off: half a delete is none
		}
		b, err := c.backupRecord(r.Data.Backup)
		if errors.Is(err, store.ErrNotFound) {
			return nil // done before a crash
		}
		if err != nil {
			return err
		}
		return c.removeArchive(ctx, b)
	}, FinishBeforeCancel: true}
	return jobs.Workflow[removal]{Kind: "backup-delete", Retries: 2, Backoff: c.evenly, Steps: []jobs.Step[removal]{remove}, Finish: c.removalFinish}
}

// evenly is the pause before every retry of what concerns backups.
func (c *Core) evenly(int) time.Duration { return c.cfg.Pace.Backoff }

// removalFinish writes how it ended: a backup that could not be deleted is what
// it was.
func (c *Core) removalFinish(tx *store.Tx, j jobs.Job, d *removal) error {
	b, err := c.backups.Get(tx, store.Key(d.Backup))
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if err == nil {
		b.Status = d.Was
		if err := c.putBackup(tx, b); err != nil {
			return err
		}
	}
	return c.auditEnd(tx, j)
}

// DeleteBackup starts a job that removes a backup and its archive. One that is
// pinned, or that a job works on, is refused.
func (c *Core) DeleteBackup(_ context.Context, a Actor, id uint64) (JobView, error) {
	b, err := c.backupSeen(a, id)
	if err != nil {
		return JobView{}, err
	}
	var job jobs.Job
	if err = a.May(VerbChangeApp, b.Owner); err == nil {
		err = c.store.Update(func(tx *store.Tx) error {
			return c.changeBackup(tx, id, func(r *backup) error {
				if err := r.free(); err != nil {
					return err
				}
				if r.Pinned {
					return &Error{Kind: ErrConflict, Text: fmt.Sprintf("backup %d is pinned", id), Hint: fmt.Sprintf("`pin %d --off` lets it go", id)}
				}
				job, err = c.engine.Enqueue(tx, jobs.Spec{Kind: "backup-delete", Subject: fmt.Sprintf("backup/%d", id), SubjectTitle: r.Hostname, Owner: a.User, OwnerVia: string(a.Via),
					Title: "delete a backup of " + r.Hostname, Data: removal{Backup: id, Was: r.Status}})
				if err != nil {
					return busy(err)
				}
				r.Status, r.Job = BackupDeleting, job.ID
				return c.auditJob(tx, a, "backup.delete", fmt.Sprintf("%d of %s", id, r.Hostname), job.ID, r.VolID)
			})
		})
	}
	if err != nil {
		c.audit(a, "backup.delete", fmt.Sprintf("%d of %s", id, b.Hostname), err, "")
		return JobView{}, err
	}
	return jobView(job), nil
}

// free refuses while a job works on the backup.
func (b backup) free() error {
	if !b.underWay() {
		return nil
	}
	doing := map[BackupStatus]string{BackupCreating: "being made", BackupRestoring: "being restored", BackupDeleting: "being deleted"}
	return &Error{Kind: ErrConflict, Text: fmt.Sprintf("backup %d is %s", b.ID, doing[b.Status]), Hint: fmt.Sprintf("`job %d -f` follows it", b.Job)}
}

// NoteBackup changes what is noted beside a backup.
func (c *Core) NoteBackup(ctx context.Context, a Actor, id uint64, note string) (BackupView, error) {
	err := checkNote(note)
	if err != nil {
		c.audit(a, "backup.note", fmt.Sprint(id), err, "")
		return BackupView{}, err
	}
	return c.attribute(ctx, a, "backup.note", id, func(b *backup) (*string, *bool) {
		b.Note = note
		text := c.dumpNotes(*b)
		if b.Found {
			text = note
		}
		return &text, nil
	})
}

// PinBackup protects a backup from every deletion, or lets it go again.
func (c *Core) PinBackup(ctx context.Context, a Actor, id uint64, pinned bool) (BackupView, error) {
	verb := "backup.pin"
	if !pinned {
		verb = "backup.unpin"
	}
	return c.attribute(ctx, a, verb, id, func(b *backup) (*string, *bool) {
		b.Pinned = pinned
		return nil, &pinned
	})
}

// attribute changes an attribute of an archive on its storage, then in the
// record.
func (c *Core) attribute(ctx context.Context, a Actor, action string, id uint64, change func(*backup) (notes *string, protected *bool)) (BackupView, error) {
	b, err := c.backupSeen(a, id)
	if err != nil {
		return BackupView{}, err
	}
	if err = a.May(VerbChangeApp, b.Owner); err == nil {
		err = c.setAttribute(ctx, b, change)
	}
	if err == nil {
		err = c.store.Update(func(tx *store.Tx) error {
			return c.changeBackup(tx, id, func(r *backup) error { change(r); return nil })
		})
	}
	c.audit(a, action, fmt.Sprintf("%d of %s", id, b.Hostname), err, "")
	if err != nil {
		return BackupView{}, err
	}
	return c.Backup(ctx, a, id)
}

func (c *Core) setAttribute(ctx context.Context, b backup, change func(*backup) (*string, *bool)) error {
	if b.Status == BackupFailed || !b.Missing.IsZero() {
		return &Error{Kind: ErrConflict, Text: fmt.Sprintf("backup %d has no archive", b.ID), Hint: fmt.Sprintf("`backup-delete %d` forgets it", b.ID)}
	}
	if err := b.free(); err != nil {
		return err
	}
	l, err := c.liveHost(b.Host)
	if err != nil {
		return err
	}
	node, err := c.readerOf(l, b)
	if err != nil {
		return err
	}
	notes, protected := change(&b)
	if err := l.client.SetVolume(ctx, node, b.VolID, notes, protected); err != nil {
		return fromHost(l, "change backup "+fmt.Sprint(b.ID), err)
	}
	return nil
}

// fromHost turns what Proxmox said to a call of a face's own into a refusal.
func fromHost(l *liveHost, what string, err error) error {
	kind, hint := ErrFailed, ""
	is := func(kinds ...error) bool {
		return slices.ContainsFunc(kinds, func(k error) bool { return errors.Is(err, k) })
	}
	switch {
	case is(pve.ErrUnreachable, pve.ErrTimeout, pve.ErrBusy):
		kind, hint = ErrUnreachable, "`hosts test "+l.rec.Name+"` says more"
	case is(pve.ErrNotFound):
		kind, hint = ErrNotFound, "it is gone from its storage"
	case is(pve.ErrPermission, pve.ErrAuth):
		hint = "`hosts test " + l.rec.Name + "` shows what the account lacks"
	}
	return &Error{Kind: kind, Text: fmt.Sprintf("could not %s: %s", what, SafeText(err.Error(), 300)), Hint: hint, Err: err}
}
