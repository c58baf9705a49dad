package tui

import (
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"

	"proximity/core"
	"proximity/tui/ui"
)

// The sizes at which the layout changes.
const (
	floorW, floorH = 30, 8
	narrowW        = 50
	normalW        = 80
	wideW, wideH   = 120, 30
	roomyW         = 150
)

// shape says which rows of chrome a size has room for.
type shape struct {
	screens bool // the row of screens
	rule    bool // the line under the header
	body    int  // rows left for the page
}

func (c *Console) shape() shape {
	s := shape{screens: c.w >= wideW && c.h >= wideH, rule: c.h >= 16}
	s.body = c.h - 3
	if s.screens {
		s.body--
	}
	if s.rule {
		s.body--
	}
	return s
}

// frame draws everything: exactly h lines of at most w cells.
func (c *Console) frame() (string, *tea.Cursor) {
	if c.w < floorW || c.h < floorH {
		return c.floor(), nil
	}
	s := c.shape()
	lines := make([]string, 0, c.h)
	lines = append(lines, c.header())
	if s.screens {
		lines = append(lines, c.screenRow())
	}
	if s.rule {
		lines = append(lines, c.theme.NewLine(c.w).Rule(ui.Track).String())
	}
	top := len(lines)
	body := c.page().body(c, c.w, s.body)
	lines = append(lines, body[:min(len(body), s.body)]...)
	for len(lines) < top+s.body {
		lines = append(lines, "")
	}
	note, cursorX := c.noticeRow()
	lines = append(lines, note, c.hints())

	var cursor *tea.Cursor
	at := func(x, y int) *tea.Cursor {
		cur := tea.NewCursor(max(0, min(x, c.w-1)), max(0, min(y, c.h-1)))
		cur.Blink = false
		cur.Shape = tea.CursorBar
		return cur
	}
	switch e, editing := c.page().(editor); {
	case c.over != nil:
		if x, y := c.overlay(lines, c.over); x >= 0 {
			cursor = at(x, y)
		}
	case c.finding != nil:
		cursor = at(cursorX, c.h-2)
	case editing:
		if x, y := e.cursor(); x >= 0 && y >= 0 {
			cursor = at(x, top+y)
		}
	}
	return c.join(lines), cursor
}

// join makes the frame of the lines: the last guard against control bytes, and
// the place where symbols become ASCII.
func (c *Console) join(lines []string) string {
	var b strings.Builder
	n := 0
	for _, l := range lines {
		n += len(l) + 1
	}
	b.Grow(n)
	for i, l := range lines {
		if i > 0 {
			b.WriteByte('\n')
		}
		l = ui.CleanLine(l)
		if c.ascii {
			l = ui.ToASCII(l)
		}
		b.WriteString(l)
	}
	return b.String()
}

// floor is all there is room for below 30x8.
func (c *Console) floor() string {
	lines := make([]string, c.h)
	l := c.theme.NewLine(c.w)
	l.Add(ui.Text, "Proximity needs 30x8, you have "+strconv.Itoa(c.w)+"x"+strconv.Itoa(c.h)+" · q quits")
	lines[0] = l.String()
	return c.join(lines)
}

// header is row 1: where am I, is anything wrong, who else is here.
func (c *Console) header() string {
	right := c.status()
	l := c.theme.NewLine(c.w)
	l.Space(1)
	if c.w >= wideW {
		l.Add(ui.Accent, "Proximity").Space(2)
	}
	room := c.theme.NewLine(max(10, l.Left()-right.W()-2))
	crumbs := c.crumbs()
	if c.w < wideW && c.w >= normalW {
		room.Add(ui.Muted, strconv.Itoa(c.page().digit())+" ")
	}
	for i, s := range crumbs {
		if i > 0 {
			room.Add(ui.Muted, " › ")
		}
		role := ui.Text
		if i == len(crumbs)-1 {
			role = ui.Strong
		}
		room.Add(role, s)
	}
	if note := c.page().note(c); note != "" && room.Left() > 4 {
		room.Space(2).Add(ui.Muted, note)
	}
	return l.Join(room).Ends(right).String()
}

