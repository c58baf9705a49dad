package core

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	catalogdata "proximity/catalog_data"
	"proximity/core/catalog"
	"proximity/pvesim"
)

// edited has the catalogue hold another edition of an app: pairs of what is
// replaced in its manifest by what.
func (r *rig) edited(id string, pairs ...string) {
	r.t.Helper()
	raw, err := fs.ReadFile(catalogdata.FS, id+".json")
	if err != nil {
		r.t.Fatal(err)
	}
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(string(raw), pairs[i]) {
			r.t.Fatalf("the manifest of %s has no %s", id, pairs[i])
		}
		raw = []byte(strings.Replace(string(raw), pairs[i], pairs[i+1], 1))
	}
	cat, problems := catalog.Load(context.Background(), catalog.Options{}, catalog.Source{Name: "edited", FS: fstest.MapFS{id + ".json": {Data: raw}}})
	if len(problems) > 0 {
		r.t.Fatal(problems)
	}
	r.catalogue.Store(newListing(cat))
}

// second is the next revision of adminer: another image, a field with a
// generated value, and whatever else is given.
func (r *rig) second(pairs ...string) {
	r.t.Helper()
	r.edited("adminer", append([]string{
		`"revision": 1`, `"revision": 2`, `"version": "5.4.2"`, `"version": "5.5.0"`, `adminer:5.4.2`, `adminer:5.5.0`,
		`"TZ": "${PX_TZ:-UTC}"`, `"TZ": "${PX_TZ:-UTC}", "KEY": "${KEY}"`,
		`"fields": [`, `"fields": [{"key": "KEY", "type": "password", "generate": {"kind": "hex"}},`,
	}, pairs...)...)
}

// broken makes the second revision one whose probe never passes.
var broken = []string{`"ready": {"type": "http", "service": "app", "port": 8080, "path": "/", "status": [200], "timeout": "2m"}`,
	`"ready": {"type": "http", "service": "app", "port": 8080, "path": "/", "status": [418], "timeout": "1m"}`}

// backedUp makes it one whose way back is a backup.
var backedUp = []string{`"rollback": "image"`, `"rollback": "restore"`}

// image is what the app's only service runs.
func image(t testing.TB, sim *pvesim.Cluster, app AppView) string {
	t.Helper()
	doc, err := sim.Machine(app.VMID).ReadFile("/opt/proximity/" + app.ID + "/compose.json")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(doc)) {
		if _, image, ok := strings.Cut(line, `"image": `); ok {
			return strings.Trim(strings.TrimSpace(image), `",`)
		}
	}
	return ""
}

