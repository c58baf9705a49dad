package core

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"proximity/core/catalog"
	"proximity/jobs"
	"proximity/store"
)

// ConfigChange says what of an app's configuration is to be another. What is
// nil or absent stays.
type ConfigChange struct {
	Cores    *int              `json:"cores,omitempty"`
	MemoryMB *int              `json:"memory_mb,omitempty"`
	SwapMB   *int              `json:"swap_mb,omitempty"`
	DiskGB   *int              `json:"disk_gb,omitempty"` // a disk only grows
	Hostname *string           `json:"hostname,omitempty"`
	Values   map[string]string `json:"values,omitempty"`
	Base     string            `json:"base,omitempty"` // the revision that was looked at; another one now: ErrConflict. "" does not care
}

// ConfigView is what of an app can be configured.
type ConfigView struct {
	App      string        `json:"app"`
	Hostname string        `json:"hostname"`
	Cores    int           `json:"cores"`
	MemoryMB int           `json:"memory_mb"`
	SwapMB   int           `json:"swap_mb"`
	DiskGB   int           `json:"disk_gb"`
	Revision string        `json:"revision"` // another one once anything of it has changed
	Fields   []ConfigField `json:"fields,omitempty"`
}

// ConfigField is a question of the manifest with its answer.
type ConfigField struct {
	FieldView
	Value     string `json:"value,omitempty"` // never of a secret
	Set       bool   `json:"set"`             // it has a value
	Immutable bool   `json:"immutable,omitempty"`
}

// ConfigCheck is what would come of a ConfigChange, from memory.
type ConfigCheck struct {
	Problems []FieldProblem `json:"problems,omitempty"` // none: it may be done
	Changes  []string       `json:"changes,omitempty"`  // in words; secrets by name
	Inside   bool           `json:"inside,omitempty"`   // the app's services are started anew
}

// AppConfig is an app's configuration as it is.
func (c *Core) AppConfig(_ context.Context, a Actor, name string) (ConfigView, error) {
	rec, err := c.appNamed(a, name)
	if err != nil {
		return ConfigView{}, err
	}
	v := ConfigView{App: rec.ID, Hostname: rec.Hostname, Cores: rec.Cores, MemoryMB: rec.MemoryMB, SwapMB: rec.SwapMB, DiskGB: rec.DiskGB, Revision: configOf(rec).revision()}
	m := c.manifestOf(rec)
	if m == nil {
		return v, nil
	}
	secret, err := c.secretsOf(rec)
	if err != nil {
		return v, err
	}
	for _, f := range m.Fields {
		x := ConfigField{FieldView: fieldView(m, f), Immutable: f.Immutable}
		x.Value = SafeText(rec.Values[f.Key], 0)
		x.Set = x.Value != "" || secret[f.Key] != ""
		v.Fields = append(v.Fields, x)
	}
	return v, nil
}

// change is a ConfigChange worked out for an app: the record as it would be,
// and what is wrong.
type change struct {
	plan
	was    app
	words  []string // what changes
	inside bool     // files inside the container change
}

// CheckConfig tells what would come of the change, from memory: it waits for
// nothing and changes nothing.
func (c *Core) CheckConfig(a Actor, name string, r ConfigChange) ConfigCheck {
	rec, err := c.appNamed(a, name)
	if err != nil {
		return ConfigCheck{Problems: problemsOf(refused(err))}
	}
	ch, err := c.change(a, rec, r, c.cachedApps())
	if err != nil {
		return ConfigCheck{Problems: []FieldProblem{{Text: SafeText(err.Error(), 300)}}}
	}
	return ConfigCheck{Problems: problemsOf(ch.problems...), Changes: ch.words, Inside: ch.inside}
}

// change works a request out against the record and those of all apps.
func (c *Core) change(a Actor, rec app, r ConfigChange, records []app) (*change, error) {
	ch := &change{plan: plan{app: rec}, was: rec}
	if err := ch.allowed(c, a); err != nil {
		return nil, err
	}
	if r.Base != "" && r.Base != configOf(rec).revision() {
		return nil, c.overtaken(rec)
	}
	ch.sizes(r)
	ch.room(c)
	if r.Hostname != nil && *r.Hostname != rec.Hostname {
		ch.app.Hostname = *r.Hostname
		ch.checkHostname(slices.DeleteFunc(slices.Clone(records), func(o app) bool { return o.ID == rec.ID }))
	}
	if err := ch.answers(c, r.Values); err != nil || len(ch.problems) > 0 {
		return ch, err
	}
	if err := ch.compare(c); err != nil {
		return nil, err
	}
	if len(ch.words) == 0 {
		ch.problem(&Error{Kind: ErrConflict, Text: "that is how " + rec.Hostname + " is already", Hint: "`config " + rec.Hostname + "` shows it"})
	}
	return ch, nil
}

