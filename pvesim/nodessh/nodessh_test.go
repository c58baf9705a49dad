package nodessh

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"proximity/pvesim/machine"
)

// host is a node with container 201 running, 202 stopped.
type host struct {
	running *machine.Machine
	mu      sync.Mutex
	config  map[int]string
	fault   func(command string) string
}

func (h *host) NodeName() string { return "pve1" }

func (h *host) Machine(vmid int) (*machine.Machine, bool, bool) {
	switch vmid {
	case 201:
		return h.running, true, true
	case 202:
		return machine.New(machine.Options{}), false, true
	}
	return nil, false, false
}

func (h *host) ConfigFile(vmid int) ([]byte, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	text, ok := h.config[vmid]
	return []byte(text), ok
}

func (h *host) SetConfigFile(vmid int, b []byte) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, ok := h.config[vmid]; !ok {
		return errors.New("unable to create file")
	}
	h.config[vmid] = string(b)
	return nil
}

func (h *host) Fault(command string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.fault == nil {
		return ""
	}
	return h.fault(command)
}

type fixture struct {
	*host
	addr string
	key  ssh.Signer
}

func start(t *testing.T) *fixture {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	m := machine.New(machine.Options{Hostname: "pcta", TaskTime: 0.01})
	if err := m.Boot(t.Context(), netip.MustParseAddr("127.91.0.2")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Halt)
	f := &fixture{host: &host{running: m, config: map[int]string{201: "arch: amd64\nhostname: pcta\nmemory: 256\n", 202: "hostname: b\n"}}, key: signer}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.addr = l.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- Serve(ctx, l, Options{
			Host: f.host, HostKey: signer, TaskTime: 0.01,
			Password: func(user, pw string) bool { return user == "root" && pw == "secret" },
			Key:      func(user string, k ssh.PublicKey) bool { return bytes.Equal(k.Marshal(), signer.PublicKey().Marshal()) },
			Guests:   func() []Guest { return []Guest{{202, "stopped", "", "b"}, {201, "running", "", "pcta"}} },
		})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return f
}

func (f *fixture) dial(t *testing.T, auth ...ssh.AuthMethod) (*ssh.Client, error) {
	t.Helper()
	if auth == nil {
		auth = []ssh.AuthMethod{ssh.PublicKeys(f.key)}
	}
	c, err := ssh.Dial("tcp", f.addr, &ssh.ClientConfig{User: "root", Auth: auth, HostKeyCallback: ssh.FixedHostKey(f.key.PublicKey()), Timeout: 10 * time.Second})
	if err == nil {
		t.Cleanup(func() { c.Close() })
	}
	return c, err
}

// run runs a command line on the node.
func (f *fixture) run(t *testing.T, command, stdin string) (stdout, stderr string, code int) {
	t.Helper()
	c, err := f.dial(t)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	s.Stdin, s.Stdout, s.Stderr = strings.NewReader(stdin), &out, &errs
	err = s.Run(command)
	var exit *ssh.ExitError
	if errors.As(err, &exit) {
		code = exit.ExitStatus()
	} else if err != nil {
		t.Fatalf("%s: %v", command, err)
	}
	return out.String(), errs.String(), code
}

