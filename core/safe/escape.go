package safe

import "unicode/utf8"

const esc = 0x1b

// escape measures the escape sequence that s starts with (s[0] is ESC) the way a terminal reads it: an unterminated one
// reaches to the end, CAN and SUB abort, and another ESC starts afresh.
func escape(s string) int {
	if len(s) < 2 {
		return len(s)
	}
	switch c := s[1]; {
	case c == '[':
		return csi(s)
	case c == ']':
		return controlString(s, true)
	case c == 'P' || c == '_' || c == '^' || c == 'X': // DCS, APC, PM, SOS
		return controlString(s, false)
	case c >= 0x20 && c <= 0x2f: // ESC ( B and its like: intermediates, then one final byte
		i := 2
		for i < len(s) && s[i] >= 0x20 && s[i] <= 0x2f {
			i++
		}
		if i < len(s) && s[i] >= 0x30 && s[i] <= 0x7e {
			i++
		}
		return i
	case c >= 0x30 && c <= 0x7e:
		return 2
	default: // ESC before a control or foreign byte means nothing by itself
		return 1
	}
}

// csi measures ESC [ parameters intermediates final. A byte that cannot belong to it ends it and is read on its own.
func csi(s string) int {
	i := 2
	for i < len(s) && s[i] >= 0x30 && s[i] <= 0x3f {
		i++
	}
	for i < len(s) && s[i] >= 0x20 && s[i] <= 0x2f {
		i++
	}
	if i == len(s) || s[i] < 0x40 || s[i] > 0x7e {
		return i
	}
	return i + 1
}

// controlString measures OSC, DCS, APC, PM or SOS up to its end: ST in any of its three forms, or BEL for OSC.
func controlString(s string, bel bool) int {
	for i := 2; i < len(s); {
		switch c := s[i]; {
		case c == esc:
			if i+1 < len(s) && s[i+1] == '\\' {
				return i + 2
			}
			return i
		case c == '\a' && bel, c == 0x18, c == 0x1a:
			return i + 1
		case c < utf8.RuneSelf:
			i++
		default:
			r, size := utf8.DecodeRuneInString(s[i:])
			i += size
			if r == 0x9c || (r == utf8.RuneError && size == 1 && c == 0x9c) {
				return i
			}
		}
	}
	return len(s)
}
