package docker

import (
	"encoding/json"
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/dotenv"

	"proximity/pvesim/machine/unix"
)

func (e *Engine) cmdPs(p *unix.Proc, args []string) int {
	o := parseFlags(args, "format filter last n", map[string]string{"a": "all", "q": "quiet", "f": "filter", "n": "last"}, false)
	e.mu.Lock()
	defer e.mu.Unlock()
	now := p.K.Now()
	var rows []map[string]any
	for _, c := range sortedContainers(e.state.Containers) {
		if c.Status != "running" && c.Status != "restarting" && !o.has("all") && !strings.Contains(o.set["filter"], "status=") {
			continue
		}
		if c.filtered(o.list("filter")) {
			continue
		}
		if o.has("quiet") {
			p.Outf("%s\n", c.ID[:12])
			continue
		}
		row := c.row(now)
		if o.has("no-trunc") {
			row["ID"], row["Command"] = c.ID, c.commandText(true)
		}
		rows = append(rows, row)
	}
	if o.has("quiet") {
		return 0
	}
	return table(p, o.set["format"], []string{"CONTAINER ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAMES"}, rows)
}

// filtered reports whether docker ps --filter leaves the container out.
func (c *Container) filtered(filters []string) bool {
	for _, f := range filters {
		key, value, _ := strings.Cut(f, "=")
		hit := true
		switch key {
		case "name":
			hit = strings.Contains(c.Name, strings.Trim(value, "^$/"))
		case "status":
			hit = c.Status == value
		case "health":
			hit = c.HealthStatus == value
		case "id":
			hit = strings.HasPrefix(c.ID, value)
		case "ancestor":
			hit = c.Image == value
		case "label":
			name, want, given := strings.Cut(value, "=")
			got, ok := c.Labels[name]
			hit = ok && (!given || got == want)
		}
		if !hit {
			return true
		}
	}
	return false
}

func (e *Engine) cmdImages(p *unix.Proc, args []string) int {
	o := parseFlags(args, "format filter", map[string]string{"q": "quiet", "a": "all", "f": "filter"}, false)
	e.mu.Lock()
	defer e.mu.Unlock()
	var rows []map[string]any
	for _, img := range e.state.Images {
		repo, tag, _ := strings.Cut(img.Name, ":")
		if i := strings.LastIndexByte(img.Name, ':'); i > strings.LastIndexByte(img.Name, '/') {
			repo, tag = img.Name[:i], img.Name[i+1:]
		}
		if len(o.rest) > 0 && o.rest[0] != repo && o.rest[0] != img.Name {
			continue
		}
		if o.has("quiet") {
			p.Outf("%s\n", img.ID[:12])
			continue
		}
		rows = append(rows, map[string]any{"Repository": repo, "Tag": tag, "ID": img.ID[:12], "RunningFor": ago(p.K.Now().Sub(img.Created)) + " ago", "CreatedSince": ago(p.K.Now().Sub(img.Created)) + " ago", "Size": sizeText(img.Size), "Digest": img.Digest})
	}
	if o.has("quiet") {
		return 0
	}
	return table(p, o.set["format"], []string{"REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE"}, rows)
}

const runValues = "name publish env env-file volume network restart label memory cpus user workdir entrypoint hostname mount add-host cap-add cap-drop device security-opt ulimit sysctl tmpfs shm-size pids-limit pull platform health-cmd health-interval health-retries health-timeout health-start-period log-driver log-opt stop-timeout cpu-shares dns expose ip"

var runAlias = map[string]string{"p": "publish", "e": "env", "v": "volume", "l": "label", "m": "memory", "u": "user", "w": "workdir", "h": "hostname", "d": "detach", "i": "interactive", "t": "tty", "P": "publish-all"}

