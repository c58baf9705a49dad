package cli

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"proximity/core"
)

func (r *run) schedules() *cobra.Command {
	c := &cobra.Command{
		Use:   "schedules",
		Short: "List the schedules that make backups, or change them",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return knownIn(c, args[0])
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error {
			list, err := r.Core.Schedules(c.Context(), r.Actor)
			if err != nil {
				return err
			}
			return r.print(all(list), func() error {
				if len(list) == 0 {
					r.note("no schedules yet: `schedules add NAME --cron '0 2 * * *' --keep-daily 7` makes one")
					return nil
				}
				return r.scheduleTable(list)
			})
		},
	}
	c.AddCommand(r.scheduleAdd(), r.scheduleEdit(), r.scheduleRemove(), r.scheduleRun(), r.schedulePreview(), r.schedulePrune())
	return c
}

func (r *run) scheduleTable(list []core.ScheduleView) error {
	t := table{columns: []column{{title: "SCHEDULE"}, {title: "WHEN"}, {title: "APPS", right: true, drop: 1}, {title: "NEXT"}, {title: "KEEPS", drop: 2}, {title: "STORAGE", drop: 4}, {title: "LAST RUN", drop: 3}, {title: "BY", drop: 5}}}
	for _, s := range list {
		next := r.when(s.Next)
		if s.Paused {
			next = "paused"
		}
		t.add(s.Name, strings.TrimSpace(s.Cron+" "+s.Zone), strconv.Itoa(len(s.Apps)), next, s.Keep.String(), or(s.Storage, "any"), r.lastRun(s), s.By)
	}
	return t.write(r.Out, r.Width)
}

// lastRun is what came of the latest run.
func (r *run) lastRun(s core.ScheduleView) string {
	switch {
	case s.LastRun.IsZero():
		return "never"
	case s.LastEnded.IsZero():
		return r.when(s.LastRun) + ", still going"
	}
	out := fmt.Sprintf("%s, %d ok", r.when(s.LastRun), s.OK)
	if s.Failed > 0 {
		out += fmt.Sprintf(", %d failed", s.Failed)
	}
	if s.Skipped > 0 {
		out += fmt.Sprintf(", %d skipped", s.Skipped)
	}
	return out
}

// scheduleFlags reads a schedule from flags; those that are not given leave req
// as it is.
type scheduleFlags struct {
	req              core.ScheduleRequest
	all, resume      bool
	owner, tag, apps []string
}

func (f *scheduleFlags) bind(c *cobra.Command) {
	c.Flags().StringVar(&f.req.Cron, "cron", "", "minute hour day month weekday, or @daily, @every 6h")
	c.Flags().StringVar(&f.req.Zone, "zone", "", "time zone, as Europe/Rome (default: the server's)")
	c.Flags().BoolVar(&f.all, "all", false, "all apps (the default)")
	c.Flags().StringSliceVar(&f.owner, "owner", nil, "only apps of these owners")
	c.Flags().StringSliceVar(&f.tag, "tag", nil, "only apps with one of these tags in the catalogue")
	c.Flags().StringSliceVar(&f.apps, "app", nil, "only these apps")
	c.Flags().StringVar(&f.req.Storage, "storage", "", "where to (default: chosen for each app)")
	c.Flags().StringVar(&f.req.Mode, "mode", "", strings.Join(core.BackupModes(), ", "))
	c.Flags().StringVar(&f.req.Compress, "compress", "", strings.Join(core.BackupCompressions(), ", "))
	keep := func(v *int, name, what string) { c.Flags().IntVar(v, "keep-"+name, 0, what) }
	keep(&f.req.Keep.Last, "last", "keep that many of the latest")
	keep(&f.req.Keep.Hourly, "hourly", "keep the newest of each of that many hours")
	keep(&f.req.Keep.Daily, "daily", "keep the newest of each of that many days")
	keep(&f.req.Keep.Weekly, "weekly", "keep the newest of each of that many weeks")
	keep(&f.req.Keep.Monthly, "monthly", "keep the newest of each of that many months")
	keep(&f.req.Keep.Yearly, "yearly", "keep the newest of each of that many years")
	c.Flags().BoolVar(&f.req.Paused, "paused", false, "do not run it")
}

