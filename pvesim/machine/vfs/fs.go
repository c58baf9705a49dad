// Package vfs is a Unix file system in memory; it never touches the real one.
package vfs

import (
	"io/fs"
	"path"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Capacity bounds the bytes of all files' contents together, so that no script inside can eat the simulator's memory.
const Capacity = 64 << 20

const maxSymlinks = 40

// FS is one file system. The methods take absolute paths and are safe for concurrent use.
// Errors are *fs.PathError around a syscall.Errno.
type FS struct {
	mu     sync.RWMutex
	now    func() time.Time
	root   *Inode
	used   atomic.Int64 // read without mu: virtual files tell of it while a directory is listed
	serial uint64
}

// Inode is one file, directory, link or device. Its fields belong to the FS's lock.
type Inode struct {
	id       uint64
	mode     fs.FileMode
	uid, gid int
	mtime    time.Time
	nlink    int

	data     []byte            // regular file
	children map[string]*Inode // directory
	target   string            // symbolic link
	device   Device            // character device
	virtual  *virtualFile      // file whose content lives elsewhere
	mount    VirtualDir        // directory whose files live elsewhere

	lock Lock
}

// Device answers reads and writes of a character device such as /dev/null.
type Device interface {
	Read(b []byte) (int, error)
	Write(b []byte) (int, error)
}

// VirtualDir is a directory whose files live elsewhere, such as a node's /etc/pve/lxc.
type VirtualDir interface {
	List() []string
	Read(name string) (content []byte, exists bool)
	Write(name string, content []byte) error
}

type virtualFile struct {
	sized bool // its size is told; those of /proc say 0, as the real ones do, and are not read to be listed
	read  func() []byte
	write func([]byte) error // nil = read-only
}

// New returns a file system with an empty root directory.
func New(now func() time.Time) *FS {
	f := &FS{now: now}
	f.root = f.inode(fs.ModeDir | 0o755)
	f.root.children = map[string]*Inode{}
	return f
}

func (f *FS) inode(mode fs.FileMode) *Inode {
	f.serial++
	return &Inode{id: f.serial, mode: mode, mtime: f.now(), nlink: 1}
}

func fail(op, name string, err error) error { return &fs.PathError{Op: op, Path: name, Err: err} }

// walk finds name's parent directory, its last element and, if it exists, its inode. Symbolic links on the way are
// followed, the last one only if follow is set.
func (f *FS) walk(name string, follow bool) (parent *Inode, base string, node *Inode, err error) {
	return f.walkFrom(strings.TrimPrefix(path.Clean("/"+name), "/"), follow, 0)
}

func (f *FS) walkFrom(name string, follow bool, depth int) (parent *Inode, base string, node *Inode, err error) {
	if depth > maxSymlinks {
		return nil, "", nil, syscall.ELOOP
	}
	if name == "" {
		return f.root, "", f.root, nil
	}
	at, done := f.root, ""
	for {
		elem, rest, more := strings.Cut(name, "/")
		if at.children == nil && at.mount == nil {
			return nil, "", nil, syscall.ENOTDIR
		}
		next := f.child(at, elem)
		if next == nil {
			if more {
				return nil, "", nil, syscall.ENOENT
			}
			return at, elem, nil, nil
		}
		if next.mode&fs.ModeSymlink != 0 && (more || follow) {
			target := next.target
			if !strings.HasPrefix(target, "/") {
				target = done + "/" + target
			}
			target = path.Clean("/" + target + "/" + rest)
			return f.walkFrom(strings.TrimPrefix(target, "/"), follow, depth+1)
		}
		if !more {
			return at, elem, next, nil
		}
		at, done, name = next, done+"/"+elem, rest
	}
}

func (f *FS) child(dir *Inode, name string) *Inode {
	if dir.mount == nil {
		return dir.children[name]
	}
	if _, ok := dir.mount.Read(name); !ok {
		return nil
	}
	return f.mounted(dir, name)
}

// mounted makes the inode of a file in a VirtualDir; it lives as long as the caller holds it.
func (f *FS) mounted(dir *Inode, name string) *Inode {
	m := dir.mount
	return &Inode{mode: 0o640, mtime: f.now(), nlink: 1, gid: 33, virtual: &virtualFile{
		sized: true,
		read:  func() []byte { b, _ := m.Read(name); return b },
		write: func(b []byte) error { return m.Write(name, b) },
	}}
}

func (f *FS) find(name string, follow bool) (*Inode, error) {
	_, _, node, err := f.walk(name, follow)
	if err != nil {
		return nil, err
	}
	if node == nil {
		return nil, syscall.ENOENT
	}
	return node, nil
}

// Stat describes a file, following symbolic links.
func (f *FS) Stat(name string) (*Info, error) { return f.stat(name, true) }

// Lstat describes a file without following a last symbolic link.
func (f *FS) Lstat(name string) (*Info, error) { return f.stat(name, false) }

func (f *FS) stat(name string, follow bool) (*Info, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	node, err := f.find(name, follow)
	if err != nil {
		return nil, fail("stat", name, err)
	}
	return node.info(path.Base(path.Clean("/" + name))), nil
}

// ReadDir lists a directory by name.
func (f *FS) ReadDir(name string) ([]*Info, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	dir, err := f.find(name, true)
	if err != nil {
		return nil, fail("open", name, err)
	}
	var infos []*Info
	switch {
	case dir.mount != nil:
		for _, n := range dir.mount.List() {
			infos = append(infos, f.mounted(dir, n).info(n))
		}
	case dir.children != nil:
		for n, node := range dir.children {
			infos = append(infos, node.info(n))
		}
	default:
		return nil, fail("open", name, syscall.ENOTDIR)
	}
	sort.Slice(infos, func(i, j int) bool { return infos[i].name < infos[j].name })
	return infos, nil
}

// Mkdir makes one directory.
func (f *FS) Mkdir(name string, perm fs.FileMode) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	parent, base, node, err := f.walk(name, false)
	if err == nil && node != nil {
		err = syscall.EEXIST
	}
	if err == nil && parent.mount != nil {
		err = syscall.EPERM
	}
	if err != nil {
		return fail("mkdir", name, err)
	}
	dir := f.inode(fs.ModeDir | perm&(fs.ModePerm|fs.ModeSticky))
	dir.children = map[string]*Inode{}
	parent.children[base] = dir
	parent.mtime = dir.mtime
	return nil
}

