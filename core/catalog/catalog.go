// Package catalog knows the apps one can deploy: it loads and checks their manifests, searches them, and renders what a deployment needs.
package catalog

import (
	"cmp"
	"context"
	"io/fs"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync"

	catalogdata "proximity/catalog_data"
)

// Source is a place manifests come from: the *.json files at the top of FS.
type Source struct {
	Name     string
	FS       fs.FS
	embedded bool
}

// Embedded is the catalogue inside the binary. It is read and checked once in a process: it cannot change.
func Embedded() Source { return Source{Name: "embedded", FS: catalogdata.FS, embedded: true} }

var readEmbedded = sync.OnceValues(func() ([]loaded, []Problem) { return readFiles(context.Background(), Embedded()) })

// Catalogue is an immutable set of manifests, safe for concurrent use. The manifests that it hands out are shared.
type Catalogue struct {
	list       []*Manifest // by lower-case name
	byID       map[string]*Manifest
	index      []entry // of list
	categories []Category
}

// Category is a group of apps.
type Category struct {
	Name  string
	Count int
}

// Load reads and checks every manifest of sources. A bad file is reported and skipped; the others load. The first source
// that brings an id keeps it. When ctx ends, what was read until then is the catalogue, and a problem says so.
func Load(ctx context.Context, sources ...Source) (*Catalogue, []Problem) {
	var problems []Problem
	byID := map[string]*Manifest{}
	for _, source := range sources {
		manifests, faults := read(ctx, source)
		problems = append(problems, faults...)
		for _, found := range manifests {
			if first, taken := byID[found.m.ID]; taken {
				problems = append(problems, Problem{File: found.file, Path: "id", Reason: found.m.ID + " is in the catalogue already, from " + first.Origin})
				continue
			}
			byID[found.m.ID] = found.m
		}
	}
	return assemble(byID), problems
}

type loaded struct {
	file string
	m    *Manifest
}

// read parses the files of one source and returns them by file name.
func read(ctx context.Context, source Source) ([]loaded, []Problem) {
	if source.embedded && ctx.Err() == nil {
		return readEmbedded()
	}
	return readFiles(ctx, source)
}

// readFiles parses the files of a source, several at once.
func readFiles(ctx context.Context, source Source) ([]loaded, []Problem) {
	names, err := fs.Glob(source.FS, "*.json")
	if err == nil && len(names) == 0 {
		_, err = fs.Stat(source.FS, ".") // Glob does not tell a missing folder from an empty one
	}
	if err != nil {
		return nil, []Problem{{File: source.Name, Reason: "cannot be read: " + err.Error()}}
	}
	type result struct {
		loaded
		problems []Problem
	}
	results := make([]result, len(names))
	next := make(chan int)
	var readers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		readers.Go(func() {
			for i := range next {
				file := path.Join(source.Name, names[i])
				raw, err := readFile(ctx, source.FS, names[i])
				if err != nil {
					results[i].problems = []Problem{{File: file, Reason: "cannot be read: " + err.Error()}}
					continue
				}
				m, faults := Parse(ctx, file, raw)
				if m != nil {
					m.Origin = source.Name
				}
				results[i] = result{loaded{file, m}, faults}
			}
		})
	}
	for i := range names {
		next <- i
	}
	close(next)
	readers.Wait()

	var all []loaded
	var problems []Problem
	for _, one := range results {
		problems = append(problems, one.problems...)
		if one.m != nil {
			all = append(all, one.loaded)
		}
	}
	return all, problems
}

func readFile(ctx context.Context, from fs.FS, name string) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return fs.ReadFile(from, name)
}

// assemble sorts and indexes the manifests.
func assemble(byID map[string]*Manifest) *Catalogue {
	c := &Catalogue{byID: byID}
	count := map[string]int{}
	for _, m := range byID {
		c.list = append(c.list, m)
		count[m.Category]++
	}
	slices.SortFunc(c.list, func(a, b *Manifest) int {
		return cmp.Or(cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)), cmp.Compare(a.ID, b.ID))
	})
	for _, m := range c.list {
		c.index = append(c.index, newEntry(m))
	}
	for name, n := range count {
		c.categories = append(c.categories, Category{name, n})
	}
	slices.SortFunc(c.categories, func(a, b Category) int {
		return cmp.Or(cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)), cmp.Compare(a.Name, b.Name))
	})
	return c
}

// Get finds an app by id.
func (c *Catalogue) Get(id string) (*Manifest, bool) {
	m, ok := c.byID[id]
	return m, ok
}

// All lists the apps by lower-case name.
func (c *Catalogue) All() []*Manifest { return slices.Clone(c.list) }

// Len is the number of apps.
func (c *Catalogue) Len() int { return len(c.list) }

// Categories lists the categories by name.
func (c *Catalogue) Categories() []Category { return slices.Clone(c.categories) }
