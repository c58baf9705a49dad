// Package safe makes foreign text safe to show: names, notes, logs, errors, catalogue text and whatever clients send.
// Console, command tables and log lines all pass it.
//
// What comes out holds printable characters of a known width and plain spaces, nothing else: no control character, no
// escape sequence, no text direction control, nothing invisible. It can therefore be put anywhere on a screen line
// without moving, hiding or recolouring what stands beside it.
package safe

import (
	"strings"
	"unicode/utf8"
)

// Text returns s as one line of at most max cells (max <= 0: no limit), cut with "…".
//
// Invalid UTF-8 becomes U+FFFD, escape sequences vanish whole, control characters become "·", runs of tabs and newlines
// one space; direction controls and invisible characters vanish, combining marks stop at two, and an emoji of several
// code points becomes "?" because terminals disagree on its width.
func Text(s string, max int) string {
	if plainASCII(s) {
		return cutASCII(s, max)
	}
	l := line{max: max}
	l.write(s)
	return string(l.out)
}

// maxEnv bounds the value of a client's environment variable, in bytes.
const maxEnv = 256

// Env says whether a client may set the environment variable name, and returns its value, cleaned and cut to 256 bytes.
func Env(name, value string) (string, bool) {
	if !allowedEnv(name) {
		return "", false
	}
	value = Text(value, 0)
	if len(value) > maxEnv {
		cut := maxEnv
		for !utf8.RuneStart(value[cut]) {
			cut--
		}
		value = value[:cut]
	}
	return value, true
}

// allowedEnv is the list of variables that change how we draw and speak, and nothing else.
func allowedEnv(name string) bool {
	switch name {
	case "NO_COLOR", "COLORTERM", "TERM_PROGRAM", "LANG", "TZ":
		return true
	}
	rest, ok := strings.CutPrefix(name, "LC_")
	if !ok {
		rest, ok = strings.CutPrefix(name, "PROXIMITY_")
	}
	if !ok || rest == "" || len(rest) > 64 {
		return false
	}
	for i := 0; i < len(rest); i++ {
		c := rest[i]
		if (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return true
}

// plainASCII reports whether every byte of s is printable ASCII: nearly all text, and nothing to do for it.
func plainASCII(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

func cutASCII(s string, max int) string {
	if max <= 0 || len(s) <= max {
		return s
	}
	return s[:max-1] + "…"
}
