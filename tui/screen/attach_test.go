package screen

import (
	"bufio"
	"context"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"

	tea "charm.land/bubbletea/v2"
)

// detached is what the model gets after a console.
type detached struct{ err error }

func done(err error) tea.Msg { return detached{err} }

// A console has the terminal to itself: all keys, all output, every size; and
// the program comes back with a whole frame.
func TestAConsoleHasTheTerminalToItself(t *testing.T) {
	var keys atomic.Int64
	m := counter(&keys)
	count, after := m.update, make(chan error, 1)
	m.update = func(msg tea.Msg) tea.Cmd {
		if d, ok := msg.(detached); ok {
			after <- d.err
		}
		return count(msg)
	}
	s := start(t, m)
	s.await(t, "n=0.")

	failed := errors.New("connection lost")
	s.screen.Send(command(s.screen.Attach(func(_ context.Context, c Console) error {
		if c.Size != (Size{80, 24}) {
			t.Errorf("size %v", c.Size)
		}
		_, _ = io.WriteString(c.Out, "ready\r\n")
		in := bufio.NewReader(c.In)
		line, _ := in.ReadString('\r')
		_, _ = io.WriteString(c.Out, "heard "+line+"\n")
		size := <-c.Sizes
		for size.Width != 139 { // only the newest is kept
			size = <-c.Sizes
		}
		_, _ = io.WriteString(c.Out, "resized\x1b[?1049h\x1b[31m") // and leaves a mess
		_, _ = in.ReadString('\r')
		return failed
	}, done)))

	if got, want := s.await(t, "ready\r\n"), restored+"ready\r\n"; got != want {
		t.Errorf("the console began with %q, want %q", got, want)
	}
	s.screen.Send(tea.KeyPressMsg{Code: 'x', Text: "x"}) // the program goes on unseen
	s.screen.Raw("\x07")                                 // and its commands wait
	s.typed("abc\x1b[Adef\r")
	s.await(t, "heard abc\x1b[Adef\r\n")
	for i := range 100 {
		s.sizes <- Size{40 + i, 20}
	}
	if got := s.await(t, "resized\x1b[?1049h\x1b[31m"); got != "resized\x1b[?1049h\x1b[31m" {
		t.Errorf("something was drawn over the console: %q", got)
	}
	s.typed("\r")
	got := s.await(t, "n=1.")
	if !strings.HasPrefix(got, "\x07"+Reset) || !strings.Contains(got, "\x1b[?1049h") || !strings.Contains(got, "\x1b[2J") {
		t.Errorf("came back with %q", got)
	}
	if err := <-after; err != failed {
		t.Errorf("the model was told %v", err)
	}
	if n := keys.Load(); n != 1 {
		t.Errorf("the program got %d keys, all but one of them meant for the console", n)
	}
	until(t, "the newest size", func() bool { return s.screen.Size() == Size{139, 20} })
}

func TestTheTerminalIsLentOnce(t *testing.T) {
	after := make(chan error, 2)
	s := start(t, &model{update: func(msg tea.Msg) tea.Cmd {
		if d, ok := msg.(detached); ok {
			after <- d.err
		}
		return nil
	}})
	run := func(ctx context.Context, c Console) error {
		_, _ = io.WriteString(c.Out, "ready")
		_, err := c.In.Read(make([]byte, 1))
		return err
	}
	s.screen.Send(command(s.screen.Attach(run, done)))
	s.await(t, "ready")
	s.screen.Send(command(s.screen.Attach(run, done)))
	if err := <-after; !errors.Is(err, ErrAttached) {
		t.Errorf("the second console got %v", err)
	}
	s.typed("x")
	if err := <-after; err != nil {
		t.Errorf("the first console got %v", err)
	}
	s.await(t, "hello")
	s.screen.Send(command(s.screen.Attach(run, done)))
	s.await(t, "ready")
}

// However a session with a console ends, the console ends with it and the
// terminal is cleaned of what it left.
func TestAConsoleEndsWithItsSession(t *testing.T) {
	for _, c := range []struct {
		name string
		end  func(*session)
	}{
		{"quit", func(s *session) { s.screen.Send(tea.QuitMsg{}) }},
		{"goodbye", func(s *session) { s.cancel(Goodbye("closing")) }},
		{"closed channel", func(s *session) { close(s.sizes) }},
		{"panic in the console", func(s *session) { s.typed("p") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := start(t, &model{})
			ended := make(chan error, 1)
			late := make(chan error, 1)
			s.screen.Send(command(s.screen.Attach(func(ctx context.Context, c Console) error {
				_, _ = io.WriteString(c.Out, "ready")
				b := make([]byte, 1)
				n, err := c.In.Read(b)
				if n > 0 && b[0] == 'p' {
					ended <- io.EOF
					late <- nil
					panic("boom")
				}
				<-ctx.Done()
				ended <- err
				<-s.ended
				_, err = io.WriteString(c.Out, "late")
				late <- err
				return nil
			}, done)))
			s.await(t, "ready")
			c.end(s)
			if err := <-ended; err != io.EOF {
				t.Errorf("the console read %v", err)
			}
			_ = s.wait()
			got := s.take()
			if !strings.HasPrefix(got, Reset) {
				t.Errorf("left the terminal with %q", got)
			}
			if <-late; strings.Contains(s.take(), "late") {
				t.Errorf("wrote to a terminal that was no longer its own")
			}
		})
	}
}

func TestAConsoleHearsThatTheUserHungUp(t *testing.T) {
	s := start(t, &model{})
	read := make(chan error, 1)
	s.screen.Send(command(s.screen.Attach(func(_ context.Context, c Console) error {
		_, _ = io.WriteString(c.Out, "ready")
		_, err := io.Copy(io.Discard, c.In)
		read <- err
		return nil
	}, done)))
	s.await(t, "ready")
	_ = s.in.Close()
	if err := <-read; err != nil {
		t.Errorf("read ended with %v, want its end", err)
	}
	if err := s.wait(); err != nil {
		t.Error(err)
	}
}
