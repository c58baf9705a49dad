package tui

import (
	"strconv"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"proximity/core"
	"proximity/tui/ui"
)

// audit is the list of who did what.
type audit struct {
	table   *ui.Table
	rows    auditRows
	asking  bool
	asked   time.Time // the newest were last asked for
	whole   bool      // there are no older ones than those shown
	older   bool      // somebody wants to see older ones
	err     error
	chain   *core.AuditCheck // nil = not verified yet
	checked time.Time
}

const (
	auditTime = iota
	auditWho
	auditFrom
	auditAction
	auditTarget
	auditResult
	auditDetail
)

// auditPage is how many records are asked for at once, auditEvery how often the
// newest are asked for again while they are looked at, and chainEvery how often
// the chain is verified when the screen is opened.
const (
	auditPage  = 300
	auditEvery = 5 * time.Second
	chainEvery = 5 * time.Minute
)

func newAudit() *audit {
	return &audit{table: ui.NewTable(
		ui.Column{Title: "TIME", Width: 14},
		ui.Column{Title: "WHO", Width: 9},
		ui.Column{Title: "FROM", Width: 14, Drop: 3},
		ui.Column{Title: "ACTION", Width: 15},
		ui.Column{Title: "TARGET", Width: 12, Flex: true, Most: 24},
		ui.Column{Title: "RESULT", Width: 11, Drop: 1},
		ui.Column{Title: "DETAIL", Width: 20, Flex: true, Drop: 4},
	)}
}

func (p *audit) digit() int                { return 9 }
func (p *audit) crumbs(*Console) []string  { return nil }
func (p *audit) list() *ui.Table           { return p.table }
func (p *audit) query() string             { return p.table.Query() }
func (p *audit) find(_ *Console, q string) { p.table.Filter(q) }

func (p *audit) note(*Console) string {
	s := tableNote(p.table)
	if !p.whole && p.table.Total() > 0 {
		s = strings.Replace(s, strconv.Itoa(p.table.Total()), "the last "+strconv.Itoa(p.table.Total()), 1)
	}
	return s
}

func (p *audit) scope(*Console) scope {
	s := inList | inTable
	if p.table.Len() > 0 {
		s |= onRecord
	}
	return s
}

func (p *audit) on(*Console) object {
	if id := p.table.ID(); id != "" {
		return object{recordKind, id}
	}
	return object{}
}

// move asks for older records at the end of the list.
func (p *audit) move(c *Console, m motion, n int) bool {
	moved := moveTable(p.table, m, n)
	if p.whole || len(p.rows.list) == 0 || m != toLast && (moved || n < 0) {
		return moved
	}
	p.older = true
	c.say(info, "older records come in a moment")
	return true
}

func (p *audit) world(c *Console) { p.rows.c = c; p.table.SetRows(&p.rows) }

func (p *audit) opened(c *Console) tea.Cmd { return p.reload(c) }

// auditAnswer are records core gave, chainAnswer how the chain stands.
type (
	auditAnswer struct {
		list  []core.AuditView
		older bool
		err   error
	}
	chainAnswer struct {
		check core.AuditCheck
		err   error
	}
)

// reload asks for the newest records, and verifies the chain now and then.
func (p *audit) reload(c *Console) tea.Cmd {
	if mayReadAudit(c, object{}) != "" {
		return nil
	}
	cmds := []tea.Cmd{p.ask(c, 0)}
	if p.chain == nil || c.now().Sub(p.checked) >= chainEvery {
		p.checked = c.now()
		ctx := c.ctx
		cmds = append(cmds, func() tea.Msg {
			check, err := c.core.VerifyAudit(ctx, c.actor)
			return answer{p, 0, chainAnswer{check, err}}
		})
	}
	return tea.Batch(cmds...)
}

// ask asks for records before the one with a number, 0 = for the newest.
func (p *audit) ask(c *Console, before uint64) tea.Cmd {
	if p.asking {
		return nil
	}
	p.asking = true
	if before == 0 {
		p.asked = c.now()
	}
	ctx := c.ctx
	return func() tea.Msg {
		list, err := c.core.Audit(ctx, c.actor, core.AuditFilter{Before: before, Limit: auditPage})
		return answer{p, 0, auditAnswer{list, before > 0, err}}
	}
}

