package userland

import (
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
	"strconv"
	"strings"

	"proximity/pvesim/machine/unix"
)

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
