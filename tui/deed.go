package tui

import (
	"context"
	"errors"
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"

	"proximity/core"
	"proximity/tui/ui"
)

// deed is what became of a verb that was asked of core for some apps.
type deed struct {
	verb    core.AppVerb
	many    bool
	app     string // the id, if it was one
	name    string // its name
	after   string // what is said after the job's number
	begun   []core.JobView
	skipped []obstacle
	failed  []error
}

// doing is a verb under way: "starting".
func doing(v core.AppVerb) string {
	switch v {
	case core.StartApp:
		return "starting"
	case core.StopApp:
		return "stopping"
	case core.ForceStop:
		return "stopping by force"
	case core.RestartApp:
		return "restarting"
	case adoptVerb:
		return "adopting"
	case backUpVerb:
		return "backing up"
	}
	return "deleting"
}

// doApps asks core to do a verb to apps.
func (c *Console) doApps(v core.AppVerb, ids []string) tea.Cmd {
	return c.askCore(v, ids, "", func(ctx context.Context, id string) (core.JobView, error) { return c.core.DoApp(ctx, c.actor, v, id) })
}

// askCore makes one call of core for each of the apps that a verb can be done to
// now; after is what to say once it has begun. The marks of all of them go.
func (c *Console) askCore(v core.AppVerb, ids []string, after string, call func(ctx context.Context, id string) (core.JobView, error)) tea.Cmd {
	d := deed{verb: v, many: len(ids) > 1, after: after}
	var can []core.AppView
	for _, a := range c.appsOf(ids) {
		if o := c.obstacle(v, a); o.short != "" {
			d.skipped = append(d.skipped, o)
			continue
		}
		can = append(can, *a)
	}
	if gone := len(ids) - len(can) - len(d.skipped); gone > 0 {
		for range gone {
			d.skipped = append(d.skipped, obstacle{"", "that app is gone", "gone"})
		}
	}
	c.tops[2].(*apps).table.Unmark(ids...)
	switch {
	case len(can) == 0 && d.many:
		c.say(warn, "nothing to do: "+tally(d.skipped))
		return nil
	case len(can) == 0:
		c.say(warn, d.skipped[0].text())
		return nil
	case !d.many:
		d.app, d.name = can[0].ID, can[0].Hostname
		c.say(info, "asking to "+string(v)+" "+d.name)
	default:
		c.say(info, "asking to "+string(v)+" "+ui.Count(len(can), "app"))
	}
	ctx := c.ctx
	return func() tea.Msg {
		for i := range can {
			j, err := call(ctx, can[i].ID)
			if ctx.Err() != nil {
				return nil
			}
			d.add(&can[i], j, err)
		}
		return d
	}
}

// add counts one answer of core. Of several apps, one that is already so or
// busy is skipped, not failed.
func (d *deed) add(a *core.AppView, j core.JobView, err error) {
	var e *core.Error
	switch {
	case err == nil:
		d.begun = append(d.begun, j)
	case d.many && errors.As(err, &e) && errors.Is(err, core.ErrConflict):
		short := strings.TrimPrefix(strings.TrimPrefix(e.Text, a.Hostname+" "), "is ")
		d.skipped = append(d.skipped, obstacle{"", e.Text, short})
	default:
		d.failed = append(d.failed, err)
	}
}

// failuresTold is how many failures of one deed are told one by one.
const failuresTold = 5

// tell says what became of a deed. An app that is being deleted is left for
// the list of apps, where its row shows how far that is.
func (c *Console) tell(d deed) tea.Cmd {
	for _, err := range d.failed[:min(len(d.failed), failuresTold)] {
		c.fail("", err)
	}
	switch {
	case d.many:
		c.say(d.tone(), d.summary())
	case len(d.begun) > 0:
		c.say(good, doing(d.verb)+" "+d.name+": job "+jobID(d.begun[0].ID)+d.after)
	}
	if d.verb == adoptVerb || d.verb == core.DeleteApp && d.after != "" {
		what := doing(d.verb) + " " + d.name
		if d.many {
			what = doing(d.verb) + " " + strconv.Itoa(len(d.begun))
		}
		var jobs []uint64
		for i := range d.begun {
			jobs = append(jobs, d.begun[i].ID)
		}
		c.canUndo(what, jobs)
	}
	c.expect(d.begun)
	var cmd tea.Cmd
	if p, ok := c.page().(*app); ok && d.verb == core.DeleteApp && p.id == d.app && len(d.begun) > 0 {
		cmd = c.visit(2)
		c.tops[2].(*apps).table.Select(d.app)
	}
	return cmd
}

func (d *deed) tone() tone {
	switch {
	case len(d.failed) > 0:
		return bad
	case len(d.skipped) > 0:
		return warn
	}
	return good
}

// summary is "starting 3, skipped 1 (already running)".
func (d *deed) summary() string {
	parts := []string{doing(d.verb) + " " + strconv.Itoa(len(d.begun))}
	if n := len(d.skipped); n > 0 {
		parts = append(parts, "skipped "+strconv.Itoa(n)+" ("+tally(d.skipped)+")")
	}
	if n := len(d.failed); n > 0 {
		parts = append(parts, strconv.Itoa(n)+" failed (! shows why)")
	}
	return strings.Join(parts, ", ")
}

// expect takes the newest world and sees to it that the end of new jobs is
// told, even of one that ends before any world has shown it.
func (c *Console) expect(begun []core.JobView) {
	for i := range begun {
		c.live[begun[i].ID] = true
	}
	c.refresh()
	for i := range begun {
		if _, known := c.world.Job(begun[i].ID); !known {
			c.live[begun[i].ID] = true
		}
	}
}
