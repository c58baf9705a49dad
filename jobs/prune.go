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
		if err := jobTable.Delete(tx, store.Key(j.ID)); err != nil {
			return removed, err
		}
		for line, err := range lineTable.Prefix(tx, store.Key(j.ID)) {
			if err != nil {
				return removed, err
			}
			if err := lineTable.Delete(tx, lineKey(line.Job, line.Seq)); err != nil {
				return removed, err
			}
		}
		removed++
	}
	return removed, nil
}
