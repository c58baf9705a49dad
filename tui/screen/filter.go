package screen

import (
	"encoding/base64"
	"reflect"
	"strings"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
)

// MaxClipboard is how many bytes fit into a clipboard over a terminal; more is
// not sent. Terminals take about 75,000 bytes in base64.
const MaxClipboard = 56_000

// Bubble Tea's terminal commands have messages without a name for us, which its
// own renderer and input would act on.
var (
	clearScreen      = reflect.TypeOf(tea.ClearScreen())
	windowSize       = reflect.TypeOf(tea.RequestWindowSize())
	backgroundColor  = reflect.TypeOf(tea.RequestBackgroundColor())
	foregroundColor  = reflect.TypeOf(tea.RequestForegroundColor())
	cursorColor      = reflect.TypeOf(tea.RequestCursorColor())
	cursorPosition   = reflect.TypeOf(tea.RequestCursorPosition())
	terminalVersion  = reflect.TypeOf(tea.RequestTerminalVersion())
	capability       = reflect.TypeOf(tea.RequestCapability("")())
	setClipboard     = reflect.TypeOf(tea.SetClipboard("")())
	setPrimary       = reflect.TypeOf(tea.SetPrimaryClipboard("")())
	readClipboard    = reflect.TypeOf(tea.ReadClipboard())
	readPrimary      = reflect.TypeOf(tea.ReadPrimaryClipboard())
	execOtherProgram = reflect.TypeOf(tea.Exec(nil, nil)())
)

// filter turns Bubble Tea's terminal commands into immediate writes.
func (s *Screen) filter(_ tea.Model, msg tea.Msg) tea.Msg {
	switch m := msg.(type) {
	case tea.RawMsg:
		if seq, ok := m.Msg.(string); ok {
			s.Raw(seq)
		}
		return nil
	case tea.SuspendMsg: // would stop the server
		return nil
	}
	switch v := reflect.ValueOf(msg); reflect.TypeOf(msg) {
	case clearScreen:
		s.tell(func(o *order) { o.forget = true })
		return frameMsg{}
	case windowSize:
		size := s.Size()
		return tea.WindowSizeMsg{Width: size.Width, Height: size.Height}
	case backgroundColor:
		s.Raw(ansi.RequestBackgroundColor)
	case foregroundColor:
		s.Raw(ansi.RequestForegroundColor)
	case cursorColor:
		s.Raw(ansi.RequestCursorColor)
	case cursorPosition:
		s.Raw(ansi.RequestCursorPositionReport)
	case terminalVersion:
		s.Raw(ansi.RequestNameVersion)
	case capability:
		s.Raw(ansi.RequestTermcap(v.String()))
	case setClipboard:
		s.clipboard('c', v.String())
	case setPrimary:
		s.clipboard('p', v.String())
	case readClipboard:
		s.Raw(ansi.RequestSystemClipboard)
	case readPrimary:
		s.Raw(ansi.RequestPrimaryClipboard)
	case execOtherProgram: // nothing runs on the server; Attach lends the terminal
	default:
		return msg
	}
	return nil
}

// clipboard sets the terminal's clipboard.
func (s *Screen) clipboard(which byte, text string) {
	if len(text) > MaxClipboard {
		return
	}
	seq := "\x1b]52;" + string(which) + ";" + base64.StdEncoding.EncodeToString([]byte(text)) + "\x07"
	s.Raw(seq)
	if strings.HasPrefix(s.term, "screen") {
		// GNU screen passes on only what is wrapped; tmux, which may call itself
		// screen too, has understood the one above and drops this one.
		s.Raw(ansi.ScreenPassthrough(seq, 0))
	}
}
