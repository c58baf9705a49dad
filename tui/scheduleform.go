package tui

import (
	"context"
	"slices"
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"

	"proximity/core"
	"proximity/tui/ui"
)

// scheduleForm makes a schedule, or changes one. What would come of it is asked
// of core with every change: the next runs, the apps, what would be pruned.
type scheduleForm struct {
	formPage
	of    string // the schedule it changes; "" = a new one
	was   core.ScheduleRequest
	check core.ScheduleCheck
	gen   uint64
	done  uint64
}

// The form's fields, by core's names of them.
const (
	scheduleName     = "name"
	scheduleCron     = "cron"
	scheduleZone     = "zone"
	scheduleWhich    = "which"
	scheduleOf       = "of"
	scheduleStorage  = "storage"
	scheduleMode     = "mode"
	scheduleCompress = "compress"
	scheduleKeep     = "keep_" // last, hourly, …
	schedulePaused   = "paused"
)

func newScheduleForm(c *Console, r core.ScheduleRequest, of string) *scheduleForm {
	p := &scheduleForm{of: of, was: r, formPage: newFormPage()}
	text := func(key, label, help, value string) *ui.Field {
		f := &ui.Field{Key: key, Label: label, Help: help, Input: ui.Input{Max: 200}}
		f.Input.Set(value)
		return f
	}
	choice := func(key, label, help, value string, options ...ui.Option) *ui.Field {
		f := &ui.Field{Key: key, Label: label, Help: help, Kind: ui.SelectField, Options: options}
		f.Choose(value)
		return f
	}
	words := func(of []string) (options []ui.Option) {
		for _, s := range of {
			options = append(options, ui.Option{Value: s, Label: s})
		}
		return options
	}
	which := choice(scheduleWhich, "Which apps", "", string(r.Which), ui.Option{Value: string(core.AllApps), Label: "all"}, ui.Option{Value: string(core.OwnerApps), Label: "those of some people"},
		ui.Option{Value: string(core.TaggedApps), Label: "those with a tag"}, ui.Option{Value: string(core.ListedApps), Label: "these"})
	namely := text(scheduleOf, "Namely", "separated by commas", strings.Join(r.Of, ", "))
	namely.Matters = func() bool { return which.Value() != string(core.AllApps) }
	storages := []ui.Option{{Label: "chosen for each app"}}
	for _, s := range storesOf(c, nil) {
		if o := (ui.Option{Value: s.Name, Label: s.Name}); !slices.Contains(storages, o) {
			storages = append(storages, o)
		}
	}
	if o := (ui.Option{Value: r.Storage, Label: r.Storage}); r.Storage != "" && !slices.Contains(storages, o) {
		storages = append(storages, o)
	}
	zone := text(scheduleZone, "Time zone", "as Europe/Rome; empty: the server's", r.Zone)
	zone.Default = "the server's"
	p.form.Fields = []*ui.Field{
		text(scheduleName, "Name", "letters, digits, dashes", r.Name),
		text(scheduleCron, "When", "minute hour day month weekday, or @daily, @every 6h", r.Cron), zone, which, namely,
		choice(scheduleStorage, "Storage", "", r.Storage, storages...),
		choice(scheduleMode, "How", "snapshot: it runs on; suspend: it halts shortly; stop: it is shut down meanwhile", r.Mode, words(core.BackupModes())...),
		choice(scheduleCompress, "Compression", "", r.Compress, words(core.BackupCompressions())...),
	}
	for _, k := range keepFields(&r.Keep) {
		f := text(scheduleKeep+k.name, "Keep "+k.name, k.help, "")
		f.Kind, f.Default, f.Input.Max = ui.NumberField, "0", 5
		if *k.n > 0 {
			f.Input.Set(strconv.Itoa(*k.n))
		}
		p.form.Fields = append(p.form.Fields, f)
	}
	p.form.Fields = append(p.form.Fields, &ui.Field{Key: schedulePaused, Label: "Paused", Kind: ui.ToggleField, On: r.Paused, Help: "it stays, and does not run"},
		&ui.Field{Key: buttonGo, Kind: ui.ButtonField, Label: "Save"}, &ui.Field{Key: buttonCLI, Kind: ui.ButtonField, Label: "Show as command"}, &ui.Field{Key: buttonLeave, Kind: ui.ButtonField, Label: "Leave"})
	p.form.Open()
	if of != "" {
		p.form.Go(scheduleCron)
	}
	return p
}

