package cli

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"proximity/core"
)

func (r *run) catalog() *cobra.Command {
	var category string
	c := &cobra.Command{
		Use:   "catalog [QUERY] [--category NAME]",
		Short: "Search what can be deployed; an exact id shows all about it",
		RunE: func(c *cobra.Command, args []string) error {
			query := strings.Join(args, " ")
			if query != "" && category == "" {
				if item, err := r.Core.CatalogueItem(query); err == nil {
					return r.item(c, item)
				}
			}
			return r.items(query, category)
		},
	}
	c.Flags().StringVar(&category, "category", "", "only one category")
	c.AddCommand(r.catalogReload())
	return c
}

// items lists what a search finds.
func (r *run) items(query, category string) error {
	list := r.Core.Catalogue(query, category)
	if len(list) == 0 {
		if err := r.nothing(query, category); err != nil {
			return err
		}
	}
	return r.print(all(list), func() error {
		if len(list) == 0 {
			return nil
		}
		t := table{columns: []column{{title: "ID"}, {title: "NAME", drop: 2}, {title: "CATEGORY", drop: 3}, {title: "VERSION", drop: 4}, {title: "MEMORY", right: true, drop: 1}, {title: "WHAT IT IS"}, {title: "ORIGIN", drop: 5}}}
		for _, i := range list {
			t.add(i.ID, i.Name, i.Category, i.Version, fmt.Sprintf("%d MB", i.MinMemoryMB), i.Tagline, i.Origin)
		}
		return t.write(r.Out, r.Width)
	})
}

// nothing says why a search found nothing: a wrong category is an error, a
// query without a match is an answer.
func (r *run) nothing(query, category string) error {
	names := []string{}
	for _, c := range r.Core.Categories() {
		if strings.EqualFold(c.Name, category) {
			names = nil
			break
		}
		names = append(names, c.Name)
	}
	if category != "" && names != nil {
		return &core.Error{Kind: core.ErrNotFound, Field: "category", Text: "there is no category " + quote(category), Hint: "there are " + strings.Join(names, ", ")}
	}
	switch word, _, _ := strings.Cut(query, " "); word {
	case "lint", "new": // they read files, and the server's are nobody's business
		r.note("`proximity catalog %s` works on files: run it on the machine where they are", word)
	default:
		r.note("nothing in the catalogue matches %s: `catalog` lists all of it", quote(query))
	}
	return nil
}

// item is one app with what depends on the moment: where it fits, and what
// else there is like it.
type item struct {
	core.CatalogueItem
	FitsOn  []core.NodeFit `json:"fits_on"`
	Similar []string       `json:"similar"`
}

func (r *run) item(c *cobra.Command, i core.CatalogueItem) error {
	nodes, err := r.Core.Nodes(c.Context(), r.Actor)
	if err != nil {
		return err
	}
	one := item{CatalogueItem: i, FitsOn: i.FitsOn(nodes), Similar: []string{}}
	for _, s := range r.Core.SimilarItems(i.ID) {
		one.Similar = append(one.Similar, s.ID)
	}
	return r.print([]item{one}, func() error { return r.itemDetail(one) })
}

