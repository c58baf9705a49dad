package store

import (
	"fmt"
	"iter"
)

// Table declares rows of type T, kept as JSON under a key. It holds no state: declare it once, as a package variable.
type Table[T any] struct {
	name    string
	key     func(T) string
	indexes []Index[T]
}

// Index declares a second way to find rows of a table.
type Index[T any] struct {
	name   string
	unique bool
	of     func(T) []string
}

// NewTable declares a table. The key must not be empty.
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

// By declares an index in which a row may have many values, and a value many rows.
func By[T any](name string, of func(T) []string) Index[T] {
	return Index[T]{name: name, of: of}
}

// Key returns n as text of fixed width that sorts like the number.
func Key(n uint64) string { return fmt.Sprintf("%016x", n) }

func (t *Table[T]) Get(tx *Tx, key string) (T, error)                     { panic("not yet") }
func (t *Table[T]) Find(tx *Tx, index, value string) (T, error)           { panic("not yet") }
func (t *Table[T]) Where(tx *Tx, index, value string) iter.Seq2[T, error] { panic("not yet") }
func (t *Table[T]) All(tx *Tx) iter.Seq2[T, error]                        { panic("not yet") }
func (t *Table[T]) Backwards(tx *Tx) iter.Seq2[T, error]                  { panic("not yet") }
func (t *Table[T]) From(tx *Tx, key string) iter.Seq2[T, error]           { panic("not yet") }
func (t *Table[T]) Prefix(tx *Tx, prefix string) iter.Seq2[T, error]      { panic("not yet") }
func (t *Table[T]) Insert(tx *Tx, v T) error                              { panic("not yet") }
func (t *Table[T]) Put(tx *Tx, v T) error                                 { panic("not yet") }
func (t *Table[T]) Delete(tx *Tx, key string) error                       { panic("not yet") }
func (t *Table[T]) Count(tx *Tx) int                                      { panic("not yet") }
func (t *Table[T]) Next(tx *Tx) (uint64, error)                           { panic("not yet") }
func (t *Table[T]) Rebuild(tx *Tx) error                                  { panic("not yet") }
