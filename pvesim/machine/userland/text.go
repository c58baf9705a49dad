package userland

import (
	"bufio"
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"hash"
	"io"
	"os"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"time"

	"proximity/pvesim/machine/unix"
)

// lines calls f with every line of the named files, or of standard input without names.
func lines(p *unix.Proc, names []string, f func(name, line string) bool) int {
	if len(names) == 0 {
		names = []string{"-"}
	}
	code := 0
	for _, name := range names {
		in := p.Stdin()
		if name != "-" {
			file, err := p.Open(name, os.O_RDONLY, 0)
			if err != nil {
				code = complain(p, name, err)
				continue
			}
			defer file.Close()
			in = p.Reader(file)
		}
		r := bufio.NewReader(in)
		for {
			line, err := r.ReadString('\n')
			if line != "" && !f(name, strings.TrimSuffix(line, "\n")) {
				return code
			}
			if err != nil {
				break
			}
		}
	}
	return code
}

func head(p *unix.Proc) int {
	p.Args = dashNumber(p.Args)
	f, ok := parse(p, "n:c:q", map[string]byte{"lines": 'n', "bytes": 'c'})
	if !ok {
		return 1
	}
	if f.has('c') {
		in := p.Stdin()
		if len(f.rest) > 0 {
			file, err := p.Open(f.rest[0], os.O_RDONLY, 0)
			if err != nil {
				return complain(p, f.rest[0], err)
			}
			defer file.Close()
			in = p.Reader(file)
		}
		io.CopyN(p.Stdout(), in, byteCount(f.set['c']))
		return 0
	}
	n := 10
	if f.has('n') {
		n, _ = strconv.Atoi(f.set['n'])
	}
	if n < 0 {
		var all []string
		code := lines(p, f.rest, func(_, line string) bool { all = append(all, line); return true })
		for _, line := range all[:max(len(all)+n, 0)] {
			p.Outf("%s\n", line)
		}
		return code
	}
	if n == 0 {
		return 0
	}
	return lines(p, f.rest, func(_, line string) bool {
		p.Outf("%s\n", line)
		n--
		return n > 0
	})
}

// dashNumber turns the old head -5 into head -n 5.
func dashNumber(args []string) []string {
	var out []string
	for i, a := range args {
		if _, err := strconv.Atoi(strings.TrimPrefix(a, "-")); err == nil && i > 0 && strings.HasPrefix(a, "-") && args[i-1] != "-n" && args[i-1] != "-c" {
			out = append(out, "-n", a[1:])
			continue
		}
		out = append(out, a)
	}
	return out
}

func tail(p *unix.Proc) int {
	p.Args = dashNumber(p.Args)
	f, ok := parse(p, "n:c:fFqs:", map[string]byte{"lines": 'n', "bytes": 'c', "follow": 'f'})
	if !ok {
		return 1
	}
	if f.has('c') {
		name := "-"
		if len(f.rest) > 0 {
			name = f.rest[0]
		}
		all, err := p.ReadAll(name)
		if err != nil {
			return complain(p, name, err)
		}
		n := byteCount(strings.TrimPrefix(f.set['c'], "-"))
		if from, ok := strings.CutPrefix(f.set['c'], "+"); ok {
			n = int64(len(all)) - byteCount(from) + 1
		}
		p.Stdout().Write(all[max(int64(len(all))-n, 0):])
		return 0
	}
	spec := f.set['n']
	if spec == "" {
		spec = "10"
	}
	var all []string
	code := lines(p, f.rest, func(_, line string) bool { all = append(all, line); return true })
	n, _ := strconv.Atoi(strings.TrimLeft(spec, "+-"))
	first := max(len(all)-n, 0)
	if strings.HasPrefix(spec, "+") {
		first = min(max(n-1, 0), len(all))
	}
	for _, line := range all[first:] {
		p.Outf("%s\n", line)
	}
	if (f.has('f') || f.has('F')) && len(f.rest) > 0 {
		follow(p, f.rest[0])
	}
	return code
}

// follow prints what is added to a file until the process ends.
func follow(p *unix.Proc, name string) {
	seen, _ := p.ReadAll(name)
	for p.Sleep(time.Second) {
		now, err := p.ReadAll(name)
		if err != nil || len(now) < len(seen) {
			seen = nil
		}
		p.Stdout().Write(now[len(seen):])
		seen = now
	}
}

// grepUnits are the options of grep that a line needs.
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