func TestPctAnswersAsARealNodeDoes(t *testing.T) {
	f := start(t)
	for _, tc := range []struct {
		command, stdin, stdout, stderr string
		code                           int
	}{
		{"pct exec 201 -- true", "", "", "", 0},
		{"pct exec 201 -- false", "", "", "", 1},
		{`pct exec 201 -- sh -c "exit 42"`, "", "", "", 42},
		{"pct exec 201 echo hi", "", "hi\n", "", 0},
		{`pct exec 201 -- echo "a b" c`, "", "a b c\n", "", 0},
		{"pct exec 201 -- sh -c 'echo out; echo err >&2'", "", "out\n", "err\n", 0},
		{"pct exec 201 -- sh -s", "echo from stdin $((1+2))\nid -u\npwd\nexit 7\n", "from stdin 3\n0\n/root\n", "", 7},
		{"pct exec 201 --keep-env 0 -- sh -s", "env | sort\n", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\nPWD=/root\nTERM=linux\ncontainer=lxc\n", "", 0},
		{"pct exec 201 -- nosuchcommand", "", "", "lxc-attach: 201: ../src/lxc/attach.c: lxc_attach_run_command: 1841 No such file or directory - Failed to exec \"nosuchcommand\"\n", 127},
		{"pct exec 201 --keep-env 0 -- sh -c 'kill -9 $$'", "", "", "", 137},
		{"pct exec 201 --keep-env 0 -- sh -c 'kill $$'", "", "", "", 143},
		{"pct exec 202 -- true", "", "", "container '202' not running!\n", 255},
		{"pct enter 202", "", "", "container '202' not running!\n", 255},
		{"pct exec 999 -- true", "", "", "Configuration file 'nodes/pve1/lxc/999.conf' does not exist\n", 2},
		{"pct exec abc -- true", "", "", "400 Parameter verification failed.\nvmid: type check ('integer') failed - got 'abc'\npct exec <vmid> [<extra-args>] [OPTIONS]\n", 255},
		{"pct stop 201 --bogus 1", "", "", "Unknown option: bogus\n400 unable to parse option\npct stop <vmid> [OPTIONS]\n", 255},
		{"pct status 202", "", "status: stopped\n", "", 0},
		{"pct list", "", "VMID       Status     Lock         Name                \n201        running                 pcta                \n202        stopped                 b                   \n", "", 0},
		{"pct config 201", "", "arch: amd64\nhostname: pcta\nmemory: 256\n", "", 0},
		{"pct config 999", "", "", "Configuration file 'nodes/pve1/lxc/999.conf' does not exist\n", 2},
		{"pct push 201 /etc/hostname /root/hn --perms 0600; pct exec 201 -- stat -c '%a %s' /root/hn; pct pull 201 /root/hn /tmp/hn2; cat /tmp/hn2", "", "600 5\npve1\n", "", 0},
		{"pct push 201 /nosuch /root/x", "", "", "failed to open /nosuch for reading\n", 0},
		{"pct pull 201 /root/nosuch /tmp/x", "", "", "failed to open /root/nosuch: No such file or directory\n", 0},
		{"pct exec 201 -- hostname", "", "pcta\n", "", 0},
		{"hostname; whoami", "", "pve1\nroot\n", "", 0},
		{"nosuch", "", "", "bash: line 1: nosuch: command not found\n", 127},
	} {
		stdout, stderr, code := f.run(t, tc.command, tc.stdin)
		if stdout != tc.stdout || stderr != tc.stderr || code != tc.code {
			t.Errorf("%s\n got %d %q %q\nwant %d %q %q", tc.command, code, stdout, stderr, tc.code, tc.stdout, tc.stderr)
		}
	}
}

func TestNodesEnvironmentLeaksUnlessToldNotTo(t *testing.T) {
	f := start(t)
	if out, _, _ := f.run(t, "pct exec 201 -- sh -c env", ""); !strings.Contains(out, "SSH_CONNECTION=127.0.0.1 ") || !strings.Contains(out, "LANG=C.UTF-8") {
		t.Errorf("without --keep-env 0 the container sees\n%s", out)
	}
}

func TestInputAndOutputAreBinarySafe(t *testing.T) {
	f := start(t)
	b := make([]byte, 300_000)
	for i := range b {
		b[i] = byte(i * 7)
	}
	if out, _, code := f.run(t, "pct exec 201 --keep-env 0 -- sh -c 'cat > /root/blob && cat /root/blob'", string(b)); code != 0 || out != string(b) {
		t.Errorf("exit %d, %d bytes came back, want %d and the same", code, len(out), len(b))
	}
}

func TestAScriptEditsAConfigurationOnTheNode(t *testing.T) {
	f := start(t)
	out, errs, code := f.run(t, "sh -s", `set -e
f=/etc/pve/lxc/201.conf
grep -q '^lxc.apparmor.profile:' $f || printf 'lxc.apparmor.profile: unconfined\n' >> $f
grep -q '^lxc.apparmor.profile:' $f || printf 'lxc.apparmor.profile: unconfined\n' >> $f
printf 'lxc.mount.entry: /dev/null x\n' | tee -a $f >/dev/null
sed 's/^memory: .*/memory: 512/' $f > /tmp/c && cat /tmp/c > $f
cat $f
`)
	want := "arch: amd64\nhostname: pcta\nmemory: 512\nlxc.apparmor.profile: unconfined\nlxc.mount.entry: /dev/null x\n"
	if code != 0 || out != want || errs != "" {
		t.Errorf("exit %d, %q %q", code, out, errs)
	}
	if got, _ := f.ConfigFile(201); string(got) != want {
		t.Errorf("the host has %q", got)
	}
	if _, _, code := f.run(t, "pct set 201 --memory 1024 --delete hostname", ""); code != 0 {
		t.Errorf("pct set: exit %d", code)
	}
	if got, _ := f.ConfigFile(201); !strings.Contains(string(got), "memory: 1024\n") || strings.Contains(string(got), "hostname") {
		t.Errorf("after pct set the host has %q", got)
	}
	if _, _, code := f.run(t, "echo x > /etc/pve/lxc/passwd", ""); code == 0 {
		t.Error("a file that is no configuration could be made in /etc/pve/lxc")
	}
}

func TestLogin(t *testing.T) {
	f := start(t)
	if _, err := f.dial(t, ssh.Password("wrong")); err == nil {
		t.Error("a wrong password was let in")
	}
	if _, err := f.dial(t, ssh.Password("secret")); err != nil {
		t.Errorf("the right password: %v", err)
	}
}

// TestAScriptGoesOnWhenItsClientIsGone: FACTS §15, a dropped SSH connection stops neither lxc-attach nor compose.
func TestAScriptGoesOnWhenItsClientIsGone(t *testing.T) {
	f := start(t)
	c, err := f.dial(t)
	if err != nil {
		t.Fatal(err)
	}
	s, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	out, err := s.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.Stdin = strings.NewReader("echo started\nwhile [ ! -e /root/go ]; do sleep 0.1; done\necho more; echo more >&2\necho done > /root/result\n")
	if err := s.Start("pct exec 201 --keep-env 0 -- sh -s"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(out, make([]byte, len("started\n"))); err != nil {
		t.Fatal(err)
	}
	c.Close()
	f.run(t, "pct exec 201 -- touch /root/go", "")
	deadline := time.Now().Add(20 * time.Second)
	for {
		if result, _, _ := f.run(t, "pct exec 201 -- cat /root/result", ""); result == "done\n" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the script did not come to its end")
		}
	}
}

func TestFaults(t *testing.T) {
	f := start(t)
	session := func(fault string) (*ssh.Session, *ssh.Client) {
		f.mu.Lock()
		f.fault = func(string) string { return fault }
		f.mu.Unlock()
		c, err := f.dial(t)
		if err != nil {
			t.Fatal(err)
		}
		s, err := c.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		return s, c
	}
	s, _ := session("refuse")
	if err := s.Run("true"); err == nil {
		t.Error("a refused command ran")
	}
	var missing *ssh.ExitMissingError
	s, _ = session("drop")
	if err := s.Run("touch /tmp/dropped"); err == nil || errors.As(err, new(*ssh.ExitError)) {
		t.Errorf("drop: %v", err)
	}
	s, _ = session("drop-after")
	if err := s.Run("touch /tmp/late"); !errors.As(err, &missing) {
		t.Errorf("drop-after: %v, want a missing exit status", err)
	}
	s, c := session("hang")
	if err := s.Start("touch /tmp/hung"); err != nil {
		t.Fatal(err)
	}
	c.Close()
	f.mu.Lock()
	f.fault = nil
	f.mu.Unlock()
	if out, _, _ := f.run(t, "ls /tmp", ""); out != "late\n" {
		t.Errorf("in /tmp is %q: only the command before drop-after must have run", out)
	}
	f.mu.Lock()
	f.fault = func(string) string { return "delay:30ms" }
	f.mu.Unlock()
	began := time.Now()
	if f.run(t, "true", ""); time.Since(began) < 30*time.Millisecond {
		t.Error("the delay was not kept")
	}
}

func TestATerminalEntersAContainer(t *testing.T) {
	f := start(t)
	c, err := f.dial(t)
	if err != nil {
		t.Fatal(err)
	}
	s, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.RequestPty("xterm-256color", 24, 80, nil); err != nil {
		t.Fatal(err)
	}
	in, _ := s.StdinPipe()
	out, _ := s.StdoutPipe()
	if err := s.Start("pct enter 201"); err != nil {
		t.Fatal(err)
	}
	screen := ""
	until := func(want string) {
		t.Helper()
		b := make([]byte, 512)
		for !strings.Contains(screen, want) {
			n, err := out.Read(b)
			screen += string(b[:n])
			if err != nil {
				t.Fatalf("waiting for %q: %v; the screen shows %q", want, err, screen)
			}
		}
	}
	until("pcta:~# ")
	io.WriteString(in, "echo $((40+3))x\x7f\r")
	until("\r\n43\r\n")
	screen = ""
	io.WriteString(in, "sleep 10000\r")
	until("sleep 10000")
	screen = ""
	for !strings.Contains(screen, "# ") { // Ctrl-C until the sleep is there to hear it
		io.WriteString(in, "\x03")
		b := make([]byte, 512)
		n, err := out.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		screen += string(b[:n])
	}
	io.WriteString(in, "exit 5\r")
	var exit *ssh.ExitError
	go io.Copy(io.Discard, out)
	if err := s.Wait(); !errors.As(err, &exit) || exit.ExitStatus() != 5 {
		t.Errorf("the shell ended with %v, want exit 5", err)
	}
}
