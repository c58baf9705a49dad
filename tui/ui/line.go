package ui

import (
	"strings"
)

// Line draws one line of at most a given number of cells. Whatever is added
// beyond is cut; every style is closed where it ends.
type Line struct {
	th  *Theme
	b   []byte
	w   int // cells so far
	max int
}

// NewLine starts an empty line of at most max cells.
func (t *Theme) NewLine(max int) *Line { return &Line{th: t, max: max, b: make([]byte, 0, max*2)} }

// Reset makes the line empty again, for reuse.
func (l *Line) Reset(max int) { l.b, l.w, l.max = l.b[:0], 0, max }

// W is the number of cells drawn so far.
func (l *Line) W() int { return l.w }

// Left is the number of cells still free.
func (l *Line) Left() int { return l.max - l.w }

// String is the line with its styles.
func (l *Line) String() string { return string(l.b) }

// put appends text of exactly w cells.
func (l *Line) put(r Role, s string, w int) {
	if w <= 0 {
		return
	}
	if open := l.th.open[r]; open != "" {
		l.b = append(l.b, open...)
		l.b = append(l.b, s...)
		l.b = append(l.b, reset...)
	} else {
		l.b = append(l.b, s...)
	}
	l.w += w
}

// Add appends text, cut to what is left.
func (l *Line) Add(r Role, s string) *Line {
	if plain(s) && len(s) <= l.Left() {
		l.put(r, s, len(s))
		return l
	}
	s = Cut(Printable(s), l.Left())
	l.put(r, s, Width(s))
	return l
}

// Space appends n blanks.
func (l *Line) Space(n int) *Line {
	n = min(n, l.Left())
	for range n {
		l.b = append(l.b, ' ')
	}
	l.w += max(0, n)
	return l
}

// To appends blanks up to column col.
func (l *Line) To(col int) *Line { return l.Space(col - l.w) }

// Cell appends text cut and padded to width cells, flush left.
func (l *Line) Cell(r Role, s string, width int) *Line { return l.cell(r, s, width, false) }

// Right appends text cut and padded to width cells, flush right.
func (l *Line) Right(r Role, s string, width int) *Line { return l.cell(r, s, width, true) }

func (l *Line) cell(r Role, s string, width int, right bool) *Line {
	width = min(width, l.Left())
	if width <= 0 {
		return l
	}
	w := len(s)
	if !plain(s) {
		s = Printable(s)
		w = Width(s)
	}
	if w > width {
		s = Cut(s, width)
		w = Width(s)
	}
	pad := width - w
	if right {
		l.Space(pad)
		l.put(r, s, w)
		return l
	}
	if r == Selected || r == Danger { // a block of colour is as wide as its cell
		if pad > 0 {
			s += strings.Repeat(" ", pad)
		}
		l.put(r, s, width)
		return l
	}
	l.put(r, s, w)
	return l.Space(pad)
}

// Ends draws left, then right flush with the end of the line; right is dropped
// when both do not fit.
func (l *Line) Ends(right *Line) *Line {
	if gap := l.Left() - right.w; gap >= 1 {
		l.Space(gap)
		l.b = append(l.b, right.b...)
		l.w += right.w
	}
	return l
}

// Join appends another line's content as it is, if it fits.
func (l *Line) Join(o *Line) *Line {
	if o.w <= l.Left() {
		l.b = append(l.b, o.b...)
		l.w += o.w
	}
	return l
}

// Raw appends text that is already drawn (styles closed), cut to what is left.
func (l *Line) Raw(s string) *Line {
	w := Width(s)
	if w > l.Left() {
		s = clip(s, max(0, l.Left()))
		w = Width(s)
		if l.th != nil {
			s += reset
		}
	}
	l.b = append(l.b, s...)
	l.w += w
	return l
}

// Link appends text that terminals with OSC 8 make clickable.
func (l *Line) Link(r Role, text, url string) *Line {
	if l.th.ASCII || !plain(url) || !strings.HasPrefix(url, "http") {
		return l.Add(r, text)
	}
	text = Cut(Printable(text), l.Left())
	if text == "" {
		return l
	}
	l.b = append(l.b, "\x1b]8;;"...)
	l.b = append(l.b, url...)
	l.b = append(l.b, "\x1b\\"...)
	l.put(r, text, Width(text))
	l.b = append(l.b, "\x1b]8;;\x1b\\"...)
	return l
}

// Rule draws a horizontal line to the end.
func (l *Line) Rule(r Role) *Line {
	n := l.Left()
	l.put(r, strings.Repeat("─", max(0, n)), n)
	return l
}
