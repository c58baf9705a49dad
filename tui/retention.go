package tui

import (
	"context"
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"

	"proximity/core"
	"proximity/tui/ui"
)

const (
	markName = iota
	markTaken
	markAge
	markSize
	markStorage
	markFate
	markWhy
)

func newRetention() *ui.Table {
	return ui.NewTable(
		ui.Column{Title: "APP", Width: 12, Flex: true, Most: 26, Sorts: true},
		ui.Column{Title: "TAKEN", Width: 12, Drop: 3, Sorts: true},
		ui.Column{Title: "AGE", Width: 4, Right: true},
		ui.Column{Title: "SIZE", Width: 5, Right: true, Drop: 4, Sorts: true},
		ui.Column{Title: "STORAGE", Width: 9, Drop: 5, Sorts: true},
		ui.Column{Title: "FATE", Width: 7, Sorts: true},
		ui.Column{Title: "WHY", Width: 20, Flex: true, Most: 40, Drop: 2},
	)
}

type markRows struct {
	c    *Console
	list []core.PruneMark // by app, newest first
}

func (r *markRows) Len() int                       { return len(r.list) }
func (r *markRows) ID(i int) string                { return jobID(r.list[i].Backup.ID) }
func (r *markRows) Joined(*ui.Line, int, int) bool { return false }

func (r *markRows) Less(col, i, j int) bool {
	a, b := &r.list[i], &r.list[j]
	switch col {
	case markTaken:
		return taken(&a.Backup).Before(taken(&b.Backup))
	case markSize:
		return a.Backup.Size < b.Backup.Size
	case markStorage:
		return a.Backup.Storage < b.Backup.Storage
	case markFate:
		return !a.Keep && b.Keep
	}
	return backupOwner(&a.Backup) < backupOwner(&b.Backup)
}

// fate is what a prune does to a backup.
func fate(keep bool) string {
	if keep {
		return "stays"
	}
	return "goes"
}

// Match takes what a list of backups takes, and "stays", "goes" and the reason.
func (r *markRows) Match(i int, terms []string) bool {
	m := &r.list[i]
	for _, t := range terms {
		if !strings.Contains(fate(m.Keep)+" "+m.Why, t) && !backupHas(&m.Backup, []string{t}) {
			return false
		}
	}
	return true
}

func (r *markRows) Cell(l *ui.Line, i, col, width int, selected bool) {
	m := &r.list[i]
	b := &m.Backup
	switch col {
	case markName:
		nameCell(l, backupOwner(b), width, selected)
	case markTaken:
		l.Cell(ui.Muted, taken(b).In(r.c.loc).Format("2 Jan 15:04"), width)
	case markAge:
		l.Right(ui.Text, ui.Span(r.c.now().Sub(taken(b))), width)
	case markSize:
		number(l, false, b.Size > 0, ui.Bytes(b.Size), width)
	case markStorage:
		l.Cell(ui.Muted, orUnknown(b.Storage), width)
	case markFate:
		if m.Keep {
			l.Add(ui.OK, ui.Check).Space(1).Cell(ui.OK, fate(true), width-2)
		} else {
			l.Add(ui.Warn, ui.Cross).Space(1).Cell(ui.Warn, fate(false), width-2)
		}
	case markWhy:
		l.Cell(ui.Text, m.Why, width)
	}
}

// goes are the backups a prune would remove, of all apps or of some.
func (p *vault) goes(apps []string) (list []*core.BackupView, size int64) {
	for i := range p.has.marks {
		m := &p.has.marks[i]
		of := apps == nil
		for _, name := range apps {
			of = of || name == m.Backup.App
		}
		if of && !m.Keep {
			list, size = append(list, &m.Backup), size+m.Backup.Size
		}
	}
	return list, size
}

// verdict says what a prune would do.
func (p *vault) verdict(c *Console, w int) []string {
	l := c.theme.NewLine(w)
	l.Space(1)
	list, size := p.goes(nil)
	if len(list) == 0 {
		l.Add(ui.OK, ui.Check).Add(ui.Text, " a prune would remove nothing")
	} else {
		l.Add(ui.Warn, ui.Alert).Add(ui.Text, " a prune would remove "+ui.Count(len(list), "backup")+" of "+strconv.Itoa(len(p.has.marks))+" and free "+ui.Bytes(size)).
			Add(ui.Muted, " · ").Add(ui.Key, "a").Add(ui.Muted, " → prune does it now")
	}
	out := []string{l.String()}
	text := "Each schedule prunes its apps after it has backed them up. Every storage is counted by itself; pinned ones, the last good one of an app and what Proximity did not make always stay."
	for _, s := range ui.Wrap(text, w-5) {
		l.Reset(w)
		out = append(out, l.Space(3).Add(ui.Muted, s).String())
	}
	return out
}

// pruned is whose backups a prune is about: a schedule's apps, or all.
func (c *Console) pruned(on object) (schedule string, apps []string) {
	if s, ok := c.scheduleOf(on); ok {
		return s.Name, append([]string{}, s.Apps...)
	}
	return "", nil
}

func mayPrune(c *Console, on object) string {
	if why := mayChangeSchedule(c, on); why != "" {
		return why
	}
	_, apps := c.pruned(on)
	if list, _ := c.vault().goes(apps); len(list) == 0 {
		return "nothing would go: the Retention tab says why each stays"
	}
	return ""
}

// askPrune asks before backups are pruned, and names them.
func askPrune(c *Console, on object) tea.Cmd {
	schedule, apps := c.pruned(on)
	list, size := c.vault().goes(apps)
	n := ui.Count(len(list), "backup")
	d := &erase{verb: "Prune", name: schedule, what: n, last: c.now(), yes: func(c *Console) tea.Cmd {
		c.say(info, "asking to prune")
		return c.begin(func(ctx context.Context) (core.JobView, error) { return c.core.PruneSchedule(ctx, c.actor, schedule) })
	}}
	d.field.Max = 80
	about := "of all apps"
	if schedule == "" {
		d.name, d.many = n, true
	} else {
		about = "of the apps of schedule  " + schedule
	}
	d.about = "You are about to remove " + n + " " + about + ": what no schedule wants any more."
	names := map[string]int{}
	var order []string
	for _, b := range list {
		if names[backupOwner(b)]++; names[backupOwner(b)] == 1 {
			order = append(order, backupOwner(b))
		}
	}
	for i, name := range order {
		order[i] = strconv.Itoa(names[name]) + " of " + name
	}
	if more := len(order) - namesListed; more > 0 {
		order = append(order[:namesListed], ui.Count(more, "more app"))
	}
	d.fact("destroys", strings.Join(order, ", "))
	d.fact("frees", ui.Bytes(size))
	d.fact("keeps", "pinned ones, the last good one of each app, and what Proximity did not make")
	c.over = d
	return nil
}
