package store

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// Table declares rows of type T, kept as JSON under a key. It holds no state: declare it once, as a package variable.
//
// In the file a table is a bucket with a bucket of rows, one bucket per index, and the number of rows.
type Table[T any] struct {
	name    string
	key     func(T) string
	indexes []Index[T]
}

// Index declares a second way to find rows of a table. A declaration that is new for an existing table is filled at
// the next write; one that gives other values than before needs a migration that calls Rebuild.
type Index[T any] struct {
	name   string
	unique bool
	of     func(T) []string
}

// NewTable declares a table. Names begin with a letter. The key of a row must not be empty nor change.
func NewTable[T any](name string, key func(T) string, indexes ...Index[T]) *Table[T] {
	return &Table[T]{name: name, key: key, indexes: indexes}
}

// Unique declares an index whose values belong to one row each. A row whose value is "" is not in the index.
func Unique[T any](name string, of func(T) string) Index[T] {
	return Index[T]{name: name, unique: true, of: func(v T) []string {
		if s := of(v); s != "" {
			return []string{s}
		}
		return nil
	}}
}

// UniqueEach declares an index in which a row may have many values, each of which belongs to one row.
func UniqueEach[T any](name string, of func(T) []string) Index[T] {
	return Index[T]{name: name, unique: true, of: of}
}

// By declares an index in which a row may have many values, and a value many rows.
func By[T any](name string, of func(T) []string) Index[T] {
	return Index[T]{name: name, of: of}
}

// Key returns n as text of fixed width that sorts like the number.
func Key(n uint64) string { return fmt.Sprintf("%016x", n) }

var (
	rowsName  = []byte("rows")
	countName = []byte("count")
)

// buckets are a table's places in the file; rows is nil for a table nobody has written to, and an index is nil when
// its declaration is newer than the last write.
type buckets struct {
	table, rows *bolt.Bucket
	indexes     []*bolt.Bucket
}

func (t *Table[T]) open(tx *Tx) buckets {
	var b buckets
	b.table = tx.bolt.Bucket([]byte(t.name))
	if b.table == nil {
		return b
	}
	b.rows = b.table.Bucket(rowsName)
	b.indexes = make([]*bolt.Bucket, len(t.indexes))
	for i, index := range t.indexes {
		b.indexes[i] = b.table.Bucket(index.bucket())
	}
	return b
}

// openForWrite makes what is missing, and fills indexes that are new.
func (t *Table[T]) openForWrite(tx *Tx) (buckets, error) {
	if !tx.bolt.Writable() {
		return buckets{}, fmt.Errorf("%s: cannot write in a View", t.name)
	}
	b := t.open(tx)
	if b.rows != nil && !slices.Contains(b.indexes, nil) {
		return b, nil
	}
	if t.name == "" || t.name[0] == '_' {
		return b, fmt.Errorf("%q is no name for a table", t.name)
	}
	var err error
	if b.table, err = bucketFor(tx.bolt, []byte(t.name)); err != nil {
		return b, err
	}
	fresh := b.rows == nil
	if b.rows, err = bucketFor(b.table, rowsName); err != nil {
		return b, err
	}
	b.indexes = make([]*bolt.Bucket, len(t.indexes))
	for i, index := range t.indexes {
		missing := b.table.Bucket(index.bucket()) == nil
		if b.indexes[i], err = bucketFor(b.table, index.bucket()); err != nil {
			return b, err
		}
		if missing && !fresh {
			if err := t.fill(tx, b, i); err != nil {
				return b, err
			}
		}
	}
	return b, nil
}

// Get returns the row with the key, or ErrNotFound.
func (t *Table[T]) Get(tx *Tx, key string) (T, error) {
	b := t.open(tx)
	if b.rows != nil && key != "" {
		if data := b.rows.Get([]byte(key)); data != nil {
			return t.decode([]byte(key), data)
		}
	}
	var none T
	return none, t.notFound(key)
}

func (t *Table[T]) notFound(key string) error {
	return fmt.Errorf("%s %q: %w", t.name, key, ErrNotFound)
}

// Find returns the row with the value in a unique index, or ErrNotFound.
func (t *Table[T]) Find(tx *Tx, index, value string) (T, error) {
	for row, err := range t.Where(tx, index, value) {
		return row, err
	}
	var none T
	return none, fmt.Errorf("%s with %s %q: %w", t.name, index, value, ErrNotFound)
}

// Insert adds a row. It returns *TakenError when its key or a unique value belongs to another one.
func (t *Table[T]) Insert(tx *Tx, v T) error { return t.write(tx, v, true) }

// Put adds a row, or replaces the one with the same key. It returns *TakenError when a unique value belongs to another.
// After a *TakenError nothing has changed, and the transaction may go on.
func (t *Table[T]) Put(tx *Tx, v T) error { return t.write(tx, v, false) }

func (t *Table[T]) write(tx *Tx, v T, isNew bool) error {
	key := []byte(t.key(v))
	if len(key) == 0 {
		return fmt.Errorf("%s: a row needs a key", t.name)
	}
	b, err := t.openForWrite(tx)
	if err != nil {
		return err
	}
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("%s %q: %w", t.name, key, err)
	}
	before := b.rows.Get(key)
	if before != nil && isNew {
		return &TakenError{Table: t.name, Index: "key", Value: string(key), By: string(key)}
	}
	var old *T
	if before != nil {
		row, err := t.decode(key, before)
		if err != nil {
			return err
		}
		old = &row
	}
	if err := t.checkUnique(b, string(key), v); err != nil {
		return err
	}
	tx.writes++
	if err := b.rows.Put(key, data); err != nil {
		return fmt.Errorf("%s %q: %w", t.name, key, err)
	}
	if old == nil {
		if err := b.addCount(1); err != nil {
			return err
		}
	}
	return t.reindex(b, key, old, &v)
}

