package docker

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"proximity/pvesim/machine/unix"
)

// bring is one docker compose up.
type bring struct {
	e      *Engine
	p      *unix.Proc
	pr     *project
	o      options
	quiet  bool
	ctx    context.Context
	picked []string
}

// step prints one line of progress on standard error.
func (b *bring) step(what, name, state string) {
	if !b.quiet {
		b.p.Errf(" %s %s  %s\n", what, name, state)
	}
}

func (e *Engine) composeUp(p *unix.Proc, pr *project, o options) error {
	picked, err := pr.selected(o.rest, !o.has("no-deps"))
	if err != nil {
		return err
	}
	b := &bring{e: e, p: p, pr: pr, o: o, quiet: o.set["progress"] == "quiet", ctx: p.Context(), picked: picked}
	for _, stage := range []func() error{b.external, b.images, b.networks, b.create} {
		if err := stage(); err != nil {
			return err
		}
	}
	if o.has("no-start") {
		return nil
	}
	if err := b.start(); err != nil {
		return err
	}
	if o.has("wait") {
		return b.wait()
	}
	if !o.has("detach") {
		list := b.containers()
		e.follow(p, list, logOptions{follow: true, tail: -1}, logPrefix(list, false))
	}
	return nil
}

// external checks that what the file calls external exists.
func (b *bring) external() error {
	b.e.mu.Lock()
	defer b.e.mu.Unlock()
	for _, key := range sortedNames(b.pr.Volumes) {
		if v := b.pr.Volumes[key]; bool(v.External) && !b.e.hasVolume(v.Name) {
			return exitError{1, fmt.Sprintf("external volume %q not found", v.Name)}
		}
	}
	for _, key := range sortedNames(b.pr.Networks) {
		n := b.pr.Networks[key]
		if !bool(n.External) {
			continue
		}
		found := false
		for _, have := range b.e.state.Networks {
			found = found || have.Name == n.Name
		}
		if !found {
			return exitError{1, fmt.Sprintf("network %s declared as external, but could not be found", n.Name)}
		}
	}
	return nil
}

// images pulls what is missing, or everything with --pull always.
func (b *bring) images() error {
	var missing []string
	for _, name := range b.picked {
		s := b.pr.Services[name]
		if s.Image == "" && s.Build != nil {
			return exitError{exitBuild, "failed to solve: failed to read dockerfile: open Dockerfile: no such file or directory"}
		}
		b.e.mu.Lock()
		have := b.e.imageOf(s.Image) != nil
		b.e.mu.Unlock()
		policy := s.PullPolicy
		if b.o.set["pull"] != "" {
			policy = b.o.set["pull"]
		}
		switch {
		case policy == "never" && !have:
			return exitError{1, fmt.Sprintf("Error response from daemon: No such image: %s", canonicalTag(s.Image))}
		case policy == "always" || !have:
			missing = append(missing, name)
		}
	}
	return b.e.composePull(b.p, b.pr, missing, b.quiet || b.o.has("quiet-pull"), false)
}

func (b *bring) networks() error {
	for _, key := range sortedNames(b.pr.Networks) {
		n := b.pr.Networks[key]
		if bool(n.External) {
			continue
		}
		b.e.mu.Lock()
		made := b.e.network(n.Name, b.pr.Name)
		b.e.mu.Unlock()
		if made {
			b.step("Network", n.Name, "Creating")
			b.e.Kernel.Sleep(b.ctx, 60*time.Millisecond)
			b.step("Network", n.Name, "Created")
		}
	}
	for _, key := range sortedNames(b.pr.Volumes) {
		v := b.pr.Volumes[key]
		if bool(v.External) {
			continue
		}
		b.e.mu.Lock()
		made := b.e.volume(v.Name, b.pr.Name, key)
		b.e.mu.Unlock()
		if made {
			b.step("Volume", strconv.Quote(v.Name), "Creating")
			b.step("Volume", strconv.Quote(v.Name), "Created")
		}
	}
	return nil
}

// create makes containers, or makes them again when their definition or image changed.
func (b *bring) create() error {
	b.orphans()
	for _, name := range b.picked {
		s := b.pr.Services[name]
		for n := 1; n <= replicas(s, b.o); n++ {
			if err := b.createOne(s, n); err != nil {
				return err
			}
		}
		b.surplus(s)
	}
	return nil
}

func replicas(s types.ServiceConfig, o options) int {
	for _, spec := range o.list("scale") {
		name, n, _ := strings.Cut(spec, "=")
		if count, err := strconv.Atoi(n); err == nil && name == s.Name {
			return count
		}
	}
	return s.GetScale()
}

