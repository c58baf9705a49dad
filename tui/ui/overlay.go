package ui

import (
	"strings"
)

// Box frames lines of content: a border with a title, exactly w cells wide. A
// "" + Divider line becomes a rule.
func Box(th *Theme, title string, lines []string, w int) []string {
	inner := w - 4
	if inner < 1 {
		return lines
	}
	out := make([]string, 0, len(lines)+2)
	l := th.NewLine(w)
	l.Add(Muted, "┌─ ").Add(Heading, Cut(title, max(0, w-6))).Space(1)
	for l.Left() > 1 {
		l.Add(Muted, run("─────────────────────────", l.Left()-1))
	}
	l.Add(Muted, "┐")
	out = append(out, l.String())
	for _, s := range lines {
		l.Reset(w)
		if s == Divider {
			l.Add(Muted, "├"+strings.Repeat("─", w-2)+"┤")
		} else {
			l.Add(Muted, "│").Space(1)
			l.Raw(clip(s, inner))
			l.To(w-1).Add(Muted, "│")
		}
		out = append(out, l.String())
	}
	l.Reset(w)
	l.Add(Muted, "└"+strings.Repeat("─", w-2)+"┘")
	return append(out, l.String())
}

// Divider is a line of Box content that becomes a rule.
const Divider = "\x00"

// Place puts a box on a frame at column x, row y. What the box covers is gone;
// the rest of each line stays.
func Place(frame, box []string, x, y, boxW, w int) {
	for i, s := range box {
		row := y + i
		if row < 0 || row >= len(frame) {
			continue
		}
		base := frame[row]
		var b strings.Builder
		if x > 0 {
			left := clip(base, x)
			b.WriteString(left)
			if strings.Contains(left, "\x1b") {
				b.WriteString(reset)
				if strings.Contains(left, "\x1b]8") {
					b.WriteString("\x1b]8;;\x1b\\")
				}
			}
			if pad := x - Width(left); pad > 0 {
				b.WriteString(strings.Repeat(" ", pad))
			}
		}
		b.WriteString(s)
		if end := x + boxW; end < w && Width(base) > end {
			right := clipLeft(base, end)
			if Width(right) > w-end || Width(right) > Width(base)-end { // a wide rune lies across the edge
				right = " " + clipLeft(base, end+1)
			}
			b.WriteString(right)
			if strings.Contains(right, "\x1b") {
				b.WriteString(reset)
				if strings.Contains(right, "\x1b]8") {
					b.WriteString("\x1b]8;;\x1b\\")
				}
			}
		}
		frame[row] = b.String()
	}
}
