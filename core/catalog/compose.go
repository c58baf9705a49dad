package catalog

import (
	"cmp"
	"context"
	"encoding/json"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/template"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/sirupsen/logrus"
)

// Service is one service of an app's compose file.
type Service struct {
	Name  string
	Image string
	Ports []Port

	hostNetwork bool
}

// Port is one port that a service publishes inside the app's container.
type Port struct {
	Published int    // 0: docker picks one
	Target    int    // what the service itself listens on
	Proto     string // tcp, udp
}

// Services lists the services of the compose file by name. They are shared: read them, never change them.
func (m *Manifest) Services() []Service {
	if m.services == nil {
		return m.readServices()
	}
	return m.services
}

func (m *Manifest) readServices() []Service {
	var file struct {
		Services map[string]struct {
			Image       string            `json:"image"`
			NetworkMode string            `json:"network_mode"`
			Ports       []json.RawMessage `json:"ports"`
		} `json:"services"`
	}
	if json.Unmarshal(m.DockerCompose, &file) != nil {
		return nil // Parse refuses such a manifest
	}
	services := make([]Service, 0, len(file.Services))
	for name, s := range file.Services {
		one := Service{Name: name, Image: s.Image, hostNetwork: s.NetworkMode == "host"}
		for _, raw := range s.Ports {
			one.Ports = append(one.Ports, composePorts(raw)...)
		}
		services = append(services, one)
	}
	slices.SortFunc(services, func(a, b Service) int { return cmp.Compare(a.Name, b.Name) })
	return services
}

// VolumeNames lists the named volumes of the compose file.
func (m *Manifest) VolumeNames() []string {
	var file struct {
		Volumes map[string]json.RawMessage `json:"volumes"`
	}
	if json.Unmarshal(m.DockerCompose, &file) != nil {
		return nil // Parse refuses such a manifest
	}
	return slices.Sorted(maps.Keys(file.Volumes))
}

// composePorts reads one entry of ports in its short or long form.
func composePorts(raw json.RawMessage) []Port {
	var long struct {
		Target    int    `json:"target"`
		Published any    `json:"published"`
		Protocol  string `json:"protocol"`
	}
	if json.Unmarshal(raw, &long) == nil && long.Target != 0 {
		p := Port{Target: long.Target, Proto: cmp.Or(long.Protocol, "tcp")}
		switch v := long.Published.(type) {
		case float64:
			p.Published = int(v)
		case string:
			p.Published, _ = strconv.Atoi(v)
		}
		return []Port{p}
	}
	configs, err := types.ParsePortConfig(strings.Trim(string(raw), `"`))
	if err != nil {
		return nil
	}
	ports := make([]Port, len(configs))
	for i, c := range configs {
		n, _ := strconv.Atoi(c.Published)
		ports[i] = Port{Published: n, Target: int(c.Target), Proto: c.Protocol}
	}
	return ports
}

// quietCompose silences compose-go, which warns on stderr through logrus. What it warns of, lint reports.
var quietCompose = sync.OnceFunc(func() { logrus.SetOutput(io.Discard) })

// loadCompose has compose-go read the app's compose file with sample values for its variables; nil when it will not.
func loadCompose(ctx context.Context, m *Manifest, variables map[string]template.Variable, r *report) *types.Project {
	quietCompose()
	details := types.ConfigDetails{
		WorkingDir:  "/",
		Environment: sampleEnv(m, variables),
		ConfigFiles: []types.ConfigFile{{
			Filename: "docker_compose",
			Content:  m.DockerCompose, // JSON is YAML: keep the bytes, a decoded map loses mem_limit
		}},
	}
	options := func(o *loader.Options) {
		o.SetProjectName(m.ID, true)
		o.SkipInclude, o.SkipExtends = true, true // nothing outside the manifest is read
		o.SkipResolveEnvironment, o.SkipResolveLabels = true, true
		o.ResolvePaths = false
		o.SkipNormalization, o.SkipDefaultValues = true, true // nothing that lint looks at
	}
	// Looking for texts that stand for numbers ("${PORT}" as a target) takes a fifth of the time, and few files have any.
	project, err := loader.LoadWithContext(ctx, details, options, func(o *loader.Options) { o.Interpolate.TypeCastMapping = nil })
	if err != nil {
		project, err = loader.LoadWithContext(ctx, details, options)
	}
	if err != nil {
		reportCompose(err, r)
		return nil
	}
	return project
}

// sampleEnv gives every variable a value, one that fits its field's type where it has one.
func sampleEnv(m *Manifest, variables map[string]template.Variable) types.Mapping {
	env := types.Mapping{}
	for name := range variables {
		env[name] = "sample"
	}
	maps.Copy(env, types.Mapping(Builtins{URL: "http://app.example:8100", Host: "app.example", Port: 8100, Address: "10.0.0.5", TZ: "UTC", Instance: m.ID}.values()))
	maps.Copy(env, m.Environment)
	for _, f := range m.Fields {
		env[f.Key] = f.Sample()
	}
	return env
}

