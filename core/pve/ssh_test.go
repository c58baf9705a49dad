package pve

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// fakeNode is a node's SSH. Containers are folders of this machine and their shell is its /bin/sh, in a
// process group of its own that goes on when the connection drops, as lxc-attach does.
type fakeNode struct {
	t          testing.TB
	address    *net.TCPAddr
	config     *ssh.ServerConfig
	hostKey    ssh.Signer
	containers map[int]string // vmid → "running", "stopped"
	pve        string         // what stands for /etc/pve/lxc
	command    func(line string, ch ssh.Channel) (exit uint32, handled bool)

	mu          sync.Mutex
	lines       []string // commands run
	connections int
	conns       []net.Conn
}

func newSigner(t testing.TB) (ssh.Signer, []byte) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return signer, pem.EncodeToMemory(block)
}

// newFakeNode starts a node's SSH; each change is made before it listens.
func newFakeNode(t testing.TB, changes ...func(*fakeNode)) *fakeNode {
	n := &fakeNode{t: t, containers: map[int]string{100: "running", 201: "stopped"}, pve: t.TempDir()}
	n.hostKey, _ = newSigner(t)
	n.config = &ssh.ServerConfig{
		PasswordCallback: func(c ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
			if string(password) == "s3cret" {
				return nil, nil
			}
			return nil, errors.New("no")
		},
	}
	n.config.AddHostKey(n.hostKey)
	for _, change := range changes {
		change(n)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n.address = l.Addr().(*net.TCPAddr)
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			n.mu.Lock()
			n.connections++
			n.conns = append(n.conns, conn)
			n.mu.Unlock()
			all.Go(func() { n.serve(conn, &all) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		n.drop()
		all.Wait()
	})
	return n
}

// drop cuts every connection.
func (n *fakeNode) drop() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range n.conns {
		c.Close()
	}
	n.conns = nil
}

func (n *fakeNode) ran() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]string(nil), n.lines...)
}

func (n *fakeNode) serve(raw net.Conn, all *sync.WaitGroup) {
	conn, channels, requests, err := ssh.NewServerConn(raw, n.config)
	if err != nil {
		raw.Close()
		return
	}
	defer conn.Close()
	go ssh.DiscardRequests(requests)
	for c := range channels {
		ch, requests, err := c.Accept()
		if err != nil {
			return
		}
		all.Go(func() {
			defer ch.Close()
			for r := range requests {
				if r.Type != "exec" {
					r.Reply(r.Type == "signal", nil)
					continue
				}
				var payload struct{ Line string }
				ssh.Unmarshal(r.Payload, &payload)
				r.Reply(true, nil)
				all.Go(func() {
					defer ch.Close()
					exit := n.run(payload.Line, ch)
					ch.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{exit}))
				})
			}
		})
	}
}

var pctExec = regexp.MustCompile(`^pct exec (\S+) --keep-env 0 -- sh -s$`)

func (n *fakeNode) run(line string, ch ssh.Channel) uint32 {
	n.mu.Lock()
	n.lines = append(n.lines, line)
	n.mu.Unlock()
	line = strings.TrimPrefix(line, "sudo -n ")
	if n.command != nil {
		if exit, handled := n.command(line, ch); handled {
			return exit
		}
	}
	if line == "sh -s" {
		script, _ := io.ReadAll(ch)
		return n.shell(bytes.NewReader(bytes.ReplaceAll(script, []byte("/etc/pve/lxc"), []byte(n.pve))), ch)
	}
	m := pctExec.FindStringSubmatch(line)
	if m == nil {
		fmt.Fprintf(ch.Stderr(), "sh: 1: %s: not found\n", line)
		return 127
	}
	vmid, err := strconv.Atoi(m[1])
	if err != nil {
		fmt.Fprint(ch.Stderr(), "400 Parameter verification failed.\nvmid: type check ('integer') failed\n")
		return 255
	}
	switch n.containers[vmid] {
	case "running":
		return n.shell(ch, ch)
	case "stopped":
		fmt.Fprintf(ch.Stderr(), "container '%d' not running!\n", vmid)
		return 255
	}
	fmt.Fprintf(ch.Stderr(), "Configuration file 'nodes/pve1/lxc/%d.conf' does not exist\n", vmid)
	return 2
}

func (n *fakeNode) shell(stdin io.Reader, ch ssh.Channel) uint32 {
	cmd := exec.Command("/bin/sh", "-s")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, ch, ch.Stderr()
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "TERM=linux", "container=lxc"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = 100 * time.Millisecond
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		if status := exit.Sys().(syscall.WaitStatus); status.Signaled() {
			return 128 + uint32(status.Signal())
		}
		return uint32(exit.ExitCode())
	}
	return 0
}

