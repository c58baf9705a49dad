package core

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"proximity/core/pve"
	"proximity/jobs"
	"proximity/store"
)

// deployment is what a deploy job remembers: what it was about to do, and what
// Proxmox answered.
type deployment struct {
	App              string
	AnyNode, AnyHost bool   // nobody asked for this node, this host
	From             uint64 // the backup it is made from; 0 = a template

	Template     string   // volid
	TemplateTask pve.UPID // of a download
	guestRecord
	AppArmor bool // the documented profile change has been made
}

// deployRun is one attempt at a step of a deploy.
type deployRun = jobs.Run[deployment]

// deployStep is a step with what every step needs at hand.
type deployStep func(d *deploying, ctx context.Context) error

// deploying is a deploy at work.
type deploying struct{ *work[deployment] }

// deployWorkflow is the way from a request to a running app. Step names stand
// in the deployment log; scripts of the earlier project read them.
func (c *Core) deployWorkflow() jobs.Workflow[deployment] {
	step := func(name, title string, weight float64, timeout time.Duration, do deployStep) jobs.Step[deployment] {
		return jobs.Step[deployment]{Name: name, Title: title, Weight: weight, Timeout: timeout,
			Do: func(ctx context.Context, r *deployRun) error { return c.deployDo(ctx, r, do) }}
	}
	steps := []jobs.Step[deployment]{
		step("init", "check the request", 0.2, time.Minute, (*deploying).begin),
		step("node", "choose a node", 0.2, time.Minute, (*deploying).node),
		step("vmid", "reserve a container number", 0.3, 2*time.Minute, (*deploying).vmid),
		step("template", "get the system template", 2, 15*time.Minute, (*deploying).template),
		step("lxc_create", "create the container", 3, 10*time.Minute, (*deploying).create),
		step("lxc_start", "start the container", 1, 3*time.Minute, (*deploying).start),
		step("network", "wait for its address", 1, 3*time.Minute, (*deploying).network),
		step("docker_setup", "install docker", 5, 15*time.Minute, (*deploying).dockerSetup),
		step("preflight", "try a container inside", 1, 5*time.Minute, (*deploying).preflight),
		step("app_deploy", "pull and start the app", 6, 25*time.Minute, (*deploying).appDeploy),
		step("ready", "wait for the app to answer", 2, 15*time.Minute, (*deploying).ready),
		step("publish", "publish its port", 0.3, 2*time.Minute, (*deploying).publish),
		step("complete", "done", 0.1, time.Minute, (*deploying).complete),
	}
	for i := range steps {
		switch steps[i].Name {
		case "vmid":
			steps[i].Undo = c.deployUndo((*deploying).release)
		case "template":
			steps[i].Slot = func(d *deployment) (string, int) { return c.templateSlot(d), 1 }
		case "lxc_create":
			steps[i].Undo = c.deployUndo((*deploying).destroy)
			steps[i].FinishBeforeCancel = true
		}
	}
	return jobs.Workflow[deployment]{Kind: "deploy", Retries: 3, Backoff: c.backoff, Steps: steps, Finish: c.deployFinish}
}

// backoff is the pause before the n-th retry: 60, 120, 240 … at most 900 s.
func (c *Core) backoff(n int) time.Duration {
	return min(c.cfg.Pace.Backoff<<n, 15*c.cfg.Pace.Backoff)
}

// deployDo gathers what a step needs and runs it.
func (c *Core) deployDo(ctx context.Context, r *deployRun, do deployStep) error {
	d, err := c.deploying(r)
	if err != nil {
		return err
	}
	return d.named(do(d, ctx))
}

func (c *Core) deployUndo(do deployStep) func(context.Context, *deployRun) error {
	return func(ctx context.Context, r *deployRun) error { return c.deployDo(ctx, r, do) }
}

func (c *Core) deploying(r *deployRun) (*deploying, error) {
	w, err := newWork(c, r, r.Data.App, &r.Data.guestRecord)
	if err != nil {
		return nil, err
	}
	if r.Data.From != 0 {
		w.birth = func() (string, pve.TaskFilter) {
			return w.app.Node, pve.TaskFilter{VMID: w.app.VMID, Type: "vzrestore"}
		}
	} else if w.manifest == nil {
		_, err = c.manifest(w.app.CatalogID)
	}
	return &deploying{w}, err
}

// deployFinish writes the app's end state in the transaction that ends the job.
func (c *Core) deployFinish(tx *store.Tx, j jobs.Job, d *deployment) error {
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
	gone := j.Failure == nil || j.Failure.Left == ""
	switch {
	case j.State == jobs.Succeeded:
		a.setStatus(StatusRunning, c.now())
	case j.State == jobs.Cancelled && gone:
		return c.deleteApp(tx, a.ID) // nothing is left of it
	default:
		what := "deploy"
		if d.From != 0 {
			what = "restore"
		}
		text, hint := what+" was cancelled", ""
		if j.Failure != nil {
			text, hint = what+" failed: "+j.Failure.Text, j.Failure.Hint
			if j.Failure.Left != "" {
				text += "; left behind: " + j.Failure.Left
			}
		}
		a.fail(j.Kind, text, hint, c.now())
		if gone {
			a.letGo()
		}
	}
	return c.putApp(tx, a)
}

