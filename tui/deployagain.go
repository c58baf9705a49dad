package tui

import (
	"strconv"

	tea "charm.land/bubbletea/v2"

	"proximity/core"
	"proximity/tui/ui"
)

// deployAgain opens the form for an app's recipe with its sizes; a draft that
// was kept comes first.
func deployAgain(c *Console, on object) tea.Cmd {
	a, ok := c.appOf(on)
	if !ok {
		return nil
	}
	it, err := c.core.CatalogueItem(a.CatalogID)
	if err != nil {
		c.fail("", err)
		return nil
	}
	d := c.place.draftFor(it.ID)
	if d == nil {
		d = &draft{Item: it.ID, Focus: fieldName, Values: map[string]string{fieldName: freeName(c.world, a.Hostname)}}
		for key, n := range map[string]int{fieldCores: a.Cores, fieldMemory: a.MemoryMB, fieldDisk: a.DiskGB} {
			if n > 0 {
				d.Values[key] = strconv.Itoa(n)
			}
		}
	}
	return c.push(newDeploy(c, it, d))
}

// wrecked is the app of the object if its deploy came to nothing.
func (c *Console) wrecked(on object) (core.AppView, bool) {
	if j, ok := c.jobOf(on); ok && j.Kind == "deploy" && j.Ended {
		on = appObject(j.AppID)
	}
	a, ok := c.appOf(on)
	return a, ok && a.Status == core.StatusError && a.Job == nil
}

// wayOut are the keys that lead out of an app in error, as far as they work.
func (c *Console) wayOut(w int, a *core.AppView) *ui.Line {
	l := c.theme.NewLine(w)
	if c.obstacle(core.DeleteApp, a).short == "" {
		l.Add(ui.Key, "d").Add(ui.Muted, map[bool]string{true: " forget", false: " delete"}[a.Lost])
	}
	if mayDeploy(c, object{}) == "" {
		if l.W() > 0 {
			l.Space(2)
		}
		l.Add(ui.Key, "n").Add(ui.Muted, " deploy again")
	}
	return l
}
