package tui

import (
	"strconv"

	"proximity/core"
	"proximity/tui/ui"
)

func (p *overview) attention(c *Console, w int) []string {
	all := c.world.Alerts
	if len(all) == 0 {
		l := c.theme.NewLine(w)
		return []string{title(c, w, "NEEDS ATTENTION", ""), l.Space(3).Add(ui.OK, ui.Check).Add(ui.Muted, " nothing").String()}
	}
	out := []string{title(c, w, "NEEDS ATTENTION", strconv.Itoa(len(all)))}
	for i := range min(len(all), overviewAlerts) {
		a := all[i]
		l := c.theme.NewLine(w)
		here := p.lead(l, secAlerts, i)
		sign, role := warn.sign()
		if a.Level == "error" {
			sign, role = bad.sign()
		}
		l.Space(1).Add(role, sign).Space(1)
		text := ui.Text
		if here {
			text = ui.Strong
		}
		since := ""
		if !a.Since.IsZero() {
			since = ui.When(c.now(), a.Since, c.loc)
		}
		age := ui.Width(since) + 2
		l.Cell(text, a.Text, min(64, l.Left()-age)).Space(1).Add(ui.Muted, since)
		out = append(out, l.String())
	}
	if more := len(all) - overviewAlerts; more > 0 {
		l := c.theme.NewLine(w)
		out = append(out, l.Space(5).Add(ui.Muted, strconv.Itoa(more)+" more: ").Add(ui.Key, "!").String())
	}
	return out
}

func (p *overview) liveLines(c *Console, w int) []string {
	live, _ := overviewJobs(c.world)
	if len(live) == 0 {
		l := c.theme.NewLine(w)
		return []string{title(c, w, "JOBS", ""), l.Space(3).Add(ui.Muted, "none is running").String()}
	}
	out := []string{title(c, w, "JOBS", strconv.Itoa(len(c.live)))}
	for row, i := range live {
		j := &c.world.Jobs[i]
		l := c.theme.NewLine(w)
		here := p.lead(l, secLive, row)
		l.Space(1)
		name := max(10, min(26, w-34))
		nameCell(l, j.Title, name, here)
		l.Space(2)
		if j.State == "running" {
			bar := max(0, min(14, w-name-26))
			l.Gauge(ui.Chart, j.Progress, bar).Right(ui.Text, ui.Percent(j.Progress), 5)
		} else {
			_, word, role := jobLook(j)
			l.Add(role, word)
		}
		l.Right(ui.Muted, took(c, j), 8).Space(2).Add(ui.Muted, j.Owner)
		out = append(out, l.String())
	}
	return out
}

func (p *overview) endedLines(c *Console, w int) []string {
	_, ended := overviewJobs(c.world)
	if len(ended) == 0 {
		return nil
	}
	out := []string{title(c, w, "RECENT JOBS", "")}
	for row, i := range ended {
		j := &c.world.Jobs[i]
		l := c.theme.NewLine(w)
		here := p.lead(l, secEnded, row)
		sign, _, role := jobLook(j)
		l.Space(1).Add(role, sign).Space(1)
		nameCell(l, j.Title, max(10, min(24, w-33)), here)
		l.Right(ui.Muted, took(c, j), 8).Space(2).Cell(ui.Muted, ui.When(c.now(), j.EndedAt, c.loc), 13).Add(ui.Muted, j.Owner)
		out = append(out, l.String())
	}
	return out
}

func (p *overview) nodeLines(c *Console, w int) []string {
	all := c.world.Nodes
	if len(all) == 0 {
		return nil
	}
	count := ""
	if len(all) > overviewNodes {
		count = strconv.Itoa(overviewNodes) + " of " + strconv.Itoa(len(all)) + ", 4 shows all"
	}
	out := []string{title(c, w, "NODES", count)}
	for i := range min(len(all), overviewNodes) {
		n := &all[i]
		l := c.theme.NewLine(w)
		here := p.lead(l, secNodes, i)
		sign, role := stateLook(n.State)
		l.Space(1).Add(role, sign).Space(1)
		nodeRole := ui.Text
		if here {
			nodeRole = ui.Selected
		}
		placeCell(l, nodeRole, c.world, n.Host, n.Name, max(10, placeWidth(c.world)))
		l.Space(1)
		if w >= narrowW {
			l.Cell(role, n.State, 12)
		}
		known := n.Metrics != nil
		for _, x := range []struct {
			label string
			share float64
		}{{"cpu", cpuOf(n.Metrics)}, {"mem", memShare(n.Metrics)}, {"disk", diskShare(n.Metrics)}} {
			l.Space(1).Add(ui.Muted, x.label)
			number(l, n.Stale, known, ui.Percent(x.share), 6)
		}
		if l.Left() > 10 {
			l.Right(ui.Muted, ui.Count(n.Apps, "app"), 9)
		}
		out = append(out, l.String())
	}
	return out
}

func cpuOf(m *core.Metrics) float64 {
	if m == nil {
		return 0
	}
	return m.CPU
}

func (p *overview) appLines(c *Console, w int) []string {
	var running, stopped, failed, busy, stale int
	for i := range c.world.Apps {
		a := &c.world.Apps[i]
		switch {
		case a.Stale:
			stale++
		case a.Status == core.StatusRunning:
			running++
		case a.Status == core.StatusStopped:
			stopped++
		case a.Status == core.StatusError:
			failed++
		default:
			busy++
		}
	}
	l := c.theme.NewLine(w)
	l.Space(1).Add(ui.Heading, "APPS").Space(2)
	if len(c.world.Apps) == 0 {
		l.Add(ui.Muted, "none yet · ").Add(ui.Key, "n").Add(ui.Muted, " deploys one")
		return []string{l.String()}
	}
	for _, x := range []struct {
		n          int
		sign, word string
		role       ui.Role
	}{{running, ui.Dot, "running", ui.OK}, {stopped, ui.Ring, "stopped", ui.Muted}, {failed, ui.Cross, "error", ui.Error}, {busy, ui.Half, "busy", ui.Busy}, {stale, "?", "stale", ui.Stale}} {
		if x.n > 0 {
			l.Add(x.role, x.sign+" "+strconv.Itoa(x.n)+" "+x.word).Space(2)
		}
	}
	out := []string{l.String()}
	if len(p.busy) == 0 {
		return out
	}
	for row, i := range p.busy {
		a := &c.world.Apps[i]
		l := c.theme.NewLine(w)
		here := p.lead(l, secApps, row)
		l.Space(1)
		nameCell(l, a.Hostname, max(10, min(18, w-40)), here)
		l.Space(2)
		if bar := min(10, w-40); bar > 3 {
			l.Gauge(ui.Load(a.Metrics.CPU), a.Metrics.CPU, bar)
		}
		l.Right(ui.Text, ui.Percent(a.Metrics.CPU), 5)
		l.Space(2).Right(ui.Text, ui.Bytes(a.Metrics.Mem), 5).Add(ui.Muted, " of ").Cell(ui.Muted, ui.Bytes(a.Metrics.MaxMem), 6)
		l.Space(1).Add(ui.Muted, c.world.Place(a.Host, a.Node))
		out = append(out, l.String())
	}
	return out
}