func (b *bring) createOne(s types.ServiceConfig, number int) error {
	e := b.e
	want := e.container(b.pr, s, number)
	e.mu.Lock()
	img := e.imageOf(s.Image)
	if img == nil {
		e.mu.Unlock()
		return exitError{1, "Error response from daemon: No such image: " + canonicalTag(s.Image)}
	}
	want.ImageID = img.ID
	want.Labels["com.docker.compose.image"] = "sha256:" + img.ID
	have := e.find(want.Name)
	same := have != nil && have.ConfigHash == want.ConfigHash && have.ImageID == want.ImageID && have.Project == want.Project
	live := have != nil && have.Status == "running"
	e.mu.Unlock()
	switch {
	case have != nil && have.Project != b.pr.Name:
		return exitError{1, fmt.Sprintf("Error response from daemon: Conflict. The container name \"/%s\" is already in use by container %q. You have to remove (or rename) that container to be able to reuse that name.", want.Name, have.ID)}
	case (same || have != nil && b.o.has("no-recreate")) && !b.o.has("force-recreate"):
		if live {
			b.step("Container", want.Name, "Running")
		}
		return nil
	case have != nil:
		b.step("Container", want.Name, "Recreate")
		e.halt(b.ctx, have, grace(b.o))
		e.mu.Lock()
		e.remove(have)
		e.add(want)
		e.mu.Unlock()
		b.step("Container", want.Name, "Recreated")
	default:
		b.step("Container", want.Name, "Creating")
		e.Kernel.Sleep(b.ctx, 80*time.Millisecond)
		e.mu.Lock()
		for _, m := range want.Mounts {
			if m.Volume != "" {
				e.volume(m.Volume, b.pr.Name, "")
			} else if _, err := e.Kernel.FS.Stat(m.Source); err != nil {
				e.Kernel.FS.MkdirAll(m.Source, 0o755)
			}
		}
		e.add(want)
		e.mu.Unlock()
		b.step("Container", want.Name, "Created")
	}
	return b.ctx.Err()
}

// surplus removes containers above a service's number.
func (b *bring) surplus(s types.ServiceConfig) {
	b.e.mu.Lock()
	var extra []*Container
	for _, c := range b.e.project(b.pr.Name) {
		if c.Service == s.Name && c.Number > replicas(s, b.o) {
			extra = append(extra, c)
		}
	}
	b.e.mu.Unlock()
	for _, c := range extra {
		b.e.takeDown(b.p, c, grace(b.o), b.step)
	}
}

// orphans warns of containers whose service is gone, or removes them.
func (b *bring) orphans() {
	b.e.mu.Lock()
	var list []*Container
	var names []string
	for _, c := range b.e.project(b.pr.Name) {
		if _, ok := b.pr.Services[c.Service]; !ok {
			list = append(list, c)
			names = append(names, c.Name)
		}
	}
	b.e.mu.Unlock()
	if len(list) == 0 {
		return
	}
	if !b.o.has("remove-orphans") {
		b.p.Errf("time=%q level=warning msg=\"Found orphan containers ([%s]) for this project. If you removed or renamed this service in your compose file, you can run this command with the --remove-orphans flag to clean it up.\"\n", b.p.K.Now().UTC().Format(time.RFC3339), strings.Join(names, " "))
		return
	}
	for _, c := range list {
		b.e.takeDown(b.p, c, grace(b.o), b.step)
	}
}

func (b *bring) containers() []*Container {
	b.e.mu.Lock()
	defer b.e.mu.Unlock()
	var list []*Container
	for _, name := range b.picked {
		for _, c := range b.e.project(b.pr.Name) {
			if c.Service == name {
				list = append(list, c)
			}
		}
	}
	return list
}

// start starts the services in order, each after what it depends on has come as far as it asks.
func (b *bring) start() error {
	for _, name := range b.picked {
		s := b.pr.Services[name]
		for _, dep := range sortedNames(s.DependsOn) {
			if err := b.awaitDependency(dep, s.DependsOn[dep]); err != nil {
				return err
			}
		}
		for _, c := range b.containers() {
			if c.Service != name {
				continue
			}
			b.e.mu.Lock()
			live := b.e.running[c.ID] != nil
			b.e.mu.Unlock()
			if live {
				continue
			}
			b.step("Container", c.Name, "Starting")
			b.e.Kernel.Sleep(b.ctx, 250*time.Millisecond)
			b.e.mu.Lock()
			err := b.e.start(c)
			b.e.mu.Unlock()
			if err != nil {
				return exitError{1, "Error response from daemon: " + err.Error()}
			}
			b.step("Container", c.Name, "Started")
		}
		if b.ctx.Err() != nil {
			return b.ctx.Err()
		}
	}
	return nil
}