// beat keeps the list fresh, and asks for older records when they are wanted.
func (p *audit) beat(c *Console) tea.Cmd {
	switch {
	case p.asking || p.asked.IsZero():
	case p.older && len(p.rows.list) > 0:
		p.older = false
		return p.ask(c, p.rows.list[len(p.rows.list)-1].Seq)
	case c.now().Sub(p.asked) >= auditEvery:
		return p.ask(c, 0)
	}
	return nil
}

func (p *audit) receive(c *Console, _ uint64, body any) tea.Cmd {
	switch a := body.(type) {
	case chainAnswer:
		if a.err != nil {
			p.err = a.err
			return nil
		}
		p.chain = &a.check
	case auditAnswer:
		p.asking = false
		if p.err = a.err; a.err != nil {
			return nil
		}
		p.take(a)
		p.world(c)
	}
	return nil
}

// take puts an answer in its place among the records that are known.
func (p *audit) take(a auditAnswer) {
	last := len(a.list) < auditPage
	switch {
	case a.older:
		p.rows.list = append(p.rows.list, a.list...)
		p.whole = last
	case len(p.rows.list) == 0 || len(a.list) == 0:
		p.rows.list, p.whole = a.list, last
	default:
		oldest := a.list[len(a.list)-1].Seq
		keep := len(p.rows.list)
		for i, v := range p.rows.list {
			if v.Seq < oldest {
				keep = i
				break
			}
		}
		p.rows.list = append(a.list, p.rows.list[keep:]...)
		p.whole = p.whole || last
	}
}

func (p *audit) body(c *Console, w, h int) []string {
	if why := mayReadAudit(c, object{}); why != "" {
		l := c.theme.NewLine(w)
		return []string{"", l.Space(2).Add(ui.Text, why).String()}
	}
	if p.table.Total() == 0 {
		l := c.theme.NewLine(w)
		l.Space(2)
		switch {
		case p.err != nil:
			l.Add(ui.Error, ui.Cross+" ").Add(ui.Text, errorText(p.err)).Add(ui.Muted, " · ").Add(ui.Key, "ctrl+r").Add(ui.Text, " asks again")
		case p.asked.IsZero() || p.asking:
			l.Add(ui.Muted, "… reading")
		default:
			l.Add(ui.Text, "Nothing was done yet. Whatever anybody does, or is refused, appears here.")
		}
		return []string{"", l.String()}
	}
	if p.table.Len() == 0 {
		return nothingMatches(c, w, "record", p.query())
	}
	p.columns(w)
	var out []string
	if h >= 8 {
		out = append(out, p.table.Header(c.theme, w))
	}
	if h < 12 {
		return append(out, p.table.Lines(c.theme, w, h-len(out))...)
	}
	foot := p.foot(c, w)
	out = append(out, p.table.Lines(c.theme, w, h-len(out)-len(foot)-1)...)
	for len(out) < h-len(foot) {
		out = append(out, "")
	}
	return append(out, foot...)
}

// columns leaves the date out where there is little room.
func (p *audit) columns(w int) {
	width := 14
	if w < narrowW {
		width = 8
	}
	if p.table.Cols[auditTime].Width != width {
		p.table.Cols[auditTime].Width = width
		p.table.Reflow()
	}
}

