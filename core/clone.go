package core

import (
	"context"
	"fmt"
	"slices"

	"proximity/core/pve"
	"proximity/jobs"
	"proximity/store"
)

// CloneRequest asks for a second app with the data of one that is there. Zero
// values mean the defaults.
type CloneRequest struct {
	Hostname  string `json:"hostname"`
	Node      string `json:"node,omitempty"`       // another node needs a storage both can reach
	StopFirst bool   `json:"stop_first,omitempty"` // a running source is stopped, copied and started again
}

// CloneCheck is what would come of a CloneRequest.
type CloneCheck struct {
	Problems  []FieldProblem `json:"problems,omitempty"` // none: it may be cloned
	Hostname  string         `json:"hostname"`           // one that is free, where none was asked for
	Running   bool           `json:"running"`            // the source is
	Snapshots bool           `json:"snapshots"`          // its storage has them: it need not be stopped
	Fits      []NodeFit      `json:"fits"`               // every node of its host, best first
	Node      string         `json:"node,omitempty"`     // the one the copy would go to
	Port      int            `json:"port,omitempty"`     // its public port
	Network   string         `json:"network"`            // "dhcp", or "static" and the address it would get
	Command   string         `json:"command"`            // the same as a command line
}

// clonePlan is a plan whose app is the copy.
type clonePlan struct {
	plan
	source app
}

// CheckClone tells what would come of the request. It asks the host whether
// the source can be copied while it runs, and reserves nothing.
func (c *Core) CheckClone(ctx context.Context, a Actor, name string, r CloneRequest) (CloneCheck, error) {
	source, err := c.appNamed(a, name)
	if err != nil {
		return CloneCheck{}, err
	}
	records := c.cachedApps()
	if r.Hostname == "" {
		r.Hostname = freeName(source.Hostname, records)
	}
	p := c.planClone(a, source, r, records)
	check := CloneCheck{Hostname: r.Hostname, Running: source.Status == StatusRunning, Fits: p.fits, Node: p.app.Node, Port: p.app.PublicPort,
		Network: p.app.network(), Command: r.command(source.Hostname)}
	if err := c.copyable(ctx, source, r); err != nil {
		p.problem(err)
	} else {
		check.Snapshots = true
	}
	for _, e := range p.problems {
		check.Problems = append(check.Problems, FieldProblem{Field: e.Field, Text: e.Text, Hint: e.Hint})
	}
	return check, nil
}

// command is the request as a command line.
func (r CloneRequest) command(name string) string {
	s := "clone " + name + " --hostname " + r.Hostname
	if r.Node != "" {
		s += " --node " + r.Node
	}
	if r.StopFirst {
		s += " --stop"
	}
	return s
}

// copyable asks the source's host whether it can be copied as it is: nil where
// it can, or where nobody can say now.
func (c *Core) copyable(ctx context.Context, source app, r CloneRequest) *Error {
	if source.Status != StatusRunning || r.StopFirst || source.VMID == 0 {
		return nil
	}
	l, err := c.liveHost(source.Host)
	if err != nil {
		return nil
	}
	can, err := l.client.CanSnapshot(ctx, c.nodeOf(l, source), source.VMID)
	if err != nil || can {
		return nil // the job asks again, and waits for the host
	}
	return noSnapshots(source)
}

func noSnapshots(source app) *Error {
	on := "the storage of " + source.Hostname
	if source.Storage != "" {
		on = "storage " + source.Storage
	}
	return &Error{Kind: ErrConflict, Field: "stop_first", Text: on + " has no snapshots: " + source.Hostname + " cannot be cloned while it runs",
		Hint: "have it stopped for the clone and started again: --stop"}
}

// planClone works a request out against the records given.
func (c *Core) planClone(a Actor, source app, r CloneRequest, records []app) *clonePlan {
	p := &clonePlan{source: source}
	p.manifest = c.manifestOf(source)
	for _, err := range []error{a.May(VerbDeploy, ""), a.May(VerbChangeApp, source.Owner), source.clonable()} {
		if err != nil {
			p.problem(refused(err))
			return p
		}
	}
	p.app = app{CatalogID: source.CatalogID, Hostname: r.Hostname, Owner: a.User, Host: source.Host, OS: source.OS, InternalPort: source.InternalPort,
		Cores: source.Cores, MemoryMB: source.MemoryMB, DiskGB: source.DiskGB, SwapMB: source.SwapMB, Storage: source.Storage,
		Values: source.Values, Recipe: source.Recipe, ClonedFrom: source.Hostname}
	p.app.Recipe.None = p.app.Recipe.None || source.Adopted
	p.checkHostname(records)
	c.placeClone(p, r.Node, records)
	c.portInto(&p.plan, 0, records)
	c.addressInto(&p.plan, "", records)
	return p
}

// clonable refuses what makes no sense in the source's state.
func (a app) clonable() error {
	switch {
	case a.VMID == 0:
		return &Error{Kind: ErrConflict, Text: a.Hostname + " has no container to clone", Hint: "deploy another one of the same recipe"}
	case a.Status != StatusRunning && a.Status != StatusStopped:
		return &Error{Kind: ErrConflict, Text: fmt.Sprintf("%s is %s: only a running or a stopped app can be cloned", a.Hostname, a.Status), Hint: "wait until it runs, or mend it first"}
	}
	return nil
}

