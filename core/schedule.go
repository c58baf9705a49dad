package core

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"proximity/jobs"
	"proximity/store"
)

// schedule is a plan of backups as the store keeps it.
type schedule struct {
	ID     uint64
	Name   string
	Cron   string
	Zone   string // IANA name; "" = the server's
	Paused bool

	Which Selection
	Of    []string // owners, tags or app ids

	Storage  string // "" = chosen for each app
	Mode     string
	Compress string
	Keep     Retention

	By        string // who made it
	CreatedAt time.Time
	UpdatedAt time.Time
	Run       scheduleRun // the latest

	next time.Time // when it comes next, as it was when it was asked for; zero = it does not
}

// scheduleRun is what came of one run of a schedule.
type scheduleRun struct {
	Nominal time.Time // when it was due; zero = it never ran
	Ended   time.Time // zero = it still goes on
	Job     uint64
	OK      int
	Failed  int
	Skipped int
}

const indexOfName = "name"

func newScheduleTable() *store.Table[schedule] {
	return store.NewTable("backup_schedules", func(s schedule) string { return store.Key(s.ID) },
		store.Unique(indexOfName, func(s schedule) string { return s.Name }))
}

// cronID is the schedule's name in the engine's crontab.
func (s schedule) cronID() string { return fmt.Sprintf("backups/%d", s.ID) }

// location is the zone its times and its days are counted in.
func (s schedule) location() *time.Location {
	if s.Zone != "" {
		if l, err := time.LoadLocation(s.Zone); err == nil {
			return l
		}
	}
	return time.Local
}

// ScheduleView is a schedule as the faces show it.
type ScheduleView struct {
	ID uint64 `json:"id"`
	ScheduleRequest
	Apps      []string  `json:"apps"`              // hostnames of those it covers now
	Next      time.Time `json:"next_run,omitzero"` // zero while it is paused
	LastRun   time.Time `json:"last_run,omitzero"` // when it was due
	LastEnded time.Time `json:"last_ended,omitzero"`
	LastJob   uint64    `json:"last_job,omitempty"`
	OK        int       `json:"last_ok"`
	Failed    int       `json:"last_failed"`
	Skipped   int       `json:"last_skipped"`
	By        string    `json:"by"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

func (c *Core) scheduleView(a Actor, s schedule) ScheduleView {
	v := ScheduleView{ID: s.ID, By: s.By, CreatedAt: s.CreatedAt, UpdatedAt: s.UpdatedAt, LastRun: s.Run.Nominal, LastEnded: s.Run.Ended, LastJob: s.Run.Job,
		OK: s.Run.OK, Failed: s.Run.Failed, Skipped: s.Run.Skipped,
		ScheduleRequest: ScheduleRequest{Name: s.Name, Cron: s.Cron, Zone: s.Zone, Paused: s.Paused, Which: s.Which, Of: slices.Clone(s.Of),
			Storage: s.Storage, Mode: s.Mode, Compress: s.Compress, Keep: s.Keep}}
	records := c.cachedApps()
	for _, rec := range c.covered(s, records) {
		if a.sees(rec.Owner) {
			v.Apps = append(v.Apps, rec.Hostname)
		}
	}
	if s.Which == ListedApps {
		v.Of = hostnames(s.Of, records)
	}
	if next, ok := c.engine.NextRun(s.cronID()); ok && !s.Paused {
		v.Next = next
	}
	return v
}

// hostnames are the names of apps by their ids; those that are gone are left
// out.
func hostnames(ids []string, records []app) []string {
	var names []string
	for _, rec := range records {
		if slices.Contains(ids, rec.ID) {
			names = append(names, rec.Hostname)
		}
	}
	return names
}

// cachedSchedules are all schedules by name.
func (c *Core) cachedSchedules() []schedule {
	c.mu.RLock()
	all := slices.Collect(maps.Values(c.schedules))
	c.mu.RUnlock()
	slices.SortFunc(all, func(a, b schedule) int { return strings.Compare(a.Name, b.Name) })
	for i := range all {
		all[i].next, _ = c.engine.NextRun(all[i].cronID())
	}
	return all
}

// putSchedule writes a schedule and, once committed, its copy in memory.
func (c *Core) putSchedule(tx *store.Tx, s schedule) error {
	if err := c.scheduleTable.Put(tx, s); err != nil {
		return err
	}
	tx.OnCommit(func() {
		c.mu.Lock()
		c.schedules[s.ID] = s
		c.mu.Unlock()
		c.shelf.touch()
		c.changed()
	})
	return nil
}

// loadSchedules reads the schedules and tells the engine's cron of them, and of
// the scan of the storages.
func (c *Core) loadSchedules() error {
	err := c.store.View(func(tx *store.Tx) error {
		for s, err := range c.scheduleTable.All(tx) {
			if err != nil {
				return err
			}
			c.schedules[s.ID] = s
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, s := range c.cachedSchedules() {
		if err := c.plant(s); err != nil {
			return fmt.Errorf("schedule %s: %w", s.Name, err)
		}
	}
	return c.engine.Schedule(c.scanSchedule())
}

// plant brings the engine's cron in line with a schedule.
func (c *Core) plant(s schedule) error {
	if s.Paused {
		return c.engine.Unschedule(s.cronID())
	}
	return c.engine.Schedule(jobs.Schedule{ID: s.cronID(), Cron: s.Cron, Zone: s.Zone, Enqueue: func(tx *store.Tx, nominal time.Time) error {
		_, err := c.runScheduleTx(tx, housekeeper(), s.ID, nominal)
		return err
	}})
}

// Schedules lists the schedules that cover visible apps; who may plan backups
// sees all.
func (c *Core) Schedules(_ context.Context, a Actor) ([]ScheduleView, error) {
	views := []ScheduleView{}
	for _, s := range c.cachedSchedules() {
		if v := c.scheduleView(a, s); a.May(VerbReadApp, "") == nil || len(v.Apps) > 0 {
			views = append(views, v)
		}
	}
	return views, nil
}

// scheduleNamed finds a schedule by name.
func (c *Core) scheduleNamed(name string) (schedule, error) {
	for _, s := range c.cachedSchedules() {
		if s.Name == name {
			return s, nil
		}
	}
	return schedule{}, notFound("`schedules` lists them", "there is no schedule %q", SafeText(name, 64))
}
