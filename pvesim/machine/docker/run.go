package docker

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/dotenv"

	"proximity/pvesim/machine/unix"
)

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
	e.follow(p, []*Container{c}, logOptions{follow: true, tail: -1}, func(*Container, LogLine) string { return "" })
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
