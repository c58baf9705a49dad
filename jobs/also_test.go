package jobs

import (
	"context"
	"errors"
	"testing"
	"time"

	"proximity/store"
)

// A copy is made: the job is about the copy, and keeps others from the source until it has what it needs of it.
func TestAJobKeepsOthersFromWhatItUsesUntilItLetsGo(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		released := make(chan bool)
		register := func(e *Engine) {
			Register(e, Workflow[plan]{Kind: "copy", Steps: []Step[plan]{
				{Name: "read", Do: func(ctx context.Context, r *Run[plan]) error {
					select {
					case <-released:
					case <-ctx.Done():
						return ctx.Err()
					}
					return r.LetGo()
				}},
				{Name: "finish", Do: func(ctx context.Context, _ *Run[plan]) error { <-ctx.Done(); return ctx.Err() }},
			}})
			Register(e, Workflow[plan]{Kind: "stop", Steps: []Step[plan]{{Name: "stop", Do: func(context.Context, *Run[plan]) error { return nil }}}})
		}
		w.start(Options{}, register)
		first := w.enqueue(Spec{Kind: "copy", Subject: "copy", Also: []string{"source"}, Title: "Copy source"})
		refused := func(s Spec) *BusyError {
			var busy *BusyError
			err := w.store.Update(func(tx *store.Tx) error { _, err := w.e.Enqueue(tx, s); return err })
			if !errors.As(err, &busy) {
				t.Fatalf("%+v is not refused: %v", s, err)
			}
			return busy
		}
		if b := refused(Spec{Kind: "stop", Subject: "source"}); b.Job.ID != first.ID || b.Subject != "source" {
			t.Errorf("refused because of %+v", b)
		}
		refused(Spec{Kind: "copy", Subject: "another copy", Also: []string{"source"}})
		refused(Spec{Kind: "stop", Subject: "copy"})

		w.halt() // what it uses is kept over a restart
		w.start(Options{}, register)
		refused(Spec{Kind: "stop", Subject: "source"})

		released <- true
		pass(time.Second)
		second := w.enqueue(Spec{Kind: "stop", Subject: "source"})
		pass(time.Second)
		refused(Spec{Kind: "stop", Subject: "copy"})
		if got, err := w.e.List(Filter{Subject: "source"}); err != nil || len(got) != 2 || got[0].ID != second.ID || got[1].ID != first.ID {
			t.Errorf("the jobs of the source are %+v, %v", got, err)
		}
	})
}
