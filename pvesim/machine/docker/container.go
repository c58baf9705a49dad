package docker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Container is one container, running or not.
type Container struct {
	ID         string            `json:"id"`
	Name       string            `json:"name"`
	Image      string            `json:"image"` // as given
	ImageID    string            `json:"image_id"`
	Command    []string          `json:"command,omitempty"`
	Entrypoint []string          `json:"entrypoint,omitempty"`
	Env        map[string]string `json:"env,omitempty"`
	Labels     map[string]string `json:"labels,omitempty"`
	Ports      []Port            `json:"ports,omitempty"`
	Mounts     []Mount           `json:"mounts,omitempty"`
	Networks   []string          `json:"networks,omitempty"`
	OnHost     bool              `json:"on_host,omitempty"` // on the machine's own network
	Restart    string            `json:"restart,omitempty"`
	Health     *Health           `json:"health,omitempty"`
	StopGrace  time.Duration     `json:"stop_grace,omitempty"`
	WorkDir    string            `json:"workdir,omitempty"`

	Project    string `json:"project,omitempty"`
	Service    string `json:"service,omitempty"`
	Number     int    `json:"number,omitempty"`
	ConfigHash string `json:"config_hash,omitempty"`
	DependsOn  string `json:"depends_on,omitempty"` // db:service_healthy:false,…

	Status       string    `json:"status"` // created, running, restarting, exited
	ExitCode     int       `json:"exit_code"`
	Stopped      bool      `json:"stopped,omitempty"` // by a person: unless-stopped keeps it so
	RestartCount int       `json:"restart_count,omitempty"`
	Created      time.Time `json:"created"`
	StartedAt    time.Time `json:"started_at"`
	FinishedAt   time.Time `json:"finished_at"`
	HealthStatus string    `json:"health_status,omitempty"` // starting, healthy, unhealthy
	Log          []LogLine `json:"log,omitempty"`
}

// Port is a published port.
type Port struct {
	IP        string `json:"ip,omitempty"` // "" = all
	Host      int    `json:"host"`
	Container int    `json:"container"`
	Protocol  string `json:"protocol"`
}

// Mount is a volume or a bind mount.
type Mount struct {
	Volume string `json:"volume,omitempty"` // named volume
	Source string `json:"source,omitempty"` // bind mount
	Target string `json:"target"`
	Read   bool   `json:"readonly,omitempty"`
}

// Health is a health check.
type Health struct {
	Test          []string      `json:"test"`
	Interval      time.Duration `json:"interval"`
	Timeout       time.Duration `json:"timeout"`
	StartPeriod   time.Duration `json:"start_period"`
	StartInterval time.Duration `json:"start_interval"`
	Retries       int           `json:"retries"`
}

// LogLine is one line of a container's output.
type LogLine struct {
	At     time.Time `json:"at"`
	Text   string    `json:"text"`
	Stderr bool      `json:"stderr,omitempty"`
}

const maxLog = 400

// running is the live part of a container.
type running struct {
	stop    context.CancelFunc
	done    chan struct{}
	ready   bool
	pid     int
	release []func()
}

// errOCI is how runc's errors reach the user.
func errOCI(detail string) error {
	return errors.New("failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: " + detail)
}

// AppArmor's text of late 2025, as runc 1.3.3 says it in an unprivileged container.
const appArmorText = "error during container init: open sysctl net.ipv4.ip_unprivileged_port_start file: reopen fd 8: permission denied: unknown"

// start runs a container. The caller holds the lock.
func (e *Engine) start(c *Container) error {
	if e.running[c.ID] != nil {
		return nil
	}
	if _, on := e.Fault("apparmor"); on {
		c.Status = "created"
		return errOCI(appArmorText)
	}
	if err := e.checkCommand(c); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(e.Kernel.Life())
	r := &running{stop: cancel, done: make(chan struct{}), pid: 1000 + e.state.Serial*7%20000}
	for _, p := range c.Ports {
		if p.Protocol == "udp" || p.Host == 0 {
			continue
		}
		if err := e.publish(c, r, p); err != nil {
			for _, release := range r.release {
				release()
			}
			cancel()
			return fmt.Errorf("driver failed programming external connectivity on endpoint %s (%s): %w", c.Name, hexID("endpoint", c.ID), err)
		}
	}
	if c.OnHost {
		e.listenOnHost(c, r)
	}
	c.Status, c.StartedAt, c.Stopped, c.ExitCode = "running", e.Kernel.Now(), false, 0
	c.HealthStatus = ""
	if c.Health != nil {
		c.HealthStatus = "starting"
	}
	e.running[c.ID] = r
	e.notify()
	e.Kernel.Go(func(context.Context) { e.live(ctx, c, r) })
	return nil
}

