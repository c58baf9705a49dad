package core

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"proximity/pvesim"
)

// state is what the world says of a host.
func (r *rig) state(name string) string {
	for _, h := range r.World(admin).Hosts {
		if h.Name == name {
			return h.State
		}
	}
	return ""
}

// join adds another cluster as a host.
func (r *rig) join(name string, sim *pvesim.Cluster) {
	r.t.Helper()
	_, err := r.AddHost(r.t.Context(), admin, AddHostRequest{Name: name, URL: sim.URL(), User: "root@pam", Password: sim.RootPassword(), SSHPort: sim.SSHPort(), Fingerprint: sim.Fingerprint()})
	if err != nil {
		r.t.Fatal(err)
	}
	r.until(name+" answers", func() bool { return r.state(name) == "online" })
}

func defaults(r *rig) string {
	var names []string
	for _, h := range r.FreshWorld(admin).Hosts {
		if h.Default {
			names = append(names, h.Name)
		}
	}
	return strings.Join(names, " ")
}

func yes() *bool { b := true; return &b }
func no() *bool  { b := false; return &b }

func TestSeveralHostsHaveOneDefault(t *testing.T) {
	t.Parallel()
	lab, attic := startSim(t, pvesim.Options{TaskTime: 0.01}), startSim(t, pvesim.Options{TaskTime: 0.01, Nodes: 1, Seed: 7})
	r := openRig(t, testConfig(t.TempDir()))
	r.connect(lab)
	r.join("attic", attic)
	if d := defaults(r); d != "lab" {
		t.Errorf("the default is %q", d)
	}
	if _, err := r.SetDefaultHost(t.Context(), admin, "attic"); err != nil {
		t.Fatal(err)
	}
	if d := defaults(r); d != "attic" {
		t.Errorf("then it is %q", d)
	}
	node := "pve3" // attic has one node only
	req := AddHostRequest{Name: "again", URL: lab.URL(), User: "root@pam", Password: lab.RootPassword(), Fingerprint: lab.Fingerprint()}
	if _, err := r.AddHost(t.Context(), admin, req); !errors.Is(err, ErrConflict) || !strings.Contains(err.Error(), "already connected as lab") {
		t.Errorf("the same cluster again: %v", err)
	}
	_, job := r.deploy(DeployRequest{CatalogID: "adminer", Hostname: "here", Node: node})
	r.succeeds(job)
	err := r.RemoveHost(t.Context(), admin, "lab")
	if !errors.Is(err, ErrConflict) || !strings.Contains(err.Error(), "here") {
		t.Errorf("removing a host with an app: %v", err)
	}
	r.did(DeleteApp, "here")
	if err := r.RemoveHost(t.Context(), admin, "lab"); err != nil {
		t.Error(err)
	}
	if err := r.RemoveHost(t.Context(), admin, "lab"); !errors.Is(err, ErrNotFound) {
		t.Errorf("removing it again: %v", err)
	}
	r.join("lab", lab)
	if err := r.RemoveHost(t.Context(), admin, "attic"); err != nil {
		t.Error(err)
	}
	if d := defaults(r); d != "lab" {
		t.Errorf("without attic the default is %q", d)
	}
	for _, verb := range []func() error{
		func() error { return r.RemoveHost(t.Context(), Actor{User: "op", Role: RoleOperator}, "lab") },
		func() error {
			_, err := r.EditHost(t.Context(), Actor{User: "op", Role: RoleOperator}, "lab", HostEdit{Disabled: yes()})
			return err
		},
		func() error {
			_, err := r.SyncNodes(t.Context(), Actor{User: "op", Role: RoleOperator}, "lab")
			return err
		},
		func() error {
			_, err := r.TrustHost(t.Context(), Actor{User: "op", Role: RoleOperator}, "lab", nil)
			return err
		},
	} {
		if err := verb(); !errors.Is(err, ErrDenied) {
			t.Errorf("an operator changes a host: %v", err)
		}
	}
}