func TestAnAppIsUpdatedToANewRevision(t *testing.T) {
	t.Parallel()
	sim := startSim(t, pvesim.Options{TaskTime: 0.01})
	r := openRig(t, testConfig(t.TempDir()))
	r.connect(sim)
	app := r.running("adminer", "tool")
	v, err := r.CheckUpdate(t.Context(), admin, "tool")
	if err != nil || v.Available || v.From != v.To || v.From != (RecipeVersion{1, "5.4.2"}) {
		t.Fatalf("of the newest revision: %+v, %v", v, err)
	}
	if _, err := r.UpdateApp(t.Context(), admin, "tool", UpdateRequest{}); !errors.Is(err, ErrConflict) || !strings.Contains(err.Error(), "up to date") {
		t.Errorf("updating all the same: %v", err)
	}
	r.second()
	v, err = r.CheckUpdate(t.Context(), admin, "tool")
	if err != nil || !v.Available || v.To != (RecipeVersion{2, "5.5.0"}) || len(v.Problems) > 0 || strings.Join(v.Secrets, " ") != "KEY" || v.WayBack != "image" || v.Backup {
		t.Fatalf("of the second: %+v, %v", v, err)
	}
	if len(v.Images) != 1 || v.Images[0] != (ImageChange{"app", "docker.io/library/adminer:5.4.2", "docker.io/library/adminer:5.5.0", "recipe"}) {
		t.Errorf("the images: %+v", v.Images)
	}
	var minus, plus string
	for _, l := range v.Diff {
		switch l.Op {
		case "-":
			minus += l.Text
		case "+":
			plus += l.Text
		}
	}
	if !strings.Contains(minus, "5.4.2") || !strings.Contains(plus, "5.5.0") || !strings.Contains(plus, "KEY") || strings.Contains(minus, "8080") {
		t.Errorf("the difference: %+v", v.Diff)
	}
	if got, _ := r.App(t.Context(), admin, "tool"); got.Update != "5.5.0" {
		t.Errorf("the app says %q can be had", got.Update)
	}
	before, _ := r.appNamed(admin, "tool")
	if _, err := r.UpdateApp(t.Context(), admin, "tool", UpdateRequest{Digest: "other"}); !errors.Is(err, ErrConflict) {
		t.Errorf("another one than was shown: %v", err)
	}
	job, err := r.UpdateApp(t.Context(), admin, "tool", UpdateRequest{Digest: v.Digest})
	if err != nil {
		t.Fatal(err)
	}
	r.succeeds(job)
	after, _ := r.appNamed(admin, "tool")
	secrets, _ := r.AppSecrets(t.Context(), admin, "tool")
	if after.Recipe.Revision != 2 || after.Status != StatusRunning || after.VMID != before.VMID || len(secrets["KEY"]) != 32 {
		t.Errorf("afterwards it is %+v with %v", after, secrets)
	}
	if got := image(t, sim, app); got != "docker.io/library/adminer:5.5.0" {
		t.Errorf("it runs %s", got)
	}
	got, _ := r.App(t.Context(), admin, "tool")
	if got.Version != "5.5.0" || got.Update != "" {
		t.Errorf("it is %q, and %q can be had", got.Version, got.Update)
	}
	if code, _, err := get(app.URL); err != nil || code != 200 {
		t.Errorf("it answers %d, %v", code, err)
	}
	if _, err := sim.Machine(app.VMID).ReadFile("/opt/proximity/" + app.ID + ".next/.env"); err == nil {
		t.Error("the files that were put aside are left behind")
	}
	r.edited("adminer", `"revision": 1`, `"revision": 3`, `adminer:5.4.2`, `adminer:5.6.0`, `"TZ": "${PX_TZ:-UTC}"`, `"TZ": "${PX_TZ:-UTC}", "KEY": "${KEY}"`,
		`"fields": [`, `"fields": [{"key": "KEY", "type": "password", "generate": {"kind": "hex"}},`)
	if job, err = r.UpdateApp(t.Context(), admin, "tool", UpdateRequest{}); err != nil {
		t.Fatal(err)
	}
	r.succeeds(job)
	if same, _ := r.AppSecrets(t.Context(), admin, "tool"); same["KEY"] != secrets["KEY"] {
		t.Error("a secret was generated anew")
	}
}

func TestAnUpdateWhoseProbeFailsGoesBack(t *testing.T) {
	t.Parallel()
	sim := startSim(t, pvesim.Options{TaskTime: 0.005})
	r := openRig(t, testConfig(t.TempDir()))
	r.connect(sim)
	app := r.running("adminer", "tool")
	r.second(broken...)
	job, err := r.UpdateApp(t.Context(), admin, "tool", UpdateRequest{})
	if err != nil {
		t.Fatal(err)
	}
	j := r.end(job.ID)
	if j.State != "failed" || j.Left != "" || !strings.Contains(j.Error, "did not answer") {
		t.Fatalf("ended %s: %s %s\n%s", j.State, j.Error, j.Left, r.dump())
	}
	after, _ := r.appNamed(admin, "tool")
	if after.Status != StatusRunning || after.Recipe.Revision != 1 || after.Error != "" {
		t.Errorf("it is %+v", after)
	}
	if got := image(t, sim, app); got != "docker.io/library/adminer:5.4.2" {
		t.Errorf("it runs %s", got)
	}
	if code, _, err := get(app.URL); err != nil || code != 200 {
		t.Errorf("it answers %d, %v", code, err)
	}
}

