package tui

import (
	"context"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"

	"proximity/core"
)

// noon is the moment the scripted world stands at.
var noon = time.Date(2026, 11, 24, 14, 32, 7, 0, time.UTC)

func ago(d time.Duration) time.Time { return noon.Add(-d) }

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
	plans     []core.ScheduleView
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
	return core.CatalogueItem{}, &core.Error{Kind: core.ErrNotFound, Text: "no app \"" + id + "\" in the catalog", Hint: "catalog lists them"}
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

func (s *scripted) Users(_ context.Context, a core.Actor) ([]core.UserView, error) {
	s.called("Users")
	all := []core.UserView{
		{ID: 3, Name: "ci", Role: core.RoleOperator, Keys: 1, Tokens: 1, LastLogin: ago(2 * time.Hour), LastFrom: "10.0.0.30", CreatedAt: ago(900 * time.Hour)},
		{ID: 2, Name: "dev", Role: core.RoleUser, Keys: 1, Apps: 2, Email: "dev@example.org", LastLogin: ago(70 * time.Hour), LastFrom: "10.0.0.9", CreatedAt: ago(900 * time.Hour)},
		{ID: 1, Name: "ops", Role: core.RoleAdmin, Keys: 2, Tokens: 1, Password: true, LastLogin: ago(time.Minute), LastFrom: "10.0.0.4", CreatedAt: ago(1000 * time.Hour)},
	}
	if a.May(core.VerbReadUsers, "") != nil {
		all = all[2:]
	}
	return all, s.fail
}

func (s *scripted) UserKeys(context.Context, core.Actor, string) ([]core.KeyView, error) {
	s.called("UserKeys")
	return []core.KeyView{
		{Fingerprint: "SHA256:9Q2lXf0000000000000000000000000000000000000", Type: "ssh-ed25519", User: "ops", Comment: "laptop", AddedAt: ago(960 * time.Hour), AddedBy: "ops", LastUsed: ago(time.Second), LastFrom: "10.0.0.4"},
		{Fingerprint: "SHA256:b71fQe0000000000000000000000000000000000000", Type: "ssh-ed25519", User: "ops", Comment: "yubikey", AddedAt: ago(290 * time.Hour), AddedBy: "ops", LastUsed: ago(4 * time.Hour)},
		{Fingerprint: "SHA256:dev0000000000000000000000000000000000000000", Type: "ssh-rsa", User: "dev", AddedAt: ago(290 * time.Hour), AddedBy: "ops"},
		{Fingerprint: "SHA256:ci00000000000000000000000000000000000000000", Type: "ssh-ed25519", User: "ci", Comment: "runner", AddedAt: ago(290 * time.Hour), AddedBy: "ops"},
	}, s.fail
}

func (s *scripted) Tokens(context.Context, core.Actor) ([]core.TokenView, error) {
	s.called("Tokens")
	return []core.TokenView{
		{ID: 3, Name: "nightly", User: "ops", Scope: core.ScopeRead, CreatedAt: ago(20 * time.Hour), LastUsed: ago(3 * time.Hour), LastFrom: "10.0.0.30"},
		{ID: 4, Name: "pipeline", User: "ci", Scope: core.ScopeWrite, CreatedAt: ago(20 * time.Hour), Expired: true},
	}, s.fail
}

func (s *scripted) Knocks(context.Context, core.Actor) ([]core.KnockView, error) {
	s.called("Knocks")
	return []core.KnockView{{Fingerprint: "SHA256:Zz041M0000000000000000000000000000000000000", Type: "ssh-ed25519", Name: "ops@phone", From: "10.8.0.7", Count: 3, First: ago(time.Hour), Last: ago(5 * time.Minute)}}, s.fail
}

func (s *scripted) AddUser(_ context.Context, _ core.Actor, name string, role core.Role, lines []string) error {
	return s.deed("AddUser", fmt.Sprint(name, " ", role, " ", len(lines)))
}

