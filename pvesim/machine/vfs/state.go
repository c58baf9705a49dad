package vfs

import (
	"io/fs"
	"sort"
	"time"
)

// Entry is one file of a saved file system. Devices and virtual files are not saved: whoever builds a file system puts
// them in again.
type Entry struct {
	Path   string      `json:"path"`
	Mode   fs.FileMode `json:"mode"`
	UID    int         `json:"uid,omitempty"`
	GID    int         `json:"gid,omitempty"`
	MTime  time.Time   `json:"mtime"`
	Data   []byte      `json:"data,omitempty"`
	Target string      `json:"target,omitempty"`
	Link   string      `json:"link,omitempty"` // hard link to an earlier entry
}

// Save lists every file that skip does not exclude, parents first.
func (f *FS) Save(skip func(path string) bool) []Entry {
	f.mu.RLock()
	defer f.mu.RUnlock()
	var entries []Entry
	first := map[*Inode]string{}
	var visit func(name string, n *Inode)
	visit = func(name string, n *Inode) {
		if n.device != nil || n.virtual != nil || n.mount != nil || skip != nil && skip(name) {
			return
		}
		if name != "" {
			e := Entry{Path: name, Mode: n.mode, UID: n.uid, GID: n.gid, MTime: n.mtime, Target: n.target}
			if n.nlink > 1 {
				e.Link = first[n]
				first[n] = name
			}
			if e.Link == "" {
				e.Data = append([]byte(nil), n.data...)
			}
			entries = append(entries, e)
		}
		names := make([]string, 0, len(n.children))
		for child := range n.children {
			names = append(names, child)
		}
		sort.Strings(names)
		for _, child := range names {
			visit(name+"/"+child, n.children[child])
		}
	}
	visit("", f.root)
	return entries
}

// Load puts saved files in, over what is there.
func (f *FS) Load(entries []Entry) error {
	for _, e := range entries {
		var err error
		switch {
		case e.Link != "":
			err = f.Link(e.Link, e.Path)
		case e.Mode.IsDir():
			err = f.MkdirAll(e.Path, e.Mode.Perm())
		case e.Mode&fs.ModeSymlink != 0:
			err = f.Symlink(e.Target, e.Path)
		default:
			err = f.WriteFile(e.Path, e.Data, e.Mode.Perm())
		}
		if err != nil {
			return err
		}
		if e.Mode&fs.ModeSymlink == 0 {
			if err := f.Change(e.Path, func(a *Attributes) { a.Perm, a.UID, a.GID, a.MTime = e.Mode, e.UID, e.GID, e.MTime }); err != nil {
				return err
			}
		}
	}
	return nil
}
