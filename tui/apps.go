package tui

import (
	"strconv"
	"strings"

	"proximity/core"
	"proximity/tui/ui"
)

// apps is the list of apps.
type apps struct {
	table *ui.Table
	rows  appRows
}

// The columns of the apps table.
const (
	appName = iota
	appStatus
	appCPU
	appMem
	appUp
	appNode
	appCT
	appBackup
	appVersion
	appURL
)

func newApps() *apps {
	return &apps{table: ui.NewTable(
		ui.Column{Title: "NAME", Width: 12, Flex: true, Most: 30, Sorts: true},
		ui.Column{Title: "STATUS", Width: 11, Sorts: true},
		ui.Column{Title: "CPU", Width: 13, Sorts: true, Joins: true, Drop: 3},
		ui.Column{Title: "MEM", Width: 12, Sorts: true, Joins: true, Drop: 6},
		ui.Column{Title: "UP", Width: 6, Right: true, Sorts: true, Joins: true, Drop: 7},
		ui.Column{Title: "NODE", Width: 8, Sorts: true, Drop: 5},
		ui.Column{Title: "CT", Width: 5, Right: true, Drop: 9, Sorts: true},
		ui.Column{Title: "BACKUP", Width: 6, Drop: 4, Sorts: true},
		ui.Column{Title: "VERSION", Width: 9, Drop: 10, Sorts: true},
		ui.Column{Title: "WEB", Width: 14, Flex: true, Drop: 8},
	)}
}

func (p *apps) digit() int               { return 2 }
func (p *apps) crumbs(*Console) []string { return nil }
func (p *apps) list() *ui.Table          { return p.table }
func (p *apps) query() string            { return p.table.Query() }

func (p *apps) find(_ *Console, q string) { p.table.Filter(q) }

func (p *apps) note(*Console) string { return tableNote(p.table) }

// tableNote counts rows, marks and what the filter lets through.
func tableNote(t *ui.Table) string {
	s := strconv.Itoa(t.Total())
	if ids, hidden := t.Marked(); len(ids) > 0 {
		s += " · " + strconv.Itoa(len(ids)) + " marked"
		if hidden > 0 {
			s += " (" + strconv.Itoa(hidden) + " hidden)"
		}
	}
	if q := t.Query(); q != "" {
		s += " · \"" + q + "\" (" + strconv.Itoa(t.Len()) + ")"
	}
	return s
}

func (p *apps) scope(*Console) scope {
	s := inList | inTable | inMarks
	if p.table.Len() > 0 {
		s |= onApp
	}
	return s
}

func (p *apps) on(*Console) object {
	if id := p.table.ID(); id != "" {
		return appObject(id)
	}
	return object{}
}

func (p *apps) move(_ *Console, m motion, n int) bool { return moveTable(p.table, m, n) }

func (p *apps) world(c *Console) {
	p.rows = appRows{c: c, apps: c.world.Apps}
	if w := placeWidth(c.world); w != p.table.Cols[appNode].Width {
		p.table.Cols[appNode].Width = w
		p.table.Reflow()
	}
	p.table.SetRows(&p.rows)
}

func (p *apps) body(c *Console, w, h int) []string {
	if p.table.Total() == 0 {
		return noApps(c, w)
	}
	if p.table.Len() == 0 {
		return nothingMatches(c, w, "app", p.query())
	}
	p.columns(w)
	var out []string
	rows := h
	if h >= 8 {
		out = append(out, p.table.Header(c.theme, w))
		rows--
	}
	strip := w >= narrowW && h >= 14
	if strip {
		rows -= 3
	}
	out = append(out, p.table.Lines(c.theme, w, rows)...)
	if strip {
		for len(out) < h-2 {
			out = append(out, "")
		}
		if row, ok := p.table.Row(); ok {
			out = append(out, p.strip(c, w, &p.rows.apps[row])...)
		}
	}
	return out
}

// columns chooses bars for wide terminals and bare numbers for others.
func (p *apps) columns(w int) {
	cpu, mem := 13, 13
	if w < wideW {
		cpu, mem = 6, 6
	}
	status := 12
	if w < narrowW {
		status = 11
	}
	if c := p.table.Cols; c[appCPU].Width != cpu || c[appStatus].Width != status {
		c[appCPU].Width, c[appMem].Width, c[appStatus].Width = cpu, mem, status
		c[appCPU].Right, c[appMem].Right = w < wideW, w < wideW
		p.table.Cols = c
		p.table.Reflow()
	}
}

