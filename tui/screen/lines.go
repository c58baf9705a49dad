package screen

import (
	"bytes"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/charmbracelet/colorprofile"
	uv "github.com/charmbracelet/ultraviolet"
	"github.com/charmbracelet/x/ansi"
)

// lines draws views. Its memory is the text of the last one, a line each; cells
// exist only while two lines are compared.
//
// What it writes never depends on where the cursor is or what colour the pen
// has: every line is addressed absolutely and leaves the pen reset.
type lines struct {
	size    Size
	profile colorprofile.Profile
	method  ansi.Method // width of clusters; GraphemeWidth once mode 2027 is on
	last    []string
	valid   bool // last is what the terminal shows
}

// scratch is what comparing two lines takes. Sessions share them.
type scratch struct{ old, new uv.ScreenBuffer }

var scratches = sync.Pool{New: func() any {
	return &scratch{old: uv.NewScreenBuffer(80, 1), new: uv.NewScreenBuffer(80, 1)}
}}

// forget makes the next draw paint everything.
func (l *lines) forget() { l.valid = false }

// become changes what the terminal is like; any change paints everything.
func (l *lines) become(size Size, p colorprofile.Profile, m ansi.Method) {
	if size != l.size || p != l.profile || m != l.method {
		l.size, l.profile, l.method, l.valid = size, p, m, false
	}
}

// draw appends to out what turns the last frame into content, the shortest way
// it knows.
func (l *lines) draw(out *bytes.Buffer, content string) {
	next := split(content, l.size.Height)
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)
	if s.old.Width() != l.size.Width {
		s.old.Resize(l.size.Width, 1)
		s.new.Resize(l.size.Width, 1)
	}
	s.old.Method, s.new.Method = l.method, l.method
	var ways []region
	if l.valid {
		ways = l.regions(next)
	} else {
		out.WriteString("\x1b[m\x1b[H\x1b[2J")
		l.last = make([]string, l.size.Height)
		l.valid = true
	}
	start := out.Len()
	if len(ways) == 0 {
		l.paint(out, s, l.last, next)
	}
	for i, way := range ways {
		from := out.Len()
		l.paint(out, s, way.scroll(out, l.last), next)
		if i > 0 { // two ways stand there: the longer one goes
			first, second := out.Bytes()[start:from], out.Bytes()[from:]
			if len(second) < len(first) {
				copy(first, second)
			}
			out.Truncate(start + min(len(first), len(second)))
		}
	}
	l.last = next
}

// paint writes what turns the lines last into next.
func (l *lines) paint(out *bytes.Buffer, s *scratch, last, next []string) {
	for y := range next {
		if next[y] != last[y] {
			l.line(out, y, cells(&s.old, last[y]), cells(&s.new, next[y]))
		}
	}
}

// split cuts content into exactly h lines.
func split(content string, h int) []string {
	ls := make([]string, h)
	for i := range ls {
		var line string
		line, content, _ = strings.Cut(content, "\n")
		ls[i] = strings.TrimSuffix(line, "\r")
	}
	return ls
}

// cells parses a line into b.
func cells(b *uv.ScreenBuffer, s string) uv.Line {
	uv.NewStyledString(s).Draw(*b, b.Bounds())
	return b.Line(0)
}

// end is the number of cells up to the last one that is not plain blank.
func end(l uv.Line) int {
	n := len(l)
	for n > 0 && blank(&l[n-1]) {
		n--
	}
	return n
}

// blank reports whether a cell looks as erasing leaves it. The second half of a
// wide character is no blank.
func blank(c *uv.Cell) bool {
	return (c.Content == " " || c.Content == "" && c.Width == 1) && c.Width <= 1 && c.Style.IsZero() && c.Link.IsZero()
}

// odd reports whether terminals may disagree about the width of a cell.
func odd(c *uv.Cell) bool {
	return len(c.Content) > 1 && (c.Width != 1 || utf8.RuneCountInString(c.Content) > 1)
}

