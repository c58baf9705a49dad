package jobs

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"proximity/store"
)

// Workflow says how jobs of one kind are done. D is what such a job remembers; it is kept as JSON.
type Workflow[D any] struct {
	Kind    string
	Retries int                       // further attempts of a step after errors that may pass; each step has as many
	Backoff func(n int) time.Duration // before the n-th retry, n = 0, 1, …; nil means min(60·2ⁿ, 900) s
	Steps   []Step[D]
	Keep    int // how many jobs of a subject are kept once they succeeded, for what comes every hour; 0 means by Options

	// Finish, if given, runs in the transaction that ends the job; j has its final state. An error on the way to
	// Succeeded is an error of the last step; otherwise Finish is tried a few more times and then left out.
	// It may run more than once before it is committed, so it must only work on tx and d.
	Finish func(tx *store.Tx, j Job, d *D) error
	// UndoBegin, if given, runs in the transaction that turns the job to Undoing, by the same rules.
	UndoBegin func(tx *store.Tx, j Job, d *D) error
}

// Step is one step of a workflow.
type Step[D any] struct {
	Name, Title string        // Name for the log ("lxc_create"), Title for people
	Weight      float64       // share of the job's progress; 0 means 1
	Timeout     time.Duration // of one attempt; 0 means 30 min

	// Do has the effect. Changes of r.Data are kept when it returns, by Save while it runs; a panic loses the others.
	Do func(ctx context.Context, r *Run[D]) error
	// Observe, if given, is asked before Do whenever the step may have begun before: after a restart, before a retry.
	// When done is true Do is left out.
	Observe func(ctx context.Context, r *Run[D]) (done bool, err error)
	// Undo, if given, removes the effect of a step that may have begun: none of it, some or all may be there.
	Undo func(ctx context.Context, r *Run[D]) error
	// FinishBeforeCancel lets a cancel wait until this step has ended; otherwise its context is cancelled at once.
	FinishBeforeCancel bool
	// Slot, if given, names what the step needs a place on ("node/pve1") and how many places there are. No name: none.
	Slot func(d *D) (name string, limit int)
}

const (
	defaultTimeout = 30 * time.Minute
	// An undo is worth many attempts: giving up leaves something behind.
	undoAttempts = 10
)

func defaultBackoff(n int) time.Duration { return doubling(time.Minute, n, 15*time.Minute) }

// undoBackoff adds up to about 20 minutes over all attempts.
func undoBackoff(n int) time.Duration { return doubling(5*time.Second, n, 5*time.Minute) }

func doubling(first time.Duration, n int, most time.Duration) time.Duration {
	if n > 20 {
		return most
	}
	return min(first<<n, most)
}

// workflow is a Workflow whose data type is hidden behind binding.
type workflow struct {
	kind      string
	retries   int
	backoff   func(n int) time.Duration
	steps     []step
	keep      int
	bind      func(l *live) binding
	finish    func(tx *store.Tx, j Job, b binding) error
	undoBegin func(tx *store.Tx, j Job, b binding) error
}

type step struct {
	name, title        string
	weight             float64
	timeout            time.Duration
	finishBeforeCancel bool
	do                 func(ctx context.Context, b binding) error
	observe            func(ctx context.Context, b binding) (bool, error)
	undo               func(ctx context.Context, b binding) error
	slot               func(b binding) (string, int)
}

// binding is a Run of any type of data.
type binding interface {
	encode() (json.RawMessage, error)
	restore(data json.RawMessage) error
}

// Register makes a kind of job known, before Run. It panics when the workflow makes no sense: that is a mistake in
// the program.
func Register[D any](e *Engine, w Workflow[D]) {
	flow := &workflow{kind: w.Kind, retries: w.Retries, backoff: w.Backoff, keep: w.Keep}
	if flow.backoff == nil {
		flow.backoff = defaultBackoff
	}
	flow.bind = func(l *live) binding { return &Run[D]{Data: new(D), live: l} }
	if w.Finish != nil {
		flow.finish = func(tx *store.Tx, j Job, b binding) error { return w.Finish(tx, j, b.(*Run[D]).Data) }
	}
	if w.UndoBegin != nil {
		flow.undoBegin = func(tx *store.Tx, j Job, b binding) error { return w.UndoBegin(tx, j, b.(*Run[D]).Data) }
	}
	for _, s := range w.Steps {
		flow.steps = append(flow.steps, bindStep(s))
	}
	flow.check()
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, twice := e.flows[w.Kind]; twice {
		panic("jobs: workflow " + w.Kind + " is registered twice")
	}
	e.flows[w.Kind] = flow
}