// cmdRun is docker run and docker create.
func (e *Engine) cmdRun(p *unix.Proc, args []string) int {
	create := p.Args[1] == "create"
	o := parseFlags(args, runValues, runAlias, true)
	if len(o.rest) == 0 {
		p.Errf("docker: 'docker run' requires at least 1 argument\n")
		return 125
	}
	fail := func(err error) int {
		p.Errf("docker: Error response from daemon: %s\n\nRun 'docker run --help' for more information\n", err)
		return 125
	}
	image := o.rest[0]
	e.mu.Lock()
	have := e.imageOf(image)
	e.mu.Unlock()
	if have == nil {
		p.Errf("Unable to find image '%s' locally\n", canonicalTag(image))
		if code := e.pullTo(p, image); code != 0 {
			return 125
		}
	}
	c, err := e.fromFlags(p, o, image)
	if err != nil {
		return fail(err)
	}
	e.mu.Lock()
	if c.Name != "" && e.find(c.Name) != nil {
		id := e.find(c.Name).ID
		e.mu.Unlock()
		return fail(fmt.Errorf("Conflict. The container name \"/%s\" is already in use by container %q. You have to remove (or rename) that container to be able to reuse that name.", c.Name, id))
	}
	e.add(c)
	if create {
		e.mu.Unlock()
		p.Outf("%s\n", c.ID)
		return 0
	}
	err = e.start(c)
	if err != nil && o.has("rm") {
		e.remove(c)
	}
	e.mu.Unlock()
	if err != nil {
		fail(err)
		if strings.Contains(err.Error(), "executable file not found") || strings.Contains(err.Error(), "no such file or directory: unknown") {
			return 127
		}
		return 125
	}
	if o.has("detach") {
		p.Outf("%s\n", c.ID)
		return 0
	}
	e.follow(p, []*Container{c}, logOptions{follow: true}, func(*Container, LogLine) string { return "" })
	e.mu.Lock()
	defer e.mu.Unlock()
	code := c.ExitCode
	if o.has("rm") {
		e.remove(c)
	}
	return code
}

// pullTo pulls for docker run, whose progress goes to standard error.
func (e *Engine) pullTo(p *unix.Proc, image string) int {
	stdout := p.Swap(1, p.File(2).Dup())
	code := e.pullLoud(p, image, false, "docker: Error response from daemon: ")
	if f := p.Swap(1, stdout); f != nil {
		f.Close()
	}
	return code
}

func canonicalTag(image string) string {
	n, err := parseImage(image)
	if err != nil {
		return image
	}
	return n.Familiar
}

// fromFlags makes a container of docker run's flags.
func (e *Engine) fromFlags(p *unix.Proc, o options, image string) (*Container, error) {
	e.mu.Lock()
	img := *e.imageOf(image)
	e.mu.Unlock()
	c := &Container{Name: o.set["name"], Image: image, ImageID: img.ID, Command: o.rest[1:], Env: map[string]string{}, Labels: map[string]string{}, WorkDir: o.set["workdir"], Networks: []string{"bridge"}}
	if entry := o.set["entrypoint"]; entry != "" {
		c.Entrypoint = []string{entry}
	}
	if n := o.set["network"] + o.set["net"]; n != "" {
		c.Networks = []string{n}
	}
	c.Restart = o.set["restart"]
	if c.Restart == "no" {
		c.Restart = ""
	}
	for _, file := range o.list("env-file") {
		text, err := p.ReadAll(file)
		if err != nil {
			return nil, err
		}
		vars, err := dotenv.UnmarshalBytesWithLookup(text, nil)
		if err != nil {
			return nil, err
		}
		for k, v := range vars {
			c.Env[k] = v
		}
	}
	for _, kv := range o.list("env") {
		k, v, given := strings.Cut(kv, "=")
		if !given {
			v = p.Env[k]
		}
		c.Env[k] = v
	}
	for _, kv := range o.list("label") {
		k, v, _ := strings.Cut(kv, "=")
		c.Labels[k] = v
	}
	for _, spec := range o.list("publish") {
		port, err := parsePort(spec)
		if err != nil {
			return nil, err
		}
		c.Ports = append(c.Ports, port)
	}
	for _, spec := range o.list("volume") {
		parts := strings.Split(spec, ":")
		if len(parts) < 2 {
			continue
		}
		m := Mount{Target: parts[1], Read: len(parts) > 2 && strings.Contains(parts[2], "ro")}
		if strings.HasPrefix(parts[0], "/") || strings.HasPrefix(parts[0], ".") {
			m.Source = unix.Abs(p.Dir, parts[0])
		} else {
			m.Volume = parts[0]
			e.mu.Lock()
			e.volume(parts[0], "", "")
			e.mu.Unlock()
		}
		c.Mounts = append(c.Mounts, m)
	}
	return c, nil
}

