package core

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"proximity/core/catalog"
	"proximity/core/pve"
	"proximity/jobs"
	"proximity/store"
)

// DeployRequest asks for an app. Zero values mean the defaults.
type DeployRequest struct {
	CatalogID string            `json:"catalog_id"`
	Hostname  string            `json:"hostname"`
	Host      string            `json:"host,omitempty"`
	Node      string            `json:"node,omitempty"`
	Cores     int               `json:"cores,omitempty"`
	MemoryMB  int               `json:"memory_mb,omitempty"`
	DiskGB    int               `json:"disk_gb,omitempty"`
	Port      int               `json:"port,omitempty"` // public port
	IP        string            `json:"ip,omitempty"`   // "dhcp", "static", or an address of the subnet; "" = as the settings say
	Values    map[string]string `json:"values,omitempty"`
}

// DeployCheck is what would come of a DeployRequest, from memory: it waits for
// nothing and reserves nothing.
type DeployCheck struct {
	Problems []FieldProblem `json:"problems,omitempty"` // none: it may be deployed
	Fits     []NodeFit      `json:"fits"`               // every node, best first
	Node     string         `json:"node,omitempty"`     // the one it would go to
	Host     string         `json:"host,omitempty"`
	Cores    int            `json:"cores"`
	MemoryMB int            `json:"memory_mb"`
	DiskGB   int            `json:"disk_gb"`
	SwapMB   int            `json:"swap_mb"`
	OS       string         `json:"os"`
	Storage  string         `json:"storage,omitempty"`
	Bridge   string         `json:"bridge"`
	Network  string         `json:"network"` // "dhcp", or "static" and the address it would get
	Port     int            `json:"port,omitempty"`
	Internal int            `json:"internal_port,omitempty"`
	Secrets  int            `json:"secrets"` // how many will be generated
	Command  string         `json:"command"` // the same as a command line, secrets left out
}

// CheckDeploy tells what would come of the request, from memory: it waits for
// nothing and reserves nothing.
func (c *Core) CheckDeploy(a Actor, r DeployRequest) DeployCheck {
	c.mu.RLock()
	records := slices.Collect(maps.Values(c.appCache))
	c.mu.RUnlock()
	p := c.plan(a, r, records)
	d := DeployCheck{Fits: p.fits, Host: p.app.Host, Node: p.app.Node, Cores: p.app.Cores, MemoryMB: p.app.MemoryMB, DiskGB: p.app.DiskGB, SwapMB: p.app.SwapMB,
		OS: p.app.OS, Storage: p.app.Storage, Bridge: c.Settings().Bridge, Network: p.app.network(), Port: p.app.PublicPort, Internal: p.app.InternalPort, Command: r.Command(p.manifest)}
	d.Problems = problemsOf(p.problems...)
	if p.manifest != nil {
		for _, f := range p.manifest.Fields {
			if f.Generate != nil && r.Values[f.Key] == "" {
				d.Secrets++
			}
		}
	}
	return d
}

// Command is the request as a command line; secrets are left out.
func (r DeployRequest) Command(m *catalog.Manifest) string {
	s := "deploy " + r.CatalogID + " --hostname " + cmp.Or(r.Hostname, "NAME")
	add := func(flag, v string) {
		if v != "" && v != "0" {
			s += " --" + flag + " " + v
		}
	}
	add("host", r.Host)
	add("node", r.Node)
	add("cores", fmt.Sprint(r.Cores))
	add("memory", fmt.Sprint(r.MemoryMB))
	add("disk", fmt.Sprint(r.DiskGB))
	add("port", fmt.Sprint(r.Port))
	add("ip", r.IP)
	for _, k := range slices.Sorted(maps.Keys(r.Values)) {
		if r.Values[k] != "" && (m == nil || !m.Secret(k)) {
			s += " --set " + pve.Quote(k+"="+r.Values[k])
		}
	}
	return s
}

// DeployApp writes the app, its port and the job together: all or nothing.
func (c *Core) DeployApp(ctx context.Context, a Actor, r DeployRequest) (AppView, JobView, error) {
	if err := ctx.Err(); err != nil {
		return AppView{}, JobView{}, err
	}
	var rec app
	var job jobs.Job
	err := c.store.Update(func(tx *store.Tx) error {
		var err error
		rec, job, err = c.deployTx(tx, a, r)
		return err
	})
	if err != nil {
		c.audit(a, "app.deploy", r.Hostname, err, r.CatalogID)
		return AppView{}, JobView{}, err
	}
	return c.viewApp(rec), jobView(job), nil
}

func (c *Core) deployTx(tx *store.Tx, a Actor, r DeployRequest) (app, jobs.Job, error) {
	records, err := c.allApps(tx)
	if err != nil {
		return app{}, jobs.Job{}, err
	}
	p := c.plan(a, r, records)
	if len(p.problems) > 0 {
		return app{}, jobs.Job{}, p.problems[0]
	}
	rec := p.app
	rec.ID, rec.MAC = newAppID(rec.CatalogID), newMAC()
	rec.CreatedAt, rec.UpdatedAt = c.now(), c.now()
	rec.setStatus(StatusDeploying, rec.CreatedAt)
	if err := p.manifest.Generate(p.values); err != nil {
		return app{}, jobs.Job{}, fmt.Errorf("generate secrets: %w", err)
	}
	if err := c.sealValues(&rec, p.manifest, p.values); err != nil {
		return app{}, jobs.Job{}, err
	}
	if err := c.newRootPassword(&rec); err != nil {
		return app{}, jobs.Job{}, err
	}
	if rec.Recipe, err = c.keepRecipe(tx, p.manifest); err != nil {
		return app{}, jobs.Job{}, err
	}
	if err := c.putApp(tx, rec); err != nil {
		return app{}, jobs.Job{}, taken(err)
	}
	job, err := c.engine.Enqueue(tx, jobs.Spec{Kind: "deploy", Subject: rec.ID, SubjectTitle: rec.Hostname, Owner: a.User, OwnerVia: string(a.Via),
		Title: "deploy " + rec.Hostname, Data: deployment{App: rec.ID, AnyNode: r.Node == "", AnyHost: r.Host == ""}})
	if err != nil {
		return app{}, jobs.Job{}, busy(err)
	}
	return rec, job, c.auditJob(tx, a, "app.deploy", rec.Hostname, job.ID, rec.CatalogID+" on "+rec.Node)
}
