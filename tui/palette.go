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
		fill:    func(c *Console, q string) ([]ui.Item, int) { return c.paletteItems(q) },
		choose: func(c *Console, it ui.Item) tea.Cmd {
			t := it.Value.(target)
			return c.act(t.b, t.on)
		},
		keys: "enter run   ↑↓ choose   esc close",
	}
	m.refill(c)
	c.over = m
}

// hits tells as a bit set which of the terms s contains.
func hits(s string, terms []string) (set uint) {
	for i, t := range terms {
		if i < 32 && strings.Contains(s, t) {
			set |= 1 << i
		}
	}
	return set
}

// paletteItems are the verbs and objects that have all the words of q: first
// what can be done with the selection, then everything else by kind.
func (c *Console) paletteItems(q string) ([]ui.Item, int) {
	terms := strings.Fields(strings.ToLower(q))
	all := uint(1)<<min(len(terms), 32) - 1
	var front, rest []ui.Item
	total := 0
	add := func(first bool, it ui.Item) {
		total++
		if len(front)+len(rest) >= 4*paletteMost {
			return
		}
		if first {
			front = append(front, it)
		} else {
			rest = append(rest, it)
		}
	}

	on := c.page().on(c)
	for _, b := range c.keys.table {
		if b.motion() {
			continue
		}
		global := b.where == always
		if !global && (b.where&onObject&on.scope() == 0) {
			continue
		}
		name, about := b.verb, b.help
		if !global {
			name = b.verb + " " + c.nameOf(on)
		}
		if hits(strings.ToLower(name+" "+about), terms) != all {
			continue
		}
		it := ui.Item{Label: name, Detail: about, Key: b.shown(), Reason: c.reason(b, on), Value: target{b, on}}
		add(it.Reason == "" && (len(terms) > 0 && strings.HasPrefix(name, terms[0]) || !global), it)
	}

	// Objects: a verb that fits their kind and the object's own words share
	// the terms between them.
	verbs := func(kind scope) (bs []*binding, sets []uint) {
		for _, name := range []string{"open", "logs", "web address", "new", "stop", "show secrets"} {
			b := c.keys.verb[name]
			if b.where&kind != 0 || name == "new" && kind == onItem {
				bs, sets = append(bs, b), append(sets, hits(verbWord(b), terms))
			}
		}
		return bs, sets
	}
	object := func(hay, label, detail string, on object, bs []*binding, sets []uint) {
		set := hits(hay, terms)
		if len(terms) > 0 && set == 0 {
			return
		}
		for i, b := range bs {
			if set|sets[i] != all || i > 0 && sets[i] == 0 {
				continue
			}
			it := ui.Item{Label: verbWord(b) + " " + label, Detail: detail, Value: target{b, on}}
			if b.class != free || b.why != nil {
				it.Reason = c.reason(b, on)
			}
			add(len(terms) > 0 && strings.HasPrefix(hay, terms[len(terms)-1]), it)
		}
	}
	if len(terms) > 0 {
		bs, sets := verbs(onApp)
		for i := range c.world.Apps {
			a := &c.world.Apps[i]
			if set := hits(a.Hostname, terms) | hits("app", terms); set != 0 {
				object(a.Hostname+" app "+strings.ToLower(a.Name), a.Hostname, "app · "+string(a.Status), appObject(a.ID), bs, sets)
			}
		}
		bs, sets = verbs(onJob)
		for i := range c.world.Jobs {
			j := &c.world.Jobs[i]
			id := jobID(j.ID)
			object(id+" #"+id+" job "+strings.ToLower(j.Title), "#"+id+" "+j.Title, "job · "+j.State, jobObject(j.ID), bs, sets)
		}
		bs, sets = verbs(onNode)
		for i := range c.world.Nodes {
			n := &c.world.Nodes[i]
			object(strings.ToLower(n.Name)+" node", n.Name, "node · "+n.State, nodeObject(n.Host, n.Name), bs, sets)
		}
		bs, sets = verbs(onItem)
		for _, it := range c.core.Catalogue("", "") {
			object(it.ID+" catalog "+strings.ToLower(it.Name), it.Name, "catalog · "+it.Tagline, itemObject(it.ID), bs, sets)
		}
	}
	items := append(front, rest...)
	return items[:min(len(items), paletteMost)], total
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

func appObject(id string) object          { return object{appKind, id} }
func jobObject(id uint64) object          { return object{jobKind, jobID(id)} }
func nodeObject(host, name string) object { return object{nodeKind, host + "/" + name} }
func itemObject(id string) object         { return object{itemKind, id} }

// openHelp lists every binding: first what works here. Typing searches, enter
// does it.
func (c *Console) openHelp() {
	m := &menu{
		heading: "Help · what works here comes first",
		menu:    ui.Menu{Prompt: "search: ", Input: &ui.Input{Max: 60}, Empty: "no key does that · esc closes"},
		fill:    func(c *Console, q string) ([]ui.Item, int) { return c.helpItems(q) },
		choose: func(c *Console, it ui.Item) tea.Cmd {
			return c.act(it.Value.(*binding), c.page().on(c))
		},
		keys: "type to search   enter do it   ↑↓ move   esc close",
	}
	m.refill(c)
	c.over = m
}

func (c *Console) helpItems(q string) ([]ui.Item, int) {
	terms := strings.Fields(strings.ToLower(q))
	all := uint(1)<<min(len(terms), 32) - 1
	on := c.page().on(c)
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
		if why := c.reason(b, on); why != "" {
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
	return slices.Concat(here, moves, there), 0
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
