package catalog

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/template"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/distribution/reference"
)

// lintCompose holds the compose file against our rules for what may run in an app's container.
func lintCompose(m *Manifest, project *types.Project, r *report) {
	services := m.Services()
	lintVolumes(m, project, r)
	lintShared(m, project, r)
	lintPublished(project, r)
	for _, name := range slices.Sorted(maps.Keys(project.Services)) {
		s := project.Services[name]
		at := "docker_compose.services." + name
		lintOutside(m, s, at, r)
		lintMounts(m, s, at, r)
		for dep, d := range s.DependsOn {
			on := project.Services[dep]
			if d.Condition == types.ServiceConditionHealthy && (on.HealthCheck == nil || on.HealthCheck.Disable) {
				r.add(at+".depends_on."+dep, "waits for %s to be healthy, but %s has no healthcheck", dep, dep)
			}
		}
	}
	for _, s := range services { // as written: the project has sample values in it
		at := "docker_compose.services." + s.Name
		if reason := floating(s.Image); reason != "" {
			r.add(at+".image", "%s", reason)
		}
	}
	lintAccess(m, services, r)
	lintReady(m, services, r)
	lintUpdate(m, services, r)
}

// lintVariables wants a value for every variable and a use for every field. It returns the compose file's variables.
func lintVariables(m *Manifest, doc map[string]any, r *report) map[string]template.Variable {
	file, _ := doc["docker_compose"].(map[string]any) // the schema wants an object
	known := m.known()
	used := template.ExtractVariables(file, nil)
	needed := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(used)) {
		if name == "" { // compose-go says what is wrong with it
			continue
		}
		needed[name] = true
		lintPublic(m, "docker_compose", name, r)
		if !known[name] {
			r.add("docker_compose", "${%s} has no field: add one to fields, or use PX_URL, PX_HOST, PX_PORT, PX_ADDRESS, PX_TZ or PX_INSTANCE", name)
		}
		f, is := m.Field(name)
		switch {
		case !is || !used[name].Required || f.Default != nil:
		case len(f.When) > 0:
			r.add("docker_compose", "${%s:?} must have a value, but its field has none while its condition is not met: write ${%s:-}", name, name)
		case !f.Required && f.Generate == nil:
			r.add("docker_compose", "${%s:?} must have a value, but its field may be left empty: make it required", name)
		}
	}
	for i, spec := range m.Files {
		for _, found := range variable.FindAllStringSubmatch(spec.Content, -1) {
			name := found[1]
			needed[name] = true
			lintPublic(m, fmt.Sprintf("files[%d].content", i), name, r)
			if name != "" && !known[name] {
				r.add(fmt.Sprintf("files[%d].content", i), "${%s} has no field: add one, or write $${%s} for the text itself", name, name)
			}
		}
	}
	for _, f := range m.Fields {
		for key := range f.When {
			needed[key] = true
		}
	}
	for i, f := range m.Fields {
		if !needed[f.Key] {
			r.add(fmt.Sprintf("fields[%d]", i), "%s is asked for but never used", f.Key)
		}
	}
	if _, is := file["include"]; is {
		r.add("docker_compose.include", "a manifest stands alone: write the services out")
	}
	lintSecrets(file, m, r)
	return used
}

// public are the values that only a published port gives, as variables and in notes.
var public = []string{"PX_URL", "PX_PORT", "URL", "Port"}

// lintPublic refuses them where nothing is published: they would be empty.
func lintPublic(m *Manifest, at, name string, r *report) {
	if slices.Contains(public, name) && (m.Access.Kind == "none" || m.Access.Kind == "udp") {
		r.add(at, "%s is empty: of an app of kind %s no port is published", name, m.Access.Kind)
	}
}

// known holds the names of all variables that get a value.
func (m *Manifest) known() map[string]bool {
	names := map[string]bool{}
	for name := range (Builtins{}).values() {
		names[name] = true
	}
	for name := range m.Environment {
		names[name] = true
	}
	for _, f := range m.Fields {
		names[f.Key] = true
	}
	return names
}

var secretName = regexp.MustCompile(`(?i)(PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN|_KEY|APIKEY|_PASS)$`)
var secretInURL = regexp.MustCompile(`://[^/\s:@]+:([^@/\s]+)@`)
var harmless = regexp.MustCompile(`(?i)^(|true|false|yes|no|on|off|[0-9]+|/.*)$`)

