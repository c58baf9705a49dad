package tui

import (
	"strconv"

	"proximity/core"
	"proximity/tui/ui"
)

// section is a heading with lines under it.
type section struct {
	title string
	lines []string
}

// overview shows the app's numbers, ways in and placement.
func (p *app) overview(c *Console, w, h int) []string {
	a := &p.view
	var out []string
	if a.Status == core.StatusError {
		out = append(out, p.trouble(c, w)...)
	}
	if a.Drift != "" {
		l := c.theme.NewLine(w)
		out = append(out, l.Space(2).Add(ui.Warn, ui.Alert+" "+a.Drift).String(), "")
	}
	if !a.DeletesAt.IsZero() {
		l := c.theme.NewLine(w)
		out = append(out, l.Space(2).Add(ui.Warn, ui.Alert+" "+c.leaving(a)).String(), "")
	} else if a.Job != nil {
		l := c.theme.NewLine(w)
		l.Space(2).Add(ui.Busy, ui.Half+" "+a.Job.Kind).Space(2).Gauge(ui.Chart, a.Job.Progress, min(24, w/3)).Space(2)
		out = append(out, l.Add(ui.Text, jobLine(a.Job)).Add(ui.Muted, " · job "+jobID(a.Job.ID)).String(), "")
	}
	if w >= wideW {
		left, right := w*56/100, w-w*56/100-1
		out = append(out, beside(c, w, left, p.gauges(c, left), p.ways(c, right))...)
		out = append(out, "")
		if k := p.protection(c, left); k.title != "" {
			out = append(out, beside(c, w, left, k, p.placement(c, right))...)
			if notes := p.notes(c, w); notes.title != "" {
				out = append(append(out, ""), flat(c, w, notes)...)
			}
			return out
		}
		return append(out, beside(c, w, left, p.placement(c, left), p.notes(c, right))...)
	}
	out = append(out, flat(c, w, p.ways(c, w))...)
	if h > 12 {
		out = append(out, "")
	}
	out = append(out, flat(c, w, p.gauges(c, w))...)
	if h > 12 {
		out = append(out, "")
	}
	if len(out)+14 < h {
		out = append(append(out, flat(c, w, p.protection(c, w))...), "")
	} else {
		out = append(out, p.protectionLine(c, w)...)
	}
	out = append(out, flat(c, w, p.placement(c, w))...)
	if len(out)+3 < h {
		out = append(out, "")
		out = append(out, flat(c, w, p.notes(c, w))...)
	}
	return out
}

// trouble says what happened, and what to do next.
func (p *app) trouble(c *Console, w int) []string {
	var out []string
	for i, s := range ui.Wrap(p.view.Error, w-6) {
		l := c.theme.NewLine(w)
		sign := ui.Cross
		if i > 0 {
			sign = " "
		}
		out = append(out, l.Space(2).Add(ui.Error, sign+" "+s).String())
	}
	for _, s := range ui.Wrap(p.view.Hint, w-6) {
		if s != "" {
			l := c.theme.NewLine(w)
			out = append(out, l.Space(4).Add(ui.Text, s).String())
		}
	}
	if p.view.Job == nil {
		l := c.theme.NewLine(w)
		out = append(out, l.Space(4).Join(c.wayOut(w-4, &p.view)).String())
	}
	return append(out, "")
}

func (p *app) gauges(c *Console, w int) section {
	a, m := &p.view, p.view.Metrics
	s := section{title: "NOW"}
	if a.Stale {
		s.title = "LAST KNOWN, FROM " + a.AsOf.In(c.loc).Format("15:04:05")
	}
	known := m != nil
	bar := max(8, min(20, w/3-4))
	row := func(label string, share float64, text string, spark []float64) {
		l := c.theme.NewLine(w)
		l.Space(2).Cell(ui.Muted, label, 6)
		role := ui.Load(share)
		if a.Stale {
			role = ui.Stale
			text = "(" + text + ")"
		}
		if !known {
			l.NoGauge(bar).Space(2).Add(ui.Muted, ui.Unknown)
			s.lines = append(s.lines, l.String())
			return
		}
		l.Gauge(role, share, bar).Space(2).Cell(ui.Text, text, 15)
		if room := l.Left() - 3; room >= 14 && len(spark) > 1 {
			l.Spark(ui.Chart, spark, min(room, 30))
		}
		s.lines = append(s.lines, l.String())
	}
	if !known {
		m = &core.Metrics{}
	}
	row("CPU", m.CPU, ui.Percent(m.CPU)+" of "+ui.Count(a.Cores, "core"), c.history(appHistory(a), false))
	row("MEM", memShare(m), ui.Bytes(m.Mem)+" of "+ui.Bytes(m.MaxMem), c.history(appHistory(a), true))
	row("DISK", diskShare(m), ui.Bytes(m.Disk)+" of "+ui.Bytes(m.MaxDisk), nil)
	l := c.theme.NewLine(w)
	l.Space(2).Cell(ui.Muted, "NET", 6)
	rates(l, m.Net, a.Stale)
	s.lines = append(s.lines, l.String())
	return s
}

