package sshd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	tea "charm.land/bubbletea/v2"
	"charm.land/ssh"
	gossh "golang.org/x/crypto/ssh"

	"proximity/cli"
	"proximity/core"
	"proximity/keys"
	"proximity/tui"
	"proximity/tui/screen"
)

// Bounds of what a client may ask for.
const (
	maxChannels = 64 // sessions of one connection, begun or not
	maxEnv      = 64 // environment variables
)

// acceptTerminal refuses terminals of absurd size: nothing that large is real.
// Large ones are drawn in part.
func acceptTerminal(_ ssh.Context, p ssh.Pty) bool {
	return p.Window.Width <= 10*screen.MaxWidth && p.Window.Height <= 10*screen.MaxHeight
}

var errGone = errors.New("the client is gone")

// session gives each session a context of its own: the connection may carry
// others and outlive it (ControlMaster).
func (s *Server) session(srv *ssh.Server, conn *gossh.ServerConn, c gossh.NewChannel, ctx ssh.Context) {
	open := channels(ctx)
	if open.Add(1) > maxChannels {
		open.Add(-1)
		_ = c.Reject(gossh.ResourceShortage, "too many sessions in one connection")
		return
	}
	defer open.Add(-1)
	own, cancel := context.WithCancelCause(ctx)
	defer cancel(errGone)
	ssh.DefaultSessionHandler(srv, conn, c, sessionContext{ctx, own})
}

type channelsKey struct{}

// channels is the number of a connection's open sessions.
func channels(ctx ssh.Context) *atomic.Int64 {
	ctx.Lock()
	defer ctx.Unlock()
	n, ok := ctx.Value(channelsKey{}).(*atomic.Int64)
	if !ok {
		n = new(atomic.Int64)
		ctx.SetValue(channelsKey{}, n)
	}
	return n
}

// sessionContext knows what its connection's context knows, and ends with its
// session.
type sessionContext struct {
	ssh.Context
	own context.Context
}

func (c sessionContext) Done() <-chan struct{}       { return c.own.Done() }
func (c sessionContext) Err() error                  { return c.own.Err() }
func (c sessionContext) Deadline() (time.Time, bool) { return c.own.Deadline() }

// handle is the middleware that serves every session.
func (s *Server) handle(ssh.Handler) ssh.Handler {
	return func(sess ssh.Session) {
		began := time.Now()
		v := &visit{Session: sess, s: s}
		code := v.serve()
		_ = sess.Exit(code)
		s.log.Info("session", "user", v.actor.User, "via", v.actor.Via, "from", v.actor.From, "command", sess.RawCommand() != "", "exit", code, "took", time.Since(began).Round(time.Millisecond))
	}
}

// visit is one session.
type visit struct {
	ssh.Session
	s     *Server
	actor core.Actor
	term  string // "" without a terminal
	size  screen.Size
	sizes <-chan screen.Size
	env   []string // cleaned
	out   io.Writer
	err   io.Writer
}

// serve runs the session and returns its exit code. What goes wrong in it ends
// nobody else's.
func (v *visit) serve() (code int) {
	defer func() {
		if p := recover(); p != nil {
			v.crashed(p, debug.Stack())
			code = 1
		}
	}()
	out := newPatient(v.Session, v, v.s.o.StallTimeout)
	errw := newPatient(v.Stderr(), v, v.s.o.StallTimeout)
	v.out, v.err = out, errw
	defer out.stop()
	defer errw.stop()

	ctx, cancel := context.WithCancelCause(v.Context())
	defer cancel(nil)
	// The terminal's sizes must be received for as long as the client sends
	// them, whatever becomes of the session: its connection would jam.
	v.terminal(ctx)

	leave, err := v.enter()
	if err != nil {
		v.say(err.Error())
		return 1
	}
	defer leave()
	stop := context.AfterFunc(v.s.ctx, func() { cancel(context.Cause(v.s.ctx)) })
	defer stop()
	ctx, gone := v.s.o.Core.Admit(ctx, v.actor)
	defer gone()
	v.env = environ(v.Environ(), v.term)

	command, err := split(v.RawCommand())
	switch {
	case err != nil:
		v.say("the command cannot be read: " + err.Error())
		return 2
	case len(command) > 0:
		return v.command(ctx, command)
	case v.term == "" || v.term == "dumb":
		return v.plain()
	}
	return v.console(ctx)
}

// say writes a line for people to the session's standard error.
func (v *visit) say(text string) { _, _ = fmt.Fprintln(v.err, "proximity: "+text) }

func (v *visit) crashed(value any, stack []byte) {
	v.s.log.Error("session crashed", "user", v.actor.User, "panic", value, "stack", string(stack))
	v.say("this session has crashed; the server goes on, and its log says where it happened")
}

// terminal learns what terminal the client has, if any.
func (v *visit) terminal(ctx context.Context) {
	pty, windows, ok := v.Pty()
	if !ok {
		return
	}
	v.term = terminalName(pty.Term)
	first := <-windows // as asked for; always there
	v.size = screen.Size{Width: first.Width, Height: first.Height}
	sizes := make(chan screen.Size)
	v.sizes = sizes
	go func() {
		defer close(sizes)
		for w := range windows { // closed with the session
			select {
			case sizes <- screen.Size{Width: w.Width, Height: w.Height}:
			case <-ctx.Done():
			}
		}
	}()
}

