package core

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"proximity/core/catalog"
	"proximity/core/pve"
	"proximity/jobs"
	"proximity/store"
)

// updating is what an update job remembers: the app as it is to be. Its record
// stays as it was until all has gone well.
type updating struct {
	App          string
	Recipe       recipe
	Values       map[string]string
	Sealed       string
	InternalPort int
	Backup       bool   // begin with one
	WayBack      string // "image", "restore", "none"
	guestRecord

	Safety dumping           // the backup
	Keep   map[string]string // configuration that stays as it is
	Disk   string            // storage of the disk
	Return refill            // of the backup, if the update fails
}

// renewing is an update at work.
type renewing struct {
	*work[updating]
	next     app               // as it is to be
	manifest *catalog.Manifest // the new one; work's is the old
}

// updateWorkflow is the way from one recipe to the next, and back again when
// the app does not answer.
func (c *Core) updateWorkflow() jobs.Workflow[updating] {
	at := func(do func(*renewing, context.Context) error) func(context.Context, *jobs.Run[updating]) error {
		return func(ctx context.Context, r *jobs.Run[updating]) error { return c.updateDo(ctx, r, do) }
	}
	return jobs.Workflow[updating]{Kind: "update", Retries: 3, Backoff: c.backoff, Finish: c.updateFinish, Steps: []jobs.Step[updating]{
		{Name: "init", Title: "look at the container", Weight: 0.2, Timeout: 5 * time.Minute, Do: at((*renewing).begin)},
		{Name: "backup", Title: "back it up", Weight: 4, Timeout: dumpTimeout, Do: at((*renewing).backup), Undo: at((*renewing).unbackup), Slot: func(d *updating) (string, int) {
			if !d.Backup {
				return "", 0
			}
			return c.dumpSlot(d.App)
		}},
		{Name: "pull", Title: "pull the new images", Weight: 5, Timeout: 25 * time.Minute, Do: at((*renewing).pull), Undo: at((*renewing).unpull)},
		{Name: "app_deploy", Title: "start the new version", Weight: 2, Timeout: dumpTimeout, Do: at((*renewing).swap), Undo: at((*renewing).back)},
		{Name: "ready", Title: "wait for the app to answer", Weight: 2, Timeout: 15 * time.Minute, Do: at((*renewing).probe)},
		{Name: "complete", Title: "done", Weight: 0.1, Timeout: time.Minute, Do: at((*renewing).complete)},
	}}
}

func (c *Core) updateDo(ctx context.Context, r *jobs.Run[updating], do func(*renewing, context.Context) error) error {
	w, err := newWork(c, r, r.Data.App, &r.Data.guestRecord)
	if err != nil {
		return err
	}
	d := &renewing{work: w, next: w.app}
	r.Data.into(&d.next)
	if d.manifest = c.manifestOf(d.next); d.manifest == nil || w.manifest == nil {
		return fmt.Errorf("the recipe of %s is not kept", w.app.Hostname)
	}
	w.app.Node = c.nodeOf(w.host, w.app)
	return w.named(do(d, ctx))
}

// into makes an app's record what the update makes of it.
func (u *updating) into(a *app) {
	a.Recipe, a.Values, a.Sealed, a.InternalPort = u.Recipe, u.Values, u.Sealed, u.InternalPort
}

// updateFinish writes where the app and the backup ended up, in the transaction
// that ends the job.
func (c *Core) updateFinish(tx *store.Tx, j jobs.Job, d *updating) error {
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
		d.into(&a)
		a.setStatus(StatusRunning, c.now())
	case j.Failure == nil || j.Failure.Left == "": // it runs as before
		a.setStatus(StatusRunning, c.now())
	default:
		hint := cmp.Or(j.Failure.Hint, "`backups "+a.Hostname+"` lists what can be restored")
		if b, err := c.backups.Get(tx, store.Key(d.Safety.Backup)); err == nil && b.good() {
			hint = fmt.Sprintf("`restore %d --yes` brings back what was there before the update", b.ID)
		}
		a.fail(j.Kind, "update failed: "+j.Failure.Text+"; left behind: "+j.Failure.Left, hint, c.now())
	}
	if err := c.auditEnd(tx, j); err != nil {
		return err
	}
	return c.putApp(tx, a)
}

func (d *renewing) begin(ctx context.Context) error {
	gone, err := d.check(ctx)
	if err == nil && gone {
		err = d.lost()
	}
	if err != nil {
		return err
	}
	if d.Data.Keep, d.Data.Disk, err = d.lasting(ctx); err != nil {
		return err
	}
	was, now := d.app.Recipe, d.Data.Recipe
	d.Logf(jobs.Info, "update %s from revision %d (%s) to %d (%s)", d.manifest.Name, was.Revision, was.Version, now.Revision, now.Version)
	for service, image := range now.Images {
		if image != was.Images[service] {
			d.Logf(jobs.Info, "%s: %s becomes %s", service, cmp.Or(was.Images[service], "nothing"), image)
		}
	}
	return d.Save()
}

