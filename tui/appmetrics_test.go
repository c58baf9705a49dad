package tui

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"

	"proximity/core"
)

// toMetrics are the keys to the tab of a running app.
func toMetrics() []string { return []string{"2", "enter", "right", "right", "right"} }

// TestMetricsAreAskedForOnceAMinute: when the tab is opened, then while it is
// looked at; another period at once; ctrl+r at once.
func TestMetricsAreAskedForOnceAMinute(t *testing.T) {
	s := newScripted()
	c := sit(t, s, look{})
	now := noon
	c.now = func() time.Time { return now }
	press(c, toMetrics()...)
	p := c.page().(*app)
	asked := func(want int) {
		t.Helper()
		if n := s.count("AppHistory day"); n != want {
			t.Errorf("asked %d times, not %d", n, want)
		}
	}
	beat := func(d time.Duration) {
		now = now.Add(d)
		settle(c, p.beat(c))
	}
	asked(1)
	beat(59 * time.Second)
	asked(1)
	beat(time.Second)
	asked(2)
	press(c, "left")
	beat(time.Hour)
	asked(2)
	press(c, "right")
	asked(3)
	press(c, "ctrl+r")
	asked(4)
	expect(t, c, "LAST DAY", "every 1m", "o period")
	press(c, "o", "down", "enter")
	if s.count("AppHistory week") != 1 {
		t.Error("another period is not asked for at once")
	}
	expect(t, c, "LAST WEEK", "every 30m")
}

// TestASlowHostIsNamed: whom it waits for, and how long already; an answer to
// an earlier question is dropped.
func TestASlowHostIsNamed(t *testing.T) {
	s := newScripted()
	c := sit(t, s, look{})
	now := noon
	c.now = func() time.Time { return now }
	press(c, "2", "enter", "right", "right")
	_, cmd := c.Update(keyMsg("right"))
	expect(t, c, "… asking pve1")
	now = noon.Add(2 * time.Second)
	expect(t, c, "… asking pve1 (2s)")
	press(c, "o", "down", "down", "down", "enter")
	expect(t, c, "LAST YEAR")
	settle(c, cmd) // the day's answer, too late
	expect(t, c, "LAST YEAR")
}

// TestMetricsOfAHostThatGoesAway: the last ones stay, dated; it is not asked
// in vain, and again once it is back.
func TestMetricsOfAHostThatGoesAway(t *testing.T) {
	s := newScripted()
	c := at(t, s, look{}, toMetrics())
	p := c.page().(*app)
	now := noon.Add(2 * time.Minute)
	c.now = func() time.Time { return now }
	expect(t, c, "CPU   2.0% of 2 cores", "peak 17% at 20:33", "in 12K/s")
	stale := func(is bool) {
		w := *s.world
		w.Apps = append([]core.AppView(nil), w.Apps...)
		for i := range w.Apps {
			if w.Apps[i].ID == p.id {
				w.Apps[i].Stale, w.Apps[i].AsOf = is, noon
			}
		}
		c.take(&w)
	}
	stale(true)
	settle(c, p.beat(c))
	expect(t, c, "as of 14:32:07", "has not answered since 14:32:07", "(180M) of 512M", "█")
	if n := s.count("AppHistory day"); n != 1 {
		t.Errorf("a host that is away has been asked %d times", n)
	}
	stale(false)
	s.fail = &core.Error{Kind: core.ErrUnreachable, Text: "pve1 does not answer", Hint: "try again later"}
	settle(c, p.beat(c))
	expect(t, c, "as of 14:32:07", "pve1 does not answer", "ctrl+r", "█")
	s.fail = nil
	press(c, "ctrl+r")
	if got := text(c); strings.Contains(got, "as of") || s.count("AppHistory day") != 3 {
		t.Errorf("it is back, and shows\n%s", got)
	}

	w := *s.world
	w.Apps = append([]core.AppView(nil), w.Apps...)
	for i := range w.Apps {
		if w.Apps[i].ID == p.id {
			w.Apps[i].Status = core.StatusStopped
		}
	}
	c.take(&w)
	expect(t, c, "CPU   – of 2 cores", "mean 8.0%", "in – mean")

	s = newScripted()
	s.fail = &core.Error{Kind: core.ErrConflict, Text: "blog has no container", Hint: "look at its log"}
	c = at(t, s, look{}, toMetrics())
	expect(t, c, "× blog has no container · look at its log")
}

// TestMetricsFitEverySize: every size has all four, within its cells, also
// without colours and in ASCII, and whatever the history holds.
func TestMetricsFitEverySize(t *testing.T) {
	nan, huge := math.NaN(), 1e300
	odd := []core.HistoryPoint{{Time: noon, CPU: &huge, Mem: &huge, MaxMem: new(float64), Disk: &huge, NetIn: &huge, NetOut: &nan}, {Time: noon.Add(-time.Hour)}, {}}
	for _, points := range [][]core.HistoryPoint{nil, odd} {
		for _, ascii := range []bool{false, true} {
			for w := 30; w <= 200; w += 17 {
				for h := 8; h <= 60; h += 3 {
					c := at(t, newScripted(), look{w: w, h: h, ascii: ascii, profile: colorprofile.ASCII}, toMetrics())
					p := c.page().(*app)
					for range 2 {
						got := ansi.Strip(c.View().Content)
						for _, want := range []string{"CPU", "MEM", "DISK"} {
							if !strings.Contains(got, want) {
								t.Fatalf("%dx%d lacks %s:\n%s", w, h, want, got)
							}
						}
						for _, l := range strings.Split(got, "\n") {
							if ansi.StringWidth(l) > w || ascii && strings.ContainsFunc(l, func(r rune) bool { return r > '~' }) {
								t.Fatalf("%dx%d: %q", w, h, l)
							}
						}
						p.metrics.view.Points = points
					}
				}
			}
		}
	}
}

// TestColumnsLeaveGaps: a column is the mean of what is known in its time, and
// blank where nothing is; few points make wide steps, not gaps.
func TestColumnsLeaveGaps(t *testing.T) {
	f := func(v float64) *float64 { return &v }
	v := core.HistoryView{From: noon, To: noon.Add(4 * time.Hour)}
	for i, x := range []*float64{f(0.1), f(0.3), nil, f(0)} {
		v.Points = append(v.Points, core.HistoryPoint{Time: noon.Add(time.Duration(i+1) * time.Hour), CPU: x})
	}
	s := cpuSeries()
	gap := math.NaN()
	for w, want := range map[int][]float64{
		1: {0.4 / 3}, 2: {0.2, 0}, 4: {0.1, 0.3, gap, 0}, 8: {0.1, 0.1, 0.3, 0.3, gap, gap, 0, 0}, 0: {},
	} {
		got := s.columns(&v, 1, w)
		for i := range got {
			if len(got) != len(want) || math.Abs(got[i]-want[i]) > 1e-9 || math.IsNaN(got[i]) != math.IsNaN(want[i]) {
				t.Errorf("%d columns: %v, not %v", w, got, want)
				break
			}
		}
	}
	if fig := s.figures(v.Points); fig.peak != 0.3 || !fig.at.Equal(noon.Add(2*time.Hour)) || fig.now != 0 || math.Abs(fig.mean-0.4/3) > 1e-9 || fig.top != 0.5 {
		t.Errorf("figures: %+v", fig)
	}
	if fig := s.figures(v.Points[:3]); !math.IsNaN(fig.now) && fig.now != 0.3 {
		t.Errorf("now: %v", fig.now)
	}
}
