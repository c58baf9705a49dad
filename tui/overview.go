package tui

import (
	"slices"
	"strconv"
	"strings"

	"proximity/core"
	"proximity/tui/ui"
)

// overview is the first screen: how it goes, and what needs attention. Its
// cursor runs over what can be opened.
type overview struct {
	rows []object      // what can be opened, in the order it is drawn
	from [sections]int // index of each section's first row
	at   int
	busy []int // indexes of the busiest apps
}

// The sections with rows, in the order of the cursor.
const (
	secAlerts = iota
	secLive
	secNodes
	secApps
	secEnded
	sections
)

func newOverview() *overview { return &overview{} }

func (p *overview) digit() int               { return 1 }
func (p *overview) crumbs(*Console) []string { return nil }
func (p *overview) note(*Console) string     { return "" }

func (p *overview) scope(*Console) scope {
	s := inList
	if p.at < len(p.rows) {
		s |= p.rows[p.at].scope()
	}
	return s
}

func (p *overview) on(*Console) object {
	if p.at < len(p.rows) {
		return p.rows[p.at]
	}
	return object{}
}

func (p *overview) move(_ *Console, m motion, n int) bool {
	to := p.at
	switch m {
	case byLine:
		to += n
	case byPage:
		to += 5 * n
	case toFirst:
		to = 0
	case toLast:
		to = len(p.rows) - 1
	}
	to = max(0, min(to, len(p.rows)-1))
	if to == p.at {
		return false
	}
	p.at = to
	return true
}

// world picks what can be opened: alerts, unfinished jobs, nodes, the busiest
// apps, the latest jobs.
func (p *overview) world(c *Console) {
	var was object
	if p.at < len(p.rows) {
		was = p.rows[p.at]
	}
	p.rows = p.rows[:0]
	w := c.world
	for i := range min(len(w.Alerts), overviewAlerts) {
		p.rows = append(p.rows, parseObject(w.Alerts[i].Object))
	}
	live, ended := overviewJobs(w)
	p.from[secLive] = len(p.rows)
	for _, i := range live {
		p.rows = append(p.rows, jobObject(w.Jobs[i].ID))
	}
	p.from[secNodes] = len(p.rows)
	for i := range min(len(w.Nodes), overviewNodes) {
		p.rows = append(p.rows, nodeObject(w.Nodes[i].Host, w.Nodes[i].Name))
	}
	p.from[secApps] = len(p.rows)
	p.busy = busiestApps(w, p.busy[:0], p.busiest(c))
	for _, i := range p.busy {
		p.rows = append(p.rows, appObject(w.Apps[i].ID))
	}
	p.from[secEnded] = len(p.rows)
	for _, i := range ended {
		p.rows = append(p.rows, jobObject(w.Jobs[i].ID))
	}
	p.at = max(0, min(p.at, len(p.rows)-1))
	for i, r := range p.rows {
		if r == was {
			p.at = i
			break
		}
	}
}

// How many rows each section shows at most.
const (
	overviewAlerts = 5
	overviewLive   = 5
	overviewEnded  = 5
	overviewNodes  = 8
)

// busiest is how many of the busiest apps there is room for.
func (p *overview) busiest(c *Console) int {
	h := c.shape().body
	if c.w < wideW || h < 20 {
		return 4
	}
	return max(3, min(16, h-10-min(len(c.world.Nodes), overviewNodes)))
}

func overviewJobs(w *core.World) (live, ended []int) {
	for i := range w.Jobs {
		switch {
		case !w.Jobs[i].Ended && len(live) < overviewLive:
			live = append(live, i)
		case w.Jobs[i].Ended && len(ended) < overviewEnded:
			ended = append(ended, i)
		}
	}
	return live, ended
}

