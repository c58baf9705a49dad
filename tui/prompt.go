package tui

import (
	tea "charm.land/bubbletea/v2"

	"proximity/tui/ui"
)

// prompt asks for one line of text.
type prompt struct {
	heading string
	about   string
	field   ui.Input
	send    func(c *Console, text string) tea.Cmd
}

func newPrompt(heading, about, text string, send func(c *Console, text string) tea.Cmd) *prompt {
	p := &prompt{heading: heading, about: about, send: send}
	p.field.Set(text)
	return p
}

func (p *prompt) title() string              { return p.heading }
func (p *prompt) typing() bool               { return true }
func (p *prompt) hint() string               { return "enter takes it   esc leaves it as it is" }
func (p *prompt) paste(_ *Console, s string) { p.field.Insert(s) }

func (p *prompt) key(c *Console, key, text string) tea.Cmd {
	if key == "enter" {
		c.over = nil
		return p.send(c, p.field.Value())
	}
	if !p.field.Key(key, text) {
		c.say(info, keyName(key)+" does nothing here · enter takes the text, esc closes")
	}
	return nil
}

func (p *prompt) lines(c *Console, w, h int) ([]string, int, int) {
	var out []string
	for _, row := range ui.Wrap(p.about, w) {
		l := c.theme.NewLine(w)
		out = append(out, l.Add(ui.Muted, row).String())
	}
	if room := max(0, h-2); len(out) > room {
		out = out[:room]
	}
	l := c.theme.NewLine(w)
	l.Add(ui.Accent, "> ")
	at := l.W() + p.field.Draw(l, ui.Strong, max(4, w-4))
	return append(out, "", l.String()), at, len(out) + 1
}
