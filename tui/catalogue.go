package tui

import (
	"slices"
	"strconv"

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
	read   uint64 // World.Catalogue when it was read
	alike  alike
	left   bool // the cursor is in the categories
	two    bool // there is room for categories beside the list
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
	p.table.Home() // the best match
}

func (p *catalogue) fill(c *Console) {
	cat := ""
	if p.cat >= 0 && p.cat < len(p.cats) {
		cat = p.cats[p.cat].Name
	}
	p.items = itemRows{c.core.Catalogue(p.search, cat)}
	p.table.SetRows(&p.items)
}

// world reads the catalogue at first, and again when it was reloaded.
func (p *catalogue) world(c *Console) {
	if p.loaded && p.read == c.world.Catalogue {
		return
	}
	p.loaded, p.read, p.alike = true, c.world.Catalogue, alike{}
	was := ""
	if p.cat >= 0 && p.cat < len(p.cats) {
		was = p.cats[p.cat].Name
	}
	p.cats = c.core.Categories()
	p.cat = slices.IndexFunc(p.cats, func(x core.CategoryView) bool { return x.Name == was })
	p.fill(c)
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
		side = 32
		if w >= roomyW {
			side = 40
		}
	}
	cats := 0
	if p.two && (w >= wideW || p.left) { // on narrower ones the list has the room, until somebody goes to the categories
		for _, x := range p.cats {
			cats = max(cats, min(28, ui.Width(x.Name)+7))
		}
	}
	width := w - cats - side
	p.columns(width)
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
			right = preview(c, side-3, h, &p.items.items[row], p.alike.to(c, p.items.items[row].ID))
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

// columns gives room to what an app is before what it needs, which the preview
// and the app's page have, too.
func (p *catalogue) columns(w int) {
	const beside = 24 // the cursor, the names, the gap
	if c := &p.table.Cols[itemWhat]; c.Width != max(14, min(36, w-beside)) {
		c.Width = max(14, min(36, w-beside))
		p.table.Reflow()
	}
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
			l.Space(1).Add(ui.Accent, ui.Bar).Cell(ui.Selected, name, w-7)
		case here:
			l.Space(2).Cell(ui.Accent, name, w-7)
		default:
			l.Space(2).Cell(ui.Text, name, w-7)
		}
		rows = append(rows, l.Right(ui.Muted, strconv.Itoa(n), 4).String())
	}
	return append(out, window(rows, p.cat+1, h-1)...)
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
