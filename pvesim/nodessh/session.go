package nodessh

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"

	"proximity/pvesim/machine/unix"
)

// session is one SSH session channel.
type session struct {
	server *server
	conn   *ssh.ServerConn
	ch     ssh.Channel
	env    map[string]string
	may    Restriction
	pty    bool
	proc   *unix.Proc
	mu     sync.Mutex
}

func newSession(s *server, conn *ssh.ServerConn, ch ssh.Channel) *session {
	host, port, _ := net.SplitHostPort(conn.RemoteAddr().String())
	own, ownPort, _ := net.SplitHostPort(conn.LocalAddr().String())
	var may Restriction
	if conn.Permissions != nil {
		may, _ = conn.Permissions.ExtraData[restricted{}].(Restriction)
	}
	return &session{server: s, conn: conn, ch: ch, may: may, env: map[string]string{
		"HOME": "/root", "LANG": "C.UTF-8", "LOGNAME": "root", "MOTD_SHOWN": "pam", "SHELL": "/bin/bash", "USER": "root",
		"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "SHLVL": "1",
		"SSH_CLIENT": host + " " + port + " " + ownPort, "SSH_CONNECTION": host + " " + port + " " + own + " " + ownPort,
	}}
}

// serve handles the channel's requests until the client closes it.
func (s *session) serve(ctx context.Context, requests <-chan *ssh.Request) {
	gone := make(chan struct{})
	started := false
	var running sync.WaitGroup
	defer running.Wait()
	defer close(gone)
	for r := range requests {
		ok := false
		switch r.Type {
		case "env":
			var kv struct{ Name, Value string }
			if ssh.Unmarshal(r.Payload, &kv) == nil && (kv.Name == "LANG" || strings.HasPrefix(kv.Name, "LC_")) { // sshd: AcceptEnv
				s.env[kv.Name] = kv.Value
				ok = true
			}
		case "pty-req":
			var pty struct {
				Term string
				Rest []byte `ssh:"rest"`
			}
			if ok = !s.may.NoPTY && ssh.Unmarshal(r.Payload, &pty) == nil; ok {
				s.pty, s.env["TERM"], s.env["SSH_TTY"] = true, pty.Term, "/dev/pts/0"
			}
		case "window-change":
			ok = true
		case "signal":
			var sig struct{ Name string }
			if ssh.Unmarshal(r.Payload, &sig) == nil {
				s.signal(sig.Name)
			}
		case "exec", "shell":
			if started {
				break
			}
			var command struct{ Text string }
			if r.Type == "exec" && ssh.Unmarshal(r.Payload, &command) != nil {
				break
			}
			fault := s.server.Host.Fault(command.Text)
			if fault == "refuse" {
				break
			}
			started, ok = true, true
			if r.WantReply {
				r.Reply(true, nil)
				r.WantReply = false
			}
			running.Add(1)
			go func() {
				defer running.Done()
				s.run(ctx, command.Text, fault, gone)
			}()
		}
		if r.WantReply {
			r.Reply(ok, nil)
		}
	}
}

var signals = map[string]syscall.Signal{"HUP": syscall.SIGHUP, "INT": syscall.SIGINT, "KILL": syscall.SIGKILL, "TERM": syscall.SIGTERM, "QUIT": syscall.SIGQUIT, "USR1": syscall.SIGUSR1, "USR2": syscall.SIGUSR2}

func (s *session) signal(name string) {
	s.mu.Lock()
	proc := s.proc
	s.mu.Unlock()
	if sig, ok := signals[name]; ok && proc != nil {
		proc.SignalForeground(sig)
	}
}

// run runs a command line (or an interactive shell, when it is empty) with root's login shell.
func (s *session) run(ctx context.Context, command, fault string, gone <-chan struct{}) {
	kind, detail, _ := strings.Cut(fault, ":")
	switch kind {
	case "drop":
		s.conn.Close()
		return
	case "hang":
		select {
		case <-gone:
		case <-ctx.Done():
		}
		return
	case "delay":
		d, _ := time.ParseDuration(detail)
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-t.C:
		case <-gone:
			return
		case <-ctx.Done():
			return
		}
	}
	code, err := s.execute(command, gone)
	if err != nil {
		s.server.Logger.Debug("ssh command failed", "err", err)
	}
	if kind == "drop-after" {
		s.conn.Close()
		return
	}
	s.ch.SendRequest("exit-status", false, binary.BigEndian.AppendUint32(nil, uint32(code)))
	s.ch.Close()
}

var errGone = errors.New("client went away; the command goes on")

// execute runs the command to its end, or until the client is gone: then the command goes on by itself.
func (s *session) execute(command string, gone <-chan struct{}) (int, error) {
	if s.may.Command != "" {
		if command != "" {
			s.env["SSH_ORIGINAL_COMMAND"] = command
		}
		command = s.may.Command
	}
	args := []string{"bash", "-c", command}
	if command == "" {
		args = []string{"-bash"}
	}
	spec := unix.Spec{Args: args, Env: s.env, Dir: "/root"}
	var outputs []*unix.Output
	var terminal *unix.Terminal
	if s.pty {
		terminal = unix.NewTerminal(s.ch, func() { s.signal("INT") })
		spec.Files = []*unix.File{terminal.File(), terminal.File(), terminal.File()}
		go func() { // ends when the channel does
			buf := make([]byte, 1024)
			for {
				n, err := s.ch.Read(buf)
				terminal.Feed(buf[:n])
				if err != nil {
					terminal.Close()
					return
				}
			}
		}()
	} else {
		out, errs := unix.NewOutput(s.ch), unix.NewOutput(s.ch.Stderr())
		outputs = []*unix.Output{out, errs}
		spec.Files = []*unix.File{unix.Input(s.ch), out.File, errs.File}
	}
	p, err := s.server.node.kernel.Launch(spec)
	if err != nil {
		return 255, err
	}
	s.mu.Lock()
	s.proc = p
	s.mu.Unlock()
	p.Start(s.server.node.kernel.Programs["bash"])
	select {
	case <-p.Done():
	case <-gone:
		if s.pty {
			p.SignalForeground(syscall.SIGHUP)
		}
		return 255, errGone
	}
	for _, o := range outputs {
		o.Drain(gone)
	}
	return p.Code(), nil
}
