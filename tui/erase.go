package tui

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"proximity/core"
	"proximity/tui/ui"
)

// erase asks before something is destroyed: it names the victims and what is
// lost, and wants the name typed. The focus is on Cancel.
type erase struct {
	name   string // what is to be typed: the victim's name, or how many there are
	what   string // what goes, if it is not the victim whole: "backup 42"
	many   bool
	verb   string      // "Delete" when empty
	about  string      // the victims in a sentence
	facts  [][2]string // what becomes of them, the worst first
	option string      // a choice beside it; "" = there is none
	on     bool        // it is chosen
	field  ui.Input
	focus  focus
	last   time.Time // of the last key
	yes    func(c *Console, option bool) tea.Cmd
}

// focus is where enter goes.
type focus uint8

const (
	onCancel focus = iota
	onDo
	onOption
)

// askDelete asks before apps are deleted.
func askDelete(c *Console, on object) tea.Cmd {
	ids, hidden := c.targets(on)
	var victims []*core.AppView
	var out []obstacle
	for _, a := range c.appsOf(ids) {
		if o := c.obstacle(core.DeleteApp, a); o.short != "" {
			out = append(out, o)
		} else {
			victims = append(victims, a)
		}
	}
	if len(victims) == 0 {
		return nil
	}
	wait := c.core.Settings().DeleteWait
	d := &erase{last: c.now(), on: true, yes: func(c *Console, wait bool) tea.Cmd { return c.deleteApps(victims, wait) }}
	d.field.Max = 80
	d.victims(victims, len(ids))
	d.lost(c, victims)
	if hidden > 0 {
		d.fact("hidden", "the filter hides "+strconv.Itoa(hidden)+" of the "+strconv.Itoa(len(ids))+" marked apps")
	}
	if len(out) > 0 {
		d.fact("left out", ui.Count(len(out), "marked app")+": "+tally(out))
	}
	if who := c.watching(victims); who != "" {
		d.fact("open", who)
	}
	if wait > 0 && slices.ContainsFunc(victims, destroyed) {
		d.option = "wait " + waitWords(wait) + " before destroying: stopped meanwhile, z keeps it"
	}
	c.over = d
	return nil
}

// destroyed reports that an app has a container that goes with it.
func destroyed(a *core.AppView) bool { return a.VMID != 0 && !a.Adopted && !a.Lost }

// victims names who is deleted, of so many that were asked for.
func (d *erase) victims(apps []*core.AppView, asked int) {
	if asked == 1 {
		a := apps[0]
		d.name = a.Hostname
		d.about = "You are about to delete  " + a.Hostname + "  (" + whereIs(a) + ", owner " + a.Owner + ")."
		return
	}
	d.name, d.many = ui.Count(len(apps), "app"), true
	d.about = "You are about to delete " + d.name + ":  " + nameList(apps) + "."
}

func (d *erase) fact(what, text string) { d.facts = append(d.facts, [2]string{what, text}) }

// lost says what becomes of the victims and what is theirs.
func (d *erase) lost(c *Console, apps []*core.AppView) {
	var gone, kept, empty []*core.AppView
	var cts, ports []string
	disk := 0
	for _, a := range apps {
		switch {
		case destroyed(a):
			gone = append(gone, a)
			cts = append(cts, strconv.Itoa(a.VMID)+" on "+a.Node)
			disk += a.DiskGB
		case a.Adopted || a.Lost:
			kept = append(kept, a)
		default:
			empty = append(empty, a)
		}
		if a.PublicPort > 0 {
			ports = append(ports, strconv.Itoa(a.PublicPort))
		}
	}
	one := len(apps) == 1
	if n := len(gone); n > 0 {
		d.fact("loses", map[bool]string{true: "its data is", false: "their data is"}[one]+" gone for ever; no backup is made")
		what := map[bool]string{true: "container ", false: "containers "}[n == 1] + strings.Join(cts, ", ")
		if one && gone[0].Storage != "" {
			d.fact("destroys", what+" and its "+strconv.Itoa(disk)+"G disk on "+gone[0].Storage)
		} else {
			d.fact("destroys", what+" and "+strconv.Itoa(disk)+"G of disk")
		}
	}
	if len(kept) > 0 {
		why := "made outside Proximity"
		if kept[0].Lost {
			why = "gone, or not ours any more"
		}
		d.fact("forgets", "the record of "+nameList(kept)+"; no container is touched: "+why)
	}
	if len(empty) > 0 {
		d.fact("forgets", nameList(empty)+"; no container there")
	}
	switch {
	case one && len(ports) > 0:
		d.fact("frees", "port "+ports[0]+": "+apps[0].URL+" answers no more")
	case len(ports) > 0:
		d.fact("frees", "ports "+strings.Join(ports, ", "))
	}
	if len(gone) > 0 {
		d.fact("keeps", keptBackups(c, gone))
	}
}

// keptBackups says what could be restored of apps that go.
func keptBackups(c *Console, apps []*core.AppView) string {
	n, none := 0, 0
	var last time.Time
	for _, a := range apps {
		p := a.Protection
		if p == nil || p.Backups == 0 {
			none++
			continue
		}
		n += p.Backups
		if p.Last.After(last) {
			last = p.Last
		}
	}
	switch {
	case n == 0:
		return "nothing: there is no backup"
	case len(apps) == 1:
		return ui.Count(n, "backup") + ", the newest " + ui.When(c.now(), last, c.loc) + ": each can become a new app"
	case none > 0:
		return ui.Count(n, "backup") + "; " + ui.Count(none, "app") + " without any"
	}
	return ui.Count(n, "backup") + ": each can become a new app"
}

// deleteApps asks core to delete apps.
func (c *Console) deleteApps(victims []*core.AppView, wait bool) tea.Cmd {
	var ids []string
	after := ""
	for _, a := range victims {
		ids = append(ids, a.ID)
		if wait && destroyed(a) {
			after = " · z keeps it, for " + waitWords(c.core.Settings().DeleteWait)
		}
	}
	return c.askCore(core.DeleteApp, ids, after, func(ctx context.Context, id string) (core.JobView, error) {
		return c.core.DeleteApp(ctx, c.actor, id, core.DeleteOptions{Now: !wait})
	})
}

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
	switch d.focus {
	case onDo:
		return "enter " + strings.ToLower(d.does()) + " " + d.goes() + "   tab on   esc leave it as it is"
	case onOption:
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
	places := focus(2)
	if d.option != "" {
		places = 3
	}
	switch {
	case key == "tab" || key == "down":
		d.focus = (d.focus + 1) % places
		return nil
	case key == "shift+tab" || key == "up":
		d.focus = (d.focus + places - 1) % places
		return nil
	case key == "space" && d.focus == onOption:
		d.on = !d.on
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
	case d.focus == onOption:
		d.on = !d.on
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
	return d.yes(c, d.on && d.option != "")
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
	if d.option != "" {
		l.Reset(w)
		if d.focus == onOption {
			l.Add(ui.Accent, ui.Bar)
		} else {
			l.Space(1)
		}
		l.Add(ui.Text, map[bool]string{true: "[x] ", false: "[ ] "}[d.on]+d.option)
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
