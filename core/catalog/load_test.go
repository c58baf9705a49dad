package catalog_test

import (
	"context"
	"io/fs"
	"os"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	catalogdata "proximity/catalog_data"
	"proximity/core/catalog"
)

// load loads sources without options.
func load(t testing.TB, sources ...catalog.Source) (*catalog.Catalogue, []catalog.Problem) {
	t.Helper()
	return catalog.Load(t.Context(), catalog.Options{}, sources...)
}

// folder is a source of files.
func folder(name string, files map[string][]byte) catalog.Source {
	fsys := fstest.MapFS{}
	for file, raw := range files {
		fsys[file] = &fstest.MapFile{Data: raw}
	}
	return catalog.Source{Name: name, FS: fsys}
}

// text is all problems, a line each.
func text(problems []catalog.Problem) string {
	var b strings.Builder
	for _, p := range problems {
		b.WriteString(p.Error() + "\n")
	}
	return b.String()
}

func broken(t testing.TB, id string) []byte {
	t.Helper()
	return []byte(strings.Replace(string(good(t, id)), `"min_cpu": 1`, `"min_cpu": "1"`, 1))
}

func TestBadFileIsReportedAndTheOthersLoad(t *testing.T) {
	c, problems := load(t, folder("/srv/apps", map[string][]byte{
		"one.json":        good(t, "one"),
		"two.json":        broken(t, "two"),
		"README.md":       []byte("not a manifest"),
		"folder/four.txt": []byte("not a manifest"),
		"five.json/x":     []byte("a folder with the name of a file"),
	}))
	if m := app(t, c, "one"); c.Len() != 1 || m.Origin != "/srv/apps" {
		t.Errorf("%d apps, origin %q", c.Len(), m.Origin)
	}
	if got := text(problems); got != "/srv/apps/five.json: cannot be read: it is no file\n/srv/apps/two.json: min_cpu: must be integer, is string\n" {
		t.Errorf("problems: %s", got)
	}
}

// A folder may hold anything: what is read of it is bounded, and nothing waits for it.
func TestHostileFolderNeitherHangsNorFills(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mkfifo(dir+"/pipe.json", 0o600); err != nil {
		t.Skip(err)
	}
	if err := os.Symlink("/dev/zero", dir+"/zero.json"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/big.json", append(good(t, "big"), strings.Repeat(" ", 2<<20)...), 0o600); err != nil {
		t.Fatal(err)
	}
	c, problems := load(t, catalog.Source{Name: "x", FS: os.DirFS(dir)})
	if c.Len() != 0 || text(problems) != "x/big.json: the file is too large: a manifest has at most 1024 KB\nx/pipe.json: cannot be read: it is no file\nx/zero.json: cannot be read: it is no file\n" {
		t.Errorf("%d apps\n%s", c.Len(), text(problems))
	}
}

func TestEmbeddedAppIsOverriddenOnlyWhereAllowed(t *testing.T) {
	ours := folder("embedded", map[string][]byte{"gitea.json": good(t, "gitea")})
	mine := folder("mine", map[string][]byte{"gitea.json": good(t, "gitea"), "mine.json": good(t, "mine")})
	other := folder("other", map[string][]byte{"mine.json": good(t, "mine")})

	c, problems := load(t, ours, mine, other)
	if m := app(t, c, "gitea"); m.Origin != "embedded" || m.Overrides != "" {
		t.Errorf("gitea comes from %s", m.Origin)
	}
	if m := app(t, c, "mine"); m.Origin != "mine" {
		t.Errorf("mine comes from %s", m.Origin)
	}
	want := "mine/gitea.json: id: gitea is in the embedded catalogue already, which is kept: rename it, or allow it with --catalog-override gitea\n" +
		"other/mine.json: id: mine is in the catalogue already, from mine\n"
	if text(problems) != want {
		t.Errorf("problems:\n%s", text(problems))
	}

	c, problems = catalog.Load(t.Context(), catalog.Options{Override: []string{"gitea"}}, ours, mine)
	if m := app(t, c, "gitea"); m.Origin != "mine" || m.Overrides != "embedded" || len(problems) > 0 {
		t.Errorf("gitea comes from %s: %v", m.Origin, problems)
	}

	// A broken override leaves the embedded app, and a typing error in its name is told.
	c, problems = catalog.Load(t.Context(), catalog.Options{Override: []string{"gitea", "giteo"}}, ours, folder("mine", map[string][]byte{"gitea.json": broken(t, "gitea")}))
	if m := app(t, c, "gitea"); m.Origin != "embedded" {
		t.Errorf("gitea comes from %s", m.Origin)
	}
	for _, want := range []string{"mine/gitea.json: min_cpu: must be integer", "gitea: is to be overridden, but no folder brings a sound gitea.json", "giteo: is to be overridden"} {
		if !strings.Contains(text(problems), want) {
			t.Errorf("no word of %q:\n%s", want, text(problems))
		}
	}
}