// status is the right end of the header.
func (c *Console) status() *ui.Line {
	l := c.theme.NewLine(c.w)
	t := c.world.Totals
	jobs := 0
	for i := range c.world.Jobs {
		if c.world.Jobs[i].Ended {
			break // unfinished ones come first
		}
		jobs++
	}
	alerts, worst := len(c.world.Alerts), ui.Warn
	if alerts > 0 && c.world.Alerts[0].Level == "error" {
		worst = ui.Error
	}
	if c.w < wideW {
		if alerts > 0 {
			l.Add(worst, ui.Alert+strconv.Itoa(alerts)).Space(1)
		}
		if jobs > 0 {
			l.Add(ui.Busy, "jobs "+strconv.Itoa(jobs)).Space(1)
		}
		if c.w >= narrowW {
			l.Add(ui.Muted, c.now().In(c.loc).Format("15:04"))
		}
		return l.Space(1)
	}
	switch {
	case t.Nodes == 0:
	case t.NodesOnline < t.Nodes:
		l.Add(ui.Warn, "nodes "+strconv.Itoa(t.NodesOnline)+"/"+strconv.Itoa(t.Nodes)+" "+ui.Alert).Space(2)
	default:
		l.Add(ui.Muted, "nodes "+strconv.Itoa(t.NodesOnline)+"/"+strconv.Itoa(t.Nodes)).Space(2)
	}
	if alerts > 0 {
		l.Add(worst, ui.Count(alerts, "alert")).Space(2)
	}
	if jobs > 0 {
		l.Add(ui.Busy, ui.Count(jobs, "job")).Space(2)
	}
	l.Add(ui.Track, "│ ").Add(ui.Muted, ui.Cut(c.people(), 28)).Add(ui.Track, " │ ")
	return l.Add(ui.Muted, c.now().In(c.loc).Format("15:04:05")).Space(1)
}

// people says who is here: this user first.
func (c *Console) people() string {
	names := []string{c.actor.User}
	for _, p := range c.present {
		known := false
		for _, n := range names {
			known = known || n == p.User
		}
		if !known {
			names = append(names, p.User)
		}
	}
	if len(names) > 3 {
		return strings.Join(names[:3], ", ") + " +" + strconv.Itoa(len(names)-3)
	}
	return strings.Join(names, ", ")
}

// screenRow is row 2: the ten screens.
func (c *Console) screenRow() string {
	l := c.theme.NewLine(c.w)
	l.Space(1)
	here := c.page().digit()
	for _, d := range screenOrder {
		name := strconv.Itoa(d) + " " + screenNames[d]
		if d == here {
			l.Add(ui.Accent, "["+name+"]")
		} else {
			l.Space(1).Add(ui.Muted, name).Space(1)
		}
		l.Space(1)
	}
	return l.String()
}

// noticeRow is the last but one: the filter while it is typed, else the newest
// notice, else what is degraded, else who is here too.
func (c *Console) noticeRow() (line string, cursor int) {
	l := c.theme.NewLine(c.w)
	l.Space(1)
	if c.finding != nil {
		l.Add(ui.Accent, "/ ")
		start := l.W()
		at := c.finding.Draw(l, ui.Text, max(8, min(40, c.w-30)))
		l.Space(2).Add(ui.Muted, "enter keeps · esc clears")
		return l.String(), start + at
	}
	if n, ok := c.notices.current(); ok {
		sign, role := n.tone.sign()
		if sign != "" {
			l.Add(role, sign).Space(1)
		}
		return l.Add(ui.Text, n.text).String(), 0
	}
	if b := c.banner(); b != "" {
		return l.Add(ui.Warn, ui.Alert).Space(1).Add(ui.Text, b).String(), 0
	}
	if p := c.beside(); p != "" {
		l.Add(ui.Muted, p)
	}
	return l.String(), 0
}

