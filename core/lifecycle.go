package core

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"proximity/core/pve"
	"proximity/jobs"
	"proximity/store"
)

// lifecycle is what a job that starts, stops or restarts an app remembers.
type lifecycle struct {
	App   string
	Was   AppStatus // when it was asked for
	Force bool      // stop at once, without asking the app to end
	guestRecord
}

// stopGrace is how long an app may take to shut down.
const stopGrace = time.Minute

type living struct{ *work[lifecycle] }

// lifecycleWorkflows are the verbs on an app that is there. Each step leaves
// the record as the container is then; what was cancelled is taken back.
func (c *Core) lifecycleWorkflows() []jobs.Workflow[lifecycle] {
	run := func(do func(d living, ctx context.Context) error) func(context.Context, *jobs.Run[lifecycle]) error {
		return func(ctx context.Context, r *jobs.Run[lifecycle]) error {
			w, err := newWork(c, r, r.Data.App, &r.Data.guestRecord)
			if err != nil {
				return err
			}
			return w.named(do(living{w}, ctx))
		}
	}
	step := func(name, title string, do, undo func(d living, ctx context.Context) error) jobs.Step[lifecycle] {
		s := jobs.Step[lifecycle]{Name: name, Title: title, Timeout: 10 * time.Minute, Do: run(do)}
		if undo != nil {
			s.Undo = run(undo)
		}
		return s
	}
	address := step("network", "wait for its address", living.address, nil)
	flow := func(kind string, steps ...jobs.Step[lifecycle]) jobs.Workflow[lifecycle] {
		return jobs.Workflow[lifecycle]{Kind: kind, Retries: 3, Backoff: c.backoff, Steps: steps,
			Finish: func(tx *store.Tx, j jobs.Job, _ *lifecycle) error { return c.auditEnd(tx, j) }}
	}
	return []jobs.Workflow[lifecycle]{
		flow("start", step("start", "start the container", living.start, living.downAgain), address),
		flow("stop", step("stop", "stop the container", living.stop, living.upAgain)),
		flow("restart", step("restart", "shut the container down", living.down, living.upAgain), step("start", "start the container", living.start, nil), address),
	}
}

func (d living) is(s AppStatus) error {
	return d.keep(func(a *app) { a.setStatus(s, d.c.now()) })
}

func (d living) start(ctx context.Context) error {
	if err := d.startOurs(ctx); err != nil {
		return err
	}
	return d.is(StatusRunning)
}

func (d living) stop(ctx context.Context) error {
	how := ifItWill
	if d.Data.Force {
		how = atOnce
	}
	if err := d.stopOurs(ctx, how); err != nil {
		return err
	}
	return d.is(StatusStopped)
}

func (d living) down(ctx context.Context) error {
	if err := d.shutdownOurs(ctx); err != nil {
		return err
	}
	return d.is(StatusStopped)
}

// upAgain takes a stop back that was cancelled. One that failed has done what
// it could.
func (d living) upAgain(ctx context.Context) error {
	if d.Job().CancelBy == "" || d.Data.Was != StatusRunning {
		return nil
	}
	if err := d.settle(ctx, "vzshutdown", "vzstop"); err != nil {
		return err
	}
	return d.start(ctx)
}

