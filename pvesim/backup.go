package pvesim

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"proximity/pvesim/schema"
)

// dump is one backup job.
type dump struct {
	guests    []*guest
	storage   *storage
	command   string // as the log repeats it
	mode      string
	suffix    string // of the archive, without "tar"
	notes     string
	protected bool
	prune     map[string]string // retention to apply, nil for none
	fault     *armedFault
}

// suffixes of archives by compress.
var suffixes = map[string]string{"": "", "0": "", "1": ".gz", "gzip": ".gz", "lzo": ".lzo", "zstd": ".zst"}

// rootOnly are options of vzdump that only root@pam may set.
var rootOnly = []string{"dumpdir", "script", "tmpdir", "job-id"}

func dumpGuests(q *call) (any, error) {
	for _, k := range rootOnly {
		if q.has(k) && !q.who.root() {
			return nil, paramErr(k, "Only root may set this option.")
		}
	}
	for _, k := range []string{"bwlimit", "ionice", "performance"} {
		if q.has(k) {
			if err := q.may("/", "Sys.Modify"); err != nil {
				return nil, err
			}
		}
	}
	d := &dump{mode: cmp.Or(q.p["mode"], "snapshot"), suffix: suffixes[q.p["compress"]], notes: q.p["notes-template"], protected: q.flag("protected"), fault: q.fault}
	name := cmp.Or(q.p["storage"], "local")
	if d.storage = q.storage(name); d.storage == nil {
		return nil, failf("storage '%s' does not exist", name)
	}
	if err := q.may("/storage/"+name, "Datastore.AllocateSpace"); err != nil {
		return nil, err
	}
	if q.has("prune-backups") {
		if err := q.may("/storage/"+name, "Datastore.Allocate"); err != nil {
			return nil, err
		}
	}
	elsewhere, err := q.dumped(d)
	if err != nil {
		return nil, err
	}
	if len(d.guests) == 0 && elsewhere {
		return "OK", nil
	}
	if q.p["remove"] != "0" {
		retention := cmp.Or(q.p["prune-backups"], d.storage.Prune)
		d.prune, _ = schema.ParsePrune(retention)
	}
	d.command = dumpCommand(q, d)
	id := ""
	if len(d.guests) == 1 {
		id = vmidText(d.guests[0].VMID)
	}
	return q.spawn("vzdump", id, func(t *task) error { return t.dump(d) }), nil
}

// dumped collects the guests of this node that are meant; elsewhere says whether some live on other nodes.
func (q *call) dumped(d *dump) (elsewhere bool, err error) {
	if q.flag("all") || q.has("pool") {
		for _, g := range q.sortedGuests() {
			in := q.flag("all") || q.pools[q.p["pool"]] != nil && q.pools[q.p["pool"]].Guests[g.VMID]
			if in && g.Node == q.node.Name && !slices.Contains(schema.Split(q.p["exclude"]), vmidText(g.VMID)) {
				d.guests = append(d.guests, g)
			}
		}
		return true, nil
	}
	ids := schema.Split(q.p["vmid"])
	if len(ids) == 0 {
		return false, paramErr("vmid", "property is missing and it is not optional")
	}
	for _, id := range ids {
		if err := q.may("/vms/"+id, "VM.Backup"); err != nil {
			return false, err
		}
		var vmid int
		_, _ = fmt.Sscan(id, &vmid)
		g := q.guests[vmid]
		switch {
		case g == nil:
			d.guests = append(d.guests, &guest{VMID: vmid})
		case g.Node == q.node.Name:
			d.guests = append(d.guests, g)
		default:
			elsewhere = true
		}
	}
	return elsewhere, nil
}

// dumpCommand is the job as its log repeats it.
func dumpCommand(q *call, d *dump) string {
	var ids, options []string
	for _, g := range d.guests {
		ids = append(ids, vmidText(g.VMID))
	}
	for _, k := range sortedKeys(q.p) {
		if k == "vmid" || k == "node" {
			continue
		}
		v := q.p[k]
		if strings.ContainsAny(v, " {}'") {
			v = "'" + v + "'"
		}
		options = append(options, "--"+k+" "+v)
	}
	options = append(options, "--node "+q.node.Name)
	return "vzdump " + strings.Join(ids, " ") + " " + strings.Join(options, " ")
}

