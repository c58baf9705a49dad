package core

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"proximity/core/pve"
	"proximity/jobs"
	"proximity/store"
)

// scanning is what a job that looks through the storages remembers.
type scanning struct {
	Found, Missing int
}

// scanWorkflow compares our records with what the storages really hold: it
// records archives we did not make, and marks those that are gone. Nothing is
// ever removed, and a host or storage that does not answer is not judged.
func (c *Core) scanWorkflow() jobs.Workflow[scanning] {
	step := jobs.Step[scanning]{Name: "scan", Title: "look through the storages", Timeout: 30 * time.Minute, Do: func(ctx context.Context, r *jobs.Run[scanning]) error {
		scan := &archiveScan{Run: r, c: c, budget: scanBudget}
		return scan.run(ctx)
	}}
	return jobs.Workflow[scanning]{Kind: "backup-scan", Keep: keptRuns, Retries: 1, Backoff: c.evenly, Steps: []jobs.Step[scanning]{step}}
}

// scanEvery is how often the storages are looked through.
const scanEvery = "@every 1h"

// scanBudget is how many archives one scan opens to see whose they are: that
// takes a node seconds each. The others wait for the next scan.
const scanBudget = 50

// scanSchedule has the storages looked through now and then.
func (c *Core) scanSchedule() jobs.Schedule {
	return jobs.Schedule{ID: "backup-scan", Cron: scanEvery, Enqueue: func(tx *store.Tx, _ time.Time) error {
		_, err := c.house(tx, housekeeper(), "backup-scan", houseSubject+"backup-scan", "look for archives", scanning{})
		return err
	}}
}

// ScanBackups starts a job that looks through the storages for archives.
func (c *Core) ScanBackups(_ context.Context, a Actor) (JobView, error) {
	return c.housekeep(a, "backup-scan", houseSubject+"backup-scan", "look for archives", scanning{})
}

// archiveScan is a scan at work.
type archiveScan struct {
	*jobs.Run[scanning]
	c      *Core
	budget int
}

func (s *archiveScan) run(ctx context.Context) error {
	if err := s.settleRecords(); err != nil {
		return err
	}
	for _, l := range s.c.liveHosts() {
		snap := l.poller.Snapshot()
		if snap.Err != nil || snap.At.IsZero() {
			s.Logf(jobs.Warning, "host %s does not answer: its archives are not looked at", l.rec.Name)
			continue
		}
		seen := map[string]bool{} // shared storages that have answered
		for _, st := range snap.Storages {
			n, ok := snap.Node(st.Node)
			if !slices.Contains(st.Content, "backup") || st.Shared && seen[st.Name] {
				continue
			}
			if !ok || !n.Online || st.Status != "available" {
				s.Logf(jobs.Warning, "storage %s of %s does not answer: not looked at", SafeText(st.Name, 64), st.Node)
				continue
			}
			err := s.storage(ctx, l, st)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil {
				s.Logf(jobs.Warning, "storage %s of %s: %v", SafeText(st.Name, 64), st.Node, err)
				continue
			}
			seen[st.Name] = true
		}
	}
	s.Logf(jobs.Info, "%d archives found, %d missing", s.Data.Found, s.Data.Missing)
	return nil
}

// storage compares one storage with the records.
func (s *archiveScan) storage(ctx context.Context, l *liveHost, st pve.Storage) error {
	began := s.c.now()
	volumes, err := l.client.Content(ctx, st.Node, st.Name, "backup", 0)
	if err != nil {
		return err
	}
	there := map[string]pve.Volume{}
	for _, v := range volumes {
		if v.Subtype != "qemu" && !strings.Contains(v.VolID, "vzdump-qemu-") {
			there[v.VolID] = v
		}
	}
	known, err := s.compare(l, st, there, began)
	if err != nil {
		return err
	}
	for _, v := range volumes {
		if _, ours := there[v.VolID]; !ours || known[v.VolID] {
			continue
		}
		if err := s.add(ctx, l, st, v); err != nil {
			return err
		}
	}
	return nil
}

// compare brings the records of a storage in line with what is there, and tells
// which archives they know. What was made while the storage was asked is not
// judged.
func (s *archiveScan) compare(l *liveHost, st pve.Storage, there map[string]pve.Volume, began time.Time) (known map[string]bool, err error) {
	known = map[string]bool{}
	for _, b := range s.c.shelf.list() {
		if b.Host != l.rec.Name || b.Storage != st.Name || !st.Shared && b.Node != st.Node || b.VolID == "" {
			continue
		}
		known[b.VolID] = true
		v, listed := there[b.VolID]
		if b.Status != BackupCompleted || b.CompletedAt.After(began) || listed && b.Missing.IsZero() && b.Size == v.Size && b.Pinned == v.Protected || !listed && !b.Missing.IsZero() {
			continue
		}
		if !listed {
			s.Data.Missing++
			s.Logf(jobs.Warning, "backup %d of %s is not on storage %s any more", b.ID, b.Hostname, st.Name)
		}
		err := s.Save(func(tx *store.Tx) error {
			return s.c.changeBackup(tx, b.ID, func(r *backup) error {
				if listed {
					r.Missing, r.Size, r.Pinned = time.Time{}, v.Size, v.Protected
				} else {
					r.Missing = s.c.now()
				}
				return nil
			})
		})
		if err := ignore(err, store.ErrNotFound); err != nil { // deleted meanwhile
			return nil, err
		}
	}
	return known, nil
}

