package screen

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
)

const restored = "\x1b[m\x1b[r\x1b[?2004l\x1b[?7h\x1b[?25h\x1b[?2027l\x1b[?1049l\x1b[23;2t"

// However a program ends, its terminal is left as it was found.
func TestEveryEndRestoresTheTerminal(t *testing.T) {
	boom := func() tea.Msg { panic("boom") }
	fine := func() tea.Msg { return nil }
	bye := "see you\r\n"
	for _, c := range []struct {
		name string
		end  func(s *session)
		bye  string
		err  any // nil, an error to be found in the result, or a pointer for errors.As
	}{
		{"quit", func(s *session) { s.screen.Send(tea.QuitMsg{}) }, bye, nil},
		{"hang up", func(s *session) { _ = s.in.Close() }, bye, nil},
		{"closed channel", func(s *session) { close(s.sizes) }, bye, nil},
		{"cancel", func(s *session) { s.cancel(nil) }, "", context.Canceled},
		{"goodbye", func(s *session) { s.cancel(Goodbye("we are\x1b[31m closing")) }, "we are[31m closing\r\n", Goodbye("we are\x1b[31m closing")},
		{"panic in Update", func(s *session) { s.typed("u") }, "", new(*PanicError)},
		{"panic in View", func(s *session) { s.typed("v") }, "", new(*PanicError)},
		{"panic in a command", func(s *session) { s.screen.Send(command(boom)) }, "", new(*PanicError)},
		{"panic in a batch", func(s *session) { s.screen.Send(command(tea.Batch(fine, boom))) }, "", new(*PanicError)},
		{"panic in a sequence", func(s *session) { s.screen.Send(command(tea.Sequence(fine, tea.Batch(fine, boom)))) }, "", new(*PanicError)},
	} {
		t.Run(c.name, func(t *testing.T) {
			broken := false
			s := start(t, &model{
				bye: "see you",
				update: func(msg tea.Msg) tea.Cmd {
					if k, ok := msg.(tea.KeyPressMsg); ok {
						broken = k.String() == "v"
						if k.String() == "u" {
							panic("boom")
						}
					}
					return nil
				},
				view: func() tea.View {
					if broken {
						panic("boom")
					}
					return tea.NewView("hello")
				},
			})
			c.end(s)
			err := s.wait()
			switch want := c.err.(type) {
			case nil:
				if err != nil {
					t.Errorf("ended with %v", err)
				}
			case error:
				if !errors.Is(err, want) {
					t.Errorf("ended with %v, want %v", err, want)
				}
			case **PanicError:
				if !errors.As(err, want) || (*want).Value != "boom" || !strings.Contains(string((*want).Stack), "terminal_test.go") {
					t.Errorf("ended with %v, want the panic and where it was", err)
				}
			}
			if got := s.take(); !strings.HasSuffix(got, restored+c.bye) {
				t.Errorf("left the terminal with %q", got)
			}
		})
	}
}

func TestAModelThatCannotBeMadeIsAPanicToo(t *testing.T) {
	out := newTape()
	_, err := Run(context.Background(), Terminal{In: strings.NewReader(""), Out: out}, func(*Screen) tea.Model { panic("boom") })
	var p *PanicError
	if !errors.As(err, &p) {
		t.Errorf("got %v", err)
	}
	if got := out.take(); strings.Contains(got, "1049") {
		t.Errorf("the screen was taken for nothing: %q", got)
	}
}

func TestATerminalThatFailsEndsTheProgram(t *testing.T) {
	s := start(t, &model{view: func() tea.View { return tea.NewView(time.Now().String()) }})
	s.set(func() { s.tape.err = io.ErrClosedPipe })
	s.typed("x")
	if err := s.wait(); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("ended with %v", err)
	}
}

// counter counts keys.
func counter(n *atomic.Int64) *model {
	return &model{
		update: func(msg tea.Msg) tea.Cmd {
			if _, ok := msg.(tea.KeyPressMsg); ok {
				n.Add(1)
			}
			return nil
		},
		view: func() tea.View { return tea.NewView(fmt.Sprintf("n=%d.", n.Load())) },
	}
}