// overtaken says who configured an app since somebody looked, and how.
func (c *Core) overtaken(rec app) error {
	e := &Error{Kind: ErrConflict, Field: "base", Text: rec.Hostname + " was configured meanwhile", Hint: "look again, then send what you still want"}
	list, err := c.engine.List(jobs.Filter{Subject: rec.ID, Limit: 20})
	if err != nil {
		return err
	}
	for _, j := range list {
		if d, err := jobs.DataOf[configuring](j); err == nil && j.Kind == "configure" && j.State == jobs.Succeeded {
			e.Text = fmt.Sprintf("%s changed %s meanwhile: %s", j.Owner, rec.Hostname, SafeText(strings.Join(d.Changes, ", "), 200))
			break
		}
	}
	return e
}

// allowed refuses a change that the app's state, or the actor's role, does not
// allow.
func (ch *change) allowed(c *Core, a Actor) error {
	rec := &ch.was
	if err := a.May(VerbChangeApp, rec.Owner); err != nil {
		return err
	}
	switch {
	case rec.VMID == 0:
		return &Error{Kind: ErrConflict, Text: rec.Hostname + " has no container", Hint: "delete it, then deploy it again"}
	case rec.Status != StatusRunning && rec.Status != StatusStopped:
		return &Error{Kind: ErrConflict, Text: rec.Hostname + " is " + string(rec.Status), Hint: cmp.Or(rec.Hint, "`app "+rec.Hostname+"` shows more")}
	}
	ch.manifest = c.manifestOf(*rec)
	return nil
}

// sizes takes over what the container may have, as far as it changes.
func (ch *change) sizes(r ConfigChange) {
	name, cores, memory := ch.was.Hostname, 1, 16 // MB: the least that Proxmox takes
	if ch.manifest != nil {
		name, cores, memory = ch.manifest.Name, max(ch.manifest.MinCPU, 1), max(ch.manifest.MinMemory, 128)
	}
	set := func(field, unit string, to, at *int, lo, hi int) {
		if to == nil || *to == *at {
			return
		}
		ch.checkOne(field, name, unit, *to, lo, hi)
		*at = *to
	}
	set("cores", "cores", r.Cores, &ch.app.Cores, cores, maxCores)
	set("memory_mb", "MB of memory", r.MemoryMB, &ch.app.MemoryMB, memory, maxMemoryMB)
	set("swap_mb", "MB of swap", r.SwapMB, &ch.app.SwapMB, 0, maxMemoryMB)
	if r.DiskGB != nil && *r.DiskGB < ch.was.DiskGB {
		ch.problem(invalid("disk_gb", fmt.Sprintf("give more than %d, or leave it out", ch.was.DiskGB), "a disk can only grow: this one has %d GB", ch.was.DiskGB))
		return
	}
	set("disk_gb", "GB of disk", r.DiskGB, &ch.app.DiskGB, 1, maxDiskGB)
}

// room sees that the app's node and storage have what is asked for in addition;
// where they do not answer, the job waits for them.
func (ch *change) room(c *Core) {
	l, err := c.liveHost(ch.was.Host)
	if err != nil {
		return
	}
	s := l.poller.Snapshot()
	n, ok := s.Node(c.nodeOf(l, ch.was))
	if s.Err != nil || !ok || !n.Online {
		return
	}
	short := func(field, where, unit string, more, free int) {
		if more > max(free, 0) {
			ch.problem(&Error{Kind: ErrUnavailable, Field: field, Text: fmt.Sprintf("%s has %d %s free, %d more are needed", where, max(free, 0), unit, more), Hint: "free some, or give it less"})
		}
	}
	short("memory_mb", n.Name, "MB of memory", ch.app.MemoryMB-ch.was.MemoryMB, int((n.MaxMem-n.Mem)>>20))
	for _, st := range s.Storages {
		if st.Node == n.Name && st.Name == ch.app.Storage && st.MaxDisk > 0 {
			short("disk_gb", st.Name, "GB of disk", ch.app.DiskGB-ch.was.DiskGB, int((st.MaxDisk-st.Disk)>>30))
		}
	}
}

// answers takes over new answers to the manifest's questions.
func (ch *change) answers(c *Core, given map[string]string) error {
	if len(given) == 0 {
		return nil
	}
	if ch.manifest == nil {
		ch.problem(invalid("values", "leave them out", "%s was adopted: Proximity does not know what runs inside", ch.was.Hostname))
		return nil
	}
	old, err := c.valuesOf(ch.was)
	if err != nil {
		return err
	}
	given = maps.Clone(given)
	maps.DeleteFunc(given, func(k, v string) bool { // nothing given keeps what was made
		f, known := ch.manifest.Field(k)
		return known && v == "" && f.Generate != nil
	})
	now, err := ch.manifest.ResolveChange(old, given)
	if ch.faults(err) {
		return nil
	}
	if maps.Equal(now, old) { // sealing again would look like a change
		return nil
	}
	return c.sealValues(&ch.app, ch.manifest, now)
}

