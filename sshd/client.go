package sshd

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/muesli/cancelreader"
	gossh "golang.org/x/crypto/ssh"
	"golang.org/x/term"

	"proximity/core"
	"proximity/tui/screen"
)

// ErrNoServer says that nobody listens on the socket.
var ErrNoServer = errors.New("no server is running")

// Client is this machine's connection to its server.
type Client struct{ conn *gossh.Client }

// Dial connects through the socket; ErrNoServer when nobody listens there.
func Dial(ctx context.Context, socket string) (*Client, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "unix", socket)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return nil, fmt.Errorf("%w: nobody listens on %s", ErrNoServer, socket)
	}
	if err != nil {
		return nil, fmt.Errorf("connect to the server: %w", err)
	}
	// Who may open the socket may come in, so any key will do.
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	signer, err := gossh.NewSignerFromSigner(key)
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	conn, chans, reqs, err := gossh.NewClientConn(c, "proximity", &gossh.ClientConfig{
		User:            "local",
		Auth:            []gossh.AuthMethod{gossh.PublicKeys(signer)},
		HostKeyCallback: gossh.InsecureIgnoreHostKey(), // the file says who it is
	})
	if err == nil && !stop() {
		err = context.Cause(ctx)
		_ = conn.Close()
	}
	if err != nil {
		_ = c.Close()
		return nil, fmt.Errorf("connect to the server: %w", err)
	}
	return &Client{gossh.NewClient(conn, chans, reqs)}, nil
}

// Close closes the connection and all that runs on it.
func (c *Client) Close() error { return c.conn.Close() }

// Exec runs a command on the server and returns its exit code. It reads in as
// the command does; in may be nil. When ctx ends the command is broken off.
func (c *Client) Exec(ctx context.Context, args []string, in io.Reader, out, errw io.Writer) (exit int, err error) {
	s, err := c.session()
	if err != nil {
		return 1, err
	}
	defer s.Close()
	s.Stdout, s.Stderr = out, errw
	if err := feedInput(s, in); err != nil {
		return 1, err
	}
	if err := begin(s, args); err != nil {
		return 1, err
	}
	stop := context.AfterFunc(ctx, func() { _ = s.Close() })
	defer stop()
	return ended(ctx, s.Wait())
}

// Console shows the server's console, or runs a command that wants a terminal,
// on the terminal that in and out are, and leaves it as it was. When ctx ends
// the console is closed.
func (c *Client) Console(ctx context.Context, args []string, in, out *os.File) (exit int, err error) {
	width, height, err := term.GetSize(int(out.Fd()))
	if err != nil {
		return 1, fmt.Errorf("the console needs a terminal: %w", err)
	}
	s, err := c.session()
	if err != nil {
		return 1, err
	}
	defer s.Close()
	keys, err := cancelreader.NewReader(in)
	if err != nil {
		return 1, fmt.Errorf("read the terminal: %w", err)
	}
	copied := make(chan struct{})
	reading := false
	defer func() {
		if keys.Cancel() && reading {
			<-copied
		}
		_ = keys.Close()
	}()

	s.Stdout, s.Stderr = out, out
	if err := s.RequestPty(os.Getenv("TERM"), height, width, gossh.TerminalModes{}); err != nil {
		return 1, fmt.Errorf("ask the server for a terminal: %w", err)
	}
	input, err := s.StdinPipe()
	if err != nil {
		return 1, err
	}
	before, err := term.MakeRaw(int(in.Fd()))
	if err != nil {
		return 1, fmt.Errorf("take the terminal: %w", err)
	}
	defer func() { _ = term.Restore(int(in.Fd()), before) }()
	if err := begin(s, args); err != nil {
		return 1, err
	}

	reading = true
	go func() {
		defer close(copied)
		_, _ = io.Copy(input, keys)
		_ = input.Close()
	}()
	watching, stopWatching := context.WithCancel(context.Background())
	defer stopWatching()
	go followSize(watching, s, out)
	// The server cleans up the terminal when the user hangs up; it has a moment.
	stop := context.AfterFunc(ctx, func() {
		_ = input.Close()
		time.AfterFunc(time.Second, func() { _ = s.Close() })
	})
	defer stop()
	exit, err = ended(context.Background(), s.Wait())
	if err != nil {
		_, _ = io.WriteString(out, screen.Reset) // nobody else will
	}
	return exit, err
}

// session opens a session with what of our environment the server takes.
func (c *Client) session() (*gossh.Session, error) {
	s, err := c.conn.NewSession()
	if err != nil {
		return nil, fmt.Errorf("open a session: %w", err)
	}
	for _, kv := range os.Environ() {
		name, value, _ := strings.Cut(kv, "=")
		if _, ok := core.SafeEnv(name, value); ok {
			_ = s.Setenv(name, value)
		}
	}
	return s, nil
}

// feedInput copies in to the session until it ends. Whoever owns in ends it:
// waiting for it would hold up the end of a command that reads nothing.
func feedInput(s *gossh.Session, in io.Reader) error {
	if in == nil {
		return nil
	}
	w, err := s.StdinPipe()
	if err != nil {
		return err
	}
	go func() {
		_, _ = io.Copy(w, in)
		_ = w.Close()
	}()
	return nil
}

func begin(s *gossh.Session, args []string) error {
	if len(args) == 0 {
		return s.Shell()
	}
	quoted := make([]string, len(args))
	for i, a := range args {
		quoted[i] = quote(a)
	}
	return s.Start(strings.Join(quoted, " "))
}

// ended is the exit code of a session.
func ended(ctx context.Context, err error) (int, error) {
	var exit *gossh.ExitError
	switch {
	case ctx.Err() != nil:
		return 1, context.Cause(ctx)
	case err == nil:
		return 0, nil
	case errors.As(err, &exit):
		return exit.ExitStatus(), nil
	}
	return 1, fmt.Errorf("the connection to the server was lost: %w", err)
}

// followSize tells the server whenever the terminal's size changes.
func followSize(ctx context.Context, s *gossh.Session, out *os.File) {
	resized := make(chan os.Signal, 1)
	signal.Notify(resized, syscall.SIGWINCH)
	defer signal.Stop(resized)
	for {
		select {
		case <-resized:
			if w, h, err := term.GetSize(int(out.Fd())); err == nil {
				_ = s.WindowChange(h, w)
			}
		case <-ctx.Done():
			return
		}
	}
}