// busiestApps picks the n running apps that use most of the processor.
func busiestApps(w *core.World, best []int, n int) []int {
	load := func(i int) float64 {
		a := &w.Apps[i]
		if a.Metrics == nil || a.Stale || a.Status != core.StatusRunning {
			return -1
		}
		return a.Metrics.CPU
	}
	for i := range w.Apps {
		v := load(i)
		if v < 0 {
			continue
		}
		at := len(best)
		for at > 0 && load(best[at-1]) < v {
			at--
		}
		if at >= n {
			continue
		}
		if len(best) == n {
			best = best[:n-1]
		}
		best = slices.Insert(best, at, i)
	}
	return best
}

func (p *overview) body(c *Console, w, h int) []string {
	if len(c.world.Hosts) == 0 {
		return welcome(c, w)
	}
	if w >= wideW && h >= 20 {
		return p.wide(c, w, h)
	}
	return p.narrow(c, w, h)
}

// wide is two columns: the machines and apps left, what happens right.
func (p *overview) wide(c *Console, w, h int) []string {
	left := w * 54 / 100
	right := w - left - 2
	a := p.cluster(c, left)
	a = append(a, "")
	a = append(a, p.nodeLines(c, left)...)
	a = append(a, "")
	a = append(a, p.appLines(c, left)...)

	b := p.attention(c, right)
	b = append(b, "")
	b = append(b, p.liveLines(c, right)...)
	b = append(b, "")
	b = append(b, p.endedLines(c, right)...)
	if lines := p.backupLines(c, right); lines != nil {
		b = append(append(b, ""), lines...)
	}
	var out []string
	for i := range min(h, max(len(a), len(b))) {
		l := c.theme.NewLine(w)
		if i < len(a) {
			l.Raw(a[i])
		}
		if i < len(b) && b[i] != "" {
			l.To(left + 2)
			l.Raw(b[i])
		}
		out = append(out, l.String())
	}
	return out
}

// narrow is one column; what has no room drops from the bottom, but never the
// row under the cursor.
func (p *overview) narrow(c *Console, w, h int) []string {
	var out []string
	add := func(lines []string) {
		if len(lines) == 0 {
			return
		}
		if len(out) > 0 && h >= 16 {
			out = append(out, "")
		}
		out = append(out, lines...)
	}
	add(p.totals(c, w))
	add(p.attention(c, w))
	if live, _ := overviewJobs(c.world); len(live) > 0 {
		add(p.liveLines(c, w))
	}
	add(p.nodeLines(c, w))
	add(p.appLines(c, w))
	add(p.backupLines(c, w))
	add(p.endedLines(c, w))
	if len(out) <= h {
		return out
	}
	focus := 0
	for i, s := range out {
		if strings.Contains(s, ui.Bar) {
			focus = i
		}
	}
	from := max(0, min(focus-h*2/3, len(out)-h))
	return out[from : from+h]
}

// title is a section's heading with a count at its end.
func title(c *Console, w int, name, count string) string {
	l := c.theme.NewLine(w)
	l.Space(1).Add(ui.Heading, name)
	if count != "" {
		l.Space(2).Add(ui.Muted, count)
	}
	return l.String()
}

// lead begins row i of a section: the cursor bar if the cursor is on it.
func (p *overview) lead(l *ui.Line, section, i int) bool {
	here := p.from[section]+i == p.at
	if here {
		l.Space(1).Add(ui.Accent, ui.Bar)
	} else {
		l.Space(2)
	}
	return here
}

