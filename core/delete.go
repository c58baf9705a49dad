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

// deletion is what a job that destroys an app remembers.
type deletion struct {
	App        string
	Was        standing // before it was asked for
	Ran        bool     // its container ran then
	Stopping   bool     // it may be stopped from here on
	Destroying bool     // the container may be gone, or half gone, from here on
	Gone       bool     // there is no container any more
	Stranger   bool     // the container with its number is somebody else's
	Backups    bool     // they go, too
	Last       bool     // a last backup is made first
	guestRecord
	dumping // that backup
}

// standing is the part of an app's record that a delete which is undone brings
// back.
type standing struct {
	Status            AppStatus
	Error, Hint, Name string
	Lost              bool
}

// DeleteOptions say how an app is deleted.
type DeleteOptions struct {
	Now         bool // destroy it at once, instead of leaving time to change one's mind
	WithBackups bool // remove its backups, too; pinned ones stay
	Backup      bool // back it up first: while that is not done nothing is deleted
}

// deletionStep is a step of a delete.
type deletionStep func(d *deleting, ctx context.Context) error

type deleting struct{ *work[deletion] }

// deleteWorkflow stops the app, waits, and destroys it. Until the last step
// begins a cancel brings it back as it was.
func (c *Core) deleteWorkflow() jobs.Workflow[deletion] {
	run := func(do deletionStep) func(context.Context, *jobs.Run[deletion]) error {
		return func(ctx context.Context, r *jobs.Run[deletion]) error {
			w, err := newWork(c, r, r.Data.App, &r.Data.guestRecord)
			if err != nil {
				return err
			}
			return w.named(do(&deleting{w}, ctx))
		}
	}
	step := func(name, title string, do deletionStep) jobs.Step[deletion] {
		return jobs.Step[deletion]{Name: name, Title: title, Timeout: 10 * time.Minute, Do: run(do)}
	}
	steps := []jobs.Step[deletion]{
		step("hard_delete_start", "look at the container", (*deleting).look),
		step("backup", "make a last backup", (*deleting).backUpLast),
		step("stop", "shut the container down", (*deleting).stop),
		step("wait", "wait, in case somebody changes their mind", (*deleting).pause),
		step(destroyStep, "destroy the container", (*deleting).finish),
	}
	steps[1].Timeout, steps[1].Slot = dumpTimeout, c.lastSlot
	steps[1].Undo = run(func(d *deleting, ctx context.Context) error { return d.unBackUp(ctx, &d.Data.dumping) })
	steps[2].Undo = run((*deleting).startAgain)
	steps[4].FinishBeforeCancel = true
	return jobs.Workflow[deletion]{Kind: "delete", Retries: 3, Backoff: c.backoff, Steps: steps, Finish: c.deleteFinish}
}

// destroyStep is the step of a delete from which there is no way back.
const destroyStep = "delete"

// look notes whether the container runs and whose it is.
func (d *deleting) look(ctx context.Context) error {
	d.Data.Gone = d.app.VMID == 0
	if d.Data.Gone {
		return nil
	}
	gone, err := d.check(ctx)
	if err != nil {
		d.Data.Stranger = errors.Is(err, errStranger)
		return err
	}
	if d.Data.Gone = gone; gone {
		d.Logf(jobs.Info, "CT %d is gone already", d.app.VMID)
		return nil
	}
	st, err := d.host.client.Status(ctx, d.app.Node, d.app.VMID)
	if err != nil {
		return err
	}
	d.Data.Ran = st.Running()
	return nil
}

// backUpLast makes a last backup if one is wanted.
func (d *deleting) backUpLast(ctx context.Context) error {
	if !d.Data.Last {
		d.Log(jobs.Info, "none was asked for")
		return nil
	}
	if d.Data.Gone {
		return nil
	}
	return d.backUp(ctx, &d.Data.dumping, backupOrder{Why: "before it was deleted", By: d.Job().Owner})
}

// lastSlot is the place that needs.
func (c *Core) lastSlot(d *deletion) (string, int) {
	if !d.Last || d.Gone {
		return "", 0
	}
	return c.dumpSlot(d.App)
}

func (d *deleting) stop(ctx context.Context) error {
	if d.Data.Gone {
		return nil
	}
	d.Data.Stopping = true
	if err := d.Save(); err != nil {
		return err
	}
	return d.shutdownOurs(ctx)
}

// pause waits until the time written down when the delete was asked for.
func (d *deleting) pause(context.Context) error {
	if d.Data.Gone || !d.c.now().Before(d.app.DeleteAt) {
		return nil
	}
	return jobs.Later(d.app.DeleteAt, "destroyed at "+d.app.DeleteAt.UTC().Format("15:04:05")+" UTC: `undelete "+d.app.Hostname+"` keeps it")
}

