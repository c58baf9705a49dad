package core

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"proximity/core/pve"
	"proximity/jobs"
	"proximity/store"
)

// lifecycle is what a job that starts, stops, restarts or deletes an app
// remembers.
type lifecycle struct {
	App string
	guestRecord
}

// stopGrace is how long an app may take to shut down before it is stopped.
const stopGrace = time.Minute

// lifecycleWorkflows are the verbs on an app that is there.
func (c *Core) lifecycleWorkflows() []jobs.Workflow[lifecycle] {
	step := func(name, title string, do func(w *work[lifecycle], ctx context.Context) error) jobs.Step[lifecycle] {
		return jobs.Step[lifecycle]{Name: name, Title: title, Timeout: 10 * time.Minute, Do: func(ctx context.Context, r *jobs.Run[lifecycle]) error {
			w, err := newWork(c, r, r.Data.App, &r.Data.guestRecord)
			if err != nil {
				return err
			}
			return w.named(do(w, ctx))
		}}
	}
	start := step("start", "start the container", (*work[lifecycle]).startOurs)
	stop := step("stop", "shut the container down", (*work[lifecycle]).shutdownOurs)
	address := step("network", "wait for its address", (*work[lifecycle]).network)
	destroy := step("delete", "destroy the container", (*work[lifecycle]).destroyOurs)
	flow := func(kind string, end AppStatus, steps ...jobs.Step[lifecycle]) jobs.Workflow[lifecycle] {
		return jobs.Workflow[lifecycle]{Kind: kind, Retries: 3, Backoff: c.backoff, Steps: steps, Finish: c.lifecycleFinish(end)}
	}
	return []jobs.Workflow[lifecycle]{
		flow("start", StatusRunning, start, address),
		flow("stop", StatusStopped, stop),
		flow("restart", StatusRunning, stop, start, address),
		flow("delete", StatusRemoving, stop, destroy),
	}
}

// lifecycleFinish writes where the app ended up, together with the job's end.
func (c *Core) lifecycleFinish(end AppStatus) func(*store.Tx, jobs.Job, *lifecycle) error {
	return func(tx *store.Tx, j jobs.Job, d *lifecycle) error {
		a, err := c.apps.Get(tx, d.App)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		var result error
		switch {
		case j.State == jobs.Succeeded && end == StatusRemoving:
			if err := c.deleteApp(tx, a.ID); err != nil {
				return err
			}
			return c.auditTx(tx, Actor{User: j.Owner, Via: ViaScheduler}, "app."+j.Kind, a.Hostname, nil, fmt.Sprintf("job %d", j.ID))
		case j.State == jobs.Succeeded:
			a.setStatus(end, c.now())
		case j.Failure != nil:
			result = errors.New(j.Failure.Text)
			if end == StatusRemoving { // half gone is not running
				a.setStatus(StatusError, c.now())
				a.Error, a.Hint = "delete failed: "+j.Failure.Text, "delete it again once that is mended"
			}
		case end == StatusRemoving: // cancelled before anything was destroyed
			a.setStatus(StatusStopped, c.now())
		}
		if err := c.auditTx(tx, Actor{User: j.Owner, Via: ViaScheduler}, "app."+j.Kind, a.Hostname, result, fmt.Sprintf("job %d", j.ID)); err != nil {
			return err
		}
		return c.putApp(tx, a)
	}
}

// startOurs starts the app's container, if it is ours.
func (d *work[D]) startOurs(ctx context.Context) error {
	gone, err := d.check(ctx)
	if err != nil {
		return err
	}
	if gone {
		return d.lost()
	}
	return d.start(ctx)
}

// shutdownOurs shuts the app's container down, by force after a minute.
func (d *work[D]) shutdownOurs(ctx context.Context) error {
	if d.app.VMID == 0 {
		return nil
	}
	gone, err := d.check(ctx)
	if err != nil {
		return err
	}
	if gone {
		if d.app.Status == StatusRemoving {
			return nil
		}
		return d.lost()
	}
	if d.rec.StopTask == "" {
		upid, err := d.host.client.Shutdown(ctx, d.app.Node, d.app.VMID, stopGrace, true)
		if errors.Is(err, pve.ErrNotRunning) {
			d.Logf(jobs.Info, "CT %d is not running", d.app.VMID)
			return nil
		}
		if err != nil {
			return fmt.Errorf("shut CT %d down: %w", d.app.VMID, err)
		}
		d.rec.StopTask = upid
		if err := d.Save(); err != nil {
			return err
		}
	}
	return ignore(d.wait(ctx, &d.rec.StopTask, "shut the container down"), pve.ErrNotRunning)
}

