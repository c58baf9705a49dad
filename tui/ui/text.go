package ui

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
)

func itoa(n int) string { return strconv.Itoa(n) }

// The symbols. Each is one cell wide and has an ASCII twin of one cell.
const (
	Dot      = "●" // running
	Ring     = "○" // stopped, waiting
	Half     = "◐" // busy
	Alert    = "▲" // warning
	Cross    = "×" // failed
	Check    = "✓" // marked, done
	Bar      = "▌" // cursor
	Full     = "█" // gauge
	Empty    = "░" // gauge, the rest
	Unknown  = "–" // a number nobody knows
	Ellipsis = "…" // cut here
	Up       = "▲"
	Down     = "▼"
)

// sparks are the eight heights of a sparkline.
const sparks = "▁▂▃▄▅▆▇█"

// twin gives the ASCII stand-in of one of our symbols; 0 = it is none.
func twin(r rune) byte {
	switch r {
	case '●', '◆', '•':
		return '*'
	case '○', '–', '─', '—', '·', '┄':
		return '-'
	case '◐', '▒':
		return '~'
	case '▲', '⚠':
		return '!'
	case '▼':
		return 'v'
	case '×':
		return 'x'
	case '✓', '┌', '┐', '└', '┘', '├', '┤', '┬', '┴', '┼':
		return '+'
	case '▌', '›', '▸', '→':
		return '>'
	case '←', '‹':
		return '<'
	case '↑':
		return '^'
	case '↓':
		return 'v'
	case '█':
		return '#'
	case '░', '…':
		return '.'
	case '│':
		return '|'
	case '▁':
		return '_'
	case '▂':
		return '.'
	case '▃':
		return '-'
	case '▄':
		return '='
	case '▅':
		return '+'
	case '▆':
		return '*'
	case '▇':
		return '%'
	}
	return 0
}

// ToASCII replaces our symbols by their twins; the width stays.
func ToASCII(s string) string {
	if plain(s) {
		return s
	}
	b := make([]byte, 0, len(s))
	for _, r := range s {
		if t := twin(r); t != 0 {
			b = append(b, t)
		} else {
			b = utf8.AppendRune(b, r)
		}
	}
	return string(b)
}

// plain reports that s is printable ASCII, so that its width is its length.
func plain(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < 0x20 || s[i] >= 0x7f {
			return false
		}
	}
	return true
}

// HasFold reports whether s contains term, which is in lower case, whatever
// the case of s.
func HasFold(s, term string) bool {
	if strings.Contains(s, term) {
		return true
	}
	for i := 0; i+len(term) <= len(s); i++ {
		j := 0
		for j < len(term) {
			c := s[i+j]
			if 'A' <= c && c <= 'Z' {
				c += 'a' - 'A'
			}
			if c != term[j] {
				break
			}
			j++
		}
		if j == len(term) {
			return true
		}
	}
	for i := 0; i < len(s); i++ {
		if s[i] >= 0x80 { // other alphabets have cases, too
			return strings.Contains(strings.ToLower(s), term)
		}
	}
	return false
}

// Width is the number of cells s takes.
func Width(s string) int {
	if _, w, ok := walk(s, -1); ok {
		return w
	}
	return ansi.StringWidth(s)
}

// walk goes over s up to the cell where n cells have been passed (-1: to the
// end) and gives its index and the cells passed. It knows only what most text
// consists of: ASCII, Latin letters, our own symbols and styles, one cell or
// none each. Anything else, which may join into clusters, is not ok.
func walk(s string, n int) (i, w int, ok bool) {
	for i < len(s) && w != n {
		switch c := s[i]; {
		case c >= 0x20 && c < 0x7f:
			i++
			w++
		case c == 0x1b:
			k := ours(s[i:])
			if k == 0 {
				return i, w, false
			}
			i += k
		default:
			r, k := utf8.DecodeRuneInString(s[i:])
			if (r < 0xa1 || r >= 0x300 || r == 0xad) && (twin(r) == 0 || r == '⚠') {
				return i, w, false
			}
			i += k
			w++
		}
	}
	if n < 0 || i == len(s) {
		return i, w, true
	}
	// What follows must not join what is before the cut.
	_, _, ok = walk(s[i:], -1)
	return i, w, ok
}

