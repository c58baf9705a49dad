package pvesim

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"proximity/pvesim/machine"
)

// cloning is one clone on its way.
type cloning struct {
	from, to *guest
	conf     config
	raw      [][2]string
	state    machine.State
	running  bool // the source's own state is taken when the task gets to it
	storage  *storage
	node     *node // target
	linked   bool
}

func cloneGuest(q *call) (any, error) {
	g, err := q.unlocked()
	if err != nil {
		return nil, err
	}
	vmid := q.number("newid")
	k := &cloning{from: g, node: q.node, conf: g.Conf.clone(), raw: slices.Clone(g.Raw), linked: g.template() && !q.flag("full")}
	if name := q.p["snapname"]; name != "" {
		s := g.snapshot(name)
		if s == nil {
			return nil, failf("snapshot '%s' does not exist", name)
		}
		k.conf, k.raw, k.state = s.Conf.clone(), slices.Clone(s.Raw), s.State
	} else if g.Running {
		return nil, failf("Full clone of a running container is only possible from a snapshot")
	} else {
		k.running = true
	}
	if k.linked && q.has("storage") {
		return nil, paramErr("storage", "parameter 'storage' not allowed for linked clones")
	}
	if other := q.guests[vmid]; other != nil {
		kind := map[string]string{"lxc": "CT", "qemu": "VM"}[other.Kind]
		return nil, failf("unable to create CT %d - %s %d already exists on node '%s'", vmid, kind, vmid, other.Node)
	}
	volid, size := (&guest{Conf: k.conf}).rootfs()
	name, _, _ := strings.Cut(volid, ":")
	if q.has("storage") {
		name = q.p["storage"]
	}
	if k.linked && !q.snapshottable(g) {
		return nil, failf("Linked clone feature for '%s' is not available", volid)
	}
	if k.storage, err = q.diskStorage(name); err != nil {
		return nil, err
	}
	if err := q.cloneTarget(k); err != nil {
		return nil, err
	}
	for _, key := range []string{"lock", "template"} {
		delete(k.conf, key)
	}
	if h := q.p["hostname"]; h != "" {
		k.conf["hostname"] = h
	}
	if q.has("description") {
		k.conf["description"] = description(q.p["description"])
	}
	for key, v := range k.conf {
		if strings.HasPrefix(key, "net") {
			k.conf[key] = strings.Replace(v, netMAC(v), q.newMAC(), 1)
		}
	}
	// The copy has the source's configuration from the start, but for its disks, and is on the source's node until its end.
	making := k.conf.clone()
	delete(making, "rootfs")
	making["lock"] = "create"
	k.to = &guest{VMID: vmid, Kind: "lxc", Node: q.node.Name, Conf: making, OS: g.OS, Made: q.now(), power: make(chan struct{}, 1)}
	q.guests[vmid] = k.to
	q.touch(k.to, false)
	k.to.before = &sight{}
	if p := q.pools[q.p["pool"]]; p != nil {
		p.Guests[vmid] = true
	}
	g.Conf["lock"] = "disk"
	fault := q.fault
	return q.spawn("vzclone", vmidText(g.VMID), func(t *task) error {
		if err := t.clone(k, volid, size, fault); err != nil {
			return fmt.Errorf("clone failed: %w", err)
		}
		return nil
	}), nil
}

// cloneTarget finds the node that the copy ends on; local disks keep it here.
func (q *call) cloneTarget(k *cloning) error {
	name := q.p["target"]
	if name == "" || name == q.node.Name {
		return nil
	}
	if k.node = q.Cluster.node(name); k.node == nil {
		return failf("no such cluster node '%s'", name)
	}
	switch {
	case q.has("storage") && !k.storage.Shared:
		return failf("can't clone to non-shared storage '%s'", k.storage.Name)
	case !k.storage.Shared:
		return failf("can't clone CT to node '%s' (CT uses local storage)", name)
	}
	return nil
}

