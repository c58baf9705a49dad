package pve

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

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

// The script runs already, but its first word has not come through yet.
func TestCancellingAScriptThatHasJustBegun(t *testing.T) {
	n := newFakeNode(t, func(n *fakeNode) { n.slow = 200 * time.Millisecond })
	c := n.client(t, SSHConfig{})
	child := filepath.Join(t.TempDir(), "pid")
	ctx, cancel := context.WithCancel(testContext(t))
	done := make(chan error, 1)
	go func() {
		_, err := c.Exec(ctx, "pve1", 100, "echo $$ >"+child+"; while :; do sleep 0.02; done", io.Discard)
		done <- err
	}()
	eventually(t, "pct is asked", func() bool { return len(n.ran()) == 1 })
	cancel()
	<-done
	eventually(t, "the script is ended", func() bool { return !alive(child) })
	if _, err := os.Stat(child); err != nil {
		t.Errorf("the script never ran: %v", err)
	}
}

func TestWhatIsEndedMayTidyUp(t *testing.T) {
	c := newFakeNode(t).client(t, SSHConfig{})
	dir := t.TempDir()
	child, tidy := filepath.Join(dir, "pid"), filepath.Join(dir, "tidy")
	ctx, cancel := context.WithCancel(testContext(t))
	done := make(chan error, 1)
	go func() {
		_, err := c.Exec(ctx, "pve1", 100, "sh -c 'trap \"sleep 0.3; touch "+tidy+"; exit\" TERM; echo $$ >"+child+"; while :; do sleep 0.02; done'", io.Discard)
		done <- err
	}()
	eventually(t, "the child runs", func() bool { return alive(child) })
	cancel()
	<-done
	if _, err := os.Stat(tidy); err != nil {
		t.Errorf("it was killed before it could: %v", err)
	}
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

func TestCheckSSH(t *testing.T) {
	if err := newFakeNode(t).client(t, SSHConfig{}).CheckSSH(testContext(t), "pve1"); err != nil {
		t.Error(err)
	}
	noPct := newFakeNode(t, func(n *fakeNode) {
		n.command = func(line string, ch ssh.Channel) (uint32, bool) {
			fmt.Fprint(ch.Stderr(), "bash: line 1: pct: command not found\n")
			return 127, true
		}
	})
	if err := noPct.client(t, SSHConfig{}).CheckSSH(testContext(t), "pve1"); !errors.Is(err, ErrUnsupported) {
		t.Errorf("no pct: %v", err)
	}
	if err := noPct.client(t, SSHConfig{Password: "x"}).CheckSSH(testContext(t), "pve1"); !errors.Is(err, ErrAuth) {
		t.Errorf("wrong password: %v", err)
	}
}

func TestNothingIsLeftRunningAfterClose(t *testing.T) {
	n := newFakeNode(t)
	before := runtime.NumGoroutine()
	c := n.client(t, SSHConfig{})
	ctx, cancel := context.WithTimeout(testContext(t), 20*time.Millisecond)
	defer cancel()
	c.Exec(ctx, "pve1", 100, "sleep 1", io.Discard)
	if _, err := c.Exec(testContext(t), "pve1", 100, ":", io.Discard); err != nil {
		t.Fatal(err)
	}
	c.Close()
	n.drop()
	eventually(t, "all goroutines end", func() bool { return runtime.NumGoroutine() <= before+2 }) // the HTTPS fake's own
}
