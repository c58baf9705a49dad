package core

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"proximity/pvesim"
)

// cell is one fault at one kind of call.
type cell struct{ method, path, do string }

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
	t.Parallel()
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

var (
	nodePart   = regexp.MustCompile(`^/nodes/[^/]+`)
	vmidPart   = regexp.MustCompile(`/(lxc|qemu)/\d+`)
	upidPart   = regexp.MustCompile(`/tasks/UPID[^/]+`)
	storePart  = regexp.MustCompile(`/storage/[^/]+`)
	volumePart = regexp.MustCompile(`/content/.+`)
	namedPart  = regexp.MustCompile(`/snapshot/[^/]+`)
)
