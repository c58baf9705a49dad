// Package machine simulates the inside of one container: file system, shell, package manager, services and docker.
package machine

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"sync"
	"time"

	"proximity/pvesim/machine/docker"
	"proximity/pvesim/machine/shell"
	"proximity/pvesim/machine/unix"
	"proximity/pvesim/machine/userland"
	"proximity/pvesim/machine/vfs"
)

// Registry holds the images that can be pulled; it may be shared by many machines. See docker.Registry.
type Registry = docker.Registry

// NewRegistry returns a registry that has any well-formed image.
func NewRegistry() *Registry { return docker.NewRegistry() }

// Options says what a machine is before its first use. The zero value of every field has a working default.
type Options struct {
	Hostname string
	OS       string           // "alpine" (default) or "debian"
	Cores    int              // default 1
	MemoryMB int              // default 512
	DiskGB   int              // default 8
	TaskTime float64          // factor on every duration inside: 1 = as on real iron, 0 = at once
	Seed     int64            // same seed, same ids, loads and log lines
	Now      func() time.Time // default time.Now
	Registry *Registry        // images that can be pulled; nil = any well-formed image
	Devices  []string         // of the node that it has, too: /dev/net/tun
	Serves   []int            // ports that a service of the system itself listens on, beside what docker publishes
}

func (o Options) withDefaults() Options {
	if o.Hostname == "" {
		o.Hostname = "localhost"
	}
	if o.OS != "debian" {
		o.OS = "alpine"
	}
	if o.Cores <= 0 {
		o.Cores = 1
	}
	if o.MemoryMB <= 0 {
		o.MemoryMB = 512
	}
	if o.DiskGB <= 0 {
		o.DiskGB = 8
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// Machine is one container's inside. All methods are safe for concurrent use.
type Machine struct {
	opts Options

	power sync.Mutex // held through Boot, Halt, Restore
	mu    sync.Mutex
	inner *inner // nil until first use
	saved *State // what inner is built from, nil = a fresh system

	running bool
	booted  time.Time
	address netip.Addr
	faults  map[Fault]bool
}

// inner is what a machine has once somebody looks inside.
type inner struct {
	starting sync.Mutex // held while services are booted or halted
	fs       *vfs.FS
	kernel   *unix.Kernel
	engine   *docker.Engine
	net      *network
	services *services
	packages *packages
}

// New returns a halted machine. It builds nothing until first use, so that thousands cost little.
func New(o Options) *Machine { return &Machine{opts: o} }

// build makes the inside, once.
func (m *Machine) build() *inner {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.inner != nil {
		return m.inner
	}
	m.opts = m.opts.withDefaults()
	o := m.opts
	in := &inner{fs: vfs.New(o.Now)}
	in.kernel = &unix.Kernel{FS: in.fs, Hostname: func() string { return m.opts.Hostname }, Now: o.Now, TaskTime: o.TaskTime}
	in.net = &network{machine: m, kernel: in.kernel, ports: map[portKey]*socket{}}
	in.engine = docker.New(docker.Host{
		Kernel: in.kernel, Registry: o.Registry, OS: o.OS, Seed: o.Seed, Cores: o.Cores, MemoryMB: o.MemoryMB,
		Fault: m.Fault, FreeDisk: func() int64 { return int64(o.DiskGB)<<30 - m.diskUsed(in) }, Listen: in.net.listen,
		Address: func() string { return m.addr().String() },
	})
	in.services = &services{machine: m, in: in, state: map[string]*service{}}
	in.packages = &packages{machine: m, in: in, installed: map[string]string{}}
	in.kernel.Programs = m.programs(in)
	in.kernel.Shell = shell.Program(flavors[o.OS])
	if m.saved != nil {
		in.fs.Load(m.saved.Files)
		in.packages.load(m.saved.Packages)
		in.services.load(m.saved.Enabled)
		in.engine.Load(m.saved.Docker)
		m.saved = nil
	} else {
		install(in.fs, o)
		in.packages.base(o.OS)
	}
	virtual(in.fs, m, in)
	m.inner = in
	return in
}

var flavors = map[string]shell.Flavor{"alpine": shell.Ash, "debian": shell.Dash}

// programs is every command that an executable file may stand for.
func (m *Machine) programs(in *inner) map[string]unix.Program {
	sys := &userland.System{
		OS: m.opts.OS, Cores: m.opts.Cores, MemoryMB: m.opts.MemoryMB, DiskBytes: int64(m.opts.DiskGB) << 30,
		MemUsed: func() int64 { return m.Usage().MemBytes }, DiskUsed: func() int64 { return m.diskUsed(in) },
		Booted: func() time.Time { m.mu.Lock(); defer m.mu.Unlock(); return m.booted },
		Procs:  func() []userland.Service { return in.services.list() },
		Kill:   func(pid, sig int) bool { return in.services.kill(pid) },
	}
	all := userland.Programs(sys)
	for _, more := range []map[string]unix.Program{in.engine.Programs(), in.net.programs(), in.packages.programs(), in.services.programs()} {
		for name, program := range more {
			all[name] = program
		}
	}
	all["sh"] = shell.Program(flavors[m.opts.OS])
	all["ash"] = shell.Program(shell.Ash)
	all["bash"] = shell.Program(shell.Bash)
	all["busybox"] = func(p *unix.Proc) int {
		if p.Name() == "busybox" && len(p.Args) > 1 {
			p.Args = p.Args[1:]
		}
		if run := all[p.Name()]; run != nil && p.Name() != "busybox" {
			return run(p)
		}
		return p.Fail("applet not found")
	}
	return all
}

// Boot starts what is enabled at boot; its services listen on addr (an address of 127.0.0.0/8). Booting a running
// machine does nothing.
func (m *Machine) Boot(ctx context.Context, addr netip.Addr) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if !addr.IsLoopback() {
		return fmt.Errorf("boot %s: address %s is not inside 127.0.0.0/8", m.opts.Hostname, addr)
	}
	m.power.Lock()
	defer m.power.Unlock()
	m.mu.Lock()
	if m.running {
		m.mu.Unlock()
		return nil
	}
	m.opts = m.opts.withDefaults()
	m.running, m.booted, m.address = true, m.opts.Now(), addr
	fresh := m.inner == nil && m.saved == nil
	m.mu.Unlock()
	if fresh { // nothing can be enabled on a fresh system that anybody could see: it is built when somebody looks
		return nil
	}
	m.live()
	return nil
}

// live returns the inside of a running machine with its kernel going, or nil of a halted one.
func (m *Machine) live() *inner {
	in := m.build()
	in.starting.Lock()
	defer in.starting.Unlock()
	if !m.Running() {
		return nil
	}
	if in.kernel.Begin() {
		in.fs.WriteFile("/run/address", []byte(m.addr().String()+"\n"), 0o644)
		in.services.boot()
		in.net.serve(m.opts.Serves)
	}
	return in
}

// Halt ends every process and closes every listener; the file system stays.
func (m *Machine) Halt() {
	m.power.Lock()
	defer m.power.Unlock()
	m.mu.Lock()
	in := m.inner
	m.running = false
	m.mu.Unlock()
	if in == nil {
		return
	}
	in.starting.Lock()
	defer in.starting.Unlock()
	in.services.halt()
	in.kernel.Stop()
	in.net.closeAll()
	in.fs.RemoveAll("/run")
	in.fs.MkdirAll("/run/lock", 0o755)
}

// Running reports whether the machine is between Boot and Halt.
func (m *Machine) Running() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.running
}

