package jobs

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/robfig/cron/v3"

	"proximity/store"
)

// Schedule is something to be enqueued again and again.
type Schedule struct {
	ID   string
	Cron string // five fields, or @hourly, @daily, @every 6h, …
	Zone string // IANA name; "" means the machine's
	// Enqueue runs in the transaction that records the run of this nominal time. After *BusyError the run counts as
	// skipped; after any other error it is tried again until the next one is due.
	Enqueue func(tx *store.Tx, nominal time.Time) error
}

// crontab is the schedules in memory.
type crontab struct {
	poke    chan struct{}
	mu      *sync.Mutex // guards entries
	entries map[string]*entry
}

type entry struct {
	Schedule
	times    cron.Schedule
	notUntil time.Time // after an error
}

// registration remembers since when a schedule is as it is. Times before that were never missed.
type registration struct {
	ID    string    `json:"id"`
	Cron  string    `json:"cron"`
	Zone  string    `json:"zone,omitempty"`
	Since time.Time `json:"since"`
}

// run is one nominal time that has been dealt with. All are remembered for a while, not only the last: then neither a
// clock that is put back doubles a run, nor one that was ahead for a while stops the schedule.
type run struct {
	Schedule string    `json:"schedule"`
	Nominal  time.Time `json:"nominal"`
	At       time.Time `json:"at"`
}

var (
	registrationTable = store.NewTable("schedules", func(r registration) string { return r.ID })
	runTable          = store.NewTable("schedule_runs", func(r run) string { return runKey(r.Schedule, r.Nominal) })
)

func runKey(id string, nominal time.Time) string {
	return id + "\x00" + store.Key(uint64(max(nominal.Unix(), 0)))
}

const (
	cronRetry    = time.Minute
	keepRuns     = 50                 // at least, of each schedule
	keepRunsFor  = 7 * 24 * time.Hour // and all that are younger
	searchFactor = 60
	maxBack      = 10 * 365 * 24 * time.Hour
)

func newCrontab() crontab {
	return crontab{poke: make(chan struct{}, 1), mu: new(sync.Mutex), entries: map[string]*entry{}}
}

func (c crontab) look() { knock(c.poke) }

func (c crontab) all() []*entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := make([]*entry, 0, len(c.entries))
	for _, s := range c.entries {
		all = append(all, s)
	}
	return all
}

// every is @every: at multiples of the duration since the beginning of time, so that its times do not depend on when
// the program was started.
type every struct{ d time.Duration }

func (s every) Next(t time.Time) time.Time { return t.Truncate(s.d).Add(s.d) }

// CheckCron returns what is wrong with an expression or a time zone, or nil.
func CheckCron(expression, zone string) error {
	_, err := parseCron(expression, zone)
	return err
}

// NextTimes returns the next n times of a schedule after a moment.
func NextTimes(expression, zone string, after time.Time, n int) ([]time.Time, error) {
	schedule, err := parseCron(expression, zone)
	if err != nil {
		return nil, err
	}
	var times []time.Time
	for range n {
		if after = schedule.Next(after); after.IsZero() {
			break
		}
		times = append(times, after)
	}
	return times, nil
}

func parseCron(expression, zone string) (cron.Schedule, error) {
	location := time.Local
	if zone != "" {
		var err error
		if location, err = time.LoadLocation(zone); err != nil {
			return nil, fmt.Errorf("time zone %q is not known: give a name like Europe/Berlin", zone)
		}
	}
	if strings.Contains(expression, "TZ=") { // CRON_TZ=, too; and cron panics on some of these
		return nil, fmt.Errorf("schedule %q names a time zone: give that by itself", expression)
	}
	times, err := cron.ParseStandard(expression)
	if err != nil {
		return nil, fmt.Errorf("schedule %q: %w: give minute hour day month weekday, as in 30 2 * * *", expression, err)
	}
	switch s := times.(type) {
	case *cron.SpecSchedule:
		s.Location = location
	case cron.ConstantDelaySchedule:
		times = every{s.Delay}
	}
	if times.Next(time.Now()).IsZero() {
		return nil, fmt.Errorf("schedule %q never comes: there is no such day", expression)
	}
	return times, nil
}

// Schedule adds a schedule, or replaces the one with the same ID. A time that was missed since it was first added as
// it is, because Proximity was off, is made up for once, by one run with the latest of these times.
// It writes to the store, so it must not be called inside a transaction.
func (e *Engine) Schedule(s Schedule) error {
	times, err := parseCron(s.Cron, s.Zone)
	if err != nil {
		return err
	}
	if s.ID == "" || s.Enqueue == nil {
		return errors.New("a schedule needs an ID and something to enqueue")
	}
	err = e.store.Update(func(tx *store.Tx) error {
		known, err := registrationTable.Get(tx, s.ID)
		if err == nil && known.Cron == s.Cron && known.Zone == s.Zone {
			return nil
		}
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		return registrationTable.Put(tx, s.registration(e.now()))
	})
	if err != nil {
		return fmt.Errorf("schedule %s: %w", s.ID, err)
	}
	e.cron.mu.Lock()
	e.cron.entries[s.ID] = &entry{Schedule: s, times: times}
	e.cron.mu.Unlock()
	e.cron.look()
	return nil
}

