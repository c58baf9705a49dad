package jobs

import (
	"context"
	"fmt"
	"testing"
	"time"

	"proximity/store"
)

// patient is a workflow that makes something, waits an hour, and makes something else.
func patient(d *diary, at func() time.Time) Workflow[plan] {
	first := made(d, "first")
	return Workflow[plan]{Kind: "patient", Steps: []Step[plan]{first, {Name: "wait", Do: func(_ context.Context, r *Run[plan]) error {
		if r.Data.Name == "" {
			r.Data.Name = at().Format(time.RFC3339Nano)
			if err := r.Save(); err != nil {
				return err
			}
		}
		due, _ := time.Parse(time.RFC3339Nano, r.Data.Name)
		if at().Before(due.Add(time.Hour)) {
			return Later(due.Add(time.Hour), "in an hour")
		}
		return nil
	}}, made(d, "last")}}
}

func TestAJobThatWaitsForATimeHoldsNoWorkerAndSurvives(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		var d diary
		open := func() {
			w.start(Options{Workers: 1, Now: time.Now}, func(e *Engine) {
				Register(e, patient(&d, time.Now))
				Register(e, Workflow[plan]{Kind: "quick", Steps: []Step[plan]{made(&d, "quick")}})
			})
		}
		open()
		began := time.Now()
		id := w.enqueue(Spec{Kind: "patient", Subject: "app"}).ID
		pass(time.Second)
		j := w.get(id)
		if j.State != Waiting || !j.RetryAt.Equal(began.Add(time.Hour)) || j.Note != "in an hour" || j.Attempt != 0 || j.WaitingFor != "" {
			t.Errorf("it waits as %+v", j)
		}
		other := w.enqueue(Spec{Kind: "quick"})
		pass(time.Second)
		if j := w.get(other.ID); j.State != Succeeded {
			t.Errorf("the only worker was kept from another job: %s", j.State)
		}
		w.halt()
		pass(30 * time.Minute)
		open()
		pass(29 * time.Minute)
		if j := w.get(id); j.State != Waiting || d.count("+last") != 0 {
			t.Errorf("after a restart, before its time: %s, %s", j.State, d.String())
		}
		pass(2 * time.Minute)
		if j := w.get(id); j.State != Succeeded || d.count("+first") != 1 || d.count("+last") != 1 {
			t.Errorf("after its time: %s, %s", j.State, d.String())
		}
	})
}

func TestACancelEndsTheWaitForATime(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		var d diary
		w.start(Options{Now: time.Now}, func(e *Engine) { Register(e, patient(&d, time.Now)) })
		id := w.enqueue(Spec{Kind: "patient"}).ID
		pass(time.Second)
		if err := w.e.Cancel(id, "ops"); err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		if j := w.get(id); j.State != Cancelled || d.count("-first") != 1 || d.count("+last") != 0 {
			t.Errorf("%s, %s", j.State, d.String())
		}
	})
}

func TestOfWhatComesEveryHourOnlyTheLastAreKept(t *testing.T) {
	w := newWorld(t)
	fail := false
	w.start(Options{}, func(e *Engine) {
		Register(e, Workflow[plan]{Kind: "hourly", Keep: 2, Steps: []Step[plan]{{Name: "look", Do: func(_ context.Context, r *Run[plan]) error {
			r.Logf(Info, "looked")
			if fail {
				return errFatal
			}
			return nil
		}}}})
	})
	run := func() uint64 { return w.ended(w.enqueue(Spec{Kind: "hourly", Subject: "house"}).ID).ID }
	var ids []uint64
	for range 3 {
		ids = append(ids, run())
	}
	fail = true
	ids = append(ids, run())
	fail = false
	for range 2 {
		ids = append(ids, run())
	}
	list, err := w.e.List(Filter{})
	if err != nil {
		t.Fatal(err)
	}
	var got []uint64
	for _, j := range list {
		got = append(got, j.ID)
	}
	if want := []uint64{ids[5], ids[4], ids[3]}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("kept %v, want the failed one and the last two: %v", got, want)
	}
	if lines, err := w.e.Log(ids[0], 0, 0); err != nil || len(lines) != 0 {
		t.Errorf("the log of a removed job: %v, %v", lines, err)
	}
}

func TestBusyIsWhatTheTransactionSees(t *testing.T) {
	w := newWorld(t)
	w.prepare(Options{}, func(e *Engine) { Register(e, Workflow[plan]{Kind: "k", Steps: []Step[plan]{failing("a", nil)}}) })
	err := w.store.Update(func(tx *store.Tx) error {
		if _, ok, err := w.e.Busy(tx, "app"); ok || err != nil {
			t.Errorf("before: %v, %v", ok, err)
		}
		made, err := w.e.Enqueue(tx, Spec{Kind: "k", Subject: "app"})
		if err != nil {
			return err
		}
		if j, ok, err := w.e.Busy(tx, "app"); !ok || err != nil || j.ID != made.ID {
			t.Errorf("in the same transaction: %+v, %v, %v", j, ok, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
