// Package screen puts a Bubble Tea model on a terminal that is only a stream of
// bytes, at once and without Bubble Tea's renderer: it remembers the last frame
// as lines of text and writes the cells that differ.
//
// A view is a whole frame for the alternate screen, whose lines each end the
// styles and links they begin. Of its other fields the cursor's position, the
// title, the mouse, focus reports and the progress bar are honoured; pastes are
// always bracketed, and keyboard enhancements never asked for. Bubble Tea's
// commands for the terminal work, except tea.Exec, whose place Attach takes.
package screen

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
)

// Bounds of what is drawn, in cells. A larger terminal is used in its upper
// left corner: a client names any size it likes.
const (
	MaxWidth  = 400
	MaxHeight = 150
)

// Size is a terminal's size in cells.
type Size struct{ Width, Height int }

// clamp makes any size a client may name one that can be drawn. Scripts that
// ask for no size at all (0x0) get 80x24.
func (s Size) clamp() Size {
	if s.Width <= 0 || s.Height <= 0 {
		return Size{80, 24}
	}
	return Size{min(s.Width, MaxWidth), min(s.Height, MaxHeight)}
}

// Terminal is somebody's terminal: what it sends, what it shows, how large it is.
type Terminal struct {
	In      io.Reader            // keys and replies; its end ends the program
	Out     io.Writer            // one Write per frame
	Size    Size                 // at first; 0x0 means 80x24
	Sizes   <-chan Size          // later sizes, always received at once; closing it ends the program; nil = never changes
	Env     []string             // TERM and what else the client told, as name=value
	Profile colorprofile.Profile // colours it can show; Unknown = as Env says
}

// Goodbye is a reason to end a program that is shown to its user: cancel the
// context given to Run with it as the cause.
type Goodbye string

// Error is the text that is shown.
func (g Goodbye) Error() string { return string(g) }

// PanicError says that the model, or a command of it, panicked.
type PanicError struct {
	Value any    // what it panicked with
	Stack []byte // where; for the log, never for the terminal
}

// Error names the panic in one line.
func (e *PanicError) Error() string { return fmt.Sprintf("the console crashed: %v", e.Value) }

// errGone ends the program of a terminal that is no longer there.
var errGone = errors.New("the terminal is gone")

// Run shows the model on the terminal until it quits, In ends, Sizes is closed,
// Out fails or ctx ends, and leaves the terminal as it was. Then it prints a
// line of farewell: the Goodbye ctx was cancelled with, else what the model's
// Bye() string says, if it has one.
//
// It returns the last model. The error is nil when the model quit or the user
// hung up, *PanicError when the model panicked, the cause when ctx was
// cancelled, and what the writer said when Out failed.
//
// A read of In that has not returned outlives Run: close In afterwards.
func Run(ctx context.Context, t Terminal, newModel func(*Screen) tea.Model) (tea.Model, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if t.Profile == colorprofile.Unknown {
		t.Profile = colorprofile.Env(t.Env)
	}
	s := newScreen(ctx, cancel, t)
	r := &root{s: s}
	s.program = s.newProgram(ctx, t, r)
	go s.write()

	err := s.protect(func() { r.m = newModel(s) })
	if err == nil {
		err = s.run(ctx, t)
	}
	cause := context.Cause(ctx)
	cancel(nil) // a console that is attached ends with the program

	var panicked *PanicError
	var bye Goodbye
	switch {
	case errors.As(cause, &panicked):
		err = panicked
	case errors.As(cause, &bye):
		err = bye
	case errors.Is(cause, errGone):
		err = nil
	case cause != nil:
		err = cause
	}
	s.close(farewell(r.m, err))
	return r.m, err
}

// newProgram makes a program that neither reads nor writes by itself.
func (s *Screen) newProgram(ctx context.Context, t Terminal, r *root) *tea.Program {
	size := s.Size()
	return tea.NewProgram(r,
		tea.WithContext(ctx),
		tea.WithoutRenderer(),
		tea.WithInput(nil),
		tea.WithOutput(io.Discard),
		tea.WithFPS(1), // the ticker of a renderer that is not there
		tea.WithFilter(s.filter),
		tea.WithEnvironment(t.Env),
		tea.WithColorProfile(t.Profile),
		tea.WithWindowSize(size.Width, size.Height),
		tea.WithoutSignalHandler(),
	)
}

// run runs the program until it ends.
func (s *Screen) run(ctx context.Context, t Terminal) error {
	bytes := make(chan []byte)
	resized := make(chan struct{}, 1)
	go s.read(ctx, t.In, bytes)
	go s.feed(ctx, bytes, resized)
	if t.Sizes != nil {
		go s.follow(ctx, t.Sizes, resized)
	}
	_, err := s.program.Run()
	return err
}

// follow takes every size as it comes, so that whoever sends them never waits
// for the program, and keeps the newest.
func (s *Screen) follow(ctx context.Context, sizes <-chan Size, resized chan<- struct{}) {
	for {
		select {
		case size, ok := <-sizes:
			if !ok {
				s.end(errGone)
				return
			}
			s.resize(size.clamp())
			select {
			case resized <- struct{}{}:
			default: // the program has yet to hear of the one before
			}
		case <-ctx.Done():
			return
		}
	}
}

// protect calls fn; a panic in it ends the program with a *PanicError.
func (s *Screen) protect(fn func()) (err error) {
	defer func() {
		if v := recover(); v != nil {
			e := &PanicError{Value: v, Stack: debug.Stack()}
			s.end(e)
			err = e
		}
	}()
	fn()
	return nil
}

// farewell is the line to leave behind, "" for none.
func farewell(m tea.Model, err error) (line string) {
	defer func() { _ = recover() }() // a model that has panicked may do it again
	if bye, ok := err.(Goodbye); ok {
		line = string(bye)
	} else if b, ok := m.(interface{ Bye() string }); ok && err == nil {
		line = b.Bye()
	}
	if line != "" {
		line = printable(line) + "\r\n"
	}
	return line
}
