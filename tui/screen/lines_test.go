package screen

import (
	"bytes"
	"fmt"
	"math/rand"
	"strings"
	"testing"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/colorprofile"
	uv "github.com/charmbracelet/ultraviolet"
	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/vt"
)

// A picture draws random frames from an alphabet.
type picture struct {
	*rand.Rand
	words []string
	w, h  int
	lines []string
}

var alphabets = map[string][]string{
	"ascii": {"web-00001", "running", "stopped", " ", "   ", "pve1", "12%", "x", "A long description of an app"},
	"cjk":   {"日本語", "中文", "한국어", "ｆｕｌｌ", "データ"},
	"emoji": {"👍", "🚀", "✅", "⚠", "🔥"},
	"comb":  {"e\u0301", "n\u0303o", "a\u0308\u0301"},
	"hard":  {"👨\u200d👩\u200d👧\u200d👦", "🇩🇪", "❤\ufe0f", "👍🏽", "กำ", "☁\ufe0f"},
}

func alphabet(names ...string) (words []string) {
	for _, n := range names {
		words = append(words, alphabets[n]...)
	}
	return words
}

func (p *picture) word() string {
	s := p.words[p.Intn(len(p.words))]
	if p.Intn(3) == 0 {
		s += strings.Repeat(" ", p.Intn(10))
	}
	return p.styled(s)
}

func (p *picture) styled(s string) string {
	st := lipgloss.NewStyle()
	switch p.Intn(7) {
	case 0, 1, 2:
		return s
	case 3:
		st = st.Bold(true).Foreground(lipgloss.Color(fmt.Sprint(p.Intn(256))))
	case 4:
		st = st.Background(lipgloss.Color(fmt.Sprintf("#%06x", p.Intn(1<<24)))).Italic(p.Intn(2) == 0)
	case 5:
		if !isASCII(s) { // lipgloss underlines rune by rune and tears clusters apart
			return st.Reverse(true).Render(s)
		}
		st = st.Underline(true).Reverse(p.Intn(2) == 0).Strikethrough(p.Intn(2) == 0)
	case 6:
		st = st.Hyperlink("https://example.org/" + fmt.Sprint(p.Intn(9)))
	}
	return st.Render(s)
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r > 0x7e }) < 0
}

func (p *picture) line() string {
	if p.Intn(8) == 0 {
		return ""
	}
	var b strings.Builder
	for n := p.Intn(12); n >= 0; n-- {
		b.WriteString(p.word())
	}
	if p.Intn(4) == 0 { // exactly full
		s := ansi.Truncate(b.String(), p.w, "")
		return s + strings.Repeat(string("x "[p.Intn(2)]), max(0, p.w-ansi.StringWidth(s)))
	}
	return b.String()
}

// change changes the picture the way screens change.
func (p *picture) change() {
	for len(p.lines) < p.h {
		p.lines = append(p.lines, p.line())
	}
	p.lines = append([]string(nil), p.lines[:p.h]...)
	ls := p.lines
	switch p.Intn(8) {
	case 0: // another page
		for i := range ls {
			ls[i] = p.line()
		}
	case 1, 2, 3: // some lines
		for range 1 + p.Intn(3) {
			ls[p.Intn(p.h)] = p.line()
		}
	case 4, 5: // a block scrolls
		from := p.Intn(p.h)
		block := ls[from : from+1+p.Intn(p.h-from)]
		n := 1 + p.Intn(3)
		if len(block) <= n {
			return
		}
		fresh := block[:n]
		if p.Intn(2) == 0 {
			copy(block, block[n:])
			fresh = block[len(block)-n:]
		} else {
			copy(block[n:], append([]string(nil), block...))
		}
		for i := range fresh {
			fresh[i] = p.line()
		}
	case 6: // a letter
		i := p.Intn(p.h)
		ls[i] = strings.Replace(ls[i], "r", "R", 1) + p.styled("!")
	case 7: // blocks change places
		k := p.Intn(p.h)
		p.lines = append(append([]string(nil), ls[k:]...), ls[:k]...)
	}
}

// seen is what a person can see of a cell: the text's colour of a blank is not.
func seen(c *uv.Cell) (string, uv.Style, string) {
	if c == nil || c.Content == "" {
		return " ", uv.Style{}, ""
	}
	st := c.Style
	if strings.TrimSpace(c.Content) == "" && st.Attrs&(uv.AttrReverse|uv.AttrStrikethrough) == 0 && st.Underline == 0 {
		st = uv.Style{Bg: st.Bg}
	}
	return c.Content, st, c.Link.URL
}

type grid interface{ CellAt(x, y int) *uv.Cell }

// unlike describes the first cell of two grids that looks different.
func unlike(want, got grid, w, h int) string {
	for y := range h {
		for x := range w {
			a := want.CellAt(x, y)
			if a != nil && a.Width == 0 && a.Content == "" {
				continue // the second half of a wide character
			}
			text, style, url := seen(a)
			gotText, gotStyle, gotURL := seen(got.CellAt(x, y))
			if text != gotText || !style.Equal(&gotStyle) || url != gotURL {
				return fmt.Sprintf("line %d column %d: want %q %+v %s, got %q %+v %s", y, x, text, style, url, gotText, gotStyle, gotURL)
			}
		}
	}
	return ""
}