func TestADisabledHostIsLeftAlone(t *testing.T) {
	t.Parallel()
	sim := startSim(t, pvesim.Options{TaskTime: 0.01})
	r := openRig(t, testConfig(t.TempDir()))
	r.connect(sim)
	app := r.running("adminer", "tool")
	if _, err := r.EditHost(t.Context(), admin, "lab", HostEdit{Disabled: yes()}); err != nil {
		t.Fatal(err)
	}
	r.until("it is seen as disabled", func() bool { return r.state("lab") == "disabled" })
	var asked atomic.Int32
	sim.OnRequest(func(pvesim.Request) { asked.Add(1) })
	r.Refresh("")
	got, _ := r.App(t.Context(), admin, "tool")
	if !got.Stale || got.Away != "host lab is disabled" {
		t.Errorf("its app is %+v", got)
	}
	check := r.CheckDeploy(admin, DeployRequest{CatalogID: "adminer", Hostname: "other"})
	if len(check.Problems) == 0 || !strings.Contains(check.Problems[0].Text, "disabled") || check.Problems[0].Field != "host" {
		t.Errorf("a deploy is told %+v", check.Problems)
	}
	for _, a := range r.World(admin).Alerts {
		if a.Object == "host/lab" {
			t.Errorf("what was done on purpose is an alert: %+v", a)
		}
	}
	job, err := r.DoApp(t.Context(), admin, RestartApp, "tool")
	if err != nil {
		t.Fatal(err)
	}
	r.until("the job waits for the host", func() bool {
		j, _ := r.Job(t.Context(), admin, job.ID)
		return j.State == "waiting" && strings.Contains(j.Waiting, "host lab")
	})
	r.stop()
	if n := asked.Load(); n != 0 {
		t.Errorf("a disabled host was asked %d times", n)
	}
	again := openRig(t, r.cfg)
	if _, err := again.TestHost(t.Context(), admin, "lab"); !errors.Is(err, ErrConflict) || !strings.Contains(err.Error(), "hosts enable lab") {
		t.Errorf("testing it: %v", err)
	}
	if _, err := again.EditHost(t.Context(), admin, "lab", HostEdit{Disabled: no()}); err != nil {
		t.Fatal(err)
	}
	again.succeeds(job)
	again.until("its page answers", func() bool { code, _, err := get(app.URL); return err == nil && code == 200 })
}

// A host's other name goes with everything that names it: its apps, their
// backups, its credentials; also over a restart.
func TestAHostIsRenamed(t *testing.T) {
	t.Parallel()
	sim := startSim(t, pvesim.Options{TaskTime: 0.01})
	r := openRig(t, testConfig(t.TempDir()))
	r.connect(sim)
	tool := r.running("adminer", "tool")
	r.backedUp("tool", BackupRequest{})
	rename := func(r *rig, from, to string) error {
		_, err := r.EditHost(r.t.Context(), admin, from, HostEdit{Name: to})
		return err
	}
	if err := rename(r, "lab", "a/b"); !errors.Is(err, ErrInvalid) {
		t.Errorf("to what is no name: %v", err)
	}
	if err := rename(r, "lab", "lab"); err != nil {
		t.Errorf("to its own name: %v", err)
	}
	r.connectAs(startSim(t, pvesim.Options{Seed: 9, TaskTime: 0.01}), "barn")
	if err := rename(r, "lab", "barn"); !errors.Is(err, ErrConflict) || !strings.Contains(err.Error(), "already a host") {
		t.Errorf("to a name that is taken: %v", err)
	}
	if err := rename(r, "lab", "attic"); err != nil {
		t.Fatal(err)
	}
	check := func(r *rig) {
		t.Helper()
		r.until("it answers by its new name", func() bool { return r.state("attic") == "online" })
		if a, _ := r.App(t.Context(), admin, "tool"); a.Host != "attic" || a.VMID != tool.VMID || a.Stale {
			t.Errorf("the app is %+v", a)
		}
		if list, err := r.Backups(t.Context(), admin, "tool"); err != nil || len(list) == 0 || list[0].Host != "attic" {
			t.Errorf("its backups are %+v, %v", list, err)
		}
		if _, err := r.liveHost("lab"); !errors.Is(err, ErrNotFound) {
			t.Errorf("the old name: %v", err)
		}
		r.did(RestartApp, "tool")
		r.backedUp("tool", BackupRequest{})
	}
	check(r)
	r.stop()
	again := openRig(t, r.cfg)
	check(again)
	if list, err := again.Audit(t.Context(), admin, AuditFilter{Action: "host.edit", Result: "ok"}); err != nil || len(list) == 0 || list[0].Detail != "name attic" {
		t.Errorf("the audit has %+v, %v", list, err)
	}
}

