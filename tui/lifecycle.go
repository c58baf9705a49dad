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

// obstacle is why a verb cannot be done to an app now: what is said of the app
// (or all of the sentence, without a name), and a word or two where several
// apps are counted. The zero obstacle is none.
type obstacle struct{ name, says, short string }

// text is the obstacle as a sentence, "" for none. It is put together only
// where it is shown: many marked apps are looked at with every key.
func (o obstacle) text() string {
	if o.name == "" {
		return o.says
	}
	return o.name + " " + o.says
}

// obstacle finds what stands between a verb and an app. Core decides again
// when it is asked; this is so that nobody has to try.
func (c *Console) obstacle(v core.AppVerb, a *core.AppView) obstacle {
	if why := refusal(c.actor.May(core.VerbChangeApp, a.Owner)); why != "" {
		return obstacle{"", why, "not allowed"}
	}
	switch {
	case a.Job != nil:
		return obstacle{a.Hostname, "is busy: " + c.jobWords(a.Job), "busy"}
	case a.Stale:
		return obstacle{"", c.away(a), "not reachable"}
	case v == core.DeleteApp:
		return obstacle{}
	case a.Lost:
		return obstacle{a.Hostname, "has lost its container: d forgets it", "container gone"}
	case a.VMID == 0:
		return obstacle{a.Hostname, "has no container: d deletes it, n deploys it again", "no container"}
	case a.Status == core.StatusError:
		return obstacle{a.Hostname, "is in error: d deletes it, n deploys it again", "in error"}
	case v == backUpVerb:
		return obstacle{}
	case v == core.StartApp && runs(a):
		return obstacle{a.Hostname, "is already running: r restarts it", "already running"}
	case v != core.StartApp && !runs(a):
		return obstacle{a.Hostname, "is not running: s starts it", "not running"}
	}
	return obstacle{}
}

// runs reports whether an app's container runs, by what its host says where
// that differs from the record.
func runs(a *core.AppView) bool { return (a.Status == core.StatusRunning) == (a.Drift == "") }

// jobWords is a job and whose it is: "job 482 (deploy) by ops".
func (c *Console) jobWords(r *core.JobRef) string {
	s := "job " + jobID(r.ID) + " (" + r.Kind + ")"
	if j, ok := c.world.Job(r.ID); ok && j.Owner != "" {
		s += " by " + j.Owner
	}
	return s
}

// aim is what a binding acts on here: the marked apps if it takes many and some
// are marked, else the selection, or the app whose page it is.
func (c *Console) aim(b *binding) object {
	if p, ok := c.page().(*apps); ok && b.many {
		if ids, _ := p.table.Marked(); len(ids) > 0 {
			return object{kind: marksKind}
		}
	}
	on := c.page().on(c)
	if p, ok := c.page().(*app); ok && b.where&onObject != 0 && b.where&on.scope() == 0 {
		return appObject(p.id) // what is selected on its page is not for this verb, the app may be
	}
	return on
}

// targets are the ids of the apps an object stands for, hidden how many of
// them the filter hides.
func (c *Console) targets(on object) (ids []string, hidden int) {
	switch on.kind {
	case appKind:
		return []string{on.id}, 0
	case marksKind:
		return c.tops[2].(*apps).table.Marked()
	}
	return nil, 0
}

// appsOf finds apps of the world, in its order; what is gone is left out.
func (c *Console) appsOf(ids []string) []*core.AppView {
	want := make(map[string]bool, len(ids))
	for _, id := range ids {
		want[id] = true
	}
	var found []*core.AppView
	for i := range c.world.Apps {
		if a := &c.world.Apps[i]; want[a.ID] {
			found = append(found, a)
		}
	}
	return found
}

// may is the reason against a verb on apps: of several, one it can be done to
// is enough.
func may(v core.AppVerb) func(*Console, object) string {
	return func(c *Console, on object) string {
		if on.kind == appKind {
			a, ok := c.appOf(on)
			if !ok {
				return "that app is gone"
			}
			return c.obstacle(v, &a).text()
		}
		p := c.tops[2].(*apps)
		rows := p.table.MarkedRows()
		var against []obstacle
		for _, row := range rows {
			o := c.obstacle(v, &p.rows.apps[row])
			if o.short == "" {
				return ""
			}
			against = append(against, o)
		}
		switch len(against) {
		case 0:
			return "nothing is selected here"
		case 1:
			return against[0].text()
		}
		return "none of the " + ui.Count(len(against), "marked app") + " can do that: " + tally(against)
	}
}

// tally counts obstacles by their short words: "2 already running, 1 busy", or
// only the words if all have the same.
func tally(all []obstacle) string {
	var words []string
	count := map[string]int{}
	for _, o := range all {
		if count[o.short]++; count[o.short] == 1 {
			words = append(words, o.short)
		}
	}
	if len(words) == 1 {
		return words[0]
	}
	for i, w := range words {
		words[i] = strconv.Itoa(count[w]) + " " + w
	}
	return strings.Join(words, ", ")
}

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

