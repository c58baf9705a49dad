package pvesim

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"proximity/pvesim/schema"
)

// marks says of each backup of one guest whether a retention keeps it: "keep", "remove" or "protected". Newest first.
// Proxmox: PVE/Storage.pm prune_mark_backup_group.
func marks(backups []*volume, keep map[string]string) map[*volume]string {
	slices.SortFunc(backups, func(a, b *volume) int { return cmp.Compare(b.CTime, a.CTime) })
	out := map[*volume]string{}
	var open []*volume
	for _, v := range backups {
		if v.Protected {
			out[v] = "protected"
		} else {
			open = append(open, v)
		}
	}
	positive := slices.ContainsFunc(slices.Collect(maps.Keys(keep)), func(k string) bool { n, _ := strconv.Atoi(keep[k]); return k != "keep-all" && n > 0 })
	if keep["keep-all"] == "1" || !positive {
		for _, v := range open {
			out[v] = "keep"
		}
		return out
	}
	for _, p := range []struct{ name, layout string }{
		{"keep-last", ""}, {"keep-hourly", "2006-01-02 15"}, {"keep-daily", "2006-01-02"}, {"keep-weekly", "week"}, {"keep-monthly", "2006-01"}, {"keep-yearly", "2006"},
	} {
		n, _ := strconv.Atoi(keep[p.name])
		if n > 0 {
			markPeriod(open, out, n, p.layout)
		}
	}
	for _, v := range open {
		if out[v] == "" {
			out[v] = "remove"
		}
	}
	return out
}

// markPeriod keeps the newest backup of each of the latest n periods that have none yet.
func markPeriod(open []*volume, out map[*volume]string, n int, layout string) {
	period := func(v *volume) string {
		at := time.Unix(v.CTime, 0).UTC()
		switch layout {
		case "":
			return fmt.Sprint(v.CTime)
		case "week":
			year, week := at.ISOWeek()
			return fmt.Sprint(year, "/", week)
		}
		return at.Format(layout)
	}
	already, fresh := map[string]bool{}, map[string]bool{}
	for _, v := range open {
		if out[v] == "keep" {
			already[period(v)] = true
		}
	}
	for _, v := range open {
		id := period(v)
		switch {
		case out[v] != "" || already[id]:
		case fresh[id]:
			out[v] = "remove"
		case len(fresh) >= n:
			return
		default:
			fresh[id] = true
			out[v] = "keep"
		}
	}
}

// backupsOf groups a storage's backups, as a node sees it, by guest.
func (c *Cluster) backupsOf(s *storage, node string, vmid int) map[int][]*volume {
	out := map[int][]*volume{}
	for _, v := range c.volumes {
		if v.Storage == s.Name && v.Content == "backup" && (v.Node == "" || v.Node == node) && (vmid == 0 || v.VMID == vmid) {
			out[v.VMID] = append(out[v.VMID], v)
		}
	}
	return out
}

// prune applies a job's retention to one guest.
func (t *task) prune(d *dump, g *guest) {
	t.locked(func() {
		n := 0
		for v, mark := range marks(t.c.backupsOf(d.storage, t.Node, g.VMID)[g.VMID], d.prune) {
			if mark == "remove" {
				t.c.removeVolume(v)
				n++
			}
		}
		t.Log = append(t.Log, "INFO: prune older backups with retention: "+retention(d.prune), fmt.Sprintf("INFO: pruned %d backup(s)", n))
	})
}

func retention(keep map[string]string) string {
	s := ""
	for _, k := range sortedKeys(keep) {
		if s != "" {
			s += ", "
		}
		s += k + "=" + keep[k]
	}
	return s
}

func (q *call) retentionOf(s *storage) map[string]string {
	keep, _ := schema.ParsePrune(cmp.Or(q.p["prune-backups"], s.Prune))
	return keep
}

func getPrune(q *call) (any, error) {
	s, err := q.pathStorage()
	if err != nil {
		return nil, err
	}
	rows := []map[string]any{}
	groups := q.backupsOf(s, q.node.Name, q.id())
	for _, v := range q.sortedVolumes() {
		if _, ours := groups[v.VMID]; !ours || v.Content != "backup" || v.Storage != s.Name {
			continue
		}
		mark := marks(groups[v.VMID], q.retentionOf(s))[v]
		rows = append(rows, map[string]any{"volid": v.Volid, "ctime": v.CTime, "mark": mark, "type": v.Subtype, "vmid": v.VMID})
	}
	return rows, nil
}

func deletePruned(q *call) (any, error) {
	s, err := q.pathStorage()
	if err != nil {
		return nil, err
	}
	if q.has("vmid") {
		if err := q.may("/storage/"+s.Name, "Datastore.AllocateSpace"); err != nil {
			return nil, err
		}
		if err := q.may(fmt.Sprintf("/vms/%d", q.id()), "VM.Backup"); err != nil {
			return nil, err
		}
	} else if err := q.may("/storage/"+s.Name, "Datastore.Allocate"); err != nil {
		return nil, err
	}
	keep, vmid := q.retentionOf(s), q.id()
	return q.spawn("prunebackups", s.Name, func(t *task) error {
		if err := t.sleep(100 * time.Millisecond); err != nil {
			return err
		}
		t.locked(func() {
			for _, backups := range t.c.backupsOf(s, t.Node, vmid) {
				marked := marks(backups, keep)
				for _, v := range backups {
					t.Log = append(t.Log, fmt.Sprintf("%-9s %s", marked[v], v.Volid))
					if marked[v] == "remove" {
						t.c.removeVolume(v)
					}
				}
			}
		})
		return nil
	}), nil
}
