package core

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
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

// ScheduleRequest is a schedule as somebody wants it.
type ScheduleRequest struct {
	Name     string    `json:"name"`
	Cron     string    `json:"cron"`           // minute hour day month weekday, or @daily, @every 6h, …
	Zone     string    `json:"zone,omitempty"` // IANA name; "" = the server's
	Paused   bool      `json:"paused,omitempty"`
	Which    Selection `json:"which,omitempty"` // default all
	Of       []string  `json:"of,omitempty"`    // owners, tags, or hostnames
	Storage  string    `json:"storage,omitempty"`
	Mode     string    `json:"mode,omitempty"`
	Compress string    `json:"compress,omitempty"`
	Keep     Retention `json:"keep"`
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

var scheduleName = regexp.MustCompile(`^[a-z0-9]([a-z0-9_.-]{0,38}[a-z0-9])?$`)

// ScheduleCheck is what would come of a ScheduleRequest, from memory.
type ScheduleCheck struct {
	Problems []FieldProblem `json:"problems,omitempty"`
	Next     []time.Time    `json:"next_runs,omitempty"` // the next three
	Apps     []string       `json:"apps"`                // hostnames of those it would cover
	Prune    int            `json:"prune"`               // backups there are that it would not keep
	Command  string         `json:"command"`             // the same as a command line
}

// CheckSchedule tells what would come of a request; of names the schedule it
// changes, "" for a new one.
func (c *Core) CheckSchedule(a Actor, of string, r ScheduleRequest) ScheduleCheck {
	check := ScheduleCheck{Apps: []string{}, Command: r.Command(of)}
	var old schedule
	if of != "" {
		old, _ = c.scheduleNamed(of)
	}
	s, problems := c.planSchedule(a, old, r)
	for _, e := range problems {
		check.Problems = append(check.Problems, FieldProblem{Field: e.Field, Text: e.Text, Hint: e.Hint})
	}
	check.Next, _ = jobs.NextTimes(r.Cron, r.Zone, c.now(), 3)
	for _, rec := range c.covered(s, c.cachedApps()) {
		check.Apps = append(check.Apps, rec.Hostname)
		for _, v := range fates(c.shelf.of(rec.ID), c.schedulesOf(rec, s)) {
			if !v.keep {
				check.Prune++
			}
		}
	}
	return check
}

// schedulesOf are the schedules that cover an app, with one of them as it would
// be.
func (c *Core) schedulesOf(a app, with schedule) []schedule {
	var out []schedule
	for _, s := range c.cachedSchedules() {
		if s.ID != with.ID && c.covers(s, a) {
			out = append(out, s)
		}
	}
	if with.Name != "" && c.covers(with, a) {
		out = append(out, with)
	}
	return out
}

// planSchedule works a request out: the record, and what is wrong with it.
func (c *Core) planSchedule(a Actor, s schedule, r ScheduleRequest) (schedule, []*Error) {
	var problems []*Error
	problem := func(err error) {
		var e *Error
		if errors.As(err, &e) {
			problems = append(problems, e)
		}
	}
	if err := a.May(VerbSchedules, ""); err != nil {
		problem(err)
	}
	s.Name, s.Cron, s.Zone, s.Paused = r.Name, strings.Join(strings.Fields(r.Cron), " "), r.Zone, r.Paused
	s.Storage, s.Keep, s.Which = r.Storage, r.Keep, cmp.Or(r.Which, AllApps)
	if !scheduleName.MatchString(s.Name) {
		problem(invalid("name", "1-40 of a-z 0-9 . _ -", "%q is not a name for a schedule", SafeText(s.Name, 50)))
	} else if other, err := c.scheduleNamed(s.Name); err == nil && other.ID != s.ID {
		problem(&Error{Kind: ErrConflict, Field: "name", Text: fmt.Sprintf("there is a schedule %q already", s.Name), Hint: "give it another name"})
	}
	if err := jobs.CheckCron(s.Cron, s.Zone); err != nil {
		field := "cron"
		if s.Zone != "" && jobs.CheckCron("@daily", s.Zone) != nil {
			field = "zone"
		}
		problem(invalid(field, "", "%s", SafeText(err.Error(), 200)))
	}
	b := BackupRequest{Mode: r.Mode, Compress: r.Compress}
	if err := b.check(); err != nil {
		problem(err)
	}
	s.Mode, s.Compress = b.Mode, b.Compress
	if err := r.Keep.check(); err != nil {
		problem(err)
	}
	of, err := c.selection(s.Which, r.Of, s.Of)
	if err != nil {
		problem(err)
	}
	s.Of = of
	if s.Storage != "" && !c.takesBackups(s.Storage) {
		problem(invalid("storage", "leave it out, and one is chosen for each app", "no storage %q takes backups on any node that answers", SafeText(s.Storage, 64)))
	}
	return s, problems
}

// takesBackups says whether some node has said that a storage takes backups;
// true while none has said anything.
func (c *Core) takesBackups(storage string) bool {
	asked := false
	for _, l := range c.liveHosts() {
		s := l.poller.Snapshot()
		asked = asked || !s.At.IsZero()
		for _, st := range s.Storages {
			if st.Name == storage && slices.Contains(st.Content, "backup") {
				return true
			}
		}
	}
	return !asked
}

// Command is the request as a command line; of is the schedule it changes.
func (r ScheduleRequest) Command(of string) string {
	s := "schedules add " + cmp.Or(r.Name, "NAME")
	if of != "" {
		s = "schedules edit " + of
		if r.Name != of {
			s += " --name " + r.Name
		}
	}
	s += " --cron '" + r.Cron + "'"
	add := func(flag, v string) {
		if v != "" {
			s += " --" + flag + " " + v
		}
	}
	add("zone", r.Zone)
	if r.Which != "" && r.Which != AllApps {
		add(map[Selection]string{OwnerApps: "owner", TaggedApps: "tag", ListedApps: "app"}[r.Which], strings.Join(r.Of, ","))
	} else if of != "" {
		s += " --all"
	}
	add("storage", r.Storage)
	add("mode", r.Mode)
	add("compress", r.Compress)
	for _, k := range r.Keep.rules() {
		if k.keep > 0 || of != "" {
			add("keep-"+k.name, fmt.Sprint(k.keep))
		}
	}
	if r.Paused {
		s += " --paused"
	}
	return s
}

// SaveSchedule makes a schedule, or changes the one named of ("" = a new one).
func (c *Core) SaveSchedule(_ context.Context, a Actor, of string, r ScheduleRequest) (ScheduleView, error) {
	action := "schedule.add"
	var old schedule
	var err error
	if of != "" {
		action = "schedule.edit"
		old, err = c.scheduleNamed(of)
	}
	var s schedule
	if err == nil {
		var problems []*Error
		if s, problems = c.planSchedule(a, old, r); len(problems) > 0 {
			err = problems[0]
		}
	}
	if err == nil {
		err = c.store.Update(func(tx *store.Tx) error {
			s.UpdatedAt = c.now()
			if s.ID == 0 {
				if s.ID, err = c.scheduleTable.Next(tx); err != nil {
					return err
				}
				s.By, s.CreatedAt = a.User, s.UpdatedAt
			}
			if err := c.putSchedule(tx, s); err != nil {
				return taken(err)
			}
			return c.auditTx(tx, a, action, s.Name, nil, s.Cron+" "+s.Zone+" "+string(s.Which)+" keep "+s.Keep.String())
		})
	}
	if err != nil {
		c.audit(a, action, cmp.Or(of, r.Name), err, "")
		return ScheduleView{}, err
	}
	if err := c.plant(s); err != nil {
		return ScheduleView{}, err
	}
	return c.scheduleView(a, s), nil
}

// RemoveSchedule forgets a schedule. The backups it has made stay.
func (c *Core) RemoveSchedule(_ context.Context, a Actor, name string) error {
	s, err := c.scheduleNamed(name)
	if err == nil {
		err = a.May(VerbSchedules, "")
	}
	if err == nil {
		err = c.engine.Unschedule(s.cronID())
	}
	if err == nil {
		err = c.store.Update(func(tx *store.Tx) error {
			tx.OnCommit(func() {
				c.mu.Lock()
				delete(c.schedules, s.ID)
				c.mu.Unlock()
				c.shelf.touch()
				c.changed()
			})
			return c.scheduleTable.Delete(tx, store.Key(s.ID))
		})
	}
	c.audit(a, "schedule.remove", name, err, "")
	return err
}
