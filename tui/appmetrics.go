package tui

import (
	"time"

	tea "charm.land/bubbletea/v2"

	"proximity/core"
	"proximity/tui/ui"
)

// appMetrics is what the Metrics tab of an app shows: what its host recorded.
type appMetrics struct {
	period core.Period // "" = not chosen yet
	view   core.HistoryView
	at     time.Time // of view; zero = there is none
	err    error     // of the last answer
	ended  time.Time // when the last answer came; zero = ask now
	asked  time.Time // since when it is being asked; zero = it is not
	gen    uint64
}

// metricsFresh is how long what is shown is good enough: Proxmox adds a point
// a minute.
const metricsFresh = time.Minute

// metricsAnswer is an app's history as core gives it.
type metricsAnswer struct {
	view core.HistoryView
	err  error
}

// ask asks the app's host, at most once a minute; never one that is known not
// to answer.
func (k *appMetrics) ask(c *Console, p *app) tea.Cmd {
	if !k.asked.IsZero() || !k.ended.IsZero() && c.now().Sub(k.ended) < metricsFresh || p.gone || c.away(&p.view) != "" {
		return nil
	}
	return k.reload(c, p)
}

// reload asks now.
func (k *appMetrics) reload(c *Console, p *app) tea.Cmd {
	if !k.asked.IsZero() {
		return nil
	}
	if k.period == "" {
		k.period = "day"
		if c.now().Sub(p.view.CreatedAt) < 3*time.Hour { // of a day there is next to nothing to see
			k.period = "hour"
		}
	}
	k.asked = c.now()
	k.gen++
	gen, ctx, id, period := k.gen, c.ctx, p.id, k.period
	return func() tea.Msg {
		v, err := c.core.AppHistory(ctx, c.actor, id, period)
		return answer{p, gen, metricsAnswer{v, err}}
	}
}

func (k *appMetrics) take(c *Console, gen uint64, a metricsAnswer) {
	if gen != k.gen {
		return // another period has been chosen since
	}
	k.asked, k.ended, k.err = time.Time{}, c.now(), a.err
	if a.err == nil {
		k.view, k.at = a.view, c.now()
	}
}

// choose shows another period.
func (k *appMetrics) choose(c *Console, p *app, period core.Period) tea.Cmd {
	k.period, k.asked, k.ended = period, time.Time{}, time.Time{}
	k.gen++ // what is under way is not wanted any more
	if why := c.away(&p.view); why != "" {
		c.say(info, why)
	}
	return k.ask(c, p)
}

// asking says whom, and for how long already; "" = nobody.
func (k *appMetrics) asking(c *Console, p *app) string {
	if k.asked.IsZero() {
		return ""
	}
	who := p.view.Node
	if who == "" {
		who = "the host"
	}
	if d := c.now().Sub(k.asked); d >= time.Second {
		return "… asking " + who + " (" + ui.Span(d) + ")"
	}
	return "… asking " + who
}

// choosePeriod lists the periods.
func choosePeriod(c *Console, _ object) tea.Cmd {
	p, ok := c.page().(*app)
	if !ok {
		return nil
	}
	m := &menu{heading: "Show the last", choose: func(c *Console, it ui.Item) tea.Cmd {
		return p.metrics.choose(c, p, it.Value.(core.Period))
	}}
	at := p.metrics.period
	if !p.metrics.at.IsZero() {
		at = p.metrics.view.Period // what is asked for may never come
	}
	cursor := 0
	for i, period := range core.Periods() {
		it := ui.Item{Label: string(period), Value: period}
		if period == at {
			cursor, it.Detail = i, "shown now"
		}
		m.menu.Items = append(m.menu.Items, it)
	}
	m.menu.Move(cursor)
	c.over = m
	return nil
}
