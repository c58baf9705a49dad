package sshd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/creack/pty"
	"golang.org/x/term"

	"proximity/tui"
	"proximity/tui/screen"
)

func (r *rig) local() *Client {
	r.tb.Helper()
	c, err := Dial(context.Background(), r.o.Socket)
	if err != nil {
		r.tb.Fatal(err)
	}
	r.tb.Cleanup(func() { _ = c.Close() })
	return c
}

func TestTheSocketIsTheAdminsDoor(t *testing.T) {
	r := newRig(t, nil)
	info, err := os.Stat(r.o.Socket)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket has mode %v, %v", info.Mode(), err)
	}
	c := r.local()
	var out, errw bytes.Buffer
	exit, err := c.Exec(context.Background(), []string{"whoami", "--json"}, nil, &out, &errw)
	if err != nil || exit != 0 || !strings.Contains(out.String(), `"role": "admin"`) || !strings.Contains(out.String(), `"via": "local"`) {
		t.Errorf("exit %d, %v, %q %q", exit, err, out.String(), errw.String())
	}
	if exit, err := c.Exec(context.Background(), []string{"app", "nothing there"}, strings.NewReader("unread"), &out, &errw); exit != 3 || err != nil || !strings.Contains(errw.String(), "nothing there") {
		t.Errorf("exit %d, %v, %q", exit, err, errw.String())
	}
	out.Reset()
	if exit, err := c.Exec(context.Background(), nil, nil, &out, &errw); exit != 0 || err != nil || !strings.Contains(out.String(), "proximity help") {
		t.Errorf("no command: exit %d, %v, %q", exit, err, out.String())
	}
}

// A key of the socket is worth nothing on the network, and the other way about.
func TestTheDoorsKeysAreTheirOwn(t *testing.T) {
	r := newRig(t, nil)
	if _, err := r.dial(newSigner(t)); err == nil {
		t.Error("any key opens the network's door")
	}
	c, err := net.Dial("unix", r.o.Socket)
	if err != nil {
		t.Fatal(err)
	}
	client, err := r.over(c, newSigner(t))
	if err != nil {
		t.Fatal(err)
	}
	if out, _, _ := r.run(client, "whoami --json", nil); !strings.Contains(out, `"via": "local"`) {
		t.Errorf("came in as %q", out)
	}
}

func TestDialSaysThatNoServerRuns(t *testing.T) {
	dir := t.TempDir()
	if _, err := Dial(context.Background(), filepath.Join(dir, "none")); !errors.Is(err, ErrNoServer) {
		t.Errorf("no socket: %v", err)
	}
	stale := filepath.Join(dir, "stale")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: stale, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false) // as a server that was killed
	_ = l.Close()
	if _, err := Dial(context.Background(), stale); !errors.Is(err, ErrNoServer) {
		t.Errorf("a socket nobody listens on: %v", err)
	}
	fresh, err := listenSocket(context.Background(), stale)
	if err != nil {
		t.Fatalf("a server cannot take the place of one that was killed: %v", err)
	}
	// Somebody listens but says nothing.
	defer fresh.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, err := Dial(ctx, stale); !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("waited for ever: %v", err)
	}
}

func TestExecCanBeBrokenOff(t *testing.T) {
	r := newRig(t, nil)
	ctx, cancel := context.WithCancel(context.Background())
	in, _ := io.Pipe()
	time.AfterFunc(50*time.Millisecond, cancel)
	exit, err := r.local().Exec(ctx, []string{"hosts", "add", "x", "https://192.0.2.1:8006", "--credentials", "-"}, in, io.Discard, io.Discard)
	if !errors.Is(err, context.Canceled) || exit == 0 {
		t.Errorf("exit %d, %v", exit, err)
	}
}

