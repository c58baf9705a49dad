package cli

import (
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"proximity/core"
)

func (r *run) audit() *cobra.Command {
	var f core.AuditFilter
	var since, until string
	c := &cobra.Command{
		Use:   "audit [--by USER] [--action A] [--target T] [--result R] [--since WHEN] [--until WHEN] [--limit N]",
		Short: "List who did what, from where, and how it went; newest first",
		Long: "List who did what, from where, and how it went; newest first.\n" +
			"WHEN is a date (2026-11-24), a moment (2026-11-24T14:30:00Z) or an age (90m, 36h, 7d).\nWith --json every record is a document in a list.",
		Example: "  audit --by dev --since 7d\n  audit --action app.delete\n  audit --result denied\n  audit verify",
		Args:    takes(),
		RunE: func(c *cobra.Command, _ []string) error {
			var err error
			if f.Since, err = r.moment(c, "since", since); err != nil {
				return err
			}
			if f.Until, err = r.moment(c, "until", until); err != nil {
				return err
			}
			if f.Limit < 1 {
				return usage(c, "--limit: %d is no number of records", f.Limit)
			}
			list, err := r.Core.Audit(c.Context(), r.Actor, f)
			if err != nil {
				return err
			}
			return r.print(all(list), func() error { return r.auditTable(list) })
		},
	}
	fl := c.Flags()
	fl.StringVar(&f.User, "by", "", "only what one user did")
	fl.StringVar(&f.Action, "action", "", "only one action, or all that begin with a word: app, app.stop, host")
	fl.StringVar(&f.Target, "target", "", "only what was done to this; a part of the name will do")
	fl.StringVar(&f.Result, "result", "", "only what ended so when it was asked for: ok, denied, conflict, …")
	fl.StringVar(&since, "since", "", "not before")
	fl.StringVar(&until, "until", "", "not after")
	fl.IntVar(&f.Limit, "limit", 100, "how many")
	c.AddCommand(r.auditVerify())
	return c
}

func (r *run) auditTable(list []core.AuditView) error {
	if len(list) == 0 {
		r.note("no such record")
		return nil
	}
	t := table{columns: []column{{title: "TIME"}, {title: "WHO"}, {title: "FROM", drop: 3}, {title: "ACTION"}, {title: "TARGET"}, {title: "RESULT", drop: 1}, {title: "DETAIL", drop: 2}}}
	for _, v := range list {
		detail := v.Detail
		if v.Job != 0 {
			detail = "job " + strconv.FormatUint(v.Job, 10) + " " + detail
		}
		t.add(v.Time.In(r.zone).Format("2006-01-02 15:04:05"), v.User, or(v.From, string(v.Via)), v.Action, v.Target, v.Result, detail)
	}
	return t.write(r.Out, r.Width)
}

// moment reads a point in time: a date, a moment, or an age.
func (r *run) moment(c *cobra.Command, flag, s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04", "2006-01-02"} {
		if t, err := time.ParseInLocation(layout, s, r.zone); err == nil {
			return t, nil
		}
	}
	if n, err := strconv.Atoi(s[:len(s)-1]); err == nil && n > 0 && s[len(s)-1] == 'd' {
		return r.Now().AddDate(0, 0, -n), nil
	}
	if d, err := time.ParseDuration(s); err == nil && d > 0 {
		return r.Now().Add(-d), nil
	}
	return time.Time{}, usage(c, "--%s: %s is neither a date nor an age", flag, quote(s))
}

func (r *run) auditVerify() *cobra.Command {
	return &cobra.Command{
		Use:   "verify",
		Short: "Check that no record was changed, removed or put in between",
		Args:  takes(),
		RunE: func(c *cobra.Command, _ []string) error {
			check, err := r.Core.VerifyAudit(c.Context(), r.Actor)
			if err != nil {
				return err
			}
			if err := r.print(check, func() error {
				word := "ok"
				if !check.OK {
					word = "BROKEN"
				}
				fmt.Fprintf(r.Out, "chain %s: %d of %d records verified, since %s\n", word, check.Verified, check.Records, r.when(check.Since))
				if check.Cut > 0 {
					fmt.Fprintf(r.Out, "%d older ones were removed by age or number; the mark they left is signed\n", check.Cut)
				}
				return nil
			}); err != nil || check.OK {
				return err
			}
			return &core.Error{Kind: core.ErrFailed, Text: "the audit is broken: " + check.Problem, Hint: "somebody has changed the database: compare it with an older copy (`state save` makes them)"}
		},
	}
}
