package screen

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"
)

// patience is how long close waits for a terminal that does not read.
const patience = time.Second

// Screen is a session's terminal. One goroutine writes; the newest view wins,
// and nobody who hands in a view waits for the network.
type Screen struct {
	out     io.Writer
	ctx     context.Context
	end     context.CancelCauseFunc // ends the program for a reason
	program *tea.Program
	term    string
	wake    chan struct{}
	stopped chan struct{} // closed when the writer has ended

	mu   sync.Mutex
	next order

	// The writer's own.
	lines   lines
	last    tea.View // as shown, without its content
	open    bool     // the alternate screen is up
	foreign bool     // somebody else has drawn since
	buf     bytes.Buffer
}

// order is what the writer is to do: what stays true until it is changed, and
// what is done once.
type order struct {
	size    Size
	profile colorprofile.Profile
	method  ansi.Method // how the terminal counts the cells of a cluster
	sync    bool        // it knows synchronized output
	console *console    // who has the terminal, nil = the program
	closing bool
	bye     string

	view   *tea.View
	raw    []byte
	forget bool
	lent   chan struct{} // closed when the terminal is the console's
}

func newScreen(ctx context.Context, end context.CancelCauseFunc, t Terminal) *Screen {
	s := &Screen{
		out: t.Out, ctx: ctx, end: end,
		wake: make(chan struct{}, 1), stopped: make(chan struct{}),
	}
	for _, kv := range t.Env {
		if v, ok := strings.CutPrefix(kv, "TERM="); ok {
			s.term = v
		}
	}
	s.next.size, s.next.profile = t.Size.clamp(), t.Profile
	s.next.raw = []byte(ansi.RequestModeSynchronizedOutput + ansi.RequestModeUnicodeCore)
	return s
}

// tell changes the order and wakes the writer.
func (s *Screen) tell(change func(*order)) {
	s.mu.Lock()
	change(&s.next)
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Size is the newest size, as clamped.
func (s *Screen) Size() Size {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.next.size
}

// Profile is what colours the terminal has, as known at the start.
func (s *Screen) Profile() colorprofile.Profile {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.next.profile
}

// Send gives a message to the program. It waits until the program takes it, and
// does nothing once the program has ended.
func (s *Screen) Send(msg tea.Msg) { s.program.Send(msg) }

// Raw writes a sequence that leaves the cursor where it is: a query, a bell.
func (s *Screen) Raw(seq string) { s.tell(func(o *order) { o.raw = append(o.raw, seq...) }) }

func (s *Screen) show(v tea.View) { s.tell(func(o *order) { o.view = &v }) }

// close restores the terminal, prints bye and ends the writer.
func (s *Screen) close(bye string) {
	s.tell(func(o *order) {
		o.closing, o.bye = true, bye
		if o.console != nil {
			o.console.over.Store(true) // it may have yet to notice
		}
	})
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-s.stopped:
	case <-timer.C: // the terminal does not read; the writer ends when Out does
	}
}

// write is the writer: it carries out the newest order until it is told to
// close or Out fails.
func (s *Screen) write() {
	defer close(s.stopped)
	for range s.wake {
		s.mu.Lock()
		o := s.next
		s.next.view, s.next.forget, s.next.lent = nil, false, nil
		if o.console == nil || o.closing {
			s.next.raw = nil
		} else {
			o.raw = nil // nothing is written into somebody else's output
		}
		s.mu.Unlock()

		s.buf.Reset()
		switch {
		case o.closing:
			s.leave()
			s.buf.WriteString(o.bye)
		case o.console != nil:
			if s.open {
				s.leave()
			}
			s.foreign = true
		default:
			s.buf.Write(o.raw)
			if o.forget {
				s.lines.forget()
			}
			if o.view != nil {
				s.frame(o)
			}
		}
		if s.buf.Len() > 0 {
			if _, err := s.out.Write(s.buf.Bytes()); err != nil {
				s.end(fmt.Errorf("write to the terminal: %w", err))
				return
			}
		}
		if s.buf.Cap() > 4096 {
			s.buf = bytes.Buffer{} // an idle session keeps no frame
		}
		if o.closing {
			return
		}
		if o.lent != nil {
			close(o.lent)
		}
	}
}

// Reset undoes what a program that had the terminal may have left behind.
const Reset = "\x1b[m\x1b[r\x1b(B\x0f\x1b[4l\x1b[?1l\x1b[?6l\x1b[?7h\x1b>" +
	"\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1004l\x1b[?1006l\x1b[?2004l\x1b[?25h\x1b[?1049l"

