package userland

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

type sedParser struct {
	src      string
	extended bool
}

func (s *sedParser) skip(chars string) { s.src = strings.TrimLeft(s.src, chars) }

func (s *sedParser) commands() ([]*sedCommand, error) {
	var list []*sedCommand
	for {
		s.skip(" \t\n;")
		if s.src == "" || s.src[0] == '}' {
			return list, nil
		}
		if s.src[0] == '#' {
			_, s.src, _ = strings.Cut(s.src, "\n")
			continue
		}
		c, err := s.command()
		if err != nil {
			return nil, err
		}
		list = append(list, c)
	}
}

func (s *sedParser) command() (*sedCommand, error) {
	c := &sedCommand{}
	var err error
	if c.from, err = s.address(); err != nil {
		return nil, err
	}
	if c.from != nil && strings.HasPrefix(s.src, ",") {
		s.src = s.src[1:]
		if c.to, err = s.address(); err != nil {
			return nil, err
		}
		if c.to == nil {
			return nil, errors.New("unexpected ','")
		}
	}
	s.skip(" \t")
	for strings.HasPrefix(s.src, "!") {
		c.negate = true
		s.src = s.src[1:]
		s.skip(" \t")
	}
	if s.src == "" {
		return nil, errors.New("missing command")
	}
	c.name = s.src[0]
	s.src = s.src[1:]
	switch c.name {
	case '{':
		if c.block, err = s.commands(); err != nil {
			return nil, err
		}
		if !strings.HasPrefix(s.src, "}") {
			return nil, errors.New("unmatched '{'")
		}
		s.src = s.src[1:]
	case 's', 'y':
		if s.src == "" {
			return nil, errors.New("bad option in substitution expression")
		}
		delim := s.src[0]
		s.src = s.src[1:]
		pat, ok1 := s.until(delim, true)
		text, ok2 := s.until(delim, false)
		if !ok1 || !ok2 {
			return nil, fmt.Errorf("unterminated '%c' command", c.name)
		}
		end := strings.IndexAny(s.src, " ;\n}")
		if end < 0 {
			end = len(s.src)
		}
		c.flags, s.src = s.src[:end], s.src[end:]
		c.text = text
		if c.name == 'y' {
			c.flags = pat
			break
		}
		if strings.ContainsAny(c.flags, "iI") {
			pat = "(?i)" + s.regexp(pat)
		} else {
			pat = s.regexp(pat)
		}
		if c.rx, err = regexp.Compile(pat); err != nil {
			return nil, fmt.Errorf("bad regex '%s'", pat)
		}
	case 'a', 'i', 'c':
		s.skip(" \t")
		s.src = strings.TrimPrefix(s.src, "\\")
		s.skip(" \t")
		s.src = strings.TrimPrefix(s.src, "\n")
		c.text, s.src, _ = strings.Cut(s.src, "\n")
		c.text = strings.ReplaceAll(c.text, `\n`, "\n")
	case 'q':
		s.skip(" \t")
		end := 0
		for end < len(s.src) && s.src[end] >= '0' && s.src[end] <= '9' {
			end++
		}
		c.text, s.src = s.src[:end], s.src[end:]
	case 'd', 'p', '=', 'n':
	default:
		return nil, fmt.Errorf("unsupported command %c", c.name)
	}
	return c, nil
}

func (s *sedParser) regexp(pat string) string {
	if s.extended {
		return pat
	}
	return basicRegexp(pat)
}

// until reads to an unescaped delimiter; an escaped one loses its backslash.
func (s *sedParser) until(delim byte, pattern bool) (string, bool) {
	var b strings.Builder
	for i := 0; i < len(s.src); i++ {
		switch c := s.src[i]; {
		case c == delim:
			s.src = s.src[i+1:]
			return b.String(), true
		case c == '\\' && i+1 < len(s.src):
			i++
			if s.src[i] == delim {
				b.WriteByte(delim)
			} else if s.src[i] == 'n' && pattern {
				b.WriteByte('\n')
			} else {
				b.WriteString(s.src[i-1 : i+1])
			}
		case c == '[' && pattern:
			end := bracketEnd(s.src, i)
			b.WriteString(s.src[i:end])
			i = end - 1
		default:
			b.WriteByte(c)
		}
	}
	return "", false
}

func (s *sedParser) address() (*sedAddress, error) {
	s.skip(" \t")
	if s.src == "" {
		return nil, nil
	}
	switch c := s.src[0]; {
	case c == '$':
		s.src = s.src[1:]
		return &sedAddress{line: -1}, nil
	case c == '/' || c == '\\' && len(s.src) > 1:
		s.src = s.src[1:]
		delim := c
		if c == '\\' {
			delim, s.src = s.src[0], s.src[1:]
		}
		pat, ok := s.until(delim, true)
		if !ok {
			return nil, errors.New("unterminated address regex")
		}
		rx, err := regexp.Compile(s.regexp(pat))
		if err != nil {
			return nil, fmt.Errorf("bad regex '%s'", pat)
		}
		if strings.HasPrefix(s.src, "I") {
			s.src = s.src[1:]
			rx = regexp.MustCompile("(?i)" + rx.String())
		}
		return &sedAddress{rx: rx}, nil
	case c >= '0' && c <= '9' || c == '+':
		end := 1
		for end < len(s.src) && s.src[end] >= '0' && s.src[end] <= '9' {
			end++
		}
		n, _ := strconv.Atoi(strings.TrimPrefix(s.src[:end], "+"))
		s.src = s.src[end:]
		if c == '+' {
			return &sedAddress{plus: n}, nil
		}
		return &sedAddress{line: n}, nil
	}
	return nil, nil
}
