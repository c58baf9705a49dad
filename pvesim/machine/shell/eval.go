package shell

import (
	"regexp"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/pattern"
	"mvdan.cc/sh/v3/syntax"

	"proximity/pvesim/machine/unix"
)

func (s *shell) stmts(list []*syntax.Stmt) {
	for _, st := range list {
		if s.stopped() {
			return
		}
		s.stmt(st)
	}
}

func (s *shell) stopped() bool { return s.ctl != normal || s.p.Context().Err() != nil }

func (s *shell) stmt(st *syntax.Stmt) {
	s.line = st.Pos().Line()
	if st.Background {
		s.launch(st)
		return
	}
	if st.Negated {
		s.noErr++
		s.inPlace = false
	}
	s.redirected(st)
	if st.Negated {
		s.noErr--
		if s.ctl == normal {
			s.status = boolStatus(s.status != 0)
		}
	}
	s.handleTraps()
}

// launch runs st & in its own process, which goes on when this shell ends.
func (s *shell) launch(st *syntax.Stmt) {
	foreground := *st
	foreground.Background = false
	stdin := s.p.Swap(0, unix.Null()) // POSIX: a background job's input is /dev/null unless redirected
	if s.interactive {
		s.p.Swap(0, stdin).Close()
		stdin = nil
	}
	child := s.sub(func(c *shell) {
		c.noErr = 0
		c.inPlace = true
		c.stmt(&foreground)
	})
	if stdin != nil {
		s.p.Swap(0, stdin).Close()
	}
	if child == nil {
		return
	}
	s.background = child
	s.jobs = append(s.jobs, child)
	s.status = 0
	if s.interactive {
		s.p.Errf("[%d] %d\n", len(s.jobs), child.PID)
	}
}

// redirected applies st's redirections, runs its command and undoes them, except for exec's own.
func (s *shell) redirected(st *syntax.Stmt) {
	type saved struct {
		fd   int
		file *unix.File
	}
	var undo []saved
	set := func(fd int, f *unix.File) {
		undo = append(undo, saved{fd, s.p.Swap(fd, f)})
	}
	ok := true
	for _, rd := range st.Redirs {
		if ok = s.redirect(rd, set); !ok {
			break
		}
	}
	if ok {
		s.command(st.Cmd)
	} else if s.status == 0 {
		s.status = 1
	}
	if !ok {
		s.checkErr()
	}
	keep := ok && isExec(st.Cmd)
	for i := len(undo) - 1; i >= 0; i-- {
		if keep {
			if undo[i].file != nil {
				undo[i].file.Close()
			}
			continue
		}
		if f := s.p.Swap(undo[i].fd, undo[i].file); f != nil {
			f.Close()
		}
	}
}

func isExec(cmd syntax.Command) bool {
	call, ok := cmd.(*syntax.CallExpr)
	return ok && len(call.Args) == 1 && call.Args[0].Lit() == "exec"
}

// checkErr ends the shell after a failure under set -e.
func (s *shell) checkErr() {
	if s.status != 0 && s.opts['e'] && s.noErr == 0 && s.ctl == normal {
		s.ctl = exiting
	}
}

func (s *shell) command(cmd syntax.Command) {
	inPlace := s.inPlace
	s.inPlace = false
	switch cmd := cmd.(type) {
	case nil:
		s.status = 0
	case *syntax.CallExpr:
		s.call(cmd, inPlace)
		s.checkErr()
	case *syntax.Block:
		s.stmts(cmd.Stmts)
	case *syntax.Subshell:
		child := s.sub(func(c *shell) { c.stmts(cmd.Stmts) })
		if child != nil {
			s.status = s.p.Await(child)
			s.afterInterrupt(child)
		}
		s.checkErr()
	case *syntax.BinaryCmd:
		s.binary(cmd)
	case *syntax.IfClause:
		s.ifClause(cmd)
	case *syntax.WhileClause:
		s.while(cmd)
	case *syntax.ForClause:
		s.forClause(cmd)
	case *syntax.CaseClause:
		s.caseClause(cmd)
	case *syntax.FuncDecl:
		s.funcs[cmd.Name.Value] = cmd.Body
		s.status = 0
	case *syntax.DeclClause:
		s.declClause(cmd)
		s.checkErr()
	case *syntax.ArithmCmd:
		n, err := expand.Arithm(s.cfg, cmd.X)
		if !s.failed(err) {
			s.status = boolStatus(n != 0)
		}
		s.checkErr()
	case *syntax.TestClause:
		s.status = boolStatus(s.testExpr(cmd.X))
		s.checkErr()
	case *syntax.TimeClause:
		start := s.p.K.Now()
		if cmd.Stmt != nil {
			s.stmt(cmd.Stmt)
		}
		spent := s.p.K.Now().Sub(start)
		s.p.Errf("\nreal\t%dm%.3fs\nuser\t0m0.000s\nsys\t0m0.000s\n", int(spent.Minutes()), spent.Seconds()-60*float64(int(spent.Minutes())))
	default:
		s.errorf("syntax error: not supported here")
		s.fatal(2)
	}
}

