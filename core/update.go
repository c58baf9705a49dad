package core

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"proximity/core/catalog"
	"proximity/core/pve"
	"proximity/jobs"
	"proximity/store"
)

// UpdateView is what there is for an app to be updated to, and what it changes.
type UpdateView struct {
	App       string           `json:"app"`
	Hostname  string           `json:"hostname"`
	Available bool             `json:"available"`
	From      RecipeVersion    `json:"from"`
	To        RecipeVersion    `json:"to"`
	Images    []ImageChange    `json:"images,omitempty"`
	Diff      []DiffLine       `json:"diff,omitempty"`      // of the compose file
	Secrets   []string         `json:"secrets,omitempty"`   // fields that get a generated value; old ones keep theirs
	Breaking  []BreakingChange `json:"breaking,omitempty"`  // what a person should know before
	Backup    bool             `json:"backup"`              // it begins with a backup
	WayBack   string           `json:"way_back"`            // when it fails: "image", "restore", "none"
	Unknown   []string         `json:"unknown,omitempty"`   // what could not be looked up
	Problems  []FieldProblem   `json:"problems,omitempty"`  // why it cannot be done now
	Confirm   bool             `json:"needs_yes,omitempty"` // it wants a yes
	Digest    string           `json:"digest,omitempty"`    // names this very update
}

// RecipeVersion is a revision of a manifest and the version of the app in it.
type RecipeVersion struct {
	Revision int    `json:"revision"` // 0: not recorded
	Version  string `json:"version"`
}

// ImageChange is an image that becomes another one.
type ImageChange struct {
	Service string `json:"service"`
	From    string `json:"from,omitempty"` // "": a new service
	To      string `json:"to,omitempty"`   // "": the service goes
	Source  string `json:"source"`         // "recipe" or "registry": where the new one was found
}

// BreakingChange is a step that the manifest warns of.
type BreakingChange struct {
	Service string `json:"service,omitempty"`
	Note    string `json:"note"`
	Action  string `json:"action"` // "block", "confirm", "inform"
}

// UpdateRequest asks for an update.
type UpdateRequest struct {
	Yes    bool              `json:"yes,omitempty"`    // to steps that want a confirmation
	Values map[string]string `json:"values,omitempty"` // of fields that are new
	Digest string            `json:"digest,omitempty"` // of the update that was shown; "" = whatever there is now
}

// updatePlan is an update worked out: the app as it will be.
type updatePlan struct {
	view     UpdateView
	manifest *catalog.Manifest // the new one, with the new images
	images   map[string]string // of all its services
	values   catalog.Values
	next     app
}

func (p *updatePlan) problem(e *Error) {
	p.view.Problems = append(p.view.Problems, FieldProblem{Field: e.Field, Text: e.Text, Hint: e.Hint})
}

// CheckUpdate looks for an update of an app: a newer revision of its recipe,
// and newer images that the recipe follows, where the app's node can ask their
// registries. Nothing is changed.
func (c *Core) CheckUpdate(ctx context.Context, a Actor, name string) (UpdateView, error) {
	p, err := c.checkUpdate(ctx, a, name, nil)
	if err != nil {
		return UpdateView{}, err
	}
	return p.view, nil
}

func (c *Core) checkUpdate(ctx context.Context, a Actor, name string, values map[string]string) (*updatePlan, error) {
	rec, err := c.appNamed(a, name)
	if err == nil {
		err = a.May(VerbChangeApp, rec.Owner)
	}
	if err != nil {
		return nil, err
	}
	m, ok := c.catalogue.Load().Get(rec.CatalogID)
	if !ok || c.manifestOf(rec) == nil {
		return nil, &Error{Kind: ErrConflict, Text: fmt.Sprintf("%s has no recipe in the catalogue that could bring an update", rec.Hostname), Hint: "update it from the inside, with its own means"}
	}
	tags, unknown := c.newTags(ctx, rec, m)
	p, err := c.planUpdate(rec, m, tags, values)
	if err != nil {
		return nil, err
	}
	p.view.Unknown = unknown
	return p, nil
}

// tagsPatience bounds how long registries are asked.
const tagsPatience = 25 * time.Second

