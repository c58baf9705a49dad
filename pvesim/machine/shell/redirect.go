package shell

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/syntax"

	"proximity/pvesim/machine/unix"
)

// redirect performs one redirection through set; false after having said why it cannot.
func (s *shell) redirect(rd *syntax.Redirect, set func(fd int, f *unix.File)) bool {
	fd := 1
	switch rd.Op {
	case syntax.RdrIn, syntax.RdrInOut, syntax.DplIn, syntax.Hdoc, syntax.DashHdoc, syntax.WordHdoc:
		fd = 0
	}
	if rd.N != nil {
		n, ok := atoi(rd.N.Value)
		if !ok {
			s.errorf("bad file descriptor %s", rd.N.Value)
			return false
		}
		fd = n
	}
	switch rd.Op {
	case syntax.Hdoc, syntax.DashHdoc:
		text, ok := s.document(rd)
		if ok {
			set(fd, unix.TextFile(text))
		}
		return ok
	case syntax.WordHdoc:
		text, ok := s.literal(rd.Word)
		if ok {
			set(fd, unix.TextFile(text+"\n"))
		}
		return ok
	}
	word, ok := s.literal(rd.Word)
	if !ok {
		return false
	}
	switch rd.Op {
	case syntax.DplIn, syntax.DplOut:
		if word == "-" {
			set(fd, nil)
			return true
		}
		from, ok := atoi(word)
		if !ok || s.p.File(from) == nil {
			s.errorf("%s: Bad file descriptor", word)
			return false
		}
		set(fd, s.p.File(from).Dup())
		return true
	}
	flag := os.O_RDONLY
	switch rd.Op {
	case syntax.RdrOut, syntax.RdrClob, syntax.RdrAll:
		flag = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
		if s.opts['C'] && rd.Op == syntax.RdrOut {
			if info, err := s.p.K.FS.Stat(s.p.Path(word)); err == nil && info.Mode().IsRegular() {
				s.cannotCreate(word, syscall.EEXIST)
				return false
			}
		}
	case syntax.AppOut, syntax.AppAll:
		flag = os.O_WRONLY | os.O_CREATE | os.O_APPEND
	case syntax.RdrInOut:
		flag = os.O_RDWR | os.O_CREATE
	}
	f, err := s.p.Open(word, flag, 0o666)
	if err != nil {
		if flag == os.O_RDONLY {
			s.cannotOpen(word, err)
		} else {
			s.cannotCreate(word, err)
		}
		return false
	}
	set(fd, f)
	if rd.Op == syntax.RdrAll || rd.Op == syntax.AppAll {
		set(2, f.Dup())
	}
	return true
}

// document expands a here-document's body; a quoted delimiter makes it literal, <<- strips leading tabs.
func (s *shell) document(rd *syntax.Redirect) (string, bool) {
	if rd.Hdoc == nil {
		return "", true
	}
	body := rd.Hdoc
	if rd.Op == syntax.DashHdoc {
		body = stripTabs(body)
	}
	if quoted(rd.Word) {
		var b strings.Builder
		for _, part := range body.Parts {
			if lit, ok := part.(*syntax.Lit); ok {
				b.WriteString(lit.Value)
			}
		}
		return b.String(), true
	}
	s.cfg.NoUnset = s.opts['u']
	text, err := expand.Document(s.cfg, body)
	return text, !s.failed(err)
}

func quoted(word *syntax.Word) bool {
	for _, part := range word.Parts {
		switch part := part.(type) {
		case *syntax.SglQuoted, *syntax.DblQuoted:
			return true
		case *syntax.Lit:
			if strings.Contains(part.Value, `\`) {
				return true
			}
		}
	}
	return false
}

func stripTabs(body *syntax.Word) *syntax.Word {
	stripped := &syntax.Word{}
	start := true
	for _, part := range body.Parts {
		lit, ok := part.(*syntax.Lit)
		if !ok {
			stripped.Parts = append(stripped.Parts, part)
			start = false
			continue
		}
		lines := strings.SplitAfter(lit.Value, "\n")
		for i, line := range lines {
			if i > 0 || start {
				lines[i] = strings.TrimLeft(line, "\t")
			}
		}
		start = strings.HasSuffix(lit.Value, "\n")
		stripped.Parts = append(stripped.Parts, &syntax.Lit{Value: strings.Join(lines, "")})
	}
	return stripped
}

func (s *shell) cannotOpen(name string, err error) {
	s.cannot("open", "No such file", "no such file", name, err)
}

func (s *shell) cannotCreate(name string, err error) {
	s.cannot("create", "Directory nonexistent", "nonexistent directory", name, err)
}

// cannot says that a redirection failed, each shell in its words: dash and ash
// have their own for what is missing.
func (s *shell) cannot(verb, dash, ash, name string, err error) {
	missing := errors.Is(err, fs.ErrNotExist)
	switch {
	case s.flavor == Bash:
		s.errorf("%s: %s", name, unix.Text(err))
	case s.flavor == Dash && missing:
		s.errorf("cannot %s %s: %s", verb, name, dash)
	case s.flavor == Dash:
		s.errorf("cannot %s %s: %s", verb, name, unix.Text(err))
	case missing:
		s.errorf("can't %s %s: %s", verb, name, ash)
	default:
		s.errorf("can't %s %s: %s", verb, name, unix.Text(err))
	}
	s.status = 2
	if s.flavor != Dash {
		s.status = 1
	}
}
