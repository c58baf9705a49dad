package store

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

type app struct {
	ID   string
	Name string   // unique
	Port int      // unique, 0 = none
	Tags []string // many
}

var apps = NewTable("apps", func(a app) string { return a.ID },
	Unique("name", func(a app) string { return a.Name }),
	Unique("port", func(a app) string {
		if a.Port == 0 {
			return ""
		}
		return fmt.Sprint(a.Port)
	}),
	By("tag", func(a app) []string { return a.Tags }),
)

func open(t testing.TB, path string, o Options) *Store {
	t.Helper()
	s, err := Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func temp(t testing.TB) *Store {
	t.Helper()
	return open(t, filepath.Join(t.TempDir(), "test.db"), Options{NoSync: true})
}

func update(t testing.TB, s *Store, fn func(tx *Tx) error) {
	t.Helper()
	if err := s.Update(fn); err != nil {
		t.Fatal(err)
	}
}

func view(t testing.TB, s *Store, fn func(tx *Tx)) {
	t.Helper()
	if err := s.View(func(tx *Tx) error { fn(tx); return nil }); err != nil {
		t.Fatal(err)
	}
}

func put(t testing.TB, s *Store, rows ...app) {
	t.Helper()
	update(t, s, func(tx *Tx) error {
		for _, r := range rows {
			if err := apps.Put(tx, r); err != nil {
				return err
			}
		}
		return nil
	})
}

// ids collects the keys an iterator yields, in its order.
func ids(t testing.TB, seq func(func(app, error) bool)) string {
	t.Helper()
	var out []string
	for a, err := range seq {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, a.ID)
	}
	return strings.Join(out, " ")
}

func TestATableNobodyHasWrittenToIsEmpty(t *testing.T) {
	s := temp(t)
	view(t, s, func(tx *Tx) {
		if _, err := apps.Get(tx, "a"); !errors.Is(err, ErrNotFound) {
			t.Errorf("Get: %v", err)
		}
		if _, err := apps.Find(tx, "name", "a"); !errors.Is(err, ErrNotFound) {
			t.Errorf("Find: %v", err)
		}
		if got := ids(t, apps.All(tx)) + ids(t, apps.Backwards(tx)) + ids(t, apps.Where(tx, "tag", "x")); got != "" {
			t.Errorf("rows: %q", got)
		}
		if n := apps.Count(tx); n != 0 {
			t.Errorf("Count = %d", n)
		}
	})
	update(t, s, func(tx *Tx) error { return apps.Delete(tx, "a") })
}

func TestRowsAreFoundByEveryRoad(t *testing.T) {
	s := temp(t)
	put(t, s,
		app{ID: "b", Name: "bee", Port: 8101, Tags: []string{"x", "y"}},
		app{ID: "a", Name: "ant", Port: 8100, Tags: []string{"x"}},
		app{ID: "c", Name: "cat", Tags: []string{"y", "xx"}},
		app{ID: "cc", Name: "cow"},
		app{ID: "d"},
	)
	view(t, s, func(tx *Tx) {
		for _, c := range []struct{ what, got, want string }{
			{"All", ids(t, apps.All(tx)), "a b c cc d"},
			{"Backwards", ids(t, apps.Backwards(tx)), "d cc c b a"},
			{"BackwardsFrom", ids(t, apps.BackwardsFrom(tx, "c")), "b a"},
			{"BackwardsFrom beyond the end", ids(t, apps.BackwardsFrom(tx, "z")), "d cc c b a"},
			{"From", ids(t, apps.From(tx, "c")), "c cc d"},
			{"From between", ids(t, apps.From(tx, "bb")), "c cc d"},
			{"Prefix", ids(t, apps.Prefix(tx, "c")), "c cc"},
			{"Where x", ids(t, apps.Where(tx, "tag", "x")), "a b"},
			{"Where y", ids(t, apps.Where(tx, "tag", "y")), "b c"},
			{"Where y backwards", ids(t, apps.WhereBackwards(tx, "tag", "y")), "c b"},
			{"Where nothing", ids(t, apps.Where(tx, "tag", "")), ""},
			{"Where unique", ids(t, apps.Where(tx, "name", "cat")), "c"},
			{"Where unique, no value", ids(t, apps.Where(tx, "name", "")), ""},
		} {
			if c.got != c.want {
				t.Errorf("%s: %q, want %q", c.what, c.got, c.want)
			}
		}
		got, err := apps.Find(tx, "port", "8101")
		if want := (app{ID: "b", Name: "bee", Port: 8101, Tags: []string{"x", "y"}}); err != nil || !cmp.Equal(got, want) {
			t.Errorf("Find = %v, %v", got, err)
		}
		if n := apps.Count(tx); n != 5 {
			t.Errorf("Count = %d", n)
		}
		for _, err := range apps.Where(tx, "colour", "red") {
			if err == nil || !strings.Contains(err.Error(), `no index "colour"`) {
				t.Errorf("unknown index: %v", err)
			}
		}
	})
}

