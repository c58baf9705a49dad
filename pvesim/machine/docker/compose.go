package docker

import (
	"errors"
	"fmt"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"proximity/pvesim/machine/unix"
)

const composeValues = "file project-name project-directory env-file profile progress ansi parallel"

// compose is the docker compose plugin.
func (e *Engine) compose(p *unix.Proc, args []string) int {
	global := parseFlags(args, composeValues, map[string]string{"f": "file", "p": "project-name"}, true)
	if global.has("version") {
		return e.composeVersionCmd(p, options{})
	}
	if len(global.rest) == 0 {
		p.Outf("\nUsage:  docker compose [OPTIONS] COMMAND\n\nDefine and run multi-container applications with Docker\n")
		return 0
	}
	verb, rest := global.rest[0], global.rest[1:]
	o := parseFlags(rest, composeFlags[verb], composeAlias[verb], verb == "exec" || verb == "run")
	for k, v := range global.set {
		if _, ok := o.set[k]; !ok {
			o.set[k] = v
		}
	}
	if verb == "version" {
		return e.composeVersionCmd(p, o)
	}
	commands := map[string]func(p *unix.Proc, pr *project, o options) error{
		"up": e.composeUp, "config": e.composeConfig, "pull": e.composePullCmd, "create": func(p *unix.Proc, pr *project, o options) error { o.set["no-start"] = ""; return e.composeUp(p, pr, o) },
		"down": e.composeDown, "ps": e.composePs, "logs": e.composeLogs, "stop": e.composeStop, "kill": e.composeStop, "start": e.composeStart, "restart": e.composeRestart,
		"rm": e.composeRm, "exec": e.composeExec, "run": e.composeRun, "images": e.composeImages, "port": e.composePort,
	}
	run := commands[verb]
	switch {
	case verb == "ls":
		if !e.Running() {
			p.Errf("%s", noDaemon)
			return 1
		}
		return e.composeLs(p, o)
	case run == nil:
		p.Errf("unknown docker command: \"compose %s\"\n", verb)
		return 16
	}
	pr, err := e.load(p, o)
	if err != nil && byName[verb] && o.set["project-name"] != "" {
		pr, err = &project{Project: &types.Project{Name: o.set["project-name"]}}, nil
	}
	if err == nil && !e.Running() && verb != "config" {
		err = exitError{1, strings.TrimSuffix(noDaemon, "\n")}
	}
	if err == nil {
		err = run(p, pr, o)
	}
	if err == nil {
		return 0
	}
	code := 1
	var exit exitError
	var status exitStatus
	switch {
	case errors.As(err, &status):
		return int(status)
	case p.Context().Err() != nil:
		return 130
	case errors.As(err, &exit):
		code = exit.code
	}
	p.Errf("%s\n", err)
	return code
}

// exitStatus is a command's own exit code, already explained.
type exitStatus int

