package tui

import (
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"

	"proximity/core"
	"proximity/tui/ui"
)

// catalogue is the list of what can be deployed: categories, items, preview.
type catalogue struct {
	cats   []core.CategoryView
	cat    int // -1 = all
	items  itemRows
	table  *ui.Table
	search string
	loaded bool
	left   bool // the cursor is in the categories
	two    bool // there is room for the categories
}

const (
	itemName = iota
	itemWhat
	itemNeeds
)

func newCatalogue() *catalogue {
	return &catalogue{cat: -1, table: ui.NewTable(
		ui.Column{Title: "NAME", Width: 18, Sorts: true},
		ui.Column{Title: "WHAT IT IS", Width: 14, Flex: true, Drop: 1},
		ui.Column{Title: "NEEDS", Width: 13, Drop: 2, Sorts: true},
	)}
}

func (p *catalogue) digit() int               { return 3 }
func (p *catalogue) crumbs(*Console) []string { return nil }
func (p *catalogue) list() *ui.Table          { return p.table }
func (p *catalogue) query() string            { return p.search }

func (p *catalogue) note(*Console) string {
	s := ui.Count(p.table.Len(), "app")
	if p.cat >= 0 {
		s = p.cats[p.cat].Name + " · " + s
	}
	if p.search != "" {
		s += " · \"" + p.search + "\""
	}
	return s
}

func (p *catalogue) scope(*Console) scope {
	s := inList | inTable | inPanes
	if p.table.Len() > 0 {
		s |= onItem
	}
	return s
}

func (p *catalogue) on(*Console) object {
	if id := p.table.ID(); id != "" {
		return itemObject(id)
	}
	return object{}
}

// find asks core, which knows what a word means in the catalogue.
func (p *catalogue) find(c *Console, q string) {
	p.search = q
	p.fill(c)
}

func (p *catalogue) fill(c *Console) {
	cat := ""
	if p.cat >= 0 && p.cat < len(p.cats) {
		cat = p.cats[p.cat].Name
	}
	p.items = itemRows{c.core.Catalogue(p.search, cat)}
	p.table.SetRows(&p.items)
}

// opened reads the catalogue again: recipes may have been added.
func (p *catalogue) opened(c *Console) tea.Cmd {
	p.cats = c.core.Categories()
	p.cat = min(p.cat, len(p.cats)-1)
	p.fill(c)
	return nil
}

func (p *catalogue) world(c *Console) {
	if !p.loaded {
		p.loaded = true
		p.cats = c.core.Categories()
		p.fill(c)
	}
}

func (p *catalogue) move(c *Console, m motion, n int) bool {
	if !p.left {
		return moveTable(p.table, m, n)
	}
	to := p.cat
	switch m {
	case byLine:
		to += n
	case byPage:
		to += 5 * n
	case toFirst:
		to = -1
	case toLast:
		to = len(p.cats) - 1
	}
	to = max(-1, min(to, len(p.cats)-1))
	if to == p.cat {
		return false
	}
	p.cat = to
	p.fill(c)
	p.table.Home()
	return true
}

func (p *catalogue) pane(*Console, int) bool {
	if !p.two {
		return false
	}
	p.left = !p.left
	return true
}

// enter in the categories goes to their apps.
func (p *catalogue) enter(*Console) (tea.Cmd, bool) {
	if p.left {
		p.left = false
		return nil, true
	}
	return nil, false
}

