package tui

import (
	"errors"
	"strconv"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"proximity/core"
	"proximity/tui/ui"
)

// discover is the list of containers that Proximity does not manage. Asking
// for it takes the hosts a while, so it is asked for when the screen is opened
// and on request.
type discover struct {
	table *ui.Table
	rows  foundRows
	found []core.FoundGuest // as answered
	asked time.Time         // since when it is being asked; zero = it is not
	at    time.Time         // of the answer
	err   error
	gen   uint64
}

const (
	foundCT = iota
	foundName
	foundNode
	foundState
	foundOS
	foundSize
	foundLike
	foundAs
)

// foundFresh is how long an answer is good enough for coming back.
const foundFresh = time.Minute

func newDiscover() *discover {
	return &discover{table: ui.NewTable(
		ui.Column{Title: "CT", Width: 6, Right: true, Sorts: true},
		ui.Column{Title: "NAME", Width: 12, Flex: true, Most: 18, Sorts: true},
		ui.Column{Title: "NODE", Width: 8, Drop: 3, Sorts: true},
		ui.Column{Title: "STATE", Width: 11, Drop: 2, Sorts: true},
		ui.Column{Title: "OS", Width: 8, Drop: 6},
		ui.Column{Title: "CPU MEM DISK", Width: 15, Drop: 5},
		ui.Column{Title: "LOOKS LIKE", Width: 14, Flex: true, Most: 34, Drop: 1, Sorts: true},
		ui.Column{Title: "ADOPT AS", Width: 12, Flex: true, Most: 16, Drop: 4},
	)}
}

func (p *discover) digit() int                            { return 7 }
func (p *discover) crumbs(*Console) []string              { return nil }
func (p *discover) list() *ui.Table                       { return p.table }
func (p *discover) query() string                         { return p.table.Query() }
func (p *discover) find(_ *Console, q string)             { p.table.Filter(q) }
func (p *discover) move(_ *Console, m motion, n int) bool { return moveTable(p.table, m, n) }

func (p *discover) note(c *Console) string {
	if !p.asked.IsZero() {
		if d := c.now().Sub(p.asked); d >= time.Second {
			return "… asking " + ui.Count(len(c.world.Hosts), "host") + " (" + ui.Span(d) + ")"
		}
		return "… asking"
	}
	if p.at.IsZero() {
		return ""
	}
	return tableNote(p.table)
}

func (p *discover) scope(*Console) scope {
	s := inList | inTable | inMarks
	if p.table.Len() > 0 {
		s |= onFound
	}
	return s
}

func (p *discover) on(*Console) object {
	if id := p.table.ID(); id != "" {
		return object{foundKind, id}
	}
	return object{}
}

// world takes out what has become an app meanwhile.
func (p *discover) world(c *Console) {
	p.rows = foundRows{c: c}
	for _, f := range p.found {
		managed := false
		for i := range c.world.Apps {
			managed = managed || c.world.Apps[i].Host == f.Host && c.world.Apps[i].VMID == f.VMID
		}
		if !managed {
			p.rows.found = append(p.rows.found, f)
		}
	}
	p.table.SetRows(&p.rows)
}

func (p *discover) opened(c *Console) tea.Cmd {
	if !p.at.IsZero() && c.now().Sub(p.at) < foundFresh {
		return nil
	}
	return p.reload(c)
}

// foundAnswer is what core found.
type foundAnswer struct {
	found []core.FoundGuest
	err   error
}

// reload asks all hosts.
func (p *discover) reload(c *Console) tea.Cmd {
	if !p.asked.IsZero() || mayAdopt(c, object{}) != "" {
		return nil
	}
	p.asked = c.now()
	p.gen++
	gen, ctx := p.gen, c.ctx
	return func() tea.Msg {
		found, err := c.core.Discover(ctx, c.actor, "")
		return answer{p, gen, foundAnswer{found, err}}
	}
}

func (p *discover) receive(c *Console, gen uint64, body any) tea.Cmd {
	a, ok := body.(foundAnswer)
	if !ok || gen != p.gen {
		return nil
	}
	p.asked, p.at, p.err = time.Time{}, c.now(), a.err
	if a.err == nil || len(a.found) > 0 {
		p.found = a.found
	}
	p.world(c)
	return nil
}

