package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"proximity/core"
)

func TestTheWayFromWordsToCore(t *testing.T) {
	for _, c := range []struct{ in, line, done string }{
		{"", "stop git", "stop git"},
		{"", "stop git --force", "force-stop git"},
		{"", "delete git --yes", "delete git false"},
		{"", "delete git --yes --now", "delete git true"},
		{"", "undelete git", "keep git"},
		{"", "release git", "release git"},
		{"", "undo 7", "undo 7"},
		{"", "config git --cores 4 --disk 40", `config git {"cores":4,"disk_gb":40}`},
		{"", "config git --swap 0 --hostname forge", `config git {"swap_mb":0,"hostname":"forge"}`},
		{`{"ADMIN_PASSWORD": "s3cret"}`, "config git --values - --set MOTD=", `config git {"values":{"ADMIN_PASSWORD":"s3cret","MOTD":""}}`},
		{"", "adopt 201", `adopt {"vmid":201}`},
		{"", "adopt 201 --host lab --node pve1 --type pi-hole --port 80 --hostname dns", `adopt {"host":"lab","node":"pve1","vmid":201,"type":"pi-hole","port":80,"hostname":"dns"}`},
	} {
		s := lab()
		got := command(t, s, c.in, c.line)
		if got.exit != 0 || len(s.done) != 1 || s.done[0] != c.done {
			t.Errorf("%s: %+v did %q, want %q", c.line, got, s.done, c.done)
		}
	}
}

func TestFoundContainersTable(t *testing.T) {
	want := ` CT  NAME      NODE      STATE    OS      CORES   MEMORY     DISK  LOOKS LIKE  PORTS  ADOPT AS
201  pihole    lab/pve1  running  debian      1  512 MiB  4.0 GiB  pi-hole     53 80  pihole
202  old-wiki  lab/pve2  stopped  –           2  1.0 GiB   10 GiB  dokuwiki?   –      old-wiki
`
	if diff := cmp.Diff(want, command(t, lab(), "", "discover").out); diff != "" {
		t.Error(diff)
	}
	s := lab()
	s.fail = &core.Error{Kind: core.ErrUnreachable, Text: "host barn: no answer", Hint: "check the address"}
	got := command(t, s, "", "discover")
	if got.exit != 6 || !strings.Contains(got.out, "pihole") || !strings.Contains(got.err, "barn") {
		t.Errorf("with one host away: %+v", got)
	}
}

func TestAuditTableAndFilters(t *testing.T) {
	want := `TIME                 WHO  FROM      ACTION      TARGET  RESULT  DETAIL
2026-11-24 12:00:00  ann  10.0.0.4  app.config  git     ok      job 7 memory 512 → 1024 MB
2026-11-24 11:00:00  eve  api       app.stop    git     denied  a viewer may not change apps (ask an admin)
`
	if diff := cmp.Diff(want, command(t, lab(), "", "audit").out); diff != "" {
		t.Error(diff)
	}
	s := lab()
	command(t, s, "", "audit --by ann --action app --target git --result denied --since 7d --until 2026-11-24 --limit 5")
	wantF := core.AuditFilter{User: "ann", Action: "app", Target: "git", Result: "denied", Since: noon.AddDate(0, 0, -7), Until: time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC), Limit: 5}
	if len(s.asked) != 1 || !cmp.Equal(wantF, s.asked[0]) {
		t.Errorf("asked for %+v", s.asked)
	}
	for _, line := range []string{"audit --since yesterday", "audit --since -3h", "audit --until d", "audit --limit 0", "undo seven", "adopt wiki", "adopt 0", "adopt 201 --port 0", "config git --cores many", "config git --set X"} {
		if got := command(t, nil, "", line); got.exit != 2 || strings.Count(got.err, "\n") != 1 {
			t.Errorf("%s: %+v", line, got)
		}
	}
}

func TestABrokenChainIsAFailure(t *testing.T) {
	s := lab()
	if got := command(t, s, "", "audit verify"); got.exit != 0 || got.out != "chain ok: 9 of 9 records verified, since 1h ago\n3 older ones were removed by age or number; the mark they left is signed\n" {
		t.Errorf("%+v", got)
	}
	s.chain = core.AuditCheck{Records: 9, Verified: 4, Problem: "record 5 was changed"}
	if got := command(t, s, "", "audit verify"); got.exit != 1 || !strings.HasPrefix(got.out, "chain BROKEN: 4 of 9") || !strings.Contains(got.err, "record 5 was changed") {
		t.Errorf("%+v", got)
	}
}

func TestConfigurationTable(t *testing.T) {
	want := `  hostname  git
  cores     2
  memory    2048 MB
  swap      512 MB
  disk      20 GB

FIELD (--set)   VALUE        WHAT IT IS
ADMIN_PASSWORD  (secret)     Admin password
MOTD            hello there  Greeting
ADMIN_USER      ann          Admin user, cannot be changed
PROXY           –            Proxy
`
	if diff := cmp.Diff(want, command(t, lab(), "", "config git").out); diff != "" {
		t.Error(diff)
	}
}

func TestWhatIsAboutToGoSaysSo(t *testing.T) {
	s := lab()
	s.apps[0].Status, s.apps[0].DeletesAt = core.StatusRemoving, noon.Add(9*time.Minute+40*time.Second)
	if got := command(t, s, "", "apps"); !strings.Contains(got.out, "removing in 9m40s") {
		t.Errorf("%+v", got)
	}
	if got := command(t, s, "", "app git"); !strings.Contains(got.out, "in 9m40s: `undelete git` keeps it") {
		t.Errorf("%+v", got)
	}
	s.apps[0].Adopted = true
	if got := command(t, s, "", "delete git"); got.exit != 2 || !strings.Contains(got.err, "no container is touched") {
		t.Errorf("%+v", got)
	}
}
