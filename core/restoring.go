package core

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"proximity/core/catalog"
	"proximity/core/pve"
	"proximity/jobs"
	"proximity/store"
)

// restoring is what a job that puts a backup back over its app remembers.
type restoring struct {
	App    string
	Backup uint64
	guestRecord

	Was, End     AppStatus // the app's before, and when all goes well
	Error, Hint  string    // if Was is error
	NoSafety     bool
	Safety       dumping           // the copy of what was there before
	Keep         map[string]string // configuration that stays as it is now
	Disk         string            // storage of the disk
	Over, Return refill            // the restore; and of the safety copy, if it is undone
}

// restoreAtWork is a step of a restore at work.
type restoreAtWork struct {
	*work[restoring]
	backup backup
}

// restoreWorkflow puts a backup back over its app. The app keeps its container
// number, addresses, ports, size and marks, and ends in the state it was in.
func (c *Core) restoreWorkflow() jobs.Workflow[restoring] {
	at := func(do func(*restoreAtWork, context.Context) error) func(context.Context, *jobs.Run[restoring]) error {
		return func(ctx context.Context, r *jobs.Run[restoring]) error {
			w, err := newWork(c, r, r.Data.App, &r.Data.guestRecord)
			if err != nil {
				return err
			}
			b, err := c.backupRecord(r.Data.Backup)
			if err != nil {
				return err
			}
			return w.named(do(&restoreAtWork{w, b}, ctx))
		}
	}
	steps := []jobs.Step[restoring]{
		{Name: "init", Title: "look at the archive and the container", Weight: 0.2, Timeout: 10 * time.Minute, Do: at((*restoreAtWork).begin)},
		{Name: "stop", Title: "shut the container down", Weight: 0.5, Timeout: 10 * time.Minute, Do: at((*restoreAtWork).stop), Undo: at((*restoreAtWork).unstop)},
		{Name: "safety", Title: "copy what is there now", Weight: 3, Timeout: dumpTimeout, Do: at((*restoreAtWork).safety), Undo: at((*restoreAtWork).unsafety),
			Slot: func(d *restoring) (string, int) {
				if d.NoSafety {
					return "", 0
				}
				return c.dumpSlot(d.App)
			}},
		{Name: "restore", Title: "restore the archive", Weight: 5, Timeout: dumpTimeout, FinishBeforeCancel: true, Do: at((*restoreAtWork).restore), Undo: at((*restoreAtWork).unrestore)},
		{Name: "start", Title: "start the container", Timeout: 10 * time.Minute, Do: at((*restoreAtWork).start)},
		{Name: "app_up", Title: "bring the app up", Timeout: 25 * time.Minute, Do: at((*restoreAtWork).up)},
		{Name: "complete", Title: "done", Weight: 0.1, Timeout: 10 * time.Minute, Do: at((*restoreAtWork).complete)},
	}
	return jobs.Workflow[restoring]{Kind: "restore", Retries: 2, Backoff: c.evenly, Steps: steps, Finish: c.restoreFinish}
}

// restoreFinish writes where the app and the backup ended up.
func (c *Core) restoreFinish(tx *store.Tx, j jobs.Job, d *restoring) error {
	if err := c.restored(tx, d.Backup); err != nil {
		return err
	}
	if d.Safety.Backup != 0 && j.State != jobs.Succeeded {
		if err := ignore(c.failBackup(tx, d.Safety.Backup, j), store.ErrNotFound); err != nil {
			return err
		}
	}
	a, err := c.apps.Get(tx, d.App)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	switch {
	case j.State == jobs.Succeeded:
		a.setStatus(d.End, c.now())
	case j.Failure == nil || j.Failure.Left == "":
		a.setStatus(d.Was, c.now())
		a.Error, a.Hint = d.Error, d.Hint
	default:
		a.fail(j.Kind, "restore failed: "+j.Failure.Text+"; left behind: "+j.Failure.Left,
			cmp.Or(j.Failure.Hint, "`backups "+a.Hostname+"` lists what can be restored"), c.now())
	}
	if err := c.auditEnd(tx, j); err != nil {
		return err
	}
	return c.putApp(tx, a)
}

