package tui

import (
	"strconv"
	"strings"
	"time"

	"proximity/core"
	"proximity/tui/ui"
)

// nodes is the tree of hosts and their nodes.
type nodes struct {
	table *ui.Table
	rows  nodeRows
}

const (
	nodeName = iota
	nodeState
	nodeCPU
	nodeMem
	nodeDisk
	nodeApps
	nodeUp
	nodeSeen
)

func newNodes() *nodes {
	return &nodes{table: ui.NewTable(
		ui.Column{Title: "HOST / NODE", Width: 14, Flex: true},
		ui.Column{Title: "STATE", Width: 13},
		ui.Column{Title: "CPU", Width: 15, Drop: 2},
		ui.Column{Title: "MEM", Width: 15, Drop: 3},
		ui.Column{Title: "DISK", Width: 15, Drop: 5},
		ui.Column{Title: "APPS", Width: 5, Right: true, Drop: 4},
		ui.Column{Title: "UP", Width: 5, Right: true, Drop: 6},
		ui.Column{Title: "LAST SEEN", Width: 11, Right: true, Drop: 7},
	)}
}

func (p *nodes) digit() int                            { return 4 }
func (p *nodes) crumbs(*Console) []string              { return nil }
func (p *nodes) list() *ui.Table                       { return p.table }
func (p *nodes) query() string                         { return p.table.Query() }
func (p *nodes) find(_ *Console, q string)             { p.table.Filter(q) }
func (p *nodes) move(_ *Console, m motion, n int) bool { return moveTable(p.table, m, n) }

func (p *nodes) note(c *Console) string {
	s := ui.Count(len(c.world.Hosts), "host") + " · " + ui.Count(len(c.world.Nodes), "node")
	if away := len(c.world.Nodes) - c.world.Totals.NodesOnline; away > 0 {
		s += " · " + strconv.Itoa(away) + " not online"
	}
	return s
}

func (p *nodes) scope(*Console) scope {
	return inList | inTable | inHosts | p.at().scope()
}

func (p *nodes) on(*Console) object { return p.at() }

func (p *nodes) at() object {
	row, ok := p.table.Row()
	if !ok {
		return object{}
	}
	r := p.rows.rows[row]
	if r.node == nil {
		return object{hostKind, r.host.Name}
	}
	return nodeObject(r.node.Host, r.node.Name)
}

func (p *nodes) world(c *Console) {
	p.rows = nodeRows{c: c}
	for i := range c.world.Hosts {
		h := &c.world.Hosts[i]
		p.rows.rows = append(p.rows.rows, nodeRow{host: h})
		first := len(p.rows.rows)
		for j := range c.world.Nodes {
			if n := &c.world.Nodes[j]; n.Host == h.Name {
				p.rows.rows = append(p.rows.rows, nodeRow{host: h, node: n})
			}
		}
		if len(p.rows.rows) > first {
			p.rows.rows[len(p.rows.rows)-1].last = true
		}
	}
	p.table.SetRows(&p.rows)
}

func (p *nodes) body(c *Console, w, h int) []string {
	if len(p.rows.rows) == 0 {
		return welcome(c, w)
	}
	if p.table.Len() == 0 {
		return nothingMatches(c, w, "node", p.query())
	}
	width := 15
	if w < wideW {
		width = 6
	}
	if cols := p.table.Cols; cols[nodeCPU].Width != width {
		for _, i := range []int{nodeCPU, nodeMem, nodeDisk} {
			cols[i].Width, cols[i].Right = width, w < wideW
		}
		p.table.Reflow()
	}
	var out []string
	if h >= 8 {
		out = append(out, p.table.Header(c.theme, w))
	}
	detail := p.detail(c, w)
	rows := h - len(out)
	if h >= 14 {
		rows -= len(detail) + 1
	}
	out = append(out, p.table.Lines(c.theme, w, max(3, rows))...)
	if h >= 14 {
		out = append(out, "")
		out = append(out, detail...)
	}
	return out
}

