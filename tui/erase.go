package tui

import (
	"cmp"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"proximity/tui/ui"
)

// erase asks before something is destroyed: it names the victims and what is
// lost, and wants the name typed. The focus is on Cancel.
type erase struct {
	name    string // what is to be typed: the victim's name, or how many there are
	what    string // what goes, if it is not the victim whole: "backup 42"
	many    bool
	verb    string      // "Delete" when empty
	about   string      // the victims in a sentence
	facts   [][2]string // what becomes of them, the worst first
	choices []choice    // that are made beside it
	field   ui.Input
	focus   focus
	last    time.Time // of the last key
	yes     func(c *Console) tea.Cmd
}

// choice is a yes or no beside a question; a yes to it is a no to another.
type choice struct {
	text   string
	on     *bool
	not    *bool  // the other; nil = it stands alone
	change func() // tells the facts anew; may be nil
}

func (o choice) toggle() {
	*o.on = !*o.on
	if *o.on && o.not != nil {
		*o.not = false
	}
	if o.change != nil {
		o.change()
	}
}

// focus is where enter goes: to a button, or to the choice of that number from
// onChoice on.
type focus uint8

const (
	onCancel focus = iota
	onDo
	onChoice
)

func (d *erase) fact(what, text string) { d.facts = append(d.facts, [2]string{what, text}) }

func (d *erase) title() string {
	if d.what != "" && d.what != d.name {
		return d.does() + " " + d.what + " of " + d.name
	}
	return d.does() + " " + d.name
}

// goes is what the button names.
func (d *erase) goes() string { return cmp.Or(d.what, d.name) }

// does is what is done to the victims.
func (d *erase) does() string { return cmp.Or(d.verb, "Delete") }

func (d *erase) typing() bool { return true }

func (d *erase) hint() string {
	switch {
	case d.focus == onDo:
		return "enter " + strings.ToLower(d.does()) + " " + d.goes() + "   tab on   esc leave it as it is"
	case d.focus >= onChoice:
		return "space yes or no   tab to Cancel   esc leave it as it is"
	}
	return "type the name   tab to " + d.does() + "   enter or esc leave it as it is"
}

// paste refuses: a name that is pasted has not been read.
func (d *erase) paste(c *Console, _ string) {
	c.say(warn, "type the name: pasted text does not count")
}

func (d *erase) key(c *Console, key, text string) tea.Cmd {
	was := d.last
	d.last = c.now()
	places := onChoice + focus(len(d.choices))
	switch {
	case key == "tab" || key == "down":
		d.focus = (d.focus + 1) % places
		return nil
	case key == "shift+tab" || key == "up":
		d.focus = (d.focus + places - 1) % places
		return nil
	case key == "space" && d.focus >= onChoice:
		d.choices[d.focus-onChoice].toggle()
		return nil
	case key == "enter":
		return d.enter(c, was)
	}
	if !d.field.Key(key, text) {
		c.say(info, keyName(key)+" does nothing here · type the name, tab goes to the buttons, esc closes")
	}
	return nil
}

// enter presses the button in focus; not in the same breath as another key, so
// that text sent by accident does not delete.
func (d *erase) enter(c *Console, last time.Time) tea.Cmd {
	switch {
	case d.focus >= onChoice:
		d.choices[d.focus-onChoice].toggle()
		return nil
	case d.focus != onDo:
		c.over = nil
		c.say(info, d.name+" stays as it is")
		return nil
	case d.field.Value() != d.name:
		c.say(info, "the name does not match: type "+d.name)
		return nil
	case c.now().Sub(last) < breath:
		c.say(info, "that was quick: press enter again if you mean it")
		return nil
	}
	c.over = nil
	return d.yes(c)
}

// lines draws as much of the consequences as there is room for: the worst of
// them, the field and the buttons always.
func (d *erase) lines(c *Console, w, h int) ([]string, int, int) {
	l := c.theme.NewLine(w)
	var about []string
	for _, row := range ui.Wrap(d.about, w) {
		l.Reset(w)
		about = append(about, l.Add(ui.Text, row).String())
	}
	facts := d.blocks(c, w)
	shown := d.choices
	foot := d.foot(c, w, shown)
	if len(shown) > 1 && h-len(foot.lines) < len(about)+len(facts[0]) { // victims and worst are not left out for them
		i := int(max(d.focus, onChoice) - onChoice)
		shown = shown[i : i+1]
		foot = d.foot(c, w, shown)
	}
	room := h - len(foot.lines)
	out := slices.Concat(about, []string{""}, slices.Concat(facts...), []string{""})
	if len(out) > room { // as many as fit, the worst before who and where
		out = nil
		if len(about)+len(facts[0]) <= room {
			out = about
		}
		for _, f := range facts {
			if len(out)+len(f) <= room {
				out = append(out, f...)
			}
		}
	}
	return append(out, foot.lines...), foot.cursor, len(out)
}

// blocks draws what becomes of the victim, each fact with its lines.
func (d *erase) blocks(c *Console, w int) (blocks [][]string) {
	lead := 10
	if w < narrowW-16 {
		lead = 0
	}
	l := c.theme.NewLine(w)
	for i, f := range d.facts {
		role := ui.Text
		if i == 0 {
			role = ui.Error
		}
		var block []string
		for j, row := range ui.Wrap(f[1], w-lead-2) {
			l.Reset(w)
			l.Space(2)
			if j == 0 {
				l.Cell(ui.Muted, f[0], lead)
			}
			l.To(lead + 2)
			block = append(block, l.Add(role, row).String())
		}
		blocks = append(blocks, block)
	}
	return blocks
}

// foot is the field, the choices shown and the buttons; the cursor is in the
// first line.
func (d *erase) foot(c *Console, w int, shown []choice) (foot struct {
	lines  []string
	cursor int
}) {
	matches := d.field.Value() == d.name
	l := c.theme.NewLine(w)
	what := "the name"
	if d.many {
		what = "\"" + d.name + "\""
	}
	prompt := "Type " + what + " to " + strings.ToLower(d.does()) + ": "
	if w < 60 {
		prompt = "Type it: "
	}
	l.Add(ui.Text, prompt)
	foot.cursor = l.W() + d.field.Draw(l, ui.Strong, max(4, min(40, l.Left()-1)))
	foot.lines = append(foot.lines, l.String())
	if w >= 60 {
		foot.lines = append(foot.lines, "")
	}
	for _, o := range shown {
		l.Reset(w)
		if d.focus >= onChoice && d.choices[d.focus-onChoice].on == o.on {
			l.Add(ui.Accent, ui.Bar)
		} else {
			l.Space(1)
		}
		l.Add(ui.Text, map[bool]string{true: "[x] ", false: "[ ] "}[*o.on]+o.text)
		foot.lines = append(foot.lines, l.String())
	}
	l.Reset(w)
	button := func(on bool, role ui.Role, text string) {
		if on {
			l.Add(ui.Accent, ui.Bar).Add(role, "[ "+text+" ]")
		} else {
			l.Space(1).Add(ui.Muted, "[ "+text+" ]")
		}
	}
	button(d.focus == onCancel, ui.Selected, "Cancel")
	l.Space(1)
	do := d.does()
	if w >= 60 {
		do += " " + d.goes()
	}
	role := ui.Strong
	if matches {
		role = ui.Danger
	}
	button(d.focus == onDo, role, do)
	if !matches && w >= 60 {
		l.Space(1).Add(ui.Muted, "the name does not match")
	}
	foot.lines = append(foot.lines, l.String())
	return foot
}
