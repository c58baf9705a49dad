package catalog_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	catalogdata "proximity/catalog_data"
	"proximity/core/catalog"
)

// embeddedOnce is the catalogue inside the binary, and what is wrong with it. Manifests are never changed: tests share it.
var embeddedOnce = sync.OnceValues(func() (*catalog.Catalogue, []catalog.Problem) {
	return catalog.Load(context.Background(), catalog.Options{}, catalog.Embedded())
})

// embedded is the catalogue inside the binary.
func embedded(t testing.TB) *catalog.Catalogue {
	t.Helper()
	c, problems := embeddedOnce()
	for _, p := range problems {
		t.Error(p)
	}
	return c
}

func app(t testing.TB, c *catalog.Catalogue, id string) *catalog.Manifest {
	t.Helper()
	m, ok := c.Get(id)
	if !ok {
		t.Fatalf("%s is missing", id)
	}
	return m
}

// good is a sound manifest called id.
func good(t testing.TB, id string) []byte {
	t.Helper()
	raw, err := os.ReadFile("testdata/good.json")
	if err != nil {
		t.Fatal(err)
	}
	return []byte(strings.Replace(string(raw), `"id": "good"`, `"id": "`+id+`"`, 1))
}

// leastGiven is the least that a person must give.
func leastGiven(m *catalog.Manifest) catalog.Values {
	given := catalog.Values{}
	for _, f := range m.Fields {
		if f.Required && f.Generate == nil {
			given[f.Key] = f.Sample()
		}
	}
	return given
}

// Every app of ours keeps the rules that lint cannot know, and renders with the least that a person must give.
func TestEveryEmbeddedAppCanBeDeployed(t *testing.T) {
	c := embedded(t)
	if c.Len() < 5 {
		t.Fatalf("%d apps", c.Len())
	}
	for _, m := range c.All() {
		t.Run(m.ID, func(t *testing.T) {
			t.Parallel()
			if m.Origin != "embedded" || m.Schema != 2 || m.Tagline == "" || m.License == "" || m.Requirements.MinDisk == 0 || len(m.Arch) == 0 || len(m.Tags) == 0 {
				t.Errorf("incomplete: %+v", m)
			}
			checkReached(t, m)
			for _, s := range m.Services() {
				if m.Update.Track[s.Name].Tag == "" {
					t.Errorf("service %s has no update track", s.Name)
				}
			}
			values, err := m.Resolve(leastGiven(m))
			if err != nil {
				t.Fatal(err)
			}
			if err := m.Generate(values); err != nil {
				t.Fatal(err)
			}
			if again, err := m.Resolve(values); err != nil {
				t.Errorf("what is generated is not accepted: %v", err)
			} else if fmt.Sprint(again) != fmt.Sprint(values) {
				t.Errorf("resolving twice changes %v into %v", values, again)
			}
			files, err := m.Render(values, someBuiltins)
			if err != nil {
				t.Fatal(err)
			}
			checkRendered(t, files)
			if note := m.AfterInstall(values, someBuiltins); m.Access.Kind == "web" && !strings.Contains(note, someBuiltins.URL) || note == "" || strings.Contains(note, "{{") {
				t.Errorf("note: %q", note)
			}
		})
	}
}

// checkReached wants a way to the app, and a probe that looks at it.
func checkReached(t *testing.T, m *catalog.Manifest) {
	t.Helper()
	probe := m.Ready()
	if m.Access.Kind == "none" {
		if probe.Type != "compose-health" {
			t.Errorf("nobody reaches it, and its probe is %+v", probe)
		}
		return
	}
	if p := m.InternalPort(); p < 1024 {
		t.Errorf("listens on %d: published ports are 1024 or above", p)
	}
	if probe.Type != "tcp" && (probe.Type != "http" || !strings.HasPrefix(probe.Path, "/")) || probe.Port == 0 || probe.Timeout <= 0 {
		t.Errorf("probe %+v", probe)
	}
}

func TestMinifluxIsRead(t *testing.T) {
	m := app(t, embedded(t), "miniflux")
	if m.Update.Breaking[0].Action != "block" || m.Backup.Pre[0].Service != "db" || m.Notes.Credentials.UsernameField != "ADMIN_USERNAME" {
		t.Errorf("%+v", m)
	}
	if s := m.Services(); len(s) != 2 || s[1].Name != "db" || s[1].Image != "docker.io/library/postgres:17-alpine" {
		t.Errorf("%+v", s)
	}
	if m.OS() != "alpine" {
		t.Errorf("runs on %s", m.OS())
	}
}

