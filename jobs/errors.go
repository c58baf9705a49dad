package jobs

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"
)

var (
	// ErrNotFound is returned for a job that does not exist (any more).
	ErrNotFound = errors.New("no such job")
	// ErrEnded is returned for the cancel of a job that has ended.
	ErrEnded = errors.New("the job has ended")
	// ErrUndoing is returned for the cancel of a job that has failed and is being undone already.
	ErrUndoing = errors.New("the job has failed and is being undone")
)

// BusyError says that a subject of a new job has an unfinished one.
type BusyError struct {
	Job     Job
	Subject string // which one: the job's own, or one it uses, too
}

func (e *BusyError) Error() string {
	subject := e.Job.SubjectTitle
	if subject == "" || e.Subject != e.Job.Subject {
		subject = e.Subject
	}
	return fmt.Sprintf("%s is busy: %s (job %d, %s, since %s)", subject, e.Job.Title, e.Job.ID, e.Job.State, e.Job.Created.Format(time.DateTime))
}

// laterError is what Later returns.
type laterError struct {
	at  time.Time
	why string
}

func (e *laterError) Error() string { return e.why }

// Later is what a step's Do returns to be done again at a time, without having failed: the job waits, its worker does
// not. The time is stored with the job, so that it comes when it comes, whatever happens to Proximity meanwhile; a
// cancel ends the wait at once. why is shown until then.
func Later(at time.Time, why string) error { return &laterError{at, why} }

// PanicError is a panic in a workflow's function. It is never worth a retry.
type PanicError struct {
	Value any
	Stack []byte
}

func (e *PanicError) Error() string {
	return fmt.Sprintf("a fault in Proximity itself: %v", e.Value)
}

// hookError is an error of a workflow's function inside a commit, as opposed to one of the store.
type hookError struct{ err error }

func (e *hookError) Error() string { return e.err.Error() }
func (e *hookError) Unwrap() error { return e.err }

var (
	errCancelled = errors.New("cancelled")
	errTooLong   = errors.New("took too long")
)

// guard runs fn and turns a panic into an error.
func guard(fn func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &PanicError{Value: v, Stack: debug.Stack()}
		}
	}()
	return fn()
}

// tooLong describes the error of an attempt that ran into its time limit.
func tooLong(limit time.Duration, err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("took longer than %s: %w", limit, err)
	}
	return fmt.Errorf("%w (it took longer than %s: %w)", err, limit, context.DeadlineExceeded)
}

// verdict classifies an error of a step.
func (e *Engine) verdict(err error) (v Verdict) {
	var p *PanicError
	if errors.As(err, &p) {
		e.o.Logger.Error("a job's step panicked", "panic", p.Value, "stack", string(p.Stack))
		return Verdict{Kind: Fatal, Reason: p.Error(), Hint: "please report it with the server's log"}
	}
	fault := guard(func() error { v = e.o.Classify(err); return nil })
	if fault != nil {
		e.o.Logger.Error("classifying an error panicked", "error", err, "panic", fault)
		v = Verdict{Kind: Retry}
	}
	if v.Reason == "" {
		v.Reason = err.Error()
	}
	if v.Kind == Wait {
		v.Reason = strings.TrimPrefix(v.Reason, "waiting for ")
	}
	return v
}