func (s exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

// byName are the commands that need no compose file when the project is named.
var byName = map[string]bool{"down": true, "ps": true, "logs": true, "stop": true, "start": true, "restart": true, "kill": true, "rm": true, "exec": true, "images": true, "port": true}

var composeFlags = map[string]string{
	"up": "wait-timeout pull timeout scale", "down": "timeout rmi", "ps": "format filter status", "logs": "tail since until index",
	"config": "format output", "stop": "timeout", "restart": "timeout", "kill": "signal", "exec": "env user workdir index", "run": "env user workdir name entrypoint volume publish",
	"images": "format", "ls": "format filter", "pull": "policy", "version": "format", "create": "pull scale", "port": "protocol index",
}

var composeAlias = map[string]map[string]string{
	"up": {"d": "detach", "t": "timeout", "V": "renew-anon-volumes", "y": "yes"}, "down": {"v": "volumes", "t": "timeout"}, "ps": {"a": "all", "q": "quiet"},
	"logs": {"f": "follow", "t": "timestamps", "n": "tail"}, "config": {"q": "quiet", "o": "output"}, "stop": {"t": "timeout"}, "restart": {"t": "timeout"},
	"kill": {"s": "signal"}, "exec": {"T": "no-TTY", "e": "env", "u": "user", "w": "workdir", "d": "detach"}, "run": {"T": "no-TTY", "e": "env", "d": "detach", "u": "user", "w": "workdir"},
	"rm": {"f": "force", "s": "stop", "v": "volumes"}, "images": {"q": "quiet"}, "ls": {"a": "all", "q": "quiet"}, "pull": {"q": "quiet"}, "version": {"f": "format"},
}

func (e *Engine) composeVersionCmd(p *unix.Proc, o options) int {
	_, v, _, _ := e.versions()
	switch {
	case o.has("short"):
		p.Outf("%s\n", strings.TrimPrefix(v, "v"))
	case o.set["format"] == "json":
		p.Outf("{\"version\":%q}\n", v)
	default:
		p.Outf("Docker Compose version %s\n", v)
	}
	return 0
}

func (e *Engine) composeConfig(p *unix.Proc, pr *project, o options) error {
	switch {
	case o.has("quiet"):
		return nil
	case o.has("services"):
		for _, name := range sortedNames(pr.Services) {
			p.Outf("%s\n", name)
		}
	case o.has("images"):
		for _, name := range sortedNames(pr.Services) {
			p.Outf("%s\n", pr.Services[name].Image)
		}
	case o.has("volumes"):
		for _, name := range sortedNames(pr.Volumes) {
			p.Outf("%s\n", name)
		}
	default:
		text, err := pr.MarshalYAML()
		if o.set["format"] == "json" {
			text, err = pr.MarshalJSON()
		}
		if err != nil {
			return err
		}
		p.Outf("%s", text)
	}
	return nil
}

func (e *Engine) composePullCmd(p *unix.Proc, pr *project, o options) error {
	services, err := pr.selected(o.rest, o.has("include-deps"))
	if err != nil {
		return err
	}
	var pulled []string
	for _, name := range services {
		if pr.Services[name].Image != "" {
			pulled = append(pulled, name)
		}
	}
	return e.composePull(p, pr, pulled, o.has("quiet") || o.set["progress"] == "quiet", o.has("ignore-pull-failures"))
}

// progress prints how compose gets on.
func progress(p *unix.Proc) func(what, name, state string) {
	return func(what, name, state string) { p.Errf(" %s %s  %s\n", what, name, state) }
}

// chosen are a project's containers, those of the named services only, in starting order.
func (e *Engine) chosen(pr *project, services []string) []*Container {
	e.mu.Lock()
	defer e.mu.Unlock()
	var list []*Container
	for _, c := range e.project(pr.Name) {
		hit := len(services) == 0
		for _, s := range services {
			hit = hit || s == c.Service
		}
		if hit {
			list = append(list, c)
		}
	}
	return list
}

func (e *Engine) composeDown(p *unix.Proc, pr *project, o options) error {
	step := progress(p)
	list := e.chosen(pr, o.rest)
	for i := len(list) - 1; i >= 0; i-- {
		if _, known := pr.Services[list[i].Service]; pr.Services != nil && !known && !o.has("remove-orphans") {
			continue
		}
		e.takeDown(p, list[i], grace(o), step)
		if p.Context().Err() != nil {
			return p.Context().Err()
		}
	}
	if len(o.rest) > 0 {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if o.has("volumes") {
		for _, v := range append([]Volume(nil), e.state.Volumes...) {
			if v.Project == pr.Name {
				step("Volume", v.Name, "Removing")
				if err := e.removeVolume(v.Name); err != nil {
					return exitError{1, "Error response from daemon: " + err.Error()}
				}
				step("Volume", v.Name, "Removed")
			}
		}
	}
	if o.has("rmi") {
		for _, s := range pr.Services {
			if img := e.imageOf(s.Image); img != nil {
				step("Image", s.Image, "Removing")
				e.dropImage(img.Name)
				step("Image", s.Image, "Removed")
			}
		}
	}
	if len(e.project(pr.Name)) > 0 {
		return nil
	}
	for _, n := range append([]Network(nil), e.state.Networks...) {
		if n.Project == pr.Name {
			step("Network", n.Name, "Removing")
			e.removeNetwork(n.Name)
			step("Network", n.Name, "Removed")
		}
	}
	return nil
}

func (e *Engine) dropImage(name string) {
	for i, img := range e.state.Images {
		if img.Name == name {
			e.state.Images = append(e.state.Images[:i], e.state.Images[i+1:]...)
			return
		}
	}
}

func (e *Engine) composeStop(p *unix.Proc, pr *project, o options) error {
	step, list := progress(p), e.chosen(pr, o.rest)
	for i := len(list) - 1; i >= 0; i-- {
		c := list[i]
		e.mu.Lock()
		live := e.running[c.ID] != nil
		e.mu.Unlock()
		if !live {
			continue
		}
		step("Container", c.Name, "Stopping")
		e.halt(p.Context(), c, grace(o))
		step("Container", c.Name, "Stopped")
	}
	return p.Context().Err()
}

func (e *Engine) composeStart(p *unix.Proc, pr *project, o options) error {
	if pr.Services == nil {
		for _, c := range e.chosen(pr, o.rest) {
			e.mu.Lock()
			err := e.start(c)
			e.mu.Unlock()
			if err != nil {
				return exitError{1, "Error response from daemon: " + err.Error()}
			}
		}
		return nil
	}
	picked, err := pr.selected(o.rest, true)
	if err != nil {
		return err
	}
	b := &bring{e: e, p: p, pr: pr, o: o, ctx: p.Context(), picked: picked}
	if len(b.containers()) == 0 {
		return exitError{1, fmt.Sprintf("service %q has no container to start", picked[0])}
	}
	return b.start()
}

func (e *Engine) composeRestart(p *unix.Proc, pr *project, o options) error {
	step := progress(p)
	for _, c := range e.chosen(pr, o.rest) {
		step("Container", c.Name, "Restarting")
		e.halt(p.Context(), c, grace(o))
		e.mu.Lock()
		err := e.start(c)
		e.mu.Unlock()
		if err != nil {
			return exitError{1, "Error response from daemon: " + err.Error()}
		}
		step("Container", c.Name, "Started")
	}
	return p.Context().Err()
}

func (e *Engine) composeRm(p *unix.Proc, pr *project, o options) error {
	for _, c := range e.chosen(pr, o.rest) {
		e.mu.Lock()
		live := e.running[c.ID] != nil
		e.mu.Unlock()
		if live && !o.has("stop") {
			continue
		}
		e.takeDown(p, c, grace(o), progress(p))
	}
	return nil
}

func (e *Engine) composeExec(p *unix.Proc, pr *project, o options) error {
	if len(o.rest) < 2 {
		return exitError{1, "requires at least 2 arg(s), only received " + itoa(len(o.rest))}
	}
	for _, c := range e.chosen(pr, o.rest[:1]) {
		if c.Status != "running" {
			continue
		}
		if code := e.execIn(p, c, o.rest[1:], o); code != 0 {
			return exitStatus(code)
		}
		return nil
	}
	return exitError{1, fmt.Sprintf("service %q is not running", o.rest[0])}
}

// composeRun runs a service's image once with another command.
func (e *Engine) composeRun(p *unix.Proc, pr *project, o options) error {
	if len(o.rest) == 0 {
		return exitError{1, "requires at least 1 arg(s), only received 0"}
	}
	s, ok := pr.Services[o.rest[0]]
	if !ok {
		return exitError{1, "no such service: " + o.rest[0]}
	}
	if err := e.composePull(p, pr, []string{s.Name}, true, false); err != nil {
		return err
	}
	c := e.container(pr, s, 1)
	e.mu.Lock()
	c.Name, c.Ports, c.Restart = fmt.Sprintf("%s-%s-run-%s", pr.Name, s.Name, e.newID("run")[:12]), nil, ""
	c.Project = ""
	e.add(c)
	e.mu.Unlock()
	argv := o.rest[1:]
	if len(argv) == 0 {
		argv = c.command()
	}
	code := e.inside(p, c, argv, nil, o.set["workdir"])
	e.mu.Lock()
	e.remove(c)
	e.mu.Unlock()
	if code != 0 {
		return exitStatus(code)
	}
	return nil
}
