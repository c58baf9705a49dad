package core

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"proximity/core/catalog"
	"proximity/pvesim"
	"proximity/store"
)

// small is a manifest of few words.
func small(id, more string) string {
	return fmt.Sprintf(`{"id": %q, "name": %q, "version": "1.0", "description": "", "category": "Test", "min_memory": 128, "min_cpu": 1,
		"docker_compose": {"services": {"app": {"image": "example/app:1.0", "ports": ["8080:80"]%s}}}, "ports": [8080]}`, id, strings.ToUpper(id), more)
}

// ownFolder is a configuration with a folder of manifests, and what writes to it.
func ownFolder(t *testing.T) (Config, func(file, text string)) {
	t.Helper()
	dir := t.TempDir()
	cfg := testConfig(t.TempDir())
	cfg.Catalogue = []catalog.Source{{Name: "mine", FS: os.DirFS(dir)}}
	return cfg, func(file, text string) {
		t.Helper()
		err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600)
		if text == "" {
			err = os.Remove(filepath.Join(dir, file))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestAdminsReloadTheCatalogue(t *testing.T) {
	t.Parallel()
	cfg, write := ownFolder(t)
	write("one.json", small("one", ""))
	write("two.json", small("two", ""))
	write("gone.json", small("gone", ""))
	r := openRig(t, cfg)
	embedded := len(r.Catalogue("", "")) - 3
	seen := r.World(admin).Catalogue

	write("one.json", small("one", `, "restart": "always"`))
	write("two.json", small("two", `, "prots": []`))
	write("three.json", small("three", ""))
	write("gone.json", "")
	for _, role := range []Role{RoleOperator, RoleUser, RoleViewer, ""} {
		if _, err := r.ReloadCatalogue(t.Context(), Actor{User: "ann", Role: role}); !errors.Is(err, ErrDenied) {
			t.Errorf("a reload by %q: %v", role, err)
		}
	}
	if _, err := r.CatalogueItem("three"); !errors.Is(err, ErrNotFound) {
		t.Errorf("reloaded by who may not: %v", err)
	}
	done, err := r.ReloadCatalogue(t.Context(), admin)
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprint(done.Added, done.Changed, done.Removed, done.Stale, done.Problems)
	if want := `[three] [one] [gone] [two] [mine/two.json: docker_compose.services.app.prots: unknown key: compose has no "prots" here]`; got != want || done.Apps != embedded+3 {
		t.Errorf("%d apps, %s", done.Apps, got)
	}
	if it, err := r.CatalogueItem("two"); err != nil || !it.Stale || it.Origin != "mine" {
		t.Errorf("the broken one is %+v, %v", it, err)
	}
	r.until("consoles are told", func() bool { return r.World(admin).Catalogue != seen })

	// A reload that is given up changes nothing.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	write("four.json", small("four", ""))
	if _, err := r.ReloadCatalogue(ctx, admin); !errors.Is(err, context.Canceled) {
		t.Errorf("given up: %v", err)
	}
	if n := len(r.Catalogue("", "")); n != embedded+3 {
		t.Errorf("%d apps after a reload that was given up", n)
	}
	audit := r.audited(t, "catalog.reload")
	if len(audit) != 6 || audit[4].User != "admin" || audit[4].Result != "ok" || !strings.HasSuffix(audit[4].Detail, "1 added, 1 changed, 1 removed, 1 unreadable and kept as before, 1 problem") {
		t.Errorf("the audit has %+v", audit)
	}
}

// audited are the audit's records of an action, oldest first.
func (r *rig) audited(t *testing.T, action string) []auditRecord {
	t.Helper()
	var found []auditRecord
	err := r.store.View(func(tx *store.Tx) error {
		for a, err := range r.auditTable.All(tx) {
			if err != nil {
				return err
			}
			if a.Action == action {
				found = append(found, a)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// What was sound at the last start is not checked again: the record of it fits what is there.
func TestSecondStartRemembersWhatWasSound(t *testing.T) {
	t.Parallel()
	cfg, write := ownFolder(t)
	write("one.json", small("one", ""))
	write("two.json", small("two", `, "prots": []`))
	r := openRig(t, cfg)
	n := len(r.Catalogue("", ""))
	r.stop()

	r = openRig(t, cfg)
	if passed := r.passedManifests(); len(passed) != n || len(r.Catalogue("", "")) != n {
		t.Errorf("%d of %d manifests are remembered", len(passed), n)
	}
	if err := r.keepPassed(catalog.Passed{"nonsense": true}); err != nil {
		t.Fatal(err)
	}
	r.stop()
	write("two.json", small("two", ""))

	r = openRig(t, cfg)
	if passed := r.passedManifests(); len(passed) != n+1 || passed["nonsense"] || len(r.Catalogue("", "")) != n+1 {
		t.Errorf("%d of %d manifests are remembered", len(passed), n+1)
	}
}

func TestItemsFitWhereThereIsRoom(t *testing.T) {
	t.Parallel()
	it := CatalogueItem{MinMemoryMB: 2048, MinDiskGB: 20}
	got := it.FitsOn([]NodeView{
		{Host: "lab", Name: "roomy", State: "online", FreeMB: 2048, FreeDiskGB: 20, FreeStorage: "zfs"},
		{Host: "lab", Name: "small", State: "online", FreeMB: 2047, FreeDiskGB: 20, FreeStorage: "zfs"},
		{Host: "lab", Name: "full", State: "online", FreeMB: 4096, FreeDiskGB: 19, FreeStorage: "zfs"},
		{Host: "lab", Name: "diskless", State: "online", FreeMB: 4096},
		{Host: "lab", Name: "off", State: "offline"},
		{Host: "barn", Name: "away", State: "unreachable", FreeMB: 4096, FreeDiskGB: 40, FreeStorage: "zfs"},
	})
	var says []string
	for _, f := range got {
		says = append(says, fmt.Sprintf("%s %t %s", f.Node, f.Fits, f.Reason))
	}
	want := "roomy true ;small false not enough memory: 2047 MB free, 2048 MB needed;full false not enough disk: 19 GB free on zfs, 20 GB needed;" +
		"diskless false no storage takes containers: not enough disk;off false it is offline;away false its host does not answer"
	if strings.Join(says, ";") != want {
		t.Errorf("%q", says)
	}
}

// A password that the manifest shows is told to one of the app's own people once, and never logged.
func TestFirstPasswordsAreShownOnce(t *testing.T) {
	t.Parallel()
	sim := startSim(t, pvesim.Options{TaskTime: 0.002})
	r := openRig(t, testConfig(t.TempDir()))
	r.connect(sim)
	ann, bob := Actor{User: "ann", Role: RoleUser, Via: ViaSSH}, Actor{User: "bob", Role: RoleUser, Via: ViaSSH}
	_, job, err := r.DeployApp(t.Context(), ann, DeployRequest{CatalogID: "miniflux", Hostname: "reader", Values: map[string]string{"ADMIN_PASSWORD": "open sesame"}})
	if err != nil {
		t.Fatal(err)
	}
	if note, err := r.WelcomeNote(t.Context(), ann, "reader"); err != nil || strings.Contains(note, "sesame") {
		t.Errorf("before it runs: %q, %v", note, err)
	}
	if j := r.end(job.ID); j.State != "succeeded" {
		t.Fatal(j.Error)
	}
	if _, err := r.WelcomeNote(t.Context(), bob, "reader"); !errors.Is(err, ErrNotFound) {
		t.Errorf("somebody else's: %v", err)
	}
	if _, err := r.WelcomeNote(t.Context(), Actor{User: "eve", Role: RoleViewer}, "reader"); !errors.Is(err, ErrDenied) {
		t.Errorf("a viewer: %v", err)
	}
	app, _ := r.App(t.Context(), ann, "reader")
	if note, err := r.WelcomeNote(t.Context(), ann, "reader"); err != nil || note != "Open "+strings.TrimSuffix(app.URL, "/")+" and sign in as admin with the password open sesame." {
		t.Errorf("the first time: %q, %v", note, err)
	}
	if note, err := r.WelcomeNote(t.Context(), ann, "reader"); err != nil || !strings.HasSuffix(note, "password (among its secrets).") {
		t.Errorf("the second time: %q, %v", note, err)
	}
	if secrets, err := r.AppSecrets(t.Context(), ann, "reader"); err != nil || secrets["ADMIN_PASSWORD"] != "open sesame" || len(secrets["DB_PASSWORD"]) != 48 {
		t.Errorf("read again: %v", err)
	}
	seen := []string{}
	for _, a := range r.audited(t, "app.secrets") {
		seen = append(seen, a.User+" "+a.Detail)
	}
	if got := strings.Join(seen, ", "); got != "eve welcome note, ann welcome note, ann " {
		t.Errorf("the audit has %q", got)
	}
	lines, err := r.JobLog(t.Context(), admin, job.ID, 0, 0)
	if err != nil || len(lines) == 0 || strings.Contains(fmt.Sprint(lines), "sesame") {
		t.Errorf("the log tells the password, or nothing: %v", err)
	}
}

// BenchmarkCatalogue is what a key in the catalogue's search costs, views and all, at 2,000 apps (target: 1 ms).
func BenchmarkCatalogue(b *testing.B) {
	folder := fstest.MapFS{}
	for i := range 2000 {
		id := fmt.Sprintf("app-%d", i)
		folder[id+".json"] = &fstest.MapFile{Data: []byte(small(id, ""))}
	}
	cfg := testConfig(b.TempDir())
	cfg.Catalogue = []catalog.Source{{Name: "large", FS: folder}}
	c, err := Open(cfg)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	for _, query := range []string{"", "app-17", "gitea", "databse manager"} {
		b.Run("search "+query, func(b *testing.B) {
			for b.Loop() {
				c.Catalogue(query, "")
			}
		})
	}
	b.Run("similar", func(b *testing.B) {
		for b.Loop() {
			c.SimilarItems("gitea")
		}
	})
}

// What no browser opens is told its address without a scheme, and so are its people.
func TestAnAppThatIsNoPageHasHostAndPort(t *testing.T) {
	t.Parallel()
	sim := startSim(t, pvesim.Options{TaskTime: 0.01})
	r := openRig(t, testConfig(t.TempDir()))
	r.connect(sim)
	app := r.running("minecraft", "craft")
	at := fmt.Sprintf("%s:%d", r.cfg.PublicHost, app.PublicPort)
	if app.URL != "" || app.Published != at {
		t.Errorf("it is said to be at %q and %q", app.URL, app.Published)
	}
	env := r.fileInside("craft", ".env")
	if app.PublicPort == 0 || !strings.Contains(env, "PX_URL='"+at+"'\n") || !strings.Contains(env, fmt.Sprintf("PX_PORT='%d'\n", app.PublicPort)) {
		t.Errorf("published at %s, its .env says\n%s", at, env)
	}
	if note, err := r.WelcomeNote(t.Context(), admin, "craft"); err != nil || !strings.Contains(note, at) || strings.Contains(note, "http") {
		t.Errorf("its note is %q, %v", note, err)
	}
}
