package jobs

import (
	"errors"
	"fmt"
	"iter"
	"slices"

	"proximity/store"
)

// Filter chooses jobs for List. Zero fields do not restrict.
type Filter struct {
	Subject string
	Owner   string
	States  []State
	Limit   int
	Before  uint64 // only jobs with a smaller id
}

func (f Filter) takes(j Job) bool {
	return (f.Subject == "" || j.isAbout(f.Subject)) &&
		(f.Owner == "" || j.Owner == f.Owner) &&
		(f.Before == 0 || j.ID < f.Before) &&
		(len(f.States) == 0 || slices.Contains(f.States, j.State))
}

// unfinished reports whether only unfinished jobs can pass.
func (f Filter) unfinished() bool {
	return len(f.States) > 0 && !slices.ContainsFunc(f.States, State.Ended)
}

// Get returns a job with its live progress, or ErrNotFound.
func (e *Engine) Get(id uint64) (Job, error) {
	e.mu.Lock()
	l := e.live[id]
	e.mu.Unlock()
	if l != nil {
		return l.view(), nil
	}
	var j Job
	err := e.store.View(func(tx *store.Tx) (err error) {
		j, err = jobTable.Get(tx, store.Key(id))
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return j, fmt.Errorf("job %d: %w", id, ErrNotFound)
	}
	return j, err
}

// Busy returns the unfinished job of a subject as it is in the caller's transaction, ok false if it has none: what is
// changed in the same transaction then has no job beside it.
func (e *Engine) Busy(tx *store.Tx, subject string) (j Job, ok bool, err error) {
	j, err = jobTable.Find(tx, liveIndex, subject)
	if errors.Is(err, store.ErrNotFound) {
		return j, false, nil
	}
	return j, err == nil, err
}

// newest returns the picture in memory of a stored job, if there is one.
func (e *Engine) newest(j Job) Job {
	e.mu.Lock()
	l := e.live[j.ID]
	e.mu.Unlock()
	if l == nil {
		return j
	}
	return l.view()
}

// Live returns the unfinished jobs, oldest first, from memory.
func (e *Engine) Live() []Job {
	e.mu.Lock()
	all := make([]*live, 0, len(e.live))
	for _, l := range e.live {
		all = append(all, l)
	}
	e.mu.Unlock()
	jobs := make([]Job, 0, len(all))
	for _, l := range all {
		if j := l.view(); !j.State.Ended() {
			jobs = append(jobs, j)
		}
	}
	slices.SortFunc(jobs, func(a, b Job) int { return int(int64(a.ID) - int64(b.ID)) })
	return jobs
}

// List returns the jobs that pass the filter, newest first, with their live progress.
func (e *Engine) List(f Filter) ([]Job, error) {
	var found []Job
	full := func() bool { return f.Limit > 0 && len(found) >= f.Limit }
	if f.unfinished() {
		for _, j := range slices.Backward(e.Live()) {
			if f.takes(j) && !full() {
				found = append(found, j)
			}
		}
		return found, nil
	}
	err := e.store.View(func(tx *store.Tx) error {
		for j, err := range f.rows(tx) {
			if err != nil || full() {
				return err
			}
			if f.Before != 0 && j.ID >= f.Before {
				continue
			}
			if j = e.newest(j); f.takes(j) {
				found = append(found, j)
			}
		}
		return nil
	})
	return found, err
}

// rows walks the smallest part of the table that has all jobs that pass, newest first.
func (f Filter) rows(tx *store.Tx) iter.Seq2[Job, error] {
	switch {
	case f.Subject != "":
		return jobTable.WhereBackwards(tx, subjectIndex, f.Subject)
	case f.Owner != "":
		return jobTable.WhereBackwards(tx, ownerIndex, f.Owner)
	case f.Before != 0:
		return jobTable.BackwardsFrom(tx, store.Key(f.Before))
	default:
		return jobTable.Backwards(tx)
	}
}
