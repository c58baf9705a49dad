package jobs

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"proximity/store"
)

// gauge counts who is inside, and remembers the most.
type gauge struct {
	mu        sync.Mutex
	now, most map[string]int
	order     []string
}

func (g *gauge) in(name, who string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.now == nil {
		g.now, g.most = map[string]int{}, map[string]int{}
	}
	g.now[name]++
	g.most[name] = max(g.most[name], g.now[name])
	g.order = append(g.order, who)
}

func (g *gauge) out(name string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.now[name]--
}

func (g *gauge) max(name string) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.most[name]
}

// work is a step that takes a minute inside the gauge, under the name in the job's data.
func (g *gauge) work(name string) Step[plan] {
	return Step[plan]{Name: name, Do: func(ctx context.Context, r *Run[plan]) error {
		g.in(name+r.Data.Name, r.Job().Owner)
		defer g.out(name + r.Data.Name)
		select {
		case <-time.After(time.Minute):
		case <-ctx.Done():
		}
		return ctx.Err()
	}}
}

func TestTheQueueIsFairBetweenOwners(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		var g gauge
		w.start(Options{Workers: 4}, func(e *Engine) { Register(e, Workflow[plan]{Kind: "k", Steps: []Step[plan]{g.work("a")}}) })
		for range 12 {
			w.enqueue(Spec{Kind: "k", Owner: "greedy"})
		}
		pass(time.Second) // four of them begin
		for range 2 {
			w.enqueue(Spec{Kind: "k", Owner: "ada"})
		}
		w.enqueue(Spec{Kind: "k", Owner: "bob"})
		pass(20 * time.Minute)
		if n := len(w.e.Live()); n != 0 || g.max("a") != 4 {
			t.Errorf("%d jobs left, %d at once", n, g.max("a"))
		}
		// The first four were there alone; then whoever has nothing running comes before greedy's older jobs.
		if second := strings.Join(g.order[4:8], " "); !strings.Contains(second, "ada") || !strings.Contains(second, "bob") {
			t.Errorf("the second four: %s", second)
		}
	})
}

func TestOfOneOwnersJobsTheOldestComesFirst(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		var d diary
		w.prepare(Options{Workers: 1}, func(e *Engine) {
			Register(e, Workflow[plan]{Kind: "k", Steps: []Step[plan]{{Name: "a", Do: func(ctx context.Context, r *Run[plan]) error {
				d.note("%d", r.Job().ID)
				return nil
			}}}})
		})
		for range 10 {
			w.enqueue(Spec{Kind: "k"})
		}
		w.run()
		synctest.Wait()
		if d.String() != "1 2 3 4 5 6 7 8 9 10" {
			t.Error(d.String())
		}
	})
}

func TestSlotsLimitAStepWithoutHoldingWorkers(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		var g gauge
		var d diary
		dump := g.work("dump")
		dump.Slot = func(p *plan) (string, int) { return "node/" + p.Name, 2 }
		w.start(Options{Workers: 5}, func(e *Engine) {
			Register(e, Workflow[plan]{Kind: "backup", Steps: []Step[plan]{made(&d, "before"), dump, made(&d, "after")}})
			Register(e, Workflow[plan]{Kind: "other", Steps: []Step[plan]{g.work("other")}})
		})
		var ids []uint64
		for i := range 12 {
			ids = append(ids, w.enqueue(Spec{Kind: "backup", Data: plan{Name: []string{"pve1", "pve2"}[i/6]}}).ID)
		}
		other := w.enqueue(Spec{Kind: "other"}).ID
		pass(time.Second)
		waiting := 0
		for _, id := range ids {
			if j := w.get(id); j.State == Waiting {
				waiting++
				if !strings.HasPrefix(j.WaitingFor, "a free place on node/pve") || j.Steps[1].State != StepPending {
					t.Errorf("%+v", j)
				}
			}
		}
		if waiting != 8 {
			t.Errorf("%d wait for a place, want 8", waiting)
		}
		if j := w.get(other); j.State != Running {
			t.Errorf("jobs that wait for a place hold the workers: %+v", j)
		}
		pass(4 * time.Minute)
		if n := len(w.e.Live()); n != 0 || g.max("dumppve1") != 2 || g.max("dumppve2") != 2 {
			t.Errorf("%d left, at once %d and %d", n, g.max("dumppve1"), g.max("dumppve2"))
		}
		w.e.mu.Lock()
		if len(w.e.slots)+len(w.e.owners)+w.e.working+len(w.e.scouts) != 0 {
			t.Errorf("left taken: %v %v %d %v", w.e.slots, w.e.owners, w.e.working, w.e.scouts)
		}
		w.e.mu.Unlock()
	})
}