// clone is the work of vzclone.
func (t *task) clone(k *cloning, volid string, size int64, fault *armedFault) (err error) {
	var disk *volume
	defer func() {
		if errors.Is(err, errInterrupted) {
			return
		}
		t.locked(func() {
			delete(k.from.Conf, "lock")
			if err != nil {
				t.c.removeVolume(disk)
				t.c.forget(k.to)
			}
		})
	}()
	kind := "full"
	if k.linked {
		kind = "linked"
	}
	t.logf("creating a clone of container %d with ID %d", k.from.VMID, k.to.VMID)
	t.logf("create %s clone of mountpoint rootfs (%s)", kind, volid)
	var used int64
	err = t.lockedErr(func() error {
		used = size / 10
		if v := t.c.volume(k.from.Node, volid); v != nil {
			used = v.Used
		}
		if err := t.c.room(k.storage, k.node.Name, used, fault); err != nil {
			return err
		}
		disk = &volume{
			Volid: t.c.newDisk(k.storage, k.node.Name, k.to.VMID, "vm"), Storage: k.storage.Name, Node: k.node.Name, Content: "rootdir", Format: "raw",
			Size: size, Used: used, CTime: t.c.now().Unix(), VMID: k.to.VMID,
		}
		t.c.addVolume(disk)
		return nil
	})
	if err != nil {
		return err
	}
	t.logDisk(k.storage, disk)
	if err := t.sleep(400*time.Millisecond + time.Duration(used>>20)*5*time.Millisecond); err != nil {
		return err
	}
	t.logf("\nNumber of files: 329 (reg: 20, dir: 26, link: 283)\nTotal file size: %d bytes\nTotal transferred file size: %d bytes\n\nsent %d bytes  received 1,360 bytes\ntotal size is %d  speedup is 1.00", used, used, used, used)
	if k.running {
		k.state = t.c.snapshotInside(k.from)
	}
	t.locked(func() {
		k.conf["rootfs"] = disk.Volid + ",size=" + formatSize(size)
		k.to.Conf, k.to.Raw, k.to.Node = k.conf, k.raw, k.node.Name
		t.c.touch(k.to, false)
		t.c.insideFrom(k.to, k.state)
	})
	return nil
}

func makeTemplate(q *call) (any, error) {
	g, err := q.unlocked()
	if err != nil {
		return nil, err
	}
	switch {
	case g.template():
		return nil, failf("you can't convert a template to a template")
	case g.Running:
		return nil, failf("you can't convert a CT to template if the CT is running")
	case len(g.Snaps) > 0:
		return nil, failf("unable to create template, because CT contains snapshots")
	}
	q.touch(g, true)
	volid, _ := g.rootfs()
	base := strings.Replace(volid, "vm-", "base-", 1)
	if v := q.volume(g.Node, volid); v != nil {
		q.removeVolume(v)
		v.Volid = base
		q.addVolume(v)
	}
	g.Conf["rootfs"] = strings.Replace(g.Conf["rootfs"], volid, base, 1)
	g.Conf["template"] = "1"
	return nil, nil
}

func resizeDisk(q *call) (any, error) {
	g, err := q.unlocked()
	if err != nil {
		return nil, err
	}
	if d := q.p["digest"]; d != "" && d != g.digest() {
		return nil, failf("detected modified configuration - file changed by other user? Try again.")
	}
	disk := q.p["disk"]
	old := &guest{Conf: config{"rootfs": g.Conf[disk]}}
	volid, size := old.rootfs()
	if volid == "" {
		return nil, failf("no such mount point '%s'", disk)
	}
	wish, grow := strings.CutPrefix(q.p["size"], "+")
	want, ok := parseSize(wish)
	if !ok {
		return nil, paramErr("size", "value does not match the regex pattern")
	}
	if grow {
		want += size
	}
	switch {
	case want < size:
		return nil, failf("unable to shrink disk size")
	case want == size:
		return nil, failf("disk is already at specified size")
	}
	fault := q.fault
	return q.spawn("resize", vmidText(g.VMID), func(t *task) error {
		if err := t.sleep(600 * time.Millisecond); err != nil {
			return err
		}
		err := t.lockedErr(func() error {
			v := t.c.volume(g.Node, volid)
			if v == nil {
				return fmt.Errorf("volume '%s' does not exist", volid)
			}
			if err := t.c.room(t.c.storage(v.Storage), g.Node, 0, fault); err != nil {
				return err
			}
			t.c.touch(g, true)
			v.Size = want
			g.Conf[disk] = strings.Replace(g.Conf[disk], "size="+formatSize(size), "size="+formatSize(want), 1)
			return nil
		})
		if err != nil {
			return err
		}
		t.logf("Image resized.\nresize2fs 1.47.2 (1-Jan-2025)\nThe filesystem on %s is now %d (4k) blocks long.\n", volid, want>>12)
		return nil
	}), nil
}