// client is a client of a cluster whose one node is n.
func (n *fakeNode) client(t testing.TB, c SSHConfig) *Client {
	f := newFake(t)
	f.data("GET /nodes", `[{"node":"pve1","status":"online"}]`)
	f.data("GET /cluster/status", `[{"type":"node","name":"pve1","ip":"192.0.2.1","nodeid":0,"online":1,"local":1}]`)
	c.Port = n.address.Port
	if c.Key == nil && c.Password == "" {
		c.Password = "s3cret"
	}
	if c.Pinned == nil {
		c.Pinned = func(string) string { return ssh.FingerprintSHA256(n.hostKey.PublicKey()) }
	}
	return f.client(t, Config{SSH: c})
}

func TestAScriptsOutputAndExitCode(t *testing.T) {
	n := newFakeNode(t)
	c := n.client(t, SSHConfig{})
	for name, tt := range map[string]struct {
		script, out string
		exit        int
	}{
		"success":              {"echo hello", "hello\n", 0},
		"failure":              {"echo out; echo err >&2; exit 42", "out\nerr\n", 42},
		"255 is the script's":  {"exit 255", "", 255},
		"2 is the script's":    {"echo \"container '100' not running!\" >&2; exit 2", "container '100' not running!\n", 2},
		"last command's code":  {"true\nfalse", "", 1},
		"killed":               {"kill -9 $$", "", 137},
		"no newline":           {"printf x", "x", 0},
		"nothing":              {":", "", 0},
		"its stdin is empty":   {"cat\necho after\n", "after\n", 0},
		"a comment at the end": {"echo a\n# done", "a\n", 0},
		"a here-document":      {"cat <<'X'\n$a 'b' \"c\" `d`\nX", "$a 'b' \"c\" `d`\n", 0},
		"clean environment":    {"echo \"${SSH_CONNECTION-none} $container\"", "none lxc\n", 0},
		"a function that ends": {"f() { exit 3; }; f; echo never", "", 3},
		"binary":               {`printf 'a\000\377\n'`, "a\x00\xff\n", 0},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			exit, err := c.Exec(testContext(t), "pve1", 100, tt.script, &out)
			if err != nil || exit != tt.exit || !sameLines(out.String(), tt.out) {
				t.Errorf("got %d, %v, %q; want %d, %q", exit, err, out.String(), tt.exit, tt.out)
			}
		})
	}
	for _, line := range n.ran() {
		if line != "pct exec 100 --keep-env 0 -- sh -s" {
			t.Errorf("ran %q: nothing of a script may be on a command line", line)
		}
	}
	if n.connections != 1 {
		t.Errorf("%d connections, want one shared one", n.connections)
	}
}

// sameLines compares without regard to how stdout and stderr came to be interleaved.
func sameLines(a, b string) bool {
	count := func(s string) map[string]int {
		m := make(map[string]int)
		for l := range strings.Lines(s) {
			m[l]++
		}
		return m
	}
	x, y := count(a), count(b)
	if len(x) != len(y) {
		return false
	}
	for l, n := range x {
		if y[l] != n {
			return false
		}
	}
	return true
}

func TestASyntaxErrorIsTheScripts(t *testing.T) {
	c := newFakeNode(t).client(t, SSHConfig{})
	var out bytes.Buffer
	exit, err := c.Exec(testContext(t), "pve1", 100, "echo never\nif then", &out)
	if err != nil || exit == 0 || strings.Contains(out.String(), "never\n") {
		t.Errorf("got %d, %v, %q", exit, err, out.String())
	}
}

func TestWhyAScriptCouldNotRun(t *testing.T) {
	n := newFakeNode(t, func(n *fakeNode) {
		n.command = func(line string, ch ssh.Channel) (uint32, bool) {
			switch {
			case strings.Contains(line, " 300 "):
				fmt.Fprint(ch.Stderr(), "sudo: a password is required\n")
				return 1, true
			case strings.Contains(line, " 301 "):
				fmt.Fprint(ch.Stderr(), "bash: line 1: pct: command not found\n")
				return 127, true
			case strings.Contains(line, " 302 "):
				return 1, true
			}
			return 0, false
		}
	})
	c := n.client(t, SSHConfig{})
	for vmid, want := range map[int]error{201: ErrNotRunning, 999: ErrNotFound, 300: ErrPermission, 301: ErrUnsupported, 302: ErrRefused} {
		var out bytes.Buffer
		_, err := c.Exec(testContext(t), "pve1", vmid, "echo hello", &out)
		var e *Error
		if !errors.As(err, &e) || e.Kind != want || e.VMID != vmid || e.Node != "pve1" {
			t.Errorf("CT %d: got %v, want %v", vmid, err, want)
		}
		if out.Len() > 0 {
			t.Errorf("CT %d: %q was taken for the script's output", vmid, out.String())
		}
	}
}

