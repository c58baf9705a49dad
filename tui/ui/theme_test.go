package ui

import (
	"math"
	"strings"
	"testing"

	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"
)

// luminance is WCAG's relative luminance of an xterm colour or an RGB value.
func luminance(r, g, b uint8) float64 {
	f := func(v uint8) float64 {
		x := float64(v) / 255
		if x <= 0.03928 {
			return x / 12.92
		}
		return math.Pow((x+0.055)/1.055, 2.4)
	}
	return 0.2126*f(r) + 0.7152*f(g) + 0.0722*f(b)
}

func indexed(i uint8) float64 {
	r, g, b, _ := ansi.IndexedColor(i).RGBA()
	return luminance(uint8(r>>8), uint8(g>>8), uint8(b>>8))
}

func contrast(a, b float64) float64 {
	return (math.Max(a, b) + 0.05) / (math.Min(a, b) + 0.05)
}

// TestContrast: every colour that carries text can be read on the backgrounds
// people have.
func TestContrast(t *testing.T) {
	dark := map[string]float64{"#000": luminance(0, 0, 0), "#1e1e1e": luminance(0x1e, 0x1e, 0x1e)}
	light := map[string]float64{"#fdf6e3": luminance(0xfd, 0xf6, 0xe3), "#fff": luminance(255, 255, 255)}
	for r, l := range looks() {
		if Role(r) == Track { // decoration: the number beside it says the same
			continue
		}
		for name, bg := range dark {
			if got := contrast(indexed(l.dark), bg); l.dark != 0 && got < 4.5 {
				t.Errorf("role %d: %d on %s is %.2f:1", r, l.dark, name, got)
			}
		}
		for name, bg := range light {
			if got := contrast(indexed(l.light), bg); l.light != 0 && got < 4.5 {
				t.Errorf("role %d: %d on %s is %.2f:1", r, l.light, name, got)
			}
		}
	}
}

// TestProfiles: each profile gets what its terminal understands.
func TestProfiles(t *testing.T) {
	for _, x := range []struct {
		p    colorprofile.Profile
		want string
	}{{colorprofile.NoTTY, "\x1b[1mx\x1b[m"}, {colorprofile.ASCII, "\x1b[1mx\x1b[m"}, {colorprofile.ANSI, "\x1b[1;94mx\x1b[m"}, {colorprofile.ANSI256, "\x1b[1;38;5;111mx\x1b[m"}, {colorprofile.TrueColor, "\x1b[1;38;5;111mx\x1b[m"}} {
		if got := NewTheme(x.p, true, false).NewLine(9).Add(Accent, "x").String(); got != x.want {
			t.Errorf("%v: %q, want %q", x.p, got, x.want)
		}
	}
	if got := NewTheme(colorprofile.ANSI256, false, false).NewLine(9).Add(Accent, "x").String(); got != "\x1b[1;38;5;25mx\x1b[m" {
		t.Errorf("light: %q", got)
	}
}

// TestWithoutColourStatesDiffer: what colour says, an attribute or nothing
// says, too: focus and selection are never colour alone.
func TestWithoutColourStatesDiffer(t *testing.T) {
	th := NewTheme(colorprofile.NoTTY, true, false)
	for _, r := range []Role{Accent, Selected, Danger, Heading, Strong} {
		if th.open[r] == "" {
			t.Errorf("role %d is plain text without colour", r)
		}
	}
	for r, s := range th.open {
		if strings.Contains(s, ";3") || strings.Contains(s, "[3") || strings.Contains(s, ";9") {
			t.Errorf("role %d has colour %q without a colour profile", r, s)
		}
	}
}
