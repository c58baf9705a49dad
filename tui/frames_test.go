package tui

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"

	"proximity/core"
)

var update = flag.Bool("update", false, "write the golden frames anew")

// views are the screens and how a person gets to them.
func views() []struct {
	name string
	keys []string
} {
	return []struct {
		name string
		keys []string
	}{
		{"overview", nil},
		{"apps", []string{"2", "down", "down"}},
		{"apps-filtered", []string{"2", "/", "p", "v", "e", "3", "enter"}},
		{"app", []string{"2", "down", "down", "enter"}},
		{"app-error", []string{"2", "end", "up", "enter"}},
		{"app-logs", []string{"2", "down", "down", "l"}},
		{"app-activity", []string{"2", "down", "enter", "right", "right"}},
		{"app-config", []string{"2", "down", "down", "enter", "right", "right", "right", "right", "right", "right"}},
		{"edit", []string{"2", "down", "down", "e", "backspace"}},
		{"app-metrics", []string{"2", "enter", "right", "right", "right"}},
		{"catalog", []string{"3", "down", "down"}},
		{"catalog-item", []string{"3", "down", "down", "down", "down", "enter"}},
		{"deploy", []string{"3", "down", "down", "down", "down", "n"}},
		{"nodes", []string{"4", "down"}},
		{"host-new", []string{"4", "n"}},
		{"host-edit", []string{"4", "e", "down", "down", "down", "down", "space"}},
		{"clone", []string{"2", "down", "down", "c"}},
		{"update", []string{"2", "down", "down", "u"}},
		{"backups", []string{"5", "down"}},
		{"schedules", []string{"5", "right"}},
		{"retention", []string{"5", "right", "right"}},
		{"storage", []string{"5", "right", "right", "right"}},
		{"schedule-form", []string{"5", "right", "n"}},
		{"app-backups", []string{"2", "down", "down", "enter", "right", "right", "right", "right", "down"}},
		{"backup-details", []string{"5", "down", "down", "down", "enter"}},
		{"restore", []string{"5", "down", "down", "down", "r", "g", "i"}},
		{"jobs", []string{"6", "down", "down", "down"}},
		{"job", []string{"6", "enter"}},
		{"discover", []string{"7", "space"}},
		{"adopt", []string{"7", "down", "e"}},
		{"audit", []string{"9", "down", "down"}},
		{"access", []string{"8"}},
		{"access-keys", []string{"8", "enter", "down"}},
		{"invite", []string{"8", "n"}},
		{"approve", []string{"8", "tab", "end", "n", "a", "n", "n"}},
		{"person", []string{"8", "e"}},
		{"remove-person", []string{"8", "home", "d", "c"}},
		{"settings", []string{"0", "down"}},
		{"settings-defaults", []string{"0", "right", "down"}},
		{"settings-prompt", []string{"0", "right", "down", "enter"}},
		{"settings-server", []string{"0", "right", "right"}},
		{"settings-api", []string{"0", "right", "right", "right"}},
		{"delete-many", []string{"2", "*", "d"}},
		{"job-failed", []string{"6", "down", "down", "down", "enter"}},
		{"palette", []string{":", "g", "i", "t"}},
		{"help", []string{"2", "?"}},
		{"actions", []string{"2", "a"}},
		{"stop", []string{"6", "t"}},
		{"stop-apps", []string{"2", "*", "t"}},
		{"marks", []string{"2", "*", "a"}},
		{"delete", []string{"2", "down", "down", "d", "g", "i"}},
		{"alerts", []string{"!"}},
		{"recipe", []string{"3", "v"}},
	}
}

var frameSizes = [][2]int{{30, 8}, {40, 12}, {80, 24}, {120, 36}, {200, 60}}

// at shows a view of a console.
func at(t testing.TB, s *scripted, o look, keys []string) *Console {
	c := sit(t, s, o)
	settle(c, c.opened(c.page()))
	press(c, keys...)
	return c
}