// keepFields are the parts of a retention, as a form has them.
func keepFields(k *core.Retention) []struct {
	name, help string
	n          *int
} {
	return []struct {
		name, help string
		n          *int
	}{
		{"last", "that many of the latest; all 0: everything is kept", &k.Last},
		{"hourly", "the newest of each of that many hours", &k.Hourly},
		{"daily", "the newest of each of that many days", &k.Daily},
		{"weekly", "the newest of each of that many weeks", &k.Weekly},
		{"monthly", "the newest of each of that many months", &k.Monthly},
		{"yearly", "the newest of each of that many years", &k.Yearly},
	}
}

// request is the form as core wants it.
func (p *scheduleForm) request() core.ScheduleRequest {
	value := func(key string) string { return strings.TrimSpace(p.form.Field(key).Value()) }
	r := core.ScheduleRequest{Name: value(scheduleName), Cron: value(scheduleCron), Zone: value(scheduleZone), Which: core.Selection(value(scheduleWhich)),
		Storage: value(scheduleStorage), Mode: value(scheduleMode), Compress: value(scheduleCompress), Paused: p.form.Field(schedulePaused).On}
	if r.Which != core.AllApps {
		for _, s := range strings.Split(value(scheduleOf), ",") {
			if s = strings.TrimSpace(s); s != "" {
				r.Of = append(r.Of, s)
			}
		}
	}
	for _, k := range keepFields(&r.Keep) {
		*k.n, _ = strconv.Atoi(value(scheduleKeep + k.name))
	}
	return r
}

func (p *scheduleForm) digit() int { return 5 }

func (p *scheduleForm) crumbs(*Console) []string {
	if p.of == "" {
		return []string{"Schedules", "New"}
	}
	return []string{"Schedules", p.of, "Edit"}
}

func (p *scheduleForm) opened(c *Console) tea.Cmd { return p.ask(c) }

// Answers of core to the form.
type (
	planChecked struct{ check core.ScheduleCheck }
	planSaved   struct {
		view core.ScheduleView
		err  error
	}
)

func (p *scheduleForm) ask(c *Console) tea.Cmd {
	p.gen++
	gen, of, r := p.gen, p.of, p.request()
	return func() tea.Msg { return answer{p, gen, planChecked{c.core.CheckSchedule(c.actor, of, r)}} }
}

func (p *scheduleForm) submit(c *Console) tea.Cmd {
	switch {
	case p.sending:
		c.say(info, "it is being sent already")
		return nil
	case p.done == p.gen && len(p.check.Problems) > 0:
		p.form.Go(p.check.Problems[0].Field)
		c.say(warn, problemText(p.check.Problems))
		return nil
	}
	p.sending = true
	ctx, of, r := c.ctx, p.of, p.request()
	return func() tea.Msg {
		v, err := c.core.SaveSchedule(ctx, c.actor, of, r)
		return answer{p, 0, planSaved{v, err}}
	}
}

func (p *scheduleForm) receive(c *Console, gen uint64, body any) tea.Cmd {
	switch a := body.(type) {
	case planChecked:
		if gen == p.gen {
			p.done, p.check = gen, a.check
			p.say()
		}
	case planSaved:
		p.sending = false
		return p.saved(c, a)
	}
	return nil
}

// saved says what became of it, and lets z take it back.
func (p *scheduleForm) saved(c *Console, a planSaved) tea.Cmd {
	if a.err != nil {
		c.fail("", a.err)
		if e, ok := a.err.(*core.Error); ok && e.Field != "" {
			p.form.Go(e.Field)
		}
		return nil
	}
	name, was := a.view.Name, p.was
	u := taking("making schedule "+name, func(ctx context.Context) error { return c.core.RemoveSchedule(ctx, c.actor, name) })
	if p.of != "" {
		u = taking("the change of "+name, func(ctx context.Context) error {
			_, err := c.core.SaveSchedule(ctx, c.actor, name, was)
			return err
		})
	}
	c.undone = u
	next := ""
	if !a.view.Next.IsZero() {
		next = " · next run " + ui.When(c.now(), a.view.Next, c.loc)
	}
	c.say(good, name+" covers "+ui.Count(len(a.view.Apps), "app")+next+" · z takes it back")
	v := c.vault()
	v.draft = nil
	v.schedules.Select(name)
	if c.page() == page(p) {
		c.back()
	}
	c.refresh()
	return v.ask(c)
}

