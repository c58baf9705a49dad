package tui

import (
	"strconv"
	"time"

	tea "charm.land/bubbletea/v2"

	"proximity/core"
	"proximity/tui/ui"
)

// job is one job: its steps, its progress and its log as it comes.
type job struct {
	id    uint64
	view  core.JobView
	known bool // view has been filled
	lines *ui.Log
	last  uint64 // Seq of the newest line
	gen   uint64
	busy  bool // a log request is under way
	stale bool // more may have come since it began
	err   error
	full  bool // the log takes all the room

	welcome  string // what to do first with the app it deployed
	welcomed bool   // it has been asked for
}

func newJob(id uint64) *job { return &job{id: id, lines: ui.NewLog()} }

func (p *job) digit() int   { return 6 }
func (p *job) log() *ui.Log { return p.lines }

func (p *job) crumbs(*Console) []string {
	s := "#" + jobID(p.id)
	if p.view.Title != "" {
		s += " " + p.view.Title
	}
	return []string{s}
}

func (p *job) note(*Console) string { return "" }

func (p *job) scope(*Console) scope {
	s := onJob | inLog | inStack
	if p.lines.Query() != "" {
		s |= inSearch
	}
	return s
}

func (p *job) on(*Console) object { return jobObject(p.id) }

func (p *job) move(_ *Console, m motion, n int) bool { return moveLog(p.lines, m, n) }

func (p *job) query() string             { return p.lines.Query() }
func (p *job) find(_ *Console, q string) { p.lines.Search(q) }

func (p *job) world(c *Console) {
	if j, ok := c.world.Job(p.id); ok {
		p.view, p.known = j, true
	}
	p.stale = true
}

// jobAnswer is what a fetch brings: the log's new lines, and the job itself if
// the world does not know it any more.
type jobAnswer struct {
	lines []core.LogLine
	view  core.JobView
	asked bool // for the view
	err   error
}

func (p *job) opened(c *Console) tea.Cmd { return tea.Batch(p.fetch(c), p.askWelcome(c)) }

// beat asks for new lines when the world has changed since the last time.
func (p *job) beat(c *Console) tea.Cmd {
	if p.stale {
		return tea.Batch(p.fetch(c), p.askWelcome(c))
	}
	return nil
}

// welcomeAnswer is what to do first with the app, its first passwords with it.
type welcomeAnswer struct{ note string }

// askWelcome asks what to do first once the app is deployed, if it is one's own.
func (p *job) askWelcome(c *Console) tea.Cmd {
	if p.welcomed || p.view.Kind != "deploy" || p.view.State != "succeeded" || mayChangeApp(c, appObject(p.view.AppID)) != "" {
		return nil
	}
	p.welcomed = true
	ctx, id := c.ctx, p.view.AppID
	return func() tea.Msg {
		note, err := c.core.WelcomeNote(ctx, c.actor, id)
		if err != nil {
			note = "" // the app is gone, or not one's own any more: its page says more
		}
		return answer{to: p, body: welcomeAnswer{note}}
	}
}

func (p *job) fetch(c *Console) tea.Cmd {
	if p.busy {
		return nil
	}
	p.busy, p.stale = true, false
	p.gen++
	gen, after, ask, ctx := p.gen, p.last, !p.known, c.ctx
	return func() tea.Msg {
		var a jobAnswer
		if ask {
			a.asked = true
			a.view, a.err = c.core.Job(ctx, c.actor, p.id)
		}
		if a.err == nil {
			a.lines, a.err = c.core.JobLog(ctx, c.actor, p.id, after, 2000)
		}
		return answer{p, gen, a}
	}
}

func (p *job) receive(c *Console, gen uint64, body any) tea.Cmd {
	if w, ok := body.(welcomeAnswer); ok {
		p.welcome = w.note
		return nil
	}
	a, ok := body.(jobAnswer)
	if !ok || gen != p.gen {
		return nil
	}
	p.busy, p.err = false, a.err
	if a.asked && a.err == nil {
		p.view, p.known = a.view, true
	}
	var add []ui.LogLine
	for _, l := range a.lines {
		if l.Seq <= p.last {
			continue
		}
		p.last = l.Seq
		add = append(add, logLine(c, l))
	}
	p.lines.Append(add...)
	if len(a.lines) >= 2000 { // there is more
		return p.fetch(c)
	}
	return nil
}

