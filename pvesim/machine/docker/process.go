package docker

import (
	"bytes"
	"context"
	"fmt"
	"path"
	"strings"
	"sync"
	"syscall"

	"proximity/pvesim/machine/unix"
)

// applets are the commands inside every container.
var applets = strings.Fields(`sh ash [ test true false echo printf cat ls mkdir rmdir rm mv cp ln chmod chown touch sleep head tail
	grep egrep sed cut tr sort uniq wc tee env printenv id whoami hostname uname date kill ps mktemp dirname basename base64
	sha256sum md5sum seq stat find du df xargs expr dd timeout readlink realpath pidof crontab crond
	pg_isready pg_dump pg_dumpall psql redis-cli valkey-cli mysqladmin mysqldump mariadb-admin mariadb-dump healthcheck.sh`)

const sharedBin = "/var/lib/docker/overlay2/l/bin"

func rootfs(c *Container) string { return "/var/lib/docker/overlay2/" + c.ID[:32] + "/merged" }

// Rebuilt reports whether a path is made again when it is needed, so that it needs no saving.
func Rebuilt(name string) bool { return strings.HasPrefix(name, "/var/lib/docker/overlay2/") }

// prepare makes a container's file system: shared commands, its volumes and its bind mounts.
func (e *Engine) prepare(c *Container) string {
	fsys, root := e.Kernel.FS, rootfs(c)
	if _, err := fsys.Stat(root); err == nil {
		return root
	}
	if _, err := fsys.Stat(sharedBin); err != nil {
		for _, name := range applets {
			fsys.WriteFile(path.Join(sharedBin, name), unix.Binary(name), 0o755)
		}
	}
	for _, dir := range []string{"/etc", "/tmp", "/root", "/usr", "/var/log", "/proc", "/dev"} {
		fsys.MkdirAll(root+dir, 0o755)
	}
	fsys.Symlink(sharedBin, root+"/bin")
	fsys.Symlink(sharedBin, root+"/usr/bin")
	fsys.Symlink("/dev/null", root+"/dev/null")
	fsys.WriteFile(root+"/etc/hostname", []byte(c.ID[:12]+"\n"), 0o644)
	fsys.WriteFile(root+"/etc/passwd", []byte("root:x:0:0:root:/root:/bin/sh\n"), 0o644)
	for _, m := range c.Mounts {
		from := m.Source
		if m.Volume != "" {
			from = volumeDir(m.Volume)
			fsys.MkdirAll(from, 0o755)
		}
		target := path.Join(root, m.Target)
		fsys.MkdirAll(path.Dir(target), 0o755)
		fsys.Remove(target)
		fsys.Symlink(from, target)
	}
	return root
}

// command is what a container runs.
func (c *Container) command() []string {
	argv := append(append([]string(nil), c.Entrypoint...), c.Command...)
	if len(argv) == 0 {
		return []string{"sh"}
	}
	return argv
}

// realCommand reports whether a container's process is really run by the simulated kernel.
func (e *Engine) realCommand(c *Container) bool { return specOf(c.Image).Kind == "base" }

func (e *Engine) checkCommand(c *Container) error {
	if !e.realCommand(c) {
		return nil
	}
	root := e.prepare(c)
	name := c.command()[0]
	file := path.Join(root, "bin", name)
	if strings.Contains(name, "/") {
		file = path.Join(root, name)
	}
	if _, err := e.Kernel.FS.Stat(file); err == nil {
		return nil
	}
	if strings.Contains(name, "/") {
		return errOCI(fmt.Sprintf("exec: %q: stat %s: no such file or directory: unknown", name, name))
	}
	return errOCI(fmt.Sprintf("exec: %q: executable file not found in $PATH: unknown", name))
}

