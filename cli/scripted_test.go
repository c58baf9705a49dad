package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"proximity/core"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// scripted is a core that says what a test wrote. A call the test did not
// expect ends in a nil pointer.
type scripted struct {
	Core
	apps   []core.AppView
	nodes  []core.NodeView
	hosts  []core.HostView
	job    core.JobView
	lines  []core.LogLine
	checks []core.HostCheck
	found  []core.FoundGuest
	audits []core.AuditView
	chain  core.AuditCheck
	points int // of a history
	fail   error

	asked    []core.AuditFilter
	deployed []core.DeployRequest
	added    []core.AddHostRequest
	done     []string
}

func (s *scripted) Apps(context.Context, core.Actor) ([]core.AppView, error) { return s.apps, s.fail }

func (s *scripted) App(_ context.Context, _ core.Actor, name string) (core.AppView, error) {
	for _, a := range s.apps {
		if a.Hostname == name || a.ID == name {
			return a, s.fail
		}
	}
	return core.AppView{}, &core.Error{Kind: core.ErrNotFound, Text: "there is no app " + name, Hint: "`apps` lists yours"}
}

func (s *scripted) AppLogs(_ context.Context, _ core.Actor, _ string, _ int, _ bool, line func(string)) error {
	line("listening on :3000")
	line("ready")
	return s.fail
}

// AppHistory is an app made a while into the period, and stopped for a while.
func (s *scripted) AppHistory(_ context.Context, _ core.Actor, name string, period core.Period) (core.HistoryView, error) {
	s.done = append(s.done, "metrics "+name+" "+string(period))
	v := core.HistoryView{App: "gitea-0123abcd", Hostname: "git", Node: "pve1", Period: period, From: noon.Add(-period.Length()), To: noon}
	f := func(x float64) *float64 { return &x }
	for i := range s.points {
		p := core.HistoryPoint{Time: noon.Add(period.Length() * time.Duration(i+1-s.points) / time.Duration(s.points))}
		if i >= 2 {
			p.MaxMem, p.MaxDisk = f(2<<30), f(20<<30)
		}
		if i >= 2 && i != 4 {
			p.CPU, p.Mem, p.Disk, p.NetIn, p.NetOut = f(0.0123*float64(i)), f(float64(i)*(100<<20)), f(3<<30), f(0), f(float64(i)*1500)
		}
		v.Points = append(v.Points, p)
	}
	return v, s.fail
}

func (s *scripted) AppSecrets(context.Context, core.Actor, string) (map[string]string, error) {
	return map[string]string{"DB_PASSWORD": "s3cret", "ADMIN_PASSWORD": "open sesame"}, s.fail
}

func (s *scripted) WelcomeNote(context.Context, core.Actor, string) (string, error) {
	return "Sign in with open sesame.", s.fail
}

func (s *scripted) DoApp(_ context.Context, _ core.Actor, v core.AppVerb, name string) (core.JobView, error) {
	s.done = append(s.done, string(v)+" "+name)
	return s.job, s.fail
}

func (s *scripted) DeleteApp(_ context.Context, _ core.Actor, name string, o core.DeleteOptions) (core.JobView, error) {
	s.done = append(s.done, fmt.Sprintf("delete %s %v", name, o.Now))
	return s.job, s.fail
}

func (s *scripted) KeepApp(_ context.Context, _ core.Actor, name string) (core.JobView, error) {
	s.done = append(s.done, "keep "+name)
	return s.job, s.fail
}

func (s *scripted) ReleaseApp(_ context.Context, _ core.Actor, name string) (core.JobView, error) {
	s.done = append(s.done, "release "+name)
	return s.job, s.fail
}

func (s *scripted) Undo(_ context.Context, _ core.Actor, id uint64) (core.JobView, error) {
	s.done = append(s.done, fmt.Sprint("undo ", id))
	return s.job, s.fail
}

func (s *scripted) Reconcile(context.Context, core.Actor) (core.JobView, error) { return s.job, s.fail }
func (s *scripted) Janitor(context.Context, core.Actor) (core.JobView, error)   { return s.job, s.fail }