func (m *Machine) addr() netip.Addr {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.address
}

// cleanEnv is the environment of commands run from outside, as lxc-attach --clear-env gives it: without HOME.
var cleanEnv = map[string]string{
	"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM": "linux", "container": "lxc",
}

// Exec runs one command as root in /root to its end and returns its exit code: 127 not found, 137 killed by ctx or
// Halt, 255 when the machine does not run. env is KEY=value pairs; without PATH a usual one is added. Processes that
// the command left in the background go on; what they print afterwards is dropped. A nil stdin is empty.
func (m *Machine) Exec(ctx context.Context, argv, env []string, stdin io.Reader, stdout, stderr io.Writer) int {
	s := m.Start(argv, env, stdin, stdout, stderr, false)
	return s.Wait(ctx)
}

// Console runs a command (a shell, when argv is empty) on a terminal of its own until it ends, ctx ends or in does:
// keys come from in, the screen goes to out.
func (m *Machine) Console(ctx context.Context, argv, env []string, in io.Reader, out io.Writer) int {
	if len(argv) == 0 {
		argv = []string{m.LoginShell()}
	}
	var s *Session
	t := unix.NewTerminal(out, func() { s.Interrupt() })
	s = m.start(argv, append([]string{"HOME=/root"}, env...), []*unix.File{t.File(), t.File(), t.File()})
	go func() {
		buf := make([]byte, 1024)
		for {
			n, err := in.Read(buf)
			t.Feed(buf[:n])
			if err != nil {
				t.Close()
				s.Hangup()
				return
			}
		}
	}()
	return s.Wait(ctx)
}

