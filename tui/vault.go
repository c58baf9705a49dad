package tui

import (
	"slices"
	"strconv"

	tea "charm.land/bubbletea/v2"

	"proximity/core"
	"proximity/tui/ui"
)

// The tabs of the screen of backups.
const (
	vaultArchives = iota
	vaultSchedules
	vaultRetention
	vaultStorage
	vaultTabs
)

// vault is the screen of backups. What its tabs show is asked of core whenever
// that has changed, and the pages of apps take theirs from here.
type vault struct {
	at           int // tab
	archives     *archives
	schedules    *ui.Table
	scheduleRows scheduleRows
	retention    *ui.Table
	marks        markRows
	storages     *ui.Table
	stores       storeRows

	has    vaultAnswer
	known  bool
	asking bool
	draft  *scheduleForm // of a schedule that was not made
}

func newVault() *vault {
	return &vault{archives: newArchives(false), schedules: newSchedules(), retention: newRetention(), storages: newStorages()}
}

// vaultAnswer is what core knows of backups at one moment.
type vaultAnswer struct {
	rev       uint64 // the world's BackupsRev then
	backups   []core.BackupView
	schedules []core.ScheduleView
	marks     []core.PruneMark
	err       error
}

// ask asks core if something has changed since it was asked last.
func (p *vault) ask(c *Console) tea.Cmd {
	rev := c.world.BackupsRev
	if p.asking || p.known && p.has.rev == rev {
		return nil
	}
	p.asking = true
	ctx := c.ctx
	return func() tea.Msg {
		a := vaultAnswer{rev: rev}
		if a.backups, a.err = c.core.Backups(ctx, c.actor, ""); a.err == nil {
			a.schedules, a.err = c.core.Schedules(ctx, c.actor)
		}
		if a.err == nil {
			a.marks, a.err = c.core.PreviewPrune(ctx, c.actor, "")
		}
		a.marks = slices.DeleteFunc(a.marks, func(m core.PruneMark) bool { return m.Backup.Status == core.BackupFailed }) // nothing is there to go
		return answer{p, 0, a}
	}
}

// vault is the one vault of the console.
func (c *Console) vault() *vault { return c.tops[5].(*vault) }

func (p *vault) opened(c *Console) tea.Cmd { return p.ask(c) }
func (p *vault) beat(c *Console) tea.Cmd   { return p.ask(c) }

// reload asks again whatever the world says.
func (p *vault) reload(c *Console) tea.Cmd {
	p.known = p.known && p.has.err == nil
	return p.ask(c)
}

func (p *vault) receive(c *Console, _ uint64, body any) tea.Cmd {
	a, ok := body.(vaultAnswer)
	if !ok {
		return nil
	}
	p.asking, p.known = false, true
	if p.has = a; a.err != nil {
		p.has.backups, p.has.schedules, p.has.marks = nil, nil, nil
	}
	c.feed()
	return nil
}

func (p *vault) world(c *Console) {
	switch p.at {
	case vaultArchives:
		p.archives.show(c, p.has.backups)
	case vaultSchedules:
		p.scheduleRows = scheduleRows{c, p.has.schedules}
		p.schedules.SetRows(&p.scheduleRows)
	case vaultRetention:
		p.marks = markRows{c, p.has.marks}
		p.retention.SetRows(&p.marks)
	case vaultStorage:
		p.stores = storeRows{storesOf(c, p.has.backups)}
		p.storages.SetRows(&p.stores)
	}
}

func (p *vault) digit() int               { return 5 }
func (p *vault) crumbs(*Console) []string { return []string{vaultTab(p.at)} }

func vaultTab(i int) string {
	return [vaultTabs]string{"Archives", "Schedules", "Retention", "Storage"}[i]
}

func (p *vault) list() *ui.Table {
	return [vaultTabs]*ui.Table{p.archives.table, p.schedules, p.retention, p.storages}[p.at]
}

func (p *vault) query() string                         { return p.list().Query() }
func (p *vault) find(_ *Console, q string)             { p.list().Filter(q) }
func (p *vault) move(_ *Console, m motion, n int) bool { return moveTable(p.list(), m, n) }

func (p *vault) note(c *Console) string {
	s := tableNote(p.list())
	if !p.known {
		s = "… reading"
	}
	if k := c.world.Protected; k.Apps > 0 && c.w >= normalW {
		s += " · " + protectedWords(k)
	}
	return s
}

func (p *vault) scope(c *Console) scope {
	s := inList | inTable | inTabs | inVault
	if p.at == vaultSchedules {
		s = inList | inTable | inTabs | inPlans
	}
	return s | p.on(c).scope()
}

func (p *vault) on(*Console) object {
	id := p.list().ID()
	switch {
	case id == "" || p.at == vaultStorage:
		return object{}
	case p.at == vaultSchedules:
		return object{scheduleKind, id}
	}
	return object{backupKind, id}
}

// enter goes from a storage to what is on it.
func (p *vault) enter(c *Console) (tea.Cmd, bool) {
	row, ok := p.list().Row()
	if p.at != vaultStorage || !ok {
		return nil, false
	}
	s := p.stores.list[row]
	p.at = vaultArchives
	p.world(c)
	p.find(c, s.filter())
	return nil, true
}

