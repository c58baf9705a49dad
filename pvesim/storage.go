package pvesim

import (
	"fmt"
	"hash/fnv"
	"math"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"proximity/pvesim/machine"
)

// storage is one entry of storage.cfg.
type storage struct {
	Name    string
	Type    string
	Content []string
	Shared  bool
	Path    string // of file-based ones
	Total   int64  // bytes on each node, or together if shared
	Base    int64  // bytes in use by what is not a volume
	Prune   string
}

// Storage is a further storage of a cluster.
type Storage struct {
	Name    string
	Type    string   // "lvmthin", "zfspool", "rbd" have snapshots; "lvm", "dir", "nfs" none
	Content []string // "rootdir", "backup", "vztmpl"
	Shared  bool
	GB      int // on each node, or together if shared
}

func (o Storage) made() *storage {
	s := &storage{Name: o.Name, Type: o.Type, Content: o.Content, Shared: o.Shared, Total: int64(o.GB) << 30, Prune: "keep-all=1"}
	if o.Type == "dir" || o.Type == "nfs" {
		s.Path = "/mnt/pve/" + o.Name
	}
	return s
}

// volume is one disk, template or backup.
type volume struct {
	Volid     string  `json:"volid"`
	Storage   string  `json:"storage"`
	Node      string  `json:"node,omitempty"` // "" on shared storage
	Content   string  `json:"content"`
	Format    string  `json:"format"`
	Size      int64   `json:"size"`
	Used      int64   `json:"used"`
	CTime     int64   `json:"ctime"`
	VMID      int     `json:"vmid,omitempty"`
	Notes     string  `json:"notes,omitempty"`
	Protected bool    `json:"protected,omitempty"`
	Subtype   string  `json:"subtype,omitempty"`
	Image     string  `json:"image,omitempty"` // reference of a pulled OCI image
	Backup    *backup `json:"backup,omitempty"`
}

// backup is what an archive holds.
type backup struct {
	Conf  config        `json:"conf"`
	Raw   [][2]string   `json:"raw,omitempty"`
	OS    string        `json:"os"`
	State machine.State `json:"state"`
	Bytes int64         `json:"bytes"` // of its files
}

type volumeKey struct{ node, volid string }
type storageKey struct{ node, storage string }

// defaultStorages are a local directory, a thin pool for disks and a share.
func defaultStorages(diskGB int) []*storage {
	const gb = 1 << 30
	return []*storage{
		{Name: "local", Type: "dir", Content: []string{"backup", "iso", "vztmpl"}, Path: "/var/lib/vz", Total: int64(max(diskGB/10, 40)) * gb, Base: 4 * gb, Prune: "keep-all=1"},
		{Name: "local-lvm", Type: "lvmthin", Content: []string{"rootdir", "images"}, Total: int64(diskGB) * gb},
		{Name: "nas", Type: "nfs", Content: []string{"backup", "vztmpl"}, Shared: true, Path: "/mnt/pve/nas", Total: 4 * int64(diskGB) * gb, Base: int64(diskGB) * gb / 2, Prune: "keep-all=1"},
	}
}

func (s *storage) holds(content string) bool { return slices.Contains(s.Content, content) }

// snapshots says whether disks on it can have snapshots.
func (s *storage) snapshots() bool {
	return s.Type == "lvmthin" || s.Type == "zfspool" || s.Type == "btrfs" || s.Type == "rbd"
}

func (c *Cluster) storage(name string) *storage {
	for _, s := range c.storages {
		if s.Name == name {
			return s
		}
	}
	return nil
}

func (s *storage) key(node string) storageKey {
	if s.Shared {
		node = ""
	}
	return storageKey{node, s.Name}
}

// usage is a storage's bytes on a node.
func (c *Cluster) usage(s *storage, node string) (used, avail int64) {
	used = min(s.Base+c.used[s.key(node)], s.Total)
	return used, s.Total - used
}

// volume finds a volume as a node sees it.
func (c *Cluster) volume(node, volid string) *volume {
	if v := c.volumes[volumeKey{node, volid}]; v != nil {
		return v
	}
	return c.volumes[volumeKey{"", volid}]
}

// addVolume puts a volume on its storage; the node is dropped on a shared one.
func (c *Cluster) addVolume(v *volume) {
	s := c.storage(v.Storage)
	if s == nil {
		return
	}
	if s.Shared {
		v.Node = ""
	}
	key := volumeKey{v.Node, v.Volid}
	if old := c.volumes[key]; old != nil {
		c.used[storageKey{v.Node, v.Storage}] -= old.Used
	}
	c.volumes[key] = v
	c.used[storageKey{v.Node, v.Storage}] += v.Used
}

func (c *Cluster) removeVolume(v *volume) {
	if v == nil || c.volumes[volumeKey{v.Node, v.Volid}] != v {
		return
	}
	delete(c.volumes, volumeKey{v.Node, v.Volid})
	c.used[storageKey{v.Node, v.Storage}] -= v.Used
}