// freshStart is the embedded catalogue as a new process finds it: nothing of it has been read yet.
func freshStart() catalog.Source {
	return catalog.Source{Name: "embedded", FS: struct{ fs.FS }{catalogdata.FS}}
}

func TestReloadKeepsWhatBroke(t *testing.T) {
	at := folder("apps", map[string][]byte{"one.json": good(t, "one"), "two.json": good(t, "two"), "three.json": good(t, "three")})
	before, problems := load(t, at)
	if before.Len() != 3 || len(problems) > 0 {
		t.Fatal(problems)
	}
	again := func(before *catalog.Catalogue, files map[string][]byte) (*catalog.Catalogue, string) {
		c, problems := catalog.Load(t.Context(), catalog.Options{Before: before}, folder("apps", files))
		return c, text(problems)
	}
	// One breaks, one goes, one comes.
	after, said := again(before, map[string][]byte{"one.json": good(t, "one"), "two.json": broken(t, "two"), "four.json": good(t, "four")})
	if ids(after.All()) != "four one two" || said != "apps/two.json: min_cpu: must be integer, is string\n" {
		t.Errorf("%s\n%s", ids(after.All()), said)
	}
	if !app(t, after, "two").Stale || app(t, after, "one").Stale || app(t, before, "two").Stale {
		t.Error("only the broken one of the new catalogue is stale")
	}
	// It stays as long as it is broken, and is fresh once mended.
	after, _ = again(after, map[string][]byte{"two.json": []byte("{")})
	if ids(after.All()) != "two" || !app(t, after, "two").Stale {
		t.Error(ids(after.All()))
	}
	after, said = again(after, map[string][]byte{"two.json": good(t, "two")})
	if app(t, after, "two").Stale || said != "" {
		t.Error(said)
	}
	// The whole folder goes away, an unmounted disk say.
	after, problems = catalog.Load(t.Context(), catalog.Options{Before: before}, catalog.Source{Name: "apps", FS: os.DirFS("testdata/nowhere")})
	if ids(after.All()) != "one three two" || len(problems) != 1 || problems[0].File != "apps" {
		t.Errorf("%s %v", ids(after.All()), problems)
	}
}

func TestMissingFolderIsAProblem(t *testing.T) {
	c, problems := load(t, catalog.Source{Name: "/nowhere", FS: os.DirFS("testdata/nowhere")})
	if c.Len() != 0 || len(problems) != 1 || problems[0].File != "/nowhere" {
		t.Errorf("%d apps, problems %v", c.Len(), problems)
	}
	if c, problems := load(t, folder("empty", nil)); c.Len() != 0 || len(problems) != 0 {
		t.Errorf("empty folder: %v", problems)
	}
}

func TestLoadStopsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if c, problems := catalog.Load(ctx, catalog.Options{}, catalog.Embedded()); c.Len() != 0 || len(problems) == 0 {
		t.Errorf("%d apps and %d problems after the end", c.Len(), len(problems))
	}
}

// What passed once is not checked again, and makes the very same catalogue.
func TestSoundFilesPassTheSecondTime(t *testing.T) {
	first := embedded(t)
	second, problems := catalog.Load(t.Context(), catalog.Options{Passed: first.Passed()}, freshStart())
	if len(problems) > 0 || second.Len() != first.Len() {
		t.Fatalf("%d apps instead of %d: %v", second.Len(), first.Len(), problems)
	}
	for _, a := range first.All() {
		if b := app(t, second, a.ID); !reflect.DeepEqual(a, b) {
			t.Errorf("%s is another app the second time", a.ID)
		}
	}
	if len(second.Passed()) != len(first.Passed()) {
		t.Errorf("%d instead of %d pass the next time", len(second.Passed()), len(first.Passed()))
	}
}

