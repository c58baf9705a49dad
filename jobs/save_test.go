package jobs

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"proximity/store"
)

type port struct{ Number, Owner string }

var ports = store.NewTable("test_ports", func(p port) string { return p.Number })

func TestSaveIsAllOrNothing(t *testing.T) {
	w := newWorld(t)
	checked := make(chan string, 10)
	w.start(Options{}, func(e *Engine) {
		Register(e, Workflow[plan]{Kind: "k", Steps: []Step[plan]{{Name: "a", Do: func(ctx context.Context, r *Run[plan]) error {
			stored := func() string {
				var j Job
				if err := w.store.View(func(tx *store.Tx) (err error) {
					j, err = jobTable.Get(tx, store.Key(r.Job().ID))
					return err
				}); err != nil {
					return err.Error()
				}
				return madeBy(t, j)
			}
			r.Data.Made = []string{"one"}
			if err := r.Save(func(tx *store.Tx) error { return ports.Insert(tx, port{"8100", "a"}) }); err != nil {
				return err
			}
			checked <- stored()
			r.Data.Made = []string{"two"}
			err := r.Save(
				func(tx *store.Tx) error { return ports.Insert(tx, port{"8101", "a"}) },
				func(tx *store.Tx) error { return ports.Insert(tx, port{"8100", "b"}) })
			var taken *store.TakenError
			checked <- fmt.Sprint(errors.As(err, &taken), " ", r.Data.Made, " ", stored())
			// What the functions put into Data is kept with it.
			err = r.Save(func(tx *store.Tx) error { r.Data.Made = append(r.Data.Made, "in tx"); return nil })
			checked <- fmt.Sprint(err, " ", stored())
			return nil
		}}}})
	})
	j := w.ended(w.enqueue(Spec{Kind: "k"}).ID)
	close(checked)
	var got []string
	for c := range checked {
		got = append(got, c)
	}
	if want := "one | true [one] one | <nil> one in tx"; strings.Join(got, " | ") != want {
		t.Errorf("%s\nwant %s", strings.Join(got, " | "), want)
	}
	if madeBy(t, j) != "one in tx" {
		t.Errorf("%+v", j)
	}
	if err := w.store.View(func(tx *store.Tx) error { _, err := ports.Get(tx, "8101"); return err }); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("half of a failed Save was kept: %v", err)
	}
}

func TestWhatHappensOnCommitSeesTheJobAsItIsThen(t *testing.T) {
	w := newWorld(t)
	seen := make(chan Job, 2)
	w.start(Options{}, func(e *Engine) {
		look := func(tx *store.Tx, id uint64) {
			tx.OnCommit(func() {
				j, err := e.Get(id)
				if err != nil {
					t.Error(err)
				}
				seen <- j
			})
		}
		Register(e, Workflow[plan]{Kind: "k", Steps: []Step[plan]{{Name: "a", Do: func(ctx context.Context, r *Run[plan]) error {
			r.Data.Made = []string{"x"}
			return r.Save(func(tx *store.Tx) error { look(tx, r.Job().ID); return nil })
		}}}, Finish: func(tx *store.Tx, j Job, p *plan) error { look(tx, j.ID); return nil }})
	})
	w.enqueue(Spec{Kind: "k"})
	if j := <-seen; j.State != Running || madeBy(t, j) != "x" {
		t.Errorf("%+v", j)
	}
	if j := <-seen; j.State != Succeeded {
		t.Errorf("%+v", j)
	}
}

func TestManyWhoSaveAtOnceGetDistinctNumbers(t *testing.T) {
	w := newWorld(t)
	w.start(Options{}, func(e *Engine) {
		Register(e, Workflow[plan]{Kind: "k", Steps: []Step[plan]{{Name: "port", Do: func(ctx context.Context, r *Run[plan]) error {
			// As a step would: take the lowest free one, once, whoever else fails in the same commit.
			err := r.Save(func(tx *store.Tx) error {
				if r.Data.Name == "fails" {
					return errFatal
				}
				if len(r.Data.Made) > 0 {
					return errors.New("Data is not as it was")
				}
				for n := 8100; ; n++ {
					if _, err := ports.Get(tx, fmt.Sprint(n)); errors.Is(err, store.ErrNotFound) {
						r.Data.Made = append(r.Data.Made, fmt.Sprint(n))
						return ports.Insert(tx, port{Number: fmt.Sprint(n)})
					}
				}
			})
			return err
		}}}})
	})
	var ids []uint64
	for i := range 60 {
		name := ""
		if i%6 == 5 {
			name = "fails"
		}
		ids = append(ids, w.enqueue(Spec{Kind: "k", Data: plan{Name: name}}).ID)
	}
	seen := map[string]bool{}
	for i, id := range ids {
		j := w.ended(id)
		if i%6 == 5 {
			if j.State != Failed || madeBy(t, j) != "" {
				t.Errorf("%+v", j)
			}
			continue
		}
		if n := madeBy(t, j); j.State != Succeeded || len(n) != 4 || seen[n] || n >= "8150" {
			t.Errorf("%s: %+v %+v", n, j, j.Failure)
		} else {
			seen[n] = true
		}
	}
}

