package sshd

import (
	"net"
	"strings"
	"testing"

	gossh "golang.org/x/crypto/ssh"
)

// The rules of the console that only a real connection can show; the figures
// are benchmarks.

// No frame is larger than 16 KB, and a move of the selection is a fraction of
// that, with a thousand apps on a large terminal.
func TestFramesAreSmall(t *testing.T) {
	r := newRig(t, nil, crowded)
	k := openConsole(t, r.login(), 200, 60)
	k.shows("? help", 200, 60)
	sent := func(key, want string) int {
		t.Helper()
		before := len(k.output())
		k.typed(key)
		k.shows(want, 200, 60)
		return len(k.output()) - before
	}
	if n := len(k.output()); n > 16<<10 {
		t.Errorf("the first frame has %d bytes", n)
	}
	if n := sent("2", "app-00040"); n > 16<<10 {
		t.Errorf("the list of apps has %d bytes", n)
	}
	if n := sent("G", "app-00999"); n > 16<<10 {
		t.Errorf("another page of it has %d bytes", n)
	}
	before := len(k.output())
	k.typed("k")
	until(t, "the move", func() bool { return len(k.output()) > before })
	if n := len(k.output()) - before; n > 2<<10 {
		t.Errorf("a move has %d bytes", n)
	}
}

// A cut connection costs nothing but the connection: whoever comes back is
// where they were.
func TestWhoComesBackIsWhereTheyWere(t *testing.T) {
	r := newRig(t, nil, crowded)
	c, err := net.Dial("tcp", r.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	client, err := r.over(c, r.admin)
	if err != nil {
		t.Fatal(err)
	}
	k := openConsole(t, client, 120, 36)
	k.shows("? help", 120, 36)
	k.typed("2")
	k.shows("app-00010", 120, 36)
	k.typed("/00500\r")
	k.shows("app-00500", 120, 36)
	until(t, "only the one", func() bool { return !strings.Contains(k.text(120, 36), "app-00010") })
	actor, err := r.core.Login(gossh.FingerprintSHA256(r.admin.PublicKey()), "")
	if err != nil {
		t.Fatal(err)
	}
	until(t, "the place to be kept", func() bool { return strings.Contains(string(r.core.Place(actor, "console")), "00500") })
	_ = c.(*net.TCPConn).SetLinger(0)
	_ = c.Close()
	until(t, "the end", func() bool { r.mu.Lock(); defer r.mu.Unlock(); return len(r.users) == 0 })

	k = openConsole(t, r.login(), 120, 36)
	k.shows("? help", 120, 36)
	if first := k.text(120, 36); !strings.Contains(first, "app-00500") || strings.Contains(first, "app-00010") {
		t.Errorf("came back to\n%s", first)
	}
}
