package jobs

import (
	"context"
	"time"

	"proximity/store"
)

// Workflow says how jobs of one kind are done. D is what such a job remembers; it is kept as JSON.
type Workflow[D any] struct {
	Kind    string
	Retries int                       // further attempts of a step after an error that may pass
	Backoff func(n int) time.Duration // before the n-th retry, n = 0, 1, …; nil means min(60·2ⁿ, 900) s
	Steps   []Step[D]

	// Finish runs in the transaction that ends the job; j has its final state.
	Finish func(tx *store.Tx, j Job, d *D) error
	// UndoBegin, if given, runs in the transaction that turns the job to Undoing.
	UndoBegin func(tx *store.Tx, j Job, d *D) error
}

// Step is one step of a workflow.
type Step[D any] struct {
	Name, Title        string        // Name for the log ("lxc_create"), Title for people
	Weight             float64       // share of the job's progress; 0 means 1
	Timeout            time.Duration // of one attempt; 0 means 30 min
	Do                 func(ctx context.Context, r *Run[D]) error
	Observe            func(ctx context.Context, r *Run[D]) (done bool, err error)
	Undo               func(ctx context.Context, r *Run[D]) error
	FinishBeforeCancel bool
	Slot               func(d *D) (name string, limit int)
}

// Run is what a step works with.
type Run[D any] struct {
	Data *D
}

func Register[D any](e *Engine, w Workflow[D])                 { panic("not yet") }
func (r *Run[D]) Job() Job                                     { panic("not yet") }
func (r *Run[D]) Save(also ...func(tx *store.Tx) error) error  { panic("not yet") }
func (r *Run[D]) Log(level Level, text string)                 { panic("not yet") }
func (r *Run[D]) Logf(level Level, format string, args ...any) { panic("not yet") }
func (r *Run[D]) Progress(f float64, note string)              { panic("not yet") }
