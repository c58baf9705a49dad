package core

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Retention says which backups are kept, in Proxmox's words: the latest ones,
// and the newest of each of the latest hours, days, weeks, months and years
// that have any. All zero: everything is kept.
type Retention struct {
	Last    int `json:"keep_last,omitempty"`
	Hourly  int `json:"keep_hourly,omitempty"`
	Daily   int `json:"keep_daily,omitempty"`
	Weekly  int `json:"keep_weekly,omitempty"`
	Monthly int `json:"keep_monthly,omitempty"`
	Yearly  int `json:"keep_yearly,omitempty"`
}

// maxKeep bounds each number of a retention.
const maxKeep = 10000

// rule is one part of a retention.
type rule struct {
	name   string
	keep   int
	period func(time.Time) string // what a backup is the newest of
}

// rules are the parts of a retention in the order Proxmox applies them.
func (k Retention) rules() []rule {
	layout := func(l string) func(time.Time) string {
		return func(t time.Time) string { return t.Format(l) }
	}
	return []rule{
		{"last", k.Last, func(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }},
		{"hourly", k.Hourly, layout("2006-01-02 15")},
		{"daily", k.Daily, layout("2006-01-02")},
		{"weekly", k.Weekly, func(t time.Time) string { y, w := t.ISOWeek(); return fmt.Sprint(y, "/", w) }},
		{"monthly", k.Monthly, layout("2006-01")},
		{"yearly", k.Yearly, layout("2006")},
	}
}

// all says that nothing ever goes.
func (k Retention) all() bool { return k == Retention{} }

func (k Retention) check() error {
	for _, r := range k.rules() {
		if r.keep < 0 || r.keep > maxKeep {
			return invalid("keep_"+r.name, fmt.Sprintf("0-%d", maxKeep), "%d is no number of backups", r.keep)
		}
	}
	return nil
}

// String is the retention as people write it: "last 3, daily 7".
func (k Retention) String() string {
	if k.all() {
		return "all"
	}
	var parts []string
	for _, r := range k.rules() {
		if r.keep > 0 {
			parts = append(parts, r.name+" "+strconv.Itoa(r.keep))
		}
	}
	return strings.Join(parts, ", ")
}

// keeps says of each time (newest first) why a backup of then is kept: "daily 2
// of 7"; "" = it goes. Days, weeks and so on are those of the zone.
//
// Proxmox: PVE/Storage.pm prune_mark_backup_group. Each rule takes the newest of
// each period that no earlier rule has kept one of, until it has its number; what
// lies in a period it has just taken one of goes, whatever the later rules say.
func (k Retention) keeps(taken []time.Time, zone *time.Location) []string {
	const gone = "-"
	why := make([]string, len(taken))
	if k.all() {
		for i := range why {
			why[i] = "all are kept"
		}
		return why
	}
	for _, r := range k.rules() {
		if r.keep == 0 {
			continue
		}
		already, fresh := map[string]bool{}, map[string]bool{}
		for i, t := range taken {
			if why[i] != "" && why[i] != gone {
				already[r.period(t.In(zone))] = true
			}
		}
		for i, t := range taken {
			p := r.period(t.In(zone))
			if why[i] != "" || already[p] {
				continue
			}
			if fresh[p] {
				why[i] = gone
				continue
			}
			if len(fresh) >= r.keep {
				break
			}
			fresh[p] = true
			why[i] = fmt.Sprintf("%s %d of %d", r.name, len(fresh), r.keep)
		}
	}
	for i := range why {
		if why[i] == gone {
			why[i] = ""
		}
	}
	return why
}

// PruneMark says whether a backup is kept, and why.
type PruneMark struct {
	Backup BackupView `json:"backup"`
	Keep   bool       `json:"keep"`
	Why    string     `json:"why"` // "daily 2 of 7", "pinned", "the last good one", "no schedule wants it"
}

// fate is a PruneMark of a record.
type fate struct {
	backup backup
	keep   bool
	why    string
}

// fates says of an app's backups (newest first) which of them its schedules
// still want. A storage is counted by itself, as Proxmox does; a backup goes
// only if no schedule that keeps house there wants it. What nobody may ever
// prune stays in any case: pinned ones, the last good one, those a job works on,
// and what Proximity did not make.
func fates(all []backup, schedules []schedule) []fate {
	out := make([]fate, len(all))
	good := -1 // the newest one that could be restored
	for i, b := range all {
		out[i].backup = b
		if good < 0 && b.good() {
			good = i
		}
	}
	for i := range out {
		b, v := all[i], &out[i]
		switch {
		case b.Status == BackupFailed:
			v.keep, v.why = true, "it has no archive"
		case b.underWay():
			v.keep, v.why = true, "a job works on it"
		case b.Found:
			v.keep, v.why = true, "Proximity did not make it"
		case !b.Missing.IsZero():
			v.keep, v.why = true, "its archive is missing"
		case b.Pinned:
			v.keep, v.why = true, "pinned"
		}
	}
	for _, storage := range storagesOf(all) {
		var at []int
		for i, b := range all {
			if out[i].why == "" && b.Host+"/"+b.Storage == storage {
				at = append(at, i)
			}
		}
		fatesOn(out, at, schedules, strings.TrimPrefix(storage, all[0].Host+"/"))
	}
	if good >= 0 && !out[good].keep {
		out[good].keep, out[good].why = true, "the last good one"
	}
	return out
}

// fatesOn decides on those of one storage, of which at are the places.
func fatesOn(out []fate, at []int, schedules []schedule, storage string) {
	schedules = slices.DeleteFunc(slices.Clone(schedules), func(s schedule) bool { return s.Storage != "" && s.Storage != storage })
	var taken []time.Time
	for _, i := range at {
		taken = append(taken, out[i].backup.TakenAt)
		out[i].why = "no schedule wants it"
	}
	if !slices.ContainsFunc(schedules, func(s schedule) bool { return !s.Keep.all() }) {
		for _, i := range at {
			out[i].keep, out[i].why = true, "no schedule prunes here"
		}
		return
	}
	for _, s := range schedules {
		for n, why := range s.Keep.keeps(taken, s.location()) {
			v := &out[at[n]]
			if why == "" || v.keep || s.Keep.all() && v.backup.Schedule != s.ID {
				continue
			}
			v.keep, v.why = true, why
			if len(schedules) > 1 {
				v.why = s.Name + ": " + why
			}
		}
	}
}

func storagesOf(all []backup) []string {
	var names []string
	for _, b := range all {
		if name := b.Host + "/" + b.Storage; !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}
