package cli

import (
	"io"
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"proximity/core"
)

// column is one column of a table.
type column struct {
	title string
	right bool // aligned: numbers
	drop  int  // the highest goes first where the terminal is narrow; 0 = stays
}

// table lines up cells by their width on a terminal. Every cell is made safe.
type table struct {
	columns []column
	rows    [][]string
}

func (t *table) add(cells ...string) {
	for i, c := range cells {
		cells[i] = core.SafeText(c, 0)
	}
	t.rows = append(t.rows, cells)
}

const gap = 2

// write prints the table; width 0 = any. What does not fit loses columns, then
// the end of its widest cells.
func (t *table) write(w io.Writer, width int) error {
	show, widths := t.fit(width)
	var b strings.Builder
	line := func(cell func(i int) string) {
		var l strings.Builder
		for n, i := range show {
			s := ansi.Truncate(cell(i), widths[i], "…")
			pad := strings.Repeat(" ", widths[i]-ansi.StringWidth(s))
			if n > 0 {
				l.WriteString(strings.Repeat(" ", gap))
			}
			if t.columns[i].right {
				l.WriteString(pad + s)
			} else {
				l.WriteString(s + pad)
			}
		}
		b.WriteString(strings.TrimRight(l.String(), " ") + "\n")
	}
	line(func(i int) string { return t.columns[i].title })
	for _, row := range t.rows {
		line(func(i int) string { return row[i] })
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// fit chooses the columns to show and their widths in cells.
func (t *table) fit(width int) (show []int, widths []int) {
	widths = make([]int, len(t.columns))
	for i, c := range t.columns {
		widths[i] = ansi.StringWidth(c.title)
		for _, row := range t.rows {
			widths[i] = max(widths[i], ansi.StringWidth(row[i]))
		}
		show = append(show, i)
	}
	total := func() int {
		sum := gap * (len(show) - 1)
		for _, i := range show {
			sum += widths[i]
		}
		return sum
	}
	for width > 0 && total() > width {
		first := slices.MaxFunc(show, func(a, b int) int { return t.columns[a].drop - t.columns[b].drop })
		if t.columns[first].drop == 0 {
			break
		}
		show = slices.DeleteFunc(show, func(i int) bool { return i == first })
	}
	for width > 0 && total() > width {
		widest := slices.MaxFunc(show, func(a, b int) int { return widths[a] - widths[b] })
		if widths[widest] <= 6 {
			break // narrower is of no use to anybody
		}
		widths[widest]--
	}
	return show, widths
}
