package core

import (
	"context"
	"fmt"
	"strconv"
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

// hookFile is the beginning of the files that the scripts around a backup leave
// inside the container; those of earlier backups are removed.
func hookFile(id uint64) string { return "backup-" + strconv.FormatUint(id, 10) + "-" }

// beforeBackup is the script that holds the app still. Which services ran is
// written down first, for afterBackup, and survives a second run.
func beforeBackup(a app, m *catalog.Manifest, id uint64, mode string) string {
	s := fmt.Sprintf("cd /var/lib/proximity && for f in backup-*; do case $f in %s*) ;; *) rm -f -- \"$f\" ;; esac; done\nset -e\n", hookFile(id)) + composeFunc(a)
	for _, step := range m.Backup.Pre {
		s += serviceCommand(step) + "\n"
	}
	if stopsServices(m, mode) {
		running := pve.Quote("/var/lib/proximity/" + hookFile(id) + "services")
		s += "[ -s " + running + " ] || compose ps --status running --services >" + running + "\ncompose stop\n"
	}
	return s
}

// afterBackup is the script that lets the app go on. All of it is done, even
// when a part fails.
func afterBackup(a app, m *catalog.Manifest, id uint64, mode string) string {
	running := pve.Quote("/var/lib/proximity/" + hookFile(id) + "services")
	s := "for i in $(seq 60); do docker info >/dev/null 2>&1 && break; sleep 1; done\ncode=0\n" + composeFunc(a)
	if mode == "stop" { // the container was restarted
		s += "compose start || code=$?\n"
	}
	s += "if [ -s " + running + " ]; then compose start $(cat " + running + ") || code=$?; fi\n"
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

// manifestOf is the manifest of an app, nil if it has none: an adopted one, or
// one that has left the catalogue.
func (c *Core) manifestOf(a app) *catalog.Manifest {
	m, _ := c.catalogue.Load().Get(a.CatalogID)
	return m
}

// freeze holds the app still.
func (d *work[D]) freeze(ctx context.Context, m *dumping, b backup) error {
	manifest := d.c.manifestOf(d.app)
	if !holdsStill(manifest, b.Mode) {
		return nil
	}
	st, err := d.host.client.Status(ctx, d.app.Node, d.app.VMID)
	if err != nil || !st.Running() {
		return err // what does not run is still
	}
	if !m.Still { // else it was begun before a crash: that run is followed
		m.Still, m.Tries = true, m.Tries+1
		if err := d.Save(); err != nil {
			return err
		}
		d.Log(jobs.Info, "hold the app still")
	}
	return d.hook(ctx, m, "before", "getting the app ready for its backup", beforeBackup(d.app, manifest, b.ID, b.Mode))
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
		manifest := d.c.manifestOf(d.app)
		if manifest == nil { // it has left the catalogue meanwhile: its services still wait
			manifest = &catalog.Manifest{}
		}
		script := afterBackup(d.app, manifest, b.ID, b.Mode)
		if err := d.hook(ctx, m, "after", "letting the app go on after its backup", script); err != nil {
			return err
		}
	}
	m.Still = false
	return d.Save()
}

// hook runs a script inside, once for each try.
func (d *work[D]) hook(ctx context.Context, m *dumping, name, what, script string) error {
	var bar meter
	name = hookFile(m.Backup) + name + "." + strconv.Itoa(m.Tries)
	exit, tail, err := d.c.inside(ctx, d.host, d.app, name, script, func(line string) { d.say(&bar, line) })
	if err != nil || exit == 0 {
		return err
	}
	m.Tries++ // another try is another run
	if err := d.Save(); err != nil {
		return err
	}
	return scriptError(what, exit, tail)
}
