package ui

import (
	"fmt"
	"strings"
	"testing"

	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"
)

// words are rows of a name and a number.
type words []string

func (w words) Len() int                    { return len(w) }
func (w words) ID(i int) string             { return w[i] }
func (w words) Less(_, i, j int) bool       { return w[i] < w[j] }
func (w words) Joined(*Line, int, int) bool { return false }
func (w words) Match(i int, terms []string) bool {
	for _, t := range terms {
		if !strings.Contains(w[i], t) {
			return false
		}
	}
	return true
}
func (w words) Cell(l *Line, i, col, width int, selected bool) {
	if col == 0 {
		l.Cell(Text, w[i], width)
	} else {
		l.Right(Text, fmt.Sprint(len(w[i])), width)
	}
}

func fruit() *Table {
	t := NewTable(Column{Title: "NAME", Width: 8, Flex: true, Sorts: true}, Column{Title: "LEN", Width: 4, Right: true, Drop: 1}, Column{Title: "MORE", Width: 10, Drop: 2})
	t.SetRows(words{"pear", "apple", "fig", "plum"})
	return t
}

func TestTableKeepsItsRow(t *testing.T) {
	tb := fruit()
	tb.Move(2)
	if tb.ID() != "fig" {
		t.Fatalf("on %s", tb.ID())
	}
	tb.SetRows(words{"apple", "banana", "cherry", "fig"})
	if tb.ID() != "fig" {
		t.Errorf("new rows moved the cursor to %s", tb.ID())
	}
	tb.SetRows(words{"apple"})
	if tb.ID() != "apple" {
		t.Errorf("the row is gone and the cursor on %q", tb.ID())
	}
	tb.SetRows(words{})
	if tb.ID() != "" || tb.Move(1) || tb.Home() || tb.End() {
		t.Error("an empty table has a cursor")
	}
}

func TestTableOrdersAndFilters(t *testing.T) {
	tb := fruit()
	tb.SortBy(0, false)
	if got := shown(tb); got != "apple fig pear plum" {
		t.Errorf("upwards: %s", got)
	}
	tb.SortBy(0, true)
	if got := shown(tb); got != "plum pear fig apple" {
		t.Errorf("downwards: %s", got)
	}
	tb.SortBy(-1, false)
	tb.Filter("p l")
	if got := shown(tb); got != "apple plum" || tb.Len() != 2 || tb.Total() != 4 {
		t.Errorf("filtered: %s", got)
	}
	tb.Filter("zzz")
	if _, ok := tb.Row(); ok {
		t.Error("nothing matches, but there is a row")
	}
	tb.Filter("")
	if tb.Len() != 4 {
		t.Error("the filter stays")
	}
}

func shown(t *Table) string {
	var s []string
	for _, l := range t.Lines(NewTheme(colorprofile.NoTTY, true, false), 60, 20) {
		s = append(s, strings.Fields(strings.NewReplacer(Bar, " ", Check, " ").Replace(ansi.Strip(l)))[0])
	}
	return strings.Join(s, " ")
}

func TestTableMarks(t *testing.T) {
	tb := fruit()
	tb.Mark()
	tb.Mark()
	ids, _ := tb.Marked()
	if strings.Join(ids, " ") != "pear apple" {
		t.Errorf("marked %v", ids)
	}
	tb.Filter("pear")
	if _, hidden := tb.Marked(); hidden != 1 {
		t.Errorf("%d marks hidden by the filter", hidden)
	}
	tb.Filter("")
	tb.MarkAll()
	if ids, _ := tb.Marked(); len(ids) != 4 {
		t.Errorf("all: %v", ids)
	}
	tb.MarkAll()
	if ids, _ := tb.Marked(); len(ids) != 0 {
		t.Errorf("all again: %v", ids)
	}
}

