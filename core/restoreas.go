package core

import (
	"context"
	"fmt"
	"time"

	"proximity/core/pve"
	"proximity/jobs"
	"proximity/store"
)

// restoreAsWorkflow makes a new app of a backup. It goes the way of a deploy,
// with the archive in the place of template, docker and images.
func (c *Core) restoreAsWorkflow() jobs.Workflow[deployment] {
	step := func(name, title string, weight float64, timeout time.Duration, do deployStep) jobs.Step[deployment] {
		return jobs.Step[deployment]{Name: name, Title: title, Weight: weight, Timeout: timeout,
			Do: func(ctx context.Context, r *deployRun) error { return c.deployDo(ctx, r, do) }}
	}
	release := step("vmid", "reserve a container number", 0.3, 2*time.Minute, (*deploying).vmid)
	release.Undo = c.deployUndo((*deploying).release)
	create := step("lxc_create", "restore the archive", 5, dumpTimeout, (*deploying).create)
	create.Undo = c.deployUndo((*deploying).destroy)
	create.FinishBeforeCancel = true
	return jobs.Workflow[deployment]{Kind: "restore-as", Retries: 2, Backoff: c.evenly, Steps: []jobs.Step[deployment]{
		step("init", "look at the archive", 0.2, 5*time.Minute, (*deploying).beginRestore),
		step("node", "choose a node", 0.2, time.Minute, (*deploying).node),
		release, create,
		step("lxc_start", "start the container", 1, 3*time.Minute, (*deploying).start),
		step("network", "wait for its address", 1, 3*time.Minute, (*deploying).network),
		step("app_deploy", "give the app its own name and address", 3, 25*time.Minute, (*deploying).renewRestored),
		step("ready", "wait for the app to answer", 2, 15*time.Minute, (*deploying).readyAgain),
		step("publish", "publish its port", 0.3, 2*time.Minute, (*deploying).publish),
		step("complete", "done", 0.1, time.Minute, (*deploying).complete),
	}, Finish: func(tx *store.Tx, j jobs.Job, d *deployment) error {
		if err := c.restored(tx, d.From); err != nil {
			return err
		}
		return c.deployFinish(tx, j, d)
	}}
}

// restoreAsTx writes the new app and the job that makes it.
func (c *Core) restoreAsTx(tx *store.Tx, a Actor, b *backup, hostname string) (app, jobs.Job, error) {
	for _, err := range []error{a.May(VerbDeploy, ""), a.May(VerbChangeApp, b.Owner)} {
		if err != nil { // it holds all that its app knew
			return app{}, jobs.Job{}, err
		}
	}
	if b.As == nil {
		return app{}, jobs.Job{}, &Error{Kind: ErrConflict, Text: fmt.Sprintf("backup %d was not made of an app of Proximity", b.ID), Hint: "restore it in Proxmox, then adopt the container"}
	}
	records, err := c.allApps(tx)
	if err != nil {
		return app{}, jobs.Job{}, err
	}
	rec, err := c.revived(a, b, hostname, records)
	if err != nil {
		return app{}, jobs.Job{}, err
	}
	if err := c.putApp(tx, rec); err != nil {
		return app{}, jobs.Job{}, taken(err)
	}
	job, err := c.engine.Enqueue(tx, jobs.Spec{Kind: "restore-as", Subject: rec.ID, SubjectTitle: rec.Hostname, Owner: a.User, OwnerVia: string(a.Via),
		Title: "restore " + b.Hostname + " as " + rec.Hostname, Data: deployment{App: rec.ID, AnyNode: b.Shared, From: b.ID}})
	if err != nil {
		return app{}, jobs.Job{}, busy(err)
	}
	return rec, job, nil
}

// revived is the record of the new app. The secrets in its values stay: the
// data inside depends on them.
func (c *Core) revived(a Actor, b *backup, hostname string, records []app) (app, error) {
	as := *b.As
	p := &plan{manifest: c.manifestOf(as), app: app{CatalogID: as.CatalogID, Hostname: hostname, Owner: a.User, Host: b.Host, OS: as.OS, InternalPort: as.InternalPort,
		Cores: as.Cores, MemoryMB: as.MemoryMB, DiskGB: as.DiskGB, SwapMB: as.SwapMB, Values: as.Values, Recipe: as.Recipe}}
	p.app.Recipe.None = p.app.Recipe.None || as.Adopted
	r := DeployRequest{Host: b.Host}
	if !b.Shared {
		r.Node = b.Node
	}
	p.checkHostname(records)
	c.placeInto(p, r, records)
	c.portInto(p, 0, records)
	c.addressInto(p, "", records)
	if len(p.problems) > 0 {
		return app{}, p.problems[0]
	}
	rec := p.app
	rec.ID, rec.MAC, rec.CreatedAt = newAppID(rec.CatalogID), newMAC(), c.now()
	rec.setStatus(StatusDeploying, rec.CreatedAt)
	secret, err := c.secretsOf(as)
	if err != nil {
		return app{}, err
	}
	if err := c.sealSecrets(&rec, secret); err != nil {
		return app{}, err
	}
	return rec, c.newRootPassword(&rec)
}

// beginRestore makes sure of the archive.
func (d *deploying) beginRestore(ctx context.Context) error {
	b, err := d.c.backupRecord(d.Data.From)
	if err != nil {
		return err
	}
	node, err := d.c.readerOf(d.host, b)
	if err != nil {
		return err
	}
	d.Logf(jobs.Info, "restore %s of %s as %s", b.VolID, b.TakenAt.Format(time.DateTime), d.app.Hostname)
	return d.c.listed(ctx, d.host, node, b)
}

// fromBackup describes the container that is made of the archive. Proxmox: with
// unique, a net0 that is given is dropped, and the copy would have its
// original's address; so our own MAC is given without it.
func (d *deploying) fromBackup() (pve.RestoreOptions, error) {
	b, err := d.c.backupRecord(d.Data.From)
	return pve.RestoreOptions{VMID: d.app.VMID, VolID: b.VolID, Storage: d.app.Storage, Config: d.c.identity(d.app)}, err
}

// renewRestored makes the app inside one of its own. Its images and its compose
// file are those of the archive: a recipe goes with its backup.
func (d *deploying) renewRestored(ctx context.Context) error {
	b, err := d.c.backupRecord(d.Data.From)
	if err != nil {
		return err
	}
	if err := d.changeRootPassword(ctx); err != nil {
		return err
	}
	if d.manifest == nil {
		return nil
	}
	if err := d.must(ctx, "docker_again", "starting docker", dockerUp, true); err != nil {
		return err
	}
	if err := d.becomeOwn(ctx, b.App); err != nil {
		return err
	}
	return d.afterRestore(ctx)
}

func (d *deploying) readyAgain(ctx context.Context) error {
	if d.manifest == nil {
		return nil
	}
	return d.ready(ctx)
}
