package tui

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"proximity/core"
)

// TestInvite: n in Access lets somebody in, with a role and a key.
func TestInvite(t *testing.T) {
	s := newScripted()
	c := at(t, s, look{}, []string{"8", "n"})
	expect(t, c, "somebody new", "a key for ops", "a token of yours")
	press(c, "enter")
	expect(t, c, "Let somebody in")
	press(c, "ctrl+s")
	expect(t, c, "a name is missing")
	typed(c, "ann")
	press(c, "ctrl+s")
	if s.done() != "AddUser ann user 0" {
		t.Errorf("did %q", s.done())
	}
	expect(t, c, "✓ ann may come in as user", "KEYS AND TOKENS of")

	s.fail = &core.Error{Kind: core.ErrInvalid, Field: "name", Text: "the name is taken"}
	press(c, "n", "enter")
	typed(c, "dev")
	press(c, "ctrl+s")
	expect(t, c, "Let somebody in", "the name is taken")
	press(c, "esc")
	expect(t, c, "nothing was changed")
}

// TestApprove: a key that waits is approved with n, and forgotten from a.
func TestApprove(t *testing.T) {
	s := newScripted()
	c := at(t, s, look{}, []string{"8", "tab", "end"})
	press(c, "d")
	expect(t, c, "d is for apps, hosts, people, keys, tokens")
	press(c, "n")
	expect(t, c, "SHA256:Zz041M", "tried to come in from 10.8.0.7", "which proves nothing")
	typed(c, "ann")
	press(c, "ctrl+s")
	if s.done() != "ApproveKey SHA256:Zz041M ann user" {
		t.Errorf("did %q", s.done())
	}
	press(c, ":")
	typed(c, "deny")
	press(c, "enter")
	if !strings.HasSuffix(s.done(), ", DenyKey SHA256:Zz041M") {
		t.Errorf("did %q", s.done())
	}
}

// TestChangePerson: e changes what differs and nothing else; z gives the role
// back.
func TestChangePerson(t *testing.T) {
	s := newScripted()
	c := at(t, s, look{}, []string{"8", "home", "e"})
	expect(t, c, "Change ci", "operator")
	press(c, "ctrl+s")
	expect(t, c, "nothing was changed")
	press(c, "e", "right", "ctrl+s")
	if s.done() != "SetRole ci user" {
		t.Fatalf("did %q", s.done())
	}
	expect(t, c, "changed of ci: role")
	press(c, "z")
	if s.done() != "SetRole ci user, SetRole ci operator" {
		t.Errorf("did %q", s.done())
	}
	s.deeds = nil
	press(c, "e", "tab")
	typed(c, "ci@example.org")
	press(c, "tab", "tab", "tab")
	typed(c, "correct horse")
	if strings.Contains(text(c), "correct") {
		t.Error("the password is on screen")
	}
	press(c, "ctrl+s")
	if s.done() != "SetProfile ci ci@example.org, SetPassword ci correct horse" {
		t.Errorf("did %q", s.done())
	}
}

// TestTakeAway: people, keys and tokens go when their name is typed; the last
// way in of oneself does not.
func TestTakeAway(t *testing.T) {
	s := newScripted()
	c := at(t, s, look{}, []string{"8"})
	press(c, "d")
	expect(t, c, "this is you")
	press(c, "home", "d")
	expect(t, c, "take the access of  ci  (operator) away", "revokes", "1 key and 1 token")
	typed(c, "ci")
	press(c, "tab")
	pause(c)
	press(c, "enter")
	if s.done() != "RemoveUser ci" {
		t.Fatalf("did %q", s.done())
	}
	press(c, "down", "d")
	expect(t, c, "dev owns 2 apps", "--apps-to")
	press(c, "down", "enter", "d")
	expect(t, c, "revoke the key  laptop  of ops")
	press(c, "esc", "down", "down", "d")
	expect(t, c, "revoke token 3  nightly  of ops (read)", "breaks")
	typed(c, "nightly")
	press(c, "tab")
	pause(c)
	press(c, "enter")
	if !strings.HasSuffix(s.done(), ", RevokeToken 3") {
		t.Errorf("did %q", s.done())
	}
}

// TestTokenIsShownOnce: what a token is stays on screen until it is closed,
// even when its form was left before core had answered.
func TestTokenIsShownOnce(t *testing.T) {
	s := newScripted()
	c := at(t, s, look{}, []string{"8", "n", "down", "down", "enter"})
	typed(c, "ci")
	_, cmd := c.Update(keyMsg("ctrl+s"))
	press(c, "esc")
	expect(t, c, "it was sent already")
	settle(c, cmd)
	if s.done() != "CreateToken ci read 2160h0m0s" {
		t.Errorf("did %q", s.done())
	}
	expect(t, c, "shown this once", "px_secretsecretsecret", "Authorization: Bearer")
	press(c, "esc")
	if strings.Contains(text(c), "px_secret") {
		t.Error("the token stays on screen")
	}
}