// desk is a real terminal with somebody in front of it.
type desk struct {
	keys *os.File // what is typed goes in, what is shown comes out
	tty  *os.File
	mu   sync.Mutex
	seen bytes.Buffer
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	keys, tty, err := pty.Open()
	if err != nil {
		t.Skip("no terminals here: ", err)
	}
	d := &desk{keys: keys, tty: tty}
	read := make(chan struct{})
	go func() {
		defer close(read)
		b := make([]byte, 4096)
		for {
			n, err := keys.Read(b)
			d.mu.Lock()
			d.seen.Write(b[:n])
			d.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() { _ = tty.Close(); _ = keys.Close(); <-read })
	if err := pty.Setsize(tty, &pty.Winsize{Cols: 100, Rows: 30}); err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *desk) text() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.seen.String()
}

// The console on this machine: raw terminal, its size and its changes, and
// everything as it was afterwards.
func TestTheConsoleOnThisMachinesTerminal(t *testing.T) {
	t.Setenv("TERM", "xterm-256color")
	r := newRig(t, nil, playing(func(o tui.Options) *scene {
		last, size := "", fmt.Sprint(o.Width, "x", o.Height)
		return &scene{
			update: func(msg tea.Msg) tea.Cmd {
				switch m := msg.(type) {
				case tea.KeyPressMsg:
					if last = m.String(); last == "q" {
						return tea.Quit
					}
				case tea.WindowSizeMsg:
					size = fmt.Sprint(m.Width, "x", m.Height)
				}
				return nil
			},
			view: func() string { return "size " + size + " key " + last + "." },
		}
	}))
	d := newDesk(t)
	before, err := term.GetState(int(d.tty.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	type result struct {
		exit int
		err  error
	}
	ended := make(chan result, 1)
	go func() {
		exit, err := r.local().Console(context.Background(), nil, d.tty, d.tty)
		ended <- result{exit, err}
	}()
	shows := func(want string) {
		t.Helper()
		until(t, want, func() bool { return strings.Contains(picture(d.text(), 120, 40), want) })
	}
	shows("size 100x30 key .")
	for keys, want := range map[string]string{"\x03": "ctrl+c", "\x1b[A": "up", "j": "j"} {
		_, _ = io.WriteString(d.keys, keys)
		shows("key " + want + ".")
	}
	if err := pty.Setsize(d.tty, &pty.Winsize{Cols: 90, Rows: 20}); err != nil {
		t.Fatal(err)
	}
	_ = syscall.Kill(os.Getpid(), syscall.SIGWINCH) // this is no controlling terminal of ours
	shows("size 90x20")
	_, _ = io.WriteString(d.keys, "q")
	if got := <-ended; got.exit != 0 || got.err != nil {
		t.Errorf("ended with %+v", got)
	}
	after, err := term.GetState(int(d.tty.Fd()))
	if err != nil || fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("the terminal was left in another mode")
	}
	until(t, "restored", func() bool { return strings.Contains(d.text(), restored) })
}

// A server that dies leaves nobody with a broken terminal.
func TestALostServerLeavesAUsableTerminal(t *testing.T) {
	t.Setenv("TERM", "xterm-256color")
	r := newRig(t, nil, playing(counting))
	d := newDesk(t)
	c := r.local()
	ended := make(chan error, 1)
	go func() {
		_, err := c.Console(context.Background(), nil, d.tty, d.tty)
		ended <- err
	}()
	until(t, "the console", func() bool { return strings.Contains(d.text(), "keys: 0.") })
	_ = c.Close() // as if it were gone
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "was lost") {
		t.Errorf("ended with %v", err)
	}
	until(t, "a usable terminal", func() bool { return strings.HasSuffix(d.text(), screen.Reset) })
}

func TestTheConsoleEndsWithItsContext(t *testing.T) {
	t.Setenv("TERM", "xterm-256color")
	r := newRig(t, nil, playing(counting))
	d := newDesk(t)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		_, err := r.local().Console(ctx, nil, d.tty, d.tty)
		ended <- err
	}()
	until(t, "the console", func() bool { return strings.Contains(d.text(), "keys: 0.") })
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	until(t, "restored", func() bool { return strings.Contains(d.text(), restored) })
}

func TestTheConsoleNeedsATerminal(t *testing.T) {
	r := newRig(t, nil)
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := r.local().Console(context.Background(), nil, f, f); err == nil || !strings.Contains(err.Error(), "needs a terminal") {
		t.Errorf("got %v", err)
	}
}