func (s *scripted) AppConfig(context.Context, core.Actor, string) (core.ConfigView, error) {
	return core.ConfigView{App: "gitea-0123abcd", Hostname: "git", Cores: 2, MemoryMB: 2048, SwapMB: 512, DiskGB: 20, Fields: []core.ConfigField{
		{FieldView: core.FieldView{Key: "ADMIN_PASSWORD", Label: "Admin password", Secret: true}, Set: true},
		{FieldView: core.FieldView{Key: "MOTD", Label: "Greeting"}, Value: "hello\nthere", Set: true},
		{FieldView: core.FieldView{Key: "ADMIN_USER", Label: "Admin user"}, Value: "ann", Set: true, Immutable: true},
		{FieldView: core.FieldView{Key: "PROXY", Label: "Proxy"}}}}, s.fail
}

func (s *scripted) ConfigureApp(_ context.Context, _ core.Actor, name string, ch core.ConfigChange) (core.JobView, error) {
	b, _ := json.Marshal(ch)
	s.done = append(s.done, "config "+name+" "+string(b))
	return s.job, s.fail
}

func (s *scripted) Discover(context.Context, core.Actor, string) ([]core.FoundGuest, error) {
	return s.found, s.fail
}

func (s *scripted) Adopt(_ context.Context, _ core.Actor, r core.AdoptRequest) (core.AppView, core.JobView, error) {
	b, _ := json.Marshal(r)
	s.done = append(s.done, "adopt "+string(b))
	return s.apps[0], s.job, s.fail
}

func (s *scripted) Audit(_ context.Context, _ core.Actor, f core.AuditFilter) ([]core.AuditView, error) {
	s.asked = append(s.asked, f)
	return s.audits, s.fail
}

func (s *scripted) VerifyAudit(context.Context, core.Actor) (core.AuditCheck, error) {
	return s.chain, s.fail
}

func (s *scripted) DeployApp(_ context.Context, _ core.Actor, r core.DeployRequest) (core.AppView, core.JobView, error) {
	if s.fail != nil {
		return core.AppView{}, core.JobView{}, s.fail
	}
	s.deployed = append(s.deployed, r)
	j := s.job
	j.State, j.Ended, j.Error = "queued", false, ""
	return s.apps[0], j, nil
}

func (s *scripted) DeploymentLog(context.Context, core.Actor, string, int) ([]core.LogLine, error) {
	return s.lines, s.fail
}

func (s *scripted) Jobs(context.Context, core.Actor, core.JobFilter) ([]core.JobView, error) {
	return []core.JobView{s.job}, s.fail
}
func (s *scripted) Job(context.Context, core.Actor, uint64) (core.JobView, error) {
	return s.job, s.fail
}

func (s *scripted) JobLog(context.Context, core.Actor, uint64, uint64, int) ([]core.LogLine, error) {
	return s.lines, s.fail
}

func (s *scripted) FollowJob(_ context.Context, _ core.Actor, _ uint64, line func(core.LogLine)) (core.JobView, error) {
	for _, l := range s.lines {
		line(l)
	}
	return s.job, s.fail
}

func (s *scripted) CancelJob(context.Context, core.Actor, uint64) (core.JobView, error) {
	return s.job, s.fail
}

func (s *scripted) Hosts(context.Context, core.Actor) ([]core.HostView, error) {
	return s.hosts, s.fail
}
func (s *scripted) Nodes(context.Context, core.Actor) ([]core.NodeView, error) {
	return s.nodes, s.fail
}

func (s *scripted) AddHost(_ context.Context, _ core.Actor, r core.AddHostRequest) (core.HostView, error) {
	s.added = append(s.added, r)
	return core.HostView{Name: r.Name, URL: r.URL, State: "asking"}, s.fail
}

func (s *scripted) TestHost(context.Context, core.Actor, string) ([]core.HostCheck, error) {
	return s.checks, s.fail
}

