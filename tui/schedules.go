package tui

import (
	"context"
	"slices"
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"

	"proximity/core"
	"proximity/tui/ui"
)

const (
	planName = iota
	planWhen
	planApps
	planStorage
	planKeep
	planNext
	planLast
)

func newSchedules() *ui.Table {
	return ui.NewTable(
		ui.Column{Title: "SCHEDULE", Width: 12, Flex: true, Most: 24, Sorts: true},
		ui.Column{Title: "WHEN", Width: 14, Flex: true, Most: 26, Drop: 3},
		ui.Column{Title: "APPS", Width: 5, Right: true, Drop: 2},
		ui.Column{Title: "STORAGE", Width: 9, Drop: 6},
		ui.Column{Title: "KEEPS", Width: 16, Flex: true, Most: 30, Drop: 4},
		ui.Column{Title: "NEXT", Width: 9, Sorts: true},
		ui.Column{Title: "LAST RUN", Width: 16, Drop: 5},
	)
}

type scheduleRows struct {
	c    *Console
	list []core.ScheduleView
}

func (r *scheduleRows) Len() int                       { return len(r.list) }
func (r *scheduleRows) ID(i int) string                { return r.list[i].Name }
func (r *scheduleRows) Joined(*ui.Line, int, int) bool { return false }

func (r *scheduleRows) Less(col, i, j int) bool {
	a, b := &r.list[i], &r.list[j]
	if col == planNext {
		return !a.Next.IsZero() && (b.Next.IsZero() || a.Next.Before(b.Next))
	}
	return a.Name < b.Name
}

func (r *scheduleRows) Match(i int, terms []string) bool {
	s := &r.list[i]
	hay := strings.ToLower(s.Name + " " + s.Cron + " " + s.Zone + " storage:" + s.Storage + " " + s.Keep.String() + " app:" + strings.Join(s.Apps, " app:") + " by:" + s.By)
	for _, t := range terms {
		if !strings.Contains(hay, t) {
			return false
		}
	}
	return true
}

func (r *scheduleRows) Cell(l *ui.Line, i, col, width int, selected bool) {
	s := &r.list[i]
	switch col {
	case planName:
		nameCell(l, s.Name, width, selected)
	case planWhen:
		l.Cell(ui.Text, strings.TrimSpace(s.Cron+" "+s.Zone), width)
	case planApps:
		l.Right(ui.Text, strconv.Itoa(len(s.Apps)), width)
	case planStorage:
		l.Cell(ui.Muted, planStore(s), width)
	case planKeep:
		l.Cell(ui.Text, s.Keep.String(), width)
	case planNext:
		switch {
		case s.Paused:
			l.Cell(ui.Warn, ui.Ring+" paused", width)
		case s.Next.IsZero():
			l.Cell(ui.Muted, ui.Unknown, width)
		default:
			l.Cell(ui.Text, ui.When(r.c.now(), s.Next, r.c.loc), width)
		}
	case planLast:
		role := ui.Muted
		if s.Failed > 0 {
			role = ui.Error
		}
		l.Cell(role, lastRun(s), width)
	}
}

func planStore(s *core.ScheduleView) string {
	if s.Storage == "" {
		return "any"
	}
	return s.Storage
}

// lastRun is what came of a schedule's latest run, without when it was.
func lastRun(s *core.ScheduleView) string {
	if s.LastRun.IsZero() {
		return "never ran"
	}
	if s.LastEnded.IsZero() {
		return "at it now"
	}
	out := strconv.Itoa(s.OK) + " ok"
	if s.Failed > 0 {
		out += ", " + strconv.Itoa(s.Failed) + " failed"
	}
	if s.Skipped > 0 {
		out += ", " + strconv.Itoa(s.Skipped) + " skipped"
	}
	return out
}

// planWords is a schedule in a line, without its name.
func planWords(c *Console, s *core.ScheduleView) string {
	parts := []string{strings.TrimSpace(s.Cron + " " + s.Zone), ui.Count(len(s.Apps), "app") + " → " + planStore(s)}
	if s.Paused {
		parts = append(parts, "paused")
	} else if !s.Next.IsZero() {
		parts = append(parts, "next "+ui.When(c.now(), s.Next, c.loc))
	}
	if !s.LastRun.IsZero() {
		parts = append(parts, "last run "+lastRun(s))
	}
	parts = append(parts, "keeps "+s.Keep.String())
	return strings.Join(parts, " · ")
}

// nextPlan is the schedule that comes next, and how many there are beside it.
func (p *vault) nextPlan() (next *core.ScheduleView, more int) {
	for i := range p.has.schedules {
		if s := &p.has.schedules[i]; !s.Next.IsZero() && (next == nil || s.Next.Before(next.Next)) {
			next = s
		}
	}
	return next, len(p.has.schedules) - 1
}

