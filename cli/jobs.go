package cli

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"proximity/core"
)

func (r *run) jobs() *cobra.Command {
	var f core.JobFilter
	c := &cobra.Command{
		Use:   "jobs [--app NAME] [--live] [--limit N]",
		Short: "List jobs, newest first",
		Args:  takes(),
		RunE: func(c *cobra.Command, _ []string) error {
			if f.Limit < 1 {
				return usage(c, "--limit: %d is no number of jobs", f.Limit)
			}
			list, err := r.Core.Jobs(c.Context(), r.Actor, f)
			if err != nil {
				return err
			}
			return r.print(all(list), func() error {
				if len(list) == 0 {
					r.note("no jobs yet: `deploy ID --hostname NAME` makes one")
					return nil
				}
				t := table{columns: []column{{title: "JOB", right: true}, {title: "WHAT"}, {title: "STATE"}, {title: "DONE", right: true, drop: 2}, {title: "STEP", drop: 1},
					{title: "BY", drop: 5}, {title: "STARTED", drop: 4}, {title: "TOOK", right: true, drop: 3}}}
				for _, j := range list {
					t.add(strconv.FormatUint(j.ID, 10), j.Title, j.State, percent(j.Progress), stepOf(j), j.Owner, r.when(j.CreatedAt), r.took(j))
				}
				return t.write(r.Out, r.Width)
			})
		},
	}
	c.Flags().StringVar(&f.App, "app", "", "only those of one app")
	c.Flags().BoolVar(&f.Live, "live", false, "only unfinished ones")
	c.Flags().IntVar(&f.Limit, "limit", 50, "how many")
	return c
}

// stepOf is where a job stands, or why it does not go on.
func stepOf(j core.JobView) string {
	switch {
	case j.Error != "":
		return j.Error
	case j.Waiting != "":
		return j.Waiting
	case !j.Ended && !j.RetryAt.IsZero() && j.Note != "":
		return j.Note
	case !j.Ended && j.Step > 0 && j.Step <= len(j.Steps):
		return fmt.Sprintf("%d/%d %s", j.Step, len(j.Steps), j.Steps[j.Step-1].Title)
	}
	return ""
}

// took is how long a job has worked.
func (r *run) took(j core.JobView) string {
	switch {
	case j.StartedAt.IsZero():
		return unknown
	case j.EndedAt.IsZero():
		return span(r.Now().Sub(j.StartedAt))
	}
	return span(j.EndedAt.Sub(j.StartedAt))
}

func (r *run) job() *cobra.Command {
	var follow bool
	c := &cobra.Command{
		Use:   "job N [-f]",
		Short: "Show one job with its steps and log; -f follows it to its end",
		Long: "Show one job with its steps and log.\nWith -f its log is followed to its end, and the exit code is the job's; " +
			"with --json too, every line is a document of its own: {\"line\": …}, the last one {\"job\": …}.",
		Args: takes("N"),
		RunE: func(c *cobra.Command, args []string) error {
			id, err := number(c, args[0])
			if err != nil {
				return err
			}
			if follow {
				return r.followed(c.Context(), id)
			}
			j, err := r.Core.Job(c.Context(), r.Actor, id)
			if err != nil {
				return err
			}
			lines, err := r.Core.JobLog(c.Context(), r.Actor, id, 0, 0)
			if err != nil {
				return err
			}
			return r.print(struct {
				core.JobView
				Log []core.LogLine `json:"log"`
			}{j, all(lines)}, func() error { return r.jobDetail(j, lines) })
		},
	}
	c.Flags().BoolVarP(&follow, "follow", "f", false, "follow the log to the job's end")
	return c
}