func (r *run) itemDetail(i item) error {
	fmt.Fprintf(r.Out, "%s  %s\n", i.ID, core.SafeText(i.Tagline, 0))
	port := ""
	if i.Port != 0 {
		port = fmt.Sprint(i.Port)
	}
	needs := fmt.Sprintf("%d cores, %d MB memory, %d GB disk, %s", i.MinCores, i.MinMemoryMB, i.MinDiskGB, i.OS)
	if len(i.Needs) > 0 {
		needs += ", " + strings.Join(i.Needs, ", ")
	}
	var fits, not []string
	for _, f := range i.FitsOn {
		node := f.Node
		if f.Host != i.FitsOn[0].Host {
			node = f.Host + "/" + node
		}
		if f.Fits {
			fits = append(fits, node)
		} else {
			not = append(not, node+" ("+f.Reason+")")
		}
	}
	if err := r.facts(fact{"name", i.Name + " " + i.Version}, fact{"deprecated", i.Deprecated}, fact{"use instead", i.ReplacedBy}, fact{"category", i.Category}, fact{"tags", strings.Join(i.Tags, ", ")}, fact{"about", i.Description},
		fact{"website", i.Website}, fact{"license", i.License}, fact{"origin", origin(i.CatalogueItem)}, fact{"needs", needs}, fact{"fits on", strings.Join(fits, ", ")}, fact{"not on", strings.Join(not, ", ")},
		fact{"port", port}, fact{"images", strings.Join(i.Images, ", ")}, fact{"volumes", strings.Join(i.Volumes, ", ")}, fact{"similar", strings.Join(i.Similar, ", ")}, fact{"notes", i.Notes}); err != nil {
		return err
	}
	if slices.ContainsFunc(i.Fields, func(f core.FieldView) bool { return !f.Hidden }) {
		fmt.Fprintln(r.Out)
		if err := r.fieldTable(i.Fields); err != nil {
			return err
		}
	}
	fmt.Fprintln(r.Out)
	r.note("deploy it with `deploy %s --hostname NAME`", i.ID)
	return nil
}

// origin says where an app comes from, and what of it is out of the ordinary.
func origin(i core.CatalogueItem) string {
	s := i.Origin
	if i.Overrides != "" {
		s += ", replaces the " + i.Overrides + " one"
	}
	if i.Stale {
		s += "; its file cannot be read any more: this is what it said before"
	}
	return s
}

func (r *run) fieldTable(fields []core.FieldView) error {
	t := table{columns: []column{{title: "FIELD (--set)"}, {title: "TYPE"}, {title: "DEFAULT", drop: 2}, {title: "WHAT IT IS", drop: 1}, {title: "RULE", drop: 3}}}
	for _, f := range fields {
		if f.Hidden {
			continue
		}
		about := f.Label
		if f.Help != "" {
			about += ": " + f.Help
		}
		rule := f.Rule
		for _, key := range slices.Sorted(maps.Keys(f.When)) {
			rule = strings.TrimPrefix(rule+"; only with "+key+"="+f.When[key], "; ")
		}
		t.add(f.Key, fieldType(f), fieldDefault(f), about, rule)
	}
	return t.write(r.Out, r.Width)
}

func fieldType(f core.FieldView) string {
	if len(f.Options) == 0 {
		return f.Type
	}
	var values []string
	for _, o := range f.Options {
		values = append(values, o.Value)
	}
	return strings.Join(values, "|")
}

func fieldDefault(f core.FieldView) string {
	switch {
	case f.Generated:
		return "generated"
	case f.Required && f.Default == "":
		return "required"
	}
	return f.Default
}

func (r *run) catalogReload() *cobra.Command {
	return &cobra.Command{
		Use:   "reload",
		Short: "Read the manifests again",
		Long: "Read the manifests again: the embedded ones and those of the folders given with --catalog. SIGHUP to the server does the same.\n" +
			"A manifest that cannot be read any more stays as it was before; what is wrong with it is told.",
		Args: takes(),
		RunE: func(c *cobra.Command, _ []string) error {
			if err := r.online("catalog reload"); err != nil {
				return err
			}
			done, err := r.Core.ReloadCatalogue(c.Context(), r.Actor)
			if err != nil {
				return err
			}
			return r.print(done, func() error {
				fmt.Fprintln(r.Out, done.Summary())
				for _, p := range done.Problems {
					r.note("%s", core.SafeText(p.String(), 0))
				}
				return r.facts(fact{"added", strings.Join(done.Added, ", ")}, fact{"changed", strings.Join(done.Changed, ", ")}, fact{"removed", strings.Join(done.Removed, ", ")}, fact{"as before", strings.Join(done.Stale, ", ")})
			})
		},
	}
}
