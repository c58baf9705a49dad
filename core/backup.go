package core

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"proximity/store"
)

// BackupStatus is the state of a backup.
type BackupStatus string

// The states of a backup: creating → completed or failed; completed →
// restoring → completed; completed or failed → deleting → gone.
const (
	BackupCreating  BackupStatus = "creating"
	BackupCompleted BackupStatus = "completed"
	BackupFailed    BackupStatus = "failed"
	BackupRestoring BackupStatus = "restoring"
	BackupDeleting  BackupStatus = "deleting"
)

// backup is one archive on a storage, or the wish for one, as the store keeps
// it. It outlives its app.
type backup struct {
	ID       uint64
	App      string // id; "" = the archive is of no app of ours
	Hostname string // when it was made
	Owner    string // who may see it: the app's owner; "" = whoever sees everything
	Status   BackupStatus
	Error    string // why it failed
	Why      string // "by hand", "schedule nightly", "before a restore", …
	By       string // who wanted it
	Schedule uint64 // that made it; 0 = none
	Found    bool   // we did not make it: it was on the storage

	Host, Node string
	Shared     bool // the storage is: any node reads it
	VMID       int
	Storage    string // "" until chosen
	VolID      string // "" until vzdump has named it
	Mode       string // snapshot, suspend, stop
	Compress   string // zstd, gzip, lzo
	Note       string
	Pinned     bool // nothing but an unpin lets it go
	Size       int64

	CreatedAt, UpdatedAt time.Time
	TakenAt              time.Time // what it holds is from then
	CompletedAt          time.Time
	Missing              time.Time // since when its storage does not list it; zero = it does
	Job                  uint64    // the last job on it

	// As is the app as it was: with it, a backup can become an app again after
	// its own is gone. Its secrets are sealed. Not in the copy in memory.
	As *app
}

const (
	indexApp  = "app"
	indexFile = "file"
)

func newBackupTable() *store.Table[backup] {
	return store.NewTable("backups", func(b backup) string { return store.Key(b.ID) },
		store.By(indexApp, func(b backup) []string {
			if b.App == "" {
				return nil
			}
			return []string{b.App}
		}),
		store.Unique(indexFile, backup.place))
}

// place names the archive among all hosts: a storage of one node has the same
// names as its neighbour's.
func (b backup) place() string {
	if b.VolID == "" {
		return ""
	}
	node := b.Node
	if b.Shared {
		node = ""
	}
	return b.Host + "/" + node + "/" + b.VolID
}

// good says that an app could be restored from it.
func (b backup) good() bool {
	return (b.Status == BackupCompleted || b.Status == BackupRestoring) && b.Missing.IsZero()
}

// underWay says that a job works on it.
func (b backup) underWay() bool {
	return b.Status == BackupCreating || b.Status == BackupRestoring || b.Status == BackupDeleting
}

// BackupView is a backup as the faces show it.
type BackupView struct {
	ID       uint64       `json:"id"`
	AppID    string       `json:"app_id,omitempty"` // "" = of no app of Proximity
	App      string       `json:"app"`              // hostname when it was made
	Owner    string       `json:"owner,omitempty"`
	Status   BackupStatus `json:"status"`
	Error    string       `json:"error,omitempty"`
	Why      string       `json:"why"` // "by hand", "schedule nightly", "before a restore", "found on the storage"
	By       string       `json:"by,omitempty"`
	Found    bool         `json:"found,omitempty"`    // Proximity did not make it
	Orphaned bool         `json:"orphaned,omitempty"` // its app is gone
	Host     string       `json:"host"`
	Node     string       `json:"node"`
	VMID     int          `json:"vmid"`
	Storage  string       `json:"storage,omitempty"`
	Shared   bool         `json:"shared,omitempty"` // any node reads the storage
	VolID    string       `json:"volid,omitempty"`
	File     string       `json:"file_name,omitempty"`
	Mode     string       `json:"mode,omitempty"`
	Compress string       `json:"compress,omitempty"`
	Note     string       `json:"note,omitempty"`
	Pinned   bool         `json:"pinned,omitempty"`
	Size     int64        `json:"size"` // bytes

	CreatedAt   time.Time `json:"created_at"`
	UpdatedAt   time.Time `json:"updated_at"`
	TakenAt     time.Time `json:"taken_at,omitzero"`
	CompletedAt time.Time `json:"completed_at,omitzero"`
	Missing     time.Time `json:"missing_since,omitzero"` // its storage does not list it
	JobID       uint64    `json:"job_id,omitempty"`       // the last job on it

	Kept string `json:"kept,omitempty"` // in lists: why it is kept, "daily 2 of 7"; "" = it goes at the next prune
}

