package tui

import (
	tea "charm.land/bubbletea/v2"

	"proximity/tui/ui"
)

// formPage is what all pages that are a form have in common.
type formPage struct {
	form    ui.Form
	sending bool // what was filled in is on its way to core
	cx, cy  int  // the cursor in the body; -1 = none
}

func newFormPage(fields ...*ui.Field) formPage {
	return formPage{form: ui.Form{Fields: fields}, cx: -1, cy: -1}
}

func (p *formPage) note(*Console) string                       { return "" }
func (p *formPage) scope(*Console) scope                       { return inForm | inStack }
func (p *formPage) on(*Console) object                         { return object{} }
func (p *formPage) world(*Console)                             {}
func (p *formPage) move(*Console, motion, int) bool            { return false }
func (p *formPage) typing() bool                               { return p.form.Typing() && !p.sending }
func (p *formPage) cursor() (x, y int)                         { return p.cx, p.cy }
func (p *formPage) paste(_ *Console, s string) (tea.Cmd, bool) { return nil, p.form.Paste(s) }

// between draws the form under its heading and over what is said of it, with
// side cells for what the fields say; it notes where the cursor is.
func (p *formPage) between(c *Console, head, foot []string, w, h, side int) []string {
	room := h - len(head)
	if len(foot) > 0 {
		room -= len(foot) + 1
	}
	lines, cx, cy := p.form.Lines(c.theme, w, max(2, room), side)
	if p.cx, p.cy = cx, cy; cy >= 0 {
		p.cy = cy + len(head)
	}
	out := append(head, lines...)
	if len(foot) > 0 && h-len(out) > len(foot) {
		out = append(out, "")
	}
	return append(out, foot...)
}
