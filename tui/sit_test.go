package tui

import (
	"context"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"

	"proximity/core"
)

// look is how a test's terminal is.
type look struct {
	w, h    int
	profile colorprofile.Profile
	ascii   bool
	light   bool
	role    core.Role
}

// sit opens a console on a scripted world.
func sit(t testing.TB, s *scripted, o look) *Console {
	t.Helper()
	if o.w == 0 {
		o.w, o.h = 120, 36
	}
	if o.profile == 0 {
		o.profile = colorprofile.ANSI256
	}
	if o.role == "" {
		o.role = core.RoleAdmin
	}
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	var env []string
	if o.ascii {
		env = []string{"PROXIMITY_ASCII=1"}
	}
	c := New(Options{Core: s, Actor: core.Actor{User: "ops", Role: o.role}, Ctx: ctx, Width: o.w, Height: o.h, Env: env, Profile: o.profile, Host: "home.lan", Now: func() time.Time { return noon }, Location: time.UTC, Copy: func(string) tea.Cmd { return nil }}).(*Console)
	c.present = s.present
	if o.light {
		c.Update(tea.BackgroundColorMsg{Color: white{}})
	}
	return c
}

type white struct{}

func (white) RGBA() (r, g, b, a uint32) { return 0xffff, 0xffff, 0xffff, 0xffff }

// keyMsg is the message of a key by its name.
func keyMsg(name string) tea.KeyPressMsg {
	special := map[string]rune{
		"enter": tea.KeyEnter, "esc": tea.KeyEscape, "tab": tea.KeyTab, "up": tea.KeyUp, "down": tea.KeyDown, "left": tea.KeyLeft, "right": tea.KeyRight,
		"pgup": tea.KeyPgUp, "pgdown": tea.KeyPgDown, "home": tea.KeyHome, "end": tea.KeyEnd, "backspace": tea.KeyBackspace, "delete": tea.KeyDelete,
	}
	if r, ok := special[name]; ok {
		return tea.KeyPressMsg{Code: r}
	}
	switch {
	case name == "space":
		return tea.KeyPressMsg{Code: tea.KeySpace, Text: " "}
	case name == "shift+tab":
		return tea.KeyPressMsg{Code: tea.KeyTab, Mod: tea.ModShift}
	case strings.HasPrefix(name, "ctrl+"):
		return tea.KeyPressMsg{Code: rune(name[5]), Mod: tea.ModCtrl}
	case strings.HasPrefix(name, "alt+"):
		return tea.KeyPressMsg{Code: rune(name[4]), Mod: tea.ModAlt}
	}
	r := []rune(name)[0]
	return tea.KeyPressMsg{Code: r, Text: name}
}

// press sends keys and runs the commands they start, except those that wait.
func press(c *Console, names ...string) {
	for _, n := range names {
		c.bursts = burst{}
		_, cmd := c.Update(keyMsg(n))
		settle(c, cmd)
	}
}

// settle runs a command and what follows from it. Streams that only end with
// the session are given a moment, then left to themselves.
func settle(c *Console, cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	done := make(chan tea.Msg, 1)
	go func() { done <- cmd() }()
	var msg tea.Msg
	select {
	case msg = <-done:
	case <-c.core.(*scripted).blocked: // a stream: it ends with the session
		return
	case <-time.After(5 * time.Second):
		return
	}
	switch m := msg.(type) {
	case tea.BatchMsg:
		for _, x := range m {
			settle(c, x)
		}
	case nil, beatMsg, tea.QuitMsg:
	default:
		_, next := c.Update(msg)
		settle(c, next)
	}
}

// typed sends text as keys.
func typed(c *Console, s string) {
	for _, r := range s {
		if r == ' ' {
			press(c, "space")
		} else {
			press(c, string(r))
		}
	}
}
