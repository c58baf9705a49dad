package screen

import (
	"bytes"
	"strconv"
)

// worthwhile is how many lines must come into place for a scroll to pay.
const worthwhile = 3

// scroll moves the largest block of lines that only changed place, if that
// pays, and brings last up to date with it.
func (l *lines) scroll(out *bytes.Buffer, next []string) {
	by, from, n := l.moved(next)
	if by == 0 {
		return
	}
	// The region: the lines that the block leaves and those it lands on.
	lo, hi := min(from, from+by), max(from, from+by)+n
	region := l.last[lo:hi]
	out.WriteString("\x1b[" + strconv.Itoa(lo+1) + ";" + strconv.Itoa(hi) + "r\x1b[")
	if by > 1 || by < -1 {
		out.WriteString(strconv.Itoa(max(by, -by)))
	}
	if by > 0 {
		out.WriteByte('S')
		copy(region, region[by:])
		clear(region[len(region)-by:])
	} else {
		out.WriteByte('T')
		copy(region[-by:], region)
		clear(region[:-by])
	}
	out.WriteString("\x1b[r")
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
