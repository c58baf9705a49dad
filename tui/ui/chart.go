package ui

import "strings"

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