// MkdirAll makes a directory and what is missing above it.
func (f *FS) MkdirAll(name string, perm fs.FileMode) error {
	name = path.Clean("/" + name)
	if info, err := f.Stat(name); err == nil {
		if info.IsDir() {
			return nil
		}
		return fail("mkdir", name, syscall.EEXIST)
	}
	if err := f.MkdirAll(path.Dir(name), perm); err != nil {
		return err
	}
	if err := f.Mkdir(name, perm); err != nil && !isErrno(err, syscall.EEXIST) {
		return err
	}
	return nil
}

// Remove deletes a file or an empty directory.
func (f *FS) Remove(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	parent, base, node, err := f.walk(name, false)
	switch {
	case err != nil:
	case node == nil:
		err = syscall.ENOENT
	case node == f.root || node.mount != nil:
		err = syscall.EBUSY
	case parent.mount != nil:
		err = syscall.EPERM
	case len(node.children) > 0:
		err = syscall.ENOTEMPTY
	}
	if err != nil {
		return fail("remove", name, err)
	}
	f.unlink(parent, base, node)
	return nil
}

// RemoveAll deletes a file or a directory with all it holds; a missing one is no error.
func (f *FS) RemoveAll(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	parent, base, node, err := f.walk(name, false)
	if err != nil || node == nil {
		return nil
	}
	if node == f.root || node.mount != nil || parent.mount != nil {
		return fail("remove", name, syscall.EBUSY)
	}
	f.drop(node)
	f.unlink(parent, base, node)
	return nil
}

func (f *FS) drop(dir *Inode) {
	for name, node := range dir.children {
		f.drop(node)
		f.unlink(dir, name, node)
	}
}

func (f *FS) unlink(parent *Inode, base string, node *Inode) {
	delete(parent.children, base)
	parent.mtime = f.now()
	if node.nlink--; node.nlink == 0 {
		f.used.Add(-int64(len(node.data)))
	}
}