func TestTableDropsColumns(t *testing.T) {
	tb := fruit()
	for w, want := range map[int]string{60: "NAME LEN MORE", 28: "NAME LEN", 18: "NAME LEN", 17: "NAME", 8: "NAME"} {
		if got := strings.Join(strings.Fields(tb.Header(NewTheme(colorprofile.NoTTY, true, false), w)), " "); got != want {
			t.Errorf("%d cells: %s, want %s", w, got, want)
		}
	}
}

func TestTableScrolls(t *testing.T) {
	tb := NewTable(Column{Title: "N", Width: 6, Flex: true})
	var rows words
	for i := range 100 {
		rows = append(rows, fmt.Sprintf("row%02d", i))
	}
	tb.SetRows(rows)
	for _, step := range []func() bool{tb.End, tb.Home, func() bool { return tb.Move(50) }, func() bool { return tb.Page(1) }, func() bool { return tb.Page(-2) }} {
		step()
		lines := tb.Lines(NewTheme(colorprofile.NoTTY, true, false), 20, 7)
		if len(lines) != 7 || !strings.Contains(strings.Join(lines, "\n"), Bar) || !strings.Contains(strings.Join(lines, "\n"), tb.ID()) {
			t.Errorf("on %s, shown %q", tb.ID(), lines)
		}
	}
}

func TestInputEdits(t *testing.T) {
	for _, x := range []struct {
		keys string
		want string
	}{
		{"left left X", "heXllo"[:2] + "X" + "lo"}, {"home X", "Xhelo"}, {"ctrl+a delete", "elo"}, {"backspace", "hel"}, {"ctrl+u", ""}, {"left ctrl+k", "hel"}, {"ctrl+w", ""}, {"ctrl+a right X ctrl+e Y", "hXeloY"},
	} {
		var in Input
		in.Set("helo")
		for _, k := range strings.Fields(x.keys) {
			text := ""
			if len(k) == 1 {
				text = k
			}
			in.Key(k, text)
		}
		if in.Value() != x.want {
			t.Errorf("%s: %q, want %q", x.keys, in.Value(), x.want)
		}
	}
	var in Input
	in.Insert("a\nb\x1b[31m\u202e")
	if strings.ContainsAny(in.Value(), "\n\x1b\u202e") {
		t.Errorf("pasted %q", in.Value())
	}
	in = Input{Max: 3}
	in.Insert("abcdef")
	if in.Value() != "abc" || in.Key("x", "x") {
		t.Errorf("Max lets %q in", in.Value())
	}
}

func TestInputShowsItsCursor(t *testing.T) {
	in := Input{Secret: true}
	in.Set("hunter2")
	l := NewTheme(colorprofile.NoTTY, true, false).NewLine(5)
	at := in.Draw(l, Text, 5)
	if got := l.String(); strings.Contains(got, "h") || at >= 5 || at < 0 {
		t.Errorf("%q, cursor %d", got, at)
	}
}

func TestFormFoldsAndFocus(t *testing.T) {
	f := &Form{Fields: []*Field{{Key: "a"}, {Key: "fold", Kind: FoldField}, {Key: "b"}, {Key: "n", Kind: NumberField}, {Key: "go", Kind: ButtonField}}}
	f.Open()
	f.Key("tab", "")
	f.Key("tab", "")
	if f.Focus().Key != "go" {
		t.Errorf("tab goes to %s, into what is folded", f.Focus().Key)
	}
	f.Go("n")
	if f.Field("n").Hidden {
		t.Error("the focus is hidden")
	}
	if used, _, _ := f.Key("x", "x"); used {
		t.Error("a number takes letters")
	}
	if _, changed, _ := f.Key("7", "7"); !changed || f.Focus().Value() != "7" {
		t.Error("a number takes no digit")
	}
	f.Key("enter", "")
	if _, _, pressed := f.Key("enter", ""); pressed != "go" {
		t.Error("enter does not press the button")
	}
}

