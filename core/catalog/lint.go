package catalog

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"
)

// reserved are ids that mean something else in commands and in the API: "catalog reload", "/api/catalog/search".
var reserved = []string{"categories", "category", "lint", "new", "reload", "search", "stats"}

// lintManifest holds the manifest against the rules that concern it alone.
func lintManifest(m *Manifest, r *report) {
	if slices.Contains(reserved, m.ID) {
		r.add("id", "%q is a word of the catalogue's own commands: choose another", m.ID)
	}
	if name := path.Base(r.file); strings.HasSuffix(name, ".json") && name != m.ID+".json" {
		r.add("id", "the file of %q must be called %s.json", m.ID, m.ID)
	}
	if m.Status == "deprecated" && m.Deprecated == nil {
		r.add("deprecated", "missing: say since when, why and what replaces it")
	}
	if q := m.Requirements; q.RecommendedMemory != 0 && q.RecommendedMemory < m.MinMemory {
		r.add("requirements.recommended_memory", "is less than min_memory, %d", m.MinMemory)
	}
	lintUndecided(m, r)
	lintFields(m, r)
	lintFiles(m, r)
	lintNotes(m, r)
}

// undecided begins the texts of a new manifest that its author still has to write.
const undecided = "CHANGE ME"

func lintUndecided(m *Manifest, r *report) {
	for _, t := range []struct{ path, text string }{
		{"name", m.Name}, {"version", m.Version}, {"tagline", m.Tagline}, {"description", m.Description}, {"category", m.Category}, {"author", m.Author},
		{"website", m.Website}, {"license", m.License}, {"notes.before_install", m.Notes.BeforeInstall}, {"notes.after_install", m.Notes.AfterInstall},
	} {
		if what, is := strings.CutPrefix(t.text, undecided); is {
			r.add(t.path, "still to be written%s", what)
		}
	}
}

func lintFields(m *Manifest, r *report) {
	seen := map[string]bool{}
	for i, f := range m.Fields {
		at := fmt.Sprintf("fields[%d]", i)
		if seen[f.Key] {
			r.add(at+".key", "%s is there twice", f.Key)
		}
		seen[f.Key] = true
		if strings.HasPrefix(f.Key, "PX_") {
			r.add(at+".key", "%s: names that begin with PX_ are Proximity's own", f.Key)
		}
		lintField(f, at, r)
		for _, key := range slices.Sorted(maps.Keys(f.When)) {
			lintWhen(m, f, key, at+".when", r)
		}
	}
}

// lintWhen wants a condition to name another field and a value which that can have.
func lintWhen(m *Manifest, f Field, key, at string, r *report) {
	other, known := m.Field(key)
	if !known || key == f.Key {
		r.add(at, "%s is no other field", key)
		return
	}
	want := asText(f.When[key])
	if clean, err := other.check(want); err != nil {
		r.add(at+"."+key, "can never be %q: %s %v", want, key, err)
	} else if clean != want {
		r.add(at+"."+key, "write it as %q", clean)
	}
}

func lintField(f Field, at string, r *report) {
	before := len(r.problems)
	if _, err := regexp.Compile(f.Pattern); err != nil {
		r.add(at+".pattern", "%v", err)
	}
	if f.Min != nil && f.Max != nil && *f.Min > *f.Max {
		r.add(at+".min", "is larger than max")
	}
	if (f.Type == "select") != (len(f.Options) > 0) {
		r.add(at+".options", "a select field has options, and no other has")
	}
	if f.Generate != nil && f.Default != nil {
		r.add(at+".default", "a generated field has no default")
	}
	if f.Type == "password" && f.Default != nil {
		r.add(at+".default", "a password has no default: use generate, or leave it to the person")
	}
	if len(r.problems) > before {
		return // its values cannot be judged
	}
	if value, is := f.DefaultValue(); is {
		if clean, err := f.check(value); err != nil {
			r.add(at+".default", "%v", err)
		} else if clean != value {
			r.add(at+".default", "write it as %q", clean)
		}
	}
	if f.Generate != nil {
		value, err := f.Generate.make()
		if err == nil {
			_, err = f.check(value)
		}
		if err != nil {
			r.add(at+".generate", "what it makes is not what the field takes: %v", err)
		}
	}
}

func lintFiles(m *Manifest, r *report) {
	seen := map[string]bool{ComposeFile: true, EnvFile: true, ".written": true, "compose.yaml": true, "compose.yml": true, "docker-compose.yml": true, "docker-compose.yaml": true}
	for i, f := range m.Files {
		at := fmt.Sprintf("files[%d].path", i)
		clean := path.Clean(f.Path)
		switch {
		case !inside(f.Path):
			r.add(at, "%q must be a relative path inside the app's folder", f.Path)
		case seen[clean]:
			r.add(at, "%s is there already", clean)
		}
		seen[clean] = true
	}
}

// inside reports whether name is a relative path of a file below the folder that it starts from.
func inside(name string) bool {
	clean := path.Clean(name)
	return !path.IsAbs(name) && clean != "." && clean != ".." && !strings.HasPrefix(clean, "../") && !strings.ContainsAny(name, "\x00\n\r\\") && strings.TrimSpace(name) == name
}

