package tui

import (
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"

	"proximity/core"
	"proximity/tui/ui"
)

// clone asks what the copy of an app is to be. It says what is copied and what
// the copy gets of its own.
type clone struct {
	app     core.AppView
	form    ui.Form
	check   core.CloneCheck
	checked bool
	gen     uint64
	sending bool
	pasted  bool // since the last check
}

// The clone's fields and buttons.
const (
	cloneName = "hostname"
	cloneNode = "node"
	cloneStop = "stop_first"
	cloneGo   = " clone"
	cloneNot  = " cancel"
)

// askClone opens the overlay for an app.
func askClone(c *Console, on object) tea.Cmd {
	a, ok := c.appOf(on)
	if !ok {
		return nil
	}
	d := &clone{app: a}
	name := &ui.Field{Key: cloneName, Label: "Name", Help: "its hostname: letters, digits, dashes"}
	name.Input.Max = 63
	name.Input.Set(freeName(c.world, a.Hostname+"-copy"))
	d.form.Fields = append(d.form.Fields, name, &ui.Field{Key: cloneNode, Label: "Node", Kind: ui.SelectField, Options: []ui.Option{{Label: "auto"}}})
	if a.Status == core.StatusRunning {
		d.form.Fields = append(d.form.Fields, &ui.Field{Key: cloneStop, Label: "Stop it", Kind: ui.ToggleField, Help: a.Hostname + " is stopped for the copy and started again"})
	}
	d.form.Fields = append(d.form.Fields, &ui.Field{Key: cloneGo, Label: "Clone " + a.Hostname, Kind: ui.ButtonField}, &ui.Field{Key: cloneNot, Label: "Cancel", Kind: ui.ButtonField})
	c.over = d
	return d.ask(c)
}

func (d *clone) title() string { return "Clone " + d.app.Hostname }
func (d *clone) typing() bool  { return d.form.Typing() && !d.sending }
func (d *clone) hint() string  { return "tab next   ctrl+s clone   esc leave it" }

func (d *clone) request() core.CloneRequest {
	r := core.CloneRequest{Hostname: strings.TrimSpace(d.form.Field(cloneName).Value()), Node: d.form.Field(cloneNode).Value()}
	if f := d.form.Field(cloneStop); f != nil {
		r.StopFirst = f.On
	}
	return r
}

// cloneChecked is core's answer to a check, cloneBegun to the request itself.
type (
	cloneChecked struct {
		check core.CloneCheck
		err   error
	}
	cloneBegun struct {
		app core.AppView
		job core.JobView
		err error
	}
)

func (d *clone) ask(c *Console) tea.Cmd {
	d.gen++
	ctx, gen, id, r := c.ctx, d.gen, d.app.ID, d.request()
	return func() tea.Msg {
		check, err := c.core.CheckClone(ctx, c.actor, id, r)
		return answer{d, gen, cloneChecked{check, err}}
	}
}

func (d *clone) submit(c *Console) tea.Cmd {
	if d.sending {
		c.say(info, "it is being sent already")
		return nil
	}
	if d.checked && len(d.check.Problems) > 0 {
		d.form.Go(d.check.Problems[0].Field)
		c.say(warn, problemText(d.check.Problems))
		return nil
	}
	d.sending = true
	ctx, gen, id, r := c.ctx, d.gen, d.app.ID, d.request()
	return func() tea.Msg {
		a, j, err := c.core.CloneApp(ctx, c.actor, id, r)
		return answer{d, gen, cloneBegun{a, j, err}}
	}
}

func (d *clone) receive(c *Console, gen uint64, body any) tea.Cmd {
	switch b := body.(type) {
	case cloneChecked:
		if gen < d.gen {
			return nil
		}
		if b.err != nil {
			c.over = nil
			c.fail(d.app.Hostname+" cannot be cloned", b.err)
			return nil
		}
		d.check, d.checked = b.check, true
		d.say()
	case cloneBegun:
		d.sending = false
		if b.err != nil {
			c.fail("", b.err)
			return d.ask(c)
		}
		if c.over == overlay(d) {
			c.over = nil
		}
		c.say(good, b.job.Title+" has begun: job "+jobID(b.job.ID))
		c.expect([]core.JobView{b.job})
	}
	return nil
}