// placeClone finds the copy's node: the source's own, else one that reaches
// the storage of its disk, too.
func (c *Core) placeClone(p *clonePlan, want string, records []app) {
	l, err := c.liveHost(p.source.Host)
	if err != nil {
		p.problem(refused(err))
		return
	}
	s := l.poller.Snapshot()
	p.app.Node = c.nodeOf(l, p.source)
	if s.At.IsZero() || s.Err != nil {
		p.problem(silence(l))
		return
	}
	promised := c.promised(records, "")
	for _, n := range s.Nodes {
		p.fits = append(p.fits, fitCopy(l, s, n, p.app, promised))
	}
	home := p.app.Node
	bestFirst(p.fits)
	if want != "" {
		p.chooseNode(want)
		return
	}
	slices.SortStableFunc(p.fits, func(a, b NodeFit) int { // at home nothing has to travel
		switch {
		case a.Fits && a.Node == home:
			return -1
		case b.Fits && b.Node == home:
			return 1
		}
		return 0
	})
	if len(p.fits) == 0 || !p.fits[0].Fits {
		p.problem(p.noRoom())
		return
	}
	p.place(p.fits[0])
}

// fitCopy judges one node for a copy whose source is on a.Node.
func fitCopy(l *liveHost, s *pve.Snapshot, n pve.Node, a app, promised promises) NodeFit {
	storages := slices.DeleteFunc(slices.Clone(s.Storages), func(st pve.Storage) bool { return a.Storage != "" && st.Name != a.Storage })
	at := *s
	at.Storages = storages
	f := fit(l, &at, n, a, promised)
	if n.Name == a.Node || !n.Online {
		return f
	}
	on := a.Storage
	if st, ok := s.Storage(a.Node, on); !ok || !st.Shared {
		if on == "" {
			on = "a storage of " + a.Node
		}
		f.Fits, f.Reason = false, fmt.Sprintf("the disk is on %s, which only %s can reach", on, a.Node)
	} else if _, ok := s.Storage(n.Name, on); !ok {
		f.Fits, f.Reason = false, "it does not have storage "+on
	}
	return f
}

// CloneApp makes a second app of one that is there: its container is copied,
// with all data and all secrets, and gets a name, a number, a card, an address,
// a port and a root password of its own.
func (c *Core) CloneApp(ctx context.Context, a Actor, name string, r CloneRequest) (AppView, JobView, error) {
	rec, job, err := c.cloneApp(ctx, a, name, r)
	if err != nil {
		c.audit(a, "app.clone", name, err, "as "+r.Hostname)
		return AppView{}, JobView{}, err
	}
	return c.viewApp(rec), jobView(job), nil
}

func (c *Core) cloneApp(ctx context.Context, a Actor, name string, r CloneRequest) (rec app, job jobs.Job, err error) {
	source, err := c.appNamed(a, name)
	if err != nil {
		return rec, job, err
	}
	if err := c.copyable(ctx, source, r); err != nil {
		return rec, job, err
	}
	err = c.store.Update(func(tx *store.Tx) error {
		rec, job, err = c.cloneTx(tx, a, source.ID, r)
		return err
	})
	return rec, job, err
}

func (c *Core) cloneTx(tx *store.Tx, a Actor, id string, r CloneRequest) (app, jobs.Job, error) {
	source, err := c.apps.Get(tx, id)
	if err == nil && a.May(VerbDeploy, "") == nil { // who is at it says more than "it is updating"
		err = c.idle(tx, source)
	}
	if err != nil {
		return app{}, jobs.Job{}, err
	}
	records, err := c.allApps(tx)
	if err != nil {
		return app{}, jobs.Job{}, err
	}
	rec, err := c.copyOf(a, source, r, records)
	if err != nil {
		return app{}, jobs.Job{}, err
	}
	job, err := c.engine.Enqueue(tx, jobs.Spec{Kind: "clone", Subject: rec.ID, SubjectTitle: rec.Hostname, Also: []string{source.ID}, Owner: a.User, OwnerVia: string(a.Via),
		Title: "clone " + source.Hostname + " as " + rec.Hostname, Data: cloning{App: rec.ID, Source: source.ID, StopFirst: r.StopFirst}})
	if err != nil {
		return app{}, jobs.Job{}, busy(err)
	}
	if err := c.putApp(tx, rec); err != nil {
		return app{}, jobs.Job{}, taken(err)
	}
	return rec, job, c.auditJob(tx, a, "app.clone", source.Hostname, job.ID, fmt.Sprintf("as %s on %s", rec.Hostname, rec.Node))
}

// copyOf is the record of the copy. The secrets in its values stay: the data
// inside depends on them.
func (c *Core) copyOf(a Actor, source app, r CloneRequest, records []app) (app, error) {
	p := c.planClone(a, source, r, records)
	if len(p.problems) > 0 {
		return app{}, p.problems[0]
	}
	rec := p.app
	rec.ID, rec.MAC = newAppID(rec.CatalogID), newMAC()
	rec.Bare, rec.CreatedAt = true, c.now()
	rec.setStatus(StatusCloning, rec.CreatedAt)
	secret, err := c.secretsOf(source)
	if err != nil {
		return app{}, err
	}
	if err := c.sealSecrets(&rec, secret); err != nil {
		return app{}, err
	}
	return rec, c.newRootPassword(&rec)
}
