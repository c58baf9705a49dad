package catalog_test

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"proximity/core/catalog"
)

var update = flag.Bool("update", false, "write what lint says now into testdata/bad/*.want, to be read before it is committed")

// lint is what is wrong with a manifest.
func lint(file string, raw []byte) []catalog.Problem {
	_, problems := catalog.Parse(context.Background(), file, raw)
	return problems
}

// Each testdata/bad/*.json is good.json with one fault; the .want beside it holds what an author is told.
func TestBadManifestsAreExplained(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no corpus: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var got bytes.Buffer
			for _, p := range lint(filepath.Base(file), raw) {
				got.WriteString(p.Error() + "\n")
			}
			if got.Len() == 0 {
				t.Fatal("it passes")
			}
			wantFile := strings.TrimSuffix(file, ".json") + ".want"
			if *update {
				if err := os.WriteFile(wantFile, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(wantFile)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got.String()); diff != "" {
				t.Errorf("problems differ (-want +got):\n%s", diff)
			}
		})
	}
}

func TestGoodManifestHasNoProblem(t *testing.T) {
	raw, err := os.ReadFile("testdata/good.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range lint("good.json", raw) {
		t.Error(p)
	}
}
