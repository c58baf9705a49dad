// Package sshd lets people in over SSH, from the network and through the
// machine's own socket, and gives each session the console or a command.
package sshd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	tea "charm.land/bubbletea/v2"
	"charm.land/ssh"
	"charm.land/wish/v2"
	gossh "golang.org/x/crypto/ssh"

	"proximity/core"
	"proximity/keys"
	"proximity/tui"
	"proximity/tui/screen"
)

// Options is what a server is made from. Core and Keys are needed, the rest has
// defaults.
type Options struct {
	Core   *core.Core
	Keys   *keys.Ring // the host key is its
	Listen string     // address of the network's door, as ":2222"; "" = none
	Socket string     // path of the machine's own door; "" = none
	Host   string     // what people type after ssh, for hints; default: this machine's name and the port
	Logger *slog.Logger

	HandshakeTimeout time.Duration // from connecting to being let in, default 15 s
	StallTimeout     time.Duration // a client that does not read for that long is dropped, default 60 s
	MaxPerAddress    int           // connections, default 64; IPv6 counts by /64
	MaxPerUser       int           // sessions, default 64
	MaxRefusals      int           // logins per address and minute that may fail before it has to wait, default 30
}

func (o Options) withDefaults() Options {
	set := func(n *int, v int) {
		if *n == 0 {
			*n = v
		}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.HandshakeTimeout == 0 {
		o.HandshakeTimeout = 15 * time.Second
	}
	if o.StallTimeout == 0 {
		o.StallTimeout = time.Minute
	}
	set(&o.MaxPerAddress, 64)
	set(&o.MaxPerUser, 64)
	set(&o.MaxRefusals, 30)
	return o
}

// Server is both doors and all sessions.
type Server struct {
	o        Options
	log      *slog.Logger
	network  *ssh.Server
	local    *ssh.Server
	newModel func(tui.Options) tea.Model

	listener net.Listener // the network's
	socket   net.Listener // the machine's
	failed   chan error   // a listener that died
	serving  sync.WaitGroup

	ctx      context.Context // of all sessions
	cancel   context.CancelCauseFunc
	sessions sync.WaitGroup
	open     sync.WaitGroup // connections
	refused  atomic.Int64

	mu      sync.Mutex // guards what follows
	closing bool
	doors   map[*door]bool
	users   map[string]int      // sessions by user
	knocked map[string]refusals // by address
	byAddr  map[string]int      // connections by address
}

// New makes a server that does not listen yet.
func New(o Options) (*Server, error) {
	if o.Core == nil || o.Keys == nil {
		return nil, errors.New("ssh server: it needs a core and keys")
	}
	s := &Server{
		o: o.withDefaults(), newModel: tui.New, failed: make(chan error, 2),
		doors: map[*door]bool{}, users: map[string]int{}, knocked: map[string]refusals{}, byAddr: map[string]int{},
	}
	s.log = s.o.Logger
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
	var err error
	if s.network, err = s.server(s.admitNetwork, s.publicKey); err != nil {
		return nil, err
	}
	if s.local, err = s.server(s.admitLocal, s.localKey); err != nil {
		return nil, err
	}
	return s, nil
}

// server makes the SSH side of a door.
func (s *Server) server(admit ssh.ConnCallback, auth ssh.PublicKeyHandler) (*ssh.Server, error) {
	srv, err := wish.NewServer(
		wish.WithVersion("Proximity"),
		wish.WithHostKeyPEM(s.o.Keys.HostKeyPEM()),
		wish.WithPublicKeyAuth(auth),
		wish.WithMiddleware(s.handle),
	)
	if err != nil {
		return nil, fmt.Errorf("ssh server: %w", err)
	}
	srv.ConnCallback = admit
	srv.HandshakeTimeout = s.o.HandshakeTimeout
	srv.PtyCallback = acceptTerminal
	// An agent may offer a handful of keys before the right one.
	srv.ServerConfigCallback = func(ctx ssh.Context) *gossh.ServerConfig {
		return &gossh.ServerConfig{MaxAuthTries: 20, AuthLogCallback: func(_ gossh.ConnMetadata, _ string, err error) {
			if d, ok := ctx.Value(doorKey{}).(*door); ok && err == nil {
				d.in.Store(true)
			}
		}}
	}
	srv.ChannelHandlers = map[string]ssh.ChannelHandler{
		"session":                        s.session,
		"direct-tcpip":                   refuseForward,
		"direct-streamlocal@openssh.com": refuseForward,
	}
	return srv, locked(srv)
}

// locked makes sure that a door has its lock: a server without any way to
// authenticate lets everybody in.
func locked(srv *ssh.Server) error {
	if srv.PublicKeyHandler == nil {
		return errors.New("ssh server: nothing checks who logs in; it will not start")
	}
	if srv.PasswordHandler != nil || srv.KeyboardInteractiveHandler != nil {
		return errors.New("ssh server: only public keys may log in; it will not start")
	}
	return nil
}

func refuseForward(_ *ssh.Server, _ *gossh.ServerConn, c gossh.NewChannel, _ ssh.Context) {
	_ = c.Reject(gossh.Prohibited, "Proximity does not forward ports; use the app's own address")
}

// Start opens both doors: when it returns without an error, clients can connect.
func (s *Server) Start() (err error) {
	defer func() {
		if err != nil {
			s.closeListeners()
		}
	}()
	if s.o.Listen != "" {
		// A peer that vanished without a word is noticed within 90 s.
		lc := net.ListenConfig{
			KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 30 * time.Second, Interval: 10 * time.Second, Count: 6},
			Control:         dropSilentPeers,
		}
		if s.listener, err = lc.Listen(s.ctx, "tcp", s.o.Listen); err != nil {
			return fmt.Errorf("ssh server: %w; is another one running?", err)
		}
	}
	if s.o.Socket != "" {
		if s.socket, err = listenSocket(s.ctx, s.o.Socket); err != nil {
			return fmt.Errorf("ssh server: %w", err)
		}
	}
	if s.o.Host == "" {
		s.o.Host = hostHint(s.listener)
	}
	serve := func(srv *ssh.Server, l net.Listener) {
		if l == nil {
			return
		}
		s.serving.Go(func() {
			if err := srv.Serve(l); !s.isClosing() {
				s.failed <- fmt.Errorf("ssh server: %s no longer listens: %w", l.Addr(), err)
			}
		})
	}
	serve(s.network, s.listener)
	serve(s.local, s.socket)
	return nil
}

