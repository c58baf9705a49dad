package tui

import (
	"time"

	tea "charm.land/bubbletea/v2"

	"proximity/tui/ui"
)

// prompt asks for one line of text. Enter takes it; not in the same breath as
// the key that opened it, so that noise does nothing.
type prompt struct {
	heading string
	about   string
	label   string
	button  string
	field   ui.Input
	opened  time.Time
	check   func(text string) string // why it cannot be taken; nil = it can
	yes     func(c *Console, text string) tea.Cmd
}

// newPrompt asks for a value and saves it.
func newPrompt(heading, about, text string, save func(c *Console, text string) tea.Cmd) *prompt {
	d := &prompt{heading: heading, about: about, label: "Value", button: "Save", yes: save}
	d.field.Set(text)
	return d
}

func (d *prompt) title() string { return d.heading }
func (d *prompt) typing() bool  { return true }
func (d *prompt) hint() string  { return "enter " + d.button + "   esc leave it as it is" }

func (d *prompt) paste(c *Console, s string) {
	if !d.field.Insert(s) {
		c.say(info, "that text does not fit into this field")
	}
}

func (d *prompt) key(c *Console, key, text string) tea.Cmd {
	if key != "enter" {
		if !d.field.Key(key, text) {
			c.say(info, keyName(key)+" does nothing here · enter takes the text, esc closes")
		}
		return nil
	}
	if c.now().Sub(d.opened) < breath {
		c.say(info, "that was quick: press enter again if you mean it")
		return nil
	}
	if d.check != nil {
		if why := d.check(d.field.Value()); why != "" {
			c.say(info, why)
			return nil
		}
	}
	c.over = nil
	return d.yes(c, d.field.Value())
}

func (d *prompt) lines(c *Console, w, _ int) ([]string, int, int) {
	var out []string
	l := c.theme.NewLine(w)
	for _, row := range ui.Wrap(d.about, w) {
		l.Reset(w)
		out = append(out, l.Add(ui.Text, row).String())
	}
	l.Reset(w)
	l.Cell(ui.Muted, d.label, 8)
	x := l.W() + d.field.Draw(l, ui.Strong, max(4, l.Left()-1))
	out = append(out, "", l.String())
	y := len(out) - 1
	l.Reset(w)
	l.Add(ui.Selected, "[ "+d.button+" ]").Add(ui.Muted, " enter").Space(3).Add(ui.Text, "[ Leave it ]").Add(ui.Muted, " esc")
	return append(out, "", l.String()), x, y
}