func TestAnUpdateThatChangedTheDataGoesBackToItsBackup(t *testing.T) {
	t.Parallel()
	sim := startSim(t, pvesim.Options{TaskTime: 0.005})
	r := openRig(t, testConfig(t.TempDir()))
	r.connect(sim)
	app := r.running("adminer", "tool")
	r.second(slices.Concat(broken, backedUp)...)
	if v, err := r.CheckUpdate(t.Context(), admin, "tool"); err != nil || !v.Backup || v.WayBack != "restore" {
		t.Fatalf("it says %+v, %v", v, err)
	}
	file := "/var/lib/data"
	if err := sim.Machine(app.VMID).WriteFile(file, []byte("of version 1"), 0o600, 0, 0); err != nil {
		t.Fatal(err)
	}
	job, err := r.UpdateApp(t.Context(), admin, "tool", UpdateRequest{})
	if err != nil {
		t.Fatal(err)
	}
	r.until("the new version starts", func() bool {
		j, _ := r.Job(t.Context(), admin, job.ID)
		return slices.ContainsFunc(j.Steps, func(s StepView) bool { return s.Name == "app_deploy" && s.State != "pending" })
	})
	if err := sim.Machine(app.VMID).WriteFile(file, []byte("of version 2"), 0o600, 0, 0); err != nil {
		t.Fatal(err)
	}
	if j := r.end(job.ID); j.State != "failed" || j.Left != "" || !strings.Contains(j.Error, "did not answer") {
		t.Fatalf("ended %s: %s %s\n%s", j.State, j.Error, j.Left, r.dump())
	}
	if got, err := sim.Machine(app.VMID).ReadFile(file); err != nil || string(got) != "of version 1" {
		t.Errorf("its data are %s, %v", got, err)
	}
	after, _ := r.appNamed(admin, "tool")
	if after.Status != StatusRunning || after.Recipe.Revision != 1 || after.Error != "" || after.VMID != app.VMID {
		t.Errorf("it is %+v", after)
	}
	if code, _, err := get(app.URL); err != nil || code != 200 {
		t.Errorf("it answers %d, %v", code, err)
	}
	list, err := r.Backups(t.Context(), admin, "tool")
	if err != nil || len(list) != 1 || list[0].Status != BackupCompleted || list[0].Why != "before an update" {
		t.Errorf("its backups are %+v, %v", list, err)
	}
}

