package tui

import (
	"errors"
	"time"

	"proximity/core"
	"proximity/tui/ui"
)

// tone is how serious a notice is.
type tone uint8

const (
	info tone = iota
	good
	warn
	bad
)

// sign is the mark and the role of a tone.
func (t tone) sign() (string, ui.Role) {
	switch t {
	case good:
		return ui.Check, ui.OK
	case warn:
		return ui.Alert, ui.Warn
	case bad:
		return ui.Cross, ui.Error
	}
	return "", ui.Muted
}

// notice is one thing said in the row above the hints.
type notice struct {
	at   time.Time
	tone tone
	text string
}

// notices keeps what was said; the newest is shown until it expires.
type notices struct {
	all   []notice
	shown bool
}

// keptNotices is the length of the history, noticeTime how long one is shown.
const (
	keptNotices = 100
	noticeTime  = 8 * time.Second
)

func (n *notices) add(x notice) {
	if k := len(n.all); k > 0 && n.all[k-1].text == x.text {
		n.all[k-1].at = x.at
	} else {
		n.all = append(n.all, x)
	}
	if len(n.all) > keptNotices {
		n.all = n.all[len(n.all)-keptNotices:]
	}
	n.shown = true
}

func (n *notices) expire(now time.Time) {
	if n.shown && now.Sub(n.all[len(n.all)-1].at) >= noticeTime {
		n.shown = false
	}
}

// leave takes a mere remark away with the screen that it was about.
func (n *notices) leave() {
	if n.shown && n.all[len(n.all)-1].tone == info {
		n.shown = false
	}
}

// current is the notice on screen.
func (n *notices) current() (notice, bool) {
	if !n.shown || len(n.all) == 0 {
		return notice{}, false
	}
	return n.all[len(n.all)-1], true
}

// say puts text into the notice row and the history.
func (c *Console) say(t tone, text string) {
	c.notices.add(notice{c.now(), t, ui.Printable(text)})
}

// fail says what did not work, why, and what to do next.
func (c *Console) fail(what string, err error) {
	text := err.Error()
	var e *core.Error
	if errors.As(err, &e) {
		text = e.Text
		if e.Hint != "" {
			text += " · " + e.Hint
		}
	}
	if what != "" {
		text = what + ": " + text
	}
	c.say(bad, text)
}
