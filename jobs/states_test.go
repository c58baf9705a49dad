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
		if j.State != Waiting || j.Attempt != 1 || !j.RetryAt.Equal(began.Add(time.Minute)) || j.WaitingFor != "" {
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

func TestCancelAtEveryStep(t *testing.T) {
	names := []string{"a", "b", "c"}
	for _, polite := range []bool{false, true} {
		for _, at := range append(names, "") {
			t.Run(fmt.Sprintf("at %q, finish first %v", at, polite), func(t *testing.T) {
				inBubble(t, func(t *testing.T, w *world) {
					var d diary
					var all []Step[plan]
					for _, name := range names {
						s := made(&d, name)
						inner := s.Do
						s.FinishBeforeCancel = polite
						s.Do = func(ctx context.Context, r *Run[plan]) error {
							select {
							case <-time.After(time.Minute):
								return inner(ctx, r)
							case <-ctx.Done():
								d.note("stopped:%s", name)
								return ctx.Err()
							}
						}
						all = append(all, s)
					}
					w.prepare(Options{}, func(e *Engine) {
						Register(e, Workflow[plan]{Kind: "k", Steps: all, Retries: 3,
							Finish: func(tx *store.Tx, j Job, p *plan) error { d.note("%s", j.State); return nil }})
					})
					id := w.enqueue(Spec{Kind: "k", Subject: "s"}).ID
					if at != "" {
						w.run()
						pass(30*time.Second + time.Duration(strings.Index("abc", at))*time.Minute)
					}
					if err := w.e.Cancel(id, "ada"); err != nil {
						t.Fatal(err)
					}
					if err := w.e.Cancel(id, "bob"); err != nil { // twice is once
						t.Fatal(err)
					}
					if at == "" {
						w.run()
					}
					pass(2 * time.Minute)
					want := map[string]string{
						"":       "cancelled",
						"afalse": "stopped:a -a cancelled", "atrue": "+a -a cancelled",
						"bfalse": "+a stopped:b -b -a cancelled", "btrue": "+a +b -b -a cancelled",
						"cfalse": "+a +b stopped:c -c -b -a cancelled", "ctrue": "+a +b +c -c -b -a cancelled",
					}
					key := at
					if at != "" {
						key += fmt.Sprint(polite)
					}
					j := w.get(id)
					if d.String() != want[key] || j.State != Cancelled || j.CancelBy != "ada" || j.Failure != nil || madeBy(t, j) != "" {
						t.Errorf("%s\nwant %s\n%+v", d.String(), want[key], j)
					}
					if err := w.e.Cancel(id, "ada"); !errors.Is(err, ErrEnded) {
						t.Error(err)
					}
				})
			})
		}
	}
}

func TestCancelEndsEveryKindOfWaiting(t *testing.T) {
	for what, err := range map[string]error{"for a retry": errBusy, "for a host": away{"homelab"}} {
		t.Run(what, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world) {
				var d diary
				w.start(Options{WaitEvery: time.Hour}, func(e *Engine) {
					Register(e, Workflow[plan]{Kind: "k", Retries: 5, Steps: []Step[plan]{made(&d, "a"), failing("b", err)}})
				})
				id := w.enqueue(Spec{Kind: "k"}).ID
				synctest.Wait()
				if j := w.get(id); j.State != Waiting {
					t.Fatalf("%+v", j)
				}
				if err := w.e.Cancel(id, "ada"); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				if j := w.get(id); j.State != Cancelled || d.String() != "+a -a" {
					t.Errorf("%+v %s", j, d.String())
				}
			})
		})
	}
}

func TestACancelledJobNeedsNoFreeWorker(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.start(Options{Workers: 1}, func(e *Engine) {
			Register(e, Workflow[plan]{Kind: "k", Steps: []Step[plan]{{Name: "a", Do: func(ctx context.Context, r *Run[plan]) error {
				<-ctx.Done()
				return ctx.Err()
			}}}})
		})
		w.enqueue(Spec{Kind: "k"})
		queued := w.enqueue(Spec{Kind: "k"}).ID
		synctest.Wait()
		if err := w.e.Cancel(queued, "ada"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if j := w.get(queued); j.State != Cancelled || steps(j) != "a:skipped" {
			t.Errorf("%+v", j)
		}
	})
}

