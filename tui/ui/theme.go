// Package ui holds the drawing kit of the console: colour roles, lines cut to
// cells, tables, gauges, forms, menus and log views. It knows no app, host or
// backup, and nothing here is shared between sessions.
package ui

import "github.com/charmbracelet/colorprofile"

// Role is what a piece of text means; a Theme says how that looks.
type Role uint8

// The roles.
const (
	Text     Role = iota
	Muted         // labels, units, what can be overlooked
	Heading       // titles of sections and columns
	Strong        // the name of the thing in view
	Accent        // focus: the cursor bar, the current tab
	Selected      // the row under the cursor
	OK            // running, done, free
	Busy          // something is under way
	Warn          // needs attention
	Error         // failed
	Stale         // older than the last answer
	Danger        // the button that destroys
	Chart         // filled part of gauges and sparklines
	Track         // empty part of gauges
	Key           // a key in the hints
	roles
)

// colour is a role's look: a colour index, and attributes that stay when there
// is no colour.
type colour struct {
	dark, light uint8  // 256-colour index; 0 = the terminal's own
	ansi        string // SGR parameters with 16 colours, dark
	ansiLight   string // the same on a light background, if it differs
	attr        string // SGR parameters that need no colour
}

// looks is the table of the roles. The indices give at least 4.5:1 on #000 and
// #1e1e1e (dark), #fdf6e3 and #fff (light); a test computes it.
func looks() [roles]colour {
	return [roles]colour{
		Text:     {},
		Muted:    {dark: 246, light: 241, ansi: "90", ansiLight: "90"},
		Heading:  {attr: "1"},
		Strong:   {attr: "1"},
		Accent:   {dark: 111, light: 25, ansi: "94", ansiLight: "34", attr: "1"},
		Selected: {dark: 111, light: 25, ansi: "94", ansiLight: "34", attr: "1;7"},
		OK:       {dark: 77, light: 22, ansi: "32"},
		Busy:     {dark: 221, light: 58, ansi: "33"},
		Warn:     {dark: 214, light: 94, ansi: "33"},
		Error:    {dark: 210, light: 160, ansi: "91", ansiLight: "31"},
		Stale:    {dark: 246, light: 241, ansi: "90"},
		Danger:   {attr: "1;7", dark: 210, light: 160, ansi: "31"},
		Chart:    {dark: 75, light: 25, ansi: "36"},
		Track:    {dark: 239, light: 250, ansi: "90"},
		Key:      {dark: 111, light: 25, ansi: "94", ansiLight: "34"},
	}
}

// Theme is how one session sees the roles.
type Theme struct {
	open  [roles]string // SGR that starts a role; "" = nothing to start
	ASCII bool          // symbols are replaced by their ASCII twins
	Dark  bool
}

// reset ends every role.
const reset = "\x1b[m"

// NewTheme makes the styles of one session. Only the profile and the
// background of that session's terminal decide, never the server's own.
func NewTheme(p colorprofile.Profile, dark, ascii bool) *Theme {
	t := &Theme{ASCII: ascii, Dark: dark}
	for r, l := range looks() {
		sgr := l.attr
		add := func(s string) {
			if s == "" {
				return
			}
			if sgr != "" {
				sgr += ";"
			}
			sgr += s
		}
		switch {
		case p >= colorprofile.ANSI256:
			index := l.light
			if dark {
				index = l.dark
			}
			if index != 0 {
				add("38;5;" + itoa(int(index)))
			}
		case p == colorprofile.ANSI:
			if !dark && l.ansiLight != "" {
				add(l.ansiLight)
			} else {
				add(l.ansi)
			}
		}
		if sgr != "" {
			t.open[r] = "\x1b[" + sgr + "m"
		}
	}
	return t
}
