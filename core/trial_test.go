package core

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
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

// power is the supply of the rig under trial: when it goes, what the store
// holds at that moment is all that is left.
type power struct {
	t     testing.TB
	left  string // data folder of what is left
	at    func(kind, step, when string) error
	rig   atomic.Pointer[rig]
	once  sync.Once
	gone  chan struct{}
	armed atomic.Bool
}

var errPowerGone = errors.New("the power is gone")

// cut takes the power away: the store as it is now is kept, and whatever the
// core under trial does from here on counts no more.
func (p *power) cut() error {
	p.once.Do(func() {
		r := p.rig.Load()
		if err := keepData(r, p.left); err != nil {
			p.t.Errorf("keep what the store holds: %v", err)
		}
		r.unplug()
		close(p.gone)
	})
	return errPowerGone
}

// keepData copies the data folder of a working core as a power cut would leave it.
func keepData(r *rig, to string) error {
	from := filepath.Join(r.cfg.Data, "keys")
	files, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	if err := os.Mkdir(filepath.Join(to, "keys"), 0o700); err != nil {
		return err
	}
	for _, f := range files {
		b, err := os.ReadFile(filepath.Join(from, f.Name()))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(to, "keys", f.Name()), b, 0o600); err != nil {
			return err
		}
	}
	f, err := os.OpenFile(filepath.Join(to, "proximity.db"), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(r.Snapshot(f), f.Close())
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

// again opens what a power cut left, and waits for every job to end.
func (w *bench) again(t *testing.T, p *power) {
	t.Helper()
	select {
	case <-p.gone:
	case <-t.Context().Done():
	}
	w.stop()
	cfg := testConfig(p.left)
	cfg.ListenHost, cfg.PublicHost = w.cfg.ListenHost, w.cfg.PublicHost
	w.rig = openRig(t, cfg)
	w.settle()
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

// TestPowerGoesAtEveryStep takes the power away at the begin and the end of
// every step: after the restart all ends as if nothing had been.
func TestPowerGoesAtEveryStep(t *testing.T) {
	var points atomic.Int32
	t.Run("all", func(t *testing.T) {
		for _, tr := range trials() {
			t.Run(tr.name, func(t *testing.T) {
				t.Parallel()
				begun, ended := tr.steps(t)
				for when, steps := range map[string][]string{"begin": begun, "end": ended} {
					if when == "begin" && !faultsWanted() {
						continue // where nothing is recorded yet: the end of the step before, almost
					}
					for _, step := range steps {
						t.Run(step+"/"+when, func(t *testing.T) {
							p := &power{}
							p.at = func(_, s, w string) error {
								if s == step && w == when {
									return p.cut()
								}
								return nil
							}
							w := tr.bench(t, p)
							kind := w.kind(tr.act(w))
							w.again(t, p)
							w.ended(kind, tr.good())
							w.orderly()
							tr.check(w)
							points.Add(1)
						})
					}
				}
			})
		}
	})
	report(t, "power cut at %d points of all workflows: all ended as without it", points.Load())
}

// steps are the names of the steps a trial begins and ends, seen in a run that
// nothing happens to; what it must come to is checked here, too.
func (tr trial) steps(t *testing.T) (begun, ended []string) {
	t.Helper()
	var mu sync.Mutex
	p := &power{at: func(_, step, when string) error {
		mu.Lock()
		defer mu.Unlock()
		list := &begun
		if when == "end" {
			list = &ended
		}
		if !slices.Contains(*list, step) {
			*list = append(*list, step)
		}
		return nil
	}}
	w := tr.bench(t, p)
	kind := w.kind(tr.act(w))
	w.settle()
	w.ended(kind, tr.good())
	w.orderly()
	tr.check(w)
	w.stop()
	return begun, ended
}

// TestPowerGoesAtEveryCall takes the power away the moment Proxmox receives a
// changing call, for every one: it is carried out, its answer reaches nobody.
func TestPowerGoesAtEveryCall(t *testing.T) {
	if !faultsWanted() {
		t.Skip("make test-faults runs it")
	}
	var points atomic.Int32
	t.Run("all", func(t *testing.T) {
		for _, tr := range trials() {
			t.Run(tr.name, func(t *testing.T) {
				t.Parallel()
				total := len(slices.DeleteFunc(tr.calls(t), func(q pvesim.Request) bool { return !changing(q) }))
				for i := range total {
					t.Run(fmt.Sprint("call ", i+1), func(t *testing.T) {
						p := &power{}
						w := tr.bench(t, p)
						var n atomic.Int32
						w.sim.OnRequest(func(q pvesim.Request) {
							if changing(q) && int(n.Add(1)) == i+1 {
								_ = p.cut()
							}
						})
						kind := w.kind(tr.act(w))
						w.again(t, p)
						w.ended(kind, tr.good())
						w.orderly()
						tr.check(w)
						points.Add(1)
					})
				}
			})
		}
	})
	report(t, "power cut at %d calls to Proxmox: all ended as without it", points.Load())
}

// calls are the requests of a run that nothing happens to, but for those of
// pollers and sessions.
func (tr trial) calls(t *testing.T) []pvesim.Request {
	t.Helper()
	w := tr.bench(t, nil)
	var mu sync.Mutex
	var calls []pvesim.Request
	w.sim.OnRequest(func(q pvesim.Request) {
		if q.Path != "/cluster/resources" && !strings.HasPrefix(q.Path, "/access/") {
			mu.Lock()
			defer mu.Unlock()
			calls = append(calls, q)
		}
	})
	tr.act(w)
	w.settle()
	w.stop()
	mu.Lock()
	defer mu.Unlock()
	return slices.Clone(calls)
}

// cell is one fault at one kind of call.
type cell struct{ method, path, do string }

var (
	nodePart   = regexp.MustCompile(`^/nodes/[^/]+`)
	vmidPart   = regexp.MustCompile(`/(lxc|qemu)/\d+`)
	upidPart   = regexp.MustCompile(`/tasks/UPID[^/]+`)
	storePart  = regexp.MustCompile(`/storage/[^/]+`)
	volumePart = regexp.MustCompile(`/content/.+`)
	namedPart  = regexp.MustCompile(`/snapshot/[^/]+`)
)

// pattern is the kind of call a request is.
func pattern(path string) string {
	for _, r := range []struct {
		re *regexp.Regexp
		to string
	}{{nodePart, "/nodes/*"}, {vmidPart, "/$1/*"}, {upidPart, "/tasks/*"}, {volumePart, "/content/**"}, {storePart, "/storage/*"}, {namedPart, "/snapshot/*"}} {
		path = r.re.ReplaceAllString(path, r.to)
	}
	return path
}

// cells are all faults at all kinds of calls the trial makes.
func (tr trial) cells(t *testing.T) []cell {
	var all []cell
	for _, q := range tr.calls(t) {
		dos := []string{"500:CT is locked (backup)", "595", "drop", "drop-after", "403:Permission check failed (/vms, VM.Allocate)"}
		if q.Method == "SSH" {
			dos = []string{"drop", "drop-after"}
		} else if changing(q) {
			dos = append(dos, "fail-task:simulated failure")
		}
		for _, do := range dos {
			path := "ssh"
			if q.Method != "SSH" {
				path = pattern(q.Path)
			}
			if c := (cell{q.Method, path, do}); !slices.Contains(all, c) {
				all = append(all, c)
			}
		}
	}
	return all
}

// TestEveryFaultEndsInANamedState meets every kind of call with every kind of
// fault: what can pass passes, what cannot fails at once with a reason and a
// way out, and in both cases all is in order.
func TestEveryFaultEndsInANamedState(t *testing.T) {
	rows := trials()
	if !faultsWanted() { // then only what happens most: the connection is cut during a deploy
		rows = deployTrials()
	}
	var met, passed atomic.Int32
	t.Run("all", func(t *testing.T) {
		for _, tr := range rows {
			t.Run(tr.name, func(t *testing.T) {
				t.Parallel()
				for _, c := range tr.cells(t) {
					if !faultsWanted() && !strings.HasPrefix(c.do, "drop") {
						continue
					}
					t.Run(strings.ReplaceAll(c.method+" "+c.path+" "+c.do, "/", "|"), func(t *testing.T) {
						w := tr.bench(t, nil)
						f := pvesim.Fault{Method: c.method, Path: c.path, Do: c.do, Times: 1}
						if strings.HasPrefix(c.do, "403") {
							f.Times = 0
						}
						remove := w.sim.Inject(f)
						id := tr.act(w)
						w.until("the job ends", func() bool { j, err := w.Job(context.Background(), admin, id); return err == nil && j.Ended })
						remove()
						w.settle()
						w.orderly()
						j, _ := w.Job(context.Background(), admin, id)
						if j.State == tr.good() && (tr.end == "" || j.Left == "") { // the fault may have met the way back
							passed.Add(1)
							tr.check(w)
						}
						if strings.HasPrefix(c.do, "403") {
							w.neverTriedAgain(id)
						} else if !strings.HasPrefix(c.do, "fail-task") && j.State != tr.good() {
							t.Errorf("%s can pass, but the job ended %s: %s", c.do, j.State, j.Error)
						}
						met.Add(1)
					})
				}
			})
		}
	})
	report(t, "%d faults met, %d of the jobs succeeded all the same, the others failed with a reason: all in order", met.Load(), passed.Load())
}

// neverTriedAgain checks that a job did not retry.
func (w *bench) neverTriedAgain(id uint64) {
	w.t.Helper()
	lines, err := w.JobLog(context.Background(), admin, id, 0, 0)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, l := range lines {
		if strings.Contains(l.Text, "(attempt ") {
			w.t.Errorf("tried again what cannot pass: %s", l.Text)
		}
	}
}

// TestCancelledAtEveryStep cancels at the begin of every step: the job ends
// cancelled with all undone, or it was past that and ends well.
func TestCancelledAtEveryStep(t *testing.T) {
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
