package userland

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
	"syscall"

	"proximity/pvesim/machine/unix"
	"proximity/pvesim/machine/vfs"
)

func mktemp(p *unix.Proc) int {
	f, ok := parse(p, "dp:tqu", map[string]byte{"directory": 'd', "tmpdir": 'p'})
	if !ok {
		return 1
	}
	dir := f.set['p']
	if dir == "" {
		dir = "/tmp"
	}
	template := dir + "/tmp.XXXXXX"
	if len(f.rest) > 0 {
		template = f.rest[0]
		if f.has('p') || f.has('t') {
			template = dir + "/" + template
		}
	}
	stem := strings.TrimRight(template, "X")
	width := len(template) - len(stem)
	if width < 3 {
		return p.Fail("too few X's in template '%s'", template)
	}
	for n := p.K.Now().UnixNano() ^ int64(p.PID)<<20; ; n++ {
		name := stem + suffix(n, width)
		var err error
		if f.has('d') {
			err = p.K.FS.Mkdir(p.Path(name), 0o700)
		} else {
			var h *unix.File
			if h, err = p.Open(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600); err == nil {
				h.Close()
			}
		}
		if errors.Is(err, syscall.EEXIST) {
			continue
		}
		if err != nil {
			return complain(p, template, err)
		}
		p.Outf("%s\n", name)
		return 0
	}
}

func suffix(n int64, width int) string {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	x := uint64(n) * 0x9e3779b97f4a7c15
	b := make([]byte, width)
	for i := range b {
		b[i] = letters[x%uint64(len(letters))]
		x /= uint64(len(letters))
		if x == 0 {
			x = uint64(n) + 0x2545f4914f6cdd1d
		}
	}
	return string(b)
}

func install(p *unix.Proc) int {
	f, ok := parse(p, "dm:o:g:DcvT", map[string]byte{"mode": 'm', "directory": 'd'})
	if !ok || len(f.rest) == 0 {
		return p.Fail("missing file operand")
	}
	mode := "755"
	if f.has('m') {
		mode = f.set['m']
	}
	if f.has('d') {
		for _, dir := range f.rest {
			if err := p.K.FS.MkdirAll(p.Path(dir), 0o755); err != nil {
				return complain(p, dir, err)
			}
			changeMode(p, p.Path(dir), mode)
		}
		return 0
	}
	if len(f.rest) < 2 {
		return p.Fail("missing destination file operand after '%s'", f.rest[0])
	}
	to := into(p, f.rest[0], f.rest[1])
	if f.has('D') {
		p.K.FS.MkdirAll(path.Dir(to), 0o755)
	}
	var content []byte
	var err error
	if f.rest[0] == "/dev/stdin" {
		content, err = io.ReadAll(p.Stdin())
	} else {
		content, err = p.ReadAll(f.rest[0])
	}
	if err == nil {
		var h *vfs.File
		if h, err = p.K.FS.Open(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600); err == nil {
			_, err = h.Write(content)
			err = errors.Join(err, h.Close())
		}
	}
	if err != nil {
		return complain(p, f.rest[0], err)
	}
	if err := changeMode(p, to, mode); err != nil {
		return complain(p, to, err)
	}
	return 0
}

func find(p *unix.Proc) int {
	args := p.Args[1:]
	var roots []string
	for len(args) > 0 && !strings.HasPrefix(args[0], "-") && args[0] != "!" {
		roots = append(roots, args[0])
		args = args[1:]
	}
	if len(roots) == 0 {
		roots = []string{"."}
	}
	kind, name, maxDepth, minDepth, remove := "", "", 1<<30, 0, false
	var exec []string
	for i := 0; i < len(args); i++ {
		value := ""
		if i+1 < len(args) {
			value = args[i+1]
		}
		switch args[i] {
		case "-type":
			kind = value
			i++
		case "-name":
			name = value
			i++
		case "-maxdepth":
			maxDepth, _ = strconv.Atoi(value)
			i++
		case "-mindepth":
			minDepth, _ = strconv.Atoi(value)
			i++
		case "-delete":
			remove = true
		case "-exec":
			for i++; i < len(args) && args[i] != ";" && args[i] != "+"; i++ {
				exec = append(exec, args[i])
			}
		case "-print", "-xdev":
		default:
			return p.Fail("unrecognized: %s", args[i])
		}
	}
	code := 0
	var visit func(shown string, depth int)
	visit = func(shown string, depth int) {
		info, err := p.K.FS.Lstat(p.Path(shown))
		if err != nil {
			code = complain(p, shown, err)
			return
		}
		if info.IsDir() && depth < maxDepth {
			entries, _ := p.K.FS.ReadDir(p.Path(shown))
			if !remove {
				defer func() {
					for _, e := range entries {
						visit(strings.TrimSuffix(shown, "/")+"/"+e.Name(), depth+1)
					}
				}()
			} else {
				for _, e := range entries {
					visit(strings.TrimSuffix(shown, "/")+"/"+e.Name(), depth+1)
				}
			}
		}
		hit := depth >= minDepth && (kind == "" || kind == "d" && info.IsDir() || kind == "f" && info.Mode().IsRegular() || kind == "l" && info.Target != "")
		if hit && name != "" {
			hit, _ = path.Match(name, path.Base(shown))
		}
		switch {
		case !hit:
		case remove:
			p.K.FS.Remove(p.Path(shown))
		case exec != nil:
			argv := make([]string, len(exec))
			for i, word := range exec {
				argv[i] = strings.ReplaceAll(word, "{}", shown)
			}
			p.Command(argv)
		default:
			p.Outf("%s\n", shown)
		}
	}
	for _, root := range roots {
		visit(root, 0)
	}
	return code
}

