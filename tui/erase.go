package tui

import (
	"slices"
	"strconv"
	"time"

	tea "charm.land/bubbletea/v2"

	"proximity/core"
	"proximity/tui/ui"
)

// erase asks before something is destroyed: it names the victim and what is
// lost, and wants the name typed. The focus is on Cancel.
type erase struct {
	name  string
	about string      // the victim in a sentence
	facts [][2]string // what becomes of it, the worst first
	field ui.Input
	armed bool      // the focus is on the button that does it
	last  time.Time // of the last key
	yes   func(c *Console) tea.Cmd
}

// askDelete asks before an app is deleted.
func askDelete(c *Console, on object) tea.Cmd {
	ids, _ := c.targets(on)
	found := c.appsOf(ids)
	if len(found) != 1 {
		return nil
	}
	a := found[0]
	d := &erase{name: a.Hostname, last: c.now(), yes: func(c *Console) tea.Cmd { return c.doApps(core.DeleteApp, ids) }}
	d.field.Max = 80
	d.about = "You are about to delete  " + a.Hostname + "  (" + whereIs(a) + ", owner " + a.Owner + ")."
	fact := func(what, text string) { d.facts = append(d.facts, [2]string{what, text}) }
	if a.VMID == 0 {
		fact("forgets", "the app; it has no container")
	} else {
		fact("loses", "its data is gone for ever; no backup is made")
		disk := "its " + strconv.Itoa(a.DiskGB) + "G disk"
		if a.Storage != "" {
			disk += " on " + a.Storage
		}
		fact("destroys", "container "+strconv.Itoa(a.VMID)+" on "+a.Node+" and "+disk)
	}
	if a.PublicPort > 0 {
		fact("frees", "port "+strconv.Itoa(a.PublicPort)+": "+a.URL+" answers no more")
	}
	if who := c.watching(found); who != "" {
		fact("open", who)
	}
	c.over = d
	return nil
}

func (d *erase) title() string { return "Delete " + d.name }
func (d *erase) typing() bool  { return true }

func (d *erase) hint() string {
	if d.armed {
		return "enter delete " + d.name + "   tab to Cancel   esc leave it as it is"
	}
	return "type the name   tab to Delete   enter or esc leave it as it is"
}

// paste refuses: a name that is pasted has not been read.
func (d *erase) paste(c *Console, _ string) {
	c.say(warn, "type the name: pasted text does not count")
}

func (d *erase) key(c *Console, key, text string) tea.Cmd {
	was := d.last
	d.last = c.now()
	switch key {
	case "tab", "shift+tab", "up", "down":
		d.armed = !d.armed
		return nil
	case "enter":
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
	case !d.armed:
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
	foot := d.foot(c, w)
	facts := d.blocks(c, w)
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

// foot is the field and the buttons; the cursor is in the first line.
func (d *erase) foot(c *Console, w int) (foot struct {
	lines  []string
	cursor int
}) {
	matches := d.field.Value() == d.name
	l := c.theme.NewLine(w)
	prompt := "Type the name to delete: "
	if w < 60 {
		prompt = "Its name: "
	}
	l.Add(ui.Text, prompt)
	foot.cursor = l.W() + d.field.Draw(l, ui.Strong, max(4, min(40, l.Left()-1)))
	foot.lines = append(foot.lines, l.String())
	if w >= 60 {
		foot.lines = append(foot.lines, "")
	}
	l.Reset(w)
	button := func(on bool, role ui.Role, text string) {
		if on {
			l.Add(ui.Accent, ui.Bar).Add(role, "[ "+text+" ]")
		} else {
			l.Space(1).Add(ui.Muted, "[ "+text+" ]")
		}
	}
	button(!d.armed, ui.Selected, "Cancel")
	l.Space(1)
	do := "Delete"
	if w >= 60 {
		do += " " + d.name
	}
	role := ui.Strong
	if matches {
		role = ui.Danger
	}
	button(d.armed, role, do)
	if !matches && w >= 60 {
		l.Space(1).Add(ui.Muted, "the name does not match")
	}
	foot.lines = append(foot.lines, l.String())
	return foot
}