func TestAWaitingJobLetsItsSlotGoAndTakesItAgain(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		var d diary
		first := true
		w.start(Options{}, func(e *Engine) {
			Register(e, Workflow[plan]{Kind: "k", Retries: 1, Steps: []Step[plan]{{Name: "a",
				Slot: func(*plan) (string, int) { return "node", 1 },
				Do: func(ctx context.Context, r *Run[plan]) error {
					d.note("%d", r.Job().ID)
					if r.Job().ID == 1 && first {
						first = false
						return errBusy
					}
					return nil
				}}}})
		})
		w.enqueue(Spec{Kind: "k"})
		synctest.Wait()
		w.enqueue(Spec{Kind: "k"})
		pass(2 * time.Minute)
		if d.String() != "1 2 1" || len(w.e.Live()) != 0 {
			t.Errorf("%s, %v", d.String(), w.e.Live())
		}
	})
}

func TestCancelWhileWaitingForASlot(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		var g gauge
		a := g.work("a")
		a.Slot = func(*plan) (string, int) { return "node", 1 }
		w.start(Options{}, func(e *Engine) { Register(e, Workflow[plan]{Kind: "k", Steps: []Step[plan]{a}}) })
		w.enqueue(Spec{Kind: "k"})
		synctest.Wait()
		second := w.enqueue(Spec{Kind: "k"}).ID
		third := w.enqueue(Spec{Kind: "k"}).ID
		synctest.Wait()
		if err := w.e.Cancel(second, "ada"); err != nil {
			t.Fatal(err)
		}
		pass(90 * time.Second)
		if j := w.get(second); j.State != Cancelled {
			t.Errorf("%+v", j)
		}
		if j := w.get(third); j.State != Running {
			t.Errorf("%+v", j)
		}
	})
}

func TestOldJobsAndTheirLogsGo(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		var d diary
		w.start(Options{Keep: 30, KeepFor: time.Hour}, func(e *Engine) {
			Register(e, Workflow[plan]{Kind: "k", Steps: []Step[plan]{made(&d, "a")}})
			Register(e, Workflow[plan]{Kind: "slow", Steps: []Step[plan]{{Name: "a", Timeout: 24 * time.Hour, Do: func(ctx context.Context, r *Run[plan]) error { <-ctx.Done(); return ctx.Err() }}}})
		})
		slow := w.enqueue(Spec{Kind: "slow"}).ID // older than all, and not over
		var last uint64
		for range 250 {
			last = w.enqueue(Spec{Kind: "k"}).ID
		}
		synctest.Wait()
		if n, err := w.e.Prune(t.Context()); n != 220 || err != nil {
			t.Errorf("removed %d, %v", n, err)
		}
		count := func() (jobs, lines int) {
			if err := w.store.View(func(tx *store.Tx) error {
				jobs, lines = jobTable.Count(tx), lineTable.Count(tx)
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			return jobs, lines
		}
		if jobs, lines := count(); jobs != 31 || lines != 61 {
			t.Errorf("%d jobs, %d lines, want 31 and 61", jobs, lines)
		}
		if w.get(slow).State != Running || w.get(last).State != Succeeded {
			t.Error("the wrong ones went")
		}
		pass(2 * time.Hour) // by itself
		if jobs, lines := count(); jobs != 1 || lines != 1 {
			t.Errorf("%d jobs, %d lines, want those of the unfinished one", jobs, lines)
		}
	})
}

// A job of twelve steps that each save once, two hundred at a time, is what a busy day looks like.
func BenchmarkJobs(b *testing.B) {
	for _, sync := range []bool{false, true} {
		b.Run(fmt.Sprintf("200x12/sync=%v", sync), func(b *testing.B) {
			for b.Loop() {
				w := newWorldSync(b, sync)
				w.start(Options{}, func(e *Engine) {
					flow := Workflow[plan]{Kind: "k"}
					for i := range 12 {
						flow.Steps = append(flow.Steps, Step[plan]{Name: fmt.Sprint("step", i), Do: func(ctx context.Context, r *Run[plan]) error {
							r.Logf(Info, "doing %d", i)
							r.Data.Made = append(r.Data.Made, "x")
							return r.Save()
						}})
					}
					Register(e, flow)
				})
				for i := range 200 {
					w.enqueue(Spec{Kind: "k", Owner: fmt.Sprint(i % 7)})
				}
				for id := uint64(1); id <= 200; id++ {
					w.ended(id)
				}
				w.halt()
			}
			b.ReportMetric(float64(b.N)*200/b.Elapsed().Seconds(), "jobs/s")
		})
	}
}
