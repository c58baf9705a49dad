package tui

import (
	"strconv"
	"strings"
	"time"

	"proximity/core"
	"proximity/tui/ui"
)

// appRows are the apps of a world.
type appRows struct {
	c    *Console
	apps []core.AppView
}

func (r *appRows) Len() int        { return len(r.apps) }
func (r *appRows) ID(i int) string { return r.apps[i].ID }

// Match takes plain words and pairs: node:, host:, by:, state:, app:, backup:, with =
// instead of : for the exact value.
func (r *appRows) Match(i int, terms []string) bool {
	for _, t := range terms {
		if !appHas(&r.apps[i], t) {
			return false
		}
	}
	return true
}

func appHas(a *core.AppView, term string) bool {
	if at := strings.IndexAny(term, ":="); at > 0 {
		field, known := "", true
		switch term[:at] {
		case "node":
			field = a.Node
		case "host":
			field = a.Host
		case "by":
			field = a.Owner
		case "state":
			field = string(a.Status)
		case "app":
			field = a.CatalogID
		case "backup": // protected, unprotected, overdue, old
			if a.Protection != nil {
				field = a.Protection.State
			}
		default:
			known = false
		}
		if value := term[at+1:]; known && term[at] == '=' {
			return strings.EqualFold(field, value)
		} else if known {
			return ui.HasFold(field, value)
		}
	}
	if ct, ok := strings.CutPrefix(term, "ct"); ok && ct != "" && strconv.Itoa(a.VMID) == ct {
		return true
	}
	return ui.HasFold(a.Hostname, term) || ui.HasFold(a.Name, term) || ui.HasFold(string(a.Status), term) || ui.HasFold(a.Node, term) || ui.HasFold(a.URL, term)
}

func (r *appRows) Less(col, i, j int) bool {
	a, b := &r.apps[i], &r.apps[j]
	switch col {
	case appStatus:
		return a.Status < b.Status
	case appCPU:
		return metric(a, func(m *core.Metrics) float64 { return m.CPU }) < metric(b, func(m *core.Metrics) float64 { return m.CPU })
	case appMem:
		return metric(a, func(m *core.Metrics) float64 { return float64(m.Mem) }) < metric(b, func(m *core.Metrics) float64 { return float64(m.Mem) })
	case appUp:
		return metric(a, func(m *core.Metrics) float64 { return float64(m.Uptime) }) < metric(b, func(m *core.Metrics) float64 { return float64(m.Uptime) })
	case appNode:
		return a.Node < b.Node || a.Node == b.Node && a.Host < b.Host
	case appCT:
		return a.VMID < b.VMID
	case appBackup:
		return lastBackup(a).Before(lastBackup(b))
	case appVersion:
		return a.Version < b.Version
	}
	return a.Hostname < b.Hostname
}

func metric(a *core.AppView, f func(*core.Metrics) float64) float64 {
	if a.Metrics == nil {
		return -1
	}
	return f(a.Metrics)
}

func (r *appRows) Cell(l *ui.Line, i, col, width int, selected bool) {
	a := &r.apps[i]
	m := a.Metrics
	switch col {
	case appName:
		nameCell(l, a.Hostname, width, selected)
	case appStatus:
		sign, word, role := statusLook(a)
		l.Add(role, sign).Space(1)
		if a.Drift != "" && a.Job == nil && width > 10 {
			word += " " + ui.Alert
		}
		l.Cell(role, word, width-2)
	case appCPU:
		if width < 13 {
			number(l, a.Stale, m != nil && a.Status != core.StatusStopped, percentOf(m, cpuShare), width)
			return
		}
		if m != nil && a.Status != core.StatusStopped {
			l.Spark(chartRole(a), r.c.history(appHistory(a), false), 7)
		} else {
			l.Space(7)
		}
		number(l, a.Stale, m != nil && a.Status != core.StatusStopped, percentOf(m, cpuShare), width-7)
	case appMem:
		if width < 13 {
			number(l, a.Stale, m != nil && a.Status != core.StatusStopped, bytesOf(m), width)
			return
		}
		if m == nil || a.Status == core.StatusStopped {
			l.NoGauge(6)
		} else if a.Stale {
			l.Gauge(ui.Stale, memShare(m), 6)
		} else {
			l.Gauge(ui.Load(memShare(m)), memShare(m), 6)
		}
		number(l, a.Stale, m != nil && a.Status != core.StatusStopped, bytesOf(m), width-6)
	case appUp:
		switch {
		case a.Stale:
			l.Right(ui.Stale, ui.Span(r.c.now().Sub(a.AsOf))+" old", width)
		case m == nil || m.Uptime <= 0:
			l.Right(ui.Muted, ui.Unknown, width)
		default:
			l.Right(ui.Muted, ui.Span(time.Duration(m.Uptime)*time.Second), width)
		}
	case appNode:
		placeCell(l, ui.Muted, r.c.world, a.Host, a.Node, width)
	case appCT:
		if a.VMID > 0 {
			l.Right(ui.Muted, strconv.Itoa(a.VMID), width)
		} else {
			l.Right(ui.Muted, ui.Unknown, width)
		}
	case appBackup:
		backupAge(l, r.c, a.Protection, width)
	case appVersion:
		l.Cell(ui.Muted, a.Version, width)
	case appURL:
		url := strings.TrimPrefix(strings.TrimPrefix(a.URL, "http://"), "https://")
		if len(url) > width && a.PublicPort != 0 { // the host is the same for all: the port is what tells them apart
			url = ":" + strconv.Itoa(a.PublicPort)
		}
		if a.Status == core.StatusRunning && !a.Stale {
			l.Cell(ui.Text, url, width)
		} else {
			l.Cell(ui.Muted, url, width)
		}
	}
}

// Joined draws progress and errors over the columns of numbers.
func (r *appRows) Joined(l *ui.Line, i, width int) bool {
	a := &r.apps[i]
	switch {
	case !a.DeletesAt.IsZero():
		text := r.c.leaving(a)
		if left := a.DeletesAt.Sub(r.c.now()); left > 0 && ui.Width(text) > width {
			text = "gone in " + elapsed(left) + " · z undo"
		}
		l.Cell(ui.Warn, text, width)
	case a.Job != nil:
		progressCell(l, a.Job, width)
	case a.Status == core.StatusError:
		l.Cell(ui.Error, a.Error, width)
	default:
		return false
	}
	return true
}

func chartRole(a *core.AppView) ui.Role {
	if a.Stale {
		return ui.Stale
	}
	return ui.Chart
}
