package tui

import "proximity/core"

// notYet is the reason of what this version cannot do, on the kinds of object
// given (always: on all).
func notYet(what string, on scope) func(*Console, object) string {
	return func(_ *Console, o object) string {
		if on != always && on&o.scope() == 0 {
			return ""
		}
		return "not in this version yet: " + what
	}
}

func refusal(err error) string {
	if e, ok := err.(*core.Error); ok {
		if e.Hint != "" {
			return e.Text + ": " + e.Hint
		}
		return e.Text
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

// mayOpen is false where the object is in front already.
func mayOpen(c *Console, on object) string {
	switch p := c.page().(type) {
	case *app:
		if p.at != tabActivity && on == appObject(p.id) {
			return "this is " + p.view.Hostname + " · a lists what can be done with it"
		}
	case *settings:
		return mayChangeSetting(c, on)
	case *job:
		if _, ok := c.world.App(p.view.AppID); !ok && on == jobObject(p.id) {
			return "job " + on.id + " has no app to open"
		}
	case *item:
		if on == itemObject(p.it.ID) { // enter goes on to its form
			return mayDeploy(c, on)
		}
	}
	return ""
}

// away says that an app's host does not answer, "" if it does.
func (c *Console) away(a *core.AppView) string {
	if a.Away != "" {
		return a.Away + ": nothing can be done to its apps until that is over"
	}
	if !a.Stale {
		return ""
	}
	return a.Host + " has not answered since " + a.AsOf.In(c.loc).Format("15:04:05") + " · ctrl+r asks it now"
}

func mayShowLogs(c *Console, on object) string {
	if p, ok := c.page().(*app); ok && p.at == tabLogs && on == appObject(p.id) {
		return "this is the log · f follows, / searches"
	}
	if a, ok := c.appOf(on); ok {
		return c.away(&a)
	}
	return ""
}

func mayRetry(c *Console, on object) string {
	if on.kind == jobKind {
		return "not in this version yet: running a job again"
	}
	return ""
}

func mayDeploy(c *Console, _ object) string {
	return refusal(c.actor.May(core.VerbDeploy, c.actor.User))
}

func mayChangeApp(c *Console, on object) string {
	a, ok := c.appOf(on)
	if !ok {
		return "that app is gone"
	}
	return refusal(c.actor.May(core.VerbChangeApp, a.Owner))
}

// mayClone and mayUpdate are what stands in the way of either, as far as the
// console can tell; core decides.
func mayClone(c *Console, on object) string {
	a, ok := c.appOf(on)
	switch {
	case !ok:
		return "that app is gone"
	case mayDeploy(c, on) != "":
		return mayDeploy(c, on)
	case c.obstacle(core.DeleteApp, &a).short != "":
		return c.obstacle(core.DeleteApp, &a).text()
	case a.VMID == 0 || a.Status != core.StatusRunning && a.Status != core.StatusStopped:
		return a.Hostname + " is " + string(a.Status) + ": only an app that runs or is stopped can be cloned"
	}
	return ""
}

func mayUpdate(c *Console, on object) string {
	a, ok := c.appOf(on)
	switch {
	case !ok:
		return "that app is gone"
	case c.obstacle(core.DeleteApp, &a).short != "":
		return c.obstacle(core.DeleteApp, &a).text()
	}
	return ""
}

func mayStop(c *Console, on object) string {
	if on.kind == backupKind {
		b, _ := c.backupOf(on)
		if _, ok := c.workOn(&b); !ok {
			return "no job works on backup " + on.id + " · t on its app stops that"
		}
		on = jobObject(b.JobID)
	}
	if on.kind != jobKind {
		return may(core.StopApp)(c, on)
	}
	j, ok := c.jobOf(on)
	switch {
	case !ok:
		return "that job is not known any more"
	case j.Ended:
		return "job " + jobID(j.ID) + " has ended"
	case j.State == "undoing":
		return "job " + jobID(j.ID) + " is being undone already"
	case j.CancelBy != "":
		return j.CancelBy + " has asked job " + jobID(j.ID) + " to stop already"
	}
	return refusal(c.actor.May(core.VerbChangeApp, j.Owner))
}

func needsObject(c *Console, on object) string {
	if on.kind == noKind {
		return "nothing is selected here"
	}
	return ""
}

func needsURL(c *Console, on object) string {
	a, ok := c.appOf(on)
	switch {
	case !ok:
		return "that app is gone"
	case a.URL == "":
		return a.Hostname + " has no web address yet"
	}
	return ""
}

func needsJob(c *Console, on object) string {
	if a, ok := c.appOf(on); ok && a.Job == nil {
		return "no job works on " + a.Hostname
	}
	if b, ok := c.backupOf(on); ok && b.JobID == 0 {
		return "no job has worked on backup " + on.id
	}
	if s, ok := c.scheduleOf(on); ok && s.LastJob == 0 {
		return s.Name + " has not run yet"
	}
	return ""
}

func needsRow(c *Console, _ object) string {
	if l, ok := c.page().(lister); ok && l.list().Len() > 0 {
		return ""
	}
	return "there is nothing to mark"
}

func needsOrder(c *Console, _ object) string {
	if l, ok := c.page().(lister); ok {
		for _, col := range l.list().Cols {
			if col.Sorts {
				return ""
			}
		}
	}
	return "this list has one order only"
}

func needsSearch(c *Console, _ object) string {
	if l, ok := c.page().(logger); ok && l.log().Query() != "" {
		return ""
	}
	return "nothing is searched for: / searches"
}

func needsTop(c *Console, _ object) string {
	if len(c.stack) > 0 {
		return "q quits from the top: esc goes back, ctrl+c twice quits here"
	}
	return ""
}
