package tui

import (
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"proximity/tui/ui"
)

// paletteMost is how many matches the palette lists.
const paletteMost = 60

// target is what a palette entry does: a verb, on an object.
type target struct {
	b  *binding
	on object
}

// openPalette opens the palette with some text in it; nothing runs before
// enter.
func (c *Console) openPalette(text string) {
	in := &ui.Input{Max: 120}
	in.Set(text)
	m := &menu{
		heading: ": anything",
		menu:    ui.Menu{Prompt: "> ", Input: in, Empty: "nothing matches · esc closes"},
		fill:    (*Console).paletteItems,
		choose: func(c *Console, it ui.Item) tea.Cmd {
			t := it.Value.(target)
			return c.act(t.b, t.on)
		},
		keys: "enter run   ↑↓ choose   esc close",
	}
	m.refill(c)
	c.over = m
}

// hits tells as a bit set which of the terms s contains, in any case.
func hits(s string, terms []string) (set uint) {
	for i, t := range terms {
		if i < 32 && ui.HasFold(s, t) {
			set |= 1 << i
		}
	}
	return set
}

// finds collects what matches: what begins with the last word first. Beyond
// what the palette lists it only counts.
type finds struct {
	terms       []string
	all         uint // every term is there
	front, rest []ui.Item
}

func (f *finds) add(first bool, item func() ui.Item) {
	switch {
	case first && len(f.front) < paletteMost:
		f.front = append(f.front, item())
	case !first && len(f.rest) < paletteMost:
		f.rest = append(f.rest, item())
	}
}

// begins reports whether name begins with the word typed last.
func (f *finds) begins(name string) bool {
	if len(f.terms) == 0 {
		return false
	}
	last := f.terms[len(f.terms)-1]
	return len(name) >= len(last) && ui.HasFold(name[:len(last)], last)
}

// paletteItems are the verbs and objects that have all the words of q: first
// what can be done with the selection, then everything else by kind.
func (c *Console) paletteItems(q string) []ui.Item {
	terms := strings.Fields(strings.ToLower(q))
	f := &finds{terms: terms, all: uint(1)<<min(len(terms), 32) - 1}
	c.findVerbs(f)
	if len(terms) > 0 {
		c.findObjects(f)
	}
	items := append(f.front, f.rest...)
	return items[:min(len(items), paletteMost)]
}

// findVerbs finds what can be done here, and with the selection.
func (c *Console) findVerbs(f *finds) {
	for _, b := range c.keys.table {
		on := c.aim(b)
		global := b.where == always
		if b.motion() || !global && b.where&onObject&on.scope() == 0 {
			continue
		}
		name := b.verb
		if !global {
			name += " " + c.nameOf(on)
		}
		if hits(name, f.terms)|hits(b.help, f.terms) != f.all {
			continue
		}
		why := c.reason(b, on)
		f.add(why == "" && (!global || f.begins(name)), func() ui.Item {
			return ui.Item{Label: name, Detail: b.help, Key: b.shown(), Reason: why, Value: target{b, on}}
		})
	}
}

// findObjects finds objects by their words, and verbs with them: a verb that
// fits their kind and the object share the words between them.
func (c *Console) findObjects(f *finds) {
	type verb struct {
		b   *binding
		set uint
	}
	verbs := func(kind scope) (vs []verb) {
		for _, name := range []string{"open", "logs", "web address", "new", "start", "stop", "restart", "delete", "show secrets"} {
			b := c.keys.verb[name]
			if b.where&kind != 0 || name == "new" && kind == onItem {
				vs = append(vs, verb{b, hits(verbWord(b), f.terms)})
			}
		}
		return vs
	}
	object := func(vs []verb, set uint, name string, on object, label, detail func() string) {
		if set == 0 {
			return
		}
		for i, v := range vs {
			if set|v.set != f.all || i > 0 && v.set == 0 {
				continue
			}
			f.add(f.begins(name), func() ui.Item {
				return ui.Item{Label: verbWord(v.b) + " " + label(), Detail: detail(), Reason: c.reason(v.b, on), Value: target{v.b, on}}
			})
		}
	}
	w := c.world
	vs, word := verbs(onApp), hits("app", f.terms)
	for i := range w.Apps {
		a := &w.Apps[i]
		object(vs, word|hits(a.Hostname, f.terms)|hits(a.Name, f.terms), a.Hostname, appObject(a.ID),
			func() string { return a.Hostname }, func() string { return "app · " + string(a.Status) })
	}
	vs, word = verbs(onJob), hits("job", f.terms)
	for i := range w.Jobs {
		j := &w.Jobs[i]
		id := "#" + jobID(j.ID)
		object(vs, word|hits(id, f.terms)|hits(j.Title, f.terms), id[1:], jobObject(j.ID),
			func() string { return id + " " + j.Title }, func() string { return "job · " + j.State })
	}
	vs, word = verbs(onNode), hits("node", f.terms)
	for i := range w.Nodes {
		n := &w.Nodes[i]
		object(vs, word|hits(n.Name, f.terms), n.Name, nodeObject(n.Host, n.Name),
			func() string { return n.Name }, func() string { return "node · " + n.State })
	}
	vs, word = verbs(onItem), hits("catalog", f.terms)
	for _, it := range c.core.Catalogue("", "") {
		object(vs, word|hits(it.ID, f.terms)|hits(it.Name, f.terms), it.Name, itemObject(it.ID),
			func() string { return it.Name }, func() string { return "catalog · " + it.Tagline })
	}
}

