package tui

import (
	"context"

	tea "charm.land/bubbletea/v2"
)

func moving(m motion, n int) func(*Console, object) tea.Cmd {
	return func(c *Console, _ object) tea.Cmd {
		if !c.page().move(c, m, n) {
			if n < 0 || m == toFirst {
				c.say(info, "this is the top")
			} else {
				c.say(info, "this is the end")
			}
		}
		return nil
	}
}

func tabbing(dir int) func(*Console, object) tea.Cmd {
	return func(c *Console, _ object) tea.Cmd {
		if t, ok := c.page().(tabber); ok {
			if cmd, moved := t.tab(c, dir); moved {
				return cmd
			}
		}
		c.say(info, "no more tabs that way")
		return nil
	}
}

func paning(dir int) func(*Console, object) tea.Cmd {
	return func(c *Console, _ object) tea.Cmd {
		switch p := c.page().(type) {
		case editor:
			key := "tab"
			if dir < 0 {
				key = "shift+tab"
			}
			cmd, _ := p.edit(c, key, "")
			return cmd
		case paner:
			if p.pane(c, dir) {
				return nil
			}
		}
		c.say(info, "there is one pane only at this size")
		return nil
	}
}

func visitScreen(c *Console, digit int) tea.Cmd {
	if c.top == digit && len(c.stack) == 0 {
		c.say(info, "this is "+screenNames[digit])
		return nil
	}
	return c.visit(digit)
}

func goBack(c *Console, _ object) tea.Cmd {
	if f, ok := c.page().(finder); ok && f.query() != "" {
		f.find(c, "")
		return nil
	}
	if l, ok := c.page().(lister); ok {
		if ids, _ := l.list().Marked(); len(ids) > 0 {
			l.list().Unmark()
			return nil
		}
	}
	if p, ok := c.page().(interface{ up() bool }); ok && p.up() {
		return nil
	}
	if c.back() {
		return nil
	}
	c.say(info, "this is the top · q quits")
	return nil
}

func refreshAll(c *Console, _ object) tea.Cmd {
	c.say(info, "asking all hosts now")
	cmd := c.do("", func(context.Context) error { c.core.Refresh(""); return nil })
	if p, ok := c.page().(interface{ reload(c *Console) tea.Cmd }); ok {
		return tea.Batch(cmd, p.reload(c))
	}
	return cmd
}

func retryHost(c *Console, on object) tea.Cmd {
	host := hostOf(on)
	c.say(info, "asking "+host+" now")
	return c.do("", func(context.Context) error { c.core.Refresh(host); return nil })
}

func repaint(c *Console, _ object) tea.Cmd {
	c.say(info, "repainted")
	return tea.ClearScreen
}

func submitForm(c *Console, _ object) tea.Cmd {
	if f, ok := c.page().(interface{ submit(c *Console) tea.Cmd }); ok {
		return f.submit(c)
	}
	return nil
}

func follow(c *Console, _ object) tea.Cmd {
	g := c.page().(logger).log()
	on, _ := g.Following()
	g.Follow(!on)
	if on {
		c.say(info, "paused · f follows again")
	} else {
		c.say(info, "following")
	}
	return nil
}

func match(dir int) func(*Console, object) tea.Cmd {
	return func(c *Console, _ object) tea.Cmd {
		if g := c.page().(logger).log(); !g.Next(dir) {
			c.say(info, "no more lines with \""+g.Query()+"\" that way")
		}
		return nil
	}
}

func mark(c *Console, _ object) tea.Cmd    { c.page().(lister).list().Mark(); return nil }
func markAll(c *Console, _ object) tea.Cmd { c.page().(lister).list().MarkAll(); return nil }
