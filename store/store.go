// Package store keeps typed tables in one bbolt file. Every room that remembers something declares its tables here.
package store

import (
	"errors"
	"io"
	"time"

	bolt "go.etcd.io/bbolt"
)

// ErrNotFound is returned when no row has the asked key or index value.
var ErrNotFound = errors.New("not found")

// Options say how a store is opened. The zero value is right for a server.
type Options struct {
	NoSync     bool          // leave flushing to the kernel: safe against a crash of the process, not of the machine
	Migrations []Migration   // in the order of their To
	Timeout    time.Duration // how long to wait for the file lock; 0 means half a second
}

// Migration brings a file one version further. It runs in a transaction of its own, together with the change of version.
type Migration struct {
	To    int
	Name  string
	Apply func(tx *Tx) error
}

// Store is an open file. It is safe for concurrent use: many readers, one writer.
type Store struct {
	db *bolt.DB
}

// Tx is a transaction over all tables. It is valid only inside the function it is handed to.
type Tx struct {
	bolt  *bolt.Tx
	hooks []func()
}

// Open opens or creates the file at path.
func Open(path string, o Options) (*Store, error) { panic("not yet") }

// View runs fn on a consistent picture of the store.
func (s *Store) View(fn func(*Tx) error) error { panic("not yet") }

// Update runs fn and commits all of its changes, or none when fn returns an error.
func (s *Store) Update(fn func(*Tx) error) error { panic("not yet") }

// Batch is Update for many writers at once: their changes share one commit. fn may run more than once.
func (s *Store) Batch(fn func(*Tx) error) error { panic("not yet") }

// Snapshot writes a consistent copy of the file to w while the store is in use.
func (s *Store) Snapshot(w io.Writer) error { panic("not yet") }

// Close ends the use of the file.
func (s *Store) Close() error { panic("not yet") }

// OnCommit has fn run once after the transaction has been committed, and never when it is not.
func (tx *Tx) OnCommit(fn func()) { tx.hooks = append(tx.hooks, fn) }
