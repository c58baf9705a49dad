package pvesim

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Fault makes calls fail on purpose.
//
// Path is the API path without /api2/json, with * for any one part and ** for any number of them; "ssh" means the
// commands that nodes are given over SSH, whose method is SSH. Method is "", "*" or an HTTP method. Node limits it to calls about, or else
// through, one node. The first After matches pass; then Times of them fail (0 = all), each with Probability (0 = 1).
//
// Do says how:
//
//	500:text      that status with that text; any status; 595 and 596 have the texts of the real proxy
//	401           as an expired ticket is answered
//	drop          the connection is cut before the call is handled
//	drop-after    the call is handled, then the connection is cut before the answer
//	delay:2s      the answer comes that much later
//	hang          no answer ever comes
//	fail-task:text  the call's task fails half-way with that text
//	stall-task:30s  the call's task takes that much longer, whatever the simulation's speed; no longer than the fault
//	lock:backup   the guest appears locked
//	full          the storage is full
type Fault struct {
	Method      string  `json:"method,omitempty"`
	Path        string  `json:"path"`
	Node        string  `json:"node,omitempty"`
	After       int     `json:"after,omitempty"`
	Times       int     `json:"times,omitempty"`
	Probability float64 `json:"probability,omitempty"`
	Do          string  `json:"do"`
}

// ParseFaults reads a JSON list of faults.
func ParseFaults(r io.Reader) ([]Fault, error) {
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	var faults []Fault
	if err := d.Decode(&faults); err != nil {
		return nil, fmt.Errorf("read faults: %w", err)
	}
	for i, f := range faults {
		if _, err := compileFault(f); err != nil {
			return nil, fmt.Errorf("fault %d: %w", i+1, err)
		}
	}
	return faults, nil
}

// armedFault is a fault with its count.
type armedFault struct {
	Fault
	path  *regexp.Regexp
	verb  string // Do up to the first colon
	text  string // what follows
	delay time.Duration
	gone  chan struct{} // closed when the fault is taken away

	mu    sync.Mutex
	seen  int
	fired int
	rng   *rand.Rand
}

func compileFault(f Fault) (*armedFault, error) {
	if f.Path == "" {
		return nil, fmt.Errorf("path is missing; write ** for every call")
	}
	if f.Probability < 0 || f.Probability > 1 {
		return nil, fmt.Errorf("probability %v is not between 0 and 1", f.Probability)
	}
	a := &armedFault{Fault: f, gone: make(chan struct{})}
	pattern := regexp.QuoteMeta(f.Path)
	pattern = strings.ReplaceAll(pattern, `\*\*`, `.*`)
	pattern = strings.ReplaceAll(pattern, `\*`, `[^/]*`)
	var err error
	if a.path, err = regexp.Compile(`\A` + pattern + `\z`); err != nil {
		return nil, err
	}
	a.verb, a.text, _ = strings.Cut(f.Do, ":")
	switch a.verb {
	case "drop", "drop-after", "hang", "full", "lock":
	case "fail-task":
		if a.text == "" {
			a.text = "simulated failure"
		}
	case "delay", "stall-task":
		if a.delay, err = time.ParseDuration(a.text); err != nil {
			return nil, fmt.Errorf("do %q: %w", f.Do, err)
		}
	default:
		if n, err := strconv.Atoi(a.verb); err != nil || n < 400 || n > 599 {
			return nil, fmt.Errorf("do %q is not known", f.Do)
		}
	}
	return a, nil
}

// fires says whether the fault strikes this call.
func (a *armedFault) fires(method, path, node string) bool {
	if a.Method != "" && a.Method != "*" && a.Method != method || a.Node != "" && a.Node != node || !a.path.MatchString(path) {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.seen++
	if a.seen <= a.After || a.Times > 0 && a.fired >= a.Times {
		return false
	}
	if a.Probability > 0 && a.rng.Float64() >= a.Probability {
		return false
	}
	a.fired++
	return true
}

// Inject adds a fault; remove takes it away again. A fault that cannot be understood panics: it is a slip in a test.
func (c *Cluster) Inject(f Fault) (remove func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	a, err := c.arm(f)
	if err != nil {
		panic(fmt.Sprintf("pvesim: inject: %v", err))
	}
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if slices.Contains(c.faults, a) {
			close(a.gone)
		}
		var rest []*armedFault
		for _, other := range c.faults {
			if other != a {
				rest = append(rest, other)
			}
		}
		c.faults = rest
	}
}

func (c *Cluster) arm(f Fault) (*armedFault, error) {
	a, err := compileFault(f)
	if err != nil {
		return nil, err
	}
	a.rng = rand.New(rand.NewPCG(uint64(c.o.Seed), uint64(len(c.faults)+1)))
	c.faults = append(c.faults[:len(c.faults):len(c.faults)], a)
	return a, nil
}

// strike returns the fault that strikes a call, nil for none.
func (c *Cluster) strike(method, path, node string) *armedFault {
	c.mu.Lock()
	faults := c.faults
	c.mu.Unlock()
	for _, a := range faults {
		if a.fires(method, path, node) {
			return a
		}
	}
	return nil
}

// stalls waits for as long as the fault says; false when ctx ended first.
func (a *armedFault) stalls(ctx context.Context) bool {
	t := time.NewTimer(a.delay)
	defer t.Stop()
	select {
	case <-t.C:
	case <-a.gone:
	case <-ctx.Done():
		return false
	}
	return true
}

// wait sleeps for a real duration; false when ctx ended first.
func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// Request is one call the cluster was given: an HTTPS request, or with Method and Path "SSH" and "ssh" a command line
// that a node got over SSH.
type Request struct {
	Method, Path string // Path without /api2/json
	Node         string // the node that was asked
	Command      string // over SSH
	Time         time.Time
}

const keptRequests = 4096

// watch keeps the latest requests and tells those who listen.
type watch struct {
	mu        sync.Mutex
	ring      []Request
	next      int
	listeners []func(Request)
}

// Requests returns the latest requests, oldest first; at most 4096 are kept.
func (c *Cluster) Requests() []Request {
	w := &c.watch
	w.mu.Lock()
	defer w.mu.Unlock()
	return append(append([]Request(nil), w.ring[w.next:]...), w.ring[:w.next]...)
}

// OnRequest calls f with every later request, before it is handled and in the goroutine that handles it.
func (c *Cluster) OnRequest(f func(Request)) {
	c.watch.mu.Lock()
	defer c.watch.mu.Unlock()
	c.watch.listeners = append(c.watch.listeners, f)
}

func (w *watch) note(r Request) {
	w.mu.Lock()
	if len(w.ring) < keptRequests {
		w.ring = append(w.ring, r)
	} else {
		w.ring[w.next] = r
		w.next = (w.next + 1) % keptRequests
	}
	listeners := w.listeners
	w.mu.Unlock()
	for _, f := range listeners {
		f(r)
	}
}
