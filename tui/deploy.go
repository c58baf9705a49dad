package tui

import (
	"slices"
	"strconv"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"proximity/core"
	"proximity/tui/ui"
)

// deploy is the form that deploys an app. Every change is checked by core off
// the event loop; what it would come to is shown beside it.
type deploy struct {
	formPage
	it      core.CatalogueItem
	check   core.DeployCheck
	checked bool   // check has been filled
	gen     uint64 // of the newest check asked for
	done    uint64 // of the check shown
	asked   time.Time
}

// Keys of the fields and buttons that are not the manifest's own.
const (
	fieldName   = "hostname"
	fieldNode   = "node"
	fieldCores  = "cores"
	fieldMemory = "memory_mb"
	fieldDisk   = "disk_gb"
	fieldPort   = "port"
	buttonGo    = " deploy"
	buttonCLI   = " cli"
	buttonLeave = " leave"
)

// newDeploy makes the form, filled with a draft if there is one.
func newDeploy(c *Console, it core.CatalogueItem, draft *draft) *deploy {
	p := &deploy{it: it, formPage: newFormPage()}
	name := &ui.Field{Key: fieldName, Label: "Name", Help: "its hostname: letters, digits, dashes"}
	name.Input.Max = 63
	name.Input.Set(freeName(c.world, it.ID))
	p.form.Fields = append(p.form.Fields, name,
		&ui.Field{Key: fieldNode, Label: "Node", Kind: ui.SelectField, Options: []ui.Option{{Label: "auto"}}},
		&ui.Field{Key: fieldCores, Label: "CPU cores", Kind: ui.NumberField, Input: ui.Input{Max: 4}},
		&ui.Field{Key: fieldMemory, Label: "Memory", Kind: ui.NumberField, Unit: "MB", Input: ui.Input{Max: 8}},
		&ui.Field{Key: fieldDisk, Label: "Disk", Kind: ui.NumberField, Unit: "GB", Input: ui.Input{Max: 6}},
		&ui.Field{Key: fieldPort, Label: "Web port", Kind: ui.NumberField, Input: ui.Input{Max: 5}, Help: "where people reach it; empty takes the lowest free one"},
	)
	var advanced []*ui.Field
	for _, f := range it.Fields {
		if f.Hidden {
			continue
		}
		x := manifestField(f)
		if len(f.When) > 0 {
			x.Matters = func() bool { return f.Matters(p.value) }
		}
		if f.Advanced {
			advanced = append(advanced, x)
		} else {
			p.form.Fields = append(p.form.Fields, x)
		}
	}
	if len(advanced) > 0 {
		p.form.Fields = append(p.form.Fields, &ui.Field{Key: " advanced", Kind: ui.FoldField, Label: "Advanced (" + ui.Count(len(advanced), "field") + ")"})
		p.form.Fields = append(p.form.Fields, advanced...)
	}
	p.form.Fields = append(p.form.Fields,
		&ui.Field{Key: buttonGo, Kind: ui.ButtonField, Label: "Deploy"},
		&ui.Field{Key: buttonCLI, Kind: ui.ButtonField, Label: "Show as command"},
		&ui.Field{Key: buttonLeave, Kind: ui.ButtonField, Label: "Leave"},
	)
	p.form.Open()
	p.nodes(c)
	if draft != nil {
		draft.fill(p)
	}
	return p
}

// value is what a field of the manifest holds now, its default where nothing
// was typed.
func (p *deploy) value(key string) string {
	if x := p.form.Field("values." + key); x != nil && x.Value() != "" {
		return x.Value()
	}
	for _, f := range p.it.Fields {
		if f.Key == key {
			return f.Default
		}
	}
	return ""
}

// manifestField makes a form field of a question of the manifest.
func manifestField(f core.FieldView) *ui.Field {
	x := &ui.Field{Key: "values." + f.Key, Label: f.Label, Help: f.Help}
	switch f.Type {
	case "boolean":
		x.Kind = ui.ToggleField
		x.On = f.Default == "true"
	case "number", "port":
		x.Kind = ui.NumberField
		x.Input.Max = 12
	case "select":
		x.Kind = ui.SelectField
		if f.Default == "" && !f.Required {
			x.Options = append(x.Options, ui.Option{Label: ui.Unknown})
		}
		for _, o := range f.Options {
			x.Options = append(x.Options, ui.Option(o))
		}
		x.Choose(f.Default)
	}
	if f.Rule != "" {
		x.Help = strings.TrimPrefix(x.Help+" · "+f.Rule, " · ")
	}
	if f.Generated {
		x.Default = "made for you"
		x.Help = strings.TrimPrefix(x.Help+" · leave empty and it is made for you", " · ")
	} else {
		x.Default = f.Default
	}
	x.Input.Secret = f.Secret
	return x
}

// freeName is the item's id, numbered if an app of that name is there.
func freeName(w *core.World, id string) string {
	taken := map[string]bool{}
	for i := range w.Apps {
		taken[w.Apps[i].Hostname] = true
	}
	name := id
	for n := 2; taken[name]; n++ {
		name = id + "-" + strconv.Itoa(n)
	}
	return name
}

