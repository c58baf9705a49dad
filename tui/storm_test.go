package tui

import (
	"math/rand/v2"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
)

// TestKeyStorm is rule 5, and half of rule 9: whatever keys, pastes, split
// escapes and sizes come, nothing is deleted, nothing panics, and every frame
// fits. In one breath nothing that asks first is done either; slower noise does
// reach the verbs, so that the zero means something.
func TestKeyStorm(t *testing.T) {
	n := 100_000
	if testing.Short() {
		n = 20_000
	}
	t.Run("in one breath", func(t *testing.T) {
		s, asked := storm(t, n, 0)
		if asked == 0 {
			t.Error("the storm never came to a delete")
		}
		for _, call := range []string{"CancelJob", "DoApp stop", "DoApp restart", "DoApp delete", "RestoreBackup", "DeleteBackup", "PruneSchedule", "RemoveSchedule"} {
			if got := s.count(call); got != 0 {
				t.Errorf("noise did %s %d times", call, got)
			}
		}
	})
	t.Run("slowly", func(t *testing.T) {
		s, asked := storm(t, n, time.Second)
		if asked == 0 || s.count("DoApp start") == 0 || s.count("DoApp stop") == 0 {
			t.Errorf("the storm came to a delete %d times, started %d and stopped %d apps", asked, s.count("DoApp start"), s.count("DoApp stop"))
		}
		for _, call := range []string{"DoApp delete", "RestoreBackup", "DeleteBackup", "PruneSchedule", "RemoveSchedule"} {
			if got := s.count(call); got != 0 {
				t.Errorf("noise did %s %d times", call, got)
			}
		}
	})
}

// storm sends n keys and more to a console, so far apart, and counts how often
// it was asked for the name of an app to delete.
func storm(t *testing.T, n int, apart time.Duration) (s *scripted, asked int) {
	s = newScripted()
	now := noon
	begin := func() *Console {
		c := sit(t, s, look{})
		c.now = func() time.Time { return now }
		return c
	}
	c := begin()
	rng := rand.New(rand.NewPCG(1, 2))
	keys := everyKey()
	for range 8 { // people press some keys more often than others
		keys = append(keys, "2", "5", "s", "t", "r", "d", "down", "enter", "tab")
	}
	for i := range n {
		now = now.Add(apart)
		c.quitAsk = time.Time{}
		before := c.over
		var cmd tea.Cmd
		switch r := rng.IntN(100); {
		case r < 80:
			_, cmd = c.Update(keyMsg(keys[rng.IntN(len(keys))]))
		case r < 84:
			_, cmd = c.Update(tea.PasteMsg{Content: "dyq\nrm -rf\r\x1b[31m" + keys[rng.IntN(len(keys))]})
		case r < 86: // the name itself, as a paste
			_, cmd = c.Update(tea.PasteMsg{Content: s.World(c.actor).Apps[rng.IntN(len(s.World(c.actor).Apps))].Hostname + "\n"})
		case r < 90: // an escape sequence cut by a slow link
			for _, k := range []string{"esc", "[", "3", "~"} {
				_, cmd = c.Update(keyMsg(k))
			}
		case r < 94:
			_, cmd = c.Update(keyMsg("alt+" + string(rune('a'+rng.IntN(26)))))
		case r < 97:
			_, cmd = c.Update(tea.WindowSizeMsg{Width: rng.IntN(300), Height: rng.IntN(100)})
		default:
			_, cmd = c.Update(beatMsg{gen: c.tickGen, world: s.World(c.actor), present: s.present})
		}
		if d, is := c.over.(*erase); is && before != c.over {
			if asked++; d.focus != onCancel {
				t.Fatal("the focus is not on Cancel")
			}
		}
		if rng.IntN(8) == 0 {
			c.bursts = burst{}
		}
		if cmd != nil && rng.IntN(4) == 0 {
			if msg := quick(cmd); msg != nil {
				c.Update(msg)
			}
		}
		if i%50 == 0 {
			fits(t, c, "storm")
		}
		if i%1000 == 0 { // else all apps are busy before long
			s.mu.Lock()
			s.world = homelab()
			s.mu.Unlock()
		}
		if c.quitting { // q was among the keys: the next session
			c = begin()
		}
	}
	return s, asked
}

// quick runs a command that answers at once.
func quick(cmd tea.Cmd) tea.Msg {
	done := make(chan tea.Msg, 1)
	go func() { done <- cmd() }()
	select {
	case m := <-done:
		return m
	case <-time.After(time.Millisecond):
		return nil
	}
}