// grow notes that a volume takes other space than before.
func (c *Cluster) grow(v *volume, used int64) {
	if v == nil || c.volumes[volumeKey{v.Node, v.Volid}] != v {
		return
	}
	c.used[storageKey{v.Node, v.Storage}] += used - v.Used
	v.Used = used
}

// room checks that bytes fit on a storage.
func (c *Cluster) room(s *storage, node string, bytes int64, f *armedFault) error {
	_, avail := c.usage(s, node)
	if f != nil && f.verb == "full" || bytes > avail {
		return errNoSpace
	}
	return nil
}

var errNoSpace = fmt.Errorf("No space left on device")

// newDisk finds a free name for a guest's disk on a storage.
func (c *Cluster) newDisk(s *storage, node string, vmid int, prefix string) string {
	for i := 0; ; i++ {
		name := fmt.Sprintf("%s-%d-disk-%d", prefix, vmid, i)
		volid := s.Name + ":" + name
		if s.Path != "" {
			volid = fmt.Sprintf("%s:%d/%s.raw", s.Name, vmid, name)
		}
		if c.volume(node, volid) == nil {
			return volid
		}
	}
}

// parseSize reads "8G", "512M", "10" (bytes).
func parseSize(s string) (int64, bool) {
	units := map[byte]int64{'K': 1 << 10, 'M': 1 << 20, 'G': 1 << 30, 'T': 1 << 40}
	unit := int64(1)
	if s == "" {
		return 0, false
	}
	if u := units[s[len(s)-1]]; u != 0 {
		unit, s = u, s[:len(s)-1]
	}
	f, err := strconv.ParseFloat(s, 64)
	return int64(f * float64(unit)), err == nil
}

// formatSize writes a size as configurations have it.
func formatSize(n int64) string {
	for _, u := range []struct {
		unit string
		size int64
	}{{"T", 1 << 40}, {"G", 1 << 30}, {"M", 1 << 20}, {"K", 1 << 10}} {
		if n >= u.size && n%u.size == 0 {
			return fmt.Sprintf("%d%s", n/u.size, u.unit)
		}
	}
	return strconv.FormatInt(n, 10)
}

// allocation is a wish for a disk: "storage:8".
var allocation = regexp.MustCompile(`\A(?:([A-Za-z][A-Za-z0-9\-_.]*[A-Za-z0-9]):)?([0-9]+(?:\.[0-9]+)?)\z`)

// parseAllocation reads the volume part of a rootfs or mpN value; ok is false for what is no new disk.
func parseAllocation(v, otherwise string) (storage string, bytes int64, ok bool) {
	parts := allocation.FindStringSubmatch(v)
	if parts == nil {
		return "", 0, false
	}
	gb, err := strconv.ParseFloat(parts[2], 64)
	if parts[1] == "" {
		parts[1] = otherwise
	}
	return parts[1], int64(math.Round(gb*1024)) << 20, err == nil
}

// allocateMount makes the disk of a new mpN value and returns the value to store.
func (q *call) allocateMount(g *guest, v string) (string, error) {
	disk, rest, _ := strings.Cut(v, ",")
	name, bytes, ok := parseAllocation(disk, "")
	if !ok {
		return v, nil
	}
	s, err := q.diskStorage(name)
	if err != nil {
		return "", err
	}
	if err := q.room(s, g.Node, 0, q.fault); err != nil {
		return "", failf("unable to allocate volume: %v", err)
	}
	volid := q.newDisk(s, g.Node, g.VMID, "vm")
	q.addVolume(&volume{Volid: volid, Storage: s.Name, Node: g.Node, Content: "rootdir", Format: "raw", Size: bytes, Used: bytes / 50, CTime: q.now().Unix(), VMID: g.VMID})
	return strings.TrimSuffix(volid+","+rest, ",") + ",size=" + formatSize(bytes), nil
}

// diskStorage finds a storage that containers' disks can be made on and that the caller may use.
func (q *call) diskStorage(name string) (*storage, error) {
	s := q.storage(name)
	if s == nil {
		return nil, failf("storage '%s' does not exist", name)
	}
	if !s.holds("rootdir") {
		return nil, paramErr("storage", fmt.Sprintf("storage '%s' does not support container directories", name))
	}
	return s, q.may("/storage/"+name, "Datastore.AllocateSpace")
}

// random is a number that stays the same for the same words.
func random(seed int64, words ...any) uint64 {
	h := fnv.New64a()
	fmt.Fprintln(h, append([]any{seed}, words...)...)
	n := h.Sum64()
	n ^= n >> 33
	n *= 0xff51afd7ed558ccd
	return n ^ n>>33
}

