package tui

import (
	"strconv"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
)

// scope is a set of situations in which a binding applies.
type scope uint32

const (
	inList  scope = 1 << iota // a list with a cursor
	inTable                   // one that can be filtered, ordered and marked
	inTabs
	inPanes
	inLog    // a log that follows
	inSearch // a log with a search going on
	inForm
	onApp
	onJob
	onNode
	onHost
	onItem // of the catalogue
	inStack
	inMarks  // a list whose rows can be marked
	onFound  // a container that nobody manages
	onRecord // of the audit
	inDraft  // a form that is kept when it is left
	inAccess
	onUser
	onKey
	onWaiting // a key that waits for approval
	onToken
	onSetting
	inHosts // the list of hosts and nodes
	onBackup
	onSchedule
	inVault // the screen of backups, but for its schedules
	inPlans // the schedules there
	inChart // figures over a period

	always   scope = 0
	onObject       = onApp | onJob | onNode | onHost | onItem | onFound | onRecord | onUser | onKey | onWaiting | onToken | onSetting | onBackup | onSchedule
)

// class says what stands between a key and its effect.
type class uint8

const (
	free        class = iota // acts at once
	disruptive               // an overlay names victim and effect; enter does it
	destructive              // the overlay wants the name typed, focus on Cancel
)

// noHint in the place of a hint leaves it out.
const noHint = "-"

// binding is one verb: everything that dispatch, hints, help, the actions menu
// and the palette need to know of it.
type binding struct {
	verb  string   // unique, and what the palette calls it
	keys  []string // none: menu and palette only
	hint  string   // in the row of hints; "" = not there
	inLog string   // the hint where a log is read, if it is another or noHint
	form  string   // the hint in a form, if it is another
	draft string   // the hint in a form that keeps a draft, if it is another again
	help  string   // one line
	where scope    // always, or any of these
	class class
	many  bool                                // acts on all marked apps at once
	why   func(c *Console, on object) string  // why not now; nil = it can always
	run   func(c *Console, on object) tea.Cmd // nil never
}

// shown is the key as the hints print it.
func (b *binding) shown() string {
	if len(b.keys) == 0 {
		return ""
	}
	if strings.HasPrefix(b.verb, "screen ") {
		return "1-0"
	}
	switch k := b.keys[0]; k {
	case "up", "down":
		return "↑↓"
	case "left", "right":
		return "←→"
	default:
		return k
	}
}

// hintIn is the hint where the session is.
func (b *binding) hintIn(s scope) string {
	switch {
	case s&inDraft != 0 && b.draft != "":
		return b.draft
	case s&inForm != 0:
		return b.form
	case s&inLog != 0 && b.inLog == noHint:
		return ""
	case s&inLog != 0 && b.inLog != "":
		return b.inLog
	}
	return b.hint
}

// keymap is the table and its index.
type keymap struct {
	table []*binding
	byKey map[string][]*binding
	verb  map[string]*binding
}

func newKeymap() keymap {
	k := keymap{table: bindings(), byKey: map[string][]*binding{}, verb: map[string]*binding{}}
	for _, b := range k.table {
		k.verb[b.verb] = b
		for _, key := range b.keys {
			k.byKey[key] = append(k.byKey[key], b)
		}
	}
	return k
}

// applies reports whether the binding means something where the session is.
func (c *Console) applies(b *binding) bool {
	s := c.page().scope(c)
	if s&inForm != 0 && b.form != "" {
		return true
	}
	if s&inForm != 0 && c.typing() {
		return false
	}
	return b.where == always || b.where&s != 0
}

// reason says why a binding that applies cannot act now; "" = it can.
func (c *Console) reason(b *binding, on object) string {
	if b.why == nil {
		return ""
	}
	return b.why(c, on)
}

// typing reports whether keys are text now.
func (c *Console) typing() bool {
	if c.finding != nil {
		return true
	}
	if c.over != nil {
		return c.over.typing()
	}
	e, ok := c.page().(editor)
	return ok && e.typing()
}

// key handles one key press. No key does nothing: what has no effect is
// answered with a notice.
func (c *Console) key(m tea.KeyPressMsg) tea.Cmd {
	key, text := m.String(), m.Text
	if m.Mod.Contains(tea.ModAlt) {
		key, text = "esc", "" // esc and a fast key after it look like this
	}
	c.touched = true
	if c.w < floorW || c.h < floorH {
		if key == "q" || key == "ctrl+c" {
			return c.quit()
		}
		return nil
	}
	if key == "ctrl+c" || key == "ctrl+l" { // these work even where keys are text
		return c.act(c.keys.byKey[key][0], object{})
	}
	c.quitAsk = time.Time{}
	typing := c.typing()
	if !typing && c.bursts.pasted(c.now(), text) {
		c.say(warn, "pasted text ignored: press : or / first")
		return nil
	}
	if typing && text != "" {
		c.bursts = burst{}
	}
	switch {
	case c.over != nil:
		return c.overlayKey(key, text)
	case c.finding != nil:
		return c.findKey(key, text)
	}
	if e, ok := c.page().(editor); ok {
		if b := c.bound(key); b != nil && b.where&inForm != 0 {
			return c.act(b, c.page().on(c))
		}
		cmd, used := e.edit(c, key, text)
		if used {
			return cmd
		}
		if typing {
			c.say(info, keyName(key)+" means nothing in this field")
			return nil
		}
	}
	return c.dispatch(key)
}

