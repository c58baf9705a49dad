package pvesim

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// frames is the client's end of a websocket.
type frames struct {
	net.Conn
	br *bufio.Reader
}

func (f frames) send(t *testing.T, text string) {
	t.Helper()
	b := []byte{0x82, 0x80 | 126, 0, 0, 1, 2, 3, 4}
	binary.BigEndian.PutUint16(b[2:], uint16(len(text)))
	for i := range len(text) {
		b = append(b, text[i]^byte(1+i%4))
	}
	if _, err := f.Write(b); err != nil {
		t.Fatal(err)
	}
}

// expect reads until the text has been seen.
func (f frames) expect(t *testing.T, text string) {
	t.Helper()
	var seen bytes.Buffer
	_ = f.SetReadDeadline(time.Now().Add(10 * time.Second))
	for !strings.Contains(seen.String(), text) {
		var head [2]byte
		if _, err := io.ReadFull(f.br, head[:]); err != nil {
			t.Fatalf("waiting for %q, saw %q: %v", text, seen.String(), err)
		}
		n := int(head[1])
		if n == 126 {
			var more [2]byte
			_, _ = io.ReadFull(f.br, more[:])
			n = int(binary.BigEndian.Uint16(more[:]))
		}
		if _, err := io.CopyN(&seen, f.br, int64(n)); err != nil {
			t.Fatal(err)
		}
	}
}

// dial opens the console's websocket.
func (r *rig) dial(query string) (frames, *http.Response) {
	r.t.Helper()
	conn, err := tls.Dial("tcp", strings.TrimPrefix(r.base, "https://"), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { conn.Close() })
	fmt.Fprintf(conn, "GET /api2/json/nodes/pve1/lxc/100/vncwebsocket?%s HTTP/1.1\r\nHost: pve\r\nAuthorization: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: binary\r\n\r\n", query, r.auth)
	br := bufio.NewReader(conn)
	resp, err := http.ReadResponse(br, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	return frames{conn, br}, resp
}

func TestConsoleLogsIn(t *testing.T) {
	r := start(t, Options{})
	r.create(100, "hostname", "box", "password", "secret123")
	r.done("POST", "/nodes/pve1/lxc/100/status/start")
	p := r.object("POST", "/nodes/pve1/lxc/100/termproxy")
	query := url.Values{"port": {p["port"].(string)}, "vncticket": {p["ticket"].(string)}}.Encode()
	ws, resp := r.dial(query)
	if resp.StatusCode != 101 || resp.Header.Get("Sec-WebSocket-Accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" || resp.Header.Get("Sec-WebSocket-Protocol") != "binary" {
		t.Fatalf("upgrade: %s %v", resp.Status, resp.Header)
	}
	ws.send(t, p["user"].(string)+":"+p["ticket"].(string)+"\n")
	ws.expect(t, "OK")
	keys := func(s string) { ws.send(t, fmt.Sprintf("0:%d:%s", len(s), s)) }
	ws.expect(t, "box login: ")
	ws.send(t, "1:120:36:")
	keys("root\r")
	ws.expect(t, "Password: ")
	keys("wrong\r")
	ws.expect(t, "Login incorrect")
	ws.expect(t, "box login: ")
	keys("root\r")
	ws.expect(t, "Password: ")
	keys("secret123\r")
	keys("echo $((6*7))\r")
	ws.expect(t, "42")
	if _, again := r.dial(query); again.StatusCode != 401 {
		t.Errorf("the ticket served twice: %s", again.Status)
	}
	ws.Close()
	if exit, _ := r.ended(p["upid"].(string)); exit != "OK" {
		t.Errorf("the console's task ended %q", exit)
	}
}

// shell runs a command line on a node.
func (r *rig) shell(node int, key string, command string) (code int, out string, err error) {
	r.t.Helper()
	host := strings.Split(r.ports.https(node), ":")[0]
	client, err := ssh.Dial("tcp", fmt.Sprintf("%s:%d", host, r.SSHPort()), &ssh.ClientConfig{
		User: "root", Auth: []ssh.AuthMethod{ssh.Password(r.RootPassword())},
		HostKeyCallback: func(_ string, _ net.Addr, k ssh.PublicKey) error {
			if got := ssh.FingerprintSHA256(k); got != key {
				return fmt.Errorf("host key %s, not %s", got, key)
			}
			return nil
		},
	})
	if err != nil {
		return 0, "", err
	}
	defer client.Close()
	s, err := client.NewSession()
	if err != nil {
		return 0, "", err
	}
	b, err := s.CombinedOutput(command)
	if exit, ok := err.(*ssh.ExitError); ok {
		return exit.ExitStatus(), string(b), nil
	}
	return 0, string(b), err
}

func TestNodesAnswerSSH(t *testing.T) {
	r := start(t, Options{Nodes: 2})
	r.create(100, "hostname", "box")
	key := r.SSHHostKey("pve1")
	for _, x := range []struct {
		command string
		code    int
		out     string
	}{
		{"pct exec 100 -- hostname", 255, "container '100' not running!\n"},
		{"pct exec 999 -- hostname", 2, "Configuration file 'nodes/pve1/lxc/999.conf' does not exist\n"},
		{"pct start 100", 0, ""},
		{"pct exec 100 --keep-env 0 -- sh -c 'hostname; exit 42'", 42, "box\n"},
		{"grep -c hostname: /etc/pve/lxc/100.conf", 0, "1\n"},
		{"echo 'lxc.apparmor.profile: unconfined' >> /etc/pve/lxc/100.conf", 0, ""},
	} {
		code, out, err := r.shell(0, key, x.command)
		if err != nil || code != x.code || out != x.out {
			t.Errorf("%s: %d %q %v, want %d %q", x.command, code, out, err, x.code, x.out)
		}
	}
	if lines, ok := r.object("GET", "/nodes/pve1/lxc/100/config")["lxc"].([]any); !ok || fmt.Sprint(lines) != "[[lxc.apparmor.profile unconfined]]" {
		t.Errorf("the file's raw lines: %v", lines)
	}
	if code, out, _ := r.shell(1, r.SSHHostKey("pve2"), "pct exec 100 -- true"); code != 2 || out != "Configuration file 'nodes/pve2/lxc/100.conf' does not exist\n" {
		t.Errorf("on the wrong node: %d %q", code, out)
	}
	r.Inject(Fault{Path: "ssh", Times: 1, Do: "drop"})
	if _, _, err := r.shell(0, key, "pct list"); err == nil {
		t.Error("a dropped command was answered")
	}
	last := r.Requests()[len(r.Requests())-1]
	if last.Method != "SSH" || last.Path != "ssh" || last.Command != "pct list" || last.Node != "pve1" {
		t.Errorf("noted %+v", last)
	}
}