func cut(p *unix.Proc) int {
	f, ok := parse(p, "d:f:c:b:s", map[string]byte{"delimiter": 'd', "fields": 'f'})
	if !ok {
		return 1
	}
	sep := "\t"
	if f.has('d') {
		sep = f.set['d']
	}
	spec := f.set['f'] + f.set['c'] + f.set['b']
	return lines(p, f.rest, func(_, line string) bool {
		parts := strings.Split(line, sep)
		join := sep
		if !f.has('f') {
			parts, join = strings.Split(line, ""), ""
		} else if len(parts) == 1 {
			if !f.has('s') {
				p.Outf("%s\n", line)
			}
			return true
		}
		var picked []string
		for i := range parts {
			if selected(spec, i+1) {
				picked = append(picked, parts[i])
			}
		}
		p.Outf("%s\n", strings.Join(picked, join))
		return true
	})
}

func selected(spec string, n int) bool {
	for _, item := range strings.Split(spec, ",") {
		from, to, ranged := strings.Cut(item, "-")
		lo, _ := strconv.Atoi(from)
		hi := lo
		if ranged {
			hi = 1 << 30
			if to != "" {
				hi, _ = strconv.Atoi(to)
			}
		}
		if n >= max(lo, 1) && n <= hi {
			return true
		}
	}
	return false
}

func tr(p *unix.Proc) int {
	f, ok := parse(p, "dsc", nil)
	if !ok || len(f.rest) == 0 {
		return 1
	}
	from := charSet(f.rest[0])
	to := ""
	if len(f.rest) > 1 {
		to = charSet(f.rest[1])
	}
	in := func(c byte) bool { return (strings.IndexByte(from, c) >= 0) != f.has('c') }
	r, w := bufio.NewReader(p.Stdin()), bufio.NewWriter(p.Stdout())
	defer w.Flush()
	var last byte
	squeezed := from
	if to != "" {
		squeezed = to
	}
	for first := true; ; first = false {
		c, err := r.ReadByte()
		if err != nil {
			return 0
		}
		if in(c) {
			if f.has('d') {
				continue
			}
			if to != "" {
				i := strings.IndexByte(from, c)
				if i < 0 || i >= len(to) {
					i = len(to) - 1
				}
				c = to[i]
			}
		}
		if f.has('s') && !first && c == last && strings.IndexByte(squeezed, c) >= 0 {
			continue
		}
		w.WriteByte(c)
		last = c
	}
}

