package main

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The table of docs/catalogue.md says what the manifests say.
func TestTableIsFresh(t *testing.T) {
	text, err := os.ReadFile("../catalogue.md")
	if err != nil {
		t.Fatal(err)
	}
	fresh, err := insert(string(text))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(text), fresh); diff != "" {
		t.Errorf("run `go generate ./docs/...` (-is +should be):\n%s", diff)
	}
}

func TestTextWithoutItsPlaceIsRefused(t *testing.T) {
	for _, text := range []string{"", begin, end, end + begin} {
		if _, err := insert(text); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}
