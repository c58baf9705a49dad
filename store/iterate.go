package store

import (
	"bytes"
	"fmt"
	"iter"
	"slices"

	bolt "go.etcd.io/bbolt"
)

// All returns the rows in key order. Rows may be changed and deleted while iterating, here and below; rows added
// behind the current one are met.
func (t *Table[T]) All(tx *Tx) iter.Seq2[T, error] {
	return t.rows(func(b *bolt.Bucket) iter.Seq2[[]byte, []byte] { return tx.walk(b, nil, nil) }, tx)
}

// Backwards returns the rows from the last key to the first.
func (t *Table[T]) Backwards(tx *Tx) iter.Seq2[T, error] {
	return t.rows(func(b *bolt.Bucket) iter.Seq2[[]byte, []byte] { return tx.walkBack(b, nil, nil) }, tx)
}

// BackwardsFrom returns the rows whose key is smaller than the given one, from the last to the first.
func (t *Table[T]) BackwardsFrom(tx *Tx, key string) iter.Seq2[T, error] {
	return t.rows(func(b *bolt.Bucket) iter.Seq2[[]byte, []byte] { return tx.walkBack(b, []byte(key), nil) }, tx)
}

// From returns the rows whose key is not smaller than the given one, in key order.
func (t *Table[T]) From(tx *Tx, key string) iter.Seq2[T, error] {
	return t.rows(func(b *bolt.Bucket) iter.Seq2[[]byte, []byte] { return tx.walk(b, []byte(key), nil) }, tx)
}

// Prefix returns the rows whose key begins with prefix, in key order.
func (t *Table[T]) Prefix(tx *Tx, prefix string) iter.Seq2[T, error] {
	return t.rows(func(b *bolt.Bucket) iter.Seq2[[]byte, []byte] { return tx.walk(b, nil, []byte(prefix)) }, tx)
}

// rows decodes what a walk over the row bucket yields, and ends at the first row that cannot be read.
func (t *Table[T]) rows(walk func(*bolt.Bucket) iter.Seq2[[]byte, []byte], tx *Tx) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		b := t.open(tx)
		if b.rows == nil {
			return
		}
		for key, data := range walk(b.rows) {
			row, err := t.decode(key, data)
			if !yield(row, err) || err != nil {
				return
			}
		}
	}
}

// Where returns the rows that have the value in the index, in key order.
func (t *Table[T]) Where(tx *Tx, index, value string) iter.Seq2[T, error] {
	return t.where(tx, index, value, (*Tx).walk, t.All)
}

// WhereBackwards is Where from the last key to the first.
func (t *Table[T]) WhereBackwards(tx *Tx, index, value string) iter.Seq2[T, error] {
	return t.where(tx, index, value, (*Tx).walkBack, t.Backwards)
}

type walkFunc func(tx *Tx, b *bolt.Bucket, from, prefix []byte) iter.Seq2[[]byte, []byte]

func (t *Table[T]) where(tx *Tx, name, value string, walk walkFunc, all func(*Tx) iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		i := slices.IndexFunc(t.indexes, func(x Index[T]) bool { return x.name == name })
		if i < 0 {
			yield(none, fmt.Errorf("%s has no index %q", t.name, name))
			return
		}
		b := t.open(tx)
		switch index := t.indexes[i]; {
		case b.rows == nil || index.unique && value == "":
		case b.indexes[i] == nil:
			t.scan(all(tx), index, value, yield)
		case index.unique:
			if key := b.indexes[i].Get([]byte(value)); key != nil {
				yield(t.named(b, index, key))
			}
		default:
			prefix := prefixOf(value)
			for entry := range walk(tx, b.indexes[i], nil, prefix) {
				row, err := t.named(b, index, entry[len(prefix):])
				if !yield(row, err) || err != nil {
					return
				}
			}
		}
	}
}

// named returns the row an index entry points to.
func (t *Table[T]) named(b buckets, index Index[T], key []byte) (T, error) {
	data := b.rows.Get(key)
	if data == nil {
		var none T
		return none, fmt.Errorf("%s: index %s names row %q, which is gone: the file is damaged", t.name, index.name, key)
	}
	return t.decode(key, data)
}

// scan stands in for an index that has not been filled yet.
func (t *Table[T]) scan(all iter.Seq2[T, error], index Index[T], value string, yield func(T, error) bool) {
	for row, err := range all {
		if err == nil && !slices.Contains(index.of(row), value) {
			continue
		}
		if !yield(row, err) || err != nil {
			return
		}
	}
}

// walk yields keys and values from the given key on, as long as they have the prefix. bbolt's cursors lose their
// place when the tree changes under them, so after a change the walk finds its place again by key.
func (tx *Tx) walk(b *bolt.Bucket, from, prefix []byte) iter.Seq2[[]byte, []byte] {
	if bytes.Compare(from, prefix) < 0 {
		from = prefix
	}
	return func(yield func(k, v []byte) bool) {
		c := b.Cursor()
		k, v := c.Seek(from)
		for k != nil && bytes.HasPrefix(k, prefix) {
			at, writes := tx.hold(k), tx.writes
			if !yield(at, v) {
				return
			}
			if tx.writes == writes {
				k, v = c.Next()
				continue
			}
			c = b.Cursor()
			if k, v = c.Seek(at); bytes.Equal(k, at) {
				k, v = c.Next()
			}
		}
	}
}

// walkBack yields keys and values before the given key, backwards, as long as they have the prefix. An empty before
// means from the end.
func (tx *Tx) walkBack(b *bolt.Bucket, before, prefix []byte) iter.Seq2[[]byte, []byte] {
	if len(before) == 0 {
		before = after(prefix)
	}
	return func(yield func(k, v []byte) bool) {
		c := b.Cursor()
		k, v := seekBefore(c, before)
		for k != nil && bytes.HasPrefix(k, prefix) {
			at, writes := tx.hold(k), tx.writes
			if !yield(at, v) {
				return
			}
			if tx.writes == writes {
				k, v = c.Prev()
				continue
			}
			c = b.Cursor()
			k, v = seekBefore(c, at)
		}
	}
}

// seekBefore goes to the last key smaller than the given one; nil means to the last of all.
func seekBefore(c *bolt.Cursor, key []byte) (k, v []byte) {
	if key == nil {
		return c.Last()
	}
	if k, _ := c.Seek(key); k == nil {
		return c.Last()
	}
	return c.Prev()
}

// after returns the smallest key greater than all that begin with prefix, or nil when there is none.
func after(prefix []byte) []byte {
	end := bytes.Clone(prefix)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i] < 0xff {
			end[i]++
			return end[:i+1]
		}
	}
	return nil
}

// hold keeps a key usable after the tree has changed, which it can only in a writing transaction.
func (tx *Tx) hold(k []byte) []byte {
	if tx.bolt.Writable() {
		return bytes.Clone(k)
	}
	return k
}
