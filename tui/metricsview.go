package tui

import (
	"math"
	"strings"
	"time"

	"proximity/core"
	"proximity/tui/ui"
)

// metricsBody draws the tab.
func (p *app) metricsBody(c *Console, w, h int) []string {
	k := &p.metrics
	if k.at.IsZero() {
		return p.noMetrics(c, w)
	}
	var out []string
	if h >= 6 {
		out = append(out, p.metricsTitle(c, w))
	}
	if s := p.metricsTrouble(c); s != "" && h >= 6 {
		l := c.theme.NewLine(w)
		out = append(out, l.Space(2).Add(ui.Warn, ui.Alert+" ").Add(ui.Text, s).String())
	}
	room := h - len(out) - 5 // without the axis and four headings
	rows, gap := room/4, false
	if airy := (room - 3) / 4; airy >= 2 {
		rows, gap = airy, true
	}
	if rows < 2 {
		return append(out, p.sparklines(c, w, h-len(out))...)
	}
	return append(out, p.charts(c, w, min(rows, 12), gap)...)
}

// noMetrics says why there is nothing to draw.
func (p *app) noMetrics(c *Console, w int) []string {
	k, l := &p.metrics, c.theme.NewLine(w)
	l.Space(2)
	why := p.metricsTrouble(c)
	switch {
	case k.asking(c, p) != "":
		l.Add(ui.Muted, k.asking(c, p))
	case why != "":
		var out []string
		for i, row := range ui.Wrap(why, w-6) {
			l := c.theme.NewLine(w)
			sign := ui.Cross
			if i > 0 {
				sign = " "
			}
			out = append(out, l.Space(2).Add(ui.Error, sign+" ").Add(ui.Text, row).String())
		}
		return out
	default:
		l.Add(ui.Muted, "… reading")
	}
	return []string{l.String()}
}

// metricsTrouble says why what is shown is not what is now; "" = it is.
func (p *app) metricsTrouble(c *Console) string {
	if p.metrics.err != nil {
		return errorText(p.metrics.err) + " · ctrl+r asks again"
	}
	return c.away(&p.view)
}

// metricsTitle says what the charts are of.
func (p *app) metricsTitle(c *Console, w int) string {
	k := &p.metrics
	l := c.theme.NewLine(w)
	l.Space(1).Add(ui.Heading, "LAST "+strings.ToUpper(string(k.view.Period)))
	if p.metricsTrouble(c) != "" {
		l.Space(2).Add(ui.Stale, "as of "+k.at.In(c.loc).Format("15:04:05"))
	} else if step := stepOf(k.view.Points); step > 0 && w >= narrowW {
		l.Space(2).Add(ui.Muted, "as "+k.view.Node+" recorded it every "+ui.Span(step))
	}
	r := c.theme.NewLine(w)
	if s := k.asking(c, p); s != "" && (c.now().Sub(k.asked) >= time.Second || k.period != k.view.Period) {
		r.Add(ui.Muted, s).Space(1)
	} else {
		r.Add(ui.Key, "o").Add(ui.Text, " another period").Space(1)
	}
	return l.Ends(r).String()
}

// gutterW is the room for the scale, left of the charts.
const gutterW = 9

// charts draws the four, so many rows high each, over one axis.
func (p *app) charts(c *Console, w, rows int, gap bool) []string {
	k := &p.metrics
	v := &k.view
	gutter := gutterW
	if w < 60 {
		gutter = 1
	}
	wide := w - gutter - 1
	var out []string
	plot := func(s series, top float64, label string, rows int) {
		for i, line := range c.theme.Plot(ui.Chart, s.columns(v, top, wide), rows) {
			l := c.theme.NewLine(w)
			if i > 0 {
				label = ""
			}
			if gutter > 1 {
				l.Right(ui.Muted, label, gutter-1)
			}
			out = append(out, l.To(gutter).Raw(line).String())
		}
	}
	for _, s := range []series{cpuSeries(), memSeries(), diskSeries()} {
		f := s.figures(v.Points)
		out = append(out, p.figureLine(c, w, s, f))
		label := ""
		if f.top > 0 {
			label = scaleWord(s.word(f.top))
		}
		plot(s, f.top, label, rows)
		if gap {
			out = append(out, "")
		}
	}
	in, sent := inSeries(), outSeries()
	a, b := in.figures(v.Points), sent.figures(v.Points)
	out = append(out, p.netLine(c, w, a, b))
	top := max(a.top, b.top) // one scale for both, so that they can be compared
	label := "in"
	if top > 0 {
		label += " " + scaleWord(strings.TrimSuffix(ui.Rate(top), "/s"))
	}
	plot(in, top, label, rows-rows/2)
	plot(sent, top, "out", rows/2)
	l := c.theme.NewLine(w)
	return append(out, p.axis(c, l.Space(gutter), wide).String())
}

