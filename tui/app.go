package tui

import (
	"strconv"
	"time"

	tea "charm.land/bubbletea/v2"

	"proximity/core"
	"proximity/tui/ui"
)

// The tabs of an app.
const (
	tabOverview = iota
	tabLogs
	tabActivity
	tabMetrics
	tabBackups
	tabConsole
	tabConfig
	tabs
)

// tabName is a tab's name.
func tabName(i int) string {
	return [tabs]string{"Overview", "Logs", "Activity", "Metrics", "Backups", "Console", "Config"}[i]
}

// tabComing is what a tab that is not there yet will be.
func tabComing(i int) string {
	return [tabs]string{
		tabConsole: "Console will open a root shell inside this app's container.",
	}[i]
}

// app is one app.
type app struct {
	id    string
	at    int // tab
	view  core.AppView
	gone  bool // it was there and is not any more
	known bool
	past  appJobs
	jobs  *ui.Table
	tail  *appTail
	conf  appConfig
	kept  *archives

	metrics appMetrics
}

func newApp(id string) *app {
	return &app{id: id, jobs: newJobs().table, tail: newTail(), kept: newArchives(true)}
}

func (p *app) digit() int { return 2 }

func (p *app) crumbs(*Console) []string {
	name := p.view.Hostname
	if name == "" {
		name = p.id
	}
	return []string{name, tabName(p.at)}
}

func (p *app) note(*Console) string { return "" }

func (p *app) scope(*Console) scope {
	s := onApp | inTabs | inStack
	switch p.at {
	case tabLogs:
		s |= inLog
		if p.tail.lines.Query() != "" {
			s |= inSearch
		}
	case tabActivity:
		s |= inList
	case tabMetrics:
		s |= inChart
	case tabBackups:
		s |= inList
		if p.kept.table.Len() > 0 {
			s |= onBackup
		}
	}
	return s
}

func (p *app) on(*Console) object {
	if id := p.kept.table.ID(); p.at == tabBackups && id != "" {
		return object{backupKind, id}
	}
	return appObject(p.id)
}

func (p *app) world(c *Console) {
	if a, ok := c.world.App(p.id); ok {
		p.view, p.known, p.gone = a, true, false
	} else {
		p.gone = true
	}
	p.past.world(c, p.id)
	p.jobs.SetRows(&p.past)
	if p.at == tabBackups {
		p.kept.show(c, c.vault().of(p.id))
	}
}

func (p *app) move(_ *Console, m motion, n int) bool {
	switch p.at {
	case tabLogs:
		return moveLog(p.tail.lines, m, n)
	case tabActivity:
		return moveTable(p.jobs, m, n)
	case tabBackups:
		return moveTable(p.kept.table, m, n)
	}
	return false
}

func (p *app) log() *ui.Log { return p.tail.lines }

func (p *app) query() string {
	if p.at == tabLogs {
		return p.tail.lines.Query()
	}
	return ""
}

func (p *app) find(_ *Console, q string) { p.tail.lines.Search(q) }

// enter opens the job under the cursor of the activity.
func (p *app) enter(c *Console) (tea.Cmd, bool) {
	if p.at != tabActivity {
		return nil, false
	}
	id := p.jobs.ID()
	if id == "" {
		return nil, false
	}
	return c.push(newJob(parseJob(id))), true
}

func (p *app) tab(c *Console, dir int) (tea.Cmd, bool) {
	to := p.at + dir
	if to < 0 || to >= tabs {
		return nil, false
	}
	return p.show(c, to), true
}

// show goes to a tab. The log is read only while its tab is in front.
func (p *app) show(c *Console, tab int) tea.Cmd {
	p.at = tab
	c.touched = true
	if tab == tabLogs {
		return p.tail.start(c, p)
	}
	p.tail.stop()
	switch tab {
	case tabBackups:
		p.world(c)
		return c.vault().ask(c)
	case tabConfig:
		return p.conf.ask(c, p)
	case tabActivity:
		return p.past.ask(c, p)
	case tabMetrics:
		return p.metrics.ask(c, p)
	}
	return nil
}

func (p *app) opened(c *Console) tea.Cmd { return p.show(c, p.at) }
func (p *app) closed(*Console)           { p.tail.stop() }

func (p *app) beat(c *Console) tea.Cmd {
	switch p.at {
	case tabLogs:
		p.tail.collect()
		return p.tail.again(c, p)
	case tabBackups:
		return c.vault().ask(c)
	case tabConfig:
		return p.conf.ask(c, p)
	case tabMetrics:
		return p.metrics.ask(c, p)
	}
	return nil
}

