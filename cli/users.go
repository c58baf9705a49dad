package cli

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"proximity/core"
)

func (r *run) users() *cobra.Command {
	c := &cobra.Command{
		Use:   "users",
		Short: "List people; add and remove them, change roles and API passwords",
		Args:  noneOf,
		RunE: func(c *cobra.Command, _ []string) error {
			list, err := r.Core.Users(c.Context(), r.Actor)
			if err != nil {
				return err
			}
			return r.print(all(list), func() error {
				t := table{columns: []column{{title: "NAME"}, {title: "ROLE"}, {title: "KEYS", right: true, drop: 1}, {title: "TOKENS", right: true, drop: 3}, {title: "PASSWORD", drop: 4},
					{title: "APPS", right: true, drop: 2}, {title: "LAST LOGIN", drop: 5}, {title: "FROM", drop: 6}, {title: "E-MAIL", drop: 7}}}
				for _, u := range list {
					password := unknown
					if u.Password {
						password = "yes"
					}
					t.add(u.Name, string(u.Role), fmt.Sprint(u.Keys), fmt.Sprint(u.Tokens), password, fmt.Sprint(u.Apps), r.when(u.LastLogin), or(u.LastFrom, unknown), or(u.Email, unknown))
				}
				return t.write(r.Out, r.Width)
			})
		},
	}
	c.AddCommand(r.usersAdd(), r.usersRole(), r.usersPasswd(), r.usersProfile(), r.usersLogout(), r.usersRemove())
	return c
}

// noneOf refuses words that are no subcommand.
func noneOf(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return knownIn(c, args[0])
	}
	return nil
}

// publicKeys reads an authorized_keys file from standard input.
func (r *run) publicKeys() (string, error) {
	b, err := io.ReadAll(io.LimitReader(r.In, maxInput))
	if err != nil {
		return "", &core.Error{Kind: core.ErrFailed, Field: "keys", Text: "standard input cannot be read", Err: err}
	}
	lines := strings.TrimSpace(string(b))
	if lines == "" {
		return "", &core.Error{Kind: core.ErrInvalid, Field: "keys", Text: "standard input holds no public key", Hint: "pipe one in: … < id_ed25519.pub"}
	}
	return lines, nil
}

// told answers a change with what was changed, or with a sentence.
func (r *run) told(doc map[string]string, format string, args ...any) error {
	return r.print(doc, func() error {
		_, err := fmt.Fprintf(r.Out, format+"\n", args...)
		return err
	})
}

func (r *run) usersAdd() *cobra.Command {
	var role string
	var noKey bool
	c := &cobra.Command{
		Use:   "add NAME [--role ROLE] [--no-key]",
		Short: "Let somebody log in with the public keys on standard input",
		Long: "Let somebody log in with the public keys on standard input (as in an authorized_keys file).\nAn existing user gets further keys and keeps the role.\n" +
			"With --no-key nothing is read: the account is for the API, once `users passwd` has given it a password.",
		Args: takes("NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			var lines []string
			if !noKey {
				text, err := r.publicKeys()
				if err != nil {
					return err
				}
				lines = []string{text}
			}
			if err := r.Core.AddUser(c.Context(), r.Actor, args[0], core.Role(role), lines); err != nil {
				return err
			}
			return r.told(map[string]string{"user": args[0]}, "%s may log in", args[0])
		},
	}
	c.Flags().StringVar(&role, "role", string(core.RoleUser), "admin, operator, user or viewer")
	c.Flags().BoolVar(&noKey, "no-key", false, "an account for the API alone")
	return c
}

func (r *run) usersRole() *cobra.Command {
	return &cobra.Command{
		Use:   "role NAME ROLE",
		Short: "Give somebody another role; their sessions end",
		Args:  takes("NAME", "ROLE"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := r.Core.SetRole(c.Context(), r.Actor, args[0], core.Role(args[1])); err != nil {
				return err
			}
			return r.told(map[string]string{"user": args[0], "role": args[1]}, "%s is %s now", args[0], args[1])
		},
	}
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
			return r.told(map[string]string{"user": args[0]}, "%s has a new API password", args[0])
		},
	}
}

func (r *run) usersProfile() *cobra.Command {
	var p core.Profile
	c := &cobra.Command{
		Use:   "profile NAME [--email E] [--first-name F] [--last-name L]",
		Short: "Change somebody's e-mail address and names",
		Args:  takes("NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			u, err := r.Core.User(c.Context(), r.Actor, args[0])
			if err != nil {
				return err
			}
			for name, f := range map[string]struct{ to, from *string }{"email": {&p.Email, &u.Email}, "first-name": {&p.FirstName, &u.FirstName}, "last-name": {&p.LastName, &u.LastName}} {
				if !c.Flags().Changed(name) {
					*f.to = *f.from
				}
			}
			if u, err = r.Core.SetProfile(c.Context(), r.Actor, args[0], p); err != nil {
				return err
			}
			return r.print(u, func() error {
				return r.facts(fact{"user", u.Name}, fact{"e-mail", u.Email}, fact{"first name", u.FirstName}, fact{"last name", u.LastName})
			})
		},
	}
	c.Flags().StringVar(&p.Email, "email", "", "for logins over the API, too")
	c.Flags().StringVar(&p.FirstName, "first-name", "", "")
	c.Flags().StringVar(&p.LastName, "last-name", "", "")
	return c
}

func (r *run) usersLogout() *cobra.Command {
	return &cobra.Command{
		Use:   "logout NAME",
		Short: "End all sessions of somebody: terminals, and logins of the API",
		Args:  takes("NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			n, err := r.Core.EndSessions(c.Context(), r.Actor, args[0])
			if err != nil {
				return err
			}
			return r.told(map[string]string{"user": args[0], "ended": fmt.Sprint(n)}, "%d sessions of %s ended", n, args[0])
		},
	}
}

func (r *run) usersRemove() *cobra.Command {
	var heir string
	var yes bool
	c := &cobra.Command{
		Use:   "remove NAME --yes [--apps-to NAME]",
		Short: "Take somebody's access away: keys, tokens, logins and sessions",
		Args:  takes("NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			if !yes {
				return usage(c, "this takes the access of %s away: add --yes if you mean it", core.SafeText(args[0], 40))
			}
			if err := r.Core.RemoveUser(c.Context(), r.Actor, args[0], heir); err != nil {
				return err
			}
			return r.told(map[string]string{"user": args[0]}, "%s may not log in any more", args[0])
		},
	}
	c.Flags().StringVar(&heir, "apps-to", "", "who gets their apps")
	c.Flags().BoolVar(&yes, "yes", false, "do it")
	return c
}