func TestProgressIsLiveWeighedAndBounded(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		at := make(chan struct{})
		w.start(Options{}, func(e *Engine) {
			Register(e, Workflow[plan]{Kind: "k", Steps: []Step[plan]{
				{Name: "a", Title: "A", Weight: 3, Do: func(ctx context.Context, r *Run[plan]) error {
					for _, f := range []float64{0.5, -1, 7} {
						r.Progress(f, fmt.Sprint(f))
						at <- struct{}{}
					}
					return nil
				}},
				{Name: "b", Title: "B", Do: func(ctx context.Context, r *Run[plan]) error { at <- struct{}{}; return nil }},
			}})
		})
		id := w.enqueue(Spec{Kind: "k"}).ID
		for _, want := range []struct {
			progress float64
			note     string
		}{{0.375, "0.5"}, {0, "-1"}, {0.75, "7"}, {0.75, ""}} {
			synctest.Wait()
			j := w.get(id)
			if j.Progress != want.progress || j.Note != want.note || w.e.Live()[0].Progress != want.progress {
				t.Errorf("%v %q, want %v", j.Progress, j.Note, want)
			}
			<-at
		}
		synctest.Wait()
		if j := w.get(id); j.Progress != 1 || j.Note != "" || j.Steps[0].Note != "7" || j.Steps[0].Progress != 1 {
			t.Errorf("%+v", j)
		}
	})
}

func TestTheLogCanBeFollowed(t *testing.T) {
	w := newWorld(t)
	const lines = 300
	w.start(Options{}, func(e *Engine) {
		Register(e, Workflow[plan]{Kind: "k", Steps: []Step[plan]{{Name: "a", Title: "A", Do: func(ctx context.Context, r *Run[plan]) error {
			var wg sync.WaitGroup
			wg.Go(func() {
				for i := range lines {
					r.Logf(Info, "line %d", i)
				}
			})
			for range 50 {
				if err := r.Save(); err != nil {
					return err
				}
			}
			wg.Wait()
			r.Log(Warning, "two\r\nlines\n")
			return nil
		}}}})
	})
	id := w.enqueue(Spec{Kind: "k"}).ID
	var got []LogLine
	for over := false; ; {
		var after uint64
		if len(got) > 0 {
			after = got[len(got)-1].Seq
		}
		more, err := w.e.Log(id, after, 7)
		if err != nil || len(more) > 7 {
			t.Fatal(len(more), err)
		}
		got = append(got, more...)
		if over && len(more) == 0 {
			break
		}
		over = w.get(id).State.Ended()
	}
	for i, l := range got {
		if l.Seq != uint64(i)+1 || l.Job != id || l.Time.IsZero() {
			t.Fatalf("line %d is %+v", i, l)
		}
		if i > 0 && i <= lines && l.Text != fmt.Sprint("line ", i-1) {
			t.Fatalf("line %d is %+v", i, l)
		}
	}
	if n := len(got); n != lines+4 || got[n-2].Text != "lines" || got[n-3].Text != "two" || got[n-3].Level != Warning || got[n-3].Step != "a" {
		t.Errorf("%d lines, %+v", n, got[max(0, n-3):])
	}
	if more, err := w.e.Log(99, 0, 0); len(more) != 0 || err != nil {
		t.Error(more, err)
	}
}

func TestLinesAreStoredSoonAndWithWhatTheyTell(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		stored := func() (n int) {
			if err := w.store.View(func(tx *store.Tx) error { n = lineTable.Count(tx); return nil }); err != nil {
				t.Fatal(err)
			}
			return n
		}
		w.start(Options{}, func(e *Engine) {
			Register(e, Workflow[plan]{Kind: "k", Steps: []Step[plan]{{Name: "a", Do: func(ctx context.Context, r *Run[plan]) error {
				for range 5 {
					r.Log(Info, "x")
				}
				<-ctx.Done()
				return ctx.Err()
			}}}})
		})
		id := w.enqueue(Spec{Kind: "k"}).ID
		synctest.Wait()
		if n := stored(); n != 1 {
			t.Errorf("%d lines stored at once, want that of the step's begin", n)
		}
		if n := strings.Count(w.logText(id), "\n"); n != 6 {
			t.Errorf("%d lines visible, want 6", n)
		}
		pass(flushEvery)
		if n := stored(); n != 6 {
			t.Errorf("%d lines stored, want 6", n)
		}
	})
}

