package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"proximity/core"
)

func (r *run) whoami() *cobra.Command {
	return &cobra.Command{
		Use:   "whoami",
		Short: "Say who you are here",
		Args:  takes(),
		RunE: func(*cobra.Command, []string) error {
			return r.print(r.Actor, func() error {
				fmt.Fprintf(r.Out, "%s  %s\n", core.SafeText(r.Actor.User, 0), r.Actor.Role)
				return r.facts(fact{"via", string(r.Actor.Via)}, fact{"key", r.Actor.Fingerprint}, fact{"from", r.Actor.From})
			})
		},
	}
}

func (r *run) version() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Say which version this is",
		Args:  takes(),
		RunE: func(*cobra.Command, []string) error {
			return r.print(map[string]string{"version": core.Version}, func() error {
				_, err := fmt.Fprintln(r.Out, "proximity "+core.Version)
				return err
			})
		},
	}
}
