package core

import (
	"context"
	"fmt"
	"strings"

	"proximity/core/catalog"
	"proximity/core/pve"
	"proximity/jobs"
)

// An app is held still while the snapshot for its backup is taken, as its
// manifest says: by commands of its own (a dump of its database, say), by
// stopping its services, or not at all.

// holdsStill says whether, for a backup in that mode, something is to be done
// inside the container.
func holdsStill(m *catalog.Manifest, mode string) bool {
	return m != nil && (len(m.Backup.Pre) > 0 || len(m.Backup.Post) > 0 || stopsServices(m, mode))
}

// stopsServices says whether the services are stopped for the snapshot. In stop
// mode vzdump stops the whole container.
func stopsServices(m *catalog.Manifest, mode string) bool {
	return m.Backup.Consistency == "stop" && mode != "stop"
}

// composeFunc defines a shell function that calls an app's compose.
func composeFunc(a app) string { return "compose() { " + compose(a) + "\"$@\"; }\n" }

// beforeBackup is the script that holds the app still. Which services ran is
// written down in a file first, for afterBackup, and survives a second run. What
// earlier backups left there is removed.
func beforeBackup(a app, m *catalog.Manifest, mode, running string) string {
	mine, _, _ := strings.Cut(running, "services")
	s := fmt.Sprintf("cd /var/lib/proximity && for f in *_backup*; do case $f in %s*) ;; *) rm -f -- \"$f\" ;; esac; done\nset -e\n", mine) + composeFunc(a)
	for _, step := range m.Backup.Pre {
		s += serviceCommand(step) + "\n"
	}
	if stopsServices(m, mode) {
		file := "/var/lib/proximity/" + running
		s += "[ -s " + file + " ] || compose ps --status running --services >" + file + "\ncompose stop\n"
	}
	return s
}

// afterBackup is the script that lets the app go on. All of it is done, even
// when a part fails.
func afterBackup(a app, m *catalog.Manifest, mode, running string) string {
	file := "/var/lib/proximity/" + running
	s := "(" + dockerUp + ")\ncode=0\n" + composeFunc(a)
	if mode == "stop" { // the container was restarted
		s += "compose start || code=$?\n"
	}
	s += "if [ -s " + file + " ]; then compose start $(cat " + file + ") || code=$?; fi\n"
	for _, step := range m.Backup.Post {
		s += serviceCommand(step) + " || code=$?\n"
	}
	return s + "exit $code\n"
}

// serviceCommand is a manifest's step as a shell command.
func serviceCommand(s catalog.Step) string {
	words := []string{"compose exec -T", pve.Quote(s.Service)}
	for _, w := range s.Exec {
		words = append(words, pve.Quote(w))
	}
	return strings.Join(words, " ")
}

// The names of the scripts around a backup.
const (
	before      = "before_backup"
	after       = "after_backup"
	runningFile = "services_backup"
)

// freeze holds the app still.
func (d *work[D]) freeze(ctx context.Context, m *dumping, b backup) error {
	if !holdsStill(d.manifest, b.Mode) {
		return nil
	}
	st, err := d.host.client.Status(ctx, d.app.Node, d.app.VMID)
	if err != nil || !st.Running() {
		return err // what does not run is still
	}
	if !m.Still { // else it was begun before a crash: that run is followed
		m.Still = true
		if err := d.Save(); err != nil {
			return err
		}
		d.Log(jobs.Info, "hold the app still")
	}
	return d.must(ctx, before, "getting the app ready for its backup", beforeBackup(d.app, d.manifest, b.Mode, d.file(runningFile)), false)
}

// thaw lets the app go on, if it is held.
func (d *work[D]) thaw(ctx context.Context, m *dumping, b backup) error {
	if !m.Still {
		return nil
	}
	st, err := d.host.client.Status(ctx, d.c.nodeOf(d.host, d.app), d.app.VMID)
	if err != nil {
		return ignore(err, pve.ErrNotFound)
	}
	if st.Running() {
		manifest := d.manifest
		if manifest == nil { // it has left the catalogue meanwhile: its services still wait
			manifest = &catalog.Manifest{}
		}
		if err := d.must(ctx, after, "letting the app go on after its backup", afterBackup(d.app, manifest, b.Mode, d.file(runningFile)), true); err != nil {
			return err
		}
	}
	m.Still = false
	if d.rec.Tried == nil {
		d.rec.Tried = map[string]int{}
	}
	d.rec.Tried[before]++ // another try is another run
	d.rec.Tried[after]++
	return d.Save()
}
