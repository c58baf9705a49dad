package tui

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"proximity/core"
	"proximity/tui/ui"
)

// askDelete asks before apps are deleted.
func askDelete(c *Console, on object) tea.Cmd {
	ids, hidden := c.targets(on)
	var victims []*core.AppView
	var out []obstacle
	for _, a := range c.appsOf(ids) {
		if o := c.obstacle(core.DeleteApp, a); o.short != "" {
			out = append(out, o)
		} else {
			victims = append(victims, a)
		}
	}
	if len(victims) == 0 {
		return nil
	}
	wait := c.core.Settings().DeleteWait
	o, later := core.DeleteOptions{}, wait > 0 && slices.ContainsFunc(victims, destroyed)
	d := &erase{last: c.now()}
	d.yes = func(c *Console) tea.Cmd {
		o.Now = !later
		return c.deleteApps(victims, o)
	}
	d.field.Max = 80
	d.victims(c.world, victims, len(ids))
	tell := func() {
		d.facts = nil
		d.lost(c, victims, o)
		if hidden > 0 {
			d.fact("hidden", "the filter hides "+strconv.Itoa(hidden)+" of the "+strconv.Itoa(len(ids))+" marked apps")
		}
		if len(out) > 0 {
			d.fact("left out", ui.Count(len(out), "marked app")+": "+tally(out))
		}
		if who := c.watching(victims); who != "" {
			d.fact("open", who)
		}
	}
	tell()
	if later {
		d.choices = append(d.choices, choice{text: "wait " + waitWords(wait) + " before destroying: stopped meanwhile, z keeps it", on: &later})
	}
	if slices.ContainsFunc(victims, destroyed) {
		d.choices = append(d.choices, choice{text: "back up first: nothing is deleted before that is done", on: &o.Backup, not: &o.WithBackups, change: tell})
		if n, _, _ := backupsOf(victims); n > 0 {
			d.choices = append(d.choices, choice{text: "delete " + backupWords(n) + ", too; pinned ones stay", on: &o.WithBackups, not: &o.Backup, change: tell})
		}
	}
	c.over = d
	return nil
}

// backupWords names so many backups that there are.
func backupWords(n int) string {
	if n == 1 {
		return "the backup"
	}
	return "the " + ui.Count(n, "backup")
}

// destroyed reports that an app has a container that goes with it.
func destroyed(a *core.AppView) bool { return a.VMID != 0 && !a.Adopted && !a.Lost }

// victims names who is deleted, of so many that were asked for.
func (d *erase) victims(w *core.World, apps []*core.AppView, asked int) {
	if asked == 1 {
		a := apps[0]
		d.name = a.Hostname
		d.about = "You are about to delete  " + a.Hostname + "  (" + whereIs(w, a) + ", owner " + a.Owner + ")."
		return
	}
	d.name, d.many = ui.Count(len(apps), "app"), true
	d.about = "You are about to delete " + d.name + ":  " + nameList(apps) + "."
}

