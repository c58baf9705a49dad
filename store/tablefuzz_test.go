package store

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzTableAgainstMap does random things to a table and to a map, and compares them by every road.
func FuzzTableAgainstMap(f *testing.F) {
	for seed := range uint64(8) {
		f.Add(seed, 300)
	}
	f.Fuzz(func(t *testing.T, seed uint64, ops int) {
		r := rand.New(rand.NewPCG(seed, 0))
		s := temp(t)
		model := map[string]app{}
		for range min(max(ops, 0), 1000) / 25 {
			before := map[string]app{}
			for k, v := range model {
				before[k] = v
			}
			giveUp := r.IntN(5) == 0
			err := s.Update(func(tx *Tx) error {
				for range 25 {
					step(t, tx, r, model)
				}
				if giveUp {
					return errors.New("given up")
				}
				return nil
			})
			if (err != nil) != giveUp {
				t.Fatal(err)
			}
			if giveUp {
				model = before
			}
			view(t, s, func(tx *Tx) { compare(t, tx, model) })
		}
	})
}

func step(t *testing.T, tx *Tx, r *rand.Rand, model map[string]app) {
	key := string(rune('a' + r.IntN(20)))
	if r.IntN(3) == 0 {
		if err := apps.Delete(tx, key); err != nil {
			t.Fatal(err)
		}
		delete(model, key)
		return
	}
	row := app{ID: key, Port: r.IntN(15)}
	if n := r.IntN(25); n > 0 {
		row.Name = strings.Repeat("n", n)
	}
	for range r.IntN(4) {
		row.Tags = append(row.Tags, []string{"", "x", "x\x00", "xx", "y"}[r.IntN(5)])
	}
	insert := r.IntN(2) == 0
	_, exists := model[key]
	taken := insert && exists
	for k, other := range model {
		taken = taken || k != key && (row.Name != "" && other.Name == row.Name || row.Port != 0 && other.Port == row.Port)
	}
	write := apps.Put
	if insert {
		write = apps.Insert
	}
	err := write(tx, row)
	var te *TakenError
	if errors.As(err, &te) != taken || err != nil && !taken {
		t.Fatalf("write %v: %v, want taken = %v", row, err, taken)
	}
	if !taken {
		model[key] = row
	}
}

func compare(t *testing.T, tx *Tx, model map[string]app) {
	t.Helper()
	tagged := map[string][]string{}
	var all []string
	for k, row := range model {
		all = append(all, k)
		tags := slices.Clone(row.Tags)
		slices.Sort(tags)
		for _, tag := range slices.Compact(tags) {
			tagged[tag] = append(tagged[tag], k)
		}
		got, err := apps.Get(tx, k)
		if err != nil || !cmp.Equal(got, row) {
			t.Fatalf("Get(%s) = %v, %v, want %v", k, got, err, row)
		}
		if row.Name != "" {
			if got, err := apps.Find(tx, "name", row.Name); err != nil || got.ID != k {
				t.Fatalf("Find name of %v: %v, %v", row, got, err)
			}
		}
	}
	slices.Sort(all)
	if got := ids(t, apps.All(tx)); got != strings.Join(all, " ") || apps.Count(tx) != len(all) {
		t.Fatalf("All = %q, Count = %d, want %q", got, apps.Count(tx), all)
	}
	slices.Reverse(all)
	if got := ids(t, apps.Backwards(tx)); got != strings.Join(all, " ") {
		t.Fatalf("Backwards = %q, want %q", got, all)
	}
	for _, tag := range []string{"", "x", "x\x00", "xx", "y"} {
		slices.Sort(tagged[tag])
		if got := ids(t, apps.Where(tx, "tag", tag)); got != strings.Join(tagged[tag], " ") {
			t.Fatalf("Where tag %q = %q, want %q", tag, got, tagged[tag])
		}
	}
	// Nothing but what the rows say may be in the indexes.
	b := apps.open(tx)
	for i, index := range apps.indexes {
		if b.rows == nil {
			break
		}
		want := 0
		for _, row := range model {
			values := slices.Clone(index.of(row))
			slices.Sort(values)
			want += len(slices.Compact(values))
		}
		entries := 0
		for range tx.walk(b.indexes[i], nil, nil) {
			entries++
		}
		if entries != want {
			t.Fatalf("index %s has %d entries, want %d", index.name, entries, want)
		}
	}
}
