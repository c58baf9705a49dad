package tui

import (
	"context"
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"

	"proximity/core"
	"proximity/tui/ui"
)

// backUpVerb is backing up, where verbs on apps are counted.
const backUpVerb core.AppVerb = "back up"

func (c *Console) backupOf(on object) (core.BackupView, bool) {
	if on.kind == backupKind {
		for _, b := range c.vault().has.backups {
			if jobID(b.ID) == on.id {
				return b, true
			}
		}
	}
	return core.BackupView{}, false
}

// appBehind is the app of a backup, if it is still there, or the object itself.
func (c *Console) appBehind(on object) object {
	if b, ok := c.backupOf(on); ok {
		return appObject(b.AppID)
	}
	return on
}

func mayBackUp(c *Console, on object) string {
	if b, ok := c.backupOf(on); ok && (b.Orphaned || b.AppID == "") {
		return backupOwner(&b) + " is no app of Proximity now"
	}
	return may(backUpVerb)(c, c.appBehind(on))
}

func backUp(c *Console, on object) tea.Cmd {
	ids, _ := c.targets(c.appBehind(on))
	return c.askCore(backUpVerb, ids, "", func(ctx context.Context, id string) (core.JobView, error) {
		_, j, err := c.core.BackupApp(ctx, c.actor, id, core.BackupRequest{})
		return j, err
	})
}

// mayBackUpNow is for the screen of backups: without a row there is the list of
// apps to choose from.
func mayBackUpNow(c *Console, on object) string {
	if on.kind != backupKind {
		return ""
	}
	return mayBackUp(c, on)
}

func backUpNow(c *Console, on object) tea.Cmd {
	if on.kind == backupKind {
		return backUp(c, on)
	}
	cmd := c.visit(2)
	c.say(info, "choose an app and press b")
	return cmd
}

// mayChangeBackup is what stands in the way of any change to a backup.
func mayChangeBackup(c *Console, on object) string {
	b, ok := c.backupOf(on)
	if !ok {
		return "that backup is gone"
	}
	if why := refusal(c.actor.May(core.VerbChangeApp, b.Owner)); why != "" {
		return why
	}
	_, word, _ := backupLook(&b)
	switch b.Status {
	case core.BackupCreating, core.BackupRestoring, core.BackupDeleting:
		return "backup " + on.id + " is busy (" + word + "): job " + jobID(b.JobID)
	}
	return ""
}

// mayAttribute is for what is written beside the archive.
func mayAttribute(c *Console, on object) string {
	if why := mayChangeBackup(c, on); why != "" {
		return why
	}
	if b, _ := c.backupOf(on); b.Status == core.BackupFailed || !b.Missing.IsZero() {
		return "backup " + on.id + " has no archive: d forgets it"
	}
	return ""
}

func mayPin(pin bool) func(*Console, object) string {
	return func(c *Console, on object) string {
		if why := mayAttribute(c, on); why != "" {
			return why
		}
		if b, _ := c.backupOf(on); b.Pinned == pin {
			return "backup " + on.id + map[bool]string{true: " is pinned already", false: " is not pinned"}[pin]
		}
		return ""
	}
}

func pinning(pin bool) func(*Console, object) tea.Cmd {
	return func(c *Console, on object) tea.Cmd {
		id := parseJob(on.id)
		set := func(to bool) func(context.Context) error {
			return func(ctx context.Context) error {
				_, err := c.core.PinBackup(ctx, c.actor, id, to)
				return err
			}
		}
		text := "backup " + on.id + map[bool]string{true: " is pinned: nothing but an unpin lets it go", false: " is not pinned any more"}[pin]
		return c.doUndoably(text, "the pin of backup "+on.id, set(pin), set(!pin))
	}
}

func noteBackup(c *Console, on object) tea.Cmd {
	b, ok := c.backupOf(on)
	if !ok {
		return nil
	}
	set := func(note string) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := c.core.NoteBackup(ctx, c.actor, b.ID, note)
			return err
		}
	}
	d := &prompt{heading: "Note beside backup " + on.id + " of " + backupOwner(&b), label: "Note", button: "Save", opened: c.now(),
		about: "It is kept with the archive, where Proxmox shows it, too. An empty one removes it.",
		yes: func(c *Console, text string) tea.Cmd {
			return c.doUndoably("backup "+on.id+" is noted", "the note of backup "+on.id, set(strings.TrimSpace(text)), set(b.Note))
		}}
	d.field.Max = 300
	d.field.Set(b.Note)
	c.over = d
	return nil
}

func mayDeleteBackup(c *Console, on object) string {
	if why := mayChangeBackup(c, on); why != "" {
		return why
	}
	if b, _ := c.backupOf(on); b.Pinned {
		return "backup " + on.id + " is pinned: a → unpin lets it go"
	}
	return ""
}

// askDeleteBackup asks before a backup and its archive are deleted.
func askDeleteBackup(c *Console, on object) tea.Cmd {
	b, ok := c.backupOf(on)
	if !ok {
		return nil
	}
	d := &erase{name: backupOwner(&b), what: "backup " + on.id, last: c.now(),
		about: "You are about to delete backup " + on.id + " of  " + backupOwner(&b) + "  taken " + exactly(c, taken(&b)) + ".",
		yes: func(c *Console) tea.Cmd {
			c.say(info, "asking to delete backup "+on.id)
			return c.begin(func(ctx context.Context) (core.JobView, error) { return c.core.DeleteBackup(ctx, c.actor, b.ID) })
		}}
	d.field.Max = 80
	switch {
	case b.Status == core.BackupFailed || !b.Missing.IsZero():
		d.fact("forgets", "the record only: there is no archive on "+orUnknown(b.Storage))
	default:
		d.fact("destroys", "its archive on "+b.Storage+", "+ui.Bytes(b.Size)+", for ever: "+b.File)
	}
	d.fact("leaves", c.otherBackups(&b))
	c.over = d
	return nil
}