func (s *scripted) SetRole(_ context.Context, _ core.Actor, name string, role core.Role) error {
	return s.deed("SetRole", name+" "+string(role))
}

func (s *scripted) SetProfile(_ context.Context, _ core.Actor, name string, p core.Profile) (core.UserView, error) {
	return core.UserView{}, s.deed("SetProfile", name+" "+p.Email)
}

func (s *scripted) SetPassword(_ context.Context, _ core.Actor, name, password string) error {
	return s.deed("SetPassword", name+" "+password)
}

func (s *scripted) EndSessions(_ context.Context, _ core.Actor, name string) (int, error) {
	return 1, s.deed("EndSessions", name)
}

func (s *scripted) RemoveUser(_ context.Context, _ core.Actor, name, heir string) error {
	return s.deed("RemoveUser", name+heir)
}

func (s *scripted) AddKeys(_ context.Context, _ core.Actor, name string, _ []string) error {
	return s.deed("AddKeys", name)
}

func (s *scripted) RevokeKey(_ context.Context, _ core.Actor, fingerprint string) error {
	return s.deed("RevokeKey", fingerprint)
}

func (s *scripted) ApproveKey(_ context.Context, _ core.Actor, fingerprint, name string, role core.Role) error {
	return s.deed("ApproveKey", fingerprint[:13]+" "+name+" "+string(role))
}

func (s *scripted) DenyKey(_ context.Context, _ core.Actor, fingerprint string) error {
	return s.deed("DenyKey", fingerprint[:13])
}

func (s *scripted) CreateToken(_ context.Context, _ core.Actor, name string, scope core.Scope, life time.Duration) (core.TokenView, error) {
	return core.TokenView{ID: 5, Name: name, Scope: scope, Secret: "px_secretsecretsecret"}, s.deed("CreateToken", name+" "+string(scope)+" "+life.String())
}

func (s *scripted) RevokeToken(_ context.Context, _ core.Actor, id uint64) error {
	return s.deed("RevokeToken", fmt.Sprint(id))
}

func deploySteps(at int) []core.StepView {
	titles := []string{"choose a node", "reserve a container number", "fetch the template debian-12", "create the container", "start the container", "find its address", "install docker", "try docker out", "start immich", "wait until it answers", "open port 8104", "finish"}
	steps := make([]core.StepView, len(titles))
	for i, t := range titles {
		steps[i] = core.StepView{Name: fmt.Sprint("s", i), Title: t, State: "pending"}
		begin := ago(time.Duration(len(titles)-i) * 12 * time.Second)
		switch {
		case i+1 < at:
			steps[i].State, steps[i].StartedAt, steps[i].EndedAt = "done", begin, begin.Add(11*time.Second+300*time.Millisecond)
		case i+1 == at:
			steps[i].State, steps[i].StartedAt, steps[i].Progress, steps[i].Note = "running", ago(52*time.Second), 0.58, "61 of 104 packages"
		}
	}
	return steps
}

const mib = int64(1) << 20

func running(cpu float64, mem, max int64, up time.Duration) *core.Metrics {
	return &core.Metrics{CPU: cpu, Cores: 2, Mem: mem * mib, MaxMem: max * mib, Disk: 6200 * mib, MaxDisk: 20480 * mib, Uptime: int64(up.Seconds()), Net: &core.Traffic{In: 12e3, Out: 40e3}}
}

