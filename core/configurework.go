package core

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"proximity/core/pve"
	"proximity/jobs"
	"proximity/store"
)

// appConfig is the part of an app's record that can be configured.
type appConfig struct {
	Hostname                        string
	Cores, MemoryMB, SwapMB, DiskGB int
	Values                          map[string]string
	Sealed                          string
}

func configOf(a app) appConfig {
	return appConfig{a.Hostname, a.Cores, a.MemoryMB, a.SwapMB, a.DiskGB, a.Values, a.Sealed}
}

// revision names it, so that a change can be noticed.
func (k appConfig) revision() string {
	b, _ := json.Marshal(k) // numbers and text: cannot fail
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8])
}

// into writes it into a record, but for the disk: a disk never shrinks.
func (k appConfig) into(a *app) {
	a.Hostname, a.Cores, a.MemoryMB, a.SwapMB, a.Values, a.Sealed = k.Hostname, k.Cores, k.MemoryMB, k.SwapMB, k.Values, k.Sealed
}

// configuring is what a job that configures an app remembers. The record is as
// it is to be from the beginning; when the job does not succeed it is brought
// back to what it was.
type configuring struct {
	App        string
	Before     appConfig
	Changes    []string // in words
	Inside     bool     // files inside the container change
	Grown      bool     // the disk has its new size
	ResizeTask pve.UPID
	guestRecord
}

type configurer struct{ *work[configuring] }

// configureWorkflow changes the container, then what runs inside; on failure
// both are brought back.
func (c *Core) configureWorkflow() jobs.Workflow[configuring] {
	run := func(do func(d configurer, ctx context.Context) error) func(context.Context, *jobs.Run[configuring]) error {
		return func(ctx context.Context, r *jobs.Run[configuring]) error {
			w, err := newWork(c, r, r.Data.App, &r.Data.guestRecord)
			if err != nil {
				return err
			}
			w.app.Node = c.nodeOf(w.host, w.app)
			return w.named(do(configurer{w}, ctx))
		}
	}
	steps := []jobs.Step[configuring]{
		{Name: "config", Title: "configure the container", Timeout: 2 * time.Minute, Do: run(configurer.apply), Undo: run(configurer.applyBack)},
		{Name: "resize", Title: "grow its disk", Timeout: 10 * time.Minute, Do: run(configurer.resize)},
		{Name: "app_deploy", Title: "tell the app", Timeout: 25 * time.Minute, Do: run(configurer.inside), Undo: run(configurer.insideBack)},
		{Name: "ready", Title: "wait for the app to answer", Timeout: 15 * time.Minute, Do: run(configurer.ready)},
	}
	return jobs.Workflow[configuring]{Kind: "configure", Retries: 3, Backoff: c.backoff, Steps: steps, Finish: c.configureFinish}
}

func (c *Core) configureFinish(tx *store.Tx, j jobs.Job, d *configuring) error {
	if err := c.auditEnd(tx, j); err != nil {
		return err
	}
	back := func(a *app) error {
		a.Leaving = ""
		if j.State == jobs.Succeeded {
			return nil
		}
		d.Before.into(a)
		if !d.Grown {
			a.DiskGB = d.Before.DiskGB
		}
		return nil
	}
	return ignore(c.changeApp(tx, d.App, back), store.ErrNotFound)
}

// before is the app as it was.
func (d configurer) before() app {
	a := d.app
	d.Data.Before.into(&a)
	return a
}

func (d configurer) apply(ctx context.Context) error {
	for _, words := range d.Data.Changes {
		d.Log(jobs.Info, SafeText(words, 300))
	}
	return d.set(ctx, d.before(), d.app)
}

func (d configurer) applyBack(ctx context.Context) error { return d.set(ctx, d.app, d.before()) }

// set gives the container what is another in to than in from. It is sent with
// the configuration's digest: what somebody else changes in the same moment is
// not lost, the step is done again.
func (d configurer) set(ctx context.Context, from, to app) error {
	values := map[string]string{}
	differs := func(key string, a, b int) {
		if a != b {
			values[key] = strconv.Itoa(b)
		}
	}
	differs("cores", from.Cores, to.Cores)
	differs("memory", from.MemoryMB, to.MemoryMB)
	differs("swap", from.SwapMB, to.SwapMB)
	if from.Hostname != to.Hostname {
		values["hostname"] = to.Hostname
	}
	if len(values) == 0 {
		return nil
	}
	cfg, err := d.config(ctx)
	if err != nil {
		return err
	}
	return d.host.client.SetConfig(ctx, d.app.Node, d.app.VMID, values, cfg.Digest)
}

// config reads the configuration of the app's container, if it is ours.
func (d configurer) config(ctx context.Context) (pve.GuestConfig, error) {
	gone, err := d.check(ctx)
	if err != nil {
		return pve.GuestConfig{}, err
	}
	if gone {
		return pve.GuestConfig{}, d.lost()
	}
	return d.host.client.GuestConfig(ctx, d.app.Node, d.app.VMID)
}

// resize grows the root disk to its size; it may have it already.
func (d configurer) resize(ctx context.Context) error {
	if d.app.DiskGB == d.Data.Before.DiskGB {
		d.Log(jobs.Info, "it keeps its size")
		return nil
	}
	var failed error
	for range 3 {
		cfg, err := d.config(ctx)
		if err != nil {
			return err
		}
		if cfg.RootSize() >= int64(d.app.DiskGB)<<30 {
			d.Data.Grown = true
			return nil
		}
		failed = d.grow(ctx)
		if failed != nil && !errors.Is(failed, pve.ErrRefused) { // "already at specified size": somebody was faster
			return failed
		}
	}
	return cmp.Or(failed, error(passing{fmt.Errorf("the disk of CT %d does not get its size", d.app.VMID)}))
}

// grow asks for the size, an absolute one: asking twice does not grow it twice.
func (d configurer) grow(ctx context.Context) error {
	if d.Data.ResizeTask == "" {
		upid, err := d.host.client.Resize(ctx, d.app.Node, d.app.VMID, "rootfs", d.app.DiskGB)
		if err != nil {
			return fmt.Errorf("grow the disk of CT %d: %w", d.app.VMID, err)
		}
		d.Data.ResizeTask = upid
		if err := d.Save(); err != nil {
			return err
		}
	}
	return d.wait(ctx, &d.Data.ResizeTask, "grow the disk")
}

func (d configurer) inside(ctx context.Context) error {
	if !d.Data.Inside {
		d.Log(jobs.Info, "nothing is another for it")
	}
	return d.tell(ctx, "up", d.app)
}

func (d configurer) insideBack(ctx context.Context) error { return d.tell(ctx, "up_back", d.before()) }

// tell puts the files of the app as it is to be in place, and has compose take
// them over.
func (d configurer) tell(ctx context.Context, script string, as app) error {
	if !d.Data.Inside {
		return nil
	}
	files, err := d.c.render(as, d.manifest)
	if err != nil {
		return err
	}
	if err := d.putFiles(ctx, files); err != nil {
		return err
	}
	return d.up(ctx, script, d.manifest)
}

func (d configurer) ready(ctx context.Context) error {
	if !d.Data.Inside {
		d.Log(jobs.Info, "it was left alone")
		return nil
	}
	return d.answers(ctx, "ready", d.manifest)
}
