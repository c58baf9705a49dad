package core

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"

	"proximity/core/catalog"
)

// CatalogueItem is an app that can be deployed, as its manifest describes it.
type CatalogueItem struct {
	ID            string      `json:"id"`
	Name          string      `json:"name"`
	Version       string      `json:"version"`
	Revision      int         `json:"revision"` // of the manifest
	Tagline       string      `json:"tagline"`
	Description   string      `json:"description"`
	Category      string      `json:"category"`
	Tags          []string    `json:"tags,omitempty"`
	Status        string      `json:"status"`                // active, beta, deprecated, broken
	Deprecated    string      `json:"deprecated,omitempty"`  // why it should no longer be deployed
	ReplacedBy    string      `json:"replaced_by,omitempty"` // id of what to deploy instead
	License       string      `json:"license,omitempty"`
	Author        string      `json:"author,omitempty"`
	Icon          string      `json:"icon,omitempty"` // an address on the internet
	Website       string      `json:"website,omitempty"`
	OS            string      `json:"os"`
	Arch          []string    `json:"arch,omitempty"`
	MinCores      int         `json:"min_cpu"`
	MinMemoryMB   int         `json:"min_memory"`
	MinDiskGB     int         `json:"min_disk"`
	RecommendedMB int         `json:"recommended_memory,omitempty"`
	Needs         []string    `json:"needs,omitempty"` // what is beyond an ordinary container: "tun", "cpu avx"
	Access        string      `json:"access"`          // how people reach it: web, tcp, udp, none
	NeedsHTTPS    bool        `json:"needs_https,omitempty"`
	Port          int         `json:"port,omitempty"` // inside the container
	Images        []string    `json:"images"`
	Volumes       []string    `json:"volumes,omitempty"`
	Fields        []FieldView `json:"fields,omitempty"`
	Notes         string      `json:"notes,omitempty"`     // before install
	Origin        string      `json:"origin"`              // "embedded", or the folder it comes from
	Overrides     string      `json:"overrides,omitempty"` // the origin of the app of this id whose place it takes
	Stale         bool        `json:"stale,omitempty"`     // its file cannot be read any more: this is what it said before
	Recipe        string      `json:"-"`                   // the compose file, for reading
}

// FieldView is one question of the deploy form.
type FieldView struct {
	Key       string            `json:"key"`
	Label     string            `json:"label"`
	Help      string            `json:"help,omitempty"`
	Type      string            `json:"type"`           // string text password number boolean email url host port timezone select
	Rule      string            `json:"rule,omitempty"` // what is taken: "a number from 5 to 1440"
	Default   string            `json:"default,omitempty"`
	Required  bool              `json:"required,omitempty"`
	Generated bool              `json:"generated,omitempty"` // made when left empty
	Hidden    bool              `json:"hidden,omitempty"`
	Advanced  bool              `json:"advanced,omitempty"`
	Immutable bool              `json:"immutable,omitempty"` // fixed once the app is installed
	Secret    bool              `json:"secret,omitempty"`
	Options   []FieldOption     `json:"options,omitempty"` // of a select
	When      map[string]string `json:"when,omitempty"`    // it matters only while these fields have these values
}

// FieldOption is one choice of a select.
type FieldOption struct {
	Value string `json:"value"`
	Label string `json:"label"`
}

// Matters reports whether the field matters while the others have these values.
func (f FieldView) Matters(values func(key string) string) bool {
	for key, want := range f.When {
		if values(key) != want {
			return false
		}
	}
	return true
}

// CategoryView is a category and how many items it holds.
type CategoryView struct {
	Name  string `json:"name"`
	Count int    `json:"count"`
}

func itemOf(m *catalog.Manifest) CatalogueItem {
	it := CatalogueItem{
		ID: m.ID, Name: SafeText(m.Name, 64), Version: SafeText(m.Version, 32), Revision: m.Revision, Tagline: SafeText(m.Tagline, 80), Description: SafeText(m.Description, 0),
		Category: SafeText(m.Category, 40), Tags: safeTexts(m.Tags, 32), Status: m.Status, License: SafeText(m.License, 40), Author: SafeText(m.Author, 80), Icon: SafeText(m.Icon, 200), Website: SafeText(m.Website, 200), OS: m.OS(), Arch: m.Arch,
		MinCores: m.MinCPU, MinMemoryMB: m.MinMemory, MinDiskGB: m.Requirements.MinDisk, RecommendedMB: m.Requirements.RecommendedMemory, Needs: safeTexts(m.Needs(), 40),
		Access: m.Access.Kind, NeedsHTTPS: m.Access.NeedsHTTPS, Port: m.InternalPort(), Volumes: safeTexts(m.VolumeNames(), 64),
		Notes: SafeText(m.Notes.BeforeInstall, 0), Origin: SafeText(m.Origin, 200), Overrides: SafeText(m.Overrides, 200), Stale: m.Stale,
	}
	if d := m.Deprecated; d != nil {
		it.Deprecated, it.ReplacedBy = SafeText(d.Reason, 200), SafeText(d.ReplacedBy, 64)
	}
	for _, s := range m.Services() {
		it.Images = append(it.Images, SafeText(s.Image, 120))
	}
	slices.Sort(it.Images)
	it.Images = slices.Compact(it.Images)
	var recipe bytes.Buffer
	if json.Indent(&recipe, m.DockerCompose, "", "  ") == nil {
		it.Recipe = recipe.String()
	}
	for _, f := range m.Fields {
		it.Fields = append(it.Fields, fieldView(m, f))
	}
	return it
}

func safeTexts(all []string, max int) []string {
	var out []string
	for _, s := range all {
		out = append(out, SafeText(s, max))
	}
	return out
}

func fieldView(m *catalog.Manifest, f catalog.Field) FieldView {
	v := FieldView{Key: f.Key, Label: SafeText(f.Label, 40), Help: SafeText(f.Help, 160), Type: f.Type, Rule: SafeText(f.Rule(), 160), Required: f.Required,
		Generated: f.Generate != nil, Hidden: f.Hidden, Advanced: f.Advanced, Immutable: f.Immutable, Secret: m.Secret(f.Key)}
	if value, is := f.DefaultValue(); is {
		v.Default = SafeText(value, 0)
	}
	for _, o := range f.Options {
		v.Options = append(v.Options, FieldOption{SafeText(o.Value, 64), SafeText(cmp.Or(o.Label, o.Value), 64)})
	}
	if len(f.When) > 0 {
		v.When = f.Conditions()
	}
	return v
}
