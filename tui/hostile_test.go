package tui

import (
	"strings"
	"testing"

	"proximity/core"
	"proximity/tui/ui"
)

// TestHostileText is rule 8's second net: even if core let it through, no
// control byte of a foreign text reaches the frame.
func TestHostileText(t *testing.T) {
	payloads := []string{
		"a\x1b[2Jb", "\x1b]0;owned\x07", "\x1bPq#0;2;0;0;0\x1b\\", "\x1b_Gf=100\x1b\\", "\x1b^pm\x1b\\", "\x1bXsos\x1b\\", "\u009b31mred", "\x9b31m", "\u009d52;c;aGk=\u009c",
		"a\rb", "a\nb", "a\tb", "\a\b\v\f\x00\x7f", "a\u202eb", "a\u2066b", "z\u200bw\u200dj", "\x1b]8;;http://evil\x1b\\click\x1b]8;;\x1b\\", "\x1bc", "\x1b7\x1b8", "e\u0301\u0301\u0301\u0301\u0301", "日本語日本語日本語", "👩‍👩‍👧‍👧 family", "\x1b[31munclosed", "\xff\xfe bad", strings.Repeat("x", 5000), "\x1b]", "\x1b[",
	}
	for _, p := range payloads {
		s := newScripted()
		w := s.world
		for i := range w.Apps {
			a := &w.Apps[i]
			a.Hostname, a.Name, a.Version, a.Node, a.Error, a.Hint, a.Owner, a.Notes, a.Drift = p, p, p, p, p, p, p, p, p
			if a.Job != nil {
				a.Job.Title, a.Job.Waiting = p, p
			}
			a.URL = "http://h/" + p
		}
		for i := range w.Jobs {
			j := &w.Jobs[i]
			j.Title, j.Error, j.Hint, j.Left, j.Waiting, j.Owner = p, p, p, p, p, p
			for k := range j.Steps {
				j.Steps[k].Title, j.Steps[k].Note = p, p
			}
		}
		for i := range w.Hosts {
			h := &w.Hosts[i]
			h.Error, h.URL, h.User, h.Fingerprint, h.Cluster = p, p, p, p, p
		}
		for i := range w.Nodes {
			w.Nodes[i].Storages = []core.StorageView{{Name: p, Type: p, Content: []string{p}, Active: true}}
		}
		for i := range w.Alerts {
			w.Alerts[i].Text = p
		}
		for i := range s.items {
			it := &s.items[i]
			it.Name, it.Tagline, it.Description, it.Notes, it.License, it.Recipe = p, p, p, p, p, p
			for k := range it.Fields {
				it.Fields[k].Label, it.Fields[k].Help, it.Fields[k].Default = p, p, p
			}
		}
		for i := range s.logs {
			s.logs[i].Text = p
		}
		s.appLog = []string{p, p}
		s.check.Node, s.check.OS, s.check.Storage = p, p, p
		s.present = []core.Presence{{User: p, Place: p}}
		for _, v := range views() {
			for _, o := range []look{{}, {w: 80, h: 24}} {
				c := at(t, s, o, v.keys)
				fits(t, c, v.name)
				view := c.View()
				if bad := foreign(view.Content); bad != "" {
					t.Fatalf("%s lets %q through as %q", v.name, p, bad)
				}
				if bad := foreign(view.WindowTitle); bad != "" || strings.Contains(view.WindowTitle, "\x1b") {
					t.Fatalf("the title lets %q through", p)
				}
			}
		}
	}
}

// foreign finds what is neither text, nor a line break, nor an SGR sequence or
// link of our own.
func foreign(s string) string {
	s = strings.ReplaceAll(s, "\n", "")
	for i, l := range strings.SplitAfter(s, "\x1b[m") {
		if ui.CleanLine(l) != l {
			return l
		}
		_ = i
	}
	if strings.Contains(s, "\x1b]8;;http://evil") || strings.Contains(s, "\x1b[31munclosed") || strings.Contains(s, "\x1b[2J") {
		return "an escape sequence"
	}
	for _, r := range s {
		if r == 0x202e || r == 0x2066 || r == 0x200b {
			return string(r)
		}
	}
	return ""
}
