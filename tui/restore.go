package tui

import (
	"context"
	"strings"

	tea "charm.land/bubbletea/v2"

	"proximity/core"
	"proximity/tui/ui"
)

// mayReadBackup is why nothing can be restored from a backup.
func mayReadBackup(c *Console, on object) string {
	if why := mayChangeBackup(c, on); why != "" {
		return why
	}
	b, _ := c.backupOf(on)
	switch {
	case b.Status == core.BackupFailed:
		return "backup " + on.id + " has come to nothing: choose another one"
	case !b.Missing.IsZero():
		return "the archive of backup " + on.id + " is not on " + b.Storage + " any more: choose another one"
	}
	return ""
}

// mayRestore is why a backup cannot be put over its app now.
func mayRestore(c *Console, on object) string {
	if why := mayReadBackup(c, on); why != "" {
		return why
	}
	b, _ := c.backupOf(on)
	a, ok := c.appOf(appObject(b.AppID))
	switch {
	case b.AppID == "":
		return "backup " + on.id + " is of no app of Proximity: restore it in Proxmox, then adopt the container"
	case !ok:
		return "the app of backup " + on.id + " is gone: a → restore as a new app"
	case a.VMID == 0:
		return a.Hostname + " has no container to restore over: a → restore as a new app"
	}
	return c.obstacle(core.DeleteApp, &a).text() // stands in the way of what replaces everything, too
}

// askRestore asks before a backup is put over its app.
func askRestore(c *Console, on object) tea.Cmd {
	b, _ := c.backupOf(on)
	a, ok := c.appOf(appObject(b.AppID))
	if !ok {
		return nil
	}
	when := exactly(c, taken(&b))
	safety := true
	d := &erase{verb: "Restore", name: a.Hostname, last: c.now(),
		about:   "You are about to put  " + a.Hostname + "  (" + whereIs(c.world, &a) + ", owner " + a.Owner + ") back to backup " + on.id + " of " + when + ".",
		choices: []choice{{text: "back up what is there now first: the way back if this was wrong", on: &safety}},
		yes: func(c *Console) tea.Cmd {
			c.say(info, "asking to restore "+a.Hostname)
			return c.begin(func(ctx context.Context) (core.JobView, error) {
				_, j, err := c.core.RestoreBackup(ctx, c.actor, b.ID, core.RestoreRequest{NoSafety: !safety})
				return j, err
			})
		}}
	d.field.Max = 80
	d.fact("loses", "all that was stored in it in the last "+ui.Span(c.now().Sub(taken(&b))))
	d.fact("destroys", whereIs(c.world, &a)+" as it is now, with its snapshots")
	d.fact("stops", a.Hostname+" for as long as it takes to read "+ui.Bytes(b.Size)+" from "+b.Storage)
	end := string(a.Status) + ", as now"
	if a.Status == core.StatusError {
		end = "running"
	}
	d.fact("keeps", "number, name, address, ports, cores, memory; it ends "+end)
	if who := c.watching([]*core.AppView{&a}); who != "" {
		d.fact("open", who)
	}
	c.over = d
	return nil
}

// mayRevive is why no new app can be made of a backup.
func mayRevive(c *Console, on object) string {
	if why := mayReadBackup(c, on); why != "" {
		return why
	}
	if b, _ := c.backupOf(on); b.AppID == "" {
		return "backup " + on.id + " is of no app of Proximity: restore it in Proxmox, then adopt the container"
	}
	return mayDeploy(c, on)
}

// askRevive asks for the name of the app that is made of a backup.
func askRevive(c *Console, on object) tea.Cmd {
	b, _ := c.backupOf(on)
	d := &prompt{heading: "Restore backup " + on.id + " as a new app", label: "Name", button: "Restore", opened: c.now(),
		about: "A second app with the data of  " + b.App + "  of " + exactly(c, taken(&b)) + ". It gets a container, an address, a port and a root password of its own, and is yours.",
		yes: func(c *Console, name string) tea.Cmd {
			c.say(info, "asking to restore backup "+on.id+" as "+name)
			return c.begin(func(ctx context.Context) (core.JobView, error) {
				_, j, err := c.core.RestoreBackup(ctx, c.actor, b.ID, core.RestoreRequest{As: name})
				return j, err
			})
		},
		check: func(name string) string {
			if strings.TrimSpace(name) == "" {
				return "the new app needs a name"
			}
			return ""
		}}
	d.field.Max = 63
	d.field.Set(freeName(c.world, b.App))
	c.over = d
	return nil
}
