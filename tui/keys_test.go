package tui

import (
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
)

// TestAltIsEsc: esc and a fast key after it never run that key's verb.
func TestAltIsEsc(t *testing.T) {
	c := at(t, newScripted(), look{}, []string{"2", "enter"})
	press(c, "alt+t")
	if len(c.stack) != 0 || c.over != nil {
		t.Error("alt+t is not esc")
	}
}

// TestPastes: a paste outside a field opens the palette and runs nothing;
// keys that come as fast as a paste are ignored.
func TestPastes(t *testing.T) {
	s := newScripted()
	c := at(t, s, look{}, []string{"2"})
	_, cmd := c.Update(tea.PasteMsg{Content: "jellyfin\n"})
	settle(c, cmd)
	m, ok := c.over.(*menu)
	if !ok || m.menu.Input.Value() != "jellyfin" || len(c.stack) != 0 {
		t.Fatal("a paste does not open the palette with its text")
	}
	c = at(t, s, look{}, nil)
	for _, r := range "jjjjjjjj2t" {
		c.Update(keyMsg(string(r)))
	}
	if n, _ := c.notices.current(); !strings.Contains(n.text, "pasted text ignored") {
		t.Errorf("a burst of keys says %q", n.text)
	}
	c.Update(keyMsg("enter"))
	if c.top != 1 || c.over != nil || len(c.stack) != 0 {
		t.Error("a burst of keys did something")
	}
}
