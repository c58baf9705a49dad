package tui

import (
	"strconv"
	"time"

	"proximity/core"
	"proximity/tui/ui"
)

// protectedWords is "8 of 9 apps protected".
func protectedWords(p core.Protected) string {
	return strconv.Itoa(p.Protected) + " of " + ui.Count(p.Apps, "app") + " protected"
}

// backupAge is the age of an app's last good backup in a cell, with a sign
// where that needs attention.
func backupAge(l *ui.Line, c *Console, p *core.Protection, width int) {
	switch {
	case p == nil:
		l.Cell(ui.Muted, ui.Unknown, width)
	case p.Last.IsZero() && p.Alert == "":
		l.Cell(ui.Muted, "none", width)
	case p.Last.IsZero():
		l.Cell(ui.Warn, "none "+ui.Alert, width)
	case p.State == "protected" && p.Alert == "":
		l.Cell(ui.Muted, ui.Span(c.now().Sub(p.Last)), width)
	default:
		l.Cell(ui.Warn, ui.Span(c.now().Sub(p.Last))+" "+ui.Alert, width)
	}
}

func lastBackup(a *core.AppView) time.Time {
	if a.Protection == nil {
		return time.Time{}
	}
	return a.Protection.Last
}

// protection says how an app is protected.
func (p *app) protection(c *Console, w int) section {
	k := p.view.Protection
	if k == nil {
		return section{}
	}
	s := section{title: "PROTECTION"}
	row := func(label string, role ui.Role, text, note string) {
		l := c.theme.NewLine(w)
		l.Space(2).Cell(ui.Muted, label, 11).Add(role, text)
		if note != "" {
			l.Space(2).Add(ui.Muted, note)
		}
		s.lines = append(s.lines, l.String())
	}
	if k.Alert != "" {
		l := c.theme.NewLine(w)
		s.lines = append(s.lines, l.Space(2).Add(ui.Warn, ui.Alert+" "+k.Alert).String())
	}
	switch {
	case k.Last.IsZero():
		row("latest", ui.Warn, "none that could be restored", "b makes one")
	case k.State == "old":
		row("latest", ui.Warn, ui.When(c.now(), k.Last, c.loc)+" "+ui.Alert, "")
	default:
		row("latest", ui.Text, ui.When(c.now(), k.Last, c.loc), "")
	}
	if k.Next.IsZero() {
		row("next", ui.Muted, "no schedule covers it", "")
	} else {
		row("next", ui.Text, ui.When(c.now(), k.Next, c.loc), "by "+k.Schedule+", keeps "+k.Keep)
	}
	if k.Backups > 0 {
		row("in all", ui.Text, ui.Count(k.Backups, "backup")+", "+ui.Bytes(k.Size), "")
	}
	return s
}

// protectionLine is the same in a line, where there is no room for more.
func (p *app) protectionLine(c *Console, w int) []string {
	k := p.view.Protection
	if k == nil {
		return nil
	}
	l := c.theme.NewLine(w)
	l.Space(1).Add(ui.Heading, "PROTECTION").Space(2)
	text, role := ui.Count(k.Backups, "backup")+", the latest "+ui.When(c.now(), k.Last, c.loc), ui.Text
	if k.Last.IsZero() {
		text = "no backup"
	}
	if k.State != "protected" || k.Alert != "" {
		text, role = text+" "+ui.Alert, ui.Warn
	}
	l.Add(role, text)
	if k.Next.IsZero() {
		l.Add(ui.Muted, " · no schedule covers it")
	} else {
		l.Add(ui.Muted, " · next "+ui.When(c.now(), k.Next, c.loc))
	}
	return []string{l.String()}
}

// fullStores are the storages of backups that are nearly full: "nas 96% full".
func (c *Console) fullStores() (words []string) {
	for _, s := range storesOf(c, nil) {
		if s.Active && s.share() >= full {
			words = append(words, s.Name+" "+ui.Percent(s.share())+" full")
		}
	}
	return words
}

// backupLines are how well all apps are protected: two lines where it is wide,
// else one.
func (p *overview) backupLines(c *Console, w int) []string {
	k := c.world.Protected
	if k.Apps == 0 {
		return nil
	}
	next := "no schedule: 5 makes one"
	switch {
	case !k.Next.IsZero():
		next = "next run " + ui.When(c.now(), k.Next, c.loc)
	case k.Schedules > 0:
		next = "nothing is due"
	}
	role := ui.Text
	if k.Protected < k.Apps {
		role = ui.Warn
	}
	fulls := c.fullStores()
	rest := func(l *ui.Line) string {
		l.Add(ui.Muted, next)
		for _, s := range fulls {
			l.Add(ui.Muted, " · ").Add(ui.Warn, s+" "+ui.Alert)
		}
		return l.String()
	}
	l := c.theme.NewLine(w)
	if w < wideW/2-8 || c.w < wideW {
		return []string{rest(l.Space(1).Add(ui.Heading, "BACKUPS").Space(2).Add(role, protectedWords(k)).Add(ui.Muted, " · "))}
	}
	l.Space(3).Add(role, protectedWords(k))
	if !k.Newest.IsZero() {
		l.Add(ui.Muted, " · newest "+ui.Span(c.now().Sub(k.Newest))+" · oldest "+ui.Span(c.now().Sub(k.Oldest)))
	}
	return []string{title(c, w, "BACKUPS", ""), l.String(), rest(c.theme.NewLine(w).Space(3))}
}