// restored makes a backup that was being restored one that can be again.
func (c *Core) restored(tx *store.Tx, id uint64) error {
	return ignore(c.changeBackup(tx, id, func(b *backup) error {
		if b.Status == BackupRestoring {
			b.Status = BackupCompleted
		}
		return nil
	}), store.ErrNotFound)
}

// begin makes sure of the archive, and writes down what is to stay as it is.
func (d *restoreAtWork) begin(ctx context.Context) error {
	gone, err := d.check(ctx)
	if err != nil {
		return err
	}
	if err := d.c.listed(ctx, d.host, d.app.Node, d.backup); err != nil {
		return err
	}
	if gone {
		d.Logf(jobs.Warning, "CT %d is gone: it is made anew", d.app.VMID)
		return d.anew(ctx)
	}
	if d.Data.Keep, d.Data.Disk, err = d.lasting(ctx); err != nil {
		return err
	}
	d.Logf(jobs.Info, "restore %s of %s over CT %d on %s", d.backup.VolID, d.backup.TakenAt.Format(time.DateTime), d.app.VMID, d.app.Node)
	return d.Save()
}

// anew writes down what a container made in the place of one that is gone is to
// be like. An adopted one has nothing of ours: its archive says it all.
func (d *restoreAtWork) anew(ctx context.Context) error {
	d.Data.Disk = d.app.Storage
	if !d.app.Adopted {
		d.Data.Keep = d.c.identity(d.app)
	}
	if d.Data.Disk == "" {
		cfg, err := d.host.client.BackupConfig(ctx, d.app.Node, d.backup.VolID)
		if err != nil {
			return err
		}
		d.Data.Disk, _, _ = strings.Cut(cfg.RootFS, ":")
	}
	return d.Save()
}

func (d *restoreAtWork) stop(ctx context.Context) error {
	if gone, err := d.check(ctx); gone || err != nil {
		return err
	}
	return d.shutdownOurs(ctx)
}

// unstop starts the container again if it ran before.
func (d *restoreAtWork) unstop(ctx context.Context) error {
	if d.Data.Was != StatusRunning {
		return nil
	}
	if gone, err := d.check(ctx); gone || err != nil {
		return err
	}
	if err := d.settle(ctx, "vzshutdown"); err != nil {
		return err
	}
	d.rec.StartTask = ""
	return d.work.start(ctx)
}

// safety makes a backup of what is there now.
func (d *restoreAtWork) safety(ctx context.Context) error {
	if d.Data.NoSafety {
		d.Log(jobs.Warning, "no copy is made of what is there now: it was declined")
		return nil
	}
	if gone, err := d.check(ctx); gone || err != nil {
		return err
	}
	return d.backUp(ctx, &d.Data.Safety, backupOrder{Why: "before a restore", By: d.Job().Owner})
}

func (d *restoreAtWork) unsafety(ctx context.Context) error {
	return d.unBackUp(ctx, &d.Data.Safety)
}

// restore puts the archive over the container, and takes over what it brings.
func (d *restoreAtWork) restore(ctx context.Context) error {
	if err := d.refill(ctx, &d.Data.Over, d.backup.VolID, d.Data.Disk, d.Data.Keep); err != nil {
		return err
	}
	return d.takeOver(ctx, d.backup.As)
}

// takeOver brings the record in line with what was restored: the field values
// of then are those in its files now.
func (d *restoreAtWork) takeOver(ctx context.Context, as *app) error {
	cfg, err := d.host.client.GuestConfig(ctx, d.app.Node, d.app.VMID)
	if err != nil {
		return err
	}
	size := diskGB(cfg.RootFS)
	if size > 0 && size != d.app.DiskGB {
		d.Logf(jobs.Info, "its disk has %d GB, as in the backup", size)
	}
	return d.keep(func(a *app) {
		a.Storage, a.DiskGB = d.Data.Disk, cmp.Or(size, a.DiskGB)
		if as != nil {
			a.Values, a.Sealed, a.RootPassword, a.Recipe, a.InternalPort = as.Values, as.Sealed, as.RootPassword, as.Recipe, as.InternalPort
		}
	})
}

