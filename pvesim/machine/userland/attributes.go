package userland

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
	"syscall"

	"proximity/pvesim/machine/unix"
	"proximity/pvesim/machine/vfs"
)

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
