package catalog_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"

	"proximity/core/catalog"
)

var someBuiltins = catalog.Builtins{URL: "http://proximity.local:8100", Host: "proximity.local", Port: 8100, Address: "10.0.0.7", TZ: "Europe/Rome", Instance: "x-0a1b2c3d"}

// checkRendered reads the files as docker compose would.
func checkRendered(t testing.TB, files []catalog.File) *types.Project {
	t.Helper()
	if len(files) < 2 || files[0].Path != catalog.ComposeFile || files[1].Path != catalog.EnvFile || files[1].Mode != 0o600 {
		t.Fatalf("files: %v", files)
	}
	env, err := dotenv.Parse(bytes.NewReader(files[1].Content))
	if err != nil {
		t.Fatalf(".env: %v\n%s", err, files[1].Content)
	}
	project, err := loader.LoadWithContext(t.Context(), types.ConfigDetails{
		WorkingDir:  "/opt/proximity/x",
		Environment: env,
		ConfigFiles: []types.ConfigFile{{Filename: catalog.ComposeFile, Content: files[0].Content}},
	}, func(o *loader.Options) {
		o.SetProjectName("x", true)
		o.SkipResolveEnvironment, o.SkipResolveLabels = true, true
	})
	if err != nil {
		t.Fatalf("compose: %v\n%s", err, files[0].Content)
	}
	return project
}

func manifest(t testing.TB, fields, environment, more string) *catalog.Manifest {
	t.Helper()
	m, problems := catalog.Parse(t.Context(), "x.json", fmt.Appendf(nil, `{"id": "x", "name": "X", "version": "1", "description": "", "category": "Tools",
		"docker_compose": {"services": {"web": {"image": "nginx:1.29", "mem_limit": 536870912, "environment": %s}}}, "min_memory": 0, "min_cpu": 1, "fields": [%s]%s}`,
		environment, fields, more))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return m
}

func TestValuesReachTheAppUnchanged(t *testing.T) {
	m := manifest(t, `{"key": "V", "type": "text"}`, `{"V": "${V}", "URL": "${PX_URL:?}/x", "TZ": "${PX_TZ}", "PRICE": "5$$"}`, "")
	for _, value := range []string{
		"", "plain", "with space ", " # no comment", "a#b", "$HOME ${V} $$", "it's", `"quoted"`, `it's "both"`, `back\slash`, `end\`, `\'`, `'\`, `\\`, `\"'`, `\n is no newline'`,
		"two\nlines", "line\n'quoted'\n#no comment\nX=Y", "tab\there", "`id` $(id)", "ünïcödé 日本", "export A=b", "'", `"`, "$", `\$'`, "%s {{.URL}}", "=", "true",
	} {
		values, err := m.Resolve(catalog.Values{"V": value})
		if err != nil {
			t.Fatalf("%q: %v", value, err)
		}
		files, err := m.Render(values, someBuiltins)
		if err != nil {
			t.Fatal(err)
		}
		web := checkRendered(t, files).Services["web"]
		if got := web.Environment["V"]; got == nil || *got != value {
			t.Errorf("%q arrives as %q\n%s", value, *got, files[1].Content)
		}
		if url, tz, price := *web.Environment["URL"], *web.Environment["TZ"], *web.Environment["PRICE"]; url != someBuiltins.URL+"/x" || tz != "Europe/Rome" || price != "5$" {
			t.Errorf("builtins: %q %q %q", url, tz, price)
		}
		if web.MemLimit != 536870912 {
			t.Errorf("mem_limit %d", web.MemLimit)
		}
	}
}

func FuzzDotenv(f *testing.F) {
	m := manifest(f, `{"key": "V", "type": "text"}`, `{"V": "${V}"}`, "")
	for _, s := range []string{"a", `\'`, `"$x"'`, "a\nb'", `'\\`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		values, err := m.Resolve(catalog.Values{"V": value})
		if err != nil {
			return
		}
		files, err := m.Render(values, someBuiltins)
		if err != nil {
			t.Fatal(err)
		}
		env, err := dotenv.Parse(bytes.NewReader(files[1].Content))
		if err != nil || env["V"] != value || env["PX_URL"] != someBuiltins.URL || env["PX_PORT"] != "8100" || len(env) != 7 {
			t.Errorf("%q arrives as %q (%v)\n%s", value, env, err, files[1].Content)
		}
	})
}

