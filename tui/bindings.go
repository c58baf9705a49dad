package tui

import (
	"context"
	"strconv"

	tea "charm.land/bubbletea/v2"

	"proximity/core"
)

// bindings is the table of verbs. Hints are shown in this order. One key has
// one verb; the only exception is n in a log with a search going on.
func bindings() []*binding {
	t := []*binding{
		{verb: "submit", keys: []string{"ctrl+s"}, form: "send", draft: "deploy", where: inForm, help: "send the form off", run: submitForm},
		{verb: "open", keys: []string{"enter"}, hint: "open", where: onObject | inVault, help: "open what is selected", why: mayOpen, run: open},
		{verb: "up", keys: []string{"up", "k"}, form: "move", where: inList | inLog, help: "move up", run: moving(byLine, -1)},
		{verb: "down", keys: []string{"down", "j"}, where: inList | inLog, help: "move down", run: moving(byLine, 1)},
		{verb: "page up", keys: []string{"pgup"}, where: inList | inLog, help: "one screen up", run: moving(byPage, -1)},
		{verb: "page down", keys: []string{"pgdown"}, where: inList | inLog, help: "one screen down", run: moving(byPage, 1)},
		{verb: "first", keys: []string{"home", "g"}, where: inList | inLog, help: "go to the first row", run: moving(toFirst, 0)},
		{verb: "last", keys: []string{"end", "G"}, where: inList | inLog, help: "go to the last row", run: moving(toLast, 0)},

		{verb: "follow", keys: []string{"f"}, hint: "follow", where: inLog, help: "follow the log, or stop following", run: follow},
		{verb: "next match", keys: []string{"n"}, hint: "next", where: inSearch, help: "next line with the text searched for", run: match(1)},
		{verb: "previous match", keys: []string{"N"}, where: inSearch, help: "previous line with the text searched for", why: needsSearch, run: match(-1)},
		{verb: "start", keys: []string{"s"}, hint: "start", inLog: noHint, where: onApp, many: true, help: "start the app", why: may(core.StartApp), run: startApps},
		{verb: "stop", keys: []string{"t"}, hint: "stop", where: onJob | onApp | onBackup, many: true, class: disruptive, help: "stop the app; stop a job, or the job on a backup, and undo what it made", why: mayStop, run: askStop},
		{verb: "restore", keys: []string{"r"}, hint: "restore", where: onBackup, class: destructive, help: "put the app back to what this backup holds", why: mayRestore, run: askRestore},
		{verb: "restart", keys: []string{"r"}, hint: "restart", inLog: noHint, where: onApp, many: true, class: disruptive, help: "shut the app down and start it again", why: may(core.RestartApp),
			run: func(c *Console, on object) tea.Cmd { return c.askApps(core.RestartApp, on) }},
		{verb: "actions", keys: []string{"a"}, hint: "actions", where: always, help: "all that can be done with the selection", why: needsObject, run: actions},
		{verb: "adopt", keys: []string{"n"}, hint: "adopt", where: onFound, help: "manage the container as it is, or all marked ones", why: mayAdopt, run: adoptFound},
		{verb: "invite", keys: []string{"n"}, hint: "invite", where: inAccess, help: "let somebody in; a key, a token; approve a key that waits", why: mayInvite, run: invite},
		{verb: "undo", keys: []string{"z"}, hint: "undo", where: always, help: "take back a delete that waits, an adoption, a change of a configuration, schedule, role or setting", why: mayUndo, run: undo},
		{verb: "add host", keys: []string{"n"}, hint: "add host", where: inHosts, help: "connect a Proxmox host", why: mayAddHost, run: addHost},
		{verb: "new schedule", keys: []string{"n"}, hint: "new", where: inPlans, help: "plan backups", why: mayPlan, run: newSchedule},
		{verb: "back up now", keys: []string{"n"}, where: inVault, help: "back up the app of the row, or choose one", why: mayBackUpNow, run: backUpNow},
		{verb: "new", keys: []string{"n"}, hint: "deploy", where: always, help: "deploy an app", why: mayDeploy, run: deployNew},
		{verb: "back up", keys: []string{"b"}, hint: "back up", inLog: noHint, where: onApp | onBackup, many: true, help: "make a backup of the app now", why: mayBackUp, run: backUp},
		{verb: "clone", keys: []string{"c"}, hint: "clone", inLog: noHint, where: onApp, help: "make a second app with all its data", why: mayClone, run: askClone},
		{verb: "update", keys: []string{"u"}, hint: "update", inLog: noHint, where: onApp, help: "show what an update would change, and take it", why: mayUpdate, run: askUpdate},
		{verb: "delete", keys: []string{"d"}, hint: "delete", inLog: noHint, where: onApp | onBackup | onSchedule | onHost | onUser | onKey | onToken, many: true, class: destructive, help: "destroy the app, its container and its data; it can be kept for a while; the backup, the schedule, the host, the person, the key or the token", why: mayDelete, run: askDeleteOf},
		{verb: "logs", keys: []string{"l"}, hint: "log", where: onApp | onJob | onUser, help: "show what the app or the job prints, or whose sessions are open", why: mayShowLogs, run: showLogs},
		{verb: "edit", keys: []string{"e"}, hint: "edit", inLog: noHint, where: onApp | onHost | onNode | onFound | onSchedule | onUser | onSetting, help: "change the configuration, the schedule, the person, the setting; of a found container: as what it is adopted", why: mayEdit, run: edit},
		{verb: "web address", keys: []string{"w"}, hint: "web", where: onApp, help: "copy the app's web address", why: needsURL, run: copyURL},
		{verb: "next tab", keys: []string{"right", "]"}, hint: "tab", where: inTabs, help: "next tab", run: tabbing(1)},
		{verb: "previous tab", keys: []string{"left", "["}, where: inTabs, help: "previous tab", run: tabbing(-1)},
		{verb: "next pane", keys: []string{"tab"}, hint: "pane", form: "next", where: inPanes | inForm, help: "next pane or field", run: paning(1)},
		{verb: "previous pane", keys: []string{"shift+tab"}, where: inPanes | inForm, help: "previous pane or field", run: paning(-1)},
		{verb: "filter", keys: []string{"/"}, hint: "filter", inLog: "search", where: inTable | inLog, help: "filter the list, or search the log", run: startFind},
		{verb: "order", keys: []string{"o"}, hint: "order", where: inTable, help: "order the list by a column", why: needsOrder, run: chooseOrder},
		{verb: "mark", keys: []string{"space"}, hint: "mark", where: inMarks, help: "mark or unmark the row", why: needsRow, run: mark},
		{verb: "mark all", keys: []string{"*"}, where: inMarks, help: "mark or unmark all rows shown", why: needsRow, run: markAll},
		{verb: "copy", keys: []string{"y"}, hint: "copy", where: onObject, help: "copy an address, a name, an error or a command", run: copyMenu},
		{verb: "view raw", keys: []string{"v"}, hint: "raw", where: onObject, help: "show all that is known, or the recipe", run: viewRaw},
		{verb: "deploy again", where: onApp, help: "another one of the same recipe and size", why: mayDeploy, run: deployAgain},
		{verb: "show secrets", where: onApp, help: "show the generated passwords (the audit notes it)", why: mayChangeApp, run: showSecrets},
		{verb: "deny", where: onWaiting, help: "forget the key: it does not wait any more", why: mayDeny, run: deny},
		{verb: "end sessions", where: onUser, class: disruptive, help: "end the person's terminals and logins", why: mayEndSessions, run: askEndSessions},
		{verb: "restore as a new app", where: onBackup, help: "make a second app of what this backup holds", why: mayRevive, run: askRevive},
		{verb: "note", where: onBackup, help: "write something beside the backup", why: mayAttribute, run: noteBackup},
		{verb: "pin", where: onBackup, help: "protect the backup from every deletion", why: mayPin(true), run: pinning(true)},
		{verb: "unpin", where: onBackup, help: "let the backup be deleted and pruned again", why: mayPin(false), run: pinning(false)},
		{verb: "run schedule", where: onSchedule, help: "make the backups of the schedule now", why: mayPlan, run: runSchedule},
		{verb: "pause schedule", where: onSchedule, help: "keep the schedule, and do not run it", why: mayPause(true), run: pausing(true)},
		{verb: "resume schedule", where: onSchedule, help: "run the schedule again", why: mayPause(false), run: pausing(false)},
		{verb: "prune", where: onBackup | onSchedule, class: destructive, help: "remove what no schedule wants any more: of all apps, or of those of a schedule", why: mayPrune, run: askPrune},
		{verb: "look for archives", where: always, help: "look through the storages for archives that are new or gone", why: mayLook, run: lookForArchives},
		{verb: "go to job", where: onApp | onBackup | onSchedule, help: "open the job that works on the app, or worked on it last", why: needsJob, run: openAppJob},

		{verb: "alerts", keys: []string{"!"}, hint: "alerts", where: always, help: "what needs attention, and the notices so far", run: alerts},
		{verb: "back", keys: []string{"esc"}, form: "leave", draft: "leave, the draft is kept", where: always, help: "close, clear the filter, go back", run: goBack},
		{verb: "palette", keys: []string{":"}, hint: "command", where: always, help: "find anything and do it", run: func(c *Console, _ object) tea.Cmd { c.openPalette(""); return nil }},
		{verb: "refresh", keys: []string{"ctrl+r"}, hint: "", where: always, help: "ask all hosts now", run: refreshAll},
		{verb: "retry", keys: []string{"r"}, hint: "retry", where: onHost | onNode | onJob, help: "ask the host again now", why: mayRetry, run: retryHost},
	}
	t = append(t, hostVerbs()...)
	for _, d := range screenOrder {
		t = append(t, &binding{
			verb: "screen " + screenNames[d], keys: []string{strconv.Itoa(d)}, hint: "screens", where: always,
			help: "go to " + screenNames[d], run: func(c *Console, _ object) tea.Cmd { return visitScreen(c, d) },
		})
	}
	t = append(t, []*binding{
		{verb: "last screen", keys: []string{"-"}, where: always, help: "go to the screen before this one", run: func(c *Console, _ object) tea.Cmd { return c.visit(c.last) }},
		{verb: "help", keys: []string{"?"}, where: always, help: "what can be done here; type to search", run: func(c *Console, _ object) tea.Cmd { c.openHelp(); return nil }},
		{verb: "quit", keys: []string{"q"}, hint: "quit", where: always, help: "leave; jobs go on, and you come back to this place", why: needsTop, run: func(c *Console, _ object) tea.Cmd { return c.quit() }},
		{verb: "cancel", keys: []string{"ctrl+c"}, where: always, help: "close what is open; twice quits", run: func(c *Console, _ object) tea.Cmd { return c.interrupt() }},
		{verb: "repaint", keys: []string{"ctrl+l"}, where: always, help: "draw the screen anew", run: repaint},
	}...)
	return append(t, coming()...)
}

