package core

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"proximity/core/pve"
)

// Period is how far back a history goes.
type Period string

// Periods are those that Proxmox keeps, the shortest first.
func Periods() []Period { return []Period{"hour", "day", "week", "month", "year"} }

// Length is how long the period is.
func (p Period) Length() time.Duration {
	const day = 24 * time.Hour
	return map[Period]time.Duration{"hour": time.Hour, "day": day, "week": 7 * day, "month": 30 * day, "year": 365 * day}[p]
}

// HistoryView is what an app has used over a period, as its Proxmox host has recorded it.
type HistoryView struct {
	App      string         `json:"app"`
	Hostname string         `json:"hostname"`
	Node     string         `json:"node"`
	Period   Period         `json:"period"`
	From     time.Time      `json:"from"`
	To       time.Time      `json:"to"`
	Points   []HistoryPoint `json:"points"` // oldest first
}

// HistoryPoint is what was used on average over a step that ended at Time. What is not known is absent, never 0.
type HistoryPoint struct {
	Time    time.Time `json:"time"`
	CPU     *float64  `json:"cpu,omitempty"`      // 0..1 of its cores
	Mem     *float64  `json:"mem,omitempty"`      // bytes
	MaxMem  *float64  `json:"max_mem,omitempty"`  // bytes
	Disk    *float64  `json:"disk,omitempty"`     // bytes
	MaxDisk *float64  `json:"max_disk,omitempty"` // bytes
	NetIn   *float64  `json:"net_in,omitempty"`   // bytes per second
	NetOut  *float64  `json:"net_out,omitempty"`  // bytes per second
}

// AppHistory asks an app's host what the app has used over a period.
func (c *Core) AppHistory(ctx context.Context, a Actor, name string, period Period) (HistoryView, error) {
	rec, err := c.appNamed(a, name)
	if err != nil {
		return HistoryView{}, err
	}
	if !slices.Contains(Periods(), period) {
		var known []string
		for _, p := range Periods() {
			known = append(known, string(p))
		}
		return HistoryView{}, invalid("period", "known: "+strings.Join(known, ", "), "there is no period %q", SafeText(string(period), 64))
	}
	if rec.VMID == 0 {
		return HistoryView{}, &Error{Kind: ErrConflict, Text: rec.Hostname + " has no container", Hint: "`logs " + rec.Hostname + " --deployment` shows what happened"}
	}
	l, err := c.liveHost(rec.Host)
	if err != nil {
		return HistoryView{}, err
	}
	node := c.nodeOf(l, rec)
	usages, err := l.client.Usages(ctx, node, rec.VMID, string(period))
	switch {
	case errors.Is(err, pve.ErrNotFound):
		return HistoryView{}, &Error{Kind: ErrConflict, Text: fmt.Sprintf("CT %d of %s is not on %s", rec.VMID, rec.Hostname, node), Hint: "`reconcile` finds out what became of it", Err: err}
	case err != nil:
		return HistoryView{}, hostError(rec.Host, err)
	}
	v := HistoryView{App: rec.ID, Hostname: rec.Hostname, Node: node, Period: period, To: c.now(), Points: make([]HistoryPoint, len(usages))}
	if n := len(usages); n > 0 {
		v.To = usages[n-1].At // by the host's clock, as all points are
	}
	v.From = v.To.Add(-period.Length())
	for i, u := range usages {
		v.Points[i] = HistoryPoint{Time: u.At, CPU: u.CPU, Mem: u.Mem, MaxMem: u.MaxMem, Disk: u.Disk, MaxDisk: u.MaxDisk, NetIn: u.NetIn, NetOut: u.NetOut}
	}
	return v, nil
}
