package core

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"proximity/core/pve"
	"proximity/jobs"
	"proximity/store"
)

// dumping is what a job remembers of a backup it makes. A workflow that wants
// one embeds it in its data and calls backUp in a step of its own (with
// dumpSlot and dumpTimeout) and unBackUp in that step's Undo.
type dumping struct {
	Backup uint64    // the record; 0 = none yet
	Node   string    // vzdump was sent to it
	SentAt time.Time // vzdump was about to be sent; zero = not yet
	Task   pve.UPID
	VolID  string // as vzdump has named it
	Still  bool   // the app is held still, or about to be
}

// dumpTimeout bounds the making and the restoring of an archive: terabytes take
// hours, and others may have the node's one vzdump for as long.
const dumpTimeout = 24 * time.Hour

// dumpSlot is the place an app's backup needs: Proxmox runs one vzdump a node.
func (c *Core) dumpSlot(appID string) (name string, places int) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	a := c.appCache[appID]
	return "vzdump/" + a.Host + "/" + a.Node, 1
}

// backUp makes a backup of the app, whole and once, however often it is asked
// to. Without a record yet, the order makes one.
func (d *work[D]) backUp(ctx context.Context, m *dumping, o backupOrder) error {
	if m.Backup == 0 {
		o.Job = d.Job().ID
		err := d.Save(func(tx *store.Tx) error {
			b, err := d.c.newBackup(tx, d.app, o)
			m.Backup = b.ID
			return err
		})
		if err != nil {
			return err
		}
	}
	b, err := d.c.backupRecord(m.Backup)
	if err != nil {
		return err
	}
	if b.Status != BackupCompleted {
		if err := d.dump(ctx, m, b); err != nil {
			if ctx.Err() == nil && classify(err).Kind != jobs.Wait { // it may be a while until the next try, or there is none
				err = errors.Join(err, d.thaw(ctx, m, b))
			}
			return err
		}
	}
	return d.thaw(ctx, m, b)
}

// dump has vzdump make the archive, and records it.
func (d *work[D]) dump(ctx context.Context, m *dumping, b backup) error {
	if m.Task == "" && !m.SentAt.IsZero() {
		if err := d.findDump(ctx, m); err != nil {
			return err
		}
	}
	if m.Task == "" {
		gone, err := d.check(ctx)
		if err != nil {
			return err
		}
		if gone {
			return d.lost()
		}
		if b.Storage, err = d.dumpStorage(ctx, b); err != nil {
			return err
		}
		if err := d.othersDone(ctx); err != nil {
			return err
		}
		if err := d.freeze(ctx, m, b); err != nil {
			return err
		}
		if err := d.sendDump(ctx, m, b); err != nil {
			return err
		}
	}
	// Once the archive is being written the snapshot is taken: the app need not
	// wait for the rest. In stop mode it is down until the end.
	err := d.waitFor(ctx, &m.Task, "back up", func(line string) bool {
		if volid, ok := pve.ArchiveIn(line, b.Storage); ok {
			m.VolID = volid
		}
		return m.VolID != "" && m.Still && b.Mode != "stop"
	})
	if err == nil && m.Still && b.Mode != "stop" {
		if e := d.thaw(ctx, m, b); e != nil && ctx.Err() == nil {
			d.Logf(jobs.Warning, "%v", e) // tried again when the archive is done
		}
		err = d.wait(ctx, &m.Task, "back up")
	}
	if err != nil {
		return staleLock(err, d.app.VMID)
	}
	return d.recordArchive(ctx, m, b)
}

// staleLock adds what to do about a lock that no task will ever lift.
func staleLock(err error, vmid int) error {
	if !errors.Is(err, pve.ErrLocked) {
		return err
	}
	return &Error{Kind: ErrConflict, Text: err.Error(), Hint: fmt.Sprintf("if no task of CT %d runs on its node, `pct unlock %d` there lifts the lock", vmid, vmid), Err: err}
}

// backupStorages are the storages that take backups on a node, as its host last
// said.
func backupStorages(s *pve.Snapshot, node string) []pve.Storage {
	var found []pve.Storage
	for _, st := range s.Storages {
		if st.Node == node && st.Status == "available" && slices.Contains(st.Content, "backup") {
			found = append(found, st)
		}
	}
	return found
}

func storageNames(all []pve.Storage) string {
	names := make([]string, 0, len(all))
	for _, st := range all {
		names = append(names, st.Name)
	}
	return SafeText(strings.Join(names, ", "), 200)
}

// dumpStorage is the storage the archive goes to, chosen once.
func (d *work[D]) dumpStorage(ctx context.Context, b backup) (string, error) {
	storages, err := d.host.client.Storages(ctx, d.app.Node)
	if err != nil {
		return "", err
	}
	storages = slices.DeleteFunc(storages, func(s pve.NodeStorage) bool { return !s.Active || !s.Enabled || !s.Holds("backup") })
	slices.SortStableFunc(storages, func(x, y pve.NodeStorage) int { // what outlives the node comes first
		if x.Shared != y.Shared {
			if x.Shared {
				return -1
			}
			return 1
		}
		return int((y.Avail - x.Avail) >> 20)
	})
	var names []string
	for _, s := range storages {
		names = append(names, s.Name)
		if b.Storage != "" && s.Name != b.Storage {
			continue
		}
		return s.Name, d.Save(func(tx *store.Tx) error {
			return d.c.changeBackup(tx, b.ID, func(r *backup) error {
				r.Storage, r.Shared, r.Node = s.Name, s.Shared, d.app.Node
				return nil
			})
		})
	}
	if b.Storage != "" && len(names) > 0 {
		return "", invalid("storage", "those that do: "+strings.Join(names, ", "), "storage %s does not take backups on %s", SafeText(b.Storage, 64), d.app.Node)
	}
	return "", &Error{Kind: ErrUnavailable, Field: "storage", Text: "no storage of " + d.app.Node + " takes backups", Hint: "enable the content type backup on one"}
}

