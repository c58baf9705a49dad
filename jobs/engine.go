// Package jobs is the durable engine for everything that takes longer than a blink: workflows of steps that survive
// crashes, are retried, cancelled and undone, and schedules that enqueue them. It knows nothing of apps.
//
// A job is a row in the store and, while it is unfinished, a live in memory. A worker takes the live from step to
// step (work.go); every move is one commit of the row, its log lines and whatever the workflow adds (live.go). Who
// works next is decided by the queue alone (queue.go).
package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"proximity/store"
)

// VerdictKind says what an error means for the job.
type VerdictKind int

const (
	Retry VerdictKind = iota // may pass: try the step again after a while
	Wait                     // will pass, at a time nobody knows: look again and again, and spend no retries
	Fatal                    // will not pass
)

// Verdict is what Options.Classify makes of an error. Jobs that wait for the same Reason look after it together, a few
// at a time, so for Wait it should name the thing and leave out the error's details, which go to the log.
type Verdict struct {
	Kind   VerdictKind
	Reason string // shown; "" means the error's text. For Wait it completes "waiting for …" ("host homelab")
	Hint   string // what to do about it
	Calm   bool   // for Wait: all is as it should be, and the log says so
}

// level is how loud the log says why a job waits.
func (v Verdict) level() Level {
	if v.Calm {
		return Info
	}
	return Warning
}

// Options say how an engine works. The zero value is usable.
type Options struct {
	Workers   int                 // jobs running at once; 0 means 64
	Classify  func(error) Verdict // nil means that every error is worth a retry
	Changed   func(id uint64)     // called after every visible change of a job; must not block
	WaitEvery time.Duration       // how often a job in Wait looks again; 0 means 5 s
	Keep      int                 // ended jobs kept, with their logs; 0 means 5000, negative means all
	KeepFor   time.Duration       // how long they are kept; 0 means 90 days, negative means for ever
	Logger    *slog.Logger        // nil means slog.Default()
	Now       func() time.Time    // nil means time.Now
}