// compare finds out what changes, and whether files inside the container do:
// then it must run.
func (ch *change) compare(c *Core) error {
	var err error
	if ch.words, err = c.differences(ch.manifest, ch.was, ch.app); err != nil || ch.manifest == nil {
		return err
	}
	before, err := c.render(ch.was, ch.manifest)
	if err != nil {
		return err
	}
	after, err := c.render(ch.app, ch.manifest)
	if err != nil {
		return err
	}
	ch.inside = !slices.EqualFunc(before, after, func(a, b catalog.File) bool {
		return a.Path == b.Path && a.Mode == b.Mode && bytes.Equal(a.Content, b.Content)
	})
	if ch.inside && c.actual(ch.was) != StatusRunning {
		ch.problem(&Error{Kind: ErrConflict, Field: "values", Text: ch.was.Hostname + " is not running: what it is told can be changed only while it runs", Hint: "start it first"})
	}
	return nil
}

// differences are the changes from one configuration of an app to another in
// words; of secrets only their names.
func (c *Core) differences(m *catalog.Manifest, from, to app) (words []string, err error) {
	say := func(what string, a, b any, unit string) {
		if a != b {
			words = append(words, fmt.Sprintf("%s %v → %v%s", what, a, b, unit))
		}
	}
	say("hostname", from.Hostname, to.Hostname, "")
	say("cores", from.Cores, to.Cores, "")
	say("memory", from.MemoryMB, to.MemoryMB, " MB")
	say("swap", from.SwapMB, to.SwapMB, " MB")
	say("disk", from.DiskGB, to.DiskGB, " GB")
	if m == nil {
		return words, nil
	}
	old, err := c.valuesOf(from)
	if err != nil {
		return nil, err
	}
	now, err := c.valuesOf(to)
	if err != nil {
		return nil, err
	}
	for _, k := range slices.Sorted(maps.Keys(now)) {
		switch {
		case now[k] == old[k]:
		case m.Secret(k):
			words = append(words, k+" (secret)")
		default:
			say(k, quoted(old[k]), quoted(now[k]), "")
		}
	}
	return words, nil
}

// quoted is a value in a sentence.
func quoted(v string) string {
	if v == "" {
		return "nothing"
	}
	return "\"" + SafeText(v, 60) + "\""
}

// ConfigureApp changes an app's configuration: what its container may have,
// its name, and what runs inside.
func (c *Core) ConfigureApp(_ context.Context, a Actor, name string, r ConfigChange) (JobView, error) {
	return c.onApp(a, "app.config", name, func(tx *store.Tx, rec app) (jobs.Job, string, error) {
		if err := c.idle(tx, rec); err != nil {
			return jobs.Job{}, "", err
		}
		records, err := c.allApps(tx)
		if err != nil {
			return jobs.Job{}, "", err
		}
		ch, err := c.change(a, rec, r, records)
		if err != nil {
			return jobs.Job{}, "", err
		}
		return c.configure(tx, a, ch)
	})
}

// configure writes an app's record as it is to be, and the job that makes it
// so.
func (c *Core) configure(tx *store.Tx, a Actor, ch *change) (jobs.Job, string, error) {
	if len(ch.problems) > 0 {
		return jobs.Job{}, "", ch.problems[0]
	}
	job, err := c.enqueue(tx, a, "configure", ch.was, "configure "+ch.was.Hostname,
		configuring{App: ch.was.ID, Before: configOf(ch.was), Changes: ch.words, Inside: ch.inside})
	if err != nil {
		return job, "", err
	}
	if ch.app.Hostname != ch.was.Hostname {
		ch.app.Leaving = ch.was.Hostname
	}
	return job, strings.Join(ch.words, ", "), taken(c.putApp(tx, ch.app))
}

// unconfigure takes a change of the configuration back, as far as nothing was
// changed since.
func (c *Core) unconfigure(a Actor, j jobs.Job) (JobView, error) {
	d, err := jobs.DataOf[configuring](j)
	if err != nil {
		return JobView{}, err
	}
	return c.onApp(a, "app.config", j.Subject, func(tx *store.Tx, rec app) (jobs.Job, string, error) {
		err := c.idle(tx, rec)
		if err == nil {
			err = c.reversible(j)
		}
		ch := &change{plan: plan{app: rec}, was: rec}
		if err == nil {
			err = ch.allowed(c, a)
		}
		if err == nil {
			d.Before.into(&ch.app)
			ch.room(c)
			err = ch.compare(c)
		}
		if err != nil {
			return jobs.Job{}, "", err
		}
		if len(ch.words) == 0 {
			ch.problem(&Error{Kind: ErrConflict, Text: "only the disk has grown, and a disk cannot shrink", Hint: "it stays as it is"})
		}
		job, detail, err := c.configure(tx, a, ch)
		return job, fmt.Sprintf("takes job %d back: %s", j.ID, detail), err
	})
}