// onto puts what the flags say onto a request.
func (f *scheduleFlags) onto(c *cobra.Command, to core.ScheduleRequest) (core.ScheduleRequest, error) {
	selections := 0
	for _, s := range []struct {
		flag  string
		which core.Selection
		of    []string
	}{{"all", core.AllApps, nil}, {"owner", core.OwnerApps, f.owner}, {"tag", core.TaggedApps, f.tag}, {"app", core.ListedApps, f.apps}} {
		if c.Flags().Changed(s.flag) {
			selections++
			to.Which, to.Of = s.which, s.of
		}
	}
	if selections > 1 {
		return to, usage(c, "--all, --owner, --tag and --app exclude each other")
	}
	for flag, set := range map[string]func(){
		"cron": func() { to.Cron = f.req.Cron }, "zone": func() { to.Zone = f.req.Zone }, "storage": func() { to.Storage = f.req.Storage },
		"mode": func() { to.Mode = f.req.Mode }, "compress": func() { to.Compress = f.req.Compress }, "paused": func() { to.Paused = f.req.Paused }, "resume": func() { to.Paused = false }, "name": func() { to.Name = f.req.Name },
		"keep-last": func() { to.Keep.Last = f.req.Keep.Last }, "keep-hourly": func() { to.Keep.Hourly = f.req.Keep.Hourly }, "keep-daily": func() { to.Keep.Daily = f.req.Keep.Daily },
		"keep-weekly": func() { to.Keep.Weekly = f.req.Keep.Weekly }, "keep-monthly": func() { to.Keep.Monthly = f.req.Keep.Monthly }, "keep-yearly": func() { to.Keep.Yearly = f.req.Keep.Yearly },
	} {
		if c.Flags().Changed(flag) {
			set()
		}
	}
	return to, nil
}

// takesName demands a schedule's name. The five words of a cron expression
// arrive apart over ssh: those after the first are taken back to it.
func (f *scheduleFlags) takesName(c *cobra.Command, args []string) error {
	if len(args) == 5 && len(strings.Fields(f.req.Cron)) == 1 {
		f.req.Cron = strings.Join(append([]string{f.req.Cron}, args[1:]...), " ")
		args = args[:1]
	}
	return takes("NAME")(c, args)
}

func (r *run) scheduleAdd() *cobra.Command {
	f := &scheduleFlags{}
	c := &cobra.Command{
		Use:   "add NAME --cron 'M H D M W' [--zone Z] [--owner O | --tag T | --app A] [--storage S] [--keep-daily N]…",
		Short: "Plan backups",
		Args:  f.takesName,
		RunE: func(c *cobra.Command, args []string) error {
			req, err := f.onto(c, core.ScheduleRequest{Name: args[0]})
			if err != nil {
				return err
			}
			return r.savedSchedule(c, "", req)
		},
	}
	f.bind(c)
	return c
}

func (r *run) scheduleEdit() *cobra.Command {
	f := &scheduleFlags{}
	c := &cobra.Command{
		Use:   "edit NAME [--name NEW] [--cron …] [--paused | --resume] …",
		Short: "Change a schedule; what is not given stays",
		Args:  f.takesName,
		RunE: func(c *cobra.Command, args []string) error {
			s, err := r.schedule(c, args[0])
			if err != nil {
				return err
			}
			req, err := f.onto(c, s.ScheduleRequest)
			if err != nil {
				return err
			}
			return r.savedSchedule(c, args[0], req)
		},
	}
	f.bind(c)
	c.Flags().StringVar(&f.req.Name, "name", "", "another name")
	c.Flags().BoolVar(&f.resume, "resume", false, "run it again")
	return c
}

// schedule finds a schedule by name.
func (r *run) schedule(c *cobra.Command, name string) (core.ScheduleView, error) {
	list, err := r.Core.Schedules(c.Context(), r.Actor)
	if err != nil {
		return core.ScheduleView{}, err
	}
	for _, s := range list {
		if s.Name == name {
			return s, nil
		}
	}
	return core.ScheduleView{}, &core.Error{Kind: core.ErrNotFound, Text: "there is no schedule " + quote(name), Hint: "`schedules` lists them"}
}

