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

func cat(p *unix.Proc) int {
	f, ok := parse(p, "nuvAe", nil)
	if !ok {
		return 1
	}
	if len(f.rest) == 0 {
		f.rest = []string{"-"}
	}
	code := 0
	for _, name := range f.rest {
		if name == "-" {
			io.Copy(p.Stdout(), p.Stdin())
			continue
		}
		in, err := p.Open(name, os.O_RDONLY, 0)
		if err == nil {
			_, err = io.Copy(p.Stdout(), p.Reader(in))
			in.Close()
		}
		if err != nil {
			if p.Context().Err() != nil {
				return 1
			}
			if p.K.Programs["busybox"] != nil && errors.Is(err, fs.ErrNotExist) {
				p.Errf("cat: can't open '%s': No such file or directory\n", name)
				code = 1
				continue
			}
			code = complain(p, name, err)
		}
	}
	return code
}

func ls(p *unix.Proc) int {
	f, ok := parse(p, "laAd1nhtrRSi", map[string]byte{"all": 'a', "color": 'C'})
	if !ok {
		return 1
	}
	names := f.rest
	if len(names) == 0 {
		names = []string{"."}
	}
	code := 0
	var files []string
	var dirs []string
	infos := map[string]*vfs.Info{}
	for _, name := range names {
		info, err := p.K.FS.Lstat(p.Path(name))
		if err == nil && info.Mode()&fs.ModeSymlink != 0 && !f.has('l') && !f.has('n') {
			if to, terr := p.K.FS.Stat(p.Path(name)); terr == nil {
				info = to
			}
		}
		switch {
		case err != nil:
			code = complain(p, name, err)
			if p.K.Programs["busybox"] == nil {
				code = 2
			}
		case info.IsDir() && !f.has('d'):
			dirs = append(dirs, name)
		default:
			files = append(files, name)
			infos[name] = info
		}
	}
	for _, name := range files {
		lsLine(p, f, name, infos[name])
	}
	for i, dir := range dirs {
		if len(names) > 1 {
			if i > 0 || len(files) > 0 {
				p.Outf("\n")
			}
			p.Outf("%s:\n", dir)
		}
		entries, err := p.K.FS.ReadDir(p.Path(dir))
		if err != nil {
			code = complain(p, dir, err)
			continue
		}
		if f.has('l') || f.has('n') {
			p.Outf("total %d\n", 4*len(entries))
		}
		if f.has('a') {
			for _, dot := range []string{".", ".."} {
				if info, err := p.K.FS.Stat(p.Path(path.Join(dir, dot))); err == nil {
					lsLine(p, f, dot, info)
				}
			}
		}
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), ".") && !f.has('a') && !f.has('A') {
				continue
			}
			lsLine(p, f, e.Name(), e)
		}
	}
	return code
}

func lsLine(p *unix.Proc, f flags, name string, info *vfs.Info) {
	if !f.has('l') && !f.has('n') {
		p.Outf("%s\n", name)
		return
	}
	owner, group := userName(info.UID), userName(info.GID)
	if f.has('n') {
		owner, group = strconv.Itoa(info.UID), strconv.Itoa(info.GID)
	}
	size := strconv.FormatInt(info.Size(), 10)
	if f.has('h') {
		size = human(info.Size())
	}
	if info.Target != "" {
		name += " -> " + info.Target
	}
	p.Outf("%s %4d %-8s %-8s %9s %s %s\n", modeString(info.Mode()), info.Links, owner, group, size, info.ModTime().UTC().Format("Jan _2 15:04"), name)
}

func modeString(m fs.FileMode) string {
	kind := "-"
	switch {
	case m.IsDir():
		kind = "d"
	case m&fs.ModeSymlink != 0:
		kind = "l"
	case m&fs.ModeCharDevice != 0:
		kind = "c"
	}
	s := []byte(kind + m.Perm().String()[1:])
	if m&fs.ModeSticky != 0 {
		s[9] = 't'
	}
	return string(s)
}

func userName(id int) string {
	switch id {
	case 0:
		return "root"
	case 33:
		return "www-data"
	case 65534:
		return "nobody"
	}
	return strconv.Itoa(id)
}

func mkdir(p *unix.Proc) int {
	f, ok := parse(p, "pm:v", map[string]byte{"parents": 'p', "mode": 'm'})
	if !ok {
		return 1
	}
	code := 0
	for _, name := range f.rest {
		var err error
		if f.has('p') {
			err = p.K.FS.MkdirAll(p.Path(name), 0o777&^p.Umask)
		} else {
			err = p.K.FS.Mkdir(p.Path(name), 0o777&^p.Umask)
		}
		if err != nil {
			p.Errf("mkdir: can't create directory '%s': %s\n", name, unix.Text(err))
			code = 1
			continue
		}
		if f.has('m') {
			changeMode(p, p.Path(name), f.set['m'])
		}
	}
	return code
}

func rmdir(p *unix.Proc) int {
	code := 0
	for _, name := range p.Args[1:] {
		info, err := p.K.FS.Lstat(p.Path(name))
		if err == nil && !info.IsDir() {
			err = syscall.ENOTDIR
		}
		if err == nil {
			err = p.K.FS.Remove(p.Path(name))
		}
		if err != nil {
			code = complain(p, "'"+name+"'", err)
		}
	}
	return code
}

