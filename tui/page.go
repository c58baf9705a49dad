package tui

import (
	tea "charm.land/bubbletea/v2"

	"proximity/tui/ui"
)

// page is one screen, or what was opened from one. The console routes to it
// and knows nothing of its inside.
type page interface {
	digit() int                            // the screen it belongs to
	crumbs(c *Console) []string            // after the screen's name: the object, the tab
	note(c *Console) string                // counts and filter, after the crumbs
	scope(c *Console) scope                // which bindings apply
	on(c *Console) object                  // what the object verbs act on
	world(c *Console)                      // the world has changed
	body(c *Console, w, h int) []string    // at most h lines of at most w cells
	move(c *Console, m motion, n int) bool // false: it is at the end already
}

// What a page may do besides.
type (
	opener   interface{ opened(c *Console) tea.Cmd }
	closer   interface{ closed(c *Console) }
	beater   interface{ beat(c *Console) tea.Cmd }
	receiver interface {
		receive(c *Console, gen uint64, body any) tea.Cmd
	}
	finder interface {
		find(c *Console, query string) // filter, or search
		query() string
	}
	lister interface{ list() *ui.Table }
	tabber interface {
		tab(c *Console, dir int) (tea.Cmd, bool)
	}
	paner interface {
		pane(c *Console, dir int) bool
	}
	logger interface{ log() *ui.Log }
	editor interface {
		page
		typing() bool
		edit(c *Console, key, text string) (cmd tea.Cmd, used bool)
		paste(c *Console, s string) (tea.Cmd, bool)
		cursor() (x, y int) // in the body; -1 = none
	}
)

// motion is a way to move.
type motion uint8

const (
	byLine motion = iota
	byPage
	toFirst
	toLast
)

// moveTable moves a table's cursor.
func moveTable(t *ui.Table, m motion, n int) bool {
	switch m {
	case byLine:
		return t.Move(n)
	case byPage:
		return t.Page(n)
	case toFirst:
		return t.Home()
	}
	return t.End()
}

// moveLog scrolls a log.
func moveLog(g *ui.Log, m motion, n int) bool {
	switch m {
	case byLine:
		return g.Move(n)
	case byPage:
		return g.Page(n)
	case toFirst:
		return g.Home()
	}
	return g.End()
}

// screenNames are the ten screens by digit.
var screenNames = [10]string{"Settings", "Overview", "Apps", "Catalog", "Nodes", "Backups", "Jobs", "Discover", "Access", "Audit"}

// screenOrder is their order in the row.
var screenOrder = [10]int{1, 2, 3, 4, 5, 6, 7, 8, 9, 0}

// screens makes the ten screens.
func screens() [10]page {
	return [10]page{
		0: newSettings(),
		1: newOverview(),
		2: newApps(),
		3: newCatalogue(),
		4: newNodes(),
		5: newVault(),
		6: newJobs(),
		7: newDiscover(),
		8: newAccess(),
		9: newAudit(),
	}
}

// page is the one in front.
func (c *Console) page() page {
	if n := len(c.stack); n > 0 {
		return c.stack[n-1]
	}
	return c.tops[c.top]
}

// open reports whether a page is still there to take an answer.
func (c *Console) open(r receiver) bool {
	for _, p := range c.tops {
		if x, ok := p.(receiver); ok && x == r {
			return true
		}
	}
	for _, p := range c.stack {
		if x, ok := p.(receiver); ok && x == r {
			return true
		}
	}
	x, ok := c.over.(receiver)
	return ok && x == r
}

func (c *Console) opened(p page) tea.Cmd {
	if o, ok := p.(opener); ok {
		return o.opened(c)
	}
	return nil
}

func (c *Console) closed(p page) {
	if o, ok := p.(closer); ok {
		o.closed(c)
	}
}

// visit goes to one of the ten screens; what was opened from the last one
// closes.
func (c *Console) visit(digit int) tea.Cmd {
	c.notices.leave()
	for _, p := range c.stack {
		c.closed(p)
	}
	c.stack = nil
	if digit != c.top {
		c.last, c.top = c.top, digit
	}
	c.finding = nil
	c.touched = true
	c.page().world(c)
	return c.opened(c.page())
}

// push opens a page over the one in front.
func (c *Console) push(p page) tea.Cmd {
	c.stack = append(c.stack, p)
	c.finding = nil
	c.touched = true
	p.world(c)
	return c.opened(p)
}

// back closes the page in front; false when there is none to go back to.
func (c *Console) back() bool {
	n := len(c.stack)
	if n == 0 {
		return false
	}
	c.closed(c.stack[n-1])
	c.stack = c.stack[:n-1]
	c.touched = true
	c.page().world(c)
	return true
}

// crumbs says where the session is.
func (c *Console) crumbs() []string {
	p := c.page()
	return append([]string{screenNames[p.digit()]}, p.crumbs(c)...)
}
