package catalog_test

import (
	"testing"

	"proximity/core/catalog"
)

func TestEveryEmbeddedManifestIsSound(t *testing.T) {
	c, problems := catalog.Load(t.Context(), catalog.Embedded())
	for _, p := range problems {
		t.Error(p)
	}
	for _, id := range []string{"adminer", "uptime-kuma", "gitea", "vaultwarden", "miniflux"} {
		if _, ok := c.Get(id); !ok {
			t.Errorf("%s is missing", id)
		}
	}
}

func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		catalog.Load(b.Context(), catalog.Embedded())
	}
}
