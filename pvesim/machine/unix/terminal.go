package unix

import (
	"bytes"
	"context"
	"io"
	"sync"
)

// Terminal is the line discipline between a person's keys and a process: it echoes, edits the line (Backspace, Ctrl-U,
// Ctrl-W), and turns Ctrl-C into a call, Ctrl-D into an end of file, and "\n" of the output into "\r\n".
type Terminal struct {
	out       io.Writer
	interrupt func()

	line   []byte // that is being typed
	escape int    // inside an escape sequence

	mu      sync.Mutex
	ready   [][]byte // whole lines; an empty one is an end of file
	changed chan struct{}
	closed  bool
}

// NewTerminal shows to out; interrupt is called on Ctrl-C.
func NewTerminal(out io.Writer, interrupt func()) *Terminal {
	return &Terminal{out: out, interrupt: interrupt, changed: make(chan struct{})}
}

// File is the terminal as a descriptor for input and output.
func (t *Terminal) File() *File {
	f := newFile(terminalStream{t}, nil)
	f.TTY = true
	return f
}

// Feed types bytes; it is called by one goroutine at a time. What they echo is shown before anybody can read them, as a line's answer comes below it.
func (t *Terminal) Feed(b []byte) {
	var echo []byte
	var lines [][]byte
	interrupted := false
	for _, c := range b {
		switch {
		case t.escape == 1 && (c == '[' || c == 'O'):
			t.escape = 2
		case t.escape == 1:
			t.escape = 0
		case t.escape == 2:
			if c >= 0x40 && c <= 0x7e {
				t.escape = 0
			}
		case c == 0x1b:
			t.escape = 1
		case c == '\r' || c == '\n':
			echo = append(echo, "\r\n"...)
			lines = append(lines, append(t.line, '\n'))
			t.line = nil
		case c == 0x7f || c == 0x08:
			if n := len(t.line); n > 0 {
				t.line = t.line[:n-1]
				echo = append(echo, "\b \b"...)
			}
		case c == 0x15: // Ctrl-U
			echo = append(echo, bytes.Repeat([]byte("\b \b"), len(t.line))...)
			t.line = nil
		case c == 0x17: // Ctrl-W
			n := len(bytes.TrimRight(t.line, " "))
			cut := bytes.LastIndexByte(t.line[:n], ' ') + 1
			echo = append(echo, bytes.Repeat([]byte("\b \b"), len(t.line)-cut)...)
			t.line = t.line[:cut]
		case c == 0x03: // Ctrl-C
			echo = append(echo, "^C\r\n"...)
			t.line = nil
			interrupted = true
		case c == 0x04: // Ctrl-D
			lines = append(lines, t.line)
			t.line = nil
		case c == '\t' || c >= 0x20:
			t.line = append(t.line, c)
			echo = append(echo, c)
		}
	}
	if len(echo) > 0 {
		t.out.Write(echo)
	}
	if len(lines) > 0 {
		t.push(lines)
	}
	if interrupted && t.interrupt != nil {
		t.interrupt()
	}
}

func (t *Terminal) push(lines [][]byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ready = append(t.ready, lines...)
	t.wake()
}

func (t *Terminal) wake() {
	close(t.changed)
	t.changed = make(chan struct{})
}

// Close hangs the terminal up: readers see the end of file for good.
func (t *Terminal) Close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	t.wake()
}

type terminalStream struct{ t *Terminal }

func (s terminalStream) Read(ctx context.Context, b []byte) (int, error) {
	t := s.t
	for {
		t.mu.Lock()
		if len(t.ready) > 0 {
			n := copy(b, t.ready[0])
			if t.ready[0] = t.ready[0][n:]; len(t.ready[0]) == 0 {
				t.ready = t.ready[1:]
			}
			t.mu.Unlock()
			if n == 0 {
				return 0, io.EOF
			}
			return n, nil
		}
		closed, changed := t.closed, t.changed
		t.mu.Unlock()
		if closed {
			return 0, io.EOF
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return 0, io.EOF
		}
	}
}

func (s terminalStream) Write(_ context.Context, b []byte) (int, error) {
	if _, err := s.t.out.Write(bytes.ReplaceAll(b, []byte("\n"), []byte("\r\n"))); err != nil {
		return len(b), nil // nobody looks any more
	}
	return len(b), nil
}

func (s terminalStream) Close() error { return nil }
