package tui

import (
	tea "charm.land/bubbletea/v2"

	"proximity/tui/ui"
)

// startFind opens the field that filters the list, or searches the log.
func startFind(c *Console, _ object) tea.Cmd {
	f, ok := c.page().(finder)
	if !ok {
		c.say(info, "there is nothing to filter here")
		return nil
	}
	c.finding = &ui.Input{Max: 100}
	c.finding.Set(f.query())
	return nil
}

// findKey is a key while the filter is typed: the list follows every letter.
func (c *Console) findKey(key, text string) tea.Cmd {
	switch key {
	case "enter":
		c.finding = nil
	case "esc":
		c.finding.Set("")
		c.find()
		c.finding = nil
	case "up", "down", "pgup", "pgdown":
		return c.act(c.keys.byKey[key][0], object{})
	default:
		before := c.finding.Value()
		if !c.finding.Key(key, text) {
			c.say(info, keyName(key)+" does nothing here · enter keeps the filter, esc clears it")
			return nil
		}
		if before != c.finding.Value() {
			c.find()
		}
	}
	return nil
}

func (c *Console) find() {
	if f, ok := c.page().(finder); ok {
		f.find(c, c.finding.Value())
	}
}

// chooseOrder offers the columns to order by; choosing the same again turns it
// round.
func chooseOrder(c *Console, _ object) tea.Cmd {
	l, ok := c.page().(lister)
	if !ok {
		c.say(info, "there is nothing to order here")
		return nil
	}
	t := l.list()
	at, desc := t.Sort()
	items := []ui.Item{{Label: "as it comes", Detail: "the natural order", Value: -1}}
	cursor := 0
	for i, col := range t.Cols {
		if !col.Sorts {
			continue
		}
		it := ui.Item{Label: col.Title, Value: i}
		if i == at {
			cursor = len(items)
			it.Detail = "ordered " + map[bool]string{false: "upwards " + ui.Up, true: "downwards " + ui.Down}[desc] + " · again turns it round"
		}
		items = append(items, it)
	}
	m := &menu{heading: "Order by", menu: ui.Menu{Items: items}, choose: func(_ *Console, it ui.Item) tea.Cmd {
		col := it.Value.(int)
		t.SortBy(col, col == at && !desc)
		return nil
	}}
	m.menu.Move(cursor)
	c.over = m
	return nil
}
