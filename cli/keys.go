package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"proximity/core"
)

// keyList is what `keys --json` prints.
type keyList struct {
	Keys    []core.KeyView   `json:"keys"`
	Waiting []core.KnockView `json:"waiting"`
}

func (r *run) keys() *cobra.Command {
	c := &cobra.Command{
		Use:   "keys",
		Short: "List public keys and those that wait for approval; add, approve, deny, revoke",
		Args:  noneOf,
		RunE: func(c *cobra.Command, _ []string) error {
			list, err := r.Core.UserKeys(c.Context(), r.Actor, "")
			if err != nil {
				return err
			}
			var waiting []core.KnockView
			if r.Actor.May(core.VerbChangeUsers, "") == nil { // for others there is nothing to approve
				if waiting, err = r.Core.Knocks(c.Context(), r.Actor); err != nil {
					return err
				}
			}
			return r.print(keyList{all(list), all(waiting)}, func() error { return r.keyTables(list, waiting) })
		},
	}
	c.AddCommand(r.keysAdd(), r.keysApprove(), r.keysDeny(), r.keysRevoke())
	return c
}

func (r *run) keyTables(list []core.KeyView, waiting []core.KnockView) error {
	t := table{columns: []column{{title: "USER"}, {title: "FINGERPRINT"}, {title: "TYPE", drop: 3}, {title: "COMMENT", drop: 2}, {title: "ADDED", drop: 4}, {title: "BY", drop: 5}, {title: "LAST USED", drop: 1}, {title: "FROM", drop: 6}}}
	for _, k := range list {
		t.add(k.User, k.Fingerprint, k.Type, or(k.Comment, unknown), r.when(k.AddedAt), k.AddedBy, r.when(k.LastUsed), or(k.LastFrom, unknown))
	}
	if err := t.write(r.Out, r.Width); err != nil || len(waiting) == 0 {
		return err
	}
	fmt.Fprintln(r.Out, "\nwaiting for approval:")
	w := table{columns: []column{{title: "FINGERPRINT"}, {title: "CALLS ITSELF"}, {title: "FROM", drop: 2}, {title: "TRIES", right: true, drop: 3}, {title: "LAST", drop: 1}, {title: "TYPE", drop: 4}}}
	for _, k := range waiting {
		w.add(k.Fingerprint, k.Name, k.From, fmt.Sprint(k.Count), r.when(k.Last), k.Type)
	}
	if err := w.write(r.Out, r.Width); err != nil {
		return err
	}
	r.note("`keys approve FINGERPRINT --user NAME` lets one in; the name it calls itself proves nothing")
	return nil
}

func (r *run) keysAdd() *cobra.Command {
	return &cobra.Command{
		Use:   "add NAME",
		Short: "Give a user the public keys on standard input",
		Args:  takes("NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			text, err := r.publicKeys()
			if err != nil {
				return err
			}
			if err := r.Core.AddKeys(c.Context(), r.Actor, args[0], []string{text}); err != nil {
				return err
			}
			return r.told(map[string]string{"user": args[0]}, "%s may log in with it", args[0])
		},
	}
}

func (r *run) keysApprove() *cobra.Command {
	var user, role string
	c := &cobra.Command{
		Use:   "approve FINGERPRINT --user NAME [--role ROLE]",
		Short: "Let a key in that waits",
		Long:  "Let a key in that waits, as the user given; one that does not exist is made, with the role given.\nThe first 8 characters of the fingerprint are enough.",
		Args:  takes("FINGERPRINT"),
		RunE: func(c *cobra.Command, args []string) error {
			if user == "" {
				return usage(c, "--user is missing: the name a key calls itself proves nothing")
			}
			if err := r.Core.ApproveKey(c.Context(), r.Actor, args[0], user, core.Role(role)); err != nil {
				return err
			}
			return r.told(map[string]string{"user": user, "fingerprint": args[0]}, "the key lets %s in", user)
		},
	}
	c.Flags().StringVar(&user, "user", "", "whose it is")
	c.Flags().StringVar(&role, "role", string(core.RoleUser), "of a user who is made: admin, operator, user or viewer")
	return c
}

func (r *run) keysDeny() *cobra.Command {
	return &cobra.Command{
		Use:   "deny FINGERPRINT",
		Short: "Forget a key that waits",
		Args:  takes("FINGERPRINT"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := r.Core.DenyKey(c.Context(), r.Actor, args[0]); err != nil {
				return err
			}
			return r.told(map[string]string{"fingerprint": args[0]}, "the key does not wait any more")
		},
	}
}

func (r *run) keysRevoke() *cobra.Command {
	var yes bool
	c := &cobra.Command{
		Use:   "revoke FINGERPRINT --yes",
		Short: "Take a key away; sessions it opened end",
		Args:  takes("FINGERPRINT"),
		RunE: func(c *cobra.Command, args []string) error {
			if !yes {
				return usage(c, "this takes a key away: add --yes if you mean it")
			}
			if err := r.Core.RevokeKey(c.Context(), r.Actor, args[0]); err != nil {
				return err
			}
			return r.told(map[string]string{"fingerprint": args[0]}, "the key opens nothing any more")
		},
	}
	c.Flags().BoolVar(&yes, "yes", false, "do it")
	return c
}
