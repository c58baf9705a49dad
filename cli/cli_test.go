package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"

	"proximity/core"
)

func TestWrongWordsAreToldInOneLine(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{"aps", "proximity: unknown command \"aps\" (did you mean `app` or `apps`?)"},
		{"frobnicate", "proximity: unknown command \"frobnicate\" (`help` lists the commands)"},
		{"--json zzz", `{"error":{"kind":"invalid","text":"unknown command \"zzz\"","hint":"` + "`help` lists the commands" + `"}}`},
		{"hosts tset", "proximity: unknown command \"tset\" (did you mean `test`?)"},
		{"help deplpy", "proximity: unknown command \"deplpy\" (did you mean `deploy`?)"},
		{"__complete apps", "proximity: unknown command \"__complete\" (`help` lists the commands)"},
		{"app", "proximity: NAME is missing (write `app NAME [--secrets]`)"},
		{"app a b", "proximity: \"b\" is one word too many (write `app NAME [--secrets]`)"},
		{"apps now", "proximity: \"now\" is one word too many (write `apps`)"},
		{"logs", "proximity: NAME is missing (write `logs NAME [-f] [--tail N] [--deployment]`)"},
		{"logs x --tail -1", "proximity: --tail: -1 is no number of lines (write `logs NAME [-f] [--tail N] [--deployment]`)"},
		{"logs x --tail abc", "proximity: --tail: \"abc\" is not a whole number (write `logs NAME [-f] [--tail N] [--deployment]`)"},
		{"job", "proximity: N is missing (write `job N [-f]`)"},
		{"job seven", "proximity: \"seven\" is not the number of a job (write `job N [-f]`)"},
		{"cancel -- -1", "proximity: \"-1\" is not the number of a job (write `cancel N`)"},
		{"jobs --limit 0", "proximity: --limit: 0 is no number of jobs (write `jobs [--app NAME] [--live] [--limit N]`)"},
		{"deploy", "proximity: ID is missing (write `deploy ID --hostname NAME [--set KEY=VALUE]…`)"},
		{"deploy gitea --hostnam x", "proximity: unknown flag: --hostnam (write `deploy ID --hostname NAME [--set KEY=VALUE]…`)"},
		{"deploy gitea --hostname x --set KEY", "proximity: --set: \"KEY\" has no value (write --set KEY=VALUE)"},
		{"deploy gitea --hostname x --cores 0", "proximity: --cores: 0 is not enough (give at least 1, or leave it out)"},
		{"deploy gitea --hostname x --values /etc/passwd", "proximity: --values: no file is read here, only - (standard input) (write `deploy ID --hostname NAME [--set KEY=VALUE]…`)"},
		{"deploy gitea --hostname x --values -", "proximity: --values: standard input is empty (send a JSON document, e.g. echo '{…}' | …)"},
		{"hosts add lab", "proximity: URL is missing (write `hosts add NAME URL (--token ID=SECRET | --user U --password-stdin | --credentials -)`)"},
		{"hosts add lab https://x --trust --fingerprint AA", "proximity: --trust takes any certificate, --fingerprint one: give one of the two (write `hosts add NAME URL (--token ID=SECRET | --user U --password-stdin | --credentials -)`)"},
		{"hosts add lab https://x --user root --password-stdin", "proximity: standard input holds no password (pipe it in: printf %s PASSWORD | …)"},
		{"hosts add lab https://x --credentials /root/secret", "proximity: --credentials: no file is read here, only - (standard input) (write `hosts add NAME URL (--token ID=SECRET | --user U --password-stdin | --credentials -)`)"},
		{"users add eve", "proximity: standard input holds no public key (pipe one in: … < id_ed25519.pub)"},
		{"whoami --wat", "proximity: unknown flag: --wat (write `whoami`)"},
		{"--wat", "proximity: unknown flag: --wat (`help` lists the commands)"},
	} {
		got := command(t, nil, "", c.line) // no core: nothing may be asked
		if got.exit != 2 || got.err != c.want+"\n" || got.out != "" {
			t.Errorf("%s: exit %d, out %q\n got %s\nwant %s", c.line, got.exit, got.out, got.err, c.want)
		}
	}
}

