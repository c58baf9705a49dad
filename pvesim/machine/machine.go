// Package machine simulates the inside of one container: file system, shell, package manager, services and docker.
package machine

import (
	"context"
	"io"
	"net/netip"
	"sync"
	"time"
)

// Options says what a machine is before its first use. The zero value of every field has a working default.
type Options struct {
	Hostname string
	OS       string           // "alpine" (default) or "debian"
	Cores    int              // default 1
	MemoryMB int              // default 512
	TaskTime float64          // factor on every duration inside: 1 = as on real iron, 0 = at once
	Seed     int64            // same seed, same ids, loads and log lines
	Now      func() time.Time // default time.Now
	Registry *Registry        // images that can be pulled; nil = any well-formed image
}

// Machine is one container's inside. All methods are safe for concurrent use.
type Machine struct {
	mu   sync.Mutex
	opts Options
}

// Usage is what the node would measure of a machine.
type Usage struct {
	CPU       float64 // 0..1 of its cores
	MemBytes  int64
	DiskBytes int64
	NetIn     int64 // bytes since boot
	NetOut    int64 // bytes since boot
}

// State is everything of a machine that survives a power cut: it can be written as JSON and restored.
type State struct{}

// New returns a halted machine. It builds nothing until first use, so that thousands cost little.
func New(o Options) *Machine { return &Machine{opts: o} }

// Boot starts what is enabled at boot; its services listen on addr (an address of 127.0.0.0/8).
func (m *Machine) Boot(ctx context.Context, addr netip.Addr) error { return nil }

// Halt ends every process and closes every listener; the file system stays.
func (m *Machine) Halt() {}

// Running reports whether the machine is between Boot and Halt.
func (m *Machine) Running() bool { return false }

// Exec runs one command to its end and returns its exit code: 127 not found, 137 killed by ctx or Halt.
func (m *Machine) Exec(ctx context.Context, argv, env []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return 127
}

// Usage measures the machine now.
func (m *Machine) Usage() Usage { return Usage{} }

// Clone returns a halted copy of the machine under new options.
func (m *Machine) Clone(o Options) *Machine { return New(o) }

// Snapshot copies the machine's state.
func (m *Machine) Snapshot() State { return State{} }

// Restore replaces the machine's state by s; a running machine is halted first.
func (m *Machine) Restore(s State) {}
