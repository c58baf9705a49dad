package docker

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"sort"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/interpolation"
	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/template"
	"github.com/compose-spec/compose-go/v2/types"
	"go.yaml.in/yaml/v4"

	"proximity/pvesim/machine/unix"
)

// Exit codes of docker compose.
const (
	exitNoFile  = 14
	exitInvalid = 15
	exitBuild   = 17
	exitPull    = 18
)

// project is a loaded compose file.
type project struct {
	*types.Project
	files []string
	order []string // service names, dependencies first
}

// exitError is an error with docker compose's exit code.
type exitError struct {
	code int
	text string
}

func (e exitError) Error() string { return e.text }

var defaultFiles = []string{"compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"}

// load reads the compose file that a command line means.
func (e *Engine) load(p *unix.Proc, o options) (*project, error) {
	files := o.list("file")
	if len(files) == 0 && p.Env["COMPOSE_FILE"] != "" {
		files = strings.Split(p.Env["COMPOSE_FILE"], ":")
	}
	if len(files) == 0 {
		for dir := p.Dir; len(files) == 0; dir = path.Dir(dir) {
			for _, name := range defaultFiles {
				if _, err := p.K.FS.Stat(path.Join(dir, name)); err == nil {
					files = []string{path.Join(dir, name)}
					break
				}
			}
			if dir == "/" {
				break
			}
		}
	}
	if len(files) == 0 {
		return nil, exitError{exitNoFile, "no configuration file provided: not found"}
	}
	var configs []types.ConfigFile
	for i, name := range files {
		var content []byte
		var err error
		if name != "-" {
			name = unix.Abs(p.Dir, name)
			files[i] = name
		}
		if content, err = p.ReadAll(name); err != nil {
			return nil, exitError{exitNoFile, fmt.Sprintf("open %s: %s", name, strings.ToLower(unix.Text(err)))}
		}
		if err := selfContained(content); err != nil {
			return nil, exitError{exitInvalid, err.Error()}
		}
		configs = append(configs, types.ConfigFile{Filename: name, Content: content})
	}
	dir := path.Dir(files[0])
	if d := o.set["project-directory"]; d != "" {
		dir = unix.Abs(p.Dir, d)
	}
	env, err := environment(p, o, dir)
	if err != nil {
		return nil, err
	}
	name := o.set["project-name"]
	if name == "" {
		name = env["COMPOSE_PROJECT_NAME"]
	}
	explicit := name != ""
	if !explicit {
		name = loader.NormalizeProjectName(path.Base(dir))
	}
	return parseProject(p, configs, dir, env, name, explicit, o.list("profile"), files)
}

// environment is what ${…} in a compose file sees: the process's own over the .env file.
func environment(p *unix.Proc, o options, dir string) (types.Mapping, error) {
	env := types.Mapping{}
	for k, v := range p.Env {
		env[k] = v
	}
	names := o.list("env-file")
	given := len(names) > 0
	if !given {
		names = []string{path.Join(dir, ".env")}
	}
	for _, name := range names {
		text, err := p.ReadAll(unix.Abs(p.Dir, name))
		if errors.Is(err, fs.ErrNotExist) && !given {
			continue
		}
		if err != nil {
			return nil, exitError{exitNoFile, "couldn't find env file: " + unix.Abs(p.Dir, name)}
		}
		vars, err := dotenv.UnmarshalBytesWithLookup(text, func(k string) (string, bool) { v, ok := env[k]; return v, ok })
		if err != nil {
			return nil, exitError{1, fmt.Sprintf("failed to read %s: %s", unix.Abs(p.Dir, name), err)}
		}
		for k, v := range vars {
			if _, ok := p.Env[k]; !ok {
				env[k] = v
			}
		}
	}
	return env, nil
}

// selfContained refuses what would make compose-go read files by itself, because it reads the real machine's.
func selfContained(content []byte) error {
	var doc struct {
		Include  any `yaml:"include"`
		Services map[string]struct {
			Extends   any `yaml:"extends"`
			LabelFile any `yaml:"label_file"`
		} `yaml:"services"`
	}
	if err := yaml.Unmarshal(content, &doc); err != nil {
		return nil // the loader says it better
	}
	if doc.Include != nil {
		return errors.New("include is not supported by the simulator")
	}
	for name, s := range doc.Services {
		if m, ok := s.Extends.(map[string]any); ok && m["file"] != nil {
			return fmt.Errorf("services.%s.extends.file is not supported by the simulator", name)
		}
		if s.LabelFile != nil {
			return fmt.Errorf("services.%s.label_file is not supported by the simulator", name)
		}
	}
	return nil
}

