package core

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"proximity/pvesim"
)

// A trial is one workflow put through everything that may happen to it: the
// power goes at every step and every call, connections are cut, Proxmox says
// no in every way, people cancel. Afterwards the installation must be in order.
type trial struct {
	name    string
	sim     pvesim.Options
	prepare func(w *bench)        // makes the world the verb is done to
	act     func(w *bench) uint64 // does the verb: the job
	check   func(w *bench)        // what must be so once the job has succeeded
	undone  func(w *bench)        // and once it was cancelled and undone; nil: nothing more than order
	end     string                // the state the job is to end in; "" = succeeded
}

// good is the state the job is to end in.
func (tr trial) good() string { return cmp.Or(tr.end, "succeeded") }

// bench is the installation a trial is held in.
type bench struct {
	*rig
	sim  *pvesim.Cluster
	note map[string]string // what prepare tells act and check
}

// bench prepares an installation for a trial; at is called at every step once
// the power is armed.
func (tr trial) bench(t *testing.T, p *power) *bench {
	t.Helper()
	o := tr.sim
	if o.TaskTime == 0 {
		o.TaskTime = 0.005
	}
	w := &bench{sim: startSim(t, o), note: map[string]string{}}
	cfg := testConfig(t.TempDir())
	cfg.atStep = func(kind, step, when string) error {
		if p == nil || !p.armed.Load() || p.at == nil {
			return nil
		}
		return p.at(kind, step, when)
	}
	w.rig = openRig(t, cfg)
	w.connect(w.sim)
	if tr.prepare != nil {
		tr.prepare(w)
	}
	if p != nil {
		p.t, p.left, p.gone = t, t.TempDir(), make(chan struct{})
		p.rig.Store(w.rig)
		p.armed.Store(true)
	}
	return w
}

// settle waits until no job is left unfinished.
func (w *bench) settle() {
	w.t.Helper()
	w.until("every job ends", func() bool { return len(w.engine.Live()) == 0 })
}

// jobsOf are the jobs of the installation, newest first.
func (w *bench) jobsOf() []JobView {
	list, err := w.Jobs(context.Background(), admin, JobFilter{Limit: 500})
	if err != nil {
		w.t.Fatal(err)
	}
	return list
}

// ended checks that the newest job of the kind came to the end it was to.
func (w *bench) ended(kind, state string) {
	w.t.Helper()
	for _, j := range w.jobsOf() {
		if j.Kind == kind {
			if j.State != state {
				w.t.Fatalf("the %s ended %s: %s\n%s", kind, j.State, j.Error, w.dump())
			}
			return
		}
	}
	w.t.Fatalf("there is no %s job\n%s", kind, w.dump())
}

// orderly checks what must be so after anything: nothing unfinished, nothing
// without an owner, nothing locked, every failure explained.
func (w *bench) orderly() {
	w.t.Helper()
	if live := w.engine.Live(); len(live) > 0 {
		w.t.Errorf("%d jobs are unfinished\n%s", len(live), w.dump())
	}
	owned := map[int]app{}
	ports := map[int]string{}
	for _, a := range w.cachedApps() {
		if a.VMID != 0 {
			owned[a.VMID] = a
		}
		if other := ports[a.PublicPort]; a.PublicPort != 0 && other != "" {
			w.t.Errorf("%s and %s share port %d", a.Hostname, other, a.PublicPort)
		}
		ports[a.PublicPort] = a.Hostname
		switch a.Status {
		case StatusRunning, StatusStopped:
		case StatusError:
			if a.Error == "" || a.Hint == "" {
				w.t.Errorf("%s is in error without reason (%q) or way out (%q)", a.Hostname, a.Error, a.Hint)
			}
		default:
			w.t.Errorf("%s is still %s though no job is at work on it", a.Hostname, a.Status)
		}
	}
	left := "" // what a job could not remove, and said so
	for _, j := range w.jobsOf() {
		left += j.Left + "\n"
	}
	seen := map[int]pvesim.GuestInfo{}
	for _, g := range w.sim.Guests() {
		seen[g.VMID] = g
		if g.Foreign {
			continue
		}
		if _, ok := owned[g.VMID]; !ok {
			w.t.Errorf("CT %d (%s) belongs to no app", g.VMID, g.Hostname)
		}
		if g.Lock != "" {
			w.t.Errorf("CT %d is left with the lock %q", g.VMID, g.Lock)
		}
		for _, s := range g.Snapshots {
			if strings.HasPrefix(s, "proximity") && !strings.Contains(left, s) {
				w.t.Errorf("CT %d is left with the snapshot %s", g.VMID, s)
			}
		}
	}
	for vmid, a := range owned {
		g, ok := seen[vmid]
		if a.Status == StatusError {
			continue
		}
		if !ok {
			w.t.Errorf("%s has no container %d", a.Hostname, vmid)
		} else if g.Status != string(a.Status) {
			w.t.Errorf("%s is %s, its container %s", a.Hostname, a.Status, g.Status)
		}
	}
	for _, j := range w.jobsOf() {
		if j.State == "failed" && (j.Error == "" || j.Hint == "") {
			w.t.Errorf("job %d (%s) failed without reason (%q) or way out (%q)", j.ID, j.Title, j.Error, j.Hint)
		}
	}
	if w.t.Failed() {
		w.t.Log(w.dump())
	}
}

// kind is the kind of job the trial is about.
func (w *bench) kind(id uint64) string {
	w.t.Helper()
	j, err := w.Job(context.Background(), admin, id)
	if err != nil {
		w.t.Fatal(err)
	}
	return j.Kind
}

// faultsWanted tells whether the long way is wanted: make test-faults.
func faultsWanted() bool { return os.Getenv("PROXIMITY_FAULTS") != "" }

// TestCancelledAtEveryStep cancels at the begin of every step: the job ends
// cancelled with all undone, or it was past that and ends well.
func TestCancelledAtEveryStep(t *testing.T) {
	t.Parallel()
	var points, undone atomic.Int32
	t.Run("all", func(t *testing.T) {
		for _, tr := range trials() {
			t.Run(tr.name, func(t *testing.T) {
				t.Parallel()
				steps, _ := tr.steps(t)
				for _, step := range steps {
					t.Run(step, func(t *testing.T) {
						p := &power{}
						var w *bench
						var job atomic.Uint64
						begun, cancelled := make(chan struct{}), make(chan struct{})
						var once sync.Once
						p.at = func(_, s, when string) error {
							if s == step && when == "begin" {
								once.Do(func() { close(begun); <-cancelled })
							}
							return nil
						}
						w = tr.bench(t, p)
						job.Store(tr.act(w))
						<-begun
						_, err := w.CancelJob(t.Context(), admin, job.Load())
						close(cancelled)
						w.settle()
						j, _ := w.Job(t.Context(), admin, job.Load())
						switch {
						case j.State == tr.good():
							tr.check(w)
						case err != nil || j.State != "cancelled" || j.Left != "":
							t.Errorf("cancelled (%v), it ended %s: %s %s", err, j.State, j.Error, j.Left)
						default:
							undone.Add(1)
							if tr.undone != nil {
								tr.undone(w)
							}
						}
						w.orderly()
						points.Add(1)
					})
				}
			})
		}
	})
	report(t, "cancelled at %d steps: %d undone, the others ended well", points.Load(), undone.Load())
}

// report prints a figure for make test-faults.
func report(t *testing.T, format string, args ...any) {
	if faultsWanted() && !t.Failed() {
		fmt.Printf(format+"\n", args...)
	}
}
