package core

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"proximity/core/catalog"
	"proximity/store"
)

// listing is the catalogue in memory: the manifests, and what the faces are shown of them.
type listing struct {
	*catalog.Catalogue
	items map[string]CatalogueItem
	all   []CatalogueItem // by name
}

func newListing(cat *catalog.Catalogue) *listing {
	s := &listing{Catalogue: cat, items: make(map[string]CatalogueItem, cat.Len())}
	for _, m := range cat.All() {
		s.items[m.ID] = itemOf(m)
	}
	s.all = s.views(cat.All())
	return s
}

// CatalogueReload is what came of a reload.
type CatalogueReload struct {
	Apps     int                `json:"apps"` // in the catalogue now
	Added    []string           `json:"added,omitempty"`
	Changed  []string           `json:"changed,omitempty"`
	Removed  []string           `json:"removed,omitempty"`
	Stale    []string           `json:"stale,omitempty"` // their files cannot be read any more: they are as they were before
	Problems []CatalogueProblem `json:"problems,omitempty"`
}

// CatalogueProblem is what is wrong with a manifest: file, JSON path, and what was expected there.
type CatalogueProblem struct {
	File string `json:"file"`
	Path string `json:"path,omitempty"`
	Text string `json:"text"`
}

func (p CatalogueProblem) String() string {
	s := p.File
	if p.Path != "" {
		s += ": " + p.Path
	}
	return strings.TrimPrefix(s+": "+p.Text, ": ")
}

// passedFact is the fact about the store that keeps which manifests were sound.
const passedFact = "catalogue_passed"

// loadCatalogue reads all manifests; bad ones are logged and left out, or stay as they were at the last time.
func (c *Core) loadCatalogue(ctx context.Context) ([]catalog.Problem, error) {
	o := catalog.Options{Override: c.cfg.CatalogueOverride, Passed: c.passedManifests()}
	if old := c.catalogue.Load(); old != nil {
		o.Before = old.Catalogue
	}
	cat, problems := catalog.Load(ctx, o, append([]catalog.Source{catalog.Embedded()}, c.cfg.Catalogue...)...)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for _, p := range problems {
		c.log.Error("a manifest of the catalogue is not taken", "file", SafeText(p.File, 200), "path", SafeText(p.Path, 200), "reason", SafeText(p.Reason, 300))
	}
	c.catalogue.Store(newListing(cat))
	if !maps.Equal(o.Passed, cat.Passed()) {
		return problems, c.keepPassed(cat.Passed())
	}
	return problems, nil
}

// passedManifests are the files that were sound when the catalogue was loaded last.
func (c *Core) passedManifests() catalog.Passed {
	passed := catalog.Passed{}
	err := c.store.View(func(tx *store.Tx) error {
		fact, err := c.metaTable.Get(tx, passedFact)
		for print := range strings.FieldsSeq(fact.Value) {
			passed[print] = true
		}
		return err
	})
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		c.log.Warn("read which manifests were sound: all are checked", "error", err)
	}
	return passed
}

func (c *Core) keepPassed(passed catalog.Passed) error {
	fact := meta{passedFact, strings.Join(slices.Sorted(maps.Keys(passed)), "\n")}
	if err := c.store.Update(func(tx *store.Tx) error { return c.metaTable.Put(tx, fact) }); err != nil {
		return fmt.Errorf("keep which manifests are sound: %w", err)
	}
	return nil
}

// ReloadCatalogue reads all manifests again, for admins. What cannot be read any more stays as it was before, and is told
// of.
func (c *Core) ReloadCatalogue(ctx context.Context, a Actor) (CatalogueReload, error) {
	r, err := c.reloadCatalogue(ctx, a)
	detail := ""
	if err == nil {
		detail = r.Summary()
	}
	c.audit(a, "catalog.reload", "", err, detail)
	return r, err
}

