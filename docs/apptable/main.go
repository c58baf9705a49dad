// Command apptable writes the table of all apps into docs/catalogue.md, from
// the manifests themselves.
//
//	go generate ./docs/...
package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"proximity/core/catalog"
)

//go:generate go run . ../catalogue.md

// The table stands between these lines.
const (
	begin = "<!-- apps: written by docs/apptable, do not edit -->\n"
	end   = "<!-- end of apps -->\n"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: apptable FILE")
		os.Exit(2)
	}
	if err := rewrite(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "apptable:", err)
		os.Exit(1)
	}
}

// rewrite puts a fresh table into a file.
func rewrite(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	fresh, err := insert(string(text))
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return os.WriteFile(file, []byte(fresh), 0o644)
}

// insert is text with a fresh table in the place of the old one.
func insert(text string) (string, error) {
	before, rest, found := strings.Cut(text, begin)
	_, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		return "", fmt.Errorf("the lines %q and %q are wanted", strings.TrimSpace(begin), strings.TrimSpace(end))
	}
	c, problems := catalog.Load(context.Background(), catalog.Options{}, catalog.Embedded())
	if len(problems) > 0 {
		return "", problems[0]
	}
	return before + begin + table(c.All()) + end + after, nil
}

// table lists the apps by category.
func table(apps []*catalog.Manifest) string {
	slices.SortStableFunc(apps, func(a, b *catalog.Manifest) int { return cmp.Compare(a.Category, b.Category) })
	var b strings.Builder
	fmt.Fprintf(&b, "%d apps in %d categories.\n", len(apps), categories(apps))
	last := ""
	for _, m := range apps {
		if m.Category != last {
			last = m.Category
			fmt.Fprintf(&b, "\n### %s\n\n| app | id | what it is | version | memory | disk | reached by | needs |\n|---|---|---|---|---:|---:|---|---|\n", cell(last))
		}
		fmt.Fprintf(&b, "| [%s](%s) | `%s` | %s | %s | %d MB | %d GB | %s | %s |\n", cell(m.Name), m.Website, m.ID, cell(m.Tagline), cell(m.Version),
			m.MinMemory, m.Requirements.MinDisk, reached(m), cell(strings.Join(m.Needs(), ", ")))
	}
	return b.String()
}

func categories(apps []*catalog.Manifest) int {
	names := map[string]bool{}
	for _, m := range apps {
		names[m.Category] = true
	}
	return len(names)
}

// reached says how people get to an app.
func reached(m *catalog.Manifest) string {
	switch {
	case m.Access.Kind == "web":
		return m.Access.Scheme
	case m.Access.Kind == "none":
		return "nothing to open"
	}
	return fmt.Sprintf("%s %d", m.Access.Kind, m.InternalPort())
}

// cell keeps a text inside its cell.
func cell(s string) string { return strings.NewReplacer("|", `\|`, "\n", " ").Replace(s) }