// storageRow is what a node's storage list has of a storage.
func (q *call) storageRow(s *storage, node string) map[string]any {
	used, avail := q.usage(s, node)
	return map[string]any{
		"storage": s.Name, "type": s.Type, "content": strings.Join(s.Content, ","), "active": 1, "enabled": 1, "shared": bit(s.Shared),
		"total": s.Total, "used": used, "avail": avail, "used_fraction": float64(used) / float64(s.Total),
	}
}

func (q *call) seesStorage(s *storage) bool {
	return q.mayAny("/storage/"+s.Name, "Datastore.Audit", "Datastore.AllocateSpace") == nil
}

func getNodeStorages(q *call) (any, error) {
	rows := []map[string]any{}
	for _, s := range q.storages {
		wanted := true
		if content := q.p["content"]; content != "" {
			wanted = slices.ContainsFunc(strings.FieldsFunc(content, func(r rune) bool { return r == ',' || r == ' ' }), s.holds)
		}
		if name := q.p["storage"]; wanted && (name == "" || name == s.Name) && q.seesStorage(s) {
			rows = append(rows, q.storageRow(s, q.node.Name))
		}
	}
	return rows, nil
}

// pathStorage finds the storage of the path.
func (q *call) pathStorage() (*storage, error) {
	s := q.storage(q.p["storage"])
	if s == nil {
		return nil, failf("storage '%s' does not exist", q.p["storage"])
	}
	return s, nil
}

func getNodeStorage(q *call) (any, error) {
	if _, err := q.pathStorage(); err != nil {
		return nil, err
	}
	return subdirs("content", "download-url", "oci-registry-pull", "prunebackups", "rrddata", "status"), nil
}

func getStorageStatus(q *call) (any, error) {
	s, err := q.pathStorage()
	if err != nil {
		return nil, err
	}
	row := q.storageRow(s, q.node.Name)
	delete(row, "storage")
	delete(row, "used_fraction")
	return row, nil
}

// configRow is what storage.cfg has of a storage.
func configRow(s *storage) map[string]any {
	row := map[string]any{"storage": s.Name, "type": s.Type, "content": strings.Join(s.Content, ","), "digest": "c5be7d84290de9a73e3c7d415af2c8682e7670a6"}
	switch s.Type {
	case "dir":
		row["path"] = s.Path
	case "nfs":
		row["path"], row["server"], row["export"] = s.Path, "nas.localdomain", "/export/proxmox"
	case "lvmthin":
		row["vgname"], row["thinpool"] = "pve", "data"
	}
	if s.Prune != "" {
		row["prune-backups"] = s.Prune
	}
	if s.Shared {
		row["shared"] = 1
	}
	return row
}

func getStorages(q *call) (any, error) {
	rows := []map[string]any{}
	for _, s := range q.storages {
		if q.seesStorage(s) && (q.p["type"] == "" || q.p["type"] == s.Type) {
			rows = append(rows, configRow(s))
		}
	}
	return rows, nil
}

func getStorage(q *call) (any, error) {
	s, err := q.pathStorage()
	if err != nil {
		return nil, err
	}
	return configRow(s), nil
}

// logDisk writes what making a disk says.
func (t *task) logDisk(s *storage, disk *volume) {
	_, name, _ := strings.Cut(disk.Volid, ":")
	blocks := disk.Size >> 12
	if s.Type == "lvmthin" {
		t.logf("  Logical volume \"%s\" created.", name)
		t.logf("  Logical volume pve/%s changed.", name)
	} else {
		t.logf("Formatting '%s', fmt=raw size=%d preallocation=off", s.file(disk.Volid), disk.Size)
	}
	t.logf("Creating filesystem with %d 4k blocks and %d inodes", blocks, blocks/4)
	t.logf("Filesystem UUID: %s", newUUID())
	t.logf("Superblock backups stored on blocks: ")
	var copies []string
	for _, at := range []int64{32768, 98304, 163840, 229376, 294912, 819200, 884736, 1605632, 2654208, 4096000} {
		if at < blocks {
			copies = append(copies, fmt.Sprint(at))
		}
	}
	t.logf("\t%s", strings.Join(copies, ", "))
}

// file is where a volume of a file-based storage lies.
func (s *storage) file(volid string) string {
	_, name, _ := strings.Cut(volid, ":")
	kind, base, _ := strings.Cut(name, "/")
	switch kind {
	case "vztmpl":
		return path.Join(s.Path, "template/cache", base)
	case "iso":
		return path.Join(s.Path, "template/iso", base)
	case "backup":
		return path.Join(s.Path, "dump", base)
	}
	if s.Path == "" {
		return "/dev/pve/" + name
	}
	return path.Join(s.Path, "images", name)
}

// unpacked is how much space what a template or backup holds takes, in bytes.
func (v *volume) unpacked() int64 {
	if v.Backup != nil {
		return v.Backup.Bytes
	}
	if osOf(v.Volid) == "alpine" {
		return v.Size * 3
	}
	return v.Size * 4
}