// clip cuts a drawn line to n cells. The styles after the cut stay, for what
// they close.
func clip(s string, n int) string {
	i, _, ok := walk(s, n)
	switch {
	case !ok:
		return ansi.Truncate(s, n, "")
	case i == len(s):
		return s
	}
	return s[:i] + styles(s[i:])
}

// clipLeft drops the first n cells of a drawn line. The styles before the cut
// stay in force.
func clipLeft(s string, n int) string {
	i, _, ok := walk(s, n)
	if !ok {
		return ansi.TruncateLeft(s, n, "")
	}
	return styles(s[:i]) + s[i:]
}

// styles is s without its text.
func styles(s string) string {
	b := make([]byte, 0, 64)
	for i := 0; i < len(s); i++ {
		if s[i] != 0x1b {
			continue
		}
		if k := ours(s[i:]); k > 0 {
			b = append(b, s[i:i+k]...)
			i += k - 1
		}
	}
	return string(b)
}

// Printable drops from foreign text whatever could act on a terminal: control
// and format characters, in any encoding. Core has cleaned it before; this is
// the second net.
func Printable(s string) string {
	if plain(s) {
		return s
	}
	bad := func(r rune) bool {
		switch {
		case r < 0x20, r >= 0x7f && r < 0xa0, r == utf8.RuneError:
			return true
		case r == 0xad, r == 0x61c, r >= 0x200b && r <= 0x200f, r >= 0x2028 && r <= 0x202e, r >= 0x2060 && r <= 0x206f, r == 0xfeff:
			return true
		case r >= 0xfff9 && r <= 0xfffb, r >= 0xe0000 && r <= 0xe007f:
			return true
		}
		return false
	}
	if strings.IndexFunc(s, bad) < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for _, r := range s {
		switch {
		case r == '\t':
			b = append(b, ' ')
		case bad(r):
			b = append(b, "·"...)
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return string(b)
}

// Cut shortens s to n cells, with "…" where something is missing.
func Cut(s string, n int) string {
	if n <= 0 {
		return ""
	}
	if plain(s) {
		if len(s) <= n {
			return s
		}
		return s[:n-1] + Ellipsis
	}
	return ansi.Truncate(s, n, Ellipsis)
}

// Wrap breaks s into lines of at most n cells, at spaces where it can.
func Wrap(s string, n int) []string {
	if n < 1 {
		return nil
	}
	var out []string
	for _, para := range strings.Split(s, "\n") {
		para = Printable(strings.TrimRight(para, " \r"))
		if Width(para) <= n {
			out = append(out, para)
			continue
		}
		out = append(out, strings.Split(ansi.Wrap(para, n, ""), "\n")...)
	}
	return out
}

// CleanLine is the last guard of a drawn line: of all control bytes only SGR
// and OSC 8 sequences stay.
func CleanLine(s string) string {
	if clean(s) {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); {
		if s[i] == 0x1b {
			if n := ours(s[i:]); n > 0 {
				b = append(b, s[i:i+n]...)
				i += n
			} else {
				i++
			}
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if r >= 0x20 && (r < 0x7f || r >= 0xa0) && (r != utf8.RuneError || n > 1) {
			b = append(b, s[i:i+n]...)
		}
		i += n
	}
	return string(b)
}

func clean(s string) bool {
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == 0x1b:
			n := ours(s[i:])
			if n == 0 {
				return false
			}
			i += n
			continue
		case c < 0x20, c == 0x7f:
			return false
		case c >= 0x80:
			r, n := utf8.DecodeRuneInString(s[i:])
			if r < 0xa0 || r == utf8.RuneError && n == 1 {
				return false
			}
			i += n
			continue
		}
		i++
	}
	return true
}

// ours is the length of the SGR or OSC 8 sequence s begins with, else 0.
func ours(s string) int {
	if len(s) < 3 {
		return 0
	}
	if s[1] == '[' {
		for i := 2; i < len(s); i++ {
			switch c := s[i]; {
			case c == 'm':
				return i + 1
			case c != ';' && (c < '0' || c > '9'):
				return 0
			}
		}
		return 0
	}
	if strings.HasPrefix(s, "\x1b]8;;") {
		for i := 5; i < len(s); i++ {
			if s[i] == 0x1b {
				if i+1 < len(s) && s[i+1] == '\\' {
					return i + 2
				}
				return 0
			}
			if s[i] < 0x20 || s[i] >= 0x7f {
				return 0
			}
		}
	}
	return 0
}
