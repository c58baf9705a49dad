package core

import (
	"errors"
	"fmt"
	"time"
)

// The kinds of refusal a face decides on. Commands turn them into exit codes,
// the API into statuses.
var (
	ErrInvalid     = errors.New("invalid input")    // a field is missing or wrong
	ErrNotFound    = errors.New("not found")        // or not visible to the actor
	ErrDenied      = errors.New("not allowed")      // the role may not
	ErrConflict    = errors.New("conflict")         // taken, busy, in the way
	ErrUnreachable = errors.New("host unreachable") // Proxmox does not answer
	ErrUnavailable = errors.New("no room")          // nothing can take it: nodes, memory, ports
	ErrFailed      = errors.New("failed")           // Proxmox or the app said no
	ErrTooMany     = errors.New("too many at once") // try again later
)

// Error is a refusal in words: what happened, why, and what to do next.
type Error struct {
	Kind  error  // one of the kinds above
	Field string // the input field at fault, where there is one
	Text  string // what happened, to what, why: one line, no final period
	Hint  string // what to do next
	Err   error  // the cause, if any

	After time.Duration // when to try again; 0 = that is not known
	Busy  *BusyWith     // the job that is in the way, if one is
}

// BusyWith is a job that keeps others from its subject.
type BusyWith struct {
	Job   uint64    `json:"id"`
	Kind  string    `json:"kind"`
	Owner string    `json:"owner"`
	Since time.Time `json:"since"`
}

// Error says it in one line.
func (e *Error) Error() string {
	s := e.Text
	if e.Field != "" {
		s = e.Field + ": " + s
	}
	if e.Hint != "" {
		s += " (" + e.Hint + ")"
	}
	return s
}

// Unwrap gives the kind and the cause.
func (e *Error) Unwrap() []error {
	if e.Err != nil {
		return []error{e.Kind, e.Err}
	}
	return []error{e.Kind}
}

// invalid is a wrong input field.
func invalid(field, hint, format string, args ...any) *Error {
	return &Error{Kind: ErrInvalid, Field: field, Text: fmt.Sprintf(format, args...), Hint: hint}
}

// notFound is a thing that does not exist for this actor.
func notFound(hint, format string, args ...any) *Error {
	return &Error{Kind: ErrNotFound, Text: fmt.Sprintf(format, args...), Hint: hint}
}
