package cli

import (
	"strings"
	"testing"

	"proximity/core"
)

// TestRefusalsOfTheDomain runs commands on a real, empty installation.
func TestRefusalsOfTheDomain(t *testing.T) {
	c, err := core.Open(core.Config{Data: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	as := func(role core.Role) func(*Env) {
		return func(e *Env) { e.Actor = core.Actor{User: "ann", Role: role, Via: core.ViaSSH} }
	}
	for _, k := range []struct {
		role core.Role
		in   string
		line string
		exit int
		want string // in the error
	}{
		{core.RoleAdmin, "", "deploy gitae --hostname git", 3, `there is no app "gitae" in the catalogue`},
		{core.RoleViewer, "", "deploy gitea --hostname git", 4, "a viewer may not deploy apps (ask an admin)"},
		{"", "", "deploy gitea --hostname git", 4, "ask an admin"},
		{core.RoleUser, "", "hosts add lab https://127.0.0.1:1 --token a@pve!t=s --trust", 4, "may not change hosts"},
		{core.RoleUser, "", "hosts test lab", 4, "may not change hosts"},
		{core.RoleAdmin, "", "hosts test lab", 3, "lab"},
		{core.RoleAdmin, "", "hosts add lab https://127.0.0.1:1 --token a@pve!t=s --trust", 6, "check the address"},
		{core.RoleAdmin, "", "hosts add lab ftp://127.0.0.1 --token a@pve!t=s", 2, "url"},
		{core.RoleAdmin, "", "hosts add lab https://127.0.0.1:1", 2, "no credentials are given"},
		{core.RoleAdmin, "", "app nobody", 3, `there is no app "nobody"`},
		{core.RoleAdmin, "", "logs nobody", 3, `there is no app "nobody"`},
		{core.RoleAdmin, "", "metrics nobody", 3, `there is no app "nobody"`},
		{core.RoleAdmin, "", "start nobody", 3, `there is no app "nobody"`},
		{core.RoleAdmin, "", "job 99", 3, "there is no job 99"},
		{core.RoleAdmin, "", "cancel 99", 3, "there is no job 99"},
		{core.RoleAdmin, "", "catalog --category nonsense", 3, `there is no category "nonsense"`},
		{core.RoleUser, "pw", "users passwd bob", 4, "may not change users"},
	} {
		got := command(t, c, k.in, k.line, as(k.role))
		if got.exit != k.exit || !strings.Contains(got.err, k.want) || strings.Count(got.err, "\n") != 1 {
			t.Errorf("%s as %q: %+v, want exit %d with %q", k.line, k.role, got, k.exit, k.want)
		}
	}
	if got := command(t, c, "", "catalog git"); got.exit != 0 || !strings.Contains(got.out, "gitea") {
		t.Errorf("catalog git: %+v", got)
	}
	if got := command(t, c, "", "catalog gitea"); got.exit != 0 || !strings.Contains(got.out, "FIELD (--set)") {
		t.Errorf("catalog gitea: %+v", got)
	}
	if got := command(t, c, "", "catalog qqqq --json"); got.exit != 0 || got.out != "[]\n" {
		t.Errorf("catalog qqqq: %+v", got)
	}
}
