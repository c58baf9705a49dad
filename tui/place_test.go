package tui

import (
	"strings"
	"testing"
)

// TestComeBack is rule 12: screen, object, tab, filter, order, row and the
// draft of a form are there again after a cut connection, secrets are not.
func TestComeBack(t *testing.T) {
	s := newScripted()
	c := at(t, s, look{}, []string{"2", "/", "p", "v", "e", "1", "enter", "down", "enter", "right"})
	c.Update(beatMsg{gen: c.tickGen})
	c.place.flush()
	c = sit(t, s, look{})
	if got := strings.Join(c.crumbs(), "/"); got != "Apps/gitea/Logs" {
		t.Errorf("came back to %s", got)
	}
	press(c, "esc")
	if c.page().(*apps).query() != "pve1" {
		t.Error("the filter is gone")
	}

	c = at(t, s, look{}, []string{"3", "down", "down", "down", "down", "n"})
	press(c, "ctrl+u")
	typed(c, "feeds")
	for range 7 {
		press(c, "tab")
	}
	typed(c, "secret1")
	c.Update(beatMsg{gen: c.tickGen})
	c.place.flush()
	if strings.Contains(string(s.place), "secret1") {
		t.Fatal("the place keeps a secret")
	}
	c = sit(t, s, look{})
	d, ok := c.page().(*deploy)
	if !ok || d.form.Field(fieldName).Value() != "feeds" {
		t.Fatal("the draft is gone")
	}
	if d.form.Focus().Key != "values.ADMIN_PASSWORD" || d.form.Focus().Value() != "" {
		t.Errorf("the focus is on %q", d.form.Focus().Key)
	}
	press(c, "esc", "n")
	if d, ok := c.page().(*deploy); !ok || d.form.Field(fieldName).Value() != "feeds" {
		t.Error("esc does not keep the draft")
	}
}

// TestBadPlaces: whatever is stored, a console opens.
func TestBadPlaces(t *testing.T) {
	for _, p := range []string{"", "null", "{", `{"screen":99}`, `{"screen":-1}`, `{"screen":2,"kind":1,"object":"gone"}`, `{"screen":3,"form":true,"draft":{"item":"gone"}}`, `{"screen":6,"kind":2,"object":"x"}`, `{"screen":2,"lists":{"Apps":{"sort":77}}}`, `{"screen":2,"kind":1,"object":"gitea-0000006b","tab":77}`} {
		s := newScripted()
		s.place = []byte(p)
		fits(t, sit(t, s, look{}), p)
	}
}

// TestSavedOncePerBeat: moving saves the place, but not at every key, and not
// when nothing changed.
func TestSavedOncePerBeat(t *testing.T) {
	s := newScripted()
	c := at(t, s, look{}, []string{"2", "down", "down"})
	if s.count("SavePlace") != 0 {
		t.Error("keys save at once")
	}
	for range 3 {
		_, cmd := c.Update(beatMsg{gen: c.tickGen})
		_ = cmd
		c.place.flush()
	}
	if got := s.count("SavePlace"); got != 1 {
		t.Errorf("saved %d times", got)
	}
}
