package tui

import "proximity/tui/ui"

// later is a screen that is in the row and not there yet. It says so, and what
// it will be.
type later struct {
	at   int
	text string
}

func (p later) digit() int                         { return p.at }
func (p later) crumbs(*Console) []string           { return nil }
func (p later) note(*Console) string               { return "" }
func (p later) scope(*Console) scope               { return always }
func (p later) on(*Console) object                 { return object{} }
func (p later) world(*Console)                     {}
func (p later) move(*Console, motion, int) bool    { return false }
func (p later) body(c *Console, w, _ int) []string { return comingLines(c, w, p.text) }

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
