package sshd

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"charm.land/ssh"
	gossh "golang.org/x/crypto/ssh"

	"proximity/core"
)

func TestAKeyOpensTheConsole(t *testing.T) {
	r := newRig(t, nil)
	k := openConsole(t, r.login(), 80, 24)
	k.shows("? help", 80, 24)
	k.typed("q")
	if code := k.wait(); code != 0 {
		t.Errorf("exit %d", code)
	}
	if got := k.output(); !strings.Contains(got, restored) || !strings.HasSuffix(got, "\r\n") {
		t.Errorf("left the terminal with %q", got[max(0, len(got)-200):])
	}
}

func TestCommandsRunWithTheirExitCodes(t *testing.T) {
	r := newRig(t, nil)
	c := r.login()
	for _, x := range []struct {
		command   string
		exit      int
		out, errs string
	}{
		{"whoami", 0, "admin", ""},
		{"whoami --json", 0, `"via": "ssh"`, ""},
		{"app nothing", 3, "", "nothing"},
		{"nonsense", 2, "", "unknown command"},
		{"app 'unbalanced", 2, "", "quotation"},
		{"version", 0, "0.1.0", ""},
	} {
		out, errs, exit := r.run(c, x.command, nil)
		if exit != x.exit || !strings.Contains(out, x.out) || !strings.Contains(errs, x.errs) {
			t.Errorf("%s: exit %d, out %q, errors %q", x.command, exit, out, errs)
		}
	}
}

// The words of a command decide that it is one, not the lack of a terminal.
func TestACommandOnATerminalIsACommand(t *testing.T) {
	r := newRig(t, nil)
	s, err := r.login().NewSession()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	s.Stdout = &out
	if err := s.RequestPty("xterm", 24, 80, nil); err != nil {
		t.Fatal(err)
	}
	if err := s.Run("whoami"); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); !strings.Contains(got, "admin") || strings.Contains(got, "\x1b[?1049h") || !strings.Contains(got, "\r\n") {
		t.Errorf("got %q", got)
	}
}

func TestWithoutATerminalThereIsPlainText(t *testing.T) {
	r := newRig(t, nil)
	c := r.login()
	out, _, exit := r.run(c, "", nil)
	if exit != 0 || !strings.Contains(out, "Proximity:") || !strings.Contains(out, "ssh proximity.test help") || strings.Contains(out, "\x1b") {
		t.Errorf("exit %d, %q", exit, out)
	}
	for _, term := range []string{"dumb", "", "\x1b[31m", strings.Repeat("x", 1000)} {
		s, err := c.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		s.Stdout = &b
		if err := s.RequestPty(term, 24, 80, nil); err != nil {
			t.Fatal(err)
		}
		if err := s.Shell(); err != nil {
			t.Fatal(err)
		}
		if err := s.Wait(); err != nil {
			t.Error(err)
		}
		if got := b.String(); !strings.Contains(got, "Proximity:") || strings.Contains(got, "\x1b") {
			t.Errorf("TERM=%q got %q", term, got)
		}
	}
}

// A stranger's key is refused, remembered for an admin to approve, and tells
// nothing; it works once it is approved.
func TestAnUnknownKeyWaitsForApproval(t *testing.T) {
	r := newRig(t, nil)
	stranger := newSigner(t)
	if _, err := r.dial(stranger); err == nil {
		t.Fatal("a stranger was let in")
	}
	until(t, "the refusal", func() bool { return strings.Contains(r.log.String(), gossh.FingerprintSHA256(stranger.PublicKey())) })
	if r.Refused() != 1 {
		t.Errorf("%d refusals", r.Refused())
	}
	if err := r.core.AddUser(t.Context(), core.LocalAdmin("root"), "anna", core.RoleUser, []string{line(stranger)}); err != nil {
		t.Fatal(err)
	}
	c, err := r.dial(stranger)
	if err != nil {
		t.Fatal(err)
	}
	if out, _, _ := r.run(c, "whoami --json", nil); !strings.Contains(out, `"user": "anna"`) {
		t.Errorf("came in as %q", out)
	}
}

// Whose access is taken away is sent away at once, with a word, and does not
// come in again.
func TestARevokedKeyEndsItsSessions(t *testing.T) {
	r := newRig(t, nil)
	signer := newSigner(t)
	local := core.LocalAdmin("root")
	if err := r.core.AddUser(t.Context(), local, "anna", core.RoleUser, []string{line(signer)}); err != nil {
		t.Fatal(err)
	}
	c, err := r.dial(signer)
	if err != nil {
		t.Fatal(err)
	}
	k := openConsole(t, c, 80, 24)
	k.shows("? help", 80, 24)
	if err := r.core.RevokeKey(t.Context(), local, gossh.FingerprintSHA256(signer.PublicKey())); err != nil {
		t.Fatal(err)
	}
	if code := k.wait(); code != 4 {
		t.Errorf("exit %d", code)
	}
	until(t, "the reason", func() bool { return strings.Contains(k.output(), "this key has been revoked") })
	if out, _, code := r.run(c, "apps", nil); code == 0 {
		t.Errorf("the connection still serves: %q", out)
	}
	if _, err := r.dial(signer); err == nil {
		t.Error("the key still opens the door")
	}
}

