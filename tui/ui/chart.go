package ui

import (
	"math"
	"strings"
)

// runs of gauge cells, cut instead of built: gauges are drawn in every row.
const (
	fullRun  = "████████████████████████████████████████████████████████████████████████████████"
	emptyRun = "░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░"
)

func run(of string, n int) string {
	if n <= 0 {
		return ""
	}
	if n*3 <= len(of) {
		return of[:n*3] // every cell is three bytes of UTF-8
	}
	return strings.Repeat(of[:3], n)
}

// Load is the role of a filling: calm, warning from 85 %, error from 95 %.
func Load(share float64) Role {
	switch {
	case share >= 0.95:
		return Error
	case share >= 0.85:
		return Warn
	}
	return Chart
}

// Gauge draws a bar of width cells filled to share (0..1).
func (l *Line) Gauge(r Role, share float64, width int) *Line {
	width = min(width, l.Left())
	if width <= 0 {
		return l
	}
	full := int(share*float64(width) + 0.5)
	if share > 0 && full == 0 {
		full = 1
	}
	full = max(0, min(width, full))
	l.put(r, run(fullRun, full), full)
	l.put(Track, run(emptyRun, width-full), width-full)
	return l
}

// NoGauge draws the bar of a number nobody knows.
func (l *Line) NoGauge(width int) *Line {
	width = min(width, l.Left())
	l.put(Track, run(emptyRun, width), width)
	return l
}

// Spark draws the newest width values (0..1 of top), flush right; what is
// missing stays blank.
func (l *Line) Spark(r Role, values []float64, width int) *Line {
	width = min(width, l.Left())
	if width <= 0 {
		return l
	}
	if len(values) > width {
		values = values[len(values)-width:]
	}
	l.Space(width - len(values))
	if len(values) == 0 {
		return l
	}
	var buf [256]byte
	b := buf[:0]
	for _, v := range values {
		i := max(0, min(7, int(v*8)))
		b = append(b, sparks[i*3:i*3+3]...)
	}
	l.put(r, string(b), len(values))
	return l
}

// Plot draws values (0..1, NaN = not known) as columns of one cell each, so
// many rows high; the top row comes first. What is known is never blank, what
// is not always is.
func (t *Theme) Plot(r Role, values []float64, rows int) []string {
	out := make([]string, max(0, rows))
	for y := range out {
		below := 8 * (rows - 1 - y) // eighths under this row
		b, blank := make([]byte, 0, 3*len(values)), true
		for _, v := range values {
			n := min(eighths(v, rows)-below, 8)
			if n <= 0 {
				b = append(b, ' ')
				continue
			}
			b, blank = append(b, sparks[3*n-3:3*n]...), false
		}
		l := t.NewLine(len(values))
		if blank {
			l.Space(len(values))
		} else {
			l.put(r, string(b), len(values))
		}
		out[y] = l.String()
	}
	return out
}

// eighths is how high a value stands in rows, in eighths of one; 0 = not known.
func eighths(v float64, rows int) int {
	if math.IsNaN(v) {
		return 0
	}
	return max(1, int(max(0, min(1, v))*float64(8*rows)+0.5))
}

// Axis draws a line with words at its start, its middle and its end; what does
// not fit beside the others is left out, the middle first.
func (l *Line) Axis(start, middle, end string, width int) *Line {
	width = min(width, l.Left())
	a, m, z := Width(start), Width(middle), Width(end)
	if a+z+1 > width {
		return l.Cell(Muted, end, width)
	}
	from := l.w
	rule := func(to int) { // with a blank at either end
		l.Space(1)
		if n := from + to - 1 - l.w; n > 0 {
			l.put(Track, strings.Repeat("─", n), n)
		}
		l.To(from + to)
	}
	l.Add(Muted, start)
	if at := (width - m) / 2; m > 0 && at > a+1 && at+m+1 < width-z {
		rule(at)
		l.Add(Muted, middle)
	}
	rule(width - z)
	return l.Add(Muted, end)
}

// Ceiling is the next number from v up that is 1, 2 or 5 with noughts: where a
// scale ends.
func Ceiling(v float64) float64 {
	if !(v > 0) || math.IsInf(v, 0) {
		return 1
	}
	unit := math.Pow(10, math.Floor(math.Log10(v)))
	for _, n := range []float64{1, 2, 5} {
		if v <= n*unit*(1+1e-9) {
			return n * unit
		}
	}
	return 10 * unit
}
