package tui

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"

	"proximity/core"
)

// worlds are the states a console may be in.
func worlds() map[string]func() *scripted {
	return map[string]func() *scripted{
		"homelab": newScripted,
		"empty": func() *scripted {
			s := newScripted()
			s.world = &core.World{At: noon}
			s.items = nil
			return s
		},
		"no apps": func() *scripted {
			s := newScripted()
			s.world.Apps, s.world.Jobs, s.world.Alerts = nil, nil, nil
			return s
		},
		"all hosts away": func() *scripted {
			s := newScripted()
			for i := range s.world.Hosts {
				s.world.Hosts[i].State = "unreachable"
			}
			for i := range s.world.Apps {
				s.world.Apps[i].Stale, s.world.Apps[i].AsOf = true, ago(time.Hour)
			}
			s.world.Totals.Stale = true
			return s
		},
		"failing": func() *scripted {
			s := newScripted()
			s.fail = &core.Error{Kind: core.ErrUnreachable, Text: "barn does not answer", Hint: "try again later"}
			return s
		},
	}
}

// TestFirstFrameNeedsNoMessage is rule 1: the frame New gives is complete,
// before any message and without a call that could wait.
func TestFirstFrameNeedsNoMessage(t *testing.T) {
	s := newScripted()
	s.gate = make(chan struct{}) // whatever is not memory would hang
	defer close(s.gate)
	c := sit(t, s, look{})
	got := ansi.Strip(c.View().Content)
	for _, want := range []string{"Overview", "CLUSTER", "host barn does not answer", "deploy jellyfin", "? help"} {
		if !strings.Contains(got, want) {
			t.Errorf("the first frame lacks %q", want)
		}
	}
}

// TestNoWaitInUpdate is rule 2: with every call that is not memory hanging,
// keys still change the frame at once, on every screen.
func TestNoWaitInUpdate(t *testing.T) {
	s := newScripted()
	s.gate = make(chan struct{})
	defer close(s.gate)
	for _, v := range views() {
		c := sit(t, s, look{})
		done := make(chan struct{})
		go func() {
			defer close(done)
			for _, k := range append(v.keys, "down", "tab", "right", "ctrl+r", "up", "esc", "1") {
				_, cmd := c.Update(keyMsg(k))
				if cmd != nil { // the runtime runs it; whatever it waits for is not our business
					go cmd()
				}
				c.View()
			}
		}()
		select {
		case <-done:
		case <-time.After(5 * time.Second):
			t.Fatalf("%s: a key waits for core", v.name)
		}
	}
}

// TestOldDataIsDated is rule 3: the banner names the host that is away, since
// when; its numbers stand in ( ) with their age; unknown ones are never 0.
func TestOldDataIsDated(t *testing.T) {
	c := at(t, newScripted(), look{}, []string{"2"})
	got := ansi.Strip(c.View().Content)
	for _, want := range []string{"barn unreachable 2m", "from 14:30:02", "next try in 28s", "(2%)", "(210M)", "2m old"} {
		if !strings.Contains(got, want) {
			t.Errorf("apps do not show %q", want)
		}
	}
	c = at(t, newScripted(), look{}, []string{"4"})
	if got := ansi.Strip(c.View().Content); !strings.Contains(got, "(38%)") || !strings.Contains(got, "2m ago") {
		t.Error("nodes do not date old numbers")
	}
	c = at(t, newScripted(), look{}, []string{"2", "end", "l"})
	if n, _ := c.notices.current(); n.text != "barn has not answered since 14:30:02 · ctrl+r asks it now" || len(c.stack) != 0 {
		t.Errorf("a verb on a host that is away says %q", n.text)
	}
	for _, k := range []string{"s", "t", "r", "d"} {
		press(c, k)
		if n, _ := c.notices.current(); n.text != "barn has not answered since 14:30:02 · ctrl+r asks it now" || c.over != nil {
			t.Errorf("%s on a host that is away says %q", k, n.text)
		}
	}
	press(c, "ctrl+r")
	if n, _ := c.notices.current(); n.text != "asking all hosts now" {
		t.Errorf("ctrl+r says %q", n.text)
	}
	s := newScripted()
	s.world.Totals = core.Totals{Nodes: 3}
	for i := range s.world.Nodes {
		s.world.Nodes[i].Metrics = nil
	}
	c = at(t, s, look{}, nil)
	got = ansi.Strip(c.View().Content)
	if !strings.Contains(got, "–") || strings.Contains(got, " 0%") {
		t.Errorf("unknown numbers are shown as figures:\n%s", got)
	}
}