func startApps(c *Console, on object) tea.Cmd {
	ids, _ := c.targets(on)
	return c.doApps(core.StartApp, ids)
}

// askApps asks before apps are stopped or restarted: who is meant, and what it
// does to them.
func (c *Console) askApps(v core.AppVerb, on object) tea.Cmd {
	ids, hidden := c.targets(on)
	var victims []*core.AppView
	var out []obstacle
	for _, a := range c.appsOf(ids) {
		if o := c.obstacle(v, a); o.short != "" {
			out = append(out, o)
		} else {
			victims = append(victims, a)
		}
	}
	if len(victims) == 0 {
		return nil
	}
	title := strings.ToUpper(string(v[:1])) + string(v[1:])
	d := &confirm{opened: c.now()}
	d.yes = func(c *Console) tea.Cmd {
		if d.on {
			return c.doApps(core.ForceStop, ids)
		}
		return c.doApps(v, ids)
	}
	it, is, does := "It", "is", "does"
	if a := victims[0]; len(ids) == 1 {
		d.heading, d.button = title+" "+a.Hostname, title+" "+a.Hostname
		d.text = []string{"You are about to " + string(v) + "  " + a.Hostname + "  (" + whereIs(c.world, a) + ", owner " + a.Owner + ")."}
	} else {
		n := ui.Count(len(victims), "app")
		d.heading, d.button = title+" "+n, title+" "+n
		d.text = []string{"You are about to " + string(v) + " " + n + ":  " + nameList(victims)}
		it, is, does = "Each", "is", "does"
	}
	switch v {
	case core.StopApp:
		d.text = append(d.text, it+" "+is+" asked to shut down, for a minute, and "+does+" not answer until it is started again.")
		d.option = "end it at once by force, as if its power was cut"
	default:
		d.text = append(d.text, it+" "+is+" shut down, by force after a minute, and started again: who uses it is cut off meanwhile.")
	}
	if who := c.watching(victims); who != "" {
		d.text = append(d.text, who)
	}
	if hidden > 0 {
		d.text = append(d.text, "The filter hides "+strconv.Itoa(hidden)+" of the "+strconv.Itoa(len(ids))+" marked apps.")
	}
	if len(out) > 0 {
		d.text = append(d.text, ui.Count(len(out), "marked app")+" left out: "+tally(out)+".")
	}
	c.over = d
	return nil
}

// namesListed is how many names an overlay lists.
const namesListed = 24

func nameList(apps []*core.AppView) string {
	var names []string
	for _, a := range apps[:min(len(apps), namesListed)] {
		names = append(names, a.Hostname)
	}
	s := strings.Join(names, ", ")
	if more := len(apps) - namesListed; more > 0 {
		s += " and " + strconv.Itoa(more) + " more"
	}
	return s
}

// watching says who else has one of the apps open.
func (c *Console) watching(apps []*core.AppView) string {
	for _, p := range c.present {
		for _, a := range apps {
			if p.User != c.actor.User && strings.Contains(p.Place, "› "+a.Hostname+" ›") {
				return p.User + " is looking at " + a.Hostname + " now."
			}
		}
	}
	return ""
}

// deployAgain opens the form for an app's recipe with its sizes; a draft that
// was kept comes first.
func deployAgain(c *Console, on object) tea.Cmd {
	a, ok := c.appOf(on)
	if !ok {
		return nil
	}
	it, err := c.core.CatalogueItem(a.CatalogID)
	if err != nil {
		c.fail("", err)
		return nil
	}
	d := c.place.draftFor(it.ID)
	if d == nil {
		d = &draft{Item: it.ID, Focus: fieldName, Values: map[string]string{fieldName: freeName(c.world, a.Hostname)}}
		for key, n := range map[string]int{fieldCores: a.Cores, fieldMemory: a.MemoryMB, fieldDisk: a.DiskGB} {
			if n > 0 {
				d.Values[key] = strconv.Itoa(n)
			}
		}
	}
	return c.push(newDeploy(c, it, d))
}

// wrecked is the app of the object if its deploy came to nothing.
func (c *Console) wrecked(on object) (core.AppView, bool) {
	if j, ok := c.jobOf(on); ok && j.Kind == "deploy" && j.Ended {
		on = appObject(j.AppID)
	}
	a, ok := c.appOf(on)
	return a, ok && a.Status == core.StatusError && a.Job == nil
}

// wayOut are the keys that lead out of an app in error, as far as they work.
func (c *Console) wayOut(w int, a *core.AppView) *ui.Line {
	l := c.theme.NewLine(w)
	if c.obstacle(core.DeleteApp, a).short == "" {
		l.Add(ui.Key, "d").Add(ui.Muted, map[bool]string{true: " forget", false: " delete"}[a.Lost])
	}
	if mayDeploy(c, object{}) == "" {
		if l.W() > 0 {
			l.Space(2)
		}
		l.Add(ui.Key, "n").Add(ui.Muted, " deploy again")
	}
	return l
}