// scaleWord is the end of a scale without a nought that says nothing.
func scaleWord(s string) string { return strings.Replace(s, ".0", "", 1) }

// figureLine is the heading of a chart.
func (p *app) figureLine(c *Console, w int, s series, f figures) string {
	l := c.theme.NewLine(w)
	l.Space(1).Cell(ui.Heading, s.name, 6)
	of := ""
	switch {
	case s.most != nil && f.most > 0:
		of = " of " + s.word(f.most)
	case s.name == "CPU":
		of = " of " + ui.Count(p.view.Cores, "core")
	}
	now := c.theme.NewLine(18)
	p.now(now, s, f)
	now.Add(ui.Muted, of)
	l.Join(now).Space(18-now.W()).Space(2).Add(ui.Muted, "mean ").Cell(ui.Text, s.said(f.mean), 7)
	l.Space(1).Add(ui.Muted, "peak ").Add(ui.Text, s.said(f.peak))
	if !f.at.IsZero() && l.Left() > 16 {
		l.Add(ui.Muted, " at "+p.moment(c, f.at))
	}
	return l.String()
}

// now adds what an app uses now, which the last step of a year does not tell;
// of an app whose host is away what was recorded last.
func (p *app) now(l *ui.Line, s series, f figures) {
	if !p.view.Stale {
		l.Add(ui.Strong, s.said(p.live(s.name)))
		return
	}
	text := s.said(f.now)
	if text != ui.Unknown {
		text = "(" + text + ")"
	}
	l.Add(ui.Stale, text)
}

// live is what the world knows of a series; NaN = nothing.
func (p *app) live(name string) float64 {
	m := p.view.Metrics
	if m == nil || p.view.Status != core.StatusRunning {
		return math.NaN()
	}
	switch {
	case name == "CPU":
		return m.CPU
	case name == "MEM":
		return float64(m.Mem)
	case name == "DISK":
		return float64(m.Disk)
	case m.Net == nil:
		return math.NaN()
	case name == "in":
		return m.Net.In
	case name == "out":
		return m.Net.Out
	}
	return m.Net.In + m.Net.Out
}

// netLine is the heading of the network's chart.
func (p *app) netLine(c *Console, w int, in, out figures) string {
	l := c.theme.NewLine(w)
	l.Space(1).Cell(ui.Heading, "NET", 6)
	for i, f := range []figures{in, out} {
		s := []series{inSeries(), outSeries()}[i]
		if i > 0 {
			l.Space(3)
		}
		l.Add(ui.Muted, s.name+" ")
		p.now(l, s, f)
		if w >= normalW {
			l.Add(ui.Muted, " mean ").Add(ui.Text, s.said(f.mean)).Add(ui.Muted, " peak ").Add(ui.Text, s.said(f.peak))
		}
	}
	return l.String()
}

// sparklines are the four in a line each, where there is little height.
func (p *app) sparklines(c *Console, w, h int) []string {
	v := &p.metrics.view
	list := []series{cpuSeries(), memSeries(), diskSeries(), netSeries()}
	if h >= 6 {
		list = []series{cpuSeries(), memSeries(), diskSeries(), inSeries(), outSeries()}
	}
	const left = 13 // name and figure
	wide := w - left - 1
	if w >= 60 {
		wide -= 25 // for mean and peak
	}
	var out []string
	for _, s := range list {
		f := s.figures(v.Points)
		l := c.theme.NewLine(w)
		l.Space(1).Cell(ui.Heading, strings.ToUpper(s.name), 5)
		now := c.theme.NewLine(left - 7)
		p.now(now, s, f)
		l.Space(left - 7 - now.W()).Join(now).Space(1)
		l.Raw(c.theme.Plot(ui.Chart, s.columns(v, f.top, wide), 1)[0])
		if w >= 60 {
			l.Space(2).Add(ui.Muted, "mean ").Right(ui.Text, s.said(f.mean), 6).Space(1).Add(ui.Muted, "peak ").Right(ui.Text, s.said(f.peak), 6)
		}
		out = append(out, l.String())
	}
	if h > len(out) {
		l := c.theme.NewLine(w)
		out = append(out, p.axis(c, l.Space(left), wide).String())
	}
	return out
}

// axis names the times the charts go over.
func (p *app) axis(c *Console, l *ui.Line, wide int) *ui.Line {
	v := &p.metrics.view
	return l.Axis(p.moment(c, v.From), p.moment(c, v.From.Add(v.To.Sub(v.From)/2)), p.moment(c, v.To), wide)
}

// moment says a time as exactly as the period needs.
func (p *app) moment(c *Console, t time.Time) string {
	t = t.In(c.loc)
	switch p.metrics.view.Period {
	case "hour", "day":
		return t.Format("15:04")
	case "week":
		return t.Format("Mon 15:04")
	case "month":
		return t.Format("2 Jan")
	}
	return t.Format("2 Jan 2006")
}
