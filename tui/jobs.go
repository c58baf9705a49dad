package tui

import (
	"strconv"
	"strings"
	"time"

	"proximity/core"
	"proximity/tui/ui"
)

// jobs is the list of jobs.
type jobs struct {
	table *ui.Table
	rows  jobRows
}

const (
	jobNumber = iota
	jobState
	jobTitle
	jobProgress
	jobTook
	jobBy
	jobStarted
)

func newJobs() *jobs {
	return &jobs{table: ui.NewTable(
		ui.Column{Title: "#", Width: 5, Right: true, Drop: 3},
		ui.Column{Title: "STATE", Width: 11, Sorts: true},
		ui.Column{Title: "WHAT", Width: 20, Most: 44, Flex: true, Sorts: true},
		ui.Column{Title: "PROGRESS", Width: 30, Drop: 1},
		ui.Column{Title: "TOOK", Width: 7, Right: true, Drop: 4, Sorts: true},
		ui.Column{Title: "BY", Width: 8, Drop: 5, Sorts: true},
		ui.Column{Title: "STARTED", Width: 12, Drop: 6},
	)}
}

func (p *jobs) digit() int                            { return 6 }
func (p *jobs) crumbs(*Console) []string              { return nil }
func (p *jobs) list() *ui.Table                       { return p.table }
func (p *jobs) query() string                         { return p.table.Query() }
func (p *jobs) find(_ *Console, q string)             { p.table.Filter(q) }
func (p *jobs) move(_ *Console, m motion, n int) bool { return moveTable(p.table, m, n) }

func (p *jobs) note(c *Console) string {
	count := map[string]int{}
	for i := range c.world.Jobs {
		j := &c.world.Jobs[i]
		if j.State == "failed" && c.now().Sub(j.EndedAt) > 24*time.Hour {
			continue
		}
		count[j.State]++
	}
	var parts []string
	for _, s := range []string{"running", "waiting", "queued", "undoing"} {
		if count[s] > 0 {
			parts = append(parts, strconv.Itoa(count[s])+" "+s)
		}
	}
	if count["failed"] > 0 {
		parts = append(parts, strconv.Itoa(count["failed"])+" failed in 24h")
	}
	if q := p.query(); q != "" {
		parts = append(parts, "\""+q+"\" ("+strconv.Itoa(p.table.Len())+")")
	}
	return strings.Join(parts, " · ")
}

func (p *jobs) scope(*Console) scope {
	s := inList | inTable
	if p.table.Len() > 0 {
		s |= onJob
	}
	return s
}

func (p *jobs) on(*Console) object {
	if id := p.table.ID(); id != "" {
		return object{jobKind, id}
	}
	return object{}
}

func (p *jobs) world(c *Console) {
	p.rows = jobRows{c, c.world.Jobs}
	p.table.SetRows(&p.rows)
}

func (p *jobs) body(c *Console, w, h int) []string {
	if p.table.Total() == 0 {
		l := c.theme.NewLine(w)
		return []string{"", l.Space(2).Add(ui.Text, "No jobs yet. ").Add(ui.Key, "n").Add(ui.Text, " deploys an app; its steps and its log appear here.").String()}
	}
	if p.table.Len() == 0 {
		return nothingMatches(c, w, "job", p.query())
	}
	width := 30
	switch {
	case w < narrowW:
		width = 5
	case w < wideW:
		width = 16
	}
	if p.table.Cols[jobProgress].Width != width {
		p.table.Cols[jobProgress].Width = width
		p.table.Reflow()
	}
	var out []string
	if h >= 8 {
		out = append(out, p.table.Header(c.theme, w))
	}
	var strip []string
	if row, ok := p.table.Row(); ok && h >= 12 {
		strip = outcome(c, w, &p.rows.jobs[row])
	}
	rows := h - len(out)
	if len(strip) > 0 {
		rows -= len(strip) + 1
	}
	out = append(out, p.table.Lines(c.theme, w, rows)...)
	if len(strip) > 0 {
		for len(out) < h-len(strip) {
			out = append(out, "")
		}
		out = append(out, strip...)
	}
	return out
}

