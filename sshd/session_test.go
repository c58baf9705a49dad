package sshd

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"proximity/tui"
)

// scene is a model made of functions.
type scene struct {
	update func(tea.Msg) tea.Cmd
	view   func() string
}

func (m *scene) Init() tea.Cmd { return nil }
func (m *scene) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	if m.update == nil {
		return m, nil
	}
	return m, m.update(msg)
}
func (m *scene) View() tea.View { return tea.NewView(m.view()) }

// playing makes a server show scenes instead of the console.
func playing(make func(tui.Options) *scene) func(*Server) {
	return func(s *Server) { s.newModel = func(o tui.Options) tea.Model { return make(o) } }
}

// counting shows how many keys were pressed.
func counting(tui.Options) *scene {
	n := 0
	return &scene{
		update: func(msg tea.Msg) tea.Cmd {
			if k, ok := msg.(tea.KeyPressMsg); ok {
				if n++; k.String() == "q" {
					return tea.Quit
				}
			}
			return nil
		},
		view: func() string { return fmt.Sprintf("keys: %d.", n) },
	}
}

// The attack: one terminal of absurd size, and the server is out of memory.
func TestAbsurdTerminalsAreRefused(t *testing.T) {
	r := newRig(t, nil, playing(counting))
	c := r.login()
	for _, size := range [][2]int{{100_000, 10_000}, {1 << 31, 10}, {10, 1 << 31}} {
		s, err := c.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		if err := s.RequestPty("xterm", size[1], size[0], nil); err == nil {
			t.Errorf("a terminal of %v was taken", size)
		}
		_ = s.Close()
	}
	// What is merely large, or nothing, is drawn.
	for _, size := range [][2]int{{3000, 1000}, {0, 0}, {1, 1}} {
		k := openConsole(t, c, size[0], size[1])
		until(t, "a frame", func() bool { return strings.Contains(k.output(), "\x1b[2J") })
		if err := k.s.WindowChange(1<<30, 1<<30); err != nil {
			t.Fatal(err)
		}
		k.typed("q")
		k.wait()
	}
}

// The attack: resize until the connection jams. Sizes are always received,
// whatever the session does, and other sessions of the connection go on.
func TestResizesNeverJamAConnection(t *testing.T) {
	hold := make(chan struct{})
	var last atomic.Value
	r := newRig(t, nil, playing(func(tui.Options) *scene {
		return &scene{
			update: func(msg tea.Msg) tea.Cmd {
				switch m := msg.(type) {
				case tea.KeyPressMsg:
					<-hold
				case tea.WindowSizeMsg:
					last.Store([2]int{m.Width, m.Height})
				}
				return nil
			},
			view: func() string { return "here" },
		}
	}))
	c := r.login()
	k := openConsole(t, c, 80, 24)
	k.shows("here", 80, 24)
	k.typed("x")
	for i := range 500 {
		if err := k.s.WindowChange(20, 40+i%200); err != nil {
			t.Fatal(err)
		}
	}
	if err := k.s.WindowChange(33, 99); err != nil {
		t.Fatal(err)
	}
	if out, _, exit := r.run(c, "whoami", nil); exit != 0 {
		t.Errorf("the connection is jammed: exit %d, %q", exit, out)
	}
	close(hold)
	until(t, "the newest size", func() bool { return last.Load() == [2]int{99, 33} })
}

// A session ends with its channel, even if the connection stays (ControlMaster).
func TestASessionEndsWithItsChannel(t *testing.T) {
	ended := make(chan struct{})
	r := newRig(t, nil, playing(func(o tui.Options) *scene {
		context.AfterFunc(o.Ctx, func() { close(ended) })
		return counting(o)
	}))
	c := r.login()
	k := openConsole(t, c, 80, 24)
	k.shows("keys: 0.", 80, 24)
	_ = k.s.Close()
	select {
	case <-ended:
	case <-time.After(patience):
		t.Fatal("the program outlives its terminal")
	}
	until(t, "no session", func() bool { r.mu.Lock(); defer r.mu.Unlock(); return len(r.users) == 0 })
	if _, _, exit := r.run(c, "whoami", nil); exit != 0 {
		t.Error("the connection went with it")
	}
}