func (r *run) savedSchedule(c *cobra.Command, of string, req core.ScheduleRequest) error {
	s, err := r.Core.SaveSchedule(c.Context(), r.Actor, of, req)
	if err != nil {
		return err
	}
	return r.print(s, func() error { return r.scheduleTable([]core.ScheduleView{s}) })
}

func (r *run) scheduleRemove() *cobra.Command {
	var yes bool
	c := &cobra.Command{
		Use:   "remove NAME --yes",
		Short: "Forget a schedule; its backups stay",
		Args:  takes("NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			s, err := r.schedule(c, args[0])
			if err != nil {
				return err
			}
			if !yes {
				return &core.Error{Kind: core.ErrInvalid, Field: "yes", Text: fmt.Sprintf("%s would not be backed up by %s any more", count(len(s.Apps), "app"), s.Name), Hint: "add --yes if you mean it"}
			}
			if err := r.Core.RemoveSchedule(c.Context(), r.Actor, args[0]); err != nil {
				return err
			}
			return r.print(s, func() error { fmt.Fprintf(r.Out, "schedule %s is removed\n", s.Name); return nil })
		},
	}
	c.Flags().BoolVar(&yes, "yes", false, "yes, remove it")
	return c
}

func (r *run) scheduleRun() *cobra.Command {
	var wait bool
	c := &cobra.Command{
		Use:   "run NAME [--wait]",
		Short: "Run a schedule now",
		Args:  takes("NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			return r.begun(c, wait, func() (core.JobView, error) { return r.Core.RunSchedule(c.Context(), r.Actor, args[0]) }, func(j core.JobView) any { return j })
		},
	}
	waits(c, &wait)
	return c
}

func (r *run) schedulePreview() *cobra.Command {
	return &cobra.Command{
		Use:   "preview [NAME]",
		Short: "Show which backups a prune would remove, and why the others stay",
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 1 {
				return tooMany(c, args[1])
			}
			marks, err := r.Core.PreviewPrune(c.Context(), r.Actor, strings.Join(args, ""))
			if err != nil {
				return err
			}
			return r.print(all(marks), func() error {
				if len(marks) == 0 {
					r.note("there are no backups of these apps")
					return nil
				}
				t := table{columns: []column{{title: "APP"}, {title: "BACKUP", right: true}, {title: "TAKEN"}, {title: "SIZE", right: true, drop: 2}, {title: "STORAGE", drop: 1}, {title: ""}, {title: "WHY"}}}
				gone := int64(0)
				for _, m := range marks {
					word := "stays"
					if !m.Keep {
						word, gone = "GOES", gone+m.Backup.Size
					}
					t.add(m.Backup.App, strconv.FormatUint(m.Backup.ID, 10), r.when(m.Backup.TakenAt), size(m.Backup.Size), or(m.Backup.Storage, unknown), word, m.Why)
				}
				if err := t.write(r.Out, r.Width); err != nil {
					return err
				}
				r.note("a prune would free %s", size(gone))
				return nil
			})
		},
	}
}

func (r *run) schedulePrune() *cobra.Command {
	var wait, yes bool
	c := &cobra.Command{
		Use:   "prune NAME --yes [--wait]",
		Short: "Remove the backups that no schedule wants any more",
		Args:  takes("NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			if !yes {
				marks, err := r.Core.PreviewPrune(c.Context(), r.Actor, args[0])
				if err != nil {
					return err
				}
				n := 0
				for _, m := range marks {
					if !m.Keep {
						n++
					}
				}
				return &core.Error{Kind: core.ErrInvalid, Field: "yes", Text: fmt.Sprintf("this removes %s of %d", count(n, "backup"), len(marks)), Hint: "`schedules preview " + args[0] + "` shows which; add --yes if you mean it"}
			}
			return r.begun(c, wait, func() (core.JobView, error) { return r.Core.PruneSchedule(c.Context(), r.Actor, args[0]) }, func(j core.JobView) any { return j })
		},
	}
	c.Flags().BoolVar(&yes, "yes", false, "yes, remove them")
	waits(c, &wait)
	return c
}
