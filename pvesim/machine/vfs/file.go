package vfs

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"sync"
	"syscall"
	"time"
)

// Info describes an inode at one moment.
type Info struct {
	name     string
	size     int64
	mode     fs.FileMode
	mtime    time.Time
	ID       uint64
	UID, GID int
	Links    int
	Target   string // of a symbolic link
}

func (i *Info) Name() string               { return i.name }
func (i *Info) Size() int64                { return i.size }
func (i *Info) Mode() fs.FileMode          { return i.mode }
func (i *Info) ModTime() time.Time         { return i.mtime }
func (i *Info) IsDir() bool                { return i.mode.IsDir() }
func (i *Info) Sys() any                   { return nil }
func (i *Info) Type() fs.FileMode          { return i.mode.Type() }
func (i *Info) Info() (fs.FileInfo, error) { return i, nil }

func (n *Inode) info(name string) *Info {
	size := int64(len(n.data))
	switch {
	case n.children != nil || n.mount != nil:
		size = 4096
	case n.virtual != nil:
		if size = 0; n.virtual.sized {
			size = int64(len(n.virtual.read()))
		}
	case n.target != "":
		size = int64(len(n.target))
	}
	return &Info{name: name, size: size, mode: n.mode, mtime: n.mtime, ID: n.id, UID: n.uid, GID: n.gid, Links: n.nlink, Target: n.target}
}

func (n *Inode) content() []byte {
	if n.virtual != nil {
		return n.virtual.read()
	}
	return n.data
}

// File is one opening of a file with its own offset.
type File struct {
	fs     *FS
	node   *Inode
	name   string
	flag   int
	mu     sync.Mutex
	offset int64
	copied []byte // content of a virtual file, as read at opening
	dirty  bool
}

// Open opens or makes a file; flag and perm are those of open(2).
func (f *FS) Open(name string, flag int, perm fs.FileMode) (*File, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	write := flag&(os.O_WRONLY|os.O_RDWR) != 0
	parent, base, node, err := f.walk(name, true)
	switch {
	case err != nil:
	case base == "" && write:
		err = syscall.EISDIR
	case node == nil && flag&os.O_CREATE == 0:
		err = syscall.ENOENT
	case node == nil:
		if parent.mount != nil {
			if err = parent.mount.Write(base, nil); err == nil {
				node = f.mounted(parent, base)
			}
			break
		}
		node = f.inode(perm & fs.ModePerm)
		parent.children[base] = node
		parent.mtime = node.mtime
	case flag&os.O_EXCL != 0 && flag&os.O_CREATE != 0:
		err = syscall.EEXIST
	case write && node.mode.IsDir():
		err = syscall.EISDIR
	case write && node.virtual != nil && node.virtual.write == nil:
		err = syscall.EACCES
	}
	if err != nil {
		return nil, fail("open", name, err)
	}
	file := &File{fs: f, node: node, name: name, flag: flag}
	if node.virtual != nil {
		if flag&os.O_TRUNC == 0 {
			file.copied = append([]byte(nil), node.virtual.read()...)
		}
		file.dirty = flag&os.O_TRUNC != 0
	} else if flag&os.O_TRUNC != 0 && node.device == nil {
		f.used.Add(-int64(len(node.data)))
		node.data, node.mtime = nil, f.now()
	}
	return file, nil
}

// Lock returns the lock that all openings of the file share.
func (h *File) Lock() *Lock { return &h.node.lock }

// Read reads from the offset on.
func (h *File) Read(b []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.node.device != nil {
		return h.node.device.Read(b)
	}
	h.fs.mu.RLock()
	defer h.fs.mu.RUnlock()
	if h.node.mode.IsDir() {
		return 0, fail("read", h.name, syscall.EISDIR)
	}
	data := h.node.data
	if h.node.virtual != nil {
		data = h.copied
	}
	if h.offset >= int64(len(data)) {
		return 0, io.EOF
	}
	n := copy(b, data[h.offset:])
	h.offset += int64(n)
	return n, nil
}

// Write writes at the offset, or at the end of a file opened with O_APPEND.
func (h *File) Write(b []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.node.device != nil {
		return h.node.device.Write(b)
	}
	if h.flag&(os.O_WRONLY|os.O_RDWR) == 0 {
		return 0, fail("write", h.name, syscall.EBADF)
	}
	h.fs.mu.Lock()
	defer h.fs.mu.Unlock()
	if h.node.virtual != nil {
		h.copied = h.put(h.copied, b)
		h.dirty = true
		return len(b), nil
	}
	grow := max(h.offset+int64(len(b))-int64(len(h.node.data)), 0)
	if h.flag&os.O_APPEND != 0 {
		grow = int64(len(b))
	}
	if h.fs.used.Load()+grow > Capacity {
		return 0, fail("write", h.name, syscall.ENOSPC)
	}
	before := len(h.node.data)
	h.node.data = h.put(h.node.data, b)
	h.fs.used.Add(int64(len(h.node.data) - before))
	h.node.mtime = h.fs.now()
	return len(b), nil
}

func (h *File) put(data, b []byte) []byte {
	if h.flag&os.O_APPEND != 0 {
		h.offset = int64(len(data))
	}
	for int64(len(data)) < h.offset {
		data = append(data, 0)
	}
	n := copy(data[h.offset:], b)
	data = append(data, b[n:]...)
	h.offset += int64(len(b))
	return data
}

// Close stores what was written to a virtual file.
func (h *File) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.node.virtual == nil || !h.dirty || h.node.virtual.write == nil {
		return nil
	}
	h.dirty = false
	return h.node.virtual.write(h.copied)
}

// ReadFile returns a file's content.
func (f *FS) ReadFile(name string) ([]byte, error) {
	h, err := f.Open(name, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer h.Close()
	if h.node.device != nil {
		return nil, fail("read", name, syscall.EINVAL)
	}
	return io.ReadAll(h)
}

// WriteFile replaces a file's content, making the file and what is missing above it.
func (f *FS) WriteFile(name string, content []byte, perm fs.FileMode) error {
	if err := f.MkdirAll(path.Dir(path.Clean("/"+name)), 0o755); err != nil {
		return err
	}
	h, err := f.Open(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, perm)
	if err != nil {
		return err
	}
	_, err = h.Write(content)
	return errors.Join(err, h.Close())
}

func isErrno(err error, e syscall.Errno) bool { return errors.Is(err, e) }