func bindStep[D any](s Step[D]) step {
	b := step{name: s.Name, title: s.Title, weight: s.Weight, timeout: s.Timeout, finishBeforeCancel: s.FinishBeforeCancel}
	if b.weight <= 0 {
		b.weight = 1
	}
	if b.timeout <= 0 {
		b.timeout = defaultTimeout
	}
	if b.title == "" {
		b.title = b.name
	}
	if s.Do != nil {
		b.do = func(ctx context.Context, r binding) error { return s.Do(ctx, r.(*Run[D])) }
	}
	if s.Observe != nil {
		b.observe = func(ctx context.Context, r binding) (bool, error) { return s.Observe(ctx, r.(*Run[D])) }
	}
	if s.Undo != nil {
		b.undo = func(ctx context.Context, r binding) error { return s.Undo(ctx, r.(*Run[D])) }
	}
	if s.Slot != nil {
		b.slot = func(r binding) (string, int) { return s.Slot(r.(*Run[D]).Data) }
	}
	return b
}

func (w *workflow) check() {
	if w.kind == "" || len(w.steps) == 0 {
		panic(fmt.Sprintf("jobs: workflow %q needs a kind and steps", w.kind))
	}
	seen := map[string]bool{}
	for _, s := range w.steps {
		if s.name == "" || seen[s.name] || s.do == nil {
			panic(fmt.Sprintf("jobs: step %q of workflow %s needs a name of its own and a Do", s.name, w.kind))
		}
		seen[s.name] = true
	}
}

// accept encodes the data of a new job, and sees that it can be read again as the workflow's type.
func (w *workflow) accept(data any) (json.RawMessage, error) {
	raw, err := json.Marshal(data)
	if err != nil {
		return nil, err
	}
	if err := w.bind(nil).restore(raw); err != nil {
		return nil, fmt.Errorf("its data: %w", err)
	}
	return raw, nil
}

// pending returns the steps of a job that has not begun.
func (w *workflow) pending() []StepState {
	steps := make([]StepState, len(w.steps))
	for i, s := range w.steps {
		steps[i] = StepState{Name: s.name, Title: s.title, State: StepPending}
	}
	return steps
}

// Run is what a step works with. Data belongs to the step while it runs; the other methods may be called from any
// goroutine the step waits for.
type Run[D any] struct {
	Data *D
	live *live
}

// Job returns a picture of the job.
func (r *Run[D]) Job() Job { return r.live.view() }

// Save writes Data durably, together with other changes in the same transaction. When that fails the error is
// returned as it is and Data goes back to what is stored. The functions may run more than once before they are
// committed (with Data as it was each time), so they must only work on tx and Data.
func (r *Run[D]) Save(also ...func(tx *store.Tx) error) error { return r.live.save(also) }

// LetGo frees what the job uses besides its subject (Spec.Also) for other jobs, durably. Errors are those of Save.
func (r *Run[D]) LetGo() error { return r.live.letGo() }

// Log adds a line to the job's log, or several when the text has several. They are durable within a fraction of a
// second, and at the latest with the next Save or the end of the step.
func (r *Run[D]) Log(level Level, text string) { r.live.log(level, text) }

// Logf is Log with a format.
func (r *Run[D]) Logf(level Level, format string, args ...any) {
	r.live.log(level, fmt.Sprintf(format, args...))
}

// Progress says how much of this step is done, 0..1, and what it is at. It is cheap.
func (r *Run[D]) Progress(f float64, note string) { r.live.progressed(f, note) }

func (r *Run[D]) encode() (json.RawMessage, error) { return json.Marshal(r.Data) }

func (r *Run[D]) restore(data json.RawMessage) error {
	fresh := new(D)
	if len(data) > 0 {
		if err := json.NewDecoder(bytes.NewReader(data)).Decode(fresh); err != nil {
			return err
		}
	}
	if r.Data == nil {
		r.Data = fresh
		return nil
	}
	*r.Data = *fresh
	return nil
}
