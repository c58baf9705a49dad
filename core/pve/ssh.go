package pve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

const (
	sshDialTimeout = 10 * time.Second
	sshKeepAlive   = 15 * time.Second
	// Proxmox: Debian's sshd allows 10 sessions on a connection. One stays free, for ending a script.
	sshSessions = 8
)

// hostKeyOrder is fixed here so that a node keeps showing the key that was pinned, whatever order the SSH
// library prefers next year.
var hostKeyOrder = []string{ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521,
	ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}

// shells keeps one SSH connection for every node spoken to.
type shells struct {
	config  SSHConfig
	auth    []ssh.AuthMethod
	changed func(Change)

	mu     sync.Mutex
	nodes  map[string]*nodeShell
	closed bool
	alive  sync.WaitGroup // the connections' keepers
}

// nodeShell is one node's place in shells.
type nodeShell struct {
	dialing  chan struct{} // held while connecting
	sessions chan struct{} // held by every session but the ending one
	conn     *ssh.Client   // guarded by shells.mu; nil when there is none
}

func newShells(c SSHConfig, changed func(Change)) (*shells, error) {
	s := &shells{config: c, changed: changed, nodes: make(map[string]*nodeShell)}
	if len(c.Key) > 0 {
		signer, err := ssh.ParsePrivateKey(c.Key)
		if err != nil {
			return nil, fmt.Errorf("read the SSH key for the nodes (it must be a private key without passphrase): %w", err)
		}
		s.auth = append(s.auth, ssh.PublicKeys(signer))
	}
	if c.Password != "" {
		s.auth = append(s.auth, ssh.Password(c.Password),
			ssh.KeyboardInteractive(func(_, _ string, questions []string, _ []bool) ([]string, error) {
				answers := make([]string, len(questions))
				for i := range answers {
					answers[i] = c.Password
				}
				return answers, nil
			}))
	}
	return s, nil
}

func (s *shells) close() error {
	s.mu.Lock()
	s.closed = true
	for _, n := range s.nodes {
		if n.conn != nil {
			n.conn.Close()
		}
	}
	s.mu.Unlock()
	s.alive.Wait()
	return nil
}

func (s *shells) node(name string) *nodeShell {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.nodes[name]
	if n == nil {
		n = &nodeShell{dialing: make(chan struct{}, 1), sessions: make(chan struct{}, sshSessions)}
		s.nodes[name] = n
	}
	return n
}

// acquire waits for a free slot of c or the end of ctx.
func acquire(ctx context.Context, c chan struct{}) error {
	select {
	case c <- struct{}{}:
		return nil
	case <-ctx.Done():
		return networkError(ctx, ctx.Err())
	}
}

// addressOf finds where a node's SSH listens.
type addressOf func(ctx context.Context, node string) (host string, err error)

// connection returns the node's connection, dialing when there is none.
func (s *shells) connection(ctx context.Context, node string, n *nodeShell, address addressOf) (*ssh.Client, error) {
	if err := acquire(ctx, n.dialing); err != nil {
		return nil, err
	}
	defer func() { <-n.dialing }()
	s.mu.Lock()
	conn := n.conn
	s.mu.Unlock()
	if conn != nil {
		return conn, nil
	}
	host, err := address(ctx, node)
	if err != nil {
		return nil, err
	}
	conn, err = s.dial(ctx, node, net.JoinHostPort(host, strconv.Itoa(s.config.Port)))
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		conn.Close()
		return nil, &Error{Kind: ErrUnreachable, Message: "the client is closed"}
	}
	n.conn = conn
	s.alive.Go(func() { s.keep(n, conn) })
	return conn, nil
}

