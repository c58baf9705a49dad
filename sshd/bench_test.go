package sshd

import (
	"context"
	"fmt"
	"io"
	"math/rand"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	gossh "golang.org/x/crypto/ssh"

	"proximity/core"
	"proximity/tui"
)

// crowd is a core with a thousand apps, whose figures change as often as they
// are asked for.
type crowd struct {
	*core.Core
	worlds [2]*core.World
	n      atomic.Int64
}

func newCrowd(c *core.Core, apps int) *crowd {
	all := &crowd{Core: c}
	for i := range all.worlds {
		w := &core.World{At: time.Now(), Hosts: []core.HostView{{Name: "homelab", URL: "https://192.0.2.1:8006"}}}
		for n := range 32 {
			w.Nodes = append(w.Nodes, core.NodeView{Host: "homelab", Name: fmt.Sprint("pve", n), State: "online", Metrics: &core.Metrics{CPU: float64(n+i) / 40, Cores: 16, Mem: int64(n+i) << 30, MaxMem: 64 << 30}})
		}
		for n := range apps {
			w.Apps = append(w.Apps, core.AppView{
				ID: fmt.Sprintf("gitea-%05d", n), CatalogID: "gitea", Name: "Gitea", Hostname: fmt.Sprintf("app-%05d", n), Status: core.StatusRunning,
				Owner: "admin", Host: "homelab", Node: fmt.Sprint("pve", n%32), VMID: 100 + n, PublicPort: 8100 + n%900,
				URL:     fmt.Sprintf("http://proximity.test:%d/", 8100+n%900),
				Metrics: &core.Metrics{CPU: float64((n+i*7)%100) / 100, Cores: 2, Mem: int64(n+i) << 20, MaxMem: 2 << 30, Disk: 3 << 30, MaxDisk: 8 << 30, Uptime: int64(n)},
			})
		}
		all.worlds[i] = w
	}
	return all
}

func (c *crowd) World(core.Actor) *core.World { return c.worlds[c.n.Add(1)%2] }

// History gives one app in eight a load that goes up and down; the others are
// idle, as most apps are most of the time.
func (c *crowd) History(_ core.Actor, object string) []core.Sample {
	samples := make([]core.Sample, 60)
	for i := range samples {
		load := 0.02
		if last := int(object[len(object)-1]); last%8 == 0 {
			load = float64((i+last)%12) / 12
		}
		samples[i] = core.Sample{CPU: load, Mem: load / 2}
	}
	return samples
}

// Watch says that something changed every two seconds, as a poller does.
func (c *crowd) Watch(ctx context.Context) <-chan struct{} {
	changed := make(chan struct{}, 1)
	go func() {
		tick := time.NewTicker(2 * time.Second)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				select {
				case changed <- struct{}{}:
				default:
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	return changed
}

// crowded makes a server show the console over a crowd.
func crowded(s *Server) {
	world := newCrowd(s.o.Core, 1000)
	s.newModel = func(o tui.Options) tea.Model {
		o.Core = world
		return tui.New(o)
	}
}

// frames is a terminal that tells of each frame.
type frames struct {
	in    io.WriteCloser
	bytes atomic.Int64
	came  chan int
}

// watch opens a console of 120x36 and reads what comes, packet by packet.
func watch(tb testing.TB, c *gossh.Client) *frames {
	tb.Helper()
	s, err := c.NewSession()
	if err != nil {
		tb.Fatal(err)
	}
	f := &frames{came: make(chan int, 1000)}
	if f.in, err = s.StdinPipe(); err != nil {
		tb.Fatal(err)
	}
	out, err := s.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := s.RequestPty("xterm-256color", 36, 120, nil); err != nil {
		tb.Fatal(err)
	}
	if err := s.Shell(); err != nil {
		tb.Fatal(err)
	}
	go func() {
		b := make([]byte, 64<<10)
		for {
			n, err := out.Read(b)
			f.bytes.Add(int64(n))
			select {
			case f.came <- n:
			default: // nobody waits for frames
			}
			if err != nil {
				return
			}
		}
	}()
	tb.Cleanup(func() { _ = s.Close() })
	return f
}

// rest waits until nothing has come for a while and forgets it.
func (f *frames) rest(quiet time.Duration) {
	for {
		select {
		case <-f.came:
		case <-time.After(quiet):
			return
		}
	}
}

// press presses a key and waits for what it changes.
func (f *frames) press(tb testing.TB, key string) (took time.Duration, bytes int) {
	began := time.Now()
	if _, err := io.WriteString(f.in, key); err != nil {
		tb.Fatal(err)
	}
	select {
	case bytes = <-f.came:
		return time.Since(began), bytes
	case <-time.After(5 * time.Second):
		tb.Fatalf("%q changed nothing", key)
	}
	return 0, 0
}

func percentile(d []time.Duration, p float64) float64 {
	slices.Sort(d)
	return float64(d[int(p*float64(len(d)-1))].Microseconds()) / 1000
}

// A key and the frame it changes, in the list of a thousand apps, through a
// real SSH connection.
func BenchmarkKeyOverSSH(b *testing.B) {
	moves(b, 25) // fewer than there are rows: nothing scrolls
}

// The same at the list's end, where every move scrolls it.
func BenchmarkScrollOverSSH(b *testing.B) {
	moves(b, 900)
}

// moves presses down so many times, then up as many, and so on.
func moves(b *testing.B, turn int) {
	r := newRig(b, nil, crowded)
	f := watch(b, r.login())
	f.rest(100 * time.Millisecond)
	f.press(b, "2")
	f.rest(100 * time.Millisecond)
	if turn > 100 {
		for range 30 { // to the last row on the screen
			f.press(b, "j")
		}
	}
	var took []time.Duration
	var sent []int
	i := 0
	for b.Loop() {
		// At a person's pace: a key now and then, and the seconds tick between.
		time.Sleep(time.Duration(2+rand.Intn(8)) * time.Millisecond)
		for len(f.came) > 0 {
			<-f.came
		}
		key := "j"
		if i/turn%2 == 1 {
			key = "k"
		}
		i++
		d, n := f.press(b, key)
		took = append(took, d)
		sent = append(sent, n)
	}
	b.ReportMetric(percentile(took, 0.5), "ms-p50")
	b.ReportMetric(percentile(took, 0.99), "ms-p99")
	slices.Sort(sent)
	b.ReportMetric(float64(sent[len(sent)/2]), "B/move-p50")
	b.ReportMetric(float64(sent[len(sent)*99/100]), "B/move-p99")
}

// From asking for a console to its first frame, connection made.
func BenchmarkFirstFrame(b *testing.B) {
	r := newRig(b, nil, crowded)
	c := r.login()
	var took []time.Duration
	var size int
	for b.Loop() {
		began := time.Now()
		f := watch(b, c)
		size = <-f.came
		took = append(took, time.Since(began))
		_ = f.in.Close()
		for range 3 {
			f.rest(5 * time.Millisecond)
		}
	}
	b.ReportMetric(percentile(took, 0.5), "ms-p50")
	b.ReportMetric(percentile(took, 0.95), "ms-p95")
	b.ReportMetric(float64(size), "B/first")
}

// What a console sends while nobody does anything.
func BenchmarkIdle(b *testing.B) {
	r := newRig(b, nil, crowded)
	f := watch(b, r.login())
	f.rest(100 * time.Millisecond)
	before, began := f.bytes.Load(), time.Now()
	for b.Loop() {
		time.Sleep(time.Second)
	}
	b.ReportMetric(float64(f.bytes.Load()-before)/time.Since(began).Seconds(), "B/s")
}
