package core

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"proximity/core/pve"
	"proximity/jobs"
	"proximity/store"
)

// Adoption is what a container was like when it was adopted.
type Adoption struct {
	At       time.Time         `json:"at"`
	By       string            `json:"by"`
	Name     string            `json:"original_name"`
	VMID     int               `json:"original_vmid"`
	Type     string            `json:"suggested_type"`
	Status   string            `json:"status"` // "running", "stopped"
	Ports    []int             `json:"detected_ports,omitempty"`
	PortFrom string            `json:"port_from,omitempty"` // "given", "detected", "catalogue", "assumed"; "" = no port
	CPUs     float64           `json:"cpus"`
	Memory   int64             `json:"memory"` // bytes
	Disk     int64             `json:"disk"`   // bytes
	Uptime   int64             `json:"uptime"` // seconds
	Config   map[string]string `json:"config,omitempty"`
}

// AdoptRequest asks to manage a container that somebody else made.
type AdoptRequest struct {
	Host     string `json:"host,omitempty"` // default: the default host
	Node     string `json:"node,omitempty"` // default: where it is
	VMID     int    `json:"vmid"`
	Type     string `json:"type,omitempty"`     // what it is: a name of the catalogue, or any other; default: what it looks like, else "custom"
	Port     int    `json:"port,omitempty"`     // to publish; default: found from inside
	Hostname string `json:"hostname,omitempty"` // default: its own name
}

// adopting is what a job that adopts a container remembers.
type adopting struct {
	App  string
	Port int // asked for
	guestRecord
}

type adopter struct{ *work[adopting] }

