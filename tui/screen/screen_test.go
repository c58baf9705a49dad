package screen

import (
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
)

// What a view says beside its text reaches the terminal when it changes, and is
// taken back at the end.
func TestModesFollowTheView(t *testing.T) {
	var view atomic.Pointer[tea.View]
	set := func(change func(*tea.View)) {
		v := tea.NewView("hello")
		if change != nil {
			change(&v)
		}
		view.Store(&v)
	}
	for _, c := range []struct {
		name    string
		change  func(*tea.View)
		on, off string
		end     string // what the end writes first
	}{
		{"title", func(v *tea.View) { v.WindowTitle = "a\x1b]0;b\x07" }, "\x1b]2;a]0;b\x07", "\x1b]2;\x07", "\x1b]2;\x07"},
		{"mouse", func(v *tea.View) { v.MouseMode = tea.MouseModeCellMotion }, mouseOff + "\x1b[?1002h\x1b[?1006h", mouseOff, mouseOff},
		{"all mouse", func(v *tea.View) { v.MouseMode = tea.MouseModeAllMotion }, mouseOff + "\x1b[?1003h\x1b[?1006h", mouseOff, mouseOff},
		{"focus", func(v *tea.View) { v.ReportFocus = true }, "\x1b[?1004h", "\x1b[?1004l", "\x1b[?1004l"},
		{"progress", func(v *tea.View) { v.ProgressBar = tea.NewProgressBar(tea.ProgressBarDefault, 40) }, "\x1b]9;4;1;40\x07", "\x1b]9;4;0\x07", "\x1b]9;4;0\x07"},
		{"cursor", func(v *tea.View) { v.Cursor = tea.NewCursor(2, 3) }, "\x1b[4;3H\x1b[?25h", "\x1b[?25l", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			set(nil)
			s := start(t, &model{view: func() tea.View { return *view.Load() }})
			s.await(t, "hello")
			set(c.change)
			s.typed("x")
			if got := s.await(t, c.on); got != c.on {
				t.Errorf("on: %q, want %q", got, c.on)
			}
			s.typed("x") // says nothing twice
			set(nil)
			s.typed("x")
			if got := s.await(t, c.off); got != c.off {
				t.Errorf("off: %q, want %q", got, c.off)
			}
			set(c.change)
			s.typed("x")
			s.await(t, c.on)
			s.screen.Send(tea.QuitMsg{})
			_ = s.wait()
			if got, want := s.take(), c.end+restored; got != want {
				t.Errorf("end: %q, want %q", got, want)
			}
		})
	}
}

