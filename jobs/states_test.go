package jobs

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"proximity/store"
)

func TestARetryObservesFirstAndSpendsTheAttempts(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		var d diary
		w.start(Options{}, func(e *Engine) {
			b := Step[plan]{Name: "b", Title: "Pull",
				Do: func(ctx context.Context, r *Run[plan]) error {
					d.note("do@%d", r.Job().Attempt)
					r.Data.Name = fmt.Sprint("try ", r.Job().Attempt)
					return errBusy
				},
				Observe: func(ctx context.Context, r *Run[plan]) (bool, error) {
					d.note("observe:%s", r.Data.Name)
					return r.Job().Attempt == 3, nil
				},
			}
			Register(e, Workflow[plan]{Kind: "k", Retries: 3, Steps: []Step[plan]{made(&d, "a"), b, made(&d, "c")}})
		})
		began := time.Now()
		id := w.enqueue(Spec{Kind: "k"}).ID
		synctest.Wait()
		j := w.get(id)
		if j.State != Waiting || j.Attempt != 1 || !j.RetryAt.Equal(began.Add(time.Minute)) || j.WaitingFor != "" || j.Note != "locked" {
			t.Errorf("%+v", j)
		}
		pass(time.Minute) // the second attempt
		if j = w.get(id); j.Attempt != 2 || !j.RetryAt.Equal(began.Add(3*time.Minute)) {
			t.Errorf("%+v", j)
		}
		pass(2 * time.Minute) // the third
		pass(4 * time.Minute) // the fourth: Observe finds it done
		if j = w.get(id); j.State != Succeeded || j.Attempt != 0 || madeBy(t, j) != "a c" {
			t.Errorf("%+v", j)
		}
		if want := "+a do@0 observe:try 0 do@1 observe:try 1 do@2 observe:try 2 +c"; d.String() != want {
			t.Errorf("%s\nwant %s", d.String(), want)
		}
		if log := w.logText(id); !strings.Contains(log, "warning b: locked (attempt 1 of 4, the next one in 1m0s)") {
			t.Error(log)
		}
	})
}

func TestEachStepHasItsOwnRetries(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		var tries [2]atomic.Int32
		flaky := func(i int) Step[plan] {
			return Step[plan]{Name: fmt.Sprint(i), Do: func(context.Context, *Run[plan]) error {
				if tries[i].Add(1) < 3 {
					return errBusy
				}
				return nil
			}}
		}
		w.start(Options{}, func(e *Engine) {
			Register(e, Workflow[plan]{Kind: "k", Retries: 2, Backoff: func(int) time.Duration { return time.Second }, Steps: []Step[plan]{flaky(0), flaky(1)}})
		})
		id := w.enqueue(Spec{Kind: "k"}).ID
		pass(time.Minute)
		if j := w.get(id); j.State != Succeeded {
			t.Errorf("%+v", j)
		}
	})
}

func TestAFailedJobIsUndoneInReverse(t *testing.T) {
	for _, c := range []struct {
		what     string
		last     error
		wantText string
		wantHint string
	}{
		{"after the last retry", errBusy, "locked", ""},
		{"at once when it cannot pass", errFatal, "not allowed", "ask for the right"},
	} {
		t.Run(c.what, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world) {
				var d diary
				plain := Step[plan]{Name: "b", Do: func(context.Context, *Run[plan]) error { d.note("b"); return nil }}
				half := made(&d, "c")
				half.Do = func(ctx context.Context, r *Run[plan]) error { d.note("half c"); return c.last }
				w.start(Options{}, func(e *Engine) {
					Register(e, Workflow[plan]{Kind: "k", Retries: 1, Steps: []Step[plan]{made(&d, "a"), plain, half, made(&d, "never")},
						UndoBegin: func(tx *store.Tx, j Job, p *plan) error { d.note("undo:%s", j.State); return nil },
						Finish:    func(tx *store.Tx, j Job, p *plan) error { d.note("finish:%s", j.State); return nil },
					})
				})
				id := w.enqueue(Spec{Kind: "k", Subject: "s"}).ID
				pass(time.Hour)
				j := w.get(id)
				if j.State != Failed || j.Failure == nil || *j.Failure != (Failure{Step: "c", Text: c.wantText, Hint: c.wantHint}) {
					t.Errorf("%+v %+v", j, j.Failure)
				}
				if steps(j) != "a:undone b:done c:undone never:skipped" || madeBy(t, j) != "" {
					t.Error(steps(j))
				}
				want := "+a b half c undo:undoing -c -a finish:failed"
				if c.last == errBusy {
					want = "+a b half c half c undo:undoing -c -a finish:failed"
				}
				if d.String() != want {
					t.Errorf("%s\nwant %s", d.String(), want)
				}
				w.enqueue(Spec{Kind: "k", Subject: "s"}) // the subject is free again
			})
		})
	}
}

