package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"proximity/core"
)

func (r *run) config() *cobra.Command {
	var cores, memory, swap, disk int
	var hostname, values string
	var set []string
	var wait bool
	c := &cobra.Command{
		Use:   "config NAME [--cores N] [--memory MB] [--swap MB] [--disk GB] [--hostname NEW] [--set KEY=VALUE]…",
		Short: "Show an app's configuration, or change it",
		Long: "Show an app's configuration, or with flags change it: what its container may have, its name, and what the app is told.\n" +
			"A disk only grows. When what the app is told changes, its services are started anew; if they do not come up, all is brought back.\n" +
			"Values that are secret belong on standard input: --values - reads a JSON document {\"KEY\": \"VALUE\", …}.",
		Example: "  config git\n  config git --memory 4096 --cores 4 --wait\n  config reader --set POLLING_FREQUENCY=30",
		Args:    takes("NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			ch := core.ConfigChange{}
			for flag, to := range map[string]struct {
				field **int
				value *int
			}{"cores": {&ch.Cores, &cores}, "memory": {&ch.MemoryMB, &memory}, "swap": {&ch.SwapMB, &swap}, "disk": {&ch.DiskGB, &disk}} {
				if c.Flags().Changed(flag) {
					*to.field = to.value
				}
			}
			if c.Flags().Changed("hostname") {
				ch.Hostname = &hostname
			}
			var err error
			if ch.Values, err = r.values(c, set, values); err != nil {
				return err
			}
			if ch.Cores == nil && ch.MemoryMB == nil && ch.SwapMB == nil && ch.DiskGB == nil && ch.Hostname == nil && len(ch.Values) == 0 {
				return r.showConfig(c, args[0])
			}
			return r.doing(c, wait, func(ctx context.Context) (core.JobView, error) { return r.Core.ConfigureApp(ctx, r.Actor, args[0], ch) })
		},
	}
	f := c.Flags()
	f.IntVar(&cores, "cores", 0, "processor cores")
	f.IntVar(&memory, "memory", 0, "memory in MB")
	f.IntVar(&swap, "swap", 0, "swap in MB")
	f.IntVar(&disk, "disk", 0, "disk in GB: more than it has")
	f.StringVar(&hostname, "hostname", "", "another name for the app and its container")
	f.StringArrayVar(&set, "set", nil, "a field of the app, as KEY=VALUE; may be repeated")
	f.StringVar(&values, "values", "", "- reads fields as a JSON document from standard input")
	waits(c, &wait)
	return c
}

func (r *run) showConfig(c *cobra.Command, name string) error {
	v, err := r.Core.AppConfig(c.Context(), r.Actor, name)
	if err != nil {
		return err
	}
	return r.print(v, func() error {
		if err := r.facts(fact{"hostname", v.Hostname}, fact{"cores", fmt.Sprint(v.Cores)}, fact{"memory", fmt.Sprintf("%d MB", v.MemoryMB)},
			fact{"swap", fmt.Sprintf("%d MB", v.SwapMB)}, fact{"disk", fmt.Sprintf("%d GB", v.DiskGB)}); err != nil || len(v.Fields) == 0 {
			return err
		}
		fmt.Fprintln(r.Out)
		t := table{columns: []column{{title: "FIELD (--set)"}, {title: "VALUE"}, {title: "WHAT IT IS", drop: 1}}}
		for _, f := range v.Fields {
			value := f.Value
			switch {
			case f.Secret && f.Set:
				value = "(secret)"
			case !f.Set:
				value = unknown
			}
			what := f.Label
			if f.Immutable {
				what += ", cannot be changed"
			}
			t.add(f.Key, strings.ReplaceAll(value, "\n", " "), what)
		}
		return t.write(r.Out, r.Width)
	})
}