// foot says all of the record under the cursor, and how the chain stands.
func (p *audit) foot(c *Console, w int) []string {
	var out []string
	if row, ok := p.table.Row(); ok {
		v := &p.rows.list[row]
		text := v.Detail
		if v.Job != 0 {
			text = strings.TrimSuffix("job "+jobID(v.Job)+" · "+text, " · ")
		}
		lines := ui.Wrap(text, w-5)
		for _, s := range lines[:min(len(lines), 2)] {
			l := c.theme.NewLine(w)
			out = append(out, l.Space(3).Add(ui.Text, s).String())
		}
	}
	l := c.theme.NewLine(w)
	l.Space(1)
	switch {
	case p.chain == nil:
		l.Add(ui.Muted, "… following the chain")
	case p.chain.OK:
		l.Add(ui.OK, ui.Check).Add(ui.Muted, " chain ok: "+strconv.Itoa(p.chain.Verified)+" of "+ui.Count(p.chain.Records, "record")+" verified "+ui.When(c.now(), p.checked, c.loc)+", each carries the hash of the one before")
	default:
		l.Add(ui.Error, ui.Cross+" the chain is broken: "+p.chain.Problem).Add(ui.Text, " · somebody has changed the database")
	}
	return append(out, l.String())
}

func mayReadAudit(c *Console, _ object) string {
	return refusal(c.actor.May(core.VerbReadAudit, ""))
}

// recordOf is a record by its object.
func (c *Console) recordOf(on object) (core.AuditView, bool) {
	if on.kind == recordKind {
		for _, v := range c.tops[9].(*audit).rows.list {
			if jobID(v.Seq) == on.id {
				return v, true
			}
		}
	}
	return core.AuditView{}, false
}

type auditRows struct {
	c    *Console
	list []core.AuditView // newest first
}

func (r *auditRows) Len() int                       { return len(r.list) }
func (r *auditRows) ID(i int) string                { return jobID(r.list[i].Seq) }
func (r *auditRows) Less(_, i, j int) bool          { return i < j }
func (r *auditRows) Joined(*ui.Line, int, int) bool { return false }

// Match takes plain words and by:, action:, target:, from:, result: pairs, and
// since: with an age (90m, 7d) or "today".
func (r *auditRows) Match(i int, terms []string) bool {
	v := &r.list[i]
	hay := strings.ToLower(v.User + " " + v.Action + " " + v.Target + " " + v.Detail + " " + v.Result + " by:" + v.User + " action:" + v.Action + " target:" + v.Target + " from:" + v.From + " result:" + v.Result)
	for _, t := range terms {
		if since, ok := strings.CutPrefix(t, "since:"); ok {
			if at, ok := r.since(since); ok && v.Time.Before(at) {
				return false
			}
			continue
		}
		if !strings.Contains(hay, t) {
			return false
		}
	}
	return true
}

// since reads an age; false while it is not one yet.
func (r *auditRows) since(s string) (time.Time, bool) {
	now := r.c.now().In(r.c.loc)
	if s == "today" {
		return time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, r.c.loc), true
	}
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.Atoi(days)
		return now.AddDate(0, 0, -n), err == nil
	}
	d, err := time.ParseDuration(s)
	return now.Add(-d), err == nil
}

// resultRole is how a result is drawn.
func resultRole(s string) ui.Role {
	switch s {
	case "ok":
		return ui.OK
	case "queued", "running", "waiting", "undoing":
		return ui.Busy
	case "cancelled":
		return ui.Muted
	}
	return ui.Error
}

func (r *auditRows) Cell(l *ui.Line, i, col, width int, selected bool) {
	v := &r.list[i]
	switch col {
	case auditTime:
		at, layout := v.Time.In(r.c.loc), "15:04:05"
		if width >= 14 && r.c.now().Sub(v.Time) > 24*time.Hour {
			layout = "2 Jan 15:04"
		}
		l.Cell(ui.Muted, at.Format(layout), width)
	case auditWho:
		l.Cell(ui.Text, v.User, width)
	case auditFrom:
		from := v.From
		if from == "" {
			from = string(v.Via)
		}
		l.Cell(ui.Muted, from, width)
	case auditAction:
		nameCell(l, v.Action, width, selected)
	case auditTarget:
		l.Cell(ui.Text, v.Target, width)
	case auditResult:
		l.Cell(resultRole(v.Result), v.Result, width)
	case auditDetail:
		text := v.Detail
		if v.Undo {
			text += " (z undo)"
		}
		l.Cell(ui.Muted, text, width)
	}
}
