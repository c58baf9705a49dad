package tui

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"

	"proximity/core"
	"proximity/tui/ui"
)

// open opens an object's page.
func open(c *Console, on object) tea.Cmd {
	if o, ok := c.page().(interface {
		enter(c *Console) (tea.Cmd, bool)
	}); ok {
		if cmd, used := o.enter(c); used {
			return cmd
		}
	}
	switch on.kind {
	case appKind:
		return c.push(newApp(on.id))
	case jobKind:
		if j, ok := c.page().(*job); ok && jobID(j.id) == on.id {
			return c.push(newApp(j.view.AppID))
		}
		return c.push(newJob(parseJob(on.id)))
	case itemKind:
		if i, ok := c.page().(*item); ok && i.it.ID == on.id {
			return openDeploy(c, on.id)
		}
		return c.push(newItem(c, on.id))
	case nodeKind:
		_, node, _ := strings.Cut(on.id, "/")
		return appsWith(c, "node="+node)
	case hostKind:
		return appsWith(c, "host="+on.id)
	case foundKind:
		return viewRaw(c, on)
	case recordKind:
		if v, ok := c.recordOf(on); ok && v.Job != 0 {
			return c.push(newJob(v.Job))
		}
		return viewRaw(c, on)
	case backupKind:
		return openBackup(c, on)
	case scheduleKind:
		return openSchedule(c, on)
	}
	c.say(info, "nothing is selected here")
	return nil
}

// appsWith goes to the apps with a filter.
func appsWith(c *Console, query string) tea.Cmd {
	cmd := c.visit(2)
	c.tops[2].(finder).find(c, query)
	return cmd
}

func hostOf(on object) string {
	host, _, _ := strings.Cut(on.id, "/")
	return host
}

// deployNew opens the form for the item selected, or for an app whose deploy
// failed; else the catalogue.
func deployNew(c *Console, on object) tea.Cmd {
	if a, ok := c.wrecked(on); ok {
		c.say(info, "deploying "+a.Hostname+" again · 3 lists other apps")
		return deployAgain(c, appObject(a.ID))
	}
	if on.kind == itemKind {
		return openDeploy(c, on.id)
	}
	cmd := c.visit(3)
	c.say(info, "choose an app and press n")
	return cmd
}

func openDeploy(c *Console, id string) tea.Cmd {
	it, err := c.core.CatalogueItem(id)
	if err != nil {
		c.fail("", err)
		return nil
	}
	return c.push(newDeploy(c, it, c.place.draftFor(id)))
}

func follow(c *Console, _ object) tea.Cmd {
	g := c.page().(logger).log()
	on, _ := g.Following()
	g.Follow(!on)
	if on {
		c.say(info, "paused · f follows again")
	} else {
		c.say(info, "following")
	}
	return nil
}

func match(dir int) func(*Console, object) tea.Cmd {
	return func(c *Console, _ object) tea.Cmd {
		if g := c.page().(logger).log(); !g.Next(dir) {
			c.say(info, "no more lines with \""+g.Query()+"\" that way")
		}
		return nil
	}
}

// askStop asks before a job or an app is stopped.
func askStop(c *Console, on object) tea.Cmd {
	if b, ok := c.backupOf(on); ok {
		on = jobObject(b.JobID)
	}
	if on.kind != jobKind {
		return c.askApps(core.StopApp, on)
	}
	j, ok := c.jobOf(on)
	if !ok {
		return nil
	}
	effect := []string{"What it has made so far is undone: its container is destroyed, its port released."}
	switch j.Kind {
	case "deploy", "clone", "restore-as":
	case "backup":
		effect = []string{"vzdump is stopped at once, and what there is of the archive removed."}
	default:
		effect = []string{"What it has made so far is undone."}
	}
	if j.State == "running" && j.Step > 0 && j.Step <= len(j.Steps) {
		effect = append(effect, "Now at step "+jobStep(&j)+". A step that cannot be broken off is finished first.")
	}
	if j.Owner != c.actor.User {
		effect = append(effect, "It was started by "+j.Owner+".")
	}
	c.over = &confirm{
		heading: "Stop job " + jobID(j.ID),
		text:    append([]string{"You are about to stop  " + j.Title + "  (" + ui.Percent(j.Progress) + " done)."}, effect...),
		button:  "Stop and undo",
		opened:  c.now(),
		yes: func(c *Console) tea.Cmd {
			c.say(info, "asking job "+jobID(j.ID)+" to stop")
			id := j.ID
			return c.do("job "+jobID(id)+" is asked to stop", func(ctx context.Context) error {
				_, err := c.core.CancelJob(ctx, c.actor, id)
				return err
			})
		},
	}
	return nil
}