func (b *bring) awaitDependency(dep string, d types.ServiceDependency) error {
	if d.Condition != types.ServiceConditionHealthy && d.Condition != types.ServiceConditionCompletedSuccessfully {
		return nil
	}
	for _, c := range b.containers() {
		if c.Service != dep {
			continue
		}
		b.step("Container", c.Name, "Waiting")
		if d.Condition == types.ServiceConditionHealthy && c.Health == nil {
			return exitError{1, fmt.Sprintf("dependency failed to start: container %s has no healthcheck configured", c.Name)}
		}
		var failed error
		err := b.e.until(b.ctx, func() bool {
			switch {
			case d.Condition == types.ServiceConditionCompletedSuccessfully && c.Status == "exited":
				if c.ExitCode != 0 {
					failed = fmt.Errorf("service %q didn't complete successfully: exit %d", dep, c.ExitCode)
				}
				return true
			case d.Condition == types.ServiceConditionCompletedSuccessfully:
				return false
			case c.HealthStatus == "unhealthy":
				failed = fmt.Errorf("dependency failed to start: container %s is unhealthy", c.Name)
				return true
			case c.Status == "exited":
				failed = fmt.Errorf("dependency failed to start: container %s exited (%d)", c.Name, c.ExitCode)
				return true
			}
			return c.HealthStatus == "healthy"
		})
		if err != nil {
			return err
		}
		if failed != nil {
			b.step("Container", c.Name, "Error")
			return exitError{1, failed.Error()}
		}
		if d.Condition == types.ServiceConditionHealthy {
			b.step("Container", c.Name, "Healthy")
		} else {
			b.step("Container", c.Name, "Exited")
		}
	}
	return nil
}

// fairLimit ends ctx with context.DeadlineExceeded as its cause after d, counted in turns that everything else that
// goes on here gets, too: a machine so busy that a probe's turn comes late makes the limit as late. It ends with ctx.
func fairLimit(ctx context.Context, d time.Duration) context.Context {
	const turn = 10 * time.Millisecond
	limited, end := context.WithCancelCause(ctx)
	go func() {
		ticker := time.NewTicker(turn) // a turn that comes late is one turn, however late
		defer ticker.Stop()
		for range max(1, d/turn) {
			select {
			case <-ticker.C:
			case <-ctx.Done():
				end(ctx.Err())
				return
			}
		}
		end(context.DeadlineExceeded)
	}()
	return limited
}

// wait is up --wait: healthy where there is a check, running where there is none.
func (b *bring) wait() error {
	ctx, cancel := context.WithCancel(b.ctx)
	defer cancel()
	limit, _ := strconv.Atoi(b.o.set["wait-timeout"])
	if limit > 0 { // scaled, but never so short that a busy machine alone could miss it
		ctx = fairLimit(ctx, max(b.e.Kernel.Scale(time.Duration(limit)*time.Second), time.Second))
	}
	list := b.containers()
	for _, c := range list {
		b.step("Container", c.Name, "Waiting")
	}
	if err := b.e.Kernel.Sleep(ctx, 500*time.Millisecond); err != nil && b.ctx.Err() != nil {
		return err
	}
	for _, c := range list {
		var failed error
		err := b.e.until(ctx, func() bool {
			switch {
			case c.Status == "exited":
				failed = fmt.Errorf("container %s exited (%d)", c.Name, c.ExitCode)
				return true
			case c.Health == nil:
				return c.Status == "running"
			case c.HealthStatus == "unhealthy":
				failed = fmt.Errorf("container %s is unhealthy", c.Name)
				return true
			}
			return c.HealthStatus == "healthy"
		})
		switch {
		case err != nil && errors.Is(context.Cause(ctx), context.DeadlineExceeded):
			return exitError{1, fmt.Sprintf("application not healthy after %s", time.Duration(limit)*time.Second)}
		case err != nil:
			return err
		case failed != nil:
			return exitError{1, failed.Error()}
		}
		b.step("Container", c.Name, "Healthy")
	}
	return nil
}

// takeDown stops and removes one container, saying so.
func (e *Engine) takeDown(p *unix.Proc, c *Container, grace time.Duration, step func(what, name, state string)) {
	step("Container", c.Name, "Stopping")
	e.halt(p.Context(), c, grace)
	step("Container", c.Name, "Stopped")
	step("Container", c.Name, "Removing")
	e.mu.Lock()
	e.remove(c)
	e.mu.Unlock()
	step("Container", c.Name, "Removed")
}