// lab is a world with one of everything.
func lab() *scripted {
	m := &core.Metrics{CPU: 0.123, Cores: 2, Mem: 700 << 20, MaxMem: 2 << 30, Disk: 3 << 30, MaxDisk: 20 << 30, Uptime: 93784}
	git := core.AppView{ID: "gitea-0123abcd", CatalogID: "gitea", Name: "Gitea", Version: "1.24", Hostname: "git", Status: core.StatusRunning, Owner: "ann", Host: "lab", Node: "pve1", VMID: 101,
		Address: "10.0.0.7", URL: "http://prox:8100/", PublicPort: 8100, InternalPort: 3000, Cores: 2, MemoryMB: 2048, DiskGB: 20, OS: "alpine", Storage: "local-zfs", CreatedAt: noon.Add(-90 * time.Minute), Metrics: m}
	old := git
	old.ID, old.Hostname, old.Stale, old.AsOf, old.Drift = "gitea-99", "wiki-of-the-whole-department", true, noon.Add(-3*time.Minute), "stopped outside Proximity"
	young := core.AppView{ID: "adminer-77", CatalogID: "adminer", Name: "Adminer", Hostname: "db", Status: core.StatusDeploying, Owner: "bob",
		Job: &core.JobRef{ID: 7, Kind: "deploy", State: "waiting", Step: 3, Steps: 13, Title: "template", Progress: 0.21, Waiting: "waiting for host lab"}}
	return &scripted{
		apps:  []core.AppView{git, old, young},
		nodes: []core.NodeView{{Host: "lab", Name: "pve1", State: "online", Metrics: m, FreeMB: 1300, Apps: 2, Guests: 14}, {Host: "lab", Name: "pve2", State: "offline"}},
		hosts: []core.HostView{{Name: "lab", URL: "https://10.0.0.1:8006", Auth: "password", User: "root@pam", Default: true, State: "unreachable", Error: "connection refused", Nodes: 2, NodesOnline: 1, LastSeen: noon.Add(-time.Minute)}},
		job: core.JobView{ID: 7, Kind: "deploy", Title: "deploy db", Target: "db", Owner: "bob", State: "succeeded", Ended: true, Progress: 1, Step: 1,
			Steps:     []core.StepView{{Name: "init", Title: "Prepare", State: "done", StartedAt: noon.Add(-time.Minute), EndedAt: noon.Add(-58 * time.Second)}},
			CreatedAt: noon.Add(-time.Minute), StartedAt: noon.Add(-time.Minute), EndedAt: noon},
		lines: []core.LogLine{{Job: 7, Seq: 1, Time: noon, Level: "info", Step: "init", Text: "chosen: pve1"}, {Job: 7, Seq: 2, Time: noon, Level: "warning", Step: "lxc_create", Text: "slow"}},
		found: []core.FoundGuest{
			{Host: "lab", Node: "pve1", VMID: 201, Name: "pihole", Status: "running", OS: "debian", Cores: 1, MemoryMB: 512, DiskGB: 4, Ports: []int{53, 80}, PortsKnown: true, LooksLike: "pi-hole", Sure: true, Port: 80, Hostname: "pihole"},
			{Host: "lab", Node: "pve2", VMID: 202, Name: "old-wiki", Status: "stopped", Cores: 2, MemoryMB: 1024, DiskGB: 10, LooksLike: "dokuwiki", Hostname: "old-wiki"},
		},
		audits: []core.AuditView{
			{Seq: 9, Time: noon, User: "ann", Via: core.ViaSSH, From: "10.0.0.4", Action: "app.config", Target: "git", Result: "ok", Detail: "memory 512 → 1024 MB", Job: 7, Undo: true},
			{Seq: 8, Time: noon.Add(-time.Hour), User: "eve", Via: core.ViaAPI, Action: "app.stop", Target: "git", Result: "denied", Detail: "a viewer may not change apps (ask an admin)"},
		},
		chain:  core.AuditCheck{OK: true, Records: 9, Verified: 9, Since: noon.Add(-time.Hour), Cut: 3},
		checks: []core.HostCheck{{Name: "api", OK: true, Text: "Proxmox VE 9.2"}, {Name: "ssh to pve1", Text: "no credentials", Hint: "add a key"}},
	}
}

// result is what a command left behind.
type result struct {
	exit     int
	out, err string
}

// command runs one command line, split at spaces.
func command(t *testing.T, c Core, in, line string, change ...func(*Env)) result {
	t.Helper()
	return words(t, c, in, strings.Fields(line), change...)
}

func words(t *testing.T, c Core, in string, args []string, change ...func(*Env)) result {
	t.Helper()
	var out, errw bytes.Buffer
	e := Env{Core: c, Actor: core.Actor{User: "ann", Role: core.RoleAdmin, Via: core.ViaSSH, Fingerprint: "SHA256:abc"}, In: strings.NewReader(in), Out: &out, Err: &errw,
		Getenv: func(k string) string { return map[string]string{"TZ": "UTC"}[k] }, Now: func() time.Time { return noon }}
	for _, f := range change {
		f(&e)
	}
	exit := Run(t.Context(), e, args)
	return result{exit, out.String(), errw.String()}
}
