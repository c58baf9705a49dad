package store

import (
	"encoding/binary"
	"fmt"

	bolt "go.etcd.io/bbolt"
)

// Migration brings a file one version further. It runs in a transaction of its own, together with the change of
// version. A new file starts at version 0 and goes through all of them.
type Migration struct {
	To    int // schema version afterwards, from 1 upwards
	Name  string
	Apply func(tx *Tx) error
}

// No table can have this name: see Table.open.
var (
	metaBucket = []byte("_meta")
	versionKey = []byte("version")
)

func checkMigrations(ms []Migration) error {
	last := 0
	for _, m := range ms {
		if m.To <= last {
			return fmt.Errorf("migration %q to version %d comes after version %d: versions must rise", m.Name, m.To, last)
		}
		last = m.To
	}
	return nil
}

// Version returns the schema version of the file.
func (tx *Tx) Version() int {
	meta := tx.bolt.Bucket(metaBucket)
	if meta == nil {
		return 0
	}
	v := meta.Get(versionKey)
	if len(v) != 8 {
		return 0
	}
	return int(binary.BigEndian.Uint64(v))
}

func (tx *Tx) setVersion(version int) error {
	meta, err := bucketFor(tx.bolt, metaBucket)
	if err != nil {
		return err
	}
	return meta.Put(versionKey, binary.BigEndian.AppendUint64(nil, uint64(version)))
}

func (s *Store) migrate(ms []Migration) error {
	newest := 0
	if len(ms) > 0 {
		newest = ms[len(ms)-1].To
	}
	var version int
	err := s.View(func(tx *Tx) error { version = tx.Version(); return nil })
	if err != nil {
		return err
	}
	if version > newest {
		return &NewerError{File: version, Program: newest}
	}
	for _, m := range ms {
		if m.To <= version {
			continue
		}
		err := s.Update(func(tx *Tx) error {
			if err := m.Apply(tx); err != nil {
				return err
			}
			return tx.setVersion(m.To)
		})
		if err != nil {
			return fmt.Errorf("migration to version %d (%s): %w", m.To, m.Name, err)
		}
	}
	return nil
}

// parent is what holds buckets: a transaction or another bucket.
type parent interface {
	Bucket(name []byte) *bolt.Bucket
	CreateBucket(name []byte) (*bolt.Bucket, error)
}

func bucketFor(p parent, name []byte) (*bolt.Bucket, error) {
	if b := p.Bucket(name); b != nil {
		return b, nil
	}
	return p.CreateBucket(name)
}
