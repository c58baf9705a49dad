package tui

import (
	"context"
	"fmt"
	"math"
	"strings"
	"sync"
	"time"

	"proximity/core"
)

// scripted is a core that says what the test wrote. With a gate, everything
// that is not memory waits until the gate opens, or the context ends.
type scripted struct {
	mu      sync.Mutex
	world   *core.World
	items   []core.CatalogueItem
	check   core.DeployCheck
	place   []byte
	prefs   []byte
	calls   map[string]int
	deploys []core.DeployRequest
	deeds   []string         // "verb id" of every DoApp
	refuse  map[string]error // by app id: what DoApp answers
	logs    []core.LogLine
	appLog  []string
	present []core.Presence
	left    int
	gate    chan struct{}
	mailbox chan struct{}
	blocked chan struct{} // a call says here that it now waits for its context
	fail    error         // of every call that can fail
	options []core.DeleteOptions
	changes []core.ConfigChange

	overtaken string // somebody was faster: what ConfigureApp answers
	adopts    []core.AdoptRequest
	found     []core.FoundGuest
	records   []core.AuditView // newest first
	chain     core.AuditCheck
	past      []core.JobView
	backups   []core.BackupView // newest first
	schedules []core.ScheduleView
	marks     []core.PruneMark
}

func (s *scripted) called(name string) {
	s.mu.Lock()
	if s.calls == nil {
		s.calls = map[string]int{}
	}
	s.calls[name]++
	gate := s.gate
	s.mu.Unlock()
	if gate != nil {
		<-gate
	}
}

func (s *scripted) count(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[name]
}

func (s *scripted) World(core.Actor) *core.World {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.world
}

func (s *scripted) Watch(context.Context) <-chan struct{} { return s.mailbox }

func (s *scripted) History(_ core.Actor, object string) []core.Sample {
	n := 0
	for _, r := range object {
		n += int(r)
	}
	out := make([]core.Sample, 60)
	for i := range out {
		v := 0.5 + 0.45*math.Sin(float64(i+n)/5)
		out[i] = core.Sample{At: ago(time.Duration(60-i) * time.Minute), CPU: v, Mem: 0.4 + v/4}
	}
	return out
}

func (s *scripted) Catalogue(query, category string) []core.CatalogueItem {
	var out []core.CatalogueItem
	for _, it := range s.items {
		if (category == "" || it.Category == category) && strings.Contains(strings.ToLower(it.Name+it.Tagline), strings.ToLower(query)) {
			out = append(out, it)
		}
	}
	return out
}

func (s *scripted) Categories() []core.CategoryView {
	var out []core.CategoryView
	for _, it := range s.items {
		known := false
		for i := range out {
			if out[i].Name == it.Category {
				out[i].Count++
				known = true
			}
		}
		if !known {
			out = append(out, core.CategoryView{Name: it.Category, Count: 1})
		}
	}
	return out
}

func (s *scripted) CatalogueItem(id string) (core.CatalogueItem, error) {
	for _, it := range s.items {
		if it.ID == id {
			return it, nil
		}
	}
	return core.CatalogueItem{}, &core.Error{Kind: core.ErrNotFound, Text: "no app \"" + id + "\" in the catalogue", Hint: "`catalog` lists what there is"}
}

// SimilarItems are those of the same category.
func (s *scripted) SimilarItems(id string) []core.CatalogueItem {
	var out []core.CatalogueItem
	it, _ := s.CatalogueItem(id)
	for _, other := range s.items {
		if other.Category == it.Category && other.ID != id {
			out = append(out, other)
		}
	}
	return out
}

func (s *scripted) WelcomeNote(_ context.Context, _ core.Actor, name string) (string, error) {
	s.called("WelcomeNote")
	return "Sign in to " + name + " with open sesame.", s.fail
}

func (s *scripted) CheckDeploy(_ core.Actor, r core.DeployRequest) core.DeployCheck {
	s.called("CheckDeploy")
	ck := s.check
	ck.Command = "deploy " + r.CatalogID + " --hostname " + r.Hostname
	if r.MemoryMB > 0 {
		ck.MemoryMB = r.MemoryMB
	}
	if r.MemoryMB > 9000 {
		ck.Problems = []core.FieldProblem{{Field: "memory_mb", Text: "no node has 9000 MB free", Hint: "pve3 has 8192 MB"}}
	}
	for _, a := range s.World(core.Actor{}).Apps {
		if a.Hostname == r.Hostname {
			ck.Problems = append(ck.Problems, core.FieldProblem{Field: "hostname", Text: "\"" + r.Hostname + "\" is taken", Hint: "choose another"})
		}
	}
	return ck
}

