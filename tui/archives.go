package tui

import (
	"strconv"
	"strings"
	"time"

	"proximity/core"
	"proximity/tui/ui"
)

// archives is a list of backups: all of them, or those of one app.
type archives struct {
	table *ui.Table
	rows  archiveRows
	one   bool // of one app
}

const (
	archiveName = iota
	archiveTaken
	archiveAge
	archiveSize
	archiveMode
	archiveStorage
	archiveWhy
	archiveKept
	archiveState
)

func newArchives(one bool) *archives {
	name := ui.Column{Title: "APP", Width: 14, Flex: true, Most: 26, Sorts: true}
	if one {
		name = ui.Column{Title: "BACKUP", Width: 6, Right: true}
	}
	return &archives{one: one, table: ui.NewTable(
		name,
		ui.Column{Title: "TAKEN", Width: 12, Drop: 6, Sorts: true},
		ui.Column{Title: "AGE", Width: 4, Right: true},
		ui.Column{Title: "SIZE", Width: 5, Right: true, Sorts: true, Drop: 1},
		ui.Column{Title: "MODE", Width: 8, Drop: 7},
		ui.Column{Title: "STORAGE", Width: 9, Drop: 4, Sorts: true},
		ui.Column{Title: "WHY", Width: 16, Flex: true, Most: 28, Drop: 5, Joins: true},
		ui.Column{Title: "KEPT", Width: 16, Flex: true, Most: 26, Drop: 2, Joins: true},
		ui.Column{Title: "STATE", Width: 15, Sorts: true},
	)}
}

func (k *archives) show(c *Console, list []core.BackupView) {
	k.rows = archiveRows{c, list, k.one}
	k.table.SetRows(&k.rows)
}

// strip says more about the row under the cursor.
func (k *archives) strip(c *Console, w int) []string {
	row, ok := k.table.Row()
	if !ok {
		return nil
	}
	b := &k.rows.list[row]
	l := c.theme.NewLine(w)
	l.Space(3).Add(ui.Strong, backupOwner(b)).Space(2)
	facts := []string{"backup " + jobID(b.ID), "taken " + exactly(c, taken(b)), b.Mode + " " + b.Compress, b.Why}
	if b.Mode == "" {
		facts[2] = ui.Bytes(b.Size)
	}
	if b.By != "" {
		facts[3] += " by " + b.By
	}
	l.Add(ui.Muted, strings.Join(facts, " · "))
	first := l.String()
	l.Reset(w)
	l.Space(3)
	j, working := c.workOn(b)
	switch {
	case working && j.Waiting != "":
		l.Add(ui.Busy, j.Waiting)
	case working:
		l.Add(ui.Busy, j.Title+": "+jobStep(&j)).Add(ui.Muted, " · job "+jobID(j.ID)+", t stops it")
	case b.Status == core.BackupFailed:
		l.Add(ui.Error, b.Error)
	case !b.Missing.IsZero():
		l.Add(ui.Warn, "its archive is not on "+b.Storage+" any more, since "+ui.When(c.now(), b.Missing, c.loc))
	case b.Orphaned:
		l.Add(ui.Warn, "its app is gone").Add(ui.Muted, " · ").Add(ui.Key, "a").Add(ui.Muted, " restores it as a new app")
	default:
		if b.Note != "" {
			l.Add(ui.Text, b.Note).Add(ui.Muted, " · ")
		}
		l.Add(ui.Muted, b.VolID+" on "+b.Node)
	}
	return []string{first, l.String()}
}

// workOn is the unfinished job on a backup.
func (c *Console) workOn(b *core.BackupView) (core.JobView, bool) {
	if b.JobID == 0 || b.Status == core.BackupCompleted || b.Status == core.BackupFailed {
		return core.JobView{}, false
	}
	j, ok := c.world.Job(b.JobID)
	return j, ok && !j.Ended
}

// taken is the moment a backup holds.
func taken(b *core.BackupView) time.Time {
	if b.TakenAt.IsZero() {
		return b.CreatedAt
	}
	return b.TakenAt
}

// exactly is a moment with its seconds, and its year if that is another.
func exactly(c *Console, t time.Time) string {
	if t.IsZero() {
		return ui.Unknown
	}
	t = t.In(c.loc)
	if t.Year() == c.now().In(c.loc).Year() {
		return t.Format("2 Jan 15:04:05")
	}
	return t.Format("2 Jan 2006 15:04:05")
}

