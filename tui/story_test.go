package tui

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"proximity/core"
)

func text(c *Console) string { return ansi.Strip(c.View().Content) }

func expect(t *testing.T, c *Console, want ...string) {
	t.Helper()
	got := text(c)
	for _, w := range want {
		if !strings.Contains(got, w) {
			t.Errorf("not on screen: %q\n%s", w, got)
		}
	}
}

// TestDeployStory: a person finds an app, deploys it under a name of their own,
// watches it, and opens it.
func TestDeployStory(t *testing.T) {
	s := newScripted()
	c := at(t, s, look{}, []string{"3", "/"})
	typed(c, "photo")
	press(c, "enter")
	expect(t, c, "2 apps · \"photo\"", "Immich", "Lychee")
	press(c, "n")
	expect(t, c, "Deploy Immich", "PREVIEW")
	d := c.page().(*deploy)
	if got := d.form.Field(fieldName).Value(); got != "immich-2" {
		t.Errorf("immich is there, but the name offered is %q", got)
	}
	press(c, "ctrl+u")
	typed(c, "gitea")
	expect(t, c, "× \"gitea\" is taken")
	press(c, "ctrl+s")
	if s.count("DeployApp") != 0 {
		t.Fatal("a form with a problem was sent")
	}
	press(c, "ctrl+u")
	typed(c, "photos")
	expect(t, c, "✓ free", "ready: it goes to pve1", "container \"photos\" on pve1")
	press(c, "down", "down", "down")
	typed(c, "9999")
	expect(t, c, "no node has 9000 MB free", "pve3 has 8192 MB")
	press(c, "ctrl+u")
	typed(c, "4096")
	expect(t, c, "4.0G")
	press(c, "ctrl+s")
	if len(s.deploys) != 1 || s.deploys[0].Hostname != "photos" || s.deploys[0].MemoryMB != 4096 || s.deploys[0].Node != "" {
		t.Fatalf("sent %+v", s.deploys)
	}
	expect(t, c, "Jobs › #900 deploy photos", "has begun: job 900", "choose a node", "Setting up package-39")

	w := *s.world
	w.Jobs = append([]core.JobView(nil), w.Jobs...)
	w.Apps = append([]core.AppView(nil), w.Apps...)
	j := &w.Jobs[0]
	j.State, j.Ended, j.Progress, j.CreatedAt, j.EndedAt, j.Steps = "succeeded", true, 1, ago(time.Minute), noon, deploySteps(13)
	w.Apps[0].Status, w.Apps[0].URL = core.StatusRunning, "http://home.lan:8104"
	c.Update(beatMsg{gen: c.tickGen, world: &w})
	expect(t, c, "deploy photos done in 1m00s", "photos runs at http://home.lan:8104")
	press(c, "enter")
	expect(t, c, "Apps › photos › Overview", "http://home.lan:8104")
	press(c, "w")
	expect(t, c, "copied http://home.lan:8104")
}

// TestDeployRefused: what core refuses is said, and the form stays.
func TestDeployRefused(t *testing.T) {
	s := newScripted()
	c := at(t, s, look{}, []string{"3", "n"})
	s.fail = &core.Error{Kind: core.ErrUnavailable, Field: "memory_mb", Text: "no node has enough memory", Hint: "stop an app, or ask for less"}
	press(c, "ctrl+s")
	expect(t, c, "no node has enough memory · stop an app, or ask for less", "Deploy Adminer")
	if f := c.page().(*deploy).form.Focus().Key; f != fieldMemory {
		t.Errorf("the focus is on %q", f)
	}
}

// TestDeployLeft: who leaves the form while core is still at it is told what
// came of it, stays where they are, and finds no draft to send twice.
func TestDeployLeft(t *testing.T) {
	s := newScripted()
	c := at(t, s, look{}, []string{"3", "n"})
	_, cmd := c.Update(keyMsg("ctrl+s"))
	press(c, "esc", "2")
	settle(c, cmd)
	expect(t, c, "[2 Apps]", "deploy adminer has begun: job 900")
	if c.place.draft != nil || len(s.deploys) != 1 {
		t.Error("the draft of what was sent is kept")
	}
	c = at(t, newScripted(), look{}, []string{"3", "n", "x", "down", "1", "3", "n"})
	if got := c.page().(*deploy).form.Field(fieldName).Value(); got != "adminerx" {
		t.Errorf("going to another screen loses the draft: %q", got)
	}
}