// dial connects and proves the node's host key. Nothing secret is sent to a node whose key is not the
// pinned one.
func (s *shells) dial(ctx context.Context, node, address string) (*ssh.Client, error) {
	ctx, cancel := context.WithTimeout(ctx, sshDialTimeout)
	defer cancel()
	raw, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, networkError(ctx, err)
	}
	stop := context.AfterFunc(ctx, func() { raw.Close() })
	var untrusted error
	conn, channels, requests, err := ssh.NewClientConn(raw, address, &ssh.ClientConfig{
		User:              s.config.User,
		Auth:              s.auth,
		HostKeyAlgorithms: hostKeyOrder,
		ClientVersion:     "SSH-2.0-Proximity",
		HostKeyCallback: func(_ string, _ net.Addr, key ssh.PublicKey) error {
			untrusted = s.checkHostKey(node, address, ssh.FingerprintSHA256(key))
			return untrusted
		},
	})
	if !stop() && err == nil {
		conn.Close()
		err = ctx.Err()
	}
	if err == nil {
		return ssh.NewClient(conn, channels, requests), nil
	}
	raw.Close()
	var auth *ssh.ServerAuthError
	switch {
	case untrusted != nil:
		return nil, untrusted
	case errors.As(err, &auth), strings.Contains(err.Error(), "unable to authenticate"):
		return nil, &Error{Kind: ErrAuth, Message: fmt.Sprintf("the node's SSH refuses %s with the key or password given", s.config.User), cause: err}
	case ctx.Err() != nil:
		return nil, networkError(ctx, ctx.Err())
	}
	return nil, networkError(ctx, err)
}

func (s *shells) checkHostKey(node, address, got string) error {
	pinned := ""
	if s.config.Pinned != nil {
		pinned = s.config.Pinned(node)
	}
	switch {
	case pinned == got:
		return nil
	case pinned != "":
		s.changed(Change{Kind: ErrHostKey, Node: node, Address: address, Known: pinned, Shown: got})
		return &Error{Kind: ErrHostKey, Known: pinned, Shown: got, Message: fmt.Sprintf(
			"the SSH host key at %s is %s, pinned is %s. If the node was set up anew, forget the old key; if not, somebody else answers there", address, got, pinned)}
	case s.config.Learn == nil:
		return &Error{Kind: ErrHostKey, Message: fmt.Sprintf("the SSH host key at %s, %s, is not known", address, got)}
	}
	if err := s.config.Learn(node, got); err != nil {
		return &Error{Kind: ErrHostKey, Message: "the node's SSH host key was not accepted: " + err.Error(), cause: err}
	}
	return nil
}

func (s *shells) forget(n *nodeShell, conn *ssh.Client) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n.conn == conn {
		n.conn = nil
	}
}

// keep asks now and then whether the other side is still there, and forgets the connection when not.
// It ends with the connection.
func (s *shells) keep(n *nodeShell, conn *ssh.Client) {
	gone := make(chan struct{})
	go func() { conn.Wait(); close(gone) }()
	tick := time.NewTicker(sshKeepAlive)
	defer tick.Stop()
	var answered chan struct{} // nil: nothing asked
	for {
		select {
		case <-gone:
			s.forget(n, conn)
			return
		case <-answered:
			answered = nil
		case <-tick.C:
			if answered != nil { // a whole tick without an answer
				conn.Close()
				continue
			}
			asked := make(chan struct{})
			answered = asked
			go func() { // ends with the answer or the connection
				defer close(asked)
				conn.SendRequest("keepalive@openssh.com", true, nil)
			}()
		}
	}
}

// command is one command line on a node.
type command struct {
	line           string
	stdin          io.Reader
	stdout, stderr io.Writer // written from one goroutine at a time, and never after run has returned
	terminal       *Terminal // nil: none
	// cancelled, if not nil, is called when ctx ends while the command runs, with the connection it runs
	// on; the session is closed afterwards.
	cancelled func(*ssh.Client)
}

// closing is how long a cancelled command's session may take to close before we no longer wait for it.
const closing = 2 * time.Second