func (p *app) ways(c *Console, w int) section {
	a := &p.view
	s := section{title: "ACCESS"}
	l := c.theme.NewLine(w)
	switch {
	case a.URL != "":
		l.Space(2).Cell(ui.Muted, "web", 11).Link(ui.Accent, a.URL, a.URL).Space(2).Add(ui.Key, "w").Add(ui.Muted, " copies")
	case a.Published != "":
		l.Space(2).Cell(ui.Muted, "address", 11).Add(ui.Text, a.Published)
	default:
		l.Space(2).Cell(ui.Muted, "web", 11).Add(ui.Muted, ui.Unknown)
	}
	s.lines = append(s.lines, l.String())
	l = c.theme.NewLine(w)
	l.Space(2).Cell(ui.Muted, "container", 11)
	switch {
	case a.Address == "":
		l.Add(ui.Muted, ui.Unknown)
	case a.InternalPort > 0:
		l.Add(ui.Text, a.Address+" port "+strconv.Itoa(a.InternalPort))
	default:
		l.Add(ui.Text, a.Address)
	}
	s.lines = append(s.lines, l.String())
	l = c.theme.NewLine(w)
	l.Space(2).Cell(ui.Muted, "log", 11).Add(ui.Text, "ssh "+c.host+" logs "+a.Hostname+" -f")
	s.lines = append(s.lines, l.String())
	return s
}

func (p *app) placement(c *Console, w int) section {
	a := &p.view
	s := section{title: "PLACEMENT"}
	row := func(label, text string) {
		if text == "" {
			return
		}
		l := c.theme.NewLine(w)
		s.lines = append(s.lines, l.Space(2).Cell(ui.Muted, label, 11).Add(ui.Text, text).String())
	}
	where := whereIs(c.world, a)
	if a.Host != "" {
		where += ", host " + a.Host
	}
	row("container", where)
	size := sizes(a)
	if a.SwapMB > 0 {
		size += ", swap " + ui.MB(a.SwapMB)
	}
	if a.Storage != "" {
		size += " on " + a.Storage
	}
	row("size", size)
	row("system", a.OS)
	if k := a.Adoption; k != nil {
		row("adopted", ui.When(c.now(), k.At, c.loc)+" by "+k.By+", as "+k.Name)
	} else {
		made := ui.When(c.now(), a.CreatedAt, c.loc) + " by " + a.Owner
		if a.ClonedFrom != "" {
			made += ", of " + a.ClonedFrom
		}
		row("made", made)
	}
	row("since", string(a.Status)+", "+ui.When(c.now(), a.ChangedAt, c.loc))
	return s
}

func (p *app) notes(c *Console, w int) section {
	s := section{title: "AFTER INSTALL"}
	if p.view.Notes == "" {
		return section{}
	}
	for _, row := range ui.Wrap(p.view.Notes, w-4) {
		l := c.theme.NewLine(w)
		s.lines = append(s.lines, l.Space(2).Add(ui.Text, row).String())
	}
	return s
}

// flat is a section with its heading.
func flat(c *Console, w int, s section) []string {
	if s.title == "" {
		return nil
	}
	l := c.theme.NewLine(w)
	return append([]string{l.Space(1).Add(ui.Heading, s.title).String()}, s.lines...)
}

// beside puts two sections next to each other; left is left's width.
func beside(c *Console, w, left int, a, b section) []string {
	x, y := flat(c, left, a), flat(c, w-left-1, b)
	var out []string
	for i := range max(len(x), len(y)) {
		l := c.theme.NewLine(w)
		if i < len(x) {
			l.Raw(x[i])
		}
		if i < len(y) {
			l.To(left + 1)
			l.Raw(y[i])
		}
		out = append(out, l.String())
	}
	return out
}
