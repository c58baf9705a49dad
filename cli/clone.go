package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"proximity/core"
)

func (r *run) clone() *cobra.Command {
	var req core.CloneRequest
	var wait bool
	c := &cobra.Command{
		Use:   "clone NAME --hostname NEW [--node N] [--stop] [--wait]",
		Short: "Make a second app with all the data of one",
		Long: "Make a second app with all the data and secrets of one, running or stopped. The copy gets its own container, address, port, URL and root password.\n" +
			"A running app is copied from a temporary snapshot; where its storage has none it has to be stopped for it: --stop, and it is started again.\n" +
			"Another node needs a storage that both reach.",
		Example: "  clone blog --hostname blog-test --wait",
		Args:    takes("NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			if wait {
				if err := r.online("--wait"); err != nil {
					return err
				}
			}
			a, j, err := r.Core.CloneApp(c.Context(), r.Actor, args[0], req)
			if err != nil {
				return err
			}
			return r.appAndJob(c, a, j, wait)
		},
	}
	f := c.Flags()
	f.StringVar(&req.Hostname, "hostname", "", "name of the copy and its container: 3-63 of a-z 0-9 -")
	f.StringVar(&req.Node, "node", "", "the node (default: the one the app is on)")
	f.BoolVar(&req.StopFirst, "stop", false, "stop a running app for the time of the copy")
	waits(c, &wait)
	return c
}

// made answers with an app and the job that makes it.
func (r *run) made(a core.AppView, j core.JobView, waited bool) error {
	err := r.print(struct {
		App core.AppView `json:"app"`
		Job core.JobView `json:"job"`
	}{a, j}, func() error {
		if waited {
			return r.appDetail(a)
		}
		fmt.Fprintf(r.Out, "job %d  %s  %s on %s/%s\n", j.ID, j.Title, a.ID, a.Host, a.Node)
		r.going(j)
		return nil
	})
	if err != nil {
		return err
	}
	return outcome(j, waited)
}