func parsePort(spec string) (Port, error) {
	body, protocol, ok := strings.Cut(spec, "/")
	if !ok {
		protocol = "tcp"
	}
	parts := strings.Split(body, ":")
	port := Port{Protocol: protocol}
	inside, err := strconv.Atoi(parts[len(parts)-1])
	if err != nil {
		return port, fmt.Errorf("invalid containerPort: %s", parts[len(parts)-1])
	}
	port.Container = inside
	if len(parts) > 1 {
		if port.Host, err = strconv.Atoi(parts[len(parts)-2]); err != nil {
			return port, fmt.Errorf("invalid hostPort: %s", parts[len(parts)-2])
		}
	}
	if len(parts) > 2 && parts[0] != "0.0.0.0" {
		port.IP = parts[0]
	}
	return port, nil
}

var adjectives = strings.Fields("admiring brave clever dazzling eager focused gallant happy jolly keen lucid modest nifty peaceful quirky relaxed serene tender upbeat vigilant wizardly zealous")
var surnames = strings.Fields("archimedes bohr curie darwin euler fermi galileo hopper hypatia joliot kepler lamarr lovelace meitner newton noether pasteur ramanujan shannon tesla turing wright")

// add registers a new container. The caller holds the lock.
func (e *Engine) add(c *Container) {
	c.ID = e.newID("container")
	if c.Name == "" {
		n := number(c.ID)
		c.Name = adjectives[n%uint64(len(adjectives))] + "_" + surnames[n/97%uint64(len(surnames))]
	}
	c.Status, c.Created = "created", e.Kernel.Now()
	e.state.Containers = append(e.state.Containers, c)
	e.notify()
}

type logOptions struct {
	follow, timestamps bool
	tail               int // -1 = all
	since              time.Time
}

func parseLogOptions(o options, now time.Time) logOptions {
	l := logOptions{follow: o.has("follow"), timestamps: o.has("timestamps"), tail: -1}
	if n, err := strconv.Atoi(o.set["tail"]); err == nil {
		l.tail = n
	}
	if d, err := time.ParseDuration(o.set["since"]); err == nil {
		l.since = now.Add(-d)
	} else if t, err := time.Parse(time.RFC3339, o.set["since"]); err == nil {
		l.since = t
	}
	return l
}

// follow prints the logs of containers in the order of time; with follow, until all have ended or the process must.
func (e *Engine) follow(p *unix.Proc, list []*Container, o logOptions, prefix func(*Container, LogLine) string) {
	type place struct {
		at    time.Time
		count int // lines with that time printed
	}
	printed := map[*Container]place{}
	emit := func(c *Container, l LogLine) {
		out := p.Stdout()
		if l.Stderr && prefix(c, l) == "" {
			out = p.Stderr()
		}
		text := prefix(c, l)
		if o.timestamps {
			text += l.At.UTC().Format("2006-01-02T15:04:05.000000000Z") + " "
		}
		fmt.Fprintf(out, "%s%s\n", text, l.Text)
	}
	for first := true; ; first = false {
		e.mu.Lock()
		changed := e.changed
		alive := false
		type entry struct {
			c *Container
			l LogLine
		}
		var fresh []entry
		for _, c := range list {
			alive = alive || e.running[c.ID] != nil
			seen := printed[c]
			var lines []LogLine
			same := 0
			for _, l := range c.Log {
				if l.At.Before(seen.at) || l.At.Before(o.since) {
					continue
				}
				if l.At.Equal(seen.at) {
					if same++; same <= seen.count {
						continue
					}
				}
				lines = append(lines, l)
			}
			if first && o.tail >= 0 && len(lines) > o.tail {
				lines = lines[len(lines)-o.tail:]
			}
			for _, l := range lines {
				fresh = append(fresh, entry{c, l})
			}
			if len(c.Log) > 0 {
				last := place{at: c.Log[len(c.Log)-1].At}
				for _, l := range c.Log {
					if l.At.Equal(last.at) {
						last.count++
					}
				}
				printed[c] = last
			}
		}
		e.mu.Unlock()
		for i := 1; i < len(fresh); i++ { // merge by time, stable
			for j := i; j > 0 && fresh[j].l.At.Before(fresh[j-1].l.At); j-- {
				fresh[j], fresh[j-1] = fresh[j-1], fresh[j]
			}
		}
		for _, f := range fresh {
			emit(f.c, f.l)
		}
		if !o.follow || !alive {
			return
		}
		select {
		case <-changed:
		case <-p.Context().Done():
			return
		}
	}
}