func lintNotes(m *Manifest, r *report) {
	for _, note := range []struct{ path, text string }{
		{"notes.before_install", m.Notes.BeforeInstall},
		{"notes.after_install", m.Notes.AfterInstall},
	} {
		for _, found := range placeholder.FindAllStringSubmatch(note.text, -1) {
			lintPublic(m, note.path, found[1], r)
			if key, isField := strings.CutPrefix(found[1], "Field."); isField {
				if _, known := m.Field(key); !known {
					r.add(note.path, "%s names no field", found[0])
				}
			}
		}
		if rest := placeholder.ReplaceAllString(note.text, ""); strings.Contains(rest, "{{") {
			r.add(note.path, "only {{.URL}}, {{.Host}}, {{.Port}}, {{.Address}}, {{.TZ}}, {{.Instance}} and {{.Field.KEY}} are filled in")
		}
	}
	c := m.Notes.Credentials
	for _, one := range []struct{ path, key string }{
		{"notes.credentials.username_field", c.UsernameField},
		{"notes.credentials.password_field", c.PasswordField},
	} {
		if _, known := m.Field(one.key); one.key != "" && !known {
			r.add(one.path, "%s is no field", one.key)
		}
	}
}

// lintReady holds the probe against the services.
func lintReady(m *Manifest, services []Service, r *report) {
	spec := m.ReadySpec
	if spec.Timeout != "" {
		if d, err := time.ParseDuration(spec.Timeout); err != nil || d <= 0 {
			r.add("ready.timeout", "%q is no duration: write 90s or 3m", spec.Timeout)
		}
	}
	lintService("ready.service", spec.Service, services, r)
	if spec.Type != "http" && spec.Type != "tcp" {
		return
	}
	if spec.Port == 0 && m.Access.Port == 0 {
		r.add("ready.port", "missing: which port to probe?")
	} else if spec.Port != 0 && m.publishedPort(spec.Service, spec.Port) == 0 {
		r.add("ready.port", "%d is not published by %s", spec.Port, serviceName(spec.Service))
	}
}

// lintAccess holds the way people reach the app against the services.
func lintAccess(m *Manifest, services []Service, r *report) {
	a := m.Access
	lintService("access.service", a.Service, services, r)
	switch {
	case a.Kind == "web" || a.Kind == "tcp":
		if a.Port == 0 {
			r.add("access.port", "missing: an app of kind %s has a port", a.Kind)
		} else if m.publishedPort(a.Service, a.Port) == 0 {
			r.add("access.port", "%d is not published by %s: add it to the ports of docker_compose", a.Port, serviceName(a.Service))
		}
	case a.Kind == "udp" && !offers(services, a.Port, "udp"):
		r.add("access.port", "%d/udp is not published: add it to the ports of docker_compose", a.Port)
	case a.Kind == "none" && a.Port != 0:
		r.add("access.port", "an app of kind none has no port")
	}
	for i, e := range m.Exposes {
		if proto := cmp.Or(e.Proto, "tcp"); !offers(services, e.Port, proto) {
			r.add(fmt.Sprintf("exposes[%d].port", i), "%d/%s is not published: add it to the ports of docker_compose", e.Port, proto)
		}
	}
	for i, p := range m.Ports {
		if !slices.ContainsFunc(services, func(s Service) bool {
			return s.hostNetwork || slices.ContainsFunc(s.Ports, func(o Port) bool { return o.Published == p })
		}) {
			r.add(fmt.Sprintf("ports[%d]", i), "%d is not published in docker_compose", p)
		}
	}
}

// offers reports whether a service publishes the port, named by either of its sides.
func offers(services []Service, port int, proto string) bool {
	return slices.ContainsFunc(services, func(s Service) bool {
		return s.hostNetwork || slices.ContainsFunc(s.Ports, func(p Port) bool { return p.Proto == proto && (p.Published == port || p.Target == port) })
	})
}

func lintService(at, name string, services []Service, r *report) {
	if name != "" && !slices.ContainsFunc(services, func(s Service) bool { return s.Name == name }) {
		r.add(at, "docker_compose has no service %q", name)
	}
}

func serviceName(name string) string {
	if name == "" {
		return "any service"
	}
	return "service " + name
}

// lintUpdate holds the update rules against the services and their images.
func lintUpdate(m *Manifest, services []Service, r *report) {
	for name, track := range m.Update.Track {
		at := "update.track." + name
		lintService(at, name, services, r)
		pattern, err := regexp.Compile(track.Tag)
		if err != nil {
			r.add(at+".tag", "%v", err)
			continue
		}
		for _, s := range services {
			if tag := TagOf(s.Image); s.Name == name && tag != "" && floating(s.Image) == "" && !pattern.MatchString(tag) {
				r.add(at+".tag", "does not match the tag in use, %s", tag)
			}
		}
	}
	for i, b := range m.Update.Breaking {
		lintService(fmt.Sprintf("update.breaking[%d].service", i), b.Service, services, r)
	}
	if m.Backup.Consistency == "hooks" && len(m.Backup.Pre) == 0 {
		r.add("backup.pre", "missing: consistency hooks means that commands make the data consistent")
	}
	for name, steps := range map[string][]Step{"pre": m.Backup.Pre, "post": m.Backup.Post, "restore": m.Backup.Restore} {
		for i, step := range steps {
			lintService(fmt.Sprintf("backup.%s[%d].service", name, i), step.Service, services, r)
		}
	}
}
