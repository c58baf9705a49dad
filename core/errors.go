package core

import (
	"errors"
	"fmt"
	"time"

	"proximity/jobs"
	"proximity/store"
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

// refused is an error as a refusal in words. What has none is a failure of
// ours.
func refused(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{Kind: ErrFailed, Text: SafeText(err.Error(), 300), Hint: "try again; the server's log may tell more", Err: err}
}

// taken says which unique thing another app has.
func taken(err error) error {
	var t *store.TakenError
	if !errors.As(err, &t) {
		return err
	}
	return &Error{Kind: ErrConflict, Field: t.Index, Text: fmt.Sprintf("%s %s is taken", t.Index, t.Value), Hint: "try again: somebody was faster", Err: err}
}

// busy says what is already going on with an app, who started it and when.
func busy(err error) error {
	var b *jobs.BusyError
	if !errors.As(err, &b) {
		return err
	}
	j := b.Job
	subject, what := j.SubjectTitle+" is busy", j.Kind
	if b.Subject != j.Subject { // a job on another app uses this one
		subject, what = "the app is in use", j.Title
	}
	return &Error{Kind: ErrConflict, Text: fmt.Sprintf("%s: job %d (%s) by %s since %s", subject, j.ID, what, j.Owner, j.Created.Format(time.TimeOnly)),
		Hint: fmt.Sprintf("`job %d -f` follows it", j.ID), Err: err, Busy: &BusyWith{Job: j.ID, Kind: j.Kind, Owner: j.Owner, Since: j.Created}}
}
