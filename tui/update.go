package tui

import (
	"strconv"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"proximity/core"
	"proximity/tui/ui"
)

// updater shows what there is for an app to be updated to, as a difference, and
// takes it.
type updater struct {
	app     core.AppView
	view    core.UpdateView
	known   bool
	asked   time.Time
	opened  time.Time // when what enter does was shown
	sending bool
	scroll      // of the difference
	total   int // its lines
}

// askUpdate opens the overlay for an app and looks for an update.
func askUpdate(c *Console, on object) tea.Cmd {
	a, ok := c.appOf(on)
	if !ok {
		return nil
	}
	d := &updater{app: a, asked: c.now()}
	c.over = d
	ctx := c.ctx
	return func() tea.Msg {
		v, err := c.core.CheckUpdate(ctx, c.actor, a.ID)
		return answer{d, 0, updateFound{v, err}}
	}
}

// updateFound is what core has found, updateBegun its answer to the request.
type (
	updateFound struct {
		view core.UpdateView
		err  error
	}
	updateBegun struct {
		job core.JobView
		err error
	}
)

func (d *updater) receive(c *Console, _ uint64, body any) tea.Cmd {
	switch b := body.(type) {
	case updateFound:
		if b.err != nil {
			c.over = nil
			c.fail("", b.err)
			return nil
		}
		d.view, d.known, d.opened = b.view, true, c.now()
	case updateBegun:
		d.sending = false
		if b.err != nil {
			c.fail("", b.err)
			return nil
		}
		if c.over == overlay(d) {
			c.over = nil
		}
		c.say(good, b.job.Title+" has begun: job "+jobID(b.job.ID))
		c.expect([]core.JobView{b.job})
	}
	return nil
}

func (d *updater) title() string          { return "Update " + d.app.Hostname }
func (d *updater) typing() bool           { return false }
func (d *updater) paste(*Console, string) {}

// may reports whether enter updates the app.
func (d *updater) may() bool {
	return d.known && d.view.Available && len(d.view.Problems) == 0 && !d.sending
}

func (d *updater) hint() string {
	if !d.may() {
		return "↑↓ scroll   esc close"
	}
	return "enter update " + d.app.Hostname + "   ↑↓ scroll   esc leave it as it is"
}

func (d *updater) key(c *Console, key, _ string) tea.Cmd {
	if key == "enter" {
		return d.enter(c)
	}
	d.scroll.key(c, key, d.total)
	return nil
}

// enter takes the very update that is shown; not in the same breath.
func (d *updater) enter(c *Console) tea.Cmd {
	switch {
	case d.sending:
		c.say(info, "it is being sent already")
		return nil
	case !d.known:
		c.say(info, "still looking: one moment")
		return nil
	case !d.view.Available:
		c.over = nil
		return nil
	case len(d.view.Problems) > 0:
		c.say(warn, problemText(d.view.Problems))
		return nil
	case c.now().Sub(d.opened) < breath:
		c.say(info, "that was quick: press enter again if you mean it")
		return nil
	}
	d.sending = true
	ctx, id, r := c.ctx, d.app.ID, core.UpdateRequest{Yes: d.view.Confirm, Digest: d.view.Digest}
	return func() tea.Msg {
		j, err := c.core.UpdateApp(ctx, c.actor, id, r)
		return answer{d, 0, updateBegun{j, err}}
	}
}

func (d *updater) lines(c *Console, w, h int) ([]string, int, int) {
	l := c.theme.NewLine(w)
	if !d.known {
		l.Add(ui.Muted, "… looking at the recipe and asking registries ("+ui.Span(c.now().Sub(d.asked))+")")
		return []string{l.String()}, -1, -1
	}
	foot := d.foot(c, w)
	head := d.head(c, w)
	head = head[:min(len(head), max(1, h-len(foot)-4))]
	text := d.diff(c, w)
	d.total, d.shown = len(text), max(0, h-len(head)-len(foot)-1)
	d.top = max(0, min(d.top, d.total-d.shown))
	out := head
	if len(text) > 0 && d.shown > 0 {
		out = append(append(out, ""), text[d.top:min(len(text), d.top+d.shown)]...)
	}
	return append(out, foot...), -1, -1
}

