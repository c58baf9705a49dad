package catalog

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"
)

// lintManifest holds the manifest against the rules that concern it alone.
func lintManifest(m *Manifest, r *report) {
	if name := path.Base(r.file); strings.HasSuffix(name, ".json") && name != m.ID+".json" {
		r.add("id", "the file of %q must be called %s.json", m.ID, m.ID)
	}
	if m.Status == "deprecated" && m.Deprecated == nil {
		r.add("deprecated", "missing: say since when, why and what replaces it")
	}
	lintFields(m, r)
	lintFiles(m, r)
	lintNotes(m, r)
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
		for key := range f.When {
			if other, known := m.Field(key); !known || other.Key == f.Key {
				r.add(at+".when", "%s is no other field", key)
			}
		}
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
	if value, is := f.defaultValue(); is {
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
	seen := map[string]bool{ComposeFile: true, EnvFile: true, "compose.yaml": true, "compose.yml": true, "docker-compose.yml": true, "docker-compose.yaml": true}
	for i, f := range m.Files {
		at := fmt.Sprintf("files[%d].path", i)
		clean := path.Clean(f.Path)
		switch {
		case path.IsAbs(f.Path), clean == ".", clean == "..", strings.HasPrefix(clean, "../"), strings.ContainsAny(f.Path, "\x00\n\r\\"):
			r.add(at, "%q must be a relative path inside the app's folder", f.Path)
		case seen[clean]:
			r.add(at, "%s is there already", clean)
		}
		seen[clean] = true
	}
}

func lintNotes(m *Manifest, r *report) {
	for _, note := range []struct{ path, text string }{
		{"notes.before_install", m.Notes.BeforeInstall},
		{"notes.after_install", m.Notes.AfterInstall},
	} {
		for _, found := range placeholder.FindAllStringSubmatch(note.text, -1) {
			if key, isField := strings.CutPrefix(found[1], "Field."); isField {
				if _, known := m.Field(key); !known {
					r.add(note.path, "%s names no field", found[0])
				}
			}
		}
		if rest := placeholder.ReplaceAllString(note.text, ""); strings.Contains(rest, "{{") {
			r.add(note.path, "only {{.URL}}, {{.Host}}, {{.Address}}, {{.TZ}}, {{.Instance}} and {{.Field.KEY}} are filled in")
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
	case a.Kind == "none" && a.Port != 0:
		r.add("access.port", "an app of kind none has no port")
	}
	for i, p := range m.Ports {
		if !slices.ContainsFunc(services, func(s Service) bool {
			return s.hostNetwork || slices.ContainsFunc(s.Ports, func(o Port) bool { return o.Published == p })
		}) {
			r.add(fmt.Sprintf("ports[%d]", i), "%d is not published in docker_compose", p)
		}
	}
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
			if _, tag := splitImage(s.Image); s.Name == name && tag != "" && !pattern.MatchString(tag) {
				r.add(at+".tag", "does not match the tag in use, %s", tag)
			}
		}
	}
	for i, b := range m.Update.Breaking {
		lintService(fmt.Sprintf("update.breaking[%d].service", i), b.Service, services, r)
	}
	for name, steps := range map[string][]Step{"pre": m.Backup.Pre, "post": m.Backup.Post, "restore": m.Backup.Restore} {
		for i, step := range steps {
			lintService(fmt.Sprintf("backup.%s[%d].service", name, i), step.Service, services, r)
		}
	}
}
