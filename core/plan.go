package core

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"

	"proximity/core/catalog"
	"proximity/core/forward"
)

// FieldProblem is a field of a form that stops it, and the way out.
type FieldProblem struct {
	Field string `json:"field"` // "hostname", "node", "memory_mb", "disk_gb", "port", "values.KEY", "catalog_id", …
	Text  string `json:"text"`
	Hint  string `json:"hint,omitempty"`
}

// Public ports are handed out from here, lowest first.
const (
	firstPort = 8100
	lastPort  = 8999
)

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

// plan works a request out against the records given.
func (c *Core) plan(a Actor, r DeployRequest, records []app) *plan {
	p := &plan{}
	if err := a.May(VerbDeploy, ""); err != nil {
		p.problem(refused(err))
		return p
	}
	m, err := c.manifest(r.CatalogID)
	if err != nil {
		p.problem(refused(err))
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
