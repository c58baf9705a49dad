package ui

import (
	"slices"
	"strings"
)

// Column is one column of a Table.
type Column struct {
	Title string
	Width int  // cells; the least width if Flex
	Flex  bool // shares what is left over
	Most  int  // of a Flex column; 0 = any width
	Right bool // flush right
	Drop  int  // columns with the highest Drop go first when it gets narrow; 0 stays
	Sorts bool // the table can be ordered by it
	Joins bool // neighbours that join become one cell in a row that has one thing to say
}

// Rows is what a table shows. Rows are numbered 0..Len()-1 in their natural
// order; IDs stay the same over new data.
type Rows interface {
	Len() int
	ID(row int) string
	// Less orders two rows by a column.
	Less(col, a, b int) bool
	// Match reports whether the row has all the terms (lower case).
	Match(row int, terms []string) bool
	// Cell draws one cell of exactly width cells.
	Cell(l *Line, row, col, width int, selected bool)
	// Joined draws the joined cells of a row as one and reports true, or
	// draws nothing.
	Joined(l *Line, row, width int) bool
}

// Table keeps the order, the filter, the marks and the cursor of rows.
type Table struct {
	Cols  []Column
	rows  Rows
	view  []int // rows shown, in order
	at    int   // cursor, an index of view
	top   int   // first index of view on screen
	id    string
	sort  int // column; -1 = natural order
	desc  bool
	terms []string
	query string
	marks map[string]bool
	found []string // the marked ids that exist, unless stale
	index []int    // their rows
	veil  int      // of those, how many the filter hides
	stale bool
	shown int // rows drawn last, for paging
	width []int
	forW  int
	Quiet bool // keys go elsewhere: the row under the cursor is not marked
}

// NewTable makes a table in natural order.
func NewTable(cols ...Column) *Table { return &Table{Cols: cols, sort: -1, shown: 10} }

// SetRows takes new data: the cursor stays on its row, or where it was.
func (t *Table) SetRows(rows Rows) {
	t.rows = rows
	t.arrange()
}

func (t *Table) arrange() {
	if t.rows == nil {
		return
	}
	n := t.rows.Len()
	t.stale = true
	t.view = t.view[:0]
	for i := range n {
		if len(t.terms) == 0 || t.rows.Match(i, t.terms) {
			t.view = append(t.view, i)
		}
	}
	if t.sort >= 0 {
		slices.SortStableFunc(t.view, func(a, b int) int {
			if t.desc {
				a, b = b, a
			}
			switch {
			case t.rows.Less(t.sort, a, b):
				return -1
			case t.rows.Less(t.sort, b, a):
				return 1
			}
			return 0
		})
	}
	t.seek()
}

// seek puts the cursor back on the row it was on.
func (t *Table) seek() {
	if t.at < len(t.view) && t.rows.ID(t.view[t.at]) == t.id {
		return
	}
	for i, r := range t.view {
		if t.rows.ID(r) == t.id {
			t.at = i
			return
		}
	}
	t.at = max(0, min(t.at, len(t.view)-1))
	if len(t.view) > 0 && t.id == "" {
		t.id = t.rows.ID(t.view[t.at])
	}
}

// Len is the number of rows shown, Total of all rows.
func (t *Table) Len() int { return len(t.view) }

// Total is the number of rows without the filter.
func (t *Table) Total() int {
	if t.rows == nil {
		return 0
	}
	return t.rows.Len()
}

// Row is the row under the cursor; false when there is none.
func (t *Table) Row() (int, bool) {
	if t.at < 0 || t.at >= len(t.view) {
		return 0, false
	}
	return t.view[t.at], true
}

// ID is the id of the row under the cursor, "" when there is none.
func (t *Table) ID() string {
	if r, ok := t.Row(); ok {
		return t.rows.ID(r)
	}
	return ""
}

// Select puts the cursor on the row with that id, now or when it appears.
func (t *Table) Select(id string) {
	t.id = id
	if t.rows != nil {
		t.seek()
	}
}

// Move moves the cursor by n rows; false when it is at the end already.
func (t *Table) Move(n int) bool { return t.jump(t.at + n) }

// Page moves by n screens.
func (t *Table) Page(n int) bool { return t.jump(t.at + n*max(1, t.shown-1)) }

// Home goes to the first row.
func (t *Table) Home() bool { return t.jump(0) }

// End goes to the last row.
func (t *Table) End() bool { return t.jump(len(t.view) - 1) }

func (t *Table) jump(to int) bool {
	to = max(0, min(to, len(t.view)-1))
	if to == t.at || len(t.view) == 0 {
		return false
	}
	t.at = to
	t.id = t.rows.ID(t.view[to])
	return true
}

// Filter shows only rows that have all the words.
func (t *Table) Filter(query string) {
	t.query = query
	t.terms = strings.Fields(strings.ToLower(query))
	t.arrange()
	if t.at >= 0 && t.at < len(t.view) {
		t.id = t.rows.ID(t.view[t.at])
	}
}

// Query is the filter as it was typed.
func (t *Table) Query() string { return t.query }

// SortBy orders by a column, -1 = natural order.
func (t *Table) SortBy(col int, desc bool) {
	if col >= len(t.Cols) {
		col = -1
	}
	t.sort, t.desc = col, desc
	t.arrange()
}

// Sort is the order now.
func (t *Table) Sort() (col int, desc bool) { return t.sort, t.desc }

// Mark marks or unmarks the row under the cursor and moves on.
func (t *Table) Mark() {
	id := t.ID()
	if id == "" {
		return
	}
	if t.marks == nil {
		t.marks = map[string]bool{}
	}
	t.stale = true
	if t.marks[id] {
		delete(t.marks, id)
	} else {
		t.marks[id] = true
	}
	t.Move(1)
}

