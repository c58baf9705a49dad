package tui

import (
	"context"

	tea "charm.land/bubbletea/v2"

	"proximity/tui/ui"
)

// undoable is the last thing this session did that can be taken back.
type undoable struct {
	jobs []uint64
	what string                   // "adopting wiki"
	take func(c *Console) tea.Cmd // takes it back, where no job does
}

// reversible are the kinds of jobs that core can take back.
func reversible(kind string) bool { return kind == "delete" || kind == "adopt" || kind == "configure" }

// taking is a change that a call takes back.
func taking(what string, back func(ctx context.Context) error) undoable {
	return undoable{what: what, take: func(c *Console) tea.Cmd { return c.do("taken back: "+what, back) }}
}

// undoes is what z would take back: what is selected if that can be, else the
// last thing this session did.
func (c *Console) undoes(on object) undoable {
	switch on.kind {
	case appKind:
		if a, ok := c.appOf(on); ok && a.Job != nil && !a.DeletesAt.IsZero() {
			return undoable{jobs: []uint64{a.Job.ID}, what: "deleting " + a.Hostname}
		}
	case jobKind:
		if j, ok := c.jobOf(on); ok && reversible(j.Kind) && (j.Kind == "delete") != j.Ended {
			return undoable{jobs: []uint64{j.ID}, what: j.Title}
		}
	case recordKind:
		if v, ok := c.recordOf(on); ok && v.Undo {
			return undoable{jobs: []uint64{v.Job}, what: v.Action + " of " + v.Target}
		}
	}
	return c.undone
}

func mayUndo(c *Console, on object) string {
	if u := c.undoes(on); len(u.jobs) == 0 && u.take == nil {
		return "nothing to take back: a delete that waits, an adoption, a change of a configuration, schedule, role or setting can be"
	}
	return ""
}

func undo(c *Console, on object) tea.Cmd {
	u := c.undoes(on)
	if u.take != nil || len(u.jobs) == len(c.undone.jobs) && len(u.jobs) > 0 && u.jobs[0] == c.undone.jobs[0] {
		c.undone = undoable{} // once
	}
	c.say(info, "taking back: "+u.what)
	if u.take != nil {
		return u.take(c)
	}
	return c.do("taken back: "+u.what, func(ctx context.Context) error {
		for _, id := range u.jobs {
			if _, err := c.core.Undo(ctx, c.actor, id); err != nil {
				return err
			}
		}
		return nil
	})
}

// canUndo remembers what was just begun, for z.
func (c *Console) canUndo(what string, jobs []uint64) {
	if len(jobs) > 0 {
		c.undone = undoable{jobs: jobs, what: what}
	}
}

// canTakeBack remembers what was just done, for z.
func (c *Console) canTakeBack(what string, take func(c *Console) tea.Cmd) {
	c.undone = undoable{what: what, take: take}
}

// waitWords is how long an app can be kept, in words.
func waitWords(seconds int) string {
	if seconds%60 == 0 {
		return ui.Count(seconds/60, "minute")
	}
	return ui.Count(seconds, "second")
}

// doUndoably is do for a change that z can take back once it is done.
func (c *Console) doUndoably(text, what string, call, back func(ctx context.Context) error) tea.Cmd {
	ctx := c.ctx
	return func() tea.Msg {
		err := call(ctx)
		if ctx.Err() != nil {
			return nil
		}
		return doneMsg{text, err, func(c *Console) { c.undone = taking(what, back) }}
	}
}