func TestOutputComesAsItIsPrinted(t *testing.T) {
	c := newFakeNode(t).client(t, SSHConfig{})
	goOn := filepath.Join(t.TempDir(), "go")
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		_, err := c.Exec(testContext(t), "pve1", 100, "echo first\nwhile [ ! -e "+Quote(goOn)+" ]; do sleep 0.01; done\necho second", w)
		w.CloseWithError(err)
		done <- err
	}()
	first := make([]byte, 6)
	if _, err := io.ReadFull(r, first); err != nil || string(first) != "first\n" {
		t.Fatalf("got %q, %v", first, err)
	}
	os.WriteFile(goOn, nil, 0o600) // only now can it go on
	rest, _ := io.ReadAll(r)
	if err := <-done; err != nil || string(rest) != "second\n" {
		t.Errorf("got %q, %v", rest, err)
	}
}

// alive says whether the process whose pid is in file lives.
func alive(file string) bool {
	b, err := os.ReadFile(file)
	pid, bad := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil || bad != nil {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(stat), ") Z ")
}

func TestCancellingEndsTheScriptAndItsChildren(t *testing.T) {
	c := newFakeNode(t).client(t, SSHConfig{})
	child := filepath.Join(t.TempDir(), "pid")
	ctx, cancel := context.WithCancel(testContext(t))
	done := make(chan error, 1)
	go func() {
		_, err := c.Exec(ctx, "pve1", 100, "sh -c 'echo $$ >"+child+"; sleep 300; :'\necho never", io.Discard)
		done <- err
	}()
	eventually(t, "the child runs", func() bool { return alive(child) })
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	eventually(t, "the child is ended", func() bool { return !alive(child) })
}

func TestDetachingLeavesTheScriptRunning(t *testing.T) {
	n := newFakeNode(t)
	c := n.client(t, SSHConfig{})
	dir := t.TempDir()
	child, stop := filepath.Join(dir, "pid"), filepath.Join(dir, "stop")
	ctx, cancel := context.WithCancelCause(testContext(t))
	done := make(chan error, 1)
	go func() {
		_, err := c.Exec(ctx, "pve1", 100, "echo $$ >"+child+"\nwhile [ ! -e "+stop+" ]; do sleep 0.01; done", io.Discard)
		done <- err
	}()
	eventually(t, "the script runs", func() bool { return alive(child) })
	cancel(ErrDetach)
	if err := <-done; err == nil {
		t.Error("no error")
	}
	if !alive(child) {
		t.Error("the script was ended")
	}
	if ran := n.ran(); len(ran) != 1 {
		t.Errorf("ran %v", ran)
	}
	os.WriteFile(stop, nil, 0o600)
	eventually(t, "the script ends by itself", func() bool { return !alive(child) })
}

func TestABrokenConnectionIsNoExitCodeAndHealsByItself(t *testing.T) {
	n := newFakeNode(t)
	c := n.client(t, SSHConfig{})
	dir := t.TempDir()
	child, stop := filepath.Join(dir, "pid"), filepath.Join(dir, "stop")
	done := make(chan error, 1)
	go func() {
		_, err := c.Exec(testContext(t), "pve1", 100, "echo $$ >"+child+"\nwhile [ ! -e "+stop+" ]; do sleep 0.01; done", io.Discard)
		done <- err
	}()
	eventually(t, "the script runs", func() bool { return alive(child) })
	n.drop()
	if err := <-done; !errors.Is(err, ErrUnreachable) {
		t.Errorf("got %v", err)
	}
	os.WriteFile(stop, nil, 0o600)
	if exit, err := c.Exec(testContext(t), "pve1", 100, "exit 7", io.Discard); err != nil || exit != 7 {
		t.Errorf("afterwards: %d, %v", exit, err)
	}
	if n.connections != 2 {
		t.Errorf("%d connections, want 2", n.connections)
	}
}

func TestManyScriptsShareOneConnection(t *testing.T) {
	n := newFakeNode(t)
	c := n.client(t, SSHConfig{})
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			var out bytes.Buffer
			exit, err := c.Exec(testContext(t), "pve1", 100, fmt.Sprintf("echo %d; exit %d", i, i), &out)
			if err != nil || exit != i || out.String() != fmt.Sprintf("%d\n", i) {
				t.Errorf("%d: got %d, %v, %q", i, exit, err, out.String())
			}
		})
	}
	all.Wait()
	if n.connections != 1 {
		t.Errorf("%d connections, want 1", n.connections)
	}
}