// newTags asks the registries, through the app's node, for newer tags of the
// images the manifest follows. What nobody can say now is told.
func (c *Core) newTags(ctx context.Context, rec app, m *catalog.Manifest) (newest map[string]string, unknown []string) {
	newest = map[string]string{}
	if len(m.Update.Track) == 0 {
		return newest, []string{"the recipe follows no image tags: only a new revision of it brings an update"}
	}
	l, err := c.workingHost(rec.Host)
	if err != nil {
		return newest, []string{"no registry was asked: " + refused(err).Text}
	}
	ctx, cancel := context.WithTimeout(ctx, tagsPatience)
	defer cancel()
	var mu sync.Mutex
	var wg sync.WaitGroup
	for service, image := range m.Images() {
		if _, followed := m.Update.Track[service]; !followed {
			continue
		}
		present := newerImage(m, service, image, rec.Recipe.Images[service])
		wg.Go(func() {
			tag, why := c.newTag(ctx, l, rec, m, service, present)
			mu.Lock()
			defer mu.Unlock()
			if why != "" {
				unknown = append(unknown, why)
			} else if tag != "" {
				repository, _ := catalog.SplitImage(present)
				newest[service] = repository + ":" + tag
			}
		})
	}
	wg.Wait()
	slices.Sort(unknown)
	return newest, unknown
}

// newTag asks for the newest tag of one image; why says that it could not be
// had.
func (c *Core) newTag(ctx context.Context, l *liveHost, rec app, m *catalog.Manifest, service, image string) (tag, why string) {
	_, present := catalog.SplitImage(image)
	if present == "" {
		return "", fmt.Sprintf("%s: %s names no tag that could be newer", service, SafeText(image, 120))
	}
	tags, err := l.client.RepoTags(ctx, c.nodeOf(l, rec), catalog.Repository(image))
	switch {
	case errors.Is(err, pve.ErrUnsupported):
		return "", fmt.Sprintf("%s: %s cannot ask registries: that needs Proxmox VE 9.1 or later", service, rec.Node)
	case errors.Is(err, pve.ErrPermission):
		return "", fmt.Sprintf("%s: the host's account may not ask registries: it needs Sys.AccessNetwork on /nodes/%s", service, rec.Node)
	case err != nil:
		return "", fmt.Sprintf("%s: the tags of %s could not be had: %s", service, SafeText(image, 120), SafeText(err.Error(), 200))
	}
	return m.NewestTag(service, present, tags), ""
}

// newerImage is the one of a manifest's image and the one an app runs that has
// the newer tag, where the manifest follows that.
func newerImage(m *catalog.Manifest, service, image, runs string) string {
	repository, tag := catalog.SplitImage(image)
	same, present := catalog.SplitImage(runs)
	if repository == same && m.Follows(service, present) && catalog.Newer(present, tag) {
		return runs
	}
	return image
}

// planUpdate works out what an update to a manifest, with the images found
// newer, would make of an app.
func (c *Core) planUpdate(rec app, m *catalog.Manifest, found map[string]string, given map[string]string) (*updatePlan, error) {
	now := c.manifestOf(rec)
	var err error
	p := &updatePlan{next: rec, images: map[string]string{}}
	if m.Revision <= rec.Recipe.Revision {
		m = now // the recipe is the newest
	}
	for service, image := range m.Images() {
		p.images[service] = cmp.Or(found[service], newerImage(m, service, image, rec.Recipe.Images[service]))
	}
	if p.manifest, err = m.WithImages(p.images); err != nil {
		return nil, err
	}
	v := &p.view
	*v = UpdateView{App: rec.ID, Hostname: rec.Hostname, From: RecipeVersion{rec.Recipe.Revision, rec.Recipe.Version}, To: RecipeVersion{m.Revision, m.Version},
		Backup: m.Update.BacksUp(), WayBack: m.Update.WayBack()}
	p.compare(rec.Recipe.Images, found, now)
	v.Available = m.Revision > rec.Recipe.Revision || len(v.Images) > 0
	if !v.Available {
		v.To = v.From
		return p, nil
	}
	if image := found[m.Access.Service]; image != "" {
		v.To.Version = catalog.TagOf(image)
	}
	p.breaking(rec)
	if err := c.updateValues(p, rec, given); err != nil {
		return nil, err
	}
	p.judge(rec)
	v.Digest = p.digest()
	return p, nil
}