func TestWithNothingToUndoAFailureIsTheEnd(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		var seen diary
		w.start(Options{Changed: func(uint64) {}}, func(e *Engine) {
			Register(e, Workflow[plan]{Kind: "k", Steps: []Step[plan]{failing("a", errFatal), failing("b", nil)},
				UndoBegin: func(tx *store.Tx, j Job, p *plan) error { seen.note("undo"); return nil },
				Finish:    func(tx *store.Tx, j Job, p *plan) error { seen.note("%s", j.State); return nil }})
		})
		id := w.enqueue(Spec{Kind: "k"}).ID
		synctest.Wait()
		if j := w.get(id); j.State != Failed || steps(j) != "a:failed b:skipped" || seen.String() != "failed" {
			t.Errorf("%+v %s", j, seen.String())
		}
	})
}

func TestAPanicEndsOneJobOnly(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		var d diary
		a := made(&d, "a")
		a.Do = func(ctx context.Context, r *Run[plan]) error {
			if r.Data.Name != "panics" {
				return nil
			}
			r.Data.Made = []string{"half"}
			panic("oh no")
		}
		w.start(Options{}, func(e *Engine) {
			Register(e, Workflow[plan]{Kind: "k", Retries: 3, Steps: []Step[plan]{a}})
			Register(e, Workflow[plan]{Kind: "o", Retries: 3, Steps: []Step[plan]{{Name: "b",
				Do:      func(context.Context, *Run[plan]) error { return errBusy },
				Observe: func(context.Context, *Run[plan]) (bool, error) { panic("observed") }}}})
			Register(e, Workflow[plan]{Kind: "s", Retries: 3, Steps: []Step[plan]{{Name: "c",
				Do: func(ctx context.Context, r *Run[plan]) error {
					return r.Save(func(tx *store.Tx) error { panic("saving") })
				}}}})
			Register(e, Workflow[plan]{Kind: "p", Retries: 3, Steps: []Step[plan]{{Name: "d",
				Do:   func(context.Context, *Run[plan]) error { return nil },
				Slot: func(*plan) (string, int) { panic("placing") }}}})
		})
		var ids []uint64
		for _, s := range []Spec{{Kind: "k", Data: plan{Name: "panics"}}, {Kind: "o"}, {Kind: "s"}, {Kind: "p"}} {
			ids = append(ids, w.enqueue(s).ID)
		}
		good := w.enqueue(Spec{Kind: "k"}).ID
		pass(time.Hour)
		for i, want := range []string{"oh no", "observed", "saving", "placing"} {
			j := w.get(ids[i])
			if j.State != Failed || j.Failure.Text != "a fault in Proximity itself: "+want || madeBy(t, j) != "" {
				t.Errorf("%+v %+v", j, j.Failure)
			}
		}
		if j := w.get(good); j.State != Succeeded {
			t.Errorf("%+v", j)
		}
	})
}

func TestAStepHasItsDeadline(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.start(Options{}, func(e *Engine) {
			Register(e, Workflow[plan]{Kind: "k", Steps: []Step[plan]{{Name: "a", Timeout: time.Minute, Do: func(ctx context.Context, r *Run[plan]) error {
				<-ctx.Done()
				return fmt.Errorf("pull: %w", ctx.Err())
			}}}})
			Register(e, Workflow[plan]{Kind: "l", Steps: []Step[plan]{{Name: "a", Do: func(ctx context.Context, r *Run[plan]) error {
				<-ctx.Done()
				return errors.New("closed")
			}}}})
		})
		short, long := w.enqueue(Spec{Kind: "k"}).ID, w.enqueue(Spec{Kind: "l"}).ID
		pass(time.Minute)
		if j := w.get(short); j.State != Failed || j.Failure.Text != "took longer than 1m0s: pull: context deadline exceeded" {
			t.Errorf("%+v %+v", j, j.Failure)
		}
		pass(29 * time.Minute)
		if j := w.get(long); j.State != Failed || !strings.HasPrefix(j.Failure.Text, "closed (it took longer than 30m0s") {
			t.Errorf("%+v %+v", j, j.Failure)
		}
	})
}

