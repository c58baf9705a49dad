package core

import (
	"context"
	"time"

	"proximity/jobs"
	"proximity/store"
)

// releasing is what a job that forgets an app remembers.
type releasing struct{ App string }

// releaseWorkflow lets go of an app whose container is not ours to destroy: the
// record and its port go, no call is made to any host.
func (c *Core) releaseWorkflow() jobs.Workflow[releasing] {
	say := func(_ context.Context, r *jobs.Run[releasing]) error {
		r.Log(jobs.Info, "only our record goes: no container is touched")
		return nil
	}
	return jobs.Workflow[releasing]{Kind: "release", Steps: []jobs.Step[releasing]{{Name: "soft_delete_start", Title: "forget the app", Timeout: time.Minute, Do: say}},
		Finish: func(tx *store.Tx, j jobs.Job, d *releasing) error {
			if j.State == jobs.Succeeded {
				return c.deleteApp(tx, d.App)
			}
			return c.auditEnd(tx, j)
		}}
}

// ReleaseApp gives an adopted container back, or forgets an app whose container
// was deleted outside Proximity. Nothing is done to any container.
func (c *Core) ReleaseApp(_ context.Context, a Actor, name string) (JobView, error) {
	return c.onApp(a, "app.release", name, func(tx *store.Tx, rec app) (jobs.Job, string, error) {
		if !rec.Adopted && !rec.Lost {
			return jobs.Job{}, "", &Error{Kind: ErrConflict, Text: rec.Hostname + " was made by Proximity: only adopted containers can be given back", Hint: "`delete " + rec.Hostname + " --yes` destroys it with its data"}
		}
		return c.release(tx, a, rec)
	})
}

func (c *Core) release(tx *store.Tx, a Actor, rec app) (jobs.Job, string, error) {
	job, err := c.enqueue(tx, a, "release", rec, "release "+rec.Hostname, releasing{App: rec.ID})
	return job, "the container stays as it is", err
}