// everyKey is all a plain terminal can send.
func everyKey() []string {
	keys := []string{"enter", "esc", "tab", "shift+tab", "up", "down", "left", "right", "pgup", "pgdown", "home", "end", "backspace", "delete", "space"}
	for r := '!'; r <= '~'; r++ {
		keys = append(keys, string(r))
	}
	for r := 'a'; r <= 'z'; r++ {
		keys = append(keys, "ctrl+"+string(r))
	}
	return keys
}

// TestNoKeyDoesNothing is rule 4: on every screen, for every role and state,
// each key changes the frame or is answered in the notice row.
func TestNoKeyDoesNothing(t *testing.T) {
	for name, make := range worlds() {
		for _, role := range []core.Role{core.RoleAdmin, core.RoleViewer} {
			for i, v := range views() {
				var c *Console
				var before tea.View
				for j, k := range everyKey() {
					if testing.Short() && (i+j)%10 != 0 {
						continue
					}
					if c == nil {
						c = sit(t, make(), look{role: role})
						for _, k := range v.keys {
							c.bursts = burst{}
							c.Update(keyMsg(k))
						}
						c.notices.shown = false
						before = c.View()
					}
					c.bursts = burst{}
					_, cmd := c.Update(keyMsg(k))
					after := c.View()
					said := c.notices.shown
					moved := before.Cursor != nil && after.Cursor != nil && *before.Cursor != *after.Cursor
					if before.Content == after.Content && !said && !moved && !c.quitting && cmd == nil {
						t.Errorf("%s, %s, %s: %s does nothing", name, role, v.name, k)
					}
					c.notices.shown, c.quitAsk = false, time.Time{}
					if cmd != nil || c.quitting || moved || c.View().Content != before.Content {
						c = nil // the next key has a console of its own
					}
				}
			}
		}
	}
}

// TestReasonsAreSentences: what is disabled says why.
func TestReasonsAreSentences(t *testing.T) {
	for name, make := range worlds() {
		for _, role := range core.Roles() {
			for _, v := range views() {
				c := at(t, make(), look{role: role}, v.keys)
				on := c.page().on(c)
				for _, b := range c.keys.table {
					if c.applies(b) && c.reason(b, on) != "" && len(c.reason(b, on)) < 10 {
						t.Errorf("%s, %s: %s says only %q", name, v.name, b.verb, c.reason(b, on))
					}
				}
			}
		}
	}
	c := at(t, newScripted(), look{role: core.RoleViewer}, []string{"3"})
	press(c, "n")
	if n, _ := c.notices.current(); !strings.Contains(n.text, "viewer may not deploy") {
		t.Errorf("a viewer who deploys is told %q", n.text)
	}
}

// TestOneKeyOneVerb is rule 7: no key has two verbs, but n in a log with a
// search, n that is "new" whatever is new on a screen, o that is how things are
// shown, the order of a list and the period of charts, and r, which is "re-"
// whatever it is on: restore a backup, restart an app, retry a host; and none of
// the keys that are never bound has one.
func TestOneKeyOneVerb(t *testing.T) {
	shared := map[string][]string{"n": {"next match", "adopt", "invite", "add host", "new schedule", "back up now", "new"}, "o": {"period", "order"}, "r": {"restore", "restart", "retry"}}
	seen := map[string]string{}
	verbs := map[string]bool{}
	again := scope(0)
	for _, b := range bindings() {
		if slices.Contains(b.keys, "r") {
			if b.where == always || b.where&^onObject != 0 || again&b.where != 0 {
				t.Errorf("r may be %s where it is something else", b.verb)
			}
			again |= b.where
		}
		if verbs[b.verb] {
			t.Errorf("two bindings are called %q", b.verb)
		}
		verbs[b.verb] = true
		if b.run == nil || b.help == "" {
			t.Errorf("%q has no work or no help", b.verb)
		}
		for _, k := range b.keys {
			if was := seen[k]; was != "" && !(slices.Contains(shared[k], was) && slices.Contains(shared[k], b.verb)) {
				t.Errorf("%q is %s and %s", k, was, b.verb)
			}
			seen[k] = b.verb
			if forbidden(k) {
				t.Errorf("%q must not be bound (%s)", k, b.verb)
			}
		}
	}
	for k, verb := range map[string]string{":": "palette", "/": "filter", "?": "help", "!": "alerts", "a": "actions", "s": "start", "t": "stop", "d": "delete", "q": "quit", "z": "undo"} {
		if seen[k] != verb {
			t.Errorf("%s is %q, want %q", k, seen[k], verb)
		}
	}
}

