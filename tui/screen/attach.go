package screen

import (
	"context"
	"errors"
	"io"
	"sync/atomic"

	tea "charm.land/bubbletea/v2"
)

// ErrAttached says that the terminal is lent already.
var ErrAttached = errors.New("another console is attached to this terminal")

// Console is the terminal while somebody other than the program has it.
type Console struct {
	In    io.Reader   // what the user types, byte for byte
	Out   io.Writer   // what the user sees
	Size  Size        // at first
	Sizes <-chan Size // the newest later one
}

// console is the lender's side of a Console.
type console struct {
	in    *io.PipeWriter
	sizes chan Size
	over  atomic.Bool
	out   io.Writer
}

// Write passes on what the console shows, as long as the terminal is its own.
func (c *console) Write(p []byte) (int, error) {
	if c.over.Load() {
		return 0, io.ErrClosedPipe
	}
	return c.out.Write(p)
}

// Attach lends the terminal to run until it returns: it gets the user's bytes,
// no frame is drawn, and the program goes on handling messages and sizes. Then
// the program is drawn anew, and gets what done makes of run's error.
// The context ends when the program does; run must return then.
func (s *Screen) Attach(run func(context.Context, Console) error, done func(error) tea.Msg) tea.Cmd {
	return func() tea.Msg {
		r, w := io.Pipe()
		c := &console{in: w, sizes: make(chan Size, 1), out: s.out}
		lent := make(chan struct{})
		var size Size
		taken := false
		s.tell(func(o *order) {
			if taken = o.console != nil; !taken {
				o.console, o.lent, size = c, lent, o.size
			}
		})
		if taken {
			return done(ErrAttached)
		}
		defer s.detach(c, r)
		stop := context.AfterFunc(s.ctx, func() { _ = w.Close() })
		defer stop()
		select {
		case <-lent:
		case <-s.ctx.Done():
			return nil
		}
		err := run(s.ctx, Console{In: r, Out: c, Size: size, Sizes: c.sizes})
		s.detach(c, r)
		return done(err)
	}
}

// detach takes the terminal back from c; once is enough.
func (s *Screen) detach(c *console, in *io.PipeReader) {
	if c.over.Swap(true) {
		return
	}
	_ = in.Close()
	s.tell(func(o *order) { o.console, o.forget = nil, true })
	s.Send(frameMsg{})
}

// divert gives bytes to the console that has the terminal, and reports whether
// there is one. What a console leaves unread when it ends is dropped: it was
// not meant for the program.
func (s *Screen) divert(b []byte) bool {
	s.mu.Lock()
	c := s.next.console
	s.mu.Unlock()
	if c == nil {
		return false
	}
	_, _ = c.in.Write(b)
	return true
}

// resize takes a new size; a console hears of it at once, the program from feed.
func (s *Screen) resize(size Size) {
	s.mu.Lock()
	s.next.size = size
	c := s.next.console
	s.mu.Unlock()
	if c == nil {
		return
	}
	select { // only follow sends, so that after this there is room
	case <-c.sizes:
	default:
	}
	c.sizes <- size
}
