package sshd

import (
	"testing"
	"time"

	"proximity/core"
	"proximity/pvesim"
)

// orphan is a rig whose only host has gone away after it had answered once.
func orphan(tb testing.TB) *rig {
	tb.Helper()
	sim, err := pvesim.Start(tb.Context(), pvesim.Options{Listen: "127.0.0.1:0", SSHListen: "127.0.0.1:0", Nodes: 3, Guests: 20})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = sim.Close() })
	r := newRig(tb, nil)
	admin := core.LocalAdmin("admin")
	_, err = r.core.AddHost(tb.Context(), admin, core.AddHostRequest{Name: "lab", URL: sim.URL(), User: "root@pam", Password: sim.RootPassword(), SSHPort: sim.SSHPort(), Fingerprint: sim.Fingerprint()})
	if err != nil {
		tb.Fatal(err)
	}
	state := func(want string) func() bool {
		return func() bool {
			r.core.Refresh("")
			w := r.core.World(admin)
			return len(w.Hosts) == 1 && w.Hosts[0].State == want && len(w.Nodes) == 3
		}
	}
	until(tb, "the host answers", state("online"))
	sim.Disconnect()
	until(tb, "the host is missed", state("unreachable"))
	return r
}

// UX rules 1 and 3: no network before the first frame; the last data is shown,
// and dated.
func TestTheFirstFrameNeedsNoHost(t *testing.T) {
	r := orphan(t)
	k := openConsole(t, r.login(), 120, 36)
	k.shows("host lab unreachable", 120, 36)
	k.shows("pve3       unreachable", 120, 36)
	k.typed("q")
	if code := k.wait(); code != 0 {
		t.Errorf("the console ended with %d", code)
	}
}

// The same in time: from asking for a console to its first frame, with every
// host unreachable (target: 60 ms).
func BenchmarkFirstFrameHostsAway(b *testing.B) {
	r := orphan(b)
	c := r.login()
	var took []time.Duration
	for b.Loop() {
		began := time.Now()
		f := watch(b, c)
		<-f.came
		took = append(took, time.Since(began))
		_ = f.in.Close()
		for range 3 {
			f.rest(5 * time.Millisecond)
		}
	}
	b.ReportMetric(percentile(took, 0.5), "ms-p50")
	b.ReportMetric(percentile(took, 0.95), "ms-p95")
}