// backupView shows a backup; all its texts are safe to print.
func (c *Core) backupView(b backup) BackupView {
	c.mu.RLock()
	a, here := c.appCache[b.App]
	c.mu.RUnlock()
	name := b.Hostname
	if here {
		name = a.Hostname
	}
	v := BackupView{ID: b.ID, AppID: b.App, App: SafeText(name, 64), Owner: b.Owner, Status: b.Status, Error: SafeText(b.Error, 400), Why: SafeText(b.Why, 80), By: b.By,
		Found: b.Found, Orphaned: b.App != "" && !here, Host: b.Host, Node: SafeText(b.Node, 64), VMID: b.VMID, Storage: SafeText(b.Storage, 64), Shared: b.Shared,
		VolID: SafeText(b.VolID, 200), Mode: b.Mode, Compress: b.Compress, Note: SafeText(b.Note, 300), Pinned: b.Pinned, Size: b.Size,
		CreatedAt: b.CreatedAt, UpdatedAt: b.UpdatedAt, TakenAt: b.TakenAt, CompletedAt: b.CompletedAt, Missing: b.Missing, JobID: b.Job}
	if v.VolID != "" {
		v.File = path.Base(v.VolID)
	}
	return v
}

// putBackup writes a backup and, once committed, its copy in memory.
func (c *Core) putBackup(tx *store.Tx, b backup) error {
	b.UpdatedAt = c.now()
	if err := c.backups.Put(tx, b); err != nil {
		return err
	}
	tx.OnCommit(func() { c.shelf.put(b); c.changed() })
	return nil
}

// changeBackup reads, changes and writes one backup in a transaction.
func (c *Core) changeBackup(tx *store.Tx, id uint64, change func(*backup) error) error {
	b, err := c.backups.Get(tx, store.Key(id))
	if err != nil {
		return fmt.Errorf("backup %d: %w", id, err)
	}
	if err := change(&b); err != nil {
		return err
	}
	return c.putBackup(tx, b)
}

// dropBackup removes a backup's record.
func (c *Core) dropBackup(tx *store.Tx, id uint64) error {
	if err := c.backups.Delete(tx, store.Key(id)); err != nil {
		return err
	}
	tx.OnCommit(func() { c.shelf.drop(id); c.changed() })
	return nil
}

// backupRecord reads a backup whole.
func (c *Core) backupRecord(id uint64) (b backup, err error) {
	err = c.store.View(func(tx *store.Tx) error {
		b, err = c.backups.Get(tx, store.Key(id))
		return err
	})
	return b, err
}

// backupSeen is backupRecord for an actor: to others it does not exist.
func (c *Core) backupSeen(a Actor, id uint64) (backup, error) {
	b, err := c.backupRecord(id)
	if errors.Is(err, store.ErrNotFound) || err == nil && !a.sees(b.Owner) {
		return backup{}, notFound("`backups` lists them", "there is no backup %d", id)
	}
	return b, err
}

// Backups lists the visible backups, newest first, of one app or ("") of all.
func (c *Core) Backups(_ context.Context, a Actor, name string) ([]BackupView, error) {
	var list []backup
	if name != "" {
		id, err := c.appOrPast(a, name)
		if err != nil {
			return nil, err
		}
		list = c.shelf.of(id)
	} else {
		list = c.shelf.list()
	}
	kept := c.whyKept(list)
	views := make([]BackupView, 0, len(list))
	for _, b := range list {
		if a.sees(b.Owner) {
			v := c.backupView(b)
			v.Kept = kept[b.ID]
			views = append(views, v)
		}
	}
	return views, nil
}

// whyKept says why each backup of a list is kept; of those that are not in it
// one goes at the next prune. What is of no app of now is kept until somebody
// decides.
func (c *Core) whyKept(list []backup) map[uint64]string {
	kept := map[uint64]string{}
	done := map[string]bool{"": true}
	for _, b := range list {
		c.mu.RLock()
		rec, here := c.appCache[b.App]
		c.mu.RUnlock()
		if !here {
			kept[b.ID] = "until deleted"
		}
		if !here || done[b.App] {
			continue
		}
		done[b.App] = true
		for _, f := range fates(c.shelf.of(b.App), c.schedulesOf(rec, schedule{})) {
			if f.keep {
				kept[f.backup.ID] = f.why
			}
		}
	}
	return kept
}