func TestAnUpdateWithoutAWayBackNamesItsBackup(t *testing.T) {
	t.Parallel()
	sim := startSim(t, pvesim.Options{TaskTime: 0.005})
	r := openRig(t, testConfig(t.TempDir()))
	r.connect(sim)
	r.running("adminer", "tool")
	r.second(slices.Concat(broken, []string{`"rollback": "image"`, `"rollback": "none"`})...)
	job, err := r.UpdateApp(t.Context(), admin, "tool", UpdateRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if j := r.end(job.ID); j.State != "failed" || !strings.Contains(j.Left, "no way back") {
		t.Fatalf("ended %s: %s, left %q", j.State, j.Error, j.Left)
	}
	list, _ := r.Backups(t.Context(), admin, "tool")
	after, _ := r.appNamed(admin, "tool")
	if len(list) != 1 || after.Status != StatusError || after.Hint != fmt.Sprintf("`restore %d --yes` brings back what was there before the update", list[0].ID) {
		t.Fatalf("it is %+v with %+v", after, list)
	}
	_, restore, err := r.RestoreBackup(t.Context(), admin, list[0].ID, RestoreRequest{NoSafety: true})
	if err != nil {
		t.Fatal(err)
	}
	r.succeeds(restore)
	if after, _ = r.appNamed(admin, "tool"); after.Status != StatusRunning || after.Recipe.Revision != 1 {
		t.Errorf("afterwards it is %+v", after)
	}
}

func TestNewerImagesAreLookedUpWhereThatCanBe(t *testing.T) {
	t.Parallel()
	sim := startSim(t, pvesim.Options{TaskTime: 0.01})
	r := openRig(t, testConfig(t.TempDir()))
	r.connect(sim)
	app := r.running("adminer", "tool")
	remove := sim.Inject(pvesim.Fault{Path: "/nodes/*/query-oci-repo-tags", Do: "501:Method 'GET /nodes/pve1/query-oci-repo-tags' not implemented"})
	v, err := r.CheckUpdate(t.Context(), admin, "tool")
	if err != nil || v.Available || len(v.Unknown) != 1 || !strings.Contains(v.Unknown[0], "9.1") {
		t.Errorf("where nobody can look: %+v, %v", v, err)
	}
	remove()
	sim.SetTags("docker.io/library/adminer", "latest", "4.9.9", "5.4.2", "5.10.0", "5.9.1", "5.10.0-fastcgi", "6.0.0")
	v, err = r.CheckUpdate(t.Context(), admin, "tool")
	if err != nil || !v.Available || len(v.Unknown) != 0 || len(v.Images) != 1 || v.Images[0].To != "docker.io/library/adminer:5.10.0" || v.Images[0].Source != "registry" || v.To != (RecipeVersion{1, "5.10.0"}) {
		t.Fatalf("with a newer image: %+v, %v", v, err)
	}
	job, err := r.UpdateApp(t.Context(), admin, "tool", UpdateRequest{})
	if err != nil {
		t.Fatal(err)
	}
	r.succeeds(job)
	if got := image(t, sim, app); got != "docker.io/library/adminer:5.10.0" {
		t.Errorf("it runs %s", got)
	}
	r.second() // whose image is older than the one that runs
	v, err = r.CheckUpdate(t.Context(), admin, "tool")
	if err != nil || !v.Available || len(v.Images) != 0 || len(v.Diff) == 0 {
		t.Errorf("a revision with an older image: %+v, %v", v, err)
	}
}

func TestStepsThatNeedAPersonWaitForOne(t *testing.T) {
	t.Parallel()
	sim := startSim(t, pvesim.Options{TaskTime: 0.01})
	r := openRig(t, testConfig(t.TempDir()))
	r.connect(sim)
	r.running("adminer", "tool")
	r.second(`"rollback": "image"`, `"rollback": "image", "breaking": [{"service": "app", "to": ">=5.5", "note": "Every design is gone.", "action": "confirm"}]`)
	if _, err := r.UpdateApp(t.Context(), admin, "tool", UpdateRequest{}); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), "Every design is gone") || !strings.Contains(err.Error(), "--yes") {
		t.Errorf("without a yes: %v", err)
	}
	r.second(`"rollback": "image"`, `"rollback": "image", "breaking": [{"service": "app", "to": ">=5.5", "note": "The data cannot be read.", "action": "block"}]`)
	if _, err := r.UpdateApp(t.Context(), admin, "tool", UpdateRequest{Yes: true}); !errors.Is(err, ErrConflict) || !strings.Contains(err.Error(), "cannot be read") {
		t.Errorf("a step that is blocked: %v", err)
	}
	r.second(`"generate": {"kind": "hex"}`, `"required": true`)
	if _, err := r.UpdateApp(t.Context(), admin, "tool", UpdateRequest{}); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), "values.KEY") {
		t.Errorf("a new field that has to be given: %v", err)
	}
	for _, a := range []Actor{{User: "eve", Role: RoleViewer}, {User: "bob", Role: RoleUser}} {
		if _, err := r.CheckUpdate(t.Context(), a, "tool"); err == nil {
			t.Errorf("a %s looks for an update of somebody else's app", a.Role)
		}
	}
	job, err := r.UpdateApp(t.Context(), admin, "tool", UpdateRequest{Values: map[string]string{"KEY": "mine"}})
	if err != nil {
		t.Fatal(err)
	}
	r.succeeds(job)
	if secrets, _ := r.AppSecrets(t.Context(), admin, "tool"); secrets["KEY"] != "mine" {
		t.Errorf("its secrets are %v", secrets)
	}
}
