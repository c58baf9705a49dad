package jobs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"proximity/store"
)

// plan is the data of the jobs in these tests.
type plan struct {
	Name string
	Made []string // by steps, in order
}

// world is a store and an engine over it that can be stopped and started again.
type world struct {
	t       testing.TB
	store   *store.Store
	e       *Engine
	stop    context.CancelFunc
	stopped chan error
}

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

func newWorld(t testing.TB) *world { return newWorldSync(t, false) }

func newWorldSync(t testing.TB, sync bool) *world {
	t.Helper()
	st, err := store.Open(filepath.Join(t.TempDir(), "jobs.db"), store.Options{NoSync: !sync})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, store: st}
	t.Cleanup(func() {
		w.halt()
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// start runs a new engine over the store.
func (w *world) start(o Options, register func(*Engine)) {
	w.t.Helper()
	w.prepare(o, register)
	w.run()
}

func (w *world) prepare(o Options, register func(*Engine)) {
	if o.Logger == nil {
		o.Logger = quiet()
	}
	if o.Classify == nil {
		o.Classify = classify
	}
	w.e = New(w.store, o)
	register(w.e)
}

func (w *world) run() {
	ctx, cancel := context.WithCancel(context.Background())
	w.stop, w.stopped = cancel, make(chan error, 1)
	e, stopped := w.e, w.stopped
	go func() { stopped <- e.Run(ctx) }()
}

// halt ends the engine and waits for it.
func (w *world) halt() {
	w.t.Helper()
	if w.stop == nil {
		return
	}
	w.stop()
	if err := <-w.stopped; err != nil {
		w.t.Errorf("Run: %v", err)
	}
	w.stop = nil
}

func (w *world) enqueue(s Spec) Job {
	w.t.Helper()
	var j Job
	err := w.store.Update(func(tx *store.Tx) (err error) {
		j, err = w.e.Enqueue(tx, s)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return j
}

func (w *world) get(id uint64) Job {
	w.t.Helper()
	j, err := w.e.Get(id)
	if err != nil {
		w.t.Fatal(err)
	}
	return j
}

// await polls until the job is as asked, for tests outside a bubble.
func (w *world) await(id uint64, what string, ok func(Job) bool) Job {
	w.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		j := w.get(id)
		if ok(j) {
			return j
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("job %d is not %s: %+v\n%s", id, what, j, w.logText(id))
		}
		time.Sleep(200 * time.Microsecond)
	}
}

func (w *world) ended(id uint64) Job {
	w.t.Helper()
	return w.await(id, "ended", func(j Job) bool { return j.State.Ended() })
}

func (w *world) logText(id uint64) string {
	w.t.Helper()
	lines, err := w.e.Log(id, 0, 0)
	if err != nil {
		w.t.Fatal(err)
	}
	var b strings.Builder
	for i, l := range lines {
		if i > 0 && l.Seq <= lines[i-1].Seq {
			w.t.Errorf("log of job %d: line %d after %d", id, l.Seq, lines[i-1].Seq)
		}
		fmt.Fprintf(&b, "%s %s: %s\n", l.Level, l.Step, l.Text)
	}
	return b.String()
}

// inBubble runs a test in which time passes only when nothing else happens.
func inBubble(t *testing.T, fn func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { fn(t, newWorld(t)) })
}

// pass lets time go by in a bubble, until everything is at rest.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

type away struct{ host string }

func (e away) Error() string { return "no answer" }

var (
	errFatal = errors.New("not allowed")
	errBusy  = errors.New("locked")
)

func classify(err error) Verdict {
	var a away
	switch {
	case errors.As(err, &a):
		return Verdict{Kind: Wait, Reason: "host " + a.host}
	case errors.Is(err, errFatal):
		return Verdict{Kind: Fatal, Hint: "ask for the right"}
	}
	return Verdict{Kind: Retry}
}

// diary records what happened, in order.
type diary struct {
	mu      sync.Mutex
	entries []string
}

func (d *diary) note(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.entries = append(d.entries, fmt.Sprintf(format, args...))
}

func (d *diary) String() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return strings.Join(d.entries, " ")
}

func (d *diary) count(entry string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := 0
	for _, e := range d.entries {
		if e == entry {
			n++
		}
	}
	return n
}

// made is a step that adds its name to the data and can take it away again.
func made(d *diary, name string) Step[plan] {
	return Step[plan]{
		Name: name, Title: "Make " + name,
		Do: func(ctx context.Context, r *Run[plan]) error {
			d.note("+%s", name)
			r.Data.Made = append(r.Data.Made, name)
			return nil
		},
		Undo: func(ctx context.Context, r *Run[plan]) error {
			d.note("-%s", name)
			r.Data.Made = slices.DeleteFunc(r.Data.Made, func(s string) bool { return s == name })
			return nil
		},
	}
}

func failing(name string, err error) Step[plan] {
	return Step[plan]{Name: name, Title: "Fail " + name, Do: func(context.Context, *Run[plan]) error { return err }}
}

func steps(j Job) string {
	var out []string
	for _, s := range j.Steps {
		out = append(out, s.Name+":"+string(s.State))
	}
	return strings.Join(out, " ")
}

func madeBy(t testing.TB, j Job) string {
	t.Helper()
	p, err := DataOf[plan](j)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(p.Made, " ")
}

func TestAJobGoesThroughItsStepsAndIsFinished(t *testing.T) {
	w := newWorld(t)
	var d diary
	w.start(Options{}, func(e *Engine) {
		Register(e, Workflow[plan]{Kind: "deploy", Steps: []Step[plan]{made(&d, "a"), made(&d, "b"), made(&d, "c")},
			Finish: func(tx *store.Tx, j Job, p *plan) error {
				d.note("finish:%s", j.State)
				p.Made = append(p.Made, "end")
				return nil
			}})
	})
	queued := w.enqueue(Spec{Kind: "deploy", Subject: "app/1", SubjectTitle: "blog", Owner: "ada", OwnerVia: "ssh", Title: "Deploy", Data: plan{Name: "blog"}})
	if queued.State != Queued || queued.ID == 0 || len(queued.Steps) != 3 {
		t.Errorf("%+v", queued)
	}
	j := w.ended(queued.ID)
	if j.State != Succeeded || j.Progress != 1 || j.Failure != nil || madeBy(t, j) != "a b c end" || steps(j) != "a:done b:done c:done" {
		t.Errorf("%+v", j)
	}
	if d.String() != "+a +b +c finish:succeeded" {
		t.Error(d.String())
	}
	if j.Created.IsZero() || j.Started.Before(j.Created) || j.Ended.Before(j.Started) || j.Owner != "ada" || j.OwnerVia != "ssh" || j.SubjectTitle != "blog" {
		t.Errorf("%+v", j)
	}
	want := "info a: Make a\ninfo b: Make b\ninfo c: Make c\ninfo : done in "
	if got := w.logText(j.ID); !strings.HasPrefix(got, want) {
		t.Error(got)
	}
	if len(w.e.Live()) != 0 {
		t.Error("an ended job is live")
	}
}

func TestWhatAJobCannotBe(t *testing.T) {
	w := newWorld(t)
	var d diary
	w.prepare(Options{}, func(e *Engine) {
		Register(e, Workflow[plan]{Kind: "k", Steps: []Step[plan]{made(&d, "a")}})
	})
	for what, s := range map[string]Spec{
		"of an unknown kind":         {Kind: "x"},
		"with data of another shape": {Kind: "k", Data: []int{1}},
		"with data that is no JSON":  {Kind: "k", Data: func() {}},
	} {
		err := w.store.Update(func(tx *store.Tx) error { _, err := w.e.Enqueue(tx, s); return err })
		if err == nil {
			t.Errorf("a job %s was taken", what)
		}
	}
	if _, err := w.e.Get(7); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	if err := w.e.Cancel(7, "ada"); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	for what, flow := range map[string]Workflow[plan]{
		"twice":            {Kind: "k", Steps: []Step[plan]{made(&d, "a")}},
		"without kind":     {Steps: []Step[plan]{made(&d, "a")}},
		"without steps":    {Kind: "l"},
		"with twin steps":  {Kind: "l", Steps: []Step[plan]{made(&d, "a"), made(&d, "a")}},
		"with an idle one": {Kind: "l", Steps: []Step[plan]{{Name: "a"}}},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("a workflow %s was registered", what)
				}
			}()
			Register(w.e, flow)
		}()
	}
}

