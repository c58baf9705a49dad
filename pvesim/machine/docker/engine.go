// Package docker simulates a Docker engine with its command line and compose, inside one simulated machine.
package docker

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"proximity/pvesim/machine/unix"
)

// Host is the machine that an engine runs in.
type Host struct {
	Kernel   *unix.Kernel
	Registry *Registry
	OS       string // "alpine" or "debian"
	Seed     int64
	Cores    int
	MemoryMB int
	// Fault reports a fault that is on, see machine.Fault.
	Fault func(name string) (detail string, on bool)
	// FreeDisk is how many bytes images may still take.
	FreeDisk func() int64
	// Listen opens a published port of the machine; the error says what dockerd would.
	Listen func(ip string, port int, endpoint *Endpoint) (release func(), err error)
	// Address is the machine's own address.
	Address func() string
}

// Endpoint is what answers on a published port.
type Endpoint struct {
	Kind    string // "http", "https", "tcp", "postgres", "redis", "mysql"
	Image   string
	Service string
	Process string                      // who listens; "" = docker-proxy
	TLS     func() (*tls.Config, error) // https
	Ready   func() bool                 // false: connections are accepted and cut, as docker-proxy does
	Served  func(in, out int)
}

// Engine is one dockerd with its state. It works between Up and Down.
type Engine struct {
	Host
	mu      sync.Mutex
	state   State
	up      bool
	running map[string]*running // by container id
	changed chan struct{}       // closed and replaced whenever a container's state changes
	secure  func() (*tls.Config, error)
}

// State is what survives dockerd: /var/lib/docker in one value.
type State struct {
	Serial     int          `json:"serial,omitempty"`
	Images     []Image      `json:"images,omitempty"`
	Containers []*Container `json:"containers,omitempty"`
	Networks   []Network    `json:"networks,omitempty"`
	Volumes    []Volume     `json:"volumes,omitempty"`
}

// Network is a user-defined bridge.
type Network struct {
	Name    string    `json:"name"`
	ID      string    `json:"id"`
	Project string    `json:"project,omitempty"`
	Created time.Time `json:"created"`
}

// Volume is a named volume; its files are under /var/lib/docker/volumes/NAME/_data.
type Volume struct {
	Name    string    `json:"name"`
	Project string    `json:"project,omitempty"`
	Key     string    `json:"key,omitempty"`
	Created time.Time `json:"created"`
}

// New returns a stopped engine without images or containers.
func New(h Host) *Engine {
	return &Engine{Host: h, running: map[string]*running{}, changed: make(chan struct{}), secure: sync.OnceValues(selfSigned)}
}

// Up starts dockerd: containers that restart by themselves start again, all at once.
func (e *Engine) Up() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.up {
		return
	}
	e.up = true
	for _, c := range e.state.Containers {
		wanted := c.Restart == "always" || c.Restart == "unless-stopped" && !c.Stopped || c.Restart == "on-failure" && c.Status == "running"
		if c.Status == "running" || c.Status == "restarting" {
			c.Status, c.ExitCode, c.FinishedAt = "exited", 255, e.Kernel.Now()
			if !wanted {
				continue
			}
		}
		if wanted && c.Status != "created" {
			e.start(c)
		}
	}
	e.notify()
}

// Down stops dockerd and its containers' processes; what was running stays marked so.
func (e *Engine) Down() {
	e.mu.Lock()
	var ended []*running
	e.up = false
	for id, r := range e.running {
		r.stop()
		ended = append(ended, r)
		delete(e.running, id)
	}
	e.notify()
	e.mu.Unlock()
	for _, r := range ended {
		<-r.done
	}
}

// Running reports whether dockerd is up.
func (e *Engine) Running() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.up
}

// Save copies the state.
func (e *Engine) Save() State {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.state.clone()
}

// Load replaces the state of a stopped engine.
func (e *Engine) Load(s State) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.state = s.clone()
}

func (s State) clone() State {
	text, err := json.Marshal(s)
	if err != nil {
		panic(err) // a State is plain data
	}
	var c State
	if err := json.Unmarshal(text, &c); err != nil {
		panic(err)
	}
	return c
}

// Usage is what the containers take together: cores, bytes of memory and of disk.
func (e *Engine) Usage() (cores float64, memory, disk int64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, img := range e.state.Images {
		disk += img.Size
	}
	if !e.up {
		return 0, 0, disk
	}
	memory = 110 << 20 // dockerd and containerd
	now := float64(e.Kernel.Now().UnixMilli()) / 1000
	for _, c := range e.state.Containers {
		if c.Status != "running" {
			continue
		}
		n := number(c.Image)
		memory += 20<<20 + int64(n%120)<<20 + int64(now*float64(n%5000))%(4<<20) // a little sawtooth, as of a heap
		cores += 0.004 + float64(n%40)/1000 + 0.01*wave(now, float64(30+n%60))
	}
	return cores, memory, disk
}

// wave swings between 0 and 1 with a period in seconds.
func wave(now, period float64) float64 {
	phase := now/period - float64(int64(now/period))
	if phase > 0.5 {
		phase = 1 - phase
	}
	return 2 * phase
}

// notify wakes everybody who waits for a change. The caller holds the lock.
func (e *Engine) notify() {
	close(e.changed)
	e.changed = make(chan struct{})
}

