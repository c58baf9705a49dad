package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"proximity/core"
)

// waits adds --wait to a command.
func waits(c *cobra.Command, wait *bool) {
	c.Flags().BoolVar(wait, "wait", false, "follow the job to its end; the exit code is the job's")
}

// begun asks for a job and, with wait, sees it through. The answer is what made
// says of it.
func (r *run) begun(c *cobra.Command, wait bool, ask func() (core.JobView, error), made func(j core.JobView) any) error {
	if wait {
		if err := r.online("--wait"); err != nil {
			return err
		}
	}
	j, err := ask()
	if err != nil {
		return err
	}
	if wait {
		if j, err = r.follow(c.Context(), j.ID); err != nil {
			return err
		}
	}
	if err := r.print(made(j), func() error { return r.started(j) }); err != nil {
		return err
	}
	return outcome(j, wait)
}

// doing is begun for commands that answer the job itself.
func (r *run) doing(c *cobra.Command, wait bool, call func(ctx context.Context) (core.JobView, error)) error {
	return r.begun(c, wait, func() (core.JobView, error) { return call(c.Context()) }, func(j core.JobView) any { return j })
}

// verb is a command that does something to an app.
func (r *run) verb(v core.AppVerb, short string) *cobra.Command {
	var wait bool
	c := &cobra.Command{
		Use:   string(v) + " NAME [--wait]",
		Short: short,
		Args:  takes("NAME"),
		RunE:  func(c *cobra.Command, args []string) error { return r.do(c, v, args[0], wait) },
	}
	waits(c, &wait)
	return c
}

func (r *run) do(c *cobra.Command, v core.AppVerb, name string, wait bool) error {
	return r.doing(c, wait, func(ctx context.Context) (core.JobView, error) { return r.Core.DoApp(ctx, r.Actor, v, name) })
}

func (r *run) stop() *cobra.Command {
	var wait, force bool
	c := &cobra.Command{
		Use:   "stop NAME [--force] [--wait]",
		Short: "Stop an app",
		Long:  "Stop an app: it is asked to shut down, for a minute. With --force it is ended at once, as if its power was cut.",
		Args:  takes("NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			v := core.StopApp
			if force {
				v = core.ForceStop
			}
			return r.do(c, v, args[0], wait)
		},
	}
	c.Flags().BoolVar(&force, "force", false, "end it at once, without asking it to shut down")
	waits(c, &wait)
	return c
}

func (r *run) delete() *cobra.Command {
	var wait, yes bool
	var o core.DeleteOptions
	c := &cobra.Command{
		Use:   "delete NAME --yes [--now] [--backup | --with-backups] [--wait]",
		Short: "Destroy an app, its container and its data",
		Long: "Destroy an app, its container and its data. The app stops now; the container goes ten minutes later, and until then `undelete NAME` keeps it.\n" +
			"Backups stay, unless --with-backups takes them along; --backup makes a last one first. Of an adopted container only the record goes: the container is not touched.",
		Args: takes("NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			if !yes {
				a, err := r.Core.App(c.Context(), r.Actor, args[0])
				if err != nil {
					return err
				}
				text := "this destroys " + a.Hostname + " and all its data"
				if a.Adopted || a.Lost {
					text = "this forgets " + a.Hostname + "; no container is touched"
				}
				return &core.Error{Kind: core.ErrInvalid, Field: "yes", Text: text, Hint: "add --yes if you mean it"}
			}
			if err := r.doing(c, wait, func(ctx context.Context) (core.JobView, error) { return r.Core.DeleteApp(ctx, r.Actor, args[0], o) }); err != nil {
				return err
			}
			if a, err := r.Core.App(c.Context(), r.Actor, args[0]); err == nil && !a.DeletesAt.IsZero() && !wait {
				r.note("it is destroyed %s: `undelete %s` keeps it", r.when(a.DeletesAt), a.Hostname)
			}
			return nil
		},
	}
	c.Flags().BoolVar(&yes, "yes", false, "yes, destroy it")
	c.Flags().BoolVar(&o.Now, "now", false, "at once, without time to change one's mind")
	c.Flags().BoolVar(&o.Backup, "backup", false, "back it up first: nothing is deleted before that is done")
	c.Flags().BoolVar(&o.WithBackups, "with-backups", false, "its backups, too, but for pinned ones")
	waits(c, &wait)
	return c
}

func (r *run) undelete() *cobra.Command {
	var wait bool
	c := &cobra.Command{
		Use:   "undelete NAME [--wait]",
		Short: "Keep an app that waits to be destroyed",
		Args:  takes("NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			if wait {
				if err := r.online("--wait"); err != nil {
					return err
				}
			}
			j, err := r.Core.KeepApp(c.Context(), r.Actor, args[0])
			if err != nil {
				return err
			}
			if wait {
				if j, err = r.follow(c.Context(), j.ID); err != nil {
					return err
				}
			}
			if err := r.print(j, func() error {
				fmt.Fprintf(r.Out, "%s is kept\n", core.SafeText(args[0], 64))
				if !j.Ended {
					r.going(j)
				}
				return nil
			}); err != nil || j.State == "cancelled" { // the delete was: that is what was asked for
				return err
			}
			return outcome(j, wait)
		},
	}
	waits(c, &wait)
	return c
}

func (r *run) undo() *cobra.Command {
	var wait bool
	c := &cobra.Command{
		Use:   "undo N [--wait]",
		Short: "Take back what a job did: a change of the configuration, an adoption, a delete that waits",
		Args:  takes("N"),
		RunE: func(c *cobra.Command, args []string) error {
			id, err := number(c, args[0])
			if err != nil {
				return err
			}
			return r.doing(c, wait, func(ctx context.Context) (core.JobView, error) { return r.Core.Undo(ctx, r.Actor, id) })
		},
	}
	waits(c, &wait)
	return c
}

func (r *run) release() *cobra.Command {
	var wait bool
	c := &cobra.Command{
		Use:   "release NAME [--wait]",
		Short: "Give an adopted container back: only Proximity's record goes",
		Args:  takes("NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			return r.doing(c, wait, func(ctx context.Context) (core.JobView, error) { return r.Core.ReleaseApp(ctx, r.Actor, args[0]) })
		},
	}
	waits(c, &wait)
	return c
}

func (r *run) reconcile() *cobra.Command {
	var wait bool
	c := &cobra.Command{
		Use:   "reconcile [--wait]",
		Short: "Compare the records with what the hosts say, and repair them; it comes by itself every hour",
		Args:  takes(),
		RunE: func(c *cobra.Command, _ []string) error {
			return r.doing(c, wait, func(ctx context.Context) (core.JobView, error) { return r.Core.Reconcile(ctx, r.Actor) })
		},
	}
	waits(c, &wait)
	return c
}

func (r *run) janitor() *cobra.Command {
	var wait bool
	c := &cobra.Command{
		Use:   "janitor [--wait]",
		Short: "Look for apps that are left half-way; it comes by itself every six hours",
		Args:  takes(),
		RunE: func(c *cobra.Command, _ []string) error {
			return r.doing(c, wait, func(ctx context.Context) (core.JobView, error) { return r.Core.Janitor(ctx, r.Actor) })
		},
	}
	waits(c, &wait)
	return c
}
