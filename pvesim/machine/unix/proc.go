package unix

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Proc is one process. Its fields belong to the program that runs in it.
type Proc struct {
	K       *Kernel
	PID     int
	PPID    int
	Group   int // process group
	Args    []string
	Env     map[string]string
	Dir     string
	Root    string // what / means to the process, "" = the machine's own
	Umask   fs.FileMode
	Started time.Time

	title  atomic.Pointer[string] // the command as ps shows it
	fds    map[int]*File
	ctx    context.Context
	cancel context.CancelCauseFunc
	done   chan struct{}
	code   int

	mu         sync.Mutex
	foreground map[*Proc]bool                // children somebody here waits for
	handler    func(sig syscall.Signal) bool // what the program wants to hear of signals
}

// Killed is the cause of the context of a process that a signal ended.
type Killed syscall.Signal

func (k Killed) Error() string { return "killed by signal " + fmt.Sprint(int(k)) }

// Become sets the process's arguments, as exec does.
func (p *Proc) Become(args []string) {
	p.Args = args
	title := strings.Join(args, " ")
	p.title.Store(&title)
}

// Title is the process's command line. It may be read by others while the process runs.
func (p *Proc) Title() string {
	if t := p.title.Load(); t != nil {
		return *t
	}
	return "?"
}

// Context ends when the process must: killed, or the machine halted.
func (p *Proc) Context() context.Context { return p.ctx }

// Fork makes a child that shares the descriptors; it lives once Run or Start is called.
func (p *Proc) Fork(args []string) (*Proc, error) {
	child := &Proc{
		K: p.K, PPID: p.PID, Group: p.Group, Env: maps.Clone(p.Env), Dir: p.Dir, Root: p.Root, Umask: p.Umask,
		fds: make(map[int]*File, len(p.fds)), done: make(chan struct{}),
	}
	child.Become(args)
	for fd, f := range p.fds {
		child.fds[fd] = f.dup()
	}
	if err := p.K.admit(child); err != nil {
		child.closeAll()
		return nil, err
	}
	return child, nil
}

// Start runs program in the process, in its own goroutine.
func (p *Proc) Start(program Program) {
	p.K.mu.Lock()
	p.K.running.Add(1)
	p.K.mu.Unlock()
	go func() {
		defer p.K.running.Done()
		defer p.finish()
		defer func() {
			if fault := recover(); fault != nil { // one program's fault is its own, as on a real machine
				p.Errf("Segmentation fault (%s: %v)\n", p.Name(), fault)
				p.code = 128 + int(syscall.SIGSEGV)
			}
		}()
		p.code = program(p)
	}()
}

func (p *Proc) finish() {
	var killed Killed
	if p.ctx.Err() != nil {
		p.code = 128 + int(syscall.SIGKILL)
		if errors.As(context.Cause(p.ctx), &killed) {
			p.code = 128 + int(killed)
		}
	}
	p.closeAll()
	p.K.reap(p)
	p.cancel(nil)
	close(p.done)
}

func (p *Proc) closeAll() {
	for fd, f := range p.fds {
		f.Close()
		delete(p.fds, fd)
	}
}

// Done is closed when the process has ended.
func (p *Proc) Done() <-chan struct{} { return p.done }

// Code is the exit code of a process that has ended.
func (p *Proc) Code() int {
	<-p.done
	return p.code
}

// Await waits for a child in the foreground. If p itself is killed first, the child goes on alone.
func (p *Proc) Await(child *Proc) int {
	p.mu.Lock()
	if p.foreground == nil {
		p.foreground = map[*Proc]bool{}
	}
	p.foreground[child] = true
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		delete(p.foreground, child)
		p.mu.Unlock()
	}()
	select {
	case <-child.done:
		return child.code
	case <-p.ctx.Done():
		return 128 + int(syscall.SIGKILL)
	}
}

