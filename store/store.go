// Package store keeps typed tables in one bbolt file; every room that remembers something declares its tables here.
package store

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// ErrNotFound is returned when no row has the asked key or index value.
var ErrNotFound = errors.New("not found")

// Options say how a store is opened. The zero value is right for a server.
type Options struct {
	NoSync     bool          // leave flushing to the kernel: safe against a crash of the process, not of the machine
	Migrations []Migration   // in the order of their To
	Timeout    time.Duration // how long to wait for the file lock; 0 means half a second
}

// Store is an open file. It is safe for concurrent use: many readers, one writer.
type Store struct {
	db    *bolt.DB
	group group
}

// Tx is a transaction over all tables. It is valid only inside the function it is handed to, and for one goroutine.
type Tx struct {
	bolt   *bolt.Tx
	hooks  []func()
	writes int // counts changes, so that iterators know when to find their place again
}

const (
	defaultTimeout = 500 * time.Millisecond
	// A reader holds the memory map, and a writer that must enlarge it waits for all readers: a slow Snapshot
	// would stop the server. This much address space (not memory, not disk) makes that rare.
	mapSize = 1 << 30
	// The file grows by this much at a time.
	growBy = 1 << 20
)

// Open opens the file at path, creates it (mode 0600) when there is none, and brings it to the newest schema version.
// It returns *LockedError when another process has it open and *NewerError when a newer program wrote it.
func Open(path string, o Options) (*Store, error) {
	if err := checkMigrations(o.Migrations); err != nil {
		return nil, err
	}
	if err := create(path); err != nil {
		return nil, fmt.Errorf("create store %s: %w", path, err)
	}
	timeout := o.Timeout
	if timeout == 0 {
		timeout = defaultTimeout
	}
	db, err := bolt.Open(path, 0o600, options(timeout, o.NoSync))
	if errors.Is(err, berrors.ErrTimeout) {
		return nil, &LockedError{PID: readPID(path)}
	}
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w", path, err)
	}
	db.AllocSize = growBy
	s := &Store{db: db}
	if err := writePID(path); err != nil {
		return nil, errors.Join(fmt.Errorf("open store %s: %w", path, err), db.Close())
	}
	if err := s.migrate(o.Migrations); err != nil {
		return nil, errors.Join(fmt.Errorf("open store %s: %w", path, err), s.Close())
	}
	return s, nil
}

func options(timeout time.Duration, noSync bool) *bolt.Options {
	return &bolt.Options{
		Timeout:         timeout,
		NoSync:          noSync,
		NoGrowSync:      noSync,
		NoFreelistSync:  true,
		FreelistType:    bolt.FreelistMapType,
		InitialMmapSize: mapSize,
		NoStatistics:    true,
	}
}

// create makes an empty store at path unless there is a file already. The file appears complete or not at all:
// bbolt refuses a half-written one, and a crash at first start must not need a person.
func create(path string) error {
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if err := f.Close(); err != nil {
		return err
	}
	db, err := bolt.Open(f.Name(), 0o600, &bolt.Options{Timeout: time.Second, NoFreelistSync: true})
	if err != nil {
		return err
	}
	if err := db.Close(); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// syncDir makes the names in a folder survive a power cut.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// View runs fn on a consistent picture of the store. It must not be called inside Update.
func (s *Store) View(fn func(*Tx) error) error {
	return s.db.View(func(b *bolt.Tx) error { return fn(&Tx{bolt: b}) })
}

// Update runs fn and commits all of its changes, or none when fn returns an error or panics. OnCommit functions run
// after the commit, when the store is free for others again. Updates do not nest.
func (s *Store) Update(fn func(*Tx) error) error {
	var tx *Tx
	err := s.db.Update(func(b *bolt.Tx) error {
		tx = &Tx{bolt: b}
		return fn(tx)
	})
	if err != nil {
		return err
	}
	tx.committed()
	return nil
}

func (tx *Tx) committed() {
	for _, hook := range tx.hooks {
		hook()
	}
}

// OnCommit has fn run once after the transaction has been committed, and never when it is not.
func (tx *Tx) OnCommit(fn func()) { tx.hooks = append(tx.hooks, fn) }

// Snapshot writes a consistent copy of the file to w while the store is in use.
func (s *Store) Snapshot(w io.Writer) error {
	err := s.db.View(func(b *bolt.Tx) error {
		_, err := b.WriteTo(w)
		return err
	})
	if err != nil {
		return fmt.Errorf("copy store: %w", err)
	}
	return nil
}

// Close waits for running transactions and lets go of the file.
func (s *Store) Close() error {
	// While the lock is still held: afterwards the file may be another process's.
	removePID(s.db.Path())
	return s.db.Close()
}

// group collects the writes that share the next commit.
type group struct {
	leader  sync.Mutex // held by whoever commits for all
	mu      sync.Mutex // guards waiting
	waiting []*write
}

type write struct {
	fn   func(*Tx) error
	tx   *Tx // of the last run
	done chan error
}

// panicked carries a panic of one member of a group to the goroutine it belongs to.
type panicked struct{ value any }

func (p panicked) Error() string { return fmt.Sprint("panic: ", p.value) }

// Batch is Update for many writers at once: changes that arrive while another commit is being flushed share the next
// one. fn may run more than once, and not in the caller's goroutine, so apart from the transaction it must only set
// what it set before. OnCommit functions run in the caller's goroutine.
func (s *Store) Batch(fn func(*Tx) error) error {
	w := &write{fn: fn, done: make(chan error, 1)}
	s.group.add(w)
	s.group.leader.Lock()
	s.commitGroup()
	s.group.leader.Unlock()
	err := <-w.done
	if p, ok := err.(panicked); ok {
		panic(p.value)
	}
	if err == nil {
		w.tx.committed()
	}
	return err
}

// commitGroup commits all waiting writes together, or one by one when any of them fails.
func (s *Store) commitGroup() {
	if s.group.empty() {
		return // an earlier leader has taken ours along
	}
	var writes []*write
	err := s.db.Update(func(b *bolt.Tx) error {
		writes = s.group.take()
		for _, w := range writes {
			if err := w.run(b); err != nil {
				return err
			}
		}
		return nil
	})
	if writes == nil { // the transaction could not even begin
		writes = s.group.take()
	}
	if err == nil || len(writes) == 1 {
		for _, w := range writes {
			w.done <- err
		}
		return
	}
	for _, w := range writes {
		w.done <- s.db.Update(w.run)
	}
}

// run is fn with a panic turned into an error, since it may run in a goroutine that is not its own.
func (w *write) run(b *bolt.Tx) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = panicked{v}
		}
	}()
	w.tx = &Tx{bolt: b}
	return w.fn(w.tx)
}

func (g *group) add(w *write) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.waiting = append(g.waiting, w)
}

func (g *group) empty() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.waiting) == 0
}

func (g *group) take() []*write {
	g.mu.Lock()
	defer g.mu.Unlock()
	taken := g.waiting
	g.waiting = nil
	return taken
}