// verbWord is a verb before an object's name.
func verbWord(b *binding) string {
	if b.verb == "new" {
		return "deploy"
	}
	return b.verb
}

// motion reports that a verb makes no sense out of a list of words.
func (b *binding) motion() bool {
	switch b.verb {
	case "up", "down", "page up", "page down", "first", "last", "next tab", "previous tab",
		"next pane", "previous pane", "palette", "back", "cancel":
		return true
	}
	return false
}

// openHelp lists every binding: first what works here. Typing searches, enter
// does it.
func (c *Console) openHelp() {
	m := &menu{
		heading: "Help · what works here comes first",
		menu:    ui.Menu{Prompt: "search: ", Input: &ui.Input{Max: 60}, Empty: "no key does that · esc closes"},
		fill:    (*Console).helpItems,
		choose: func(c *Console, it ui.Item) tea.Cmd {
			b := it.Value.(*binding)
			return c.act(b, c.aim(b))
		},
		keys: "type to search   enter do it   ↑↓ move   esc close",
	}
	m.refill(c)
	c.over = m
}

func (c *Console) helpItems(q string) []ui.Item {
	terms := strings.Fields(strings.ToLower(q))
	all := uint(1)<<min(len(terms), 32) - 1
	var here, moves, there []ui.Item
	for _, b := range c.keys.table {
		keys := strings.Join(b.keys, " ")
		if keys == "" {
			keys = "a" // only in menus
		}
		hay := strings.ToLower(keys + " " + b.verb + " " + b.help + " " + b.where.String())
		if hits(hay, terms) != all {
			continue
		}
		it := ui.Item{Label: keys, Detail: b.verb + ": " + b.help, Value: b}
		if !c.applies(b) {
			it.Reason = b.verb + ": " + b.help + " · for " + b.where.String()
			there = append(there, it)
			continue
		}
		if why := c.reason(b, c.aim(b)); why != "" {
			it.Reason = b.verb + ": " + why
			there = append(there, it)
			continue
		}
		if b.motion() || strings.HasPrefix(b.verb, "screen ") {
			moves = append(moves, it)
			continue
		}
		here = append(here, it)
	}
	return slices.Concat(here, moves, there)
}

// alerts lists what needs attention, and the notices so far.
func alerts(c *Console, _ object) tea.Cmd {
	var items []ui.Item
	now := c.now()
	for _, a := range c.world.Alerts {
		sign, role := warn.sign()
		if a.Level == "error" {
			sign, role = bad.sign()
		}
		items = append(items, ui.Item{Label: sign + " " + a.Text, Role: role, Detail: ui.When(now, a.Since, c.loc), Value: a.Object})
	}
	for i := len(c.notices.all) - 1; i >= 0; i-- {
		n := c.notices.all[i]
		items = append(items, ui.Item{Label: n.text, Role: ui.Muted, Detail: n.at.In(c.loc).Format("15:04:05"), Value: ""})
	}
	c.over = &menu{
		heading: "Needs attention " + jobID(uint64(len(c.world.Alerts))) + ", then the notices so far",
		menu:    ui.Menu{Items: items, Empty: "nothing needs attention, and nothing has been said"},
		again:   "!",
		keys:    "enter open   ! next   ↑↓ move   esc close",
		choose: func(c *Console, it ui.Item) tea.Cmd {
			o := parseObject(it.Value.(string))
			if o.kind == noKind {
				c.say(info, "a notice has nothing to open")
				return nil
			}
			if o.kind == hostKind || o.kind == nodeKind {
				cmd := c.visit(4)
				c.tops[4].(*nodes).table.Select(o.id)
				return cmd
			}
			return open(c, o)
		},
	}
	return nil
}

// parseObject reads core's name of an object: "app/ID", "job/N", "host/NAME",
// "node/HOST/NAME".
func parseObject(s string) object {
	kind, id, _ := strings.Cut(s, "/")
	switch kind {
	case "app":
		return object{appKind, id}
	case "job":
		return object{jobKind, id}
	case "node":
		return object{nodeKind, id}
	case "host":
		return object{hostKind, id}
	}
	return object{}
}
