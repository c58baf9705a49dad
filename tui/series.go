package tui

import (
	"math"
	"strconv"
	"time"

	"proximity/core"
	"proximity/tui/ui"
)

// series is one line of figures out of a history.
type series struct {
	name string
	of   func(core.HistoryPoint) *float64 // what is drawn
	most func(core.HistoryPoint) *float64 // its limit; nil = it has none
	word func(float64) string
}

// The series of the tab.

func cpuSeries() series {
	return series{"CPU", func(p core.HistoryPoint) *float64 { return p.CPU }, nil, shareWord}
}

func memSeries() series {
	return series{"MEM", func(p core.HistoryPoint) *float64 { return p.Mem }, func(p core.HistoryPoint) *float64 { return p.MaxMem }, sizeWord}
}

func diskSeries() series {
	return series{"DISK", func(p core.HistoryPoint) *float64 { return p.Disk }, func(p core.HistoryPoint) *float64 { return p.MaxDisk }, sizeWord}
}

func inSeries() series {
	return series{"in", func(p core.HistoryPoint) *float64 { return p.NetIn }, nil, ui.Rate}
}

func outSeries() series {
	return series{"out", func(p core.HistoryPoint) *float64 { return p.NetOut }, nil, ui.Rate}
}

// netSeries is both together, where there is no room for each.
func netSeries() series {
	return series{"NET", func(p core.HistoryPoint) *float64 {
		if p.NetIn == nil || p.NetOut == nil {
			return nil
		}
		sum := *p.NetIn + *p.NetOut
		return &sum
	}, nil, ui.Rate}
}

// shareWord says small shares more exactly: most apps use next to nothing most of the time.
func shareWord(v float64) string {
	if v < 0.0995 {
		return strconv.FormatFloat(100*v, 'f', 1, 64) + "%"
	}
	return ui.Percent(v)
}

func sizeWord(v float64) string { return ui.Bytes(int64(v)) }

// figures are what a series comes to.
type figures struct {
	now, mean, peak float64 // NaN = not known; now is the end of the history
	at              time.Time
	most            float64 // its limit; 0 = there is none, or it is not known
	top             float64 // of its scale
}

func (s *series) figures(points []core.HistoryPoint) figures {
	f := figures{now: math.NaN(), mean: math.NaN(), peak: math.NaN()}
	sum, n := 0.0, 0
	for _, p := range points {
		if v := s.of(p); v != nil {
			sum, n = sum+*v, n+1
			if !(f.peak >= *v) {
				f.peak, f.at = *v, p.Time
			}
		}
		if s.most != nil && s.most(p) != nil {
			f.most = *s.most(p) // it may have grown: the last one counts
		}
	}
	if n > 0 {
		f.mean = sum / float64(n)
	}
	for _, p := range points[max(0, len(points)-2):] { // Proxmox: the newest point may not be there yet
		if v := s.of(p); v != nil {
			f.now = *v
		}
	}
	f.top = s.ceiling(f.peak, f.most)
	return f
}

// ceiling is where the scale ends: at the limit, or a half, a quarter and so on
// of it, as long as the peak has room; without a limit at the next round number.
func (s *series) ceiling(peak, most float64) float64 {
	switch {
	case math.IsNaN(peak):
		return 0
	case most > 0:
		for most > 2*peak && most > 1<<20 {
			most /= 2
		}
		return max(most, peak)
	case s.name == "CPU":
		return min(1, ui.Ceiling(max(peak, 0.02)))
	}
	unit := 1.0
	for peak/unit > 500 { // 1.0K/s, not 1000B/s
		unit *= 1024
	}
	return max(ui.Ceiling(peak/unit)*unit, 10)
}

// columns are the means of w equal parts of the time between from and to, as
// shares of top; NaN where nothing is known.
func (s *series) columns(v *core.HistoryView, top float64, w int) []float64 {
	out, count := make([]float64, w), make([]int, w)
	step := stepOf(v.Points)
	span := v.To.Sub(v.From)
	if span <= 0 || top <= 0 {
		v = &core.HistoryView{} // nothing is known
	}
	for _, p := range v.Points {
		x := s.of(p)
		if x == nil {
			continue
		}
		// The point covers (Time-step, Time]: all columns whose middle is in there, and at least the one it ends in.
		first := int(math.Ceil(float64(p.Time.Add(-step).Sub(v.From))*float64(w)/float64(span) - 0.5))
		last := int(math.Ceil(float64(p.Time.Sub(v.From))*float64(w)/float64(span)-0.5)) - 1
		if last < first {
			last = int(math.Ceil(float64(p.Time.Sub(v.From))*float64(w)/float64(span))) - 1
			first = last
		}
		for i := max(0, first); i <= min(last, w-1); i++ {
			out[i] += *x / top
			count[i]++
		}
	}
	for i := range out {
		if count[i] == 0 {
			out[i] = math.NaN()
		} else {
			out[i] /= float64(count[i])
		}
	}
	return out
}

// stepOf is the time that one point stands for: the shortest between two.
func stepOf(points []core.HistoryPoint) time.Duration {
	step := time.Duration(0)
	for i := 1; i < len(points); i++ {
		if d := points[i].Time.Sub(points[i-1].Time); d > 0 && (step == 0 || d < step) {
			step = d
		}
	}
	return step
}

// said is a figure in words.
func (s *series) said(v float64) string {
	if math.IsNaN(v) {
		return ui.Unknown
	}
	return s.word(v)
}