func (p *catalogue) body(c *Console, w, h int) []string {
	p.two = w >= normalW && len(p.cats) > 0
	if !p.two {
		p.left = false
	}
	side := 0
	if w >= wideW && h >= 20 {
		side = 40
	}
	cats := 0
	if p.two {
		cats = 18
		for _, x := range p.cats {
			if w >= wideW {
				cats = max(cats, min(28, ui.Width(x.Name)+8))
			}
		}
	}
	width := w - cats - side
	var list []string
	switch {
	case p.table.Len() > 0:
		if h >= 8 {
			list = append(list, p.table.Header(c.theme, width))
		}
		list = append(list, p.table.Lines(c.theme, width, h-len(list))...)
	case p.search != "":
		list = nothingMatches(c, width, "app", p.search)
	default:
		l := c.theme.NewLine(width)
		list = []string{"", l.Space(2).Add(ui.Muted, "no app in this category").String()}
	}
	if cats == 0 && side == 0 {
		return list
	}
	var left, right []string
	if cats > 0 {
		left = p.categories(c, cats, h)
	}
	if side > 0 {
		if row, ok := p.table.Row(); ok {
			right = preview(c, side-3, h, &p.items.items[row])
		}
	}
	var out []string
	for i := range h {
		l := c.theme.NewLine(w)
		if i < len(left) {
			l.Raw(left[i])
		}
		if i < len(list) {
			l.To(cats)
			l.Raw(list[i])
		}
		if side > 0 {
			l.To(w - side)
			l.Add(ui.Track, "│").Space(1)
			if i < len(right) {
				l.Raw(right[i])
			}
		}
		out = append(out, l.String())
	}
	return out
}

func (p *catalogue) categories(c *Console, w, h int) []string {
	l := c.theme.NewLine(w)
	out := []string{l.Space(2).Add(ui.Muted, "CATEGORY").String()}
	total := 0
	for _, x := range p.cats {
		total += x.Count
	}
	var rows []string
	for i := -1; i < len(p.cats); i++ {
		name, n := "all", total
		if i >= 0 {
			name, n = p.cats[i].Name, p.cats[i].Count
		}
		l.Reset(w)
		here := i == p.cat
		switch {
		case here && p.left:
			l.Space(1).Add(ui.Accent, ui.Bar).Cell(ui.Selected, name, w-8)
		case here:
			l.Space(2).Cell(ui.Accent, name, w-8)
		default:
			l.Space(2).Cell(ui.Text, name, w-8)
		}
		rows = append(rows, l.Right(ui.Muted, strconv.Itoa(n), 4).String())
	}
	return append(out, window(rows, p.cat+1, h-1)...)
}

// preview is what one should know before deploying an app.
func preview(c *Console, w, h int, it *core.CatalogueItem) []string {
	var out []string
	text := func(role ui.Role, s string) {
		for _, row := range ui.Wrap(s, w) {
			l := c.theme.NewLine(w)
			out = append(out, l.Add(role, row).String())
		}
	}
	fact := func(label, s string, role ui.Role) {
		if s == "" {
			return
		}
		for i, row := range ui.Wrap(s, w-10) {
			l := c.theme.NewLine(w)
			if i == 0 {
				l.Add(ui.Muted, label)
			}
			l.To(10)
			out = append(out, l.Add(role, row).String())
		}
	}
	l := c.theme.NewLine(w)
	out = append(out, l.Add(ui.Heading, it.Name).Space(1).Add(ui.Muted, it.Version).String())
	about := it.Description
	if about == "" || h < 16 {
		about = it.Tagline
	}
	text(ui.Text, about)
	out = append(out, "")
	fact("needs", needs(it), ui.Text)
	fits, away := fitting(c, it)
	fact("fits on", fits, ui.OK)
	fact("not on", away, ui.Muted)
	fact("deployed", deployed(c, it.ID), ui.Text)
	fact("system", it.OS, ui.Text)
	if it.Port > 0 {
		fact("port", strconv.Itoa(it.Port), ui.Text)
	}
	fact("volumes", strings.Join(it.Volumes, " "), ui.Text)
	fact("images", strings.Join(it.Images, " "), ui.Muted)
	fact("licence", it.License, ui.Text)
	fact("website", strings.TrimPrefix(it.Website, "https://"), ui.Muted)
	if it.Notes != "" {
		out = append(out, "")
		text(ui.Warn, it.Notes)
	}
	return out
}

func needs(it *core.CatalogueItem) string {
	return strconv.Itoa(it.MinCores) + "c " + ui.MB(it.MinMemoryMB) + " " + strconv.Itoa(it.MinDiskGB) + "G"
}