func logLine(c *Console, l core.LogLine) ui.LogLine {
	role := ui.Text
	switch l.Level {
	case "warning":
		role = ui.Warn
	case "error":
		role = ui.Error
	}
	return ui.LogLine{Stamp: l.Time.In(c.loc).Format("15:04:05"), Role: role, Text: l.Text}
}

func (p *job) body(c *Console, w, h int) []string {
	if !p.known {
		l := c.theme.NewLine(w)
		l.Space(2)
		if p.err != nil {
			l.Add(ui.Error, refusal(p.err))
		} else {
			l.Add(ui.Muted, "… asking for job "+jobID(p.id))
		}
		return []string{"", l.String()}
	}
	out := []string{p.headline(c, w)}
	if !p.full {
		tight := h < 26
		if !tight {
			out = append(out, "")
		}
		steps := p.steps(c, w)
		room := max(1, h-len(out)-6)
		out = append(out, window(steps, max(0, p.view.Step-1), room)...)
		if says := outcome(c, w, &p.view); len(says) > 0 && (p.view.Ended || p.view.Waiting != "") {
			if !tight {
				out = append(out, "")
			}
			out = append(out, says...)
		}
		if a, failed := c.wrecked(jobObject(p.id)); failed {
			l := c.theme.NewLine(w)
			l.Space(12).Add(ui.Key, "enter").Add(ui.Muted, " open "+a.Hostname+" and delete it there  ")
			if mayDeploy(c, object{}) == "" {
				l.Add(ui.Key, "n").Add(ui.Muted, " deploy again")
			}
			out = append(out, l.String())
		}
		if p.view.State == "succeeded" {
			out = append(out, p.result(c, w)...)
		}
		if !tight {
			out = append(out, "")
		}
	}
	if h-len(out) < 2 {
		return out
	}
	out = append(out, p.logTitle(c, w))
	if p.lines.Len() == 0 {
		l := c.theme.NewLine(w)
		text := "nothing yet"
		if p.err != nil {
			text = refusal(p.err)
		} else if p.busy {
			text = "… asking for the log"
		}
		return append(out, l.Space(2).Add(ui.Muted, text).String())
	}
	return append(out, p.lines.Lines(c.theme, w, h-len(out))...)
}

// window cuts lines to n, the one at focus among them.
func window(lines []string, focus, n int) []string {
	if len(lines) <= n {
		return lines
	}
	from := max(0, min(focus-n/2, len(lines)-n))
	return lines[from : from+n]
}

func (p *job) headline(c *Console, w int) string {
	j := &p.view
	l := c.theme.NewLine(w)
	l.Space(1)
	sign, word, role := jobLook(j)
	l.Add(role, sign+" "+word).Space(2)
	if w >= narrowW {
		l.Add(ui.Strong, j.Title).Space(2)
	}
	right := c.theme.NewLine(w)
	right.Add(ui.Text, took(c, j))
	if w >= normalW {
		if left := p.remaining(c); left != "" {
			right.Add(ui.Muted, ", "+left)
		}
		right.Space(2).Add(ui.Muted, "by "+j.Owner)
	}
	right.Space(1)
	if !j.Ended {
		bar := max(6, min(40, l.Left()-right.W()-9))
		l.Gauge(ui.Chart, j.Progress, bar).Right(ui.Text, ui.Percent(j.Progress), 5)
	}
	return l.Ends(right).String()
}

// remaining guesses from how far it got in the time it took; it says nothing
// before that means anything.
func (p *job) remaining(c *Console) string {
	j := &p.view
	spent := c.now().Sub(j.StartedAt)
	if j.Ended || j.State != "running" || j.Progress < 0.2 || spent < 10*time.Second {
		return ""
	}
	left := time.Duration(float64(spent) * (1 - j.Progress) / j.Progress)
	return "about " + ui.Span(max(left, time.Second)) + " left"
}

