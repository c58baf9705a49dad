package tui

import "proximity/tui/ui"

// comingLines is the one honest line of what is not there yet.
func comingLines(c *Console, w int, text string) []string {
	out := []string{""}
	for _, s := range ui.Wrap(text, w-4) {
		l := c.theme.NewLine(w)
		out = append(out, l.Space(2).Add(ui.Text, s).String())
	}
	l := c.theme.NewLine(w)
	return append(out, "", l.Space(2).Add(ui.Muted, "Not in this version yet.").String())
}
