package core

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"proximity/jobs"
	"proximity/store"
)

// stuckAfter is how long an app may be half-way with no job at work on it.
const stuckAfter = time.Hour

// tidying is what the janitor remembers of a round.
type tidying struct {
	Half  int // apps on their way somewhere
	Stuck []string
	Cut   int // audit records removed
}

// janitorWorkflow finds apps that are left half-way, and keeps the audit within
// its bounds. It touches no container and asks no host.
func (c *Core) janitorWorkflow() jobs.Workflow[tidying] {
	return jobs.Workflow[tidying]{Kind: "janitor", Keep: keptRuns, Steps: []jobs.Step[tidying]{
		{Name: "janitor", Title: "look at all apps", Timeout: 10 * time.Minute, Do: func(_ context.Context, r *jobs.Run[tidying]) error {
			*r.Data = tidying{}
			for _, rec := range c.cachedApps() {
				if err := c.inspect(r, rec); err != nil {
					return err
				}
			}
			r.Logf(jobs.Info, "%d apps on their way somewhere, %d of them left half-way", r.Data.Half, len(r.Data.Stuck))
			return nil
		}},
		{Name: "audit", Title: "keep the audit within its bounds", Timeout: 10 * time.Minute, Do: func(ctx context.Context, r *jobs.Run[tidying]) error {
			n, err := c.cutAudit(ctx, auditKept, auditKeptFor)
			if r.Data.Cut = n; n > 0 {
				r.Logf(jobs.Info, "%d audit records were too old or too many", n)
			}
			return err
		}},
	}}
}

// halfWay are the states that only a job leaves.
func (a app) halfWay() bool {
	return slices.Contains([]AppStatus{StatusDeploying, StatusCloning, StatusAdopting, StatusUpdating, StatusRemoving}, a.Status)
}

func (a app) stuck(now time.Time) bool { return a.halfWay() && now.Sub(a.ChangedAt) > stuckAfter }

// inspect hands an app that is stuck to a job of its own, unless one is at work
// on it after all.
func (c *Core) inspect(r *jobs.Run[tidying], rec app) error {
	if rec.halfWay() {
		r.Data.Half++
	}
	if !rec.stuck(c.now()) {
		return nil
	}
	err := c.store.Update(func(tx *store.Tx) error {
		_, err := c.enqueue(tx, housekeeper(), "diagnose", rec, "diagnose "+rec.Hostname, diagnosing{App: rec.ID})
		return err
	})
	if errors.Is(err, ErrConflict) {
		return nil
	}
	r.Data.Stuck = append(r.Data.Stuck, rec.Hostname)
	return err
}

type diagnosing struct{ App string }

// diagnoseWorkflow says in the app's own log that it is stuck, and puts it in
// error, from where people can go on.
func (c *Core) diagnoseWorkflow() jobs.Workflow[diagnosing] {
	return jobs.Workflow[diagnosing]{Kind: "diagnose", Steps: []jobs.Step[diagnosing]{
		{Name: "janitor_diagnosis", Title: "it is left half-way", Timeout: time.Minute, Do: func(_ context.Context, r *jobs.Run[diagnosing]) error {
			text := ""
			err := r.Save(func(tx *store.Tx) error {
				return c.changeApp(tx, r.Data.App, func(a *app) error {
					if text = ""; !a.stuck(c.now()) {
						return nil
					}
					text = fmt.Sprintf("was %s for over an hour with no job at work on it", a.Status)
					a.fail(string(a.Status), text, "`delete "+a.Hostname+" --yes` removes what there is of it", c.now())
					return c.auditTx(tx, housekeeper(), "app.diagnose", a.Hostname, nil, text)
				})
			})
			if text != "" {
				r.Log(jobs.Error, text)
			}
			return ignore(err, store.ErrNotFound)
		}},
	}}
}
