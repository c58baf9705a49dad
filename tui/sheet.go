package tui

import (
	"context"
	"errors"

	tea "charm.land/bubbletea/v2"

	"proximity/core"
	"proximity/tui/ui"
)

// sheet is a small form over the screen of people. What it sends is
// said in a notice once core has answered; a refusal leaves it open.
type sheet struct {
	formPage
	crumb   string
	heading string
	about   string
	send    func(c *Console, p *sheet) errand
	check   func(p *sheet) (field, problem string) // before it is sent; nil = core alone
	gen     uint64
}

// errand is what a sheet asks of core; without a call there is nothing to ask.
type errand struct {
	done string // what is said once it is done
	call func(ctx context.Context) error
	then func(c *Console) // after that; nil = nothing
}

// newSheet makes a form of fields; do is what its button says.
func newSheet(heading, do string, fields ...*ui.Field) *sheet {
	p := &sheet{crumb: heading, heading: heading, formPage: newFormPage()}
	p.form.Fields = append(fields, &ui.Field{Key: buttonGo, Kind: ui.ButtonField, Label: do}, &ui.Field{Key: buttonLeave, Kind: ui.ButtonField, Label: "Leave"})
	p.form.Open()
	return p
}

func (p *sheet) digit() int               { return 8 }
func (p *sheet) crumbs(*Console) []string { return []string{p.crumb} }
func (p *sheet) value(key string) string  { return p.form.Field(key).Value() }

// sheetAnswer is what became of a sheet that was sent.
type sheetAnswer struct {
	errand errand
	err    error
}

func (p *sheet) submit(c *Console) tea.Cmd {
	if p.sending {
		c.say(info, "it is being sent already")
		return nil
	}
	for _, f := range p.form.Fields {
		f.Problem, f.Hint = "", ""
	}
	if p.check != nil {
		if field, problem := p.check(p); problem != "" {
			p.fault(field, problem, "")
			c.say(warn, problem)
			return nil
		}
	}
	e := p.send(c, p)
	if e.call == nil {
		c.back()
		c.say(info, "nothing was changed")
		return nil
	}
	p.sending = true
	p.gen++
	gen, ctx := p.gen, c.ctx
	return func() tea.Msg { return answer{p, gen, sheetAnswer{e, e.call(ctx)}} }
}

// fault puts what is wrong beside its field, or beside the button.
func (p *sheet) fault(field, problem, hint string) {
	f := p.form.Field(field)
	if f == nil {
		f = p.form.Field(buttonGo)
	}
	f.Problem, f.Hint = problem, hint
	p.form.Go(f.Key)
}

func (p *sheet) receive(c *Console, gen uint64, body any) tea.Cmd {
	a, ok := body.(sheetAnswer)
	if !ok || gen != p.gen {
		return nil
	}
	p.sending = false
	if a.err != nil {
		c.fail("", a.err)
		var e *core.Error
		if errors.As(a.err, &e) && c.page() == page(p) {
			p.fault(e.Field, e.Text, e.Hint)
		}
		return nil
	}
	if c.page() == page(p) {
		c.back()
	}
	c.say(good, a.errand.done)
	if a.errand.then != nil {
		a.errand.then(c)
	}
	if x, ok := c.page().(interface{ again(c *Console) tea.Cmd }); ok { // what it shows has changed
		return x.again(c)
	}
	return nil
}

func (p *sheet) edit(c *Console, key, text string) (tea.Cmd, bool) {
	if key == "esc" {
		c.back()
		if p.sending {
			c.say(info, "it was sent already: its end will be told")
		} else {
			c.say(info, "nothing was changed")
		}
		return nil, true
	}
	if p.sending {
		return nil, false
	}
	used, _, pressed := p.form.Key(key, text)
	switch pressed {
	case buttonGo:
		return p.submit(c), true
	case buttonLeave:
		return p.edit(c, "esc", "")
	}
	return nil, used
}

func (p *sheet) body(c *Console, w, h int) []string {
	l := c.theme.NewLine(w)
	out := []string{l.Space(1).Add(ui.Strong, p.heading).String()}
	if p.about != "" && h >= 12 {
		for _, s := range ui.Wrap(p.about, w-4) {
			l := c.theme.NewLine(w)
			out = append(out, l.Space(2).Add(ui.Muted, s).String())
		}
	}
	if h >= 12 {
		out = append(out, "")
	}
	return p.between(c, out, nil, w, h, 0)
}
