package machine

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path"
	"strings"

	"proximity/pvesim/machine/docker"
	"proximity/pvesim/machine/vfs"
)

// State is everything of a machine that survives a power cut: it can be written as JSON and restored.
type State struct {
	OS       string            `json:"os,omitempty"` // "" = a machine that nobody has looked into yet
	Files    []vfs.Entry       `json:"files,omitempty"`
	Packages map[string]string `json:"packages,omitempty"` // name → version
	Enabled  map[string]bool   `json:"enabled,omitempty"`  // services started at boot
	Docker   docker.State      `json:"docker"`
}

// Snapshot copies the machine's state.
func (m *Machine) Snapshot() State {
	m.mu.Lock()
	in, saved := m.inner, m.saved
	m.mu.Unlock()
	switch {
	case in == nil && saved == nil:
		return State{}
	case in == nil:
		return *saved
	}
	return State{
		OS: m.opts.OS, Files: in.fs.Save(func(name string) bool {
			return docker.Rebuilt(name+"/") && name != "/var/lib/docker" || name == "/run" || strings.HasPrefix(name, "/run/") || name == "/proc"
		}),
		Packages: in.packages.save(), Enabled: in.services.save(), Docker: in.engine.Save(),
	}
}

// Restore replaces the machine's state by s; a running machine is halted first.
func (m *Machine) Restore(s State) {
	m.Halt()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.inner, m.saved = nil, nil
	if s.OS == "" {
		return
	}
	m.opts.OS = s.OS
	m.saved = &s
}

// Clone returns a halted copy of the machine under new options. The file system is the copy's own; its system is that
// of the original, whatever o.OS says.
func (m *Machine) Clone(o Options) *Machine {
	c := New(o)
	if s := m.Snapshot(); s.OS != "" {
		s.Packages, s.Enabled = maps.Clone(s.Packages), maps.Clone(s.Enabled)
		for i, f := range s.Files {
			if f.Path == "/etc/hostname" && o.Hostname != "" {
				s.Files[i].Data = []byte(o.Hostname + "\n")
			}
		}
		c.Restore(s)
	}
	return c
}

func writeFile(f *vfs.FS, name string, content []byte, perm uint32, uid, gid int) error {
	if info, err := f.Stat(path.Dir(name)); err != nil {
		return err
	} else if !info.IsDir() {
		return &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	h, err := f.Open(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, fs.FileMode(perm))
	if err != nil {
		return err
	}
	_, err = h.Write(content)
	if err = errors.Join(err, h.Close()); err != nil {
		return err
	}
	return f.Change(name, func(a *vfs.Attributes) { a.Perm, a.UID, a.GID = fs.FileMode(perm), uid, gid })
}
