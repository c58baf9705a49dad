package docker

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

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

// step prints compose's progress.
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

// psRow is one line of docker compose ps --format json.
type psRow struct {
	Command, CreatedAt                string
	ExitCode                          int
	Health, ID, Image, Labels         string
	LocalVolumes, Mounts, Name, Names string
	Networks, Ports, Project          string
	Publishers                        []publisher
	RunningFor, Service, Size         string
	State, Status                     string
}

type publisher struct {
	URL           string
	TargetPort    int
	PublishedPort int
	Protocol      string
}

func (c *Container) psRow(now time.Time) psRow {
	r := c.row(now)
	text := func(key string) string { return r[key].(string) }
	row := psRow{
		Command: text("Command"), CreatedAt: text("CreatedAt"), ExitCode: c.ExitCode, Health: c.HealthStatus, ID: c.ID[:12], Image: c.Image, Labels: text("Labels"),
		LocalVolumes: text("LocalVolumes"), Mounts: text("Mounts"), Name: c.Name, Names: c.Name, Networks: text("Networks"), Ports: c.portsText(),
		Project: c.Project, RunningFor: text("RunningFor"), Service: c.Service, Size: "0B", State: c.Status, Status: c.statusText(now),
	}
	if c.Status != "running" {
		if c.Status != "running" && c.Status != "restarting" {
			row.Health = ""
		}
		return row
	}
	for _, port := range c.Ports {
		ips := []string{"0.0.0.0", "::"}
		if port.IP != "" || port.Host == 0 {
			ips = []string{port.IP}
		}
		for _, ip := range ips {
			row.Publishers = append(row.Publishers, publisher{ip, port.Container, port.Host, port.Protocol})
		}
	}
	return row
}

func (e *Engine) composePs(p *unix.Proc, pr *project, o options) error {
	list := e.chosen(pr, o.rest)
	e.mu.Lock()
	now := p.K.Now()
	var rows []psRow
	for _, c := range list {
		status := o.set["status"]
		if !o.has("all") && status == "" && c.Status != "running" && c.Status != "restarting" || status != "" && c.Status != status {
			continue
		}
		rows = append(rows, c.psRow(now))
	}
	e.mu.Unlock()
	switch f := o.set["format"]; {
	case o.has("quiet"):
		for _, r := range rows {
			p.Outf("%s\n", e.fullID(r.Name))
		}
	case o.has("services"):
		for _, r := range rows {
			p.Outf("%s\n", r.Service)
		}
	case f == "json":
		for _, r := range rows {
			text, err := json.Marshal(r)
			if err != nil {
				return err
			}
			p.Outf("%s\n", text)
		}
	default:
		table := make([]map[string]any, len(rows))
		for i, r := range rows {
			table[i] = map[string]any{"Name": r.Name, "Names": r.Names, "Image": r.Image, "Command": r.Command, "Service": r.Service, "RunningFor": r.RunningFor, "Status": r.Status, "Ports": r.Ports, "State": r.State, "Health": r.Health, "ExitCode": r.ExitCode, "ID": r.ID, "Project": r.Project, "Publishers": r.Publishers}
		}
		if code := tableOf(p, f, table); code != 0 {
			return exitStatus(code)
		}
	}
	return nil
}

func tableOf(p *unix.Proc, format string, rows []map[string]any) int {
	return table(p, format, []string{"NAME", "IMAGE", "COMMAND", "SERVICE", "CREATED", "STATUS", "PORTS"}, rows)
}

func (e *Engine) fullID(name string) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	if c := e.find(name); c != nil {
		return c.ID
	}
	return ""
}

// logPrefix is "web-1  | ", as wide as the longest.
func logPrefix(list []*Container, none bool) func(*Container, LogLine) string {
	width := 0
	name := func(c *Container) string { return fmt.Sprintf("%s-%d", c.Service, c.Number) }
	for _, c := range list {
		width = max(width, len(name(c)))
	}
	return func(c *Container, _ LogLine) string {
		if none {
			return ""
		}
		return fmt.Sprintf("%-*s  | ", width, name(c))
	}
}