// detail says more about the row under the cursor.
func (p *nodes) detail(c *Console, w int) []string {
	row, ok := p.table.Row()
	if !ok {
		return nil
	}
	r := p.rows.rows[row]
	if r.node == nil {
		return hostDetail(c, w, r.host)
	}
	return nodeDetail(c, w, r.node)
}

func hostDetail(c *Console, w int, h *core.HostView) []string {
	l := c.theme.NewLine(w)
	l.Space(1).Add(ui.Heading, h.Name).Space(2).Add(ui.Muted, h.URL)
	if h.Default {
		l.Add(ui.Muted, " · default")
	}
	out := []string{l.String()}
	row := func(label string, role ui.Role, text string) {
		if text == "" {
			return
		}
		l := c.theme.NewLine(w)
		out = append(out, l.Space(3).Cell(ui.Muted, label, 13).Add(role, text).String())
	}
	if h.State != "online" {
		text := h.Error
		if wait := h.NextTry.Sub(c.now()); wait > 0 {
			text += " · try " + strconv.Itoa(h.Tries+1) + " in " + ui.Span(wait) + " · r asks now"
		}
		row(h.State, ui.Warn, text)
	}
	row("cluster", ui.Text, h.Cluster)
	row("signs in", ui.Text, h.User+" ("+h.Auth+")")
	ssh := "none: apps cannot be deployed"
	if h.SSHUser != "" {
		ssh = h.SSHUser + " on port " + strconv.Itoa(h.SSHPort)
	}
	row("node ssh", ui.Text, ssh)
	if len(h.Changed) > 0 {
		out = append(out, changedKeys(c, w, h)...)
	} else {
		row("certificate", ui.Muted, h.Fingerprint)
	}
	row("last answer", ui.Text, ui.When(c.now(), h.LastSeen, c.loc))
	return out
}

func nodeDetail(c *Console, w int, n *core.NodeView) []string {
	l := c.theme.NewLine(w)
	l.Space(1).Add(ui.Heading, n.Name).Space(2)
	facts := []string{"on " + n.Host, ui.Count(n.Guests, "guest")}
	if n.Metrics != nil {
		facts = append(facts, strconv.FormatFloat(n.Metrics.Cores, 'f', -1, 64)+" cores", ui.Bytes(n.Metrics.MaxMem)+" memory")
	}
	if n.State == "online" {
		facts = append(facts, ui.MB(n.FreeMB)+" free for apps")
		if n.Promised > 0 {
			facts = append(facts, ui.MB(n.Promised)+" promised to deploys")
		}
	}
	l.Add(ui.Muted, strings.Join(facts, " · "))
	out := []string{l.String()}
	wide := min(60, w-14)
	for _, k := range []struct {
		label string
		mem   bool
	}{{"cpu", false}, {"mem", true}} {
		v := c.history(nodeHistory(n), k.mem)
		if len(v) < 2 {
			continue
		}
		l := c.theme.NewLine(w)
		out = append(out, l.Space(3).Cell(ui.Muted, k.label, 6).Spark(ui.Chart, v, min(wide, len(v))).String())
	}
	if len(n.Storages) > 0 {
		out = append(out, "")
	}
	for _, s := range n.Storages {
		l := c.theme.NewLine(w)
		l.Space(3).Cell(ui.Text, s.Name, 14)
		if !s.Active {
			out = append(out, l.Add(ui.Muted, "not active").String())
			continue
		}
		share := 0.0
		if s.Total > 0 {
			share = float64(s.Used) / float64(s.Total)
		}
		l.Gauge(ui.Load(share), share, 12).Space(1).Right(ui.Text, ui.Percent(share), 4)
		l.Add(ui.Muted, " of "+ui.Bytes(s.Total)+" · "+s.Type+" · "+strings.Join(s.Content, " "))
		out = append(out, l.String())
	}
	return out
}

type nodeRow struct {
	host *core.HostView
	node *core.NodeView // nil: the row of the host
	last bool           // of its host
}

type nodeRows struct {
	c    *Console
	rows []nodeRow
}

func (r *nodeRows) Len() int { return len(r.rows) }

