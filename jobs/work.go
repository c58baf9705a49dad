package jobs

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// A look after what a job waits for is shown as work when it takes longer than this: not the failing of a connection,
// but something that goes on.
const flipAfter = 15 * time.Second

// work takes the job as far as it goes now, and says how it waits for the rest. Ended jobs need no pause.
func (l *live) work(ctx context.Context) (rest pause) {
	defer func() { l.reason = rest.reason }()
	if p := l.prepare(); p != nil {
		return *p
	}
	for ctx.Err() == nil {
		var p *pause
		switch j := l.view(); {
		case j.State.Ended():
			return pause{}
		case l.unsettled != nil:
			p = l.unsettled()
		case j.State == Undoing:
			p = l.undoStep(ctx, j)
		case j.CancelBy != "" && !l.finishing(j):
			p = l.turnBack(nil)
		default:
			p = l.doStep(ctx, j)
		}
		if p != nil {
			return *p
		}
	}
	return pause{}
}

// prepare binds the job to its workflow when a worker has it for the first time.
func (l *live) prepare() *pause {
	if l.data != nil {
		return nil
	}
	l.flow = l.e.flow(l.kind)
	if l.flow == nil {
		return l.stuck(fmt.Sprintf("a Proximity that knows how to do %q", l.kind))
	}
	l.mu.Lock()
	l.job.align(l.flow)
	raw := l.job.Data
	l.mu.Unlock()
	data := l.flow.bind(l)
	if err := data.restore(raw); err != nil {
		return l.stuck(fmt.Sprintf("a Proximity that can read its data (%v)", err))
	}
	l.data = data
	if l.resumed {
		l.log(Info, "Proximity was restarted, going on")
	}
	return nil
}

// finishing reports whether the current step was interrupted by the end of Proximity while a cancel waited for it.
func (l *live) finishing(j Job) bool {
	return l.resumed && l.flow.steps[j.Step].finishBeforeCancel && j.Steps[j.Step].State == StepRunning
}

// stuck is for a job that this version of the program can neither do nor undo. It waits for another version; a cancel
// ends it as it is.
func (l *live) stuck(reason string) *pause {
	if l.view().CancelBy == "" {
		l.e.o.Logger.Warn("a job cannot go on", "job", l.id, "kind", l.kind, "waiting_for", reason)
		l.show(func(j *Job) { j.wait(reason) })
		return &pause{until: l.until(24 * time.Hour)}
	}
	err := l.commit(move{noHooks: true, change: func(j *Job, say sayFunc) {
		j.Failure = &Failure{Text: "cancelled while waiting for " + reason, Left: "whatever it had made: nothing was undone"}
		j.end(l.e.now())
		say(Error, "", "cancelled; nothing was undone")
	}})
	if err != nil {
		return l.storeTrouble(err)
	}
	return &pause{}
}

// doStep does the current step once, and moves on by how it went.
func (l *live) doStep(ctx context.Context, j Job) *pause {
	i := j.Step
	st := &l.flow.steps[i]
	want, err := l.place(i)
	if err != nil {
		return l.stepFailed(j, err)
	}
	if !l.e.slot(l, want) {
		l.show(func(j *Job) { j.wait(want.text()) })
		return &pause{want: want}
	}
	first := l.begun == i
	if j.Steps[i].State == StepPending {
		first = true
		if err := l.commit(move{change: func(j *Job, say sayFunc) { l.begin(j, i, say) }}); err != nil {
			return l.storeTrouble(err)
		}
		l.reason = ""
		l.e.over(l)
	} else if !first {
		l.start()
		defer time.AfterFunc(flipAfter, l.flip).Stop()
	}
	l.begun, l.resumed = -1, false
	err = l.attempt(ctx, st, first)
	switch {
	case err == nil:
		l.flip()
		return l.stepDone(i)
	case ctx.Err() != nil:
		l.resumed = true // the shutdown, not the step: it goes on from here at the next start
		return &pause{}
	case l.cancelled():
		l.flip()
		return nil
	default:
		return l.stepFailed(j, err)
	}
}

// begin is the move into step i, within a commit.
func (l *live) begin(j *Job, i int, say sayFunc) {
	if j.CancelBy != "" {
		return
	}
	j.begin(i, l.e.now())
	say(Info, j.Steps[i].Name, j.Steps[i].Title)
}

// start shows the job at work again after a pause. When it waits for something the others wait for too, that comes
// only when it is over.
func (l *live) start() {
	l.mu.Lock()
	l.probing = l.reason != ""
	waits := l.job.State == Waiting || l.job.WaitingFor != "" || !l.job.RetryAt.IsZero()
	probing := l.probing
	if !probing {
		l.note = ""
	}
	l.mu.Unlock()
	if waits && !probing {
		l.show((*Job).goOn)
	}
}

// place returns what step i needs.
func (l *live) place(i int) (p place, err error) {
	slot := l.flow.steps[i].slot
	if slot == nil {
		return place{}, nil
	}
	err = guard(func() error {
		name, limit := slot(l.data)
		p = place{slot: name, limit: max(limit, 1)}
		return nil
	})
	return p, err
}