func TestKindsBecomeExitCodes(t *testing.T) {
	for _, c := range []struct {
		kind error
		exit int
		name string
	}{
		{core.ErrInvalid, 2, "invalid"}, {core.ErrNotFound, 3, "not_found"}, {core.ErrDenied, 4, "denied"}, {core.ErrConflict, 5, "conflict"},
		{core.ErrUnreachable, 6, "unreachable"}, {core.ErrUnavailable, 1, "unavailable"}, {core.ErrFailed, 1, "failed"},
	} {
		s := lab()
		s.fail = fmt.Errorf("wrapped: %w", &core.Error{Kind: c.kind, Field: "node", Text: "what\nhappened\x1b[31m", Hint: "do this"})
		got := command(t, s, "", "apps")
		if got.exit != c.exit || strings.Count(got.err, "\n") != 1 || strings.Contains(got.err, "\x1b") || !strings.HasSuffix(got.err, "(do this)\n") {
			t.Errorf("%s: %+v", c.name, got)
		}
		got = command(t, s, "", "apps --json")
		want := fmt.Sprintf(`{"error":{"kind":%q,"field":"node","text":"what happened","hint":"do this"}}`, c.name) + "\n"
		if got.exit != c.exit || got.err != want {
			t.Errorf("%s: exit %d %s, want %s", c.name, got.exit, got.err, want)
		}
	}
	s := lab()
	s.fail = errors.New("disk on fire")
	if got := command(t, s, "", "nodes"); got.exit != 1 || got.err != "proximity: disk on fire\n" {
		t.Errorf("an error of no kind: %+v", got)
	}
}

func TestTablesFitTheTerminal(t *testing.T) {
	for _, line := range []string{"apps", "nodes", "hosts", "jobs", "job 7", "hosts test lab", "discover", "audit", "config git", "metrics git"} {
		for _, width := range []int{0, 200, 120, 80, 60, 40} {
			s := lab()
			s.points = 12
			got := command(t, s, "", line, func(e *Env) { e.Width = width })
			if got.out == "" {
				t.Fatalf("%s: nothing: %+v", line, got)
			}
			for l := range strings.Lines(got.out) {
				l = strings.TrimSuffix(l, "\n")
				if w := ansi.StringWidth(l); width > 0 && w > width && !strings.HasPrefix(line, "job ") {
					t.Errorf("%s at %d: %d cells: %s", line, width, w, l)
				}
				if strings.HasSuffix(l, " ") {
					t.Errorf("%s at %d: blanks at the end: %q", line, width, l)
				}
			}
		}
	}
}

func TestAppsTable(t *testing.T) {
	want := `NAME                          STATUS                  APP      URL                NODE   CT    CPU     MEMORY  UPTIME  OWNER
git                           running                 gitea    http://prox:8100/  pve1  101    12%    700 MiB    1d2h  ann
wiki-of-the-whole-department  running!                gitea    http://prox:8100/  pve1  101  (12%)  (700 MiB)  (1d2h)  ann
db                            deploying 3/13 waiting  adminer  –                  –       –      –          –       –  bob
`
	if diff := cmp.Diff(want, command(t, lab(), "", "apps").out); diff != "" {
		t.Error(diff)
	}
	// With several hosts the node alone is no place: each may have a "pve1".
	two := lab()
	two.apps[1].Host = "barn"
	if out := command(t, two, "", "apps").out; !strings.Contains(out, " lab/pve1 ") || !strings.Contains(out, " barn/pve1 ") {
		t.Error(out)
	}
	want = `NAME                        STATUS
git                         running
wiki-of-the-whole-departm…  running!
db                          deploying 3/13 waiting
`
	if diff := cmp.Diff(want, command(t, lab(), "", "apps", func(e *Env) { e.Width = 50 }).out); diff != "" {
		t.Error(diff)
	}
}

func TestAppDetail(t *testing.T) {
	want := `git  running
  app        Gitea 1.24
  id         gitea-0123abcd
  owner      ann
  url        http://prox:8100/
  port       8100, forwarded to 10.0.0.7:3000
  address    10.0.0.7
  container  CT 101 on lab/pve1
  size       2 cores, 2048 MB memory, 20 GB disk on local-zfs
  system     alpine
  now        CPU 12%, memory 700 MiB / 2.0 GiB, disk 3.0 GiB / 20 GiB, up 1d2h
  made       1h30m ago
`
	if diff := cmp.Diff(want, command(t, lab(), "", "app git").out); diff != "" {
		t.Error(diff)
	}
}

