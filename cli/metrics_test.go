package cli

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"proximity/core"
)

func TestMetricsTable(t *testing.T) {
	s := lab()
	s.points = 12
	want := `TIME    CPU   MEMORY     DISK     IN        OUT
11:15  2.5%  200 MiB  3.0 GiB  0 B/s  2.9 KiB/s
11:20  3.7%  300 MiB  3.0 GiB  0 B/s  4.4 KiB/s
11:25     –        –        –      –          –
11:30  6.2%  500 MiB  3.0 GiB  0 B/s  7.3 KiB/s
11:35  7.4%  600 MiB  3.0 GiB  0 B/s  8.8 KiB/s
11:40  8.6%  700 MiB  3.0 GiB  0 B/s   10 KiB/s
11:45  9.8%  800 MiB  3.0 GiB  0 B/s   12 KiB/s
11:50   11%  900 MiB  3.0 GiB  0 B/s   13 KiB/s
11:55   12%  1.0 GiB  3.0 GiB  0 B/s   15 KiB/s
12:00   14%  1.1 GiB  3.0 GiB  0 B/s   16 KiB/s
`
	got := command(t, s, "", "metrics git")
	if diff := cmp.Diff(want, got.out); diff != "" || got.exit != 0 || s.done[0] != "metrics git hour" {
		t.Errorf("%v %s\n%s", s.done, got.err, diff)
	}
	s.points = 1440
	for period, last := range map[string]string{"day": "\n12:00 ", "month": "\n2026-11-24 12:00 "} {
		got := command(t, s, "", "metrics git --period "+period)
		if n := strings.Count(got.out, "\n"); n != metricRows+1 || !strings.Contains(got.out, last) {
			t.Errorf("%s: %d lines\n%s", period, n, got.out)
		}
	}
	var v core.HistoryView
	got = command(t, s, "", "metrics git --period month --json")
	if err := json.Unmarshal([]byte(got.out), &v); err != nil || len(v.Points) != 1440 || v.Period != "month" {
		t.Errorf("%d points, %v", len(v.Points), err)
	}
	if v.Points[4].CPU != nil || strings.Contains(got.out, "null") {
		t.Error("what is not known is not absent")
	}
	s.points = 2
	if got := command(t, s, "", "metrics git"); got.exit != 0 || got.out != "" || !strings.Contains(got.err, "nothing of git in the last hour") {
		t.Errorf("nothing is known: %+v", got)
	}
}