func rm(p *unix.Proc) int {
	f, ok := parse(p, "rRfvid", map[string]byte{"recursive": 'r', "force": 'f'})
	if !ok {
		return 1
	}
	code := 0
	for _, name := range f.rest {
		info, err := p.K.FS.Lstat(p.Path(name))
		switch {
		case err != nil && f.has('f') && errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			p.Errf("rm: can't remove '%s': %s\n", name, unix.Text(err))
			code = 1
			continue
		case info.IsDir() && !f.has('r') && !f.has('R'):
			p.Errf("rm: '%s' is a directory\n", name)
			code = 1
			continue
		case info.IsDir():
			err = p.K.FS.RemoveAll(p.Path(name))
		default:
			err = p.K.FS.Remove(p.Path(name))
		}
		if err != nil {
			p.Errf("rm: can't remove '%s': %s\n", name, unix.Text(err))
			code = 1
		}
	}
	return code
}

// into is where a file named from goes when it is copied or moved to to.
func into(p *unix.Proc, from, to string) string {
	if info, err := p.K.FS.Stat(p.Path(to)); err == nil && info.IsDir() {
		return path.Join(p.Path(to), path.Base(from))
	}
	return p.Path(to)
}

func mv(p *unix.Proc) int {
	f, ok := parse(p, "fnvT", map[string]byte{"force": 'f'})
	if !ok || len(f.rest) < 2 {
		return p.Fail("missing file operand")
	}
	to, code := f.rest[len(f.rest)-1], 0
	for _, from := range f.rest[:len(f.rest)-1] {
		target := into(p, from, to)
		if f.has('T') {
			target = p.Path(to)
		}
		if err := p.K.FS.Rename(p.Path(from), target); err != nil {
			p.Errf("mv: can't rename '%s': %s\n", from, unix.Text(err))
			code = 1
		}
	}
	return code
}

func cp(p *unix.Proc) int {
	f, ok := parse(p, "arRpfdLvnuT", map[string]byte{"recursive": 'r', "archive": 'a', "preserve": 'p', "force": 'f'})
	if !ok || len(f.rest) < 2 {
		return p.Fail("missing file operand")
	}
	to, code := f.rest[len(f.rest)-1], 0
	deep, keep := f.has('r') || f.has('R') || f.has('a'), f.has('p') || f.has('a')
	for _, from := range f.rest[:len(f.rest)-1] {
		target := into(p, from, to)
		if err := copyFile(p.K.FS, p.Path(from), target, deep, keep); err != nil {
			if errors.Is(err, syscall.EISDIR) {
				p.Errf("cp: omitting directory '%s'\n", from)
			} else {
				p.Errf("cp: can't stat '%s': %s\n", from, unix.Text(err))
			}
			code = 1
		}
	}
	return code
}

func copyFile(f *vfs.FS, from, to string, deep, keep bool) error {
	info, err := f.Lstat(from)
	if err != nil {
		return err
	}
	if info.Mode()&fs.ModeSymlink != 0 && keep {
		return f.Symlink(info.Target, to)
	}
	if info, err = f.Stat(from); err != nil {
		return err
	}
	if info.IsDir() {
		if !deep {
			return syscall.EISDIR
		}
		entries, err := f.ReadDir(from)
		if err != nil {
			return err
		}
		if err := f.MkdirAll(to, info.Mode().Perm()); err != nil {
			return err
		}
		for _, e := range entries {
			if err := copyFile(f, path.Join(from, e.Name()), path.Join(to, e.Name()), deep, keep); err != nil {
				return err
			}
		}
		return nil
	}
	content, err := f.ReadFile(from)
	if err != nil {
		return err
	}
	h, err := f.Open(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, info.Mode().Perm())
	if err != nil {
		return err
	}
	_, err = h.Write(content)
	if err = errors.Join(err, h.Close()); err != nil || !keep {
		return err
	}
	return f.Change(to, func(a *vfs.Attributes) {
		a.Perm, a.UID, a.GID, a.MTime = info.Mode(), info.UID, info.GID, info.ModTime()
	})
}

func ln(p *unix.Proc) int {
	f, ok := parse(p, "sfnvT", map[string]byte{"symbolic": 's', "force": 'f'})
	if !ok || len(f.rest) < 1 {
		return p.Fail("missing file operand")
	}
	from, to := f.rest[0], path.Base(f.rest[0])
	if len(f.rest) > 1 {
		to = f.rest[1]
	}
	target := p.Path(to)
	if info, err := p.K.FS.Stat(target); err == nil && info.IsDir() && !f.has('n') {
		target = path.Join(target, path.Base(from))
	}
	if f.has('f') {
		p.K.FS.Remove(target)
	}
	var err error
	if f.has('s') {
		err = p.K.FS.Symlink(from, target)
	} else {
		err = p.K.FS.Link(p.Path(from), target)
	}
	if err != nil {
		return complain(p, to, err)
	}
	return 0
}

func dirname(p *unix.Proc) int {
	for _, name := range p.Args[1:] {
		dir := path.Dir(strings.TrimRight(name, "/"))
		if strings.Trim(name, "/") == "" && name != "" {
			dir = "/"
		}
		p.Outf("%s\n", dir)
	}
	return 0
}

func basename(p *unix.Proc) int {
	if len(p.Args) < 2 {
		return p.Fail("missing operand")
	}
	base := path.Base(p.Args[1])
	if len(p.Args) > 2 && base != p.Args[2] {
		base = strings.TrimSuffix(base, p.Args[2])
	}
	p.Outf("%s\n", base)
	return 0
}