// bound is the binding of a key here, nil if it has none.
func (c *Console) bound(key string) *binding {
	var found *binding
	for _, b := range c.keys.byKey[key] {
		if c.applies(b) && (found == nil || b.where&inSearch != 0) {
			found = b
		}
	}
	return found
}

func (c *Console) dispatch(key string) tea.Cmd {
	if b := c.bound(key); b != nil {
		return c.act(b, c.aim(b))
	}
	if bs := c.keys.byKey[key]; len(bs) > 0 {
		var uses []string
		for _, b := range bs {
			uses = append(uses, b.where.String()+": "+b.help)
		}
		c.say(info, keyName(key)+" is for "+strings.Join(uses, "; for "))
		return nil
	}
	c.say(info, keyName(key)+" is no key here · ? lists the keys")
	return nil
}

// act runs a binding on an object, or says why it cannot.
func (c *Console) act(b *binding, on object) tea.Cmd {
	if why := c.reason(b, on); why != "" {
		c.say(info, why)
		return nil
	}
	return b.run(c, on)
}

// interrupt is ctrl+c: it closes what is open; twice quits.
func (c *Console) interrupt() tea.Cmd {
	if !c.quitAsk.IsZero() && c.now().Sub(c.quitAsk) < 3*time.Second {
		return c.quit()
	}
	c.quitAsk = c.now()
	switch {
	case c.over != nil:
		c.over = nil
	case c.finding != nil:
		c.finding = nil
	}
	c.say(info, "ctrl+c again quits · jobs go on without you")
	return nil
}

// paste is text from the clipboard: it goes into a field, or into the palette,
// and never runs anything.
func (c *Console) paste(s string) tea.Cmd {
	s = strings.TrimRight(s, "\r\n")
	c.touched = true
	if c.w < floorW || c.h < floorH {
		return nil
	}
	if c.over != nil {
		if c.over.typing() {
			c.over.paste(c, s)
			return nil
		}
		c.say(info, "pasted text ignored: nothing here takes text")
		return nil
	}
	if c.finding != nil {
		c.finding.Insert(s)
		c.find()
		return nil
	}
	if e, ok := c.page().(editor); ok && e.typing() {
		cmd, used := e.paste(c, s)
		if !used {
			c.say(info, "that text does not fit into this field")
		}
		return cmd
	}
	c.openPalette(s)
	return nil
}

// burst tells a paste from typing: more than eight printable keys within 30 ms.
type burst struct {
	times   [9]time.Time
	n       int
	last    time.Time
	pasting bool
}

const burstTime = 30 * time.Millisecond

func (b *burst) pasted(now time.Time, text string) bool {
	if b.pasting && now.Sub(b.last) < burstTime {
		b.last = now
		return true
	}
	b.pasting = false
	b.last = now
	if text == "" {
		return false
	}
	b.times[b.n%len(b.times)] = now
	b.n++
	if b.n < len(b.times) {
		return false
	}
	oldest := b.times[b.n%len(b.times)]
	b.pasting = now.Sub(oldest) <= burstTime
	return b.pasting
}

// keyName is a key as people say it.
func keyName(key string) string {
	if r := []rune(key); len(r) == 1 && (r[0] < 0x20 || r[0] == 0x7f) {
		return "that key"
	}
	if len(key) > 24 {
		return "that key"
	}
	return key
}

// String names the situations for "x is for …".
func (s scope) String() string {
	if s == always {
		return "everywhere"
	}
	var names []string
	for i, n := range []string{"lists", "lists", "tabs", "panes", "logs", "a search in a log", "forms", "apps", "jobs", "nodes", "hosts", "the catalogue", "opened pages", "lists with marks", "found containers", "the audit", "forms", "Access", "people", "keys", "keys that wait", "tokens", "settings", "the list of hosts", "backups", "schedules", "backups", "schedules", "charts"} {
		if s&(1<<i) != 0 && (len(names) == 0 || names[len(names)-1] != n) {
			names = append(names, n)
		}
	}
	return strings.Join(names, ", ")
}

func jobID(id uint64) string { return strconv.FormatUint(id, 10) }

func parseJob(s string) uint64 {
	n, _ := strconv.ParseUint(s, 10, 64)
	return n
}
