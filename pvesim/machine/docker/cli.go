package docker

import (
	"fmt"
	"strings"

	"proximity/pvesim/machine/unix"
)

// Programs returns the docker commands for the kernel's program table.
func (e *Engine) Programs() map[string]unix.Program {
	all := tools()
	all["docker"] = e.docker
	all["docker-compose"] = func(p *unix.Proc) int { return e.compose(p, p.Args[1:]) }
	all["dockerd"] = func(p *unix.Proc) int {
		p.Errf("failed to start daemon: process is managed by the service manager here\n")
		return 1
	}
	return all
}

const composePlugin = "/usr/libexec/docker/cli-plugins/docker-compose"

// versions are those of the distributions' packages.
func (e *Engine) versions() (engine, compose, containerd, runc string) {
	if e.OS == "debian" {
		return "26.1.5+dfsg1", "2.26.1-4", "1.7.24~ds1-6+deb13u1", "1.1.15+ds1-2+b4"
	}
	return "28.3.3", "v2.36.2", "v2.1.3", "1.3.0"
}

const noDaemon = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?\n"

// docker is the command line client.
func (e *Engine) docker(p *unix.Proc) int {
	args := p.Args[1:]
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		switch args[0] {
		case "-v", "--version":
			engine, _, _, _ := e.versions()
			p.Outf("Docker version %s, build a72d7cd\n", engine)
			return 0
		case "-H", "--host", "--context", "-l", "--log-level", "--config":
			args = args[1:]
		}
		if len(args) > 0 {
			args = args[1:]
		}
	}
	if len(args) == 0 {
		p.Outf("\nUsage:  docker [OPTIONS] COMMAND\n\nA self-sufficient runtime for containers\n")
		return 0
	}
	verb, rest := args[0], args[1:]
	if verb == "compose" {
		if _, err := p.K.FS.Stat(composePlugin); err != nil {
			p.Errf("docker: 'compose' is not a docker command.\nSee 'docker --help'\n")
			return 1
		}
		return e.compose(p, rest)
	}
	switch verb + " " + first(rest) {
	case "image ls", "image list":
		verb, rest = "images", rest[1:]
	case "image pull":
		verb, rest = "pull", rest[1:]
	case "image rm":
		verb, rest = "rmi", rest[1:]
	case "image inspect", "container inspect", "volume inspect", "network inspect":
		verb, rest = "inspect", rest[1:]
	case "image prune", "container prune", "volume prune", "system prune", "network prune", "builder prune":
		verb, rest = verb+"-prune", rest[1:]
	case "container ls", "container ps", "container list":
		verb, rest = "ps", rest[1:]
	case "container rm", "container start", "container stop", "container logs", "container run", "container exec", "container restart", "container kill":
		verb, rest = rest[0], rest[1:]
	}
	run := map[string]func(p *unix.Proc, args []string) int{
		"version": e.cmdVersion, "info": e.cmdInfo, "ps": e.cmdPs, "pull": e.cmdPull, "images": e.cmdImages, "run": e.cmdRun,
		"create": e.cmdRun, "logs": e.cmdLogs, "inspect": e.cmdInspect, "stop": e.cmdStop, "start": e.cmdStart, "restart": e.cmdRestart,
		"kill": e.cmdStop, "rm": e.cmdRm, "rmi": e.cmdRmi, "exec": e.cmdExec, "volume": e.cmdVolume, "network": e.cmdNetwork,
		"system": e.cmdSystem, "stats": e.cmdStats, "port": e.cmdPort, "tag": e.cmdTag, "wait": e.cmdWait,
		"image-prune": e.cmdPrune, "container-prune": e.cmdPrune, "volume-prune": e.cmdPrune, "system-prune": e.cmdPrune, "network-prune": e.cmdPrune, "builder-prune": e.cmdPrune,
		"login": e.cmdLogin, "logout": e.cmdLogin,
	}[verb]
	if run == nil {
		p.Errf("docker: '%s' is not a docker command.\nSee 'docker --help'\n", verb)
		return 1
	}
	if !e.Running() && verb != "version" && verb != "info" {
		p.Errf("%s", noDaemon)
		return 1
	}
	return run(p, rest)
}