// placeText begins what a job that waits for its turn waits for.
const placeText = "a free place on "

func (p place) text() string { return placeText + p.slot }

// attempt runs Observe, if the step may have begun before, and Do, under the step's time limit and the cancel's hand.
func (l *live) attempt(ctx context.Context, st *step, first bool) error {
	stoppable, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	limited, release := context.WithTimeoutCause(stoppable, st.timeout, errTooLong)
	defer release()
	if !st.finishBeforeCancel {
		if !l.interruptible(stop) {
			return errCancelled
		}
		defer l.uninterruptible()
	}
	err := guard(func() error {
		if !first && st.observe != nil {
			if done, err := st.observe(limited, l.data); done || err != nil {
				return err
			}
		}
		return st.do(limited, l.data)
	})
	return l.settled(limited, st, err)
}

// settled makes the error of an attempt complete: a panic's data is gone, a time limit is named.
func (l *live) settled(ctx context.Context, st *step, err error) error {
	var fault *PanicError
	switch {
	case errors.As(err, &fault):
		return errors.Join(err, l.restore())
	case err != nil && context.Cause(ctx) == errTooLong:
		return tooLong(st.timeout, err)
	}
	return err
}

func (l *live) cancelled() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.job.CancelBy != "" && l.job.State != Undoing
}

// stepDone ends step i and begins the next one, or the end, in one commit.
func (l *live) stepDone(i int) *pause {
	var want place
	free := true
	if i+1 < len(l.flow.steps) {
		var err error
		if want, err = l.place(i + 1); err != nil {
			want = place{} // the next step will say so itself
		}
		free = l.e.slot(l, want)
	}
	err := l.commit(move{keep: true, change: func(j *Job, say sayFunc) {
		now := l.e.now()
		j.goOn()
		j.done(now)
		switch {
		case j.CancelBy != "":
			j.turnBack(nil, l.flow, now)
			sayTurn(j, say)
		case i+1 == len(j.Steps):
			j.end(now)
			say(Info, "", fmt.Sprintf("done in %s", j.Ended.Sub(j.Created).Round(time.Second/10)))
		case free:
			l.begin(j, i+1, say)
		default:
			j.Step = i + 1
			j.wait(want.text())
		}
	}})
	var he *hookError
	switch {
	case errors.As(err, &he) && i+1 == len(l.flow.steps):
		return l.stepFailed(l.view(), he.err) // Finish would not have it
	case err != nil:
		return l.storeTrouble(err)
	}
	l.begun, l.reason = i+1, ""
	if !free {
		return &pause{want: want}
	}
	return nil
}

// stepFailed decides by the error of the current step: wait, retry, or turn back.
func (l *live) stepFailed(j Job, err error) *pause {
	var trouble *storeError
	if errors.As(err, &trouble) {
		l.flip()
		return l.storeTrouble(trouble.err)
	}
	st := &j.Steps[j.Step]
	var later *laterError
	if errors.As(err, &later) {
		l.flip()
		l.remark(later.why)
		return l.settle(&pause{until: later.at}, func(j *Job, say sayFunc) {
			j.later(later.at)
			say(Info, st.Name, later.why)
		})
	}
	v := l.e.verdict(err)
	if v.Kind == Wait && l.unflipped() {
		return l.waitOn(v)
	}
	l.flip()
	switch {
	case v.Kind == Wait:
		return l.settle(&pause{until: l.until(l.e.o.WaitEvery), reason: v.Reason}, func(j *Job, say sayFunc) {
			j.wait(v.Reason)
			say(v.level(), st.Name, waitText(v, err))
		})
	case v.Kind == Retry && j.Attempt < l.flow.retries:
		at := l.until(l.flow.backoff(j.Attempt))
		l.remark(v.Reason)
		return l.settle(&pause{until: at}, func(j *Job, say sayFunc) {
			j.retry(at)
			say(Warning, st.Name, fmt.Sprintf("%s (attempt %d of %d, the next one in %s)", v.Reason, j.Attempt, l.flow.retries+1, l.flow.backoff(j.Attempt-1)))
		})
	default:
		return l.turnBack(&Failure{Step: st.Name, Text: v.Reason, Hint: v.Hint})
	}
}

// waitOn goes on waiting after a look that changed nothing. A new reason is shown, but for days of looking every few
// seconds nothing is written.
func (l *live) waitOn(v Verdict) *pause {
	if v.Reason != l.reason {
		l.show(func(j *Job) { j.WaitingFor = v.Reason })
	}
	return &pause{until: l.until(l.e.o.WaitEvery), reason: v.Reason}
}

func waitText(v Verdict, err error) string {
	text := "waiting for " + v.Reason
	if !strings.Contains(v.Reason, err.Error()) {
		text += ": " + err.Error()
	}
	return text
}

