package store

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// A host as schema version 1 knew it, and as version 2 does. testdata/v1.db was written by version 1.
type hostV1 struct{ Name, Address string }

type host struct {
	ID, Name  string
	Addresses []string
}

var (
	hostsV1 = NewTable("hosts", func(h hostV1) string { return h.Name },
		Unique("address", func(h hostV1) string { return h.Address }))
	hosts = NewTable("hosts", func(h host) string { return h.ID },
		Unique("name", func(h host) string { return h.Name }),
		By("address", func(h host) []string { return h.Addresses }))
)

var toV1 = Migration{To: 1, Name: "a host to begin with", Apply: func(tx *Tx) error {
	return hostsV1.Put(tx, hostV1{Name: "homelab", Address: "10.0.0.2"})
}}

var toV2 = Migration{To: 2, Name: "hosts have many addresses", Apply: func(tx *Tx) error {
	var old []hostV1
	for h, err := range hostsV1.All(tx) {
		if err != nil {
			return err
		}
		old = append(old, h)
	}
	if err := hostsV1.Drop(tx); err != nil {
		return err
	}
	for _, h := range old {
		if err := hosts.Insert(tx, host{ID: "h-" + h.Name, Name: h.Name, Addresses: []string{h.Address}}); err != nil {
			return err
		}
	}
	return nil
}}

// oldFile copies the file of version 1 from testdata.
func oldFile(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile("testdata/v1.db")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "p.db")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAnOlderFileIsBroughtForward(t *testing.T) {
	path := oldFile(t)
	for range 2 { // the second time there is nothing to do
		s := open(t, path, Options{Migrations: []Migration{toV1, toV2}})
		view(t, s, func(tx *Tx) {
			h, err := hosts.Find(tx, "name", "homelab")
			if err != nil || h.ID != "h-homelab" || tx.Version() != 2 || hosts.Count(tx) != 2 {
				t.Errorf("%v, %v, version %d, %d hosts", h, err, tx.Version(), hosts.Count(tx))
			}
		})
		s.Close()
	}
}

func TestAFailedMigrationChangesNothing(t *testing.T) {
	path := oldFile(t)
	broken := Migration{To: 3, Name: "broken", Apply: func(tx *Tx) error {
		return errors.Join(hosts.Drop(tx), errors.New("cannot go on"))
	}}
	if _, err := Open(path, Options{Migrations: []Migration{toV1, toV2, broken}}); err == nil {
		t.Fatal("no error")
	}
	s := open(t, path, Options{Migrations: []Migration{toV1, toV2}}) // and the lock is free
	view(t, s, func(tx *Tx) {
		if tx.Version() != 2 || hosts.Count(tx) != 2 {
			t.Errorf("version %d, %d hosts", tx.Version(), hosts.Count(tx))
		}
	})
}

func TestAFileOfANewerProgramIsRefused(t *testing.T) {
	path := oldFile(t)
	open(t, path, Options{Migrations: []Migration{toV1, toV2}}).Close()
	_, err := Open(path, Options{Migrations: []Migration{toV1}})
	var newer *NewerError
	if !errors.As(err, &newer) || newer.File != 2 || newer.Program != 1 {
		t.Error(err)
	}
}

func TestANewFileGoesThroughAllMigrations(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "p.db"), Options{Migrations: []Migration{toV1, toV2}})
	view(t, s, func(tx *Tx) {
		if _, err := hosts.Get(tx, "h-homelab"); err != nil || tx.Version() != 2 {
			t.Errorf("%v, version %d", err, tx.Version())
		}
	})
}

func TestMigrationsMustRise(t *testing.T) {
	if _, err := Open(filepath.Join(t.TempDir(), "p.db"), Options{Migrations: []Migration{toV2, toV1}}); err == nil {
		t.Error("no error")
	}
}

// Run with WRITE_TESTDATA=1 to write testdata/v1.db again.
func TestWriteOldFile(t *testing.T) {
	if os.Getenv("WRITE_TESTDATA") == "" {
		t.Skip("only to make testdata")
	}
	path := filepath.Join(t.TempDir(), "v1.db")
	s := open(t, path, Options{Migrations: []Migration{toV1}})
	update(t, s, func(tx *Tx) error { return hostsV1.Put(tx, hostV1{Name: "attic", Address: "10.0.0.3"}) })
	f, err := os.Create("testdata/v1.db")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := s.Snapshot(f); err != nil {
		t.Fatal(err)
	}
}
