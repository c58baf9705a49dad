package pvesim

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"
)

func (c *Cluster) sortedVolumes() []*volume {
	return slices.SortedFunc(maps.Values(c.volumes), func(a, b *volume) int {
		return cmp.Or(strings.Compare(a.Volid, b.Volid), strings.Compare(a.Node, b.Node))
	})
}

// volumeRow is a volume in a content list.
func volumeRow(v *volume) map[string]any {
	row := map[string]any{"volid": v.Volid, "content": v.Content, "format": v.Format, "size": v.Size, "ctime": v.CTime}
	if v.VMID != 0 {
		row["vmid"] = v.VMID
	}
	if v.Subtype != "" {
		row["subtype"] = v.Subtype
	}
	if v.Notes != "" {
		row["notes"], _, _ = strings.Cut(v.Notes, "\n")
	}
	if v.Protected {
		row["protected"] = 1
	}
	if v.Content == "rootdir" || v.Content == "images" {
		row["used"], row["parent"] = v.Used, nil
	}
	return row
}

// reads says whether the caller may see a volume in a list.
func (q *call) reads(v *volume) bool {
	if q.may("/storage/"+v.Storage, "Datastore.Allocate") == nil {
		return true
	}
	switch v.Content {
	case "backup":
		return q.may("/storage/"+v.Storage, "Datastore.AllocateSpace") == nil && q.may(fmt.Sprintf("/vms/%d", v.VMID), "VM.Backup") == nil
	case "rootdir", "images":
		return q.may("/storage/"+v.Storage, "Datastore.Audit") == nil || q.may(fmt.Sprintf("/vms/%d", v.VMID), "VM.Config.Disk") == nil
	}
	return true
}

func getContent(q *call) (any, error) {
	s, err := q.pathStorage()
	if err != nil {
		return nil, err
	}
	if c := q.p["content"]; c != "" && !s.holds(c) {
		return []any{}, nil
	}
	rows := []map[string]any{}
	for _, v := range q.sortedVolumes() {
		if v.Storage != s.Name || v.Node != "" && v.Node != q.node.Name {
			continue
		}
		if c := q.p["content"]; c != "" && c != v.Content || q.has("vmid") && v.VMID != q.id() {
			continue
		}
		if q.reads(v) {
			rows = append(rows, volumeRow(v))
		}
	}
	return rows, nil
}

// pathVolume finds the volume of the path, written "storage:name" or just "name".
func (q *call) pathVolume() (*storage, *volume, error) {
	s, err := q.pathStorage()
	if err != nil {
		return nil, nil, err
	}
	volid := q.p["volume"]
	if !strings.Contains(volid, ":") {
		volid = s.Name + ":" + volid
	}
	if name, _, _ := strings.Cut(volid, ":"); name != s.Name {
		return nil, nil, paramErr("volume", "storage ID mismatch")
	}
	q.p["volume"] = volid
	return s, q.volume(q.node.Name, volid), nil
}

func getVolume(q *call) (any, error) {
	s, v, err := q.pathVolume()
	if err != nil {
		return nil, err
	}
	if v == nil || !q.reads(v) {
		return nil, failf("volume_size_info on '%s' failed - no such volume", q.p["volume"])
	}
	row := map[string]any{"path": s.file(v.Volid), "size": v.Size, "used": v.Used, "format": "raw", "protected": bit(v.Protected)}
	if v.Notes != "" {
		row["notes"] = v.Notes
	}
	return row, nil
}

// mayManage checks the right to change or remove a volume.
func (q *call) mayManage(v *volume) error {
	if v.Content == "backup" && q.may("/storage/"+v.Storage, "Datastore.AllocateSpace") == nil && q.may(fmt.Sprintf("/vms/%d", v.VMID), "VM.Backup") == nil {
		return nil
	}
	return q.may("/storage/"+v.Storage, "Datastore.Allocate")
}

func putVolume(q *call) (any, error) {
	_, v, err := q.pathVolume()
	if err != nil {
		return nil, err
	}
	if v == nil {
		return nil, failf("unable to update attributes of '%s' - no such volume", q.p["volume"])
	}
	if err := q.mayManage(v); err != nil {
		return nil, err
	}
	if (q.has("notes") || q.has("protected")) && v.Content != "backup" {
		return nil, failf("attribute 'notes' is not supported for volume '%s'", v.Volid)
	}
	if q.has("notes") {
		v.Notes = q.p["notes"]
	}
	if q.has("protected") {
		v.Protected = q.flag("protected")
	}
	return nil, nil
}

func deleteVolume(q *call) (any, error) {
	s, v, err := q.pathVolume()
	if err != nil {
		return nil, err
	}
	volid, id := q.p["volume"], s.Name
	if v != nil {
		if err := q.mayManage(v); err != nil {
			return nil, err
		}
		if v.VMID != 0 {
			id = fmt.Sprintf("%d@%s", v.VMID, s.Name)
		}
		if g := q.guests[v.VMID]; g != nil && v.Content == "rootdir" && strings.Contains(g.text(), volid) {
			return nil, failf("Cannot remove image, a guest with VMID '%d' exists!\nYou can delete the image from the guest's hardware pane", v.VMID)
		}
	}
	return q.spawn("imgdel", id, func(t *task) error {
		if err := t.sleep(100 * time.Millisecond); err != nil {
			return err
		}
		_, name, _ := strings.Cut(volid, ":")
		err := t.lockedErr(func() error {
			v := t.c.volume(t.Node, volid)
			switch {
			case v == nil:
				return fmt.Errorf("volume '%s' does not exist", volid)
			case v.Protected:
				return fmt.Errorf("cannot remove protected volume '%s' on '%s'", name, s.Name)
			}
			t.c.removeVolume(v)
			return nil
		})
		if err == nil {
			t.logf("Removed volume '%s'", volid)
		}
		return err
	}), nil
}

// templateFormat is the "format" of a template file.
func templateFormat(file string) string {
	for suffix, format := range map[string]string{".tar.gz": "tgz", ".tar.xz": "txz", ".tar.zst": "tzst", ".tar.bz2": "tbz2", ".tar": "tar", ".iso": "iso"} {
		if strings.HasSuffix(file, suffix) {
			return format
		}
	}
	return strings.TrimPrefix(path.Ext(file), ".")
}