func (s *shell) binary(cmd *syntax.BinaryCmd) {
	switch cmd.Op {
	case syntax.AndStmt, syntax.OrStmt:
		s.noErr++
		s.stmt(cmd.X)
		s.noErr--
		if !s.stopped() && (s.status == 0) == (cmd.Op == syntax.AndStmt) {
			s.stmt(cmd.Y)
		}
	default:
		s.pipeline(cmd)
		s.checkErr()
	}
}

// pipeline runs a | b | c, every part in its own process.
func (s *shell) pipeline(cmd *syntax.BinaryCmd) {
	var parts []*syntax.Stmt
	both := map[int]bool{} // |& after that part
	var flatten func(st *syntax.Stmt)
	flatten = func(st *syntax.Stmt) {
		if b, ok := st.Cmd.(*syntax.BinaryCmd); ok && (b.Op == syntax.Pipe || b.Op == syntax.PipeAll) && len(st.Redirs) == 0 && !st.Negated {
			flatten(b.X)
			both[len(parts)-1] = b.Op == syntax.PipeAll
			flatten(b.Y)
			return
		}
		parts = append(parts, st)
	}
	flatten(&syntax.Stmt{Cmd: cmd})

	var procs []*unix.Proc
	var in *unix.File
	for i, part := range parts {
		var next, out *unix.File
		oldIn, oldOut, oldErr := s.p.File(0), s.p.File(1), s.p.File(2)
		if in != nil {
			s.p.Swap(0, in)
		}
		if i < len(parts)-1 {
			next, out = unix.Pipe()
			s.p.Swap(1, out)
			if both[i] {
				s.p.Swap(2, out)
			}
		}
		child := s.sub(func(c *shell) {
			c.inPlace = true
			c.stmt(part)
		})
		s.p.Swap(0, oldIn)
		s.p.Swap(1, oldOut)
		s.p.Swap(2, oldErr)
		if in != nil {
			in.Close()
		}
		if out != nil {
			out.Close()
		}
		in = next
		if child != nil {
			procs = append(procs, child)
		}
	}
	s.status = 0
	for i, p := range procs {
		code := s.p.Await(p)
		s.afterInterrupt(p)
		if i == len(procs)-1 && (code != 0 || !s.opts['P']) || s.opts['P'] && code != 0 {
			s.status = code
		}
	}
}

func (s *shell) condition(stmts []*syntax.Stmt) bool {
	s.noErr++
	s.stmts(stmts)
	s.noErr--
	return s.status == 0
}

func (s *shell) ifClause(c *syntax.IfClause) {
	for ; c != nil; c = c.Else {
		if len(c.Cond) == 0 { // else
			s.stmts(c.Then)
			return
		}
		hit := s.condition(c.Cond)
		if s.stopped() {
			return
		}
		if hit {
			s.status = 0
			s.stmts(c.Then)
			return
		}
	}
	s.status = 0
}

// turn runs one turn of a loop's body; false ends the loop.
func (s *shell) turn(body []*syntax.Stmt) bool {
	s.stmts(body)
	switch s.ctl {
	case breaking, continuing:
		if s.ctlDepth--; s.ctlDepth > 0 {
			return false
		}
		again := s.ctl == continuing
		s.ctl = normal
		return again
	case normal:
		return s.p.Context().Err() == nil
	}
	return false
}

func (s *shell) while(c *syntax.WhileClause) {
	s.loops++
	defer func() { s.loops-- }()
	status := 0
	for {
		hit := s.condition(c.Cond)
		if s.stopped() {
			return
		}
		if hit == c.Until {
			s.status = status
			return
		}
		if !s.turn(c.Do) {
			return
		}
		status = s.status
	}
}

func (s *shell) forClause(c *syntax.ForClause) {
	s.loops++
	defer func() { s.loops-- }()
	switch loop := c.Loop.(type) {
	case *syntax.WordIter:
		items := append([]string(nil), s.params...)
		if loop.InPos.IsValid() {
			var ok bool
			if items, ok = s.fields(loop.Items); !ok {
				return
			}
		}
		s.status = 0
		for _, item := range items {
			if !s.assign(loop.Name.Value, item) || !s.turn(c.Do) {
				return
			}
		}
	case *syntax.CStyleLoop:
		arith := func(x syntax.ArithmExpr) int {
			if x == nil {
				return 1
			}
			n, err := expand.Arithm(s.cfg, x)
			s.failed(err)
			return n
		}
		for arith(loop.Init); arith(loop.Cond) != 0 && s.turn(c.Do); arith(loop.Post) {
		}
	}
}

func (s *shell) caseClause(c *syntax.CaseClause) {
	word, ok := s.literal(c.Word)
	if !ok {
		return
	}
	s.status = 0
	through := false
	for _, item := range c.Items {
		hit := through
		for i := 0; i < len(item.Patterns) && !hit; i++ {
			pat, err := expand.Pattern(s.cfg, item.Patterns[i])
			if s.failed(err) {
				return
			}
			hit = match(pat, word)
		}
		if !hit {
			continue
		}
		s.stmts(item.Stmts)
		if item.Op != syntax.Fallthrough {
			return
		}
		through = true
	}
}

func match(pat, text string) bool {
	expr, err := pattern.Regexp(pat, pattern.EntireString)
	if err != nil {
		return pat == text
	}
	rx, err := regexp.Compile(expr)
	return err == nil && rx.MatchString(text)
}
