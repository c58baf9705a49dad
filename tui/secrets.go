package tui

import (
	"maps"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"
)

// secrets is the answer to showSecrets.
type secrets struct {
	values map[string]string
	err    error
}

func showSecrets(c *Console, on object) tea.Cmd {
	a, _ := c.appOf(on)
	v := &viewer{heading: a.Hostname + " · secrets", text: []string{"asking …"}}
	c.over = v
	ctx, name := c.ctx, a.Hostname
	return func() tea.Msg {
		values, err := c.core.AppSecrets(ctx, c.actor, name)
		return answer{to: v, body: secrets{values, err}}
	}
}

// receive shows the secrets once they are there.
func (v *viewer) receive(c *Console, _ uint64, body any) tea.Cmd {
	s, ok := body.(secrets)
	if !ok {
		return nil
	}
	if s.err != nil {
		c.over = nil
		c.fail("the secrets cannot be shown", s.err)
		return nil
	}
	v.text = nil
	if len(s.values) == 0 {
		v.text = []string{"this app has no secrets"}
		return nil
	}
	var raw strings.Builder
	for _, k := range slices.Sorted(maps.Keys(s.values)) {
		v.text = append(v.text, k+" = "+s.values[k])
		raw.WriteString(k + "=" + s.values[k] + "\n")
	}
	v.raw = raw.String()
	return nil
}
