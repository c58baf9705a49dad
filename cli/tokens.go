package cli

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"proximity/core"
)

func (r *run) tokens() *cobra.Command {
	c := &cobra.Command{
		Use:   "tokens",
		Short: "List personal tokens for the API; create and revoke them",
		Args:  noneOf,
		RunE: func(c *cobra.Command, _ []string) error {
			list, err := r.Core.Tokens(c.Context(), r.Actor)
			if err != nil {
				return err
			}
			return r.print(all(list), func() error {
				if len(list) == 0 {
					r.note("there are none: `tokens create NAME` makes one for a script")
					return nil
				}
				t := table{columns: []column{{title: "#", right: true}, {title: "NAME"}, {title: "USER", drop: 2}, {title: "SCOPE"}, {title: "EXPIRES", drop: 1}, {title: "CREATED", drop: 4}, {title: "LAST USED", drop: 3}, {title: "FROM", drop: 5}}}
				for _, k := range list {
					until := "never"
					switch {
					case k.Expired:
						until = "expired"
					case !k.ExpiresAt.IsZero():
						until = r.when(k.ExpiresAt)
					}
					t.add(fmt.Sprint(k.ID), k.Name, k.User, string(k.Scope), until, r.when(k.CreatedAt), r.when(k.LastUsed), or(k.LastFrom, unknown))
				}
				return t.write(r.Out, r.Width)
			})
		},
	}
	c.AddCommand(r.tokensCreate(), r.tokensRevoke())
	return c
}

func (r *run) tokensCreate() *cobra.Command {
	var scope, expires string
	c := &cobra.Command{
		Use:     "create NAME [--scope read|write|admin] [--expires 90d]",
		Short:   "Make a token of yours for a script; it is shown this once",
		Long:    "Make a token of yours for a script: NAME says what it is for. It is printed this once, alone on standard output.\nread sees, write deploys and changes apps, too, admin may all that you may.",
		Example: "  tokens create nightly-report --scope read --expires 365d\n  curl -H \"Authorization: Bearer $TOKEN\" http://127.0.0.1:8000/api/apps/",
		Args:    takes("NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			life, err := lifetime(expires)
			if err != nil {
				return usage(c, "%s", err)
			}
			k, err := r.Core.CreateToken(c.Context(), r.Actor, args[0], core.Scope(scope), life)
			if err != nil {
				return err
			}
			return r.print(k, func() error {
				fmt.Fprintln(r.Out, k.Secret)
				r.note("token %d (%s) of %s: keep it, it is not shown again", k.ID, k.Scope, k.User)
				return nil
			})
		},
	}
	c.Flags().StringVar(&scope, "scope", string(core.ScopeRead), "read, write or admin")
	c.Flags().StringVar(&expires, "expires", "90d", "after days (90d), hours (12h), or never")
	return c
}

// lifetime reads "90d", "12h" or "never" (0).
func lifetime(s string) (time.Duration, error) {
	if s == "never" {
		return 0, nil
	}
	if days, ok := strings.CutSuffix(s, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n > 0 && n <= 36500 {
			return time.Duration(n) * 24 * time.Hour, nil
		}
	} else if d, err := time.ParseDuration(s); err == nil && d > 0 {
		return d, nil
	}
	return 0, fmt.Errorf("--expires: %s is not a time as in 90d, 12h or never", quote(s))
}

func (r *run) tokensRevoke() *cobra.Command {
	return &cobra.Command{
		Use:   "revoke N",
		Short: "Take a token away: it is worth nothing at once",
		Args:  takes("N"),
		RunE: func(c *cobra.Command, args []string) error {
			id, err := strconv.ParseUint(strings.TrimPrefix(args[0], "#"), 10, 64)
			if err != nil {
				return usage(c, "%s is not the number of a token", quote(args[0]))
			}
			if err := r.Core.RevokeToken(c.Context(), r.Actor, id); err != nil {
				return err
			}
			return r.told(map[string]string{"token": args[0]}, "token %d is worth nothing any more", id)
		},
	}
}
