package core

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"proximity/core/catalog"
)

// loadCatalogue reads all manifests; bad ones are logged and left out.
func (c *Core) loadCatalogue() {
	cat, problems := catalog.Load(context.Background(), append(slices.Clone(c.cfg.Catalogue), catalog.Embedded())...)
	for _, p := range problems {
		c.log.Error("left a manifest out of the catalogue", "file", p.File, "path", p.Path, "reason", SafeText(p.Reason, 300))
	}
	c.catalogue.Store(cat)
}

// Catalogue searches the catalogue; empty query and category give all.
func (c *Core) Catalogue(query, category string) []CatalogueItem {
	found := c.catalogue.Load().Search(query, category)
	items := make([]CatalogueItem, 0, len(found))
	for _, m := range found {
		items = append(items, c.itemOf(m))
	}
	return items
}

// Categories lists the categories with counts.
func (c *Core) Categories() []CategoryView {
	var out []CategoryView
	for _, k := range c.catalogue.Load().Categories() {
		out = append(out, CategoryView(k))
	}
	return out
}

// CatalogueItem is one item; ErrNotFound with a suggestion.
func (c *Core) CatalogueItem(id string) (CatalogueItem, error) {
	m, err := c.manifest(id)
	if err != nil {
		return CatalogueItem{}, err
	}
	return c.itemOf(m), nil
}

func (c *Core) manifest(id string) (*catalog.Manifest, error) {
	cat := c.catalogue.Load()
	if m, ok := cat.Get(id); ok {
		return m, nil
	}
	hint := "`catalog` lists what there is"
	if near := cat.Suggest(id); len(near) > 0 {
		hint = "did you mean " + strings.Join(near, ", ") + "? " + hint
	}
	return nil, &Error{Kind: ErrNotFound, Field: "catalog_id", Text: fmt.Sprintf("there is no app %q in the catalogue", SafeText(id, 64)), Hint: hint}
}

func (c *Core) itemOf(m *catalog.Manifest) CatalogueItem {
	set := c.Settings()
	it := CatalogueItem{
		ID: m.ID, Name: SafeText(m.Name, 64), Version: SafeText(m.Version, 32), Tagline: SafeText(m.Tagline, 80), Description: SafeText(m.Description, 0),
		Category: SafeText(m.Category, 40), License: SafeText(m.License, 40), Website: SafeText(m.Website, 200), OS: m.OS(),
		MinCores: m.MinCPU, MinMemoryMB: m.MinMemory, MinDiskGB: max(m.Requirements.MinDisk, min(set.DiskGB, 4)), Port: m.InternalPort(),
		Notes: SafeText(m.Notes.BeforeInstall, 0),
	}
	if m.Requirements.MinDisk == 0 {
		it.MinDiskGB = 0
	}
	for _, t := range m.Tags {
		it.Tags = append(it.Tags, SafeText(t, 32))
	}
	var compose struct {
		Services map[string]struct{ Image string }
		Volumes  map[string]any
	}
	if json.Unmarshal(m.DockerCompose, &compose) == nil {
		for _, s := range compose.Services {
			it.Images = append(it.Images, SafeText(s.Image, 120))
		}
		for v := range compose.Volumes {
			it.Volumes = append(it.Volumes, SafeText(v, 64))
		}
	}
	slices.Sort(it.Images)
	slices.Sort(it.Volumes)
	var pretty any
	if json.Unmarshal(m.DockerCompose, &pretty) == nil {
		b, _ := json.MarshalIndent(pretty, "", "  ")
		it.Recipe = string(b)
	}
	for _, f := range m.Fields {
		it.Fields = append(it.Fields, fieldView(m, f))
	}
	return it
}

func fieldView(m *catalog.Manifest, f catalog.Field) FieldView {
	v := FieldView{Key: f.Key, Label: cmp.Or(SafeText(f.Label, 40), f.Key), Help: SafeText(f.Help, 160), Type: f.Type, Required: f.Required,
		Generated: f.Generate != nil, Hidden: f.Hidden, Advanced: f.Advanced, Secret: m.Secret(f.Key)}
	if f.Default != nil {
		v.Default = SafeText(fmt.Sprint(f.Default), 0)
	}
	for _, o := range f.Options {
		v.Options = append(v.Options, o.Value)
	}
	return v
}