// reload asks again for what is shown.
func (p *app) reload(c *Console) tea.Cmd {
	switch p.at {
	case tabBackups:
		return c.vault().reload(c)
	case tabMetrics:
		return p.metrics.reload(c, p)
	}
	return nil
}

func (p *app) receive(c *Console, gen uint64, body any) tea.Cmd {
	switch a := body.(type) {
	case configAnswer:
		p.conf.take(gen, a)
		return nil
	case metricsAnswer:
		p.metrics.take(c, gen, a)
		return nil
	case pastAnswer:
		p.past.older = a.jobs
		p.world(c)
		return nil
	}
	return p.tail.receive(c, gen, body)
}

func (p *app) body(c *Console, w, h int) []string {
	if p.gone {
		l := c.theme.NewLine(w)
		text := "there is no such app any more"
		if p.known {
			text = p.view.Hostname + " is gone: it was removed"
		}
		return []string{"", l.Space(2).Add(ui.Text, text).Add(ui.Muted, " · esc goes back").String()}
	}
	var out []string
	if w >= normalW && h >= 20 {
		out = append(out, p.headline(c, w))
	}
	out = append(out, p.tabRow(c, w))
	if h >= 14 {
		out = append(out, "")
	}
	rest := h - len(out)
	switch p.at {
	case tabOverview:
		return append(out, p.overview(c, w, rest)...)
	case tabLogs:
		return append(out, p.tail.body(c, w, rest)...)
	case tabActivity:
		if p.jobs.Total() == 0 {
			l := c.theme.NewLine(w)
			return append(out, l.Space(2).Add(ui.Muted, "no job of this app is remembered").String())
		}
		out = append(out, p.jobs.Header(c.theme, w))
		return append(out, p.jobs.Lines(c.theme, w, rest-1)...)
	case tabBackups:
		return append(out, p.backups(c, w, rest)...)
	case tabMetrics:
		return append(out, p.metricsBody(c, w, rest)...)
	case tabConfig:
		return append(out, p.conf.lines(c, p, w, rest)...)
	}
	return append(out, comingLines(c, w, tabComing(p.at))...)
}

func (p *app) headline(c *Console, w int) string {
	a := &p.view
	l := c.theme.NewLine(w)
	sign, word, role := statusLook(a)
	l.Space(1).Add(ui.Strong, a.Hostname).Space(3).Add(role, sign+" "+word)
	if a.Status == core.StatusRunning && a.Metrics != nil && !a.Stale {
		l.Add(ui.Muted, " "+ui.Span(time.Duration(a.Metrics.Uptime)*time.Second))
	}
	if a.Stale {
		l.Add(ui.Stale, " (as of "+ui.When(c.now(), a.AsOf, c.loc)+")")
	}
	about := a.Name
	if a.Version != "" {
		about += " " + a.Version
	}
	if a.Update != "" {
		about += " (" + a.Update + " can be had, u)"
	}
	l.Space(3).Add(ui.Muted, about)
	r := c.theme.NewLine(w)
	r.Add(ui.Muted, whereIs(c.world, a)+" · owner "+a.Owner).Space(1)
	return l.Ends(r).String()
}

func (p *app) tabRow(c *Console, w int) string {
	var names []string
	for i := range tabs {
		name := tabName(i)
		if k := p.view.Protection; i == tabBackups && k != nil && k.Backups > 0 {
			name += " " + strconv.Itoa(k.Backups)
		}
		names = append(names, name)
	}
	return tabLine(c, w, names, p.at)
}

// backups draws the app's backups.
func (p *app) backups(c *Console, w, h int) []string {
	v := c.vault()
	l := c.theme.NewLine(w)
	l.Space(2)
	switch {
	case v.has.err != nil:
		return []string{l.Add(ui.Error, ui.Cross+" ").Add(ui.Text, errorText(v.has.err)).Add(ui.Muted, " · ").Add(ui.Key, "ctrl+r").Add(ui.Text, " asks again").String()}
	case !v.known:
		return []string{l.Add(ui.Muted, "… reading").String()}
	case p.kept.table.Total() == 0:
		return []string{l.Add(ui.Text, "No backup of "+p.view.Hostname+" yet: ").Add(ui.Key, "b").Add(ui.Text, " makes one.").String()}
	}
	return tableOver(c, p.kept.table, w, h, p.kept.strip(c, w))
}
