package core

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"proximity/store"
)

// idleCore is a core that nothing runs in: enough for what only touches the store.
func idleCore(t *testing.T) *Core {
	t.Helper()
	c, err := Open(testConfig(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func (c *Core) happened(n int) {
	for i := range n {
		c.audit(Actor{User: "ops", Via: ViaSSH, From: "10.0.0.4"}, "app.stop", fmt.Sprintf("app-%d", i), nil, "")
	}
}

func check(t *testing.T, c *Core) AuditCheck {
	t.Helper()
	got, err := c.VerifyAudit(t.Context(), admin)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestTheAuditShowsWhateverIsDoneToIt(t *testing.T) {
	t.Parallel()
	change := func(seq uint64, do func(*auditRecord)) func(*Core, *store.Tx) error {
		return func(c *Core, tx *store.Tx) error {
			r, err := c.auditTable.Get(tx, store.Key(seq))
			if err != nil {
				return err
			}
			do(&r)
			return c.auditTable.Put(tx, r)
		}
	}
	remove := func(seqs ...uint64) func(*Core, *store.Tx) error {
		return func(c *Core, tx *store.Tx) error {
			for _, s := range seqs {
				if err := c.auditTable.Delete(tx, store.Key(s)); err != nil {
					return err
				}
			}
			return nil
		}
	}
	for name, tc := range map[string]struct {
		tamper  func(*Core, *store.Tx) error
		problem string
	}{
		"nothing":                {func(*Core, *store.Tx) error { return nil }, ""},
		"another result":         {change(5, func(r *auditRecord) { r.Result = "denied" }), "record 5 was changed"},
		"another result, hashed": {change(5, func(r *auditRecord) { r.Result = "denied"; r.Hash = r.sum() }), "record 6 does not follow"},
		"one removed":            {remove(5), "record 5 is missing"},
		"the first removed":      {remove(1, 2), "record 1 is missing"},
		"the last removed":       {remove(9, 10), "the newest records are missing"},
		"the last and the head": {func(c *Core, tx *store.Tx) error {
			r, err := c.auditTable.Get(tx, store.Key(8))
			if err != nil {
				return err
			}
			return errors.Join(remove(9, 10)(c, tx), c.auditHeads.Put(tx, auditHead{ID: headID, Seq: 8, Hash: r.Hash, Time: r.Time, Sum: []byte("?")}))
		}, "not made by this installation"},
		"a cut of one's own": {func(c *Core, tx *store.Tx) error {
			r, err := c.auditTable.Get(tx, store.Key(3))
			if err != nil {
				return err
			}
			return errors.Join(remove(1, 2, 3)(c, tx), c.auditHeads.Put(tx, auditHead{ID: cutID, Seq: 3, Hash: r.Hash, Time: r.Time, Sum: []byte("?")}))
		}, "not made by this installation"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := idleCore(t)
			c.happened(10)
			if err := c.store.Update(func(tx *store.Tx) error { return tc.tamper(c, tx) }); err != nil {
				t.Fatal(err)
			}
			got := check(t, c)
			if got.OK != (tc.problem == "") || !strings.Contains(got.Problem, tc.problem) {
				t.Errorf("it says %+v", got)
			}
		})
	}
}

func TestACutAuditStillVerifies(t *testing.T) {
	t.Parallel()
	c := idleCore(t)
	now := time.Now()
	c.now = func() time.Time { return now }
	c.happened(30)
	now = now.Add(48 * time.Hour)
	c.happened(12)
	if n, err := c.cutAudit(t.Context(), 1000, 24*time.Hour); n != 30 || err != nil {
		t.Errorf("by age %d went, %v", n, err)
	}
	if n, err := c.cutAudit(t.Context(), 5, 24*time.Hour); n != 7 || err != nil {
		t.Errorf("by number %d went, %v", n, err)
	}
	if got := check(t, c); !got.OK || got.Records != 5 || got.Verified != 5 || got.Cut != 37 || !got.Since.Equal(now.UTC()) {
		t.Errorf("it says %+v", got)
	}
	if n, err := c.cutAudit(t.Context(), 0, 24*time.Hour); n != 5 || err != nil {
		t.Errorf("of all, %d went, %v", n, err)
	}
	c.happened(2)
	if got := check(t, c); !got.OK || got.Records != 2 || got.Cut != 42 {
		t.Errorf("after all had gone it says %+v", got)
	}
}

func TestTheAuditIsSearched(t *testing.T) {
	t.Parallel()
	c := idleCore(t)
	eve := Actor{User: "eve", Role: RoleViewer, Via: ViaSSH, From: "10.8.0.3"}
	c.happened(3)
	if _, err := c.Audit(t.Context(), eve, AuditFilter{}); !errors.Is(err, ErrDenied) {
		t.Errorf("a viewer reads it: %v", err)
	}
	if _, err := c.VerifyAudit(t.Context(), eve); !errors.Is(err, ErrDenied) {
		t.Errorf("a viewer verifies it: %v", err)
	}
	for name, tc := range map[string]struct {
		f    AuditFilter
		want string
	}{
		"all, newest first": {AuditFilter{}, "audit.verify audit.read app-2 app-1 app-0"},
		"by user":           {AuditFilter{User: "eve"}, "audit.verify audit.read"},
		"by action":         {AuditFilter{Action: "app"}, "app-2 app-1 app-0"},
		"by whole action":   {AuditFilter{Action: "app.stop"}, "app-2 app-1 app-0"},
		"by half an action": {AuditFilter{Action: "app.st"}, ""},
		"by target":         {AuditFilter{Target: "APP-1"}, "app-1"},
		"by result":         {AuditFilter{Result: "denied"}, "audit.verify audit.read"},
		"some":              {AuditFilter{Limit: 2}, "audit.verify audit.read"},
		"before":            {AuditFilter{Before: 3}, "app-1 app-0"},
		"after":             {AuditFilter{After: 4}, "audit.verify"},
		"in future":         {AuditFilter{Since: time.Now().Add(time.Hour)}, ""},
		"long ago":          {AuditFilter{Until: time.Now().Add(-time.Hour)}, ""},
	} {
		list, err := c.Audit(t.Context(), admin, tc.f)
		var got []string
		for _, v := range list {
			if v.Target == "" {
				v.Target = v.Action
			}
			got = append(got, v.Target)
		}
		if strings.Join(got, " ") != tc.want || err != nil {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func TestHostileTextInTheAuditIsTamed(t *testing.T) {
	t.Parallel()
	c := idleCore(t)
	bad := "\x1b]0;owned\x07\x1b[31m" + string([]byte{0xff, 0xfe}) + "\u202e"
	c.audit(Actor{User: bad, From: bad, Fingerprint: bad}, "app.stop", bad, errors.New(bad), bad)
	list, err := c.Audit(t.Context(), admin, AuditFilter{})
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	for _, s := range []string{list[0].User, list[0].From, list[0].Fingerprint, list[0].Target, list[0].Detail} {
		if s != SafeText(s, 0) || strings.ContainsAny(s, "\x1b\x07") {
			t.Errorf("it keeps %q", s)
		}
	}
	if got := check(t, c); !got.OK {
		t.Errorf("it says %+v", got)
	}
}

// Whoever is refused leaves a trace, whatever they tried.
func TestEveryRefusalLeavesARecord(t *testing.T) {
	t.Parallel()
	c := idleCore(t)
	eve := Actor{User: "eve", Role: RoleViewer, Via: ViaSSH, From: "10.8.0.3"}
	if err := c.store.Update(func(tx *store.Tx) error {
		return c.putApp(tx, app{ID: "adminer-1", CatalogID: "adminer", Hostname: "tool", Owner: "ops", Status: StatusRunning, Host: "lab", Node: "pve1", VMID: 100, MAC: newMAC()})
	}); err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	for action, try := range map[string]func() error{
		"app.deploy": func() error {
			_, _, err := c.DeployApp(ctx, eve, DeployRequest{CatalogID: "adminer", Hostname: "mine"})
			return err
		},
		"app.start":      func() error { _, err := c.DoApp(ctx, eve, StartApp, "tool"); return err },
		"app.stop":       func() error { _, err := c.DoApp(ctx, eve, StopApp, "tool"); return err },
		"app.force-stop": func() error { _, err := c.DoApp(ctx, eve, ForceStop, "tool"); return err },
		"app.restart":    func() error { _, err := c.DoApp(ctx, eve, RestartApp, "tool"); return err },
		"app.delete":     func() error { _, err := c.DeleteApp(ctx, eve, "tool", DeleteOptions{}); return err },
		"app.undelete":   func() error { _, err := c.KeepApp(ctx, eve, "tool"); return err },
		"app.release":    func() error { _, err := c.ReleaseApp(ctx, eve, "tool"); return err },
		"app.config":     func() error { _, err := c.ConfigureApp(ctx, eve, "tool", ConfigChange{}); return err },
		"app.secrets":    func() error { _, err := c.AppSecrets(ctx, eve, "tool"); return err },
		"app.adopt":      func() error { _, _, err := c.Adopt(ctx, eve, AdoptRequest{VMID: 101}); return err },
		"app.discover":   func() error { _, err := c.Discover(ctx, eve, ""); return err },
		"house.reconcile": func() error {
			_, err := c.Reconcile(ctx, Actor{User: "eve", Role: RoleUser, Via: ViaSSH, From: "10.8.0.3"})
			return err
		},
		"house.janitor": func() error {
			_, err := c.Janitor(ctx, Actor{User: "eve", Role: RoleUser, Via: ViaSSH, From: "10.8.0.3"})
			return err
		},
		"host.add": func() error {
			_, err := c.AddHost(ctx, eve, AddHostRequest{Name: "lab", URL: "https://10.0.0.1:8006"})
			return err
		},
		"user.add":      func() error { return c.AddUser(ctx, eve, "bob", RoleAdmin, nil) },
		"user.password": func() error { return c.SetPassword(ctx, eve, "bob", "a long password") },
	} {
		if err := try(); !errors.Is(err, ErrDenied) {
			t.Errorf("%s: %v", action, err)
			continue
		}
		list, err := c.Audit(ctx, admin, AuditFilter{User: "eve", Action: action, Result: "denied"})
		if err != nil || len(list) != 1 || list[0].From != "10.8.0.3" {
			t.Errorf("%s left %+v, %v", action, list, err)
		}
	}
}