// run runs a command on a node to its end. It returns the exit code, or why there is none.
func (c *Client) run(ctx context.Context, node string, cmd command) (int, error) {
	if err := c.halt(); err != nil {
		return 0, err
	}
	s := c.shells
	if len(s.auth) == 0 {
		return 0, &Error{Kind: ErrNoSSH, Message: "commands in containers need SSH to the nodes: give the host an SSH key or password"}
	}
	n := s.node(node)
	if err := acquire(ctx, n.sessions); err != nil {
		return 0, err
	}
	session, conn, err := s.session(ctx, node, n, c.nodeAddress)
	if err != nil {
		<-n.sessions
		return 0, err
	}
	var open gate
	defer open.close()
	session.Stdin, session.Stdout, session.Stderr = cmd.stdin, open.writer(cmd.stdout), open.writer(cmd.stderr)
	ended := make(chan error, 1)
	go func() { // ends with the command, its session or the connection
		defer func() { <-n.sessions }()
		defer session.Close()
		ended <- cmd.play(session)
	}()
	select {
	case err = <-ended:
		return exitCode(err)
	case <-ctx.Done():
	}
	if cmd.cancelled != nil {
		cmd.cancelled(conn)
	}
	session.Signal(ssh.SIGTERM)
	session.Close()
	select {
	case <-ended:
	case <-time.After(closing):
	}
	return 0, networkError(ctx, ctx.Err())
}

func (cmd *command) play(session *ssh.Session) error {
	if cmd.terminal == nil {
		return session.Run(cmd.line)
	}
	ended := make(chan struct{})
	defer close(ended)
	if err := cmd.terminal.attach(session, ended); err != nil {
		return err
	}
	return session.Run(cmd.line)
}

func exitCode(err error) (int, error) {
	var exit *ssh.ExitError
	switch {
	case err == nil:
		return 0, nil
	case errors.As(err, &exit):
		return exit.ExitStatus(), nil
	}
	return 0, &Error{Kind: ErrUnreachable, Message: "the SSH connection broke while the command ran; it may go on in the container", cause: err}
}

// session opens a session on the node's connection. A connection that turns out to be dead is replaced
// once: nothing has run on it yet.
func (s *shells) session(ctx context.Context, node string, n *nodeShell, address addressOf) (*ssh.Session, *ssh.Client, error) {
	for attempt := 0; ; attempt++ {
		conn, err := s.connection(ctx, node, n, address)
		if err != nil {
			return nil, nil, err
		}
		session, err := openSession(ctx, conn)
		var refused *ssh.OpenChannelError
		switch {
		case err == nil:
			return session, conn, nil
		case errors.As(err, &refused):
			return nil, nil, &Error{Kind: ErrBusy, Message: "the node's SSH opens no further session: " + refused.Message, cause: err}
		case ctx.Err() != nil:
			return nil, nil, networkError(ctx, ctx.Err())
		}
		conn.Close()
		s.forget(n, conn)
		if attempt > 0 {
			return nil, nil, networkError(ctx, err)
		}
	}
}

// openSession is conn.NewSession, which itself would wait for a silent node without end.
func openSession(ctx context.Context, conn *ssh.Client) (*ssh.Session, error) {
	type result struct {
		session *ssh.Session
		err     error
	}
	opened := make(chan result, 1)
	go func() { // ends with the answer or the connection
		session, err := conn.NewSession()
		opened <- result{session, err}
	}()
	select {
	case r := <-opened:
		return r.session, r.err
	case <-ctx.Done():
		go func() {
			if r := <-opened; r.err == nil {
				r.session.Close()
			}
		}()
		return nil, ctx.Err()
	}
}

// gate lets a session's two streams through one at a time, until it is closed.
type gate struct {
	mu     sync.Mutex
	closed bool
}

func (g *gate) writer(to io.Writer) io.Writer {
	return writerFunc(func(p []byte) (int, error) {
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.closed {
			return 0, io.ErrClosedPipe
		}
		return to.Write(p)
	})
}

func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
