package tui

import (
	"encoding/json"
	"strings"

	tea "charm.land/bubbletea/v2"
)

// viewRaw shows all that is known of the selection.
func viewRaw(c *Console, on object) tea.Cmd {
	var v any
	switch on.kind {
	case appKind:
		v, _ = c.appOf(on)
	case jobKind:
		v, _ = c.jobOf(on)
	case itemKind:
		it, err := c.core.CatalogueItem(on.id)
		if err != nil {
			c.fail("", err)
			return nil
		}
		if it.Recipe != "" {
			c.over = &viewer{heading: it.Name + " · recipe", text: strings.Split(strings.TrimRight(it.Recipe, "\n"), "\n"), raw: it.Recipe}
			return nil
		}
		v = it
	case nodeKind:
		for _, n := range c.world.Nodes {
			if n.Host+"/"+n.Name == on.id {
				v = n
			}
		}
	case hostKind:
		for _, h := range c.world.Hosts {
			if h.Name == on.id {
				v = h
			}
		}
	case foundKind:
		v, _ = c.foundOf(on)
	case recordKind:
		v, _ = c.recordOf(on)
	case userKind:
		v, _ = c.userOf(on)
	case keyKind:
		v, _ = c.keyOf(on)
	case waitingKind:
		v, _ = c.waitingOf(on)
	case tokenKind:
		v, _ = c.tokenOf(on)
	case settingKind:
		v = c.settingOf(on)
	case backupKind:
		v, _ = c.backupOf(on)
	case scheduleKind:
		v, _ = c.scheduleOf(on)
	}
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		c.fail("", err)
		return nil
	}
	c.over = &viewer{heading: c.nameOf(on) + " · raw", text: strings.Split(string(b), "\n"), raw: string(b)}
	return nil
}