func (c *Core) reloadCatalogue(ctx context.Context, a Actor) (CatalogueReload, error) {
	if err := a.May(VerbReloadCatalogue, ""); err != nil {
		return CatalogueReload{}, err
	}
	c.reloading.Lock()
	defer c.reloading.Unlock()
	old := c.catalogue.Load()
	problems, err := c.loadCatalogue(ctx)
	if err != nil {
		return CatalogueReload{}, fmt.Errorf("reload the catalogue: %w", err)
	}
	r := compare(old, c.catalogue.Load())
	for _, p := range problems {
		r.Problems = append(r.Problems, CatalogueProblem{File: SafeText(p.File, 200), Path: SafeText(p.Path, 200), Text: SafeText(p.Reason, 300)})
	}
	c.hub.catalogue.Add(1)
	c.changed()
	return r, nil
}

// compare says what is different in the new listing.
func compare(old, now *listing) CatalogueReload {
	r := CatalogueReload{Apps: now.Len()}
	for _, m := range now.All() {
		before, was := old.Get(m.ID)
		switch {
		case m.Stale:
			r.Stale = append(r.Stale, m.ID)
		case !was:
			r.Added = append(r.Added, m.ID)
		case !reflect.DeepEqual(before, m):
			r.Changed = append(r.Changed, m.ID)
		}
	}
	for _, m := range old.All() {
		if _, is := now.Get(m.ID); !is {
			r.Removed = append(r.Removed, m.ID)
		}
	}
	return r
}

// Summary says in a line what came of it.
func (r CatalogueReload) Summary() string {
	s := fmt.Sprintf("%d apps", r.Apps)
	for _, part := range []struct {
		ids  []string
		what string
	}{{r.Added, "added"}, {r.Changed, "changed"}, {r.Removed, "removed"}, {r.Stale, "unreadable and kept as before"}} {
		if len(part.ids) > 0 {
			s += fmt.Sprintf(", %d %s", len(part.ids), part.what)
		}
	}
	switch n := len(r.Problems); n {
	case 0:
		return s
	case 1:
		return s + ", 1 problem"
	default:
		return s + fmt.Sprintf(", %d problems", n)
	}
}

// Catalogue searches the catalogue; empty query and category give all.
func (c *Core) Catalogue(query, category string) []CatalogueItem {
	s := c.catalogue.Load()
	if query == "" && category == "" {
		return slices.Clone(s.all)
	}
	return s.views(s.Search(query, category))
}

func (s *listing) views(found []*catalog.Manifest) []CatalogueItem {
	items := make([]CatalogueItem, 0, len(found))
	for _, m := range found {
		items = append(items, s.items[m.ID])
	}
	return items
}

// Categories lists the categories with counts.
func (c *Core) Categories() []CategoryView {
	var out []CategoryView
	for _, k := range c.catalogue.Load().Categories() {
		out = append(out, CategoryView{SafeText(k.Name, 40), k.Count})
	}
	return out
}

// CatalogueItem is one item; ErrNotFound with a suggestion.
func (c *Core) CatalogueItem(id string) (CatalogueItem, error) {
	s := c.catalogue.Load()
	m, err := s.manifest(id)
	if err != nil {
		return CatalogueItem{}, err
	}
	return s.items[m.ID], nil
}

// similarApps is how many apps are named as similar to another.
const similarApps = 5

// SimilarItems lists a few apps that do what this one does, most alike first.
func (c *Core) SimilarItems(id string) []CatalogueItem {
	s := c.catalogue.Load()
	m, ok := s.Get(id)
	if !ok {
		return nil
	}
	return s.views(s.Similar(m, similarApps))
}

func (c *Core) manifest(id string) (*catalog.Manifest, error) { return c.catalogue.Load().manifest(id) }

func (s *listing) manifest(id string) (*catalog.Manifest, error) {
	if m, ok := s.Get(id); ok {
		return m, nil
	}
	hint := "`catalog` lists what there is"
	if near := s.Suggest(id); len(near) > 0 {
		hint = "did you mean " + strings.Join(near, ", ") + "? " + hint
	}
	return nil, &Error{Kind: ErrNotFound, Field: "catalog_id", Text: fmt.Sprintf("there is no app %q in the catalogue", SafeText(id, 64)), Hint: hint}
}
