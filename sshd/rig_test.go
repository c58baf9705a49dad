package sshd

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/charmbracelet/x/vt"
	gossh "golang.org/x/crypto/ssh"

	"proximity/core"
)

// rig is a server over a core without hosts.
type rig struct {
	*Server
	tb    testing.TB
	core  *core.Core
	log   *journal
	admin gossh.Signer
}

// journal is what the server logs.
type journal struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.String()
}

func newSigner(tb testing.TB) gossh.Signer {
	tb.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		tb.Fatal(err)
	}
	s, err := gossh.NewSignerFromSigner(key)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func line(s gossh.Signer) string {
	return strings.TrimSpace(string(gossh.MarshalAuthorizedKey(s.PublicKey())))
}

// newRig starts a server whose options change may change.
func newRig(tb testing.TB, change func(*Options), prepare ...func(*Server)) *rig {
	tb.Helper()
	r := &rig{tb: tb, admin: newSigner(tb), log: &journal{}}
	dir := tb.TempDir()
	var err error
	r.core, err = core.Open(core.Config{Data: filepath.Join(dir, "data"), AdminKeys: []string{line(r.admin)}, PublicHost: "proximity.test"})
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- r.core.Run(ctx) }()
	o := Options{
		Core: r.core, Keys: r.core.Keys(), Listen: "127.0.0.1:0", Socket: filepath.Join(dir, "sock"), Host: "proximity.test",
		Logger: slog.New(slog.NewTextHandler(r.log, nil)),
	}
	if change != nil {
		change(&o)
	}
	if r.Server, err = New(o); err != nil {
		tb.Fatal(err)
	}
	for _, p := range prepare {
		p(r.Server)
	}
	if err := r.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		end, stop := context.WithTimeout(context.Background(), patience)
		defer stop()
		if err := r.Shutdown(end); err != nil {
			tb.Error(err)
		}
		cancel()
		if err := <-ran; err != nil {
			tb.Error(err)
		}
		if err := r.core.Close(); err != nil {
			tb.Error(err)
		}
	})
	return r
}

// dial connects with keys, in their order.
func (r *rig) dial(keys ...gossh.Signer) (*gossh.Client, error) {
	c, err := net.Dial("tcp", r.Addr().String())
	if err != nil {
		return nil, err
	}
	return r.over(c, keys...)
}

func (r *rig) over(c net.Conn, keys ...gossh.Signer) (*gossh.Client, error) {
	conn, chans, reqs, err := gossh.NewClientConn(c, "proximity", &gossh.ClientConfig{
		User: "anna", Auth: []gossh.AuthMethod{gossh.PublicKeys(keys...)}, HostKeyCallback: gossh.InsecureIgnoreHostKey(),
	})
	if err != nil {
		_ = c.Close()
		return nil, err
	}
	client := gossh.NewClient(conn, chans, reqs)
	r.tb.Cleanup(func() { _ = client.Close() })
	return client, nil
}

// login connects as the admin.
func (r *rig) login() *gossh.Client {
	r.tb.Helper()
	c, err := r.dial(r.admin)
	if err != nil {
		r.tb.Fatal(err)
	}
	return c
}

// run runs a command and returns its output and exit code.
func (r *rig) run(c *gossh.Client, command string, stdin io.Reader) (out, errs string, exit int) {
	r.tb.Helper()
	s, err := c.NewSession()
	if err != nil {
		r.tb.Fatal(err)
	}
	defer s.Close()
	var o, e bytes.Buffer
	s.Stdin, s.Stdout, s.Stderr = stdin, &o, &e
	if command == "" {
		if err = s.Shell(); err == nil {
			err = s.Wait()
		}
	} else {
		err = s.Run(command)
	}
	return o.String(), e.String(), exitCode(r.tb, err)
}

func exitCode(tb testing.TB, err error) int {
	tb.Helper()
	var exit *gossh.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitStatus()
	}
	tb.Fatal(err)
	return -1
}

// console is a client's terminal with the console on it.
type console struct {
	tb    testing.TB
	s     *gossh.Session
	in    io.WriteCloser
	ended chan error

	mu    sync.Mutex
	moved *sync.Cond
	raw   []byte // all that came
}

// openConsole asks for a console of that size and waits for nothing.
func openConsole(tb testing.TB, c *gossh.Client, width, height int, env ...string) *console {
	tb.Helper()
	s, err := c.NewSession()
	if err != nil {
		tb.Fatal(err)
	}
	for i := 0; i+1 < len(env); i += 2 {
		_ = s.Setenv(env[i], env[i+1])
	}
	k := &console{tb: tb, s: s, ended: make(chan error, 1)}
	k.moved = sync.NewCond(&k.mu)
	if k.in, err = s.StdinPipe(); err != nil {
		tb.Fatal(err)
	}
	s.Stdout, s.Stderr = k, k
	if err := s.RequestPty("xterm-256color", height, width, gossh.TerminalModes{}); err != nil {
		tb.Fatal(err)
	}
	if err := s.Shell(); err != nil {
		tb.Fatal(err)
	}
	go func() { k.ended <- s.Wait() }()
	tb.Cleanup(func() { _ = s.Close() })
	return k
}

func (k *console) Write(p []byte) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.raw = append(k.raw, p...)
	k.moved.Broadcast()
	return len(p), nil
}

// output is all that came so far.
func (k *console) output() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return string(k.raw)
}

// text is what is to be seen on a terminal of that size.
func (k *console) text(width, height int) string {
	return picture(k.output(), width, height)
}

func picture(output string, width, height int) string {
	e := vt.NewEmulator(width, height)
	// An emulator answers queries, and nobody would read its answers.
	for _, q := range []string{"\x1b[?2026$p", "\x1b[?2027$p", "\x1b]11;?\x07"} {
		output = strings.ReplaceAll(output, q, "")
	}
	_, _ = e.WriteString(output)
	return e.String()
}

// shows waits until want is to be seen.
func (k *console) shows(want string, width, height int) {
	k.tb.Helper()
	until(k.tb, want, func() bool { return strings.Contains(k.text(width, height), want) })
}

func (k *console) typed(s string) {
	k.tb.Helper()
	if _, err := io.WriteString(k.in, s); err != nil {
		k.tb.Fatal(err)
	}
}

// wait waits for the session's end and returns its exit code.
func (k *console) wait() int {
	k.tb.Helper()
	select {
	case err := <-k.ended:
		return exitCode(k.tb, err)
	case <-time.After(patience):
		k.tb.Fatalf("the console did not end; it shows\n%s", k.text(80, 24))
	}
	return -1
}

// patience is how long a test waits for what must come.
const patience = time.Minute

// until waits for a condition.
func until(tb testing.TB, what string, ok func() bool) {
	tb.Helper()
	for end := time.Now().Add(patience); !ok(); {
		if time.Now().After(end) {
			tb.Fatalf("%q never came", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

const restored = "\x1b[?1049l\x1b[23;2t"