func TestJSONIsWhole(t *testing.T) {
	for _, line := range []string{"apps", "app git", "nodes", "hosts", "jobs", "job 7", "whoami", "version", "start git", "cancel 7", "deploy gitea --hostname x"} {
		got := command(t, lab(), "", line+" --json")
		if !json.Valid([]byte(got.out)) || got.err != "" || got.exit != 0 {
			t.Errorf("%s: %+v", line, got)
		}
	}
	empty := &scripted{}
	for _, line := range []string{"apps", "nodes", "hosts"} {
		if got := command(t, empty, "", line+" --json"); got.out != "[]\n" || got.err != "" {
			t.Errorf("empty %s: %+v", line, got)
		}
		if got := command(t, empty, "", line); got.out != "" || got.err == "" || got.exit != 0 {
			t.Errorf("empty %s: %+v", line, got)
		}
	}
	for _, line := range []string{"logs git --json", "logs git --deployment --json", "job 7 -f --json"} {
		got := command(t, lab(), "", line)
		if strings.Count(got.out, "\n") < 2 || got.exit != 0 {
			t.Errorf("%s: %+v", line, got)
		}
		for l := range strings.Lines(got.out) {
			if !json.Valid([]byte(l)) {
				t.Errorf("%s: %q is no document", line, l)
			}
		}
	}
}

func TestDeployAsksForWhatWasWritten(t *testing.T) {
	for _, c := range []struct {
		in, line string
		want     core.DeployRequest
	}{
		{"", "deploy gitea --hostname git", core.DeployRequest{CatalogID: "gitea", Hostname: "git", Values: map[string]string{}}},
		{"", "deploy gitea --hostname git --host lab --node pve2 --cores 4 --memory 4096 --disk 30 --port 8200 --set A=1 --set B=x=y",
			core.DeployRequest{CatalogID: "gitea", Hostname: "git", Host: "lab", Node: "pve2", Cores: 4, MemoryMB: 4096, DiskGB: 30, Port: 8200, Values: map[string]string{"A": "1", "B": "x=y"}}},
		{`{"A": "doc", "N": 1234567890123, "YES": true}`, "deploy gitea --hostname git --values - --set A=flag",
			core.DeployRequest{CatalogID: "gitea", Hostname: "git", Values: map[string]string{"A": "flag", "N": "1234567890123", "YES": "true"}}},
	} {
		s := lab()
		got := command(t, s, c.in, c.line)
		if got.exit != 0 || len(s.deployed) != 1 {
			t.Fatalf("%s: %+v", c.line, got)
		}
		if diff := cmp.Diff(c.want, s.deployed[0]); diff != "" {
			t.Errorf("%s: %s", c.line, diff)
		}
		if got.out != "job 7  deploy db  gitea-0123abcd on lab/pve1\n" || got.err != "`job 7 -f` follows it\n" {
			t.Errorf("%s: %+v", c.line, got)
		}
	}
}

func TestBadValuesKeepTheirSecrets(t *testing.T) {
	const secret = "hunter2"
	for _, c := range []struct{ line, in string }{
		{"deploy gitea --hostname x --values -", `{"PW": "` + secret},
		{"deploy gitea --hostname x --values -", `"` + secret + `"`},
		{"deploy gitea --hostname x --values -", secret},
		{"deploy gitea --hostname x --values -", `{"PW": ["` + secret + `"]}`},
		{"deploy gitea --hostname x --values -", `{} "` + secret + `"`},
		{"hosts add lab https://x --credentials -", `{"password": ` + secret + `}`},
		{"hosts add lab https://x --credentials -", `{"token": "` + secret + `"}`},
		{"hosts add lab https://x --credentials -", `{"token": ["` + secret + `"]}`},
		{"hosts add lab https://x --token " + secret, ""},
	} {
		for _, flag := range []string{"", " --json"} {
			got := command(t, nil, c.in, c.line+flag)
			if got.exit != 2 || strings.Contains(got.out+got.err, secret) || strings.Count(got.err, "\n") != 1 {
				t.Errorf("%s < %s: %+v", c.line, c.in, got)
			}
		}
	}
}

