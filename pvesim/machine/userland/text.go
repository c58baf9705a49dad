package userland

import (
	"bufio"
	"io"
	"os"
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