func (e *Engine) cmdLogs(p *unix.Proc, args []string) int {
	o := parseFlags(args, "tail since until", map[string]string{"f": "follow", "t": "timestamps", "n": "tail"}, false)
	c, code := e.one(p, first(o.rest))
	if c == nil {
		return code
	}
	e.follow(p, []*Container{c}, parseLogOptions(o, p.K.Now()), func(*Container, LogLine) string { return "" })
	return 0
}

// one finds a container or says that there is none.
func (e *Engine) one(p *unix.Proc, ref string) (*Container, int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	c := e.find(ref)
	if c == nil {
		p.Errf("Error response from daemon: No such container: %s\n", ref)
		return nil, 1
	}
	return c, 0
}

// each runs f on every named container and prints its name.
func (e *Engine) each(p *unix.Proc, refs []string, f func(c *Container) error) int {
	code := 0
	for _, ref := range refs {
		c, bad := e.one(p, ref)
		if c == nil {
			code = bad
			continue
		}
		if err := f(c); err != nil {
			p.Errf("Error response from daemon: %s\n", err)
			code = 1
			continue
		}
		p.Outf("%s\n", ref)
	}
	return code
}

func grace(o options) time.Duration {
	for _, name := range []string{"time", "timeout"} {
		if n, err := strconv.Atoi(o.set[name]); err == nil {
			return time.Duration(n) * time.Second
		}
	}
	return 10 * time.Second
}

func (e *Engine) cmdStop(p *unix.Proc, args []string) int {
	o := parseFlags(args, "time timeout signal", map[string]string{"t": "time", "s": "signal"}, false)
	wait := grace(o)
	if p.Args[1] == "kill" {
		wait = 0
	}
	return e.each(p, o.rest, func(c *Container) error { e.halt(p.Context(), c, wait); return nil })
}

func (e *Engine) cmdStart(p *unix.Proc, args []string) int {
	o := parseFlags(args, "", map[string]string{"a": "attach"}, false)
	return e.each(p, o.rest, func(c *Container) error { e.mu.Lock(); defer e.mu.Unlock(); return e.start(c) })
}

func (e *Engine) cmdRestart(p *unix.Proc, args []string) int {
	o := parseFlags(args, "time timeout", map[string]string{"t": "time"}, false)
	return e.each(p, o.rest, func(c *Container) error {
		e.halt(p.Context(), c, grace(o))
		e.mu.Lock()
		defer e.mu.Unlock()
		return e.start(c)
	})
}

func (e *Engine) cmdRm(p *unix.Proc, args []string) int {
	o := parseFlags(args, "", map[string]string{"f": "force", "v": "volumes"}, false)
	return e.each(p, o.rest, func(c *Container) error {
		e.mu.Lock()
		live := e.running[c.ID] != nil
		e.mu.Unlock()
		if live && !o.has("force") {
			return fmt.Errorf("cannot remove container %q: container is running: stop the container before removing or force remove", "/"+c.Name)
		}
		e.halt(p.Context(), c, 0)
		e.mu.Lock()
		defer e.mu.Unlock()
		e.remove(c)
		return nil
	})
}

func (e *Engine) cmdRmi(p *unix.Proc, args []string) int {
	o := parseFlags(args, "", map[string]string{"f": "force"}, false)
	code := 0
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, ref := range o.rest {
		img := e.imageOf(ref)
		if img == nil {
			p.Errf("Error response from daemon: No such image: %s\n", canonicalTag(ref))
			code = 1
			continue
		}
		for _, c := range e.state.Containers {
			if c.ImageID == img.ID && !o.has("force") {
				p.Errf("Error response from daemon: conflict: unable to remove repository reference %q (must force) - container %s is using its referenced image %s\n", ref, c.ID[:12], img.ID[:12])
				return 1
			}
		}
		p.Outf("Untagged: %s\nDeleted: sha256:%s\n", img.Name, img.ID)
		for i := range e.state.Images {
			if &e.state.Images[i] == img {
				e.state.Images = append(e.state.Images[:i], e.state.Images[i+1:]...)
				break
			}
		}
	}
	return code
}