func TestWaitingGivesTheJobsExitCode(t *testing.T) {
	for _, c := range []struct {
		state, failure, left string
		exit                 int
		err                  string
	}{
		{"succeeded", "", "", 0, ""},
		{"failed", "storage full", "", 1, "proximity: job 7 (deploy db) failed: storage full (free some)\n"},
		{"failed", "host gone", "container 101", 1, "proximity: job 7 (deploy db) failed: host gone; left behind: container 101 (free some)\n"},
		{"cancelled", "", "", 1, "proximity: job 7 (deploy db) cancelled (free some)\n"},
	} {
		for _, line := range []string{"deploy gitea --hostname git --wait", "restart git --wait", "job 7 -f"} {
			s := lab()
			s.job.State, s.job.Error, s.job.Left = c.state, c.failure, c.left
			if c.state != "succeeded" {
				s.job.Hint = "free some"
			}
			got := command(t, s, "", line)
			log := "12:00:00  init          chosen: pve1\n12:00:00  lxc_create    warning: slow\n"
			where := &got.err
			if strings.HasPrefix(line, "job") {
				where = &got.out
			}
			if !strings.HasPrefix(*where, log) {
				t.Errorf("%s: no log: %+v", line, got)
			}
			if got.exit != c.exit || strings.TrimPrefix(got.err, log) != c.err {
				t.Errorf("%s of a job that %s: %+v", line, c.state, got)
			}
			if strings.HasPrefix(line, "deploy") && !strings.HasPrefix(got.out, "git  running\n") {
				t.Errorf("%s: the app is not shown: %+v", line, got)
			}
		}
	}
}

func TestDeletingTakesAYes(t *testing.T) {
	s := lab()
	got := command(t, s, "", "delete git")
	if got.exit != 2 || len(s.done) != 0 || got.err != "proximity: this destroys git and all its data (add --yes if you mean it)\n" {
		t.Errorf("without --yes: %+v, done %v", got, s.done)
	}
	if got := command(t, s, "", "delete nobody"); got.exit != 3 {
		t.Errorf("an app that is not there: %+v", got)
	}
	if got := command(t, s, "", "delete git --yes"); got.exit != 0 || !slices.Equal(s.done, []string{"delete git false"}) {
		t.Errorf("with --yes: %+v, done %v", got, s.done)
	}
}

func TestHostCredentials(t *testing.T) {
	for _, c := range []struct {
		in, flags string
		want      core.AddHostRequest
	}{
		{"", "--token root@pam!p=s=1 --trust", core.AddHostRequest{TokenID: "root@pam!p", TokenSecret: "s=1", Trust: true}},
		{"pass word\r\n", "--user root@pam --password-stdin --fingerprint AA:BB", core.AddHostRequest{User: "root@pam", Password: "pass word", Fingerprint: "AA:BB"}},
		{`{"token": "a@pve!t=s", "ssh_key": "KEY\nx", "ssh_user": "px"}`, "--credentials - --ssh-port 2022", core.AddHostRequest{TokenID: "a@pve!t", TokenSecret: "s", SSHKey: "KEY\nx", SSHUser: "px", SSHPort: 2022}},
		{`{"token": {"id": "a@pve!t", "secret": "s"}, "ssh_password": "q"}`, "--credentials - --ssh-user root", core.AddHostRequest{TokenID: "a@pve!t", TokenSecret: "s", SSHPassword: "q", SSHUser: "root"}},
		{`{"password": "p"}`, "--user root --credentials - --default", core.AddHostRequest{User: "root", Password: "p", Default: true}},
	} {
		c.want.Name, c.want.URL = "lab", "https://10.0.0.1:8006"
		s := lab()
		got := command(t, s, c.in, "hosts add lab https://10.0.0.1:8006 "+c.flags)
		if got.exit != 0 || len(s.added) != 1 {
			t.Fatalf("%s: %+v", c.flags, got)
		}
		if diff := cmp.Diff(c.want, s.added[0]); diff != "" {
			t.Errorf("%s: %s", c.flags, diff)
		}
	}
}

func TestHostTestFailsWhenACheckFails(t *testing.T) {
	s := lab()
	got := command(t, s, "", "hosts test lab")
	if got.exit != 1 || !strings.Contains(got.out, "NO  ssh to pve1  no credentials  add a key\n") || got.err != "proximity: 1 of 2 checks failed\n" {
		t.Errorf("%+v", got)
	}
	s.checks = s.checks[:1]
	if got := command(t, s, "", "hosts test lab"); got.exit != 0 || got.err != "" {
		t.Errorf("all well: %+v", got)
	}
}

func TestWithoutAServerNothingIsFollowed(t *testing.T) {
	offline := func(e *Env) { e.Offline = true }
	for _, line := range []string{"deploy gitea --hostname x --wait", "restart git --wait", "job 7 -f", "logs git -f"} {
		s := lab()
		got := command(t, s, "", line, offline)
		if got.exit != 6 || !strings.Contains(got.err, "none is running (start one with `proximity serve`)") || len(s.deployed)+len(s.done) > 0 {
			t.Errorf("%s: %+v", line, got)
		}
	}
	if got := command(t, lab(), "", "deploy gitea --hostname x", offline); got.exit != 0 || !strings.Contains(got.err, "the job begins when one does") {
		t.Errorf("%+v", got)
	}
}