// say spreads a check over the fields.
func (p *scheduleForm) say() {
	for _, f := range p.form.Fields {
		f.Problem, f.Hint = "", ""
	}
	for _, x := range p.check.Problems {
		f := p.form.Field(x.Field)
		if f == nil {
			f = p.form.Field(buttonGo)
		}
		if f.Problem == "" {
			f.Problem, f.Hint = x.Text, x.Hint
		}
	}
}

func (p *scheduleForm) edit(c *Console, key, text string) (tea.Cmd, bool) {
	if p.sending {
		c.say(info, "it is being sent: one moment")
		return nil, true
	}
	if key == "esc" {
		p.left(c)
		return nil, true
	}
	used, changed, pressed := p.form.Key(key, text)
	switch pressed {
	case buttonGo:
		return p.submit(c), true
	case buttonCLI:
		c.showCommand(p.check.Command, "The same from a shell:")
		return nil, true
	case buttonLeave:
		return p.edit(c, "esc", "")
	}
	if changed {
		return p.ask(c), true
	}
	return nil, used
}

// left leaves the form; that of a new schedule is kept.
func (p *scheduleForm) left(c *Console) {
	if p.of == "" {
		c.vault().draft = p
		c.say(info, "the draft is kept: n on the schedules goes on with it")
	} else {
		c.say(info, p.of+" stays as it is")
	}
	c.back()
}

func (p *scheduleForm) paste(c *Console, s string) (tea.Cmd, bool) {
	if !p.form.Paste(s) {
		return nil, false
	}
	return p.ask(c), true
}

func (p *scheduleForm) body(c *Console, w, h int) []string {
	l := c.theme.NewLine(w)
	head := "New schedule"
	if p.of != "" {
		head = "Change schedule " + p.of
	}
	out := []string{l.Space(1).Add(ui.Strong, head).String()}
	if h >= 20 {
		out = append(out, "")
	}
	foot := p.verdict(c, w)
	if h < 16 {
		foot = foot[:min(len(foot), 1)]
	}
	return p.between(c, out, foot, w, h, 0)
}

// verdict says what would come of it, or why it cannot be.
func (p *scheduleForm) verdict(c *Console, w int) []string {
	var out []string
	row := func(sign string, role ui.Role, text string) {
		rows := ui.Wrap(text, w-5)
		for i, s := range rows[:min(len(rows), 2)] {
			l := c.theme.NewLine(w)
			if i > 0 {
				sign = " "
			}
			out = append(out, l.Space(2).Add(role, sign+" ").Add(ui.Text, s).String())
		}
	}
	k := &p.check
	switch {
	case p.sending:
		row("…", ui.Busy, "asking for it")
		return out
	case p.done == 0:
		row("…", ui.Muted, "checking")
		return out
	case len(k.Problems) > 0:
		row(ui.Cross, ui.Error, problemText(k.Problems))
	}
	if len(k.Next) > 0 {
		var times []string
		for _, t := range k.Next {
			times = append(times, t.In(c.loc).Format("Mon 2 Jan 15:04"))
		}
		row(ui.Check, ui.OK, "next runs: "+strings.Join(times, ", ")+" "+k.Next[0].In(c.loc).Format("(MST)"))
	}
	if len(k.Problems) > 0 {
		return out
	}
	switch {
	case len(k.Apps) == 0:
		row(ui.Alert, ui.Warn, "no app is covered now")
	default:
		row(ui.Check, ui.OK, ui.Count(len(k.Apps), "app")+": "+strings.Join(k.Apps, ", "))
	}
	if k.Prune > 0 {
		row(ui.Alert, ui.Warn, ui.Count(k.Prune, "backup")+" would be pruned after the next run: the Retention tab tells which, once it is saved")
	}
	return out
}
