package jobs

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"proximity/store"
)

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
