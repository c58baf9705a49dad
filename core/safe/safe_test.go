package safe_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"

	"proximity/core/safe"
)

// payloads are what a hostile container name, log line or client may hold, and what may be seen of it.
var payloads = []struct{ name, in, want string }{
	{"plain", "nginx-01", "nginx-01"},
	{"DCS", "a\x1bP1$r0m\x1b\\b", "ab"},
	{"APC kitty graphics", "a\x1b_Gf=24,s=10;AAAA\x1b\\b", "ab"},
	{"PM", "a\x1b^private\x1b\\b", "ab"},
	{"SOS", "a\x1bXstring\x1b\\b", "ab"},
	{"OSC 0 title", "a\x1b]0;owned\ab", "ab"},
	{"OSC 9 notification", "a\x1b]9;hi\x1b\\b", "ab"},
	{"OSC 52 clipboard", "a\x1b]52;c;cm0gLXJm\ab", "ab"},
	{"OSC 1337", "a\x1b]1337;File=inline=1:AAAA\ab", "ab"},
	{"OSC 8 hyperlink", "\x1b]8;;https://evil.example\x1b\\proxmox.com\x1b]8;;\x1b\\", "proxmox.com"},
	{"OSC ended by raw ST", "a\x1b]0;t\x9cb", "ab"},
	{"OSC ended by UTF-8 ST", "a\x1b]0;t\u009cb", "ab"},
	{"OSC aborted by CAN", "a\x1b]0;t\x18b", "ab"},
	{"OSC unterminated", "a\x1b]0;the rest of the frame", "a"},
	{"DCS is not ended by BEL", "a\x1bPq\ab\x1b\\c", "ac"},
	{"raw 8-bit OSC", "a\x9d0;t\ab", "a\uFFFD0;t·b"},
	{"raw 8-bit CSI", "a\x9b31mb", "a\uFFFD31mb"},
	{"UTF-8 C1 CSI", "a\u009b31mb", "a·31mb"},
	{"UTF-8 C1 OSC", "a\u009d0;t\u009cb", "a·0;t·b"},
	{"NEL", "a\u0085b", "a·b"},
	{"cursor up", "a\x1b[10Ab", "ab"},
	{"erase", "a\x1b[2Jb", "ab"},
	{"mode", "a\x1b[?1049hb", "ab"},
	{"DSR", "a\x1b[6nb", "ab"},
	{"SGR", "a\x1b[31mb", "ab"},
	{"CSI unterminated", "a\x1b[31", "a"},
	{"CSI cut by a letter beyond ASCII", "a\x1b[31èb", "aèb"},
	{"RIS", "a\x1bcb", "ab"},
	{"save cursor", "a\x1b7b\x1b8c", "abc"},
	{"charset", "a\x1b(0b", "ab"},
	{"ESC at the end", "a\x1b", "a"},
	{"ESC ESC", "a\x1b\x1b[31mb", "ab"},
	{"tmux passthrough with nested ESC", "a\x1bPtmux;\x1b\x1b]52;c;cm0=\a\x1b\\b", "ab"},
	{"NUL BEL BS VT FF SO SI", "a\x00\a\b\v\f\x0e\x0fb", "a·······b"},
	{"DEL", "a\x7fb", "a·b"},
	{"carriage return", "safe\rEVIL", "safe EVIL"},
	{"newline", "one\ntwo", "one two"},
	{"CR LF at the end", "one\r\n", "one"},
	{"tabs", "a\t\tb", "a b"},
	{"line separator", "a\u2028b", "a b"},
	{"invalid UTF-8", "a\xff\xc0b", "a\uFFFD\uFFFDb"},
	{"overlong", "a\xc1\x9bb", "a\uFFFD\uFFFDb"},
	{"bidi override", "a\u202eexe.txt", "aexe.txt"},
	{"bidi isolate", "a\u2066b\u2069", "ab"},
	{"zero width", "a\u200b\u200c\u2060\ufeffb", "ab"},
	{"soft hyphen and fillers", "a\u00ad\u3164\u115fb", "ab"},
	{"joiner between letters", "a\u200db", "ab"},
	{"combining marks", "e\u0301\u0302\u0303\u0304\u0305x", "e\u0301\u0302x"},
	{"mark without a base", "\u0301a", "a"},
	{"mark after a newline", "a\n\u0301b", "a b"},
	{"wide spaces", "a\u00a0\u3000b", "a  b"},
	{"private use", "a\ue0b0b", "a\uFFFDb"},
	{"Japanese", "日本", "日本"},
	{"decomposed Hangul", "\u1112\u1161\u11ab", "\u1112\u1161\u11ab"},
	{"one emoji", "🟢 up", "🟢 up"},
	{"emoji with variation selector", "⚠\ufe0f up", "⚠ up"},
	{"family", "👨\u200d👩\u200d👧 x", "? x"},
	{"skin tone", "👍🏽 x", "? x"},
	{"skin tone alone", "🏽 x", "? x"},
	{"flag", "🇮🇹 🇩🇪🇫🇷", "? ??"},
	{"flag of letters", "🏴\U000e0067\U000e0062\U000e007f x", "? x"},
	{"keycap", "1\ufe0f\u20e3 x", "? x"},
	{"markup of other tools", "[red]x[-]", "[red]x[-]"},
}

