package jobs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"proximity/store"
)

// live is an unfinished job in memory.
type live struct {
	e     *Engine
	id    uint64
	owner string
	kind  string
	sched schedule // guarded by e.mu

	// Only the worker that has the job touches these.
	flow      *workflow
	data      binding
	resumed   bool          // it was at work when Proximity ended
	begun     int           // the step whose begin is stored but which has not been attempted; else -1
	reason    string        // what the last pause waited for
	unsettled func() *pause // a move that could not be committed
	hooks     int           // failed attempts to run Finish or UndoBegin

	write sync.Mutex // held during a commit, so that moves come one after another

	mu       sync.Mutex // guards what follows; taken after e.mu and write, never before
	job      Job        // the newest record; waiting may be ahead of the store
	progress float64    // of the current step
	note     string
	stop     context.CancelCauseFunc // ends the attempt that is going on, if a cancel may
	probing  bool                    // looking whether what it waits for is over: nothing is shown until it is
	book     book
}

func newLive(e *Engine, j Job, seq uint64) *live {
	l := &live{e: e, id: j.ID, owner: j.Owner, kind: j.Kind, begun: -1, job: j, book: book{last: seq}}
	if j.Step < len(j.Steps) {
		l.progress, l.note = j.Steps[j.Step].Progress, j.Steps[j.Step].Note
	}
	return l
}

// view returns a picture with live progress.
func (l *live) view() Job {
	flow := l.e.flow(l.kind)
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.picture(flow)
}

// picture is view for callers who hold l.mu.
func (l *live) picture(flow *workflow) Job {
	j := l.job.copied()
	if j.Step < len(j.Steps) && !j.State.Ended() {
		if s := &j.Steps[j.Step]; s.State == StepRunning {
			s.Progress, s.Note = l.progress, l.note
		}
		j.Note = l.note
	}
	j.Progress = j.progress(flow)
	return j
}

// quick reports whether ending the job takes no work.
func (l *live) quick() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.job.CancelBy != "" && l.job.Started.IsZero()
}

// move is one durable change of a job.
type move struct {
	change  func(j *Job, say sayFunc) // nil: the record stays as it is
	also    []func(tx *store.Tx) error
	keep    bool // keep the data: only for the worker, whose data it is
	noHooks bool
}

// sayFunc adds a line to the log that becomes visible with the move.
type sayFunc func(level Level, step, text string)

// commit makes a move: the record, its data, the log lines up to now and those of the move, and what the workflow
// adds, all or nothing. When it fails, the data goes back to what is stored. Errors of functions other than the
// store's are *hookError.
func (l *live) commit(m move) (err error) {
	l.write.Lock()
	committed := false
	defer func() {
		if !committed {
			l.mu.Lock()
			l.book.close(l.probing)
			l.mu.Unlock()
			if m.keep {
				err = errors.Join(err, l.restore())
			}
		}
		l.write.Unlock()
		if committed {
			l.e.o.Changed(l.id)
		}
	}()
	var raw json.RawMessage
	if m.keep {
		if raw, err = l.data.encode(); err != nil {
			return &hookError{fmt.Errorf("its data cannot be kept: %w", err)}
		}
	}
	l.mu.Lock()
	l.book.busy = true
	l.mu.Unlock()
	var now Job
	var lines []LogLine
	runs := 0
	return l.e.store.Batch(func(tx *store.Tx) error {
		if runs++; runs > 1 && m.keep {
			if err := l.data.restore(raw); err != nil {
				return &hookError{err}
			}
		}
		// Before anything the workflow wants to happen on commit, so that it sees the job as it is then.
		tx.OnCommit(func() {
			committed = true
			l.became(now, lines)
		})
		var err error
		now, lines, err = l.apply(tx, m, raw)
		return err
	})
}

