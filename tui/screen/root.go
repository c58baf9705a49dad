package screen

import (
	"reflect"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
)

// interval is how often what no key asked for is drawn at most.
const interval = 33 * time.Millisecond

// frameMsg asks for a frame.
type frameMsg struct{}

// root stands between Bubble Tea and the model: it asks for a view only when
// one is drawn, at once after a key, and contains panics.
type root struct {
	m     tea.Model
	s     *Screen
	now   bool // the coming View is drawn
	armed bool // a frameMsg is on its way
	sized bool
	drawn time.Time
	mouse func(tea.MouseMsg) tea.Cmd // of the view that is shown
}

func (r *root) Init() (cmd tea.Cmd) {
	r.now = true
	_ = r.s.protect(func() { cmd = r.m.Init() })
	return r.s.guard(cmd)
}

func (r *root) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	var clicked tea.Cmd
	switch msg := msg.(type) {
	case frameMsg:
		r.armed, r.now = false, true
		return r, nil
	case tea.MouseMsg:
		r.now = true
		if r.mouse != nil {
			_ = r.s.protect(func() { clicked = r.mouse(msg) })
		}
	case tea.KeyMsg, tea.PasteMsg:
		r.now = true
	case tea.WindowSizeMsg:
		// The terminal may have moved its text; the first size is news to nobody.
		forget := r.sized
		r.sized, r.now = true, true
		r.s.tell(func(o *order) { o.forget = o.forget || forget })
	case tea.ColorProfileMsg:
		r.now = true
		r.s.tell(func(o *order) { o.profile = msg.Profile })
	case tea.ModeReportMsg:
		r.s.report(msg)
		r.now = true
	}
	var cmd tea.Cmd
	_ = r.s.protect(func() {
		var m tea.Model
		if m, cmd = r.m.Update(msg); m != nil {
			r.m = m
		}
	})
	if clicked != nil {
		cmd = tea.Batch(clicked, cmd)
	}
	return r, r.s.guard(cmd)
}

func (r *root) View() tea.View {
	now := time.Now()
	wait := interval - now.Sub(r.drawn)
	switch {
	case r.now || wait <= 0:
		r.now, r.drawn = false, now
		_ = r.s.protect(func() {
			v := r.m.View()
			r.mouse = v.OnMouse
			v.OnMouse = nil
			r.s.show(v)
		})
	case !r.armed:
		r.armed = true
		time.AfterFunc(wait, func() { r.s.Send(frameMsg{}) })
	}
	return tea.View{} // for the renderer that is not there
}

// report learns what the terminal can do from its answer to our queries.
func (s *Screen) report(msg tea.ModeReportMsg) {
	s.tell(func(o *order) {
		switch msg.Mode {
		case ansi.ModeSynchronizedOutput:
			o.sync = o.sync || msg.Value == ansi.ModeReset
		case ansi.ModeUnicodeCore:
			switch msg.Value {
			case ansi.ModeReset, ansi.ModeSet, ansi.ModePermanentlySet:
				o.method = ansi.GraphemeWidth
			}
		}
	})
}

var cmdType = reflect.TypeFor[tea.Cmd]()

// guard makes a panic in a command, or in one of those it returns, end this
// program only: Bubble Tea would print it on the server's own terminal.
func (s *Screen) guard(cmd tea.Cmd) tea.Cmd {
	if cmd == nil {
		return nil
	}
	return func() (msg tea.Msg) {
		if s.protect(func() { msg = cmd() }) != nil {
			return nil
		}
		// tea.Batch and tea.Sequence return lists of commands, the latter's
		// type without a name for us.
		if v := reflect.ValueOf(msg); v.Kind() == reflect.Slice && v.Type().Elem() == cmdType {
			for i := range v.Len() {
				if c := v.Index(i).Interface().(tea.Cmd); c != nil {
					v.Index(i).Set(reflect.ValueOf(s.guard(c)))
				}
			}
		}
		return msg
	}
}