// hostHint is what people type after ssh to get here.
func hostHint(l net.Listener) string {
	name, err := os.Hostname()
	if err != nil {
		name = "localhost"
	}
	if l != nil {
		if _, port, err := net.SplitHostPort(l.Addr().String()); err == nil && port != "22" {
			return "-p " + port + " " + name
		}
	}
	return name
}

// Addr is the network's address, nil without that door.
func (s *Server) Addr() net.Addr {
	if s.listener == nil {
		return nil
	}
	return s.listener.Addr()
}

// Refused is how many logins failed so far.
func (s *Server) Refused() int64 { return s.refused.Load() }

// Run serves until ctx ends, then shuts down within 10 s; or until a listener
// fails, whose error it returns. Call Start first.
func (s *Server) Run(ctx context.Context) error {
	var err error
	select {
	case <-ctx.Done():
	case err = <-s.failed:
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return errors.Join(err, s.Shutdown(end))
}

func (s *Server) isClosing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closing
}

func (s *Server) closeListeners() {
	for _, l := range []net.Listener{s.listener, s.socket} {
		if l != nil {
			_ = l.Close()
		}
	}
}

// farewell is shown in every console when the server stops.
const farewell = screen.Goodbye("Proximity is shutting down. Jobs go on when it is back.")

// errStopping ends the commands.
var errStopping = errors.New("the server is shutting down")

// Shutdown lets nobody in any more, says goodbye in every console, waits until
// the sessions have ended or ctx has, and closes what is left.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	s.closing = true
	s.mu.Unlock()
	s.closeListeners()
	s.cancel(farewell)

	err := waitFor(ctx, s.sessions.Wait)
	if err == nil {
		// The clients close their connections once they have the exit code.
		short, cancel := context.WithTimeout(ctx, time.Second)
		_ = waitFor(short, func() { _ = s.network.Shutdown(short); _ = s.local.Shutdown(short) })
		cancel()
	}
	s.mu.Lock()
	for d := range s.doors {
		_ = d.Conn.Close()
	}
	s.mu.Unlock()
	_ = s.network.Close()
	_ = s.local.Close()
	s.serving.Wait()
	s.open.Wait()
	if err != nil {
		return fmt.Errorf("ssh server: sessions did not end in time: %w", err)
	}
	return nil
}

// waitFor calls wait, no longer than ctx.
func waitFor(ctx context.Context, wait func()) error {
	done := make(chan struct{})
	go func() { wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