func (e *Engine) cmdTag(p *unix.Proc, args []string) int {
	if len(args) != 2 {
		return 1
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	img := e.imageOf(args[0])
	if img == nil {
		p.Errf("Error response from daemon: No such image: %s\n", canonicalTag(args[0]))
		return 1
	}
	copied := *img
	copied.Name = canonicalTag(args[1])
	e.state.Images = append(e.state.Images, copied)
	return 0
}

func (e *Engine) cmdExec(p *unix.Proc, args []string) int {
	o := parseFlags(args, "env user workdir env-file", map[string]string{"e": "env", "u": "user", "w": "workdir", "i": "interactive", "t": "tty", "d": "detach"}, true)
	if len(o.rest) < 2 {
		p.Errf("docker: 'docker exec' requires at least 2 arguments\n")
		return 1
	}
	c, code := e.one(p, o.rest[0])
	if c == nil {
		return code
	}
	return e.execIn(p, c, o.rest[1:], o)
}

func (e *Engine) execIn(p *unix.Proc, c *Container, argv []string, o options) int {
	e.mu.Lock()
	live := c.Status == "running"
	e.mu.Unlock()
	if !live {
		p.Errf("Error response from daemon: container %s is not running\n", c.ID)
		return 1
	}
	env := map[string]string{}
	for _, kv := range o.list("env") {
		k, v, _ := strings.Cut(kv, "=")
		env[k] = v
	}
	return e.inside(p, c, argv, env, o.set["workdir"])
}

func (e *Engine) cmdWait(p *unix.Proc, args []string) int {
	for _, ref := range args {
		c, code := e.one(p, ref)
		if c == nil {
			return code
		}
		if e.until(p.Context(), func() bool { return e.running[c.ID] == nil }) != nil {
			return 1
		}
		p.Outf("%d\n", c.ExitCode)
	}
	return 0
}

func (e *Engine) cmdPort(p *unix.Proc, args []string) int {
	c, code := e.one(p, first(args))
	if c == nil {
		return code
	}
	for _, port := range c.Ports {
		if port.Host != 0 {
			p.Outf("%d/%s -> %s:%d\n", port.Container, port.Protocol, anyIP(port.IP), port.Host)
		}
	}
	return 0
}

func (e *Engine) cmdStats(p *unix.Proc, args []string) int {
	o := parseFlags(args, "format", nil, false)
	e.mu.Lock()
	var rows []map[string]any
	for _, c := range e.state.Containers {
		if c.Status == "running" {
			n := number(c.Image)
			rows = append(rows, map[string]any{"ID": c.ID[:12], "Name": c.Name, "CPUPerc": fmt.Sprintf("%.2f%%", float64(n%300)/100), "MemUsage": fmt.Sprintf("%dMiB / %.4gGiB", 20+n%120, float64(e.MemoryMB)/1024), "MemPerc": fmt.Sprintf("%.2f%%", float64(20+n%120)*100/float64(max(e.MemoryMB, 1)))})
		}
	}
	e.mu.Unlock()
	code := table(p, o.set["format"], []string{"CONTAINER ID", "NAME", "CPU %", "MEM USAGE / LIMIT"}, rows)
	if !o.has("no-stream") {
		<-p.Context().Done()
	}
	return code
}

// cmdInspect shows containers, images, volumes and networks.
func (e *Engine) cmdInspect(p *unix.Proc, args []string) int {
	o := parseFlags(args, "format type", map[string]string{"f": "format", "s": "size"}, false)
	var found []any
	code := 0
	e.mu.Lock()
	for _, ref := range o.rest {
		v := e.inspect(ref, p.Args[1])
		if v == nil {
			kind := map[string]string{"image": "No such image: ", "volume": "get ", "container": "No such container: "}[p.Args[1]]
			suffix := ""
			if kind == "" {
				kind = "No such object: "
			}
			if p.Args[1] == "volume" {
				suffix = ": no such volume"
			}
			p.Errf("Error: %s%s%s\n", kind, ref, suffix)
			code = 1
			continue
		}
		found = append(found, v)
	}
	e.mu.Unlock()
	if f := o.set["format"]; f != "" {
		for _, v := range found {
			if c := render(p, f, v); c != 0 {
				code = c
			}
		}
		return code
	}
	if found == nil {
		found = []any{}
	}
	text, err := json.MarshalIndent(found, "", "    ")
	if err != nil {
		return 1
	}
	p.Outf("%s\n", text)
	return code
}

func (e *Engine) inspect(ref, kind string) any {
	if c := e.find(ref); c != nil && kind != "image" && kind != "volume" && kind != "network" {
		return e.inspectContainer(c)
	}
	if img := e.imageOf(ref); img != nil && kind != "container" && kind != "volume" && kind != "network" {
		repo, _, _ := strings.Cut(img.Name, ":")
		return map[string]any{"Id": "sha256:" + img.ID, "RepoTags": []string{img.Name}, "RepoDigests": []string{repo + "@" + img.Digest}, "Created": img.Created, "Architecture": "amd64", "Os": "linux", "Size": img.Size}
	}
	for _, v := range e.state.Volumes {
		if v.Name == ref && (kind == "volume" || kind == "inspect") {
			return map[string]any{"Name": v.Name, "Driver": "local", "Mountpoint": volumeDir(v.Name), "CreatedAt": v.Created, "Scope": "local", "Labels": map[string]string{"com.docker.compose.project": v.Project, "com.docker.compose.volume": v.Key}}
		}
	}
	for _, n := range e.state.Networks {
		if n.Name == ref {
			return map[string]any{"Name": n.Name, "Id": n.ID, "Driver": "bridge", "Scope": "local", "Created": n.Created}
		}
	}
	return nil
}

func (e *Engine) inspectContainer(c *Container) any {
	state := map[string]any{
		"Status": c.Status, "Running": c.Status == "running" || c.Status == "restarting", "Paused": false, "Restarting": c.Status == "restarting", "OOMKilled": false, "Dead": false,
		"Pid": 0, "ExitCode": c.ExitCode, "Error": "", "StartedAt": c.StartedAt, "FinishedAt": c.FinishedAt,
	}
	if r := e.running[c.ID]; r != nil {
		state["Pid"] = r.pid
	}
	if c.Health != nil {
		state["Health"] = map[string]any{"Status": c.HealthStatus, "FailingStreak": map[bool]int{true: c.Health.Retries}[c.HealthStatus == "unhealthy"], "Log": []any{}}
	}
	env := []string{}
	for k, v := range c.Env {
		env = append(env, k+"="+v)
	}
	mounts := []any{}
	for _, m := range c.Mounts {
		kind, source := "bind", m.Source
		if m.Volume != "" {
			kind, source = "volume", volumeDir(m.Volume)
		}
		mounts = append(mounts, map[string]any{"Type": kind, "Name": m.Volume, "Source": source, "Destination": m.Target, "RW": !m.Read})
	}
	networks := map[string]any{}
	for i, n := range c.Networks {
		networks[n] = map[string]any{"IPAddress": fmt.Sprintf("172.%d.0.%d", 18+i, 2+c.Number), "Gateway": fmt.Sprintf("172.%d.0.1", 18+i)}
	}
	ports := map[string]any{}
	for _, port := range c.Ports {
		ports[fmt.Sprintf("%d/%s", port.Container, port.Protocol)] = []any{map[string]any{"HostIp": anyIP(port.IP), "HostPort": itoa(port.Host)}}
	}
	restart := c.Restart
	if restart == "" {
		restart = "no"
	}
	return map[string]any{
		"Id": c.ID, "Created": c.Created, "Path": first(c.command()), "Args": c.command()[1:], "State": state, "Image": "sha256:" + c.ImageID, "Name": "/" + c.Name,
		"RestartCount": c.RestartCount, "Mounts": mounts, "LogPath": path.Join("/var/lib/docker/containers", c.ID, c.ID+"-json.log"),
		"HostConfig":      map[string]any{"RestartPolicy": map[string]any{"Name": restart, "MaximumRetryCount": 0}},
		"Config":          map[string]any{"Hostname": c.ID[:12], "Env": env, "Cmd": c.Command, "Image": c.Image, "Labels": c.Labels, "WorkingDir": c.WorkDir},
		"NetworkSettings": map[string]any{"Ports": ports, "Networks": networks},
	}
}