// checkUnique looks for another row that holds one of v's unique values.
func (t *Table[T]) checkUnique(b buckets, key string, v T) error {
	for i, index := range t.indexes {
		if !index.unique {
			continue
		}
		for _, value := range index.of(v) {
			if by := b.indexes[i].Get([]byte(value)); by != nil && string(by) != key {
				return &TakenError{Table: t.name, Index: index.name, Value: value, By: string(by)}
			}
		}
	}
	return nil
}

// reindex changes the indexes from what old had to what now has; nil stands for no row.
func (t *Table[T]) reindex(b buckets, key []byte, old, now *T) error {
	for i, index := range t.indexes {
		var before, after []string
		if old != nil {
			before = index.of(*old)
		}
		if now != nil {
			after = index.of(*now)
		}
		for _, value := range before {
			if slices.Contains(after, value) {
				continue
			}
			if err := b.indexes[i].Delete(index.entry(value, key)); err != nil {
				return fmt.Errorf("%s %q, index %s: %w", t.name, key, index.name, err)
			}
		}
		for _, value := range after {
			if slices.Contains(before, value) {
				continue
			}
			if err := b.indexes[i].Put(index.entry(value, key), index.content(key)); err != nil {
				return fmt.Errorf("%s %q, index %s: %w", t.name, key, index.name, err)
			}
		}
	}
	return nil
}

// Delete removes the row with the key. It is no error when there is none.
func (t *Table[T]) Delete(tx *Tx, key string) error {
	if t.open(tx).rows == nil || key == "" {
		return nil
	}
	b, err := t.openForWrite(tx)
	if err != nil {
		return err
	}
	data := b.rows.Get([]byte(key))
	if data == nil {
		return nil
	}
	old, err := t.decode([]byte(key), data)
	if err != nil {
		return err
	}
	tx.writes++
	if err := b.rows.Delete([]byte(key)); err != nil {
		return fmt.Errorf("%s %q: %w", t.name, key, err)
	}
	if err := b.addCount(-1); err != nil {
		return err
	}
	return t.reindex(b, []byte(key), &old, nil)
}

// Count returns the number of rows, without reading them.
func (t *Table[T]) Count(tx *Tx) int { return t.open(tx).count() }

// Next returns 1, 2, 3, … : a number this table has never given before.
func (t *Table[T]) Next(tx *Tx) (uint64, error) {
	b, err := t.openForWrite(tx)
	if err != nil {
		return 0, err
	}
	return b.rows.NextSequence()
}

// Rebuild makes the indexes anew from the rows. It returns *TakenError when two rows have the same unique value.
func (t *Table[T]) Rebuild(tx *Tx) error {
	b, err := t.openForWrite(tx)
	if err != nil {
		return err
	}
	tx.writes++
	for i, index := range t.indexes {
		if err := b.table.DeleteBucket(index.bucket()); err != nil {
			return fmt.Errorf("%s, index %s: %w", t.name, index.name, err)
		}
		if b.indexes[i], err = b.table.CreateBucket(index.bucket()); err != nil {
			return fmt.Errorf("%s, index %s: %w", t.name, index.name, err)
		}
		if err := t.fill(tx, b, i); err != nil {
			return err
		}
	}
	return nil
}

// fill writes the i-th index, which is empty.
func (t *Table[T]) fill(tx *Tx, b buckets, i int) error {
	index := t.indexes[i]
	for key, data := range tx.walk(b.rows, nil, nil) {
		row, err := t.decode(key, data)
		if err != nil {
			return err
		}
		for _, value := range index.of(row) {
			entry := index.entry(value, key)
			if by := b.indexes[i].Get(entry); by != nil && string(by) != string(index.content(key)) {
				return &TakenError{Table: t.name, Index: index.name, Value: value, By: string(by)}
			}
			if err := b.indexes[i].Put(entry, index.content(key)); err != nil {
				return fmt.Errorf("%s %q, index %s: %w", t.name, key, index.name, err)
			}
		}
	}
	return nil
}

// Drop removes the table with all its rows: for migrations. It is no error when there is none.
func (t *Table[T]) Drop(tx *Tx) error {
	tx.writes++
	err := tx.bolt.DeleteBucket([]byte(t.name))
	if err != nil && !errors.Is(err, berrors.ErrBucketNotFound) {
		return fmt.Errorf("drop %s: %w", t.name, err)
	}
	return nil
}

func (t *Table[T]) decode(key, data []byte) (T, error) {
	var v T
	if err := json.Unmarshal(data, &v); err != nil {
		return v, fmt.Errorf("%s %q cannot be read: %w", t.name, key, err)
	}
	return v, nil
}

func (x Index[T]) bucket() []byte { return []byte("index " + x.name) }

// entry is the key of a value in the index: the value itself in a unique one; else the value behind its length, so
// that no value is the beginning of another, and then the row's key.
func (x Index[T]) entry(value string, key []byte) []byte {
	if x.unique {
		return []byte(value)
	}
	return append(prefixOf(value), key...)
}

// content is what the index keeps under an entry.
func (x Index[T]) content(key []byte) []byte {
	if x.unique {
		return key
	}
	return []byte{}
}

func prefixOf(value string) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(value))), value...)
}

func (b buckets) count() int {
	if b.table == nil {
		return 0
	}
	n := b.table.Get(countName)
	if len(n) != 8 {
		return 0
	}
	return int(binary.BigEndian.Uint64(n))
}

func (b buckets) addCount(n int) error {
	return b.table.Put(countName, binary.BigEndian.AppendUint64(nil, uint64(b.count()+n)))
}