// TestFormTakesItsFields: every kind of field reaches the request; defaults
// and what was left alone do not.
func TestFormTakesItsFields(t *testing.T) {
	s := newScripted()
	c := at(t, s, look{w: 80, h: 24}, []string{"3", "down", "down", "down", "down", "n"})
	d := c.page().(*deploy)
	d.form.Go(fieldNode)
	press(c, "right", "right")
	d.form.Go("values.ADMIN_PASSWORD")
	c.Update(tea.PasteMsg{Content: "pa ss\n"})
	d.form.Go("values.POLLING")
	press(c, "left")
	d.form.Go("values.PROXY")
	press(c, "space", "ctrl+s")
	if len(s.deploys) != 1 {
		t.Fatalf("nothing was sent: %s", text(c))
	}
	r := s.deploys[0]
	if r.Host != "homelab" || r.Node != "pve3" || r.Cores != 0 || r.Values["ADMIN_PASSWORD"] != "pa ss" || r.Values["POLLING"] != "15m" || r.Values["PROXY"] != "true" || r.Values["ADMIN_USER"] != "" {
		t.Errorf("sent %+v", r)
	}
}

// TestSecretsAreDots: a secret field never shows its text, in no overlay
// either; the form as a command leaves it out.
func TestSecretsAreDots(t *testing.T) {
	c := at(t, newScripted(), look{}, []string{"3", "down", "down", "down", "down", "n"})
	c.page().(*deploy).form.Go("values.ADMIN_PASSWORD")
	typed(c, "hunter2")
	if strings.Contains(text(c), "hunter2") || !strings.Contains(text(c), "•••••••") {
		t.Error("the secret is shown")
	}
	c.page().(*deploy).form.Go(buttonCLI)
	press(c, "enter")
	expect(t, c, "ssh home.lan deploy miniflux --hostname miniflux")
	if strings.Contains(text(c), "hunter2") {
		t.Error("the command shows the secret")
	}
}

// TestShowSecrets: they are asked for, shown, and gone with the overlay.
func TestShowSecrets(t *testing.T) {
	s := newScripted()
	c := at(t, s, look{}, []string{"2", "down", "down", ":"})
	typed(c, "secrets gitea")
	press(c, "enter")
	expect(t, c, "gitea · secrets", "ADMIN_PASSWORD = hunter2")
	press(c, "esc")
	if strings.Contains(text(c), "hunter2") || s.count("AppSecrets") != 1 {
		t.Error("the secrets stay, or were asked for more than once")
	}
}

// TestPaletteGoesAnywhere: screens, objects and verbs, by a few letters.
func TestPaletteGoesAnywhere(t *testing.T) {
	for query, want := range map[string]string{
		"gite": "Apps › gitea › Overview", "logs gitea": "Apps › gitea › Logs", "deploy vault": "Catalog › Vaultwarden › Deploy",
		"screen nodes": "Nodes", "482": "Jobs › #482 deploy jellyfin", "open pve3": "Apps  9 · \"node=pve3\" (3)",
	} {
		c := at(t, newScripted(), look{}, []string{":"})
		typed(c, query)
		press(c, "enter")
		if !strings.Contains(text(c), want) {
			t.Errorf("%q does not lead to %q:\n%s", query, want, text(c))
		}
	}
	c := at(t, newScripted(), look{}, []string{":"})
	typed(c, "no such thing at all")
	expect(t, c, "nothing matches")
	press(c, "enter")
	if c.over == nil {
		t.Error("enter on nothing closes the palette")
	}
}

// TestAlertsLeadToTheirObjects: ! shows the first, ! again the next, enter
// opens it.
func TestAlertsLeadToTheirObjects(t *testing.T) {
	c := at(t, newScripted(), look{}, []string{"!", "!", "enter"})
	expect(t, c, "Apps › uptime-kuma › Overview", "did not answer on port 3001", "look at its log with l")
	c = at(t, newScripted(), look{}, []string{"!", "enter"})
	expect(t, c, "[4 Nodes]", "connect timed out (10.1.0.2:8006)")
	press(c, "r")
	expect(t, c, "asking barn now")
}