// downAgain takes a start back that was cancelled.
func (d living) downAgain(ctx context.Context) error {
	if d.Job().CancelBy == "" || d.Data.Was == StatusRunning {
		return nil
	}
	if err := d.settle(ctx, "vzstart"); err != nil {
		return err
	}
	return d.down(ctx)
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

// ending is how a container is brought to its end.
type ending int

const (
	ifItWill ending = iota // shut down; an error when it does not within stopGrace
	inTheEnd               // shut down, by force after stopGrace
	atOnce                 // by force
)

// shutdownOurs shuts the app's container down, by force after a minute.
func (d *work[D]) shutdownOurs(ctx context.Context) error { return d.stopOurs(ctx, inTheEnd) }

// stopOurs ends the app's container, if it is ours and runs.
func (d *work[D]) stopOurs(ctx context.Context, how ending) error {
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
		upid, err := d.sendStop(ctx, how)
		if errors.Is(err, pve.ErrNotRunning) {
			d.Logf(jobs.Info, "CT %d is not running", d.app.VMID)
			return nil
		}
		if err != nil {
			return fmt.Errorf("stop CT %d: %w", d.app.VMID, err)
		}
		d.rec.StopTask = upid
		if err := d.Save(); err != nil {
			return err
		}
	}
	err = d.follow(ctx, &d.rec.StopTask, "stop the container", false)
	if how == ifItWill && pve.IsTaskFailure(err) && !pve.Temporary(err) {
		return d.stillUp(ctx, err)
	}
	return ignore(err, pve.ErrNotRunning)
}

func (d *work[D]) sendStop(ctx context.Context, how ending) (pve.UPID, error) {
	if how == atOnce {
		return d.host.client.Stop(ctx, d.app.Node, d.app.VMID)
	}
	return d.host.client.Shutdown(ctx, d.app.Node, d.app.VMID, stopGrace, how == inTheEnd)
}

// stillUp is the error of a container that runs on after a shutdown.
func (d *work[D]) stillUp(ctx context.Context, cause error) error {
	st, err := d.host.client.Status(ctx, d.app.Node, d.app.VMID)
	if err != nil {
		return err
	}
	if !st.Running() {
		return nil
	}
	return &Error{Kind: ErrFailed, Text: fmt.Sprintf("%s did not shut down within %s and still runs", d.app.Hostname, stopGrace),
		Hint: "`stop " + d.app.Hostname + " --force` ends it at once", Err: cause}
}

// settle lets tasks of these types that still run on the container come to
// their end, also one whose name never reached us.
func (d *work[D]) settle(ctx context.Context, types ...string) error {
	tasks, err := d.host.client.Tasks(ctx, d.c.nodeOf(d.host, d.app), pve.TaskFilter{VMID: d.app.VMID, Source: "active"})
	if err != nil {
		return err
	}
	for _, t := range tasks {
		if !t.Running || !slices.Contains(types, t.Type) {
			continue
		}
		if err := d.host.client.Wait(ctx, t.UPID, func(string) {}); err != nil && !pve.IsTaskFailure(err) && !errors.Is(err, pve.ErrTaskLost) {
			return err
		}
	}
	d.rec.StartTask, d.rec.StopTask = "", ""
	return d.Save()
}

// address waits until the container has its address. One that was adopted may
// have none that ports can lead to: that is said, and no failure.
func (d *work[D]) address(ctx context.Context) error {
	if !d.app.Adopted {
		return d.network(ctx)
	}
	limited, cancel := context.WithTimeout(ctx, adoptedAddress)
	defer cancel()
	err := d.network(limited)
	if limited.Err() != nil && ctx.Err() == nil {
		d.Logf(jobs.Warning, "CT %d has no address among the guest networks: its port leads nowhere", d.app.VMID)
		return nil
	}
	return err
}

// adoptedAddress is how long an adopted container is waited for.
const adoptedAddress = 20 * time.Second

// expect makes what is at the app's place now either its container or a
// stranger: it was made once.
func (d *work[D]) expect() {
	d.rec.Created, d.rec.CreateAt = true, d.app.CreatedAt
	d.app.Node = d.c.nodeOf(d.host, d.app)
}

// check looks where the container is and whose: gone means that there is none.
func (d *work[D]) check(ctx context.Context) (gone bool, err error) {
	d.expect()
	who, err := d.look(ctx)
	switch {
	case err != nil:
		return false, err
	case who == foreign:
		return false, d.stranger()
	case who == unready:
		return false, passing{fmt.Errorf("CT %d is being made by somebody", d.app.VMID)}
	}
	return who == absent, nil
}