// homelab is a world with a bit of everything: good, busy, broken, stale.
func homelab() *core.World {
	app := func(host, item, name, version, node string, vmid int, m *core.Metrics) core.AppView {
		return core.AppView{
			ID: item + "-" + fmt.Sprintf("%08x", vmid), CatalogID: item, Name: name, Version: version, Hostname: host, Status: core.StatusRunning,
			Owner: "ops", Host: "homelab", Node: node, VMID: vmid, Address: fmt.Sprintf("10.0.0.%d", vmid-90), PublicPort: 8000 + vmid, InternalPort: 3000,
			URL: fmt.Sprintf("http://home.lan:%d", 8000+vmid), Cores: 2, MemoryMB: 2048, DiskGB: 20, SwapMB: 512, OS: "debian-12", Storage: "local-lvm",
			CreatedAt: ago(300 * time.Hour), UpdatedAt: ago(72 * time.Hour), ChangedAt: ago(290 * time.Hour), Metrics: m,
			Protection: &core.Protection{State: "protected", Backups: 2, Size: 3 << 30, Last: ago(12 * time.Hour), LastID: 41, Next: noon.Add(11*time.Hour + 28*time.Minute), Schedule: "nightly", Keep: "daily 7, weekly 4"},
		}
	}
	w := &core.World{At: noon}
	w.Hosts = []core.HostView{
		{Name: "homelab", URL: "https://10.0.0.2:8006", Auth: "token", User: "prox@pve!console", Default: true, Fingerprint: "3F:A1:07:9C", SSHUser: "root", SSHPort: 22, Cluster: "homelab", State: "online", LastSeen: ago(time.Second), Nodes: 2, NodesOnline: 2, Apps: 8},
		{Name: "barn", URL: "https://10.1.0.2:8006", Auth: "password", User: "root@pam", State: "unreachable", Error: "connect timed out (10.1.0.2:8006)", Since: ago(2 * time.Minute), LastSeen: ago(125 * time.Second), NextTry: noon.Add(28 * time.Second), Tries: 6, Nodes: 1, Apps: 1},
	}
	stores := []core.StorageView{{Name: "local-lvm", Type: "lvmthin", Content: []string{"rootdir", "images"}, Used: 340 << 30, Total: 500 << 30, Active: true}, {Name: "nas", Type: "nfs", Content: []string{"backup", "vztmpl"}, Used: 1920 << 30, Total: 2000 << 30, Active: true, Shared: true}}
	w.Nodes = []core.NodeView{
		{Host: "homelab", Name: "pve1", State: "online", Metrics: &core.Metrics{CPU: 0.41, Cores: 16, Mem: 45 << 30, MaxMem: 64 << 30, Disk: 77 << 30, MaxDisk: 100 << 30, Uptime: 12 * 86400}, AsOf: ago(time.Second), Apps: 5, Guests: 14, FreeMB: 19456, FreeDiskGB: 160, FreeStorage: "local-lvm", Promised: 2048, Storages: stores},
		{Host: "homelab", Name: "pve3", State: "online", Metrics: &core.Metrics{CPU: 0.12, Cores: 8, Mem: 14 << 30, MaxMem: 32 << 30, Disk: 61 << 30, MaxDisk: 100 << 30, Uptime: 40 * 86400}, AsOf: ago(time.Second), Apps: 3, Guests: 5, FreeMB: 8192, FreeDiskGB: 160, FreeStorage: "local-lvm", Storages: stores[:1]},
		{Host: "barn", Name: "barn1", State: "unreachable", Metrics: &core.Metrics{CPU: 0.38, Cores: 4, Mem: 9 << 30, MaxMem: 16 << 30, Disk: 70 << 30, MaxDisk: 100 << 30, Uptime: 9 * 86400}, Stale: true, AsOf: ago(125 * time.Second), Apps: 1, Guests: 3},
	}
	gitea := app("gitea", "gitea", "Gitea", "1.22.3", "pve1", 107, running(0.04, 412, 1024, 290*time.Hour))
	gitea.Notes = "Open the web address and create the first account: it becomes the administrator. SSH clones use port 2222."
	jelly := app("jellyfin", "jellyfin", "Jellyfin", "10.10", "pve1", 121, nil)
	gitea.Protection = &core.Protection{State: "overdue", Backups: 3, Size: 5 << 30, Last: ago(36 * time.Hour), LastID: 39, Next: noon.Add(11*time.Hour + 28*time.Minute), Schedule: "nightly", Keep: "daily 7, weekly 4",
		Alert: "backup failed: storage nas: no space left on device", Since: ago(12 * time.Hour)}
	jelly.Protection = nil
	jelly.Status, jelly.URL, jelly.Job, jelly.ChangedAt = core.StatusDeploying, "", &core.JobRef{ID: 482, Kind: "deploy", State: "running", Step: 7, Steps: 12, Title: "install docker", Progress: 0.64}, ago(134*time.Second)
	kuma := app("uptime-kuma", "uptime-kuma", "Uptime Kuma", "1.23", "pve1", 115, nil)
	kuma.Status, kuma.Error, kuma.Hint = core.StatusError, "the app did not answer on port 3001 within 5 minutes", "look at its log with l, or delete it and deploy again"
	wiki := app("wiki", "dokuwiki", "DokuWiki", "2025", "barn1", 130, running(0.02, 210, 1024, 99*time.Hour))
	wiki.Host, wiki.Stale, wiki.AsOf = "barn", true, ago(125*time.Second)
	blog := app("blog", "ghost", "Ghost", "5.96", "pve3", 119, &core.Metrics{MaxMem: 1024 * mib})
	blog.Status = core.StatusStopped
	blog.Protection = &core.Protection{State: "unprotected"}
	post := app("postgres", "postgres", "PostgreSQL", "16", "pve3", 102, running(0.12, 820, 2048, 960*time.Hour))
	post.Drift = "stopped outside Proximity"
	w.Apps = []core.AppView{
		app("adguard", "adguard", "AdGuard Home", "0.107", "pve1", 103, running(0.02, 180, 512, 290*time.Hour)), blog, gitea,
		app("immich", "immich", "Immich", "1.119", "pve1", 118, running(0.83, 3900, 4096, 70*time.Hour)), jelly,
		app("paperless", "paperless", "Paperless-ngx", "2.12", "pve3", 109, running(0.01, 600, 1024, 290*time.Hour)), post, kuma, wiki,
	}
	w.Jobs = []core.JobView{
		{ID: 482, Kind: "deploy", Title: "deploy jellyfin", AppID: jelly.ID, Target: "jellyfin", Owner: "ops", State: "running", Progress: 0.64, Step: 7, Steps: deploySteps(7), CreatedAt: ago(134 * time.Second), StartedAt: ago(134 * time.Second)},
		{ID: 483, Kind: "deploy", Title: "deploy notes", Target: "notes", Owner: "dev", State: "waiting", Waiting: "waiting for host barn", RetryAt: noon.Add(40 * time.Second), CreatedAt: ago(66 * time.Second), StartedAt: ago(66 * time.Second), Step: 1, Steps: deploySteps(1)},
		{ID: 480, Kind: "deploy", Title: "deploy paperless", AppID: "paperless-0000006d", Owner: "ops", State: "succeeded", Ended: true, Progress: 1, CreatedAt: ago(12 * time.Minute), StartedAt: ago(12 * time.Minute), EndedAt: ago(10 * time.Minute), Steps: deploySteps(13), Step: 12},
		{ID: 471, Kind: "deploy", Title: "deploy uptime-kuma", AppID: kuma.ID, Owner: "dev", State: "failed", Ended: true, Error: "the app did not answer on port 3001 within 5 minutes", Hint: "look at its log with l, or delete it and deploy again", Left: "container 115 on pve1 is left for you to look at", CreatedAt: ago(5 * time.Hour), StartedAt: ago(5 * time.Hour), EndedAt: ago(5*time.Hour - 7*time.Minute), Step: 10, Steps: deploySteps(10)},
		{ID: 460, Kind: "deploy", Title: "deploy blog", AppID: blog.ID, Owner: "dev", State: "cancelled", Ended: true, CancelBy: "dev", CreatedAt: ago(70 * time.Hour), StartedAt: ago(70 * time.Hour), EndedAt: ago(70*time.Hour - 48*time.Second)},
	}
	w.Alerts = []core.Alert{
		{Level: "error", Text: "host barn does not answer: connect timed out", Since: ago(2 * time.Minute), Object: "host/barn"},
		{Level: "error", Text: "uptime-kuma: the app did not answer on port 3001", Since: ago(5 * time.Hour), Object: "app/" + kuma.ID},
		{Level: "warning", Text: "storage nas on pve1 is 96 % full", Since: ago(26 * time.Hour), Object: "node/homelab/pve1"},
	}
	w.Protected, w.BackupsRev = core.Protected{Apps: 8, Protected: 6, Newest: ago(12 * time.Hour), Oldest: ago(36 * time.Hour), Next: noon.Add(11*time.Hour + 28*time.Minute), Schedules: 1}, 1
	w.Totals = core.Totals{CPU: 0.31, Cores: 24, Mem: 59 << 30, MaxMem: 96 << 30, Disk: 138 << 30, MaxDisk: 200 << 30, Net: &core.Traffic{In: 12.4e6, Out: 3.1e6}, NodesOnline: 2, Nodes: 3, Known: true, Stale: false}
	return w
}

