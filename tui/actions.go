package tui

import (
	tea "charm.land/bubbletea/v2"

	"proximity/tui/ui"
)

// actions lists every verb of the selection, with the reasons of those that
// cannot act now.
func actions(c *Console, on object) tea.Cmd {
	var can, cannot []ui.Item
	heading := c.nameOf(on)
	marked := c.aim(c.keys.verb["start"]).kind == marksKind
	if marked {
		heading = c.nameOf(object{kind: marksKind}) + " · " + heading
	}
	for _, b := range c.keys.table {
		if b.where&on.scope() == 0 || b.verb == "actions" {
			continue
		}
		at := c.aim(b)
		it := ui.Item{Label: b.verb, Detail: b.help, Reason: c.reason(b, at), Value: target{b, at}, Key: b.shown()}
		if marked {
			it.Label += " " + c.nameOf(at)
		}
		if it.Reason == "" {
			can = append(can, it)
		} else {
			cannot = append(cannot, it)
		}
	}
	c.over = &menu{
		heading: heading, menu: ui.Menu{Items: append(can, cannot...)},
		choose: func(c *Console, it ui.Item) tea.Cmd {
			t := it.Value.(target)
			return c.act(t.b, t.on)
		},
	}
	return nil
}
