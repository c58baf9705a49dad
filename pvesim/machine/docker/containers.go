package docker

import (
	"fmt"
	"strconv"
	"strings"
	"time"

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