func TestOversizedFileIsRefused(t *testing.T) {
	if p := lint("big.json", append(good(t, "big"), strings.Repeat(" ", 2<<20)...)); len(p) != 1 || !strings.Contains(p[0].Reason, "KB") {
		t.Errorf("%v", p)
	}
}

// The earlier format has none of the newer keys: its first port is the app's page.
func TestEarlierFormatKeepsItsMeaning(t *testing.T) {
	m, problems := catalog.Parse(t.Context(), "old.json", []byte(`{
		"id": "old", "name": "Old", "version": "1", "description": "", "icon": null, "category": "Tools",
		"docker_compose": {"services": {"web": {"image": "nginx:1.29", "ports": ["8080:80", "9000:9000"]}}},
		"ports": [8080], "volumes": [], "environment": {}, "min_memory": 256, "min_cpu": 1, "tags": [], "author": null, "website": null}`))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if m.Access.Kind != "web" || m.InternalPort() != 8080 || m.Revision != 1 || m.Status != "active" {
		t.Errorf("%+v", m)
	}
	if p := m.Ready(); p.Type != "http" || p.Port != 8080 || p.Path != "/" {
		t.Errorf("probe %+v", p)
	}
}

func TestPortsAreFoundThroughTheComposeFile(t *testing.T) {
	for _, c := range []struct {
		name, ports, access, ready string
		internal                   int
		probe                      catalog.Probe
	}{
		{"short form", `["8080:80"]`, `{"kind": "web", "port": 80}`, `{"type": "http", "port": 80}`, 8080, catalog.Probe{Type: "http", Port: 8080, Path: "/"}},
		{"long form", `[{"target": 80, "published": "8081"}]`, `{"kind": "web", "port": 80}`, `{"type": "tcp"}`, 8081, catalog.Probe{Type: "tcp", Port: 8081}},
		{"long form with a number", `[{"target": 80, "published": 8081}]`, `{"kind": "tcp", "port": 80}`, `{"type": "none"}`, 8081, catalog.Probe{Type: "none"}},
		{"with an address", `["0.0.0.0:8082:80/tcp"]`, `{"kind": "web", "port": 80, "path": "/ui"}`, `{"type": "http"}`, 8082, catalog.Probe{Type: "http", Port: 8082, Path: "/ui"}},
		{"range", `["9000-9002:9000-9002"]`, `{"kind": "tcp", "port": 9001}`, `{"type": "tcp"}`, 9001, catalog.Probe{Type: "tcp", Port: 9001}},
		{"published side given", `["8083:80"]`, `{"kind": "web", "port": 8083}`, `{"type": "compose-health"}`, 8083, catalog.Probe{Type: "compose-health"}},
		{"swapped ports", `["80:8080", "8080:80"]`, `{"kind": "web", "port": 80}`, `{"type": "tcp"}`, 8080, catalog.Probe{Type: "tcp", Port: 8080}},
		{"https", `["8443:443", "8080:80"]`, `{"kind": "web", "port": 443, "scheme": "https"}`, `{"type": "http"}`, 8443, catalog.Probe{Type: "http", Port: 8443, Path: "/", Scheme: "https"}},
		{"plain probe of an https app", `["8443:443", "8080:80"]`, `{"kind": "web", "port": 443, "scheme": "https"}`, `{"type": "http", "port": 80}`, 8443, catalog.Probe{Type: "http", Port: 8080, Path: "/"}},
		{"udp", `["53:53/udp"]`, `{"kind": "udp", "port": 53}`, `{"type": "none"}`, 0, catalog.Probe{Type: "none"}},
		{"none", `[]`, `{"kind": "none"}`, `{"type": "none"}`, 0, catalog.Probe{Type: "none"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, problems := catalog.Parse(t.Context(), "x.json", fmt.Appendf(nil, `{"id": "x", "name": "X", "version": "1", "description": "", "category": "Tools",
				"docker_compose": {"services": {"web": {"image": "nginx:1.29", "ports": %s}}}, "min_memory": 0, "min_cpu": 1, "access": %s, "ready": %s}`, c.ports, c.access, c.ready))
			if len(problems) > 0 {
				t.Fatal(problems)
			}
			if got := m.InternalPort(); got != c.internal {
				t.Errorf("internal port %d, want %d", got, c.internal)
			}
			if c.probe.Type == "http" && c.probe.Scheme == "" {
				c.probe.Scheme = "http"
			}
			c.probe.Timeout = 3 * time.Minute
			if got := m.Ready(); !reflect.DeepEqual(got, c.probe) {
				t.Errorf("probe %+v, want %+v", got, c.probe)
			}
		})
	}
}