func first(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}

// options are parsed flags: values by name without dashes; repeated flags are joined by newlines.
type options struct {
	set  map[string]string
	rest []string
}

func (o options) has(name string) bool { _, ok := o.set[name]; return ok }

func (o options) list(name string) []string {
	if !o.has(name) {
		return nil
	}
	return strings.Split(o.set[name], "\n")
}

// parseFlags reads --name value, --name=value, -n value and joined one-letter switches. Flags named in values take
// one; alias maps short to long names; with stop, the first operand ends the flags.
func parseFlags(args []string, values string, alias map[string]string, stop bool) options {
	o := options{set: map[string]string{}}
	takes := map[string]bool{}
	for _, name := range strings.Fields(values) {
		takes[name] = true
	}
	put := func(name, value string) {
		if old, ok := o.set[name]; ok {
			value = old + "\n" + value
		}
		o.set[name] = value
	}
	for i := 0; i < len(args); i++ {
		arg := args[i]
		switch {
		case arg == "--":
			o.rest = append(o.rest, args[i+1:]...)
			return o
		case strings.HasPrefix(arg, "--"):
			name, value, given := strings.Cut(arg[2:], "=")
			if !given && takes[name] && i+1 < len(args) {
				i++
				value = args[i]
			}
			put(name, value)
		case len(arg) > 1 && arg[0] == '-':
			for j := 1; j < len(arg); j++ {
				name := string(arg[j])
				if long := alias[name]; long != "" {
					name = long
				}
				if !takes[name] {
					put(name, "")
					continue
				}
				value := strings.TrimPrefix(arg[j+1:], "=")
				if value == "" && i+1 < len(args) {
					i++
					value = args[i]
				}
				put(name, value)
				break
			}
		default:
			if stop {
				o.rest = append(o.rest, args[i:]...)
				return o
			}
			o.rest = append(o.rest, arg)
		}
	}
	return o
}

func (e *Engine) cmdVersion(p *unix.Proc, args []string) int {
	o := parseFlags(args, "format", map[string]string{"f": "format"}, false)
	engine, _, containerd, runc := e.versions()
	up := e.Running()
	if f := o.set["format"]; f != "" {
		if strings.Contains(f, "Server") && !up {
			p.Errf("%s", noDaemon)
			return 1
		}
		return render(p, f, map[string]any{"Client": map[string]any{"Version": engine, "ApiVersion": "1.45"}, "Server": map[string]any{"Version": engine, "APIVersion": "1.45", "Os": "linux", "Arch": "amd64"}})
	}
	p.Outf("Client:\n Version:           %s\n API version:       1.45\n Go version:        go1.24.4\n OS/Arch:           linux/amd64\n Context:           default\n", engine)
	if !up {
		p.Errf("%s", noDaemon)
		return 1
	}
	p.Outf("\nServer:\n Engine:\n  Version:          %s\n  API version:      1.45 (minimum version 1.24)\n  Go version:       go1.24.4\n  OS/Arch:          linux/amd64\n  Experimental:     false\n containerd:\n  Version:          %s\n runc:\n  Version:          %s\n docker-init:\n  Version:          0.19.0\n  GitCommit:        \n", engine, containerd, runc)
	return 0
}

