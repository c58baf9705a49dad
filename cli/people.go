package cli

import (
	"bufio"
	"fmt"
	"io"
	"strings"

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

func (r *run) users() *cobra.Command {
	c := &cobra.Command{
		Use:   "users",
		Short: "Add people and set their API passwords",
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return knownIn(c, args[0])
			}
			return c.Help()
		},
	}
	c.AddCommand(r.usersAdd(), r.usersPasswd())
	return c
}

func (r *run) usersAdd() *cobra.Command {
	var role string
	c := &cobra.Command{
		Use:   "add NAME [--role ROLE]",
		Short: "Let somebody log in with the public keys on standard input",
		Long:  "Let somebody log in with the public keys on standard input (as in an authorized_keys file).\nAn existing user gets further keys and keeps the role.",
		Args:  takes("NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			b, err := io.ReadAll(io.LimitReader(r.In, maxInput))
			if err != nil {
				return &core.Error{Kind: core.ErrFailed, Field: "keys", Text: "standard input cannot be read", Err: err}
			}
			lines := strings.TrimSpace(string(b))
			if lines == "" {
				return &core.Error{Kind: core.ErrInvalid, Field: "keys", Text: "standard input holds no public key", Hint: "pipe one in: … < id_ed25519.pub"}
			}
			if err := r.Core.AddUser(c.Context(), r.Actor, args[0], core.Role(role), []string{lines}); err != nil {
				return err
			}
			return r.print(map[string]string{"user": args[0]}, func() error {
				fmt.Fprintf(r.Out, "%s may log in\n", args[0])
				return nil
			})
		},
	}
	c.Flags().StringVar(&role, "role", string(core.RoleUser), "admin, operator, user or viewer")
	return c
}

func (r *run) usersPasswd() *cobra.Command {
	return &cobra.Command{
		Use:   "passwd NAME",
		Short: "Set a user's API password from standard input",
		Args:  takes("NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			text, err := bufio.NewReader(io.LimitReader(r.In, 4096)).ReadString('\n')
			if err != nil && err != io.EOF {
				return &core.Error{Kind: core.ErrFailed, Field: "password", Text: "standard input cannot be read", Err: err}
			}
			password := strings.TrimRight(text, "\r\n")
			if password == "" {
				return &core.Error{Kind: core.ErrInvalid, Field: "password", Text: "standard input holds no password", Hint: "pipe it in: printf %s PASSWORD | …"}
			}
			if err := r.Core.SetPassword(c.Context(), r.Actor, args[0], password); err != nil {
				return err
			}
			return r.print(map[string]string{"user": args[0]}, func() error {
				fmt.Fprintf(r.Out, "%s has a new API password\n", args[0])
				return nil
			})
		},
	}
}