// After any series of changes the terminal shows what the newest view says, as
// an independent terminal emulator sees it.
func TestTheTerminalShowsTheView(t *testing.T) {
	for _, set := range []struct {
		name  string
		words []string
	}{
		{"ascii", alphabet("ascii")},
		{"wide", alphabet("ascii", "ascii", "cjk", "emoji", "comb")},
		{"hard", alphabet("ascii", "ascii", "cjk", "emoji", "comb", "hard")},
	} {
		for name, method := range map[string]ansi.Method{"graphemes": ansi.GraphemeWidth, "wcwidth": ansi.WcWidth} {
			t.Run(set.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				p := &picture{Rand: rand.New(rand.NewSource(7)), words: set.words, w: 80, h: 24}
				l := lines{}
				open := "\x1b[?1049h"
				if method == ansi.GraphemeWidth {
					open += "\x1b[?2027h"
				}
				term := vt.NewEmulator(p.w, p.h)
				_, _ = term.WriteString(open)
				updates := 2000
				if method == ansi.WcWidth {
					updates = 400 // each needs a terminal of its own
				}
				if testing.Short() {
					updates /= 10
				}
				for i := range updates {
					if p.Intn(20) == 0 {
						p.w, p.h = 20+p.Intn(120), 5+p.Intn(45)
						term.Resize(p.w, p.h)
					}
					p.change()
					content := strings.Join(p.lines, "\n")
					l.become(Size{p.w, p.h}, colorprofile.TrueColor, method)
					var out bytes.Buffer
					l.draw(&out, content)
					_, _ = term.Write(out.Bytes())

					var want grid
					if method == ansi.GraphemeWidth {
						b := uv.NewScreenBuffer(p.w, p.h)
						b.Method = method
						uv.NewStyledString(content).Draw(b, b.Bounds())
						want = b
					} else {
						// This terminal counts differently; then a changed frame must
						// at least look like the same frame painted at once.
						e := vt.NewEmulator(p.w, p.h)
						_, _ = e.WriteString(open)
						full := lines{size: Size{p.w, p.h}, profile: colorprofile.TrueColor, method: method}
						var all bytes.Buffer
						full.draw(&all, content)
						_, _ = e.Write(all.Bytes())
						want = e
					}
					if diff := unlike(want, term, p.w, p.h); diff != "" {
						t.Fatalf("update %d, %dx%d: %s\nbytes %.600q", i, p.w, p.h, diff, out.String())
					}
				}
			})
		}
	}
}

// The bytes of every kind of change, so that a change of them is a decision.
func TestBytesOfEachChange(t *testing.T) {
	ten := func(from int) string {
		var b strings.Builder
		for i := range 10 {
			fmt.Fprintf(&b, "line %d\n", from+i)
		}
		return b.String()
	}
	bold := lipgloss.NewStyle().Bold(true)
	red := lipgloss.NewStyle().Foreground(lipgloss.Color("#ff0000"))
	link := lipgloss.NewStyle().Hyperlink("https://example.org")
	for _, c := range []struct {
		name, from, to, want string
		profile              colorprofile.Profile
	}{
		{"nothing", "a\nb", "a\nb", "", 0},
		{"one cell", "status: up", "status: UP", "\x1b[1;9HUP", 0},
		{"a short gap is bridged", "a----b", "c----d", "\x1b[1;1Hc----d", 0},
		{"a long gap is jumped", "a---------b", "c---------d", "\x1b[1;1Hc\x1b[11Gd", 0},
		{"a line gets shorter", "hello world", "hello", "\x1b[1;6H\x1b[K", 0},
		{"a line gets longer", "hello", "hello world", "\x1b[1;7Hworld", 0},
		{"a line goes", "a\nb", "a", "\x1b[2;1H\x1b[K", 0},
		{"a style is lifted", "ab", bold.Render("ab"), "\x1b[1;1H\x1b[1mab\x1b[m", 0},
		{"true colour", "ab", red.Render("ab"), "\x1b[1;1H\x1b[38;2;255;0;0mab\x1b[m", colorprofile.TrueColor},
		{"256 colours", "ab", red.Render("ab"), "\x1b[1;1H\x1b[38;5;196mab\x1b[m", colorprofile.ANSI256},
		{"16 colours", "ab", red.Render("ab"), "\x1b[1;1H\x1b[91mab\x1b[m", colorprofile.ANSI},
		{"no colour, still bold", "ab", red.Bold(true).Render("ab"), "\x1b[1;1H\x1b[1mab\x1b[m", colorprofile.ASCII},
		{"a link", "ab", link.Render("ab"), "\x1b[1;1H\x1b]8;;https://example.org\x07ab\x1b]8;;\x07", colorprofile.TrueColor},
		{"no link without colour", "ab", link.Render("cd"), "\x1b[1;1Hcd", colorprofile.ASCII},
		{"a wide line is written whole", "日本 a", "日本 b", "\x1b[?7l\x1b[1H\x1b[2K日\x1b[3G本\x1b[5G b\x1b[?7h", 0},
		{"scrolling by one", ten(1), ten(2), "\x1b[1;10r\x1b[S\x1b[r\x1b[10;1Hline 11", 0},
		{"scrolling back", ten(3), ten(1), "\x1b[1;10r\x1b[2T\x1b[r\x1b[1;1Hline 1\x1b[2;1Hline 2", 0},
		{"a line is put in", "a\nb1\nc1\nd1\ne1", "a\nX\nb1\nc1\nd1\ne1", "\x1b[2;6r\x1b[T\x1b[r\x1b[2;1HX", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := lines{size: Size{40, 12}, profile: c.profile, method: ansi.GraphemeWidth}
			if c.profile == 0 {
				l.profile = colorprofile.ANSI256
			}
			var out bytes.Buffer
			l.draw(&out, c.from)
			out.Reset()
			l.draw(&out, c.to)
			if got := out.String(); got != c.want {
				t.Errorf("from %q to %q\n got %q\nwant %q", c.from, c.to, got, c.want)
			}
		})
	}
}