// backupOwner is whose a backup is, in a word.
func backupOwner(b *core.BackupView) string {
	if b.App == "" {
		return "CT " + strconv.Itoa(b.VMID)
	}
	return b.App
}

// backupLook is the symbol, word and role of a backup's state.
func backupLook(b *core.BackupView) (sign, word string, role ui.Role) {
	switch {
	case b.Status == core.BackupFailed:
		return ui.Cross, "failed", ui.Error
	case b.Status == core.BackupCreating:
		return ui.Half, "making", ui.Busy
	case b.Status != core.BackupCompleted:
		return ui.Half, string(b.Status), ui.Busy
	case !b.Missing.IsZero():
		return ui.Alert, "missing", ui.Warn
	}
	return ui.Check, "ok", ui.OK
}

type archiveRows struct {
	c    *Console
	list []core.BackupView // newest first
	one  bool
}

func (r *archiveRows) Len() int        { return len(r.list) }
func (r *archiveRows) ID(i int) string { return jobID(r.list[i].ID) }

func (r *archiveRows) Less(col, i, j int) bool {
	a, b := &r.list[i], &r.list[j]
	switch col {
	case archiveName:
		return backupOwner(a) < backupOwner(b)
	case archiveSize:
		return a.Size < b.Size
	case archiveStorage:
		return a.Storage < b.Storage
	case archiveState:
		return a.Status < b.Status
	}
	return taken(a).Before(taken(b))
}

// Match takes plain words and app:, storage:, node:, by:, state: pairs.
func (r *archiveRows) Match(i int, terms []string) bool { return backupHas(&r.list[i], terms) }

func backupHas(b *core.BackupView, terms []string) bool {
	_, word, _ := backupLook(b)
	if b.Pinned {
		word += " pinned"
	}
	if b.Orphaned {
		word += " orphaned"
	}
	if b.Found {
		word += " found"
	}
	hay := strings.ToLower("#" + jobID(b.ID) + " " + backupOwner(b) + " " + word + " " + b.Why + " " + b.Note + " " + b.VolID + " " + b.Error +
		" app:" + b.App + " storage:" + b.Storage + " node:" + b.Node + " by:" + b.By + " state:" + word)
	for _, t := range terms {
		if !strings.Contains(hay, t) {
			return false
		}
	}
	return true
}

// Joined draws why a backup failed over the columns of words.
func (r *archiveRows) Joined(l *ui.Line, i, width int) bool {
	if b := &r.list[i]; b.Status == core.BackupFailed {
		l.Cell(ui.Error, b.Error, width)
		return true
	}
	return false
}

func (r *archiveRows) Cell(l *ui.Line, i, col, width int, selected bool) {
	b := &r.list[i]
	switch col {
	case archiveName:
		r.name(l, b, width, selected)
	case archiveTaken:
		l.Cell(ui.Muted, taken(b).In(r.c.loc).Format("2 Jan 15:04"), width)
	case archiveAge:
		l.Right(ui.Text, ui.Span(r.c.now().Sub(taken(b))), width)
	case archiveSize:
		number(l, false, b.Size > 0, ui.Bytes(b.Size), width)
	case archiveMode:
		l.Cell(ui.Muted, orUnknown(b.Mode), width)
	case archiveStorage:
		l.Cell(ui.Text, orUnknown(b.Storage), width)
	case archiveWhy:
		l.Cell(ui.Muted, b.Why, width)
	case archiveKept:
		switch {
		case b.Status != core.BackupCompleted || !b.Missing.IsZero():
			l.Cell(ui.Muted, ui.Unknown, width)
		case b.Kept == "":
			l.Cell(ui.Warn, "until next prune", width)
		default:
			l.Cell(ui.Text, b.Kept, width)
		}
	case archiveState:
		sign, word, role := backupLook(b)
		if j, ok := r.c.workOn(b); ok && j.State == "running" {
			word += " " + ui.Percent(j.Progress)
		} else if ok {
			word = j.State
		}
		l.Add(role, sign).Space(1).Cell(role, word, width-2)
	}
}

func (r *archiveRows) name(l *ui.Line, b *core.BackupView, width int, selected bool) {
	if r.one {
		role := ui.Text
		if selected {
			role = ui.Selected
		}
		l.Right(role, jobID(b.ID), width)
		return
	}
	name := backupOwner(b)
	if b.Orphaned {
		name += " (gone)"
	}
	nameCell(l, name, width, selected)
}
