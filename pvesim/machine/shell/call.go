package shell

import (
	"errors"
	"io/fs"
	"regexp"
	"strconv"
	"strings"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/syntax"

	"proximity/pvesim/machine/unix"
)

// call runs a simple command: assignments, a function, a builtin or a program.
func (s *shell) call(c *syntax.CallExpr, inPlace bool) {
	s.substStatus = 0
	args, ok := s.fields(c.Args)
	if !ok {
		return
	}
	if len(args) == 0 {
		for _, as := range c.Assigns {
			if !s.assignment(as) {
				return
			}
		}
		s.status = s.substStatus
		return
	}
	type saved struct {
		name string
		old  *variable
	}
	var undo []saved
	for _, as := range c.Assigns {
		name := as.Name.Value
		undo = append(undo, saved{name, s.vars[name]})
		if old := s.vars[name]; old != nil {
			fresh := *old
			s.vars[name] = &fresh
		}
		if !s.assignment(as) {
			return
		}
		s.vars[name].exported = true
	}
	if s.opts['x'] {
		s.p.Errf("+ %s\n", strings.Join(quoteAll(args), " "))
	}
	s.invoke(args, inPlace)
	for i := len(undo) - 1; i >= 0; i-- {
		if undo[i].old == nil {
			delete(s.vars, undo[i].name)
		} else {
			s.vars[undo[i].name] = undo[i].old
		}
	}
}

func (s *shell) assignment(as *syntax.Assign) bool {
	value, ok := s.literal(as.Value)
	if !ok {
		return false
	}
	if as.Append {
		value = s.get(as.Name.Value) + value
	}
	if s.opts['x'] {
		s.p.Errf("+ %s=%s\n", as.Name.Value, value)
	}
	return s.assign(as.Name.Value, value)
}

func (s *shell) invoke(args []string, inPlace bool) {
	if body := s.funcs[args[0]]; body != nil {
		s.function(body, args)
		return
	}
	if run := builtins[args[0]]; run != nil {
		s.status = run(s, args)
		return
	}
	if inProcess[args[0]] {
		if program := s.p.K.Programs[args[0]]; program != nil {
			s.status = s.within(program, args)
			return
		}
	}
	s.external(args, inPlace)
}

// within runs a program as a builtin, in this process.
func (s *shell) within(program unix.Program, args []string) int {
	old := s.p.Args
	s.p.Args = args
	defer func() { s.p.Args = old }()
	return program(s.p)
}

// inProcess are programs that shells have built in.
var inProcess = map[string]bool{"echo": true, "printf": true, "test": true, "[": true, "[[": true, "true": true, "false": true, "kill": true}

func (s *shell) function(body *syntax.Stmt, args []string) {
	if len(s.locals) > 500 {
		s.errorf("maximum function recursion depth reached")
		s.fatal(2)
		return
	}
	params, loops := s.params, s.loops
	s.params, s.loops = args[1:], 0
	s.locals = append(s.locals, map[string]*variable{})
	s.stmt(body)
	s.restoreLocals()
	s.params, s.loops = params, loops
	if s.ctl == returning {
		s.ctl = normal
	}
}

// external runs a program from the file system: in a child, or in this very process where the shell has no more to do.
func (s *shell) external(args []string, inPlace bool) {
	s.exportEnv()
	program, argv, err := s.p.Resolve(args)
	if err != nil {
		s.notFound(args[0], err)
		return
	}
	if inPlace && len(s.traps) == 0 {
		s.p.Become(argv)
		s.status = program(s.p)
		return
	}
	child, err := s.p.Fork(argv)
	if err != nil {
		s.status = 126
		return
	}
	child.Start(program)
	s.status = s.p.Await(child)
	s.afterInterrupt(child)
}

// afterInterrupt ends a script whose foreground child Ctrl-C ended.
func (s *shell) afterInterrupt(child *unix.Proc) {
	if !child.Interrupted() || s.p.Context().Err() != nil {
		return
	}
	if s.interactive {
		s.p.Errf("\n")
		return
	}
	s.ctl = exiting
}

func (s *shell) notFound(name string, err error) {
	switch {
	case errors.Is(err, fs.ErrPermission):
		s.status = 126
		s.errorf("%s: Permission denied", name)
	case s.flavor == Bash && !strings.Contains(name, "/"):
		s.status = 127
		s.errorf("%s: command not found", name)
	case s.flavor == Bash:
		s.status = 127
		s.errorf("%s: No such file or directory", name)
	case errors.Is(err, fs.ErrNotExist):
		s.status = 127
		s.errorf("%s: not found", name)
	default:
		s.status = 126
		s.errorf("%s", err)
	}
}

func boolStatus(ok bool) int {
	if ok {
		return 0
	}
	return 1
}

func quoteAll(args []string) []string {
	quoted := make([]string, len(args))
	for i, a := range args {
		quoted[i] = a
		if a == "" || strings.ContainsAny(a, " \t\n'\"$`\\|&;<>()*?[]#~") {
			quoted[i] = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
	}
	return quoted
}

// testExpr evaluates bash's [[ … ]].
func (s *shell) testExpr(x syntax.TestExpr) bool {
	switch x := x.(type) {
	case *syntax.ParenTest:
		return s.testExpr(x.X)
	case *syntax.Word:
		text, _ := s.literal(x)
		return text != ""
	case *syntax.UnaryTest:
		if x.Op == syntax.TsNot {
			return !s.testExpr(x.X)
		}
		text, _ := s.literal(x.X.(*syntax.Word))
		return s.within(s.p.K.Programs["test"], []string{"test", x.Op.String(), text}) == 0
	case *syntax.BinaryTest:
		switch x.Op {
		case syntax.AndTest:
			return s.testExpr(x.X) && s.testExpr(x.Y)
		case syntax.OrTest:
			return s.testExpr(x.X) || s.testExpr(x.Y)
		}
		left, _ := s.literal(x.X.(*syntax.Word))
		right, err := expand.Pattern(s.cfg, x.Y.(*syntax.Word))
		s.failed(err)
		switch x.Op {
		case syntax.TsMatchShort, syntax.TsMatch:
			return match(right, left)
		case syntax.TsNoMatch:
			return !match(right, left)
		case syntax.TsReMatch:
			plain, _ := s.literal(x.Y.(*syntax.Word))
			rx, err := regexp.Compile(plain)
			return err == nil && rx.MatchString(left)
		}
		plain, _ := s.literal(x.Y.(*syntax.Word))
		return s.within(s.p.K.Programs["test"], []string{"test", left, x.Op.String(), plain}) == 0
	}
	return false
}

func (s *shell) declClause(d *syntax.DeclClause) {
	words := []string{d.Variant.Value}
	for _, as := range d.Args {
		if as.Name == nil {
			text, ok := s.literal(as.Value)
			if !ok {
				return
			}
			words = append(words, text)
			continue
		}
		if as.Naked {
			words = append(words, as.Name.Value)
			continue
		}
		value, ok := s.literal(as.Value)
		if !ok {
			return
		}
		words = append(words, as.Name.Value+"="+value)
	}
	if run := builtins[words[0]]; run != nil {
		s.status = run(s, words)
		return
	}
	s.errorf("%s: not found", words[0])
	s.status = 127
}

func atoi(text string) (int, bool) {
	n, err := strconv.Atoi(text)
	return n, err == nil
}

func itoa(n int) string { return strconv.Itoa(n) }

func unixMode(bits int) fs.FileMode { return fs.FileMode(bits) & fs.ModePerm }