// A client that stops reading holds up nobody: the program goes on, and when it
// reads again it sees the newest frame and not all those in between.
func TestAStalledTerminalHoldsUpNobody(t *testing.T) {
	var n atomic.Int64
	s := start(t, counter(&n))
	s.await(t, "n=0.")
	s.set(func() { s.shut = true })
	for range 1000 {
		s.screen.Send(tea.KeyPressMsg{Code: 'j', Text: "j"}) // returns when the program took it
	}
	if got := n.Load(); got < 999 {
		t.Fatalf("the program handled %d of 1000 keys", got)
	}
	s.mu.Lock()
	before := s.n
	s.mu.Unlock()
	s.set(func() { s.shut = false })
	s.shows(t, "n=1000.")
	s.mu.Lock()
	defer s.mu.Unlock()
	if frames := s.n - before; frames > 3 {
		t.Errorf("%d frames were written, want the newest only", frames)
	}
}

func TestAStalledTerminalDoesNotHoldUpTheEndForLong(t *testing.T) {
	s := start(t, &model{view: func() tea.View { return tea.NewView(time.Now().String()) }})
	s.set(func() { s.shut = true })
	s.typed("x")
	s.screen.Send(tea.QuitMsg{})
	if err := s.wait(); err != nil {
		t.Error(err)
	}
}

// Sizes come at the client's pace. The program gets the newest when it can.
func TestSizesNeverWaitForTheProgram(t *testing.T) {
	busy := make(chan struct{})
	var last atomic.Value
	s := start(t, &model{update: func(msg tea.Msg) tea.Cmd {
		switch m := msg.(type) {
		case tea.KeyPressMsg:
			<-busy
		case tea.WindowSizeMsg:
			last.Store(Size{m.Width, m.Height})
		}
		return nil
	}})
	s.typed("x")
	for i := range 1000 {
		select {
		case s.sizes <- Size{40 + i%100, 20}:
		case <-time.After(5 * time.Second):
			t.Fatalf("size %d had to wait", i)
		}
	}
	s.sizes <- Size{0, 0}
	close(busy)
	until(t, "the newest size", func() bool { return last.Load() == Size{80, 24} })
}

func TestSizesAreBounded(t *testing.T) {
	for _, c := range []struct{ in, want Size }{
		{Size{0, 0}, Size{80, 24}},
		{Size{0, 24}, Size{80, 24}},
		{Size{-5, 10}, Size{80, 24}},
		{Size{1, 1}, Size{1, 1}},
		{Size{120, 36}, Size{120, 36}},
		{Size{1 << 31, 1 << 31}, Size{MaxWidth, MaxHeight}},
	} {
		if got := c.in.clamp(); got != c.want {
			t.Errorf("%v became %v, want %v", c.in, got, c.want)
		}
	}
}

// A key is drawn at once; what no key asked for is drawn 30 times a second at
// most, and the last of it always.
func TestMessagesShareFrames(t *testing.T) {
	var n atomic.Int64
	s := start(t, &model{
		update: func(msg tea.Msg) tea.Cmd {
			if _, ok := msg.(int); ok {
				n.Add(1)
			}
			return nil
		},
		view: func() tea.View { return tea.NewView(fmt.Sprintf("n=%d.", n.Load())) },
	})
	s.await(t, "n=0.")
	s.mu.Lock()
	before := s.n
	s.mu.Unlock()
	began := time.Now()
	for i := range 2000 {
		s.screen.Send(i)
	}
	s.shows(t, "n=2000.")
	most := int(time.Since(began)/interval) + 2
	s.mu.Lock()
	defer s.mu.Unlock()
	if frames := s.n - before; frames > most {
		t.Errorf("2000 messages made %d frames in %v, want at most %d", frames, time.Since(began), most)
	}
}