func (r *run) jobDetail(j core.JobView, lines []core.LogLine) error {
	fmt.Fprintf(r.Out, "job %d  %s  %s %s\n", j.ID, j.Title, j.State, percent(j.Progress))
	retry := ""
	if !j.RetryAt.IsZero() && !j.Ended {
		retry = r.when(j.RetryAt)
	}
	if err := r.facts(fact{"error", j.Error}, fact{"what to do", j.Hint}, fact{"left behind", j.Left}, fact{"waits for", strings.TrimPrefix(j.Waiting, "waiting for ")}, fact{"note", j.Note}, fact{"goes on", retry},
		fact{"app", j.Target}, fact{"by", j.Owner}, fact{"cancelled by", j.CancelBy}, fact{"asked", r.when(j.CreatedAt)}, fact{"took", r.took(j)}); err != nil {
		return err
	}
	fmt.Fprintln(r.Out)
	t := table{columns: []column{{title: "STEP"}, {title: "STATE"}, {title: "TOOK", right: true, drop: 1}, {title: "NOTE", drop: 2}}}
	for _, s := range j.Steps {
		took := ""
		if !s.StartedAt.IsZero() && !s.EndedAt.IsZero() {
			took = span(s.EndedAt.Sub(s.StartedAt))
		}
		t.add(s.Title, s.State, took, s.Note)
	}
	if err := t.write(r.Out, r.Width); err != nil {
		return err
	}
	if len(lines) > 0 {
		fmt.Fprintln(r.Out)
	}
	for _, l := range lines {
		r.logLine(r.Out, l)
	}
	return nil
}

// followed prints a job's log to its end.
func (r *run) followed(ctx context.Context, id uint64) error {
	if err := r.online("-f"); err != nil {
		return err
	}
	j, err := r.Core.FollowJob(ctx, r.Actor, id, func(l core.LogLine) {
		if r.json {
			_ = r.row(r.Out, map[string]core.LogLine{"line": l}) // a reader who left is noticed by ctx
			return
		}
		r.logLine(r.Out, l)
	})
	if err != nil {
		return err
	}
	if r.json {
		if err := r.row(r.Out, map[string]core.JobView{"job": j}); err != nil {
			return err
		}
	}
	return outcome(j, true)
}

// follow shows a job's log beside the answer, to its end.
func (r *run) follow(ctx context.Context, id uint64) (core.JobView, error) {
	return r.Core.FollowJob(ctx, r.Actor, id, func(l core.LogLine) {
		if r.json {
			_ = r.row(r.Err, map[string]core.LogLine{"line": l})
			return
		}
		r.logLine(r.Err, l)
	})
}

// logLine prints one line of a job's log.
func (r *run) logLine(w io.Writer, l core.LogLine) {
	if r.json {
		_ = r.row(w, l) // a reader who left is noticed by ctx
		return
	}
	mark := ""
	if l.Level == "warning" || l.Level == "error" {
		mark = l.Level + ": "
	}
	fmt.Fprintf(w, "%s  %-12s  %s%s\n", l.Time.In(r.zone).Format("15:04:05"), core.SafeText(l.Step, 40), mark, core.SafeText(l.Text, 0))
}

// started says which job does what was asked.
func (r *run) started(j core.JobView) error {
	if j.Ended {
		fmt.Fprintf(r.Out, "job %d  %s  %s\n", j.ID, j.Title, j.State)
		return nil
	}
	fmt.Fprintf(r.Out, "job %d  %s\n", j.ID, j.Title)
	r.going(j)
	return nil
}

// going says how a job can be watched.
func (r *run) going(j core.JobView) {
	if r.Offline {
		r.note("no server is running: the job begins when one does (`proximity serve`)")
		return
	}
	r.note("`job %d -f` follows it", j.ID)
}

// outcome is the error of a job that was waited for.
func outcome(j core.JobView, waited bool) error {
	if !waited || j.State == "succeeded" {
		return nil
	}
	e := &core.Error{Kind: core.ErrFailed, Text: fmt.Sprintf("job %d (%s) %s", j.ID, j.Title, j.State), Hint: j.Hint}
	if j.Error != "" {
		e.Text += ": " + j.Error
	}
	if j.Left != "" {
		e.Text += "; left behind: " + j.Left
	}
	if j.State == "cancelled" && j.CancelBy != "" {
		e.Text += " by " + j.CancelBy
	}
	return e
}

func (r *run) cancel() *cobra.Command {
	return &cobra.Command{
		Use:   "cancel N",
		Short: "Stop a job and undo what it made",
		Args:  takes("N"),
		RunE: func(c *cobra.Command, args []string) error {
			id, err := number(c, args[0])
			if err != nil {
				return err
			}
			j, err := r.Core.CancelJob(c.Context(), r.Actor, id)
			if err != nil {
				return err
			}
			return r.print(j, func() error {
				fmt.Fprintf(r.Out, "job %d  %s  %s\n", j.ID, j.Title, j.State)
				if !j.Ended {
					r.going(j)
				}
				return nil
			})
		},
	}
}