func (s *scripted) DeployApp(_ context.Context, a core.Actor, r core.DeployRequest) (core.AppView, core.JobView, error) {
	s.called("DeployApp")
	if s.fail != nil {
		return core.AppView{}, core.JobView{}, s.fail
	}
	s.mu.Lock()
	s.deploys = append(s.deploys, r)
	w := *s.world
	app := core.AppView{ID: r.CatalogID + "-0000beef", CatalogID: r.CatalogID, Hostname: r.Hostname, Status: core.StatusDeploying, Owner: a.User}
	j := core.JobView{ID: 900, Kind: "deploy", Title: "deploy " + r.Hostname, AppID: app.ID, Target: r.Hostname, Owner: a.User, State: "running", StartedAt: noon, Step: 1, Steps: deploySteps(1)}
	w.Apps = append([]core.AppView{app}, w.Apps...)
	w.Jobs = append([]core.JobView{j}, w.Jobs...)
	s.world = &w
	s.mu.Unlock()
	return app, j, nil
}

// DoApp begins a job that stays at its first step, as core would.
func (s *scripted) DoApp(_ context.Context, a core.Actor, v core.AppVerb, id string) (core.JobView, error) {
	s.called("DoApp")
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deeds = append(s.deeds, string(v)+" "+id)
	if s.calls == nil {
		s.calls = map[string]int{}
	}
	s.calls["DoApp "+string(v)]++
	if s.fail != nil {
		return core.JobView{}, s.fail
	}
	if err := s.refuse[id]; err != nil {
		return core.JobView{}, err
	}
	w := *s.world
	w.Apps = append([]core.AppView(nil), w.Apps...)
	for i := range w.Apps {
		x := &w.Apps[i]
		if x.ID != id {
			continue
		}
		j := core.JobView{ID: uint64(900 + len(s.deeds)), Kind: string(v), Title: string(v) + " " + x.Hostname, AppID: id, Target: x.Hostname, Owner: a.User, State: "running", CreatedAt: noon, StartedAt: noon, Step: 1,
			Steps: []core.StepView{{Name: "s", Title: "shut the container down", State: "running"}, {Name: "t", Title: string(v) + " the container", State: "pending"}}}
		x.Job = &core.JobRef{ID: j.ID, Kind: j.Kind, State: j.State, Step: 1, Steps: 2, Title: j.Steps[0].Title}
		if v == core.DeleteApp {
			x.Status = core.StatusRemoving
		}
		w.Jobs = append([]core.JobView{j}, w.Jobs...)
		s.world = &w
		return j, nil
	}
	return core.JobView{}, &core.Error{Kind: core.ErrNotFound, Text: "there is no app " + id}
}

func (s *scripted) AppLogs(ctx context.Context, _ core.Actor, _ string, _ int, follow bool, line func(string)) error {
	s.called("AppLogs")
	for _, l := range s.appLog {
		line(l)
	}
	if s.fail != nil || !follow {
		return s.fail
	}
	s.blocked <- struct{}{}
	<-ctx.Done()
	return ctx.Err()
}

// AppHistory is a working day: nothing before a quarter of the period, a gap
// in the middle where the app was stopped, and busy twice.
func (s *scripted) AppHistory(_ context.Context, _ core.Actor, name string, period core.Period) (core.HistoryView, error) {
	s.called("AppHistory " + string(period))
	if s.fail != nil {
		return core.HistoryView{}, s.fail
	}
	points := map[core.Period]int{"hour": 60, "day": 1440, "week": 336, "month": 1440, "year": 1440}[period]
	to := noon.Truncate(time.Minute)
	v := core.HistoryView{App: name, Hostname: "adguard", Node: "pve1", Period: period, From: to.Add(-period.Length()), To: to}
	f := func(x float64) *float64 { return &x }
	for i := range points {
		p := core.HistoryPoint{Time: to.Add(-period.Length() * time.Duration(points-1-i) / time.Duration(points))}
		at := float64(i) / float64(points-1)
		if at >= 0.2 {
			p.MaxMem, p.MaxDisk = f(512*float64(mib)), f(8192*float64(mib))
			if at < 0.5 || at > 0.55 {
				wave := (1 - math.Cos(at*4*math.Pi)) / 2
				p.CPU, p.Mem, p.Disk = f(0.01+0.16*wave*wave), f((180+120*wave)*float64(mib)), f((5000+1200*at)*float64(mib))
				p.NetIn, p.NetOut = f(2000+30000*wave), f(500+90000*wave*wave)
			}
		}
		v.Points = append(v.Points, p)
	}
	return v, nil
}