func TestAnUndo(t *testing.T) {
	for _, c := range []struct {
		what  string
		err   func(n int) error
		after time.Duration
		state State
		left  string
		tries int
	}{
		{"that waits, waits for ever", func(int) error { return away{"homelab"} }, time.Hour, Undoing, "", 721},
		{"goes on when the host answers", func(n int) error {
			if n < 10 {
				return away{"homelab"}
			}
			return nil
		}, time.Minute, Failed, "", 10},
		{"is tried again", func(n int) error {
			if n < 4 {
				return errBusy
			}
			return nil
		}, time.Minute, Failed, "", 4},
		{"is given up in the end", func(int) error { return errBusy }, time.Hour, Failed, "Make b: locked", undoAttempts},
		{"is given up at once when it cannot pass", func(int) error { return errFatal }, time.Second, Failed, "Make b: not allowed", 1},
		{"may panic", func(int) error { panic("oh") }, time.Second, Failed, "Make b: a fault in Proximity itself: oh", 1},
	} {
		t.Run(c.what, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world) {
				var d diary
				tries := 0
				b := made(&d, "b")
				undo := b.Undo
				b.Undo = func(ctx context.Context, r *Run[plan]) error {
					tries++
					if err := c.err(tries); err != nil {
						return err
					}
					return undo(ctx, r)
				}
				w.start(Options{}, func(e *Engine) {
					Register(e, Workflow[plan]{Kind: "k", Steps: []Step[plan]{made(&d, "a"), b, failing("c", errFatal)}})
				})
				id := w.enqueue(Spec{Kind: "k"}).ID
				pass(c.after)
				j := w.get(id)
				if j.State != c.state || j.Failure == nil || j.Failure.Text != "not allowed" || j.Failure.Left != c.left || tries != c.tries {
					t.Errorf("%+v %+v, %d tries", j, j.Failure, tries)
				}
				switch {
				case c.state == Undoing:
					if j.WaitingFor != "host homelab" {
						t.Errorf("%+v", j)
					}
					if err := w.e.Cancel(id, "ada"); !errors.Is(err, ErrUndoing) {
						t.Error(err)
					}
				case c.left != "": // what the leftover may stand on stays
					if steps(j) != "a:done b:failed c:failed" || d.count("-a") != 0 {
						t.Errorf("%s, %s", steps(j), d.String())
					}
				default:
					if steps(j) != "a:undone b:undone c:failed" {
						t.Error(steps(j))
					}
				}
			})
		})
	}
}

func TestAnUndoGivenUpAfterACancelIsAFailure(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		var d diary
		a := made(&d, "a")
		a.Do = func(ctx context.Context, r *Run[plan]) error { <-ctx.Done(); return ctx.Err() }
		a.Undo = func(context.Context, *Run[plan]) error { return errFatal }
		w.start(Options{}, func(e *Engine) { Register(e, Workflow[plan]{Kind: "k", Steps: []Step[plan]{a}}) })
		id := w.enqueue(Spec{Kind: "k"}).ID
		synctest.Wait()
		if err := w.e.Cancel(id, "ada"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if j := w.get(id); j.State != Failed || j.CancelBy != "ada" || j.Failure == nil || j.Failure.Left != "Make a: not allowed" {
			t.Errorf("%+v %+v", j, j.Failure)
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

func TestAnInterruptedStepIsFinishedBeforeTheCancelThatWaitsForIt(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		var d diary
		register := func(e *Engine) {
			a := made(&d, "a")
			a.FinishBeforeCancel = true
			inner := a.Do
			a.Do = func(ctx context.Context, r *Run[plan]) error {
				select {
				case <-ctx.Done():
					return ctx.Err()
				case <-time.After(10 * time.Minute):
					return inner(ctx, r)
				}
			}
			Register(e, Workflow[plan]{Kind: "k", Steps: []Step[plan]{a, made(&d, "b")}})
		}
		w.start(Options{}, register)
		id := w.enqueue(Spec{Kind: "k"}).ID
		synctest.Wait()
		if err := w.e.Cancel(id, "ada"); err != nil {
			t.Fatal(err)
		}
		w.halt()
		w.start(Options{}, register)
		synctest.Wait()
		if j := w.get(id); j.State != Running {
			t.Errorf("%+v", j)
		}
		pass(2 * time.Hour)
		if j := w.get(id); j.State != Cancelled || d.String() != "+a -a" {
			t.Errorf("%+v %s", j, d.String())
		}
	})
}

func TestARetryAndAWaitOutliveARestart(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		var d diary
		up := false
		register := func(e *Engine) {
			Register(e, Workflow[plan]{Kind: "retry", Retries: 1, Steps: []Step[plan]{{Name: "a", Do: func(context.Context, *Run[plan]) error {
				d.note("retry")
				return errBusy
			}}}})
			Register(e, Workflow[plan]{Kind: "wait", Steps: []Step[plan]{{Name: "a", Do: func(context.Context, *Run[plan]) error {
				if up {
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
		up = true
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
