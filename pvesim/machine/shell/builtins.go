package shell

import (
	"strings"
	"syscall"

	"proximity/pvesim/machine/unix"
)

var builtins map[string]func(s *shell, args []string) int

func init() { // a function, because the builtins refer to the table themselves (command, type)
	builtins = map[string]func(s *shell, args []string) int{
		":": func(*shell, []string) int { return 0 }, ".": source, "source": source, "break": loopControl, "continue": loopControl,
		"cd": cd, "pwd": pwd, "eval": eval, "exec": execute, "exit": exit, "return": ret, "export": export, "readonly": export,
		"local": local, "declare": local, "typeset": local, "set": set, "shift": shift, "trap": trap, "umask": umask,
		"unset": unset, "wait": wait, "read": read, "command": command, "type": typeOf, "getopts": getopts,
		"alias": quiet, "unalias": quiet, "hash": quiet, "ulimit": ulimit, "jobs": jobs, "times": times, "fg": quiet, "bg": quiet,
	}
}

func quiet(*shell, []string) int { return 0 }

func ulimit(s *shell, args []string) int {
	if len(args) < 3 {
		s.p.Outf("unlimited\n")
	}
	return 0
}

func times(s *shell, _ []string) int {
	s.p.Outf("0m0.00s 0m0.00s\n0m0.00s 0m0.00s\n")
	return 0
}

func source(s *shell, args []string) int {
	if len(args) < 2 {
		s.errorf("%s: filename argument required", args[0])
		return 2
	}
	text, err := s.p.ReadAll(args[1])
	if err != nil {
		s.cannotOpen(args[1], err)
		s.fatal(s.status)
		return s.status
	}
	s.status = 0
	s.eval(string(text))
	if s.ctl == returning {
		s.ctl = normal
	}
	return s.status
}

func loopControl(s *shell, args []string) int {
	if s.loops == 0 {
		return 0
	}
	s.ctlDepth = 1
	if len(args) > 1 {
		if n, ok := atoi(args[1]); ok && n > 0 {
			s.ctlDepth = min(n, s.loops)
		}
	}
	s.ctl = breaking
	if args[0] == "continue" {
		s.ctl = continuing
	}
	return 0
}

func cd(s *shell, args []string) int {
	args = args[1:]
	for len(args) > 0 && (args[0] == "--" || args[0] == "-P" || args[0] == "-L") {
		args = args[1:]
	}
	to := s.get("HOME")
	if len(args) > 0 {
		to = args[0]
	}
	show := to == "-"
	if show {
		to = s.get("OLDPWD")
	}
	dir := unix.Abs(s.p.Dir, to)
	info, err := s.p.K.FS.Stat(s.p.Path(to))
	if err == nil && !info.IsDir() {
		err = syscall.ENOTDIR
	}
	if err != nil {
		switch s.flavor {
		case Ash:
			s.errorf("cd: can't cd to %s: %s", to, unix.Text(err))
		case Dash:
			s.errorf("cd: can't cd to %s", to)
		default:
			s.errorf("cd: %s: %s", to, unix.Text(err))
		}
		if s.flavor == Dash {
			return 2
		}
		return 1
	}
	s.assign("OLDPWD", s.p.Dir)
	s.p.Dir = dir
	s.assign("PWD", dir)
	if show {
		s.p.Outf("%s\n", dir)
	}
	return 0
}

func pwd(s *shell, _ []string) int {
	s.p.Outf("%s\n", s.p.Dir)
	return 0
}

func eval(s *shell, args []string) int {
	s.status = 0
	s.eval(strings.Join(args[1:], " "))
	return s.status
}

func execute(s *shell, args []string) int {
	if len(args) == 1 {
		return 0
	}
	s.exportEnv()
	program, argv, err := s.p.Resolve(args[1:])
	if err != nil {
		s.notFound(args[1], err)
		s.ctl = exiting
		return s.status
	}
	s.p.OnSignal(nil)
	s.traps = map[string]string{}
	s.p.Become(argv)
	code := program(s.p)
	s.ctl = exiting
	return code
}