// reportCompose translates what compose-go found. It reports several wrong values at once, one per line and in any order.
func reportCompose(err error, r *report) {
	text := err.Error()
	if m := interpolation.FindStringSubmatch(text); m != nil {
		r.add(composePath(m[1]), "%s is no variable: write ${NAME}, or $$ for a dollar sign", strings.TrimSpace(m[2]))
		return
	}
	for _, line := range slices.Sorted(strings.Lines(decodingFailed.ReplaceAllString(text, ""))) {
		if line = strings.TrimSpace(line); line != "" {
			path, reason := translate(line)
			r.add(path, "%s", reason)
		}
	}
}

// The shapes of compose-go's messages (v2.16).
var (
	decodingFailed = regexp.MustCompile(`^decoding failed due to the following error\(s\):\s*`)
	interpolation  = regexp.MustCompile(`(?s)^invalid interpolation format for (\S+?)\.\n.*\n(.+)$`)
	unknownKey     = regexp.MustCompile(`^(.+)\.([^.]+) false schema$`)
	moreKeys       = regexp.MustCompile(`^(\S*) *additional properties (.+) not allowed$`)
	badCast        = regexp.MustCompile(`^error while interpolating (\S+): failed to cast to expected type: (.+)$`)
	badNumber      = regexp.MustCompile(`^strconv\.\w+: parsing ("(?:[^"\\]|\\.)*"): `)
	noTarget       = regexp.MustCompile(`^service (?:ports|volume) (services\.\S+) (is missing a .+)$`)
	ofService      = regexp.MustCompile(`^service "?([^" ]+)"? (.+)$`)
	badPort        = regexp.MustCompile(`^Invalid (?:container|host)Port: (.+)$`)
	badDuration    = regexp.MustCompile(`^time: .*duration ("(?:[^"\\]|\\.)*")$`)
	quotedPath     = regexp.MustCompile(`^'([^']+)' *(.*)$`)
	plainPath      = regexp.MustCompile(`^((?:services|volumes|networks|configs|secrets)[.\[]\S*?):? (.+)$`)
	bracketStep    = regexp.MustCompile(`\[([^\]]*[^\]0-9][^\]]*)\]`) // services[db] becomes services.db, ports[0] stays
	numberStep     = regexp.MustCompile(`\.\[?([0-9]+)\]?(\.|\[|$)`)  // volumes.0 and ports.[0] become volumes[0] and ports[0]
)

// translate turns one of the messages into a JSON path and a sentence that an author understands.
func translate(text string) (path, reason string) {
	text = strings.TrimPrefix(text, "validating docker_compose: ")
	text = strings.TrimSuffix(text, ": invalid compose project")
	if m := unknownKey.FindStringSubmatch(text); m != nil {
		return composePath(m[1] + "." + m[2]), "unknown key: compose has no " + strconv.Quote(m[2]) + " here"
	}
	if m := moreKeys.FindStringSubmatch(text); m != nil {
		if m[1] == "services" {
			return composePath(m[1]), m[2] + " cannot be the name of a service: use letters, digits and -"
		}
		return composePath(m[1]), "unknown key: compose has no " + m[2] + " here"
	}
	if m := badCast.FindStringSubmatch(text); m != nil {
		return composePath(m[1]), castReason(m[2])
	}
	if m := noTarget.FindStringSubmatch(text); m != nil {
		return composePath(m[1]), m[2]
	}
	if m := ofService.FindStringSubmatch(text); m != nil {
		return composePath("services." + m[1]), strings.Replace(m[2], "neither an image nor a build context specified", "no image", 1)
	}
	if m := badPort.FindStringSubmatch(text); m != nil {
		return composePath(""), m[1] + " is no port: they go from 1 to 65535"
	}
	for _, shape := range []*regexp.Regexp{quotedPath, plainPath} {
		if m := shape.FindStringSubmatch(text); m != nil {
			return composePath(m[1]), plainWords(m[2])
		}
	}
	return composePath(""), text
}

// composePath writes a path of compose-go's as the others are written, from the manifest on.
func composePath(path string) string {
	path = strings.ReplaceAll(path, ".[]", "")
	path = bracketStep.ReplaceAllString(path, ".$1")
	path = numberStep.ReplaceAllString(path, "[$1]$2")
	return strings.TrimSuffix("docker_compose."+path, ".")
}

// castReason says what a text is not that stands for a number or a switch.
func castReason(why string) string {
	if m := badNumber.FindStringSubmatch(why); m != nil {
		return m[1] + " is no number"
	}
	if value, is := strings.CutPrefix(why, "invalid boolean: "); is {
		return strconv.Quote(value) + " is neither true nor false"
	}
	return why
}

// plainWords puts what is wrong with a value into the words that the schema's problems have, too.
func plainWords(reason string) string {
	if m := badDuration.FindStringSubmatch(reason); m != nil {
		return m[1] + " is no duration: write 30s or 2m"
	}
	if size, is := strings.CutPrefix(reason, "invalid size: "); is {
		return size + " is no size: write 512m or 2g"
	}
	return strings.NewReplacer("must be a array", "must be an array", "must be a mapping", "must be an object").Replace(reason)
}