// TestGoldenFrames compares the text of every screen at every size.
func TestGoldenFrames(t *testing.T) {
	for _, v := range views() {
		t.Run(v.name, func(t *testing.T) {
			var b strings.Builder
			for _, size := range frameSizes {
				c := at(t, newScripted(), look{w: size[0], h: size[1], profile: colorprofile.NoTTY}, v.keys)
				fmt.Fprintf(&b, "%dx%d\n", size[0], size[1])
				for _, l := range strings.Split(ansi.Strip(c.View().Content), "\n") {
					b.WriteString("|" + strings.TrimRight(l, " ") + "\n")
				}
			}
			golden(t, v.name+".golden", fold(b.String()))
		})
	}
}

// fold writes runs of equal lines once, so that the files stay small.
func fold(s string) string {
	var out []string
	lines := strings.Split(s, "\n")
	for i := 0; i < len(lines); {
		n := 1
		for i+n < len(lines) && lines[i+n] == lines[i] {
			n++
		}
		out = append(out, lines[i])
		if n > 1 {
			out = append(out, fmt.Sprintf("x%d", n))
		}
		i += n
	}
	return strings.Join(out, "\n")
}

// TestGoldenStyles compares a few frames with their styles.
func TestGoldenStyles(t *testing.T) {
	for _, o := range []struct {
		name string
		look look
		keys []string
	}{
		{"apps-dark", look{w: 80, h: 24}, []string{"2", "down"}},
		{"apps-light", look{w: 80, h: 24, light: true}, []string{"2", "down"}},
		{"apps-ansi16", look{w: 80, h: 24, profile: colorprofile.ANSI}, []string{"2", "down"}},
		{"overview-dark", look{w: 120, h: 36}, nil},
	} {
		c := at(t, newScripted(), o.look, o.keys)
		golden(t, "styled-"+o.name+".golden", strings.ReplaceAll(c.View().Content, "\x1b", "^["))
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (go test -update writes it)", err)
	}
	if d := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); d != "" {
		t.Errorf("%s differs (go test -update after looking at it):\n%s", name, d)
	}
}

// fits fails unless the frame is exactly h lines of at most w cells, each with
// its styles closed.
func fits(t *testing.T, c *Console, what string) {
	t.Helper()
	lines := strings.Split(c.View().Content, "\n")
	if len(lines) != c.h {
		t.Fatalf("%s at %dx%d: %d lines", what, c.w, c.h, len(lines))
	}
	for i, l := range lines {
		if w := ansi.StringWidth(l); w > c.w {
			t.Errorf("%s at %dx%d: line %d is %d cells: %q", what, c.w, c.h, i, w, ansi.Strip(l))
		}
		if last := strings.LastIndex(l, "\x1b["); last >= 0 && !strings.HasPrefix(l[last:], "\x1b[m") {
			t.Errorf("%s at %dx%d: line %d leaves a style open: %q", what, c.w, c.h, i, l)
		}
	}
}

// TestFramesFit is rule 9: everything fits from 30x8 to 300x100, the row under
// the cursor is in view, and the hints end with help.
func TestFramesFit(t *testing.T) {
	all := append([][2]int{{60, 16}, {59, 15}, {119, 29}, {300, 100}, {300, 8}, {30, 100}, {79, 23}, {50, 9}}, frameSizes...)
	for _, v := range views() {
		c := at(t, newScripted(), look{}, v.keys)
		for _, size := range all {
			c.resize(size[0], size[1])
			c.feed()
			fits(t, c, v.name)
			lines := strings.Split(ansi.Strip(c.View().Content), "\n")
			hints := strings.TrimRight(lines[len(lines)-1], " ")
			if c.over == nil && !c.typing() && !strings.HasSuffix(hints, "? help") {
				t.Errorf("%s at %v: hints end with %q", v.name, size, hints)
			}
			_, isList := c.page().(lister)
			if isList && c.over == nil && !strings.Contains(strings.Join(lines, "\n"), "▌") {
				t.Errorf("%s at %v: the cursor is out of sight", v.name, size)
			}
		}
	}
}

// TestCursorStaysInView walks to the end of lists on small terminals.
func TestCursorStaysInView(t *testing.T) {
	for _, size := range frameSizes {
		for _, screen := range []string{"1", "2", "3", "4", "6"} {
			c := at(t, newScripted(), look{w: size[0], h: size[1]}, []string{screen})
			for range 30 {
				if !strings.Contains(c.View().Content, "▌") {
					t.Fatalf("screen %s at %v: the cursor is out of sight", screen, size)
				}
				press(c, "down")
			}
		}
	}
}