// A connection that is cut ends all of its sessions.
func TestACutConnectionEndsItsSessions(t *testing.T) {
	var ended atomic.Int64
	r := newRig(t, nil, playing(func(o tui.Options) *scene {
		context.AfterFunc(o.Ctx, func() { ended.Add(1) })
		return counting(o)
	}))
	c, err := net.Dial("tcp", r.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	client, err := r.over(c, r.admin)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		openConsole(t, client, 80, 24).shows("keys: 0.", 80, 24)
	}
	_ = c.(*net.TCPConn).SetLinger(0) // as a router that forgets us: reset
	_ = c.Close()
	until(t, "three ends", func() bool { return ended.Load() == 3 })
	until(t, "no door", func() bool { r.mu.Lock(); defer r.mu.Unlock(); return len(r.doors)+len(r.users)+len(r.byAddr) == 0 })
}

// A session that panics ends alone, with a sentence and its terminal restored.
func TestAPanicEndsItsSessionOnly(t *testing.T) {
	first := true
	r := newRig(t, nil, playing(func(o tui.Options) *scene {
		m := counting(o)
		if !first {
			return m
		}
		first = false
		m.update = func(msg tea.Msg) tea.Cmd {
			if _, ok := msg.(tea.KeyPressMsg); ok {
				panic("secret detail")
			}
			return nil
		}
		return m
	}))
	bad := openConsole(t, r.login(), 80, 24)
	bad.shows("keys: 0.", 80, 24)
	good := openConsole(t, r.login(), 80, 24)
	good.shows("keys: 0.", 80, 24)
	bad.typed("x")
	if code := bad.wait(); code != 1 {
		t.Errorf("exit %d", code)
	}
	got := bad.output()
	if !strings.Contains(got, restored) || !strings.Contains(got, "this session has crashed") || strings.Contains(got, "secret detail") {
		t.Errorf("the user saw %q", got)
	}
	if log := r.log.String(); !strings.Contains(log, "secret detail") || !strings.Contains(log, "session_test.go") {
		t.Errorf("the log does not say what happened:\n%s", log)
	}
	good.typed("x")
	good.shows("keys: 1.", 80, 24)
}

// A client that stops reading is dropped after a while, and harms nobody until
// then.
func TestAClientThatDoesNotReadIsDropped(t *testing.T) {
	r := newRig(t, func(o *Options) { o.StallTimeout = 300 * time.Millisecond }, playing(func(o tui.Options) *scene {
		m := counting(o)
		if o.Width != 200 {
			return m
		}
		m.update = func(msg tea.Msg) tea.Cmd {
			if _, ok := msg.(tea.KeyPressMsg); ok {
				return tea.Raw(strings.Repeat("\x1b[m", 50_000))
			}
			return nil
		}
		return m
	}))
	stalled, err := r.login().NewSession()
	if err != nil {
		t.Fatal(err)
	}
	in, err := stalled.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stalled.StdoutPipe(); err != nil { // which nobody reads
		t.Fatal(err)
	}
	if err := stalled.RequestPty("xterm", 60, 200, nil); err != nil {
		t.Fatal(err)
	}
	if err := stalled.Shell(); err != nil {
		t.Fatal(err)
	}
	dropped := make(chan struct{})
	go func() {
		defer close(dropped)
		for { // until its window is full, and on
			if _, err := io.WriteString(in, "j"); err != nil {
				return
			}
		}
	}()
	other := openConsole(t, r.login(), 80, 24)
	other.shows("keys: 0.", 80, 24)
	for i := range 20 {
		other.typed("x")
		other.shows(fmt.Sprintf("keys: %d.", i+1), 80, 24)
	}
	select {
	case <-dropped:
	case <-time.After(patience):
		t.Fatal("the client is still there")
	}
	other.typed("x")
	other.shows("keys: 21.", 80, 24)
	until(t, "one session", func() bool { r.mu.Lock(); defer r.mu.Unlock(); return r.users["admin"] == 1 })
}

// deaf is a connection whose other end reads nothing any more, not even what
// SSH itself says.
type deaf struct {
	net.Conn
	from atomic.Bool
	gone chan struct{}
}

func (d *deaf) Read(b []byte) (int, error) {
	if d.from.Load() {
		<-d.gone
		return 0, io.EOF
	}
	return d.Conn.Read(b)
}

