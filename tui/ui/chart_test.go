package ui

import (
	"math"
	"strings"
	"testing"

	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"
)

func TestPlotShowsWhatIsKnown(t *testing.T) {
	gap := math.NaN()
	for _, k := range []struct {
		values []float64
		rows   int
		want   string
	}{
		{[]float64{0, 0.5, 1, gap, 0.25}, 1, "▁▄█ ▂"},
		{[]float64{0, 0.5, 1, gap, 0.75, 0.26}, 2, "  █ ▄ |▁██ █▄"},
		{[]float64{0, 1, 0.34}, 3, " █ | █ |▁██"},
		{[]float64{-3, 7, math.Inf(1)}, 1, "▁██"},
		{[]float64{gap, gap}, 2, "  |  "},
		{nil, 2, "|"},
		{[]float64{1}, 0, ""},
	} {
		for _, profile := range []colorprofile.Profile{colorprofile.NoTTY, colorprofile.ANSI256} {
			rows := NewTheme(profile, true, false).Plot(Chart, k.values, k.rows)
			if got := ansi.Strip(strings.Join(rows, "|")); got != k.want {
				t.Errorf("%v in %d rows: %q, not %q", k.values, k.rows, got, k.want)
			}
			for _, r := range rows {
				if Width(r) != len(k.values) {
					t.Errorf("%v: row %q is %d cells wide", k.values, r, Width(r))
				}
			}
		}
	}
	if got := ToASCII(strings.Join(NewTheme(colorprofile.NoTTY, true, true).Plot(Chart, []float64{0, 0.5, 1, gap}, 1), "")); got != "_=# " {
		t.Errorf("in ASCII: %q", got)
	}
}

func TestAxisNamesItsEnds(t *testing.T) {
	for width, want := range map[int]string{
		31: "09:00 ───── 12:00 ────── 15:00 ",
		20: "09:00 ──────── 15:00",
		11: "09:00 15:00",
		10: "15:00     ",
		4:  "15:…",
	} {
		l := NewTheme(colorprofile.NoTTY, true, false).NewLine(width)
		if width == 31 {
			l.Axis("09:00", "12:00", "15:00", 30)
			want = strings.TrimRight(want, " ")
		} else {
			l.Axis("09:00", strings.Repeat("x", 9), "15:00", width)
		}
		if got := l.String(); got != want {
			t.Errorf("%d cells: %q, not %q", width, got, want)
		}
	}
}

func TestCeiling(t *testing.T) {
	for v, want := range map[float64]float64{0: 1, 0.003: 0.005, 0.05: 0.05, 0.051: 0.1, 1: 1, 3: 5, 70: 100, 1e9: 1e9, math.NaN(): 1, -2: 1, math.Inf(1): 1} {
		if got := Ceiling(v); math.Abs(got-want) > want/1e9 {
			t.Errorf("%v ends at %v, not %v", v, got, want)
		}
	}
}