func (p *overview) cluster(c *Console, w int) []string {
	t := c.world.Totals
	name := "CLUSTER"
	what := ui.Count(t.Nodes, "node") + " · " + ui.Count(len(c.world.Apps), "app")
	if len(c.world.Hosts) == 1 {
		what = c.world.Hosts[0].Name + " · " + what
	} else {
		what = ui.Count(len(c.world.Hosts), "host") + " · " + what
	}
	out := []string{title(c, w, name, what)}
	bar := 24
	row := func(label string, share float64, text string, spark []float64) {
		l := c.theme.NewLine(w)
		l.Space(3).Cell(ui.Muted, label, 6)
		if !t.Known {
			out = append(out, l.NoGauge(bar).Right(ui.Muted, ui.Unknown, 6).String())
			return
		}
		role := ui.Load(share)
		if t.Stale {
			role = ui.Stale
		}
		l.Gauge(role, share, bar)
		number(l, t.Stale, true, ui.Percent(share), 6)
		if room := w - l.W() - 3; len(spark) > 1 && room >= 10 {
			l.Space(2).Spark(ui.Chart, spark, min(room, 24))
		} else if text != "" {
			l.Space(2).Add(ui.Muted, text)
		}
		out = append(out, l.String())
	}
	var cpu, mem []float64
	if len(c.world.Hosts) == 1 {
		cpu, mem = c.history("host/"+c.world.Hosts[0].Name, false), c.history("host/"+c.world.Hosts[0].Name, true)
	}
	row("CPU", t.CPU, "of "+strconv.FormatFloat(t.Cores, 'f', -1, 64)+" cores", cpu)
	row("MEM", part(t.Mem, t.MaxMem), ui.Bytes(t.Mem)+" of "+ui.Bytes(t.MaxMem), mem)
	row("DISK", part(t.Disk, t.MaxDisk), ui.Bytes(t.Disk)+" of "+ui.Bytes(t.MaxDisk), nil)
	l := c.theme.NewLine(w)
	l.Space(3).Cell(ui.Muted, "NET", 6)
	rates(l, t.Net, t.Stale)
	return append(out, l.String())
}

// rates draws traffic: that of a host that is away in parentheses.
func rates(l *ui.Line, t *core.Traffic, stale bool) {
	if t == nil {
		l.Add(ui.Muted, ui.Unknown)
		return
	}
	role, in, out := ui.Text, ui.Rate(t.In), ui.Rate(t.Out)
	if stale {
		role, in, out = ui.Stale, "("+in+")", "("+out+")"
	}
	l.Add(ui.Muted, "in ").Cell(role, in, 9).Add(ui.Muted, "out ").Add(role, out)
}

func part(n, of int64) float64 {
	if of <= 0 {
		return 0
	}
	return float64(n) / float64(of)
}

// totals is the cluster in two lines.
func (p *overview) totals(c *Console, w int) []string {
	t := c.world.Totals
	one := func(l *ui.Line, label string, share float64, bar int) {
		l.Cell(ui.Muted, label, 5)
		if !t.Known {
			l.NoGauge(bar).Right(ui.Muted, ui.Unknown, 6)
			return
		}
		role := ui.Load(share)
		if t.Stale {
			role = ui.Stale
		}
		l.Gauge(role, share, bar)
		number(l, t.Stale, true, ui.Percent(share), 6)
	}
	if w < narrowW {
		l := c.theme.NewLine(w)
		l.Space(1)
		for _, x := range []struct {
			label string
			share float64
		}{{"cpu ", t.CPU}, {"mem ", part(t.Mem, t.MaxMem)}, {"disk ", part(t.Disk, t.MaxDisk)}} {
			l.Add(ui.Muted, x.label)
			if t.Known {
				l.Add(ui.Text, ui.Percent(x.share))
			} else {
				l.Add(ui.Muted, ui.Unknown)
			}
			l.Space(2)
		}
		return []string{l.String()}
	}
	bar := w/2 - 15
	a, b := c.theme.NewLine(w), c.theme.NewLine(w)
	a.Space(1)
	one(a, "CPU", t.CPU, bar)
	a.Space(2)
	one(a, "MEM", part(t.Mem, t.MaxMem), bar)
	b.Space(1)
	one(b, "DISK", part(t.Disk, t.MaxDisk), bar)
	b.Space(2).Cell(ui.Muted, "NET", 5)
	rates(b, t.Net, t.Stale)
	return []string{a.String(), b.String()}
}
