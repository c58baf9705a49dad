package core

import (
	"fmt"
	"time"
)

// Protection is how well an app's data would survive.
type Protection struct {
	State    string    `json:"state"`                // "protected", "unprotected" (no good backup), "overdue", "old" (no schedule, and the last one is old)
	Backups  int       `json:"backups"`              // good ones
	Size     int64     `json:"size"`                 // bytes of all of them
	Last     time.Time `json:"last_backup,omitzero"` // when the newest good one was taken
	LastID   uint64    `json:"last_backup_id,omitempty"`
	Next     time.Time `json:"next_backup,omitzero"` // by a schedule
	Schedule string    `json:"schedule,omitempty"`   // that comes next
	Keep     string    `json:"keep,omitempty"`       // what that one keeps
	Alert    string    `json:"alert,omitempty"`      // what needs attention
	Since    time.Time `json:"alert_since,omitzero"`

	failed bool
}

func (p *Protection) level() string {
	if p.failed {
		return "error"
	}
	return "warning"
}

const (
	// overdueAfter is how long after its time a schedule may be at work on an app.
	overdueAfter = 2 * time.Hour
	// oldAfter is when the last backup of an app that no schedule covers counts as
	// old.
	oldAfter = 7 * 24 * time.Hour
)

// protection works out how an app is protected; nil for one that is not there
// yet or goes.
func (c *Core) protection(a app, schedules []schedule) *Protection {
	if a.VMID == 0 || a.Status == StatusDeploying || a.Status == StatusCloning || a.Status == StatusAdopting || a.Status == StatusRemoving {
		return nil
	}
	k, now := c.shelf.kept(a.ID), c.now()
	p := &Protection{State: "protected", Backups: k.n, Size: k.size, Last: k.last, LastID: k.lastID}
	planned := false
	var late schedule
	for _, s := range schedules {
		if s.Paused || !c.covers(s, a) {
			continue
		}
		planned = true
		if !s.next.IsZero() && (p.Next.IsZero() || s.next.Before(p.Next)) {
			p.Next, p.Schedule, p.Keep = s.next, s.Name, s.Keep.String()
		}
		due := s.Run.Nominal
		if due.After(a.CreatedAt) && k.last.Before(due) && now.Sub(due) > overdueAfter && due.After(late.Run.Nominal) {
			late = s
		}
	}
	switch {
	case late.Name != "":
		p.State, p.Since = "overdue", late.Run.Nominal
		p.Alert = fmt.Sprintf("backup overdue: schedule %s was due %s", late.Name, late.Run.Nominal.In(late.location()).Format("2 Jan 15:04"))
	case p.Last.IsZero():
		p.State = "unprotected"
		if !planned && len(schedules) > 0 && now.Sub(a.CreatedAt) > overdueAfter {
			p.Alert, p.Since = "no backup, and no schedule covers it", a.CreatedAt
		}
	case !planned && now.Sub(p.Last) > oldAfter:
		p.State = "old"
	}
	if k.failed != "" {
		p.failed, p.Since, p.Alert = true, k.since, "backup failed: "+SafeText(k.failed, 200)
	}
	return p
}

// Protected are sums over the apps one sees.
type Protected struct {
	Apps      int       `json:"apps"` // that have something to protect
	Protected int       `json:"protected"`
	Newest    time.Time `json:"newest,omitzero"` // of the apps' last good backups
	Oldest    time.Time `json:"oldest,omitzero"`
	Next      time.Time `json:"next_run,omitzero"`
	Schedules int       `json:"schedules"` // that are not paused
}

// protect sums the protection of all apps up.
func (w *World) protect(schedules []schedule) {
	for _, s := range schedules {
		if !s.Paused {
			w.Protected.Schedules++
		}
	}
	w.Protected = w.Protected.of(w.Apps)
}

// of is the same over other apps.
func (p Protected) of(apps []AppView) Protected {
	sum := Protected{Schedules: p.Schedules}
	for i := range apps {
		a := apps[i].Protection
		if a == nil {
			continue
		}
		sum.Apps++
		if a.State == "protected" {
			sum.Protected++
		}
		if !a.Last.IsZero() {
			if a.Last.After(sum.Newest) {
				sum.Newest = a.Last
			}
			if sum.Oldest.IsZero() || a.Last.Before(sum.Oldest) {
				sum.Oldest = a.Last
			}
		}
		if !a.Next.IsZero() && (sum.Next.IsZero() || a.Next.Before(sum.Next)) {
			sum.Next = a.Next
		}
	}
	return sum
}