// planStrip says more about the schedule under the cursor.
func (p *vault) planStrip(c *Console, w int) []string {
	row, ok := p.schedules.Row()
	if !ok {
		return nil
	}
	s := &p.scheduleRows.list[row]
	l := c.theme.NewLine(w)
	l.Space(3).Add(ui.Strong, s.Name).Space(2).Add(ui.Muted, s.Mode+", "+s.Compress+" · made by "+s.By)
	if !s.LastRun.IsZero() {
		l.Add(ui.Muted, " · last run "+ui.When(c.now(), s.LastRun, c.loc)+": "+lastRun(s))
	}
	out := []string{l.String()}
	text := "covers no app: " + selectionWords(s)
	if len(s.Apps) > 0 {
		text = selectionWords(s) + ": " + strings.Join(s.Apps, ", ")
	}
	rows := ui.Wrap(text, w-5)
	for _, row := range rows[:min(len(rows), 2)] {
		l.Reset(w)
		out = append(out, l.Space(3).Add(ui.Text, row).String())
	}
	return out
}

// selectionWords says which apps a schedule wants.
func selectionWords(s *core.ScheduleView) string {
	switch s.Which {
	case core.OwnerApps:
		return "apps of " + strings.Join(s.Of, ", ")
	case core.TaggedApps:
		return "apps tagged " + strings.Join(s.Of, ", ")
	case core.ListedApps:
		return "these apps"
	}
	return "all apps"
}

func (c *Console) scheduleOf(on object) (core.ScheduleView, bool) {
	if on.kind == scheduleKind {
		for _, s := range c.vault().has.schedules {
			if s.Name == on.id {
				return s, true
			}
		}
	}
	return core.ScheduleView{}, false
}

// mayChangeSchedule is why a schedule cannot be made, or the one given not be changed.
func mayChangeSchedule(c *Console, on object) string {
	if _, ok := c.scheduleOf(on); on.kind == scheduleKind && !ok {
		return "that schedule is gone"
	}
	return refusal(c.actor.May(core.VerbSchedules, ""))
}

func mayPause(pause bool) func(*Console, object) string {
	return func(c *Console, on object) string {
		if why := mayChangeSchedule(c, on); why != "" {
			return why
		}
		if s, _ := c.scheduleOf(on); s.Paused == pause {
			return s.Name + map[bool]string{true: " is paused already", false: " is not paused"}[pause]
		}
		return ""
	}
}

// pausing pauses a schedule, or lets it run again.
func pausing(pause bool) func(*Console, object) tea.Cmd {
	return func(c *Console, on object) tea.Cmd {
		s, ok := c.scheduleOf(on)
		if !ok {
			return nil
		}
		was, r := s.ScheduleRequest, s.ScheduleRequest
		r.Paused = pause
		text := s.Name + map[bool]string{true: " is paused · z lets it run again", false: " runs again"}[pause]
		return c.doUndoably(text, "the change of "+s.Name, func(ctx context.Context) error {
			_, err := c.core.SaveSchedule(ctx, c.actor, s.Name, r)
			return err
		}, func(ctx context.Context) error {
			_, err := c.core.SaveSchedule(ctx, c.actor, s.Name, was)
			return err
		})
	}
}

func runSchedule(c *Console, on object) tea.Cmd {
	name := on.id
	c.say(info, "asking to run "+name)
	return c.begin(func(ctx context.Context) (core.JobView, error) { return c.core.RunSchedule(ctx, c.actor, name) })
}

// askRemoveSchedule asks before a schedule is removed.
func askRemoveSchedule(c *Console, on object) tea.Cmd {
	s, ok := c.scheduleOf(on)
	if !ok {
		return nil
	}
	was := s.ScheduleRequest
	d := &erase{verb: "Remove", name: s.Name, last: c.now(), about: "You are about to remove schedule  " + s.Name + "  (" + strings.TrimSpace(s.Cron+" "+s.Zone) + ").",
		yes: func(c *Console) tea.Cmd {
			return c.doUndoably("schedule "+was.Name+" is removed · z brings it back", "removing schedule "+was.Name, func(ctx context.Context) error {
				return c.core.RemoveSchedule(ctx, c.actor, was.Name)
			}, func(ctx context.Context) error {
				_, err := c.core.SaveSchedule(ctx, c.actor, "", was)
				return err
			})
		}}
	d.field.Max = 80
	if len(s.Apps) > 0 {
		d.fact("stops", "the backups of "+ui.Count(len(s.Apps), "app")+": "+strings.Join(s.Apps, ", "))
	} else {
		d.fact("stops", "nothing: it covers no app")
	}
	d.fact("keeps", "the backups it has made: it prunes none of them any more")
	c.over = d
	return nil
}

func newSchedule(c *Console, _ object) tea.Cmd {
	if p := c.vault(); p.draft != nil {
		return c.push(p.draft)
	}
	name := "nightly"
	for n := 2; slices.ContainsFunc(c.vault().has.schedules, func(s core.ScheduleView) bool { return s.Name == name }); n++ {
		name = "nightly-" + strconv.Itoa(n)
	}
	return c.push(newScheduleForm(c, core.ScheduleRequest{Name: name, Cron: "0 2 * * *", Keep: core.Retention{Daily: 7, Weekly: 4, Monthly: 3}}, ""))
}
