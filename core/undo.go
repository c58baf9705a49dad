package core

import (
	"context"
	"fmt"

	"proximity/jobs"
)

// Undo takes back what a job did: a delete that still waits, an adoption, a
// change of the configuration. The rest cannot be taken back: ErrConflict says
// why.
func (c *Core) Undo(ctx context.Context, a Actor, id uint64) (JobView, error) {
	j, err := c.jobSeen(a, id)
	if err == nil {
		err = a.May(VerbChangeApp, c.jobOwner(j))
	}
	if err == nil {
		err = c.reversible(j)
	}
	if err != nil {
		c.audit(a, "job.undo", fmt.Sprint(id), err, j.Title)
		return JobView{}, err
	}
	switch j.Kind {
	case "delete":
		return c.KeepApp(ctx, a, j.Subject)
	case "adopt":
		return c.ReleaseApp(ctx, a, j.Subject)
	}
	return c.unconfigure(a, j)
}

// reversible says why a job cannot be taken back; nil = it can.
func (c *Core) reversible(j jobs.Job) error {
	no := func(format string, args ...any) error {
		return &Error{Kind: ErrConflict, Text: fmt.Sprintf(format, args...), Hint: fmt.Sprintf("`job %d` shows what it did", j.ID)}
	}
	rec, there := c.cached(j.Subject)
	switch {
	case j.Kind != "delete" && j.Kind != "adopt" && j.Kind != "configure":
		return no("a %s cannot be taken back", j.Kind)
	case !there:
		return no("%s is gone", j.SubjectTitle)
	case j.Kind == "delete" && (j.State.Ended() || j.State == jobs.Undoing || j.CancelBy != ""):
		return no("%s is not being deleted any more", j.SubjectTitle)
	case j.Kind == "delete" && tooLate(j):
		return lateError(j)
	case j.Kind == "delete":
		return nil
	case j.State != jobs.Succeeded:
		return no("job %d has not been done: there is nothing to take back", j.ID)
	case j.Kind == "adopt" && !rec.Adopted:
		return no("%s is not an adopted app", j.SubjectTitle)
	case j.Kind == "configure":
		return c.unchanged(j)
	}
	return nil
}

// unchanged sees that an app was not configured again after a job did.
func (c *Core) unchanged(j jobs.Job) error {
	list, err := c.engine.List(jobs.Filter{Subject: j.Subject})
	if err != nil {
		return err
	}
	for _, later := range list {
		if later.ID == j.ID {
			return nil
		}
		if later.Kind == "configure" && (later.State == jobs.Succeeded || !later.State.Ended()) {
			return &Error{Kind: ErrConflict, Text: fmt.Sprintf("%s was configured again since, by %s", j.SubjectTitle, later.Owner), Hint: fmt.Sprintf("`undo %d` takes that back first", later.ID)}
		}
	}
	return nil
}