// finish destroys the container, and then its backups if they are to go.
func (d *deleting) finish(ctx context.Context) error {
	if !d.Data.Gone {
		if err := d.destroyIt(ctx); err != nil {
			return err
		}
	}
	if !d.Data.Backups {
		return nil
	}
	return d.c.removeBackupsOf(ctx, d.app.ID, d.Log)
}

// destroyIt destroys the container. What is recorded first is that it may be
// gone.
func (d *deleting) destroyIt(ctx context.Context) error {
	d.Data.Destroying = true
	if err := d.Save(); err != nil {
		return err
	}
	if err := d.destroyOurs(ctx); err != nil {
		d.Data.Stranger = errors.Is(err, errStranger)
		return err
	}
	d.Data.Gone = true
	return d.Save()
}

// startAgain brings an app that is kept after all back to its work.
func (d *deleting) startAgain(ctx context.Context) error {
	if !d.Data.Ran || d.Data.Destroying {
		return nil
	}
	gone, err := d.check(ctx)
	if err != nil || gone {
		return err
	}
	if err := d.settle(ctx, "vzshutdown", "vzstop"); err != nil {
		return err
	}
	return d.start(ctx)
}

// deleteFinish writes what became of the app.
func (c *Core) deleteFinish(tx *store.Tx, j jobs.Job, d *deletion) error {
	if err := ignore(c.failBackup(tx, d.Backup, j), store.ErrNotFound); err != nil {
		return err
	}
	a, err := c.apps.Get(tx, d.App)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if j.State == jobs.Succeeded || d.Gone {
		return c.deleteApp(tx, a.ID)
	}
	if err := c.auditEnd(tx, j); err != nil {
		return err
	}
	a.DeleteAt = time.Time{}
	switch {
	case d.Stranger || d.Destroying:
		text, hint := "delete was cancelled", "delete it again"
		if j.Failure != nil {
			text, hint = "delete failed: "+j.Failure.Text, "delete it again once that is mended"
		}
		if d.Stranger {
			hint = "delete it again to forget it: the container with its number stays"
		}
		a.fail(j.Kind, text, hint, c.now())
		a.Lost = d.Stranger
	case d.Stopping && j.Failure != nil && j.Failure.Left != "": // it could not be started again
		a.setStatus(StatusStopped, c.now())
	default:
		d.Was.back(&a, c.now())
	}
	return c.putApp(tx, a)
}

func standingOf(a app) standing { return standing{a.Status, a.Error, a.Hint, a.Cause, a.Lost} }

func (s standing) back(a *app, now time.Time) {
	a.setStatus(s.Status, now)
	a.Error, a.Hint, a.Cause, a.Lost = s.Error, s.Hint, s.Name, s.Lost
}

// DeleteApp destroys an app, its container and its data: the app stops now, and
// the container goes when the time to change one's mind has passed. Backups
// stay. Of an app that was adopted, or whose container was deleted outside
// Proximity, only our record goes: no container is touched.
func (c *Core) DeleteApp(_ context.Context, a Actor, name string, o DeleteOptions) (JobView, error) {
	return c.onApp(a, "app.delete", name, func(tx *store.Tx, rec app) (jobs.Job, string, error) {
		if o.Backup && o.WithBackups {
			return jobs.Job{}, "", invalid("backup", "leave one of them out", "a last backup would go with the others")
		}
		if rec.Adopted || rec.Lost {
			return c.release(tx, a, rec)
		}
		job, err := c.enqueue(tx, a, "delete", rec, "delete "+rec.Hostname, deletion{App: rec.ID, Was: standingOf(rec), Backups: o.WithBackups, Last: o.Backup})
		if err != nil {
			return job, "", err
		}
		rec.setStatus(StatusRemoving, c.now())
		detail := "at once"
		if !o.Now && rec.VMID != 0 {
			rec.DeleteAt = c.now().Add(c.deleteWait())
			detail = "destroyed at " + rec.DeleteAt.UTC().Format(time.DateTime) + " UTC"
		}
		return job, detail, c.putApp(tx, rec)
	})
}

// deleteWait is how long an app that is deleted waits for its end.
func (c *Core) deleteWait() time.Duration {
	if c.cfg.Pace.DeleteWait != 0 {
		return c.cfg.Pace.DeleteWait
	}
	return time.Duration(c.Settings().DeleteWait) * time.Second
}

