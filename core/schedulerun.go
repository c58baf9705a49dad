package core

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"proximity/jobs"
	"proximity/store"
)

// runningSchedule is what a run of a schedule remembers.
type runningSchedule struct {
	Schedule uint64
	Name     string
	Nominal  time.Time
	Asked    bool // Apps has been filled
	Apps     []scheduledApp
}

// scheduledApp is an app in a run, with its backup.
type scheduledApp struct {
	ID, Name string
	Job      uint64 // of its backup; 0 = not begun
	Backup   uint64
	State    string // "", then "ok", "failed" or "skipped"
}

// errTurns is what a job waits for that has others work for it.
type errTurns struct{ what string }

func (e *errTurns) Error() string { return e.what }

// scheduleWorkflow backs up every app a schedule covers: a job for each, and
// this one waits for them without keeping a worker. At its end what nobody wants
// any more is pruned.
func (c *Core) scheduleWorkflow() jobs.Workflow[runningSchedule] {
	step := jobs.Step[runningSchedule]{Name: "backups", Title: "back the apps up", Timeout: time.Hour, Do: c.backUpAll}
	return jobs.Workflow[runningSchedule]{Kind: "schedule", Retries: 2, Backoff: c.evenly, Steps: []jobs.Step[runningSchedule]{step}, Finish: c.scheduleFinish}
}

// backUpAll begins the backups that can be begun, and waits while any is not
// over.
func (c *Core) backUpAll(_ context.Context, r *jobs.Run[runningSchedule]) error {
	d := r.Data
	if !d.Asked {
		err := r.Save(func(tx *store.Tx) error {
			s, err := c.scheduleTable.Get(tx, store.Key(d.Schedule))
			if err != nil {
				return err
			}
			records, err := c.allApps(tx)
			if err != nil {
				return err
			}
			d.Asked, d.Apps = true, nil
			for _, a := range c.covered(s, records) {
				d.Apps = append(d.Apps, scheduledApp{ID: a.ID, Name: a.Hostname})
			}
			return nil
		})
		if errors.Is(err, store.ErrNotFound) {
			return nil // removed meanwhile
		}
		if err != nil {
			return err
		}
		r.Logf(jobs.Info, "%d apps", len(d.Apps))
	}
	open := 0
	for i := range d.Apps {
		if err := c.backUpOne(r, i); err != nil {
			return err
		}
		if d.Apps[i].State == "" {
			open++
		}
	}
	if open > 0 {
		return &errTurns{fmt.Sprintf("%d of %d backups", open, len(d.Apps))}
	}
	return d.failures()
}

// failures says which backups of the run failed.
func (d *runningSchedule) failures() error {
	var names []string
	var last uint64
	for _, a := range d.Apps {
		if a.State == "failed" {
			names, last = append(names, a.Name), a.Job
		}
	}
	if len(names) == 0 {
		return nil
	}
	return &Error{Kind: ErrFailed, Text: fmt.Sprintf("%d of %d backups failed: %s", len(names), len(d.Apps), SafeText(strings.Join(names, ", "), 200)), Hint: fmt.Sprintf("`job %d` says why", last)}
}

// backUpOne begins the backup of an app, or looks how it went.
func (c *Core) backUpOne(r *jobs.Run[runningSchedule], i int) error {
	a := &r.Data.Apps[i]
	if a.State != "" {
		return nil
	}
	if a.Job == 0 {
		return c.beginOne(r, i)
	}
	j, err := c.engine.Get(a.Job)
	if err != nil && !errors.Is(err, jobs.ErrNotFound) {
		return err
	}
	if err == nil && !j.State.Ended() {
		return nil
	}
	a.State = "failed"
	if b, err := c.backupRecord(a.Backup); err == nil && b.CompletedAt.After(time.Time{}) && b.Status != BackupFailed {
		a.State = "ok"
	}
	level := jobs.Info
	if a.State == "failed" {
		level = jobs.Warning
	}
	r.Logf(level, "%s: %s (job %d)", a.Name, a.State, a.Job)
	return r.Save()
}