// frame writes what turns the last view into this one.
func (s *Screen) frame(o order) {
	b, v := &s.buf, o.view
	if s.foreign {
		b.WriteString(Reset)
		s.foreign = false
	}
	start := b.Len()
	if o.sync {
		b.WriteString(ansi.SetModeSynchronizedOutput)
	}
	body := b.Len()
	if s.open && o.method != s.lines.method {
		b.WriteString(ansi.SetModeUnicodeCore)
	}
	s.lines.become(o.size, o.profile, o.method)
	if !s.open {
		s.enter(o.method)
	}
	s.modes(v)
	before := b.Len()
	s.lines.draw(b, v.Content)
	s.cursor(v.Cursor, b.Len() > before)
	s.last = *v
	s.last.Content = "" // lines remembers it
	if b.Len() == body {
		b.Truncate(start)
	} else if o.sync {
		b.WriteString(ansi.ResetModeSynchronizedOutput)
	}
}

// xterm keeps a stack of titles (XTWINOPS 22 and 23).
const (
	pushTitle = "\x1b[22;2t"
	popTitle  = "\x1b[23;2t"
)

func (s *Screen) enter(m ansi.Method) {
	s.buf.WriteString(pushTitle + "\x1b[?1049h\x1b[?25l\x1b[?2004h")
	if m == ansi.GraphemeWidth {
		s.buf.WriteString(ansi.SetModeUnicodeCore)
	}
	s.open = true
	s.lines.forget()
}

const mouseOff = ansi.ResetModeMouseButtonEvent + ansi.ResetModeMouseAnyEvent + ansi.ResetModeMouseExtSgr

// modes writes what changed beside the text.
func (s *Screen) modes(v *tea.View) {
	b := &s.buf
	if v.WindowTitle != s.last.WindowTitle {
		b.WriteString(ansi.SetWindowTitle(printable(v.WindowTitle)))
	}
	if v.MouseMode != s.last.MouseMode {
		b.WriteString(mouseOff)
		switch v.MouseMode {
		case tea.MouseModeCellMotion:
			b.WriteString(ansi.SetModeMouseButtonEvent + ansi.SetModeMouseExtSgr)
		case tea.MouseModeAllMotion:
			b.WriteString(ansi.SetModeMouseAnyEvent + ansi.SetModeMouseExtSgr)
		}
	}
	if v.ReportFocus != s.last.ReportFocus {
		if v.ReportFocus {
			b.WriteString(ansi.SetModeFocusEvent)
		} else {
			b.WriteString(ansi.ResetModeFocusEvent)
		}
	}
	if bar := progress(v.ProgressBar); bar != progress(s.last.ProgressBar) {
		b.WriteString(bar)
	}
}

// progress is the sequence that shows a progress bar.
func progress(p *tea.ProgressBar) string {
	if p == nil {
		return ansi.ResetProgressBar
	}
	switch p.State {
	case tea.ProgressBarDefault:
		return ansi.SetProgressBar(p.Value)
	case tea.ProgressBarError:
		return ansi.SetErrorProgressBar(p.Value)
	case tea.ProgressBarIndeterminate:
		return ansi.SetIndeterminateProgressBar
	case tea.ProgressBarWarning:
		return ansi.SetWarningProgressBar(p.Value)
	}
	return ansi.ResetProgressBar
}

// cursor puts the cursor where the view wants it; drawing has moved it.
func (s *Screen) cursor(c *tea.Cursor, moved bool) {
	hidden := s.last.Cursor == nil
	switch {
	case c == nil && !hidden:
		s.buf.WriteString(ansi.ResetModeTextCursorEnable)
	case c != nil:
		if moved || hidden || s.last.Cursor.Position != c.Position {
			s.buf.WriteString(ansi.CursorPosition(c.X+1, c.Y+1))
		}
		if hidden {
			s.buf.WriteString(ansi.SetModeTextCursorEnable)
		}
	}
}

// leave gives the terminal back as it was found.
func (s *Screen) leave() {
	b := &s.buf
	if s.foreign {
		b.WriteString(Reset)
		s.foreign = false
	}
	if !s.open {
		return
	}
	if s.last.MouseMode != tea.MouseModeNone {
		b.WriteString(mouseOff)
	}
	if s.last.ReportFocus {
		b.WriteString(ansi.ResetModeFocusEvent)
	}
	if s.last.ProgressBar != nil {
		b.WriteString(ansi.ResetProgressBar)
	}
	if s.last.WindowTitle != "" {
		b.WriteString(ansi.SetWindowTitle("")) // for those that keep no stack of titles
	}
	b.WriteString("\x1b[m\x1b[r\x1b[?2004l\x1b[?7h\x1b[?25h\x1b[?2027l\x1b[?1049l" + popTitle)
	s.open = false
	s.last = tea.View{}
}

// printable is s without what a terminal would act on.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if control(r) {
			return -1
		}
		return r
	}, s)
}

func control(r rune) bool {
	return r < ' ' || r >= 0x7f && r < 0xa0 || r == utf8.RuneError
}
