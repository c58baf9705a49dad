package cli

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"proximity/core"
)

// caring is a core that clones, updates and looks after hosts as a test wrote.
type caring struct {
	*scripted
	view    core.UpdateView
	finds   []core.Finding
	cloned  core.CloneRequest
	updated core.UpdateRequest
	edited  []core.HostEdit
	asked   []string
}

func (c *caring) CloneApp(_ context.Context, _ core.Actor, name string, r core.CloneRequest) (core.AppView, core.JobView, error) {
	c.asked, c.cloned = append(c.asked, "clone "+name), r
	j := c.job
	j.State, j.Ended, j.Title = "queued", false, "clone git as "+r.Hostname
	return core.AppView{ID: "gitea-2", Hostname: r.Hostname, Host: "lab", Node: "pve1"}, j, c.fail
}

func (c *caring) CheckUpdate(_ context.Context, _ core.Actor, name string) (core.UpdateView, error) {
	c.asked = append(c.asked, "check "+name)
	return c.view, c.fail
}

func (c *caring) UpdateApp(_ context.Context, _ core.Actor, name string, r core.UpdateRequest) (core.JobView, error) {
	c.asked, c.updated = append(c.asked, "update "+name), r
	return c.job, c.fail
}

func (c *caring) EditHost(_ context.Context, _ core.Actor, name string, e core.HostEdit) (core.HostView, error) {
	c.asked, c.edited = append(c.asked, "edit "+name), append(c.edited, e)
	return core.HostView{Name: name, State: "online", URL: "https://10.0.0.1:8006", User: "root@pam"}, c.fail
}

func (c *caring) RemoveHost(_ context.Context, _ core.Actor, name string) error {
	c.asked = append(c.asked, "remove "+name)
	return c.fail
}

func (c *caring) SyncNodes(context.Context, core.Actor, string) (int, error) { return 3, c.fail }

func (c *caring) TrustHost(_ context.Context, _ core.Actor, name string, accept []string) (core.HostView, error) {
	c.asked = append(c.asked, "trust "+name+" "+strings.Join(accept, " "))
	return core.HostView{Name: name}, c.fail
}

func (c *caring) Doctor(context.Context, core.Actor) ([]core.Finding, error) { return c.finds, c.fail }

func TestAnUpdateIsShownAsADifference(t *testing.T) {
	c := &caring{scripted: lab(), view: core.UpdateView{Hostname: "git", Available: true, From: core.RecipeVersion{Revision: 1, Version: "1.24"}, To: core.RecipeVersion{Revision: 2, Version: "1.25"},
		Images:  []core.ImageChange{{Service: "app", From: "gitea:1.24", To: "gitea:1.25", Source: "recipe"}},
		Diff:    []core.DiffLine{{Op: "@"}, {Op: " ", Text: `"app": {`}, {Op: "-", Text: `  "image": "gitea:1.24"`}, {Op: "+", Text: `  "image": "gitea:1.25"`}},
		Secrets: []string{"KEY"}, Backup: true, WayBack: "restore", Breaking: []core.BreakingChange{{Note: "Read the notes.", Action: "confirm"}}, Unknown: []string{"db: nobody knows\x1b[31m"}}}
	want := `git  1.24 (revision 1) → 1.25 (revision 2)
  app          gitea:1.24 → gitea:1.25 (recipe)
  new secrets  KEY
  first        a backup is made
  if it fails  it goes back to the backup by itself
  confirm      Read the notes.
  not known    db: nobody knows

@
  "app": {
-   "image": "gitea:1.24"
+   "image": "gitea:1.25"
`
	if got := command(t, c, "", "update git --check"); got.exit != 0 || got.out != want {
		t.Errorf("%+v\n%s", got, cmp.Diff(want, got.out))
	}
	if got := command(t, c, `{"KEY":"k"}`, "update git --yes --values - --set OTHER=o --wait"); got.exit != 0 || !c.updated.Yes || c.updated.Values["KEY"] != "k" || c.updated.Values["OTHER"] != "o" {
		t.Errorf("%+v asked for %+v", got, c.updated)
	}
	c.view = core.UpdateView{Hostname: "git", Unknown: []string{"db: nobody knows"}}
	if got := command(t, c, "", "update git --check"); got.exit != 0 || !strings.Contains(got.out, "up to date, as far as can be told") {
		t.Errorf("%+v", got)
	}
}

