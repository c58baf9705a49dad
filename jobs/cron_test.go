package jobs

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"proximity/store"
)

// clock is the bubble's clock put forward or back.
type clock struct{ shift atomic.Int64 }

func (c *clock) now() time.Time { return time.Now().Add(time.Duration(c.shift.Load())) }

func (c *clock) put(d time.Duration) { c.shift.Add(int64(d)) }

// runs is a schedule that writes down its nominal times.
func runs(id, expression string, d *diary) Schedule {
	return Schedule{ID: id, Cron: expression, Zone: "UTC", Enqueue: func(tx *store.Tx, nominal time.Time) error {
		tx.OnCommit(func() { d.note("%s", nominal.UTC().Format("2T15:04")) })
		return nil
	}}
}

func (w *world) schedule(s Schedule) {
	w.t.Helper()
	if err := w.e.Schedule(s); err != nil {
		w.t.Fatal(err)
	}
}

// Bubbles begin at midnight UTC, 2000-01-01, a Saturday.

func TestASchedulesTimesComeOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		var hourly, six, nightly diary
		w.start(Options{}, func(*Engine) {})
		w.schedule(runs("hourly", "@hourly", &hourly))
		w.schedule(runs("six", "@every 6h", &six))
		w.schedule(runs("nightly", "30 2 * * *", &nightly))
		if next, ok := w.e.NextRun("nightly"); !ok || !next.Equal(time.Date(2000, 1, 1, 2, 30, 0, 0, time.UTC)) {
			t.Error(next, ok)
		}
		if _, ok := w.e.NextRun("x"); ok {
			t.Error("an unknown schedule has a next run")
		}
		pass(3*time.Hour + 10*time.Minute)
		if hourly.String() != "1T01:00 1T02:00 1T03:00" || six.String() != "" || nightly.String() != "1T02:30" {
			t.Errorf("%s | %s | %s", hourly.String(), six.String(), nightly.String())
		}
		pass(10 * time.Hour)
		if six.String() != "1T06:00 1T12:00" {
			t.Error(six.String())
		}
	})
}

func TestMissedTimesAreMadeUpForOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		var d, fresh diary
		none := func(*Engine) {}
		w.start(Options{}, none)
		w.schedule(runs("hourly", "@hourly", &d))
		pass(90 * time.Minute)
		w.halt()
		pass(49*time.Hour + 10*time.Minute) // off for two days
		w.start(Options{}, none)
		w.schedule(runs("hourly", "@hourly", &d))
		w.schedule(runs("new", "@hourly", &fresh)) // has missed nothing
		synctest.Wait()
		if d.String() != "1T01:00 3T02:00" || fresh.String() != "" {
			t.Errorf("%s | %s", d.String(), fresh.String())
		}
		w.halt()
		w.start(Options{}, none) // and once is once
		w.schedule(runs("hourly", "@hourly", &d))
		pass(time.Hour)
		if d.String() != "1T01:00 3T02:00 3T03:00" {
			t.Error(d.String())
		}
	})
}

func TestAMissedTimeIsFoundHoweverLongAgo(t *testing.T) {
	for _, c := range []struct {
		expression string
		off        time.Duration
		want       string
	}{
		{"* * * * *", 400 * 24 * time.Hour, "2001-02-04T00:00"},
		{"0 3 1 1 *", 400 * 24 * time.Hour, "2001-01-01T03:00"},
		{"0 3 1 1 *", 300 * 24 * time.Hour, "2000-01-01T03:00"},
		{"0 3 29 2 *", 3 * 365 * 24 * time.Hour, "2000-02-29T03:00"},
		{"@every 12h", 47 * time.Hour, "2000-01-02T12:00"},
	} {
		times, err := parseCron(c.expression, "UTC")
		if err != nil {
			t.Fatal(err)
		}
		s := entry{times: times}
		since := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
		got := s.latest(since, since.Add(c.off))
		if got.UTC().Format("2006-01-02T15:04") != c.want {
			t.Errorf("%s after %s: %s, want %s", c.expression, c.off, got, c.want)
		}
		if again := s.latest(got, since.Add(c.off)); !again.IsZero() {
			t.Errorf("%s: %s after the latest %s", c.expression, again, got)
		}
	}
}

func TestAClockThatIsPutBackDoublesNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		var d diary
		var c clock
		w.start(Options{Now: c.now}, func(*Engine) {})
		w.schedule(runs("hourly", "@hourly", &d))
		pass(4*time.Hour + 30*time.Minute)
		c.put(-2 * time.Hour) // 02:30 again
		w.e.Wake()
		pass(3 * time.Hour)
		if d.String() != "1T01:00 1T02:00 1T03:00 1T04:00 1T05:00" {
			t.Error(d.String())
		}
	})
}

func TestAClockThatWasAheadStopsNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		var d, late diary
		var c clock
		w.start(Options{Now: c.now}, func(*Engine) {})
		w.schedule(runs("hourly", "@hourly", &d))
		pass(90 * time.Minute)
		c.put(50 * time.Hour)
		w.e.Wake()
		synctest.Wait()
		w.schedule(runs("late", "@hourly", &late)) // added while the clock was ahead
		c.put(-50 * time.Hour)
		w.e.Wake()
		pass(time.Hour)
		if d.String() != "1T01:00 3T03:00 1T02:00" || late.String() != "1T02:00" {
			t.Errorf("%s | %s", d.String(), late.String())
		}
	})
}

func TestAScheduleHasItsZone(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		var d diary
		w.start(Options{}, func(*Engine) {})
		s := runs("nightly", "30 2 * * *", &d)
		s.Zone = "Asia/Tokyo" // UTC+9
		w.schedule(s)
		pass(24 * time.Hour)
		if d.String() != "1T17:30" {
			t.Error(d.String())
		}
	})
}

func TestAChangedScheduleHasMissedNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		var d diary
		w.start(Options{}, func(*Engine) {})
		w.schedule(runs("nightly", "0 2 * * *", &d))
		pass(9 * time.Hour)
		w.schedule(runs("nightly", "0 5 * * *", &d)) // at nine, when five is over
		synctest.Wait()
		if d.String() != "1T02:00" {
			t.Error(d.String())
		}
		if err := w.e.Unschedule("nightly"); err != nil {
			t.Fatal(err)
		}
		if err := w.e.Unschedule("nightly"); err != nil {
			t.Fatal(err)
		}
		pass(24 * time.Hour)
		if d.String() != "1T02:00" {
			t.Errorf("a removed schedule ran: %s", d.String())
		}
	})
}

func TestARunIsSkippedWhenBusyAndTriedAgainAfterAnError(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		var d, ran diary
		fails := 3
		w.start(Options{}, func(e *Engine) {
			step := Step[plan]{Name: "a", Timeout: 2 * time.Hour, Do: func(ctx context.Context, r *Run[plan]) error {
				time.Sleep(90 * time.Minute)
				ran.note("%d", r.Job().ID)
				return nil
			}}
			Register(e, Workflow[plan]{Kind: "reconcile", Steps: []Step[plan]{step}})
		})
		w.schedule(Schedule{ID: "reconcile", Cron: "@hourly", Enqueue: func(tx *store.Tx, nominal time.Time) error {
			_, err := w.e.Enqueue(tx, Spec{Kind: "reconcile", Subject: "all"})
			d.note("%s:%v", nominal.UTC().Format("15"), err == nil)
			return err
		}})
		w.schedule(Schedule{ID: "flaky", Cron: "0 4 * * *", Zone: "UTC", Enqueue: func(tx *store.Tx, nominal time.Time) error {
			if fails--; fails == 1 {
				panic("oh")
			} else if fails > 0 {
				return errors.New("locked")
			}
			d.note("flaky@%s", time.Now().UTC().Format("15:04"))
			return nil
		}})
		pass(4*time.Hour + 10*time.Minute)
		if want := "01:true 02:false 03:true 04:false flaky@04:02"; d.String() != want {
			t.Errorf("%s\nwant %s", d.String(), want)
		}
		if ran.String() != "1" {
			t.Error(ran.String())
		}
		pass(time.Hour)
	})
}