func (s *scripted) DeleteApp(ctx context.Context, a core.Actor, id string, o core.DeleteOptions) (core.JobView, error) {
	s.called("DeleteApp")
	s.mu.Lock()
	s.options = append(s.options, o)
	s.mu.Unlock()
	return s.DoApp(ctx, a, core.DeleteApp, id)
}

func (s *scripted) Settings() core.Settings { return core.Settings{DeleteWait: 600} }

func (s *scripted) Undo(_ context.Context, _ core.Actor, id uint64) (core.JobView, error) {
	s.called("Undo")
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deeds = append(s.deeds, fmt.Sprint("undo ", id))
	return core.JobView{ID: id}, s.fail
}

func (s *scripted) AppConfig(_ context.Context, _ core.Actor, id string) (core.ConfigView, error) {
	s.called("AppConfig")
	v := core.ConfigView{App: id, Hostname: "gitea", Cores: 2, MemoryMB: 2048, SwapMB: 512, DiskGB: 20, Revision: "mine"}
	if s.count("ConfigureApp") > 0 && s.overtaken != "" {
		v.Cores, v.Revision = 4, "theirs"
	}
	for _, f := range shelf()[4].Fields {
		v.Fields = append(v.Fields, core.ConfigField{FieldView: f, Value: f.Default, Set: f.Default != "" || f.Secret, Immutable: f.Key == "ADMIN_USER"})
	}
	return v, s.fail
}

func (s *scripted) CheckConfig(_ core.Actor, _ string, ch core.ConfigChange) core.ConfigCheck {
	s.called("CheckConfig")
	var ck core.ConfigCheck
	if ch.MemoryMB != nil {
		ck.Changes = append(ck.Changes, fmt.Sprintf("memory 2048 → %d MB", *ch.MemoryMB))
		if *ch.MemoryMB > 9000 {
			ck.Problems = []core.FieldProblem{{Field: "memory_mb", Text: "pve1 has 9000 MB free", Hint: "give it less"}}
		}
	}
	for k := range ch.Values {
		ck.Changes, ck.Inside = append(ck.Changes, k), true
	}
	return ck
}

func (s *scripted) ConfigureApp(_ context.Context, _ core.Actor, id string, ch core.ConfigChange) (core.JobView, error) {
	s.called("ConfigureApp")
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changes = append(s.changes, ch)
	if s.overtaken != "" && ch.Base != "theirs" {
		return core.JobView{}, &core.Error{Kind: core.ErrConflict, Field: "base", Text: s.overtaken, Hint: "look again"}
	}
	return core.JobView{ID: 950, Kind: "configure", Title: "configure gitea", AppID: id, Owner: "ops", State: "running"}, s.fail
}

func (s *scripted) Discover(context.Context, core.Actor, string) ([]core.FoundGuest, error) {
	s.called("Discover")
	return s.found, s.fail
}

func (s *scripted) Adopt(_ context.Context, a core.Actor, r core.AdoptRequest) (core.AppView, core.JobView, error) {
	s.called("Adopt")
	s.mu.Lock()
	defer s.mu.Unlock()
	s.adopts = append(s.adopts, r)
	if s.fail != nil {
		return core.AppView{}, core.JobView{}, s.fail
	}
	id := fmt.Sprint("custom-0000", r.VMID)
	w := *s.world
	w.Apps = append([]core.AppView{{ID: id, CatalogID: "custom", Hostname: r.Hostname, Status: core.StatusAdopting, Owner: a.User, Host: r.Host, Node: r.Node, VMID: r.VMID, Adopted: true}}, w.Apps...)
	j := core.JobView{ID: uint64(700 + len(s.adopts)), Kind: "adopt", Title: "adopt " + r.Hostname, AppID: id, Owner: a.User, State: "running", CreatedAt: noon, StartedAt: noon}
	w.Jobs = append([]core.JobView{j}, w.Jobs...)
	s.world = &w
	return w.Apps[0], j, nil
}

