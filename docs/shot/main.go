// Command shot turns a terminal's screen into an SVG picture: it reads what
// `tmux capture-pane -e -p` prints and writes the picture to standard output.
//
//	tmux capture-pane -e -p -t demo | go run ./docs/shot > docs/console.svg
package main

import (
	"bufio"
	"fmt"
	"html"
	"image/color"
	"io"
	"os"
	"strings"

	uv "github.com/charmbracelet/ultraviolet"
	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/vt"
)

// Size of a cell and the margin, in pixels.
const cellW, cellH, margin = 8.4, 17.0, 14.0

// Colours of the picture where the terminal's own are meant.
const ground, ink = "#16181d", "#d6d8de"

func main() {
	raw, err := io.ReadAll(os.Stdin)
	if err != nil {
		fmt.Fprintln(os.Stderr, "shot:", err)
		os.Exit(1)
	}
	out := bufio.NewWriter(os.Stdout)
	draw(out, strings.Split(strings.TrimRight(string(raw), "\n"), "\n"))
	if err := out.Flush(); err != nil {
		fmt.Fprintln(os.Stderr, "shot:", err)
		os.Exit(1)
	}
}

func draw(out io.Writer, lines []string) {
	w := 0
	for _, l := range lines {
		w = max(w, ansi.StringWidth(l))
	}
	screen := vt.NewEmulator(w, len(lines))
	_, _ = screen.WriteString(strings.Join(lines, "\r\n"))
	width, height := float64(w)*cellW+2*margin, float64(len(lines))*cellH+2*margin
	fmt.Fprintf(out, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" font-family="ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace" font-size="14">`+"\n", width, height)
	fmt.Fprintf(out, `<rect width="100%%" height="100%%" rx="8" fill="%s"/>`+"\n", ground)
	for y := range lines {
		for x := 0; x < w; {
			x = run(out, screen, x, y, w)
		}
	}
	fmt.Fprintln(out, "</svg>")
}

// run draws the cells of one style from x on and returns where it ended.
func run(out io.Writer, screen *vt.Emulator, x, y, w int) int {
	first := screen.CellAt(x, y)
	var text strings.Builder
	end := x
	for end < w {
		c := screen.CellAt(end, y)
		if c == nil || first == nil || !c.Style.Equal(&first.Style) {
			break
		}
		if c.Content == "" {
			text.WriteByte(' ')
		} else {
			text.WriteString(c.Content)
		}
		end += max(c.Width, 1)
	}
	if end == x {
		return x + 1
	}
	fg, bg := colours(first.Style)
	left, top, span := margin+float64(x)*cellW, margin+float64(y)*cellH, float64(end-x)*cellW
	if bg != "" {
		fmt.Fprintf(out, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s"/>`+"\n", left, top, span, cellH, bg)
	}
	if strings.TrimSpace(text.String()) == "" {
		return end
	}
	weight := ""
	if first.Style.Attrs&uv.AttrBold != 0 {
		weight = ` font-weight="bold"`
	}
	fmt.Fprintf(out, `<text x="%.1f" y="%.1f" fill="%s"%s xml:space="preserve" textLength="%.1f" lengthAdjust="spacingAndGlyphs">%s</text>`+"\n",
		left, top+cellH*0.76, fg, weight, span, html.EscapeString(text.String()))
	return end
}

func colours(s uv.Style) (fg, bg string) {
	fg = ink
	if s.Fg != nil {
		fg = hex(s.Fg)
	}
	if s.Bg != nil {
		bg = hex(s.Bg)
	}
	if s.Attrs&uv.AttrReverse != 0 {
		if bg == "" {
			bg = ground
		}
		fg, bg = bg, fg
	}
	return fg, bg
}

func hex(c color.Color) string {
	r, g, b, _ := c.RGBA()
	return fmt.Sprintf("#%02x%02x%02x", r>>8, g>>8, b>>8)
}