func parseProject(p *unix.Proc, configs []types.ConfigFile, dir string, env types.Mapping, name string, explicit bool, profiles, files []string) (*project, error) {
	warned := map[string]bool{}
	substitute := func(text string, mapping template.Mapping) (string, error) {
		return template.SubstituteWithOptions(text, mapping, template.WithoutLogging)
	}
	lookup := func(key string) (string, bool) {
		v, ok := env[key]
		return v, ok
	}
	loaded, err := loader.LoadWithContext(p.Context(), types.ConfigDetails{WorkingDir: dir, ConfigFiles: configs, Environment: env}, func(o *loader.Options) {
		o.SetProjectName(name, explicit)
		o.SkipInclude, o.SkipResolveEnvironment, o.SkipResolveLabels = true, true, true
		o.Profiles = profiles
		if o.Interpolate == nil {
			o.Interpolate = &interpolation.Options{}
		}
		o.Interpolate.Substitute = substitute
		o.Interpolate.LookupValue = lookup
	})
	if err != nil {
		return nil, exitError{exitInvalid, strings.TrimSpace(err.Error())}
	}
	for _, config := range configs {
		warnUnset(p, config.Content, lookup, warned)
	}
	pr := &project{Project: loaded, files: files}
	for name, s := range loaded.Services {
		if err := resolveEnvFiles(p, &s, lookup); err != nil {
			return nil, err
		}
		loaded.Services[name] = s
	}
	return pr, pr.sort()
}

// warnUnset says which plain ${X} have no value, as compose does.
func warnUnset(p *unix.Proc, content []byte, lookup func(string) (string, bool), warned map[string]bool) {
	var doc map[string]any
	if yaml.Unmarshal(content, &doc) != nil {
		return
	}
	vars := template.ExtractVariables(doc, template.DefaultPattern)
	names := make([]string, 0, len(vars))
	for name := range vars {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		v := vars[name]
		if _, ok := lookup(name); ok || v.Required || v.DefaultValue != "" || v.PresenceValue != "" || warned[name] || strings.Contains(string(content), "${"+name+":-") || strings.Contains(string(content), "${"+name+"-") {
			continue
		}
		warned[name] = true
		p.Errf("time=%q level=warning msg=\"The \\\"%s\\\" variable is not set. Defaulting to a blank string.\"\n", p.K.Now().UTC().Format(time.RFC3339), name)
	}
}

// resolveEnvFiles reads env_file: from the machine's own files.
func resolveEnvFiles(p *unix.Proc, s *types.ServiceConfig, lookup func(string) (string, bool)) error {
	env := types.MappingWithEquals{}
	for _, file := range s.EnvFiles {
		text, err := p.ReadAll(file.Path)
		if errors.Is(err, fs.ErrNotExist) && !bool(file.Required) {
			continue
		}
		if err != nil {
			return exitError{exitNoFile, fmt.Sprintf("env file %s not found: stat %s: no such file or directory", file.Path, file.Path)}
		}
		vars, err := dotenv.UnmarshalBytesWithLookup(text, lookup)
		if err != nil {
			return exitError{1, fmt.Sprintf("failed to read %s: %s", file.Path, err)}
		}
		for k, v := range vars {
			env[k] = &v
		}
	}
	for k, v := range s.Environment {
		if v == nil {
			if own, ok := lookup(k); ok {
				v = &own
			}
		}
		env[k] = v
	}
	s.Environment = env
	return nil
}

// sort orders the services so that dependencies come first.
func (pr *project) sort() error {
	state := map[string]int{}
	var visit func(name string, from []string) error
	visit = func(name string, from []string) error {
		switch state[name] {
		case 1:
			return exitError{exitInvalid, "dependency cycle detected: " + strings.Join(append(from, name), " -> ")}
		case 2:
			return nil
		}
		state[name] = 1
		s := pr.Services[name]
		for _, dep := range sortedNames(s.DependsOn) {
			if _, ok := pr.Services[dep]; !ok {
				continue
			}
			if err := visit(dep, append(from, name)); err != nil {
				return err
			}
		}
		state[name] = 2
		pr.order = append(pr.order, name)
		return nil
	}
	for _, name := range sortedNames(pr.Services) {
		if err := visit(name, nil); err != nil {
			return err
		}
	}
	return nil
}

func sortedNames[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// selected are the services a command names with what they depend on, or all; in starting order.
func (pr *project) selected(names []string, deps bool) ([]string, error) {
	if len(names) == 0 {
		return pr.order, nil
	}
	want := map[string]bool{}
	var add func(name string)
	add = func(name string) {
		if want[name] {
			return
		}
		want[name] = true
		if deps {
			for dep := range pr.Services[name].DependsOn {
				add(dep)
			}
		}
	}
	for _, name := range names {
		if _, ok := pr.Services[name]; !ok {
			return nil, exitError{1, "no such service: " + name}
		}
		add(name)
	}
	var list []string
	for _, name := range pr.order {
		if want[name] {
			list = append(list, name)
		}
	}
	return list, nil
}

func (e *Engine) composeVersion() string {
	_, v, _, _ := e.versions()
	v = strings.TrimPrefix(v, "v")
	v, _, _ = strings.Cut(v, "-")
	return v
}