func (p *vault) tab(c *Console, dir int) (tea.Cmd, bool) {
	to := p.at + dir
	if to < 0 || to >= vaultTabs {
		return nil, false
	}
	p.at = to
	c.touched = true
	p.world(c)
	return nil, true
}

func (p *vault) body(c *Console, w, h int) []string {
	if len(c.world.Hosts) == 0 {
		return welcome(c, w)
	}
	out := []string{p.tabRow(c, w)}
	if h >= 14 {
		out = append(out, "")
	}
	h -= len(out)
	say := func(l *ui.Line) []string { return append(out, l.String()) }
	l := c.theme.NewLine(w)
	l.Space(2)
	switch t := p.list(); {
	case p.has.err != nil:
		return say(l.Add(ui.Error, ui.Cross+" ").Add(ui.Text, errorText(p.has.err)).Add(ui.Muted, " · ").Add(ui.Key, "ctrl+r").Add(ui.Text, " asks again"))
	case !p.known:
		return say(l.Add(ui.Muted, "… reading"))
	case t.Total() == 0:
		return append(out, p.empty(c, w)...)
	case t.Len() == 0:
		return append(out, nothingMatches(c, w, [vaultTabs]string{"backup", "schedule", "backup", "storage"}[p.at], p.query())[1:]...)
	}
	switch p.at {
	case vaultArchives:
		foot := append(p.summary(c, w), p.archives.strip(c, w)...)
		return append(out, tableOver(c, p.archives.table, w, h, foot)...)
	case vaultSchedules:
		return append(out, tableOver(c, p.schedules, w, h, p.planStrip(c, w))...)
	case vaultRetention:
		return append(out, tableOver(c, p.retention, w, h, p.verdict(c, w))...)
	}
	return append(out, p.storageLines(c, w, h)...)
}

// tabRow is the row of tabs, with how much is in them.
func (p *vault) tabRow(c *Console, w int) string {
	var names []string
	for i := range vaultTabs {
		name := vaultTab(i)
		if n := len(p.has.schedules); i == vaultSchedules && n > 0 {
			name += " " + strconv.Itoa(n)
		}
		names = append(names, name)
	}
	return tabLine(c, w, names, p.at)
}

// tabLine is a row of tabs; where it is narrow, only the one in front.
func tabLine(c *Console, w int, names []string, at int) string {
	l := c.theme.NewLine(w)
	l.Space(1)
	if w < narrowW {
		return l.Add(ui.Muted, "‹ ").Add(ui.Accent, names[at]).Add(ui.Muted, " "+strconv.Itoa(at+1)+"/"+strconv.Itoa(len(names))+" ›").String()
	}
	for i, name := range names {
		if i == at {
			l.Add(ui.Accent, "["+name+"]")
		} else {
			l.Space(1).Add(ui.Muted, name).Space(1)
		}
	}
	return l.String()
}

// tableOver is a table with its header, and below it what is to be said at the
// foot of the page, as far as there is room.
func tableOver(c *Console, t *ui.Table, w, h int, foot []string) []string {
	var out []string
	if h >= 8 {
		out = append(out, t.Header(c.theme, w))
	}
	if h < len(foot)+6 {
		return append(out, t.Lines(c.theme, w, h-len(out))...)
	}
	out = append(out, t.Lines(c.theme, w, h-len(out)-len(foot)-1)...)
	for len(out) < h-len(foot) {
		out = append(out, "")
	}
	return append(out, foot...)
}

// empty says why a tab has nothing to show, and how that changes.
func (p *vault) empty(c *Console, w int) []string {
	l := c.theme.NewLine(w)
	l.Space(2)
	switch p.at {
	case vaultArchives:
		l.Add(ui.Text, "No backups yet: ").Add(ui.Key, "b").Add(ui.Text, " on an app makes one, a schedule makes them by itself.")
	case vaultSchedules:
		l.Add(ui.Text, "No schedule yet: ").Add(ui.Key, "n").Add(ui.Text, " makes one. Until then backups are made by hand only.")
	case vaultRetention:
		l.Add(ui.Text, "No backups yet: here you will see which of them stay, and why.")
	case vaultStorage:
		l.Add(ui.Text, "No storage of a node that answers takes backups: in Proxmox, Datacenter → Storage, let one hold them.")
	}
	return []string{l.String()}
}

// summary is the next schedule and the storages, a line each.
func (p *vault) summary(c *Console, w int) []string {
	l := c.theme.NewLine(w)
	l.Space(1).Cell(ui.Heading, "SCHEDULE", 9)
	if s, more := p.nextPlan(); s == nil {
		l.Add(ui.Muted, "none is due: backups are made by hand only")
	} else {
		l.Add(ui.Text, s.Name)
		if more > 0 {
			l.Add(ui.Muted, " and "+strconv.Itoa(more)+" more")
		}
		l.Add(ui.Muted, " · "+planWords(c, s))
	}
	out := []string{l.String()}
	l = c.theme.NewLine(w)
	l.Space(1).Cell(ui.Heading, "STORAGE", 9)
	for i, s := range storesOf(c, p.has.backups) {
		if i > 0 {
			l.Space(3)
		}
		if l.Left() < 20 {
			break
		}
		s.gauge(l, min(20, w/8))
	}
	return append(out, l.String())
}

// of are the backups of one app.
func (p *vault) of(app string) (list []core.BackupView) {
	for _, b := range p.has.backups {
		if b.AppID == app {
			list = append(list, b)
		}
	}
	return list
}