func (p *discover) body(c *Console, w, h int) []string {
	if why := mayAdopt(c, object{}); why != "" {
		l := c.theme.NewLine(w)
		return []string{"", l.Space(2).Add(ui.Text, why).String()}
	}
	if p.table.Total() == 0 {
		return p.empty(c, w)
	}
	if p.table.Len() == 0 {
		return nothingMatches(c, w, "container", p.query())
	}
	var out []string
	if h >= 8 {
		out = append(out, p.table.Header(c.theme, w))
	}
	strip := p.strip(c, w)
	rows := h - len(out)
	if h >= 12 {
		rows -= len(strip) + 1
	}
	out = append(out, p.table.Lines(c.theme, w, max(3, rows))...)
	if h < 12 {
		return out
	}
	for len(out) < h-len(strip) {
		out = append(out, "")
	}
	return append(out, strip...)
}

// empty says why there is nothing.
func (p *discover) empty(c *Console, w int) []string {
	l := c.theme.NewLine(w)
	l.Space(2)
	switch {
	case len(c.world.Hosts) == 0:
		return welcome(c, w)
	case p.err != nil:
		l.Add(ui.Error, ui.Cross+" ").Add(ui.Text, errorText(p.err)).Add(ui.Muted, " · ").Add(ui.Key, "ctrl+r").Add(ui.Text, " asks again")
	case p.at.IsZero():
		l.Add(ui.Muted, "looking for containers that nobody manages, and at the ports inside them …")
	default:
		l.Add(ui.Text, "Every container is managed. Others appear here when somebody makes them in Proxmox: ").Add(ui.Key, "ctrl+r").Add(ui.Text, " looks again.")
	}
	return []string{"", l.String()}
}

// strip says more about the row under the cursor, and what adopting means.
func (p *discover) strip(c *Console, w int) []string {
	var out []string
	row := func(role ui.Role, s string) {
		l := c.theme.NewLine(w)
		out = append(out, l.Space(3).Add(role, s).String())
	}
	if i, ok := p.table.Row(); ok {
		f := &p.rows.found[i]
		text := f.Name + " · " + portWords(f)
		if f.Uptime > 0 {
			text += " · up " + ui.Span(time.Duration(f.Uptime)*time.Second)
		}
		row(ui.Text, text)
		if f.Note != "" {
			row(ui.Warn, ui.Alert+" "+f.Note)
		}
	}
	if p.err != nil {
		row(ui.Warn, ui.Alert+" "+errorText(p.err))
	}
	for _, s := range ui.Wrap("Adopting changes nothing inside the container: Proximity lists, watches and publishes it, and never destroys it. z or release undoes it.", w-5) {
		row(ui.Muted, s)
	}
	return out
}

// portWords are the ports of a container in words.
func portWords(f *core.FoundGuest) string {
	switch {
	case !f.PortsKnown && f.Status != "running":
		return "stopped: nobody can look inside"
	case !f.PortsKnown:
		return "its ports cannot be seen from inside"
	case len(f.Ports) == 0:
		return "nothing listens inside"
	}
	var list []string
	for _, n := range f.Ports {
		list = append(list, strconv.Itoa(n))
	}
	s := "listens on " + strings.Join(list, ", ")
	if f.Port > 0 {
		s += ", would be published on " + strconv.Itoa(f.Port)
	}
	return s
}

// errorText is an error with its way out.
func errorText(err error) string {
	var e *core.Error
	if errors.As(err, &e) && e.Hint != "" {
		return e.Text + " · " + e.Hint
	}
	return err.Error()
}

// like is what a container looks like in a word.
func like(f *core.FoundGuest) string {
	switch {
	case f.LooksLike == "" && f.Port > 0:
		return "unknown (port " + strconv.Itoa(f.Port) + ")"
	case f.LooksLike == "":
		return "unknown"
	case f.Sure && f.Port > 0:
		return f.LooksLike + " (port " + strconv.Itoa(f.Port) + ")"
	case f.Sure:
		return f.LooksLike
	}
	return f.LooksLike + " (guess)"
}

type foundRows struct {
	c     *Console
	found []core.FoundGuest
}

func foundID(f *core.FoundGuest) string { return f.Host + "/" + strconv.Itoa(f.VMID) }

func (r *foundRows) Len() int                       { return len(r.found) }
func (r *foundRows) ID(i int) string                { return foundID(&r.found[i]) }
func (r *foundRows) Joined(*ui.Line, int, int) bool { return false }