func du(p *unix.Proc) int {
	f, ok := parse(p, "shkmbad:", nil)
	if !ok {
		return 1
	}
	if len(f.rest) == 0 {
		f.rest = []string{"."}
	}
	code := 0
	for _, name := range f.rest {
		var total int64
		err := each(p.K.FS, p.Path(name), true, func(file string) error {
			info, err := p.K.FS.Lstat(file)
			if err == nil {
				total += (info.Size() + 4095) / 4096 * 4096
			}
			return err
		})
		if err != nil {
			code = complain(p, name, err)
			continue
		}
		switch {
		case f.has('h'):
			p.Outf("%s\t%s\n", human(total), name)
		case f.has('b'):
			p.Outf("%d\t%s\n", total, name)
		case f.has('m'):
			p.Outf("%d\t%s\n", (total+1<<20-1)>>20, name)
		default:
			p.Outf("%d\t%s\n", total/1024, name)
		}
	}
	return code
}

func truncate(p *unix.Proc) int {
	f, ok := parse(p, "s:c", map[string]byte{"size": 's'})
	if !ok {
		return 1
	}
	for _, name := range f.rest {
		content, err := p.ReadAll(name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return complain(p, name, err)
		}
		size := byteCount(f.set['s'])
		if size > vfs.Capacity {
			return complain(p, name, syscall.ENOSPC)
		}
		grown := make([]byte, size)
		copy(grown, content)
		if err := p.K.FS.WriteFile(p.Path(name), grown, 0o644); err != nil {
			return complain(p, name, err)
		}
	}
	return 0
}

// byteCount reads 10, 4k, 2M, 1G.
func byteCount(text string) int64 {
	unit := int64(1)
	switch trimmed := strings.TrimRight(text, "bB"); {
	case trimmed == "":
	case strings.ContainsAny(trimmed[len(trimmed)-1:], "kK"):
		unit, text = 1<<10, trimmed[:len(trimmed)-1]
	case trimmed[len(trimmed)-1] == 'M':
		unit, text = 1<<20, trimmed[:len(trimmed)-1]
	case trimmed[len(trimmed)-1] == 'G':
		unit, text = 1<<30, trimmed[:len(trimmed)-1]
	}
	n, _ := strconv.ParseInt(text, 10, 64)
	return n * unit
}

func dd(p *unix.Proc) int {
	opt := map[string]string{"bs": "512", "count": "-1"}
	for _, arg := range p.Args[1:] {
		key, value, _ := strings.Cut(arg, "=")
		opt[key] = value
	}
	start := p.K.Now()
	in, out := p.Stdin(), p.Stdout()
	if opt["if"] != "" {
		f, err := p.Open(opt["if"], os.O_RDONLY, 0)
		if err != nil {
			return complain(p, opt["if"], err)
		}
		defer f.Close()
		in = p.Reader(f)
	}
	if opt["of"] != "" {
		f, err := p.Open(opt["of"], os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o666)
		if err != nil {
			return complain(p, opt["of"], err)
		}
		defer f.Close()
		out = p.Writer(f)
	}
	bs := min(max(byteCount(opt["bs"]), 1), vfs.Capacity)
	count, _ := strconv.ParseInt(opt["count"], 10, 64)
	buf := make([]byte, bs)
	var full, part, bytes int64
	code := 0
	for count < 0 || full+part < count {
		n, err := io.ReadFull(in, buf)
		if n > 0 {
			if _, werr := out.Write(buf[:n]); werr != nil {
				code = complain(p, opt["of"], werr)
				break
			}
			bytes += int64(n)
		}
		if int64(n) == bs {
			full++
		} else if n > 0 {
			part++
		}
		if err != nil || p.Context().Err() != nil {
			break
		}
	}
	if opt["status"] != "none" {
		p.Errf("%d+%d records in\n%d+%d records out\n%d bytes copied, %.6f s\n", full, part, full, part, bytes, p.K.Now().Sub(start).Seconds())
	}
	return code
}

func cmp(p *unix.Proc) int {
	f, ok := parse(p, "squr", nil)
	if !ok || len(f.rest) < 2 {
		return 2
	}
	a, errA := p.ReadAll(f.rest[0])
	b, errB := p.ReadAll(f.rest[1])
	if err := errors.Join(errA, errB); err != nil {
		complain(p, f.rest[0], err)
		return 2
	}
	if string(a) == string(b) {
		return 0
	}
	if !f.has('s') && !f.has('q') {
		p.Outf("%s %s differ\n", f.rest[0], f.rest[1])
	}
	return 1
}