// became takes over what has been committed.
func (l *live) became(now Job, lines []LogLine) {
	l.mu.Lock()
	if now.Step != l.job.Step || now.State != l.job.State && now.State == Undoing {
		l.progress, l.note = 0, ""
	}
	l.job = now
	l.book.written(lines)
	l.book.close(l.probing)
	l.mu.Unlock()
	if now.State == Undoing {
		l.e.calm(l)
	}
	if now.State.Ended() {
		l.e.forget(l)
	}
}

// apply does a move inside a transaction.
func (l *live) apply(tx *store.Tx, m move, raw json.RawMessage) (Job, []LogLine, error) {
	flow := l.e.flow(l.kind)
	l.mu.Lock()
	before := l.job.State
	j := l.picture(flow)
	lines := l.book.unwritten()
	next := l.book.last + 1
	l.mu.Unlock()
	if before.Ended() {
		return j, nil, &hookError{fmt.Errorf("job %d: %w", l.id, ErrEnded)}
	}
	if m.keep {
		j.Data = raw
	}
	if m.change != nil {
		m.change(&j, func(level Level, step, text string) {
			lines = append(lines, LogLine{Job: l.id, Seq: next, Time: l.e.now(), Level: level, Step: step, Text: text})
			next++
		})
	}
	if !before.mayBecome(j.State) {
		return j, nil, fmt.Errorf("job %d may not go from %s to %s", l.id, before, j.State)
	}
	j.Progress = j.progress(flow)
	if err := jobTable.Put(tx, j); err != nil {
		return j, nil, err
	}
	for _, line := range lines {
		if err := lineTable.Put(tx, line); err != nil {
			return j, nil, err
		}
	}
	if j.State == Succeeded && flow != nil && flow.keep > 0 {
		if err := keepLast(tx, j, flow.keep); err != nil {
			return j, nil, err
		}
	}
	for _, fn := range m.also {
		if err := fn(tx); err != nil {
			return j, nil, &hookError{err}
		}
	}
	if !m.noHooks && before != j.State {
		if err := l.hook(tx, j); err != nil {
			return j, nil, &hookError{err}
		}
	}
	if !m.keep {
		return j, lines, nil
	}
	// What was added may have changed the data. The record comes first all the same: only when it says that the job
	// has ended can the next job of its subject be enqueued here.
	changed, err := l.data.encode()
	if err != nil {
		return j, nil, &hookError{fmt.Errorf("its data cannot be kept: %w", err)}
	}
	if !bytes.Equal(changed, raw) {
		j.Data = changed
		return j, lines, jobTable.Put(tx, j)
	}
	return j, lines, nil
}

// hook runs what the workflow wants to happen with a change of state.
func (l *live) hook(tx *store.Tx, j Job) error {
	switch {
	case l.flow == nil || l.data == nil:
		return nil
	case j.State.Ended() && l.flow.finish != nil:
		return guard(func() error { return l.flow.finish(tx, j.copied(), l.data) })
	case j.State == Undoing && l.flow.undoBegin != nil:
		return guard(func() error { return l.flow.undoBegin(tx, j.copied(), l.data) })
	}
	return nil
}

// restore brings the data back to what is stored.
func (l *live) restore() error {
	l.mu.Lock()
	raw := l.job.Data
	l.mu.Unlock()
	if err := l.data.restore(raw); err != nil {
		return fmt.Errorf("data of job %d: %w", l.id, err)
	}
	return nil
}

// save is Run.Save.
func (l *live) save(also []func(tx *store.Tx) error) error {
	return l.put(move{keep: true, also: also})
}

// letGo is Run.LetGo.
func (l *live) letGo() error {
	return l.put(move{keep: true, change: func(j *Job, _ sayFunc) { j.LetGo = true }})
}

// put commits what a step asks for.
func (l *live) put(m move) error {
	l.flip()
	err := l.commit(m)
	var he *hookError
	if errors.As(err, &he) {
		return he.err
	}
	if err != nil {
		return &storeError{err}
	}
	return nil
}

// storeError is an error of the store in Save. A step may pass it on like any other, but it says nothing about the
// step: the job goes on from what is stored.
type storeError struct{ err error }