func TestAppsAreClonedAndHostsLookedAfter(t *testing.T) {
	c := &caring{scripted: lab()}
	for _, line := range []string{"clone git --hostname git-two --node pve2 --stop", "hosts disable lab", "hosts enable lab", "hosts edit lab --url https://10.0.0.2 --trust --ssh-user px", "hosts edit lab --name attic",
		"hosts remove lab --yes", "hosts sync lab", "hosts trust lab --accept AA:BB --accept SHA256:x"} {
		if got := command(t, c, "", line); got.exit != 0 || strings.Count(got.err, "\n") > 1 {
			t.Errorf("%s: %+v", line, got)
		}
	}
	if got := command(t, c, `{"user":"root@pam","password":"pw","ssh_key":"KEY"}`, "hosts edit lab --credentials -"); got.exit != 0 || strings.Contains(got.out+got.err, "pw") {
		t.Errorf("%+v", got)
	}
	yes, no := true, false
	if diff := cmp.Diff(core.CloneRequest{Hostname: "git-two", Node: "pve2", StopFirst: true}, c.cloned); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]core.HostEdit{{Disabled: &yes}, {Disabled: &no}, {URL: "https://10.0.0.2", Trust: true, SSHUser: "px"}, {Name: "attic"}, {User: "root@pam", Password: "pw", SSHKey: "KEY"}}, c.edited); diff != "" {
		t.Error(diff)
	}
	if got := strings.Join(c.asked, ", "); got != "clone git, edit lab, edit lab, edit lab, edit lab, remove lab, trust lab AA:BB SHA256:x, edit lab" {
		t.Error(got)
	}
	for line, want := range map[string]string{
		"hosts remove lab": "--yes", "hosts edit lab": "nothing is to be changed", "clone git --hostname x --wait=maybe": "invalid argument", "hosts wrappr": "did you mean `wrapper`?",
	} {
		if got := command(t, c, "", line); got.exit != 2 || !strings.Contains(got.err, want) {
			t.Errorf("%s: %+v", line, got)
		}
	}
}

func TestTheDoctorsExitCodeSaysWhetherAnythingFails(t *testing.T) {
	c := &caring{scripted: lab(), finds: []core.Finding{
		{About: "here", Name: "keys", State: core.FindingOK, Text: "all well", Hint: "not shown"},
		{About: "host lab", Name: "ssh to pve1", State: core.FindingWarn, Text: "odd", Hint: "look"},
	}}
	want := "here\n  ok    keys                  all well\n\nhost lab\n  warn  ssh to pve1           odd\n                              → look\n\n1 ok, 1 to look at, 0 to mend\n"
	if got := command(t, c, "", "doctor"); got.exit != 0 || got.out != want {
		t.Errorf("%+v", got)
	}
	if got := command(t, c, "", "doctor", func(e *Env) { e.Offline = true }); got.exit != 0 || !strings.Contains(got.out, "no server is running") {
		t.Errorf("%+v", got)
	}
	c.finds[1].State = core.FindingFail
	if got := command(t, c, "", "doctor"); got.exit != 1 || !strings.Contains(got.err, "1 thing to mend") {
		t.Errorf("%+v", got)
	}
	if got := command(t, c, "", "doctor --json"); got.exit != 1 || !strings.Contains(got.out, `"state": "fail"`) {
		t.Errorf("%+v", got)
	}
	unopened := Unopened(t.TempDir(), &core.Error{Kind: core.ErrConflict, Text: "server is running"})
	if unopened[len(unopened)-1].State != core.FindingFail {
		t.Errorf("%+v", unopened)
	}
}