// dump is the work of vzdump. A node runs one at a time.
func (t *task) dump(d *dump) error {
	if !d.storage.holds("backup") {
		return fmt.Errorf("could not get storage information for '%s': can't use storage '%s' for backups - wrong content type", d.storage.Name, d.storage.Name)
	}
	t.logf("INFO: starting new backup job: %s", d.command)
	select {
	case t.node.dumping <- struct{}{}:
	default:
		t.logf("INFO: trying to get global lock - waiting...")
		select {
		case t.node.dumping <- struct{}{}:
			t.logf("INFO: got global lock")
		case <-t.ctx.Done():
			return errInterrupted
		}
	}
	defer func() { <-t.node.dumping }()
	failed := false
	for _, g := range d.guests {
		if err := t.dumpGuest(d, g); err != nil {
			t.logf("ERROR: Backup of VM %d failed - %v", g.VMID, err)
			failed = true
		}
		if t.ctx.Err() != nil {
			break
		}
	}
	if failed {
		t.logf("INFO: Backup job finished with errors")
		return errors.New("job errors")
	}
	t.logf("INFO: Backup job finished successfully")
	return nil
}

func (t *task) dumpGuest(d *dump, g *guest) error {
	began := t.c.now()
	clock := func() string { return t.c.now().UTC().Format("2006-01-02 15:04:05") }
	var name string
	running := false
	err := t.lockedErr(func() error {
		if t.c.guests[g.VMID] != g {
			return fmt.Errorf("unable to find VM '%d'", g.VMID)
		}
		name, running = g.name(), g.Running
		return nil
	})
	if err != nil {
		return err
	}
	t.logf("INFO: Starting Backup of VM %d (%s)", g.VMID, g.Kind)
	t.logf("INFO: Backup started at %s", clock())
	t.logf("INFO: status = %s", statusText(running))
	mode := d.mode
	var snapshots bool
	t.locked(func() { snapshots = t.c.snapshottable(g) })
	switch {
	case !running:
		mode = "stop"
	case mode == "snapshot" && !snapshots && g.Kind == "lxc":
		t.logf("INFO: mode failure - some volumes do not support snapshots")
		t.logf("INFO: trying 'suspend' mode instead")
		mode = "suspend"
	}
	t.logf("INFO: backup mode: %s", mode)
	t.logf("INFO: ionice priority: 7")
	t.logf("INFO: CT Name: %s", name)
	t.logf("INFO: including mount point rootfs ('/') in backup")
	err = t.lockedErr(func() error {
		if err := g.locked(); err != nil {
			return plain(err)
		}
		g.Conf["lock"] = "backup"
		return nil
	})
	if err != nil {
		return err
	}
	err = t.archive(d, g, mode, running, name)
	t.locked(func() { delete(g.Conf, "lock") })
	if err != nil {
		if errors.Is(err, errInterrupted) {
			return errors.New("interrupted by signal")
		}
		return err
	}
	if d.prune != nil && d.prune["keep-all"] != "1" && len(d.prune) > 0 {
		t.prune(d, g)
	}
	took := t.c.now().Sub(began).Round(time.Second)
	t.logf("INFO: Finished Backup of VM %d (%02d:%02d:%02d)", g.VMID, int(took.Hours()), int(took.Minutes())%60, int(took.Seconds())%60)
	t.logf("INFO: Backup finished at %s", clock())
	return nil
}

// archive writes the backup file.
func (t *task) archive(d *dump, g *guest, mode string, running bool, name string) error {
	s := d.storage
	kind, ending := "lxc", "tar"
	if g.Kind == "qemu" {
		kind, ending = "qemu", "vma"
	}
	file, at := t.archiveName(s, g, kind, ending+d.suffix)
	var bytes int64
	t.locked(func() {
		volid, size := g.rootfs()
		bytes = size / 4
		if v := t.c.volume(g.Node, volid); v != nil {
			bytes = v.Used
		}
	})
	half := 400*time.Millisecond + time.Duration(bytes>>20)*4*time.Millisecond
	switch {
	case mode == "stop" && running:
		t.logf("INFO: stopping virtual guest")
		if err := t.sleep(shutdownTime); err != nil {
			return err
		}
		t.c.halt(g)
		defer func() {
			t.logf("INFO: restarting vm")
			if err := t.c.boot(t.c.ctx, g); err != nil {
				t.logf("ERROR: startup for container '%d' failed: %v", g.VMID, err)
			}
			t.logf("INFO: guest is online again after %d seconds", int((shutdownTime + startTime).Seconds()))
		}()
	case mode == "suspend" && running:
		tmp := strings.TrimSuffix(s.file(file), ending+d.suffix) + "tmp"
		t.logf("INFO: starting first sync /proc/%d/root/ to %s\nINFO: first sync finished - transferred %s bytes in 1s\nINFO: suspending guest", g.PID, tmp, mib(bytes))
		t.logf("INFO: starting final sync /proc/%d/root/ to %s\nINFO: final sync finished - transferred 0 bytes in 0s\nINFO: resuming guest\nINFO: guest is online again after <1 seconds", g.PID, tmp)
	case mode == "snapshot":
		t.logf("INFO: create storage snapshot 'vzdump'")
	}
	state := t.c.snapshotInside(g)
	t.logf("INFO: creating vzdump archive '%s'", s.file(file))
	if err := t.sleep(half); err != nil {
		return err
	}
	size := bytes
	if d.suffix != "" {
		size = bytes * 43 / 100
	}
	v := &volume{
		Volid: file, Storage: s.Name, Node: t.Node, Content: "backup", Format: ending + d.suffix, Size: size, Used: size, CTime: at.Unix(),
		VMID: g.VMID, Subtype: kind, Protected: d.protected, Notes: expandNotes(d.notes, t, g, name),
	}
	err := t.lockedErr(func() error {
		if t.c.room(s, t.Node, size, d.fault) != nil {
			return fmt.Errorf("command 'set -o pipefail && lxc-usernsexec -- tar cpf - --totals >%s' failed: exit code 2: No space left on device", s.file(file))
		}
		conf := g.Conf.clone()
		delete(conf, "lock")
		v.Backup = &backup{Conf: conf, Raw: slices.Clone(g.Raw), OS: g.OS, State: state, Bytes: bytes}
		t.c.addVolume(v)
		return nil
	})
	if err != nil {
		return err
	}
	t.logf("INFO: Total bytes written: %d (%s, %dMiB/s)", bytes, mib(bytes), 80+g.VMID%60)
	t.logf("INFO: archive file size: %dMB", max(size>>20, 1))
	if d.notes != "" {
		t.logf("INFO: adding notes to backup")
	}
	if d.protected {
		t.logf("INFO: marking backup as protected")
	}
	if mode == "snapshot" {
		t.logf("INFO: cleanup temporary 'vzdump' snapshot")
	}
	return nil
}