// Rename moves a file over another, or a directory.
func (f *FS) Rename(from, to string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	oldDir, oldBase, node, err := f.walk(from, false)
	if err == nil && node == nil {
		err = syscall.ENOENT
	}
	if err != nil {
		return fail("rename", from, err)
	}
	newDir, newBase, there, err := f.walk(to, false)
	switch {
	case err != nil:
	case newDir.mount != nil: // as mv over a mount: copy, then delete
		if err = newDir.mount.Write(newBase, node.content()); err == nil {
			f.unlink(oldDir, oldBase, node)
		}
		return err
	case oldDir.mount != nil || node == f.root:
		err = syscall.EBUSY
	case there == node:
		return nil
	case there != nil && there.children != nil && len(there.children) > 0:
		err = syscall.ENOTEMPTY
	case there != nil && there.children != nil && node.children == nil:
		err = syscall.EISDIR
	case there != nil && there.children == nil && node.children != nil:
		err = syscall.ENOTDIR
	case node.children != nil && strings.HasPrefix(path.Clean("/"+to)+"/", path.Clean("/"+from)+"/"):
		err = syscall.EINVAL
	}
	if err != nil {
		return fail("rename", to, err)
	}
	if there != nil {
		f.unlink(newDir, newBase, there)
	}
	delete(oldDir.children, oldBase)
	newDir.children[newBase] = node
	oldDir.mtime = f.now()
	newDir.mtime = oldDir.mtime
	return nil
}

// Symlink makes name a symbolic link to target.
func (f *FS) Symlink(target, name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	parent, base, node, err := f.walk(name, false)
	if err == nil && node != nil {
		err = syscall.EEXIST
	}
	if err == nil && parent.mount != nil {
		err = syscall.EPERM
	}
	if err != nil {
		return fail("symlink", name, err)
	}
	link := f.inode(fs.ModeSymlink | 0o777)
	link.target = target
	parent.children[base] = link
	return nil
}

// Link gives the file from the second name to.
func (f *FS) Link(from, to string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	node, err := f.find(from, false)
	if err == nil && (node.children != nil || node.virtual != nil) {
		err = syscall.EPERM
	}
	if err != nil {
		return fail("link", from, err)
	}
	parent, base, there, err := f.walk(to, false)
	if err == nil && there != nil {
		err = syscall.EEXIST
	}
	if err == nil && parent.mount != nil {
		err = syscall.EXDEV
	}
	if err != nil {
		return fail("link", to, err)
	}
	node.nlink++
	parent.children[base] = node
	return nil
}

// Readlink returns what a symbolic link points to.
func (f *FS) Readlink(name string) (string, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	node, err := f.find(name, false)
	if err == nil && node.mode&fs.ModeSymlink == 0 {
		err = syscall.EINVAL
	}
	if err != nil {
		return "", fail("readlink", name, err)
	}
	return node.target, nil
}

// Change edits an inode's attributes, following symbolic links.
func (f *FS) Change(name string, edit func(a *Attributes)) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	node, err := f.find(name, true)
	if err != nil {
		return fail("chmod", name, err)
	}
	a := Attributes{Perm: node.mode & permBits, UID: node.uid, GID: node.gid, MTime: node.mtime}
	edit(&a)
	node.mode = node.mode&^permBits | a.Perm&permBits
	node.uid, node.gid, node.mtime = a.UID, a.GID, a.MTime
	return nil
}

const permBits = fs.ModePerm | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky

// Attributes are what Change may edit.
type Attributes struct {
	Perm     fs.FileMode
	UID, GID int
	MTime    time.Time
}

// Device puts a character device at name.
func (f *FS) Device(name string, d Device) {
	f.place(name, fs.ModeDevice|fs.ModeCharDevice|0o666, func(n *Inode) { n.device = d })
}

// Virtual puts a file at name whose content is read (and, unless write is nil, written) elsewhere.
func (f *FS) Virtual(name string, read func() []byte, write func([]byte) error) {
	f.place(name, 0o644, func(n *Inode) { n.virtual = &virtualFile{read: read, write: write} })
}

// Mount puts a directory at name whose files live elsewhere.
func (f *FS) Mount(name string, d VirtualDir) {
	f.place(name, fs.ModeDir|0o755, func(n *Inode) { n.mount = d })
}

func (f *FS) place(name string, mode fs.FileMode, fill func(*Inode)) {
	if err := f.MkdirAll(path.Dir(path.Clean("/"+name)), 0o755); err != nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	parent, base, _, err := f.walk(name, false)
	if err != nil {
		return
	}
	node := f.inode(mode)
	fill(node)
	parent.children[base] = node
}

// Used returns the bytes of all files' contents.
func (f *FS) Used() int64 { return f.used.Load() }
