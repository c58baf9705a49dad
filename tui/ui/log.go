package ui

import "strings"

// LogLine is one line of a Log.
type LogLine struct {
	Stamp string // "14:31:58", may be empty
	Role  Role
	Text  string
}

// Log shows lines that keep coming: it follows them, or stays where the reader
// scrolled to, and finds text in them.
type Log struct {
	lines   []LogLine
	dropped int // lines forgotten because there were too many
	follow  bool
	bottom  int // index after the last line on screen when not following
	behind  int // lines that came since following stopped
	search  string
	shown   int // rows on screen
	least   int // lines that fill the screen from the first one on
	Limit   int // most lines kept, 0 = 5000
}

// NewLog makes a log that follows.
func NewLog() *Log { return &Log{follow: true, shown: 10} }

// Append adds lines, forgetting the oldest beyond the limit.
func (g *Log) Append(lines ...LogLine) {
	g.lines = append(g.lines, lines...)
	limit := g.Limit
	if limit == 0 {
		limit = 5000
	}
	if over := len(g.lines) - limit; over > 0 {
		g.lines = append(g.lines[:0:0], g.lines[over:]...)
		g.dropped += over
		g.bottom = max(0, g.bottom-over)
	}
	if !g.follow {
		g.behind += len(lines)
	}
}

// Len is the number of lines kept.
func (g *Log) Len() int { return len(g.lines) }

// Following reports whether new lines are shown as they come; behind counts
// those that came since it stopped.
func (g *Log) Following() (on bool, behind int) { return g.follow, g.behind }

// Follow turns following on or off.
func (g *Log) Follow(on bool) {
	if g.follow && !on {
		g.bottom = len(g.lines)
	}
	g.follow = on
	if on {
		g.behind = 0
	}
}

// Move scrolls by n lines; false when it cannot.
func (g *Log) Move(n int) bool {
	bottom := g.bottom
	if g.follow {
		bottom = len(g.lines)
	}
	bottom = max(bottom, g.least)
	to := min(len(g.lines), max(bottom+n, g.least))
	if to == bottom {
		return false
	}
	g.Follow(false)
	g.bottom = to
	if to == len(g.lines) {
		g.Follow(true)
	}
	return true
}

// Page scrolls by n screens.
func (g *Log) Page(n int) bool { return g.Move(n * max(1, g.shown-1)) }

// Home goes to the first line kept.
func (g *Log) Home() bool { return g.Move(-len(g.lines)) }

// End goes to the newest line and follows.
func (g *Log) End() bool {
	was := g.follow
	g.Follow(true)
	return !was
}

// Search marks text; "" ends the search.
func (g *Log) Search(s string) {
	g.search = strings.ToLower(s)
}

// Query is what is searched for.
func (g *Log) Query() string { return g.search }

// Matches counts the lines with the searched text.
func (g *Log) Matches() int {
	n := 0
	for i := range g.lines {
		if g.hit(i) {
			n++
		}
	}
	return n
}

func (g *Log) hit(i int) bool {
	return g.search != "" && strings.Contains(strings.ToLower(g.lines[i].Text), g.search)
}

// Next scrolls to the next match below (dir 1) or above (dir -1).
func (g *Log) Next(dir int) bool {
	at := g.bottom - 1
	if g.follow {
		at = len(g.lines) - 1
		if dir < 0 {
			at = len(g.lines)
		}
	}
	for i := at + dir; i >= 0 && i < len(g.lines); i += dir {
		if g.hit(i) {
			g.Follow(false)
			g.bottom = i + 1
			return true
		}
	}
	return false
}

// Lines draws the last h lines above the reading position, long ones wrapped.
func (g *Log) Lines(th *Theme, w, h int) []string {
	if h <= 0 || w < 4 {
		return nil
	}
	g.shown = h
	g.least = g.fill(w, h)
	bottom := max(g.bottom, g.least)
	if g.follow {
		bottom = len(g.lines)
	}
	out := make([]string, h)
	at := h
	l := th.NewLine(w)
	for i := bottom - 1; i >= 0 && at > 0; i-- {
		rows := g.wrap(i, w)
		for r := len(rows) - 1; r >= 0 && at > 0; r-- {
			at--
			l.Reset(w)
			if r == 0 {
				l.Space(1)
				if g.lines[i].Stamp != "" {
					l.Add(Muted, g.lines[i].Stamp).Space(1)
				}
			} else {
				l.Space(g.indent(i) + 2)
			}
			g.text(l, i, rows[r])
			out[at] = l.String()
		}
	}
	return append(out[at:], make([]string, at)...)
}

// fill is how many lines from the first one on fit into h rows.
func (g *Log) fill(w, h int) int {
	n := 0
	for n < len(g.lines) {
		if h -= len(g.wrap(n, w)); h < 0 {
			break
		}
		n++
	}
	return min(len(g.lines), max(1, n))
}

func (g *Log) indent(i int) int {
	if g.lines[i].Stamp == "" {
		return 1
	}
	return 2 + len(g.lines[i].Stamp)
}

func (g *Log) wrap(i, w int) []string {
	room := w - g.indent(i)
	text := Printable(g.lines[i].Text)
	if Width(text) <= room {
		return []string{text}
	}
	if room < 12 {
		return []string{Cut(text, room)}
	}
	return Wrap(text, room-2)
}

// text draws one row with the searched text picked out.
func (g *Log) text(l *Line, i int, s string) {
	r := g.lines[i].Role
	if g.search == "" {
		l.Add(r, s)
		return
	}
	low := strings.ToLower(s)
	if len(low) != len(s) { // folding moved bytes: picking out would cut runes
		l.Add(r, s)
		return
	}
	for {
		at := strings.Index(low, g.search)
		if at < 0 {
			l.Add(r, s)
			return
		}
		end := at + len(g.search)
		l.Add(r, s[:at])
		l.Add(Selected, s[at:end])
		s, low = s[end:], low[end:]
	}
}