func shelf() []core.CatalogueItem {
	item := func(id, name, tag, cat string, c, mem, disk, port int) core.CatalogueItem {
		return core.CatalogueItem{ID: id, Name: name, Version: "1.0", Tagline: tag, Description: tag + ". It keeps its data in a volume and needs nothing else.", Category: cat, License: "MIT", Website: "https://" + id + ".example", OS: "debian-12", MinCores: c, MinMemoryMB: mem, MinDiskGB: disk, Port: port, Images: []string{id + ":1.0"}, Volumes: []string{"data"}, Origin: "embedded", Recipe: "services:\n  " + id + ":\n    image: " + id + ":1.0\n"}
	}
	out := []core.CatalogueItem{
		item("adminer", "Adminer", "Database client in one page", "database", 1, 256, 4, 8080),
		item("gitea", "Gitea", "Git forge with issues and packages", "dev", 1, 512, 10, 3000),
		item("immich", "Immich", "Photo and video library with phone backup", "photos", 2, 4096, 20, 2283),
		item("lychee", "Lychee", "Simple photo gallery", "photos", 1, 512, 5, 80),
		item("miniflux", "Miniflux", "Feed reader without frills", "media", 1, 512, 5, 8080),
		item("uptime-kuma", "Uptime Kuma", "Watches that things answer", "monitor", 1, 256, 4, 3001),
		item("vaultwarden", "Vaultwarden", "Password vault for a family", "security", 1, 256, 4, 80),
	}
	out[3].Origin, out[3].Overrides = "/srv/apps", "embedded"
	out[4].Fields = []core.FieldView{
		{Key: "ADMIN_USER", Label: "Admin user", Type: "string", Default: "admin", Required: true, Help: "who may change settings"},
		{Key: "ADMIN_PASSWORD", Label: "Admin password", Type: "password", Generated: true, Secret: true},
		{Key: "POLLING", Label: "Polling", Type: "select", Options: []core.FieldOption{{Value: "15m", Label: "15m"}, {Value: "30m", Label: "30m"}, {Value: "60m", Label: "60m"}}, Default: "30m", Advanced: true},
		{Key: "PROXY", Label: "Behind a proxy", Type: "boolean", Default: "false", Advanced: true},
		{Key: "DB", Label: "Database name", Type: "string", Hidden: true},
	}
	return out
}

