package ui

import (
	"slices"
	"strings"
	"unicode"
)

// Input is one line of text being edited, with a real cursor.
type Input struct {
	text   []rune
	at     int
	Secret bool // shown as dots
	Max    int  // longest text in characters, 0 = 500
}

// Value is the text.
func (in *Input) Value() string { return string(in.text) }

// Set replaces the text; the cursor goes to its end.
func (in *Input) Set(s string) {
	in.text = []rune(Printable(s))
	in.at = len(in.text)
}

// Insert puts text at the cursor. Line breaks and tabs become blanks.
func (in *Input) Insert(s string) bool {
	limit := in.Max
	if limit == 0 {
		limit = 500
	}
	s = strings.NewReplacer("\r\n", " ", "\n", " ", "\r", " ", "\t", " ").Replace(s)
	add := []rune(Printable(strings.TrimRight(s, " ")))
	if strings.TrimSpace(s) == "" && s != "" {
		add = []rune{' '}
	}
	if room := limit - len(in.text); len(add) > room {
		add = add[:max(0, room)]
	}
	if len(add) == 0 {
		return false
	}
	in.text = slices.Insert(in.text, in.at, add...)
	in.at += len(add)
	return true
}

// Key edits or moves the cursor. It reports false when that changed nothing:
// the key means nothing to a text field, or there is nothing to do it to.
func (in *Input) Key(key, text string) bool {
	at, length := in.at, len(in.text)
	switch key {
	case "left":
		in.at = max(0, in.at-1)
	case "right":
		in.at = min(len(in.text), in.at+1)
	case "home", "ctrl+a":
		in.at = 0
	case "end", "ctrl+e":
		in.at = len(in.text)
	case "backspace", "ctrl+h":
		if in.at > 0 {
			in.text = slices.Delete(in.text, in.at-1, in.at)
			in.at--
		}
	case "delete":
		if in.at < len(in.text) {
			in.text = slices.Delete(in.text, in.at, in.at+1)
		}
	case "ctrl+u":
		in.text = slices.Delete(in.text, 0, in.at)
		in.at = 0
	case "ctrl+k":
		in.text = in.text[:in.at]
	case "ctrl+w":
		from := in.at
		for from > 0 && unicode.IsSpace(in.text[from-1]) {
			from--
		}
		for from > 0 && !unicode.IsSpace(in.text[from-1]) {
			from--
		}
		in.text = slices.Delete(in.text, from, in.at)
		in.at = from
	default:
		if text != "" {
			in.Insert(text)
		}
	}
	return at != in.at || length != len(in.text)
}

// Draw draws the field into width cells and gives the cursor's column there.
func (in *Input) Draw(l *Line, r Role, width int) (cursor int) {
	shown := in.text
	if in.Secret {
		shown = []rune(strings.Repeat("•", len(in.text)))
	}
	from := 0
	for Width(string(shown[from:in.at])) > width-1 && from < in.at {
		from++
	}
	s := string(shown[from:])
	if Width(s) > width {
		s = Cut(s, width)
	}
	l.Cell(r, s, width)
	return Width(string(shown[from:in.at]))
}
