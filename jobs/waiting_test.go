package jobs

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestWaitingForAHostSpendsNothingAndLeavesNoTrace(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		var up atomic.Bool
		var looks, changes atomic.Int32
		w.start(Options{Changed: func(uint64) { changes.Add(1) }}, func(e *Engine) {
			Register(e, Workflow[plan]{Kind: "k", Retries: 0, Steps: []Step[plan]{{Name: "a", Do: func(ctx context.Context, r *Run[plan]) error {
				looks.Add(1)
				r.Log(Info, "calling")
				if !up.Load() {
					return away{"homelab"}
				}
				r.Log(Info, "answered")
				return nil
			}}}})
		})
		id := w.enqueue(Spec{Kind: "k"}).ID
		synctest.Wait()
		j := w.get(id)
		if j.State != Waiting || j.WaitingFor != "host homelab" || !j.RetryAt.IsZero() || j.Attempt != 0 {
			t.Errorf("%+v", j)
		}
		before := changes.Load()
		pass(time.Hour)
		if n := looks.Load(); n < 700 || n > 730 {
			t.Errorf("%d looks in an hour, want one every 5 s", n)
		}
		if n := changes.Load() - before; n != 0 {
			t.Errorf("%d changes while nothing changed", n)
		}
		want := "info a: a\ninfo a: calling\nwarning a: waiting for host homelab: no answer\n"
		if got := w.logText(id); got != want {
			t.Errorf("log:\n%s", got)
		}
		up.Store(true)
		w.e.Wake()
		synctest.Wait()
		if j = w.get(id); j.State != Succeeded || j.WaitingFor != "" {
			t.Errorf("%+v", j)
		}
		if got := w.logText(id); !strings.HasPrefix(got, want+"info a: calling\ninfo a: answered\ninfo : done") {
			t.Errorf("log:\n%s", got)
		}
	})
}

func TestAReasonToWaitMayChange(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		n := 0
		w.start(Options{Classify: func(err error) Verdict { return Verdict{Kind: Wait, Reason: "waiting for " + err.Error()} }}, func(e *Engine) {
			Register(e, Workflow[plan]{Kind: "k", Steps: []Step[plan]{{Name: "a", Do: func(ctx context.Context, r *Run[plan]) error {
				n++
				return fmt.Errorf("port %d", n)
			}}}})
		})
		id := w.enqueue(Spec{Kind: "k"}).ID
		pass(time.Minute + time.Second)
		if j := w.get(id); j.State != Waiting || j.WaitingFor != "port 13" || n != 13 {
			t.Errorf("%+v after %d looks", j, n)
		}
		if got := w.logText(id); got != "info a: a\nwarning a: waiting for port 1\n" {
			t.Error(got)
		}
	})
}

func TestAJobThatWaitedIsSeenToGoOnWhenItDoes(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		var up atomic.Bool
		var d diary
		a := made(&d, "a")
		a.Do = func(ctx context.Context, r *Run[plan]) error {
			if !up.Load() {
				return away{"homelab"}
			}
			if r.Data.Name == "reports" {
				r.Progress(0.5, "pulling")
			}
			select {
			case <-time.After(time.Minute):
			case <-ctx.Done():
			}
			return ctx.Err()
		}
		w.start(Options{}, func(e *Engine) { Register(e, Workflow[plan]{Kind: "k", Steps: []Step[plan]{a}}) })
		silent := w.enqueue(Spec{Kind: "k", Data: plan{Name: "silent"}}).ID
		reports := w.enqueue(Spec{Kind: "k", Data: plan{Name: "reports"}}).ID
		synctest.Wait()
		up.Store(true)
		w.e.Wake()
		synctest.Wait()
		if j := w.get(reports); j.State != Running || j.Progress != 0.5 || j.Note != "pulling" || j.WaitingFor != "" {
			t.Errorf("%+v", j)
		}
		if j := w.get(silent); j.State != Waiting {
			t.Errorf("%+v", j)
		}
		pass(flipAfter)
		if j := w.get(silent); j.State != Running || j.WaitingFor != "" {
			t.Errorf("%+v", j)
		}
	})
}

func TestOnlyAFewLookAfterOneHostAndTheOthersFollow(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		var up atomic.Bool
		var now, most, looks atomic.Int32
		w.start(Options{Workers: 20}, func(e *Engine) {
			Register(e, Workflow[plan]{Kind: "k", Steps: []Step[plan]{{Name: "a", Do: func(ctx context.Context, r *Run[plan]) error {
				looks.Add(1)
				most.Store(max(most.Load(), now.Add(1)))
				defer now.Add(-1)
				if up.Load() {
					return nil
				}
				time.Sleep(3 * time.Second) // a connection that takes long to fail
				return away{"homelab"}
			}}}})
		})
		for range 50 {
			w.enqueue(Spec{Kind: "k"})
		}
		pass(20 * time.Second) // all have found out
		most.Store(0)
		looks.Store(0)
		pass(time.Minute)
		if n := most.Load(); n != maxScouts {
			t.Errorf("%d jobs looked at once, want %d", n, maxScouts)
		}
		if n := looks.Load(); n > 100 {
			t.Errorf("%d looks in a minute", n)
		}
		up.Store(true)
		pass(10 * time.Second)
		if n := len(w.e.Live()); n != 0 {
			t.Errorf("%d jobs still wait", n)
		}
	})
}

func TestAfterARestartManyJobsThatWaitedForASlotGoOnTogether(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		var g gauge
		limit := 1
		register := func(e *Engine) {
			a := g.work("a")
			a.Slot = func(*plan) (string, int) { return "node", limit }
			var d diary
			Register(e, Workflow[plan]{Kind: "k", Steps: []Step[plan]{made(&d, "before"), a}})
		}
		w.start(Options{}, register)
		for range 21 {
			w.enqueue(Spec{Kind: "k"})
		}
		synctest.Wait()
		w.halt()
		limit = 10
		w.start(Options{}, register)
		pass(time.Second)
		if g.max("a") != 10 {
			t.Errorf("%d at once, want 10", g.max("a"))
		}
	})
}
