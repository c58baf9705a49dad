package tui

import (
	"errors"
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"

	"proximity/core"
	"proximity/tui/ui"
)

// configForm changes an app's configuration. Every change is checked by core off
// the event loop, as in the form that deploys.
type configForm struct {
	formPage
	id     string
	name   string
	was    core.ConfigView
	check  core.ConfigCheck
	loaded bool
	err    error
	gen    uint64
	done   uint64
}

const fieldSwap = "swap_mb"

func newConfigForm(a *core.AppView) *configForm {
	leave := &ui.Field{Key: buttonLeave, Kind: ui.ButtonField, Label: "Leave"} // until the others are known
	return &configForm{id: a.ID, name: a.Hostname, formPage: newFormPage(leave)}
}

func (p *configForm) digit() int               { return 2 }
func (p *configForm) crumbs(*Console) []string { return []string{p.name, "Edit"} }

// Answers of core to the form.
type (
	configCheck struct{ check core.ConfigCheck }
	configDone  struct {
		job core.JobView
		err error
	}
)

func (p *configForm) opened(c *Console) tea.Cmd {
	ctx, id := c.ctx, p.id
	return func() tea.Msg {
		v, err := c.core.AppConfig(ctx, c.actor, id)
		return answer{p, 0, configAnswer{v, err}}
	}
}

// load makes the fields of the configuration as it is.
func (p *configForm) load(v core.ConfigView) {
	p.was, p.loaded = v, true
	number := func(key, label, unit, help string) *ui.Field {
		return &ui.Field{Key: key, Label: label, Unit: unit, Help: help, Kind: ui.NumberField, Input: ui.Input{Max: 8}}
	}
	p.form.Fields = []*ui.Field{
		{Key: fieldName, Label: "Name", Help: "its hostname, and the container's", Input: ui.Input{Max: 63}},
		number(fieldCores, "CPU cores", "", ""),
		number(fieldMemory, "Memory", "MB", ""),
		number(fieldSwap, "Swap", "MB", ""),
		number(fieldDisk, "Disk", "GB", "can only grow, and not be taken back"),
	}
	for _, f := range v.Fields {
		if f.Hidden || f.Immutable {
			continue
		}
		x := manifestField(f.FieldView)
		if x.Default = ""; f.Secret && f.Set {
			x.Default, x.Help = "unchanged", "leave empty to keep it"
		}
		p.form.Fields = append(p.form.Fields, x)
	}
	for key, value := range filled(v) {
		set(p.form.Field(key), value)
	}
	p.form.Fields = append(p.form.Fields, &ui.Field{Key: buttonGo, Kind: ui.ButtonField, Label: "Save"}, &ui.Field{Key: buttonLeave, Kind: ui.ButtonField, Label: "Leave"})
	p.form.Open()
	p.form.Go(fieldMemory)
}

// filled are the values of the fields, by key; those of secrets are not known.
func filled(v core.ConfigView) map[string]string {
	values := map[string]string{fieldName: v.Hostname, fieldCores: strconv.Itoa(v.Cores), fieldMemory: strconv.Itoa(v.MemoryMB),
		fieldSwap: strconv.Itoa(v.SwapMB), fieldDisk: strconv.Itoa(v.DiskGB)}
	for _, f := range v.Fields {
		if !f.Secret {
			values["values."+f.Key] = f.Value
		}
	}
	return values
}

// set fills a field in; nil is one that is not asked for.
func set(f *ui.Field, value string) {
	switch {
	case f == nil:
	case f.Kind == ui.ToggleField:
		f.On = value == "true"
	case f.Kind == ui.SelectField:
		f.Choose(value)
	default:
		f.Input.Set(value)
	}
}

// rebase holds what is typed against another configuration: what was left as it
// was becomes as it is now.
func (p *configForm) rebase(v core.ConfigView) {
	before := filled(p.was)
	for key, value := range filled(v) {
		if f := p.form.Field(key); f != nil && f.Value() == before[key] {
			set(f, value)
		}
	}
	p.was = v
}

// change is the form as core wants it: only what is another now.
func (p *configForm) change() core.ConfigChange {
	ch := core.ConfigChange{Base: p.was.Revision}
	number := func(key string, was int, to **int) {
		if n, err := strconv.Atoi(p.form.Field(key).Value()); err == nil && n != was {
			*to = &n
		}
	}
	number(fieldCores, p.was.Cores, &ch.Cores)
	number(fieldMemory, p.was.MemoryMB, &ch.MemoryMB)
	number(fieldSwap, p.was.SwapMB, &ch.SwapMB)
	number(fieldDisk, p.was.DiskGB, &ch.DiskGB)
	if name := strings.TrimSpace(p.form.Field(fieldName).Value()); name != p.was.Hostname {
		ch.Hostname = &name
	}
	for _, f := range p.was.Fields {
		x := p.form.Field("values." + f.Key)
		if x == nil || x.Value() == f.Value || x.Value() == "" && f.Secret {
			continue
		}
		if x.Kind == ui.ToggleField && x.Value() == "false" && f.Value == "" {
			continue
		}
		if ch.Values == nil {
			ch.Values = map[string]string{}
		}
		ch.Values[f.Key] = x.Value()
	}
	return ch
}

func (p *configForm) same(ch core.ConfigChange) bool {
	return ch.Cores == nil && ch.MemoryMB == nil && ch.SwapMB == nil && ch.DiskGB == nil && ch.Hostname == nil && len(ch.Values) == 0
}