// line writes what turns one line into another.
func (l *lines) line(out *bytes.Buffer, y int, old, new uv.Line) {
	was, is := end(old), end(new)
	p := pen{out: out, profile: l.profile, width: l.size.Width, y: y, x: unknown}
	for x := range max(was, is) {
		if odd(&old[x]) || odd(&new[x]) {
			p.whole(new[:is])
			return
		}
	}
	for x := range is {
		if old[x].Equal(&new[x]) {
			continue
		}
		if p.x >= 0 && x > p.x && x-p.x <= 4 { // writing it again is shorter than moving
			for gap := p.x; gap < x; gap++ {
				p.put(gap, &new[gap])
			}
		}
		p.put(x, &new[x])
	}
	p.lift()
	if was > is {
		p.move(is)
		out.WriteString("\x1b[K")
	}
}

const unknown = -1 // column of a cursor that may be anywhere

// pen writes cells of one line.
type pen struct {
	out     *bytes.Buffer
	profile colorprofile.Profile
	width   int
	y, x    int  // x may be unknown
	here    bool // the cursor is known to be on line y
	style   uv.Style
	link    uv.Link
}

// move puts the cursor on column x.
func (p *pen) move(x int) {
	switch {
	case p.x == x:
		return
	case p.here:
		p.out.WriteString("\x1b[" + strconv.Itoa(x+1) + "G")
	default:
		p.out.WriteString("\x1b[" + strconv.Itoa(p.y+1) + ";" + strconv.Itoa(x+1) + "H")
	}
	p.x, p.here = x, true
}

// put writes one cell.
func (p *pen) put(x int, c *uv.Cell) {
	p.move(x)
	style, link := uv.ConvertStyle(c.Style, p.profile), c.Link
	if blank(c) && inkOnly(&p.style) {
		style = p.style // changing the ink and back is longer, and cannot be seen
	}
	if p.profile <= colorprofile.ASCII || link.URL != printable(link.URL) || link.Params != printable(link.Params) {
		link = uv.Link{}
	}
	if !style.Equal(&p.style) {
		p.out.WriteString(uv.StyleDiff(&p.style, &style))
		p.style = style
	}
	if link != p.link {
		p.out.WriteString(ansi.SetHyperlink(link.URL, link.Params))
		p.link = link
	}
	p.out.WriteString(text(c))
	p.x = x + max(c.Width, 1)
	if p.x >= p.width || odd(c) {
		p.x = unknown // beyond the last column, or wherever the terminal thinks
	}
}

// inkOnly reports whether a blank written in this style looks as any other.
func inkOnly(s *uv.Style) bool {
	return s.Bg == nil && s.Underline == uv.UnderlineNone && s.Attrs&^(uv.AttrBold|uv.AttrFaint|uv.AttrItalic) == 0
}

// lift resets the pen.
func (p *pen) lift() {
	if p.link != (uv.Link{}) {
		p.out.WriteString(ansi.ResetHyperlink())
		p.link = uv.Link{}
	}
	if !p.style.IsZero() {
		p.out.WriteString("\x1b[m")
		p.style = uv.Style{}
	}
}

// whole repaints a line with cells whose width the terminal may count
// differently: nothing wraps meanwhile, and every such cell is followed by an
// absolute column. The last column needs wrapping, or a combining mark would
// land on the column before.
func (p *pen) whole(cells uv.Line) {
	p.out.WriteString("\x1b[?7l\x1b[" + strconv.Itoa(p.y+1) + "H\x1b[2K")
	p.x, p.here = 0, true
	wrap := false
	for x := range cells {
		c := &cells[x]
		if c.Width == 0 && c.Content == "" {
			continue // the second half of a wide character
		}
		p.move(x)
		if x == p.width-1 {
			p.out.WriteString("\x1b[?7h")
			wrap = true
		}
		p.put(x, c)
	}
	if !wrap {
		p.out.WriteString("\x1b[?7h")
	}
	p.lift()
}

// text is what a cell shows. Views hold clean text, so a cell with a control
// character in it is somebody's attempt to reach the terminal.
func text(c *uv.Cell) string {
	if c.Content == "" {
		return " "
	}
	if len(c.Content) == 1 && c.Content[0] >= ' ' && c.Content[0] < 0x7f {
		return c.Content
	}
	for _, r := range c.Content {
		if control(r) {
			return strings.Repeat("?", max(c.Width, 1))
		}
	}
	return c.Content
}