// otherBackups says what else an app could be restored from.
func (c *Console) otherBackups(b *core.BackupView) string {
	n := 0
	var newest *core.BackupView
	for i := range c.vault().has.backups {
		o := &c.vault().has.backups[i]
		if o.ID == b.ID || o.AppID != b.AppID || b.AppID == "" || o.Status != core.BackupCompleted || !o.Missing.IsZero() {
			continue
		}
		if n++; newest == nil || taken(o).After(taken(newest)) {
			newest = o
		}
	}
	switch {
	case b.AppID == "":
		return "the container it was made of, if there still is one"
	case n == 0 && b.Orphaned:
		return "nothing: " + backupOwner(b) + " is gone, and this is all that is left of it"
	case n == 0:
		return backupOwner(b) + " without any backup"
	}
	return ui.Count(n, "other backup") + " of " + backupOwner(b) + ", the newest " + ui.When(c.now(), taken(newest), c.loc)
}

func lookForArchives(c *Console, _ object) tea.Cmd {
	c.say(info, "asking to look through the storages")
	return c.begin(func(ctx context.Context) (core.JobView, error) { return c.core.ScanBackups(ctx, c.actor) })
}

// openBackup shows all that is known of a backup.
func openBackup(c *Console, on object) tea.Cmd {
	b, ok := c.backupOf(on)
	if !ok {
		c.say(info, "that backup is gone")
		return nil
	}
	_, word, _ := backupLook(&b)
	v := &factSheet{heading: "Backup " + on.id + " of " + backupOwner(&b)}
	v.add("state", word)
	v.add("error", b.Error)
	v.add("taken", exactly(c, taken(&b))+" ("+ui.When(c.now(), taken(&b), c.loc)+")")
	if !b.CompletedAt.IsZero() {
		v.add("took", ui.Took(b.CompletedAt.Sub(b.CreatedAt)))
	}
	if b.Size > 0 {
		v.add("size", ui.Bytes(b.Size)+" ("+strconv.FormatInt(b.Size, 10)+" bytes)")
	}
	v.add("how", strings.TrimSpace(b.Mode+" "+b.Compress))
	v.add("why", b.Why)
	v.add("by", b.By)
	v.add("owner", b.Owner)
	v.add("note", b.Note)
	v.add("kept", b.Kept)
	v.add("container", "CT "+strconv.Itoa(b.VMID)+" on "+b.Node+", host "+b.Host)
	v.add("storage", b.Storage+map[bool]string{true: ", shared"}[b.Shared])
	v.add("archive", b.VolID)
	if !b.Missing.IsZero() {
		v.add("missing", "since "+exactly(c, b.Missing))
	}
	if b.Orphaned {
		v.add("its app", "is gone: a → restore as a new app")
	}
	if b.JobID != 0 {
		v.add("job", jobID(b.JobID))
	}
	c.over = v.viewer()
	return nil
}

// openSchedule shows all that is known of a schedule.
func openSchedule(c *Console, on object) tea.Cmd {
	s, ok := c.scheduleOf(on)
	if !ok {
		c.say(info, "that schedule is gone")
		return nil
	}
	v := &factSheet{heading: "Schedule " + s.Name}
	v.add("when", s.Cron)
	zone := s.Zone
	if zone == "" {
		zone = "the server's"
	}
	v.add("time zone", zone)
	next := "never: it is paused"
	if !s.Next.IsZero() {
		next = exactly(c, s.Next) + " (" + ui.When(c.now(), s.Next, c.loc) + ")"
	}
	v.add("next run", next)
	v.add("covers", selectionWords(&s))
	v.add("these are", strings.Join(s.Apps, ", "))
	v.add("storage", planStore(&s))
	v.add("how", s.Mode+" "+s.Compress)
	v.add("keeps", s.Keep.String())
	last := lastRun(&s)
	if !s.LastRun.IsZero() {
		last = exactly(c, s.LastRun) + ": " + last
	}
	v.add("last run", last)
	if s.LastJob != 0 {
		v.add("job", jobID(s.LastJob))
	}
	v.add("made", exactly(c, s.CreatedAt)+" by "+s.By)
	c.over = v.viewer()
	return nil
}

// factSheet gathers what is known of something, a line each.
type factSheet struct {
	heading string
	lines   []string
}

func (f *factSheet) add(what, text string) {
	if text == "" {
		return
	}
	for i, row := range ui.Wrap(text, 62) {
		if i > 0 {
			what = ""
		}
		f.lines = append(f.lines, what+strings.Repeat(" ", max(1, 12-len(what)))+row)
	}
}

func (f *factSheet) viewer() *viewer {
	return &viewer{heading: f.heading, text: f.lines, raw: strings.Join(f.lines, "\n")}
}

func mayLook(c *Console, _ object) string { return refusal(c.actor.May(core.VerbChangeApp, "")) }
