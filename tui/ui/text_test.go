package ui

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"
)

func TestCut(t *testing.T) {
	for _, x := range []struct {
		s    string
		n    int
		want string
	}{{"hello", 5, "hello"}, {"hello", 4, "hel…"}, {"hello", 1, "…"}, {"hello", 0, ""}, {"日本語", 5, "日本…"}, {"日本語", 4, "日…"}, {"é", 1, "é"}} {
		if got := Cut(x.s, x.n); got != x.want {
			t.Errorf("Cut(%q, %d) = %q, want %q", x.s, x.n, got, x.want)
		}
	}
}

func TestWrap(t *testing.T) {
	got := Wrap("the quick brown fox\njumps", 10)
	if want := "the quick|brown fox|jumps"; strings.Join(got, "|") != want {
		t.Errorf("got %q", got)
	}
	for _, l := range Wrap(strings.Repeat("x", 95), 10) {
		if Width(l) > 10 {
			t.Errorf("%q is too long", l)
		}
	}
}

func TestHasFold(t *testing.T) {
	for _, x := range []struct {
		s, term string
		want    bool
	}{{"Gitea", "git", true}, {"GITEA", "tea", true}, {"gitea", "teb", false}, {"Ärger", "ärger", true}, {"", "a", false}, {"a", "", true}, {"aab", "ab", true}} {
		if got := HasFold(x.s, x.term); got != x.want {
			t.Errorf("HasFold(%q, %q) = %v", x.s, x.term, got)
		}
	}
}

func TestHumanFigures(t *testing.T) {
	for _, x := range []struct {
		n    int64
		want string
	}{{-1, "–"}, {0, "0B"}, {999, "999B"}, {1000, "1.0K"}, {412 << 20, "412M"}, {2254857830, "2.1G"}, {38 << 30, "38G"}, {1023 << 20, "1.0G"}, {96 << 40, "96T"}} {
		if got := Bytes(x.n); got != x.want {
			t.Errorf("Bytes(%d) = %s, want %s", x.n, got, x.want)
		}
	}
	for d, want := range map[time.Duration]string{0: "0.0s", 200 * time.Millisecond: "0.2s", 48 * time.Second: "48s", 134 * time.Second: "2m14s", 3900 * time.Second: "1h05m"} {
		if got := Took(d); got != want {
			t.Errorf("Took(%v) = %s, want %s", d, got, want)
		}
	}
	now := time.Date(2026, 11, 24, 14, 0, 0, 0, time.UTC)
	for _, x := range []struct {
		ago  time.Duration
		want string
	}{{2 * time.Second, "now"}, {time.Minute, "1m ago"}, {47 * time.Hour, "47h ago"}, {49 * time.Hour, "22 Nov 13:00"}, {9000 * time.Hour, "14 Nov 2025"}, {-30 * time.Second, "in 30s"}} {
		if got := When(now, now.Add(-x.ago), time.UTC); got != x.want {
			t.Errorf("When(%v ago) = %s, want %s", x.ago, got, x.want)
		}
	}
	if When(now, time.Time{}, time.UTC) != Unknown {
		t.Error("no time is not unknown")
	}
}

// TestSymbolsHaveTwins: every symbol of the kit is one cell and has a twin of
// one cell.
func TestSymbolsHaveTwins(t *testing.T) {
	for _, r := range Dot + Ring + Half + Alert + Cross + Check + Bar + Full + Empty + Unknown + Ellipsis + Up + Down + sparks + "─│┌┐└┘├┤→←↑↓›‹▸·•" {
		if w := ansi.StringWidth(string(r)); w != 1 {
			t.Errorf("%q is %d cells", r, w)
		}
		if twin(r) == 0 {
			t.Errorf("%q has no ASCII twin", r)
		}
	}
}

