package tui

import (
	"strconv"
	"strings"

	"proximity/core"
	"proximity/tui/ui"
)

// preview is what one should know before deploying an app.
func preview(c *Console, w, h int, it *core.CatalogueItem, similar string) []string {
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
	if it.Deprecated != "" {
		text(ui.Warn, "deprecated: "+it.Deprecated)
		fact("instead", it.ReplacedBy, ui.Text)
	}
	out = append(out, "")
	fact("needs", needs(it), ui.Text)
	fact("", strings.Join(it.Needs, " · "), ui.Text)
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
	fact("similar", similar, ui.Text)
	fact("origin", it.Origin, originRole(it))
	if it.Overrides != "" {
		fact("", "replaces the "+it.Overrides+" one", ui.Warn)
	}
	if it.Stale {
		fact("", "its file cannot be read any more: this is what it said before", ui.Warn)
	}
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

// originRole makes an app stand out that does not come with Proximity.
func originRole(it *core.CatalogueItem) ui.Role {
	if it.Origin == "embedded" {
		return ui.Muted
	}
	return ui.Text
}

// alike are the names of the apps similar to one, asked for once.
type alike struct{ id, names string }

func (a *alike) to(c *Console, id string) string {
	if a.id == id {
		return a.names
	}
	var names []string
	for _, it := range c.core.SimilarItems(id) {
		names = append(names, it.ID)
	}
	*a = alike{id, strings.Join(names, " ")}
	return a.names
}

// fitting lists the nodes with room, and those without and why, from the last
// answers.
func fitting(c *Console, it *core.CatalogueItem) (fits, away string) {
	var yes, no []string
	for _, f := range it.FitsOn(c.world.Nodes) {
		place := c.world.Place(f.Host, f.Node)
		if f.Fits {
			yes = append(yes, place)
		} else {
			why, _, _ := strings.Cut(f.Reason, ":")
			no = append(no, place+" ("+why+")")
		}
	}
	shorten := func(s []string, most int, between string) string {
		if len(s) > most {
			return strings.Join(s[:most], between) + " +" + strconv.Itoa(len(s)-most)
		}
		return strings.Join(s, between)
	}
	return shorten(yes, 6, " "), shorten(no, 3, ", ")
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

// item is one entry of the catalogue by itself.
type item struct {
	it    core.CatalogueItem
	alike alike
	read  uint64 // World.Catalogue when it was read
	top   int
	len   int
	fit   int
}

func newItem(c *Console, id string) *item {
	it, err := c.core.CatalogueItem(id)
	if err != nil {
		c.fail("", err)
		it.ID, it.Name = id, id
	}
	return &item{it: it, read: c.world.Catalogue}
}

// world reads the app again when the catalogue was reloaded; one that is gone
// stays as it was.
func (p *item) world(c *Console) {
	if p.read == c.world.Catalogue {
		return
	}
	p.read, p.alike = c.world.Catalogue, alike{}
	if it, err := c.core.CatalogueItem(p.it.ID); err == nil {
		p.it = it
	}
}

func (p *item) digit() int               { return 3 }
func (p *item) crumbs(*Console) []string { return []string{p.it.Name} }
func (p *item) note(*Console) string     { return "" }
func (p *item) scope(*Console) scope     { return onItem | inStack | inList }
func (p *item) on(*Console) object       { return itemObject(p.it.ID) }

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
	lines := preview(c, min(w-4, 90), 99, &p.it, p.alike.to(c, p.it.ID))
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
