// Package nodessh serves a simulated node's SSH: password and key login, the node's shell and its pct.
package nodessh

import (
	"context"
	"log/slog"
	"net"

	"golang.org/x/crypto/ssh"

	"proximity/pvesim/machine"
)

// Host is the node a server speaks for.
type Host interface {
	NodeName() string
	// Machine returns the inside of a container that lives on this node.
	Machine(vmid int) (m *machine.Machine, running, exists bool)
	// ConfigFile returns /etc/pve/lxc/VMID.conf of this node.
	ConfigFile(vmid int) ([]byte, bool)
	// SetConfigFile writes /etc/pve/lxc/VMID.conf.
	SetConfigFile(vmid int, b []byte) error
	// Fault is asked once for each command line: "" or "drop" (cut before running), "drop-after" (run, then cut
	// before the exit code), "delay:2s", "hang", "refuse" (no session).
	Fault(command string) string
}

// Guest is one row of pct list.
type Guest struct {
	VMID               int
	Status, Lock, Name string
}

// Options of Serve. Host and HostKey are needed.
type Options struct {
	Host     Host
	HostKey  ssh.Signer
	Password func(user, pw string) bool              // nil = no password login
	Key      func(user string, k ssh.PublicKey) bool // nil = no key login
	TaskTime float64                                 // factor on pct's 0.5 s of start-up
	Logger   *slog.Logger

	Guests func() []Guest                                         // the node's containers, for pct list; nil = none
	Power  func(ctx context.Context, verb string, vmid int) error // pct start, stop, shutdown, reboot; nil = refused
}

// Serve answers SSH connections of l until ctx ends, then closes the listener and every connection.
func Serve(ctx context.Context, l net.Listener, o Options) error {
	<-ctx.Done()
	return l.Close()
}