// turnBack begins to undo because of failure, or of a cancel when that is nil.
func (l *live) turnBack(failure *Failure) *pause {
	return l.settle(nil, func(j *Job, say sayFunc) {
		if j.CancelBy != "" {
			failure = nil // it came while the step was failing, and means the same
		}
		j.turnBack(failure, l.flow, l.e.now())
		sayTurn(j, say)
	})
}

// sayTurn tells why a job turned back, and what happens now.
func sayTurn(j *Job, say sayFunc) {
	if j.Failure != nil {
		say(Error, j.Failure.Step, j.Failure.Text)
	}
	if j.State == Undoing {
		say(Info, j.Steps[j.Step].Name, "undoing: "+j.Steps[j.Step].Title)
		return
	}
	sayEnd(j, say)
}

func sayEnd(j *Job, say sayFunc) {
	switch {
	case j.State == Cancelled:
		say(Warning, "", "cancelled")
	case j.Failure != nil && j.Failure.Left != "":
		say(Error, "", "failed, and left behind: "+j.Failure.Left)
	case j.State == Failed:
		say(Error, "", "failed")
	}
}

// undoStep undoes the current step once, and moves on by how it went.
func (l *live) undoStep(ctx context.Context, j Job) *pause {
	st := &l.flow.steps[j.Step]
	l.start()
	defer time.AfterFunc(flipAfter, l.flip).Stop()
	limited, release := context.WithTimeoutCause(ctx, st.timeout, errTooLong)
	defer release()
	err := l.settled(limited, st, guard(func() error { return st.undo(limited, l.data) }))
	switch {
	case err == nil:
		l.flip()
		return l.settle(nil, func(j *Job, say sayFunc) {
			j.undone(l.flow, l.e.now())
			sayUndone(j, say)
		})
	case ctx.Err() != nil:
		return &pause{}
	default:
		return l.undoFailed(j, err)
	}
}

func sayUndone(j *Job, say sayFunc) {
	if j.State == Undoing {
		say(Info, j.Steps[j.Step].Name, "undoing: "+j.Steps[j.Step].Title)
		return
	}
	sayEnd(j, say)
}

// undoFailed decides by the error of an undo: wait for ever, try again some times, or leave it behind.
func (l *live) undoFailed(j Job, err error) *pause {
	var trouble *storeError
	if errors.As(err, &trouble) {
		l.flip()
		return l.storeTrouble(trouble.err)
	}
	name := j.Steps[j.Step].Name
	v := l.e.verdict(err)
	if v.Kind == Wait && l.unflipped() {
		return l.waitOn(v)
	}
	l.flip()
	switch {
	case v.Kind == Wait:
		return l.settle(&pause{until: l.until(l.e.o.WaitEvery), reason: v.Reason}, func(j *Job, say sayFunc) {
			j.wait(v.Reason)
			say(v.level(), name, "undoing: "+waitText(v, err))
		})
	case v.Kind == Retry && j.Attempt+1 < undoAttempts:
		at := l.until(undoBackoff(j.Attempt))
		l.remark(v.Reason)
		return l.settle(&pause{until: at}, func(j *Job, say sayFunc) {
			j.retry(at)
			say(Warning, name, fmt.Sprintf("undoing: %s (attempt %d of %d, the next one in %s)", v.Reason, j.Attempt, undoAttempts, undoBackoff(j.Attempt-1)))
		})
	default:
		return l.settle(nil, func(j *Job, say sayFunc) {
			j.leave(v.Reason, v.Hint, l.e.now())
			sayEnd(j, say)
		})
	}
}

// settle commits a move that follows from an attempt, and returns the pause that comes with it. When the commit fails
// the attempt is not made again: the move waits to be committed. A workflow's function that keeps failing is left out
// in the end, for a job that never ends would keep its subject for ever.
func (l *live) settle(then *pause, change func(j *Job, say sayFunc)) *pause {
	l.unsettled = nil
	err := l.commit(move{keep: true, change: change})
	var he *hookError
	if errors.As(err, &he) {
		if l.hooks++; l.hooks >= undoAttempts {
			l.e.o.Logger.Error("a job goes on without its bookkeeping", "job", l.id, "kind", l.kind, "error", he.err)
			err = l.commit(move{noHooks: true, change: func(j *Job, say sayFunc) {
				change(j, say)
				if j.Failure == nil {
					j.Failure = &Failure{Text: "its end could not be recorded: " + he.err.Error()}
				}
				say(Error, "", "the records may not fit: "+he.err.Error())
			}})
		}
	}
	if err != nil {
		l.unsettled = func() *pause { return l.settle(then, change) }
		return l.storeTrouble(err)
	}
	l.reason = ""
	return then
}

// storeTrouble is for a job whose move cannot be committed: a full disk, say. It goes on from what is stored.
func (l *live) storeTrouble(err error) *pause {
	l.begun = -1
	l.e.o.Logger.Error("a job's state cannot be recorded", "job", l.id, "kind", l.kind, "error", err)
	l.show(func(j *Job) { j.wait("the store: " + err.Error()) })
	return &pause{until: l.until(l.e.o.WaitEvery)}
}
