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

// reconciling is what a look at all hosts remembers.
type reconciling struct {
	Checked int
	Skipped []string // hosts and nodes that did not answer, with the reason
	Found   []string // hostnames of apps that are not as recorded
}

// houseSubject begins the subjects of jobs that are about no app.
const houseSubject = "house/"

// The subjects of jobs that are about the whole installation: one at a time.
const (
	reconcileSubject = houseSubject + "reconcile"
	janitorSubject   = houseSubject + "janitor"
)

// housekeeper is who enqueues what comes by itself.
func housekeeper() Actor { return Actor{User: "cron", Role: RoleAdmin, Via: ViaScheduler} }

// Reconcile compares the records with what the hosts really answer, now instead
// of at the next full hour.
func (c *Core) Reconcile(_ context.Context, a Actor) (JobView, error) {
	return c.housekeep(a, "reconcile", reconcileSubject, "compare the records with the hosts", reconciling{})
}

// Janitor looks now for apps that are left half-way without a job.
func (c *Core) Janitor(_ context.Context, a Actor) (JobView, error) {
	return c.housekeep(a, "janitor", janitorSubject, "look for apps left half-way", tidying{})
}

func (c *Core) housekeep(a Actor, kind, subject, title string, data any) (JobView, error) {
	err := a.May(VerbChangeApp, "")
	var job jobs.Job
	if err == nil {
		err = c.store.Update(func(tx *store.Tx) error {
			if job, err = c.house(tx, a, kind, subject, title, data); err != nil {
				return busy(err)
			}
			return c.auditJob(tx, a, "house."+kind, "", job.ID, "")
		})
	}
	if err != nil {
		c.audit(a, "house."+kind, "", err, "")
		return JobView{}, err
	}
	return jobView(job), nil
}

func (c *Core) house(tx *store.Tx, a Actor, kind, subject, title string, data any) (jobs.Job, error) {
	return c.engine.Enqueue(tx, jobs.Spec{Kind: kind, Subject: subject, SubjectTitle: title, Owner: a.User, OwnerVia: string(a.Via), Title: title, Data: data})
}

// keepHouse has reconcile and janitor come by themselves. A run is left out
// while the last one goes on.
func (c *Core) keepHouse() error {
	by := housekeeper()
	for _, s := range []jobs.Schedule{
		{ID: "reconcile", Cron: "@hourly", Enqueue: func(tx *store.Tx, _ time.Time) error {
			_, err := c.house(tx, by, "reconcile", reconcileSubject, "compare the records with the hosts", reconciling{})
			return err
		}},
		{ID: "janitor", Cron: "@every 6h", Enqueue: func(tx *store.Tx, _ time.Time) error {
			_, err := c.house(tx, by, "janitor", janitorSubject, "look for apps left half-way", tidying{})
			return err
		}},
	} {
		if err := c.engine.Schedule(s); err != nil {
			return err
		}
	}
	return nil
}

// keptRuns is how many runs of what comes by itself are remembered.
const keptRuns = 5

// reconcileWorkflow only looks, and hands every app that is not as recorded to
// a job of its own: that one looks again, with nobody else at work on the app.
func (c *Core) reconcileWorkflow() jobs.Workflow[reconciling] {
	return jobs.Workflow[reconciling]{Kind: "reconcile", Keep: keptRuns, Steps: []jobs.Step[reconciling]{
		{Name: "reconcile", Title: "look at all hosts", Timeout: 30 * time.Minute, Do: func(ctx context.Context, r *jobs.Run[reconciling]) error {
			*r.Data = reconciling{}
			for _, l := range c.liveHosts() {
				if err := c.compare(ctx, r, l); err != nil {
					return err
				}
			}
			r.Logf(jobs.Info, "%d apps checked, %d not as recorded, %d hosts and nodes skipped", r.Data.Checked, len(r.Data.Found), len(r.Data.Skipped))
			return nil
		}},
	}}
}