func (p *deploy) digit() int                { return 3 }
func (p *deploy) crumbs(*Console) []string  { return []string{p.it.Name, "Deploy"} }
func (p *deploy) scope(*Console) scope      { return inForm | inDraft | inStack }
func (p *deploy) world(c *Console)          { p.nodes(c) }
func (p *deploy) opened(c *Console) tea.Cmd { return p.ask(c) }

func (p *deploy) note(*Console) string {
	n := 0
	for _, f := range p.it.Fields {
		if f.Required && f.Default == "" && !f.Generated && f.Matters(p.value) {
			n++
		}
	}
	if n > 0 {
		return ui.Count(n, "field") + " to fill in"
	}
	return "everything has a default"
}

// beat checks again: what is free changes while one thinks.
func (p *deploy) beat(c *Console) tea.Cmd {
	if p.gen != p.done || p.sending || c.now().Sub(p.asked) < 3*time.Second {
		return nil
	}
	return p.ask(c)
}

// nodes keeps the choice of nodes in line with the world.
func (p *deploy) nodes(c *Console) {
	f := p.form.Field(fieldNode)
	was := f.Value()
	f.Options = f.Options[:1]
	for i := range c.world.Nodes {
		n := &c.world.Nodes[i]
		label := n.Name
		if n.State != "online" {
			label += " (" + n.State + ")"
		}
		if len(c.world.Hosts) > 1 {
			label = n.Host + " / " + label
		}
		f.Options = append(f.Options, ui.Option{Value: n.Host + "/" + n.Name, Label: label})
	}
	f.Choice = 0
	f.Choose(was)
}

// request is the form as core wants it.
func (p *deploy) request() core.DeployRequest {
	number := func(key string) int {
		n, _ := strconv.Atoi(p.form.Field(key).Value())
		return n
	}
	r := core.DeployRequest{
		CatalogID: p.it.ID, Hostname: strings.TrimSpace(p.form.Field(fieldName).Value()),
		Cores: number(fieldCores), MemoryMB: number(fieldMemory), DiskGB: number(fieldDisk), Port: number(fieldPort),
	}
	r.Host, r.Node, _ = strings.Cut(p.form.Field(fieldNode).Value(), "/")
	for _, f := range p.it.Fields {
		x := p.form.Field("values." + f.Key)
		if x == nil || !f.Matters(p.value) {
			continue
		}
		if v := x.Value(); v != "" && (v != f.Default || f.Type == "select") {
			if r.Values == nil {
				r.Values = map[string]string{}
			}
			r.Values[f.Key] = v
		}
	}
	return r
}

// checkAnswer is core's answer to a check; deployAnswer to the request itself.
type (
	checkAnswer  struct{ check core.DeployCheck }
	deployAnswer struct {
		app core.AppView
		job core.JobView
		err error
	}
)

func (p *deploy) ask(c *Console) tea.Cmd {
	p.gen++
	p.asked = c.now()
	gen, r := p.gen, p.request()
	return func() tea.Msg { return answer{p, gen, checkAnswer{c.core.CheckDeploy(c.actor, r)}} }
}

func (p *deploy) submit(c *Console) tea.Cmd {
	if p.sending {
		c.say(info, "it is being sent already")
		return nil
	}
	if p.done == p.gen && len(p.check.Problems) > 0 {
		first := p.check.Problems[0]
		p.form.Go(formKey(first.Field))
		c.say(warn, p.problemText(p.check.Problems))
		return nil
	}
	p.sending = true
	c.say(info, "asking for "+p.request().Hostname+" …")
	gen, r, ctx := p.gen, p.request(), c.ctx
	return func() tea.Msg {
		a, j, err := c.core.DeployApp(ctx, c.actor, r)
		return answer{p, gen, deployAnswer{a, j, err}}
	}
}

// problemText says the first problem, and which question of the app it is about.
func (p *deploy) problemText(all []core.FieldProblem) string {
	if f := p.form.Field(all[0].Field); f != nil && strings.HasPrefix(f.Key, "values.") {
		return f.Label + " " + problemText(all)
	}
	return problemText(all)
}

func problemText(all []core.FieldProblem) string {
	s := all[0].Text
	if all[0].Hint != "" {
		s += " · " + all[0].Hint
	}
	if len(all) > 1 {
		s += " (and " + ui.Count(len(all)-1, "more problem") + ")"
	}
	return s
}

// formKey is the form's key of a field core names.
func formKey(field string) string {
	switch field {
	case "host":
		return fieldNode
	case "cpu", "cpu_cores":
		return fieldCores
	case "memory":
		return fieldMemory
	case "disk":
		return fieldDisk
	}
	return field
}

func (p *deploy) receive(c *Console, gen uint64, body any) tea.Cmd {
	switch a := body.(type) {
	case checkAnswer:
		if gen < p.gen && p.done != 0 {
			return nil // a newer one is on its way
		}
		p.done, p.check, p.checked = gen, a.check, true
		p.say()
	case deployAnswer:
		return p.answered(c, a)
	}
	return nil
}

