package tui

import (
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"

	"proximity/core"
	"proximity/tui/ui"
)

// appConfig is what the Config tab of an app shows.
type appConfig struct {
	view core.ConfigView
	of   string // the state of the app it was read for
	err  error
	gen  uint64
	done uint64
}

// configAnswer is an app's configuration as core gives it.
type configAnswer struct {
	view core.ConfigView
	err  error
}

// ask reads the configuration again if the app has changed since.
func (k *appConfig) ask(c *Console, p *app) tea.Cmd {
	of := p.view.UpdatedAt.String()
	if k.gen != k.done || k.of == of {
		return nil
	}
	k.of = of
	k.gen++
	gen, ctx, id := k.gen, c.ctx, p.id
	return func() tea.Msg {
		v, err := c.core.AppConfig(ctx, c.actor, id)
		return answer{p, gen, configAnswer{v, err}}
	}
}

func (k *appConfig) take(gen uint64, a configAnswer) { k.done, k.view, k.err = gen, a.view, a.err }

// lines draws what can be configured, and how.
func (k *appConfig) lines(c *Console, p *app, w, h int) []string {
	l := c.theme.NewLine(w)
	switch {
	case k.done == 0:
		return []string{l.Space(2).Add(ui.Muted, "… reading").String()}
	case k.err != nil:
		return []string{l.Space(2).Add(ui.Error, ui.Cross+" ").Add(ui.Text, errorText(k.err)).String()}
	}
	label := min(24, w/3)
	var out []string
	row := func(name, value, note string) {
		l := c.theme.NewLine(w)
		l.Space(2).Cell(ui.Muted, name, label).Space(1).Add(ui.Text, value)
		if note != "" {
			l.Space(2).Add(ui.Muted, note)
		}
		out = append(out, l.String())
	}
	heading := func(s string) {
		l := c.theme.NewLine(w)
		if len(out) > 0 {
			out = append(out, "")
		}
		out = append(out, l.Space(1).Add(ui.Heading, s).String())
	}
	heading("CONTAINER")
	v := &k.view
	row("name", v.Hostname, "")
	row("cores", strconv.Itoa(v.Cores), "")
	row("memory", ui.MB(v.MemoryMB), "swap "+ui.MB(v.SwapMB))
	row("disk", strconv.Itoa(v.DiskGB)+"G", "can only grow")
	if len(v.Fields) > 0 {
		heading("APP")
	}
	for _, f := range v.Fields {
		value, note := f.Value, ""
		switch {
		case f.Secret && f.Set:
			value, note = "(secret)", "a → show secrets"
		case !f.Set:
			value = ui.Unknown
		}
		if f.Immutable {
			note = strings.TrimPrefix(note+" · cannot be changed", " · ")
		}
		row(f.Label, strings.ReplaceAll(value, "\n", " "), note)
	}
	if why := mayEdit(c, appObject(p.id)); why == "" {
		l := c.theme.NewLine(w)
		out = append(out, "", l.Space(2).Add(ui.Key, "e").Add(ui.Text, " changes it, ").Add(ui.Key, "z").Add(ui.Text, " takes a change back").String())
	}
	return out[:min(len(out), h)]
}

// mayEdit is why an app's configuration, or what a container is adopted as,
// cannot be changed now.
func mayEdit(c *Console, on object) string {
	switch on.kind {
	case foundKind:
		return mayAdopt(c, on)
	case userKind:
		return c.mayChange(on.id)
	case settingKind:
		return mayChangeSetting(c, on)
	case hostKind, nodeKind:
		return mayCareFor("")(c, on)
	case scheduleKind:
		return mayChangeSchedule(c, on)
	case appKind:
	default:
		return notYet("changing the configuration", always)(c, on)
	}
	a, ok := c.appOf(on)
	if !ok {
		return "that app is gone"
	}
	if why := refusal(c.actor.May(core.VerbChangeApp, a.Owner)); why != "" {
		return why
	}
	switch {
	case a.Job != nil:
		return a.Hostname + " is busy: " + c.jobWords(a.Job)
	case a.Stale:
		return c.away(&a)
	case a.Status != core.StatusRunning && a.Status != core.StatusStopped:
		return a.Hostname + " is " + string(a.Status) + ": only a running or stopped app can be changed"
	}
	return ""
}

func edit(c *Console, on object) tea.Cmd {
	if f, ok := c.foundOf(on); ok {
		return c.push(newAdoptForm(f))
	}
	if u, ok := c.userOf(on); ok {
		return c.push(userSheet(c, u))
	}
	if on.kind == settingKind {
		return changeSetting(c, on)
	}
	if h, ok := c.hostAt(on); ok && (on.kind == hostKind || on.kind == nodeKind) {
		return c.push(newHostForm(h))
	}
	if s, ok := c.scheduleOf(on); ok {
		return c.push(newScheduleForm(c, s.ScheduleRequest, s.Name))
	}
	a, ok := c.appOf(on)
	if !ok {
		return nil
	}
	return c.push(newConfigForm(&a))
}
