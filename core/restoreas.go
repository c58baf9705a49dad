package core

import (
	"context"
	"fmt"
	"path"
	"strconv"
	"time"

	"proximity/core/catalog"
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
		step("rehome", "give it its new name inside", 1, 15*time.Minute, (*deploying).rehome),
		step("app_deploy", "bring the app up", 2, 25*time.Minute, (*deploying).upAgain),
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
	p := &plan{app: *b.As, manifest: c.manifestOf(*b.As)}
	p.app.ID, p.app.Hostname, p.app.Owner, p.app.MAC = newAppID(b.As.CatalogID), hostname, a.User, newMAC()
	p.app.VMID, p.app.Address, p.app.PublicPort = 0, "", 0
	p.app.Adopted, p.app.Adoption, p.app.Leaving, p.app.DeleteAt = false, nil, "", time.Time{} // the copy is ours
	r := DeployRequest{Host: b.Host}
	if !b.Shared {
		r.Node = b.Node
	}
	p.checkHostname(records)
	c.placeInto(p, r, records)
	c.portInto(p, 0, records)
	if len(p.problems) > 0 {
		return app{}, jobs.Job{}, p.problems[0]
	}
	rec := p.app
	rec.CreatedAt = c.now()
	rec.setStatus(StatusDeploying, rec.CreatedAt)
	if err := c.reseal(&rec, b.As.ID); err != nil {
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

// reseal seals the secrets of an app that was another's copy under its own id.
func (c *Core) reseal(rec *app, from string) error {
	for _, s := range []struct {
		of    string
		value *string
	}{{"app-values/", &rec.Sealed}, {"app-root/", &rec.RootPassword}} {
		if *s.value == "" {
			continue
		}
		plain, err := c.ring.Unseal(s.of+from, *s.value)
		if err == nil {
			*s.value, err = c.ring.Seal(s.of+rec.ID, plain)
		}
		if err != nil {
			return fmt.Errorf("open the sealed values of %s: %w", from, err)
		}
	}
	return nil
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

// rehome moves the app's files to where a new app's are, and takes its old
// containers down; volumes stay.
func (d *deploying) rehome(ctx context.Context) error {
	b, err := d.c.backupRecord(d.Data.From)
	if err != nil || d.manifest == nil || b.As == nil {
		return err
	}
	was, is := pve.Quote(appDir(*b.As)), pve.Quote(appDir(d.app))
	script := "set -e\nfor i in $(seq 60); do docker info >/dev/null 2>&1 && break; sleep 1; done\n" +
		"[ -d " + was + " ] || exit 0\n(" + compose(*b.As) + "down) || true\n[ -d " + is + " ] || mv " + was + " " + is + "\n"
	return d.must(ctx, "rehome", "moving the app's files", script, true)
}

// upAgain renders what names the app's address anew, and starts the services
// with the images and the compose file that are in the archive.
func (d *deploying) upAgain(ctx context.Context) error {
	if d.manifest == nil {
		return nil
	}
	files, err := d.c.render(d.app, d.manifest)
	if err != nil {
		return err
	}
	for _, f := range files {
		if f.Path == catalog.ComposeFile || f.Overwrite != "always" {
			continue
		}
		if err := d.host.client.Put(ctx, d.app.Node, d.app.VMID, path.Join(appDir(d.app), f.Path), f.Mode, f.Content); err != nil {
			return fmt.Errorf("put %s into CT %d: %w", f.Path, d.app.VMID, err)
		}
	}
	script := "set -e\n" + composeFunc(d.app) + "compose up --detach --wait --wait-timeout " + strconv.Itoa(max(int(d.manifest.Ready().Timeout.Seconds()), 60)) + "\n"
	for _, step := range d.manifest.Backup.Restore {
		script += serviceCommand(step) + "\n"
	}
	return d.must(ctx, "up", "starting the app", script, false)
}

func (d *deploying) readyAgain(ctx context.Context) error {
	if d.manifest == nil {
		return nil
	}
	return d.ready(ctx)
}