// While jobs are at work a host keeps its name.
func TestAHostIsNotRenamedUnderAJob(t *testing.T) {
	t.Parallel()
	sim := startSim(t, pvesim.Options{TaskTime: 0.01})
	r := openRig(t, testConfig(t.TempDir()))
	r.connect(sim)
	_, job := r.deploy(DeployRequest{CatalogID: "adminer", Hostname: "tool"})
	_, err := r.EditHost(t.Context(), admin, "lab", HostEdit{Name: "attic"})
	if !errors.Is(err, ErrConflict) || !strings.Contains(err.Error(), "deploy tool") {
		t.Errorf("renamed: %v", err)
	}
	r.succeeds(job)
}

func TestAHostIsReachedAnotherWay(t *testing.T) {
	t.Parallel()
	sim, other := startSim(t, pvesim.Options{TaskTime: 0.01}), startSim(t, pvesim.Options{Seed: 9, Password: "secret"})
	r := openRig(t, testConfig(t.TempDir()))
	r.connect(sim)
	if _, err := r.SyncNodes(t.Context(), admin, "lab"); err != nil {
		t.Fatal(err)
	}
	l, _ := r.liveHost("lab")
	second := l.rec.Peers[0]
	for name, c := range map[string]struct {
		edit HostEdit
		kind error
		says string
	}{
		"another cluster":       {HostEdit{URL: other.URL(), Fingerprint: other.Fingerprint(), User: "root@pam", Password: "secret"}, ErrConflict, "another cluster"},
		"an unknown key":        {HostEdit{URL: second.URL}, ErrInvalid, "--fingerprint"},
		"a wrong password":      {HostEdit{User: "root@pam", Password: "wrong"}, ErrInvalid, "check the user"},
		"a user without a word": {HostEdit{User: "root@pam"}, ErrInvalid, "no secret"},
		"no address":            {HostEdit{URL: "ftp://somewhere"}, ErrInvalid, "https only"},
	} {
		if _, err := r.EditHost(t.Context(), admin, "lab", c.edit); !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	id, secret := sim.AddToken("root@pam", "px", false)
	v, err := r.EditHost(t.Context(), admin, "lab", HostEdit{URL: second.URL, Trust: true, TokenID: id, TokenSecret: secret})
	if err != nil || v.Auth != "token" || v.URL != second.URL || v.SSHUser != "root" {
		t.Fatalf("by the second node: %+v, %v", v, err)
	}
	r.until("it answers", func() bool { return r.state("lab") == "online" })
	r.running("adminer", "tool") // a token cannot log in to the nodes: the SSH password stays
}

func TestAnotherNodeAnswersWhenTheConfiguredOneIsGone(t *testing.T) {
	t.Parallel()
	sim := startSim(t, pvesim.Options{TaskTime: 0.01})
	r := openRig(t, testConfig(t.TempDir()))
	r.connect(sim)
	_, job := r.deploy(DeployRequest{CatalogID: "adminer", Hostname: "tool", Node: "pve2"})
	r.succeeds(job)
	sim.NodeDown("pve1")
	r.until("pve1 is seen offline, by another", func() bool {
		for _, n := range r.World(admin).Nodes {
			if n.Name == "pve1" {
				return n.State == "offline" && r.state("lab") == "online"
			}
		}
		return false
	})
	r.did(RestartApp, "tool")
	r.stop()
	again := openRig(t, r.cfg) // who the others are is known from the start
	again.until("the host answers", func() bool { return again.state("lab") == "online" })
	again.did(RestartApp, "tool")
}

func TestAChangedKeyStopsEverythingUntilItIsAccepted(t *testing.T) {
	t.Parallel()
	sim := startSim(t, pvesim.Options{TaskTime: 0.01})
	r := openRig(t, testConfig(t.TempDir()))
	r.connect(sim)
	_, job := r.deploy(DeployRequest{CatalogID: "adminer", Hostname: "tool", Node: "pve1"})
	r.succeeds(job)
	oldCert, oldKey := sim.Fingerprint(), sim.SSHHostKey("pve1")
	if err := sim.Rekey("pve1"); err != nil {
		t.Fatal(err)
	}
	r.until("the host is not trusted", func() bool { return r.state("lab") == "untrusted" })
	alert := func(texts ...string) {
		t.Helper()
		for _, a := range r.World(admin).Alerts {
			if a.Object == "host/lab" && a.Level == "error" {
				for _, text := range texts {
					if !strings.Contains(a.Text, text) {
						t.Errorf("the alert does not name %s: %s", text, a.Text)
					}
				}
				return
			}
		}
		t.Errorf("there is no alert: %+v", r.World(admin).Alerts)
	}
	alert(oldCert, sim.Fingerprint(), "hosts trust lab")
	job, err := r.DoApp(t.Context(), admin, RestartApp, "tool")
	if err != nil {
		t.Fatal(err)
	}
	waits := func(r *rig) {
		t.Helper()
		r.until("the job waits for trust", func() bool {
			j, _ := r.Job(context.Background(), admin, job.ID)
			if j.Ended {
				t.Fatalf("it ended %s: %s", j.State, j.Error)
			}
			return j.State == "waiting" && strings.Contains(j.Waiting, "trusted again")
		})
	}
	waits(r)
	for _, wrong := range [][]string{nil, {"AA:BB"}} {
		if _, err := r.TrustHost(t.Context(), admin, "lab", wrong); !errors.Is(err, ErrConflict) || !strings.Contains(err.Error(), sim.Fingerprint()) {
			t.Errorf("accepting %v: %v", wrong, err)
		}
	}
	if _, err := r.TrustHost(t.Context(), admin, "lab", []string{oldCert}); err != nil { // the pinned one is its own, they say
		t.Error(err)
	}
	r.until("the other one is met again", func() bool { return r.FreshWorld(admin).Hosts[0].State == "untrusted" }) // an old world still says so of the first meeting
	r.stop()
	again := openRig(t, r.cfg) // it is not forgotten over a restart
	if s := again.FreshWorld(admin).Hosts[0].State; s != "untrusted" {
		t.Errorf("after a restart the host is %s", s)
	}
	if _, err := again.TrustHost(t.Context(), admin, "lab", []string{strings.ToLower(sim.Fingerprint())}); err != nil {
		t.Fatal(err)
	}
	r = again
	r.succeeds(job)
	r.until("the host answers", func() bool { return r.state("lab") == "online" })
	_, job = r.deploy(DeployRequest{CatalogID: "adminer", Hostname: "other", Node: "pve1"})
	waits(r) // now for the node's SSH, which nothing has met yet
	r.until("the host is not trusted again", func() bool { return r.state("lab") == "untrusted" })
	alert(oldKey, sim.SSHHostKey("pve1"), "node pve1")
	if _, err := r.TrustHost(t.Context(), admin, "lab", []string{sim.SSHHostKey("pve1")}); err != nil {
		t.Fatal(err)
	}
	r.succeeds(job)
	if _, err := r.TrustHost(t.Context(), admin, "lab", nil); !errors.Is(err, ErrConflict) || !strings.Contains(err.Error(), "nothing to accept") {
		t.Errorf("accepting nothing: %v", err)
	}
}

// TestThePinnedKeyAnswersAgain: whoever stood in between is gone, and nobody has
// to accept their key to go on.
func TestThePinnedKeyAnswersAgain(t *testing.T) {
	t.Parallel()
	h := host{Name: "lab", Fingerprint: "AA:01", SSHPins: map[string]string{"pve1": "SHA256:own"}, Changed: []KeyChange{
		{Kind: "certificate", Known: "AA:01", Shown: "BB:02"}, {Kind: "ssh", Node: "pve1", Known: "SHA256:own", Shown: "SHA256:other"}}}
	if err := h.trust([]string{"aa:01"}); err == nil || len(h.Changed) != 2 {
		t.Fatalf("half of it: %v, %+v", err, h)
	}
	if err := h.trust([]string{"aa:01", "SHA256:own"}); err != nil || len(h.Changed) != 0 || h.Fingerprint != "AA:01" || h.SSHPins["pve1"] != "SHA256:own" {
		t.Errorf("%v, %+v", err, h)
	}
}
