package tui

import (
	"context"
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"

	"proximity/core"
	"proximity/tui/ui"
)

// hostVerbs are the verbs on a host beside those it shares with apps.
func hostVerbs() []*binding {
	return []*binding{
		{verb: "test host", where: onHost | onNode, help: "ask the host whether all is ready for apps", why: mayCareFor(""), run: testHost},
		{verb: "disable host", where: onHost, help: "leave the host alone: nothing is asked of it or placed on it", why: mayCareFor("enabled"), run: func(c *Console, on object) tea.Cmd { return switchHost(c, on, true) }},
		{verb: "enable host", where: onHost, help: "work with the host again", why: mayCareFor("disabled"), run: func(c *Console, on object) tea.Cmd { return switchHost(c, on, false) }},
		{verb: "make default", where: onHost, help: "make the host the one that comes first", why: mayCareFor("other"), run: makeDefault},
		{verb: "sync nodes", where: onHost | onNode, help: "ask the host who is in its cluster now", why: mayCareFor(""), run: syncNodes},
		{verb: "trust host", where: onHost | onNode, help: "accept the changed key of the host", why: mayCareFor("changed"), run: askTrust},
	}
}

// addHost opens the form that connects a host.
func addHost(c *Console, _ object) tea.Cmd { return c.push(newHostForm(core.HostView{})) }

func mayAddHost(c *Console, _ object) string { return refusal(c.actor.May(core.VerbChangeHosts, "")) }

// hostAt finds the host an object is on.
func (c *Console) hostAt(on object) (core.HostView, bool) {
	name := hostOf(on)
	for _, h := range c.world.Hosts {
		if h.Name == name {
			return h, true
		}
	}
	return core.HostView{}, false
}

// mayCareFor is the reason against a verb on a host that has to be so.
func mayCareFor(so string) func(*Console, object) string {
	return func(c *Console, on object) string {
		h, ok := c.hostAt(on)
		if !ok {
			return "that host is not known any more"
		}
		if why := refusal(c.actor.May(core.VerbChangeHosts, "")); why != "" {
			return why
		}
		switch {
		case so == "enabled" && h.State == "disabled":
			return h.Name + " is disabled already"
		case so == "disabled" && h.State != "disabled":
			return h.Name + " is not disabled"
		case so == "other" && h.Default:
			return h.Name + " is the default already"
		case so == "changed" && len(h.Changed) == 0:
			return h.Name + " shows the keys that are pinned"
		case so == "empty" && h.Apps > 0:
			return ui.Count(h.Apps, "app") + " on " + h.Name + ": delete them first, or disable the host"
		}
		return ""
	}
}

// checks is the answer to testHost.
type checks struct {
	list []core.HostCheck
	err  error
}

func testHost(c *Console, on object) tea.Cmd {
	host := hostOf(on)
	d := &hostTest{viewer{heading: host + " · test", text: []string{"asking …"}}}
	c.over = d
	ctx := c.ctx
	return func() tea.Msg {
		list, err := c.core.TestHost(ctx, c.actor, host)
		return answer{to: d, body: checks{list, err}}
	}
}

// hostTest shows what a host answers to a test.
type hostTest struct{ viewer }

func (d *hostTest) receive(c *Console, _ uint64, body any) tea.Cmd {
	got, ok := body.(checks)
	if !ok {
		return nil
	}
	if got.err != nil {
		c.over = nil
		c.fail("", got.err)
		return nil
	}
	d.text = nil
	for _, k := range got.list {
		sign := ui.Check + " "
		switch {
		case !k.OK:
			sign = ui.Cross + " "
		case k.Warn:
			sign = ui.Alert + " "
		}
		d.text = append(d.text, ui.Wrap(sign+k.Name+": "+k.Text, 78)...)
		if k.Hint != "" && (!k.OK || k.Warn) {
			for _, row := range ui.Wrap(k.Hint, 74) {
				d.text = append(d.text, "    "+row)
			}
		}
	}
	d.raw = strings.Join(d.text, "\n")
	return nil
}

