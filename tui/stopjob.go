package tui

import (
	"context"

	tea "charm.land/bubbletea/v2"

	"proximity/core"
	"proximity/tui/ui"
)

// askStop asks before a job or an app is stopped.
func askStop(c *Console, on object) tea.Cmd {
	if b, ok := c.backupOf(on); ok {
		on = jobObject(b.JobID)
	}
	if on.kind != jobKind {
		return c.askApps(core.StopApp, on)
	}
	j, ok := c.jobOf(on)
	if !ok {
		return nil
	}
	effect := []string{"What it has made so far is undone: its container is destroyed, its port released."}
	switch j.Kind {
	case "deploy", "clone", "restore-as":
	case "backup":
		effect = []string{"vzdump is stopped at once, and what there is of the archive removed."}
	default:
		effect = []string{"What it has made so far is undone."}
	}
	if j.State == "running" && j.Step > 0 && j.Step <= len(j.Steps) {
		effect = append(effect, "Now at step "+jobStep(&j)+". A step that cannot be broken off is finished first.")
	}
	if j.Owner != c.actor.User {
		effect = append(effect, "It was started by "+j.Owner+".")
	}
	c.over = &confirm{
		heading: "Stop job " + jobID(j.ID),
		text:    append([]string{"You are about to stop  " + j.Title + "  (" + ui.Percent(j.Progress) + " done)."}, effect...),
		button:  "Stop and undo",
		opened:  c.now(),
		yes: func(c *Console) tea.Cmd {
			c.say(info, "asking job "+jobID(j.ID)+" to stop")
			id := j.ID
			return c.do("job "+jobID(id)+" is asked to stop", func(ctx context.Context) error {
				_, err := c.core.CancelJob(ctx, c.actor, id)
				return err
			})
		},
	}
	return nil
}

// jobStep is "4 of 13: install docker".
func jobStep(j *core.JobView) string {
	s := ui.Count(len(j.Steps), "step")
	if j.Step > 0 && j.Step <= len(j.Steps) {
		n, of := jobID(uint64(j.Step)), jobID(uint64(len(j.Steps)))
		s = n + " of " + of + ": " + j.Steps[j.Step-1].Title
	}
	return s
}