// compare looks at the apps of one host. A host that does not answer is
// skipped: of its apps nothing is known.
func (c *Core) compare(ctx context.Context, r *jobs.Run[reconciling], l *liveHost) error {
	skip := func(what string, why error) {
		r.Data.Skipped = append(r.Data.Skipped, fmt.Sprintf("%s: %s", what, SafeText(why.Error(), 200)))
		r.Logf(jobs.Warning, "%s skipped: %s", what, SafeText(why.Error(), 200))
	}
	seen, err := l.answer(ctx)
	if err != nil {
		skip("host "+l.rec.Name, err)
		return ctx.Err()
	}
	for _, n := range seen.Nodes {
		if !n.Online {
			skip("node "+SafeText(n.Name, 64)+" of "+l.rec.Name, errors.New("it is "+cmp.Or(SafeText(n.Status, 20), "offline")))
		}
	}
	for _, rec := range c.cachedApps() {
		if rec.Host != l.rec.Name || rec.VMID == 0 {
			continue
		}
		v, err := c.assess(ctx, l, rec, seen)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			skip(rec.Hostname, err)
			continue
		}
		r.Data.Checked++
		if !v.news(rec) {
			continue
		}
		r.Data.Found = append(r.Data.Found, rec.Hostname)
		if err := c.repair(r, rec, v); err != nil {
			return err
		}
	}
	return nil
}

// answer is what a host says of all it has, if it is the cluster we know and
// knows itself what is true.
func (l *liveHost) answer(ctx context.Context) (pve.Resources, error) {
	cluster, err := l.client.Cluster(ctx)
	switch {
	case err != nil:
		return pve.Resources{}, err
	case l.rec.Identity != "" && !pve.SameCluster(cluster.Identity, l.rec.Identity):
		return pve.Resources{}, &Error{Kind: ErrFailed, Text: "another cluster answers at " + l.rec.URL, Hint: "`hosts test " + l.rec.Name + "` says more"}
	case !cluster.Quorate:
		return pve.Resources{}, pve.ErrNoQuorum
	}
	return l.client.Resources(ctx)
}

// repair hands an app to a job of its own, unless one is at work on it.
func (c *Core) repair(r *jobs.Run[reconciling], rec app, v verdict) error {
	var job jobs.Job
	err := c.store.Update(func(tx *store.Tx) (err error) {
		job, err = c.enqueue(tx, housekeeper(), "repair", rec, "repair the record of "+rec.Hostname, repairing{App: rec.ID})
		return err
	})
	if errors.Is(err, ErrConflict) {
		r.Logf(jobs.Info, "%s: %s; a job is at work on it", rec.Hostname, v)
		return nil
	}
	if err == nil {
		r.Logf(jobs.Warning, "%s: %s; job %d looks after it", rec.Hostname, v, job.ID)
	}
	return err
}

// finding is what became of an app's container.
type finding int

const (
	unknowable finding = iota // nobody who must be asked answers
	asRecorded
	moved   // to another node
	changed // started or stopped outside Proximity
	gone    // the host says that it does not exist
	other   // the container with its number is somebody else's
	back    // it had been gone
)

// verdict is a finding with what goes with it.
type verdict struct {
	is     finding
	node   string    // where the container is
	status AppStatus // running or stopped, when ours
}

// news reports that the record is to be another.
func (v verdict) news(rec app) bool {
	switch v.is {
	case unknowable, asRecorded:
		return false
	case gone, other:
		return !rec.Lost || v.is == gone && rec.expected()
	}
	return true
}

func (v verdict) String() string {
	switch v.is {
	case unknowable:
		return "nothing is known for sure"
	case moved:
		return "its container is on " + v.node + " now"
	case changed:
		return "its container is " + string(v.status) + " now"
	case gone:
		return "its container is gone"
	case other:
		return "the container with its number does not carry our marks"
	case back:
		return "its container is there again"
	}
	return "as recorded"
}

// assess finds out what became of an app's container, by what its host really
// answered: seen is a whole answer of that host, made for this purpose.
//
// What is on a node that is down is never judged. A container counts as gone
// only when every node of the host is there, it is in no list, and its own
// configuration is said not to exist.
func (c *Core) assess(ctx context.Context, l *liveHost, rec app, seen pve.Resources) (verdict, error) {
	v := verdict{node: rec.Node}
	whole := len(seen.Nodes) > 0 && !slices.ContainsFunc(seen.Nodes, func(n pve.Node) bool { return !n.Online })
	i := slices.IndexFunc(seen.Guests, func(g pve.Guest) bool { return g.VMID == rec.VMID })
	listed, lock := i >= 0, ""
	if listed {
		v.node, lock = seen.Guests[i].Node, seen.Guests[i].Lock
	}
	if !slices.ContainsFunc(seen.Nodes, func(n pve.Node) bool { return n.Name == v.node && n.Online }) || !listed && !whole {
		return v, nil
	}
	at := rec
	at.Node = v.node
	who, err := c.whose(ctx, l, at)
	switch {
	case err != nil:
		return v, err
	case who == unready, who != ours && rec.halfWay() && rec.Status != StatusRemoving: // whoever makes it knows; if nobody does, the janitor
		return v, nil
	case who == absent && listed, who == foreign && !listed: // the list and the node do not agree
		return v, nil
	case who == absent:
		v.is = gone
		return v, nil
	case who == foreign:
		v.is = other
		return v, nil
	}
	st, err := l.client.Status(ctx, v.node, rec.VMID) // the list lags
	if err != nil {
		return v, err
	}
	v.status = StatusStopped
	if st.Running() {
		v.status = StatusRunning
	}
	steady := rec.Status == StatusRunning || rec.Status == StatusStopped
	v.is = asRecorded
	switch {
	case rec.Lost:
		v.is = back
	case v.node != rec.Node:
		v.is = moved
	case steady && v.status != rec.Status && lock == "" && c.quiet(rec):
		v.is = changed
	}
	return v, nil
}