// LoginShell is root's shell.
func (m *Machine) LoginShell() string {
	if m.build(); m.opts.OS == "debian" {
		return "bash"
	}
	return "ash"
}

// Session is a command that runs.
type Session struct {
	proc    *unix.Proc
	outputs []*unix.Output
	code    int
}

// Start starts a command as Exec does. With tty its descriptors say that they are a terminal's; the line discipline is
// the caller's.
func (m *Machine) Start(argv, env []string, stdin io.Reader, stdout, stderr io.Writer, tty bool) *Session {
	if m.live() == nil {
		return &Session{code: 255}
	}
	out := unix.NewOutput(orDiscard(stdout))
	outputs := []*unix.Output{out}
	files := []*unix.File{unix.Null(), out.File, nil}
	if stdin != nil {
		files[0] = unix.Input(stdin)
	}
	if same(stdout, stderr) {
		files[2] = out.File.Dup()
	} else {
		errs := unix.NewOutput(orDiscard(stderr))
		files[2], outputs = errs.File, append(outputs, errs)
	}
	for _, f := range files {
		f.TTY = tty
	}
	s := m.start(argv, env, files)
	s.outputs = outputs
	return s
}

// start starts a command whose descriptors are files.
func (m *Machine) start(argv, env []string, files []*unix.File) *Session {
	in := m.live()
	if in == nil || len(argv) == 0 {
		return &Session{code: 255}
	}
	spec := unix.Spec{Args: argv, Dir: "/root", Env: map[string]string{}, Files: files}
	for _, kv := range env {
		k, v, _ := strings.Cut(kv, "=")
		spec.Env[k] = v
	}
	for k, v := range cleanEnv {
		if _, given := spec.Env[k]; !given {
			spec.Env[k] = v
		}
	}
	p, err := in.kernel.Launch(spec)
	if err != nil {
		return &Session{code: 255}
	}
	program, args, err := p.Resolve(argv)
	if err != nil {
		args = argv
		program = func(p *unix.Proc) int {
			p.Errf("%s: not found\n", argv[0])
			return 127
		}
	}
	p.Become(args)
	p.Start(program)
	return &Session{proc: p}
}

// Wait waits for the command and hands its output over; when ctx ends first it is killed, with what it waits for.
func (s *Session) Wait(ctx context.Context) int {
	if s.proc == nil {
		s.close()
		return s.code
	}
	select {
	case <-s.proc.Done():
	case <-ctx.Done():
		s.proc.SignalForeground(9)
	}
	code := s.proc.Code()
	s.close()
	return code
}

// Interrupt delivers SIGINT to the command and what it waits for, as Ctrl-C does.
func (s *Session) Interrupt() {
	if s.proc != nil {
		s.proc.SignalForeground(2)
	}
}

// Hangup delivers SIGHUP, as a terminal that goes away does.
func (s *Session) Hangup() {
	if s.proc != nil {
		s.proc.SignalForeground(1)
	}
}

func (s *Session) close() {
	for _, o := range s.outputs {
		o.Flush()
	}
}

func orDiscard(w io.Writer) io.Writer {
	if w == nil {
		return io.Discard
	}
	return w
}

// same reports whether both are one writer, so that their order is kept.
func same(a, b io.Writer) (equal bool) {
	defer func() {
		if recover() != nil { // not comparable
			equal = false
		}
	}()
	return a == b
}

// Known reports whether argv[0] is a command inside, for callers that say "not found" in their own words.
func (m *Machine) Known(name string) bool {
	in := m.build()
	for _, dir := range strings.Split(cleanEnv["PATH"], ":") {
		if strings.Contains(name, "/") {
			dir = ""
		}
		if info, err := in.fs.Stat(unix.Abs("/root", dir+"/"+name)); err == nil && !info.IsDir() && info.Mode()&0o111 != 0 {
			return true
		}
	}
	return false
}

// ReadFile returns a file of the machine, running or not; the error is an fs.PathError.
func (m *Machine) ReadFile(name string) ([]byte, error) { return m.build().fs.ReadFile(name) }

// WriteFile puts a file into the machine, running or not.
func (m *Machine) WriteFile(name string, content []byte, perm uint32, uid, gid int) error {
	return writeFile(m.build().fs, name, content, perm, uid, gid)
}