func switchHost(c *Console, on object, disabled bool) tea.Cmd {
	host := hostOf(on)
	text := host + " is enabled"
	if disabled {
		text = host + " is disabled: nothing is asked of it or placed on it"
	}
	return c.do(text, func(ctx context.Context) error {
		_, err := c.core.EditHost(ctx, c.actor, host, core.HostEdit{Disabled: &disabled})
		return err
	})
}

func makeDefault(c *Console, on object) tea.Cmd {
	host := hostOf(on)
	return c.do(host+" is the default host", func(ctx context.Context) error {
		_, err := c.core.SetDefaultHost(ctx, c.actor, host)
		return err
	})
}

func syncNodes(c *Console, on object) tea.Cmd {
	host, ctx := hostOf(on), c.ctx
	c.say(info, "asking "+host+" for its nodes")
	return func() tea.Msg {
		n, err := c.core.SyncNodes(ctx, c.actor, host)
		return doneMsg{text: host + " has " + ui.Count(n, "node"), err: err}
	}
}

// askTrust shows both keys before the new one is accepted.
func askTrust(c *Console, on object) tea.Cmd {
	h, ok := c.hostAt(on)
	if !ok {
		return nil
	}
	d := &confirm{heading: "Trust " + h.Name, button: "Accept the new key", opened: c.now()}
	d.text = []string{"A key of host " + h.Name + " is not the pinned one. All work on it stops until you accept it: find out on the node itself whether it is its own (pvenode cert info; ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub)."}
	var accept []string
	for _, k := range h.Changed {
		what := "certificate"
		if k.Kind == "ssh" {
			what = "SSH host key of " + k.Node
		}
		d.text = append(d.text, what+", first seen "+ui.When(c.now(), k.At, c.loc), "  pinned  "+k.Known, "  shown   "+k.Shown)
		accept = append(accept, k.Shown)
	}
	d.text = append(d.text, "If the pinned one is its own, somebody else answered: once that is over, hosts trust "+h.Name+" --accept with the pinned one goes on.")
	d.yes = func(c *Console) tea.Cmd {
		return c.do(h.Name+" is trusted again", func(ctx context.Context) error {
			_, err := c.core.TrustHost(ctx, c.actor, h.Name, accept)
			return err
		})
	}
	c.over = d
	return nil
}

// askRemove asks before a host is forgotten.
func askRemove(c *Console, on object) tea.Cmd {
	h, ok := c.hostAt(on)
	if !ok {
		return nil
	}
	d := &erase{name: h.Name, verb: "Remove", last: c.now(), yes: func(c *Console) tea.Cmd {
		return c.do("host "+h.Name+" is forgotten", func(ctx context.Context) error { return c.core.RemoveHost(ctx, c.actor, h.Name) })
	}}
	d.field.Max = 80
	d.about = "You are about to remove host  " + h.Name + "  (" + h.URL + ") from Proximity."
	d.facts = [][2]string{{"forgets", "its address, its credentials and its pinned keys"}, {"keeps", "everything on the host itself: " + ui.Count(h.Nodes, "node") + " and all that runs there"}}
	if h.Default {
		d.facts = append(d.facts, [2]string{"default", "another host becomes the default one"})
	}
	c.over = d
	return nil
}

// changedKeys are the lines of a host's detail about keys that are not the
// pinned ones.
func changedKeys(c *Console, w int, h *core.HostView) []string {
	var out []string
	for _, k := range h.Changed {
		what := "certificate"
		if k.Kind == "ssh" {
			what = "key of " + k.Node
		}
		for i, text := range []string{"pinned " + k.Known, "shown  " + k.Shown} {
			l := c.theme.NewLine(w)
			l.Space(3)
			if i == 0 {
				l.Cell(ui.Muted, what, 13)
			} else {
				l.Space(13)
			}
			out = append(out, l.Add(ui.Error, text).String())
		}
	}
	if len(h.Changed) > 0 {
		l := c.theme.NewLine(w)
		out = append(out, l.Space(16).Add(ui.Text, "all work on it stops · a lists \"trust host\", which accepts "+strconv.Itoa(len(h.Changed))).String())
	}
	return out
}
