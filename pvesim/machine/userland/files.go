package userland

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
	"syscall"
	"time"

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

func octal(text string) (fs.FileMode, bool) {
	n, err := strconv.ParseUint(text, 8, 16)
	if err != nil {
		return 0, false
	}
	mode := fs.FileMode(n) & fs.ModePerm
	if n&0o1000 != 0 {
		mode |= fs.ModeSticky
	}
	if n&0o2000 != 0 {
		mode |= fs.ModeSetgid
	}
	if n&0o4000 != 0 {
		mode |= fs.ModeSetuid
	}
	return mode, true
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

func chmod(p *unix.Proc) int {
	args, deep := p.Args[1:], false
	for len(args) > 0 && (args[0] == "-R" || args[0] == "-v" || args[0] == "-f" || args[0] == "--") {
		deep = deep || args[0] == "-R"
		args = args[1:]
	}
	if len(args) < 2 {
		return p.Fail("missing operand")
	}
	code := 0
	for _, name := range args[1:] {
		err := each(p.K.FS, p.Path(name), deep, func(file string) error { return changeMode(p, file, args[0]) })
		if err != nil {
			code = complain(p, name, err)
		}
	}
	return code
}

// each calls f for a file and, if deep, all below it.
func each(fsys *vfs.FS, name string, deep bool, f func(string) error) error {
	if err := f(name); err != nil || !deep {
		return err
	}
	info, err := fsys.Lstat(name)
	if err != nil || !info.IsDir() {
		return err
	}
	entries, err := fsys.ReadDir(name)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := each(fsys, path.Join(name, e.Name()), true, f); err != nil {
			return err
		}
	}
	return nil
}

