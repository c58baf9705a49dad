package core

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"proximity/pvesim"
)

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

// TestPowerGoesAtEveryStep takes the power away at the begin and the end of
// every step: after the restart all ends as if nothing had been.
func TestPowerGoesAtEveryStep(t *testing.T) {
	t.Parallel()
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
	t.Parallel()
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