// processSpec is how a process inside a container starts.
func (e *Engine) processSpec(c *Container, argv []string) unix.Spec {
	env := map[string]string{"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "HOSTNAME": c.ID[:12]}
	for k, v := range c.Env {
		env[k] = v
	}
	dir := c.WorkDir
	if dir == "" {
		dir = "/"
	}
	return unix.Spec{Args: argv, Env: env, Dir: dir, Root: e.prepare(c)}
}

// runProcess runs a container's real command to its end; its output goes to the container's log.
func (e *Engine) runProcess(ctx context.Context, c *Container) int {
	out := unix.NewOutput(&logWriter{write: func(line string) { e.line(c, line, false) }})
	errs := unix.NewOutput(&logWriter{write: func(line string) { e.line(c, line, true) }})
	defer out.Flush()
	defer errs.Flush()
	spec := e.processSpec(c, c.command())
	spec.Files = []*unix.File{unix.Null(), out.File, errs.File}
	p, err := e.Kernel.Launch(spec)
	if err != nil {
		return 137
	}
	program, argv, err := p.Resolve(p.Args)
	if err != nil {
		program = func(*unix.Proc) int { return 127 }
	} else {
		p.Become(argv)
	}
	p.Start(program)
	select {
	case <-p.Done():
	case <-ctx.Done():
		p.SignalForeground(syscall.SIGKILL)
	}
	return p.Code()
}

// inside runs a command in a running container with the caller's own input and output.
func (e *Engine) inside(p *unix.Proc, c *Container, argv []string, env map[string]string, dir string) int {
	spec := e.processSpec(c, argv)
	child, err := p.Fork(argv)
	if err != nil {
		return 137
	}
	child.Env, child.Root, child.Dir = spec.Env, spec.Root, spec.Dir
	for k, v := range env {
		child.Env[k] = v
	}
	if dir != "" {
		child.Dir = dir
	}
	program, args, err := child.Resolve(argv)
	if err != nil {
		program = func(cp *unix.Proc) int {
			cp.Errf("OCI runtime exec failed: exec failed: unable to start container process: exec: %q: executable file not found in $PATH: unknown\n", argv[0])
			return 127
		}
		args = argv
	}
	child.Become(args)
	child.Start(program)
	return p.Await(child)
}

// logWriter hands on whole lines.
type logWriter struct {
	mu    sync.Mutex
	rest  []byte
	write func(line string)
}

func (w *logWriter) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rest = append(w.rest, b...)
	for {
		line, rest, ok := bytes.Cut(w.rest, []byte("\n"))
		if !ok {
			return len(b), nil
		}
		w.write(string(line))
		w.rest = rest
	}
}

// tools are the clients of databases that scripts call through docker exec: they answer as with a healthy server.
func tools() map[string]unix.Program {
	dump := func(banner string) unix.Program {
		return func(p *unix.Proc) int {
			text := fmt.Sprintf("-- %s\n-- simulated dump, %s\n", banner, p.K.Now().UTC().Format("2006-01-02 15:04:05"))
			for i, arg := range p.Args {
				if (arg == "-f" || arg == "-r" || arg == "--file") && i+1 < len(p.Args) {
					if err := p.K.FS.WriteFile(p.Path(p.Args[i+1]), []byte(text), 0o644); err != nil {
						return p.Fail("could not open output file %q: %s", p.Args[i+1], unix.Text(err))
					}
					return 0
				}
			}
			p.Outf("%s", text)
			return 0
		}
	}
	say := func(text string) unix.Program { return func(p *unix.Proc) int { p.Outf("%s", text); return 0 } }
	return map[string]unix.Program{
		"pg_isready": say("/var/run/postgresql:5432 - accepting connections\n"),
		"pg_dump":    dump("PostgreSQL database dump"), "pg_dumpall": dump("PostgreSQL database cluster dump"),
		"mysqldump": dump("MariaDB dump"), "mariadb-dump": dump("MariaDB dump"),
		"mysqladmin": say("mysqld is alive\n"), "mariadb-admin": say("mysqld is alive\n"), "healthcheck.sh": say(""),
		"redis-cli": say("PONG\n"), "valkey-cli": say("PONG\n"),
		"psql": func(p *unix.Proc) int { return 0 },
	}
}