func (e *Engine) publish(c *Container, r *running, p Port) error {
	for _, other := range e.state.Containers {
		if other == c || e.running[other.ID] == nil {
			continue
		}
		for _, q := range other.Ports {
			if q.Host == p.Host && q.Protocol == p.Protocol {
				return fmt.Errorf("Bind for %s:%d failed: port is already allocated", anyIP(p.IP), p.Host)
			}
		}
	}
	end := e.endpoint(c, r, p.Container)
	end.Served = func(in, out int) { e.served(c, in, out) }
	release, err := e.Listen(p.IP, p.Host, end)
	if err != nil {
		return fmt.Errorf("Error starting userland proxy: listen tcp4 %s:%d: bind: %w", anyIP(p.IP), p.Host, err)
	}
	r.release = append(r.release, release)
	return nil
}

func anyIP(ip string) string {
	if ip == "" {
		return "0.0.0.0"
	}
	return ip
}

// served logs a request as web servers do.
func (e *Engine) served(c *Container, in, out int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.log(c, fmt.Sprintf("request served: %d bytes in, %d bytes out", in, out), false)
}

func (e *Engine) log(c *Container, text string, stderr bool) {
	c.Log = append(c.Log, LogLine{e.Kernel.Now(), text, stderr})
	if len(c.Log) > maxLog {
		c.Log = append([]LogLine(nil), c.Log[len(c.Log)-maxLog:]...)
	}
	e.notify()
}

// live is a container's life from start to exit, with its restarts.
func (e *Engine) live(ctx context.Context, c *Container, r *running) {
	defer close(r.done)
	defer r.stop()
	backoff := 100 * time.Millisecond
	for {
		code := e.once(ctx, c, r)
		e.mu.Lock()
		if ctx.Err() != nil { // dockerd went down, or somebody stopped it and says so himself
			e.mu.Unlock()
			break
		}
		c.ExitCode, c.FinishedAt, r.ready = code, e.Kernel.Now(), false
		again := c.Restart == "always" || c.Restart == "unless-stopped" || c.Restart == "on-failure" && code != 0
		if !again {
			c.Status = "exited"
			delete(e.running, c.ID)
			e.notify()
			e.mu.Unlock()
			break
		}
		c.Status = "restarting"
		c.RestartCount++
		e.notify()
		e.mu.Unlock()
		if e.Kernel.Sleep(ctx, backoff) != nil {
			break
		}
		backoff = min(2*backoff, time.Minute)
		e.mu.Lock()
		c.Status, c.StartedAt = "running", e.Kernel.Now()
		if c.Health != nil {
			c.HealthStatus = "starting"
		}
		e.notify()
		e.mu.Unlock()
	}
	for _, release := range r.release {
		release()
	}
}

// once runs a container's process and returns its exit code.
func (e *Engine) once(ctx context.Context, c *Container, r *running) int {
	spec := specOf(c.Image)
	if e.faulty("crash-loop", c.Service) {
		e.line(c, "Error: simulated failure, exiting", true)
		e.Kernel.Sleep(ctx, 500*time.Millisecond)
		return 1
	}
	switch {
	case spec.Kind == "oneshot":
		for _, text := range helloWorld {
			e.line(c, text, false)
		}
		return 0
	case e.realCommand(c):
		e.setReady(r)
		checks, stop := context.WithCancel(ctx)
		checked := make(chan struct{})
		go func() { defer close(checked); e.check(checks, c) }()
		code := e.runProcess(ctx, c)
		stop()
		<-checked
		return code
	}
	return e.serve(ctx, c, r, spec)
}