func TestAShutdownIsNoFailure(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		var d diary
		up := false
		register := func(e *Engine) {
			a := made(&d, "a")
			a.Do = func(ctx context.Context, r *Run[plan]) error {
				d.note("do")
				if up {
					return nil
				}
				r.Log(Info, "busy")
				<-ctx.Done()
				return ctx.Err()
			}
			a.Observe = func(ctx context.Context, r *Run[plan]) (bool, error) { d.note("observe"); return false, nil }
			Register(e, Workflow[plan]{Kind: "k", Steps: []Step[plan]{a}}) // no retries: one spent would be a failure
		}
		w.start(Options{}, register)
		id := w.enqueue(Spec{Kind: "k"}).ID
		synctest.Wait()
		w.halt()
		if j := w.get(id); j.State != Running || steps(j) != "a:running" || j.Attempt != 0 {
			t.Errorf("%+v", j)
		}
		up = true
		w.start(Options{}, register)
		synctest.Wait()
		if j := w.get(id); j.State != Succeeded || d.String() != "do observe do" {
			t.Errorf("%+v %s", j, d.String())
		}
		if got := w.logText(id); !strings.HasPrefix(got, "info a: Make a\ninfo a: busy\ninfo a: Proximity was restarted, going on\n") {
			t.Error(got)
		}
	})
}

func TestARetryAndAWaitOutliveARestart(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		var d diary
		var up atomic.Bool
		register := func(e *Engine) {
			Register(e, Workflow[plan]{Kind: "retry", Retries: 1, Steps: []Step[plan]{{Name: "a", Do: func(context.Context, *Run[plan]) error {
				d.note("retry")
				return errBusy
			}}}})
			Register(e, Workflow[plan]{Kind: "wait", Steps: []Step[plan]{{Name: "a", Do: func(context.Context, *Run[plan]) error {
				if up.Load() {
					return nil
				}
				return away{"homelab"}
			}}}})
		}
		w.start(Options{}, register)
		retry, wait := w.enqueue(Spec{Kind: "retry"}).ID, w.enqueue(Spec{Kind: "wait"}).ID
		synctest.Wait()
		w.halt()
		w.start(Options{}, register)
		pass(30 * time.Second)
		if j := w.get(retry); j.State != Waiting || j.Attempt != 1 || d.String() != "retry" {
			t.Errorf("%+v %s", j, d.String())
		}
		if j := w.get(wait); j.State != Waiting || j.WaitingFor != "host homelab" {
			t.Errorf("%+v", j)
		}
		if log := w.logText(wait); strings.Count(log, "waiting for host") != 1 {
			t.Error(log)
		}
		up.Store(true)
		pass(31 * time.Second)
		if j := w.get(retry); j.State != Failed || d.String() != "retry retry" {
			t.Errorf("%+v %s", j, d.String())
		}
		if j := w.get(wait); j.State != Succeeded {
			t.Errorf("%+v", j)
		}
	})
}

func TestOnlyTheseStatesFollowEachOther(t *testing.T) {
	all := []State{Queued, Running, Waiting, Undoing, Succeeded, Failed, Cancelled}
	for _, from := range all {
		for _, to := range all {
			switch ok := from.mayBecome(to); {
			case from == to && !ok:
				t.Errorf("%s may not stay", from)
			case from != to && from.Ended() && ok:
				t.Errorf("%s, which is an end, may become %s", from, to)
			case to == Queued && from != Queued && ok:
				t.Errorf("%s may become queued", from)
			case from == Undoing && (to == Running || to == Succeeded) && ok:
				t.Errorf("undoing may become %s", to)
			}
		}
	}
}
