// Package catalog knows the apps one can deploy: it loads and checks their manifests, searches them, and renders what a deployment needs.
package catalog

import (
	"cmp"
	"slices"
	"strings"
)

// Catalogue is an immutable set of manifests, safe for concurrent use. The manifests that it hands out are shared.
type Catalogue struct {
	list       []*Manifest // by lower-case name
	byID       map[string]*Manifest
	index      []entry // of list
	categories []Category
	passed     Passed
}

// Category is a group of apps.
type Category struct {
	Name  string
	Count int
}

// assemble sorts and indexes the manifests.
func assemble(byID map[string]*Manifest, passed Passed) *Catalogue {
	c := &Catalogue{byID: byID, passed: passed}
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

// Passed are the files that this catalogue was made of.
func (c *Catalogue) Passed() Passed { return c.passed }
