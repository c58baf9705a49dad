// Package jobs is the durable engine for everything that takes longer than a blink: workflows of steps that survive
// crashes, are retried, cancelled and undone, and cron schedules that enqueue them. It knows nothing of apps.
package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"proximity/store"
)

var (
	ErrNotFound = errors.New("no such job")
	ErrEnded    = errors.New("the job has ended")
	ErrUndoing  = errors.New("the job has failed and is being undone")
)

// BusyError says that the subject of a new job already has a live one.
type BusyError struct{ Job Job }

func (e *BusyError) Error() string {
	return fmt.Sprintf("%s is busy: %s (job %d) since %s", e.Job.SubjectTitle, e.Job.Title, e.Job.ID, e.Job.Created.Format(time.TimeOnly))
}

// VerdictKind says what an error means for the job.
type VerdictKind int

const (
	Retry VerdictKind = iota // may pass: try the step again after a while
	Wait                     // will pass, at a time nobody knows: look again and again, and spend no retries
	Fatal                    // will not pass
)

// Verdict is what Options.Classify makes of an error.
type Verdict struct {
	Kind   VerdictKind
	Reason string // shown; for Wait what is waited for ("host homelab"). "" means the error's text
	Hint   string // what to do about it
}

// Options say how an engine works.
type Options struct {
	Workers   int                 // jobs running at once; 0 means 64
	Classify  func(error) Verdict // nil means that every error is worth a retry
	Changed   func(id uint64)     // called after every visible change of a job; must not block
	WaitEvery time.Duration       // how often a waiting job looks again; 0 means 5 s
	Keep      int                 // finished jobs kept; 0 means 5000, negative means all
	KeepFor   time.Duration       // how long they are kept; 0 means 90 days, negative means for ever
	Logger    *slog.Logger        // nil means slog.Default
	Now       func() time.Time    // nil means time.Now
}

// Engine runs jobs.
type Engine struct{}

// Spec is a job to be.
type Spec struct {
	Kind, Subject, SubjectTitle, Owner, OwnerVia string
	Data                                         any
	Title                                        string
}

// Filter chooses jobs for List. Zero fields do not restrict.
type Filter struct {
	Subject string
	Owner   string
	States  []State
	Limit   int
	Before  uint64 // only jobs with a smaller id
}

func New(st *store.Store, o Options) *Engine                         { panic("not yet") }
func (e *Engine) Run(ctx context.Context) error                      { panic("not yet") }
func (e *Engine) Enqueue(tx *store.Tx, s Spec) (Job, error)          { panic("not yet") }
func (e *Engine) Cancel(id uint64, by string) error                  { panic("not yet") }
func (e *Engine) Get(id uint64) (Job, error)                         { panic("not yet") }
func (e *Engine) List(f Filter) ([]Job, error)                       { panic("not yet") }
func (e *Engine) Live() []Job                                        { panic("not yet") }
func (e *Engine) Log(id, after uint64, limit int) ([]LogLine, error) { panic("not yet") }
func (e *Engine) Wake()                                              { panic("not yet") }
func (e *Engine) StepsOf(kind string) []string                       { panic("not yet") }

// Schedule is something to be enqueued again and again.
type Schedule struct {
	ID      string
	Cron    string // five fields, or @hourly, @every 6h, …
	Zone    string // IANA name; "" means the machine's
	Enqueue func(tx *store.Tx, nominal time.Time) error
}

func (e *Engine) Schedule(s Schedule) error                   { panic("not yet") }
func (e *Engine) Unschedule(id string) error                  { panic("not yet") }
func (e *Engine) NextRun(id string) (next time.Time, ok bool) { panic("not yet") }