// backup backs the app up as it is, where the recipe wants that.
func (d *renewing) backup(ctx context.Context) error {
	if !d.Data.Backup {
		d.Log(jobs.Info, "no backup: an update of this app changes nothing that it would bring back")
		return nil
	}
	return d.backUp(ctx, &d.Data.Safety, backupOrder{Why: "before an update", By: d.Job().Owner})
}

func (d *renewing) unbackup(ctx context.Context) error {
	return d.unBackUp(ctx, &d.Data.Safety)
}

// nextDir is where the new files are until they take the old ones' place: so
// long nothing of the app that runs is touched.
func (d *renewing) nextDir() string { return appDir(d.app) + ".next" }

// pull gets the new images while the app runs on.
func (d *renewing) pull(ctx context.Context) error {
	files, err := d.c.render(d.next, d.manifest)
	if err != nil {
		return err
	}
	if _, err := d.putInto(ctx, d.nextDir(), files[:2]); err != nil { // the compose file and its variables: all that a pull reads
		return err
	}
	return d.must(ctx, "pull", "pulling the images", composeIn(d.nextDir(), d.app)+"pull", true)
}

// unpull removes the new files, which hold secrets.
func (d *renewing) unpull(ctx context.Context) error {
	_, err := d.host.client.Exec(ctx, d.app.Node, d.app.VMID, "rm -rf "+pve.Quote(d.nextDir()), io.Discard)
	return ignore(err, pve.ErrNotFound, pve.ErrNotRunning)
}

// swap puts the new files in the old ones' place and starts the app with them.
func (d *renewing) swap(ctx context.Context) error {
	files, err := d.c.render(d.next, d.manifest)
	if err != nil {
		return err
	}
	if err := d.putFiles(ctx, files); err != nil {
		return err
	}
	if err := d.unpull(ctx); err != nil {
		return err
	}
	d.Progress(1, "starting")
	return d.up(ctx, "up", d.manifest, "--remove-orphans")
}

func (d *renewing) probe(ctx context.Context) error { return d.answers(ctx, "ready", d.manifest) }

func (d *renewing) complete(_ context.Context) error {
	d.Logf(jobs.Info, "%s runs %s", d.app.Hostname, d.Data.Recipe.Version)
	return nil
}

// back brings the app back to what it was before the update, in the way that
// its recipe knows.
func (d *renewing) back(ctx context.Context) error {
	switch d.Data.WayBack {
	case "image":
		return d.backToImages(ctx)
	case "restore":
		return d.backToBackup(ctx)
	}
	e := &Error{Kind: ErrFailed, Text: "the recipe knows no way back: " + d.app.Hostname + " stays as the update left it", Hint: "its log says what is wrong"}
	if d.Data.Safety.Backup != 0 {
		e.Hint = fmt.Sprintf("`restore %d --yes` brings back what was there before the update", d.Data.Safety.Backup)
	}
	return e
}

// backToImages starts the app with its old files and images, whose data an
// update of this app does not change.
func (d *renewing) backToImages(ctx context.Context) error {
	d.Log(jobs.Info, "going back to the images and files of before")
	files, err := d.c.render(d.app, d.work.manifest)
	if err != nil {
		return err
	}
	if err := d.putFiles(ctx, files); err != nil {
		return err
	}
	if err := d.up(ctx, "back_up", d.work.manifest, "--remove-orphans"); err != nil {
		return err
	}
	return d.answers(ctx, "back_ready", d.work.manifest)
}

// backToBackup puts the backup back over the container.
func (d *renewing) backToBackup(ctx context.Context) error {
	b, err := d.c.backupRecord(d.Data.Safety.Backup)
	if err == nil && !b.good() {
		err = store.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("the backup of before the update cannot be restored: %w", err)
	}
	if !d.Data.Return.Done {
		d.Logf(jobs.Info, "going back to backup %d", b.ID)
		if err := d.stopForReturn(ctx); err != nil {
			return err
		}
	}
	if err := d.refill(ctx, &d.Data.Return, b.VolID, d.Data.Disk, d.Data.Keep); err != nil {
		return fmt.Errorf("what was there before the update is in backup %d, but could not be brought back: %w", b.ID, err)
	}
	d.rec.StartTask = ""
	if err := d.startOurs(ctx); err != nil {
		return err
	}
	if err := d.network(ctx); err != nil {
		return err
	}
	if err := d.must(ctx, "docker_again", "starting docker", dockerUp, true); err != nil {
		return err
	}
	if err := d.up(ctx, "back_up", d.work.manifest); err != nil {
		return err
	}
	if err := d.afterRestore(ctx); err != nil {
		return err
	}
	return d.answers(ctx, "back_ready", d.work.manifest)
}

// stopForReturn stops the container that the backup is put over; a restore that
// was cut off may have left none.
func (d *renewing) stopForReturn(ctx context.Context) error {
	if err := d.finishRefill(ctx, &d.Data.Return); err != nil && !ended(err) {
		return err
	}
	d.expect()
	who, err := d.look(ctx)
	if err != nil || who != ours || d.Data.Return.Done {
		return err
	}
	d.rec.StopTask = ""
	return d.shutdownOurs(ctx)
}
