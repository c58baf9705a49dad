package catalog

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// The files of every deployment. The first goes to docker compose with --file: to it, JSON is YAML.
const (
	ComposeFile = "compose.json"
	EnvFile     = ".env"
)

// Builtins are the values that Proximity itself gives to every app: PX_URL, PX_HOST, PX_PORT, PX_ADDRESS, PX_TZ,
// PX_INSTANCE.
type Builtins struct {
	URL      string // where people reach the app: "http://proximity.local:8100", without a scheme where no browser goes; "" = nowhere
	Host     string // the host part of it
	Port     int    // the port part of it; 0 = none is published
	Address  string // the container's own address
	TZ       string // "Europe/Rome"; UTC when empty
	Instance string // the app's id, also the name of its folder
}

func (b Builtins) values() Values {
	return Values{"PX_URL": b.URL, "PX_HOST": b.Host, "PX_PORT": b.port(), "PX_ADDRESS": b.Address, "PX_TZ": cmp.Or(b.TZ, "UTC"), "PX_INSTANCE": b.Instance}
}

func (b Builtins) port() string {
	if b.Port == 0 {
		return ""
	}
	return strconv.Itoa(b.Port)
}

// File is one file to put into the app's container.
type File struct {
	Path      string // relative to /opt/proximity/<instance>
	Mode      fs.FileMode
	Content   []byte
	Overwrite string // when the file is there already: always, never, if-unchanged
}

// Render makes the files of a deployment: the compose file with its variables untouched, .env (0600) with the values of
// fields and builtins, and the manifest's own files with both filled in. v must have been resolved and generated.
func (m *Manifest) Render(v Values, b Builtins) ([]File, error) {
	env, err := m.env(v, b)
	if err != nil {
		return nil, err
	}
	var compose bytes.Buffer
	if err := json.Indent(&compose, m.DockerCompose, "", "  "); err != nil {
		return nil, fmt.Errorf("render %s: docker_compose: %w", m.ID, err)
	}
	compose.WriteByte('\n')
	files := []File{
		{Path: ComposeFile, Mode: 0o644, Content: compose.Bytes(), Overwrite: "always"},
		{Path: EnvFile, Mode: 0o600, Content: dotenv(env), Overwrite: "always"},
	}
	for _, spec := range m.Files {
		if !inside(spec.Path) { // lint refuses it, too; this is what a wrong path would harm
			return nil, fmt.Errorf("render %s: %q lies outside the app's folder", m.ID, spec.Path)
		}
		mode, err := spec.mode()
		if err != nil {
			return nil, fmt.Errorf("render %s: %s: %w", m.ID, spec.Path, err)
		}
		files = append(files, File{
			Path:      path.Clean(spec.Path),
			Mode:      mode,
			Content:   []byte(substitute(spec.Content, env)),
			Overwrite: cmp.Or(spec.Overwrite, "always"),
		})
	}
	return files, nil
}

// env gathers every variable that the app's files may use.
func (m *Manifest) env(v Values, b Builtins) (Values, error) {
	env := Values{}
	maps.Copy(env, m.Environment)
	for _, f := range m.Fields {
		value := v[f.Key]
		if value == "" && f.Generate != nil && f.active(v) {
			return nil, fmt.Errorf("render %s: %s has no value yet: generate it first", m.ID, f.Key)
		}
		env[f.Key] = value
	}
	maps.Copy(env, b.values())
	return env, nil
}

func (s FileSpec) mode() (fs.FileMode, error) {
	if s.Mode == "" {
		return 0o644, nil
	}
	n, err := strconv.ParseUint(s.Mode, 8, 12)
	if err != nil {
		return 0, fmt.Errorf("mode %q is not octal", s.Mode)
	}
	return fs.FileMode(n), nil
}

// dotenv writes values the way compose reads them back: literally.
func dotenv(env Values) []byte {
	var b bytes.Buffer
	for _, key := range slices.Sorted(maps.Keys(env)) {
		b.WriteString(key + "=" + quote(env[key]) + "\n")
	}
	return b.Bytes()
}

// quote writes value so that no compose version expands anything in it. Single quotes keep everything but themselves and
// a backslash at the end; those go into double quotes, escaped.
func quote(value string) string {
	if !strings.Contains(value, "'") && !strings.HasSuffix(value, `\`) {
		return "'" + value + "'"
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, `$`, `\$`).Replace(value) + `"`
}

// variable is what files may contain: ${NAME}, ${NAME:-default}, and $${ for a literal ${. Any other $ is the file's own.
var variable = regexp.MustCompile(`\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(:-([^}]*))?\}`)

// substitute fills in the variables of a file's content.
func substitute(content string, env Values) string {
	return variable.ReplaceAllStringFunc(content, func(found string) string {
		m := variable.FindStringSubmatch(found)
		if m[1] == "" {
			return "${"
		}
		return cmp.Or(env[m[1]], m[3])
	})
}

// hidden stands in notes for a secret that is not shown.
const hidden = "(among its secrets)"

// placeholder is what notes may contain: {{.URL}}, {{.Host}}, {{.Port}}, {{.Address}}, {{.TZ}}, {{.Instance}}, {{.Field.KEY}}.
var placeholder = regexp.MustCompile(`\{\{\s*\.(URL|Host|Port|Address|TZ|Instance|Field\.[A-Za-z_][A-Za-z0-9_]*)\s*\}\}`)

// AfterInstall renders the note shown after a deployment. Secrets stay out of it unless their field says
// show_after_install and v holds them: a caller that must not show any leaves them out of v.
func (m *Manifest) AfterInstall(v Values, b Builtins) string {
	return placeholder.ReplaceAllStringFunc(m.Notes.AfterInstall, func(found string) string {
		name := placeholder.FindStringSubmatch(found)[1]
		switch name {
		case "URL":
			return b.URL
		case "Host":
			return b.Host
		case "Port":
			return b.port()
		case "Address":
			return b.Address
		case "TZ":
			return cmp.Or(b.TZ, "UTC")
		case "Instance":
			return b.Instance
		}
		key := strings.TrimPrefix(name, "Field.")
		if f, _ := m.Field(key); m.Secret(key) && (!f.ShowAfterInstall || v[key] == "") {
			return hidden
		}
		return v[key]
	})
}
