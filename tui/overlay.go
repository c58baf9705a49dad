package tui

import (
	"time"

	tea "charm.land/bubbletea/v2"

	"proximity/tui/ui"
)

// overlay is something that lies over the page and takes all keys.
type overlay interface {
	title() string
	hint() string // the keys that work in it
	typing() bool // keys are text
	key(c *Console, key, text string) tea.Cmd
	paste(c *Console, s string)
	lines(c *Console, w, h int) (lines []string, cx, cy int) // cursor -1 = none
}

// overlay draws o on the frame and gives the cursor, -1 = none. Below 60x16 it
// takes the whole body.
func (c *Console) overlay(frame []string, o overlay) (cx, cy int) {
	w := min(c.w-4, 84)
	h := min(c.h-4, max(12, c.h*3/4))
	if c.w < 60 || c.h < 16 {
		w, h = c.w, c.h-1
	}
	content, x, y := o.lines(c, w-4, h-2)
	content = content[:min(len(content), h-2)]
	box := ui.Box(c.theme, o.title(), content, w)
	left := (c.w - w) / 2
	top := min(4, max(0, (c.h-1-len(box))/2))
	if c.w < 60 || c.h < 16 {
		top = 0
		for i := range frame[:len(frame)-1] {
			frame[i] = ""
		}
	}
	ui.Place(frame[:len(frame)-1], box, left, top, w, c.w)
	if x < 0 {
		return -1, -1
	}
	return left + 2 + x, top + 1 + y
}

// overlayKey is a key while something lies over the page.
func (c *Console) overlayKey(key, text string) tea.Cmd {
	if key == "esc" {
		c.over = nil
		return nil
	}
	return c.over.key(c, key, text)
}

// menu is a list to choose from.
type menu struct {
	heading string
	menu    ui.Menu
	fill    func(c *Console, query string) []ui.Item // with an input: what matches
	choose  func(c *Console, it ui.Item) tea.Cmd
	again   string // a key that moves on, as the one that opened it
	keys    string // hint
}

func (m *menu) title() string { return m.heading }

func (m *menu) typing() bool { return m.menu.Input != nil }

func (m *menu) hint() string {
	if m.keys != "" {
		return m.keys
	}
	return "enter choose   ↑↓ move   esc close"
}

func (m *menu) key(c *Console, key, text string) tea.Cmd {
	moved := true
	switch {
	case key == "up" || key == "k" && !m.typing():
		moved = m.menu.Move(-1)
	case key == "down" || key == "j" && !m.typing() || key == "tab":
		moved = m.menu.Move(1)
	case key == "pgup":
		moved = m.menu.Page(-1)
	case key == "pgdown":
		moved = m.menu.Page(1)
	case m.again != "" && key == m.again:
		if moved = m.menu.Move(1); !moved {
			moved = m.menu.Move(-len(m.menu.Items))
		}
	case key == "enter":
		it, ok := m.menu.Item()
		if !ok {
			c.say(info, "there is nothing to choose")
			return nil
		}
		if it.Reason != "" {
			c.say(info, it.Reason)
			return nil
		}
		c.over = nil
		return m.choose(c, it)
	case m.typing():
		before := m.menu.Input.Value()
		if !m.menu.Input.Key(key, text) {
			c.say(info, keyName(key)+" does nothing here · esc closes")
			return nil
		}
		if before != m.menu.Input.Value() {
			m.refill(c)
		}
		return nil
	default:
		c.say(info, keyName(key)+" does nothing here · esc closes")
		return nil
	}
	if !moved {
		c.say(info, "no more entries that way")
	}
	return nil
}

func (m *menu) refill(c *Console) {
	if m.fill != nil {
		m.menu.Set(m.fill(c, m.menu.Input.Value()))
	}
}

func (m *menu) paste(c *Console, s string) {
	m.menu.Input.Insert(s)
	m.refill(c)
}

func (m *menu) lines(c *Console, w, h int) ([]string, int, int) {
	lines, cx := m.menu.Lines(c.theme, w, h)
	return lines, cx, 0
}