func charSet(spec string) string {
	for class, chars := range map[string]string{
		"[:lower:]": "abcdefghijklmnopqrstuvwxyz", "[:upper:]": "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "[:digit:]": "0123456789",
		"[:space:]": " \t\n\r\v\f", "[:alnum:]": "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
		"[:alpha:]": "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", "[:punct:]": "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~",
	} {
		spec = strings.ReplaceAll(spec, class, chars)
	}
	spec = strings.NewReplacer(`\n`, "\n", `\t`, "\t", `\r`, "\r", `\0`, "\x00", `\\`, `\`).Replace(spec)
	var b strings.Builder
	for i := 0; i < len(spec); i++ {
		if i+2 < len(spec) && spec[i+1] == '-' && spec[i] <= spec[i+2] && isAlnum(spec[i]) && isAlnum(spec[i+2]) {
			for c := spec[i]; c <= spec[i+2]; c++ {
				b.WriteByte(c)
			}
			i += 2
			continue
		}
		b.WriteByte(spec[i])
	}
	return b.String()
}

func isAlnum(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func sortLines(p *unix.Proc) int {
	f, ok := parse(p, "rnuk:t:fbVho:s", nil)
	if !ok {
		return 1
	}
	var all []string
	code := lines(p, f.rest, func(_, line string) bool { all = append(all, line); return true })
	key := func(line string) string {
		if !f.has('k') {
			return line
		}
		field, _, _ := strings.Cut(strings.TrimRight(f.set['k'], "nrbf"), ",")
		n, _ := strconv.Atoi(strings.TrimRight(field, "nrbf"))
		parts := strings.Fields(line)
		if f.has('t') {
			parts = strings.Split(line, f.set['t'])
		}
		if n >= 1 && n <= len(parts) {
			return strings.Join(parts[n-1:], " ")
		}
		return ""
	}
	numeric := f.has('n') || f.has('h') || strings.Contains(f.set['k'], "n")
	sort.SliceStable(all, func(i, j int) bool {
		a, b := key(all[i]), key(all[j])
		if f.has('r') || strings.Contains(f.set['k'], "r") {
			a, b = b, a
		}
		switch {
		case numeric:
			return leadingNumber(a) < leadingNumber(b)
		case f.has('f'):
			return strings.ToLower(a) < strings.ToLower(b)
		}
		return a < b
	})
	for i, line := range all {
		if f.has('u') && i > 0 && key(line) == key(all[i-1]) {
			continue
		}
		p.Outf("%s\n", line)
	}
	return code
}

func leadingNumber(s string) float64 {
	s = strings.TrimSpace(s)
	end := 0
	for end < len(s) && (s[end] >= '0' && s[end] <= '9' || s[end] == '.' || end == 0 && s[end] == '-') {
		end++
	}
	n, _ := strconv.ParseFloat(s[:end], 64)
	return n
}

func uniq(p *unix.Proc) int {
	f, ok := parse(p, "cdu", nil)
	if !ok {
		return 1
	}
	last, count := "", 0
	flush := func() {
		if count == 0 || f.has('d') && count < 2 || f.has('u') && count > 1 {
			return
		}
		if f.has('c') {
			p.Outf("%7d ", count)
		}
		p.Outf("%s\n", last)
	}
	code := lines(p, f.rest, func(_, line string) bool {
		if count > 0 && line == last {
			count++
			return true
		}
		flush()
		last, count = line, 1
		return true
	})
	flush()
	return code
}

func wc(p *unix.Proc) int {
	f, ok := parse(p, "lwcm", nil)
	if !ok {
		return 1
	}
	names := f.rest
	if len(names) == 0 {
		names = []string{"-"}
	}
	code := 0
	for _, name := range names {
		text, err := p.ReadAll(name)
		if err != nil {
			code = complain(p, name, err)
			continue
		}
		var columns []string
		all := !f.has('l') && !f.has('w') && !f.has('c') && !f.has('m')
		if f.has('l') || all {
			columns = append(columns, strconv.Itoa(bytes.Count(text, []byte("\n"))))
		}
		if f.has('w') || all {
			columns = append(columns, strconv.Itoa(len(bytes.Fields(text))))
		}
		if f.has('c') || f.has('m') || all {
			columns = append(columns, strconv.Itoa(len(text)))
		}
		if name != "-" {
			columns = append(columns, name)
		}
		p.Outf("%s\n", strings.Join(columns, " "))
	}
	return code
}

func tee(p *unix.Proc) int {
	f, ok := parse(p, "ai", nil)
	if !ok {
		return 1
	}
	flag := os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	if f.has('a') {
		flag = os.O_WRONLY | os.O_CREATE | os.O_APPEND
	}
	outs := []io.Writer{p.Stdout()}
	code := 0
	for _, name := range f.rest {
		file, err := p.Open(name, flag, 0o666)
		if err != nil {
			code = complain(p, name, err)
			continue
		}
		defer file.Close()
		outs = append(outs, p.Writer(file))
	}
	io.Copy(io.MultiWriter(outs...), p.Stdin())
	return code
}

func encode64(p *unix.Proc) int {
	f, ok := parse(p, "dDw:i", map[string]byte{"decode": 'd', "wrap": 'w'})
	if !ok {
		return 1
	}
	name := "-"
	if len(f.rest) > 0 {
		name = f.rest[0]
	}
	in, err := p.ReadAll(name)
	if err != nil {
		return complain(p, name, err)
	}
	if f.has('d') || f.has('D') {
		out, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(string(in)), ""))
		p.Stdout().Write(out)
		if err != nil {
			p.Errf("base64: invalid input\n")
			return 1
		}
		return 0
	}
	text := base64.StdEncoding.EncodeToString(in)
	width := 76
	if f.has('w') {
		width, _ = strconv.Atoi(f.set['w'])
	}
	for width > 0 && len(text) > width {
		p.Outf("%s\n", text[:width])
		text = text[width:]
	}
	p.Outf("%s", text)
	if width > 0 {
		p.Outf("\n")
	}
	return 0
}

func sum(p *unix.Proc) int {
	fresh := map[string]func() hash.Hash{"sha256sum": sha256.New, "md5sum": md5.New, "sha1sum": sha1.New, "sha512sum": sha512.New}[p.Name()]
	f, ok := parse(p, "cbst", map[string]byte{"check": 'c', "status": 's', "quiet": 's'})
	if !ok || fresh == nil {
		return 1
	}
	digest := func(name string) (string, error) {
		content, err := p.ReadAll(name)
		h := fresh()
		h.Write(content)
		return fmt.Sprintf("%x", h.Sum(nil)), err
	}
	if f.has('c') {
		bad := 0
		code := lines(p, f.rest, func(_, line string) bool {
			want, name, _ := strings.Cut(line, " ")
			name = strings.TrimLeft(name, " *")
			got, err := digest(name)
			verdict := "OK"
			if err != nil || got != want {
				verdict = "FAILED"
				bad++
			}
			if !f.has('s') {
				p.Outf("%s: %s\n", name, verdict)
			}
			return true
		})
		if bad > 0 {
			p.Errf("%s: WARNING: %d computed checksums did NOT match\n", p.Name(), bad)
			return 1
		}
		return code
	}
	names := f.rest
	if len(names) == 0 {
		names = []string{"-"}
	}
	code := 0
	for _, name := range names {
		d, err := digest(name)
		if err != nil {
			code = complain(p, name, err)
			continue
		}
		p.Outf("%s  %s\n", d, name)
	}
	return code
}

func seq(p *unix.Proc) int {
	var n []int
	for _, arg := range p.Args[1:] {
		v, err := strconv.Atoi(arg)
		if err != nil {
			return p.Fail("invalid number '%s'", arg)
		}
		n = append(n, v)
	}
	first, step, last := 1, 1, 0
	switch len(n) {
	case 1:
		last = n[0]
	case 2:
		first, last = n[0], n[1]
	case 3:
		first, step, last = n[0], n[1], n[2]
	default:
		return p.Fail("missing operand")
	}
	for i := first; step > 0 && i <= last || step < 0 && i >= last; i += step {
		if p.Context().Err() != nil {
			return 1
		}
		p.Outf("%d\n", i)
	}
	return 0
}

func rev(p *unix.Proc) int {
	return lines(p, p.Args[1:], func(_, line string) bool {
		r := []rune(line)
		for i, j := 0, len(r)-1; i < j; i, j = i+1, j-1 {
			r[i], r[j] = r[j], r[i]
		}
		p.Outf("%s\n", string(r))
		return true
	})
}

func tac(p *unix.Proc) int {
	var all []string
	code := lines(p, p.Args[1:], func(_, line string) bool { all = append(all, line); return true })
	for i := len(all) - 1; i >= 0; i-- {
		p.Outf("%s\n", all[i])
	}
	return code
}

func xargs(p *unix.Proc) int {
	f, ok := leading(p, "n:I:0rtL:P:")
	if !ok {
		return 1
	}
	command := f.rest
	if len(command) == 0 {
		command = []string{"echo"}
	}
	in, _ := io.ReadAll(p.Stdin())
	items := strings.Fields(string(in))
	if f.has('0') {
		items = strings.Split(strings.TrimSuffix(string(in), "\x00"), "\x00")
	} else if f.has('I') || f.has('L') {
		items = strings.Split(strings.TrimSuffix(string(in), "\n"), "\n")
	}
	if len(items) == 0 && f.has('r') {
		return 0
	}
	code := 0
	run := func(argv []string) {
		if c := p.Command(argv); c != 0 {
			code = 123
		}
	}
	if f.has('I') {
		for _, item := range items {
			argv := make([]string, len(command))
			for i, word := range command {
				argv[i] = strings.ReplaceAll(word, f.set['I'], item)
			}
			run(argv)
		}
		return code
	}
	size := len(items)
	if n, err := strconv.Atoi(f.set['n'] + f.set['L']); err == nil && n > 0 {
		size = n
	}
	for first := true; first || len(items) > 0; first = false {
		n := min(size, len(items))
		run(append(append([]string(nil), command...), items[:n]...))
		items = items[n:]
		if size == 0 {
			break
		}
	}
	return code
}

// leading parses options up to the first operand only, for commands that run another command.
func leading(p *unix.Proc, spec string) (flags, bool) {
	args := p.Args
	end := 1
	for end < len(args) && strings.HasPrefix(args[end], "-") && args[end] != "-" {
		arg := args[end]
		end++
		if arg == "--" {
			break
		}
		if !strings.HasPrefix(arg, "--") && takesValue(spec, arg[len(arg)-1]) && end < len(args) {
			if i := strings.IndexFunc(arg[1:], func(r rune) bool { return takesValue(spec, byte(r)) }); i == len(arg)-2 {
				end++
			}
		}
	}
	rest := args[end:]
	p.Args = args[:end]
	f, ok := parse(p, spec, longLeading)
	p.Args = args
	f.rest = rest
	return f, ok
}

var longLeading = map[string]byte{
	"nonblock": 'n', "shared": 's', "exclusive": 'x', "unlock": 'u', "timeout": 'w', "wait": 'w', "command": 'c', "close": 'o',
	"signal": 's', "kill-after": 'k', "fork": 'f', "preserve-status": 'p', "null": '0', "no-run-if-empty": 'r', "foreground": 'f',
	"conflict-exit-code": 'E', "verbose": 'v',
}