func TestAUniqueValueBelongsToOneRow(t *testing.T) {
	s := temp(t)
	put(t, s, app{ID: "a", Name: "ant", Port: 8100})
	for _, c := range []struct {
		what  string
		write func(*Table[app], *Tx, app) error
		row   app
		want  *TakenError
	}{
		{"insert an existing key", (*Table[app]).Insert, app{ID: "a", Name: "x"}, &TakenError{"apps", "key", "a", "a"}},
		{"insert a taken name", (*Table[app]).Insert, app{ID: "b", Name: "ant"}, &TakenError{"apps", "name", "ant", "a"}},
		{"put a taken port", (*Table[app]).Put, app{ID: "b", Name: "bee", Port: 8100}, &TakenError{"apps", "port", "8100", "a"}},
		{"put itself again", (*Table[app]).Put, app{ID: "a", Name: "ant", Port: 8100}, nil},
		{"no value is not a value", (*Table[app]).Put, app{ID: "c"}, nil},
		{"nor for a second row", (*Table[app]).Put, app{ID: "d"}, nil},
	} {
		update(t, s, func(tx *Tx) error {
			err := c.write(apps, tx, c.row)
			var taken *TakenError
			if errors.As(err, &taken); !cmp.Equal(taken, c.want) || (err == nil) != (c.want == nil) {
				t.Errorf("%s: %v", c.what, err)
			}
			return nil // commits: a refused write must have left nothing
		})
	}
	view(t, s, func(tx *Tx) {
		if got := ids(t, apps.All(tx)); got != "a c d" {
			t.Errorf("rows %q", got)
		}
		if _, err := apps.Find(tx, "name", "bee"); !errors.Is(err, ErrNotFound) {
			t.Errorf("the refused row left its name: %v", err)
		}
	})
	// A value is free again when its row gives it up or goes.
	put(t, s, app{ID: "a", Name: "asp"})
	put(t, s, app{ID: "c", Name: "ant", Port: 8100})
	update(t, s, func(tx *Tx) error { return apps.Delete(tx, "a") })
	put(t, s, app{ID: "d", Name: "asp"})
}

func TestRowsWithoutKeyAndWritesInAViewAreRefused(t *testing.T) {
	s := temp(t)
	if err := s.Update(func(tx *Tx) error { return apps.Put(tx, app{}) }); err == nil {
		t.Error("a row without key was taken")
	}
	if err := s.View(func(tx *Tx) error { return apps.Put(tx, app{ID: "a"}) }); err == nil {
		t.Error("a View wrote")
	}
	meta := NewTable("_meta", func(a app) string { return a.ID })
	if err := s.Update(func(tx *Tx) error { return meta.Put(tx, app{ID: "a"}) }); err == nil {
		t.Error("a table got at the store's own bucket")
	}
}

func TestRowsMayGoWhileIterating(t *testing.T) {
	for name, seq := range map[string]func(*Tx) func(func(app, error) bool){
		"All":            func(tx *Tx) func(func(app, error) bool) { return apps.All(tx) },
		"Backwards":      func(tx *Tx) func(func(app, error) bool) { return apps.Backwards(tx) },
		"Where":          func(tx *Tx) func(func(app, error) bool) { return apps.Where(tx, "tag", "x") },
		"WhereBackwards": func(tx *Tx) func(func(app, error) bool) { return apps.WhereBackwards(tx, "tag", "x") },
	} {
		t.Run(name, func(t *testing.T) {
			s := temp(t)
			const n = 2000 // many pages
			update(t, s, func(tx *Tx) error {
				for i := range uint64(n) {
					if err := apps.Put(tx, app{ID: Key(i), Name: fmt.Sprint(i), Tags: []string{"x"}}); err != nil {
						return err
					}
				}
				return nil
			})
			update(t, s, func(tx *Tx) error {
				seen := 0
				for a, err := range seq(tx) {
					if err != nil {
						return err
					}
					seen++
					if seen%3 == 0 {
						continue
					}
					if err := apps.Delete(tx, a.ID); err != nil {
						return err
					}
				}
				if seen != n {
					t.Errorf("met %d rows of %d", seen, n)
				}
				return nil
			})
			view(t, s, func(tx *Tx) {
				if got := apps.Count(tx); got != n/3 {
					t.Errorf("%d rows left, want %d", got, n/3)
				}
			})
		})
	}
}