// confirm asks before something disruptive. Enter does it, esc does not; a key
// pressed in the same breath as the one that opened it does nothing.
type confirm struct {
	heading string
	text    []string
	button  string
	option  string // what space turns on and off; "" = nothing
	on      bool
	opened  time.Time
	yes     func(c *Console) tea.Cmd
}

// breath is how long after opening a confirm ignores enter: the rest of a
// paste, or a key held down, must not confirm.
const breath = 250 * time.Millisecond

func (d *confirm) title() string { return d.heading }
func (d *confirm) typing() bool  { return false }

func (d *confirm) hint() string {
	s := "enter " + d.button + "   esc leave it as it is"
	if d.option != "" {
		s += "   space " + d.option
	}
	return s
}

func (d *confirm) paste(*Console, string) {}

func (d *confirm) key(c *Console, key, _ string) tea.Cmd {
	if key == "space" && d.option != "" {
		d.on = !d.on
		return nil
	}
	if key != "enter" {
		c.say(info, "enter does it, esc does not")
		return nil
	}
	if c.now().Sub(d.opened) < breath {
		c.say(info, "that was quick: press enter again if you mean it")
		return nil
	}
	c.over = nil
	return d.yes(c)
}

func (d *confirm) lines(c *Console, w, h int) ([]string, int, int) {
	var out []string
	for i, s := range d.text {
		for _, row := range ui.Wrap(s, w) {
			l := c.theme.NewLine(w)
			role := ui.Text
			if i > 0 {
				role = ui.Muted
			}
			out = append(out, l.Add(role, row).String())
		}
		if i == 0 {
			out = append(out, "")
		}
	}
	l := c.theme.NewLine(w)
	if d.option != "" {
		box := "[ ] "
		if d.on {
			box = "[x] "
		}
		out = append(out, "", l.Add(ui.Text, box+d.option).Add(ui.Muted, " · space").String())
		l.Reset(w)
	}
	l.Add(ui.Selected, "[ "+d.button+" ]").Add(ui.Muted, " enter").Space(3).Add(ui.Text, "[ Leave it ]").Add(ui.Muted, " esc")
	return append(out, "", l.String()), -1, -1
}

// scroll is the part of a text that an overlay shows.
type scroll struct{ top, shown int }

// key goes to where a key leads in a text of so many lines, or says why not.
func (s *scroll) key(c *Console, key string, lines int) {
	to := s.top
	switch key {
	case "up", "k":
		to--
	case "down", "j":
		to++
	case "pgup":
		to -= s.shown - 1
	case "pgdown", "space":
		to += s.shown - 1
	case "home", "g":
		to = 0
	case "end", "G":
		to = lines
	default:
		c.say(info, keyName(key)+" does nothing here · esc closes")
		return
	}
	if to = max(0, min(to, lines-s.shown)); to == s.top {
		c.say(info, "no more text that way")
	}
	s.top = to
}

// viewer shows text to read and to copy.
type viewer struct {
	heading string
	text    []string
	raw     string // what y copies
	scroll
}

func (v *viewer) title() string          { return v.heading }
func (v *viewer) typing() bool           { return false }
func (v *viewer) hint() string           { return "↑↓ scroll   y copy   esc close" }
func (v *viewer) paste(*Console, string) {}

func (v *viewer) key(c *Console, key, _ string) tea.Cmd {
	switch key {
	case "y":
		return c.copied(v.raw)
	case "enter":
		c.over = nil
	default:
		v.scroll.key(c, key, len(v.text))
	}
	return nil
}

func (v *viewer) lines(c *Console, w, h int) ([]string, int, int) {
	v.shown = h
	v.top = max(0, min(v.top, len(v.text)-h))
	var out []string
	l := c.theme.NewLine(w)
	for _, s := range v.text[v.top:min(len(v.text), v.top+h)] {
		l.Reset(w)
		out = append(out, l.Add(ui.Text, s).String())
	}
	return out, -1, -1
}