// strip says more about the row under the cursor.
func (p *apps) strip(c *Console, w int, a *core.AppView) []string {
	l := c.theme.NewLine(w)
	l.Space(3).Add(ui.Strong, a.Hostname).Space(2)
	facts := []string{a.Name}
	if a.Owner != "" {
		facts = append(facts, "owner "+a.Owner)
	}
	facts = append(facts, sizes(a), string(a.Status)+" since "+ui.When(c.now(), a.ChangedAt, c.loc))
	l.Add(ui.Muted, strings.Join(facts, " · "))
	first := l.String()
	l.Reset(w)
	l.Space(3)
	switch {
	case !a.DeletesAt.IsZero():
		l.Add(ui.Warn, c.leaving(a))
	case a.Job != nil:
		l.Add(ui.Busy, jobLine(a.Job))
	case a.Status == core.StatusError:
		out := c.wayOut(w, a).Space(1)
		text := c.theme.NewLine(max(12, l.Left()-out.W()-2))
		text.Add(ui.Error, a.Error)
		if a.Hint != "" {
			text.Add(ui.Muted, " · "+a.Hint)
		}
		l.Join(text).Ends(out)
	case a.Stale:
		l.Add(ui.Stale, a.Host+" does not answer: numbers are from "+ui.When(c.now(), a.AsOf, c.loc))
	case a.Drift != "":
		l.Add(ui.Warn, a.Drift)
	case a.Protection != nil && a.Protection.Alert != "":
		l.Add(ui.Warn, a.Protection.Alert).Add(ui.Muted, " · ").Add(ui.Key, "b").Add(ui.Muted, " backs it up now")
	case a.URL != "":
		l.Add(ui.Accent, a.URL) // no link: it would be sent anew with every move, and terminals find plain ones
	}
	return []string{first, l.String()}
}

func sizes(a *core.AppView) string {
	return ui.Count(a.Cores, "core") + " " + ui.MB(a.MemoryMB) + " " + strconv.Itoa(a.DiskGB) + "G"
}

// leaving says when an app that is being deleted is destroyed.
func (c *Console) leaving(a *core.AppView) string {
	left := a.DeletesAt.Sub(c.now())
	if left <= 0 {
		return "is being destroyed"
	}
	return "destroyed in " + elapsed(left) + " · z keeps it"
}

// jobLine is a job in a line: "installing docker (step 4 of 13) 64%".
func jobLine(j *core.JobRef) string {
	if j.Waiting != "" {
		return j.Kind + ": " + j.Waiting
	}
	s := j.Title
	if j.Steps > 0 {
		s += " (step " + strconv.Itoa(j.Step) + " of " + strconv.Itoa(j.Steps) + ")"
	}
	return s + " " + ui.Percent(j.Progress)
}

// statusLook is the symbol, word and role of an app's state, or of the job that
// is changing it.
func statusLook(a *core.AppView) (sign, word string, role ui.Role) {
	word = string(a.Status)
	if a.Job != nil {
		switch a.Job.Kind {
		case "start", "stop", "restart":
			return ui.Half, doing(core.AppVerb(a.Job.Kind)), ui.Busy
		}
	}
	switch a.Status {
	case core.StatusRunning:
		if a.Stale {
			return ui.Dot, word, ui.Stale
		}
		return ui.Dot, word, ui.OK
	case core.StatusStopped:
		return ui.Ring, word, ui.Muted
	case core.StatusError:
		return ui.Cross, word, ui.Error
	}
	return ui.Half, word, ui.Busy
}

// noApps is the first run: why it is empty, and the key that fills it.
func noApps(c *Console, w int) []string {
	if len(c.world.Hosts) == 0 {
		return welcome(c, w)
	}
	text := "No apps yet."
	l := c.theme.NewLine(w)
	out := []string{"", l.Space(2).Add(ui.Strong, text).String(), ""}
	l = c.theme.NewLine(w)
	return append(out, l.Space(2).Add(ui.Key, "n").Add(ui.Text, " opens the catalogue: choose an app, it is deployed in about two minutes.").String())
}

// nothingMatches says why a filtered list is empty, and the way out.
func nothingMatches(c *Console, w int, what, query string) []string {
	l := c.theme.NewLine(w)
	l.Space(2).Add(ui.Text, "no "+what+" matches ").Add(ui.Strong, "\""+query+"\"").Add(ui.Muted, " · ").Add(ui.Key, "esc").Add(ui.Text, " clears the filter")
	return []string{"", l.String()}
}