// fitting lists the nodes with enough free memory, from the last answers.
func fitting(c *Console, it *core.CatalogueItem) (fits, away string) {
	var yes, no []string
	for i := range c.world.Nodes {
		n := &c.world.Nodes[i]
		if n.State == "online" && n.FreeMB >= it.MinMemoryMB {
			yes = append(yes, n.Name)
		} else if n.State != "online" {
			no = append(no, n.Name+" ("+n.State+")")
		} else {
			no = append(no, n.Name+" ("+ui.MB(n.FreeMB)+" free)")
		}
	}
	shorten := func(s []string) string {
		if len(s) > 6 {
			return strings.Join(s[:6], " ") + " +" + strconv.Itoa(len(s)-6)
		}
		return strings.Join(s, " ")
	}
	return shorten(yes), shorten(no)
}

// deployed says how often an item is deployed already, and as what.
func deployed(c *Console, id string) string {
	var names []string
	n := 0
	for i := range c.world.Apps {
		if c.world.Apps[i].CatalogID == id {
			if n++; n <= 3 {
				names = append(names, c.world.Apps[i].Hostname)
			}
		}
	}
	switch {
	case n == 0:
		return ""
	case n > 3:
		return strconv.Itoa(n) + ": " + strings.Join(names, " ") + " …"
	}
	return strings.Join(names, " ")
}

type itemRows struct{ items []core.CatalogueItem }

func (r *itemRows) Len() int                       { return len(r.items) }
func (r *itemRows) ID(i int) string                { return r.items[i].ID }
func (r *itemRows) Match(int, []string) bool       { return true } // core has filtered
func (r *itemRows) Joined(*ui.Line, int, int) bool { return false }

func (r *itemRows) Less(col, i, j int) bool {
	if col == itemNeeds {
		return r.items[i].MinMemoryMB < r.items[j].MinMemoryMB
	}
	return r.items[i].Name < r.items[j].Name
}

func (r *itemRows) Cell(l *ui.Line, i, col, width int, selected bool) {
	it := &r.items[i]
	switch col {
	case itemName:
		nameCell(l, it.Name, width, selected)
	case itemWhat:
		l.Cell(ui.Text, it.Tagline, width)
	case itemNeeds:
		l.Cell(ui.Muted, needs(it), width)
	}
}

// item is one entry of the catalogue by itself.
type item struct {
	it  core.CatalogueItem
	top int
	len int
	fit int
}

func newItem(c *Console, id string) *item {
	it, err := c.core.CatalogueItem(id)
	if err != nil {
		c.fail("", err)
		it.ID, it.Name = id, id
	}
	return &item{it: it}
}

func (p *item) digit() int               { return 3 }
func (p *item) crumbs(*Console) []string { return []string{p.it.Name} }
func (p *item) note(*Console) string     { return "" }
func (p *item) scope(*Console) scope     { return onItem | inStack | inList }
func (p *item) on(*Console) object       { return itemObject(p.it.ID) }
func (p *item) world(*Console)           {}

func (p *item) move(_ *Console, m motion, n int) bool {
	to := p.top
	switch m {
	case byLine:
		to += n
	case byPage:
		to += n * max(1, p.fit-1)
	case toFirst:
		to = 0
	case toLast:
		to = p.len
	}
	to = max(0, min(to, p.len-p.fit))
	if to == p.top {
		return false
	}
	p.top = to
	return true
}

func (p *item) body(c *Console, w, h int) []string {
	lines := preview(c, min(w-4, 90), 99, &p.it)
	lines = append(lines, "")
	if n := len(p.it.Fields); n > 0 {
		lines = append(lines, flat(c, w, section{title: "IT ASKS FOR"})...)
		for _, f := range p.it.Fields {
			if f.Hidden {
				continue
			}
			l := c.theme.NewLine(w - 4)
			l.Cell(ui.Text, f.Label, min(26, w/2)).Space(2)
			switch {
			case f.Generated:
				l.Add(ui.Muted, "made for you if left empty")
			case f.Required && f.Default == "":
				l.Add(ui.Warn, "must be given")
			case f.Default != "" && !f.Secret:
				l.Add(ui.Muted, f.Default)
			default:
				l.Add(ui.Muted, "optional")
			}
			lines = append(lines, l.String())
		}
	}
	p.len, p.fit = len(lines), h
	p.top = max(0, min(p.top, p.len-h))
	var out []string
	for _, s := range lines[p.top:min(len(lines), p.top+h)] {
		out = append(out, "  "+s)
	}
	return out
}