// terminalName is TERM if it looks like one: it decides about colours.
func terminalName(s string) string {
	if s == "" || len(s) > 64 || strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-") != "" {
		return "dumb"
	}
	return s
}

// environ is what of the client's environment is used.
func environ(sent []string, term string) (env []string) {
	for _, kv := range sent[:min(len(sent), maxEnv)] {
		name, value, _ := strings.Cut(kv, "=")
		if value, ok := core.SafeEnv(name, value); ok {
			env = append(env, name+"="+value)
		}
	}
	if term != "" {
		env = append(env, "TERM="+term)
	}
	return env
}

// getenv finds a variable of the session.
func (v *visit) getenv(name string) string {
	for _, kv := range v.env {
		if n, value, _ := strings.Cut(kv, "="); n == name {
			return value
		}
	}
	return ""
}

// enter finds out who this is and counts them in. Over the network that is the
// owner of the key that proved itself, as core knows them now.
func (v *visit) enter() (leave func(), err error) {
	d, ok := v.Context().Value(doorKey{}).(*door)
	switch {
	case ok && d.peer != nil:
		v.actor = *d.peer
	case v.PublicKey() == nil:
		return nil, errors.New("no key has proved who you are")
	default:
		if v.actor, err = v.s.o.Core.Login(keys.FingerprintOf(v.PublicKey()), host(v.RemoteAddr())); err != nil {
			return nil, err
		}
	}
	s, user := v.s, v.actor.User
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return nil, errStopping
	}
	if s.users[user] >= s.o.MaxPerUser {
		return nil, fmt.Errorf("%s has %d sessions already; close one first", user, s.users[user])
	}
	s.users[user]++
	s.sessions.Add(1)
	s.sessions.Go(func() { s.o.Core.Entered(v.actor) }) // may write to disk
	return sync.OnceFunc(func() {
		s.mu.Lock()
		if s.users[user]--; s.users[user] <= 0 {
			delete(s.users, user)
		}
		s.mu.Unlock()
		s.sessions.Done()
	}), nil
}

// console shows the console until the user leaves.
func (v *visit) console(ctx context.Context) int {
	t := screen.Terminal{In: v.Session, Out: v.out, Size: v.size, Sizes: v.sizes, Env: v.env}
	_, err := screen.Run(ctx, t, func(sc *screen.Screen) tea.Model {
		size := sc.Size()
		return v.s.newModel(tui.Options{
			Core: v.s.o.Core, Actor: v.actor, Ctx: ctx, Width: size.Width, Height: size.Height,
			Env: v.env, Profile: sc.Profile(), Host: v.s.o.Host,
		})
	})
	var crash *screen.PanicError
	switch {
	case errors.As(err, &crash):
		v.crashed(crash.Value, crash.Stack)
		return 1
	case errors.Is(err, core.ErrDenied):
		v.say(err.Error())
		return 4
	case err != nil && !errors.Is(err, farewell) && !errors.Is(err, context.Canceled) && !errors.Is(err, errGone):
		v.s.log.Warn("console ended", "user", v.actor.User, "error", err)
		return 1
	}
	return 0
}

// command runs one command.
func (v *visit) command(ctx context.Context, args []string) int {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	in := v.input(ctx, cancel)
	code := cli.Run(ctx, cli.Env{
		Core: v.s.o.Core, Actor: v.actor, In: in, Out: v.out, Err: v.err,
		Width: v.size.Width, Host: v.hostHint(), Getenv: v.getenv,
	}, args)
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, farewell):
		v.say(errStopping.Error())
	case errors.Is(cause, errInterrupted):
		return 130
	case errors.Is(cause, core.ErrDenied):
		v.say(cause.Error())
		return 4
	}
	return code
}

// input is what a command reads; it ends when ctx does.
func (v *visit) input(ctx context.Context, cancel context.CancelCauseFunc) io.Reader {
	if v.term != "" {
		t := newTyped(v.Session, func() { cancel(errInterrupted) })
		context.AfterFunc(ctx, t.end)
		return t
	}
	r, w := io.Pipe()
	go func() {
		_, err := io.Copy(w, v.Session)
		_ = w.CloseWithError(err)
	}()
	context.AfterFunc(ctx, func() { _ = r.CloseWithError(context.Cause(ctx)) })
	return r
}

// hostHint is how this client gets here, for hints.
func (v *visit) hostHint() string {
	if v.actor.Via == core.ViaLocal {
		return ""
	}
	return v.s.o.Host
}

// plain tells in plain text what there is, where no console can be drawn.
func (v *visit) plain() int {
	if err := tui.Plain(v.out, v.s.o.Core, v.actor, v.size.Width); err != nil {
		return 1
	}
	run := "ssh " + v.s.o.Host
	if v.actor.Via == core.ViaLocal {
		run = "proximity"
	}
	_, _ = fmt.Fprintf(v.out, "\nThe console needs a terminal: %s in one, or ssh -t. Commands need none: %s help\n", run, run)
	return 0
}