// head says what the update is: versions, images, what it does first and what
// the recipe warns of.
func (d *updater) head(c *Console, w int) []string {
	var out []string
	l := c.theme.NewLine(w)
	row := func(role ui.Role, what, text string) {
		for i, s := range ui.Wrap(text, w-13) {
			l.Reset(w)
			if i == 0 {
				l.Cell(ui.Muted, what, 12)
			}
			l.To(12)
			out = append(out, l.Add(role, s).String())
		}
	}
	v := &d.view
	if !v.Available {
		text := v.Hostname + " is up to date: " + versionText(v.From)
		if len(v.Unknown) > 0 {
			text += ", as far as can be told"
		}
		l.Add(ui.Text, text)
		out = append(out, l.String())
	} else {
		l.Add(ui.Strong, v.Hostname).Add(ui.Text, "  "+versionText(v.From)+" → "+versionText(v.To))
		out = append(out, l.String(), "")
	}
	for _, p := range v.Problems {
		row(ui.Error, "not now", p.Text+" · "+p.Hint)
	}
	for _, b := range v.Breaking {
		role := ui.Warn
		if b.Action == "block" {
			role = ui.Error
		}
		row(role, b.Action, b.Note)
	}
	for _, i := range v.Images {
		row(ui.Text, i.Service, imageText(i))
	}
	if v.Available {
		if len(v.Secrets) > 0 {
			row(ui.Text, "makes", "new secrets for "+strings.Join(v.Secrets, ", ")+"; the old ones stay")
		}
		first := "no backup: the recipe says that the app keeps no data"
		if v.Backup {
			first = "a backup"
		}
		row(ui.Text, "first", first)
		row(ui.Text, "if it fails", map[string]string{"image": "back to the images of before, by itself", "restore": "back to that backup, by itself", "none": "no way back but that backup, by hand"}[v.WayBack])
	}
	for _, u := range v.Unknown {
		row(ui.Muted, "not known", u)
	}
	return out
}

func versionText(v core.RecipeVersion) string {
	text := v.Version
	if text == "" {
		text = ui.Unknown
	}
	if v.Revision > 0 {
		text += " (revision " + strconv.Itoa(v.Revision) + ")"
	}
	return text
}

func imageText(i core.ImageChange) string {
	switch {
	case i.From == "":
		return "new: " + i.To
	case i.To == "":
		return "goes: " + i.From
	}
	return i.From + " → " + i.To
}

// diff is the compose file's difference.
func (d *updater) diff(c *Console, w int) []string {
	var out []string
	l := c.theme.NewLine(w)
	for _, x := range d.view.Diff {
		l.Reset(w)
		role := ui.Muted
		switch x.Op {
		case "+":
			role = ui.OK
		case "-":
			role = ui.Error
		case "@":
			l.Add(ui.Track, "…")
			out = append(out, l.String())
			continue
		}
		out = append(out, l.Add(role, x.Op+" "+x.Text).String())
	}
	return out
}

// foot is the button, where there is something to do.
func (d *updater) foot(c *Console, w int) []string {
	l := c.theme.NewLine(w)
	switch {
	case d.sending:
		l.Add(ui.Busy, "… asking for it")
	case d.may():
		l.Add(ui.Selected, "[ Update "+d.app.Hostname+" ]").Add(ui.Muted, " enter").Space(3).Add(ui.Text, "[ Leave it ]").Add(ui.Muted, " esc")
	default:
		l.Add(ui.Text, "[ Close ]").Add(ui.Muted, " esc")
	}
	return []string{"", l.String()}
}
