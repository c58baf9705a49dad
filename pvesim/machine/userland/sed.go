package userland

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strconv"
	"strings"

	"proximity/pvesim/machine/unix"
	"proximity/pvesim/machine/vfs"
)

type sedCommand struct {
	from, to *sedAddress
	negate   bool
	active   bool // inside a from,to range
	name     byte
	rx       *regexp.Regexp
	text     string // replacement, or text of a, i, c
	flags    string
	block    []*sedCommand
}

type sedAddress struct {
	line int // 0 = by pattern, -1 = last
	plus int // +N after the range's start
	rx   *regexp.Regexp
}

// sed knows addresses and ranges, blocks, s with its flags, d, p, q, a, i, c, n, = and y, and -i, -n, -e, -E.
func sed(p *unix.Proc) int {
	var scripts, files []string
	var quiet, inPlace, extended bool
	suffix := ""
	args := p.Args[1:]
	for i := 0; i < len(args); i++ {
		arg := args[i]
		switch {
		case arg == "--":
			files = append(files, args[i+1:]...)
			i = len(args)
		case arg == "-e" || arg == "-f" || arg == "--expression":
			if i++; i >= len(args) {
				return p.Fail("option requires an argument")
			}
			script := args[i]
			if arg == "-f" {
				text, err := p.ReadAll(script)
				if err != nil {
					return complain(p, script, err)
				}
				script = string(text)
			}
			scripts = append(scripts, script)
		case strings.HasPrefix(arg, "--in-place"):
			inPlace = true
			suffix = strings.TrimPrefix(strings.TrimPrefix(arg, "--in-place"), "=")
		case len(arg) > 1 && arg[0] == '-':
			for j := 1; j < len(arg); j++ {
				switch arg[j] {
				case 'n':
					quiet = true
				case 'E', 'r':
					extended = true
				case 's', 'u', 'z':
				case 'i':
					inPlace, suffix = true, arg[j+1:]
					j = len(arg)
				case 'e':
					if i++; i < len(args) {
						scripts = append(scripts, args[i])
					}
				default:
					return p.Fail("unrecognized option: %c", arg[j])
				}
			}
		default:
			files = append(files, arg)
		}
	}
	if len(scripts) == 0 {
		if len(files) == 0 {
			return p.Fail("no script")
		}
		scripts, files = files[:1], files[1:]
	}
	parser := &sedParser{src: strings.Join(scripts, "\n"), extended: extended}
	program, err := parser.commands()
	if err != nil {
		return p.Fail("%s", err)
	}
	if !inPlace {
		var all []string
		code := lines(p, files, func(_, line string) bool { all = append(all, line); return true })
		out, quit := runSed(program, all, quiet)
		p.Outf("%s", out)
		return max(code, quit)
	}
	code := 0
	for _, name := range files {
		text, err := p.ReadAll(name)
		if err != nil {
			code = complain(p, name, err)
			continue
		}
		var all []string
		if len(text) > 0 {
			all = strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
		}
		out, _ := runSed(program, all, quiet)
		if len(text) > 0 && !strings.HasSuffix(string(text), "\n") {
			out = strings.TrimSuffix(out, "\n")
		}
		if suffix != "" {
			p.K.FS.WriteFile(p.Path(name+suffix), text, 0o644)
		}
		if err := replaceFile(p, p.Path(name), out); err != nil {
			code = complain(p, name, err)
		}
	}
	return code
}

// replaceFile writes a new file and renames it over the old one, as sed -i does: an open old one keeps its content.
func replaceFile(p *unix.Proc, name, content string) error {
	info, err := p.K.FS.Stat(name)
	if err != nil {
		return err
	}
	fresh := name + fmt.Sprintf(".sed%d", p.PID)
	h, err := p.K.FS.Open(fresh, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, info.Mode().Perm())
	if err != nil {
		return err
	}
	_, err = h.Write([]byte(content))
	if err = errors.Join(err, h.Close()); err != nil {
		return err
	}
	p.K.FS.Change(fresh, func(a *vfs.Attributes) { a.Perm, a.UID, a.GID = info.Mode()&fs.ModePerm, info.UID, info.GID })
	return p.K.FS.Rename(fresh, name)
}

