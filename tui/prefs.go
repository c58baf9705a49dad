package tui

import (
	"encoding/json"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"

	"proximity/tui/ui"
)

// prefsKey names what a person prefers in core's keeping.
const prefsKey = "prefs"

// prefs are what a person prefers, on every terminal. "" leaves it to the
// terminal.
type prefs struct {
	Theme   string `json:"theme,omitempty"`   // dark, light, none
	Symbols string `json:"symbols,omitempty"` // unicode, ascii
	Motion  string `json:"motion,omitempty"`  // slow
	Zone    string `json:"zone,omitempty"`    // a name of the time zone database
	Start   string `json:"start,omitempty"`   // overview
}

// terminal is what the client's terminal can do, as far as it has told.
type terminal struct {
	profile colorprofile.Profile
	dark    bool
	ascii   bool
	loc     *time.Location
}

// readPrefs takes up what was kept; what cannot be read is as if there were
// nothing.
func readPrefs(blob []byte) prefs {
	var p prefs
	if len(blob) == 0 || json.Unmarshal(blob, &p) != nil {
		return prefs{}
	}
	return p
}

// dress draws from now on as the terminal can and the person prefers.
func (c *Console) dress() {
	c.profile, c.ascii, c.loc = c.seen.profile, c.seen.ascii, c.seen.loc
	dark := c.seen.dark
	switch c.prefs.Theme {
	case "dark", "light":
		dark = c.prefs.Theme == "dark"
	case "none":
		c.profile = min(c.profile, colorprofile.ASCII)
	}
	if c.prefs.Symbols != "" {
		c.ascii = c.prefs.Symbols == "ascii"
	}
	if loc, err := time.LoadLocation(c.prefs.Zone); err == nil && c.prefs.Zone != "" {
		c.loc = loc
	}
	c.theme = ui.NewTheme(c.profile, dark, c.ascii)
}

// pace is how often the console is drawn without a key.
func (c *Console) pace() time.Duration {
	if c.prefs.Motion == "slow" {
		return 5 * time.Second
	}
	return time.Second
}

// prefer changes what a person prefers: it is in force at once, and kept.
func (c *Console) prefer(what string, now prefs) tea.Cmd {
	was := c.prefs
	c.prefs = now
	c.dress()
	c.feed()
	c.say(good, what+" · z takes it back")
	c.canTakeBack(what, func(c *Console) tea.Cmd {
		c.prefs = was
		c.dress()
		c.feed()
		return c.keepPrefs()
	})
	return c.keepPrefs()
}

func (c *Console) keepPrefs() tea.Cmd {
	blob, err := json.Marshal(c.prefs)
	if err != nil {
		return nil // strings: cannot fail
	}
	actor := c.actor
	return func() tea.Msg { return doneMsg{err: c.core.SavePlace(actor, prefsKey, blob)} }
}