// coming are the verbs whose keys are settled and whose work is not there yet:
// their reason says so.
func coming() []*binding {
	var t []*binding
	add := func(key, verb, help string, where scope) {
		t = append(t, &binding{verb: verb, keys: []string{key}, help: help, where: where,
			why: notYet(help, always), run: func(*Console, object) tea.Cmd { return nil }})
	}
	add("x", "shell", "a shell inside the app", onApp|onNode)
	add("p", "ports", "tunnels to an app's port", onApp)
	return t
}

// notYet is the reason of what this version cannot do, on the kinds of object
// given (always: on all).
func notYet(what string, on scope) func(*Console, object) string {
	return func(_ *Console, o object) string {
		if on != always && on&o.scope() == 0 {
			return ""
		}
		return "not in this version yet: " + what
	}
}

// Reasons.

func refusal(err error) string {
	if e, ok := err.(*core.Error); ok {
		if e.Hint != "" {
			return e.Text + ": " + e.Hint
		}
		return e.Text
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

// mayOpen is false where the object is in front already.
func mayOpen(c *Console, on object) string {
	switch p := c.page().(type) {
	case *app:
		if p.at != tabActivity && on == appObject(p.id) {
			return "this is " + p.view.Hostname + " · a lists what can be done with it"
		}
	case *settings:
		return mayChangeSetting(c, on)
	case *job:
		if _, ok := c.world.App(p.view.AppID); !ok && on == jobObject(p.id) {
			return "job " + on.id + " has no app to open"
		}
	case *item:
		if on == itemObject(p.it.ID) { // enter goes on to its form
			return mayDeploy(c, on)
		}
	}
	return ""
}

// away says that an app's host does not answer, "" if it does.
func (c *Console) away(a *core.AppView) string {
	if a.Away != "" {
		return a.Away + ": nothing can be done to its apps until that is over"
	}
	if !a.Stale {
		return ""
	}
	return a.Host + " has not answered since " + a.AsOf.In(c.loc).Format("15:04:05") + " · ctrl+r asks it now"
}

func mayShowLogs(c *Console, on object) string {
	if p, ok := c.page().(*app); ok && p.at == tabLogs && on == appObject(p.id) {
		return "this is the log · f follows, / searches"
	}
	if a, ok := c.appOf(on); ok {
		return c.away(&a)
	}
	return ""
}

func mayRetry(c *Console, on object) string {
	if on.kind == jobKind {
		return "not in this version yet: running a job again"
	}
	return ""
}

func mayDeploy(c *Console, _ object) string {
	return refusal(c.actor.May(core.VerbDeploy, c.actor.User))
}

func mayChangeApp(c *Console, on object) string {
	a, ok := c.appOf(on)
	if !ok {
		return "that app is gone"
	}
	return refusal(c.actor.May(core.VerbChangeApp, a.Owner))
}

// mayClone and mayUpdate are what stands in the way of either, as far as the
// console can tell; core decides.
func mayClone(c *Console, on object) string {
	a, ok := c.appOf(on)
	switch {
	case !ok:
		return "that app is gone"
	case mayDeploy(c, on) != "":
		return mayDeploy(c, on)
	case c.obstacle(core.DeleteApp, &a).short != "":
		return c.obstacle(core.DeleteApp, &a).text()
	case a.VMID == 0 || a.Status != core.StatusRunning && a.Status != core.StatusStopped:
		return a.Hostname + " is " + string(a.Status) + ": only an app that runs or is stopped can be cloned"
	}
	return ""
}

func mayUpdate(c *Console, on object) string {
	a, ok := c.appOf(on)
	switch {
	case !ok:
		return "that app is gone"
	case c.obstacle(core.DeleteApp, &a).short != "":
		return c.obstacle(core.DeleteApp, &a).text()
	}
	return ""
}

// mayDelete and askDeleteOf go by what is to be deleted.
func mayDelete(c *Console, on object) string {
	switch on.kind {
	case hostKind:
		return mayCareFor("empty")(c, on)
	case userKind, keyKind, tokenKind:
		return mayTakeAway(c, on)
	case backupKind:
		return mayDeleteBackup(c, on)
	case scheduleKind:
		return mayPlan(c, on)
	}
	return may(core.DeleteApp)(c, on)
}

func askDeleteOf(c *Console, on object) tea.Cmd {
	switch on.kind {
	case hostKind:
		return askRemove(c, on)
	case userKind, keyKind, tokenKind:
		return askTakeAway(c, on)
	case backupKind:
		return askDeleteBackup(c, on)
	case scheduleKind:
		return askUnplan(c, on)
	}
	return askDelete(c, on)
}

func mayStop(c *Console, on object) string {
	if on.kind == backupKind {
		b, _ := c.backupOf(on)
		if _, ok := c.workOn(&b); !ok {
			return "no job works on backup " + on.id + " · t on its app stops that"
		}
		on = jobObject(b.JobID)
	}
	if on.kind != jobKind {
		return may(core.StopApp)(c, on)
	}
	j, ok := c.jobOf(on)
	switch {
	case !ok:
		return "that job is not known any more"
	case j.Ended:
		return "job " + jobID(j.ID) + " has ended"
	case j.State == "undoing":
		return "job " + jobID(j.ID) + " is being undone already"
	case j.CancelBy != "":
		return j.CancelBy + " has asked job " + jobID(j.ID) + " to stop already"
	}
	return refusal(c.actor.May(core.VerbChangeApp, j.Owner))
}

func needsObject(c *Console, on object) string {
	if on.kind == noKind {
		return "nothing is selected here"
	}
	return ""
}

func needsURL(c *Console, on object) string {
	a, ok := c.appOf(on)
	switch {
	case !ok:
		return "that app is gone"
	case a.URL == "":
		return a.Hostname + " has no web address yet"
	}
	return ""
}

func needsJob(c *Console, on object) string {
	if a, ok := c.appOf(on); ok && a.Job == nil {
		return "no job works on " + a.Hostname
	}
	if b, ok := c.backupOf(on); ok && b.JobID == 0 {
		return "no job has worked on backup " + on.id
	}
	if s, ok := c.scheduleOf(on); ok && s.LastJob == 0 {
		return s.Name + " has not run yet"
	}
	return ""
}

func needsRow(c *Console, _ object) string {
	if l, ok := c.page().(lister); ok && l.list().Len() > 0 {
		return ""
	}
	return "there is nothing to mark"
}

func needsOrder(c *Console, _ object) string {
	if l, ok := c.page().(lister); ok {
		for _, col := range l.list().Cols {
			if col.Sorts {
				return ""
			}
		}
	}
	return "this list has one order only"
}

func needsSearch(c *Console, _ object) string {
	if l, ok := c.page().(logger); ok && l.log().Query() != "" {
		return ""
	}
	return "nothing is searched for: / searches"
}

func needsTop(c *Console, _ object) string {
	if len(c.stack) > 0 {
		return "q quits from the top: esc goes back, ctrl+c twice quits here"
	}
	return ""
}

// What the verbs do.

func moving(m motion, n int) func(*Console, object) tea.Cmd {
	return func(c *Console, _ object) tea.Cmd {
		if !c.page().move(c, m, n) {
			if n < 0 || m == toFirst {
				c.say(info, "this is the top")
			} else {
				c.say(info, "this is the end")
			}
		}
		return nil
	}
}

func tabbing(dir int) func(*Console, object) tea.Cmd {
	return func(c *Console, _ object) tea.Cmd {
		if t, ok := c.page().(tabber); ok {
			if cmd, moved := t.tab(c, dir); moved {
				return cmd
			}
		}
		c.say(info, "no more tabs that way")
		return nil
	}
}

func paning(dir int) func(*Console, object) tea.Cmd {
	return func(c *Console, _ object) tea.Cmd {
		switch p := c.page().(type) {
		case editor:
			key := "tab"
			if dir < 0 {
				key = "shift+tab"
			}
			cmd, _ := p.edit(c, key, "")
			return cmd
		case paner:
			if p.pane(c, dir) {
				return nil
			}
		}
		c.say(info, "there is one pane only at this size")
		return nil
	}
}

func visitScreen(c *Console, digit int) tea.Cmd {
	if c.top == digit && len(c.stack) == 0 {
		c.say(info, "this is "+screenNames[digit])
		return nil
	}
	return c.visit(digit)
}

func goBack(c *Console, _ object) tea.Cmd {
	if f, ok := c.page().(finder); ok && f.query() != "" {
		f.find(c, "")
		return nil
	}
	if l, ok := c.page().(lister); ok {
		if ids, _ := l.list().Marked(); len(ids) > 0 {
			l.list().Unmark()
			return nil
		}
	}
	if p, ok := c.page().(interface{ up() bool }); ok && p.up() {
		return nil
	}
	if c.back() {
		return nil
	}
	c.say(info, "this is the top · q quits")
	return nil
}

func refreshAll(c *Console, _ object) tea.Cmd {
	c.say(info, "asking all hosts now")
	cmd := c.do("", func(context.Context) error { c.core.Refresh(""); return nil })
	if p, ok := c.page().(interface{ reload(c *Console) tea.Cmd }); ok {
		return tea.Batch(cmd, p.reload(c))
	}
	return cmd
}

func retryHost(c *Console, on object) tea.Cmd {
	host := hostOf(on)
	c.say(info, "asking "+host+" now")
	return c.do("", func(context.Context) error { c.core.Refresh(host); return nil })
}

func repaint(c *Console, _ object) tea.Cmd {
	c.say(info, "repainted")
	return tea.ClearScreen
}

func submitForm(c *Console, _ object) tea.Cmd {
	if f, ok := c.page().(interface{ submit(c *Console) tea.Cmd }); ok {
		return f.submit(c)
	}
	return nil
}