func TestVariablesMayStandForNumbersAndSwitches(t *testing.T) {
	manifest(t, `{"key": "RO", "type": "boolean", "default": true}, {"key": "N", "type": "number", "default": 3}`, `{"A": "${N}"}, "read_only": "${RO}", "healthcheck": {"test": ["CMD", "true"], "retries": "${N}"}`, "")
}

func TestCatalogueIsSafeForConcurrentUse(t *testing.T) {
	c := embedded(t)
	var users sync.WaitGroup
	for range 8 {
		users.Go(func() {
			c.Search("git", "")
			c.All()[0] = nil
			c.Categories()[0].Name = "mine"
			lint("good.json", good(t, "good"))
		})
	}
	users.Wait()
	if c.All()[0] == nil || c.Categories()[0].Name == "mine" {
		t.Error("a caller changed the catalogue")
	}
}

// large is a catalogue of n apps, made of the embedded ones over and over.
func large(t testing.TB, n int) *catalog.Catalogue {
	t.Helper()
	ours := embedded(t).All()
	folder := fstest.MapFS{}
	for i := range n {
		m := ours[i%len(ours)]
		raw, err := catalogdata.FS.ReadFile(m.ID + ".json")
		if err != nil {
			t.Fatal(err)
		}
		name := fmt.Sprintf("%s-%d", m.ID, i)
		folder[name+".json"] = &fstest.MapFile{Data: []byte(strings.Replace(string(raw), `"id": "`+m.ID+`"`, `"id": "`+name+`"`, 1))}
	}
	c, problems := load(t, catalog.Source{FS: folder})
	if c.Len() != n {
		t.Fatal(problems)
	}
	return c
}

func BenchmarkSearch2000(b *testing.B) {
	c := large(b, 2000)
	for _, query := range []string{"g", "gitea", "vaultwraden", "database manager", "zzzzzzz"} {
		b.Run(query, func(b *testing.B) {
			for b.Loop() {
				c.Search(query, "")
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add(good(f, "good"))
	for _, id := range []string{"adminer", "gitea", "miniflux"} {
		raw, err := catalogdata.FS.ReadFile(id + ".json")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Add([]byte(`{"id": "x"`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, problems := catalog.Parse(t.Context(), "", raw)
		if (m == nil) != (len(problems) > 0) {
			t.Fatalf("manifest %v with problems %v", m, problems)
		}
		if m == nil {
			return
		}
		m.InternalPort()
		m.Ready()
		values, err := m.Resolve(nil)
		if err != nil {
			return // it asks for something that only a person knows
		}
		if err := m.Generate(values); err != nil {
			t.Fatal(err)
		}
		files, err := m.Render(values, someBuiltins)
		if err != nil {
			t.Fatal(err)
		}
		checkRendered(t, files)
		m.AfterInstall(values, someBuiltins)
	})
}

// A foreign compose file may hold anything: it must be judged, never bring the program down.
func FuzzCompose(f *testing.F) {
	var whole struct {
		Compose json.RawMessage `json:"docker_compose"`
	}
	for _, raw := range [][]byte{good(f, "good"), []byte(`{"docker_compose": {"services": {"a": {"image": "a:1", "extends": "b", "depends_on": ["a"], "ports": [{"target": "x"}]}}}}`)} {
		if err := json.Unmarshal(raw, &whole); err != nil {
			f.Fatal(err)
		}
		f.Add([]byte(whole.Compose))
	}
	f.Fuzz(func(t *testing.T, compose []byte) {
		if !json.Valid(compose) {
			return
		}
		lint("", fmt.Appendf(nil, `{"id": "x", "name": "X", "version": "1", "description": "", "category": "Tools", "min_memory": 0, "min_cpu": 1, "docker_compose": %s}`, compose))
	})
}