func (r *foundRows) Less(col, i, j int) bool {
	a, b := &r.found[i], &r.found[j]
	switch col {
	case foundName:
		return a.Name < b.Name
	case foundNode:
		return a.Node < b.Node
	case foundState:
		return a.Status < b.Status
	case foundLike:
		return a.LooksLike < b.LooksLike
	}
	return a.VMID < b.VMID
}

func (r *foundRows) Match(i int, terms []string) bool {
	f := &r.found[i]
	hay := strings.ToLower(strconv.Itoa(f.VMID) + " " + f.Name + " node:" + f.Node + " host:" + f.Host + " state:" + f.Status + " os:" + f.OS + " " + like(f) + " " + f.Note)
	for _, t := range terms {
		if !strings.Contains(hay, t) {
			return false
		}
	}
	return true
}

func (r *foundRows) Cell(l *ui.Line, i, col, width int, selected bool) {
	f := &r.found[i]
	switch col {
	case foundCT:
		l.Right(ui.Muted, strconv.Itoa(f.VMID), width)
	case foundName:
		nameCell(l, f.Name, width, selected)
	case foundNode:
		l.Cell(ui.Muted, f.Node, width)
	case foundState:
		if f.Status == "running" {
			l.Add(ui.OK, ui.Dot).Space(1).Cell(ui.OK, f.Status, width-2)
		} else {
			l.Add(ui.Muted, ui.Ring).Space(1).Cell(ui.Muted, f.Status, width-2)
		}
	case foundOS:
		if f.OS == "" {
			l.Cell(ui.Muted, ui.Unknown, width)
		} else {
			l.Cell(ui.Muted, f.OS, width)
		}
	case foundSize:
		l.Cell(ui.Muted, strconv.Itoa(f.Cores)+"c "+ui.MB(f.MemoryMB)+" "+strconv.Itoa(f.DiskGB)+"G", width)
	case foundLike:
		if f.LooksLike == "" {
			l.Cell(ui.Muted, like(f), width)
		} else {
			l.Cell(ui.Text, like(f), width)
		}
	case foundAs:
		l.Cell(ui.Text, f.Hostname, width)
	}
}

// foundOf is a container that was found, by its object.
func (c *Console) foundOf(on object) (core.FoundGuest, bool) {
	if on.kind == foundKind {
		for _, f := range c.tops[7].(*discover).rows.found {
			if foundID(&f) == on.id {
				return f, true
			}
		}
	}
	return core.FoundGuest{}, false
}

func mayAdopt(c *Console, _ object) string {
	return refusal(c.actor.May(core.VerbAdopt, ""))
}

// adoptVerb is adopting, where verbs on apps are counted.
const adoptVerb core.AppVerb = "adopt"

// adoptFound adopts the marked containers, or the one under the cursor: as they
// are proposed.
func adoptFound(c *Console, on object) tea.Cmd {
	p := c.tops[7].(*discover)
	var reqs []core.AdoptRequest
	add := func(f core.FoundGuest) {
		reqs = append(reqs, core.AdoptRequest{Host: f.Host, Node: f.Node, VMID: f.VMID, Type: f.LooksLike, Hostname: f.Hostname})
	}
	if rows := p.table.MarkedRows(); len(rows) > 0 {
		for _, row := range rows {
			add(p.rows.found[row])
		}
	} else if f, ok := c.foundOf(on); ok {
		add(f)
	}
	p.table.Unmark()
	return c.adopt(reqs)
}

// adopt asks core for each of them.
func (c *Console) adopt(reqs []core.AdoptRequest) tea.Cmd {
	if len(reqs) == 0 {
		return nil
	}
	d := deed{verb: adoptVerb, many: len(reqs) > 1, name: reqs[0].Hostname}
	if d.many {
		c.say(info, "asking to adopt "+ui.Count(len(reqs), "container"))
	} else {
		c.say(info, "asking to adopt "+d.name)
	}
	ctx, actor := c.ctx, c.actor
	return func() tea.Msg {
		for _, r := range reqs {
			_, j, err := c.core.Adopt(ctx, actor, r)
			if ctx.Err() != nil {
				return nil
			}
			d.add(&core.AppView{Hostname: r.Hostname}, j, err)
		}
		return d
	}
}