func newScripted() *scripted {
	s := &scripted{world: homelab(), items: shelf(), mailbox: make(chan struct{}, 1), blocked: make(chan struct{}, 100)}
	s.check = core.DeployCheck{
		Fits: []core.NodeFit{{Host: "homelab", Node: "pve1", Fits: true, FreeMB: 19456, FreeDiskGB: 160, Storage: "local-lvm"}, {Host: "homelab", Node: "pve3", Fits: true, FreeMB: 8192, FreeDiskGB: 90, Storage: "local-lvm"}, {Host: "barn", Node: "barn1", Reason: "does not answer"}},
		Node: "pve1", Host: "homelab", Cores: 2, MemoryMB: 2048, DiskGB: 20, SwapMB: 512, OS: "debian-12", Storage: "local-lvm", Bridge: "vmbr0", Network: "dhcp", Port: 8105, Internal: 8080, Secrets: 1,
	}
	for i := range 40 {
		level := "info"
		if i%13 == 7 {
			level = "warning"
		}
		s.logs = append(s.logs, core.LogLine{Seq: uint64(i + 1), Time: ago(time.Duration(120-2*i) * time.Second), Level: level, Text: fmt.Sprintf("Setting up package-%d (1.%d-1~debian.12) ...", i, i)})
		s.appLog = append(s.appLog, fmt.Sprintf("2026/11/24 14:%02d:10 router: completed GET /api/v1/version for 10.0.0.%d, 200 OK in %d.1ms", i, i, i))
	}
	s.found = []core.FoundGuest{
		{Host: "homelab", Node: "pve1", VMID: 201, Name: "pihole", Status: "running", OS: "debian", Cores: 1, MemoryMB: 512, DiskGB: 4, Uptime: 86400 * 12, Ports: []int{53, 80}, PortsKnown: true, LooksLike: "pihole", Sure: true, Port: 80, Hostname: "pihole"},
		{Host: "homelab", Node: "pve1", VMID: 202, Name: "old-wiki", Status: "stopped", OS: "debian", Cores: 1, MemoryMB: 1024, DiskGB: 10, LooksLike: "dokuwiki", Port: 80, Hostname: "old-wiki"},
		{Host: "homelab", Node: "pve3", VMID: 210, Name: "k3s-a", Status: "running", OS: "ubuntu", Cores: 4, MemoryMB: 8192, DiskGB: 40, Uptime: 3600, PortsKnown: true, Hostname: "k3s-a", Note: "managed by another Proximity"},
	}
	s.records = []core.AuditView{
		{Seq: 6, Time: ago(time.Second), User: "dev", Via: core.ViaSSH, From: "10.0.0.9", Action: "app.restart", Target: "gitea", Result: "running", Job: 483},
		{Seq: 5, Time: ago(137 * time.Second), User: "ops", Via: core.ViaSSH, From: "10.0.0.4", Action: "app.deploy", Target: "jellyfin", Result: "running", Detail: "jellyfin on pve1", Job: 482},
		{Seq: 4, Time: ago(30 * time.Minute), User: "dev", Via: core.ViaSSH, From: "10.0.0.9", Action: "app.config", Target: "gitea", Result: "ok", Detail: "memory 512 → 1024 MB", Job: 470, Undo: true},
		{Seq: 3, Time: ago(51 * time.Minute), User: "qa1", Via: core.ViaSSH, From: "10.8.0.3", Action: "app.stop", Target: "nextcloud", Result: "denied", Detail: "a viewer may not change apps (ask an admin)"},
		{Seq: 2, Time: ago(50 * time.Hour), User: "cron", Via: core.ViaScheduler, Action: "app.repair", Target: "wiki", Result: "ok", Detail: "job 460: its container is on pve3 now"},
		{Seq: 1, Time: ago(51 * time.Hour), User: "ops", Via: core.ViaLocal, Action: "host.add", Target: "homelab", Result: "ok", Detail: "https://10.0.0.2:8006"},
	}
	s.chain = core.AuditCheck{OK: true, Records: 6, Verified: 6, Since: ago(51 * time.Hour)}
	s.backups, s.plans, s.marks = vaultOf(s.world)
	s.present = []core.Presence{{User: "ops", Place: "Apps"}, {User: "dev", Place: "Apps › gitea › Overview"}}
	return s
}

