package userland

import (
	"regexp"
	"strconv"
	"strings"

	"proximity/pvesim/machine/unix"
)

// grep knows basic, extended and fixed patterns, context, counts and recursion.
func grep(p *unix.Proc) int {
	f, ok := parse(p, "EFGPivnqcolLwxhHrsre:f:m:A:B:C:a", map[string]byte{"quiet": 'q', "count": 'c', "invert-match": 'v', "ignore-case": 'i', "extended-regexp": 'E', "fixed-strings": 'F', "only-matching": 'o', "color": 'a', "line-buffered": 'a', "max-count": 'm'})
	if !ok {
		return 2
	}
	var patterns []string
	rest := f.rest
	switch {
	case f.has('e'):
		patterns = []string{f.set['e']}
	case f.has('f'):
		text, err := p.ReadAll(f.set['f'])
		if err != nil {
			complain(p, f.set['f'], err)
			return 2
		}
		patterns = strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	case len(rest) == 0:
		return 2
	default:
		patterns, rest = strings.Split(rest[0], "\n"), rest[1:]
	}
	for i, pat := range patterns {
		switch {
		case f.has('F') || p.Name() == "fgrep":
			pat = regexp.QuoteMeta(pat)
		case !f.has('E') && !f.has('P') && p.Name() != "egrep":
			pat = basicRegexp(pat)
		}
		if f.has('w') {
			pat = `\b(?:` + pat + `)\b`
		}
		if f.has('x') {
			pat = `^(?:` + pat + `)$`
		}
		patterns[i] = "(?:" + pat + ")"
	}
	expr := strings.Join(patterns, "|")
	if f.has('i') {
		expr = "(?i)" + expr
	}
	rx, err := regexp.Compile(expr)
	if err != nil {
		p.Fail("bad regex '%s'", expr)
		return 2
	}
	if f.has('r') {
		var files []string
		for _, root := range rest {
			each(p.K.FS, p.Path(root), true, func(file string) error {
				if info, err := p.K.FS.Lstat(file); err == nil && info.Mode().IsRegular() {
					files = append(files, strings.Replace(file, p.Path(root), strings.TrimSuffix(root, "/"), 1))
				}
				return nil
			})
		}
		rest = files
	}
	limit := -1
	if f.has('m') {
		limit, _ = strconv.Atoi(f.set['m'])
	}
	before, _ := strconv.Atoi(f.set['B'])
	after, _ := strconv.Atoi(f.set['A'])
	if f.has('C') {
		before, _ = strconv.Atoi(f.set['C'])
		after = before
	}
	named := (len(rest) > 1 || f.has('r') || f.has('H')) && !f.has('h')
	found, number, trailing := 0, 0, 0
	var held []string
	counts := map[string]int{}
	last := ""
	code := lines(p, rest, func(name, line string) bool {
		if name != last {
			last, number, held, trailing = name, 0, nil, 0
		}
		number++
		hit := rx.MatchString(line) != f.has('v')
		show := func(mark, text string) {
			if named {
				p.Outf("%s%s", name, mark)
			}
			if f.has('n') {
				p.Outf("%d%s", number, mark)
			}
			p.Outf("%s\n", text)
		}
		if !hit {
			if trailing > 0 {
				trailing--
				show("-", line)
			} else if before > 0 {
				if held = append(held, line); len(held) > before {
					held = held[1:]
				}
			}
			return true
		}
		found++
		counts[name]++
		switch {
		case f.has('q'):
			return false
		case f.has('c'):
		case f.has('l'):
			if counts[name] == 1 {
				p.Outf("%s\n", name)
			}
		case f.has('o'):
			for _, m := range rx.FindAllString(line, -1) {
				if m != "" {
					show(":", m)
				}
			}
		default:
			for _, h := range held {
				show("-", h)
			}
			held, trailing = nil, after
			show(":", line)
		}
		return limit < 0 || found < limit
	})
	if f.has('c') {
		if len(rest) == 0 {
			rest = []string{"-"}
		}
		for _, name := range rest {
			if named {
				p.Outf("%s:", name)
			}
			p.Outf("%d\n", counts[name])
		}
	}
	switch {
	case found > 0:
		return 0
	case code != 0:
		return 2
	}
	return 1
}

// basicRegexp turns a POSIX basic regular expression into Go's syntax.
func basicRegexp(pat string) string {
	var b strings.Builder
	for i := 0; i < len(pat); i++ {
		c := pat[i]
		switch {
		case c == '\\' && i+1 < len(pat):
			i++
			if strings.IndexByte("(){}+?|", pat[i]) >= 0 {
				b.WriteByte(pat[i])
			} else if pat[i] == '<' || pat[i] == '>' {
				b.WriteString(`\b`)
			} else {
				b.WriteByte('\\')
				b.WriteByte(pat[i])
			}
		case strings.IndexByte("(){}+?|", c) >= 0:
			b.WriteByte('\\')
			b.WriteByte(c)
		case c == '*' && (i == 0 || strings.HasSuffix(pat[:i], `\(`)):
			b.WriteString(`\*`)
		case c == '[':
			end := bracketEnd(pat, i)
			b.WriteString(strings.ReplaceAll(pat[i:end], `\`, `\\`))
			i = end - 1
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// bracketEnd returns the index after the bracket expression that starts at i.
func bracketEnd(pat string, i int) int {
	j := i + 1
	if j < len(pat) && pat[j] == '^' {
		j++
	}
	if j < len(pat) && pat[j] == ']' {
		j++
	}
	for j < len(pat) && pat[j] != ']' {
		if strings.HasPrefix(pat[j:], "[:") {
			if k := strings.Index(pat[j:], ":]"); k > 0 {
				j += k + 2
				continue
			}
		}
		j++
	}
	return min(j+1, len(pat))
}
