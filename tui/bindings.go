package tui

import (
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
		{verb: "period", keys: []string{"o"}, hint: "period", where: inChart, help: "show the last hour, day, week, month or year", run: choosePeriod},
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
		{verb: "new schedule", keys: []string{"n"}, hint: "new", where: inPlans, help: "plan backups", why: mayChangeSchedule, run: newSchedule},
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
		{verb: "run schedule", where: onSchedule, help: "make the backups of the schedule now", why: mayChangeSchedule, run: runSchedule},
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
