package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"proximity/core"
)

func (r *run) catalog() *cobra.Command {
	var category string
	c := &cobra.Command{
		Use:   "catalog [QUERY] [--category NAME]",
		Short: "Search what can be deployed; an exact id shows all about it",
		RunE: func(_ *cobra.Command, args []string) error {
			query := strings.Join(args, " ")
			if query != "" && category == "" {
				if item, err := r.Core.CatalogueItem(query); err == nil {
					return r.print([]core.CatalogueItem{item}, func() error { return r.itemDetail(item) })
				}
			}
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
				t := table{columns: []column{{title: "ID"}, {title: "NAME", drop: 1}, {title: "CATEGORY", drop: 3}, {title: "VERSION", drop: 4}, {title: "MEMORY", right: true, drop: 2}, {title: "WHAT IT IS"}}}
				for _, i := range list {
					t.add(i.ID, i.Name, i.Category, i.Version, fmt.Sprintf("%d MB", i.MinMemoryMB), i.Tagline)
				}
				return t.write(r.Out, r.Width)
			})
		},
	}
	c.Flags().StringVar(&category, "category", "", "only one category")
	return c
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
	r.note("nothing in the catalogue matches %s: `catalog` lists all of it", quote(query))
	return nil
}

func (r *run) itemDetail(i core.CatalogueItem) error {
	fmt.Fprintf(r.Out, "%s  %s\n", i.ID, core.SafeText(i.Tagline, 0))
	port := ""
	if i.Port != 0 {
		port = fmt.Sprint(i.Port)
	}
	if err := r.facts(fact{"name", i.Name + " " + i.Version}, fact{"category", i.Category}, fact{"about", i.Description}, fact{"website", i.Website}, fact{"license", i.License},
		fact{"needs", fmt.Sprintf("%d cores, %d MB memory, %d GB disk, %s", i.MinCores, i.MinMemoryMB, i.MinDiskGB, i.OS)},
		fact{"port", port}, fact{"images", strings.Join(i.Images, ", ")}, fact{"volumes", strings.Join(i.Volumes, ", ")}, fact{"notes", i.Notes}); err != nil {
		return err
	}
	if len(i.Fields) > 0 {
		fmt.Fprintln(r.Out)
		t := table{columns: []column{{title: "FIELD (--set)"}, {title: "TYPE"}, {title: "DEFAULT", drop: 2}, {title: "WHAT IT IS", drop: 1}}}
		for _, f := range i.Fields {
			if f.Hidden {
				continue
			}
			about := f.Label
			if f.Help != "" {
				about += ": " + f.Help
			}
			t.add(f.Key, fieldType(f), fieldDefault(f), about)
		}
		if err := t.write(r.Out, r.Width); err != nil {
			return err
		}
	}
	fmt.Fprintln(r.Out)
	r.note("deploy it with `deploy %s --hostname NAME`", i.ID)
	return nil
}

func fieldType(f core.FieldView) string {
	if len(f.Options) > 0 {
		return strings.Join(f.Options, "|")
	}
	return f.Type
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