// Signal delivers a signal: to the program if it listens for it, else it ends the process.
func (p *Proc) Signal(sig syscall.Signal) {
	p.mu.Lock()
	handler := p.handler
	p.mu.Unlock()
	if sig == 0 || sig == syscall.SIGCHLD || sig == syscall.SIGWINCH || sig == syscall.SIGCONT {
		return
	}
	if sig != syscall.SIGKILL && handler != nil && handler(sig) {
		return
	}
	p.cancel(Killed(sig))
}

// OnSignal sets what hears of signals before they end the process; true means handled.
func (p *Proc) OnSignal(handler func(sig syscall.Signal) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.handler = handler
}

// Interrupted reports whether SIGINT ended the process.
func (p *Proc) Interrupted() bool {
	var killed Killed
	return errors.As(context.Cause(p.ctx), &killed) && syscall.Signal(killed) == syscall.SIGINT
}

// SignalForeground delivers a signal to the process and everything it waits for, as a terminal does. Who waits for a
// child leaves SIGINT to it: shells end after a child that SIGINT ended, and go on after one that handled it.
func (p *Proc) SignalForeground(sig syscall.Signal) {
	p.mu.Lock()
	var children []*Proc
	for child := range p.foreground {
		children = append(children, child)
	}
	p.mu.Unlock()
	for _, child := range children {
		child.SignalForeground(sig)
	}
	if sig != syscall.SIGINT || len(children) == 0 {
		p.Signal(sig)
	}
}

// Resolve turns a command name and its arguments into a program: shell-style errors are fs.ErrNotExist and
// fs.ErrPermission.
func (p *Proc) Resolve(argv []string) (Program, []string, error) {
	file, err := p.Lookup(argv[0])
	if err != nil {
		return nil, nil, err
	}
	return p.K.program(p.Root+file, argv, file)
}

// Spawn forks a child that runs the named command.
func (p *Proc) Spawn(argv []string) (*Proc, error) {
	program, args, err := p.Resolve(argv)
	if err != nil {
		return nil, err
	}
	child, err := p.Fork(args)
	if err != nil {
		return nil, err
	}
	child.Start(program)
	return child, nil
}

// Command runs a command in the foreground; 127 and 126 with a message as its own name when it cannot.
func (p *Proc) Command(argv []string) int {
	child, err := p.Spawn(argv)
	if err != nil {
		p.Errf("%s: can't execute '%s': %s\n", p.Name(), argv[0], Text(err))
		if errors.Is(err, fs.ErrPermission) {
			return 126
		}
		return 127
	}
	return p.Await(child)
}

// Name is the base name the program was called by.
func (p *Proc) Name() string {
	if len(p.Args) == 0 {
		return "?"
	}
	return p.Args[0][strings.LastIndexByte(p.Args[0], '/')+1:]
}

// Sleep waits for a scaled duration; false if the process must end.
func (p *Proc) Sleep(d time.Duration) bool { return p.K.Sleep(p.ctx, d) == nil }

// Path is where the kernel's file system has a file that the process names.
func (p *Proc) Path(name string) string {
	if p.Root == "" {
		return Abs(p.Dir, name)
	}
	return path.Join(p.Root, Abs(p.Dir, name))
}

// Lookup finds the executable file that a command name means to the process, by the process's own path.
func (p *Proc) Lookup(name string) (string, error) {
	executable := func(file string) error {
		info, err := p.K.FS.Stat(p.Path(file))
		if err == nil && (info.IsDir() || info.Mode()&0o111 == 0) {
			err = fs.ErrPermission
		}
		return err
	}
	if strings.Contains(name, "/") {
		file := Abs(p.Dir, name)
		return file, executable(file)
	}
	for _, dir := range strings.Split(p.Env["PATH"], ":") {
		if file := Abs(p.Dir, path.Join(dir, name)); executable(file) == nil {
			return file, nil
		}
	}
	return "", fs.ErrNotExist
}

