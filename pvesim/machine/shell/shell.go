// Package shell is the POSIX shell of simulated machines: mvdan.cc/sh's parser and expansions over simulated processes.
//
// It evaluates itself instead of using mvdan.cc/sh/v3/interp because scripts that run on real nodes use what interp
// has not: descriptors above 2 (flock 9>lock), real process ids in $$ and $!, signals and traps, and children that
// outlive their shell; and because nothing here can reach the real machine.
package shell

import (
	"errors"
	"io"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/syntax"

	"proximity/pvesim/machine/unix"
)

// Flavor is which shell's texts and habits are shown.
type Flavor string

// The flavors: BusyBox ash (alpine), dash (debian's sh) and bash.
const (
	Ash  Flavor = "ash"
	Dash Flavor = "dash"
	Bash Flavor = "bash"
)

type variable struct {
	value              string
	exported, readonly bool
	unset              bool // declared (local x, export x) without a value
}

type control int

const (
	normal control = iota
	breaking
	continuing
	returning
	exiting
)

type shell struct {
	p      *unix.Proc
	flavor Flavor
	name   string // $0
	vars   map[string]*variable
	params []string
	funcs  map[string]*syntax.Stmt
	locals []map[string]*variable // saved outer variables, one map per function call
	opts   map[byte]bool          // e u x f n a C and 'P' for pipefail

	status      int
	expandFail  int // exit code wanted by a failed expansion, 0 = none
	substStatus int // of the last command substitution
	background  *unix.Proc
	jobs        []*unix.Proc
	pid         int // $$, the same in subshells
	line        uint

	ctl      control
	ctlDepth int
	noErr    int // >0: a failure does not end the shell under set -e
	loops    int
	inPlace  bool // the next simple command may take this process over

	interactive bool
	mu          sync.Mutex
	pending     []syscall.Signal
	signalled   chan struct{} // capacity 1: something is pending
	traps       map[string]string
	optind      int // position inside a getopts word

	cfg *expand.Config
}

// Program returns the shell as a program.
func Program(flavor Flavor) unix.Program {
	return func(p *unix.Proc) int { return main(p, flavor) }
}