func TestAJobThatWasNotCommittedDoesNotExist(t *testing.T) {
	w := newWorld(t)
	var d diary
	w.start(Options{}, func(e *Engine) { Register(e, Workflow[plan]{Kind: "k", Steps: []Step[plan]{made(&d, "a")}}) })
	var id uint64
	err := w.store.Update(func(tx *store.Tx) error {
		j, err := w.e.Enqueue(tx, Spec{Kind: "k", Subject: "s"})
		id = j.ID
		return errors.Join(err, errFatal)
	})
	if !errors.Is(err, errFatal) {
		t.Fatal(err)
	}
	if _, err := w.e.Get(id); !errors.Is(err, ErrNotFound) || len(w.e.Live()) != 0 {
		t.Errorf("%v, %v", err, w.e.Live())
	}
	w.ended(w.enqueue(Spec{Kind: "k", Subject: "s"}).ID)
	if d.String() != "+a" {
		t.Error(d.String())
	}
}

func TestOneLiveJobForEachSubject(t *testing.T) {
	w := newWorld(t)
	release := make(chan struct{})
	w.start(Options{}, func(e *Engine) {
		Register(e, Workflow[plan]{Kind: "k", Steps: []Step[plan]{{Name: "a", Do: func(ctx context.Context, r *Run[plan]) error {
			select {
			case <-release:
			case <-ctx.Done():
			}
			return ctx.Err()
		}}}})
	})
	first := w.enqueue(Spec{Kind: "k", Subject: "app/1", SubjectTitle: "blog", Title: "Stop"})
	w.await(first.ID, "running", func(j Job) bool { return j.State == Running })
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			err := w.store.Update(func(tx *store.Tx) error {
				_, err := w.e.Enqueue(tx, Spec{Kind: "k", Subject: "app/1"})
				return err
			})
			var busy *BusyError
			if !errors.As(err, &busy) || busy.Job.ID != first.ID || busy.Job.State != Running || !strings.HasPrefix(err.Error(), "blog is busy: Stop (job 1, running, since ") {
				t.Errorf("%v", err)
			}
		})
	}
	wg.Wait()
	w.enqueue(Spec{Kind: "k", Subject: "app/2"})
	w.enqueue(Spec{Kind: "k"}) // about nothing, in nobody's way
	w.enqueue(Spec{Kind: "k"})
	close(release)
	w.ended(first.ID)
	w.enqueue(Spec{Kind: "k", Subject: "app/1"})
}

