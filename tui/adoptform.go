package tui

import (
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"

	"proximity/core"
	"proximity/tui/ui"
)

// adoptForm asks as what a container is to be adopted.
type adoptForm struct {
	formPage
	f core.FoundGuest
}

const fieldType = "type"

func newAdoptForm(f core.FoundGuest) *adoptForm {
	p := &adoptForm{f: f, formPage: newFormPage()}
	name := &ui.Field{Key: fieldName, Label: "Name", Help: "its name in Proximity; the container keeps its own", Input: ui.Input{Max: 63}}
	name.Input.Set(f.Hostname)
	kind := &ui.Field{Key: fieldType, Label: "What it is", Default: "custom", Help: "an app of the catalogue, or any other word", Input: ui.Input{Max: 40}}
	kind.Input.Set(f.LooksLike)
	port := &ui.Field{Key: fieldPort, Label: "Port inside", Kind: ui.NumberField, Help: "what people are led to; empty: found from inside", Input: ui.Input{Max: 5}}
	if f.Port > 0 {
		port.Default = strconv.Itoa(f.Port)
	}
	p.form.Fields = []*ui.Field{name, kind, port,
		{Key: buttonGo, Kind: ui.ButtonField, Label: "Adopt"}, {Key: buttonLeave, Kind: ui.ButtonField, Label: "Leave"}}
	p.form.Open()
	return p
}

func (p *adoptForm) digit() int               { return 7 }
func (p *adoptForm) crumbs(*Console) []string { return []string{p.f.Name, "Adopt"} }
func (p *adoptForm) note(*Console) string     { return "everything has a default" }

func (p *adoptForm) submit(c *Console) tea.Cmd {
	port, _ := strconv.Atoi(p.form.Field(fieldPort).Value())
	r := core.AdoptRequest{Host: p.f.Host, Node: p.f.Node, VMID: p.f.VMID, Port: port,
		Type: strings.TrimSpace(p.form.Field(fieldType).Value()), Hostname: strings.TrimSpace(p.form.Field(fieldName).Value())}
	c.back()
	return c.adopt([]core.AdoptRequest{r})
}

func (p *adoptForm) edit(c *Console, key, text string) (tea.Cmd, bool) {
	if key == "esc" {
		c.back()
		c.say(info, p.f.Name+" stays as it is")
		return nil, true
	}
	used, _, pressed := p.form.Key(key, text)
	switch pressed {
	case buttonGo:
		return p.submit(c), true
	case buttonLeave:
		return p.edit(c, "esc", "")
	}
	return nil, used
}

func (p *adoptForm) body(c *Console, w, h int) []string {
	l := c.theme.NewLine(w)
	l.Space(1).Add(ui.Strong, "Adopt CT "+strconv.Itoa(p.f.VMID)).Space(2).Add(ui.Muted, p.f.Name+" on "+c.world.Place(p.f.Host, p.f.Node)+" · "+portWords(&p.f))
	out := []string{l.String()}
	if h >= 12 {
		out = append(out, "")
	}
	return p.between(c, out, nil, w, h, 0)
}
