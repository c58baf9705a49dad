package core

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"proximity/store"
)

// People and hosts as schema version 0 knew them: without numbers.
// testdata/v0.db was written by it.
type userV0 struct {
	Name      string
	Role      Role
	Password  string
	CreatedAt time.Time
}

type hostV0 struct {
	Name, URL, User, Identity string
	Default                   bool
	AddedAt                   time.Time
}

func writeV0(tx *store.Tx) error {
	users := store.NewTable("users", func(u userV0) string { return u.Name })
	hosts := store.NewTable("hosts", func(h hostV0) string { return h.Name }, store.Unique("identity", func(h hostV0) string { return h.Identity }))
	first := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for i, name := range []string{"zoe", "admin", "mia"} {
		if err := users.Put(tx, userV0{Name: name, Role: RoleUser, CreatedAt: first.Add(time.Duration(i) * time.Hour)}); err != nil {
			return err
		}
		if err := hosts.Put(tx, hostV0{Name: "host-of-" + name, URL: "https://10.0.0.2:8006", Identity: name, AddedAt: first.Add(-time.Duration(i) * time.Hour)}); err != nil {
			return err
		}
	}
	return nil
}

func TestAFileWithoutNumbersGetsThem(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/v0.db")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "proximity.db")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time there is nothing to do
		st, err := store.Open(path, store.Options{Migrations: migrations()})
		if err != nil {
			t.Fatal(err)
		}
		err = st.View(func(tx *store.Tx) error {
			for id, name := range map[string]string{"1": "zoe", "2": "admin", "3": "mia"} { // the oldest first
				if u, err := newUserTable().Find(tx, indexID, id); err != nil || u.Name != name {
					t.Errorf("user %s is %q, %v; want %s", id, u.Name, err, name)
				}
			}
			for id, name := range map[string]string{"1": "host-of-mia", "2": "host-of-admin", "3": "host-of-zoe"} {
				if h, err := newHostTable().Find(tx, indexID, id); err != nil || h.Name != name || h.URL == "" {
					t.Errorf("host %s is %+v, %v; want %s", id, h, err, name)
				}
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	}
}

// Run with WRITE_TESTDATA=1 to write testdata/v0.db again.
func TestWriteOldFile(t *testing.T) {
	t.Parallel()
	if os.Getenv("WRITE_TESTDATA") == "" {
		t.Skip("only to make testdata")
	}
	st, err := store.Open(filepath.Join(t.TempDir(), "v0.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	if err := st.Update(writeV0); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create("testdata/v0.db")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := st.Snapshot(f); err != nil {
		t.Fatal(err)
	}
}