// MarkAll marks all rows shown, or unmarks them if all are.
func (t *Table) MarkAll() {
	t.stale = true
	all := len(t.view) > 0
	for _, r := range t.view {
		all = all && t.marks[t.rows.ID(r)]
	}
	if t.marks == nil {
		t.marks = map[string]bool{}
	}
	for _, r := range t.view {
		if id := t.rows.ID(r); all {
			delete(t.marks, id)
		} else {
			t.marks[id] = true
		}
	}
}

// Marked lists the marked ids that still exist, in natural order; hidden counts
// those the filter hides.
func (t *Table) Marked() (ids []string, hidden int) {
	if len(t.marks) == 0 || t.rows == nil {
		return nil, 0
	}
	if !t.stale {
		return t.found, t.veil
	}
	t.index = t.index[:0]
	for i := range t.rows.Len() {
		if id := t.rows.ID(i); t.marks[id] {
			ids = append(ids, id)
			t.index = append(t.index, i)
			if len(t.terms) > 0 && !t.rows.Match(i, t.terms) {
				hidden++
			}
		}
	}
	t.found, t.veil, t.stale = ids, hidden, false
	return ids, hidden
}

// MarkedRows are the rows of Marked, good until the next change.
func (t *Table) MarkedRows() []int {
	if ids, _ := t.Marked(); len(ids) == 0 {
		return nil
	}
	return t.index
}

// Unmark forgets the marks of these rows, or all if none is given.
func (t *Table) Unmark(ids ...string) {
	if len(ids) == 0 {
		clear(t.marks)
	}
	for _, id := range ids {
		delete(t.marks, id)
	}
	t.stale = true
}

// lead is what stands before the first column: mark, cursor bar.
const lead = 3

// gap is the space between columns.
const gap = 2

// Widths says how wide each column is on a line of w cells; 0 = dropped. It
// depends on w alone.
func (t *Table) Widths(w int) []int {
	if t.forW == w && t.width != nil {
		return t.width
	}
	width := make([]int, len(t.Cols))
	free := w - lead - 1 // the last cell stays free
	for i, c := range t.Cols {
		width[i] = c.Width
		free -= c.Width + gap
	}
	free += gap
	for free < 0 {
		worst := -1
		for i, c := range t.Cols {
			if width[i] > 0 && c.Drop > 0 && (worst < 0 || c.Drop > t.Cols[worst].Drop) {
				worst = i
			}
		}
		if worst < 0 {
			break
		}
		free += width[worst] + gap
		width[worst] = 0
	}
	flex := 0
	for i, c := range t.Cols {
		if c.Flex && width[i] > 0 {
			flex++
		}
	}
	for i, c := range t.Cols {
		if c.Flex && width[i] > 0 {
			share := free / flex
			if free < 0 {
				share = free
			}
			if c.Most > 0 {
				share = min(share, c.Most-width[i])
			}
			width[i] = max(1, width[i]+share)
			free -= share
			flex--
		}
	}
	t.width, t.forW = width, w
	return width
}

// Header draws the titles of the columns, with an arrow at the one that orders.
func (t *Table) Header(th *Theme, w int) string {
	width := t.Widths(w)
	l := th.NewLine(w)
	l.Space(lead)
	first := true
	for i, c := range t.Cols {
		if width[i] == 0 {
			continue
		}
		if !first {
			l.Space(gap)
		}
		first = false
		title := c.Title
		if i == t.sort {
			if t.desc {
				title += " " + Down
			} else {
				title += " " + Up
			}
		}
		role := Muted
		if i == t.sort {
			role = Heading
		}
		if c.Right {
			l.Right(role, title, width[i])
		} else {
			l.Cell(role, title, width[i])
		}
	}
	return l.String()
}

// Lines draws at most h rows; the one under the cursor is always among them.
func (t *Table) Lines(th *Theme, w, h int) []string {
	if h <= 0 {
		return nil
	}
	t.shown = h
	if t.at < t.top {
		t.top = t.at
	}
	if t.at >= t.top+h {
		t.top = t.at - h + 1
	}
	t.top = max(0, min(t.top, len(t.view)-h))
	width := t.Widths(w)
	out := make([]string, 0, h)
	l := th.NewLine(w)
	for i := t.top; i < len(t.view) && len(out) < h; i++ {
		l.Reset(w)
		t.row(l, width, t.view[i], i == t.at && !t.Quiet)
		out = append(out, l.String())
	}
	return out
}

func (t *Table) row(l *Line, width []int, row int, selected bool) {
	l.Space(1)
	if len(t.marks) > 0 && t.marks[t.rows.ID(row)] {
		l.Add(OK, Check)
	} else {
		l.Space(1)
	}
	if selected {
		l.Add(Accent, Bar)
	} else {
		l.Space(1)
	}
	first := true
	for i := 0; i < len(t.Cols); i++ {
		if width[i] == 0 {
			continue
		}
		if !first {
			l.Space(gap)
		}
		first = false
		if t.Cols[i].Joins {
			last, total := i, width[i]
			for j := i + 1; j < len(t.Cols) && t.Cols[j].Joins; j++ {
				if width[j] > 0 {
					last, total = j, total+gap+width[j]
				}
			}
			start := l.W()
			if t.rows.Joined(l, row, total) {
				l.To(start + total)
				i = last
				continue
			}
		}
		start := l.W()
		t.rows.Cell(l, row, i, width[i], selected)
		l.To(start + width[i])
	}
}

// Reflow makes changed columns count.
func (t *Table) Reflow() { t.width = nil }
