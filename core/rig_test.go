package core

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"proximity/pvesim"
)

// admin is who the tests act as, where it does not matter.
var admin = Actor{User: "admin", Role: RoleAdmin, Via: ViaLocal}

// fastPace makes everything that waits for real things look often.
var fastPace = Pace{TaskPoll: 15 * time.Millisecond, Watched: 30 * time.Millisecond, Idle: 60 * time.Millisecond,
	Return: 200 * time.Millisecond, HostRetry: 50 * time.Millisecond, Backoff: 30 * time.Millisecond, Settled: 20 * time.Millisecond, Outside: 100 * time.Millisecond, DeleteWait: 40 * time.Millisecond}

// startSim starts a simulated cluster that ends with the test.
func startSim(t testing.TB, o pvesim.Options) *pvesim.Cluster {
	t.Helper()
	if o.Nodes == 0 {
		o.Nodes = 3
	}
	o.Listen, o.SSHListen = "127.0.0.1:0", "127.0.0.1:0"
	sim, err := pvesim.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sim.Close() })
	return sim
}

// rig is a core at work in the test's process.
type rig struct {
	*Core
	t      testing.TB
	stop   func()
	unplug func() // ends the core's work without waiting
}

// testConfig is a configuration for a data folder; published ports listen on
// a loopback address of their own, so that tests do not meet.
func testConfig(data string) Config {
	return Config{Data: data, PublicHost: listenHost(data), ListenHost: listenHost(data), GuestNetworks: []string{"127.0.0.0/8"}, Pace: fastPace, Logger: testLogger()}
}

func testLogger() *slog.Logger {
	if os.Getenv("PROXIMITY_TEST_LOG") != "" {
		return slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	return slog.New(slog.NewTextHandler(io.Discard, nil))
}

// listenHost is a loopback address that only this data folder uses.
func listenHost(data string) string {
	h := uint32(2166136261)
	for _, b := range []byte(data) {
		h = (h ^ uint32(b)) * 16777619
	}
	return fmt.Sprintf("127.%d.%d.%d", 2+h%10, h>>8&0xff, 1+h>>16&0xff%250)
}

// openRig opens a core on a data folder and runs it until the test ends.
func openRig(t testing.TB, cfg Config) *rig {
	t.Helper()
	c, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	stopped := false
	r := &rig{Core: c, t: t, unplug: cancel}
	r.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Errorf("core ended: %v", err)
		}
		if err := c.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	t.Cleanup(r.stop)
	return r
}

// connect adds the simulated cluster as host "lab" and waits for its answer.
func (r *rig) connect(sim *pvesim.Cluster) { r.connectAs(sim, "lab") }

func (r *rig) connectAs(sim *pvesim.Cluster, name string) {
	r.t.Helper()
	_, err := r.AddHost(r.t.Context(), admin, AddHostRequest{Name: name, URL: sim.URL(), User: "root@pam", Password: sim.RootPassword(), SSHPort: sim.SSHPort(), Fingerprint: sim.Fingerprint()})
	if err != nil {
		r.t.Fatal(err)
	}
	r.until("the host answers", func() bool {
		return slices.ContainsFunc(r.World(admin).Hosts, func(h HostView) bool { return h.Name == name && h.State == "online" })
	})
}

// patience is how long a test waits for what must come.
const patience = 3 * time.Minute

// until waits for the world to be so.
func (r *rig) until(what string, so func() bool) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	changes := r.Watch(ctx)
	for !so() {
		select {
		case <-changes:
		case <-ctx.Done():
			r.t.Fatalf("waited in vain: %s\n%s", what, r.dump())
		}
	}
}

// dump tells where everything stands, for a failed test.
func (r *rig) dump() string {
	var b strings.Builder
	w := r.World(admin)
	for _, h := range w.Hosts {
		fmt.Fprintf(&b, "host %s %s %s\n", h.Name, h.State, h.Error)
	}
	for _, a := range w.Apps {
		fmt.Fprintf(&b, "app %s %s CT %d on %s %s\n", a.Hostname, a.Status, a.VMID, a.Node, a.Error)
	}
	for _, j := range w.Jobs {
		fmt.Fprintf(&b, "job %d %s %s step %d %s %s\n", j.ID, j.Title, j.State, j.Step, j.Waiting, j.Error)
		if len(w.Jobs) < 4 {
			lines, _ := r.JobLog(context.Background(), admin, j.ID, 0, 0)
			for _, l := range lines[max(len(lines)-30, 0):] {
				fmt.Fprintf(&b, "  %s %s %s\n", l.Step, l.Level, l.Text)
			}
		}
	}
	return b.String()
}

// deploy starts a deploy that must be accepted.
func (r *rig) deploy(req DeployRequest) (AppView, JobView) {
	r.t.Helper()
	a, j, err := r.DeployApp(r.t.Context(), admin, req)
	if err != nil {
		r.t.Fatal(err)
	}
	return a, j
}

// end follows a job to its end.
func (r *rig) end(id uint64) JobView {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	j, err := r.FollowJob(ctx, admin, id, func(LogLine) {})
	if err != nil {
		r.t.Fatalf("job %d: %v\n%s", id, err, r.dump())
	}
	return j
}

// get fetches a page of a published app.
func get(url string) (int, string, error) {
	client := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, DialContext: (&net.Dialer{}).DialContext}}
	res, err := client.Get(url)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return res.StatusCode, string(b), err
}

// kindOf is the kind of an error of core, for tables.
func kindOf(err error) error {
	for _, k := range []error{ErrInvalid, ErrNotFound, ErrDenied, ErrConflict, ErrUnreachable, ErrUnavailable, ErrFailed} {
		if errors.Is(err, k) {
			return k
		}
	}
	return nil
}

// managed are the simulator's containers that carry our mark.
func managed(sim *pvesim.Cluster) []pvesim.GuestInfo {
	var out []pvesim.GuestInfo
	for _, g := range sim.Guests() {
		if strings.Contains(g.Description, "proximity-installation") {
			out = append(out, g)
		}
	}
	return out
}
