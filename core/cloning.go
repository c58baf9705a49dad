package core

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"proximity/core/pve"
	"proximity/jobs"
	"proximity/store"
)

// cloning is what a clone job remembers. What it did to the source's container
// is apart from what it did to the copy's.
type cloning struct {
	App, Source string
	StopFirst   bool

	Snapshot     string // of the source, named before it is made; "" = there is none
	SnapshotTask pve.UPID
	RemoveTask   pve.UPID
	Stopped      bool        // the source runs no more because of us
	Origin       guestRecord // calls about the source's container
	guestRecord              // and about the copy's
}

// copying is a clone at work: on the copy, and on its source.
type copying struct {
	*work[cloning]
	source *work[cloning] // nil: the source is gone, which it may be once it is let go
}

// cloneWorkflow is the way from an app to a second one with the same data.
func (c *Core) cloneWorkflow() jobs.Workflow[cloning] {
	step := func(name, title string, weight float64, timeout time.Duration, do func(*copying, context.Context) error) jobs.Step[cloning] {
		return jobs.Step[cloning]{Name: name, Title: title, Weight: weight, Timeout: timeout,
			Do: func(ctx context.Context, r *jobs.Run[cloning]) error { return c.cloneDo(ctx, r, do) }}
	}
	undo := func(do func(*copying, context.Context) error) func(context.Context, *jobs.Run[cloning]) error {
		return func(ctx context.Context, r *jobs.Run[cloning]) error { return c.cloneDo(ctx, r, do) }
	}
	steps := []jobs.Step[cloning]{
		step("vmid", "reserve a container number", 0.3, 2*time.Minute, (*copying).vmid),
		step("snapshot", "make the source ready to be copied", 1, 10*time.Minute, (*copying).prepare),
		step("clone", "copy the container", 5, 60*time.Minute, (*copying).clone),
		step("release", "leave the source as it was", 1, 10*time.Minute, (*copying).letGo),
		step("lxc_start", "start the copy", 1, 3*time.Minute, (*copying).start),
		step("network", "wait for its address", 1, 3*time.Minute, (*copying).network),
		step("app_deploy", "give the app its own name and address", 3, 25*time.Minute, (*copying).renew),
		step("ready", "wait for the app to answer", 2, 15*time.Minute, (*copying).probe),
		step("publish", "publish its port", 0.3, 2*time.Minute, (*copying).publish),
		step("complete", "done", 0.1, time.Minute, (*copying).complete),
	}
	for i := range steps {
		switch s := &steps[i]; s.Name {
		case "vmid":
			s.Undo = undo((*copying).release)
		case "snapshot":
			s.Undo, s.FinishBeforeCancel = undo((*copying).settle), true
		case "clone":
			s.Undo, s.FinishBeforeCancel = undo((*copying).unclone), true
		case "release":
			s.FinishBeforeCancel = true
		}
	}
	return jobs.Workflow[cloning]{Kind: "clone", Retries: 3, Backoff: c.backoff, Steps: steps, Finish: c.cloneFinish}
}

func (c *Core) cloneDo(ctx context.Context, r *jobs.Run[cloning], do func(*copying, context.Context) error) error {
	w, err := newWork(c, r, r.Data.App, &r.Data.guestRecord)
	if err != nil {
		return err
	}
	d := &copying{work: w}
	if d.source, err = newWork(c, r, r.Data.Source, &r.Data.Origin); errors.Is(err, store.ErrNotFound) {
		d.source, err = nil, nil
	}
	if err != nil {
		return err
	}
	w.look, w.birth = d.whose, d.birth
	return w.named(do(d, ctx))
}

// cloneFinish writes the copy's end state in the transaction that ends the job.
// A copy that came to nothing leaves no record: the job says why.
func (c *Core) cloneFinish(tx *store.Tx, j jobs.Job, d *cloning) error {
	a, err := c.apps.Get(tx, d.App)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := c.auditEnd(tx, j); err != nil {
		return err
	}
	switch {
	case j.State == jobs.Succeeded:
		a.setStatus(StatusRunning, c.now())
	case j.Failure == nil || j.Failure.Left == "":
		return c.deleteApp(tx, a.ID)
	default:
		a.fail(j.Kind, "clone failed: "+j.Failure.Text+"; left behind: "+j.Failure.Left, j.Failure.Hint, c.now())
	}
	return c.putApp(tx, a)
}

// clone copies the container, or finds that it has been copied: whatever was
// cut off before, there is never a second copy.
func (d *copying) clone(ctx context.Context) error {
	src, err := d.origin(ctx)
	if err != nil {
		return err
	}
	for range 20 {
		if d.rec.CreateTask != "" {
			if err := d.wait(ctx, &d.rec.CreateTask, "copy the container"); err != nil {
				return err
			}
		} else if err := d.finishOthers(ctx); err != nil {
			return err
		}
		who, err := d.look(ctx)
		if err != nil {
			return err
		}
		switch who {
		case ours:
			return d.made(ctx)
		case undressed:
			err = d.dress(ctx)
		case unready:
			err = pause(ctx, d.c.cfg.Pace.TaskPoll)
		case foreign:
			err = d.renumber(ctx)
		case absent:
			err = d.sendClone(ctx, src)
		}
		if err != nil {
			return err
		}
	}
	return passing{fmt.Errorf("CT %d on %s does not appear", d.app.VMID, d.app.Node)}
}

