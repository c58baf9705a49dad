package core

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"proximity/core/catalog"
	"proximity/core/forward"
	"proximity/core/pve"
	"proximity/jobs"
	"proximity/keys"
	"proximity/store"
)

// Public ports are handed out from here, lowest first.
const (
	firstPort = 8100
	lastPort  = 8999
)

// statusLag is how far Proxmox's lists may lag behind what just happened
// (pvestatd writes them about every 10 s).
const statusLag = 15 * time.Second

var hostnameRule = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{1,61}[a-z0-9])?$`)

func goodHostname(s string) bool { return len(s) >= 3 && len(s) <= 63 && hostnameRule.MatchString(s) }

// plan is what a request comes to: the record to be written, and what is wrong.
type plan struct {
	app      app
	manifest *catalog.Manifest
	values   catalog.Values
	fits     []NodeFit
	problems []*Error
}

func (p *plan) problem(e *Error) { p.problems = append(p.problems, e) }

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

// plan works a request out against the records given.
func (c *Core) plan(a Actor, r DeployRequest, records []app) *plan {
	p := &plan{}
	if err := a.May(VerbDeploy, ""); err != nil {
		p.problem(err.(*Error))
		return p
	}
	m, err := c.manifest(r.CatalogID)
	if err != nil {
		p.problem(err.(*Error))
		return p
	}
	p.manifest = m
	set := c.Settings()
	p.app = app{CatalogID: m.ID, Hostname: r.Hostname, Owner: a.User, OS: m.OS(), InternalPort: m.InternalPort(),
		Cores: cmp.Or(r.Cores, max(set.Cores, m.MinCPU)), MemoryMB: cmp.Or(r.MemoryMB, max(set.MemoryMB, m.MinMemory, m.Requirements.RecommendedMemory)),
		DiskGB: cmp.Or(r.DiskGB, max(set.DiskGB, m.Requirements.MinDisk)), SwapMB: max(set.SwapMB, m.Requirements.Swap)}
	p.checkHostname(records)
	p.checkSize(m)
	p.checkValues(r.Values)
	c.placeInto(p, r, records)
	c.checkNeeds(p)
	c.portInto(p, r.Port, records)
	c.addressInto(p, r.IP, records)
	return p
}

func (p *plan) checkHostname(records []app) {
	name := p.app.Hostname
	if name == "" {
		p.problem(invalid("hostname", "3-63 of a-z 0-9 -, not at the ends", "a hostname is missing"))
		return
	}
	if !goodHostname(name) {
		p.problem(invalid("hostname", "3-63 of a-z 0-9 -, not at the ends", "%q is not a hostname", SafeText(name, 70)))
		return
	}
	for _, o := range records {
		if o.Hostname == name || o.Leaving == name && o.ID != p.app.ID {
			p.problem(&Error{Kind: ErrConflict, Field: "hostname", Text: fmt.Sprintf("%q is taken", name), Hint: "try " + freeName(name, records)})
			return
		}
	}
}

// freeName is the next name like it that nobody has.
func freeName(name string, records []app) string {
	taken := map[string]bool{}
	for _, o := range records {
		taken[o.Hostname], taken[o.Leaving] = true, true
	}
	if len(name) > 58 {
		name = name[:58]
	}
	for i := 2; ; i++ {
		if n := fmt.Sprintf("%s-%d", name, i); !taken[n] {
			return n
		}
	}
}

// The most that any app may have.
const (
	maxCores    = 128
	maxMemoryMB = 524288
	maxDiskGB   = 10240
)

func (p *plan) checkSize(m *catalog.Manifest) {
	p.checkOne("cores", m.Name, "cores", p.app.Cores, max(m.MinCPU, 1), maxCores)
	p.checkOne("memory_mb", m.Name, "MB of memory", p.app.MemoryMB, max(m.MinMemory, 128), maxMemoryMB)
	p.checkOne("disk_gb", m.Name, "GB of disk", p.app.DiskGB, max(m.Requirements.MinDisk, 1), maxDiskGB)
}

func (p *plan) checkOne(field, name, unit string, v, lo, hi int) {
	switch {
	case v < lo:
		p.problem(invalid(field, fmt.Sprintf("give at least %d", lo), "%s needs at least %d %s, not %d", name, lo, unit, v))
	case v > hi:
		p.problem(invalid(field, fmt.Sprintf("give at most %d", hi), "%d %s is more than any app may have", v, unit))
	}
}

func (p *plan) checkValues(given map[string]string) {
	values := catalog.Values{}
	for k, v := range given {
		if v != "" {
			values[k] = v
		}
	}
	resolved, err := p.manifest.Resolve(values)
	p.values = resolved
	p.faults(err)
}

// faults takes over what the manifest says against values, and reports whether
// it says anything.
func (p *plan) faults(err error) bool {
	var bad catalog.FieldErrors
	if errors.As(err, &bad) {
		for _, e := range bad {
			p.problem(invalid("values."+SafeText(e.Field, 40), "", "%s", SafeText(e.Reason, 200)))
		}
	} else if err != nil {
		p.problem(invalid("values", "", "%s", SafeText(err.Error(), 200)))
	}
	return err != nil
}

// problemsOf are problems as a form shows them.
func problemsOf(all ...*Error) []FieldProblem {
	var out []FieldProblem
	for _, e := range all {
		out = append(out, FieldProblem{Field: e.Field, Text: e.Text, Hint: e.Hint})
	}
	return out
}

// portInto picks the public port: the one asked for, or the lowest free one.
func (c *Core) portInto(p *plan, want int, records []app) {
	if p.app.InternalPort == 0 {
		if want != 0 {
			p.problem(invalid("port", "leave it out", "%s has no port to publish", p.manifest.Name))
		}
		return
	}
	if want != 0 {
		taken := map[int]string{}
		for _, o := range records {
			taken[o.PublicPort] = o.Hostname
		}
		switch by, is := taken[want]; {
		case want < firstPort || want > lastPort:
			p.problem(invalid("port", fmt.Sprintf("%d-%d", firstPort, lastPort), "port %d is not one that apps are published on", want))
		case is:
			p.problem(&Error{Kind: ErrConflict, Field: "port", Text: fmt.Sprintf("port %d belongs to %s", want, by), Hint: "leave it out for the lowest free one"})
		case forward.PortFree(c.cfg.ListenHost, want) != nil:
			p.problem(&Error{Kind: ErrConflict, Field: "port", Text: fmt.Sprintf("port %d is used by another program of this machine", want), Hint: "leave it out for the lowest free one"})
		}
		p.app.PublicPort = want
		return
	}
	if p.app.PublicPort = c.freePort(records); p.app.PublicPort == 0 {
		p.problem(noPort())
	}
}

// freePort is the lowest port that no app has and that can be published; 0 =
// there is none.
func (c *Core) freePort(records []app) int {
	taken := map[int]bool{}
	for _, o := range records {
		taken[o.PublicPort] = true
	}
	for port := firstPort; port <= lastPort; port++ {
		if !taken[port] && forward.PortFree(c.cfg.ListenHost, port) == nil {
			return port
		}
	}
	return 0
}

func noPort() *Error {
	return &Error{Kind: ErrUnavailable, Field: "port", Text: fmt.Sprintf("all ports %d-%d are taken", firstPort, lastPort), Hint: "delete an app that is no longer needed"}
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

func (c *Core) allApps(tx *store.Tx) ([]app, error) {
	var all []app
	for a, err := range c.apps.All(tx) {
		if err != nil {
			return nil, err
		}
		all = append(all, a)
	}
	return all, nil
}

// sealValues splits the values into the open and the sealed ones.
func (c *Core) sealValues(rec *app, m *catalog.Manifest, v catalog.Values) error {
	secret := map[string]string{}
	rec.Values = map[string]string{}
	for k, x := range v {
		if m.Secret(k) {
			secret[k] = x
		} else {
			rec.Values[k] = x
		}
	}
	return c.sealSecrets(rec, secret)
}

// sealSecrets keeps an app's secret values.
func (c *Core) sealSecrets(rec *app, secret map[string]string) error {
	plain, err := json.Marshal(secret)
	if err != nil {
		return err
	}
	rec.Sealed, err = c.ring.Seal("app-values/"+rec.ID, plain)
	return err
}

// newRootPassword makes the password of root in the app's container.
func (c *Core) newRootPassword(rec *app) (err error) {
	rec.RootPassword, err = c.ring.Seal("app-root/"+rec.ID, []byte(keys.RandomPassword(24)))
	return err
}

// secretsOf opens the sealed values of an app.
func (c *Core) secretsOf(rec app) (map[string]string, error) {
	secret := map[string]string{}
	if rec.Sealed == "" {
		return secret, nil
	}
	plain, err := c.ring.Unseal("app-values/"+rec.ID, rec.Sealed)
	if err != nil {
		return nil, fmt.Errorf("open the sealed values of %s: %w", rec.Hostname, err)
	}
	return secret, json.Unmarshal(plain, &secret)
}

// valuesOf are all values of an app, the secret ones among them.
func (c *Core) valuesOf(rec app) (catalog.Values, error) {
	values := catalog.Values{}
	maps.Copy(values, rec.Values)
	secret, err := c.secretsOf(rec)
	maps.Copy(values, secret)
	return values, err
}

// AppSecrets are the secret field values of an app, for its owner and admins;
// each reading leaves an audit record.
func (c *Core) AppSecrets(_ context.Context, a Actor, name string) (map[string]string, error) {
	rec, err := c.appNamed(a, name)
	if err == nil {
		err = a.May(VerbChangeApp, rec.Owner)
	}
	var secret map[string]string
	if err == nil {
		secret, err = c.secretsOf(rec)
	}
	c.audit(a, "app.secrets", name, err, "")
	return secret, err
}

// builtins are what every app is told about itself.
func (c *Core) builtins(a app, m *catalog.Manifest) catalog.Builtins {
	b := catalog.Builtins{Host: c.cfg.PublicHost, Port: a.PublicPort, Address: a.Address, TZ: "UTC", Instance: a.ID}
	switch {
	case a.PublicPort == 0:
	case m.Access.Kind == "web":
		b.URL = strings.TrimSuffix(c.publicURL(a.PublicPort, m.Access.Scheme, "/"), "/")
	default: // no browser goes there
		b.URL = net.JoinHostPort(c.cfg.PublicHost, strconv.Itoa(a.PublicPort))
	}
	return b
}

// taken says which unique thing another app has.
func taken(err error) error {
	var t *store.TakenError
	if !errors.As(err, &t) {
		return err
	}
	return &Error{Kind: ErrConflict, Field: t.Index, Text: fmt.Sprintf("%s %s is taken", t.Index, t.Value), Hint: "try again: somebody was faster", Err: err}
}

// idle refuses while a job works on an app.
func (c *Core) idle(tx *store.Tx, rec app) error {
	j, is, err := c.engine.Busy(tx, rec.ID)
	if is {
		return busy(&jobs.BusyError{Subject: rec.ID, Job: j})
	}
	return err
}

// busy says what is already going on with an app, who started it and when.
func busy(err error) error {
	var b *jobs.BusyError
	if !errors.As(err, &b) {
		return err
	}
	j := b.Job
	subject, what := j.SubjectTitle+" is busy", j.Kind
	if b.Subject != j.Subject { // a job on another app uses this one
		subject, what = "the app is in use", j.Title
	}
	return &Error{Kind: ErrConflict, Text: fmt.Sprintf("%s: job %d (%s) by %s since %s", subject, j.ID, what, j.Owner, j.Created.Format(time.TimeOnly)),
		Hint: fmt.Sprintf("`job %d -f` follows it", j.ID), Err: err, Busy: &BusyWith{Job: j.ID, Kind: j.Kind, Owner: j.Owner, Since: j.Created}}
}