func showLogs(c *Console, on object) tea.Cmd {
	if on.kind == userKind {
		return showSessions(c, on.id)
	}
	switch p := c.page().(type) {
	case *app:
		return p.show(c, tabLogs)
	case *job:
		p.full = !p.full
		return nil
	}
	if on.kind == jobKind {
		p := newJob(parseJob(on.id))
		p.full = true
		return c.push(p)
	}
	p := newApp(on.id)
	p.at = tabLogs
	return c.push(p)
}

func copyURL(c *Console, on object) tea.Cmd {
	a, _ := c.appOf(on)
	return c.copied(a.URL)
}

// copied puts text on the clipboard and says so.
func (c *Console) copied(s string) tea.Cmd {
	c.say(good, "copied "+ui.Cut(ui.Printable(s), 100))
	return c.copy(s)
}

func openAppJob(c *Console, on object) tea.Cmd {
	if b, ok := c.backupOf(on); ok {
		return c.push(newJob(b.JobID))
	}
	if s, ok := c.scheduleOf(on); ok {
		return c.push(newJob(s.LastJob))
	}
	a, ok := c.appOf(on)
	if !ok || a.Job == nil {
		return nil
	}
	return c.push(newJob(a.Job.ID))
}

func mark(c *Console, _ object) tea.Cmd    { c.page().(lister).list().Mark(); return nil }
func markAll(c *Console, _ object) tea.Cmd { c.page().(lister).list().MarkAll(); return nil }

// actions lists every verb of the selection, with the reasons of those that
// cannot act now.
func actions(c *Console, on object) tea.Cmd {
	var can, cannot []ui.Item
	heading := c.nameOf(on)
	marked := c.aim(c.keys.verb["start"]).kind == marksKind
	if marked {
		heading = c.nameOf(object{kind: marksKind}) + " · " + heading
	}
	for _, b := range c.keys.table {
		if b.where&on.scope() == 0 || b.verb == "actions" {
			continue
		}
		at := c.aim(b)
		it := ui.Item{Label: b.verb, Detail: b.help, Reason: c.reason(b, at), Value: target{b, at}, Key: b.shown()}
		if marked {
			it.Label += " " + c.nameOf(at)
		}
		if it.Reason == "" {
			can = append(can, it)
		} else {
			cannot = append(cannot, it)
		}
	}
	c.over = &menu{
		heading: heading, menu: ui.Menu{Items: append(can, cannot...)},
		choose: func(c *Console, it ui.Item) tea.Cmd {
			t := it.Value.(target)
			return c.act(t.b, t.on)
		},
	}
	return nil
}

// copyMenu offers what can be copied of the selection.
func copyMenu(c *Console, on object) tea.Cmd {
	var items []ui.Item
	add := func(label, text string) {
		if text != "" {
			items = append(items, ui.Item{Label: label, Detail: text, Value: text})
		}
	}
	if l, ok := c.page().(lister); ok && on.kind == appKind {
		if ids, _ := l.list().Marked(); len(ids) > 0 {
			var names []string
			for _, id := range ids {
				names = append(names, c.nameOf(object{appKind, id}))
			}
			add("marked", strings.Join(names, " "))
		}
	}
	switch on.kind {
	case appKind:
		a, _ := c.appOf(on)
		add("web address", a.URL)
		add("name", a.Hostname)
		add("container address", a.Address)
		add("app id", a.ID)
		add("error", a.Error)
		add("log command", "ssh "+c.host+" logs "+a.Hostname+" -f")
	case jobKind:
		j, _ := c.jobOf(on)
		add("error", strings.TrimSpace(j.Error+" "+j.Hint))
		add("follow command", "ssh "+c.host+" job "+on.id+" -f")
		add("job number", on.id)
	case itemKind:
		add("deploy command", "ssh "+c.host+" deploy "+on.id+" --hostname "+on.id)
		if it, err := c.core.CatalogueItem(on.id); err == nil {
			add("website", it.Website)
			add("recipe", it.Recipe)
		}
	case nodeKind:
		_, node, _ := strings.Cut(on.id, "/")
		add("name", node)
	case hostKind:
		for _, h := range c.world.Hosts {
			if h.Name == on.id {
				add("name", h.Name)
				add("address", h.URL)
				add("error", h.Error)
				add("test command", "ssh "+c.host+" hosts test "+h.Name)
			}
		}
	}
	if f, ok := c.foundOf(on); ok {
		add("adopt command", "ssh "+c.host+" adopt "+strconv.Itoa(f.VMID)+" --host "+f.Host+" --hostname "+f.Hostname)
		add("name", f.Name)
	}
	if v, ok := c.recordOf(on); ok {
		add("record", strings.Join([]string{v.Time.In(c.loc).Format("2006-01-02 15:04:05"), v.User, v.From, v.Action, v.Target, v.Result, v.Detail}, " "))
		add("export command", "ssh "+c.host+" audit --limit 100000 --json")
	}
	switch on.kind {
	case userKind:
		add("name", on.id)
		add("role command", "ssh "+c.host+" users role "+on.id+" ROLE")
	case keyKind, waitingKind:
		add("fingerprint", on.id)
	case tokenKind:
		add("revoke command", "ssh "+c.host+" tokens revoke "+on.id)
	case settingKind:
		add(on.id, c.settingOf(on)["value"])
		if p := c.page().(*settings); p.at == tabDefaults {
			add("set command", "ssh "+c.host+" settings set "+on.id+" VALUE")
		}
	}
	if b, ok := c.backupOf(on); ok {
		add("archive", b.VolID)
		add("error", b.Error)
		add("restore command", "ssh "+c.host+" restore "+on.id+" --yes")
		add("new app command", "ssh "+c.host+" restore "+on.id+" --as HOSTNAME --yes")
	}
	if s, ok := c.scheduleOf(on); ok {
		add("command", "ssh "+c.host+" "+s.Command(""))
		add("apps", strings.Join(s.Apps, " "))
	}
	if len(items) == 0 {
		c.say(info, "there is nothing to copy here")
		return nil
	}
	c.over = &menu{heading: "Copy", menu: ui.Menu{Items: items},
		choose: func(c *Console, it ui.Item) tea.Cmd { return c.copied(it.Value.(string)) }}
	return nil
}