func (e *Engine) cmdInfo(p *unix.Proc, args []string) int {
	o := parseFlags(args, "format", map[string]string{"f": "format"}, false)
	engine, compose, containerd, runc := e.versions()
	if !e.Running() {
		if o.set["format"] == "" {
			p.Outf("Client:\n Version:    %s\n Context:    default\n Debug Mode: false\n\nServer:\n", engine)
		}
		p.Errf("ERROR: %serrors pretty printing info\n", noDaemon)
		return 1
	}
	s := e.Save()
	count := map[string]int{}
	for _, c := range s.Containers {
		count[c.Status]++
	}
	name := map[string]string{"debian": "Debian GNU/Linux 13 (trixie)", "alpine": "Alpine Linux v3.22"}[e.OS]
	if f := o.set["format"]; f != "" {
		return render(p, f, map[string]any{
			"ServerVersion": engine, "Driver": "overlay2", "Containers": len(s.Containers), "ContainersRunning": count["running"], "Images": len(s.Images),
			"CgroupDriver": "cgroupfs", "CgroupVersion": "2", "OperatingSystem": name, "NCPU": e.Cores, "MemTotal": int64(e.MemoryMB) << 20, "Name": p.K.Hostname(), "DockerRootDir": "/var/lib/docker",
		})
	}
	p.Outf("Client:\n Version:    %s\n Context:    default\n Debug Mode: false\n", engine)
	if _, err := p.K.FS.Stat(composePlugin); err == nil {
		p.Outf(" Plugins:\n  compose: Docker Compose (Docker Inc.)\n    Version:  %s\n    Path:     %s\n", compose, composePlugin)
	}
	p.Outf("\nServer:\n Containers: %d\n  Running: %d\n  Paused: 0\n  Stopped: %d\n Images: %d\n Server Version: %s\n Storage Driver: overlay2\n  Backing Filesystem: extfs\n  Supports d_type: true\n  Using metacopy: false\n  Native Overlay Diff: false\n  userxattr: true\n Logging Driver: json-file\n Cgroup Driver: cgroupfs\n Cgroup Version: 2\n", len(s.Containers), count["running"], len(s.Containers)-count["running"], len(s.Images), engine)
	p.Outf(" Runtimes: io.containerd.runc.v2 runc\n Default Runtime: runc\n Init Binary: docker-init\n containerd version: %s\n runc version: %s\n Security Options:\n  seccomp\n   Profile: builtin\n Operating System: %s\n OSType: linux\n Architecture: x86_64\n CPUs: %d\n Total Memory: %.3gGiB\n Name: %s\n Docker Root Dir: /var/lib/docker\n Live Restore Enabled: false\n\n", containerd, runc, name, e.Cores, float64(e.MemoryMB)/1024, p.K.Hostname())
	return 0
}