func (p *configForm) ask(c *Console) tea.Cmd {
	p.gen++
	gen, id, ch := p.gen, p.id, p.change()
	if p.same(ch) {
		p.done, p.check = gen, core.ConfigCheck{}
		p.say()
		return nil
	}
	return func() tea.Msg { return answer{p, gen, configCheck{c.core.CheckConfig(c.actor, id, ch)}} }
}

func (p *configForm) submit(c *Console) tea.Cmd {
	if !p.loaded {
		c.say(info, p.unread())
		return nil
	}
	ch := p.change()
	switch {
	case p.sending:
		c.say(info, "it is being sent already")
		return nil
	case p.same(ch):
		c.say(info, "nothing is another than it was")
		return nil
	case p.done == p.gen && len(p.check.Problems) > 0:
		p.form.Go(formKey(p.check.Problems[0].Field))
		c.say(warn, problemText(p.check.Problems))
		return nil
	}
	p.sending = true
	c.say(info, "asking to change "+p.name+" …")
	ctx, id := c.ctx, p.id
	return func() tea.Msg {
		j, err := c.core.ConfigureApp(ctx, c.actor, id, ch)
		return answer{p, 0, configDone{j, err}}
	}
}

func (p *configForm) receive(c *Console, gen uint64, body any) tea.Cmd {
	switch a := body.(type) {
	case configAnswer:
		switch p.err = a.err; {
		case a.err != nil:
		case !p.loaded:
			p.load(a.view)
		default: // somebody else was faster: what is typed here is held against theirs
			p.rebase(a.view)
			return p.ask(c)
		}
	case configCheck:
		if gen == p.gen {
			p.done, p.check = gen, a.check
			p.say()
		}
	case configDone:
		p.sending = false
		if a.err != nil {
			return p.refused(c, a.err)
		}
		c.say(good, "changing "+p.name+": job "+jobID(a.job.ID)+" · z takes it back once it is done")
		c.canUndo("the change of "+p.name, []uint64{a.job.ID})
		c.expect([]core.JobView{a.job})
		if c.page() == page(p) {
			c.back()
		}
	}
	return nil
}

// refused says why nothing was changed. Where somebody else was faster, the form
// stays as it is over their configuration: to be sent again, or left.
func (p *configForm) refused(c *Console, err error) tea.Cmd {
	var e *core.Error
	if errors.As(err, &e) && e.Field == "base" {
		c.say(warn, e.Text+" · ctrl+s keeps yours, esc takes theirs")
		return p.opened(c)
	}
	c.fail("", err)
	if e != nil && e.Field != "" {
		p.form.Go(formKey(e.Field))
	}
	return nil
}

// say spreads a check over the fields.
func (p *configForm) say() {
	for _, f := range p.form.Fields {
		f.Problem, f.Hint = "", ""
	}
	for _, x := range p.check.Problems {
		f := p.form.Field(formKey(x.Field))
		if f == nil {
			f = p.form.Field(buttonGo)
		}
		if f.Problem == "" {
			f.Problem, f.Hint = x.Text, x.Hint
		}
	}
}

func (p *configForm) edit(c *Console, key, text string) (tea.Cmd, bool) {
	if p.sending && key != "esc" {
		c.say(info, "it is being sent: one moment")
		return nil, true
	}
	if key == "esc" {
		c.back()
		c.say(info, p.name+" stays as it is")
		return nil, true
	}
	if !p.loaded {
		c.say(info, p.unread())
		return nil, true
	}
	used, changed, pressed := p.form.Key(key, text)
	switch pressed {
	case buttonGo:
		return p.submit(c), true
	case buttonLeave:
		return p.edit(c, "esc", "")
	}
	if changed {
		return p.ask(c), true
	}
	return nil, used
}

// unread says why there is nothing to fill in.
func (p *configForm) unread() string {
	if p.err != nil {
		return "it cannot be read · esc leaves"
	}
	return "it is being read: one moment · esc leaves"
}

func (p *configForm) paste(c *Console, s string) (tea.Cmd, bool) {
	if !p.form.Paste(s) {
		return nil, false
	}
	return p.ask(c), true
}

func (p *configForm) body(c *Console, w, h int) []string {
	l := c.theme.NewLine(w)
	out := []string{l.Space(1).Add(ui.Strong, "Change "+p.name).String()}
	if h >= 12 {
		out = append(out, "")
	}
	if p.err != nil {
		l := c.theme.NewLine(w)
		return append(out, l.Space(2).Add(ui.Error, ui.Cross+" ").Add(ui.Text, errorText(p.err)).String())
	}
	if !p.loaded {
		l := c.theme.NewLine(w)
		return append(out, l.Space(2).Add(ui.Muted, "… reading").String())
	}
	foot := p.verdict(c, w)
	return p.between(c, out, foot, w, h, 0)
}

// verdict says what would change, or why it cannot.
func (p *configForm) verdict(c *Console, w int) []string {
	var out []string
	row := func(sign string, role ui.Role, text string) {
		for i, s := range ui.Wrap(text, w-5) {
			l := c.theme.NewLine(w)
			if i > 0 {
				sign = " "
			}
			out = append(out, l.Space(2).Add(role, sign+" ").Add(ui.Text, s).String())
		}
	}
	switch {
	case p.sending:
		row("…", ui.Busy, "asking for it")
	case p.gen != p.done:
		row("…", ui.Muted, "checking")
	case len(p.check.Problems) > 0:
		row(ui.Cross, ui.Error, problemText(p.check.Problems))
	case len(p.check.Changes) == 0:
		row(" ", ui.Muted, "nothing is another than it was")
	default:
		text := strings.Join(p.check.Changes, ", ") + " · ctrl+s saves"
		if p.check.Inside {
			text += " and starts the app's services anew"
		}
		row(ui.Check, ui.OK, text)
	}
	return out
}