func (d *deploying) begin(_ context.Context) error {
	a := d.app
	d.Logf(jobs.Info, "deploy %s %s as %s: %d cores, %d MB memory, %d GB disk, %s", d.manifest.Name, d.manifest.Version, a.Hostname, a.Cores, a.MemoryMB, a.DiskGB, a.OS)
	return nil
}

// node confirms the node chosen with the request, or chooses another one if
// that has gone away or filled up since.
func (d *deploying) node(_ context.Context) error {
	if d.app.VMID != 0 {
		return nil
	}
	s := d.host.poller.Snapshot()
	if s.Err != nil || s.At.IsZero() {
		return silence(d.host)
	}
	err := d.Save(func(tx *store.Tx) error {
		records, err := d.c.allApps(tx)
		if err != nil {
			return err
		}
		p := &plan{app: d.app}
		var r DeployRequest
		if !d.Data.AnyNode {
			r.Node = d.app.Node
		}
		if !d.Data.AnyHost {
			r.Host = d.app.Host
		}
		d.c.placeInto(p, r, records)
		if len(p.problems) > 0 {
			return p.problems[0]
		}
		for _, f := range p.fits { // stay where it was planned if that still does
			if f.Fits && f.Host == d.app.Host && f.Node == d.app.Node {
				p.place(f)
			}
		}
		d.app = p.app
		return d.c.putApp(tx, p.app)
	})
	if err != nil {
		return err
	}
	d.Logf(jobs.Info, "node %s of %s, disk on %s", d.app.Node, d.app.Host, d.app.Storage)
	return nil
}

// vmid reserves a number that is free on the host and in our store.
func (d *work[D]) vmid(ctx context.Context) error {
	if d.app.VMID != 0 {
		return nil
	}
	next, err := d.host.client.NextID(ctx)
	if err != nil {
		return err
	}
	for range 1000 {
		if next, err = d.reserve(next); err != nil {
			return err
		}
		free, err := d.host.client.CheckID(ctx, next)
		if err != nil {
			return err
		}
		if free {
			d.Logf(jobs.Info, "reserved CT %d", next)
			return nil
		}
		next++ // somebody else's: look further
	}
	return passing{fmt.Errorf("found no free container number up to %d", next)}
}

// reserve takes the lowest number >= from that no app of the host has.
func (d *work[D]) reserve(from int) (int, error) {
	vmid := from
	err := d.Save(func(tx *store.Tx) error {
		for vmid = from; ; vmid++ {
			_, err := d.c.apps.Find(tx, indexVMID, fmt.Sprintf("%s/%d", d.app.Host, vmid))
			if errors.Is(err, store.ErrNotFound) {
				break
			}
			if err != nil {
				return err
			}
		}
		return d.c.changeApp(tx, d.app.ID, func(a *app) error { a.VMID = vmid; d.app = *a; return nil })
	})
	return vmid, err
}

// release gives number, port and address back once the container is confirmed gone.
func (d *work[D]) release(_ context.Context) error {
	return d.keep(func(a *app) { a.VMID, a.PublicPort, a.Address = 0, 0, "" })
}

func (d *work[D]) complete(_ context.Context) error {
	d.Logf(jobs.Info, "%s is running at %s", d.app.Hostname, cmp.Or(d.c.appView(d.app, nil).URL, d.app.Address))
	return nil
}

// templateSlot names the node a template is downloaded to: one at a time.
func (c *Core) templateSlot(d *deployment) string {
	c.mu.RLock()
	defer c.mu.RUnlock()
	a := c.appCache[d.App]
	return "template/" + a.Host + "/" + a.Node + "/" + a.OS
}

// template finds the newest fitting template on the node, or downloads one.
func (d *deploying) template(ctx context.Context) error {
	if d.Data.TemplateTask != "" {
		if err := d.wait(ctx, &d.Data.TemplateTask, "download the template"); err != nil {
			return err
		}
	}
	storages, err := d.host.client.Storages(ctx, d.app.Node)
	if err != nil {
		return err
	}
	storages = slices.DeleteFunc(storages, func(s pve.NodeStorage) bool {
		return !s.Active || !s.Enabled || !slices.Contains(s.Content, "vztmpl")
	})
	if len(storages) == 0 {
		return &Error{Kind: ErrFailed, Text: "no storage of " + d.app.Node + " takes templates", Hint: "enable the content type vztmpl on one"}
	}
	best, err := d.findTemplate(ctx, storages)
	if err != nil {
		return err
	}
	if best == "" {
		return d.downloadTemplate(ctx, storages)
	}
	d.Data.Template = best
	d.Logf(jobs.Info, "template %s", best)
	return d.Save()
}