func (d *copying) made(_ context.Context) error {
	if d.rec.Created { // told before a crash
		return nil
	}
	d.rec.Created = true
	d.Logf(jobs.Info, "copied CT %d to CT %d on %s", d.source.app.VMID, d.app.VMID, d.app.Node)
	at := d.app.Node
	return d.keep(func(a *app) { a.Node, a.Bare = at, false })
}

// sendClone records the intent, sends the clone once, and records its UPID.
// Our marks go along, so that the copy carries them from its first moment.
func (d *copying) sendClone(ctx context.Context, src *work[cloning]) error {
	if _, err := d.free(ctx, src); err != nil {
		return err
	}
	d.rec.CreateAt, d.rec.CreateTask = d.c.now(), ""
	if err := d.Save(); err != nil {
		return err
	}
	o := pve.CloneOptions{NewID: d.app.VMID, Hostname: d.app.Hostname, Description: d.c.mark(d.app), Snapshot: d.Data.Snapshot}
	if d.app.Node != src.app.Node {
		o.Target = d.app.Node
	}
	upid, err := d.host.client.Clone(ctx, src.app.Node, src.app.VMID, o)
	if errors.Is(err, pve.ErrExists) {
		return nil // ours or not: the caller looks
	}
	if err != nil {
		return fmt.Errorf("copy CT %d: %w", src.app.VMID, err)
	}
	d.rec.CreateTask = upid
	return d.Save()
}

// birth is the task the copy comes from: Proxmox files it under the source.
func (d *copying) birth() (node string, f pve.TaskFilter) {
	if d.source == nil {
		return d.app.Node, pve.TaskFilter{VMID: d.app.VMID, Type: "vzclone"}
	}
	return d.source.app.Node, pve.TaskFilter{VMID: d.source.app.VMID, Type: "vzclone"}
}

// whose looks at the copy. Proxmox: until it is whole it is on the source's
// node, wherever it is to go.
func (d *copying) whose(ctx context.Context) (ownership, error) {
	who, err := d.c.whose(ctx, d.host, d.app)
	if err != nil || who != foreign || d.source == nil || d.source.app.Node == d.app.Node {
		return who, err
	}
	at := d.app
	at.Node = d.source.app.Node
	before, err := d.c.whose(ctx, d.host, at)
	if err != nil || before == foreign || before == absent {
		return who, err
	}
	d.app.Node = at.Node
	return before, nil
}

// dress gives the copy what tells it from its source: our MAC and an address
// of its own. From here on it is ours beyond doubt.
func (d *copying) dress(ctx context.Context) error {
	client, a := d.host.client, d.app
	cfg, err := client.GuestConfig(ctx, a.Node, a.VMID)
	if err != nil {
		return err
	}
	values := map[string]string{"net0": netOf(cfg.Nets[0].Raw, a.MAC, a.netAddress())}
	if cfg.Nets[0].Raw == "" {
		values["net0"] = "name=eth0,bridge=" + d.c.Settings().Bridge + ",hwaddr=" + a.MAC + "," + a.netAddress()
	}
	for i, n := range cfg.Nets {
		if i != 0 && n.IP != "" && n.IP != "dhcp" && n.IP != "manual" {
			d.Logf(jobs.Warning, "network card %d of the copy has no address: %s is the source's", i, SafeText(n.IP, 60))
			values[fmt.Sprintf("net%d", i)] = netOf(n.Raw, n.MAC, "ip=manual")
		}
	}
	if cfg.Raw["protection"] == "1" {
		values["protection"] = "" // the source's; nobody has asked to protect the copy
	}
	if !slices.Contains(cfg.Tags, "proximity") {
		values["tags"] = strings.Join(append(cfg.Tags, "proximity"), ";")
	}
	if err := client.SetConfig(ctx, a.Node, a.VMID, values, cfg.Digest); err != nil {
		return fmt.Errorf("give CT %d its own network card: %w", a.VMID, err)
	}
	return nil
}

// unclone takes everything back. The source comes first: should the copy not
// go, the source at least is as it was.
func (d *copying) unclone(ctx context.Context) error {
	if err := d.settleCreate(ctx); err != nil { // what is being copied keeps its lock, and its snapshot
		return err
	}
	return errors.Join(d.settle(ctx), d.destroy(ctx))
}

// renew makes the app inside one of its own: another root password, its own
// folder, and its files with its own name, address and port in them.
func (d *copying) renew(ctx context.Context) error {
	if err := d.changeRootPassword(ctx); err != nil {
		return err
	}
	return d.becomeOwn(ctx, d.Data.Source)
}

// probe waits for the manifest's probe, where there is a manifest.
func (d *copying) probe(ctx context.Context) error {
	if d.manifest == nil {
		return nil
	}
	return d.ready(ctx)
}