func TestFinishMayEnqueueTheNextJobOfTheSubject(t *testing.T) {
	w := newWorld(t)
	var d diary
	var next Job
	w.start(Options{}, func(e *Engine) {
		Register(e, Workflow[plan]{Kind: "second", Steps: []Step[plan]{made(&d, "b")}})
		Register(e, Workflow[plan]{Kind: "first", Steps: []Step[plan]{made(&d, "a")},
			Finish: func(tx *store.Tx, j Job, p *plan) (err error) {
				next, err = e.Enqueue(tx, Spec{Kind: "second", Subject: j.Subject})
				return err
			}})
	})
	w.ended(w.enqueue(Spec{Kind: "first", Subject: "app/1"}).ID)
	if j := w.ended(next.ID); j.State != Succeeded || d.String() != "+a +b" {
		t.Errorf("%+v, %s", j, d.String())
	}
}

func TestListIsNewestFirstAndFiltered(t *testing.T) {
	w := newWorld(t)
	var d diary
	w.start(Options{Workers: 1}, func(e *Engine) {
		Register(e, Workflow[plan]{Kind: "good", Steps: []Step[plan]{made(&d, "a")}})
		Register(e, Workflow[plan]{Kind: "bad", Steps: []Step[plan]{failing("a", errFatal)}})
		Register(e, Workflow[plan]{Kind: "slow", Steps: []Step[plan]{{Name: "a", Do: func(ctx context.Context, r *Run[plan]) error {
			<-ctx.Done()
			return ctx.Err()
		}}}})
	})
	for i, kind := range []string{"good", "bad", "good", "bad", "good"} {
		w.ended(w.enqueue(Spec{Kind: kind, Subject: fmt.Sprint("app/", i%2), Owner: []string{"ada", "bob"}[i%2]}).ID)
	}
	w.await(w.enqueue(Spec{Kind: "slow", Subject: "app/0", Owner: "ada"}).ID, "running", func(j Job) bool { return j.State == Running })
	w.enqueue(Spec{Kind: "slow", Subject: "app/1", Owner: "bob"})
	for _, c := range []struct {
		f    Filter
		want string
	}{
		{Filter{}, "7 6 5 4 3 2 1"},
		{Filter{Limit: 2}, "7 6"},
		{Filter{Before: 4}, "3 2 1"},
		{Filter{Subject: "app/0"}, "6 5 3 1"},
		{Filter{Subject: "app/0", Before: 5, Limit: 1}, "3"},
		{Filter{Owner: "bob"}, "7 4 2"},
		{Filter{Owner: "bob", Subject: "app/0"}, ""},
		{Filter{States: []State{Failed}}, "4 2"},
		{Filter{States: []State{Queued, Running}}, "7 6"},
		{Filter{States: []State{Running}, Owner: "ada"}, "6"},
		{Filter{States: []State{Running, Succeeded}, Limit: 2}, "6 5"},
	} {
		got, err := w.e.List(c.f)
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, j := range got {
			ids = append(ids, fmt.Sprint(j.ID))
		}
		if strings.Join(ids, " ") != c.want {
			t.Errorf("%+v: %v, want %s", c.f, ids, c.want)
		}
	}
}