func (o Options) withDefaults() Options {
	if o.Workers <= 0 {
		o.Workers = 64
	}
	if o.Classify == nil {
		o.Classify = func(error) Verdict { return Verdict{Kind: Retry} }
	}
	if o.Changed == nil {
		o.Changed = func(uint64) {}
	}
	if o.WaitEvery <= 0 {
		o.WaitEvery = 5 * time.Second
	}
	if o.Keep == 0 {
		o.Keep = 5000
	}
	if o.KeepFor == 0 {
		o.KeepFor = 90 * 24 * time.Hour
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// Engine runs jobs. It is safe for concurrent use.
type Engine struct {
	store   *store.Store
	o       Options
	loadErr error
	poke    chan struct{} // the queue should look again
	dirty   chan struct{} // there are lines to be flushed
	cron    crontab

	mu      sync.Mutex // guards what follows, and live.sched of every job
	on      bool
	flows   map[string]*workflow
	live    map[uint64]*live
	working int            // jobs a worker has
	owners  map[string]int // the same by owner
	slots   map[string]int // places taken
	scouts  map[string]int // jobs looking whether what they wait for is over
}

// New returns an engine over the jobs in the store. Nothing runs before Run.
func New(st *store.Store, o Options) *Engine {
	e := &Engine{
		store:  st,
		o:      o.withDefaults(),
		poke:   make(chan struct{}, 1),
		dirty:  make(chan struct{}, 1),
		cron:   newCrontab(),
		flows:  map[string]*workflow{},
		live:   map[uint64]*live{},
		owners: map[string]int{},
		slots:  map[string]int{},
		scouts: map[string]int{},
	}
	e.loadErr = e.load() // reported by Run
	return e
}

// load brings the unfinished jobs into memory.
func (e *Engine) load() error {
	return e.store.View(func(tx *store.Tx) error {
		for j, err := range jobTable.Where(tx, openIndex, "yes") {
			if err != nil {
				return fmt.Errorf("load jobs: %w", err)
			}
			seq, err := lastSeq(tx, j.ID)
			if err != nil {
				return fmt.Errorf("load jobs: %w", err)
			}
			l := newLive(e, j, seq)
			l.resumed = j.State == Running || j.State == Undoing
			e.live[j.ID] = l
			l.sched.until = j.RetryAt
			l.sched.reason, l.reason = j.WaitingFor, j.WaitingFor
			l.sched.urgent = j.CancelBy != "" && j.State != Undoing
		}
		return nil
	})
}

// Run resumes unfinished jobs and works until ctx ends; then it waits for its goroutines. The steps' contexts end with
// ctx; jobs stay where they are and go on at the next start. The error is nil unless the jobs could not be read.
func (e *Engine) Run(ctx context.Context) error {
	if e.loadErr != nil {
		return e.loadErr
	}
	e.mu.Lock()
	again := e.on
	e.on = true
	e.mu.Unlock()
	if again {
		return errors.New("jobs: the engine is running already")
	}
	var wg sync.WaitGroup
	wg.Go(func() { e.flushLoop(ctx) })
	wg.Go(func() { e.cronLoop(ctx) })
	wg.Go(func() { e.pruneLoop(ctx) })
	e.queueLoop(ctx, &wg)
	wg.Wait()
	e.flush()
	e.mu.Lock()
	e.on = false
	e.mu.Unlock()
	return nil
}

// Spec is a job to be.
type Spec struct {
	Kind         string   // of a registered workflow
	Subject      string   // what it is about, and what it keeps others from; "" for nothing
	SubjectTitle string   // the same for people
	Also         []string // further subjects, until Run.LetGo
	Owner        string
	OwnerVia     string
	Data         any // of the workflow's type
	Title        string
}

// Enqueue adds a job in the caller's transaction: it exists, and begins, when that commits. It returns *BusyError
// when one of the subjects has an unfinished job.
func (e *Engine) Enqueue(tx *store.Tx, s Spec) (Job, error) {
	flow := e.flow(s.Kind)
	if flow == nil {
		return Job{}, fmt.Errorf("enqueue: there is no workflow %q", s.Kind)
	}
	id, err := jobTable.Next(tx)
	if err != nil {
		return Job{}, fmt.Errorf("enqueue %s: %w", s.Kind, err)
	}
	j := Job{
		ID: id, Kind: s.Kind, Subject: s.Subject, SubjectTitle: s.SubjectTitle, Also: s.Also, Owner: s.Owner, OwnerVia: s.OwnerVia,
		Title: s.Title, State: Queued, Steps: flow.pending(), Created: e.now(),
	}
	if j.Data, err = flow.accept(s.Data); err != nil {
		return Job{}, fmt.Errorf("enqueue %s: %w", s.Kind, err)
	}
	err = jobTable.Insert(tx, j)
	var taken *store.TakenError
	if errors.As(err, &taken) && taken.Index == liveIndex {
		busy, err := jobTable.Find(tx, liveIndex, taken.Value)
		if err != nil {
			return Job{}, fmt.Errorf("enqueue %s: %w", s.Kind, err)
		}
		return Job{}, &BusyError{Job: e.newest(busy), Subject: taken.Value}
	}
	if err != nil {
		return Job{}, fmt.Errorf("enqueue %s: %w", s.Kind, err)
	}
	tx.OnCommit(func() {
		e.mu.Lock()
		if _, known := e.live[id]; !known {
			e.live[id] = newLive(e, j, 0)
		}
		e.mu.Unlock()
		e.look()
		e.o.Changed(id)
	})
	return j.copied(), nil
}

// Cancel asks for a job to be undone and ended; that it was asked is durable when Cancel returns. It returns
// ErrNotFound, ErrEnded, or ErrUndoing when the job has failed and is being undone already.
func (e *Engine) Cancel(id uint64, by string) error {
	e.mu.Lock()
	l := e.live[id]
	e.mu.Unlock()
	if l == nil {
		j, err := e.Get(id)
		if err == nil && j.State.Ended() {
			err = fmt.Errorf("job %d: %w", id, ErrEnded)
		}
		if err == nil {
			err = fmt.Errorf("job %d: %w", id, ErrNotFound)
		}
		return err
	}
	return l.cancel(by)
}

// Wake has jobs that wait for a host look again now, and everything that waits for a time look at the clock.
func (e *Engine) Wake() {
	e.mu.Lock()
	for _, l := range e.live {
		if l.sched.reason != "" {
			l.sched.until = time.Time{}
		}
	}
	e.mu.Unlock()
	e.look()
	e.cron.look()
}

func (e *Engine) flow(kind string) *workflow {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.flows[kind]
}

// now is the time as it is stored: without a monotonic part, in UTC.
func (e *Engine) now() time.Time { return e.o.Now().UTC().Round(0) }

// knock sends to a channel that remembers one knock.
func knock(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