// outcome says how a job ended or what it waits for: what happened, what is
// left behind, what to do next.
func outcome(c *Console, w int, j *core.JobView) []string {
	var out []string
	row := func(label string, role ui.Role, text string) {
		if text == "" {
			return
		}
		l := c.theme.NewLine(w)
		l.Space(3).Cell(ui.Muted, label, 9)
		rows := ui.Wrap(text, w-13)
		for i, s := range rows[:min(len(rows), 3)] {
			if i > 0 {
				l.Reset(w)
				l.Space(12)
			}
			out = append(out, l.Add(role, s).String())
		}
	}
	if j.Waiting != "" {
		text := strings.TrimPrefix(j.Waiting, "waiting ")
		if wait := j.RetryAt.Sub(c.now()); wait > 0 {
			text += " · next try in " + ui.Span(wait)
		}
		row("waits", ui.Busy, text)
	}
	if j.Waiting == "" && j.Note != "" && !j.RetryAt.IsZero() && !j.Ended {
		row("waits", ui.Busy, j.Note)
	}
	row("error", ui.Error, j.Error)
	row("left", ui.Text, j.Left)
	row("next", ui.Text, j.Hint)
	if len(out) > 0 {
		return out
	}
	switch {
	case !j.Ended:
		row("now", ui.Text, "step "+jobStep(j))
	case j.CancelBy != "":
		row("stopped", ui.Text, "by "+j.CancelBy)
	}
	return out
}

// jobLook is the symbol, word and role of a job's state.
func jobLook(j *core.JobView) (sign, word string, role ui.Role) {
	switch j.State {
	case "queued":
		return ui.Ring, "queued", ui.Muted
	case "running":
		return ui.Half, "running", ui.Busy
	case "waiting":
		return ui.Ring, "waiting", ui.Warn
	case "undoing":
		return ui.Half, "undoing", ui.Warn
	case "succeeded":
		return ui.Check, "ok", ui.OK
	case "cancelled":
		return ui.Ring, "cancelled", ui.Muted
	}
	return ui.Cross, j.State, ui.Error
}

// took is how long a job has been at it.
func took(c *Console, j *core.JobView) string {
	from := j.StartedAt
	if from.IsZero() {
		return ""
	}
	if j.Ended {
		return ui.Took(j.EndedAt.Sub(from))
	}
	return elapsed(c.now().Sub(from))
}

// elapsed is a duration that still grows: whole seconds.
func elapsed(d time.Duration) string {
	if d < 10*time.Second {
		return ui.Span(d)
	}
	return ui.Took(d)
}

type jobRows struct {
	c    *Console
	jobs []core.JobView
}

func (r *jobRows) Len() int        { return len(r.jobs) }
func (r *jobRows) ID(i int) string { return jobID(r.jobs[i].ID) }

func (r *jobRows) Less(col, i, j int) bool {
	a, b := &r.jobs[i], &r.jobs[j]
	switch col {
	case jobState:
		return a.State < b.State
	case jobTitle:
		return a.Title < b.Title
	case jobTook:
		return a.EndedAt.Sub(a.StartedAt) < b.EndedAt.Sub(b.StartedAt)
	case jobBy:
		return a.Owner < b.Owner
	}
	return i < j
}

// Match takes plain words and by:, state:, app: pairs.
func (r *jobRows) Match(i int, terms []string) bool {
	j := &r.jobs[i]
	hay := strings.ToLower("#" + jobID(j.ID) + " " + j.Title + " " + j.State + " by:" + j.Owner + " state:" + j.State + " app:" + j.Target + " " + j.Error)
	for _, t := range terms {
		if !strings.Contains(hay, t) {
			return false
		}
	}
	return true
}

func (r *jobRows) Joined(*ui.Line, int, int) bool { return false }

func (r *jobRows) Cell(l *ui.Line, i, col, width int, selected bool) {
	j := &r.jobs[i]
	switch col {
	case jobNumber:
		l.Right(ui.Muted, jobID(j.ID), width)
	case jobState:
		sign, word, role := jobLook(j)
		l.Add(role, sign).Space(1).Cell(role, word, width-2)
	case jobTitle:
		nameCell(l, j.Title, width, selected)
	case jobProgress:
		switch {
		case j.Error != "":
			l.Cell(ui.Error, j.Error, width)
		case j.Ended:
			l.Cell(ui.Muted, "", width)
		case j.Waiting != "":
			l.Cell(ui.Muted, strings.TrimPrefix(j.Waiting, "waiting "), width)
		case width >= 12:
			l.Gauge(ui.Chart, j.Progress, width-6).Right(ui.Text, ui.Percent(j.Progress), 6)
		default:
			l.Right(ui.Text, ui.Percent(j.Progress), width)
		}
	case jobTook:
		l.Right(ui.Muted, took(r.c, j), width)
	case jobBy:
		l.Cell(ui.Muted, j.Owner, width)
	case jobStarted:
		l.Cell(ui.Muted, ui.When(r.c.now(), j.StartedAt, r.c.loc), width)
	}
}