func TestHelpNamesEveryCommand(t *testing.T) {
	got := command(t, nil, "", "help", func(e *Env) { e.Host = "homelab" })
	if got.exit != 0 || !strings.Contains(got.out, "ssh homelab") {
		t.Errorf("%+v", got)
	}
	for _, name := range Commands() {
		if !strings.Contains(got.out, "\n  "+name+" ") {
			t.Errorf("help does not name %s:\n%s", name, got.out)
		}
	}
	if got := command(t, nil, "", "help hosts add"); !strings.Contains(got.out, "--fingerprint") || got.exit != 0 {
		t.Errorf("%+v", got)
	}
	if a, b := command(t, nil, "", "deploy -h"), command(t, nil, "", "help deploy"); a != b {
		t.Errorf("deploy -h: %+v\nhelp deploy: %+v", a, b)
	}
}

// FuzzRun throws words at the commands: none may panic, print a control
// character, leave the known exit codes, or fail without a word.
func FuzzRun(f *testing.F) {
	for _, s := range []string{"apps", "app\x00git", "deploy\x00gitea\x00--hostname\x00x\x00--set\x00A=b", "help\x00hosts\x00add", "job\x007\x00-f", "\x1b[31m", "--json\x00zzz", "hosts\x00add\x00a\x00b\x00--credentials\x00-", "--\x00apps", "__completeNoDesc\x00", "-h"} {
		f.Add(s, `{"token":"a=b"}`)
	}
	f.Fuzz(func(t *testing.T, line, in string) {
		s := lab()
		c := struct{ *full }{&full{s}}
		got := words(t, c, in, strings.Split(line, "\x00"))
		if got.exit < 0 || got.exit > 6 || got.exit != 0 && got.err == "" {
			t.Errorf("%q: %+v", line, got)
		}
		for _, r := range got.out + got.err {
			if r < ' ' && r != '\n' || r >= 0x7f && r < 0xa0 {
				t.Fatalf("%q: control character in %+v", line, got)
			}
		}
	})
}

// full is a scripted core that answers every call.
type full struct{ *scripted }

func (full) Catalogue(string, string) []core.CatalogueItem {
	return []core.CatalogueItem{{ID: "gitea", Name: "Gitea"}}
}
func (full) CatalogueItem(string) (core.CatalogueItem, error) {
	return core.CatalogueItem{}, &core.Error{Kind: core.ErrNotFound, Text: "no"}
}
func (full) Categories() []core.CategoryView                                        { return nil }
func (full) AddUser(context.Context, core.Actor, string, core.Role, []string) error { return nil }
func (full) SetPassword(context.Context, core.Actor, string, string) error          { return nil }

func TestSecretsAreShownOnlyWhenAsked(t *testing.T) {
	s := &scripted{apps: []core.AppView{{ID: "x-1", Hostname: "x"}}}
	var out, errw strings.Builder
	run := func(args ...string) string {
		out.Reset()
		if code := Run(t.Context(), Env{Core: s, Out: &out, Err: &errw}, args); code != 0 {
			t.Fatalf("%v: %d %s", args, code, errw.String())
		}
		return out.String()
	}
	if got := run("app", "x"); strings.Contains(got, "s3cret") {
		t.Errorf("shown unasked: %s", got)
	}
	if got := run("app", "x", "--secrets"); got != "ADMIN_PASSWORD=open sesame\nDB_PASSWORD=s3cret\n" {
		t.Errorf("asked for: %q", got)
	}
}

// A password that is shown once is shown to a person at a terminal, and not lost in a file or a pipe.
func TestFirstPasswordsNeedATerminal(t *testing.T) {
	const line = "deploy gitea --hostname git --wait"
	terminal := func(e *Env) { e.Width = 100 }
	if got := command(t, lab(), "", line, terminal); got.exit != 0 || !strings.Contains(got.out, "open sesame") {
		t.Errorf("on a terminal: %+v", got)
	}
	if got := command(t, lab(), "", line); got.exit != 0 || strings.Contains(got.out, "sesame") {
		t.Errorf("into a file: %+v", got)
	}
	if got := command(t, lab(), "", line+" --json", terminal); got.exit != 0 || strings.Contains(got.out, "sesame") {
		t.Errorf("as JSON: %+v", got)
	}
}