// steps lists the steps with what each took.
func (p *job) steps(c *Console, w int) []string {
	var out []string
	l := c.theme.NewLine(w)
	widest := 36
	for i := range p.view.Steps {
		widest = max(widest, min(ui.Width(p.view.Steps[i].Title), w/2))
	}
	for i := range p.view.Steps {
		s := &p.view.Steps[i]
		l.Reset(w)
		sign, role, text := ui.Ring, ui.Muted, ui.Muted
		switch s.State {
		case "running":
			sign, role, text = ui.Half, ui.Busy, ui.Strong
		case "done":
			sign, role, text = ui.Check, ui.OK, ui.Text
		case "undone":
			sign, role = "←", ui.Warn
		case "skipped":
			sign = ui.Unknown
		case "failed":
			sign, role, text = ui.Cross, ui.Error, ui.Error
		}
		l.Space(2).Add(role, sign).Space(1)
		if w >= narrowW {
			l.Right(ui.Muted, strconv.Itoa(i+1), 2).Space(2)
		}
		right := c.theme.NewLine(w)
		switch {
		case s.State == "running" && !s.StartedAt.IsZero():
			right.Add(ui.Text, elapsed(c.now().Sub(s.StartedAt)))
		case !s.EndedAt.IsZero() && !s.StartedAt.IsZero():
			right.Add(ui.Muted, ui.Took(s.EndedAt.Sub(s.StartedAt)))
		case s.State == "skipped" || s.State == "undone":
			right.Add(ui.Muted, s.State)
		}
		right.Space(1)
		title := min(widest, max(10, l.Left()-right.W()-2))
		l.Cell(text, s.Title, title).Space(2)
		room := l.Left() - right.W() - 1
		if s.State == "running" && s.Progress > 0 && room > 28 {
			l.Gauge(ui.Chart, s.Progress, 20).Space(2)
			room -= 22
		}
		if s.Note != "" && room > 6 {
			l.Add(ui.Muted, ui.Cut(s.Note, room))
		}
		out = append(out, l.Ends(right).String())
	}
	return out
}

// result says what a finished deploy gave.
func (p *job) result(c *Console, w int) []string {
	a, ok := c.world.App(p.view.AppID)
	if !ok || a.URL == "" {
		return nil
	}
	l := c.theme.NewLine(w)
	l.Space(3).Add(ui.OK, ui.Check+" "+a.Hostname+" runs at ").Link(ui.Accent, a.URL, a.URL)
	l.Add(ui.Muted, " · enter opens the app")
	out := []string{"", l.String()}
	for _, row := range ui.Wrap(p.welcome, min(w-6, 90)) {
		l := c.theme.NewLine(w)
		out = append(out, l.Space(5).Add(ui.Strong, row).String())
	}
	if p.welcome != "" {
		l := c.theme.NewLine(w)
		out = append(out, l.Space(5).Add(ui.Muted, "passwords are shown this once; a → show secrets shows them again").String())
	}
	return out
}

func (p *job) logTitle(c *Console, w int) string {
	l := c.theme.NewLine(w)
	l.Space(1).Add(ui.Heading, "LOG")
	if q := p.lines.Query(); q != "" {
		l.Space(2).Add(ui.Muted, "\""+q+"\" in "+ui.Count(p.lines.Matches(), "line"))
	}
	return l.Ends(followSign(c, p.lines)).String()
}

// followSign says whether a log follows, and how far it is behind if not.
func followSign(c *Console, g *ui.Log) *ui.Line {
	r := c.theme.NewLine(40)
	on, behind := g.Following()
	if on {
		r.Add(ui.OK, ui.Dot+" following")
	} else {
		r.Add(ui.Warn, "paused")
		if behind > 0 {
			r.Add(ui.Muted, ", "+strconv.Itoa(behind)+" new below")
		}
	}
	return r.Space(1)
}