// othersDone waits while somebody else's vzdump runs on the node: Proxmox would
// let ours wait with the app held still.
func (d *work[D]) othersDone(ctx context.Context) error {
	for told := false; ; told = true {
		tasks, err := d.host.client.Tasks(ctx, d.app.Node, pve.TaskFilter{Type: "vzdump", Source: "active"})
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(tasks, func(t pve.Task) bool { return t.Running }) {
			return nil
		}
		if !told {
			d.Logf(jobs.Info, "another backup runs on %s: waiting for its end", d.app.Node)
			d.Progress(0, "waiting for another backup on "+d.app.Node)
		}
		if err := pause(ctx, d.c.cfg.Pace.TaskPoll); err != nil {
			return err
		}
	}
}

// dumpMark is in the notes of every backup we make, and so in its task's log:
// it tells ours from others'.
func (c *Core) dumpMark(id uint64) string {
	return fmt.Sprintf("proximity-backup: %d of %s", id, c.installation)
}

// dumpNotes are the notes Proxmox keeps beside an archive: a line for people,
// their own note, and the mark.
func (c *Core) dumpNotes(b backup) string {
	lines := []string{SafeText(b.Hostname+", "+b.Why+", by "+b.By, 120)}
	if b.Note != "" {
		lines = append([]string{b.Note}, lines...)
	}
	return strings.Join(append(lines, c.dumpMark(b.ID)), "\n")
}

// sendDump records the intent, sends vzdump once, and records its UPID.
func (d *work[D]) sendDump(ctx context.Context, m *dumping, b backup) error {
	m.SentAt, m.Node, m.VolID = d.c.now(), d.app.Node, ""
	if err := d.Save(); err != nil {
		return err
	}
	upid, err := d.host.client.Backup(ctx, d.app.Node, d.app.VMID, pve.BackupOptions{Storage: b.Storage, Mode: b.Mode, Compress: b.Compress, Notes: d.c.dumpNotes(b)})
	if err != nil {
		return fmt.Errorf("back CT %d up: %w", d.app.VMID, err)
	}
	m.Task = upid
	return d.Save()
}

// dumpsLooked is how many of a guest's latest vzdump tasks are looked through
// for ours.
const dumpsLooked = 20

// findDump finds the vzdump whose UPID never reached us, because we died or the
// connection was cut, by our mark in its log. One that failed is left aside.
func (d *work[D]) findDump(ctx context.Context, m *dumping) error {
	tasks, err := d.host.client.Tasks(ctx, m.Node, pve.TaskFilter{VMID: d.app.VMID, Type: "vzdump", Limit: dumpsLooked})
	if err != nil {
		return err
	}
	for _, t := range tasks[:min(len(tasks), dumpsLooked)] {
		if !t.Running && !(pve.TaskStatus{Exit: t.Exit}).OK() {
			continue
		}
		lines, _, err := d.host.client.TaskLog(ctx, t.UPID, 0)
		if err != nil {
			return err
		}
		if strings.Contains(strings.Join(lines, "\n"), d.c.dumpMark(m.Backup)) {
			m.Task = t.UPID
			d.Log(jobs.Info, "found the backup that was already under way")
			return d.Save()
		}
	}
	return nil
}

// recordArchive looks the archive up on its storage and completes the record.
func (d *work[D]) recordArchive(ctx context.Context, m *dumping, b backup) error {
	v, err := d.archive(ctx, m, b)
	if err != nil {
		return err
	}
	if v == nil {
		return &Error{Kind: ErrFailed, Text: fmt.Sprintf("vzdump says it is done, but storage %s does not list %s", b.Storage, m.VolID),
			Hint: "the credentials need VM.Backup on /vms and Datastore.AllocateSpace on the storage to see backups"}
	}
	d.Logf(jobs.Info, "%s, %d MB", v.VolID, v.Size>>20)
	return d.Save(func(tx *store.Tx) error {
		return d.c.changeBackup(tx, b.ID, func(r *backup) error {
			r.VolID, r.Size, r.Status, r.CompletedAt = v.VolID, v.Size, BackupCompleted, d.c.now()
			if r.TakenAt = v.Created; r.TakenAt.IsZero() {
				r.TakenAt = m.SentAt
			}
			return nil
		})
	})
}

// archive is the volume vzdump has made, nil when there is none.
func (d *work[D]) archive(ctx context.Context, m *dumping, b backup) (*pve.Volume, error) {
	if b.Storage == "" || m.VolID == "" {
		return nil, nil
	}
	volumes, err := d.host.client.Content(ctx, m.Node, b.Storage, "backup", d.app.VMID)
	if err != nil {
		return nil, err
	}
	for i := range volumes {
		if volumes[i].VolID == m.VolID {
			return &volumes[i], nil
		}
	}
	return nil, nil
}