func TestAHostKeyIsLearntOnceAndThenHeld(t *testing.T) {
	n := newFakeNode(t)
	known := ""
	config := SSHConfig{
		Pinned: func(node string) string { return known },
		Learn: func(node, fingerprint string) error {
			if node != "pve1" {
				t.Errorf("learnt for %q", node)
			}
			known = fingerprint
			return nil
		},
	}
	if _, err := n.client(t, config).Exec(testContext(t), "pve1", 100, ":", io.Discard); err != nil {
		t.Fatal(err)
	}
	if want := ssh.FingerprintSHA256(n.hostKey.PublicKey()); known != want {
		t.Errorf("learnt %q, want %q", known, want)
	}
	config.Learn = func(string, string) error { t.Error("learnt again"); return nil }
	if _, err := n.client(t, config).Exec(testContext(t), "pve1", 100, ":", io.Discard); err != nil {
		t.Error(err)
	}
}

// Whoever answers in the node's place must see neither password nor script.
func TestAChangedHostKeyStopsEverything(t *testing.T) {
	n := newFakeNode(t, func(n *fakeNode) {
		n.config.PasswordCallback = func(ssh.ConnMetadata, []byte) (*ssh.Permissions, error) {
			t.Error("the password was sent")
			return nil, nil
		}
	})
	for name, config := range map[string]SSHConfig{
		"changed":  {Pinned: func(string) string { return "SHA256:something/else" }, Learn: func(string, string) error { return nil }},
		"refused":  {Pinned: func(string) string { return "" }, Learn: func(string, string) error { return errors.New("ask the admin") }},
		"no Learn": {Pinned: func(string) string { return "" }},
	} {
		_, err := n.client(t, config).Exec(testContext(t), "pve1", 100, "echo secret", io.Discard)
		if !errors.Is(err, ErrHostKey) || errors.Is(err, ErrUnreachable) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if ran := n.ran(); len(ran) > 0 {
		t.Errorf("ran %v", ran)
	}
}

func TestWaysIntoANode(t *testing.T) {
	signer, key := newSigner(t)
	n := newFakeNode(t, func(n *fakeNode) {
		n.config.PublicKeyCallback = func(_ ssh.ConnMetadata, got ssh.PublicKey) (*ssh.Permissions, error) {
			if bytes.Equal(got.Marshal(), signer.PublicKey().Marshal()) {
				return nil, nil
			}
			return nil, errors.New("no")
		}
	})
	_, other := newSigner(t)
	for name, tt := range map[string]struct {
		config SSHConfig
		want   error
	}{
		"key":            {SSHConfig{Key: key}, nil},
		"password":       {SSHConfig{Password: "s3cret"}, nil},
		"both":           {SSHConfig{Key: other, Password: "s3cret"}, nil},
		"wrong key":      {SSHConfig{Key: other}, ErrAuth},
		"wrong password": {SSHConfig{Password: "x"}, ErrAuth},
	} {
		_, err := n.client(t, tt.config).Exec(testContext(t), "pve1", 100, ":", io.Discard)
		if tt.want == nil && err != nil || !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", name, err, tt.want)
		}
	}
	if _, err := newFake(t).client(t, Config{}).Exec(testContext(t), "pve1", 100, ":", io.Discard); !errors.Is(err, ErrNoSSH) {
		t.Errorf("neither: got %v, want ErrNoSSH", err)
	}
}

func TestANodeWhoseSSHIsNotThere(t *testing.T) {
	n := newFakeNode(t)
	c := n.client(t, SSHConfig{})
	c.shells.config.Port = 1
	if _, err := c.Exec(testContext(t), "pve1", 100, ":", io.Discard); !errors.Is(err, ErrUnreachable) {
		t.Errorf("got %v", err)
	}
	if _, err := c.Exec(testContext(t), "pve9", 100, ":", io.Discard); !errors.Is(err, ErrNotFound) {
		t.Errorf("unknown node: got %v", err)
	}
	c.Close()
	c.shells.config.Port = n.address.Port
	if _, err := c.Exec(testContext(t), "pve1", 100, ":", io.Discard); !errors.Is(err, ErrUnreachable) {
		t.Errorf("closed: got %v", err)
	}
}

func TestASilentNodeDoesNotHoldUsUp(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // accepts, and never says a word
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	n := newFakeNode(t)
	c := n.client(t, SSHConfig{})
	c.shells.config.Port = l.Addr().(*net.TCPAddr).Port
	ctx, cancel := context.WithTimeout(testContext(t), 50*time.Millisecond)
	defer cancel()
	if _, err := c.Exec(ctx, "pve1", 100, ":", io.Discard); !errors.Is(err, ErrTimeout) {
		t.Errorf("got %v", err)
	}
}

func TestNotRootUsesSudo(t *testing.T) {
	n := newFakeNode(t)
	c := n.client(t, SSHConfig{User: "proximity"})
	if exit, err := c.Exec(testContext(t), "pve1", 100, "exit 5", io.Discard); err != nil || exit != 5 {
		t.Errorf("got %d, %v", exit, err)
	}
	if got := n.ran()[0]; got != "sudo -n pct exec 100 --keep-env 0 -- sh -s" {
		t.Errorf("ran %q", got)
	}
}
