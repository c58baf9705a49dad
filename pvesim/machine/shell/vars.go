package shell

import (
	"errors"
	"io"
	"io/fs"
	"strconv"
	"strings"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/syntax"

	"proximity/pvesim/machine/unix"
)

func (s *shell) get(name string) string {
	if v := s.vars[name]; v != nil && !v.unset {
		return v.value
	}
	return ""
}

// assign sets a variable; false if it is read-only.
func (s *shell) assign(name, value string) bool {
	v := s.vars[name]
	if v == nil {
		v = &variable{}
		s.vars[name] = v
	}
	if v.readonly {
		s.errorf("%s: is read only", name)
		s.fatal(2)
		return false
	}
	v.value, v.unset = value, false
	v.exported = v.exported || s.opts['a']
	return true
}

// fatal ends a script with a code, as errors in expansions and special builtins do.
func (s *shell) fatal(code int) {
	s.status, s.expandFail = code, code
	if !s.interactive {
		s.ctl = exiting
	}
}

// environ shows the shell's variables to the expand package.
type environ struct{ s *shell }

func (e environ) Get(name string) expand.Variable {
	s := e.s
	str := func(v string) expand.Variable { return expand.Variable{Set: true, Kind: expand.String, Str: v} }
	switch name {
	case "@", "*":
		return expand.Variable{Set: true, Kind: expand.Indexed, List: append([]string{}, s.params...)}
	case "#":
		return str(strconv.Itoa(len(s.params)))
	case "?":
		return str(strconv.Itoa(s.status))
	case "$":
		return str(strconv.Itoa(s.pid))
	case "PPID":
		return str(strconv.Itoa(s.p.PPID))
	case "!":
		if s.background == nil {
			return expand.Variable{}
		}
		return str(strconv.Itoa(s.background.PID))
	case "0":
		return str(s.name)
	case "-":
		flags := ""
		for _, c := range "aefinuxC" {
			if s.opts[byte(c)] {
				flags += string(c)
			}
		}
		return str(flags)
	case "RANDOM":
		if s.flavor != Dash {
			return str(strconv.Itoa((s.p.PID*7919 + int(s.p.K.Now().UnixNano()/1000)) & 0x7fff))
		}
	case "LINENO":
		return str(strconv.Itoa(int(s.line)))
	}
	if n, err := strconv.Atoi(name); err == nil {
		if n >= 1 && n <= len(s.params) {
			return str(s.params[n-1])
		}
		return expand.Variable{}
	}
	if user, ok := strings.CutPrefix(name, "HOME "); ok { // ~user: answered here so that nobody asks the real machine
		if user == "root" {
			return str("/root")
		}
		return str("~" + user)
	}
	v := s.vars[name]
	if v == nil || v.unset {
		return expand.Variable{}
	}
	return expand.Variable{Set: true, Kind: expand.String, Str: v.value, Exported: v.exported, ReadOnly: v.readonly}
}

func (e environ) Each(f func(name string, v expand.Variable) bool) {
	for name := range e.s.vars {
		if !f(name, e.Get(name)) {
			return
		}
	}
}

func (e environ) Set(name string, v expand.Variable) error {
	if !e.s.assign(name, v.String()) {
		return errors.New(name + ": is read only")
	}
	return nil
}

func (s *shell) configure() {
	s.cfg = &expand.Config{
		Env:      environ{s},
		CmdSubst: s.substitute,
		ProcSubst: func(*syntax.ProcSubst) (string, error) {
			return "", errors.New("process substitution is not available in the simulator")
		},
		ReadDir2: func(dir string) ([]fs.DirEntry, error) {
			if s.opts['f'] {
				return nil, fs.ErrNotExist
			}
			infos, err := s.p.K.FS.ReadDir(s.p.Path(dir))
			entries := make([]fs.DirEntry, len(infos))
			for i, info := range infos {
				entries[i] = info
			}
			return entries, err
		},
	}
}

// substitute runs $(…).
func (s *shell) substitute(w io.Writer, cs *syntax.CmdSubst) error {
	r, out := unix.Pipe()
	old := s.p.Swap(1, out)
	child := s.sub(func(c *shell) {
		c.inPlace = len(cs.Stmts) == 1
		c.stmts(cs.Stmts)
	})
	s.p.Swap(1, old)
	out.Close()
	defer r.Close()
	if child == nil {
		return errors.New("cannot fork")
	}
	if _, err := io.Copy(w, s.p.Reader(r)); err != nil {
		return err
	}
	s.substStatus = s.p.Await(child)
	return nil
}

// failed reports an expansion error and says whether there was one.
func (s *shell) failed(err error) bool {
	if err == nil {
		return s.expandFail != 0
	}
	var unset expand.UnsetParameterError
	switch {
	case errors.As(err, &unset) && unset.Message == "unbound variable" && s.flavor != Bash:
		s.errorf("%s: parameter not set", unset.Node.Param.Value)
	case errors.As(err, &unset):
		message := unset.Message
		if message == "" {
			message = "parameter null or not set"
		}
		s.errorf("%s: %s", unset.Node.Param.Value, message)
	default:
		s.errorf("%s", err)
	}
	s.fatal(2)
	if s.flavor == Bash {
		s.status = 1
	}
	return true
}

func (s *shell) fields(words []*syntax.Word) ([]string, bool) {
	s.cfg.NoUnset = s.opts['u']
	list, err := expand.Fields(s.cfg, words...)
	return list, !s.failed(err)
}

func (s *shell) literal(word *syntax.Word) (string, bool) {
	if word == nil {
		return "", true
	}
	s.cfg.NoUnset = s.opts['u']
	text, err := expand.Literal(s.cfg, word)
	return text, !s.failed(err)
}

// declare gives a variable attributes, for export, readonly and local.
func (s *shell) declare(name string, edit func(v *variable)) {
	v := s.vars[name]
	if v == nil {
		v = &variable{unset: true}
		s.vars[name] = v
	}
	edit(v)
}

// makeLocal saves the outer variable until the function returns.
func (s *shell) makeLocal(name string) {
	if len(s.locals) == 0 {
		return
	}
	scope := s.locals[len(s.locals)-1]
	if _, saved := scope[name]; saved {
		return
	}
	scope[name] = s.vars[name]
	fresh := &variable{unset: true}
	if outer := s.vars[name]; outer != nil {
		*fresh = *outer
	}
	s.vars[name] = fresh
}

func (s *shell) restoreLocals() {
	scope := s.locals[len(s.locals)-1]
	s.locals = s.locals[:len(s.locals)-1]
	for name, v := range scope {
		if v == nil {
			delete(s.vars, name)
		} else {
			s.vars[name] = v
		}
	}
}
