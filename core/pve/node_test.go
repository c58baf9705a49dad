package pve

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
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
	slow       time.Duration  // how long pct takes to start
	pve        string         // what stands for /etc/pve/lxc
	command    func(line string, ch ssh.Channel) (exit uint32, handled bool)

	mu          sync.Mutex
	lines       []string // commands run
	notes       []string // other requests
	connections int
	conns       []net.Conn
	groups      []int // process groups of the scripts started
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
		n.mu.Lock()
		for _, group := range n.groups { // a test that failed may have left one
			syscall.Kill(-group, syscall.SIGKILL)
		}
		n.mu.Unlock()
		all.Wait()
	})
	return n
}

// note keeps what a session asked for beside its command.
func (n *fakeNode) note(r *ssh.Request) {
	var said string
	switch r.Type {
	case "pty-req":
		var p struct {
			Term          string
			Columns, Rows uint32
			Width, Height uint32
			Modes         string
		}
		ssh.Unmarshal(r.Payload, &p)
		said = fmt.Sprintf("%s %dx%d", p.Term, p.Columns, p.Rows)
	case "window-change":
		var p struct{ Columns, Rows, Width, Height uint32 }
		ssh.Unmarshal(r.Payload, &p)
		said = fmt.Sprintf("%dx%d", p.Columns, p.Rows)
	default:
		said = r.Type
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.notes = append(n.notes, said)
}

func (n *fakeNode) noted() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]string(nil), n.notes...)
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
					n.note(r)
					r.Reply(true, nil)
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
	switch line {
	case "pct list":
		fmt.Fprint(ch, "VMID       Status     Lock         Name\n")
		return 0
	case "pct enter 100": // a shell of few words
		word := make([]byte, 100)
		for {
			k, err := ch.Read(word)
			if err != nil || string(word[:k]) == "exit\n" {
				return 3
			}
			ch.Write(bytes.ToUpper(word[:k]))
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
		time.Sleep(n.slow)
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
	err := cmd.Start()
	if err == nil {
		n.mu.Lock()
		n.groups = append(n.groups, cmd.Process.Pid)
		n.mu.Unlock()
		err = cmd.Wait()
	}
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
	f.data("GET /nodes/pve1/lxc/100/status/current", `{"status":"running"}`)
	f.data("GET /nodes/pve1/lxc/201/status/current", `{"status":"stopped"}`)
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