func TestTheCursorGoesWhereTheViewSays(t *testing.T) {
	x := atomic.Int64{}
	s := start(t, &model{view: func() tea.View {
		v := tea.NewView(strings.Repeat("-", int(x.Load())))
		v.Cursor = tea.NewCursor(int(x.Load())%4, 0)
		return v
	}})
	s.await(t, "\x1b[H\x1b[?25h")
	for _, c := range []struct {
		x    int64
		want string
	}{
		{2, "\x1b[1;1H--\x1b[1;3H"},
		{6, "\x1b[1;3H----\x1b[1;3H"}, // drawing has moved it
	} {
		x.Store(c.x)
		s.typed("x")
		if got := s.await(t, c.want); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

// Frames are shown at one blow where the terminal can do that.
func TestSynchronizedOutputIsUsedWhenTheTerminalSaysItKnowsIt(t *testing.T) {
	var n atomic.Int64
	s := start(t, counter(&n))
	s.await(t, "n=0.")
	s.typed("x")
	if got := s.await(t, "H1"); strings.Contains(got, "2026") {
		t.Fatalf("used unasked: %q", got)
	}
	s.typed("\x1b[?2026;2$y")
	s.typed("x")
	const want = "\x1b[?2026h\x1b[1;3H2\x1b[?2026l"
	if got := s.await(t, want); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	s.typed("\x1b[?2026;2$y") // an empty frame is not written at all
	s.screen.Send(tea.QuitMsg{})
	_ = s.wait()
	if got := s.take(); got != restored {
		t.Errorf("end: %q", got)
	}
}

func TestTheTerminalIsAskedWhatItCanDo(t *testing.T) {
	out := newTape()
	r, w := io.Pipe()
	defer w.Close()
	_, err := Run(t.Context(), Terminal{In: r, Out: out, Env: []string{"TERM=xterm"}}, func(*Screen) tea.Model { return &model{init: tea.Quit} })
	if err != nil {
		t.Fatal(err)
	}
	if got := out.take(); !strings.HasPrefix(got, "\x1b[?2026$p\x1b[?2027$p") {
		t.Errorf("began with %q", got)
	}
}

func TestGraphemeWidthsRepaint(t *testing.T) {
	s := start(t, &model{view: func() tea.View { return tea.NewView("👨\u200d👩\u200d👧\u200d👦") }})
	s.typed("\x1b[?2027;2$y")
	s.await(t, "\x1b[?2027h")
	s.await(t, "\x1b[2J")
}

// A terminal may move its text about when its size changes, even if it is the
// same size again by the time we hear of it.
func TestEverySizeRepaints(t *testing.T) {
	s := start(t, &model{})
	s.await(t, "hello")
	for _, size := range []Size{{100, 30}, {80, 24}, {80, 24}} {
		s.sizes <- size
		s.await(t, "\x1b[2J")
		s.await(t, "hello")
	}
}

// Bubble Tea's commands for the terminal work, at once.
func TestTerminalCommands(t *testing.T) {
	for _, c := range []struct {
		name string
		cmd  tea.Cmd
		env  string
		want string
	}{
		{"raw", tea.Raw("\x07"), "", "\x07"},
		{"background", tea.RequestBackgroundColor, "", "\x1b]11;?\x07"},
		{"foreground", tea.RequestForegroundColor, "", "\x1b]10;?\x07"},
		{"cursor colour", tea.RequestCursorColor, "", "\x1b]12;?\x07"},
		{"cursor position", tea.RequestCursorPosition, "", "\x1b[6n"},
		{"version", tea.RequestTerminalVersion, "", "\x1b[>q"},
		{"capability", tea.RequestCapability("Tc"), "", "\x1bP+q5463\x1b\\"},
		{"clipboard", tea.SetClipboard("hi"), "", "\x1b]52;c;aGk=\x07"},
		{"primary clipboard", tea.SetPrimaryClipboard("hi"), "", "\x1b]52;p;aGk=\x07"},
		{"read clipboard", tea.ReadClipboard, "", "\x1b]52;c;?\x07"},
		{"read primary", tea.ReadPrimaryClipboard, "", "\x1b]52;p;?\x07"},
		{"clipboard in screen", tea.SetClipboard("hi"), "TERM=screen-256color", "\x1b]52;c;aGk=\x07\x1bP\x1b]52;c;aGk=\x07\x1b\\"},
		{"clear", tea.ClearScreen, "", "\x1b[m\x1b[H\x1b[2J\x1b[1;1Hhello"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := start(t, &model{}, c.env)
			s.await(t, "hello")
			s.screen.Send(command(c.cmd))
			if got := s.await(t, c.want); got != c.want {
				t.Errorf("wrote %q, want %q", got, c.want)
			}
		})
	}
}

func TestWhatBubbleTeaWouldDoToTheServerIsNotDone(t *testing.T) {
	s := start(t, &model{})
	s.await(t, "hello")
	for _, cmd := range []tea.Cmd{tea.Suspend, tea.Exec(nil, nil), tea.SetClipboard(strings.Repeat("x", MaxClipboard+1))} {
		s.screen.Send(command(cmd))
	}
	s.screen.Send(command(tea.Raw("\x07")))
	if got := s.await(t, "\x07"); got != "\x07" {
		t.Errorf("wrote %q", got)
	}
}

func TestTheWindowSizeCanBeAskedFor(t *testing.T) {
	sizes := make(chan tea.WindowSizeMsg, 9)
	s := start(t, &model{update: func(msg tea.Msg) tea.Cmd {
		if m, ok := msg.(tea.WindowSizeMsg); ok {
			sizes <- m
		}
		return nil
	}})
	<-sizes // every program is told at the start
	s.screen.Send(command(tea.RequestWindowSize))
	if got := <-sizes; got.Width != 80 || got.Height != 24 {
		t.Errorf("got %v", got)
	}
}

func TestRepliesReachTheModel(t *testing.T) {
	got := make(chan tea.Msg, 20)
	s := start(t, &model{update: func(msg tea.Msg) tea.Cmd {
		got <- msg
		return nil
	}})
	for _, c := range []struct {
		bytes string
		is    func(tea.Msg) bool
	}{
		{"\x1b]11;rgb:ffff/ffff/ffff\x1b\\", func(m tea.Msg) bool { b, ok := m.(tea.BackgroundColorMsg); return ok && !b.IsDark() }},
		{"\x1bP1+r5463\x1b\\", func(m tea.Msg) bool { p, ok := m.(tea.ColorProfileMsg); return ok && p.String() == "TrueColor" }},
		{"\x1b[200~a\nb\x1b[201~", func(m tea.Msg) bool { p, ok := m.(tea.PasteMsg); return ok && p.Content == "a\nb" }},
		{"\x1b[<0;3;4M", func(m tea.Msg) bool { p, ok := m.(tea.MouseClickMsg); return ok && p.X == 2 && p.Y == 3 }},
		{"\x1b[1;5A", func(m tea.Msg) bool { p, ok := m.(tea.KeyPressMsg); return ok && p.String() == "ctrl+up" }},
	} {
		s.typed(c.bytes)
		deadline := time.After(5 * time.Second)
		for found := false; !found; {
			select {
			case m := <-got:
				found = c.is(m)
			case <-deadline:
				t.Fatalf("%q never arrived", c.bytes)
			}
		}
	}
}

func TestTheViewsMouseHandlerIsCalled(t *testing.T) {
	s := start(t, &model{view: func() tea.View {
		v := tea.NewView("hello")
		v.OnMouse = func(m tea.MouseMsg) tea.Cmd { return tea.Raw("\x07" + m.String()) }
		return v
	}})
	s.await(t, "hello")
	s.screen.Send(tea.MouseClickMsg{Button: tea.MouseLeft})
	s.await(t, "\x07left")
}
