package cli

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"proximity/core"
)

// backupAndJob is what commands that make or change a backup answer in JSON.
type backupAndJob struct {
	Backup core.BackupView `json:"backup"`
	Job    core.JobView    `json:"job"`
}

func (r *run) backup() *cobra.Command {
	var req core.BackupRequest
	var wait bool
	c := &cobra.Command{
		Use:   "backup NAME [--mode M] [--compress C] [--storage S] [--note T] [--wait]",
		Short: "Back an app up",
		Args:  takes("NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			var b core.BackupView
			return r.begun(c, wait, func() (j core.JobView, err error) {
				b, j, err = r.Core.BackupApp(c.Context(), r.Actor, args[0], req)
				return j, err
			}, func(j core.JobView) any {
				if now, err := r.Core.Backup(c.Context(), r.Actor, b.ID); err == nil {
					b = now
				}
				return backupAndJob{b, j}
			})
		},
	}
	one := func(of []string) string { return strings.Join(of, ", ") + " (default " + of[0] + ")" }
	c.Flags().StringVar(&req.Mode, "mode", "", one(core.BackupModes()))
	c.Flags().StringVar(&req.Compress, "compress", "", one(core.BackupCompressions()))
	c.Flags().StringVar(&req.Storage, "storage", "", "where to (default: a shared one before the node's own)")
	c.Flags().StringVar(&req.Note, "note", "", "kept beside the archive")
	waits(c, &wait)
	return c
}

func (r *run) backups() *cobra.Command {
	var scan, wait bool
	c := &cobra.Command{
		Use:   "backups [NAME] [--scan [--wait]]",
		Short: "List backups, newest first, of one app or all; --scan looks for archives on the storages",
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 1 {
				return tooMany(c, args[1])
			}
			if scan {
				return r.begun(c, wait, func() (core.JobView, error) { return r.Core.ScanBackups(c.Context(), r.Actor) }, func(j core.JobView) any { return j })
			}
			name := strings.Join(args, "")
			list, err := r.Core.Backups(c.Context(), r.Actor, name)
			if err != nil {
				return err
			}
			return r.print(all(list), func() error {
				if len(list) == 0 {
					r.note("no backups yet: `backup NAME` makes one")
					return nil
				}
				return r.backupTable(list)
			})
		},
	}
	c.Flags().BoolVar(&scan, "scan", false, "look through the storages for archives that are new or gone")
	waits(c, &wait)
	return c
}

func (r *run) backupTable(list []core.BackupView) error {
	t := table{columns: []column{{title: "BACKUP", right: true}, {title: "APP"}, {title: "TAKEN"}, {title: "SIZE", right: true, drop: 1}, {title: "STATE"}, {title: "WHY", drop: 2},
		{title: "BY", drop: 5}, {title: "STORAGE", drop: 3}, {title: "MODE", drop: 6}, {title: "NOTE", drop: 4}}}
	for _, b := range list {
		taken, bytes := b.TakenAt, unknown
		if taken.IsZero() {
			taken = b.CreatedAt
		}
		if b.Size > 0 {
			bytes = size(b.Size)
		}
		t.add(strconv.FormatUint(b.ID, 10), or(b.App, unknown), r.when(taken), bytes, backupState(b), b.Why, b.By, or(b.Storage, unknown), or(b.Mode, unknown), or(b.Error, b.Note))
	}
	return t.write(r.Out, r.Width)
}

// backupState is a backup's state with what is particular about it.
func backupState(b core.BackupView) string {
	words := []string{string(b.Status)}
	if !b.Missing.IsZero() {
		words = append(words, "missing")
	}
	if b.Pinned {
		words = append(words, "pinned")
	}
	if b.Orphaned {
		words = append(words, "orphaned")
	}
	return strings.Join(words, ", ")
}