// compare lists what changes of the images and the compose file.
func (p *updatePlan) compare(before, found map[string]string, now *catalog.Manifest) {
	v := &p.view
	for _, service := range slices.Sorted(maps.Keys(p.images)) {
		if p.images[service] != before[service] {
			source := "recipe"
			if found[service] != "" {
				source = "registry"
			}
			v.Images = append(v.Images, ImageChange{Service: service, From: before[service], To: p.images[service], Source: source})
		}
	}
	for _, service := range slices.Sorted(maps.Keys(before)) {
		if _, stays := p.images[service]; !stays {
			v.Images = append(v.Images, ImageChange{Service: service, From: before[service], Source: "recipe"})
		}
	}
	v.Diff = diff(pretty(now.DockerCompose), pretty(p.manifest.DockerCompose))
}

func pretty(doc json.RawMessage) string {
	var out bytes.Buffer
	if json.Indent(&out, doc, "", "  ") != nil {
		return string(doc) // Parse refuses such a manifest
	}
	return out.String()
}

// breaking finds the steps the manifest warns of.
func (p *updatePlan) breaking(rec app) {
	v := &p.view
	for _, b := range p.manifest.Update.Breaking {
		from, to := v.From.Version, v.To.Version
		if b.Service != "" {
			from, to = catalog.TagOf(rec.Recipe.Images[b.Service]), catalog.TagOf(p.images[b.Service])
			if p.images[b.Service] == rec.Recipe.Images[b.Service] {
				continue
			}
		}
		if b.Concerns(from, to) {
			v.Breaking = append(v.Breaking, BreakingChange{Service: SafeText(b.Service, 64), Note: SafeText(b.Note, 0), Action: b.Action})
			v.Confirm = v.Confirm || b.Action == "confirm"
		}
	}
}

// updateValues carries the app's values over: what is new gets its default, its
// generated value, or has to be given.
func (c *Core) updateValues(p *updatePlan, rec app, given map[string]string) error {
	secret, err := c.secretsOf(rec)
	if err != nil {
		return err
	}
	old := catalog.Values{}
	maps.Copy(old, rec.Values)
	maps.Copy(old, secret)
	values, err := p.manifest.ResolveChange(old, given)
	var bad catalog.FieldErrors
	if errors.As(err, &bad) {
		for _, e := range bad {
			p.problem(invalid("values."+SafeText(e.Field, 40), "give it with --set "+SafeText(e.Field, 40)+"=…", "%s", SafeText(e.Reason, 200)))
		}
		return nil
	}
	if err != nil {
		return err
	}
	for _, f := range p.manifest.Fields {
		if f.Generate != nil && values[f.Key] == "" {
			p.view.Secrets = append(p.view.Secrets, f.Key)
		}
	}
	p.values = values
	return nil
}

// judge says what stands in the way of an update now.
func (p *updatePlan) judge(rec app) {
	for _, b := range p.view.Breaking {
		if b.Action == "block" {
			p.problem(&Error{Field: "breaking", Text: b.Note, Hint: "this step cannot be taken from here: deploy a new app and move the data"})
		}
	}
	if p.manifest.OS() != rec.OS && rec.OS != "" {
		p.problem(&Error{Field: "os", Text: fmt.Sprintf("the new recipe wants a %s container, %s is %s", p.manifest.OS(), rec.Hostname, rec.OS), Hint: "deploy a new app and move the data"})
	}
	switch {
	case rec.VMID == 0:
		p.problem(&Error{Text: rec.Hostname + " has no container", Hint: "deploy it again"})
	case rec.Status == StatusStopped:
		p.problem(&Error{Text: rec.Hostname + " is not running", Hint: "start it first: whether the update works can be seen only then"})
	case rec.Status != StatusRunning:
		p.problem(&Error{Text: fmt.Sprintf("%s is %s", rec.Hostname, rec.Status), Hint: "wait until it runs, or mend it first"})
	}
}

// digest names the update: what was shown can be asked for, and nothing else.
func (p *updatePlan) digest() string {
	doc, _ := json.Marshal([]any{p.view.From, p.view.To, p.images, p.manifest.DockerCompose}) // plain data: cannot fail
	sum := sha256.Sum256(doc)
	return hex.EncodeToString(sum[:8])
}

