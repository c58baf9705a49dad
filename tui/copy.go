package tui

import (
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"

	"proximity/tui/ui"
)

func copyURL(c *Console, on object) tea.Cmd {
	a, _ := c.appOf(on)
	return c.copied(a.URL)
}

// copied puts text on the clipboard and says so.
func (c *Console) copied(s string) tea.Cmd {
	c.say(good, "copied "+ui.Cut(ui.Printable(s), 100))
	return c.copy(s)
}

// copyMenu offers what can be copied of the selection.
func copyMenu(c *Console, on object) tea.Cmd {
	var items []ui.Item
	add := func(label, text string) {
		if text != "" {
			items = append(items, ui.Item{Label: label, Detail: text, Value: text})
		}
	}
	if l, ok := c.page().(lister); ok && on.kind == appKind {
		if ids, _ := l.list().Marked(); len(ids) > 0 {
			var names []string
			for _, id := range ids {
				names = append(names, c.nameOf(object{appKind, id}))
			}
			add("marked", strings.Join(names, " "))
		}
	}
	switch on.kind {
	case appKind:
		a, _ := c.appOf(on)
		add("web address", a.URL)
		add("name", a.Hostname)
		add("container address", a.Address)
		add("app id", a.ID)
		add("error", a.Error)
		add("log command", "ssh "+c.host+" logs "+a.Hostname+" -f")
	case jobKind:
		j, _ := c.jobOf(on)
		add("error", strings.TrimSpace(j.Error+" "+j.Hint))
		add("follow command", "ssh "+c.host+" job "+on.id+" -f")
		add("job number", on.id)
	case itemKind:
		add("deploy command", "ssh "+c.host+" deploy "+on.id+" --hostname "+on.id)
		if it, err := c.core.CatalogueItem(on.id); err == nil {
			add("website", it.Website)
			add("recipe", it.Recipe)
		}
	case nodeKind:
		_, node, _ := strings.Cut(on.id, "/")
		add("name", node)
	case hostKind:
		for _, h := range c.world.Hosts {
			if h.Name == on.id {
				add("name", h.Name)
				add("address", h.URL)
				add("error", h.Error)
				add("test command", "ssh "+c.host+" hosts test "+h.Name)
			}
		}
	}
	if f, ok := c.foundOf(on); ok {
		add("adopt command", "ssh "+c.host+" adopt "+strconv.Itoa(f.VMID)+" --host "+f.Host+" --hostname "+f.Hostname)
		add("name", f.Name)
	}
	if v, ok := c.recordOf(on); ok {
		add("record", strings.Join([]string{v.Time.In(c.loc).Format("2006-01-02 15:04:05"), v.User, v.From, v.Action, v.Target, v.Result, v.Detail}, " "))
		add("export command", "ssh "+c.host+" audit --limit 100000 --json")
	}
	switch on.kind {
	case userKind:
		add("name", on.id)
		add("role command", "ssh "+c.host+" users role "+on.id+" ROLE")
	case keyKind, waitingKind:
		add("fingerprint", on.id)
	case tokenKind:
		add("revoke command", "ssh "+c.host+" tokens revoke "+on.id)
	case settingKind:
		add(on.id, c.settingOf(on)["value"])
		if p := c.page().(*settings); p.at == tabDefaults {
			add("set command", "ssh "+c.host+" settings set "+on.id+" VALUE")
		}
	}
	if b, ok := c.backupOf(on); ok {
		add("archive", b.VolID)
		add("error", b.Error)
		add("restore command", "ssh "+c.host+" restore "+on.id+" --yes")
		add("new app command", "ssh "+c.host+" restore "+on.id+" --as HOSTNAME --yes")
	}
	if s, ok := c.scheduleOf(on); ok {
		add("command", "ssh "+c.host+" "+s.Command(""))
		add("apps", strings.Join(s.Apps, " "))
	}
	if len(items) == 0 {
		c.say(info, "there is nothing to copy here")
		return nil
	}
	c.over = &menu{heading: "Copy", menu: ui.Menu{Items: items},
		choose: func(c *Console, it ui.Item) tea.Cmd { return c.copied(it.Value.(string)) }}
	return nil
}