func TestALogDoesNotGrowForEver(t *testing.T) {
	w := newWorld(t)
	w.start(Options{}, func(e *Engine) {
		Register(e, Workflow[plan]{Kind: "k", Steps: []Step[plan]{{Name: "a", Do: func(ctx context.Context, r *Run[plan]) error {
			for range 2 * hardMax {
				r.Log(Info, "noise")
			}
			r.Log(Error, strings.Repeat("é", maxLineText))
			for range 2 * hardMax {
				r.Log(Error, "loud noise")
			}
			return errFatal
		}}}})
	})
	j := w.ended(w.enqueue(Spec{Kind: "k"}).ID)
	lines, err := w.e.Log(j.ID, 0, 0)
	if err != nil || len(lines) != hardMax+2 { // what the engine says itself is never left out
		t.Fatal(len(lines), err)
	}
	if l := lines[maxLines]; l.Level != Warning || !strings.HasPrefix(l.Text, "the log is full") {
		t.Errorf("%+v", l)
	}
	if l := lines[maxLines+1]; len(l.Text) > maxLineText+3 || !strings.HasSuffix(l.Text, "é…") {
		t.Errorf("%d bytes, ends %q", len(l.Text), l.Text[len(l.Text)-8:])
	}
	if l := lines[len(lines)-1]; l.Text != "failed" {
		t.Errorf("%+v", l)
	}
}

func TestAFinishThatFails(t *testing.T) {
	for _, c := range []struct {
		what  string
		fails func(s State, n int) error
		state State
		text  string
	}{
		{"once is tried again", func(s State, n int) error {
			if n == 1 {
				return errBusy
			}
			return nil
		}, Succeeded, ""},
		{"for success turns the job back", func(s State, n int) error {
			if s == Succeeded {
				return errFatal
			}
			return nil
		}, Failed, "not allowed"},
		{"always is left out in the end", func(s State, n int) error { return errFatal }, Failed, "not allowed"},
		{"by a panic, too", func(s State, n int) error { panic("oh") }, Failed, "a fault in Proximity itself: oh"},
	} {
		t.Run(c.what, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world) {
				var d diary
				n := 0
				w.start(Options{}, func(e *Engine) {
					Register(e, Workflow[plan]{Kind: "k", Retries: 3, Steps: []Step[plan]{made(&d, "a")},
						Finish: func(tx *store.Tx, j Job, p *plan) error {
							n++
							p.Name = "finished"
							if err := c.fails(j.State, n); err != nil {
								return err
							}
							return ports.Put(tx, port{Number: "1"})
						}})
				})
				id := w.enqueue(Spec{Kind: "k", Subject: "s"}).ID
				pass(time.Hour)
				j := w.get(id)
				if j.State != c.state || c.text != "" && j.Failure.Text != c.text {
					t.Errorf("%+v %+v", j, j.Failure)
				}
				wantPorts := 1
				if strings.Contains(c.what, "always") || strings.Contains(c.what, "panic") {
					wantPorts = 0
				}
				_ = w.store.View(func(tx *store.Tx) error {
					if got := ports.Count(tx); got != wantPorts {
						t.Errorf("Finish was committed %d times", got)
					}
					return nil
				})
				if c.state == Failed && d.count("-a") != 1 {
					t.Errorf("undone %d times", d.count("-a"))
				}
			})
		})
	}
}

func TestAStoreThatCannotBeWrittenStopsAJobAndNothingElse(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		var d diary
		var full atomic.Bool
		a := made(&d, "a")
		a.Observe = func(ctx context.Context, r *Run[plan]) (bool, error) { d.note("?a"); return d.count("+a") > 0, nil }
		w.start(Options{}, func(e *Engine) {
			a.Do = func(ctx context.Context, r *Run[plan]) error {
				d.note("+a")
				if full.Load() { // the worst moment: it has happened, and cannot be recorded
					w.e.live[r.Job().ID].breakStore(true)
				}
				return nil
			}
			Register(e, Workflow[plan]{Kind: "k", Steps: []Step[plan]{a, made(&d, "b")}})
		})
		full.Store(true)
		id := w.enqueue(Spec{Kind: "k"}).ID
		synctest.Wait()
		j := w.get(id)
		if j.State != Waiting || !strings.HasPrefix(j.WaitingFor, "the store: ") {
			t.Errorf("%+v", j)
		}
		full.Store(false)
		w.e.live[id].breakStore(false)
		pass(10 * time.Second)
		if j = w.get(id); j.State != Succeeded || d.String() != "+a ?a +b" {
			t.Errorf("%+v %s", j, d.String())
		}
	})
}

// breakStore makes commits of this job fail in the store, as they would when the disk is full: its key is too long.
func (l *live) breakStore(broken bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.job.Subject = ""
	if broken {
		l.job.Subject = strings.Repeat("x", 1<<16)
	}
}