// Somebody who holds the right key is no stranger, whatever else their agent
// offers before it.
func TestAnAgentWithManyKeysIsNoStranger(t *testing.T) {
	r := newRig(t, nil)
	var keys []gossh.Signer
	for range 12 {
		keys = append(keys, newSigner(t))
	}
	c, err := r.dial(append(keys, r.admin)...)
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	until(t, "the end", func() bool { r.mu.Lock(); defer r.mu.Unlock(); return len(r.doors) == 0 })
	if r.Refused() != 0 || strings.Contains(r.log.String(), "unknown key") {
		t.Errorf("%d refusals\n%s", r.Refused(), r.log)
	}
}

// Nothing but a key opens the door.
func TestOnlyPublicKeysMayLogIn(t *testing.T) {
	r := newRig(t, nil)
	for name, auth := range map[string][]gossh.AuthMethod{
		"nothing":              nil,
		"password":             {gossh.Password("admin")},
		"keyboard-interactive": {gossh.KeyboardInteractive(func(string, string, []string, []bool) ([]string, error) { return nil, nil })},
	} {
		_, err := gossh.Dial("tcp", r.Addr().String(), &gossh.ClientConfig{User: "admin", Auth: auth, HostKeyCallback: gossh.InsecureIgnoreHostKey()})
		if err == nil {
			t.Errorf("%s let somebody in", name)
		}
	}
	if err := locked(&ssh.Server{}); err == nil {
		t.Error("a server without any check would start")
	}
	if err := locked(&ssh.Server{PublicKeyHandler: r.publicKey, PasswordHandler: func(ssh.Context, string) bool { return true }}); err == nil {
		t.Error("a server with passwords would start")
	}
}

func TestTheHostKeyIsTheRings(t *testing.T) {
	r := newRig(t, nil)
	var seen string
	_, _ = gossh.Dial("tcp", r.Addr().String(), &gossh.ClientConfig{HostKeyCallback: func(_ string, _ net.Addr, k gossh.PublicKey) error {
		seen = gossh.FingerprintSHA256(k)
		return errors.New("enough")
	}})
	if want := r.core.Keys().HostKeyFingerprint(); seen != want {
		t.Errorf("showed %s, want %s", seen, want)
	}
}

func TestAddressesThatFailTooOftenHaveToWait(t *testing.T) {
	r := newRig(t, func(o *Options) { o.MaxRefusals = 3 })
	stranger := newSigner(t)
	for range 3 {
		if _, err := r.dial(stranger); err == nil {
			t.Fatal("let in")
		}
	}
	until(t, "three refusals", func() bool { return r.Refused() == 3 })
	if _, err := r.dial(r.admin); err == nil {
		t.Error("was not made to wait")
	}
	now := time.Now()
	if x := (refusals{3, now.Add(-refusalWindow - time.Second)}); x.over(now, 3) {
		t.Error("has to wait for ever")
	}
}