// quiet reports that no job of ours has worked on an app for a while.
func (c *Core) quiet(rec app) bool {
	list, err := c.engine.List(jobs.Filter{Subject: rec.ID, Limit: 5})
	if err != nil || c.now().Sub(rec.ChangedAt) < c.cfg.Pace.Settled {
		return false
	}
	for _, j := range list {
		if j.Kind != "repair" && (!j.State.Ended() || c.now().Sub(j.Ended) < c.cfg.Pace.Settled) {
			return false
		}
	}
	return true
}

// expected reports that it is no wonder that an app's container is gone.
func (a app) expected() bool {
	return a.Status == StatusRemoving || a.Status == StatusError && slices.Contains([]string{"deploy", "clone", "delete", string(StatusDeploying), string(StatusCloning), string(StatusRemoving)}, a.Cause)
}

// lose marks an app whose container is gone. Its record stays until a person
// decides.
func (a *app) lose(why string, now time.Time) {
	a.fail("", why, "restore it from a backup, or forget the app with `delete "+a.Hostname+" --yes`", now)
	a.Lost, a.Address = true, ""
}

// repairing is what a job that brings one record in line remembers.
type repairing struct {
	App  string
	Gone bool   // the record goes: nothing else was expected
	Done string // what was found, in words
}

// repairWorkflow looks at one app again and corrects its record. It never
// touches a container.
func (c *Core) repairWorkflow() jobs.Workflow[repairing] {
	return jobs.Workflow[repairing]{Kind: "repair", Retries: 2, Backoff: c.backoff, Steps: []jobs.Step[repairing]{
		{Name: "repair", Title: "look at its container", Timeout: 5 * time.Minute, Do: func(ctx context.Context, r *jobs.Run[repairing]) error {
			w, err := newWork(c, r, r.Data.App, &guestRecord{})
			if err != nil {
				return ignore(err, store.ErrNotFound)
			}
			return w.named(mending{w}.mend(ctx))
		}},
	}, Finish: func(tx *store.Tx, j jobs.Job, d *repairing) error {
		if err := c.auditEnd(tx, j); err != nil || d.Done == "" || j.State != jobs.Succeeded {
			return err
		}
		by := housekeeper()
		if err := c.auditTx(tx, by, "app.repair", j.SubjectTitle, nil, fmt.Sprintf("job %d: %s", j.ID, d.Done)); err != nil || !d.Gone {
			return err
		}
		return c.deleteApp(tx, d.App)
	}}
}

type mending struct{ *work[repairing] }

func (d mending) mend(ctx context.Context) error {
	seen, err := d.host.answer(ctx)
	if err != nil {
		return err
	}
	v, err := d.c.assess(ctx, d.host, d.app, seen)
	if err != nil {
		return err
	}
	if !v.news(d.app) {
		d.Log(jobs.Info, v.String())
		return nil
	}
	d.Data.Done = v.String()
	level, correct := jobs.Info, func(*app) {}
	switch v.is {
	case moved:
		correct = func(a *app) { a.Node = v.node }
	case changed, back:
		correct = func(a *app) { a.Node = v.node; a.setStatus(v.status, d.c.now()) }
	case gone, other:
		if d.Data.Gone = v.is == gone && d.app.expected(); d.Data.Gone {
			d.Data.Done += ", as expected: its record goes, too"
			break
		}
		level = jobs.Error
		why := "container deleted outside Proximity"
		if v.is == other {
			why = fmt.Sprintf("CT %d does not carry our marks any more: somebody removed them, or it is another container", d.app.VMID)
		}
		correct = func(a *app) { a.lose(why, d.c.now()) }
	}
	d.Log(level, d.Data.Done)
	return d.keep(correct)
}