// AddArchive puts a backup of a guest on a storage, as one that was made at another time by somebody else. The guest
// need not be there (any more). It returns the volume's id.
func (c *Cluster) AddArchive(node, storage string, vmid int, at time.Time) string {
	c.mu.Lock()
	g := c.guests[vmid]
	c.mu.Unlock()
	kept := &backup{Conf: config{"hostname": fmt.Sprintf("gone-%d", vmid), "rootfs": fmt.Sprintf("local-lvm:vm-%d-disk-0,size=8G", vmid)}, OS: "debian", Bytes: 600 << 20}
	if g != nil {
		kept.State = c.snapshotInside(g)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if g != nil {
		kept.Conf, kept.Raw, kept.OS = g.Conf.clone(), slices.Clone(g.Raw), g.OS
	}
	v := &volume{
		Volid:   fmt.Sprintf("%s:backup/vzdump-lxc-%d-%s.tar.zst", storage, vmid, at.UTC().Format("2006_01_02-15_04_05")),
		Storage: storage, Node: node, Content: "backup", Format: "tar.zst", Size: kept.Bytes * 43 / 100, Used: kept.Bytes * 43 / 100, CTime: at.Unix(), VMID: vmid, Subtype: "lxc", Backup: kept,
	}
	c.addVolume(v)
	return v.Volid
}

// archiveName is a free name for a backup: its time has seconds, and two in one second must not meet.
func (t *task) archiveName(s *storage, g *guest, kind, ending string) (volid string, at time.Time) {
	t.locked(func() {
		for at = t.c.now(); ; at = at.Add(time.Second) {
			volid = fmt.Sprintf("%s:backup/vzdump-%s-%d-%s.%s", s.Name, kind, g.VMID, at.UTC().Format("2006_01_02-15_04_05"), ending)
			if t.c.volume(t.Node, volid) == nil {
				return
			}
		}
	})
	return volid, at
}

func expandNotes(notes string, t *task, g *guest, name string) string {
	return strings.NewReplacer("{{cluster}}", t.c.o.ClusterName, "{{guestname}}", name, "{{node}}", t.Node, "{{vmid}}", vmidText(g.VMID), `\n`, "\n").Replace(notes)
}

func getDumpDefaults(q *call) (any, error) {
	return map[string]any{"mode": "snapshot", "compress": "0", "remove": 1, "storage": cmp.Or(q.p["storage"], "local"), "prune-backups": map[string]any{"keep-all": 1}}, nil
}

// extractConfig is the configuration inside an archive.
func extractConfig(q *call) (any, error) {
	volid := q.p["volume"]
	v := q.volume(q.node.Name, volid)
	if v == nil || v.Backup == nil {
		return nil, failf("unable to extract configuration from '%s' - no such backup", volid)
	}
	if err := q.may(fmt.Sprintf("/vms/%d", v.VMID), "VM.Backup"); err != nil {
		return nil, err
	}
	return (&guest{Conf: v.Backup.Conf, Raw: v.Backup.Raw}).text(), nil
}
