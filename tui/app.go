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
		tabMetrics: "Metrics will draw the last day of this app's processor, memory, disk and network.",
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
	}
	return nil
}

// reload asks for the backups again, after that has failed.
func (p *app) reload(c *Console) tea.Cmd {
	if p.at != tabBackups {
		return nil
	}
	return c.vault().reload(c)
}

func (p *app) receive(c *Console, gen uint64, body any) tea.Cmd {
	switch a := body.(type) {
	case configAnswer:
		p.conf.take(gen, a)
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
