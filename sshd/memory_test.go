package sshd

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	gossh "golang.org/x/crypto/ssh"

	"proximity/core"
)

// Clients whose memory must not be counted as the server's live in a process of
// their own: this test binary, started again.
const clientsEnv = "PROXIMITY_SSH_CLIENTS"

func TestMain(m *testing.M) {
	if os.Getenv(clientsEnv) != "" {
		if err := beClients(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// beClients prints a public key, reads "ADDRESS COUNT", opens so many consoles
// of 120x36, each over a connection of its own, says ready once each has its
// first frame, and keeps them until its input ends.
func beClients(in io.Reader, out io.Writer) error {
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		return err
	}
	signer, err := gossh.NewSignerFromSigner(key)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, line(signer))
	var addr string
	var n int
	r := bufio.NewReader(in)
	if _, err := fmt.Fscanln(r, &addr, &n); err != nil {
		return err
	}
	for range n {
		c, err := gossh.Dial("tcp", addr, &gossh.ClientConfig{User: "anna", Auth: []gossh.AuthMethod{gossh.PublicKeys(signer)}, HostKeyCallback: gossh.InsecureIgnoreHostKey()})
		if err != nil {
			return err
		}
		s, err := c.NewSession()
		if err != nil {
			return err
		}
		screen, err := s.StdoutPipe()
		if err != nil {
			return err
		}
		if _, err := s.StdinPipe(); err != nil { // or its end would end the session
			return err
		}
		if err := s.RequestPty("xterm-256color", 36, 120, nil); err != nil {
			return err
		}
		if err := s.Shell(); err != nil {
			return err
		}
		if _, err := screen.Read(make([]byte, 64<<10)); err != nil {
			return err
		}
		go func() { _, _ = io.Copy(io.Discard, screen) }()
	}
	fmt.Fprintln(out, "ready")
	_, _ = io.Copy(io.Discard, r)
	return nil
}

// What one more session costs the server: heap and stacks in use, and what the
// runtime has taken from the system.
func BenchmarkSessionMemory(b *testing.B) {
	r := newRig(b, func(o *Options) { o.MaxPerAddress, o.MaxPerUser = 1000, 1000 }, crowded)
	const sessions = 100
	for b.Loop() {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), clientsEnv+"=1")
		cmd.Stderr = os.Stderr
		in, err := cmd.StdinPipe()
		if err != nil {
			b.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			b.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			b.Fatal(err)
		}
		said := bufio.NewScanner(out)
		said.Scan()
		if err := r.core.AddUser(context.Background(), core.LocalAdmin("bench"), "crowd", core.RoleAdmin, []string{said.Text()}); err != nil {
			b.Fatal(err)
		}
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		goroutines := runtime.NumGoroutine()
		fmt.Fprintln(in, r.Addr(), sessions)
		if said.Scan(); !strings.HasPrefix(said.Text(), "ready") {
			b.Fatalf("the clients say %q", said.Text())
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/sessions/1024, "KiB-heap/session")
		b.ReportMetric(float64(after.StackInuse-before.StackInuse)/sessions/1024, "KiB-stack/session")
		b.ReportMetric(float64(runtime.NumGoroutine()-goroutines)/sessions, "goroutines/session")
		_ = in.Close()
		if err := cmd.Wait(); err != nil {
			b.Fatal(err)
		}
		until(b, "no session", func() bool { r.mu.Lock(); defer r.mu.Unlock(); return len(r.doors) == 0 })
	}
}