// Unschedule removes a schedule. It is no error when there is none. It must not be called inside a transaction.
func (e *Engine) Unschedule(id string) error {
	e.cron.mu.Lock()
	delete(e.cron.entries, id)
	e.cron.mu.Unlock()
	err := e.store.Update(func(tx *store.Tx) error {
		for r, err := range runTable.Prefix(tx, id+"\x00") {
			if err != nil {
				return err
			}
			if err := runTable.Delete(tx, runKey(r.Schedule, r.Nominal)); err != nil {
				return err
			}
		}
		return registrationTable.Delete(tx, id)
	})
	if err != nil {
		return fmt.Errorf("unschedule %s: %w", id, err)
	}
	return nil
}

// NextRun returns when a schedule comes next. ok is false for an unknown one.
func (e *Engine) NextRun(id string) (next time.Time, ok bool) {
	e.cron.mu.Lock()
	s := e.cron.entries[id]
	e.cron.mu.Unlock()
	if s == nil {
		return time.Time{}, false
	}
	return s.times.Next(e.now()), true
}

// cronLoop runs what is due until ctx ends.
func (e *Engine) cronLoop(ctx context.Context) {
	for ctx.Err() == nil {
		sleep := e.runDue(ctx)
		timer := time.NewTimer(sleep)
		select {
		case <-ctx.Done():
		case <-e.cron.poke:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// runDue runs every schedule that is due, and returns how long none will be.
func (e *Engine) runDue(ctx context.Context) time.Duration {
	sleep := maxSleep
	for _, s := range e.cron.all() {
		if ctx.Err() != nil {
			break
		}
		now := e.now()
		if s.notUntil.After(now) {
			sleep = min(sleep, s.notUntil.Sub(now))
			continue
		}
		if err := e.runSchedule(s, now); err != nil {
			e.o.Logger.Error("a schedule could not run", "schedule", s.ID, "error", err)
			s.notUntil = now.Add(cronRetry)
		}
		sleep = min(sleep, max(s.times.Next(now).Sub(now), time.Millisecond))
	}
	return sleep
}

// runSchedule runs s if a time of it has come that has not been dealt with.
func (e *Engine) runSchedule(s *entry, now time.Time) error {
	var nominal time.Time
	var ahead bool
	err := e.store.View(func(tx *store.Tx) (err error) {
		nominal, ahead, err = s.due(tx, now)
		return err
	})
	if err == nil && ahead {
		err = e.store.Update(func(tx *store.Tx) error { return registrationTable.Put(tx, s.registration(now)) })
	}
	if err != nil || nominal.IsZero() {
		return err
	}
	record := func(tx *store.Tx) error {
		return runTable.Insert(tx, run{Schedule: s.ID, Nominal: nominal, At: now})
	}
	err = e.store.Update(func(tx *store.Tx) error {
		if err := record(tx); err != nil {
			return err
		}
		return guard(func() error { return s.Enqueue(tx, nominal) })
	})
	var busy *BusyError
	if errors.As(err, &busy) {
		e.o.Logger.Info("a schedule was skipped", "schedule", s.ID, "because", busy.Error())
		err = e.store.Update(record)
	}
	return err
}

func (s Schedule) registration(since time.Time) registration {
	return registration{ID: s.ID, Cron: s.Cron, Zone: s.Zone, Since: since}
}

// due returns the latest time of s up to now, or zero when that, or a later one, has been dealt with. ahead says that
// s was added when the clock was ahead of now, and would not come before the clock is there again.
func (s *entry) due(tx *store.Tx, now time.Time) (nominal time.Time, ahead bool, err error) {
	r, err := registrationTable.Get(tx, s.ID)
	if errors.Is(err, store.ErrNotFound) {
		return nominal, false, nil // removed a moment ago
	}
	if err != nil || r.Since.After(now) {
		return nominal, err == nil, err
	}
	since := r.Since
	for last, err := range runTable.BackwardsFrom(tx, runKey(s.ID, now.Add(time.Second))) {
		if err != nil {
			return nominal, false, err
		}
		if last.Schedule == s.ID && last.Nominal.After(since) {
			since = last.Nominal
		}
		break
	}
	return s.latest(since, now), false, nil
}

// latest returns the last time of s after since and up to now, or zero. cron only looks forward, so it is looked for
// from ever earlier beginnings, to make few steps whether s comes each minute or once a year.
func (s *entry) latest(since, now time.Time) time.Time {
	var found time.Time
	for back := time.Minute; found.IsZero(); back *= searchFactor {
		from := now.Add(-back)
		atStart := back > maxBack || !from.After(since)
		if atStart {
			from = since
		}
		for t := s.times.Next(from); !t.IsZero() && !t.After(now); t = s.times.Next(t) {
			found = t
		}
		if atStart {
			break
		}
	}
	return found
}

// pruneRuns forgets old runs.
func (e *Engine) pruneRuns() error {
	oldest := e.now().Add(-keepRunsFor)
	for _, s := range e.cron.all() {
		err := e.store.Update(func(tx *store.Tx) error {
			n := 0
			for r, err := range runTable.BackwardsFrom(tx, s.ID+"\x01") {
				if err != nil {
					return err
				}
				if r.Schedule != s.ID {
					break
				}
				if n++; n <= keepRuns || r.Nominal.After(oldest) {
					continue
				}
				if err := runTable.Delete(tx, runKey(r.Schedule, r.Nominal)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
