package jobs

import (
	"context"
	"testing"
	"testing/synctest"
)

func TestAJobGoesOnWithTheStepsOfANewerProgram(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		var d diary
		hang := made(&d, "b")
		hang.Do = func(ctx context.Context, r *Run[plan]) error { <-ctx.Done(); return ctx.Err() }
		w.start(Options{}, func(e *Engine) {
			Register(e, Workflow[plan]{Kind: "k", Steps: []Step[plan]{made(&d, "a"), hang, made(&d, "gone")}})
		})
		id := w.enqueue(Spec{Kind: "k"}).ID
		synctest.Wait()
		w.halt()
		w.start(Options{}, func(e *Engine) {
			Register(e, Workflow[plan]{Kind: "k", Steps: []Step[plan]{made(&d, "a"), made(&d, "late"), made(&d, "b"), made(&d, "new")}})
		})
		synctest.Wait()
		if j := w.get(id); j.State != Succeeded || steps(j) != "a:done late:skipped b:done new:done" || d.String() != "+a +b +new" {
			t.Errorf("%+v %s", j, d.String())
		}
	})
}

func TestAJobNobodyKnowsHowToDoWaitsOrIsGivenUp(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		var d diary
		hang := Step[plan]{Name: "a", Do: func(ctx context.Context, r *Run[plan]) error { <-ctx.Done(); return ctx.Err() }}
		w.start(Options{}, func(e *Engine) { Register(e, Workflow[plan]{Kind: "k", Steps: []Step[plan]{hang}}) })
		first, second := w.enqueue(Spec{Kind: "k", Subject: "s"}).ID, w.enqueue(Spec{Kind: "k"}).ID
		synctest.Wait()
		w.halt()
		w.start(Options{}, func(e *Engine) {})
		synctest.Wait()
		if j := w.get(first); j.State != Waiting || j.WaitingFor != `a Proximity that knows how to do "k"` {
			t.Errorf("%+v", j)
		}
		if err := w.e.Cancel(first, "ada"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if j := w.get(first); j.State != Failed || j.Failure.Left == "" {
			t.Errorf("%+v", j)
		}
		w.halt()
		w.start(Options{}, func(e *Engine) { Register(e, Workflow[plan]{Kind: "k", Steps: []Step[plan]{made(&d, "a")}}) })
		synctest.Wait()
		if j := w.get(second); j.State != Succeeded {
			t.Errorf("%+v", j)
		}
	})
}
