package screen

import (
	"bytes"
	"slices"
	"strconv"
)

// worthwhile is how many lines must come into place for a scroll to pay.
const worthwhile = 3

// region is a block of lines that the terminal is asked to scroll: those that
// the moved ones leave and those they land on. by > 0 scrolls up.
type region struct{ lo, hi, by int }

// regions are the ways worth trying to get from the last frame to next. A list
// whose marked row stays at its edge is better scrolled with that row, which
// only loses its mark, than without it.
func (l *lines) regions(next []string) []region {
	by, from, n := l.moved(next)
	if by == 0 {
		return nil
	}
	r := region{lo: min(from, from+by), hi: max(from, from+by) + n, by: by}
	wider := r
	if by > 0 {
		wider.hi = min(r.hi+1, len(next))
	} else {
		wider.lo = max(r.lo-1, 0)
	}
	return []region{r, wider}
}

// scroll writes the scrolling of r and returns the lines as they are after it.
func (r region) scroll(out *bytes.Buffer, last []string) []string {
	out.WriteString("\x1b[" + strconv.Itoa(r.lo+1) + ";" + strconv.Itoa(r.hi) + "r\x1b[")
	if r.by > 1 || r.by < -1 {
		out.WriteString(strconv.Itoa(max(r.by, -r.by)))
	}
	last = slices.Clone(last)
	lines := last[r.lo:r.hi]
	if r.by > 0 {
		out.WriteByte('S')
		copy(lines, lines[r.by:])
		clear(lines[len(lines)-r.by:])
	} else {
		out.WriteByte('T')
		copy(lines[-r.by:], lines)
		clear(lines[:-r.by])
	}
	out.WriteString("\x1b[r")
	return last
}

// moved finds the longest run of lines n with next[from+i] == last[from+i+by],
// by = 0 if none is worth moving.
func (l *lines) moved(next []string) (by, from, n int) {
	top, bottom := 0, len(next)
	for top < bottom && next[top] == l.last[top] {
		top++
	}
	for bottom > top && next[bottom-1] == l.last[bottom-1] {
		bottom--
	}
	most := bottom - top - worthwhile
	for d := -most; d <= most; d++ {
		if d == 0 {
			continue
		}
		run, gain := 0, 0
		last := min(bottom, bottom-d)
		for y := max(top, top-d); y <= last; y++ {
			if y < last && next[y] == l.last[y+d] {
				run++
				if next[y] != l.last[y] {
					gain++
				}
				continue
			}
			if gain >= worthwhile && run > n {
				by, from, n = d, y-run, run
			}
			run, gain = 0, 0
		}
	}
	return by, from, n
}
