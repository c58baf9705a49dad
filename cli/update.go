package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"proximity/core"
)

func (r *run) update() *cobra.Command {
	var req core.UpdateRequest
	var set []string
	var values string
	var check, wait bool
	c := &cobra.Command{
		Use:   "update NAME [--check] [--yes] [--set KEY=VALUE]… [--wait]",
		Short: "Update an app, or with --check show what an update would change",
		Long: "Update an app to the newest revision of its recipe and to the newest images that the recipe follows, as far as the app's node can ask their registries.\n" +
			"It begins with a backup where the recipe wants one; when the app does not answer afterwards it goes back by itself.\n" +
			"Steps the recipe warns of need --yes. Fields that are new are given with --set, or with --values - as JSON on standard input.",
		Example: "  update gitea --check\n  update gitea --yes --wait",
		Args:    takes("NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			if check {
				v, err := r.Core.CheckUpdate(c.Context(), r.Actor, args[0])
				if err != nil {
					return err
				}
				return r.print(v, func() error { return r.updateDetail(v) })
			}
			var err error
			if req.Values, err = r.values(c, set, values); err != nil {
				return err
			}
			return r.doing(c, wait, func(ctx context.Context) (core.JobView, error) { return r.Core.UpdateApp(ctx, r.Actor, args[0], req) })
		},
	}
	f := c.Flags()
	f.BoolVar(&check, "check", false, "only show what there is and what it changes")
	f.BoolVar(&req.Yes, "yes", false, "yes, also to steps the recipe warns of")
	f.StringArrayVar(&set, "set", nil, "a field that is new, as KEY=VALUE; may be repeated")
	f.StringVar(&values, "values", "", "- reads fields as a JSON document from standard input")
	waits(c, &wait)
	return c
}

// updateDetail shows an update: versions, images, what the recipe warns of, and
// the compose file's difference.
func (r *run) updateDetail(v core.UpdateView) error {
	if !v.Available {
		fmt.Fprintf(r.Out, "%s  %s\n", core.SafeText(v.Hostname, 0), upToDate(v))
	} else {
		fmt.Fprintf(r.Out, "%s  %s → %s\n", core.SafeText(v.Hostname, 0), recipeVersion(v.From), recipeVersion(v.To))
	}
	var list []fact
	for _, i := range v.Images {
		list = append(list, fact{i.Service, fmt.Sprintf("%s → %s (%s)", or(i.From, "nothing"), or(i.To, "nothing"), i.Source)})
	}
	if v.Available {
		list = append(list, fact{"new secrets", strings.Join(v.Secrets, ", ")}, fact{"first", firstOf(v)}, fact{"if it fails", wayBack(v.WayBack)})
	}
	for _, b := range v.Breaking {
		list = append(list, fact{b.Action, b.Note})
	}
	for _, p := range v.Problems {
		list = append(list, fact{"not now", p.Text + " (" + p.Hint + ")"})
	}
	for _, u := range v.Unknown {
		list = append(list, fact{"not known", u})
	}
	if err := r.facts(list...); err != nil {
		return err
	}
	if len(v.Diff) > 0 {
		fmt.Fprintln(r.Out)
	}
	for _, l := range v.Diff {
		if l.Op == "@" {
			l.Op = "…" // lines that are the same
		}
		fmt.Fprintln(r.Out, strings.TrimRight(l.Op+" "+core.SafeText(l.Text, 0), " "))
	}
	return nil
}

func upToDate(v core.UpdateView) string {
	if len(v.Unknown) > 0 {
		return "is up to date, as far as can be told"
	}
	return "is up to date"
}

func recipeVersion(v core.RecipeVersion) string {
	if v.Revision == 0 {
		return or(v.Version, unknown)
	}
	return fmt.Sprintf("%s (revision %d)", or(v.Version, unknown), v.Revision)
}

func firstOf(v core.UpdateView) string {
	if v.Backup {
		return "a backup is made"
	}
	return "no backup: the recipe says that the app keeps no data"
}

func wayBack(way string) string {
	switch way {
	case "image":
		return "it goes back to the images of before by itself"
	case "restore":
		return "it goes back to the backup by itself"
	}
	return "there is no way back but the backup, by hand"
}
