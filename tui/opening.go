package tui

import (
	"strings"

	tea "charm.land/bubbletea/v2"
)

// open opens an object's page.
func open(c *Console, on object) tea.Cmd {
	if o, ok := c.page().(interface {
		enter(c *Console) (tea.Cmd, bool)
	}); ok {
		if cmd, used := o.enter(c); used {
			return cmd
		}
	}
	switch on.kind {
	case appKind:
		return c.push(newApp(on.id))
	case jobKind:
		if j, ok := c.page().(*job); ok && jobID(j.id) == on.id {
			return c.push(newApp(j.view.AppID))
		}
		return c.push(newJob(parseJob(on.id)))
	case itemKind:
		if i, ok := c.page().(*item); ok && i.it.ID == on.id {
			return openDeploy(c, on.id)
		}
		return c.push(newItem(c, on.id))
	case nodeKind:
		_, node, _ := strings.Cut(on.id, "/")
		return appsWith(c, "node="+node)
	case hostKind:
		return appsWith(c, "host="+on.id)
	case foundKind:
		return viewRaw(c, on)
	case recordKind:
		if v, ok := c.recordOf(on); ok && v.Job != 0 {
			return c.push(newJob(v.Job))
		}
		return viewRaw(c, on)
	case backupKind:
		return openBackup(c, on)
	case scheduleKind:
		return openSchedule(c, on)
	}
	c.say(info, "nothing is selected here")
	return nil
}

// appsWith goes to the apps with a filter.
func appsWith(c *Console, query string) tea.Cmd {
	cmd := c.visit(2)
	c.tops[2].(finder).find(c, query)
	return cmd
}

func hostOf(on object) string {
	host, _, _ := strings.Cut(on.id, "/")
	return host
}

// deployNew opens the form for the item selected, or for an app whose deploy
// failed; else the catalogue.
func deployNew(c *Console, on object) tea.Cmd {
	if a, ok := c.wrecked(on); ok {
		c.say(info, "deploying "+a.Hostname+" again · 3 lists other apps")
		return deployAgain(c, appObject(a.ID))
	}
	if on.kind == itemKind {
		return openDeploy(c, on.id)
	}
	cmd := c.visit(3)
	c.say(info, "choose an app and press n")
	return cmd
}

func openDeploy(c *Console, id string) tea.Cmd {
	it, err := c.core.CatalogueItem(id)
	if err != nil {
		c.fail("", err)
		return nil
	}
	return c.push(newDeploy(c, it, c.place.draftFor(id)))
}

func showLogs(c *Console, on object) tea.Cmd {
	if on.kind == userKind {
		return showSessions(c, on.id)
	}
	switch p := c.page().(type) {
	case *app:
		return p.show(c, tabLogs)
	case *job:
		p.full = !p.full
		return nil
	}
	if on.kind == jobKind {
		p := newJob(parseJob(on.id))
		p.full = true
		return c.push(p)
	}
	p := newApp(on.id)
	p.at = tabLogs
	return c.push(p)
}

func openAppJob(c *Console, on object) tea.Cmd {
	if b, ok := c.backupOf(on); ok {
		return c.push(newJob(b.JobID))
	}
	if s, ok := c.scheduleOf(on); ok {
		return c.push(newJob(s.LastJob))
	}
	a, ok := c.appOf(on)
	if !ok || a.Job == nil {
		return nil
	}
	return c.push(newJob(a.Job.ID))
}
