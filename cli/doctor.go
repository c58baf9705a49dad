package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"proximity/core"
)

func (r *run) doctor() *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Say what is wrong with this installation and its hosts, and what to do",
		Long: "Examine the data folder, the keys, the store, the settings and every host: API, privileges, and of each node SSH, clock, storages and templates.\n" +
			"Works with a running server and without. The exit code is 1 when anything fails.",
		Args: takes(),
		RunE: func(c *cobra.Command, _ []string) error {
			list, err := r.Core.Doctor(c.Context(), r.Actor)
			if err != nil {
				return err
			}
			if r.Offline {
				list = append([]core.Finding{{About: "here", Name: "server", State: core.FindingWarn, Text: "no server is running: nobody can log in and jobs wait", Hint: "start it: `proximity serve`"}}, list...)
			}
			return r.findings(list)
		},
	}
}

// Findings prints what the doctor finds where no core can be opened, and
// returns the exit code.
func Findings(ctx context.Context, e Env, args []string, list []core.Finding) (exit int) {
	r := newRun(e)
	root := &cobra.Command{Use: "proximity", SilenceErrors: true, SilenceUsage: true}
	root.PersistentFlags().BoolVar(&r.json, "json", false, "answer in JSON")
	root.AddCommand(&cobra.Command{Use: "doctor", Args: takes(), RunE: func(*cobra.Command, []string) error { return r.findings(list) }})
	root.SetArgs(append([]string{}, args...))
	if err := root.ExecuteContext(ctx); err != nil {
		return r.fail(err, args)
	}
	return 0
}

// findings prints a line for each, and what to do under it.
func (r *run) findings(list []core.Finding) error {
	count := map[string]int{}
	for _, f := range list {
		count[f.State]++
	}
	err := r.print(all(list), func() error {
		about := ""
		for _, f := range list {
			if f.About != about {
				if about != "" {
					fmt.Fprintln(r.Out)
				}
				about = f.About
				fmt.Fprintln(r.Out, core.SafeText(about, 0))
			}
			fmt.Fprintf(r.Out, "  %-4s  %-20s  %s\n", f.State, core.SafeText(f.Name, 40), core.SafeText(f.Text, 0))
			if f.Hint != "" && f.State != core.FindingOK {
				fmt.Fprintf(r.Out, "        %-20s  → %s\n", "", core.SafeText(f.Hint, 0))
			}
		}
		fmt.Fprintf(r.Out, "\n%d ok, %d to look at, %d to mend\n", count[core.FindingOK], count[core.FindingWarn], count[core.FindingFail])
		return nil
	})
	if err != nil {
		return err
	}
	if n := count[core.FindingFail]; n > 0 {
		return failing(n)
	}
	return nil
}

func failing(n int) error {
	return &core.Error{Kind: core.ErrFailed, Text: fmt.Sprintf("%s to mend", count(n, "thing")), Hint: "each line says what to do"}
}

// Unopened are the findings about a data folder that could not be opened.
func Unopened(data string, err error) []core.Finding {
	list := core.CheckData(data)
	var e *core.Error
	f := core.Finding{About: "here", Name: "start", State: core.FindingFail, Text: err.Error(), Hint: "mend what is listed here, then try again"}
	if errors.As(err, &e) {
		f.Text, f.Hint = e.Text, e.Hint
	}
	for _, other := range list {
		if other.State == core.FindingFail { // it says why already
			return list
		}
	}
	return append(list, f)
}