func (a *sedAddress) hits(line string, n, last int) bool {
	switch {
	case a.rx != nil:
		return a.rx.MatchString(line)
	case a.line == -1:
		return n == last
	}
	return a.line == n
}

func (c *sedCommand) applies(line string, n, last int) bool {
	hit := true
	switch {
	case c.from == nil:
	case c.to == nil:
		hit = c.from.hits(line, n, last)
	case c.active:
		end := c.to.hits(line, n, last)
		if c.to.line > 0 && n > c.to.line {
			hit = c.from.hits(line, n, last)
			end = true
		}
		c.active = !end
	default:
		hit = c.from.hits(line, n, last)
		c.active = hit
		if hit && c.to.rx == nil && c.to.line >= 0 {
			until := c.to.line
			if c.to.plus > 0 {
				until = n + c.to.plus
				c.to = &sedAddress{line: until}
			}
			c.active = until > n
		}
	}
	return hit != c.negate
}

// runSed returns the output and the exit code of a q command.
func runSed(program []*sedCommand, all []string, quiet bool) (string, int) {
	var out strings.Builder
	exit := 0
	stop := false
	for i := 0; i < len(all) && !stop; i++ {
		line, after, deleted := all[i], "", false
		var run func(list []*sedCommand) bool // false = next line
		run = func(list []*sedCommand) bool {
			for _, c := range list {
				if !c.applies(line, i+1, len(all)) {
					continue
				}
				switch c.name {
				case '{':
					if !run(c.block) {
						return false
					}
				case 's':
					var changed bool
					if line, changed = c.substitute(line); changed && strings.Contains(c.flags, "p") {
						out.WriteString(line + "\n")
					}
				case 'y':
					line = strings.Map(func(r rune) rune {
						if k := strings.IndexRune(c.flags, r); k >= 0 && k < len(c.text) {
							return rune(c.text[k])
						}
						return r
					}, line)
				case 'p':
					out.WriteString(line + "\n")
				case '=':
					fmt.Fprintf(&out, "%d\n", i+1)
				case 'd':
					deleted = true
					return false
				case 'a':
					after += c.text + "\n"
				case 'i':
					out.WriteString(c.text + "\n")
				case 'c':
					if c.to == nil || !c.active {
						out.WriteString(c.text + "\n")
					}
					deleted = true
					return false
				case 'n':
					if !quiet {
						out.WriteString(line + "\n")
					}
					if i+1 >= len(all) {
						deleted, stop = true, true
						return false
					}
					i++
					line = all[i]
				case 'q':
					exit, _ = strconv.Atoi(c.text)
					stop = true
					return false
				}
			}
			return true
		}
		run(program)
		if !deleted && !quiet {
			out.WriteString(line + "\n")
		}
		out.WriteString(after)
	}
	return out.String(), exit
}

func (c *sedCommand) substitute(line string) (string, bool) {
	limit, nth := 1, 1
	if strings.Contains(c.flags, "g") {
		limit = -1
	}
	if n, err := strconv.Atoi(strings.Trim(c.flags, "gpiI")); err == nil {
		nth = n
		if limit > 0 {
			limit = n
		}
	}
	hits := c.rx.FindAllStringSubmatchIndex(line, limit)
	if len(hits) < nth {
		return line, false
	}
	var b strings.Builder
	at := 0
	for i, m := range hits {
		if i+1 < nth {
			continue
		}
		b.WriteString(line[at:m[0]])
		for j := 0; j < len(c.text); j++ {
			switch ch := c.text[j]; {
			case ch == '&':
				b.WriteString(line[m[0]:m[1]])
			case ch == '\\' && j+1 < len(c.text):
				j++
				next := c.text[j]
				switch {
				case next >= '0' && next <= '9':
					if g := 2 * int(next-'0'); g+1 < len(m) && m[g] >= 0 {
						b.WriteString(line[m[g]:m[g+1]])
					}
				case next == 'n':
					b.WriteByte('\n')
				case next == 't':
					b.WriteByte('\t')
				default:
					b.WriteByte(next)
				}
			default:
				b.WriteByte(ch)
			}
		}
		at = m[1]
	}
	b.WriteString(line[at:])
	return b.String(), true
}