func (r *run) restore() *cobra.Command {
	var req core.RestoreRequest
	var wait, yes bool
	c := &cobra.Command{
		Use:   "restore BACKUP --yes [--as HOSTNAME] [--no-safety] [--wait]",
		Short: "Restore a backup over its app, or as a new app",
		Long: "Restore a backup over its app, or with --as as a new app of that hostname.\n" +
			"Before an app is overwritten a copy of what is there now is made, unless --no-safety says not to.",
		Args: takes("BACKUP"),
		RunE: func(c *cobra.Command, args []string) error {
			id, err := backupNumber(c, args[0])
			if err != nil {
				return err
			}
			if !yes {
				b, err := r.Core.Backup(c.Context(), r.Actor, id)
				if err != nil {
					return err
				}
				e := &core.Error{Kind: core.ErrInvalid, Field: "yes", Text: "this replaces all data of " + b.App + " by those of " + r.when(b.TakenAt), Hint: "add --yes if you mean it"}
				if req.As != "" {
					e.Text = "this makes a new app " + quote(req.As) + " of the backup of " + b.App
				}
				return e
			}
			var a core.AppView
			return r.begun(c, wait, func() (j core.JobView, err error) {
				a, j, err = r.Core.RestoreBackup(c.Context(), r.Actor, id, req)
				return j, err
			}, func(j core.JobView) any {
				if now, err := r.Core.App(c.Context(), r.Actor, a.ID); err == nil {
					a = now
				}
				return struct {
					App core.AppView `json:"app"`
					Job core.JobView `json:"job"`
				}{a, j}
			})
		},
	}
	c.Flags().StringVar(&req.As, "as", "", "hostname of the new app")
	c.Flags().BoolVar(&req.NoSafety, "no-safety", false, "make no copy of what is there now")
	c.Flags().BoolVar(&yes, "yes", false, "yes, restore it")
	waits(c, &wait)
	return c
}

func (r *run) backupDelete() *cobra.Command {
	var wait, yes bool
	c := &cobra.Command{
		Use:   "backup-delete BACKUP --yes [--wait]",
		Short: "Delete a backup and its archive",
		Args:  takes("BACKUP"),
		RunE: func(c *cobra.Command, args []string) error {
			id, err := backupNumber(c, args[0])
			if err != nil {
				return err
			}
			if !yes {
				b, err := r.Core.Backup(c.Context(), r.Actor, id)
				if err != nil {
					return err
				}
				return &core.Error{Kind: core.ErrInvalid, Field: "yes", Text: fmt.Sprintf("this deletes the backup of %s from %s", or(b.App, b.File), r.when(b.TakenAt)), Hint: "add --yes if you mean it"}
			}
			return r.begun(c, wait, func() (core.JobView, error) { return r.Core.DeleteBackup(c.Context(), r.Actor, id) }, func(j core.JobView) any { return j })
		},
	}
	c.Flags().BoolVar(&yes, "yes", false, "yes, delete it")
	waits(c, &wait)
	return c
}

func (r *run) backupNote() *cobra.Command {
	return &cobra.Command{
		Use:   "backup-note BACKUP TEXT…",
		Short: "Note something beside a backup; '' removes the note",
		Args: func(c *cobra.Command, args []string) error {
			return takes("BACKUP", "TEXT…")(c, args[:min(len(args), 2)])
		},
		RunE: func(c *cobra.Command, args []string) error {
			return r.changed(c, args[0], func(id uint64) (core.BackupView, error) {
				return r.Core.NoteBackup(c.Context(), r.Actor, id, strings.Join(args[1:], " "))
			})
		},
	}
}

func (r *run) pin() *cobra.Command {
	var off bool
	c := &cobra.Command{
		Use:   "pin BACKUP [--off]",
		Short: "Protect a backup from every deletion, or let it go",
		Args:  takes("BACKUP"),
		RunE: func(c *cobra.Command, args []string) error {
			return r.changed(c, args[0], func(id uint64) (core.BackupView, error) {
				return r.Core.PinBackup(c.Context(), r.Actor, id, !off)
			})
		},
	}
	c.Flags().BoolVar(&off, "off", false, "let it go")
	return c
}

// changed changes a backup and shows it.
func (r *run) changed(c *cobra.Command, arg string, change func(id uint64) (core.BackupView, error)) error {
	id, err := backupNumber(c, arg)
	if err != nil {
		return err
	}
	b, err := change(id)
	if err != nil {
		return err
	}
	return r.print(b, func() error { return r.backupTable([]core.BackupView{b}) })
}

// backupNumber reads a backup's number; "#3" is one, too.
func backupNumber(c *cobra.Command, s string) (uint64, error) {
	n, err := strconv.ParseUint(strings.TrimPrefix(s, "#"), 10, 64)
	if err != nil {
		return 0, usage(c, "%s is not the number of a backup", quote(s))
	}
	return n, nil
}

// protection is how well an app is backed up, in words.
func (r *run) protection(p *core.Protection) string {
	if p == nil {
		return ""
	}
	s := "none that could be restored"
	if p.Backups > 0 {
		s = fmt.Sprintf("%s (%s), the last %s", count(p.Backups, "backup"), size(p.Size), r.when(p.Last))
	}
	switch {
	case p.Schedule != "":
		s += fmt.Sprintf("; next %s by schedule %s", r.when(p.Next), p.Schedule)
	default:
		s += "; no schedule covers it"
	}
	if p.Alert != "" {
		s += "; " + p.Alert
	}
	return s
}