// say spreads a check over the fields.
func (d *clone) say() {
	node := d.form.Field(cloneNode)
	was := node.Value()
	node.Options = node.Options[:1]
	node.Options[0].Label = "auto"
	if d.check.Node != "" {
		node.Options[0].Label = "auto (" + d.check.Node + ")"
	}
	node.Choice = 0
	for _, f := range d.check.Fits {
		label := f.Node
		if !f.Fits {
			label += " (no)"
		}
		node.Options = append(node.Options, ui.Option{Value: f.Node, Label: label})
	}
	node.Choose(was)
	node.Help = ""
	for _, f := range d.check.Fits {
		if f.Node == node.Value() && !f.Fits {
			node.Help = f.Reason
		}
	}
	for _, f := range d.form.Fields {
		f.Problem, f.Hint, f.Note = "", "", ""
	}
	for _, p := range d.check.Problems {
		f := d.form.Field(p.Field)
		if f == nil {
			f = d.form.Field(cloneGo)
		}
		if f.Problem == "" {
			f.Problem, f.Hint = p.Text, p.Hint
		}
	}
	if f := d.form.Field(cloneName); f.Problem == "" {
		f.Note = "free"
	}
	d.form.Field(cloneGo).Disabled = ""
	if len(d.check.Problems) > 0 {
		d.form.Field(cloneGo).Disabled = d.check.Problems[0].Text
	}
}

func (d *clone) key(c *Console, key, text string) tea.Cmd {
	if key == "ctrl+s" {
		return d.submit(c)
	}
	if d.sending {
		c.say(info, "it is being sent: one moment")
		return nil
	}
	used, changed, pressed := d.form.Key(key, text)
	changed, d.pasted = changed || d.pasted, false
	switch {
	case pressed == cloneGo:
		return d.submit(c)
	case pressed == cloneNot:
		c.over = nil
		c.say(info, d.app.Hostname+" is not cloned")
		return nil
	case changed:
		return d.ask(c)
	case !used:
		c.say(info, keyName(key)+" does nothing here · tab moves, esc closes")
	}
	return nil
}

func (d *clone) paste(c *Console, s string) {
	if !d.form.Paste(s) {
		c.say(info, "that text does not fit into this field")
		return
	}
	f := d.form.Focus()
	f.Note, f.Problem, f.Hint, d.pasted = "", "", "", true
}

// facts say what becomes of the app and what the copy gets.
func (d *clone) facts() [][2]string {
	how := "its container as it is: it does not run"
	switch r := d.request(); {
	case d.app.Status != core.StatusRunning:
	case r.StopFirst:
		how = "its container; " + d.app.Hostname + " is stopped for it, which takes as long as the copy"
	default:
		how = "its container from a temporary snapshot; " + d.app.Hostname + " runs on"
	}
	own := "a container, an address, a name and a root password of its own"
	if d.checked && d.check.Port > 0 {
		own = "a container, an address (" + d.check.Network + "), port " + strconv.Itoa(d.check.Port) + ", a URL and a root password of its own"
	}
	return [][2]string{{"copies", how}, {"keeps", "all data and all secrets of the app"}, {"gets", own}}
}

func (d *clone) lines(c *Console, w, h int) ([]string, int, int) {
	var out []string
	l := c.theme.NewLine(w)
	about := "A second app with the data of  " + d.app.Hostname + "  (" + whereIs(c.world, &d.app) + ", owner " + d.app.Owner + ")."
	for _, row := range ui.Wrap(about, w) {
		l.Reset(w)
		out = append(out, l.Add(ui.Text, row).String())
	}
	var facts []string
	for _, f := range d.facts() {
		for i, row := range ui.Wrap(f[1], w-10) {
			l.Reset(w)
			if i == 0 {
				l.Cell(ui.Muted, f[0], 9)
			}
			l.To(9)
			facts = append(facts, l.Add(ui.Text, row).String())
		}
	}
	l.Reset(w)
	switch {
	case d.sending:
		l.Add(ui.Busy, "… asking for it")
	case !d.checked:
		l.Add(ui.Muted, "… asking "+d.app.Host)
	case len(d.check.Problems) > 0:
		l.Add(ui.Error, ui.Cross+" ").Add(ui.Text, d.check.Problems[0].Text)
	default:
		l.Add(ui.OK, ui.Check+" ").Add(ui.Text, "ready: it goes to "+d.check.Node)
	}
	state := l.String()
	room := h - len(out) - 2
	if room-len(facts)-1 >= 9 {
		out = append(append(append(out, ""), facts...), "")
		room = h - len(out) - 2
	}
	form, cx, cy := d.form.Lines(c.theme, w, max(3, room), 0)
	if cy >= 0 {
		cy += len(out)
	}
	out = append(out, form...)
	return append(out, "", state), cx, cy
}