func TestConnectionsPerAddressAreBounded(t *testing.T) {
	r := newRig(t, func(o *Options) { o.MaxPerAddress = 3 })
	clients := []*gossh.Client{r.login(), r.login(), r.login()}
	if _, err := r.dial(r.admin); err == nil {
		t.Fatal("a fourth connection was taken")
	}
	_ = clients[1].Close()
	until(t, "room", func() bool {
		c, err := r.dial(r.admin)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
}

func TestAddressesCountByNetwork(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.7:22": "192.0.2.7", "[::ffff:192.0.2.7]:22": "192.0.2.7",
		"[2001:db8:1:2:3::4]:22": "2001:db8:1:2::/64", "[fe80::1%eth0]:22": "fe80::/64",
	} {
		addr, err := net.ResolveTCPAddr("tcp", strings.Replace(in, "%eth0", "", 1))
		if err != nil {
			t.Fatal(err)
		}
		if got := countedAs(addr); got != want {
			t.Errorf("%s counts as %s, want %s", in, got, want)
		}
	}
}

func TestSessionsPerUserAreBounded(t *testing.T) {
	r := newRig(t, func(o *Options) { o.MaxPerUser = 2 })
	c := r.login()
	first := openConsole(t, c, 80, 24)
	first.shows("? help", 80, 24)
	second := openConsole(t, r.login(), 80, 24)
	second.shows("? help", 80, 24)
	if _, errs, exit := r.run(c, "whoami", nil); exit != 1 || !strings.Contains(errs, "close one first") {
		t.Errorf("a third session: exit %d, %q", exit, errs)
	}
	first.typed("q")
	first.wait()
	until(t, "room", func() bool { _, _, exit := r.run(c, "whoami", nil); return exit == 0 })
}

func TestChannelsPerConnectionAreBounded(t *testing.T) {
	r := newRig(t, nil)
	c := r.login()
	for i := range maxChannels {
		if _, _, err := c.OpenChannel("session", nil); err != nil {
			t.Fatalf("channel %d: %v", i, err)
		}
	}
	if _, _, err := c.OpenChannel("session", nil); err == nil || !strings.Contains(err.Error(), "too many") {
		t.Errorf("got %v", err)
	}
}

func TestAHandshakeThatDoesNotComeIsNotWaitedFor(t *testing.T) {
	r := newRig(t, func(o *Options) { o.HandshakeTimeout = 50 * time.Millisecond })
	c, err := net.Dial("tcp", r.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := io.Copy(io.Discard, c); err != nil {
		t.Errorf("the server still waits: %v", err)
	}
}

func TestPortsAreNotForwarded(t *testing.T) {
	r := newRig(t, nil)
	c := r.login()
	if _, err := c.Dial("tcp", "127.0.0.1:80"); err == nil || !strings.Contains(err.Error(), "does not forward ports") {
		t.Errorf("got %v", err)
	}
	if _, err := c.Listen("tcp", "127.0.0.1:0"); err == nil {
		t.Error("the server listens for a client")
	}
	if _, _, err := c.OpenChannel("x11", nil); err == nil {
		t.Error("an unknown channel was opened")
	}
}

func TestStartSaysWhatIsInTheWay(t *testing.T) {
	r := newRig(t, nil)
	other := Options{Core: r.core, Keys: r.core.Keys(), Listen: r.Addr().String()}
	s, err := New(other)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); err == nil || !strings.Contains(err.Error(), "is another one running?") {
		t.Errorf("a port in use: %v", err)
	}
	other.Listen, other.Socket = "", r.o.Socket
	if s, err = New(other); err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); err == nil || !strings.Contains(err.Error(), "another server answers") {
		t.Errorf("a socket in use: %v", err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	other.Socket = file
	if s, err = New(other); err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); err == nil {
		t.Error("a file was replaced by a socket")
	}
	if b, _ := os.ReadFile(file); string(b) != "precious" {
		t.Error("the file is gone")
	}
	other.Socket = filepath.Join(t.TempDir(), strings.Repeat("x", 200))
	if s, err = New(other); err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); err == nil || !strings.Contains(err.Error(), "shorter path") {
		t.Errorf("a path too long: %v", err)
	}
	if _, err := New(Options{}); err == nil {
		t.Error("a server of nothing was made")
	}
}

func TestADeadListenerEndsTheServer(t *testing.T) {
	r := newRig(t, nil)
	ended := make(chan error, 1)
	go func() { ended <- r.Run(context.Background()) }()
	_ = r.listener.Close()
	select {
	case err := <-ended:
		if err == nil || !strings.Contains(err.Error(), "no longer listens") {
			t.Errorf("ended with %v", err)
		}
	case <-time.After(patience):
		t.Fatal("nobody noticed")
	}
}

// On shutdown every console says goodbye and gives its terminal back, commands
// end, and clients see exit codes instead of a lost connection.
func TestShutdownRestoresEveryTerminal(t *testing.T) {
	r := newRig(t, nil)
	var consoles []*console
	for range 5 {
		k := openConsole(t, r.login(), 80, 24)
		k.shows("? help", 80, 24)
		consoles = append(consoles, k)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	cancel()
	for _, k := range consoles {
		if code := k.wait(); code != 0 {
			t.Errorf("exit %d", code)
		}
		if got := k.output(); !strings.HasSuffix(got, restored+string(farewell)+"\r\n") {
			t.Errorf("left with %q", got[max(0, len(got)-200):])
		}
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if _, err := r.dial(r.admin); err == nil {
		t.Error("still lets people in")
	}
	if _, err := os.Stat(r.o.Socket); err == nil {
		t.Error("the socket is still there")
	}
}

func TestManyPeopleAtOnce(t *testing.T) {
	r := newRig(t, nil)
	var all sync.WaitGroup
	exits := make([]int, 20)
	for i := range exits {
		c := r.login()
		all.Go(func() { _, _, exits[i] = r.run(c, "whoami", nil) })
	}
	all.Wait()
	if i := slices.IndexFunc(exits, func(n int) bool { return n != 0 }); i >= 0 {
		t.Errorf("session %d: exit %d", i, exits[i])
	}
}