func TestTheFirstFrameAndEveryChangedTerminalPaintsAll(t *testing.T) {
	const all = "\x1b[m\x1b[H\x1b[2J\x1b[1;1Hab"
	l := lines{}
	for _, step := range []struct {
		name string
		do   func()
	}{
		{"first", func() { l.become(Size{10, 2}, colorprofile.ANSI256, ansi.WcWidth) }},
		{"size", func() { l.become(Size{11, 2}, colorprofile.ANSI256, ansi.WcWidth) }},
		{"colours", func() { l.become(Size{11, 2}, colorprofile.ANSI, ansi.WcWidth) }},
		{"widths", func() { l.become(Size{11, 2}, colorprofile.ANSI, ansi.GraphemeWidth) }},
		{"forgotten", func() { l.forget() }},
	} {
		step.do()
		var out bytes.Buffer
		l.draw(&out, "ab")
		if out.String() != all {
			t.Errorf("%s: got %q", step.name, out.String())
		}
		out.Reset()
		l.draw(&out, "ab")
		if out.Len() > 0 {
			t.Errorf("%s: drawn again: %q", step.name, out.String())
		}
	}
}

// whitelisted reports the first sequence in what was written that no frame
// needs: a view cannot make the terminal do anything but show text.
func whitelisted(b []byte) string {
	p := ansi.NewParser()
	var state byte
	for len(b) > 0 {
		seq, width, n, next := ansi.DecodeSequence(b, state, p)
		switch {
		case width > 0:
			for _, r := range string(seq) {
				if control(r) {
					return fmt.Sprintf("%q in text", seq)
				}
			}
		case ansi.HasCsiPrefix(seq):
			final := seq[len(seq)-1]
			if !strings.ContainsRune("mHGKJrSThl", rune(final)) {
				return fmt.Sprintf("control sequence %q", seq)
			}
			if (final == 'h' || final == 'l') && string(seq[:3]) != "\x1b[?" {
				return fmt.Sprintf("mode %q", seq)
			}
		case ansi.HasOscPrefix(seq):
			if !strings.HasPrefix(string(seq), "\x1b]8;") {
				return fmt.Sprintf("command %q", seq)
			}
		default:
			for _, r := range string(seq) {
				if control(r) {
					return fmt.Sprintf("control %q", seq)
				}
			}
		}
		state, b = next, b[n:]
	}
	return ""
}

func FuzzNoViewReachesPastTheText(f *testing.F) {
	for _, s := range []string{
		"plain", "\x1b[31mred\x1b[m", "a\x1bPq#0;2;0;0;0\x1b\\b", "\x1b_Ga=T;AAAA\x1b\\x", "\x1b^pm\x1b\\x", "\x1bXsos\x1b\\x",
		"x\x1b]52;c;aGk=\x07y", "\x1b]8;;http://a\x07link\x1b]8;;\x07", "\x1b]8;;http://a\x1b\\link", "\x9b31mx", "\u009b31mx", "a\tb\rc\bd",
		"\x1b[2J\x1b[H\x1bc", "e\u0301\u0301\u0301", "\x90q\x9c", "a\x1bPx\x1b\\", "\x1b]8;;http://a\u009cb\x07x", "👨\u200d👩\u200d👧\u200d👦", "\x00\x7f\xff",
	} {
		f.Add(s, s+"!")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		l := lines{size: Size{20, 3}, profile: colorprofile.TrueColor, method: ansi.GraphemeWidth}
		var out bytes.Buffer
		l.draw(&out, a)
		l.draw(&out, b)
		if bad := whitelisted(out.Bytes()); bad != "" {
			t.Errorf("views %q then %q wrote %s in %q", a, b, bad, out.String())
		}
	})
}