func TestARunIsRecordedWithWhatItEnqueues(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		var d diary
		w.start(Options{}, func(e *Engine) { Register(e, Workflow[plan]{Kind: "k", Steps: []Step[plan]{made(&d, "a")}}) })
		fail := true
		w.schedule(Schedule{ID: "s", Cron: "@hourly", Enqueue: func(tx *store.Tx, nominal time.Time) error {
			if _, err := w.e.Enqueue(tx, Spec{Kind: "k"}); err != nil {
				return err
			}
			if fail {
				fail = false
				return errors.New("after all not")
			}
			return nil
		}})
		pass(90 * time.Minute)
		if d.String() != "+a" {
			t.Error(d.String())
		}
	})
}

func TestOldRunsAreForgottenButNotTheLatest(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		var often, yearly diary
		w.start(Options{}, func(*Engine) {})
		w.schedule(runs("often", "*/30 * * * *", &often))
		w.schedule(runs("yearly", "0 3 1 1 *", &yearly))
		pass(9 * 24 * time.Hour)
		var kept [2]int
		if err := w.store.View(func(tx *store.Tx) error {
			for r, err := range runTable.All(tx) {
				if err != nil {
					return err
				}
				kept[b2i(r.Schedule == "yearly")]++
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if n := 7 * 24 * 2; kept[0] < n || kept[0] > n+2 || kept[1] != 1 {
			t.Errorf("kept %v, want about %d and 1", kept, n)
		}
		if n := len(strings.Fields(often.String())); n != 9*24*2 || yearly.String() != "1T03:00" {
			t.Errorf("%d runs, %s", n, yearly.String())
		}
	})
}

func TestWhatIsNoSchedule(t *testing.T) {
	w := newWorld(t)
	w.prepare(Options{}, func(*Engine) {})
	enqueue := func(*store.Tx, time.Time) error { return nil }
	for _, s := range []Schedule{
		{ID: "", Cron: "@daily", Enqueue: enqueue},
		{ID: "x", Cron: "@daily"},
		{ID: "x", Cron: "", Enqueue: enqueue},
		{ID: "x", Cron: "daily", Enqueue: enqueue},
		{ID: "x", Cron: "61 * * * *", Enqueue: enqueue},
		{ID: "x", Cron: "* * * * * *", Enqueue: enqueue},
		{ID: "x", Cron: "0 0 30 2 *", Enqueue: enqueue},
		{ID: "x", Cron: "TZ=Asia/Tokyo 0 0 * * *", Enqueue: enqueue},
		{ID: "x", Cron: "@daily", Zone: "Middle/Earth", Enqueue: enqueue},
	} {
		if err := w.e.Schedule(s); err == nil {
			t.Errorf("%+v was taken", s)
		}
		if s.ID == "x" && s.Enqueue != nil && CheckCron(s.Cron, s.Zone) == nil {
			t.Errorf("CheckCron likes %q %q", s.Cron, s.Zone)
		}
	}
}

func FuzzParseCron(f *testing.F) {
	for _, s := range []string{"30 2 * * *", "@every 1h", "@weekly", "*/5 1-3 * JAN MON", "TZ=UTC * * * * *"} {
		f.Add(s)
	}
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, expression string) {
		times, err := parseCron(expression, "UTC")
		if err != nil {
			return
		}
		s := entry{times: times}
		if got := s.latest(now.Add(-time.Hour), now); got.After(now) || !got.IsZero() && !got.After(now.Add(-time.Hour)) {
			t.Errorf("%q: %s", expression, got)
		}
	})
}