func TestAConnectionThatDoesNotReadIsDropped(t *testing.T) {
	r := newRig(t, func(o *Options) { o.StallTimeout = 200 * time.Millisecond }, playing(func(o tui.Options) *scene {
		n := 0
		return &scene{
			update: func(msg tea.Msg) tea.Cmd {
				n++
				return tea.Tick(time.Millisecond, func(time.Time) tea.Msg { return tea.KeyPressMsg{Code: 'x'} })
			},
			view: func() string { return strings.Repeat(strings.Repeat(string(rune('a'+n%26)), 399)+"\n", 149) },
		}
	}))
	c, err := net.Dial("tcp", r.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_ = c.(*net.TCPConn).SetReadBuffer(4096)
	d := &deaf{Conn: c, gone: make(chan struct{})}
	defer close(d.gone)
	client, err := r.over(d, r.admin)
	if err != nil {
		t.Fatal(err)
	}
	k := openConsole(t, client, 400, 150)
	until(t, "frames", func() bool { return len(k.output()) > 10_000 })
	d.from.Store(true)
	until(t, "the end", func() bool { r.mu.Lock(); defer r.mu.Unlock(); return len(r.users)+len(r.doors) == 0 })
}

// What a client says of itself is cleaned before anything sees it.
func TestTheClientsEnvironmentIsCleaned(t *testing.T) {
	var env []string
	r := newRig(t, nil, playing(func(o tui.Options) *scene {
		env = o.Env
		return counting(o)
	}))
	k := openConsole(t, r.login(), 80, 24,
		"NO_COLOR", "1", "LANG", "de_DE.UTF-8\x1b[31m", "PATH", "/evil", "LD_PRELOAD", "/evil.so", "PROXIMITY_ASCII", "1", "TERM", "fake")
	k.shows("keys: 0.", 80, 24)
	slices.Sort(env)
	if want := []string{"LANG=de_DE.UTF-8", "NO_COLOR=1", "PROXIMITY_ASCII=1", "TERM=xterm-256color"}; !slices.Equal(env, want) {
		t.Errorf("got %q, want %q", env, want)
	}
	if strings.Contains(k.output(), "38;") {
		t.Error("colours in spite of NO_COLOR")
	}
}

func TestControlCInterruptsACommandOnATerminal(t *testing.T) {
	r := newRig(t, nil)
	s, err := r.login().NewSession()
	if err != nil {
		t.Fatal(err)
	}
	in, err := s.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.RequestPty("xterm", 24, 80, nil); err != nil {
		t.Fatal(err)
	}
	// A command that waits for its input.
	if err := s.Start("hosts add lab https://192.0.2.1:8006 --credentials -"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(in, "{\x03"); err != nil {
		t.Fatal(err)
	}
	if code := exitCode(t, s.Wait()); code != 130 {
		t.Errorf("exit %d", code)
	}
}

func TestWhatIsTypedIsReadInLines(t *testing.T) {
	interrupted := make(chan struct{}, 1)
	read := func(s string) string {
		b, _ := io.ReadAll(newTyped(strings.NewReader(s), func() { interrupted <- struct{}{} }))
		return string(b)
	}
	for in, want := range map[string]string{
		"secret\r": "secret\n", "a\rb\x04c": "a\nb", "a\x03b": "a", "": "",
	} {
		if got := read(in); got != want {
			t.Errorf("%.20q was read as %.20q, want %.20q", in, got, want)
		}
	}
	unread := newTyped(strings.NewReader(strings.Repeat("x", 2*maxTyped)), nil)
	until(t, "the end", func() bool { unread.mu.Lock(); defer unread.mu.Unlock(); return unread.ended })
	if got, _ := io.ReadAll(unread); len(got) != maxTyped {
		t.Errorf("%d bytes were kept for a command that does not read", len(got))
	}
	select {
	case <-interrupted:
	default:
		t.Error("ctrl+c was not noticed")
	}
}

func TestCommandsEndWhenTheServerDoes(t *testing.T) {
	r := newRig(t, nil)
	s, err := r.login().NewSession()
	if err != nil {
		t.Fatal(err)
	}
	var errs bytes.Buffer
	s.Stderr = &errs
	if _, err := s.StdinPipe(); err != nil { // which never ends
		t.Fatal(err)
	}
	if err := s.Start("hosts add lab https://192.0.2.1:8006 --credentials -"); err != nil {
		t.Fatal(err)
	}
	until(t, "a session", func() bool { r.mu.Lock(); defer r.mu.Unlock(); return r.users["admin"] == 1 })
	end, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := r.Shutdown(end); err != nil {
		t.Error(err)
	}
	if code := exitCode(t, s.Wait()); code == 0 || !strings.Contains(errs.String(), "shutting down") {
		t.Errorf("exit %d, %q", code, errs.String())
	}
}