// errStranger marks that the container with an app's number is not the app's.
var errStranger = errors.New("not ours")

func (d *work[D]) stranger() error {
	return &Error{Kind: ErrConflict, Text: fmt.Sprintf("CT %d on %s does not carry our marks any more", d.app.VMID, d.app.Node), Hint: "look at it in Proxmox: nothing was done to it", Err: errStranger}
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
	ForceStop  AppVerb = "force-stop" // at once, without asking the app to end
	RestartApp AppVerb = "restart"
	DeleteApp  AppVerb = "delete" // at once; the method DeleteApp can wait
)

// DoApp starts a job that does the verb to an app. What is already so is said,
// not done again: ErrConflict.
func (c *Core) DoApp(ctx context.Context, a Actor, verb AppVerb, name string) (JobView, error) {
	force := verb == ForceStop
	kind := verb
	switch verb {
	case StartApp, StopApp, RestartApp:
	case ForceStop:
		kind = StopApp
	case DeleteApp:
		return c.DeleteApp(ctx, a, name, DeleteOptions{Now: true})
	default:
		return JobView{}, invalid("verb", "start, stop, restart or delete", "%q is nothing that can be done to an app", SafeText(string(verb), 20))
	}
	return c.onApp(a, "app."+string(verb), name, func(tx *store.Tx, rec app) (jobs.Job, string, error) {
		now := c.actual(rec)
		job, err := c.enqueue(tx, a, string(kind), rec, string(kind)+" "+rec.Hostname, lifecycle{App: rec.ID, Was: now, Force: force})
		if err != nil {
			return job, "", err
		}
		return job, "", rec.allows(kind, now)
	})
}

// onApp does something to an app the actor may change, in one transaction, and
// leaves one audit record whatever comes of it. do gives the job that goes on
// with it, and a detail for the audit.
func (c *Core) onApp(a Actor, action, name string, do func(tx *store.Tx, rec app) (jobs.Job, string, error)) (JobView, error) {
	rec, err := c.appNamed(a, name)
	if err == nil {
		name = rec.Hostname
		err = a.May(VerbChangeApp, rec.Owner)
	}
	var job jobs.Job
	if err == nil {
		err = c.store.Update(func(tx *store.Tx) error {
			rec, err := c.apps.Get(tx, rec.ID) // as it is now
			if err != nil {
				return err
			}
			var detail string
			if job, detail, err = do(tx, rec); err != nil {
				return err
			}
			return c.auditJob(tx, a, action, rec.Hostname, job.ID, detail)
		})
	}
	if err != nil {
		c.audit(a, action, name, err, "")
		return JobView{}, err
	}
	return jobView(job), nil
}

// enqueue adds a job on an app.
func (c *Core) enqueue(tx *store.Tx, a Actor, kind string, rec app, title string, data any) (jobs.Job, error) {
	job, err := c.engine.Enqueue(tx, jobs.Spec{Kind: kind, Subject: rec.ID, SubjectTitle: rec.Hostname, Owner: a.User, OwnerVia: string(a.Via), Title: title, Data: data})
	return job, busy(err)
}

// allows refuses what makes no sense in the state the app is in now.
func (a app) allows(verb AppVerb, now AppStatus) error {
	no := func(text, hint string) error {
		return &Error{Kind: ErrConflict, Text: a.Hostname + " " + text, Hint: hint}
	}
	switch {
	case a.VMID == 0:
		return no("has no container", "delete it, then deploy it again")
	case now == StatusError:
		return no("is in error: "+a.Error, cmp.Or(a.Hint, "delete it, then deploy it again"))
	case verb == StartApp && now == StatusRunning:
		return no("is already running", "restart it instead")
	case verb != StartApp && now == StatusStopped:
		return no("is not running", "start it instead")
	}
	return nil
}
