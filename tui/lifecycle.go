package tui

import (
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"

	"proximity/core"
	"proximity/tui/ui"
)

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