func (e *Engine) cmdVolume(p *unix.Proc, args []string) int {
	o := parseFlags(args, "format filter name label driver", map[string]string{"q": "quiet", "f": "force"}, false)
	if len(o.rest) == 0 {
		return 1
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	switch o.rest[0] {
	case "ls", "list":
		if f := o.set["format"]; f != "" {
			for _, v := range e.state.Volumes {
				render(p, f, map[string]any{"Name": v.Name, "Driver": "local"})
			}
			return 0
		}
		if !o.has("quiet") {
			p.Outf("DRIVER    VOLUME NAME\n")
		}
		for _, v := range e.state.Volumes {
			if o.has("quiet") {
				p.Outf("%s\n", v.Name)
			} else {
				p.Outf("local     %s\n", v.Name)
			}
		}
	case "create":
		name := first(o.rest[1:])
		if name == "" {
			name = e.newID("volume")
		}
		e.volume(name, "", "")
		p.Outf("%s\n", name)
	case "rm":
		code := 0
		for _, name := range o.rest[1:] {
			if err := e.removeVolume(name); err != nil {
				p.Errf("Error response from daemon: %s\n", err)
				code = 1
				continue
			}
			p.Outf("%s\n", name)
		}
		return code
	default:
		p.Errf("docker: unknown command: docker volume %s\n", o.rest[0])
		return 1
	}
	return 0
}

func (e *Engine) cmdNetwork(p *unix.Proc, args []string) int {
	o := parseFlags(args, "format filter driver", map[string]string{"q": "quiet"}, false)
	if len(o.rest) == 0 {
		return 1
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	switch o.rest[0] {
	case "ls", "list":
		list := append([]Network{{Name: "bridge", ID: hexID(e.Seed, "bridge")}, {Name: "host", ID: hexID(e.Seed, "host")}, {Name: "none", ID: hexID(e.Seed, "none")}}, e.state.Networks...)
		if !o.has("quiet") && o.set["format"] == "" {
			p.Outf("NETWORK ID     NAME      DRIVER    SCOPE\n")
		}
		for _, n := range list {
			driver := map[string]string{"host": "host", "none": "null"}[n.Name]
			if driver == "" {
				driver = "bridge"
			}
			switch {
			case o.set["format"] != "":
				render(p, o.set["format"], map[string]any{"Name": n.Name, "ID": n.ID[:12], "Driver": driver, "Scope": "local"})
			case o.has("quiet"):
				p.Outf("%s\n", n.ID[:12])
			default:
				p.Outf("%s   %-9s %-9s local\n", n.ID[:12], n.Name, driver)
			}
		}
	case "create":
		name := first(o.rest[1:])
		e.network(name, "")
		p.Outf("%s\n", e.state.Networks[len(e.state.Networks)-1].ID)
	case "rm":
		for _, name := range o.rest[1:] {
			if !e.removeNetwork(name) {
				p.Errf("Error response from daemon: network %s not found\n", name)
				return 1
			}
			p.Outf("%s\n", name)
		}
	}
	return 0
}

func (e *Engine) cmdSystem(p *unix.Proc, args []string) int {
	switch first(args) {
	case "df":
		s := e.Save()
		var images int64
		for _, img := range s.Images {
			images += img.Size
		}
		p.Outf("TYPE            TOTAL     ACTIVE    SIZE      RECLAIMABLE\nImages          %-9d %-9d %-9s 0B (0%%)\nContainers      %-9d %-9d 0B        0B\nLocal Volumes   %-9d %-9d 0B        0B\nBuild Cache     0         0         0B        0B\n",
			len(s.Images), len(s.Images), sizeText(images), len(s.Containers), len(s.Containers), len(s.Volumes), len(s.Volumes))
		return 0
	case "info":
		return e.cmdInfo(p, args[1:])
	}
	return 1
}

// cmdPrune removes what nothing uses: images without containers (all of them with -a, else none: every image here is
// tagged), containers that do not run, networks without containers.
func (e *Engine) cmdPrune(p *unix.Proc, args []string) int {
	o := parseFlags(args, "filter", map[string]string{"a": "all", "f": "force"}, false)
	e.mu.Lock()
	defer e.mu.Unlock()
	what := strings.TrimPrefix(p.Args[1], "docker ")
	var freed int64
	if what == "container" || what == "system" {
		for _, c := range append([]*Container(nil), e.state.Containers...) {
			if e.running[c.ID] == nil {
				e.remove(c)
				p.Outf("%s\n", c.ID)
			}
		}
	}
	if (what == "image" || what == "system") && o.has("all") {
		used := map[string]bool{}
		for _, c := range e.state.Containers {
			used[c.ImageID] = true
		}
		var kept []Image
		for _, img := range e.state.Images {
			if used[img.ID] {
				kept = append(kept, img)
				continue
			}
			freed += img.Size
			p.Outf("untagged: %s\ndeleted: sha256:%s\n", img.Name, img.ID)
		}
		e.state.Images = kept
	}
	p.Outf("Total reclaimed space: %s\n", sizeText(freed))
	return 0
}

// sizeText prints bytes as docker does: 1.982MB.
func sizeText(n int64) string {
	f := float64(n)
	for _, unit := range []string{"B", "kB", "MB", "GB"} {
		if f < 1000 || unit == "GB" {
			return fmt.Sprintf("%.4g%s", f, unit)
		}
		f /= 1000
	}
	return ""
}