// TestFormFits: at any size the field with the focus is in view.
func TestFormFits(t *testing.T) {
	f := &Form{}
	for i := range 20 {
		f.Fields = append(f.Fields, &Field{Key: fmt.Sprint(i), Label: fmt.Sprint("field ", i), Problem: "something is wrong with it", Hint: "do something"})
	}
	th := NewTheme(colorprofile.ANSI256, true, false)
	for _, w := range []int{20, 30, 60, 120} {
		for _, h := range []int{3, 7, 30} {
			for i := range 20 {
				f.Go(fmt.Sprint(i))
				lines, _, cy := f.Lines(th, w, h, 0)
				if len(lines) > h || cy < 0 || cy >= len(lines) || !strings.Contains(ansi.Strip(lines[cy]), fmt.Sprint("field ", i)[:min(7, w/2-1)]) {
					t.Fatalf("%dx%d field %d: cursor row %d of %d", w, h, i, cy, len(lines))
				}
				for _, l := range lines {
					if ansi.StringWidth(l) > w {
						t.Fatalf("%d cells in %d: %q", ansi.StringWidth(l), w, ansi.Strip(l))
					}
				}
			}
		}
	}
}

func TestLogFollows(t *testing.T) {
	g := NewLog()
	g.Limit = 50
	add := func(n int) {
		for i := range n {
			g.Append(LogLine{Text: fmt.Sprint("line ", i)})
		}
	}
	th := NewTheme(colorprofile.NoTTY, true, false)
	last := func() string {
		lines := g.Lines(th, 40, 5)
		for i := len(lines) - 1; i >= 0; i-- {
			if lines[i] != "" {
				return strings.TrimSpace(ansi.Strip(lines[i]))
			}
		}
		return ""
	}
	add(20)
	if last() != "line 19" {
		t.Errorf("last is %q", last())
	}
	g.Move(-3)
	if on, _ := g.Following(); on || last() != "line 16" {
		t.Errorf("scrolled up: %q", last())
	}
	add(4)
	if _, behind := g.Following(); behind != 4 || last() != "line 16" {
		t.Errorf("%d behind, %q", behind, last())
	}
	g.End()
	if on, _ := g.Following(); !on || last() != "line 3" {
		t.Errorf("end: %q", last())
	}
	g.Search("line 7")
	if g.Matches() != 1 || !g.Next(-1) || last() != "line 7" || g.Next(-1) {
		t.Errorf("search: %q, %d", last(), g.Matches())
	}
	add(100)
	if g.Len() != 50 {
		t.Errorf("%d lines kept", g.Len())
	}
}

func TestMenuScrolls(t *testing.T) {
	m := Menu{Empty: "nothing"}
	if lines, _ := m.Lines(NewTheme(colorprofile.NoTTY, true, false), 30, 5); !strings.Contains(lines[0], "nothing") {
		t.Error("an empty menu says nothing")
	}
	for i := range 30 {
		m.Items = append(m.Items, Item{Label: fmt.Sprint("item", i), Detail: "what it is", Key: "k"})
	}
	for range 40 {
		m.Move(1)
		lines, _ := m.Lines(NewTheme(colorprofile.NoTTY, true, false), 30, 5)
		if len(lines) != 5 || !strings.Contains(strings.Join(lines, ""), Bar) {
			t.Fatalf("%q", lines)
		}
	}
}

// TestPlace: a box covers its cells and nothing else, whatever lies under it.
func TestPlace(t *testing.T) {
	th := NewTheme(colorprofile.ANSI256, true, false)
	frame := []string{th.NewLine(20).Add(OK, "aaaaaaaaaaaaaaaaaaaa").String(), "日本語日本語日本語日", "short", ""}
	box := Box(th, "t", []string{"in"}, 8)
	Place(frame, append(box, box[0]), 5, 0, 8, 20)
	for i, l := range frame {
		if w := ansi.StringWidth(l); w > 20 {
			t.Errorf("line %d is %d cells: %q", i, w, l)
		}
		if cut := ansi.Cut(l, 5, 13); ansi.Strip(cut) == "" {
			t.Errorf("line %d lost the box: %q", i, l)
		}
	}
	if got := ansi.Strip(frame[0]); got != "aaaaa┌─ t ──┐aaaaaaa" {
		t.Errorf("%q", got)
	}
}