func forbidden(k string) bool {
	if len(k) == 1 && k[0] >= 'A' && k[0] <= 'Z' {
		return k != "G" && k != "N"
	}
	if strings.HasPrefix(k, "alt+") || strings.HasPrefix(k, "f1") || k == "~" || k == "delete" || k == "backspace" {
		return true
	}
	switch k {
	case "ctrl+a", "ctrl+b", "ctrl+d", "ctrl+h", "ctrl+i", "ctrl+j", "ctrl+k", "ctrl+m", "ctrl+q", "ctrl+w", "ctrl+z", "ctrl+[", "ctrl+\\", "ctrl+]":
		return true
	}
	return false
}

// TestHelpIsTheTable: help lists every binding there is.
func TestHelpIsTheTable(t *testing.T) {
	c := sit(t, newScripted(), look{})
	items := c.helpItems("")
	if len(items) != len(c.keys.table) {
		t.Errorf("help lists %d of %d bindings", len(items), len(c.keys.table))
	}
	press(c, "?")
	typed(c, "follow")
	m := c.over.(*menu)
	if len(m.menu.Items) == 0 || !strings.Contains(m.menu.Items[0].Detail+m.menu.Items[0].Reason, "follow") {
		t.Error("help does not find follow")
	}
}

// TestStoppingAJobAsks: the overlay names victim and effect, the key that
// opened it does not confirm, nor does an enter in the same breath; a later
// enter does.
func TestStoppingAJobAsks(t *testing.T) {
	s := newScripted()
	c := at(t, s, look{}, []string{"6", "t"})
	got := ansi.Strip(c.View().Content)
	for _, want := range []string{"Stop job 482", "deploy jellyfin", "container is destroyed", "step 7 of 12"} {
		if !strings.Contains(got, want) {
			t.Errorf("the overlay does not say %q", want)
		}
	}
	press(c, "t", "t", "enter")
	if s.count("CancelJob") != 0 {
		t.Fatal("stopped without being asked properly")
	}
	c.over.(*confirm).opened = ago(time.Second)
	press(c, "enter")
	if s.count("CancelJob") != 1 {
		t.Fatal("enter does not stop the job")
	}
	c = at(t, s, look{}, []string{"6", "t", "esc"})
	if c.over != nil || s.count("CancelJob") != 1 {
		t.Error("esc does not leave it")
	}
	c = at(t, s, look{role: core.RoleViewer}, []string{"6", "t"})
	if c.over != nil {
		t.Error("a viewer is asked whether to stop a job")
	}
	c = at(t, s, look{}, []string{"6", "down", "down", "t"})
	if n, _ := c.notices.current(); n.text != "job 480 has ended" {
		t.Errorf("stopping a job that has ended says %q", n.text)
	}
}

