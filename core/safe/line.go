package safe

import (
	"unicode"
	"unicode/utf8"

	"github.com/clipperhouse/displaywidth"
)

// maxMarks is how many combining marks a character may carry: enough for every living script, too few to climb over other lines.
const maxMarks = 2

// line builds one line of clean text, character by character.
type line struct {
	max int // cells; <= 0: no limit
	out []byte

	width  int  // cells written
	cut    int  // length of out where "…" still fits
	full   bool // max was reached: "…" stands, nothing more comes
	spaces bool // a tab or newline waits to become one space

	start int  // where the last character begins in out
	base  rune // that character; 0: nothing that a mark could sit on
	cells int  // its width
	marks int  // its combining marks
	join  bool // a zero-width joiner follows it
}

// write adds s; escape sequences vanish.
func (l *line) write(s string) {
	for i := 0; i < len(s) && !l.full; {
		if s[i] == esc {
			i += escape(s[i:])
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		l.rune(r)
		i += n
	}
}

// rune adds one code point in the form in which it may be shown, if any.
func (l *line) rune(r rune) {
	switch {
	case r >= ' ' && r <= '~':
		l.put(r, 1)
	case r == '\t':
		l.spaces = true
	case r == '\n', r == '\r', r == '\u2028', r == '\u2029':
		l.spaces = l.spaces || len(l.out) > 0
	case r < ' ', r >= 0x7f && r <= 0x9f:
		l.put('·', 1)
	case r == zwj:
		l.join = l.base != 0
	case r >= 0xe0020 && r <= 0xe007f: // the letters of a flag like Scotland's
		l.part()
	case invisible(r):
	case unicode.In(r, unicode.Zs):
		l.put(' ', 1)
	case r == keycap:
		l.part()
	case r >= 0x1f3fb && r <= 0x1f3ff: // a skin tone, also where terminals would draw it on its own
		if l.base == 0 || l.spaces {
			l.put('?', 1)
		}
		l.part()
	case unicode.IsMark(r):
		l.mark(r)
	case r >= 0x1f1e6 && r <= 0x1f1ff:
		l.flag()
	case !unicode.IsGraphic(r):
		l.put(utf8.RuneError, 1)
	default:
		l.wide(r)
	}
}

const (
	zwj    = '\u200d'
	keycap = '\u20e3'
	flag   = '\U0001f1e6' // stands as base for half a flag
)

// wide adds a visible character beyond ASCII.
func (l *line) wide(r rune) {
	if l.join && pictograph(l.base) && pictograph(r) {
		l.part()
		return
	}
	switch w := displaywidth.Rune(r); w {
	case 0: // a vowel or final of decomposed Hangul sits on its consonant
		l.mark(r)
	default:
		l.put(r, w)
	}
}

// mark adds a combining mark to the last character, which must be there and not carry its share already.
func (l *line) mark(r rune) {
	if l.base == 0 || l.spaces || l.marks == maxMarks {
		return
	}
	l.marks++
	l.join = false
	l.out = utf8.AppendRune(l.out, r)
	l.mayCut()
}

// part makes the last character, of which more code points came than one, a "?".
func (l *line) part() {
	l.join = false
	if l.base == 0 || l.spaces {
		return
	}
	l.out = append(l.out[:l.start], '?') // base stays, so that a longer family is one "?", too
	l.width -= l.cells - 1
	l.cells, l.marks = 1, maxMarks
	l.mayCut()
}

// flag adds half a flag: the first shows "?", the second belongs to it.
func (l *line) flag() {
	if l.base == flag && !l.spaces {
		l.base = '?'
		return
	}
	l.put('?', 1)
	if !l.full {
		l.base = flag
	}
}

// put adds a character of w cells, or "…" in place of what does not fit.
func (l *line) put(r rune, w int) {
	if l.spaces {
		l.spaces = false
		l.put(' ', 1)
	}
	if l.full {
		return
	}
	if l.max > 0 && l.width+w > l.max {
		l.out = append(l.out[:l.cut], "…"...)
		l.full = true
		return
	}
	l.start, l.base, l.cells, l.marks, l.join = len(l.out), r, w, 0, false
	l.out = utf8.AppendRune(l.out, r)
	l.width += w
	l.mayCut()
}

// mayCut remembers the end of out as the place for "…" while a cell is left for it.
func (l *line) mayCut() {
	if l.width < l.max {
		l.cut = len(l.out)
	}
}

// invisible reports whether r shows nothing or only changes how others are shown: format characters (direction
// controls among them), variation selectors, fillers.
func invisible(r rune) bool {
	return unicode.In(r, unicode.Cf, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point)
}

// pictograph reports whether r can be part of an emoji of several code points.
func pictograph(r rune) bool {
	return r > 0x7f && unicode.In(r, unicode.So, unicode.Sm, unicode.Sk, unicode.Po)
}
