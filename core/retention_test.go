package core

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"proximity/pvesim"
)

func times(list ...string) []time.Time {
	var out []time.Time
	for _, s := range list {
		t, err := time.Parse("2006-01-02 15:04", s)
		if err != nil {
			panic(err)
		}
		out = append(out, t)
	}
	return out
}

// The cases are worked by hand from Proxmox's rules.
func TestRetentionCountsAsProxmoxDoes(t *testing.T) {
	t.Parallel()
	days := times("2026-11-22 09:00", "2026-11-22 05:00", "2026-11-21 05:00", "2026-11-20 05:00", "2026-11-20 01:00")
	rome, err := time.LoadLocation("Europe/Rome")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		keep  Retention
		taken []time.Time
		zone  *time.Location
		want  string // a letter for each: k(ept) or g(one)
		why   string // of the last one kept
	}{
		"nothing is asked for":                            {Retention{}, days, time.UTC, "kkkkk", "all are kept"},
		"the last two":                                    {Retention{Last: 2}, days, time.UTC, "kkggg", "last 2 of 2"},
		"the newest of each of two days":                  {Retention{Daily: 2}, days, time.UTC, "kgkgg", "daily 2 of 2"},
		"more days than there are":                        {Retention{Daily: 7}, days, time.UTC, "kgkkg", "daily 3 of 7"},
		"a day kept by an earlier rule is not counted":    {Retention{Last: 1, Daily: 2}, days, time.UTC, "kgkkg", "daily 2 of 2"},
		"what a rule removes stays removed":               {Retention{Daily: 1, Weekly: 5}, days, time.UTC, "kgggg", "daily 1 of 1"},
		"hours are of the clock":                          {Retention{Hourly: 3}, times("2026-11-22 09:59", "2026-11-22 09:01", "2026-11-22 08:59", "2026-11-20 08:30"), time.UTC, "kgkk", "hourly 3 of 3"},
		"weeks begin on Monday":                           {Retention{Weekly: 2}, times("2026-11-23 00:10", "2026-11-22 23:50", "2026-11-16 00:10", "2026-11-15 23:50"), time.UTC, "kkgg", "weekly 2 of 2"},
		"the year's last days may be in next year's week": {Retention{Weekly: 9}, times("2027-01-02 01:00", "2026-12-30 01:00", "2026-12-28 01:00", "2026-12-27 01:00"), time.UTC, "kggk", "weekly 2 of 9"},
		"months and years":                                {Retention{Monthly: 2, Yearly: 2}, times("2026-11-22 01:00", "2026-11-01 01:00", "2026-10-30 01:00", "2026-09-30 01:00", "2025-12-31 01:00", "2025-01-01 01:00"), time.UTC, "kgkgkg", "yearly 1 of 2"},
		"a day is one of the zone":                        {Retention{Daily: 5}, times("2026-11-22 22:30", "2026-11-22 23:30"), rome, "kk", "daily 2 of 5"},
		"the hour that comes twice in autumn counts once": {Retention{Hourly: 5}, times("2026-10-25 01:30", "2026-10-25 00:30"), rome, "kg", "hourly 1 of 5"},
		"two of one second":                               {Retention{Last: 2}, times("2026-11-22 09:00", "2026-11-22 09:00", "2026-11-21 09:00"), time.UTC, "kgk", "last 2 of 2"},
		"gaps are not counted, only what there is":        {Retention{Daily: 2}, times("2026-11-22 09:00", "2026-06-01 09:00", "2025-01-01 09:00"), time.UTC, "kkg", "daily 2 of 2"},
		"none there":                                      {Retention{Last: 3}, nil, time.UTC, "", ""},
	} {
		var got, why string
		for _, w := range c.keep.keeps(c.taken, c.zone) {
			if w == "" {
				got += "g"
			} else {
				got, why = got+"k", w
			}
		}
		if got != c.want || why != c.why {
			t.Errorf("%s: %s keeps %s (%s), want %s (%s)", name, c.keep, got, why, c.want, c.why)
		}
	}
}

// TestRetentionAgreesWithProxmox asks the simulated Proxmox what its own prune
// would do with archives of any times, under any retention.
func TestRetentionAgreesWithProxmox(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	rng := rand.New(rand.NewPCG(1, 2))
	sim := startSim(t, pvesim.Options{Nodes: 1, TaskTime: 0})
	var taken []time.Time
	for range 60 {
		taken = append(taken, now.Add(-time.Duration(rng.ExpFloat64()*float64(60*24*time.Hour))).Truncate(time.Second))
	}
	for _, at := range taken {
		sim.AddArchive("pve1", "nas", 100, at)
	}
	slices.SortFunc(taken, func(a, b time.Time) int { return b.Compare(a) })
	for range 40 {
		pick := func(n int) int { return max(rng.IntN(2*n)-n, 0) }
		k := Retention{Last: pick(4), Hourly: pick(10), Daily: pick(10), Weekly: pick(8), Monthly: pick(8), Yearly: pick(3)}
		var options []string
		for _, r := range k.rules() {
			options = append(options, fmt.Sprintf("keep-%s=%d", r.name, r.keep))
		}
		theirs := prunePreview(t, sim, strings.Join(options, ","))
		for i, why := range k.keeps(taken, time.UTC) {
			if theirs[taken[i].Unix()] != (why != "") {
				t.Errorf("%s: a backup of %s: ours keeps it: %q, Proxmox: %v", k, taken[i], why, theirs[taken[i].Unix()])
			}
		}
	}
}

// prunePreview is Proxmox's own preview: which of the times it keeps.
func prunePreview(t *testing.T, sim *pvesim.Cluster, keep string) map[int64]bool {
	t.Helper()
	id, secret := sim.AddToken("root@pam", "preview", false)
	q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, sim.URL()+"/api2/json/nodes/pve1/storage/nas/prunebackups?"+url.Values{"prune-backups": {keep}, "vmid": {"100"}}.Encode(), nil)
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set("Authorization", "PVEAPIToken="+id+"="+secret)
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	res, err := client.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var answer struct {
		Data []struct {
			CTime int64
			Mark  string
		}
	}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil || len(answer.Data) == 0 {
		t.Fatalf("the preview for %s: %v, %d rows", keep, err, len(answer.Data))
	}
	kept := map[int64]bool{}
	for _, row := range answer.Data {
		kept[row.CTime] = row.Mark == "keep"
	}
	return kept
}