// TestChangesAreGuarded is rule 6: what changes something and cannot be taken
// back asks first, and what destroys wants the name typed; nothing else asks.
func TestChangesAreGuarded(t *testing.T) {
	want := map[string]class{"stop": disruptive, "restart": disruptive, "delete": destructive, "end sessions": disruptive, "restore": destructive, "prune": destructive}
	for _, b := range bindings() {
		if b.class != want[b.verb] {
			t.Errorf("%s is of class %d, want %d", b.verb, b.class, want[b.verb])
		}
		if b.verb == "quit" || b.where != always && b.where&(onApp|onJob|onBackup|onSchedule) == 0 {
			continue
		}
		for _, on := range []object{appObject("gitea-0000006b"), jobObject(482), {backupKind, "39"}, {scheduleKind, "nightly"}} {
			s := newScripted()
			c := at(t, s, look{}, []string{"2", "down", "down"})
			switch on.kind {
			case jobKind:
				c = at(t, s, look{}, []string{"6"})
			case backupKind:
				c = at(t, s, look{}, []string{"5", "down", "down", "down"})
			case scheduleKind:
				c = at(t, s, look{}, []string{"5", "right"})
			}
			if b.where != always && b.where&on.scope() == 0 || c.reason(b, on) != "" {
				continue
			}
			settle(c, c.act(c.keys.verb[b.verb], on))
			_, asks := c.over.(*confirm)
			_, types := c.over.(*erase)
			if asks != (b.class == disruptive) || types != (b.class == destructive) {
				t.Errorf("%s on %s: asks %v, wants the name %v", b.verb, on.id, asks, types)
			}
			if b.class != free && s.done() != "" {
				t.Errorf("%s on %s acts before it is confirmed", b.verb, on.id)
			}
		}
	}
	s := newScripted()
	press(at(t, s, look{}, []string{"2", "down"}), "s")
	if got := strings.Join(s.deeds, ", "); got != "start ghost-00000077" {
		t.Errorf("s does %q, want it to start blog at once", got)
	}
}

// TestOneFrameASecond is rule 11's structure: however often core calls, one
// beat brings one world; and a world that did not change draws the same bytes.
func TestOneFrameASecond(t *testing.T) {
	s := newScripted()
	c := sit(t, s, look{})
	c.watch = s.mailbox
	before := c.View().Content
	cmd := c.beat(false)
	for range 100 {
		select {
		case s.mailbox <- struct{}{}:
		default:
		}
	}
	start := time.Now()
	m, ok := cmd().(beatMsg)
	if !ok || m.world == nil {
		t.Fatal("the beat brings no world")
	}
	if start.Truncate(time.Second).Equal(time.Now().Truncate(time.Second)) {
		t.Error("the beat did not wait for the next second")
	}
	c.Update(m)
	if after := c.View().Content; after != before {
		t.Error("an unchanged world draws another frame")
	}
	if m := c.beat(true)().(beatMsg); m.world == nil {
		t.Error("the first beat brings no world")
	}
	old := c.tickGen - 1
	if _, cmd := c.Update(beatMsg{gen: old}); cmd != nil {
		t.Error("an old beat starts another")
	}
}

// TestStaleAnswersAreDropped: an answer to an older question changes nothing.
func TestStaleAnswersAreDropped(t *testing.T) {
	s := newScripted()
	c := at(t, s, look{}, []string{"3", "n"})
	d := c.page().(*deploy)
	old := answer{d, d.gen, checkAnswer{core.DeployCheck{Node: "wrong"}}}
	press(c, "x")
	c.Update(old)
	if d.check.Node == "wrong" {
		t.Error("an old check replaced a newer one")
	}
	j := newJob(482)
	c.Update(answer{j, 1, jobAnswer{}}) // of a page that is not open
	press(c, "esc")
	c.Update(answer{d, d.gen, deployAnswer{err: errors.New("late")}})
	if n, _ := c.notices.current(); n.text != "late" {
		t.Error("what became of a deploy is not said to who has left its form")
	}
}

// TestThemeFollowsTheTerminal: the background decides once it is known.
func TestThemeFollowsTheTerminal(t *testing.T) {
	c := sit(t, newScripted(), look{})
	dark := c.View().Content
	c.Update(tea.BackgroundColorMsg{Color: white{}})
	if c.View().Content == dark {
		t.Error("a light background changes nothing")
	}
	c.Update(tea.ColorProfileMsg{Profile: colorprofile.ANSI})
	if strings.Contains(c.View().Content, "38;5") {
		t.Error("a smaller profile changes nothing")
	}
}

// TestRemarksStayWithTheirScreen: what was said of one screen is not said over
// another; what was done still is.
func TestRemarksStayWithTheirScreen(t *testing.T) {
	c := at(t, newScripted(), look{}, []string{"1"})
	expect(t, c, "this is Overview")
	press(c, "2")
	if now := text(c); strings.Contains(now, "this is Overview") {
		t.Error(now)
	}
	c = at(t, newScripted(), look{}, []string{"2", "down", "down", "b", "1"})
	expect(t, c, "✓ ")
}
