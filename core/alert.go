package core

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"proximity/jobs"
)

// alert lists what needs attention, worst first.
func (w *World) alert() {
	add := func(level, object, format string, args ...any) *Alert {
		w.Alerts = append(w.Alerts, Alert{Level: level, Object: object, Text: fmt.Sprintf(format, args...)})
		return &w.Alerts[len(w.Alerts)-1]
	}
	for _, h := range w.Hosts {
		if h.State == "unreachable" {
			add("error", "host/"+h.Name, "host %s unreachable: %s", h.Name, h.Error).Since = h.Since
		}
		for _, k := range h.Changed {
			add("error", "host/"+h.Name, "host %s: %s has changed: pinned %s, shown %s: all work on it stops; `hosts trust %s` accepts it", h.Name, k.what(), k.Known, k.Shown, h.Name).Since = k.At
		}
	}
	for _, n := range w.Nodes {
		if n.State == "offline" {
			add("error", "node/"+n.Host+"/"+n.Name, "node %s is offline", w.Place(n.Host, n.Name))
		}
		for _, st := range n.Storages {
			if st.Active && st.Total > 0 && float64(st.Used) > 0.95*float64(st.Total) {
				add("warning", "node/"+n.Host+"/"+n.Name, "storage %s on %s is %d%% full", st.Name, w.Place(n.Host, n.Name), 100*st.Used/st.Total)
			}
		}
	}
	for _, a := range w.Apps {
		if a.Status == StatusError {
			add("error", "app/"+a.ID, "%s: %s", a.Hostname, a.Error).Since = a.ChangedAt
		} else if a.Drift != "" {
			add("warning", "app/"+a.ID, "%s was %s", a.Hostname, a.Drift)
		}
	}
	for _, a := range w.Apps {
		if p := a.Protection; p != nil && p.Alert != "" {
			add(p.level(), "app/"+a.ID, "%s: %s", a.Hostname, p.Alert).Since = p.Since
		}
	}
	for _, j := range w.Jobs {
		if !j.Ended && j.State == string(jobs.Waiting) && j.Waiting != "" && !j.turn {
			add("warning", jobObject(j.ID), "%s: %s", j.Title, j.Waiting)
		}
	}
	slices.SortStableFunc(w.Alerts, func(a, b Alert) int { return cmp.Compare(a.Level, b.Level) }) // "error" < "warning"
}

func jobObject(id uint64) string { return "job/" + strconv.FormatUint(id, 10) }