// look is how a test's terminal is.
type look struct {
	w, h    int
	profile colorprofile.Profile
	ascii   bool
	light   bool
	role    core.Role
}

// sit opens a console on a scripted world.
func sit(t testing.TB, s *scripted, o look) *Console {
	t.Helper()
	if o.w == 0 {
		o.w, o.h = 120, 36
	}
	if o.profile == 0 {
		o.profile = colorprofile.ANSI256
	}
	if o.role == "" {
		o.role = core.RoleAdmin
	}
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	var env []string
	if o.ascii {
		env = []string{"PROXIMITY_ASCII=1"}
	}
	c := New(Options{Core: s, Actor: core.Actor{User: "ops", Role: o.role}, Ctx: ctx, Width: o.w, Height: o.h, Env: env, Profile: o.profile, Host: "home.lan", Now: func() time.Time { return noon }, Location: time.UTC, Copy: func(string) tea.Cmd { return nil }}).(*Console)
	c.present = s.present
	if o.light {
		c.Update(tea.BackgroundColorMsg{Color: white{}})
	}
	return c
}

type white struct{}

func (white) RGBA() (r, g, b, a uint32) { return 0xffff, 0xffff, 0xffff, 0xffff }

// keyMsg is the message of a key by its name.
func keyMsg(name string) tea.KeyPressMsg {
	special := map[string]rune{
		"enter": tea.KeyEnter, "esc": tea.KeyEscape, "tab": tea.KeyTab, "up": tea.KeyUp, "down": tea.KeyDown, "left": tea.KeyLeft, "right": tea.KeyRight,
		"pgup": tea.KeyPgUp, "pgdown": tea.KeyPgDown, "home": tea.KeyHome, "end": tea.KeyEnd, "backspace": tea.KeyBackspace, "delete": tea.KeyDelete,
	}
	if r, ok := special[name]; ok {
		return tea.KeyPressMsg{Code: r}
	}
	switch {
	case name == "space":
		return tea.KeyPressMsg{Code: tea.KeySpace, Text: " "}
	case name == "shift+tab":
		return tea.KeyPressMsg{Code: tea.KeyTab, Mod: tea.ModShift}
	case strings.HasPrefix(name, "ctrl+"):
		return tea.KeyPressMsg{Code: rune(name[5]), Mod: tea.ModCtrl}
	case strings.HasPrefix(name, "alt+"):
		return tea.KeyPressMsg{Code: rune(name[4]), Mod: tea.ModAlt}
	}
	r := []rune(name)[0]
	return tea.KeyPressMsg{Code: r, Text: name}
}

// press sends keys and runs the commands they start, except those that wait.
func press(c *Console, names ...string) {
	for _, n := range names {
		c.bursts = burst{}
		_, cmd := c.Update(keyMsg(n))
		settle(c, cmd)
	}
}

// settle runs a command and what follows from it. Streams that only end with
// the session are given a moment, then left to themselves.
func settle(c *Console, cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	done := make(chan tea.Msg, 1)
	go func() { done <- cmd() }()
	var msg tea.Msg
	select {
	case msg = <-done:
	case <-c.core.(*scripted).blocked: // a stream: it ends with the session
		return
	case <-time.After(5 * time.Second):
		return
	}
	switch m := msg.(type) {
	case tea.BatchMsg:
		for _, x := range m {
			settle(c, x)
		}
	case nil, beatMsg, tea.QuitMsg:
	default:
		_, next := c.Update(msg)
		settle(c, next)
	}
}

// typed sends text as keys.
func typed(c *Console, s string) {
	for _, r := range s {
		if r == ' ' {
			press(c, "space")
		} else {
			press(c, string(r))
		}
	}
}