// destroyOurs destroys the app's container, if there is one that is ours.
func (d *work[D]) destroyOurs(ctx context.Context) error {
	if d.app.VMID == 0 {
		return nil
	}
	d.expect()
	return d.destroy(ctx)
}

// expect makes what is at the app's place now either its container or a
// stranger: it was made once.
func (d *work[D]) expect() {
	d.rec.Created, d.rec.CreateAt = true, d.app.CreatedAt
	d.app.Node = d.c.nodeOf(d.host, d.app)
}

// check looks where the container is and whose: gone means that there is none.
func (d *work[D]) check(ctx context.Context) (gone bool, err error) {
	d.expect()
	who, err := d.c.whose(ctx, d.host, d.app)
	switch {
	case err != nil:
		return false, err
	case who == foreign:
		return false, &Error{Kind: ErrConflict, Text: fmt.Sprintf("CT %d on %s does not carry our marks any more", d.app.VMID, d.app.Node), Hint: "look at it in Proxmox: nothing was done to it"}
	case who == unready:
		return false, passing{fmt.Errorf("CT %d is being made by somebody", d.app.VMID)}
	}
	return who == absent, nil
}

func (d *work[D]) lost() error {
	return &Error{Kind: ErrFailed, Text: fmt.Sprintf("CT %d is not there any more", d.app.VMID), Hint: "it was deleted outside Proximity: `delete` forgets the app"}
}

// AppVerb is something that is done to an app.
type AppVerb string

// The verbs on an app.
const (
	StartApp   AppVerb = "start"
	StopApp    AppVerb = "stop"
	RestartApp AppVerb = "restart"
	DeleteApp  AppVerb = "delete"
)

// DoApp starts a job that does the verb to an app. What is already so is said,
// not done again: ErrConflict.
func (c *Core) DoApp(_ context.Context, a Actor, verb AppVerb, name string) (JobView, error) {
	rec, err := c.appNamed(a, name)
	if err != nil {
		return JobView{}, err
	}
	var job jobs.Job
	if err = a.May(VerbChangeApp, rec.Owner); err == nil {
		err = c.store.Update(func(tx *store.Tx) error {
			var err error
			job, err = c.doAppTx(tx, a, verb, rec.ID)
			return err
		})
	}
	if err != nil {
		c.audit(a, "app."+string(verb), rec.Hostname, err, "")
		return JobView{}, err
	}
	return jobView(job), nil
}

func (c *Core) doAppTx(tx *store.Tx, a Actor, verb AppVerb, id string) (jobs.Job, error) {
	rec, err := c.apps.Get(tx, id)
	if err != nil {
		return jobs.Job{}, err
	}
	job, err := c.engine.Enqueue(tx, jobs.Spec{Kind: string(verb), Subject: rec.ID, SubjectTitle: rec.Hostname, Owner: a.User, OwnerVia: string(a.Via),
		Title: string(verb) + " " + rec.Hostname, Data: lifecycle{App: rec.ID}})
	if err != nil {
		return jobs.Job{}, busy(err)
	}
	if err := rec.allows(verb); err != nil {
		return jobs.Job{}, err
	}
	if verb == DeleteApp {
		rec.setStatus(StatusRemoving, c.now())
		if err := c.putApp(tx, rec); err != nil {
			return jobs.Job{}, err
		}
	}
	return job, nil
}

// allows refuses what makes no sense in the app's state.
func (a app) allows(verb AppVerb) error {
	no := func(text, hint string) error {
		return &Error{Kind: ErrConflict, Text: a.Hostname + " " + text, Hint: hint}
	}
	switch {
	case verb == DeleteApp:
		return nil
	case a.VMID == 0:
		return no("has no container", "delete it, then deploy it again")
	case a.Status == StatusError:
		return no("is in error: "+a.Error, cmp.Or(a.Hint, "delete it, then deploy it again"))
	case verb == StartApp && a.Status == StatusRunning:
		return no("is already running", "restart it instead")
	case verb != StartApp && a.Status == StatusStopped:
		return no("is not running", "start it instead")
	}
	return nil
}
