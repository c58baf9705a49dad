package pvesim

import (
	"math"
	"reflect"
	"sync/atomic"
	"testing"
	"time"
)

// rows asks for a container's history.
func (r *rig) rows(vmid string, params ...any) []map[string]any {
	r.t.Helper()
	var out []map[string]any
	for _, row := range r.ok("GET", "/nodes/pve1/lxc/"+vmid+"/rrddata", params...).([]any) {
		out = append(out, row.(map[string]any))
	}
	return out
}

func TestHistoryHasWhatIsKnownAndNothingElse(t *testing.T) {
	var clock atomic.Int64
	clock.Store(time.Date(2026, 11, 23, 5, 0, 0, 0, time.UTC).Unix())
	r := start(t, Options{Now: func() time.Time { return time.Unix(clock.Load(), 0).UTC() }})
	pass := func(minutes int) {
		for range minutes {
			clock.Add(60)
			r.Cluster.sample()
		}
	}
	r.create(100)
	pass(5)
	r.done("POST", "/nodes/pve1/lxc/100/status/start")
	pass(10)
	r.done("POST", "/nodes/pve1/lxc/100/status/stop")
	pass(5)
	r.done("POST", "/nodes/pve1/lxc/100/status/start")
	pass(10)

	rows := r.rows("100", "timeframe", "hour", "cf", "AVERAGE")
	if len(rows) != 60 {
		t.Fatalf("an hour has %d rows", len(rows))
	}
	for i, row := range rows {
		minute := i - 29 // since the container was made
		ran := minute >= 5 && minute < 15 || minute >= 20
		_, limits := row["maxmem"]
		_, cpu := row["cpu"]
		_, net := row["netin"]
		if limits != (minute >= 0) || cpu != ran || net != ran || limits && !ran && row["disk"] != 0.0 {
			t.Errorf("minute %d is %v", minute, row)
		}
	}
	last, now := rows[59], r.object("GET", "/nodes/pve1/lxc/100/status/current")
	for _, key := range []string{"cpu", "mem", "disk"} {
		if got, want := last[key].(float64), now[key].(float64); math.Abs(got-want) > want/4 {
			t.Errorf("%s ends with %v and is %v", key, got, want)
		}
	}
	if again := r.rows("100", "timeframe", "hour"); !reflect.DeepEqual(again, rows) {
		t.Error("asked twice, two histories")
	}
}

func TestHistoryOfEveryTimeframe(t *testing.T) {
	now := time.Date(2026, 11, 23, 5, 0, 30, 0, time.UTC)
	r := start(t, Options{Guests: 8, Nodes: 1, Seed: 3, Now: func() time.Time { return now }})
	vmid := ""
	for _, g := range r.Guests() {
		if g.Type == "lxc" && g.Status == "running" && g.Node == "pve1" {
			vmid = vmidText(g.VMID)
		}
	}
	r.Machine(int(r.object("GET", "/nodes/pve1/lxc/"+vmid+"/status/current")["vmid"].(float64))) // somebody looks into it
	for frame, want := range map[string]struct{ count, step int }{"hour": {60, 60}, "day": {1440, 60}, "week": {336, 1800}, "month": {1440, 1800}, "year": {1440, 21600}} {
		rows, most := r.rows(vmid, "timeframe", frame), r.rows(vmid, "timeframe", frame, "cf", "MAX")
		if step := rows[1]["time"].(float64) - rows[0]["time"].(float64); len(rows) != want.count || int(step) != want.step {
			t.Errorf("%s: %d rows, %v s apart", frame, len(rows), step)
		}
		for i, row := range rows {
			mean, known := row["cpu"].(float64)
			if known && (mean < 0 || mean > 1 || mean > most[i]["cpu"].(float64)+1e-9 || row["mem"].(float64) > row["maxmem"].(float64)) {
				t.Errorf("%s: %v, at most %v", frame, row, most[i])
			}
		}
	}
	if _, known := r.rows(vmid, "timeframe", "year")[0]["maxmem"]; known {
		t.Error("something is known from before the container was made")
	}
	for _, bad := range [][]any{nil, {"timeframe", "decade"}, {"timeframe", "hour", "cf", "LAST"}, {"timeframe", "hour' OR 1"}} {
		if a := r.do("GET", "/nodes/pve1/lxc/"+vmid+"/rrddata", bad...); a.status != 400 {
			t.Errorf("%v is answered %d", bad, a.status)
		}
	}
}