// UpdateApp updates an app: a backup first, then the new images and files; when
// the app does not answer afterwards it goes back by itself.
func (c *Core) UpdateApp(ctx context.Context, a Actor, name string, r UpdateRequest) (JobView, error) {
	p, err := c.checkUpdate(ctx, a, name, r.Values)
	var job jobs.Job
	if err == nil { // who is at it says more than "it is updating"
		err = c.store.View(func(tx *store.Tx) error { return c.idle(tx, p.next) })
	}
	if err == nil {
		err = p.allows(r)
	}
	if err == nil {
		err = c.store.Update(func(tx *store.Tx) error {
			job, err = c.updateTx(tx, a, p)
			return err
		})
	}
	if err != nil {
		c.audit(a, "app.update", name, err, "")
		return JobView{}, err
	}
	return jobView(job), nil
}

// allows refuses an update that is not there, cannot be done, or was not meant.
func (p *updatePlan) allows(r UpdateRequest) error {
	v := &p.view
	switch {
	case !v.Available:
		text := v.Hostname + " is up to date"
		if len(v.Unknown) > 0 {
			text += ", as far as can be told: " + v.Unknown[0]
		}
		return &Error{Kind: ErrConflict, Text: text, Hint: "`update " + v.Hostname + " --check` tells what was looked at"}
	case len(v.Problems) > 0:
		f := v.Problems[0]
		kind := ErrConflict
		if f.Field != "" && f.Field != "breaking" && f.Field != "os" {
			kind = ErrInvalid
		}
		return &Error{Kind: kind, Field: f.Field, Text: f.Text, Hint: f.Hint}
	case r.Digest != "" && r.Digest != v.Digest:
		return &Error{Kind: ErrConflict, Field: "digest", Text: "there is another update for " + v.Hostname + " now than the one that was shown", Hint: "look at it again: update " + v.Hostname + " --check"}
	case v.Confirm && !r.Yes:
		for _, b := range v.Breaking {
			if b.Action == "confirm" {
				return &Error{Kind: ErrInvalid, Field: "yes", Text: b.Note, Hint: "add --yes if you mean it"}
			}
		}
	}
	return nil
}

func (c *Core) updateTx(tx *store.Tx, a Actor, p *updatePlan) (jobs.Job, error) {
	rec, err := c.apps.Get(tx, p.next.ID)
	if err != nil {
		return jobs.Job{}, err
	}
	d := updating{App: rec.ID, InternalPort: p.manifest.InternalPort(), WayBack: p.view.WayBack, Backup: p.view.Backup}
	if d.Recipe, err = c.keepRecipe(tx, p.manifest); err != nil {
		return jobs.Job{}, err
	}
	d.Recipe.Version = p.view.To.Version
	if err := p.manifest.Generate(p.values); err != nil {
		return jobs.Job{}, fmt.Errorf("generate secrets: %w", err)
	}
	next := rec
	if err := c.sealValues(&next, p.manifest, p.values); err != nil {
		return jobs.Job{}, err
	}
	d.Values, d.Sealed = next.Values, next.Sealed
	job, err := c.engine.Enqueue(tx, jobs.Spec{Kind: "update", Subject: rec.ID, SubjectTitle: rec.Hostname, Owner: a.User, OwnerVia: string(a.Via),
		Title: "update " + rec.Hostname, Data: d})
	if err != nil {
		return jobs.Job{}, busy(err)
	}
	if rec.Status != StatusRunning || rec.Recipe.Manifest != p.next.Recipe.Manifest || !maps.Equal(rec.Recipe.Images, p.next.Recipe.Images) {
		return jobs.Job{}, &Error{Kind: ErrConflict, Text: rec.Hostname + " has changed meanwhile", Hint: "look at the update again: update " + rec.Hostname + " --check"}
	}
	rec.setStatus(StatusUpdating, c.now())
	if err := c.putApp(tx, rec); err != nil {
		return jobs.Job{}, err
	}
	return job, c.auditTx(tx, a, "app.update", rec.Hostname, nil, fmt.Sprintf("job %d from revision %d (%s) to %d (%s)", job.ID, p.view.From.Revision, p.view.From.Version, p.view.To.Revision, p.view.To.Version))
}
