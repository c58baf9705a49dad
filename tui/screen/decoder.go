package screen

import (
	"bytes"
	"time"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"
	uv "github.com/charmbracelet/ultraviolet"
)

const esc = 0x1b

// How long the rest of something unfinished may take.
const (
	escTime   = 50 * time.Millisecond // ESC alone is the Escape key
	replyTime = time.Second           // half a reply read as keys would be commands
	pasteTime = 10 * time.Second      // and so would half a paste
)

// How much of something unfinished is kept, in bytes.
const (
	maxReply = 128 << 10 // a clipboard is the longest
	maxPaste = 1 << 20   // the rest of a paste is dropped
)

// decoder cuts a terminal's bytes into events. A sequence that a slow link
// splits stays whole, and one that never ends is dropped: it does not become
// typing.
type decoder struct {
	dec     uv.EventDecoder
	held    []byte
	paste   []byte
	pasting bool
	skip    bool // what follows belongs to a reply that was too long
}

// wait is how long to hold on to what is left, 0 for nothing left.
func (d *decoder) wait() time.Duration {
	switch {
	case d.pasting:
		return pasteTime
	case d.skip:
		return replyTime
	case len(d.held) == 0:
		return 0
	case len(bytes.Trim(d.held, "\x1b")) == 0:
		return escTime
	}
	return replyTime
}

// feed decodes b after what is held.
func (d *decoder) feed(b []byte, send func(tea.Msg)) {
	d.held = append(d.held, b...)
	for len(d.held) > 0 && d.step(send) {
	}
	if len(d.held) == 0 {
		d.held = nil
	}
}

// expire gives up waiting for the rest of what is held.
func (d *decoder) expire(send func(tea.Msg)) {
	held := d.held
	d.held, d.skip = nil, false
	if d.pasting {
		d.take(held)
		d.endPaste(send)
		return
	}
	for len(held) > 1 && held[0] == esc && held[1] == esc { // Escape, pressed twice
		d.send(held[:1], send)
		held = held[1:]
	}
	if len(held) > 0 {
		d.send(held, send) // Escape, alt+[ and the like; drops half a reply
	}
}

// step decodes one event from what is held; false if it needs more.
func (d *decoder) step(send func(tea.Msg)) bool {
	switch {
	case d.pasting:
		return d.stepPaste(send)
	case d.skip:
		i := bytes.IndexAny(d.held, "\x07\x1b")
		if i < 0 {
			d.held = nil
			return false
		}
		d.held, d.skip = d.held[i:], false
		if d.held[0] == '\x07' {
			d.held = d.held[1:]
		}
		return true
	}
	n := item(d.held)
	if n == 0 {
		if len(d.held) > maxReply {
			d.held, d.skip = nil, true
		}
		return false
	}
	one := d.held[:n]
	d.held = d.held[n:]
	d.send(one, send)
	return true
}

// send sends the event that b is as a whole, if it is one.
func (d *decoder) send(b []byte, send func(tea.Msg)) {
	if len(b) == 4 && string(b[:3]) == "\x1b[[" && b[3] >= 'A' && b[3] <= 'E' {
		send(uv.KeyPressEvent{Code: uv.KeyF1 + rune(b[3]-'A')}) // the Linux console's, which ultraviolet lacks
		return
	}
	for len(b) > 0 {
		n, event := d.dec.Decode(b)
		if n == 0 || b[0] == esc && n < len(b) {
			return // broken: no part of it is a key
		}
		b = b[n:]
		switch e := event.(type) {
		case nil, uv.UnknownEvent:
		case uv.PasteStartEvent:
			d.pasting = true
			send(e)
		case uv.MultiEvent:
			for _, x := range e {
				send(x)
			}
		default:
			send(e)
		}
	}
}

const pasteEnd = "\x1b[201~"

func (d *decoder) stepPaste(send func(tea.Msg)) bool {
	i := bytes.Index(d.held, []byte(pasteEnd))
	if i < 0 {
		// The end may be cut in two.
		if n := len(d.held) - len(pasteEnd) + 1; n > 0 {
			d.take(d.held[:n])
			d.held = append(d.held[:0], d.held[n:]...)
		}
		return false
	}
	d.take(d.held[:i])
	d.held = d.held[i+len(pasteEnd):]
	d.endPaste(send)
	return true
}

func (d *decoder) take(b []byte) {
	d.paste = append(d.paste, b[:min(len(b), maxPaste-len(d.paste))]...)
}

func (d *decoder) endPaste(send func(tea.Msg)) {
	send(uv.PasteEvent{Content: string(bytes.ToValidUTF8(d.paste, []byte("\uFFFD")))})
	send(uv.PasteEndEvent{})
	d.paste, d.pasting = nil, false
}

// item is the length of what b begins with: a run of text, a key, a reply; 0 if
// its end has not arrived.
func item(b []byte) int {
	switch {
	case b[0] == esc:
		return escape(b)
	case b[0] < utf8.RuneSelf:
		return 1
	}
	// Clusters of several runes are one key, so text is taken as far as it goes.
	n := 0
	for n < len(b) && b[n] >= utf8.RuneSelf {
		if !utf8.FullRune(b[n:]) {
			return n // 0: wait for the rest of the first
		}
		_, size := utf8.DecodeRune(b[n:])
		n += size
	}
	return n
}

// escape is the length of the escape sequence b begins with, 0 if unfinished.
// ECMA-48 5.4 and 5.6; xterm's ctlseqs for what is not in it.
func escape(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '[':
		return csi(b)
	case 'O': // SS3, and one byte after an optional modifier
		for i := 2; i < len(b); i++ {
			if b[i] < '0' || b[i] > '9' {
				return i + 1
			}
		}
		return 0
	case ']', 'P', '_', '^', 'X':
		return str(b)
	case esc: // alt and a sequence
		if n := escape(b[1:]); n > 0 {
			return 1 + n
		}
		return 0
	}
	if n := item(b[1:]); n > 0 { // alt and a key
		_, size := utf8.DecodeRune(b[1:])
		return 1 + size
	}
	return 0
}

// csi is the length of a control sequence.
func csi(b []byte) int {
	for i := 2; i < len(b); i++ {
		switch c := b[i]; {
		case i == 2 && c == '[': // the Linux console's function keys: ESC [ [ A
			if len(b) < 4 {
				return 0
			}
			return 4
		case i == 2 && c == 'M': // the mouse before SGR: three bytes follow
			if len(b) < 6 {
				return 0
			}
			return 6
		case c >= 0x40 && c <= 0x7e:
			return i + 1
		case c < 0x20 || c > 0x7e:
			return i // cancelled by what cannot be in it
		}
	}
	return 0
}

// str is the length of a control string: OSC, DCS, APC, PM, SOS.
func str(b []byte) int {
	for i := 2; i < len(b); i++ {
		switch b[i] {
		case 0x07:
			if b[1] == ']' {
				return i + 1
			}
		case 0x18, 0x1a: // CAN, SUB
			return i + 1
		case esc:
			if i+1 == len(b) {
				return 0
			}
			if b[i+1] == '\\' {
				return i + 2
			}
			return i // cancelled by another sequence
		}
	}
	return 0
}
