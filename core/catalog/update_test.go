package catalog_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"proximity/core/catalog"
)

func TestTheNewestTagThatIsFollowed(t *testing.T) {
	m := &catalog.Manifest{Update: catalog.Update{Track: map[string]catalog.Track{
		"app": {Tag: `^2\.\d+\.\d+$`}, "db": {Tag: `^17(\.\d+)?-alpine$`}, "v": {Tag: `^v3\.\d+\.\d+$`}, "hash": {Tag: `^20\d\d\.\d+\.\d+-[0-9a-f]{7}$`}, "bad": {Tag: `(`},
	}}}
	for _, c := range []struct {
		service, present, want string
		tags                   []string
	}{
		{"app", "2.2.13", "2.10.1", []string{"latest", "2.2.13", "2.2.9", "2.9.0", "2.10.1", "2.10.1-alpine", "3.0.0", "2.10"}},
		{"app", "2.2.13", "", []string{"latest", "2.2.13", "3.0.0"}},
		{"app", "latest", "", []string{"2.3.0"}},
		{"db", "17-alpine", "", []string{"17.2-alpine", "18-alpine", "17-alpine"}}, // 17 moves by itself, 18 is held back
		{"db", "17.2-alpine", "17.4-alpine", []string{"17-alpine", "17.4-alpine", "18.1-alpine", "17.3-alpine"}},
		{"v", "v3.9.1", "v3.10.0", []string{"v3.10.0", "3.11.0", "v4.0.0"}},
		{"hash", "2026.1.2-0a1b2c3", "2026.2.0-fedcba9", []string{"2026.2.0-fedcba9", "2026.1.2-1111111"}},
		{"unfollowed", "1.0", "", []string{"2.0"}},
		{"bad", "1.0", "", []string{"2.0"}},
	} {
		if got := m.NewestTag(c.service, c.present, c.tags); got != c.want {
			t.Errorf("%s at %s: %q, want %q", c.service, c.present, got, c.want)
		}
	}
}

func TestBreakingStepsAreRecognised(t *testing.T) {
	for _, c := range []struct {
		from, to string // of the entry
		was, is  string
		want     bool
	}{
		{"", ">=18", "17.2-alpine", "18.1-alpine", true},
		{"", ">=18", "18.1-alpine", "18.2-alpine", false}, // that step has been taken
		{"", ">=18", "17.2-alpine", "17.4-alpine", false},
		{"", ">=18", "latest", "18", true},
		{"2026.8", ">=2026.9", "2026.8.3", "2026.9.0", true},
		{"2026.8", ">=2026.9", "2026.7.3", "2026.9.0", false},
		{"<3", ">=4", "2.1", "4.0", true},
		{"", ">=11.8", "11.4.3", "11.8", true},
		{"", ">=11.8", "11.4", "12", true},
		{"", "", "1.0", "1.1", true},
		{"", ">=4", "3.9", "nightly", true},
	} {
		if got := (catalog.Breaking{From: c.from, To: c.to}).Concerns(c.was, c.is); got != c.want {
			t.Errorf("from %q to %q, step %s to %s: %v", c.from, c.to, c.was, c.is, got)
		}
	}
}

func TestImagesAreTakenApartAndReplaced(t *testing.T) {
	for image, want := range map[string][2]string{
		"nginx": {"docker.io/library/nginx", ""}, "nginx:1.29": {"docker.io/library/nginx", "1.29"}, "gitea/gitea:1.24": {"docker.io/gitea/gitea", "1.24"},
		"ghcr.io/a/b:v1": {"ghcr.io/a/b", "v1"}, "localhost:5000/a/b": {"localhost:5000/a/b", ""}, "localhost/a:2": {"localhost/a", "2"}, "a/b@sha256:00": {"docker.io/a/b@sha256:00", ""},
	} {
		if repository, tag := catalog.Repository(image), catalog.TagOf(image); repository != want[0] || tag != want[1] {
			t.Errorf("%s: %s %s", image, repository, tag)
		}
	}
	m := app(t, embedded(t), "miniflux")
	other, err := m.WithImages(map[string]string{"app": "docker.io/miniflux/miniflux:9.9.9", "nobody": "x"})
	if err != nil {
		t.Fatal(err)
	}
	if got := other.Images(); got["app"] != "docker.io/miniflux/miniflux:9.9.9" || got["db"] != m.Images()["db"] {
		t.Errorf("the images are %v", got)
	}
	if same, err := m.WithImages(m.Images()); err != nil || same != m {
		t.Errorf("with its own images it is another manifest: %v", err)
	}
	for _, m := range embedded(t).All() { // nothing else moves
		want, images := string(m.DockerCompose), map[string]string{}
		for service, image := range m.Images() {
			images[service] = "new/" + service + ":\"1\""
			old, _ := json.Marshal(image)
			to, _ := json.Marshal(images[service])
			if strings.Count(want, `"image": `+string(old)) != 1 { // of two services: which is which does not show here
				images = nil
				break
			}
			want = strings.Replace(want, `"image": `+string(old), `"image": `+string(to), 1)
		}
		if other, err := m.WithImages(images); err != nil || images != nil && string(other.DockerCompose) != want {
			t.Errorf("%s, %v:\n%s\nwant\n%s", m.ID, err, other.DockerCompose, want)
		}
	}
}

// An app keeps the manifest it was deployed with as JSON: nothing that matters may get lost on the way.
func TestManifestsSurviveBeingKept(t *testing.T) {
	for _, m := range embedded(t).All() {
		doc, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		var kept catalog.Manifest
		if err := json.Unmarshal(doc, &kept); err != nil {
			t.Fatal(err)
		}
		again, _ := json.Marshal(&kept)
		if !bytes.Equal(doc, again) {
			t.Errorf("%s changes by being kept", m.ID)
		}
		values, err := m.Resolve(leastGiven(m))
		if err == nil {
			err = m.Generate(values)
		}
		if err != nil {
			t.Fatal(err)
		}
		a, errA := m.Render(values, catalog.Builtins{Instance: "x"})
		b, errB := kept.Render(values, catalog.Builtins{Instance: "x"})
		if errA != nil || errB != nil || len(a) != len(b) {
			t.Fatal(m.ID, errA, errB)
		}
		for i := range a {
			if a[i].Path != b[i].Path || !sameDocument(a[i].Content, b[i].Content) {
				t.Errorf("%s renders another %s", m.ID, a[i].Path)
			}
		}
	}
}

// sameDocument reports whether two files say the same: being kept may write & as \u0026 in JSON.
func sameDocument(a, b []byte) bool {
	var x, y any
	if json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil {
		return reflect.DeepEqual(x, y)
	}
	return bytes.Equal(a, b)
}