// viewRaw shows all that is known of the selection.
func viewRaw(c *Console, on object) tea.Cmd {
	var v any
	switch on.kind {
	case appKind:
		v, _ = c.appOf(on)
	case jobKind:
		v, _ = c.jobOf(on)
	case itemKind:
		it, err := c.core.CatalogueItem(on.id)
		if err != nil {
			c.fail("", err)
			return nil
		}
		if it.Recipe != "" {
			c.over = &viewer{heading: it.Name + " · recipe", text: strings.Split(strings.TrimRight(it.Recipe, "\n"), "\n"), raw: it.Recipe}
			return nil
		}
		v = it
	case nodeKind:
		for _, n := range c.world.Nodes {
			if n.Host+"/"+n.Name == on.id {
				v = n
			}
		}
	case hostKind:
		for _, h := range c.world.Hosts {
			if h.Name == on.id {
				v = h
			}
		}
	case foundKind:
		v, _ = c.foundOf(on)
	case recordKind:
		v, _ = c.recordOf(on)
	case userKind:
		v, _ = c.userOf(on)
	case keyKind:
		v, _ = c.keyOf(on)
	case waitingKind:
		v, _ = c.waitingOf(on)
	case tokenKind:
		v, _ = c.tokenOf(on)
	case settingKind:
		v = c.settingOf(on)
	case backupKind:
		v, _ = c.backupOf(on)
	case scheduleKind:
		v, _ = c.scheduleOf(on)
	}
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		c.fail("", err)
		return nil
	}
	c.over = &viewer{heading: c.nameOf(on) + " · raw", text: strings.Split(string(b), "\n"), raw: string(b)}
	return nil
}

// secrets is the answer to showSecrets.
type secrets struct {
	values map[string]string
	err    error
}

func showSecrets(c *Console, on object) tea.Cmd {
	a, _ := c.appOf(on)
	v := &viewer{heading: a.Hostname + " · secrets", text: []string{"asking …"}}
	c.over = v
	ctx, name := c.ctx, a.Hostname
	return func() tea.Msg {
		values, err := c.core.AppSecrets(ctx, c.actor, name)
		return answer{to: v, body: secrets{values, err}}
	}
}

// receive shows the secrets once they are there.
func (v *viewer) receive(c *Console, _ uint64, body any) tea.Cmd {
	s, ok := body.(secrets)
	if !ok {
		return nil
	}
	if s.err != nil {
		c.over = nil
		c.fail("the secrets cannot be shown", s.err)
		return nil
	}
	v.text = nil
	if len(s.values) == 0 {
		v.text = []string{"this app has no secrets"}
		return nil
	}
	var raw strings.Builder
	for _, k := range slices.Sorted(maps.Keys(s.values)) {
		v.text = append(v.text, k+" = "+s.values[k])
		raw.WriteString(k + "=" + s.values[k] + "\n")
	}
	v.raw = raw.String()
	return nil
}

// jobStep is "4 of 13: install docker".
func jobStep(j *core.JobView) string {
	s := ui.Count(len(j.Steps), "step")
	if j.Step > 0 && j.Step <= len(j.Steps) {
		n, of := jobID(uint64(j.Step)), jobID(uint64(len(j.Steps)))
		s = n + " of " + of + ": " + j.Steps[j.Step-1].Title
	}
	return s
}