func TestTextLetsNothingHostileThrough(t *testing.T) {
	for _, p := range payloads {
		t.Run(p.name, func(t *testing.T) {
			if got := safe.Text(p.in, 0); got != p.want {
				t.Errorf("Text(%q) = %q, want %q", p.in, got, p.want)
			}
			for _, max := range []int{0, 4} {
				if got := safe.Text(p.in, max); unsafe(got) != "" {
					t.Errorf("%q became %q: %s", p.in, got, unsafe(got))
				}
			}
		})
	}
}

func TestTextCutsByCells(t *testing.T) {
	for _, c := range []struct {
		in   string
		max  int
		want string
	}{
		{"hello", 5, "hello"},
		{"hello", 4, "hel…"},
		{"hello", 1, "…"},
		{"hello\n", 5, "hello"},
		{"日本語", 6, "日本語"},
		{"日本語", 5, "日本…"},
		{"日本語", 4, "日…"},
		{"日本語", 3, "日…"},
		{"日本語", 2, "…"},
		{"e\u0301e\u0301e\u0301", 3, "e\u0301e\u0301e\u0301"},
		{"e\u0301e\u0301e\u0301", 2, "e\u0301…"},
		{"a\tb", 2, "a…"},
		{"", 3, ""},
	} {
		if got := safe.Text(c.in, c.max); got != c.want {
			t.Errorf("Text(%q, %d) = %q, want %q", c.in, c.max, got, c.want)
		}
	}
}

func TestEnvAllowsOnlyWhatChangesDrawing(t *testing.T) {
	for _, name := range []string{"NO_COLOR", "COLORTERM", "TERM_PROGRAM", "LANG", "TZ", "LC_ALL", "PROXIMITY_ASCII"} {
		if _, ok := safe.Env(name, "1"); !ok {
			t.Errorf("%s refused", name)
		}
	}
	for _, name := range []string{"PATH", "LD_PRELOAD", "BASH_ENV", "LC_", "PROXIMITY_", "PROXIMITY_a b", "LC_X=Y", "no_color", "", "GIT_SSH"} {
		if v, ok := safe.Env(name, "1"); ok || v != "" {
			t.Errorf("%s let in", name)
		}
	}
	if v, _ := safe.Env("LANG", "it_IT\x1b]0;x\a.UTF-8"); v != "it_IT.UTF-8" {
		t.Errorf("value not cleaned: %q", v)
	}
	if v, _ := safe.Env("LANG", strings.Repeat("è", 300)); len(v) > 256 || !utf8.ValidString(v) {
		t.Errorf("value of %d bytes", len(v))
	}
}

// unsafe says what is wrong with a line that should be clean.
func unsafe(s string) string {
	if !utf8.ValidString(s) {
		return "invalid UTF-8"
	}
	marks := 0
	for _, r := range s {
		if unicode.IsMark(r) {
			marks++
		} else {
			marks = 0
		}
		switch {
		case unicode.IsControl(r):
			return "control character"
		case r != utf8.RuneError && !unicode.IsGraphic(r):
			return "not printable"
		case unicode.In(r, unicode.Bidi_Control, unicode.Join_Control, unicode.Variation_Selector):
			return "direction or joining control"
		case unicode.IsSpace(r) && r != ' ':
			return "a space that is none"
		case marks > 2:
			return "stacked marks"
		}
	}
	return ""
}

func FuzzText(f *testing.F) {
	for _, p := range payloads {
		f.Add(p.in, 5)
	}
	f.Add("\x1b[38;5;208mx\x1b[0m日本", 3)
	f.Fuzz(func(t *testing.T, s string, max int) {
		got := safe.Text(s, max)
		if why := unsafe(got); why != "" {
			t.Errorf("Text(%q, %d) = %q: %s", s, max, got, why)
		}
		if w := ansi.StringWidth(got); max > 0 && w > max {
			t.Errorf("Text(%q, %d) = %q: %d cells", s, max, got, w)
		}
		plain := safe.Text(s, 0)
		if strings.Contains(plain, "\x1b") {
			t.Errorf("Text(%q) keeps an escape: %q", s, plain)
		}
		if again := safe.Text(plain, 0); again != plain {
			t.Errorf("Text(%q) = %q, and once more %q", s, plain, again)
		}
	})
}

func TestPlainASCIICostsNothing(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() { safe.Text("vaultwarden on pve1 is running", 40) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkText(b *testing.B) {
	for name, s := range map[string]string{
		"ascii":   "Nov 24 02:05:11 vaultwarden app-1 | GET /alive 200 in 1 ms",
		"accents": "Nov 24 02:05:11 vaultwarden app-1 | perché più è già così",
		"colours": "Nov 24 \x1b[32mINFO\x1b[0m vaultwarden app-1 | GET /alive 200",
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				safe.Text(s, 80)
			}
		})
	}
}
