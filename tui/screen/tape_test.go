package screen

import (
	"context"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/vt"
)

// tape is a terminal that remembers what was written, and may stop reading.
type tape struct {
	mu    sync.Mutex
	moved *sync.Cond
	text  strings.Builder
	all   strings.Builder // never emptied
	n     int             // writes
	shut  bool
	err   error
}

func newTape() *tape {
	t := &tape{}
	t.moved = sync.NewCond(&t.mu)
	return t
}

func (t *tape) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for t.shut && t.err == nil {
		t.moved.Wait()
	}
	if t.err != nil {
		return 0, t.err
	}
	t.n++
	t.text.Write(p)
	t.all.Write(p)
	t.moved.Broadcast()
	return len(p), nil
}

func (t *tape) set(change func()) {
	t.mu.Lock()
	change()
	t.moved.Broadcast()
	t.mu.Unlock()
}

// take empties the tape.
func (t *tape) take() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.text.String()
	t.text.Reset()
	return s
}

// await empties the tape up to and including want, once it is there.
func (t *tape) await(tb testing.TB, want string) string {
	tb.Helper()
	late := time.AfterFunc(10*time.Second, func() { t.set(func() { t.err = io.ErrNoProgress }) })
	defer late.Stop()
	t.mu.Lock()
	defer t.mu.Unlock()
	for {
		s := t.text.String()
		if i := strings.Index(s, want); i >= 0 {
			t.text.Reset()
			t.text.WriteString(s[i+len(want):])
			return s[:i+len(want)]
		}
		if t.err != nil {
			tb.Fatalf("the terminal never saw %q, but %q", want, s)
		}
		t.moved.Wait()
	}
}

// shows waits until want is to be seen on the terminal.
func (t *tape) shows(tb testing.TB, want string) {
	tb.Helper()
	until(tb, want, func() bool {
		t.mu.Lock()
		_, frames, _ := strings.Cut(t.all.String(), ansi.RequestModeUnicodeCore)
		t.mu.Unlock()
		e := vt.NewEmulator(80, 24)
		_, _ = e.WriteString(frames)
		return strings.Contains(e.String(), want)
	})
}

// until waits for a condition.
func until(tb testing.TB, what string, ok func() bool) {
	tb.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); {
		if time.Now().After(end) {
			tb.Fatalf("%q never came", what)
		}
		time.Sleep(time.Millisecond)
	}
}

// model is a model made of functions.
type model struct {
	init   tea.Cmd
	update func(tea.Msg) tea.Cmd
	view   func() tea.View
	bye    string
}

func (m *model) Init() tea.Cmd { return m.init }

func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	if do, ok := msg.(command); ok {
		return m, tea.Cmd(do)
	}
	if m.update == nil {
		return m, nil
	}
	return m, m.update(msg)
}

func (m *model) View() tea.View {
	if m.view == nil {
		return tea.NewView("hello")
	}
	return m.view()
}

func (m *model) Bye() string { return m.bye }

// command is run by the model that gets it.
type command tea.Cmd

// session is a model running on a tape.
type session struct {
	*tape
	tb     testing.TB
	in     *io.PipeWriter
	sizes  chan Size
	screen *Screen
	cancel context.CancelCauseFunc
	ended  chan struct{}
	err    error
}

// start runs m on a terminal of 80x24 and waits for its first frame.
func start(tb testing.TB, m *model, env ...string) *session {
	tb.Helper()
	ctx, cancel := context.WithCancelCause(context.Background())
	r, w := io.Pipe()
	s := &session{tape: newTape(), tb: tb, in: w, sizes: make(chan Size), cancel: cancel, ended: make(chan struct{})}
	made := make(chan struct{})
	term := Terminal{In: r, Out: s.tape, Sizes: s.sizes, Env: append([]string{"TERM=xterm-256color"}, env...), Profile: colorprofile.ANSI256}
	go func() {
		defer close(s.ended)
		_, s.err = Run(ctx, term, func(sc *Screen) tea.Model {
			s.screen = sc
			close(made)
			return m
		})
	}()
	<-made
	tb.Cleanup(func() {
		s.set(func() {
			if s.err == nil && s.tape.shut {
				s.tape.shut = false
			}
		})
		cancel(nil)
		_ = r.Close()
		<-s.ended
	})
	s.await(tb, "\x1b[2J")
	return s
}

func (s *session) typed(keys string) {
	s.tb.Helper()
	if _, err := io.WriteString(s.in, keys); err != nil {
		s.tb.Fatal(err)
	}
}

// wait waits for the end of the program.
func (s *session) wait() error {
	s.tb.Helper()
	select {
	case <-s.ended:
	case <-time.After(5 * time.Second):
		s.tb.Fatal("the program did not end")
	}
	return s.err
}
