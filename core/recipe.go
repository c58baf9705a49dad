package core

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"proximity/core/catalog"
	"proximity/store"
)

// recipe is what an app was deployed with: it stays so until the app is
// updated, whatever becomes of the catalogue.
type recipe struct {
	Manifest string            // key of the manifest among the kept ones; "" for an app older than this record
	Revision int               // of the manifest
	Version  string            // of the app
	Images   map[string]string // of the manifest, by service
	None     bool              // what runs inside came with a copy of an adopted container: nobody has a recipe for it
}

// othersMade says of an app that Proximity did not set up what runs inside: it was
// adopted, or is a copy of one that was.
func (a app) othersMade() bool { return a.Adopted || a.Recipe.None }

// keptManifest is a manifest that some app was deployed with.
type keptManifest struct {
	ID       string // SHA-256 of its JSON form
	Manifest *catalog.Manifest
}

func newManifestTable() *store.Table[keptManifest] {
	return store.NewTable("manifests", func(k keptManifest) string { return k.ID })
}

func (c *Core) loadManifests() error {
	return c.store.View(func(tx *store.Tx) error {
		for k, err := range c.manifestTable.All(tx) {
			if err != nil {
				return err
			}
			c.manifests.Store(k.ID, k.Manifest)
		}
		return nil
	})
}

// keepRecipe keeps a manifest for an app that runs by it.
func (c *Core) keepRecipe(tx *store.Tx, m *catalog.Manifest) (recipe, error) {
	doc, err := json.Marshal(m)
	if err != nil {
		return recipe{}, fmt.Errorf("keep the manifest of %s: %w", m.ID, err)
	}
	sum := sha256.Sum256(doc)
	r := recipe{Manifest: hex.EncodeToString(sum[:]), Revision: m.Revision, Version: m.Version, Images: m.Images()}
	err = c.manifestTable.Insert(tx, keptManifest{r.Manifest, m})
	var taken *store.TakenError
	if errors.As(err, &taken) {
		return r, nil
	}
	tx.OnCommit(func() { c.manifests.Store(r.Manifest, m) })
	return r, err
}

// manifestOf is the manifest an app runs by, with the images it runs; nil for
// an app of no recipe we know, as one that was adopted: what is said to be in
// it is a guess.
func (c *Core) manifestOf(a app) *catalog.Manifest {
	if a.othersMade() {
		return nil
	}
	if m, ok := c.manifests.Load(a.Recipe.Manifest); ok {
		return m.(*catalog.Manifest)
	}
	m, _ := c.catalogue.Load().Get(a.CatalogID)
	return m
}
