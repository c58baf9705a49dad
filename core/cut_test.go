package core

import (
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"proximity/pvesim"
)

// TestCutAtEveryCallByNumber cuts the connection at the n-th call of a deploy,
// whatever it is, for every n: once before Proxmox has heard of it and once
// after it was done. It takes minutes: `make test-faults` runs it; the ordinary
// tests cut every kind of call once.
func TestCutAtEveryCallByNumber(t *testing.T) {
	t.Parallel()
	if os.Getenv("PROXIMITY_FAULTS") == "" {
		t.Skip("make test-faults runs it")
	}
	total := 0
	t.Run("count", func(t *testing.T) {
		sim := startSim(t, pvesim.Options{TaskTime: 0.005})
		r := openRig(t, testConfig(t.TempDir()))
		r.connect(sim)
		var n atomic.Int32
		sim.OnRequest(func(pvesim.Request) { n.Add(1) })
		_, job := r.deploy(DeployRequest{CatalogID: "adminer", Hostname: "survivor"})
		r.end(job.ID)
		total = int(n.Load())
	})
	var survived atomic.Int32
	t.Run("cut", func(t *testing.T) {
		for i := range total {
			for _, do := range []string{"drop", "drop-after"} {
				t.Run(fmt.Sprintf("%s at call %d", do, i+1), func(t *testing.T) {
					t.Parallel()
					sim := startSim(t, pvesim.Options{TaskTime: 0.005})
					data := t.TempDir()
					r := openRig(t, testConfig(data))
					r.connect(sim)
					for _, path := range []string{"**", "ssh"} {
						sim.Inject(pvesim.Fault{Method: "*", Path: path, After: i, Times: 1, Do: do})
					}
					_, job := r.deploy(DeployRequest{CatalogID: "adminer", Hostname: "survivor"})
					if j := r.end(job.ID); j.State != "succeeded" {
						t.Fatalf("ended %s: %s\n%s", j.State, j.Error, r.dump())
					}
					r.stop()
					whole(t, sim, data, "survivor")
					survived.Add(1)
				})
			}
		}
	})
	fmt.Println(strings.TrimSpace(fmt.Sprintf("connection cut at %d calls, before and after: %d of %d deploys ended whole", total, survived.Load(), 2*total)))
}