// unrestore brings back what was there before, from the safety copy.
func (d *restoreAtWork) unrestore(ctx context.Context) error {
	if !d.Data.Over.Sent {
		return nil
	}
	if err := d.finishRefill(ctx, &d.Data.Over); err != nil && !pve.IsTaskFailure(err) && !errors.Is(err, pve.ErrTaskLost) {
		return err
	}
	d.expect()
	who, err := d.c.whose(ctx, d.host, d.app)
	if err != nil {
		return err
	}
	if who == ours && !d.Data.Over.Done && !d.Data.Return.Sent {
		return nil // Proxmox refused before it touched anything
	}
	safety, err := d.c.backupRecord(d.Data.Safety.Backup)
	if err == nil && safety.good() {
		d.Logf(jobs.Info, "bring back what was there before, from backup %d", safety.ID)
		if who == ours {
			d.rec.StopTask = ""
			if err := d.shutdownOurs(ctx); err != nil {
				return err
			}
		}
		if err := d.refill(ctx, &d.Data.Return, safety.VolID, d.Data.Disk, d.Data.Keep); err != nil {
			return fmt.Errorf("what was there before is in backup %d, but could not be brought back: %w", safety.ID, err)
		}
		return d.takeOver(ctx, safety.As)
	}
	if err := ignore(err, store.ErrNotFound); err != nil {
		return err
	}
	if who == ours {
		d.Logf(jobs.Warning, "the app stays as restored from backup %d: there is no copy of what was there before", d.backup.ID)
		return nil
	}
	return &Error{Kind: ErrFailed, Text: fmt.Sprintf("CT %d is gone, and there is no copy of what was there before", d.app.VMID), Hint: fmt.Sprintf("`restore %d --yes` makes it anew from the backup", d.backup.ID)}
}

// start starts the container, if the app is to run or the backup wants commands
// run inside.
func (d *restoreAtWork) start(ctx context.Context) error {
	if d.Data.End != StatusRunning && len(d.steps()) == 0 {
		return nil
	}
	if err := d.startOurs(ctx); err != nil {
		return err
	}
	return d.network(ctx)
}

// steps are the manifest's commands after a restore.
func (d *restoreAtWork) steps() []catalog.Step {
	if d.manifest != nil {
		return d.manifest.Backup.Restore
	}
	return nil
}

// up starts the services, which may have been stopped for the backup, and runs
// what the manifest wants after a restore.
func (d *restoreAtWork) up(ctx context.Context) error {
	if d.manifest == nil || d.Data.End != StatusRunning && len(d.steps()) == 0 {
		return nil
	}
	if err := d.must(ctx, "docker_again", "starting docker", dockerUp, true); err != nil {
		return err
	}
	if err := d.work.up(ctx, "up", d.manifest); err != nil {
		return err
	}
	return d.afterRestore(ctx)
}

// afterRestore runs what the manifest wants run once its data are back.
func (d *work[D]) afterRestore(ctx context.Context) error {
	if len(d.manifest.Backup.Restore) == 0 {
		return nil
	}
	s := "set -e\n" + composeFunc(d.app)
	for _, step := range d.manifest.Backup.Restore {
		s += serviceCommand(step) + "\n"
	}
	return d.must(ctx, "after_restore", "what the app wants done after a restore", s, false)
}

func (d *restoreAtWork) complete(ctx context.Context) error {
	if d.Data.End != StatusRunning {
		d.rec.StopTask = ""
		if err := d.shutdownOurs(ctx); err != nil {
			return err
		}
	}
	d.Logf(jobs.Info, "%s is as it was on %s", d.app.Hostname, d.backup.TakenAt.Format(time.DateTime))
	return nil
}