// beginOne enqueues the backup of an app. While another job works on the app
// its turn comes later; an app that cannot be backed up is skipped. The app is
// looked up anew after every Save: one that fails puts the whole list back to
// what is stored.
func (c *Core) beginOne(r *jobs.Run[runningSchedule], i int) error {
	d := r.Data
	occupied := false
	err := c.store.View(func(tx *store.Tx) (err error) { // before anything is written: this is asked every few seconds
		_, occupied, err = c.engine.Busy(tx, d.Apps[i].ID)
		return err
	})
	if err != nil || occupied {
		return err
	}
	err = r.Save(func(tx *store.Tx) error {
		s, err := c.scheduleTable.Get(tx, store.Key(d.Schedule))
		if err != nil {
			return err
		}
		a, by := &d.Apps[i], housekeeper()
		b, job, err := c.backupTx(tx, by, a.ID, backupOrder{BackupRequest: BackupRequest{Mode: s.Mode, Compress: s.Compress, Storage: s.Storage},
			Why: "schedule " + s.Name, By: by.User, Schedule: s.ID})
		if err != nil {
			return err
		}
		a.Job, a.Backup = job.ID, b.ID
		return nil
	})
	a := &d.Apps[i]
	var busy *jobs.BusyError
	switch {
	case err == nil:
		r.Logf(jobs.Info, "%s: job %d", a.Name, a.Job)
	case errors.As(err, &busy):
		return nil
	case errors.Is(err, ErrConflict), errors.Is(err, store.ErrNotFound):
		a.State = "skipped"
		r.Logf(jobs.Warning, "%s: skipped: %v", a.Name, err)
		return r.Save()
	}
	return err
}

// scheduleFinish writes what came of the run, and begins the pruning.
func (c *Core) scheduleFinish(tx *store.Tx, j jobs.Job, d *runningSchedule) error {
	s, err := c.scheduleTable.Get(tx, store.Key(d.Schedule))
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	s.Run = scheduleRun{Nominal: s.Run.Nominal, Ended: c.now(), Job: j.ID}
	var fresh []string
	for _, a := range d.Apps {
		switch a.State {
		case "ok":
			s.Run.OK++
			fresh = append(fresh, a.ID)
		case "failed":
			s.Run.Failed++
		default:
			s.Run.Skipped++
		}
	}
	if err := c.putSchedule(tx, s); err != nil {
		return err
	}
	if err := c.auditEnd(tx, j); err != nil {
		return err
	}
	if j.State == jobs.Cancelled || s.Keep.all() || len(fresh) == 0 {
		return nil
	}
	// Like vzdump, only where a new backup has just been made.
	_, err = c.pruneTx(tx, Actor{User: j.Owner, Via: Via(j.OwnerVia)}, s, fresh)
	var busy *jobs.BusyError
	if errors.As(err, &busy) {
		return nil
	}
	return err
}

// runScheduleTx writes the job of a run.
func (c *Core) runScheduleTx(tx *store.Tx, a Actor, id uint64, nominal time.Time) (jobs.Job, error) {
	s, err := c.scheduleTable.Get(tx, store.Key(id))
	if err != nil {
		return jobs.Job{}, err
	}
	job, err := c.engine.Enqueue(tx, jobs.Spec{Kind: "schedule", Subject: fmt.Sprintf("schedule/%d", id), SubjectTitle: s.Name, Owner: a.User, OwnerVia: string(a.Via),
		Title: "backups of schedule " + s.Name, Data: runningSchedule{Schedule: id, Name: s.Name, Nominal: nominal}})
	if err != nil {
		return jobs.Job{}, err
	}
	s.Run = scheduleRun{Nominal: nominal, Job: job.ID}
	return job, c.putSchedule(tx, s)
}

// RunSchedule runs a schedule now.
func (c *Core) RunSchedule(_ context.Context, a Actor, name string) (JobView, error) {
	s, err := c.scheduleNamed(name)
	if err == nil {
		err = a.May(VerbSchedules, "")
	}
	var job jobs.Job
	if err == nil {
		err = c.store.Update(func(tx *store.Tx) error {
			job, err = c.runScheduleTx(tx, a, s.ID, c.now())
			return busy(err)
		})
	}
	c.audit(a, "schedule.run", name, err, "")
	if err != nil {
		return JobView{}, err
	}
	return jobView(job), nil
}
