package jobs

import (
	"context"
	"time"

	"proximity/store"
)

const (
	pruneEvery = 10 * time.Minute
	pruneBatch = 100 // jobs in one transaction, so that others need not wait long
)

func (e *Engine) pruneLoop(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		if _, err := e.Prune(ctx); err != nil {
			e.o.Logger.Error("old jobs cannot be removed", "error", err)
		}
		if err := e.pruneRuns(); err != nil {
			e.o.Logger.Error("old runs of schedules cannot be removed", "error", err)
		}
		timer.Reset(pruneEvery)
	}
}

// Prune removes ended jobs, with their logs, that are more than Options.Keep or older than Options.KeepFor. Run does
// it now and then.
func (e *Engine) Prune(ctx context.Context) (removed int, err error) {
	for ctx.Err() == nil {
		n := 0
		err := e.store.Update(func(tx *store.Tx) (err error) {
			n, err = e.pruneSome(tx)
			return err
		})
		if err != nil {
			return removed, err
		}
		removed += n
		if n < pruneBatch {
			break
		}
	}
	return removed, nil
}

// pruneSome removes the oldest jobs, by id, up to the first that stays.
func (e *Engine) pruneSome(tx *store.Tx) (removed int, err error) {
	e.mu.Lock()
	surplus := jobTable.Count(tx) - len(e.live) - e.o.Keep
	e.mu.Unlock()
	oldest := e.now().Add(-e.o.KeepFor)
	for j, err := range jobTable.All(tx) {
		if err != nil {
			return removed, err
		}
		if !j.State.Ended() {
			continue
		}
		tooMany := e.o.Keep > 0 && removed < surplus
		tooOld := e.o.KeepFor > 0 && j.Ended.Before(oldest)
		if !tooMany && !tooOld || removed == pruneBatch {
			break
		}
		if err := removeJob(tx, j.ID); err != nil {
			return removed, err
		}
		removed++
	}
	return removed, nil
}

// removeJob removes an ended job with its log.
func removeJob(tx *store.Tx, id uint64) error {
	if err := jobTable.Delete(tx, store.Key(id)); err != nil {
		return err
	}
	for line, err := range lineTable.Prefix(tx, store.Key(id)) {
		if err != nil {
			return err
		}
		if err := lineTable.Delete(tx, lineKey(line.Job, line.Seq)); err != nil {
			return err
		}
	}
	return nil
}

// keepLast removes the jobs of last's kind and subject that succeeded before it, but the newest: last among them, keep
// stay.
func keepLast(tx *store.Tx, last Job, keep int) error {
	var old []uint64
	for j, err := range jobTable.WhereBackwards(tx, subjectIndex, last.Subject) {
		if err != nil {
			return err
		}
		if j.Kind == last.Kind && j.State == Succeeded {
			if keep--; keep < 0 {
				old = append(old, j.ID)
			}
		}
	}
	for _, id := range old {
		if err := removeJob(tx, id); err != nil {
			return err
		}
	}
	return nil
}