var typeRule = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,39}$`)

// Adopt takes a container as it is under management; for admins. Nothing inside
// it changes, and it is never destroyed by Proximity.
func (c *Core) Adopt(ctx context.Context, a Actor, r AdoptRequest) (AppView, JobView, error) {
	rec, job, err := c.adopt(ctx, a, r)
	if err != nil {
		c.audit(a, "app.adopt", cmp.Or(r.Hostname, fmt.Sprintf("CT %d", r.VMID)), err, "")
		return AppView{}, JobView{}, err
	}
	return c.viewApp(rec), jobView(job), nil
}

func (c *Core) adopt(ctx context.Context, a Actor, r AdoptRequest) (app, jobs.Job, error) {
	if err := a.May(VerbAdopt, ""); err != nil {
		return app{}, jobs.Job{}, err
	}
	switch {
	case r.VMID < 1:
		return app{}, jobs.Job{}, invalid("vmid", "`discover` lists the containers that can be adopted", "%d is not the number of a container", r.VMID)
	case r.Port < 0 || r.Port > 65535:
		return app{}, jobs.Job{}, invalid("port", "give 1-65535, or leave it out", "%d is not a port", r.Port)
	case r.Type != "" && !typeRule.MatchString(r.Type):
		return app{}, jobs.Job{}, invalid("type", "1-40 of a-z 0-9 -", "%q is not a name for a kind of app", SafeText(r.Type, 60))
	}
	l, err := c.hostOrDefault(r.Host)
	if err != nil {
		return app{}, jobs.Job{}, err
	}
	rec, err := c.adoptable(ctx, a, l, r)
	if err != nil {
		return app{}, jobs.Job{}, err
	}
	var job jobs.Job
	err = c.store.Update(func(tx *store.Tx) error {
		rec, job, err = c.adoptTx(tx, a, r, rec)
		return err
	})
	return rec, job, err
}

// hostOrDefault is the host named, or the default one.
func (c *Core) hostOrDefault(name string) (*liveHost, error) {
	if name != "" {
		return c.liveHost(name)
	}
	all := c.liveHosts()
	if len(all) == 0 {
		return nil, &Error{Kind: ErrUnavailable, Field: "host", Text: "no Proxmox host is connected", Hint: "an admin connects one: hosts add NAME URL"}
	}
	return all[0], nil
}

// adoptable makes a record of a container as its host lists it; the rest is for
// the job to find out.
func (c *Core) adoptable(ctx context.Context, a Actor, l *liveHost, r AdoptRequest) (app, error) {
	s := l.poller.Snapshot()
	if s.Err != nil || s.At.IsZero() {
		return app{}, silence(l)
	}
	g, err := isContainer(s.Resources, r.Node, r.VMID)
	if errors.Is(err, ErrNotFound) { // it may be too new for what was last heard
		seen, e := l.client.Resources(ctx)
		if e != nil {
			return app{}, hostError(l.rec.Name, e)
		}
		g, err = isContainer(seen, r.Node, r.VMID)
	}
	if err != nil {
		return app{}, err
	}
	if g.Lock == "create" {
		return app{}, &Error{Kind: ErrConflict, Field: "vmid", Text: fmt.Sprintf("CT %d is still being made", g.VMID), Hint: "try again when that has ended"}
	}
	return app{CatalogID: r.Type, Owner: a.User, Host: l.rec.Name, Node: g.Node, VMID: g.VMID, Adopted: true, InternalPort: r.Port,
		Cores: int(g.MaxCPU), MemoryMB: int(g.MaxMem >> 20), DiskGB: gigabytes(g.MaxDisk),
		Adoption: &Adoption{At: c.now().UTC(), By: a.User, Name: cmp.Or(SafeText(g.Name, 64), fmt.Sprintf("ct-%d", g.VMID)), VMID: g.VMID, Status: g.Status,
			CPUs: g.MaxCPU, Memory: g.MaxMem, Disk: g.MaxDisk, Uptime: g.Uptime}}, nil
}

// firstMAC is the address of a container's first network interface that has
// one.
func firstMAC(cfg pve.GuestConfig) string {
	for _, i := range slices.Sorted(maps.Keys(cfg.Nets)) {
		if mac := cfg.Nets[i].MAC; mac != "" {
			return mac
		}
	}
	return ""
}

// configSnapshot is a configuration to look back at: no environment, which may
// hold secrets, and all of it safe to show.
func configSnapshot(cfg pve.GuestConfig) map[string]string {
	out := map[string]string{}
	for k, v := range cfg.Raw {
		if k != "digest" && k != "env" && k != "lxc" && len(out) < 100 {
			out[SafeText(k, 40)] = SafeText(v, 300)
		}
	}
	return out
}

// adoptTx writes the record, its port and the job together.
func (c *Core) adoptTx(tx *store.Tx, a Actor, r AdoptRequest, rec app) (app, jobs.Job, error) {
	records, err := c.allApps(tx)
	if err != nil {
		return rec, jobs.Job{}, err
	}
	for _, o := range records {
		if o.Host == rec.Host && o.VMID == rec.VMID {
			return rec, jobs.Job{}, &Error{Kind: ErrConflict, Field: "vmid", Text: fmt.Sprintf("CT %d is managed already, as %s", rec.VMID, o.Hostname), Hint: "`app " + o.Hostname + "` shows it"}
		}
	}
	if rec.CatalogID == "" {
		rec.CatalogID = "custom"
		if m, _ := c.looksLike(rec.Adoption.Name, nil); m != nil {
			rec.CatalogID = m.ID
		}
	}
	rec.Adoption.Type = rec.CatalogID
	p := &plan{app: rec}
	p.app.Hostname = cmp.Or(r.Hostname, proposedName(rec.Adoption.Name, rec.VMID, records))
	p.checkHostname(records)
	if p.app.PublicPort = c.freePort(records); p.app.PublicPort == 0 && r.Port != 0 {
		p.problem(noPort()) // without a port asked for, it is adopted all the same
	}
	if len(p.problems) > 0 {
		return rec, jobs.Job{}, p.problems[0]
	}
	rec = p.app
	rec.ID, rec.CreatedAt = newAppID(rec.CatalogID), c.now()
	rec.setStatus(StatusAdopting, rec.CreatedAt)
	if err := c.putApp(tx, rec); err != nil {
		return rec, jobs.Job{}, taken(err)
	}
	job, err := c.enqueue(tx, a, "adopt", rec, "adopt "+rec.Hostname, adopting{App: rec.ID, Port: r.Port})
	if err != nil {
		return rec, job, err
	}
	return rec, job, c.auditJob(tx, a, "app.adopt", rec.Hostname, job.ID, fmt.Sprintf("CT %d on %s/%s as %s", rec.VMID, rec.Host, rec.Node, rec.CatalogID))
}

// adoptWorkflow looks at the container and publishes its port. It changes
// nothing outside but our own forward, so there is nothing to undo.
func (c *Core) adoptWorkflow() jobs.Workflow[adopting] {
	step := func(name, title string, do func(d adopter, ctx context.Context) error) jobs.Step[adopting] {
		return jobs.Step[adopting]{Name: name, Title: title, Timeout: 2 * time.Minute, Do: func(ctx context.Context, r *jobs.Run[adopting]) error {
			w, err := newWork(c, r, r.Data.App, &r.Data.guestRecord)
			if err != nil {
				return err
			}
			return w.named(do(adopter{w}, ctx))
		}}
	}
	return jobs.Workflow[adopting]{Kind: "adopt", Retries: 3, Backoff: c.backoff, Finish: c.adoptFinish, Steps: []jobs.Step[adopting]{
		step("adoption_start", "look at the container", adopter.begin),
		step("ports", "find its port", adopter.ports),
		step("network", "find its address", adopter.reach),
		step("publish", "publish its port", adopter.open),
		step("adoption_complete", "done", adopter.complete),
	}}
}

func (c *Core) adoptFinish(tx *store.Tx, j jobs.Job, d *adopting) error {
	if err := c.auditEnd(tx, j); err != nil || j.State == jobs.Succeeded {
		return err
	}
	if j.State == jobs.Cancelled {
		return c.deleteApp(tx, d.App)
	}
	return ignore(c.changeApp(tx, d.App, func(a *app) error {
		a.fail(j.Kind, "adopting failed: "+j.Failure.Text, cmp.Or(j.Failure.Hint, "`release "+a.Hostname+"` gives the container back"), c.now())
		return nil
	}), store.ErrNotFound)
}

// begin takes down what the container is: from now on it is this one.
func (d adopter) begin(ctx context.Context) error {
	if err := d.present(ctx); err != nil {
		return err
	}
	cfg, err := d.host.client.GuestConfig(ctx, d.app.Node, d.app.VMID)
	if err != nil {
		return err
	}
	storage, _, _ := strings.Cut(cfg.RootFS, ":")
	err = d.keep(func(a *app) {
		a.MAC, a.OS, a.Storage, a.SwapMB = firstMAC(cfg), SafeText(cfg.OSType, 20), SafeText(storage, 64), cfg.SwapMB
		a.Cores, a.MemoryMB = cmp.Or(cfg.Cores, a.Cores), cmp.Or(cfg.MemoryMB, a.MemoryMB)
		if size := cfg.RootSize(); size > 0 {
			a.DiskGB = gigabytes(size)
		}
		found := *a.Adoption
		found.Config = configSnapshot(cfg)
		a.Adoption = &found
	})
	a := d.app
	d.Logf(jobs.Info, "adopt CT %d on %s as %s: %d cores, %d MB memory, %d GB disk, %s, %s", a.VMID, a.Node, a.Hostname, a.Cores, a.MemoryMB, a.DiskGB, cmp.Or(a.OS, "unknown system"), a.Adoption.Status)
	return err
}

// present is an error when the container is gone or another.
func (d adopter) present(ctx context.Context) error {
	gone, err := d.check(ctx)
	if err == nil && gone {
		err = &Error{Kind: ErrFailed, Text: fmt.Sprintf("CT %d is not there any more", d.app.VMID), Hint: "`release " + d.app.Hostname + "` forgets it"}
	}
	return err
}

// ports settles which port is published: the one asked for, one that something
// listens on, the one that such an app has, or the web's.
func (d adopter) ports(ctx context.Context) error {
	port, from := d.Data.Port, "given"
	listening, known, err := d.look(ctx)
	if err != nil {
		return err
	}
	m, _ := d.c.catalogue.Load().Get(d.app.CatalogID)
	switch {
	case port != 0:
	case known:
		port, from = portOf(m, listening), "detected"
	case m != nil && m.InternalPort() != 0:
		port, from = m.InternalPort(), "catalogue"
	default:
		port, from = 80, "assumed"
	}
	if port == 0 {
		from = ""
		d.Log(jobs.Warning, "nothing listens inside that could be published: adopt it again with a port once something does")
	} else {
		d.Logf(jobs.Info, "port %d (%s)", port, from)
	}
	if port != 0 && d.app.PublicPort == 0 {
		d.Logf(jobs.Warning, "it is not published: all ports %d-%d are taken", firstPort, lastPort)
	}
	return d.keep(func(a *app) {
		a.InternalPort = port
		if port == 0 {
			a.PublicPort = 0
		}
		found := *a.Adoption
		found.Ports, found.PortFrom = listening, from
		a.Adoption = &found
	})
}

// looks is how often a node's SSH that does not answer is asked for ports.
const looks = 3

// look finds the listening ports from inside, if the container runs and
// commands can be run in it. A node whose API answers and whose SSH does not
// holds nothing up.
func (d adopter) look(ctx context.Context) (ports []int, known bool, err error) {
	for range looks {
		ports, known, err = d.c.listening(ctx, d.host, d.app.Node, d.app.VMID)
		switch {
		case err == nil && !known:
			d.Log(jobs.Warning, "nothing inside tells which ports are open")
			return nil, false, nil
		case err == nil, errors.Is(err, pve.ErrHostKey):
			return ports, known, err
		case !errors.Is(err, pve.ErrUnreachable):
			d.Logf(jobs.Info, "its ports cannot be seen from inside: %s", SafeText(err.Error(), 200))
			return nil, false, nil
		}
		if _, e := d.running(ctx); e != nil {
			return nil, false, e
		}
		if e := pause(ctx, d.c.cfg.Pace.HostRetry); e != nil {
			return nil, false, e
		}
	}
	d.Logf(jobs.Warning, "its ports cannot be seen from inside, the SSH of %s does not answer: %s", d.app.Node, SafeText(err.Error(), 200))
	return nil, false, nil
}

func (d adopter) running(ctx context.Context) (bool, error) {
	st, err := d.host.client.Status(ctx, d.app.Node, d.app.VMID)
	return st.Running(), err
}

// reach finds the container's address, if it runs.
func (d adopter) reach(ctx context.Context) error {
	running, err := d.running(ctx)
	if err != nil || !running {
		return err
	}
	return d.address(ctx)
}

// open publishes the port, if there is anything to lead to.
func (d adopter) open(ctx context.Context) error {
	if d.app.PublicPort == 0 || d.app.Address == "" {
		return nil
	}
	return d.publish(ctx)
}

// complete takes over the state the container is really in.
func (d adopter) complete(ctx context.Context) error {
	if err := d.present(ctx); err != nil {
		return err
	}
	running, err := d.running(ctx)
	if err != nil {
		return err
	}
	status := StatusStopped
	if running {
		status = StatusRunning
	}
	d.Logf(jobs.Info, "%s is managed now, and %s as before", d.app.Hostname, status)
	return d.keep(func(a *app) { a.setStatus(status, d.c.now()) })
}
