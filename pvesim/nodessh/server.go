// Package nodessh serves a simulated node's SSH: password and key login, the node's shell and its pct.
package nodessh

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

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

// Restriction is what the options of a line in authorized_keys allow its key.
type Restriction struct {
	Command string // run in place of whatever is asked, which it finds in SSH_ORIGINAL_COMMAND; "" = none
	NoPTY   bool
}

// Options of Serve. Host and HostKey are needed.
type Options struct {
	Host     Host
	HostKey  ssh.Signer
	Password func(user, pw string) bool              // nil = no password login
	Key      func(user string, k ssh.PublicKey) bool // nil = no key login
	Forced   func(k ssh.PublicKey) Restriction       // what authorized_keys says of a key; nil = nothing of any
	TaskTime float64                                 // factor on pct's 0.5 s of start-up
	Logger   *slog.Logger

	Guests func() []Guest                                         // the node's containers, for pct list; nil = none
	Power  func(ctx context.Context, verb string, vmid int) error // pct start, stop, shutdown, reboot; nil = refused
}

// handshakeTimeout is OpenSSH's LoginGraceTime, shorter.
const handshakeTimeout = 30 * time.Second

// Serve answers SSH connections of l until ctx ends, then closes the listener and every connection. Commands that run
// at that moment are ended; a command whose client merely went away goes on.
func Serve(ctx context.Context, l net.Listener, o Options) error {
	if o.Host == nil || o.HostKey == nil {
		l.Close()
		return errors.New("serve node SSH: a Host and a HostKey are needed")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s := &server{Options: o, config: &ssh.ServerConfig{ServerVersion: "SSH-2.0-OpenSSH_10.0p2 Debian-7", MaxAuthTries: 6}}
	s.config.AddHostKey(o.HostKey)
	if o.Password != nil {
		s.config.PasswordCallback = func(c ssh.ConnMetadata, pw []byte) (*ssh.Permissions, error) {
			if !o.Password(c.User(), string(pw)) {
				return nil, fmt.Errorf("password of %s refused", c.User())
			}
			return nil, nil
		}
	}
	if o.Key != nil {
		s.config.PublicKeyCallback = func(c ssh.ConnMetadata, k ssh.PublicKey) (*ssh.Permissions, error) {
			if !o.Key(c.User(), k) {
				return nil, fmt.Errorf("key %s of %s refused", ssh.FingerprintSHA256(k), c.User())
			}
			if o.Forced == nil {
				return nil, nil
			}
			return &ssh.Permissions{ExtraData: map[any]any{restricted{}: o.Forced(k)}}, nil
		}
	}
	s.node = newNode(o)
	defer s.node.kernel.Stop()
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	var conns sync.WaitGroup
	defer conns.Wait()
	defer s.closeAll()
	for {
		c, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("serve node SSH on %s: %w", l.Addr(), err)
		}
		if !s.add(c) {
			c.Close()
			continue
		}
		conns.Add(1)
		go func() {
			defer conns.Done()
			defer s.remove(c)
			s.connection(ctx, c)
		}()
	}
}

// restricted is where a connection keeps its Restriction.
type restricted struct{}

type server struct {
	Options
	config *ssh.ServerConfig
	node   *node

	mu     sync.Mutex
	open   map[net.Conn]bool
	closed bool
}

func (s *server) add(c net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	if s.open == nil {
		s.open = map[net.Conn]bool{}
	}
	s.open[c] = true
	return true
}

func (s *server) remove(c net.Conn) {
	c.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, c)
}

func (s *server) closeAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for c := range s.open {
		c.Close()
	}
}

// connection serves one client until it leaves.
func (s *server) connection(ctx context.Context, c net.Conn) {
	c.SetDeadline(time.Now().Add(handshakeTimeout))
	conn, channels, requests, err := ssh.NewServerConn(c, s.config)
	if err != nil {
		s.Logger.Debug("ssh login failed", "node", s.Host.NodeName(), "from", c.RemoteAddr().String(), "err", err)
		return
	}
	c.SetDeadline(time.Time{})
	var sessions sync.WaitGroup
	defer sessions.Wait()
	defer conn.Close()
	go ssh.DiscardRequests(requests)
	for channel := range channels {
		if channel.ChannelType() != "session" {
			channel.Reject(ssh.Prohibited, "only sessions are served here")
			continue
		}
		ch, reqs, err := channel.Accept()
		if err != nil {
			return
		}
		sessions.Add(1)
		go func() {
			defer sessions.Done()
			newSession(s, conn, ch).serve(ctx, reqs)
		}()
	}
}
