package tui

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"proximity/core"
	"proximity/tui/ui"
)

// store is a storage that takes backups, with what is on it.
type store struct {
	core.StorageView
	host  string
	node  string // "" = shared: any node reads it
	stale bool
	count int
	size  int64 // of the backups we know of
}

// filter finds the backups on it.
func (s *store) filter() string {
	if s.node == "" {
		return "storage:" + s.Name
	}
	return "storage:" + s.Name + " node:" + s.node
}

func (s *store) share() float64 {
	if s.Total <= 0 {
		return 0
	}
	return float64(s.Used) / float64(s.Total)
}

// full is when a storage is worth a warning.
const full = 0.9

// gauge draws how full the storage is.
func (s *store) gauge(l *ui.Line, bar int) {
	l.Add(ui.Text, s.Name).Space(1)
	if s.node != "" {
		l.Add(ui.Muted, s.node).Space(1)
	}
	if !s.Active || s.Total <= 0 {
		l.Add(ui.Muted, "not active")
		return
	}
	role := ui.Load(s.share())
	if s.stale {
		role = ui.Stale
	}
	l.Gauge(role, s.share(), bar).Space(1)
	l.Add(ui.Text, ui.Percent(s.share())+" of "+ui.Bytes(s.Total))
	if s.share() >= full {
		l.Space(1).Add(ui.Warn, ui.Alert)
	}
}

// storesOf are the storages that take backups, those that nodes share first and
// once.
func storesOf(c *Console, backups []core.BackupView) []store {
	var list []store
	for i := range c.world.Nodes {
		n := &c.world.Nodes[i]
		for _, v := range n.Storages {
			if !slices.Contains(v.Content, "backup") {
				continue
			}
			s := store{StorageView: v, host: n.Host, node: n.Name, stale: n.Stale}
			if v.Shared {
				s.node = ""
			}
			if !slices.ContainsFunc(list, func(o store) bool { return o.host == s.host && o.node == s.node && o.Name == s.Name }) {
				list = append(list, s)
			}
		}
	}
	slices.SortStableFunc(list, func(a, b store) int {
		return cmp.Or(cmp.Compare(min(len(a.node), 1), min(len(b.node), 1)), strings.Compare(a.Name, b.Name))
	})
	for i := range backups {
		b := &backups[i]
		for k := range list {
			s := &list[k]
			if b.Size > 0 && b.Missing.IsZero() && b.Host == s.host && b.Storage == s.Name && (s.node == "" || s.node == b.Node) {
				s.count, s.size = s.count+1, s.size+b.Size
			}
		}
	}
	return list
}

const (
	storeName = iota
	storeWhere
	storeType
	storeUsed
	storeTotal
	storeCount
	storeSize
)

func newStorages() *ui.Table {
	return ui.NewTable(
		ui.Column{Title: "STORAGE", Width: 12, Flex: true, Most: 24, Sorts: true},
		ui.Column{Title: "WHERE", Width: 18, Flex: true, Most: 28, Drop: 1, Sorts: true},
		ui.Column{Title: "TYPE", Width: 8, Drop: 4},
		ui.Column{Title: "USED", Width: 21, Sorts: true},
		ui.Column{Title: "OF", Width: 5, Right: true, Drop: 3},
		ui.Column{Title: "BACKUPS", Width: 7, Right: true, Drop: 2, Sorts: true},
		ui.Column{Title: "SIZE", Width: 5, Right: true, Drop: 5, Sorts: true},
	)
}

type storeRows struct{ list []store }

func (r *storeRows) Len() int { return len(r.list) }

func (r *storeRows) ID(i int) string {
	return r.list[i].host + "/" + r.list[i].node + "/" + r.list[i].Name
}

func (r *storeRows) Joined(*ui.Line, int, int) bool { return false }

func (r *storeRows) Less(col, i, j int) bool {
	a, b := &r.list[i], &r.list[j]
	switch col {
	case storeWhere:
		return a.where() < b.where()
	case storeUsed:
		return a.share() < b.share()
	case storeCount:
		return a.count < b.count
	case storeSize:
		return a.size < b.size
	}
	return a.Name < b.Name
}

func (s *store) where() string {
	if s.node == "" {
		return s.host + ", shared"
	}
	return s.host + ", " + s.node
}

func (r *storeRows) Match(i int, terms []string) bool {
	s := &r.list[i]
	hay := strings.ToLower(s.Name + " " + s.where() + " " + s.Type)
	for _, t := range terms {
		if !strings.Contains(hay, t) {
			return false
		}
	}
	return true
}

func (r *storeRows) Cell(l *ui.Line, i, col, width int, selected bool) {
	s := &r.list[i]
	switch col {
	case storeName:
		nameCell(l, s.Name, width, selected)
	case storeWhere:
		l.Cell(ui.Muted, s.where(), width)
	case storeType:
		l.Cell(ui.Muted, s.Type, width)
	case storeUsed:
		loadCell(l, s.Active && s.Total > 0, s.stale, s.share(), width-2)
		if s.Active && s.share() >= full {
			l.Space(1).Add(ui.Warn, ui.Alert)
		}
	case storeTotal:
		number(l, s.stale, s.Active && s.Total > 0, ui.Bytes(s.Total), width)
	case storeCount:
		l.Right(ui.Text, strconv.Itoa(s.count), width)
	case storeSize:
		number(l, false, s.count > 0, ui.Bytes(s.size), width)
	}
}

// storageLines draws the tab of storages.
func (p *vault) storageLines(c *Console, w, h int) []string {
	var foot []string
	for _, s := range ui.Wrap("Counted are the backups Proximity knows of. Archives that others made are looked for every hour; "+
		"\": look\" does it now. enter lists what is on a storage.", w-5) {
		l := c.theme.NewLine(w)
		foot = append(foot, l.Space(3).Add(ui.Muted, s).String())
	}
	return tableOver(c, p.storages, w, h, foot)
}