func (s *scripted) Audit(_ context.Context, _ core.Actor, f core.AuditFilter) ([]core.AuditView, error) {
	s.called("Audit")
	var out []core.AuditView
	for _, v := range s.records {
		if f.Before == 0 || v.Seq < f.Before {
			out = append(out, v)
		}
	}
	return out[:min(len(out), f.Limit)], s.fail
}

func (s *scripted) VerifyAudit(context.Context, core.Actor) (core.AuditCheck, error) {
	s.called("VerifyAudit")
	return s.chain, s.fail
}

func (s *scripted) Jobs(context.Context, core.Actor, core.JobFilter) ([]core.JobView, error) {
	s.called("Jobs")
	return s.past, s.fail
}

func (s *scripted) AppSecrets(context.Context, core.Actor, string) (map[string]string, error) {
	s.called("AppSecrets")
	return map[string]string{"ADMIN_PASSWORD": "hunter2", "TOKEN": "t0k3n"}, s.fail
}

func (s *scripted) Job(_ context.Context, _ core.Actor, id uint64) (core.JobView, error) {
	s.called("Job")
	if s.fail != nil {
		return core.JobView{}, s.fail
	}
	return core.JobView{ID: id, Kind: "deploy", Title: "deploy old", Owner: "ops", State: "succeeded", Ended: true, StartedAt: ago(90 * time.Hour), EndedAt: ago(89 * time.Hour)}, nil
}

func (s *scripted) JobLog(_ context.Context, _ core.Actor, id, after uint64, _ int) ([]core.LogLine, error) {
	s.called("JobLog")
	var out []core.LogLine
	for _, l := range s.logs {
		if l.Seq > after {
			l.Job = id
			out = append(out, l)
		}
	}
	return out, s.fail
}

func (s *scripted) CancelJob(context.Context, core.Actor, uint64) (core.JobView, error) {
	s.called("CancelJob")
	return core.JobView{}, s.fail
}

func (s *scripted) Refresh(string) { s.called("Refresh") }

func (s *scripted) Place(_ core.Actor, key string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if key == prefsKey {
		return s.prefs
	}
	return s.place
}

func (s *scripted) Present() []core.Presence { s.called("Present"); return s.present }
func (s *scripted) Enter(core.Actor) (func(string), func()) {
	return func(string) { s.called("move") }, func() { s.mu.Lock(); s.left++; s.mu.Unlock() }
}

func (s *scripted) SavePlace(_ core.Actor, key string, b []byte) error {
	s.called("SavePlace")
	s.mu.Lock()
	defer s.mu.Unlock()
	if key == prefsKey {
		s.prefs = b
		return nil
	}
	s.place = b
	return nil
}

func (s *scripted) SettingsList() []core.SettingView {
	return []core.SettingView{
		{Key: "cores", Value: "2", Default: "2", Help: "of apps that ask for none"}, {Key: "memory", Value: "4096", Default: "2048", Help: "MB, of apps that ask for none"},
		{Key: "bridge", Value: "vmbr0", Default: "vmbr0", Help: "that new containers are connected to"}, {Key: "dns", Value: "8.8.8.8, 8.8.4.4", Default: "8.8.8.8, 8.8.4.4", Help: "one or two name servers"},
	}
}

func (s *scripted) SetSetting(_ context.Context, _ core.Actor, name, text string) (core.Settings, error) {
	return core.Settings{}, s.deed("SetSetting", name+"="+text)
}

func (s *scripted) About() core.About {
	return core.About{Version: "0.1.0", Started: ago(50 * time.Hour), HostKey: "SHA256:hostkeyhostkeyhostkeyhostkeyhostkeyhostkey00", PublicHost: "home.lan", Registration: core.RegistrationFirst, Installation: "0123456789abcdef"}
}

// deed notes what was asked for, or fails as the test wants.
func (s *scripted) deed(call, what string) error {
	s.called(call)
	if s.fail != nil {
		return s.fail
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deeds = append(s.deeds, call+" "+what)
	return nil
}