// lost says what becomes of the victims and what is theirs.
func (d *erase) lost(c *Console, apps []*core.AppView, o core.DeleteOptions) {
	var gone, kept, empty []*core.AppView
	var cts, ports []string
	disk := 0
	for _, a := range apps {
		switch {
		case destroyed(a):
			gone = append(gone, a)
			cts = append(cts, strconv.Itoa(a.VMID)+" on "+c.world.Place(a.Host, a.Node))
			disk += a.DiskGB
		case a.Adopted || a.Lost:
			kept = append(kept, a)
		default:
			empty = append(empty, a)
		}
		if a.PublicPort > 0 {
			ports = append(ports, strconv.Itoa(a.PublicPort))
		}
	}
	one := len(apps) == 1
	if n := len(gone); n > 0 {
		loses := map[bool]string{true: "its data is", false: "their data is"}[one] + " gone for ever"
		switch {
		case o.Backup:
			loses += ", but for the backup made first"
		case o.WithBackups:
			loses += ", the backups of it, too"
		default:
			loses += "; no backup is made"
		}
		d.fact("loses", loses)
		what := map[bool]string{true: "container ", false: "containers "}[n == 1] + strings.Join(cts, ", ")
		if one && gone[0].Storage != "" {
			d.fact("destroys", what+" and its "+strconv.Itoa(disk)+"G disk on "+gone[0].Storage)
		} else {
			d.fact("destroys", what+" and "+strconv.Itoa(disk)+"G of disk")
		}
	}
	if len(kept) > 0 {
		why := "made outside Proximity"
		if kept[0].Lost {
			why = "gone, or not ours any more"
		}
		d.fact("forgets", "the record of "+nameList(kept)+"; no container is touched: "+why)
	}
	if len(empty) > 0 {
		d.fact("forgets", nameList(empty)+"; no container there")
	}
	switch {
	case one && len(ports) > 0:
		d.fact("frees", "port "+ports[0]+": "+apps[0].URL+" answers no more")
	case len(ports) > 0:
		d.fact("frees", "ports "+strings.Join(ports, ", "))
	}
	if len(gone) > 0 {
		d.fact("keeps", keptBackups(c, gone, o))
	}
}

// backupsOf counts the backups of apps, and the apps without any; newest is the
// time of the newest one.
func backupsOf(apps []*core.AppView) (n, none int, newest time.Time) {
	for _, a := range apps {
		p := a.Protection
		if p == nil || p.Backups == 0 {
			none++
			continue
		}
		n += p.Backups
		if p.Last.After(newest) {
			newest = p.Last
		}
	}
	return n, none, newest
}

// keptBackups says what could be restored of apps that go.
func keptBackups(c *Console, apps []*core.AppView, o core.DeleteOptions) string {
	n, none, newest := backupsOf(apps)
	switch {
	case o.WithBackups:
		return "what is pinned of " + backupWords(n)
	case o.Backup && n == 0:
		return "the backup made first: it can become a new app"
	case o.Backup:
		return ui.Count(n, "backup") + " and the one made first: each can become a new app"
	case n == 0:
		return "nothing: there is no backup"
	case len(apps) == 1:
		return ui.Count(n, "backup") + ", the newest " + ui.When(c.now(), newest, c.loc) + ": each can become a new app"
	case none > 0:
		return ui.Count(n, "backup") + "; " + ui.Count(none, "app") + " without any"
	}
	return ui.Count(n, "backup") + ": each can become a new app"
}

// deleteApps asks core to delete apps.
func (c *Console) deleteApps(victims []*core.AppView, o core.DeleteOptions) tea.Cmd {
	var ids []string
	after := ""
	for _, a := range victims {
		ids = append(ids, a.ID)
		if !o.Now && destroyed(a) {
			after = " · z keeps it, for " + waitWords(c.core.Settings().DeleteWait)
		}
	}
	return c.askCore(core.DeleteApp, ids, after, func(ctx context.Context, id string) (core.JobView, error) {
		return c.core.DeleteApp(ctx, c.actor, id, o)
	})
}

// mayDelete and askDeleteOf go by what is to be deleted.
func mayDelete(c *Console, on object) string {
	switch on.kind {
	case hostKind:
		return mayCareFor("empty")(c, on)
	case userKind, keyKind, tokenKind:
		return mayTakeAway(c, on)
	case backupKind:
		return mayDeleteBackup(c, on)
	case scheduleKind:
		return mayChangeSchedule(c, on)
	}
	return may(core.DeleteApp)(c, on)
}

func askDeleteOf(c *Console, on object) tea.Cmd {
	switch on.kind {
	case hostKind:
		return askRemove(c, on)
	case userKind, keyKind, tokenKind:
		return askTakeAway(c, on)
	case backupKind:
		return askDeleteBackup(c, on)
	case scheduleKind:
		return askRemoveSchedule(c, on)
	}
	return askDelete(c, on)
}
