package core

import (
	"slices"

	"proximity/store"
)

// migrations bring the store of an older version forward.
func migrations() []store.Migration {
	return []store.Migration{{To: 1, Name: "people and hosts have numbers", Apply: number}}
}

// number gives those numbers that have none yet, the oldest first.
func number(tx *store.Tx) error {
	users, hosts := newUserTable(), newHostTable()
	people, err := rows(tx, users)
	if err != nil {
		return err
	}
	slices.SortStableFunc(people, func(a, b user) int { return a.CreatedAt.Compare(b.CreatedAt) })
	for _, u := range people {
		if u.ID, err = users.Next(tx); err != nil {
			return err
		}
		if err := users.Put(tx, u); err != nil {
			return err
		}
	}
	connected, err := rows(tx, hosts)
	if err != nil {
		return err
	}
	slices.SortStableFunc(connected, func(a, b host) int { return a.AddedAt.Compare(b.AddedAt) })
	for _, h := range connected {
		if h.ID, err = hosts.Next(tx); err != nil {
			return err
		}
		if err := hosts.Put(tx, h); err != nil {
			return err
		}
	}
	return nil
}

// rows reads a whole table.
func rows[T any](tx *store.Tx, t *store.Table[T]) ([]T, error) {
	var all []T
	for row, err := range t.All(tx) {
		if err != nil {
			return nil, err
		}
		all = append(all, row)
	}
	return all, nil
}