func newShell(p *unix.Proc, flavor Flavor) *shell {
	s := &shell{
		p: p, flavor: flavor, name: p.Args[0], vars: map[string]*variable{}, funcs: map[string]*syntax.Stmt{},
		opts: map[byte]bool{}, traps: map[string]string{}, pid: p.PID,
		signalled: make(chan struct{}, 1),
	}
	for k, v := range p.Env {
		s.vars[k] = &variable{value: v, exported: true}
	}
	s.assign("PWD", p.Dir)
	s.vars["PWD"].exported = true
	s.vars["IFS"] = &variable{value: " \t\n"}
	s.vars["OPTIND"] = &variable{value: "1"}
	if s.vars["PATH"] == nil {
		s.assign("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
	}
	s.configure()
	return s
}

func main(p *unix.Proc, flavor Flavor) int {
	s := newShell(p, flavor)
	args := p.Args[1:]
	var command string
	var hasCommand, fromStdin, login bool
	for len(args) > 0 && len(args[0]) > 1 && (args[0][0] == '-' || args[0][0] == '+') {
		arg := args[0]
		args = args[1:]
		if arg == "--" {
			break
		}
		if strings.HasPrefix(arg, "--") {
			login = login || arg == "--login"
			continue
		}
		for i := 1; i < len(arg); i++ {
			switch arg[i] {
			case 'c':
				hasCommand = true
			case 's':
				fromStdin = true
			case 'i':
				s.interactive = true
			case 'l':
				login = true
			case 'o':
				if len(args) == 0 || !s.setOption(args[0], arg[0] == '-') {
					return 2
				}
				args = args[1:]
			default:
				s.opts[arg[i]] = arg[0] == '-'
			}
		}
	}
	if login || strings.HasPrefix(p.Args[0], "-") {
		if text, err := p.K.FS.ReadFile("/etc/profile"); err == nil {
			s.run(strings.NewReader(string(text)))
		}
	}
	switch {
	case hasCommand:
		if len(args) == 0 {
			s.errorf("-c requires an argument")
			return 2
		}
		command, args = args[0], args[1:]
		if len(args) > 0 {
			s.name, args = args[0], args[1:]
		}
		s.params = args
		s.run(strings.NewReader(command))
	case !fromStdin && len(args) > 0:
		text, err := p.ReadAll(args[0])
		if err != nil {
			if flavor == Dash {
				s.errorf("cannot open %s: No such file", args[0])
			} else {
				s.errorf("can't open '%s': %s", args[0], unix.Text(err))
			}
			return 2
		}
		s.name, s.params = args[0], args[1:]
		s.run(strings.NewReader(string(text)))
	default:
		s.params = args
		if s.interactive || p.File(0) != nil && p.File(0).TTY {
			s.interactive = true
			s.listen()
			s.run(&prompter{s: s})
			break
		}
		s.run(p.Stdin())
	}
	return s.finish()
}

// finish runs the EXIT trap and returns the shell's exit code.
func (s *shell) finish() int {
	if action := s.traps["EXIT"]; action != "" {
		delete(s.traps, "EXIT")
		status := s.status
		s.ctl = normal
		s.eval(action)
		if s.ctl != exiting {
			s.status = status
		}
	}
	return s.status
}

// run executes a script as it is read, line by line, so that lines before a syntax error take effect and a script may
// come slowly over a pipe.
func (s *shell) run(r io.Reader) {
	lang := syntax.LangPOSIX
	if s.flavor == Bash {
		lang = syntax.LangBash
	}
	pr, prompting := r.(*prompter)
	if !prompting { // the parser hands a line over at its end only: a last one without newline would be lost
		r = io.MultiReader(r, strings.NewReader("\n"))
	}
	for {
		parser := syntax.NewParser(syntax.Variant(lang))
		if prompting {
			pr.parser = parser
		}
		failed := false
		for stmts, err := range parser.InteractiveSeq(r) {
			if err != nil {
				s.syntaxError(err)
				failed = true
				break
			}
			if parser.Incomplete() {
				continue
			}
			s.stmts(stmts)
			if s.ctl != normal || s.p.Context().Err() != nil {
				break
			}
			if s.interactive {
				s.expandFail = 0
			}
		}
		if !failed || !s.interactive || s.ctl == exiting {
			return
		}
	}
}

// eval runs text in this shell, as eval and traps do.
func (s *shell) eval(text string) {
	old := s.interactive
	s.interactive = false
	s.run(strings.NewReader(text))
	s.interactive = old
}

func (s *shell) syntaxError(err error) {
	var pe syntax.ParseError
	text := err.Error()
	if errors.As(err, &pe) {
		text, s.line = pe.Text, pe.Pos.Line()
	}
	if s.flavor == Dash {
		s.errorf("Syntax error: %s", text)
	} else {
		s.errorf("syntax error: %s", text)
	}
	s.status = 2
	if !s.interactive {
		s.ctl = exiting
	}
}

// errorf prints a message the way the flavor introduces its own errors.
func (s *shell) errorf(format string, args ...any) {
	intro := path.Base(s.name) + ": "
	if s.name == "" || s.interactive {
		intro = "-sh: "
	}
	switch s.flavor {
	case Dash:
		intro += strconv.Itoa(int(max(s.line, 1))) + ": "
	case Bash:
		intro += "line " + strconv.Itoa(int(max(s.line, 1))) + ": "
	}
	s.p.Errf(intro+format+"\n", args...)
}

// fork makes a subshell in a process of its own.
func (s *shell) fork() (*shell, error) {
	s.exportEnv()
	p, err := s.p.Fork(s.p.Args)
	if err != nil {
		return nil, err
	}
	c := &shell{
		p: p, flavor: s.flavor, name: s.name, params: slices.Clone(s.params), funcs: maps.Clone(s.funcs),
		vars: make(map[string]*variable, len(s.vars)), opts: maps.Clone(s.opts), traps: map[string]string{},
		status: s.status, background: s.background, pid: s.pid, line: s.line, noErr: s.noErr,
		signalled: make(chan struct{}, 1),
	}
	for k, v := range s.vars {
		copied := *v
		c.vars[k] = &copied
	}
	for range s.locals {
		c.locals = append(c.locals, map[string]*variable{})
	}
	c.configure()
	return c, nil
}

// sub runs f in a subshell process and returns that process.
func (s *shell) sub(f func(c *shell)) *unix.Proc {
	c, err := s.fork()
	if err != nil {
		s.status = 2
		return nil
	}
	c.p.Start(func(*unix.Proc) int {
		f(c)
		return c.finish()
	})
	return c.p
}

// exportEnv gives the process the environment its children get.
func (s *shell) exportEnv() {
	clear(s.p.Env)
	for k, v := range s.vars {
		if v.exported && !v.unset {
			s.p.Env[k] = v.value
		}
	}
}

// handleTraps runs the actions of signals that came meanwhile.
func (s *shell) handleTraps() {
	s.mu.Lock()
	pending := s.pending
	s.pending = nil
	s.mu.Unlock()
	if len(pending) > 0 {
		select {
		case <-s.signalled:
		default:
		}
	}
	for _, sig := range pending {
		status := s.status
		if action := s.traps[signalName(sig)]; action != "" {
			s.eval(action)
		}
		if s.ctl != exiting {
			s.status = status
		}
	}
}

// listen hears of signals that a trap is set for.
func (s *shell) listen() {
	handled := map[syscall.Signal]bool{}
	for name := range s.traps {
		if sig, ok := signalNumber(name); ok {
			handled[sig] = true
		}
	}
	s.p.OnSignal(func(sig syscall.Signal) bool {
		if sig == syscall.SIGINT && s.interactive {
			return true
		}
		if !handled[sig] {
			return false
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.pending = append(s.pending, sig)
		select {
		case s.signalled <- struct{}{}:
		default:
		}
		return true
	})
}

var signals = map[string]syscall.Signal{
	"HUP": syscall.SIGHUP, "INT": syscall.SIGINT, "QUIT": syscall.SIGQUIT, "KILL": syscall.SIGKILL, "PIPE": syscall.SIGPIPE,
	"ALRM": syscall.SIGALRM, "TERM": syscall.SIGTERM, "USR1": syscall.SIGUSR1, "USR2": syscall.SIGUSR2,
	"CHLD": syscall.SIGCHLD, "CONT": syscall.SIGCONT, "STOP": syscall.SIGSTOP,
}

func signalNumber(name string) (syscall.Signal, bool) {
	if n, err := strconv.Atoi(name); err == nil {
		return syscall.Signal(n), true
	}
	sig, ok := signals[strings.TrimPrefix(strings.ToUpper(name), "SIG")]
	return sig, ok
}

func signalName(sig syscall.Signal) string {
	for name, n := range signals {
		if n == sig {
			return name
		}
	}
	return strconv.Itoa(int(sig))
}

// prompter reads an interactive shell's lines, printing a prompt before each.
type prompter struct {
	s      *shell
	parser *syntax.Parser
	mid    bool // in the middle of a line
}

func (r *prompter) Read(b []byte) (int, error) {
	if !r.mid {
		prompt := "> "
		if r.parser == nil || !r.parser.Incomplete() {
			prompt = r.s.prompt()
		}
		r.s.p.Errf("%s", prompt)
	}
	n, err := r.s.p.Stdin().Read(b)
	r.mid = n > 0 && b[n-1] != '\n'
	return n, err
}

func (s *shell) prompt() string {
	dir := s.p.Dir
	if home := s.get("HOME"); home != "" && (dir == home || strings.HasPrefix(dir, home+"/")) {
		dir = "~" + dir[len(home):]
	}
	host := s.p.K.Hostname()
	if s.flavor == Ash {
		return host + ":" + dir + "# "
	}
	return "root@" + host + ":" + dir + "# "
}