func TestSequenceNeverRepeats(t *testing.T) {
	s := temp(t)
	var got []uint64
	for range 3 {
		update(t, s, func(tx *Tx) error {
			n, err := apps.Next(tx)
			got = append(got, n)
			return errors.Join(err, apps.Put(tx, app{ID: Key(n)}), apps.Delete(tx, Key(n)))
		})
	}
	if !slices.Equal(got, []uint64{1, 2, 3}) {
		t.Error(got)
	}
}

func TestKeySortsLikeItsNumber(t *testing.T) {
	numbers := []uint64{0, 1, 9, 10, 15, 16, 255, 256, 1 << 32, 1<<64 - 1}
	for i := range len(numbers) - 1 {
		if Key(numbers[i]) >= Key(numbers[i+1]) {
			t.Errorf("Key(%d) >= Key(%d)", numbers[i], numbers[i+1])
		}
	}
}

func TestANewIndexAnswersAtOnceAndIsFilledByTheFirstWrite(t *testing.T) {
	s := temp(t)
	plain := NewTable("apps", func(a app) string { return a.ID })
	update(t, s, func(tx *Tx) error {
		return errors.Join(
			plain.Put(tx, app{ID: "a", Name: "ant", Tags: []string{"x"}}),
			plain.Put(tx, app{ID: "b", Name: "bee", Tags: []string{"x"}}))
	})
	check := func() {
		t.Helper()
		view(t, s, func(tx *Tx) {
			if got := ids(t, apps.WhereBackwards(tx, "tag", "x")); got != "b a" {
				t.Errorf("tag x: %q", got)
			}
			if a, err := apps.Find(tx, "name", "bee"); err != nil || a.ID != "b" {
				t.Errorf("name bee: %v, %v", a, err)
			}
		})
	}
	check()
	err := s.Update(func(tx *Tx) error { return apps.Put(tx, app{ID: "c", Name: "ant"}) })
	var taken *TakenError
	if !errors.As(err, &taken) {
		t.Errorf("the new unique index let a second ant in: %v", err)
	}
	put(t, s, app{ID: "c"})
	check()
}

func TestRebuildRefusesTwoRowsWithOneUniqueValue(t *testing.T) {
	s := temp(t)
	plain := NewTable("apps", func(a app) string { return a.ID })
	update(t, s, func(tx *Tx) error {
		return errors.Join(plain.Put(tx, app{ID: "a", Name: "ant"}), plain.Put(tx, app{ID: "b", Name: "ant"}))
	})
	var taken *TakenError
	if err := s.Update(apps.Rebuild); !errors.As(err, &taken) || taken.Value != "ant" {
		t.Error(err)
	}
	update(t, s, func(tx *Tx) error { return plain.Put(tx, app{ID: "b", Name: "bee"}) })
	update(t, s, apps.Rebuild)
	view(t, s, func(tx *Tx) {
		if a, err := apps.Find(tx, "name", "bee"); err != nil || a.ID != "b" {
			t.Error(a, err)
		}
	})
	update(t, s, apps.Drop)
	update(t, s, apps.Drop)
	view(t, s, func(tx *Tx) {
		if apps.Count(tx) != 0 {
			t.Error("Drop left rows")
		}
	})
}

func BenchmarkReadOf10000(b *testing.B) {
	s := temp(b)
	update(b, s, func(tx *Tx) error {
		for i := range uint64(10_000) {
			row := app{ID: Key(i), Name: fmt.Sprint("app-", i), Port: int(i) + 1, Tags: []string{fmt.Sprint("owner-", i%100)}}
			if err := apps.Put(tx, row); err != nil {
				return err
			}
		}
		return nil
	})
	bench := func(name string, fn func(tx *Tx)) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				view(b, s, fn)
			}
		})
	}
	bench("Get", func(tx *Tx) { _, _ = apps.Get(tx, Key(5000)) })
	bench("Find", func(tx *Tx) { _, _ = apps.Find(tx, "name", "app-5000") })
	bench("Where100", func(tx *Tx) { ids(b, apps.Where(tx, "tag", "owner-7")) })
	bench("Count", func(tx *Tx) { apps.Count(tx) })
	bench("All", func(tx *Tx) { ids(b, apps.All(tx)) })
}