func exit(s *shell, args []string) int {
	code := s.status
	if len(args) > 1 {
		n, ok := atoi(args[1])
		if !ok {
			s.errorf("exit: Illegal number: %s", args[1])
			n = 2
		}
		code = n & 0xff
	}
	s.ctl = exiting
	return code
}

func ret(s *shell, args []string) int {
	code := s.status
	if len(args) > 1 {
		if n, ok := atoi(args[1]); ok {
			code = n & 0xff
		}
	}
	s.ctl = returning
	return code
}

func trap(s *shell, args []string) int {
	args = args[1:]
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) == 0 {
		for name, action := range s.traps {
			s.p.Outf("trap -- '%s' %s\n", action, name)
		}
		return 0
	}
	action, names := args[0], args[1:]
	reset := action == "-"
	if len(names) == 0 {
		names, reset = args, true
	}
	for _, name := range names {
		name = strings.TrimPrefix(strings.ToUpper(name), "SIG")
		if name == "0" {
			name = "EXIT"
		}
		if name != "EXIT" {
			sig, ok := signalNumber(name)
			if !ok {
				s.errorf("trap: %s: bad trap", name)
				return 1
			}
			name = signalName(sig)
		}
		if reset {
			delete(s.traps, name)
		} else {
			s.traps[name] = action
		}
	}
	s.listen()
	return 0
}

func umask(s *shell, args []string) int {
	if len(args) < 2 {
		s.p.Outf("%04o\n", s.p.Umask)
		return 0
	}
	mask := 0
	for _, c := range args[1] {
		if c < '0' || c > '7' {
			s.errorf("umask: Illegal number: %s", args[1])
			return 2
		}
		mask = mask*8 + int(c-'0')
	}
	s.p.Umask = unixMode(mask)
	return 0
}

// wait waits for children; a trapped signal ends it at once.
func wait(s *shell, args []string) int {
	await := func(p *unix.Proc) int {
		select {
		case <-p.Done():
			return p.Code()
		case <-s.p.Context().Done():
			return 137
		case <-s.signalled:
			return 128 + int(syscall.SIGTERM)
		}
	}
	if len(args) == 1 {
		for _, job := range s.jobs {
			await(job)
		}
		s.jobs = nil
		return 0
	}
	status := 0
	for _, arg := range args[1:] {
		pid, _ := atoi(strings.TrimPrefix(arg, "%"))
		status = 127
		for i, job := range s.jobs {
			if job.PID == pid || strings.HasPrefix(arg, "%") && i+1 == pid {
				status = await(job)
			}
		}
	}
	return status
}

func jobs(s *shell, _ []string) int {
	for i, job := range s.jobs {
		select {
		case <-job.Done():
		default:
			s.p.Outf("[%d] + Running\n", i+1)
		}
	}
	return 0
}

func command(s *shell, args []string) int {
	args = args[1:]
	if len(args) > 0 && (args[0] == "-v" || args[0] == "-V") {
		if len(args) < 2 {
			return 2
		}
		return s.describe(args[1], args[0] == "-V")
	}
	for len(args) > 0 && (args[0] == "-p" || args[0] == "--") {
		args = args[1:]
	}
	if len(args) == 0 {
		return 0
	}
	if run := builtins[args[0]]; run != nil {
		return run(s, args)
	}
	if program := s.p.K.Programs[args[0]]; inProcess[args[0]] && program != nil {
		return s.within(program, args)
	}
	s.external(args, false)
	return s.status
}

func typeOf(s *shell, args []string) int {
	status := 0
	for _, arg := range args[1:] {
		if s.describe(arg, true) != 0 {
			status = 127
		}
	}
	return status
}

func (s *shell) describe(name string, long bool) int {
	s.exportEnv()
	file, err := s.p.Lookup(name)
	kind, short := "", name
	switch {
	case s.funcs[name] != nil:
		kind = name + " is a function"
	case builtins[name] != nil || inProcess[name]:
		kind = name + " is a shell builtin"
	case err == nil:
		kind, short = name+" is "+file, file
	default:
		if long {
			s.p.Errf("%s: not found\n", name)
		}
		return 127
	}
	if !long {
		kind = short
	}
	s.p.Outf("%s\n", kind)
	return 0
}
