package core

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"proximity/jobs"
	"proximity/store"
)

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
	problem := func(err error) { problems = append(problems, refused(err)) }
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