// TestLogs: they follow, stop following when one scrolls, find text, and a
// stream that breaks says why and is tried again.
func TestLogs(t *testing.T) {
	s := newScripted()
	c := at(t, s, look{w: 80, h: 24}, []string{"2", "down", "down", "l"})
	expect(t, c, "10.0.0.39", "● following")
	press(c, "up", "up")
	expect(t, c, "paused")
	press(c, "f")
	expect(t, c, "● following")
	press(c, "/")
	typed(c, "0.0.7,")
	press(c, "enter", "N")
	expect(t, c, "\"0.0.7,\" in 1 line", "10.0.0.7")
	press(c, "n")
	expect(t, c, "no more lines with")
	press(c, "esc", "esc")
	if len(c.stack) != 0 {
		t.Error("esc clears the search, the next one goes back")
	}

	s = newScripted()
	s.appLog, s.fail = nil, &core.Error{Kind: core.ErrUnreachable, Text: "pve1 does not answer", Hint: "the host is asked again in 5s"}
	c = at(t, s, look{}, []string{"2", "down", "down", "l"})
	expect(t, c, "not connected", "pve1 does not answer")
	s.fail = nil
	s.appLog = []string{"back again"}
	for range 6 {
		settle(c, c.page().(beater).beat(c))
	}
	expect(t, c, "back again", "● following")
}

// TestLogFlood: what comes faster than it can be shown is dropped and counted,
// in bounded memory.
func TestLogFlood(t *testing.T) {
	box := &inbox{first: make(chan struct{})}
	for range tailMost + 118 {
		box.put("line")
	}
	tail := newTail()
	tail.inbox = box
	tail.collect()
	if tail.lines.Len() != tailMost+1 {
		t.Errorf("%d lines", tail.lines.Len())
	}
	tail.lines.Search("118 lines left out")
	if tail.lines.Matches() != 1 {
		t.Error("what was dropped is not said")
	}
}

// TestOldJobIsAskedFor: a job the world has forgotten is still found.
func TestOldJobIsAskedFor(t *testing.T) {
	c := at(t, newScripted(), look{}, nil)
	settle(c, c.push(newJob(7)))
	expect(t, c, "#7 deploy old", "✓ ok")
	s := newScripted()
	s.fail = &core.Error{Kind: core.ErrNotFound, Text: "there is no job 7"}
	c = at(t, s, look{}, nil)
	settle(c, c.push(newJob(7)))
	expect(t, c, "there is no job 7")
}

// TestAppGone: an app that is removed while it is open says so.
func TestAppGone(t *testing.T) {
	s := newScripted()
	c := at(t, s, look{}, []string{"2", "down", "down", "enter"})
	w := *s.world
	w.Apps = w.Apps[:1]
	c.Update(beatMsg{gen: c.tickGen, world: &w})
	expect(t, c, "gitea is gone: it was removed")
}

// TestFilterAndOrder: words and pairs narrow the list, an order stays with new
// data, the cursor stays on its row.
func TestFilterAndOrder(t *testing.T) {
	c := at(t, newScripted(), look{}, []string{"2", "/"})
	typed(c, "node:pve1 run")
	press(c, "enter")
	tb := c.page().(*apps).list()
	if tb.Len() != 3 {
		t.Errorf("%d rows", tb.Len())
	}
	press(c, "o", "down", "down", "down", "enter")
	if col, _ := tb.Sort(); col != appCPU {
		t.Errorf("ordered by %d", col)
	}
	press(c, "o", "enter")
	if _, desc := tb.Sort(); !desc {
		t.Error("again does not turn it round")
	}
	press(c, "home")
	if tb.ID() != "immich-00000076" {
		t.Errorf("first is %s", tb.ID())
	}
	w := *c.world
	w.Apps = w.Apps[1:]
	c.Update(beatMsg{gen: c.tickGen, world: &w})
	if tb.ID() != "immich-00000076" {
		t.Errorf("new data moved the cursor to %s", tb.ID())
	}
	press(c, "/")
	typed(c, "zzz")
	press(c, "enter")
	expect(t, c, "no app matches", "esc clears the filter")
	press(c, "esc")
	if tb.Len() != 8 {
		t.Errorf("%d rows after esc", tb.Len())
	}
}

// TestFirstRun: nothing is connected; the screen says what to do, and to whom
// it may.
func TestFirstRun(t *testing.T) {
	s := newScripted()
	s.world = &core.World{}
	c := at(t, s, look{}, nil)
	expect(t, c, "Nothing is connected yet", "ssh home.lan hosts add NAME")
	c = at(t, s, look{role: core.RoleUser}, nil)
	expect(t, c, "An admin connects the first Proxmox host")
	s.world = homelab()
	s.world.Apps = nil
	c = at(t, s, look{}, []string{"2"})
	expect(t, c, "No apps yet.", "n opens the catalog")
}