// Open opens a file by name; /dev/stdin, /dev/stdout, /dev/stderr and /dev/fd/N duplicate descriptors.
func (p *Proc) Open(name string, flag int, perm fs.FileMode) (*File, error) {
	abs := Abs(p.Dir, name)
	fd := -1
	switch abs {
	case "/dev/stdin", "/proc/self/fd/0":
		fd = 0
	case "/dev/stdout", "/proc/self/fd/1":
		fd = 1
	case "/dev/stderr", "/proc/self/fd/2":
		fd = 2
	default:
		if n, ok := strings.CutPrefix(abs, "/dev/fd/"); ok {
			fmt.Sscanf(n, "%d", &fd)
		}
	}
	if fd >= 0 {
		if f := p.fds[fd]; f != nil {
			return f.dup(), nil
		}
		return nil, &fs.PathError{Op: "open", Path: name, Err: syscall.ENXIO}
	}
	h, err := p.K.FS.Open(p.Path(name), flag, perm&^p.Umask)
	if err != nil {
		return nil, err
	}
	return newFile(diskStream{h}, h.Lock()), nil
}

// File returns an open descriptor, or nil.
func (p *Proc) File(fd int) *File { return p.fds[fd] }

// SetFile puts f at descriptor fd, closing what was there; nil closes. The process takes f over.
func (p *Proc) SetFile(fd int, f *File) {
	if old := p.fds[fd]; old != nil {
		old.Close()
	}
	if f == nil {
		delete(p.fds, fd)
		return
	}
	p.fds[fd] = f
}

// Swap puts f at descriptor fd and returns what was there, still open.
func (p *Proc) Swap(fd int, f *File) *File {
	old := p.fds[fd]
	if f == nil {
		delete(p.fds, fd)
	} else {
		p.fds[fd] = f
	}
	return old
}

// Stdin reads descriptor 0 until the process must end.
func (p *Proc) Stdin() io.Reader { return p.Reader(p.fds[0]) }

// Stdout writes to descriptor 1.
func (p *Proc) Stdout() io.Writer { return procWriter{p, p.fds[1]} }

// Stderr writes to descriptor 2.
func (p *Proc) Stderr() io.Writer { return procWriter{p, p.fds[2]} }

// Reader reads f as this process.
func (p *Proc) Reader(f *File) io.Reader { return procReader{p, f} }

// Writer writes f as this process.
func (p *Proc) Writer(f *File) io.Writer { return procWriter{p, f} }

// Outf prints to standard output.
func (p *Proc) Outf(format string, args ...any) { fmt.Fprintf(p.Stdout(), format, args...) }

// Errf prints to standard error.
func (p *Proc) Errf(format string, args ...any) { fmt.Fprintf(p.Stderr(), format, args...) }

// Fail prints "name: …" to standard error and returns 1.
func (p *Proc) Fail(format string, args ...any) int {
	p.Errf("%s: %s\n", p.Name(), fmt.Sprintf(format, args...))
	return 1
}

// ReadAll reads a named file, or standard input for "-".
func (p *Proc) ReadAll(name string) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(p.Stdin())
	}
	f, err := p.Open(name, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(p.Reader(f))
}

type procReader struct {
	p *Proc
	f *File
}

func (r procReader) Read(b []byte) (int, error) {
	if r.f == nil {
		return 0, syscall.EBADF
	}
	if len(b) == 0 {
		return 0, nil
	}
	if r.p.ctx.Err() != nil {
		return 0, io.EOF
	}
	return r.f.stream.Read(r.p.ctx, b)
}

type procWriter struct {
	p *Proc
	f *File
}

// Write ends the process with SIGPIPE when nobody reads any more.
func (w procWriter) Write(b []byte) (int, error) {
	if w.f == nil {
		return 0, syscall.EBADF
	}
	if err := w.p.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := w.f.stream.Write(w.p.ctx, b)
	if errors.Is(err, syscall.EPIPE) {
		w.p.Signal(syscall.SIGPIPE)
	}
	return n, err
}

// Text is an error as Unix tools print it: "No such file or directory".
func Text(err error) string {
	if errors.Is(err, fs.ErrNotExist) {
		err = syscall.ENOENT
	}
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		if errors.Is(err, fs.ErrPermission) {
			errno = syscall.EACCES
		} else {
			return err.Error()
		}
	}
	s := errno.Error()
	return strings.ToUpper(s[:1]) + s[1:]
}