// FuzzLine: whatever text comes, a line holds at most its cells, no control
// byte but its own styles, and ends without an open style.
func FuzzLine(f *testing.F) {
	for _, s := range []string{"plain", "日本語", "\x1b[31mred", "\x1b]0;t\x07", "a\u202eb", "👩‍👩‍👧‍👧", "e\u0301\u0301", "\xff\xc2", "\u009b31m", "\t\r\n"} {
		f.Add(s, 10)
	}
	f.Fuzz(func(t *testing.T, s string, n int) {
		n = max(0, min(n, 200))
		l := NewTheme(colorprofile.ANSI256, true, false).NewLine(n)
		l.Cell(OK, s, n/2).Right(Error, s, n/4).Add(Accent, s).Link(Text, s, "http://"+s).Space(3)
		out := l.String()
		if w := ansi.StringWidth(out); w > n {
			t.Fatalf("%d of %d cells: %q", w, n, out)
		}
		if !utf8.ValidString(out) || CleanLine(out) != out {
			t.Fatalf("unclean: %q", out)
		}
		if i := strings.LastIndex(out, "\x1b["); i >= 0 && !strings.HasPrefix(out[i:], reset) {
			t.Fatalf("open style: %q", out)
		}
	})
}

// FuzzCleanLine: the last guard lets only SGR and links through, and is done
// after one pass.
func FuzzCleanLine(f *testing.F) {
	for _, s := range []string{"\x1b[1mx\x1b[m", "\x1b[2J", "\x1b]8;;http://a\x1b\\b\x1b]8;;\x1b\\", "\x1b]8;;x\x07", "\x1b", "a\x00b", "\x1b[\x1b[m"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		out := CleanLine(s)
		if CleanLine(out) != out {
			t.Fatalf("%q is cleaned twice: %q", s, out)
		}
		for i := 0; i < len(out); i++ {
			if out[i] == 0x1b {
				if ours(out[i:]) == 0 {
					if i > 0 && out[i-1] != '\\' && !strings.HasPrefix(out[i:], "\x1b\\") {
						t.Fatalf("%q keeps %q", s, out[i:])
					}
				}
			} else if out[i] < 0x20 || out[i] == 0x7f {
				t.Fatalf("%q keeps %q", s, out[i])
			}
		}
	})
}

func TestCleanLine(t *testing.T) {
	for in, want := range map[string]string{
		"plain": "plain", "\x1b[1;38;5;7mx\x1b[m": "\x1b[1;38;5;7mx\x1b[m", "a\x1b[2Jb": "a[2Jb", "a\rb\nc": "abc", "\x1b]8;;http://a\x1b\\b\x1b]8;;\x1b\\": "\x1b]8;;http://a\x1b\\b\x1b]8;;\x1b\\", "\x1b]0;t\a": "]0;t", "x\xffy": "xy", "\u009b1m": "1m", "日本": "日本",
	} {
		if got := CleanLine(in); got != want {
			t.Errorf("CleanLine(%q) = %q, want %q", in, got, want)
		}
	}
}

// FuzzWidth: the quick ways to measure and cut say what the thorough ones say.
func FuzzWidth(f *testing.F) {
	for _, s := range []string{"", "plain", "● running ▲", "\x1b[1;7mbold\x1b[m rest", "\x1b]8;;http://a\x1b\\link\x1b]8;;\x1b\\", "日本 wide", "e\u0301", "a\u200db", "▲\ufe0f", "naïve ☃", "x\x1b[2J"} {
		f.Add(s, 3)
	}
	f.Fuzz(func(t *testing.T, s string, n int) {
		n = max(0, min(n, 40))
		if got, want := Width(s), ansi.StringWidth(s); got != want {
			t.Fatalf("%q is %d cells wide, not %d", s, want, got)
		}
		for what, got := range map[string][2]string{"cut": {clip(s, n), ansi.Truncate(s, n, "")}, "rest": {clipLeft(s, n), ansi.TruncateLeft(s, n, "")}} {
			if ansi.Strip(got[0]) != ansi.Strip(got[1]) {
				t.Errorf("%s of %q at %d is %q, not %q", what, s, n, got[0], got[1])
			}
		}
		if left, right := clip(s, n), clipLeft(s, n); styles(left) != styles(s) && ansi.Strip(left) != ansi.Strip(s) && ansi.Strip(right) != "" {
			if _, _, quick := walk(s, n); quick {
				t.Errorf("%q cut at %d loses a style: %q", s, n, left)
			}
		}
	})
}