func TestComposeFileIsNotInterpolated(t *testing.T) {
	m := app(t, embedded(t), "miniflux")
	values, _ := m.Resolve(catalog.Values{"DB_PASSWORD": "topsecret123"})
	if err := m.Generate(values); err != nil {
		t.Fatal(err)
	}
	files, err := m.Render(values, someBuiltins)
	if err != nil {
		t.Fatal(err)
	}
	if compose := string(files[0].Content); !strings.Contains(compose, "${DB_PASSWORD:?}") || strings.Contains(compose, "topsecret123") {
		t.Error(compose)
	}
	if got := *checkRendered(t, files).Services["app"].Environment["DATABASE_URL"]; got != "postgres://miniflux:topsecret123@db/miniflux?sslmode=disable" {
		t.Error(got)
	}
}

func TestRenderingWithoutGeneratedValuesIsRefused(t *testing.T) {
	m := app(t, embedded(t), "vaultwarden")
	values, err := m.Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Render(values, someBuiltins); err == nil || !strings.Contains(err.Error(), "ADMIN_TOKEN") {
		t.Errorf("%v", err)
	}
}

func TestFilesOfTheManifestAreFilledIn(t *testing.T) {
	m := manifest(t, `{"key": "NAME", "type": "string"}`, `{"A": "${NAME}"}`, `, "environment": {"FIXED": "yes"}, "files": [
		{"path": "./conf/app.conf", "content": "name=${NAME:-nobody}\nurl=${PX_URL}\nfixed=${FIXED}\nhost=$host $${NAME} $1", "mode": "0640", "overwrite": "never"},
		{"path": "plain", "content": ""}]`)
	values, err := m.Resolve(catalog.Values{"NAME": "${PX_URL}"})
	if err != nil {
		t.Fatal(err)
	}
	files, err := m.Render(values, someBuiltins)
	if err != nil {
		t.Fatal(err)
	}
	want := "name=${PX_URL}\nurl=http://proximity.local:8100\nfixed=yes\nhost=$host ${NAME} $1"
	if f := files[2]; f.Path != "conf/app.conf" || string(f.Content) != want || f.Mode != 0o640 || f.Overwrite != "never" {
		t.Errorf("%+v %s", f, f.Content)
	}
	if f := files[3]; f.Path != "plain" || f.Mode != fs.FileMode(0o644) || f.Overwrite != "always" {
		t.Errorf("%+v", f)
	}
	values["NAME"] = ""
	files, _ = m.Render(values, someBuiltins)
	if !strings.HasPrefix(string(files[2].Content), "name=nobody\n") {
		t.Errorf("%s", files[2].Content)
	}
}

func TestNotesKeepSecrets(t *testing.T) {
	m := manifest(t, `{"key": "USER", "type": "string"}, {"key": "SHOWN", "type": "password", "show_after_install": true}, {"key": "HIDDEN", "type": "password"}`,
		`{"A": "${USER} ${SHOWN} ${HIDDEN}"}`,
		`, "notes": {"after_install": "{{.URL}} {{.Address}} {{ .Host }} {{.Port}} {{.TZ}} {{.Instance}}: {{.Field.USER}} {{.Field.SHOWN}} {{.Field.HIDDEN}}"}`)
	got := m.AfterInstall(catalog.Values{"USER": "{{.Field.HIDDEN}}", "SHOWN": "open", "HIDDEN": "sesame"}, someBuiltins)
	if want := "http://proximity.local:8100 10.0.0.7 proximity.local 8100 Europe/Rome x-0a1b2c3d: {{.Field.HIDDEN}} open (among its secrets)"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := m.AfterInstall(catalog.Values{"USER": "me"}, catalog.Builtins{}); got != "    UTC : me (among its secrets) (among its secrets)" {
		t.Errorf("without the secrets: %q", got)
	}
}