// answered goes on to the job, or says why there is none. Whoever has left the
// form meanwhile stays where they are.
func (p *deploy) answered(c *Console, a deployAnswer) tea.Cmd {
	p.sending = false
	here := c.open(p)
	if a.err != nil {
		c.fail("", a.err)
		if !here {
			return nil
		}
		if e, ok := a.err.(*core.Error); ok && e.Field != "" {
			p.form.Go(formKey(e.Field))
		}
		return p.ask(c)
	}
	c.refresh()
	c.live[a.job.ID] = true
	c.place.drop()
	c.say(good, a.job.Title+" has begun: job "+jobID(a.job.ID)+" · you can leave, it goes on")
	if c.page() != page(p) {
		c.stack = slices.DeleteFunc(c.stack, func(x page) bool { return x == page(p) })
		return nil
	}
	c.stack = nil
	c.last, c.top = c.top, 6
	return c.push(newJob(a.job.ID))
}

// closed keeps what was filled in.
func (p *deploy) closed(c *Console) { c.place.keep(p) }

// say spreads a check over the fields.
func (p *deploy) say() {
	ck := &p.check
	for _, f := range p.form.Fields {
		f.Problem, f.Hint, f.Note = "", "", ""
	}
	for _, x := range ck.Problems {
		f := p.form.Field(formKey(x.Field))
		if f == nil {
			f = p.form.Field(buttonGo)
		}
		if f.Problem == "" {
			f.Problem, f.Hint = x.Text, x.Hint
		}
	}
	if f := p.form.Field(fieldName); f.Problem == "" && f.Value() != "" {
		f.Note = "free"
	}
	node := p.form.Field(fieldNode)
	for _, fit := range ck.Fits {
		if fit.Node == ck.Node && fit.Host == ck.Host {
			node.Help = ck.Node + " · " + ui.MB(fit.FreeMB) + " and " + strconv.Itoa(fit.FreeDiskGB) + "G free"
		}
	}
	if node.Problem == "" && ck.Node != "" {
		node.Options[0].Label = "auto (" + ck.Node + ")"
		if node.Choice != 0 {
			node.Options[0].Label = "auto"
		}
	}
	set := func(key string, n int) {
		if n > 0 {
			p.form.Field(key).Default = strconv.Itoa(n)
		}
	}
	if p.form.Field(fieldCores).Value() == "" {
		set(fieldCores, ck.Cores)
	}
	if p.form.Field(fieldMemory).Value() == "" {
		set(fieldMemory, ck.MemoryMB)
	}
	if p.form.Field(fieldDisk).Value() == "" {
		set(fieldDisk, ck.DiskGB)
	}
	port := p.form.Field(fieldPort)
	if port.Value() == "" {
		set(fieldPort, ck.Port)
	} else if port.Problem == "" {
		port.Note = "free"
	}
	least := func(key, text string) {
		if f := p.form.Field(key); f.Problem == "" {
			f.Help = text
		}
	}
	least(fieldCores, "at least "+strconv.Itoa(p.it.MinCores))
	least(fieldMemory, "at least "+strconv.Itoa(p.it.MinMemoryMB)+" MB")
	least(fieldDisk, "at least "+strconv.Itoa(p.it.MinDiskGB)+" GB")
	p.form.Field(buttonGo).Disabled = ""
	if len(ck.Problems) > 0 {
		p.form.Field(buttonGo).Disabled = ck.Problems[0].Text
	}
}

func (p *deploy) edit(c *Console, key, text string) (tea.Cmd, bool) {
	if p.sending && key != "esc" {
		c.say(info, "it is being sent: one moment")
		return nil, true
	}
	if key == "esc" {
		c.back()
		c.say(info, "the draft is kept: n on "+p.it.Name+" goes on with it")
		return nil, true
	}
	used, changed, pressed := p.form.Key(key, text)
	switch pressed {
	case buttonGo:
		return p.submit(c), true
	case buttonCLI:
		c.showCommand(p.check.Command, "The same from a shell. Secrets are left out: give them with --values - on stdin.")
		return nil, true
	case buttonLeave:
		return p.edit(c, "esc", "")
	}
	if changed {
		return p.ask(c), true
	}
	return nil, used
}

func (p *deploy) paste(c *Console, s string) (tea.Cmd, bool) {
	if !p.form.Paste(s) {
		return nil, false
	}
	return p.ask(c), true
}

// showCommand shows what a form would do as a command line.
func (c *Console) showCommand(command, about string) {
	if command == "" {
		c.say(info, "core has not answered yet: try again")
		return
	}
	if !strings.HasPrefix(command, "ssh ") {
		command = "ssh " + c.host + " " + strings.TrimPrefix(command, "proximity ")
	}
	text := append([]string{about, ""}, ui.Wrap(command, 76)...)
	c.over = &viewer{heading: "As a command", text: text, raw: command}
}