// KeepApp takes back a delete that still waits: the app is as it was, and runs
// again if it ran.
func (c *Core) KeepApp(ctx context.Context, a Actor, name string) (JobView, error) {
	rec, err := c.appNamed(a, name)
	if err == nil {
		name = rec.Hostname
		err = a.May(VerbChangeApp, rec.Owner)
	}
	var job jobs.Job
	if err == nil {
		job, err = c.keepApp(a, rec)
	}
	if err != nil {
		c.audit(a, "app.undelete", name, err, "")
		return JobView{}, err
	}
	c.audit(a, "app.undelete", name, nil, fmt.Sprintf("job %d", job.ID))
	return c.Job(ctx, a, job.ID)
}

func (c *Core) keepApp(a Actor, rec app) (jobs.Job, error) {
	live := c.engine.Live()
	i := slices.IndexFunc(live, func(j jobs.Job) bool { return j.Subject == rec.ID && j.Kind == "delete" })
	if i < 0 {
		return jobs.Job{}, &Error{Kind: ErrConflict, Text: rec.Hostname + " is not being deleted", Hint: "`app " + rec.Hostname + "` shows how it is"}
	}
	if err := c.cancel(a, live[i]); err != nil {
		return jobs.Job{}, err
	}
	j, err := c.engine.Get(live[i].ID)
	if err == nil && tooLate(j) { // it was faster
		err = lateError(j)
	}
	return j, err
}

// tooLate reports a job that destroys something now: a cancel would not bring
// it back.
func tooLate(j jobs.Job) bool {
	return j.Kind == "delete" && j.State != jobs.Undoing && j.Step < len(j.Steps) && j.Steps[j.Step].Name == destroyStep && j.Steps[j.Step].State != jobs.StepPending
}

func lateError(j jobs.Job) error {
	return &Error{Kind: ErrConflict, Text: j.SubjectTitle + " is being destroyed already", Hint: "restore it from a backup"}
}

// cancel asks a job to stop and says in words why it cannot.
func (c *Core) cancel(a Actor, j jobs.Job) error {
	if tooLate(j) {
		return lateError(j)
	}
	err := c.engine.Cancel(j.ID, a.User)
	switch {
	case errors.Is(err, jobs.ErrUndoing):
		return &Error{Kind: ErrConflict, Text: fmt.Sprintf("job %d is already being undone", j.ID), Hint: fmt.Sprintf("`job %d -f` follows it", j.ID), Err: err}
	case errors.Is(err, jobs.ErrEnded):
		return &Error{Kind: ErrConflict, Text: fmt.Sprintf("job %d has already ended", j.ID), Hint: fmt.Sprintf("`job %d` shows how", j.ID), Err: err}
	}
	return err
}

// destroyOurs destroys the app's container, if there is one that is ours.
func (d *work[D]) destroyOurs(ctx context.Context) error {
	if d.app.VMID == 0 {
		return nil
	}
	d.expect()
	return d.destroy(ctx)
}

// destroyOnce is the only place where a container is destroyed. One that
// Proximity did not make never is.
func (d *work[D]) destroyOnce(ctx context.Context) error {
	client, a := d.host.client, d.app
	if a.Adopted {
		return &Error{Kind: ErrFailed, Text: fmt.Sprintf("CT %d was adopted: Proximity never destroys it", a.VMID), Hint: "destroy it in Proxmox, if you mean it"}
	}
	st, err := client.Status(ctx, a.Node, a.VMID)
	if err != nil {
		return ignore(err, pve.ErrNotFound)
	}
	if st.Running() {
		upid, err := client.Stop(ctx, a.Node, a.VMID)
		if err == nil {
			d.rec.StopTask = upid
			err = d.wait(ctx, &d.rec.StopTask, "stop the container")
		}
		if err := ignore(err, pve.ErrNotRunning, pve.ErrNotFound); err != nil {
			return err
		}
	}
	upid, err := client.Destroy(ctx, a.Node, a.VMID, pve.DestroyOptions{Purge: true, Force: true})
	if err != nil {
		return ignore(err, pve.ErrNotFound)
	}
	d.rec.DestroyTask = upid
	if err := d.Save(); err != nil {
		return err
	}
	err = d.wait(ctx, &d.rec.DestroyTask, "destroy the container")
	if pve.IsTaskFailure(err) && errors.Is(err, pve.ErrNotFound) {
		// A destroy whose answer was lost, or whose number was not saved before a
		// crash, went on and was faster than this one.
		if _, gone := client.Status(ctx, a.Node, a.VMID); errors.Is(gone, pve.ErrNotFound) {
			return nil
		}
	}
	return err
}
