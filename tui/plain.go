package tui

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/charmbracelet/colorprofile"

	"proximity/core"
	"proximity/tui/ui"
)

// Plain writes the overview as plain text, for terminals that can do nothing
// else and for screen readers. Width is in cells, 0 = 80. It returns the
// writer's error.
func Plain(w io.Writer, c Core, a core.Actor, width int) error {
	if width <= 0 {
		width = 80
	}
	world := c.World(a)
	if world == nil {
		world = &core.World{}
	}
	now := time.Now()
	th := ui.NewTheme(colorprofile.NoTTY, true, false)
	var b strings.Builder
	line := func(format string, args ...any) {
		l := th.NewLine(width)
		b.WriteString(strings.TrimRight(l.Add(ui.Text, fmt.Sprintf(format, args...)).String(), " "))
		b.WriteByte('\n')
	}
	t := world.Totals
	line("Proximity: %s, %d of %d online, %s", ui.Count(t.Nodes, "node"), t.NodesOnline, t.Nodes, ui.Count(len(world.Apps), "app"))
	if t.Known {
		old := ""
		if t.Stale {
			old = " (some of it is old)"
		}
		line("cpu %s, memory %s of %s, disk %s of %s%s", ui.Percent(t.CPU), ui.Bytes(t.Mem), ui.Bytes(t.MaxMem), ui.Bytes(t.Disk), ui.Bytes(t.MaxDisk), old)
	}
	if len(world.Hosts) == 0 {
		line("no host is connected yet: hosts add NAME https://ADDRESS:8006 connects one")
	}
	if len(world.Alerts) > 0 {
		line("")
		line("Needs attention:")
		for _, x := range world.Alerts {
			line("  %s: %s", x.Level, x.Text)
		}
	}
	if len(world.Apps) > 0 {
		line("")
		line("Apps:")
		for i := range world.Apps {
			x := &world.Apps[i]
			s := fmt.Sprintf("  %s: %s", x.Hostname, x.Status)
			switch {
			case x.Error != "":
				s += ", " + x.Error
			case x.Job != nil:
				s += ", " + jobLine(x.Job)
			case x.URL != "":
				s += ", " + x.URL
			}
			if x.Stale {
				s += ", as of " + ui.When(now, x.AsOf, time.Local)
			}
			line("%s", s)
		}
	}
	for i := range world.Jobs {
		j := &world.Jobs[i]
		if j.Ended {
			break
		}
		if i == 0 {
			line("")
			line("Jobs:")
		}
		line("  %s %s: %s, %s, by %s", jobID(j.ID), j.Title, j.State, ui.Percent(j.Progress), j.Owner)
	}
	line("")
	line("Commands: apps, catalog, deploy, jobs, hosts, nodes, help.")
	_, err := io.WriteString(w, b.String())
	return err
}