func (e *storeError) Error() string { return "the store cannot be written: " + e.err.Error() }
func (e *storeError) Unwrap() error { return e.err }

// cancel records who asked, and ends what may be ended at once.
func (l *live) cancel(by string) error {
	state, already := l.cancelState()
	switch {
	case state.Ended():
		return fmt.Errorf("job %d: %w", l.id, ErrEnded)
	case already:
		return nil
	case state == Undoing:
		return fmt.Errorf("job %d: %w", l.id, ErrUndoing)
	}
	if by == "" {
		by = "unknown"
	}
	refused := error(nil)
	err := l.commit(move{change: func(j *Job, say sayFunc) {
		refused = nil
		switch { // what happened since the look above
		case j.State == Undoing && j.CancelBy == "":
			refused = fmt.Errorf("job %d: %w", l.id, ErrUndoing)
		case j.CancelBy == "":
			j.CancelBy = by
			say(Warning, "", "cancelled by "+by)
		}
	}})
	var he *hookError
	if errors.As(err, &he) {
		return he.err // it has ended
	}
	if err != nil || refused != nil {
		return errors.Join(err, refused)
	}
	l.mu.Lock()
	if l.stop != nil {
		l.stop(errCancelled)
	}
	l.mu.Unlock()
	l.e.hurry(l)
	return nil
}

func (l *live) cancelState() (state State, already bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.job.State, l.job.CancelBy != ""
}

// interruptible names the function by which a cancel ends the attempt that begins now. It reports false when the job
// has been cancelled before.
func (l *live) interruptible(stop context.CancelCauseFunc) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.job.CancelBy != "" {
		return false
	}
	l.stop = stop
	return true
}

func (l *live) uninterruptible() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stop = nil
}

// show changes the record in memory alone, for what need not survive: waiting, and the end of waiting.
func (l *live) show(change func(j *Job)) {
	l.mu.Lock()
	change(&l.job)
	l.mu.Unlock()
	l.e.o.Changed(l.id)
}

// flip ends a look after what the job waits for with a yes: the job is seen to go on.
func (l *live) flip() {
	l.mu.Lock()
	was := l.probing
	if was {
		l.probing = false
		l.job.goOn()
		l.book.close(false)
	}
	l.mu.Unlock()
	if was {
		l.e.over(l)
		l.e.o.Changed(l.id)
	}
}

// unflipped ends it with a no, and reports whether it was still going on. Nothing of it is kept.
func (l *live) unflipped() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	was := l.probing
	if was {
		l.probing = false
		l.book.staged = nil
	}
	return was
}

// progressed is Run.Progress.
func (l *live) progressed(f float64, note string) {
	f = min(max(f, 0), 1) // NaN becomes NaN and is dropped below
	l.flip()
	l.mu.Lock()
	changed := f == f && f != l.progress || note != l.note
	if f == f {
		l.progress = f
	}
	l.note = note
	l.mu.Unlock()
	if changed {
		l.e.o.Changed(l.id)
	}
}

// remark sets the note of the current step.
func (l *live) remark(note string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.note = note
}

// log is Run.Log.
func (l *live) log(level Level, text string) {
	now := l.e.now()
	l.mu.Lock()
	step := ""
	if l.job.Step < len(l.job.Steps) {
		step = l.job.Steps[l.job.Step].Name
	}
	for text := range strings.SplitSeq(strings.TrimRight(text, "\r\n"), "\n") {
		l.book.add(LogLine{Job: l.id, Time: now, Level: level, Step: step, Text: strings.TrimRight(text, "\r")})
	}
	visible := !l.book.busy && !l.probing && !l.job.State.Ended()
	if visible {
		l.book.release()
	}
	l.mu.Unlock()
	if visible {
		knock(l.e.dirty)
		l.e.o.Changed(l.id)
	}
}

// until returns the time after a while.
func (l *live) until(d time.Duration) time.Time { return l.e.now().Add(d) }
