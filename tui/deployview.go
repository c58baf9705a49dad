package tui

import (
	"slices"
	"strconv"
	"strings"

	"proximity/tui/ui"
)

func (p *deploy) body(c *Console, w, h int) []string {
	l := c.theme.NewLine(w)
	l.Space(1).Add(ui.Strong, "Deploy "+p.it.Name)
	if w >= narrowW {
		l.Space(2).Add(ui.Muted, p.it.Tagline)
	}
	out := []string{l.String()}
	if h >= 12 {
		out = append(out, "")
	}
	preview, side := 0, 0
	if w >= wideW {
		preview, side = 42, 34
	}
	foot := p.verdict(c, w-preview)
	top := len(out)
	out = p.between(c, out, foot, w-preview, h, side)
	if preview == 0 {
		return out
	}
	beside := p.preview(c, preview-2)
	for i := range max(len(out)-top, len(beside)) {
		if top+i >= h {
			break
		}
		if top+i >= len(out) {
			out = append(out, "")
		}
		if i < len(beside) {
			l := c.theme.NewLine(w)
			l.Raw(out[top+i]).To(w - preview)
			out[top+i] = l.Raw(beside[i]).String()
		}
	}
	return out
}

// verdict says whether it can be deployed, and if not why and the way out.
func (p *deploy) verdict(c *Console, w int) []string {
	l := c.theme.NewLine(w)
	l.Space(2)
	switch {
	case p.sending:
		l.Add(ui.Busy, "… asking for it")
	case !p.checked:
		l.Add(ui.Muted, "… checking")
	case len(p.check.Problems) > 0:
		l.Add(ui.Error, ui.Cross+" ").Add(ui.Text, p.problemText(p.check.Problems))
	default:
		l.Add(ui.OK, ui.Check+" ").Add(ui.Text, "ready: it goes to "+c.world.Place(p.check.Host, p.check.Node)).Add(ui.Muted, " · ctrl+s deploys")
	}
	return []string{l.String()}
}

// preview is what would be made.
func (p *deploy) preview(c *Console, w int) []string {
	ck := &p.check
	l := c.theme.NewLine(w)
	out := []string{l.Add(ui.Heading, "PREVIEW").String()}
	add := func(role ui.Role, s string) {
		for _, row := range ui.Wrap(s, w-2) {
			l := c.theme.NewLine(w)
			out = append(out, l.Space(1).Add(role, row).String())
		}
	}
	if !p.checked {
		add(ui.Muted, "… checking")
		return out
	}
	where := c.world.Place(ck.Host, ck.Node)
	if where == "" {
		where = "no node yet"
	}
	add(ui.Text, "container \""+p.form.Field(fieldName).Value()+"\" on "+where)
	kind := "unprivileged"
	if slices.Contains(p.it.Needs, "privileged") {
		kind = "privileged"
	}
	add(ui.Text, ck.OS+" · "+kind)
	if len(p.it.Needs) > 0 {
		add(ui.Warn, "needs "+strings.Join(p.it.Needs, ", "))
	}
	add(ui.Text, ui.Count(ck.Cores, "core")+" · "+ui.MB(ck.MemoryMB)+" · "+strconv.Itoa(ck.DiskGB)+"G "+ck.Storage)
	add(ui.Text, ck.Bridge+" · "+ck.Network)
	if ck.Port > 0 {
		add(ui.Text, "port "+strconv.Itoa(ck.Port)+" → "+strconv.Itoa(ck.Internal))
	}
	if ck.Secrets > 0 {
		add(ui.Text, ui.Count(ck.Secrets, "secret")+" made for you (a → show secrets)")
	}
	if len(ck.Fits) == 0 {
		return out
	}
	out = append(out, "")
	l = c.theme.NewLine(w)
	out = append(out, l.Add(ui.Heading, "NODES").String())
	for i, f := range ck.Fits {
		if i == 8 {
			add(ui.Muted, strconv.Itoa(len(ck.Fits)-8)+" more")
			break
		}
		l := c.theme.NewLine(w)
		l.Space(1)
		sign, look, name := ui.Check, ui.OK, ui.Text
		switch {
		case f.Fits && f.Node == ck.Node && f.Host == ck.Host:
			name = ui.Strong
		case !f.Fits:
			sign, look, name = ui.Cross, ui.Muted, ui.Muted
		}
		l.Add(look, sign).Space(1)
		placeCell(l, name, c.world, f.Host, f.Node, max(10, placeWidth(c.world)))
		if f.Fits {
			l.Add(ui.Muted, ui.MB(f.FreeMB)+" free")
		} else {
			l.Add(ui.Muted, f.Reason)
		}
		out = append(out, l.String())
	}
	return out
}