// TestLeaving: q quits from the top only, ctrl+c twice from anywhere; others
// see that this session is gone, and so they do when the connection is cut.
func TestLeaving(t *testing.T) {
	s := newScripted()
	c := at(t, s, look{}, []string{"2", "enter", "q"})
	if c.quitting {
		t.Error("q quits from inside")
	}
	press(c, "ctrl+c")
	if c.quitting {
		t.Error("one ctrl+c quits")
	}
	_, cmd := c.Update(keyMsg("ctrl+c"))
	if !c.quitting || cmd == nil {
		t.Fatal("two do not")
	}
	if c.Bye() != "Jobs go on: ssh home.lan jobs" {
		t.Errorf("bye is %q", c.Bye())
	}
	s.world.Jobs = nil
	c = at(t, s, look{}, nil)
	if !strings.Contains(c.Bye(), "ssh home.lan") {
		t.Errorf("bye is %q", c.Bye())
	}

	s = newScripted()
	ctx, cut := context.WithCancel(context.Background())
	c = New(Options{Core: s, Actor: core.Actor{User: "ops", Role: core.RoleAdmin}, Ctx: ctx}).(*Console)
	press(c, "2")
	c.place.put(c.snapshot())
	cut()
	for deadline := time.Now().Add(5 * time.Second); ; {
		s.mu.Lock()
		left, saved := s.left, len(s.place) > 0
		s.mu.Unlock()
		if left == 1 && saved {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("left %d times, saved: %v", left, saved)
		}
	}
}

// TestPresence: others who look at the same thing are named.
func TestPresence(t *testing.T) {
	s := newScripted()
	s.world.Hosts = s.world.Hosts[:1]
	c := at(t, s, look{}, []string{"2", "down", "down", "enter"})
	c.Update(beatMsg{gen: c.tickGen, present: s.present})
	expect(t, c, "dev is here, too")
}

// TestNoticesExpireAndStay: a notice stays for 8 seconds, and in the history.
func TestNoticesExpireAndStay(t *testing.T) {
	now := noon
	c := at(t, newScripted(), look{}, nil)
	c.now = func() time.Time { return now }
	press(c, "ctrl+r")
	expect(t, c, "asking all hosts now")
	now = now.Add(7 * time.Second)
	c.Update(beatMsg{gen: c.tickGen})
	expect(t, c, "asking all hosts now")
	now = now.Add(2 * time.Second)
	c.Update(beatMsg{gen: c.tickGen})
	if strings.Contains(text(c), "asking all hosts") {
		t.Error("a notice never goes")
	}
	press(c, "!")
	expect(t, c, "asking all hosts now", "14:32:07")
}

// TestPlain is the overview for terminals that can do nothing.
func TestPlain(t *testing.T) {
	var b bytes.Buffer
	if err := Plain(&b, newScripted(), core.Actor{User: "ops", Role: core.RoleAdmin}, 80); err != nil {
		t.Fatal(err)
	}
	out := b.String()
	for _, want := range []string{"3 nodes, 2 of 3 online, 9 apps", "uptime-kuma: error, the app did not answer", "gitea: running, http://home.lan:8107", "482 deploy jellyfin: running, 64%, by ops", "error: host barn does not answer"} {
		if !strings.Contains(out, want) {
			t.Errorf("plain text lacks %q:\n%s", want, out)
		}
	}
	if strings.ContainsAny(out, "\x1b\a\r") {
		t.Error("plain text has control bytes")
	}
	for _, l := range strings.Split(out, "\n") {
		if ansi.StringWidth(l) > 80 {
			t.Errorf("too wide: %q", l)
		}
	}
}

// TestWhatIsNoPageHasAnAddress: an app that no browser opens says where its own clients reach it.
func TestWhatIsNoPageHasAnAddress(t *testing.T) {
	s := newScripted()
	for i := range s.world.Apps {
		s.world.Apps[i].URL, s.world.Apps[i].Published = "", "home.lan:8107"
	}
	c := at(t, s, look{}, []string{"2", "enter"})
	expect(t, c, "address    home.lan:8107")
}
