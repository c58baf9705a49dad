package pvesim

import (
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// birth is a container that is to be made: from a template or from a backup.
type birth struct {
	g          *guest
	conf       config // as given, in stored form
	template   *volume
	ostemplate string
	rootfs     *storage
	bytes      int64
	mountOpts  string
	restore    bool
	unique     bool
	start      bool
	password   string
	over       *guest // overwritten by a restore
}

// createParams are parameters of create that are no configuration.
var createParams = map[string]bool{
	"node": true, "vmid": true, "ostemplate": true, "restore": true, "force": true, "start": true, "storage": true, "password": true,
	"ssh-public-keys": true, "pool": true, "unique": true, "bwlimit": true, "ignore-unpack-errors": true, "ha-managed": true, "rootfs": true, "template": true,
}

// createGuest makes or restores a container.
// Proxmox: PVE/API2/LXC.pm create_vm.
func createGuest(q *call) (any, error) {
	b := &birth{conf: config{}, ostemplate: q.p["ostemplate"], restore: q.flag("restore"), unique: q.flag("unique"), start: q.flag("start"), password: q.p["password"]}
	vmid := q.id()
	old, err := q.vacant(vmid, b.restore && q.flag("force"))
	if err != nil {
		return nil, err
	}
	b.over = old
	for k, v := range q.p {
		if !createParams[k] {
			b.conf[k] = v
		}
	}
	if !b.restore && b.conf["unprivileged"] == "" {
		b.conf["unprivileged"] = "1"
	}
	if err := q.mayCreate(vmid, b); err != nil {
		return nil, err
	}
	if err := q.source(vmid, b); err != nil {
		return nil, err
	}
	if err := q.rootDisk(b); err != nil {
		return nil, err
	}
	if keys := q.p["ssh-public-keys"]; keys != "" {
		if _, _, _, _, err := ssh.ParseAuthorizedKey([]byte(keys)); err != nil {
			return nil, failf("SSH public key validation error")
		}
	}
	if q.p["pool"] != "" && q.pools[q.p["pool"]] == nil {
		return nil, denied(fmt.Sprintf("pool '%s' does not exist", q.p["pool"]))
	}
	if old != nil && old.Running {
		return nil, failf("can't overwrite running container")
	}
	if b.conf, err = q.normal(&guest{VMID: vmid, Node: q.node.Name, Conf: config{}}, b.conf); err != nil {
		return nil, err
	}
	b.g = &guest{VMID: vmid, Kind: "lxc", Node: q.node.Name, Conf: config{"lock": "create"}, Made: q.now(), power: make(chan struct{}, 1)}
	if old != nil {
		old.Conf["lock"] = "create"
		b.g = old
	} else {
		q.guests[vmid] = b.g
		q.touch(b.g, false)
		b.g.before = &sight{}
	}
	if p := q.pools[q.p["pool"]]; p != nil {
		p.Guests[vmid] = true
	}
	kind := "vzcreate"
	if b.restore {
		kind = "vzrestore"
	}
	fault, who, node := q.fault, q.who, q.node
	return q.spawn(kind, vmidText(vmid), func(t *task) error {
		if err := t.create(b, fault); err != nil {
			return fmt.Errorf("unable to %s CT %d - %w", strings.TrimPrefix(kind, "vz"), vmid, err)
		}
		if b.start {
			t.locked(func() {
				t.c.spawn(node, "vzstart", vmidText(vmid), who, "", nil, func(t *task) error { return t.start(b.g) })
			})
		}
		return nil
	}), nil
}

// vacant checks that a vmid is free, or with force a container of this node that may be overwritten.
func (q *call) vacant(vmid int, force bool) (*guest, error) {
	g := q.guests[vmid]
	switch {
	case g == nil:
		return nil, nil
	case g.Kind == "qemu":
		return nil, failf("VM %d already exists on node '%s'", vmid, g.Node)
	case !force || g.Node != q.node.Name:
		return nil, failf("CT %d already exists on node '%s'", vmid, g.Node)
	}
	if err := q.lockOf(g); err != nil {
		return nil, err
	}
	return g, nil
}

func (q *call) mayCreate(vmid int, b *birth) error {
	pool := q.p["pool"]
	guestPath := fmt.Sprintf("/vms/%d", vmid)
	allowed := q.may(guestPath, "VM.Allocate") == nil || pool != "" && q.may("/pool/"+pool, "VM.Allocate") == nil ||
		b.over != nil && q.may(guestPath, "VM.Backup") == nil
	if !allowed {
		return denied("")
	}
	unprivileged := b.conf["unprivileged"] != "0"
	if !unprivileged {
		if err := q.may("/", "Sys.Modify"); err != nil {
			return err
		}
	}
	asked := b.conf.clone()
	delete(asked, "unprivileged")
	if v := q.p["rootfs"]; v != "" {
		asked["rootfs"] = v
	}
	return q.mayChange(vmid, pool, asked, nil, unprivileged)
}

// source finds the template or backup; whether the file is there shows only later, in the task.
func (q *call) source(vmid int, b *birth) error {
	name, file, ok := strings.Cut(b.ostemplate, ":")
	if !ok {
		return failf("Only root can pass arbitrary filesystem paths. at /usr/share/perl5/PVE/Storage.pm line 651.")
	}
	s := q.storage(name)
	if s == nil {
		// Proxmox: create does look at the storage before it forks.
		return failf("storage '%s' does not exist", name)
	}
	b.template = q.volume(q.node.Name, b.ostemplate)
	if strings.HasPrefix(file, "backup/") {
		if b.template != nil && b.template.VMID == vmid && q.may(fmt.Sprintf("/vms/%d", vmid), "VM.Backup") == nil {
			return nil
		}
		if q.may("/storage/"+name, "Datastore.Allocate") == nil {
			return nil
		}
		return q.may("/storage/"+name, "Datastore.AllocateSpace")
	}
	return q.mayAny("/storage/"+name, "Datastore.AllocateSpace", "Datastore.Audit")
}

// rootDisk reads where the root disk goes.
func (q *call) rootDisk(b *birth) error {
	wish := q.p["rootfs"]
	otherwise := q.p["storage"]
	if otherwise == "" {
		otherwise = "local" // Proxmox: for a restore, too, wherever the disk was
	}
	if b.restore && b.template != nil && b.template.Backup != nil && wish == "" {
		saved := &guest{Conf: b.template.Backup.Conf}
		_, size := saved.rootfs()
		wish = fmt.Sprintf("%s:%g", otherwise, float64(size)/(1<<30))
	}
	if wish == "" {
		wish = otherwise + ":4"
	}
	disk, options, _ := strings.Cut(wish, ",")
	disk = strings.TrimPrefix(disk, "volume=")
	name, bytes, ok := parseAllocation(disk, otherwise)
	if !ok {
		if !strings.Contains(disk, ":") {
			return failf("Only root can pass arbitrary filesystem paths. at /usr/share/perl5/PVE/Storage.pm line 651.")
		}
		storageName, _, _ := strings.Cut(disk, ":")
		if q.storage(storageName) == nil {
			return failf("storage '%s' does not exist", storageName)
		}
		return failf("unable to parse volume ID '%s'", disk)
	}
	s, err := q.diskStorage(name)
	b.rootfs, b.bytes, b.mountOpts = s, bytes, options
	return err
}

// create does the work of a birth. When it fails nothing is left, except when it is interrupted: then the locked
// container stays, as on a node whose worker was killed. A container that was to be overwritten is left as it was only
// if that failed before its disks were made.
// Proxmox: PVE/API2/LXC.pm create_vm, $destroy_config_on_error.
func (t *task) create(b *birth, fault *armedFault) (err error) {
	g := b.g
	var disk *volume
	untouched := b.over != nil
	defer func() {
		if err == nil || errors.Is(err, errInterrupted) {
			return
		}
		t.locked(func() {
			t.c.removeVolume(disk)
			if untouched {
				delete(g.Conf, "lock")
			} else {
				t.c.forget(g)
			}
		})
	}()
	if b.template == nil {
		return fmt.Errorf("volume '%s' does not exist", b.ostemplate)
	}
	if b.restore && b.template.Backup == nil {
		return fmt.Errorf("archive '%s' does not contain a container backup", b.ostemplate)
	}
	if b.restore {
		t.logf("recovering backed-up configuration from '%s'", b.ostemplate)
	}
	unpacked := b.template.unpacked()
	untouched = false
	err = t.lockedErr(func() error {
		if err := t.c.room(b.rootfs, g.Node, unpacked, fault); err != nil {
			return fmt.Errorf("command 'tar xpf - --totals --one-file-system -p --sparse --numeric-owner --acls --xattrs -C /var/lib/lxc/%d/rootfs' failed: exit code 2: %w", g.VMID, err)
		}
		disk = &volume{
			Volid: t.c.newDisk(b.rootfs, g.Node, g.VMID, "vm"), Storage: b.rootfs.Name, Node: g.Node, Content: "rootdir", Format: "raw",
			Size: b.bytes, Used: unpacked, CTime: t.c.now().Unix(), VMID: g.VMID,
		}
		t.c.addVolume(disk)
		if b.over != nil {
			t.c.emptied(g, disk)
		}
		return nil
	})
	if err != nil {
		return err
	}
	t.logDisk(b.rootfs, disk)
	if b.restore {
		t.logf("restoring '%s' now..", b.ostemplate)
	}
	if b.template.Image != "" {
		t.logf("Detected OCI archive")
	}
	t.logf("extracting archive '%s'", t.c.storage(b.template.Storage).file(b.template.Volid))
	if unpacked > b.bytes {
		return fmt.Errorf("command 'tar xpf - --totals --one-file-system -p --sparse --numeric-owner --acls --xattrs -C /var/lib/lxc/%d/rootfs' failed: exit code 2", g.VMID)
	}
	// Measured: 0.6 s for Alpine's 2 MB, some seconds for a Debian of 600 MB.
	if err := t.sleep(600*time.Millisecond + time.Duration(unpacked>>20)*6*time.Millisecond); err != nil {
		return err
	}
	t.logf("Total bytes read: %d (%s, %dMiB/s)", unpacked, mib(unpacked), 44+g.VMID%90)
	if b.restore {
		t.logf("merging backed-up and given configuration..")
	} else {
		t.logf("Detected container architecture: amd64")
		if osOf(b.ostemplate) != "alpine" {
			for _, kind := range []string{"ecdsa", "ed25519", "rsa"} {
				t.logf("Creating SSH host key 'ssh_host_%s_key' - this may take some time ...", kind)
				t.logf("done: SHA256:%s root@%s", fingerprintText(t.c.o.Seed, g.VMID, kind), b.hostname())
			}
		}
	}
	t.locked(func() { t.c.born(b, disk) })
	return nil
}

func (b *birth) hostname() string {
	if n := b.conf["hostname"]; n != "" {
		return n
	}
	return fmt.Sprintf("CT%d", b.g.VMID)
}

// born gives the container its configuration and inside.
func (c *Cluster) born(b *birth, disk *volume) {
	g := b.g
	conf := config{}
	if b.restore {
		conf = b.template.Backup.Conf.clone()
		for k, v := range conf {
			if strings.HasPrefix(k, "net") && b.unique {
				conf[k] = strings.Replace(v, netMAC(v), c.newMAC(), 1)
			}
		}
		g.Raw = b.template.Backup.Raw
		g.OS = b.template.Backup.OS
	} else {
		conf["arch"] = "amd64"
		conf["memory"], conf["swap"] = "512", "512"
		conf["ostype"] = osType(b.ostemplate)
		conf["hostname"] = b.hostname()
		g.OS = osOf(b.ostemplate)
	}
	for k, v := range b.conf {
		conf[k] = v
	}
	if b.template.Image != "" {
		imageConfig(conf)
	}
	delete(conf, "lock")
	conf["rootfs"] = disk.Volid
	if b.mountOpts != "" {
		conf["rootfs"] += "," + b.mountOpts
	}
	conf["rootfs"] += ",size=" + formatSize(b.bytes)
	g.Conf, g.Password, g.machine = conf, b.password, nil
	c.touch(g, b.over != nil)
	if b.restore {
		c.insideFrom(g, b.template.Backup.State)
	}
}

// emptied destroys what a container is made of, to be overwritten: nothing but its lock stays.
func (c *Cluster) emptied(g *guest, except *volume) {
	for key, v := range c.volumes {
		if v.VMID == g.VMID && v.Content == "rootdir" && key.node == g.Node && v != except {
			c.removeVolume(v)
		}
	}
	g.Conf = config{"lock": "create"}
	g.Raw, g.Snaps, g.Parent, g.Pending, g.machine = nil, nil, "", nil, nil
}

// imageConfig sets what an OCI image brings. Proxmox: the image's values replace given ones (Create.pm
// restore_oci_archive).
func imageConfig(conf config) {
	conf["ostype"], conf["cmode"] = "unmanaged", "console"
	conf["entrypoint"] = "/docker-entrypoint.sh"
	conf["env"] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	for k, v := range conf {
		if strings.HasPrefix(k, "net") {
			conf[k] = strings.Replace(v, ",type=veth", ",host-managed=1,type=veth", 1)
		}
	}
}

// forget removes a guest from the cluster, with its place in the network and in pools.
func (c *Cluster) forget(g *guest) {
	if c.guests[g.VMID] == g {
		delete(c.guests, g.VMID)
	}
	if g.Slot > 0 {
		c.net.free(g.Slot)
		g.Slot = 0
	}
	for _, p := range c.pools {
		delete(p.Guests, g.VMID)
	}
}

// osType is the "ostype" of what a template holds.
func osType(template string) string {
	name := path.Base(template)
	for _, os := range []string{"debian", "devuan", "ubuntu", "centos", "fedora", "opensuse", "archlinux", "alpine", "gentoo", "nixos"} {
		if strings.Contains(name, os) {
			return os
		}
	}
	for _, os := range []string{"almalinux", "rockylinux"} {
		if strings.HasPrefix(name, os) {
			return "centos"
		}
	}
	if strings.Contains(name, "turnkey") || strings.HasPrefix(name, "proxmox-") {
		return "debian"
	}
	return "unmanaged"
}

// osOf is the inside that the simulator gives a template: alpine, or for all others debian.
func osOf(template string) string {
	if osType(path.Base(strings.ReplaceAll(template, ":", "/"))) == "alpine" {
		return "alpine"
	}
	return "debian"
}

func mib(n int64) string { return fmt.Sprintf("%.1fMiB", float64(n)/(1<<20)) }

func fingerprintText(seed int64, words ...any) string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	b := make([]byte, 43)
	for i := range b {
		b[i] = letters[random(seed, append(words, i)...)%64]
	}
	return string(b)
}