// TestEndSessions asks, and says what ends.
func TestEndSessions(t *testing.T) {
	s := newScripted()
	c := at(t, s, look{}, []string{"8", "home", "down", "l"})
	expect(t, c, "Sessions of dev", "Apps › gitea")
	press(c, "esc", ":")
	typed(c, "end sessions")
	press(c, "enter")
	expect(t, c, "terminals, and logins of the API", "they can come in again")
	pause(c)
	press(c, "enter")
	if s.done() != "EndSessions dev" {
		t.Errorf("did %q", s.done())
	}
}

// TestAccessOfOthers: who is no admin sees themselves, and may give themselves
// a key and a token.
func TestAccessOfOthers(t *testing.T) {
	s := newScripted()
	c := at(t, s, look{role: core.RoleUser}, []string{"8"})
	expect(t, c, "1 person", "KEYS AND TOKENS of ops")
	if strings.Contains(text(c), "dev@") || s.count("Knocks") > 0 {
		t.Error("a user is shown others")
	}
	press(c, "n", "enter")
	expect(t, c, "A key for ops")
	press(c, "esc", "e")
	if strings.Contains(text(c), "Role ") {
		t.Error("a user is offered a role")
	}
}

// TestPreferences are in force at once, kept, and taken back with z.
func TestPreferences(t *testing.T) {
	s := newScripted()
	c := at(t, s, look{}, []string{"0", "down", "enter"})
	expect(t, c, "symbols is unicode now")
	press(c, "enter")
	if !c.ascii || !strings.Contains(string(s.prefs), `"symbols":"ascii"`) {
		t.Fatalf("ascii %t, kept %s", c.ascii, s.prefs)
	}
	press(c, "z")
	if c.ascii || !strings.Contains(string(s.prefs), `"symbols":"unicode"`) {
		t.Errorf("ascii %t, kept %s", c.ascii, s.prefs)
	}
	press(c, "down", "down", "enter")
	typed(c, "Mars")
	press(c, "enter")
	expect(t, c, `there is no time zone "Mars"`)
	press(c, "enter")
	typed(c, "Asia/Tokyo")
	press(c, "enter")
	expect(t, c, "23:32:07") // of 14:32:07 UTC
	press(c, "home", "enter", "enter", "enter")
	if strings.Contains(c.View().Content, "\x1b[3") {
		t.Error("theme none has colours")
	}

	var kept prefs
	if err := json.Unmarshal(s.prefs, &kept); err != nil || kept != (prefs{Theme: "none", Symbols: "unicode", Zone: "Asia/Tokyo"}) {
		t.Errorf("kept %+v: %v", kept, err)
	}
	c = at(t, s, look{}, []string{"0"})
	expect(t, c, "23:32:07", "Asia/Tokyo")
	s.prefs = []byte("{nonsense")
	c = at(t, s, look{}, []string{"0"})
	expect(t, c, "14:32:07", "auto (UTC)")
}

// TestDefaults are changed by who may, and taken back with z once core agreed.
func TestDefaults(t *testing.T) {
	s := newScripted()
	c := at(t, s, look{}, []string{"0", "right", "enter"})
	press(c, "backspace")
	typed(c, "4")
	press(c, "enter")
	if s.done() != "SetSetting cores=4" {
		t.Fatalf("did %q", s.done())
	}
	expect(t, c, "cores is 4 now · z takes it back")
	press(c, "z")
	if s.done() != "SetSetting cores=4, SetSetting cores=2" {
		t.Errorf("did %q", s.done())
	}
	s.fail = errors.New("out of range")
	press(c, "enter")
	typed(c, "00")
	press(c, "enter")
	expect(t, c, "out of range")
	s.fail = nil
	press(c, "z")
	expect(t, c, "nothing to take back")

	s = newScripted()
	c = at(t, s, look{role: core.RoleViewer}, []string{"0", "right", "enter"})
	if c.over != nil || s.done() != "" {
		t.Errorf("a viewer is asked for a value; did %q", s.done())
	}
	expect(t, c, "viewer")
	c = at(t, s, look{role: core.RoleViewer}, []string{"0", "right", "right", "enter"})
	expect(t, c, "cannot be changed here")
}
