package catalog

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// maxFile bounds a manifest, in bytes: the largest known app needs a twentieth of it.
const maxFile = 1 << 20

// Parse reads and checks one manifest: its schema, its compose file, then our own rules. Without problems the manifest
// is ready to use. file names it in the problems.
func Parse(ctx context.Context, file string, raw []byte) (*Manifest, []Problem) {
	r := report{file: file}
	m, doc := decode(raw, &r)
	if m == nil {
		return nil, r.problems
	}
	m.services = m.readServices()
	variables := lintVariables(m, doc, &r)
	if project := loadCompose(ctx, m, variables, &r); project != nil {
		lintCompose(m, project, &r)
	}
	lintManifest(m, &r)
	if len(r.problems) > 0 {
		return nil, r.problems
	}
	m.fillDefaults()
	return m, nil
}

// decode turns raw into a manifest if it fits the schema, and into the document that it is.
func decode(raw []byte, r *report) (*Manifest, map[string]any) {
	if len(raw) > maxFile {
		r.add("", "the file is too large: a manifest has at most %d KB", maxFile>>10)
		return nil, nil
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		r.add("", "%s", syntaxError(raw))
		return nil, nil
	}
	if !checkSchema(doc, r) {
		return nil, nil
	}
	var m Manifest
	if err := json.Unmarshal(raw, &m); err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) {
			r.add(wrong.Field, "%s does not fit here", wrong.Value)
		} else {
			r.add("", "%v", err)
		}
		return nil, nil
	}
	return &m, doc.(map[string]any) // the schema wants an object
}

// syntaxError says where raw stops being JSON.
func syntaxError(raw []byte) string {
	var into any
	err := json.Unmarshal(raw, &into)
	var syntax *json.SyntaxError
	if !errors.As(err, &syntax) {
		return fmt.Sprintf("not JSON: %v", err)
	}
	before := raw[:min(int(syntax.Offset), len(raw))]
	line := 1 + bytes.Count(before, []byte("\n"))
	column := len(before) - (bytes.LastIndexByte(before, '\n') + 1)
	return fmt.Sprintf("not JSON: line %d, column %d: %v", line, max(column, 1), err)
}

// fillDefaults says what the manifest leaves unsaid, once, so that nobody else has to.
func (m *Manifest) fillDefaults() {
	if m.Status == "" {
		m.Status = "active"
	}
	if m.Revision == 0 {
		m.Revision = 1
	}
	if m.services == nil {
		m.services = m.readServices()
	}
	a, services := &m.Access, m.services
	if a.Kind == "" { // the earlier format: a list of published ports, the first of them the app's page
		a.Kind = "none"
		for _, s := range services {
			for _, p := range s.Ports {
				if len(m.Ports) > 0 && p.Published == m.Ports[0] {
					a.Kind, a.Service, a.Port = "web", s.Name, p.Target
				}
			}
		}
	}
	if a.Service == "" && a.Port != 0 {
		for _, s := range services {
			if len(services) == 1 || published(s.Ports, a.Port) != 0 {
				a.Service = s.Name
				break
			}
		}
	}
	if a.Kind == "web" && a.Scheme == "" {
		a.Scheme = "http"
	}
	if a.Kind == "web" && a.Path == "" {
		a.Path = "/"
	}
	for i := range m.Fields {
		if m.Fields[i].Label == "" {
			m.Fields[i].Label = words(m.Fields[i].Key)
		}
	}
}

// words makes a label of a key: ADMIN_PASSWORD becomes "Admin password".
func words(key string) string {
	label := strings.ToLower(strings.Trim(strings.Join(strings.FieldsFunc(key, func(r rune) bool { return r == '_' }), " "), " "))
	if label == "" {
		return key
	}
	return strings.ToUpper(label[:1]) + label[1:]
}

// OS is the system of the app's container: alpine, or debian where the manifest asks for it.
func (m *Manifest) OS() string {
	if m.System == "" {
		return "alpine"
	}
	return m.System
}

// Needs lists what the app wants beyond an ordinary container that can run docker: "tun", "cpu avx", "module wireguard",
// "vm.max_map_count=262144".
func (m *Manifest) Needs() []string {
	q := m.Requirements
	var needs []string
	for _, feature := range q.Features {
		if feature != "nesting" && feature != "keyctl" {
			needs = append(needs, feature)
		}
	}
	for _, flag := range q.CPUFlags {
		needs = append(needs, "cpu "+flag)
	}
	for _, module := range q.KernelModules {
		needs = append(needs, "module "+module)
	}
	return append(needs, q.Settings()...)
}

// Settings are the kernel settings that the app wants, as sysctl writes them: "vm.max_map_count=262144".
func (q Requirements) Settings() []string {
	var settings []string
	for _, key := range slices.Sorted(maps.Keys(q.Sysctls)) {
		settings = append(settings, key+"="+asText(q.Sysctls[key]))
	}
	return settings
}

// InternalPort is the TCP port that the app listens on inside its container, which is the published side of access.port;
// 0 for apps that offer none.
func (m *Manifest) InternalPort() int {
	if m.Access.Kind != "web" && m.Access.Kind != "tcp" {
		return 0
	}
	return m.publishedPort(m.Access.Service, m.Access.Port)
}

const defaultReadyTimeout = 3 * time.Minute

// Ready is the probe that a deployment ends with. Where the manifest has none, the way people reach the app is probed.
func (m *Manifest) Ready() Probe {
	spec := m.ReadySpec
	probe := Probe{Type: spec.Type, Status: spec.Status, Timeout: defaultReadyTimeout}
	if d, err := time.ParseDuration(spec.Timeout); err == nil && d > 0 {
		probe.Timeout = d
	}
	if probe.Type == "" {
		switch m.Access.Kind {
		case "web":
			probe.Type = "http"
		case "tcp":
			probe.Type = "tcp"
		default:
			probe.Type = "compose-health"
		}
	}
	if probe.Type != "http" && probe.Type != "tcp" {
		probe.Status = nil
		return probe
	}
	service, port := spec.Service, spec.Port
	if port == 0 {
		service, port = m.Access.Service, m.Access.Port
	}
	probe.Port = m.publishedPort(service, port)
	if probe.Type == "tcp" {
		probe.Status = nil
		return probe
	}
	probe.Path = spec.Path
	if probe.Path == "" {
		probe.Path = m.Access.Path
	}
	if probe.Path == "" {
		probe.Path = "/"
	}
	probe.Scheme = "http"
	if probe.Port == m.InternalPort() && m.Access.Scheme != "" {
		probe.Scheme = m.Access.Scheme
	}
	return probe
}

// publishedPort is where the container offers the port that service listens on; 0 when it does not.
func (m *Manifest) publishedPort(service string, port int) int {
	for _, s := range m.Services() {
		if service != "" && s.Name != service {
			continue
		}
		if s.hostNetwork {
			return port
		}
		if p := published(s.Ports, port); p != 0 {
			return p
		}
	}
	return 0
}

// published finds the TCP port that leads to target. A manifest that names the published port itself is understood, too.
func published(ports []Port, target int) int {
	for _, p := range ports {
		if p.Target == target && p.Proto != "udp" && p.Published != 0 {
			return p.Published
		}
	}
	for _, p := range ports {
		if p.Published == target && p.Proto != "udp" {
			return p.Published
		}
	}
	return 0
}