// lintSecrets refuses passwords written into the manifest: everybody who installs the app would share them.
func lintSecrets(file map[string]any, m *Manifest, r *report) {
	check := func(at, key, value string) {
		if secretName.MatchString(key) && !harmless.MatchString(value) && !strings.Contains(value, "$") {
			r.add(at, "a literal secret: make %s a field with generate", key)
		} else if found := secretInURL.FindStringSubmatch(value); found != nil && !strings.Contains(found[1], "$") {
			r.add(at, "a literal password inside an address: use a field with generate")
		}
	}
	services, _ := file["services"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(services)) {
		service, _ := services[name].(map[string]any)
		at := "docker_compose.services." + name + ".environment"
		switch env := service["environment"].(type) {
		case map[string]any:
			for _, key := range slices.Sorted(maps.Keys(env)) {
				if value, isText := env[key].(string); isText {
					check(at+"."+key, key, value)
				}
			}
		case []any:
			for i, entry := range env {
				text, _ := entry.(string)
				key, value, _ := strings.Cut(text, "=")
				check(fmt.Sprintf("%s[%d]", at, i), key, value)
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(m.Environment)) {
		check("environment."+key, key, m.Environment[key])
	}
}

// lintVolumes wants every named volume to say how much it matters.
func lintVolumes(m *Manifest, project *types.Project, r *report) {
	for _, name := range slices.Sorted(maps.Keys(project.Volumes)) {
		if bool(project.Volumes[name].External) {
			r.add("docker_compose.volumes."+name, "external volumes do not exist in a new container: declare it here")
		} else if v := project.Volumes[name]; v.Driver != "" && v.Driver != "local" || len(v.DriverOpts) > 0 {
			r.add("docker_compose.volumes."+name, "a driver keeps it elsewhere, where it would be in no backup: leave driver and driver_opts out")
		}
		if _, classed := m.Backup.Volumes[name]; !classed {
			r.add("backup.volumes", "missing: %s: say whether it is essential, config, media or cache", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m.Backup.Volumes)) {
		if _, exists := project.Volumes[name]; !exists {
			r.add("backup.volumes."+name, "docker_compose has no such volume")
		}
	}
}

// lintShared wants networks, configs and secrets to come with the manifest.
func lintShared(m *Manifest, project *types.Project, r *report) {
	for _, name := range slices.Sorted(maps.Keys(project.Networks)) {
		if bool(project.Networks[name].External) {
			r.add("docker_compose.networks."+name, "external networks do not exist in a new container: declare it here")
		}
	}
	check := func(at string, external bool, file string) {
		if external {
			r.add(at, "what is external does not exist in a new container: use files")
		} else if file != "" && !m.brings(file) {
			r.add(at+".file", "%s is no file of the manifest: add it to files", file)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(project.Configs)) {
		check("docker_compose.configs."+name, bool(project.Configs[name].External), project.Configs[name].File)
	}
	for _, name := range slices.Sorted(maps.Keys(project.Secrets)) {
		check("docker_compose.secrets."+name, bool(project.Secrets[name].External), project.Secrets[name].File)
	}
}

// brings reports whether a file, or a folder of files, comes with the manifest.
func (m *Manifest) brings(name string) bool {
	name = path.Clean(name)
	return slices.ContainsFunc(m.Files, func(f FileSpec) bool {
		file := path.Clean(f.Path)
		return file == name || strings.HasPrefix(file, name+"/")
	})
}

// lintPublished finds ports that two services want.
func lintPublished(project *types.Project, r *report) {
	taken := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(project.Services)) {
		s := project.Services[name]
		at := "docker_compose.services." + name + ".ports"
		if s.NetworkMode == "host" && len(s.Ports) > 0 {
			r.add(at, "a service on the host's network publishes nothing: remove the ports or network_mode")
		}
		for i, p := range s.Ports {
			here := fmt.Sprintf("%s[%d]", at, i)
			if p.Published == "" {
				r.add(here, "port %d is published on a random port: write \"%d:%d\"", p.Target, p.Target, p.Target)
				continue
			}
			if p.Published == "22" {
				r.add(here, "port 22 belongs to the container's own SSH server: publish another, \"2222:%d\"", p.Target)
			}
			key := p.Published + "/" + p.Protocol
			if other := taken[key]; other != "" {
				r.add(here, "port %s is taken by %s already", key, other)
			}
			taken[key] = name
		}
	}
}

var restarts = regexp.MustCompile(`^(no|always|unless-stopped|on-failure(:[0-9]+)?)$`)

// lintOutside keeps a service inside its container and its manifest.
func lintOutside(m *Manifest, s types.ServiceConfig, at string, r *report) {
	allowed := func(feature string) bool { return slices.Contains(m.Requirements.Features, feature) }
	if s.Build != nil {
		r.add(at+".build", "images are not built on the node: name a published image")
	}
	if s.Extends != nil {
		r.add(at+".extends", "a manifest stands alone: write the service out")
	}
	if len(s.EnvFiles) > 0 {
		r.add(at+".env_file", "use environment with variables: .env is Proximity's own")
	}
	if len(s.LabelFiles) > 0 {
		r.add(at+".label_file", "a manifest stands alone: use labels")
	}
	if s.Restart != "" && !restarts.MatchString(s.Restart) {
		r.add(at+".restart", "%q is no policy: use no, always, on-failure or unless-stopped", s.Restart)
	}
	if s.Privileged && !allowed("privileged") {
		r.add(at+".privileged", "add privileged to requirements.features, so that people see it before they deploy")
	}
	if s.NetworkMode == "host" && !allowed("host-network") {
		r.add(at+".network_mode", "add host-network to requirements.features, so that people see it before they deploy")
	}
}

// lintMounts wants every mount to be a named volume, a file of the manifest, or something that the manifest asks for.
func lintMounts(m *Manifest, s types.ServiceConfig, at string, r *report) {
	for i, v := range s.Volumes {
		here := fmt.Sprintf("%s.volumes[%d]", at, i)
		switch v.Type {
		case types.VolumeTypeVolume:
			if v.Source == "" {
				r.add(here, "an anonymous volume for %s is lost with its container: give it a name", v.Target)
			}
		case types.VolumeTypeBind:
			if reason := badBind(m, v.Source); reason != "" {
				r.add(here, "%s", reason)
			}
		}
	}
	for i, d := range s.Devices {
		if reason := badBind(m, d.Source); reason != "" {
			r.add(fmt.Sprintf("%s.devices[%d]", at, i), "%s", reason)
		}
	}
}

func badBind(m *Manifest, source string) string {
	feature := func(name string) string {
		if slices.Contains(m.Requirements.Features, name) {
			return ""
		}
		return fmt.Sprintf("%s: add %s to requirements.features, so that people see it before they deploy", source, name)
	}
	switch {
	case !path.IsAbs(source):
		if !m.brings(source) {
			return fmt.Sprintf("%s is no file of the manifest: add it to files, or use a named volume", source)
		}
		return ""
	case source == "/var/run/docker.sock", source == "/run/docker.sock":
		return feature("docker-sock")
	case source == "/etc/localtime", source == "/etc/timezone":
		return ""
	case source == "/dev/fuse":
		return feature("fuse")
	case source == "/dev/net/tun":
		return feature("tun")
	case strings.HasPrefix(source, "/dev/dri"):
		return feature("gpu")
	case strings.HasPrefix(source, "/dev/"), strings.HasPrefix(source, "/proc"), strings.HasPrefix(source, "/sys"), source == "/":
		return feature("privileged")
	}
	return fmt.Sprintf("%s lies outside the app's folder and would be in no backup: use a named volume", source)
}

// floating says what is wrong with an image reference; "" when it names one version.
func floating(image string) string {
	if image == "" {
		return "missing: every service names an image"
	}
	if strings.Contains(image, "$") {
		return "the image must be written out: a variable hides which version runs"
	}
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		return fmt.Sprintf("%q is no image: %v", image, err)
	}
	if _, pinned := named.(reference.Digested); pinned {
		return ""
	}
	tagged, ok := named.(reference.Tagged)
	if !ok {
		return fmt.Sprintf("%s has no tag: pin a version", image)
	}
	if !strings.ContainsAny(tagged.Tag(), "0123456789") {
		return fmt.Sprintf("the tag %s floats: pin a version", tagged.Tag())
	}
	return ""
}