// What is remembered counts for this content under this name alone; nonsense counts for nothing.
func TestWrongMemoryDoesNoHarm(t *testing.T) {
	sound, _ := load(t, folder("a", map[string][]byte{"one.json": good(t, "one")}))
	passed := sound.Passed()
	passed["nonsense"], passed[""] = true, true
	c, problems := catalog.Load(t.Context(), catalog.Options{Passed: passed}, folder("a", map[string][]byte{
		"two.json":   good(t, "one"), // the same content, misnamed
		"three.json": broken(t, "three"),
		"four.json":  []byte("{"),
	}))
	if c.Len() != 0 || len(problems) != 3 {
		t.Errorf("%d apps, %s", c.Len(), text(problems))
	}
}

func TestFolderIsChecked(t *testing.T) {
	at := folder("apps", map[string][]byte{"one.json": good(t, "one"), "two.json": broken(t, "two")})
	if n, problems := catalog.Check(t.Context(), at); n != 2 || text(problems) != "apps/two.json: min_cpu: must be integer, is string\n" {
		t.Errorf("%d files, %s", n, text(problems))
	}
	if n, problems := catalog.Check(t.Context(), at, "one.json"); n != 1 || len(problems) > 0 {
		t.Errorf("%d files, %s", n, text(problems))
	}
	if _, problems := catalog.Check(t.Context(), at, "none.json"); len(problems) != 1 || !strings.Contains(problems[0].Reason, fs.ErrNotExist.Error()) {
		t.Error(text(problems))
	}
	if _, problems := catalog.Check(t.Context(), catalog.Source{Name: "/nowhere", FS: os.DirFS("testdata/nowhere")}); len(problems) != 1 {
		t.Error(text(problems))
	}
}

// A new manifest has nothing wrong but what its author has to decide.
func TestScaffoldLeavesOnlyDecisions(t *testing.T) {
	raw, err := catalog.Scaffold("my-app")
	if err != nil {
		t.Fatal(err)
	}
	var open []string
	for _, p := range lint("my-app.json", raw) {
		open = append(open, p.Path)
	}
	if got := strings.Join(open, " "); got != "docker_compose.services.app.image version tagline description category" {
		t.Errorf("to decide: %s", got)
	}
	decided := strings.NewReplacer("CHANGE-ME", "1.2.3", `"CHANGE ME`, `"`).Replace(string(raw))
	for _, p := range lint("my-app.json", []byte(decided)) {
		t.Error(p)
	}
	for _, id := range []string{"", "-x", "My", `a"b`, "reload", strings.Repeat("x", 64)} {
		if _, err := catalog.Scaffold(id); err == nil {
			t.Errorf("%q is taken as an id", id)
		}
	}
}

func BenchmarkLoad(b *testing.B) {
	for _, second := range []bool{false, true} {
		name := "first start"
		var o catalog.Options
		if second {
			name, o.Passed = "second start", embedded(b).Passed()
		}
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if c, problems := catalog.Load(b.Context(), o, freshStart()); len(problems) > 0 {
					b.Fatal(c.Len(), problems)
				}
			}
			b.ReportMetric(float64(embedded(b).Len()), "apps")
		})
	}
}

// Whatever lies in a folder, the others load, and no memory of what passed changes that.
func FuzzLoad(f *testing.F) {
	f.Add("x.json", good(f, "x"))
	f.Add("x.json", []byte("{"))
	f.Add("one.json", good(f, "one"))
	f.Add("../x.json", []byte(`{"id": "x"}`))
	f.Fuzz(func(t *testing.T, name string, raw []byte) {
		if !fs.ValidPath(name) || name == "." || strings.HasPrefix(name, "one.json/") {
			return
		}
		source := folder("apps", map[string][]byte{"one.json": good(t, "one"), name: raw})
		c, problems := load(t, source)
		if _, ok := c.Get("one"); !ok && name != "one.json" {
			t.Fatalf("one is gone: %v", problems)
		}
		again, _ := catalog.Load(t.Context(), catalog.Options{Before: c, Passed: c.Passed()}, source)
		if ids(again.All()) != ids(c.All()) {
			t.Fatalf("%s, then %s", ids(c.All()), ids(again.All()))
		}
	})
}