func (r *nodeRows) ID(i int) string {
	if n := r.rows[i].node; n != nil {
		return n.Host + "/" + n.Name
	}
	return r.rows[i].host.Name
}

func (r *nodeRows) Less(_, i, j int) bool { return i < j }

func (r *nodeRows) Match(i int, terms []string) bool {
	x := r.rows[i]
	hay := x.host.Name + " " + x.host.State
	if x.node != nil {
		hay = x.node.Name + " " + x.node.State + " " + x.host.Name
	}
	hay = strings.ToLower(hay)
	for _, t := range terms {
		if !strings.Contains(hay, t) {
			return false
		}
	}
	return true
}

func (r *nodeRows) Joined(*ui.Line, int, int) bool { return false }

// stateLook is the symbol and role of a host's or node's state.
func stateLook(state string) (string, ui.Role) {
	switch state {
	case "online":
		return ui.Dot, ui.OK
	case "unreachable", "offline":
		return ui.Alert, ui.Warn
	case "untrusted":
		return ui.Cross, ui.Error
	}
	return ui.Ring, ui.Muted
}

func (r *nodeRows) Cell(l *ui.Line, i, col, width int, selected bool) {
	x := r.rows[i]
	if x.node == nil {
		r.hostCell(l, x.host, col, width, selected)
		return
	}
	n := x.node
	known := n.Metrics != nil
	switch col {
	case nodeName:
		if x.last {
			l.Add(ui.Track, "└ ")
		} else {
			l.Add(ui.Track, "├ ")
		}
		nameCell(l, n.Name, width-2, selected)
	case nodeState:
		sign, role := stateLook(n.State)
		l.Add(role, sign).Space(1).Cell(role, n.State, width-2)
	case nodeCPU:
		share := 0.0
		if known {
			share = n.Metrics.CPU
		}
		loadCell(l, known, n.Stale, share, width)
	case nodeMem:
		loadCell(l, known, n.Stale, memShare(n.Metrics), width)
	case nodeDisk:
		loadCell(l, known, n.Stale, diskShare(n.Metrics), width)
	case nodeApps:
		l.Right(ui.Text, strconv.Itoa(n.Apps), width)
	case nodeUp:
		if !known || n.Metrics.Uptime <= 0 || n.Stale {
			l.Right(ui.Muted, ui.Unknown, width)
			return
		}
		l.Right(ui.Muted, ui.Span(time.Duration(n.Metrics.Uptime)*time.Second), width)
	case nodeSeen:
		role, text := ui.Muted, ui.When(r.c.now(), n.AsOf, r.c.loc)
		if n.Stale {
			role = ui.Warn
		} else if n.State == "online" {
			text = "now"
		}
		l.Right(role, text, width)
	}
}

func (r *nodeRows) hostCell(l *ui.Line, h *core.HostView, col, width int, selected bool) {
	switch col {
	case nodeName:
		if selected {
			l.Cell(ui.Selected, h.Name, width)
		} else {
			l.Cell(ui.Strong, h.Name, width)
		}
	case nodeState:
		sign, role := stateLook(h.State)
		text := h.State
		if h.State == "online" {
			text = strconv.Itoa(h.NodesOnline) + " of " + strconv.Itoa(h.Nodes)
			if h.NodesOnline < h.Nodes {
				sign, role = ui.Alert, ui.Warn
			}
		}
		l.Add(role, sign).Space(1).Cell(role, text, width-2)
	case nodeApps:
		l.Right(ui.Muted, strconv.Itoa(h.Apps), width)
	case nodeSeen:
		l.Right(ui.Muted, ui.When(r.c.now(), h.LastSeen, r.c.loc), width)
	}
}

// loadCell is a share as bar and number, or only the number where it is narrow.
func loadCell(l *ui.Line, known, stale bool, share float64, width int) {
	if width >= 12 {
		bar := width - 7
		switch {
		case !known:
			l.NoGauge(bar)
		case stale:
			l.Gauge(ui.Stale, share, bar)
		default:
			l.Gauge(ui.Load(share), share, bar)
		}
		width -= bar
	}
	number(l, stale, known, ui.Percent(share), width)
}
