// Package catalog knows the apps one can deploy: it loads and checks their manifests, searches them, and renders what a deployment needs.
package catalog

import (
	"context"
	"io/fs"

	catalogdata "proximity/catalog_data"
)

// Source is a place manifests come from: *.json files at the top of FS.
type Source struct {
	Name string
	FS   fs.FS
}

// Embedded is the catalogue inside the binary.
func Embedded() Source { return Source{Name: "embedded", FS: catalogdata.FS} }

// Catalogue is an immutable set of manifests, safe for concurrent use.
type Catalogue struct{}

// Category is a group of apps.
type Category struct {
	Name  string
	Count int
}

// Load reads and checks every manifest of sources. A bad file is reported and skipped; the others load.
// The first source that brings an id keeps it.
func Load(ctx context.Context, sources ...Source) (*Catalogue, []Problem) { return &Catalogue{}, nil }

// Get finds an app by id.
func (c *Catalogue) Get(id string) (*Manifest, bool) { return nil, false }

// All lists the apps by lower-case name.
func (c *Catalogue) All() []*Manifest { return nil }

// Len is the number of apps.
func (c *Catalogue) Len() int { return 0 }

// Search lists the apps that match query, best first, within category if one is given.
func (c *Catalogue) Search(query, category string) []*Manifest { return nil }

// Categories lists the categories by name.
func (c *Catalogue) Categories() []Category { return nil }

// Suggest lists ids close to a mistyped one, nearest first.
func (c *Catalogue) Suggest(id string) []string { return nil }