// banner names the first host that nobody may trust, else the first that does
// not answer.
func (c *Console) banner() string {
	n, first := 0, -1
	for i := range c.world.Hosts {
		if c.world.Hosts[i].State == "untrusted" {
			return c.world.Hosts[i].Name + " shows another key than the pinned one: all work on it stops · 4 shows both"
		}
		if c.world.Hosts[i].State == "unreachable" {
			if n++; first < 0 {
				first = i
			}
		}
	}
	if n == 0 {
		return ""
	}
	h := c.world.Hosts[first]
	parts := []string{h.Name + " unreachable"}
	if !h.Since.IsZero() {
		parts[0] += " " + ui.Span(c.now().Sub(h.Since))
	}
	if n > 1 {
		parts[0] += " and " + ui.Count(n-1, "more host")
	}
	if !h.LastSeen.IsZero() {
		parts = append(parts, "numbers in ( ) are from "+h.LastSeen.In(c.loc).Format("15:04:05"))
	}
	if wait := h.NextTry.Sub(c.now()); wait > 0 {
		parts = append(parts, "next try in "+ui.Span(wait))
	}
	parts = append(parts, "ctrl+r asks now")
	s := parts[0]
	for _, p := range parts[1:] { // whole pieces, as many as fit
		if ui.Width(s)+3+ui.Width(p) <= c.w-4 {
			s += " · " + p
		}
	}
	return s
}

// beside says who else looks at the same thing.
func (c *Console) beside() string {
	if len(c.stack) == 0 {
		return ""
	}
	for _, p := range c.present {
		if p.User != c.actor.User && p.Place != "" && p.Place == c.where {
			return p.User + " is here, too"
		}
	}
	return ""
}

// hints is the last row: the keys that work now, help last.
func (c *Console) hints() string {
	l := c.theme.NewLine(c.w)
	l.Space(1)
	if c.over != nil {
		return l.Add(ui.Muted, c.over.hint()).String()
	}
	bare := c.w < narrowW
	const help = "? help"
	tail := len(help)
	typing := c.typing()
	if typing {
		tail = 0
	}
	seen := ""
	here := c.page().scope(c)
	for _, b := range c.keys.table {
		hint := b.hintIn(here)
		if hint == "" || hint == seen || !c.applies(b) || len(b.keys) > 0 && c.bound(b.keys[0]) != b || c.reason(b, c.aim(b)) != "" {
			continue
		}
		key := b.shown()
		w := ui.Width(key) + 1 + ui.Width(hint) + 2
		if bare {
			w = ui.Width(key) + 2
		}
		if l.W()+w+tail > c.w-1 {
			continue
		}
		seen = hint
		l.Add(ui.Key, key)
		if !bare {
			l.Space(1).Add(ui.Muted, hint)
		}
		l.Space(2)
	}
	if !typing {
		l.Add(ui.Key, "?")
		l.Add(ui.Muted, " help")
	}
	return l.String()
}

// history is the CPU (or, with mem, memory) history of an object as shares,
// read once for each world.
func (c *Console) history(object string, mem bool) []float64 {
	key := object
	if mem {
		key = "mem " + object
	}
	if v, ok := c.spark[key]; ok {
		return v
	}
	samples := c.core.History(c.actor, object)
	v := make([]float64, len(samples))
	for i, s := range samples {
		if v[i] = s.CPU; mem {
			v[i] = s.Mem
		}
	}
	c.spark[key] = v
	return v
}

// appHistory and nodeHistory are what core's History calls an app and a node.
func appHistory(a *core.AppView) string   { return "app/" + a.ID }
func nodeHistory(n *core.NodeView) string { return "node/" + n.Host + "/" + n.Name }