// appOrPast is the id of a visible app, or of one that is gone and has left
// backups.
func (c *Core) appOrPast(a Actor, name string) (string, error) {
	rec, err := c.appNamed(a, name)
	if err == nil {
		return rec.ID, nil
	}
	for _, b := range c.shelf.list() {
		if b.App != "" && (b.App == name || b.Hostname == name) && a.sees(b.Owner) {
			return b.App, nil
		}
	}
	return "", err
}

// Backup is one visible backup.
func (c *Core) Backup(_ context.Context, a Actor, id uint64) (BackupView, error) {
	b, err := c.backupSeen(a, id)
	if err != nil {
		return BackupView{}, err
	}
	return c.backupView(b), nil
}

// BackupStats are sums over an app's backups.
type BackupStats struct {
	Total      int     `json:"total_backups"`
	Completed  int     `json:"completed_backups"`
	Failed     int     `json:"failed_backups"`
	InProgress int     `json:"in_progress_backups"`
	TotalGB    float64 `json:"total_size_gb"`   // of the completed ones, 2 decimals
	AverageMB  float64 `json:"average_size_mb"` // likewise
	TotalSize  int64   `json:"total_size"`      // bytes
}

// BackupStats sums an app's backups up, or ("") all visible ones.
func (c *Core) BackupStats(ctx context.Context, a Actor, name string) (BackupStats, error) {
	list, err := c.Backups(ctx, a, name)
	if err != nil {
		return BackupStats{}, err
	}
	s := BackupStats{Total: len(list)}
	for _, b := range list {
		switch b.Status {
		case BackupCompleted:
			s.Completed++
			s.TotalSize += b.Size
		case BackupFailed:
			s.Failed++
		default:
			s.InProgress++
		}
	}
	hundredths := func(f float64) float64 { return math.Round(f*100) / 100 }
	s.TotalGB = hundredths(float64(s.TotalSize) / (1 << 30))
	if s.Completed > 0 {
		s.AverageMB = hundredths(float64(s.TotalSize) / float64(s.Completed) / (1 << 20))
	}
	return s, nil
}

// BackupRequest asks for a backup. Empty values mean the defaults: snapshot,
// zstd, and a shared storage before a node's own, the one with the most room.
type BackupRequest struct {
	Mode     string `json:"mode,omitempty"`     // snapshot, suspend, stop
	Compress string `json:"compress,omitempty"` // zstd, gzip, lzo
	Storage  string `json:"storage,omitempty"`
	Note     string `json:"note,omitempty"`
}

// BackupModes are the ways vzdump has with a container that runs, the default
// first.
func BackupModes() []string { return []string{"snapshot", "suspend", "stop"} }

// BackupCompressions are those vzdump knows of, the default first.
func BackupCompressions() []string { return []string{"zstd", "gzip", "lzo"} }

func (r *BackupRequest) check() error {
	r.Mode, r.Compress = cmp.Or(r.Mode, BackupModes()[0]), cmp.Or(r.Compress, BackupCompressions()[0])
	one := func(field, v string, of []string) error {
		if slices.Contains(of, v) {
			return nil
		}
		return invalid(field, "one of "+strings.Join(of, ", "), "there is no %s %q", field, SafeText(v, 20))
	}
	if err := one("mode", r.Mode, BackupModes()); err != nil {
		return err
	}
	if err := one("compress", r.Compress, BackupCompressions()); err != nil {
		return err
	}
	return checkNote(r.Note)
}

// maxNote bounds a note, in bytes. Proxmox: a notes-template has at most 1024
// characters, of which ours needs some.
const maxNote = 500

func checkNote(note string) error {
	if len(note) > maxNote {
		return invalid("note", "at most "+strconv.Itoa(maxNote)+" letters", "the note is too long")
	}
	return nil
}

// backupOrder is a backup that somebody, or something, wants.
type backupOrder struct {
	BackupRequest
	Why      string
	By       string
	Schedule uint64
	Job      uint64 // that makes it
}

// newBackup writes the record of a backup that is about to be made.
func (c *Core) newBackup(tx *store.Tx, rec app, o backupOrder) (backup, error) {
	if err := o.check(); err != nil {
		return backup{}, err
	}
	id, err := c.backups.Next(tx)
	if err != nil {
		return backup{}, err
	}
	b := backup{ID: id, App: rec.ID, Hostname: rec.Hostname, Owner: rec.Owner, Status: BackupCreating, Why: o.Why, By: o.By, Schedule: o.Schedule,
		Host: rec.Host, Node: rec.Node, VMID: rec.VMID, Storage: o.Storage, Mode: o.Mode, Compress: o.Compress, Note: o.Note, CreatedAt: c.now(), Job: o.Job, As: &rec}
	return b, c.putBackup(tx, b)
}