func changeMode(p *unix.Proc, file, spec string) error {
	if mode, ok := octal(spec); ok {
		return p.K.FS.Change(file, func(a *vfs.Attributes) { a.Perm = mode })
	}
	for _, clause := range strings.Split(spec, ",") {
		i := strings.IndexAny(clause, "+-=")
		if i < 0 {
			return syscall.EINVAL
		}
		who, op, what := clause[:i], clause[i], clause[i+1:]
		if who == "" || strings.Contains(who, "a") {
			who = "ugo"
		}
		var bits fs.FileMode
		for _, c := range what {
			switch c {
			case 'r':
				bits |= 4
			case 'w':
				bits |= 2
			case 'x', 'X':
				bits |= 1
			}
		}
		var mask, clear fs.FileMode
		for _, w := range who {
			shift := map[rune]int{'u': 6, 'g': 3, 'o': 0}[w]
			mask |= bits << shift
			clear |= 7 << shift
		}
		err := p.K.FS.Change(file, func(a *vfs.Attributes) {
			switch op {
			case '+':
				a.Perm |= mask
			case '-':
				a.Perm &^= mask
			default:
				a.Perm = a.Perm&^clear | mask
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func chown(p *unix.Proc) int {
	f, ok := parse(p, "Rhvf", map[string]byte{"recursive": 'R'})
	if !ok || len(f.rest) < 2 {
		return p.Fail("missing operand")
	}
	user, group, both := strings.Cut(strings.Replace(f.rest[0], ".", ":", 1), ":")
	if p.Name() == "chgrp" {
		user, group, both = "", user, true
	}
	lookup := func(name, file string) (int, bool) {
		if name == "" {
			return -1, true
		}
		if n, err := strconv.Atoi(name); err == nil {
			return n, true
		}
		return accountID(p, name, file)
	}
	uid, ok := lookup(user, "/etc/passwd")
	if !ok {
		return p.Fail("unknown user %s", user)
	}
	gid := -1
	if both {
		if gid, ok = lookup(group, "/etc/group"); !ok {
			return p.Fail("unknown group %s", group)
		}
	}
	code := 0
	for _, name := range f.rest[1:] {
		err := each(p.K.FS, p.Path(name), f.has('R'), func(file string) error {
			return p.K.FS.Change(file, func(a *vfs.Attributes) {
				if uid >= 0 {
					a.UID = uid
				}
				if gid >= 0 {
					a.GID = gid
				}
			})
		})
		if err != nil {
			code = complain(p, name, err)
		}
	}
	return code
}

// accountID looks a name up in a file like /etc/passwd.
func accountID(p *unix.Proc, name, file string) (int, bool) {
	text, _ := p.K.FS.ReadFile(file)
	for _, line := range strings.Split(string(text), "\n") {
		fields := strings.Split(line, ":")
		if len(fields) > 2 && fields[0] == name {
			n, err := strconv.Atoi(fields[2])
			return n, err == nil
		}
	}
	return 0, false
}

func touch(p *unix.Proc) int {
	f, ok := parse(p, "acmd:t:r:", nil)
	if !ok {
		return 1
	}
	code := 0
	for _, name := range f.rest {
		err := p.K.FS.Change(p.Path(name), func(a *vfs.Attributes) { a.MTime = p.K.Now() })
		if errors.Is(err, fs.ErrNotExist) && !f.has('c') {
			var h *unix.File
			if h, err = p.Open(name, os.O_WRONLY|os.O_CREATE, 0o666); err == nil {
				h.Close()
			}
		}
		if err != nil {
			code = complain(p, name, err)
		}
	}
	return code
}

func stat(p *unix.Proc) int {
	f, ok := parse(p, "c:Lf", map[string]byte{"format": 'c', "printf": 'c'})
	if !ok {
		return 1
	}
	code := 0
	for _, name := range f.rest {
		look := p.K.FS.Lstat
		if f.has('L') {
			look = p.K.FS.Stat
		}
		info, err := look(p.Path(name))
		if err != nil {
			p.Errf("stat: can't stat '%s': %s\n", name, unix.Text(err))
			code = 1
			continue
		}
		kind := "regular file"
		switch {
		case info.IsDir():
			kind = "directory"
		case info.Mode()&fs.ModeSymlink != 0:
			kind = "symbolic link"
		case info.Mode()&fs.ModeCharDevice != 0:
			kind = "character special file"
		case info.Size() == 0:
			kind = "regular empty file"
		}
		if !f.has('c') {
			p.Outf("  File: %s\n  Size: %-10d\tBlocks: %-10d IO Block: 4096   %s\nAccess: (%04o/%s)  Uid: (%5d/%8s)   Gid: (%5d/%8s)\nModify: %s\n",
				name, info.Size(), (info.Size()+511)/512, kind, info.Mode().Perm(), modeString(info.Mode()), info.UID, userName(info.UID), info.GID, userName(info.GID), info.ModTime().UTC().Format("2006-01-02 15:04:05.000000000 -0700"))
			continue
		}
		p.Outf("%s\n", strings.NewReplacer(
			"%a", fmt.Sprintf("%o", permOctal(info.Mode())), "%A", modeString(info.Mode()), "%s", strconv.FormatInt(info.Size(), 10),
			"%n", name, "%u", strconv.Itoa(info.UID), "%g", strconv.Itoa(info.GID), "%U", userName(info.UID), "%G", userName(info.GID),
			"%F", kind, "%Y", strconv.FormatInt(info.ModTime().Unix(), 10), "%y", info.ModTime().UTC().Format("2006-01-02 15:04:05.000000000 -0700"),
			"%h", strconv.Itoa(info.Links), "%i", strconv.FormatUint(info.ID, 10), "%%", "%").Replace(f.set['c']))
	}
	return code
}

func permOctal(m fs.FileMode) uint32 {
	n := uint32(m.Perm())
	if m&fs.ModeSticky != 0 {
		n |= 0o1000
	}
	if m&fs.ModeSetgid != 0 {
		n |= 0o2000
	}
	if m&fs.ModeSetuid != 0 {
		n |= 0o4000
	}
	return n
}

func readlink(p *unix.Proc) int {
	f, ok := parse(p, "fenm", nil)
	if !ok || len(f.rest) == 0 {
		return 1
	}
	if f.has('f') || f.has('e') || f.has('m') {
		return resolve(p, f.rest[0], f.has('e'))
	}
	target, err := p.K.FS.Readlink(p.Path(f.rest[0]))
	if err != nil {
		return 1
	}
	p.Outf("%s\n", target)
	return 0
}

func realpath(p *unix.Proc) int {
	f, ok := parse(p, "emsq", nil)
	if !ok || len(f.rest) == 0 {
		return 1
	}
	return resolve(p, f.rest[0], true)
}

func resolve(p *unix.Proc, name string, must bool) int {
	at := p.Path(name)
	for range 40 {
		target, err := p.K.FS.Readlink(at)
		if err != nil {
			break
		}
		at = unix.Abs(path.Dir(at), target)
	}
	if dir := path.Dir(at); dir != "/" {
		if target, err := p.K.FS.Readlink(dir); err == nil {
			at = path.Join(unix.Abs(path.Dir(dir), target), path.Base(at))
		}
	}
	if _, err := p.K.FS.Stat(at); err != nil && must {
		return complain(p, name, err)
	}
	p.Outf("%s\n", at)
	return 0
}

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

func sleep(p *unix.Proc) int {
	var total time.Duration
	for _, arg := range p.Args[1:] {
		d, ok := seconds(arg)
		if !ok {
			return p.Fail("invalid number '%s'", arg)
		}
		total += d
	}
	p.Sleep(total)
	return 0
}

// seconds reads 5, 0.5, 3s, 2m, 1h.
func seconds(text string) (time.Duration, bool) {
	if text == "infinity" {
		return 1 << 62, true
	}
	unit := time.Second
	switch {
	case strings.HasSuffix(text, "s"):
		text = text[:len(text)-1]
	case strings.HasSuffix(text, "m"):
		text, unit = text[:len(text)-1], time.Minute
	case strings.HasSuffix(text, "h"):
		text, unit = text[:len(text)-1], time.Hour
	case strings.HasSuffix(text, "d"):
		text, unit = text[:len(text)-1], 24*time.Hour
	}
	n, err := strconv.ParseFloat(text, 64)
	return time.Duration(n * float64(unit)), err == nil && n >= 0
}