// TestFloor is what is left below 30x8, and without a size at all.
func TestFloor(t *testing.T) {
	c := sit(t, newScripted(), look{w: 24, h: 6})
	fits(t, c, "floor")
	if got := ansi.Strip(c.View().Content); !strings.HasPrefix(got, "Proximity needs 30x8, y") {
		t.Errorf("floor says %q", got)
	}
	c = sit(t, newScripted(), look{w: 100, h: 1})
	if got := ansi.Strip(c.View().Content); got != "Proximity needs 30x8, you have 100x1 · q quits" {
		t.Errorf("floor says %q", got)
	}
	c = New(Options{Core: newScripted(), Actor: core.Actor{User: "ops", Role: core.RoleAdmin}}).(*Console)
	if c.w != 80 || c.h != 24 {
		t.Errorf("0x0 is drawn as %dx%d", c.w, c.h)
	}
}

// TestASCII is the same layout with every symbol replaced by one ASCII cell.
func TestASCII(t *testing.T) {
	for _, v := range views() {
		for _, size := range frameSizes {
			o := look{w: size[0], h: size[1], profile: colorprofile.NoTTY}
			u := at(t, newScripted(), o, v.keys)
			o.ascii = true
			a := at(t, newScripted(), o, v.keys)
			fits(t, a, v.name)
			ul, al := strings.Split(ansi.Strip(u.View().Content), "\n"), strings.Split(ansi.Strip(a.View().Content), "\n")
			for i := range al {
				for _, r := range al[i] {
					if r >= 0x80 {
						t.Fatalf("%s %v line %d: %q is not ASCII: %q", v.name, size, i, r, al[i])
					}
				}
				if ansi.StringWidth(al[i]) != ansi.StringWidth(ul[i]) {
					t.Fatalf("%s %v line %d: width differs\n%q\n%q", v.name, size, i, ul[i], al[i])
				}
			}
		}
	}
	for _, term := range []string{"linux", "vt220", "ansi"} {
		c := New(Options{Core: newScripted(), Env: []string{"TERM=" + term}}).(*Console)
		if !c.ascii {
			t.Errorf("TERM=%s gets symbols it may not have", term)
		}
	}
}

// TestColourIsNeverNeeded is rule 10: the text is the same with and without
// colour, every state has its own sign and word, and each of our runes is one
// cell wide.
func TestColourIsNeverNeeded(t *testing.T) {
	for _, v := range views() {
		plain := at(t, newScripted(), look{profile: colorprofile.NoTTY}, v.keys)
		for _, o := range []look{{}, {light: true}, {profile: colorprofile.ANSI}, {profile: colorprofile.TrueColor}} {
			c := at(t, newScripted(), o, v.keys)
			if d := cmp.Diff(ansi.Strip(plain.View().Content), ansi.Strip(c.View().Content)); d != "" {
				t.Errorf("%s: colour changes the text:\n%s", v.name, d)
			}
		}
		if s := plain.View().Content; strings.Contains(s, "\x1b[3") || strings.Contains(s, ";3") && strings.Contains(s, "\x1b[38") {
			t.Errorf("%s: colour without a colour profile", v.name)
		}
		for _, r := range ansi.Strip(plain.View().Content) {
			if r >= 0x80 && ansi.StringWidth(string(r)) != 1 {
				t.Errorf("%s: %q is not one cell wide", v.name, r)
			}
		}
	}
	c := at(t, newScripted(), look{profile: colorprofile.NoTTY}, []string{"2"})
	body := ansi.Strip(c.View().Content)
	for _, want := range []string{"● running", "○ stopped", "◐ deploying", "× error", "(2%)"} {
		if !strings.Contains(body, want) {
			t.Errorf("apps without colour do not show %q", want)
		}
	}
	nc := New(Options{Core: newScripted(), Env: []string{"NO_COLOR=1"}, Profile: colorprofile.ANSI256}).(*Console)
	if strings.Contains(nc.View().Content, "38;5") {
		t.Error("NO_COLOR is not honoured")
	}
}