func (e *Engine) composeLogs(p *unix.Proc, pr *project, o options) error {
	for _, name := range o.rest {
		if _, ok := pr.Services[name]; !ok && pr.Services != nil {
			return exitError{1, "no such service: " + name}
		}
	}
	list := e.chosen(pr, o.rest)
	e.follow(p, list, parseLogOptions(o, p.K.Now()), logPrefix(list, o.has("no-log-prefix")))
	return nil
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

func (e *Engine) composeImages(p *unix.Proc, pr *project, o options) error {
	list := e.chosen(pr, o.rest)
	e.mu.Lock()
	defer e.mu.Unlock()
	type row struct {
		ID, ContainerName, Repository, Tag string
		Size                               int64
	}
	rows := []row{}
	for _, c := range list {
		n, err := parseImage(c.Image)
		img := e.imageOf(c.Image)
		if err != nil || img == nil {
			continue
		}
		repo := strings.TrimSuffix(n.Familiar, ":"+n.Tag)
		rows = append(rows, row{"sha256:" + img.ID, c.Name, repo, n.Tag, img.Size})
	}
	if o.set["format"] == "json" {
		text, err := json.Marshal(rows)
		if err != nil {
			return err
		}
		p.Outf("%s\n", text)
		return nil
	}
	lines := [][]string{{"CONTAINER", "REPOSITORY", "TAG", "IMAGE ID", "SIZE"}}
	for _, r := range rows {
		if o.has("quiet") {
			p.Outf("%s\n", strings.TrimPrefix(r.ID, "sha256:"))
			continue
		}
		lines = append(lines, []string{r.ContainerName, r.Repository, r.Tag, strings.TrimPrefix(r.ID, "sha256:")[:12], sizeText(r.Size)})
	}
	if !o.has("quiet") {
		aligned(p, lines)
	}
	return nil
}

func (e *Engine) composePort(p *unix.Proc, pr *project, o options) error {
	for _, c := range e.chosen(pr, o.rest[:min(len(o.rest), 1)]) {
		for _, port := range c.Ports {
			if len(o.rest) > 1 && itoa(port.Container) == o.rest[1] {
				p.Outf("%s:%d\n", anyIP(port.IP), port.Host)
				return nil
			}
		}
	}
	return exitError{1, "no port " + strings.Join(o.rest, " ")}
}

func (e *Engine) composeLs(p *unix.Proc, o options) int {
	s := e.Save()
	type row struct{ Name, Status, ConfigFiles string }
	rows := []row{}
	counts := map[string]map[string]int{}
	files := map[string]string{}
	for _, c := range s.Containers {
		if c.Project == "" {
			continue
		}
		if counts[c.Project] == nil {
			counts[c.Project] = map[string]int{}
		}
		counts[c.Project][c.Status]++
		files[c.Project] = c.Labels["com.docker.compose.project.config_files"]
	}
	for _, name := range sortedNames(counts) {
		if counts[name]["running"] == 0 && !o.has("all") {
			continue
		}
		var parts []string
		for _, status := range sortedNames(counts[name]) {
			parts = append(parts, fmt.Sprintf("%s(%d)", status, counts[name][status]))
		}
		rows = append(rows, row{name, strings.Join(parts, ", "), files[name]})
	}
	if o.set["format"] == "json" {
		text, err := json.Marshal(rows)
		if err != nil {
			return 1
		}
		p.Outf("%s\n", text)
		return 0
	}
	lines := [][]string{{"NAME", "STATUS", "CONFIG FILES"}}
	for _, r := range rows {
		if o.has("quiet") {
			p.Outf("%s\n", r.Name)
			continue
		}
		lines = append(lines, []string{r.Name, r.Status, r.ConfigFiles})
	}
	if !o.has("quiet") {
		aligned(p, lines)
	}
	return 0
}