// until waits for a condition on the state, checked under the lock after every change.
func (e *Engine) until(ctx context.Context, done func() bool) error {
	for {
		e.mu.Lock()
		ok, changed := done(), e.changed
		e.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// find returns a container by name, id or the start of an id. The caller holds the lock.
func (e *Engine) find(ref string) *Container {
	for _, c := range e.state.Containers {
		if c.Name == strings.TrimPrefix(ref, "/") || c.ID == ref {
			return c
		}
	}
	if len(ref) >= 2 {
		for _, c := range e.state.Containers {
			if strings.HasPrefix(c.ID, ref) {
				return c
			}
		}
	}
	return nil
}

func (e *Engine) imageOf(ref string) *Image {
	n, err := parseImage(ref)
	for i, img := range e.state.Images {
		if err == nil && img.Name == n.Familiar || len(ref) >= 6 && strings.HasPrefix(img.ID, strings.TrimPrefix(ref, "sha256:")) {
			return &e.state.Images[i]
		}
	}
	return nil
}

func (e *Engine) project(name string) []*Container {
	var list []*Container
	for _, c := range e.state.Containers {
		if c.Project == name {
			list = append(list, c)
		}
	}
	return list
}

// newID makes an id that is the same in every run with the same seed.
func (e *Engine) newID(kind string) string {
	e.state.Serial++
	return hexID(e.Seed, kind, e.state.Serial)
}

// volume makes a named volume unless it is there.
func (e *Engine) volume(name, project, key string) (made bool) {
	for _, v := range e.state.Volumes {
		if v.Name == name {
			return false
		}
	}
	e.state.Volumes = append(e.state.Volumes, Volume{Name: name, Project: project, Key: key, Created: e.Kernel.Now()})
	e.Kernel.FS.MkdirAll(volumeDir(name), 0o755)
	return true
}

func volumeDir(name string) string { return "/var/lib/docker/volumes/" + name + "/_data" }

func (e *Engine) hasVolume(name string) bool {
	for _, v := range e.state.Volumes {
		if v.Name == name {
			return true
		}
	}
	return false
}

func (e *Engine) removeVolume(name string) error {
	for _, c := range e.state.Containers {
		for _, m := range c.Mounts {
			if m.Volume == name {
				return fmt.Errorf("remove %s: volume is in use - [%s]", name, c.ID)
			}
		}
	}
	for i, v := range e.state.Volumes {
		if v.Name == name {
			e.state.Volumes = append(e.state.Volumes[:i], e.state.Volumes[i+1:]...)
			e.Kernel.FS.RemoveAll("/var/lib/docker/volumes/" + name)
			return nil
		}
	}
	return fmt.Errorf("get %s: no such volume", name)
}

func (e *Engine) network(name, project string) (made bool) {
	for _, n := range e.state.Networks {
		if n.Name == name {
			return false
		}
	}
	e.state.Networks = append(e.state.Networks, Network{Name: name, ID: e.newID("network"), Project: project, Created: e.Kernel.Now()})
	return true
}

func (e *Engine) removeNetwork(name string) bool {
	for i, n := range e.state.Networks {
		if n.Name == name {
			e.state.Networks = append(e.state.Networks[:i], e.state.Networks[i+1:]...)
			return true
		}
	}
	return false
}

// errNoSpace is dockerd's text when an image does not fit.
var errNoSpace = errors.New("write /var/lib/docker/tmp/GetImageBlob: no space left on device")

// pullError is why a pull fails, or nil.
func (e *Engine) pullError(ctx context.Context, n imageName) error {
	host := n.Domain
	if host == "docker.io" {
		host = "registry-1.docker.io"
	}
	if _, off := e.Fault("no-network"); off {
		if err := e.Kernel.Sleep(ctx, 20*time.Second); err != nil {
			return err
		}
		port := 32768 + number(n.Familiar)%28000
		return fmt.Errorf("Get \"https://%s/v2/\": dial tcp: lookup %s on 10.255.255.53:53: read udp %s:%d->10.255.255.53:53: i/o timeout", host, host, e.Address(), port)
	}
	if detail, on := e.Fault("pull"); on {
		for _, one := range strings.Split(detail, "\n") {
			image, text := splitImageText(one)
			if canonical(image) == canonical(n.Familiar) || image == n.base() || image == "*" {
				return errors.New(text)
			}
		}
	}
	if denied := e.Registry.refusal(n.Familiar); denied != "" {
		return errors.New(denied)
	}
	if int64(specOf(n.Familiar).SizeMB)<<20 > e.FreeDisk() {
		return errNoSpace
	}
	return nil
}

// splitImageText splits "postgres:17:manifest unknown" into the image and the text. A tag is told from a text by its
// digits, or by being one of the usual words.
func splitImageText(s string) (image, text string) {
	parts := strings.Split(s, ":")
	n := 1
	if len(parts) > 1 && strings.Contains(parts[1], "/") { // registry:5000/name
		n = 2
	}
	if len(parts) > n+1 && tagLike(parts[n]) {
		n++
	}
	return strings.Join(parts[:n], ":"), strings.Join(parts[n:], ":")
}

func tagLike(s string) bool {
	switch s {
	case "latest", "stable", "main", "edge", "release", "lts", "alpine":
		return true
	}
	return strings.ContainsAny(s, "0123456789") && !strings.Contains(s, " ")
}

// sortedContainers returns containers newest first, as docker ps lists them.
func sortedContainers(list []*Container) []*Container {
	sorted := append([]*Container(nil), list...)
	sort.SliceStable(sorted, func(i, j int) bool { return sorted[i].Created.After(sorted[j].Created) })
	return sorted
}

func itoa(n int) string { return strconv.Itoa(n) }