func (e *Engine) faulty(fault, service string) bool {
	detail, on := e.Fault(fault)
	if !on {
		return false
	}
	for _, s := range strings.Split(detail, "\n") {
		if s == service || s == "*" {
			return true
		}
	}
	return false
}

func (e *Engine) line(c *Container, text string, stderr bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.log(c, text, stderr)
}

func (e *Engine) setReady(r *running) {
	e.mu.Lock()
	defer e.mu.Unlock()
	r.ready = true
	e.notify()
}

// serve is the life of an image that is a server.
func (e *Engine) serve(ctx context.Context, c *Container, r *running, spec imageSpec) int {
	n := number(c.Image)
	boot := startLines(spec, c)
	delay := 800*time.Millisecond + time.Duration(n%1800)*time.Millisecond
	for i, text := range boot {
		e.line(c, text, false)
		if i == 0 && e.Kernel.Sleep(ctx, delay) != nil {
			return 137
		}
	}
	if detail, on := e.Fault("slow-start"); on {
		d, _ := time.ParseDuration(detail)
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
			return 137
		}
	}
	e.setReady(r)
	checked := make(chan struct{})
	go func() { defer close(checked); e.check(ctx, c) }()
	defer func() { <-checked }()
	for i := uint64(0); ; i++ { // a word now and then, so that a log grows
		if e.Kernel.Sleep(ctx, time.Duration(20+(n+i*37)%50)*time.Second) != nil {
			return 137
		}
		e.line(c, idleLine(spec, n+i), false)
	}
}

// check probes a container's health until ctx ends.
func (e *Engine) check(ctx context.Context, c *Container) {
	h := c.Health
	if h == nil {
		return
	}
	interval := h.Interval
	if h.StartPeriod > 0 && h.StartInterval < interval {
		interval = h.StartInterval // Docker: 5 s between probes during the start period
	}
	if e.faulty("unhealthy", c.Service) || e.fails(h.Test) {
		wait := h.StartPeriod + time.Duration(h.Retries)*(h.Interval)
		if e.Kernel.Sleep(ctx, wait) == nil {
			e.setHealth(c, "unhealthy")
		}
		return
	}
	if e.Kernel.Sleep(ctx, interval) == nil {
		e.setHealth(c, "healthy")
	}
}

// fails knows the probes that cannot pass.
func (e *Engine) fails(test []string) bool {
	text := strings.Join(test, " ")
	return text == "CMD false" || text == "CMD-SHELL false" || text == "CMD-SHELL exit 1"
}

func (e *Engine) setHealth(c *Container, status string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	c.HealthStatus = status
	e.notify()
}

// halt stops a container's process and waits for it; grace is how long one that ignores SIGTERM is given.
func (e *Engine) halt(ctx context.Context, c *Container, grace time.Duration) {
	e.mu.Lock()
	r := e.running[c.ID]
	e.mu.Unlock()
	code := 0
	if r == nil {
		e.mu.Lock()
		c.Stopped = true
		e.mu.Unlock()
		return
	}
	if e.realCommand(c) { // a shell as process 1 ignores SIGTERM
		if c.StopGrace > 0 {
			grace = c.StopGrace
		}
		e.Kernel.Sleep(ctx, grace)
		code = 137
	} else {
		e.Kernel.Sleep(ctx, 300*time.Millisecond)
	}
	r.stop()
	select {
	case <-r.done:
	case <-e.Kernel.Life().Done():
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.running[c.ID] != r {
		return
	}
	delete(e.running, c.ID)
	c.Status, c.ExitCode, c.FinishedAt, c.Stopped = "exited", code, e.Kernel.Now(), true
	e.notify()
}

// remove deletes a container that is not running. The caller holds the lock.
func (e *Engine) remove(c *Container) {
	for i, other := range e.state.Containers {
		if other == c {
			e.state.Containers = append(e.state.Containers[:i], e.state.Containers[i+1:]...)
			break
		}
	}
	e.Kernel.FS.RemoveAll(rootfs(c))
	e.notify()
}