// add records an archive nobody told us of.
func (s *archiveScan) add(ctx context.Context, l *liveHost, st pve.Storage, v pve.Volume) error {
	b := backup{Hostname: fmt.Sprintf("CT %d", v.VMID), Status: BackupCompleted, Why: "found on the storage", Found: true, Host: l.rec.Name, Node: st.Node, Shared: st.Shared,
		VMID: v.VMID, Storage: st.Name, VolID: v.VolID, Compress: compressOf(v.Format), Note: SafeText(v.Notes, 300), Pinned: v.Protected, Size: v.Size,
		CreatedAt: s.c.now(), TakenAt: v.Created, CompletedAt: s.c.now()}
	if s.concernsUs(l.rec.Name, v) {
		if s.budget--; s.budget < 0 {
			return nil // its turn comes
		}
		cfg, err := l.client.BackupConfig(ctx, st.Node, v.VolID)
		if err != nil {
			return err
		}
		s.identify(&b, cfg)
	}
	if slices.ContainsFunc(s.c.shelf.list(), func(other backup) bool {
		return other.Status == BackupCreating && other.Host == b.Host && other.VMID == b.VMID || other.place() == b.place()
	}) {
		return nil // it is being made, not found
	}
	return s.Save(func(tx *store.Tx) error {
		id, err := s.c.backups.Next(tx)
		if err != nil {
			return err
		}
		b.ID = id
		s.Data.Found++
		s.Logf(jobs.Info, "found %s, of %s", SafeText(b.VolID, 200), SafeText(b.Hostname, 64))
		return s.c.putBackup(tx, b)
	})
}

// concernsUs says whether an archive may be of an app of ours, now or once.
func (s *archiveScan) concernsUs(host string, v pve.Volume) bool {
	if strings.Contains(v.Notes, "proximity") {
		return true
	}
	for _, a := range s.c.cachedApps() {
		if a.Host == host && a.VMID == v.VMID {
			return true
		}
	}
	return slices.ContainsFunc(s.c.shelf.list(), func(b backup) bool { return b.App != "" && b.Host == host && b.VMID == v.VMID })
}

// identify reads out of an archive's configuration whose it is: the marks of
// this installation name the app, and an app of now or another backup tells what
// it was. A number alone says nothing: they come back.
func (s *archiveScan) identify(b *backup, cfg pve.GuestConfig) {
	if cfg.Hostname != "" {
		b.Hostname = SafeText(cfg.Hostname, 64)
	}
	if !strings.Contains(cfg.Description, "proximity-installation: "+s.c.installation) {
		return
	}
	for line := range strings.Lines(cfg.Description) {
		id, ok := strings.CutPrefix(strings.TrimSpace(line), "proximity-app: ")
		if !ok {
			continue
		}
		if as := s.c.appOnceNamed(id); as != nil {
			b.App, b.Owner, b.As = as.ID, as.Owner, as
		}
	}
}

// appOnceNamed is the record of an app, or if it is gone, as its newest backup
// has it; nil if nothing is known of it.
func (c *Core) appOnceNamed(id string) *app {
	var found *app
	err := c.store.View(func(tx *store.Tx) error {
		a, err := c.apps.Get(tx, id)
		if err == nil {
			found = &a
			return nil
		}
		all, e := c.backupsTx(tx, id)
		for _, b := range all {
			if b.As != nil {
				found = b.As
				break
			}
		}
		return e
	})
	if err != nil {
		c.log.Warn("look for the app of an archive", "app", id, "error", err)
	}
	return found
}

func compressOf(format string) string {
	return map[string]string{"tar.zst": "zstd", "tar.gz": "gzip", "tar.lzo": "lzo"}[format]
}

// failedFor is how long a backup that came to nothing is remembered once a later
// one has gone well.
const failedFor = 14 * 24 * time.Hour

// settleRecords ends what no job works on any more, and forgets old failures.
func (s *archiveScan) settleRecords() error {
	live := map[uint64]bool{}
	for _, j := range s.c.engine.Live() {
		live[j.ID] = true
	}
	for _, b := range s.c.shelf.list() {
		idle := s.c.now().Sub(b.UpdatedAt)
		stuck := b.underWay() && !live[b.Job] && idle > time.Hour
		old := b.Status == BackupFailed && s.c.shelf.kept(b.App).last.After(b.CreatedAt) && idle > failedFor
		if !stuck && !old {
			continue
		}
		err := s.Save(func(tx *store.Tx) error {
			if old {
				return s.c.dropBackup(tx, b.ID)
			}
			return s.c.changeBackup(tx, b.ID, func(r *backup) error {
				if r.Status == BackupCreating {
					r.Status, r.Error = BackupFailed, "its job has ended without a word"
				} else {
					r.Status = BackupCompleted
				}
				return nil
			})
		})
		if err := ignore(err, store.ErrNotFound); err != nil {
			return err
		}
	}
	return nil
}
