package store

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// The test binary is also the second process of some tests.
func TestMain(m *testing.M) {
	switch path := os.Getenv("STORE_TEST_PATH"); os.Getenv("STORE_TEST_CHILD") {
	case "open":
		s, err := Open(path, Options{Timeout: 60 * time.Millisecond})
		var locked *LockedError
		if errors.As(err, &locked) {
			fmt.Println("locked by", locked.PID)
			return
		}
		fmt.Println("opened", err)
		s.Close()
	case "write":
		writeForEver(path)
	default:
		os.Exit(m.Run())
	}
}

// writeForEver adds rows two at a time and says after each commit how many there must be.
func writeForEver(path string) {
	s, err := Open(path, Options{NoSync: true})
	for n := uint64(0); err == nil; n += 2 {
		err = s.Update(func(tx *Tx) error {
			count := uint64(apps.Count(tx))
			for i := count; i < count+2; i++ {
				if err := apps.Insert(tx, app{ID: Key(i), Name: fmt.Sprint(i), Tags: []string{"x"}}); err != nil {
					return err
				}
			}
			n = count
			return nil
		})
		fmt.Println(n + 2)
	}
	fmt.Println("error:", err)
}

func child(job, path string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "STORE_TEST_CHILD="+job, "STORE_TEST_PATH="+path)
	cmd.Stderr = os.Stderr
	return cmd
}

func TestAnUpdateIsAllOrNothing(t *testing.T) {
	s := temp(t)
	ran := 0
	giveUp := errors.New("given up")
	err := s.Update(func(tx *Tx) error {
		tx.OnCommit(func() { ran++ })
		return errors.Join(apps.Put(tx, app{ID: "a"}), giveUp)
	})
	if !errors.Is(err, giveUp) || ran != 0 {
		t.Errorf("err = %v, hooks ran %d times", err, ran)
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		_ = s.Update(func(tx *Tx) error { panic(apps.Put(tx, app{ID: "b"})) })
	}()
	update(t, s, func(tx *Tx) error {
		tx.OnCommit(func() { ran++ })
		tx.OnCommit(func() { update(t, s, func(tx *Tx) error { ran++; return nil }) }) // the store is free again
		return apps.Put(tx, app{ID: "c"})
	})
	if ran != 2 {
		t.Errorf("hooks ran %d times", ran)
	}
	view(t, s, func(tx *Tx) {
		if got := ids(t, apps.All(tx)); got != "c" {
			t.Errorf("rows %q", got)
		}
	})
}

func TestOfManyWhoWantOneNameOneGetsIt(t *testing.T) {
	for name, write := range map[string]func(*Store, func(*Tx) error) error{"Update": (*Store).Update, "Batch": (*Store).Batch} {
		t.Run(name, func(t *testing.T) {
			s := temp(t)
			const names, rivals = 20, 10
			var wg sync.WaitGroup
			errs := make(chan error, names*rivals)
			for i := range names * rivals {
				wg.Go(func() {
					errs <- write(s, func(tx *Tx) error {
						return apps.Insert(tx, app{ID: fmt.Sprint(i), Name: fmt.Sprint(i % names)})
					})
				})
			}
			wg.Wait()
			close(errs)
			won := 0
			for err := range errs {
				var taken *TakenError
				switch {
				case err == nil:
					won++
				case !errors.As(err, &taken):
					t.Error(err)
				}
			}
			view(t, s, func(tx *Tx) {
				if n := apps.Count(tx); won != names || n != names {
					t.Errorf("%d writers won, %d rows, want %d", won, n, names)
				}
			})
		})
	}
}

func TestInABatchEveryoneGetsTheirOwnAnswer(t *testing.T) {
	s := temp(t)
	var wg sync.WaitGroup
	refused := errors.New("refused")
	for i := range 90 {
		wg.Go(func() {
			defer func() {
				if v := recover(); (v != nil) != (i%3 == 2) || v != nil && v != i {
					t.Errorf("writer %d: panic %v", i, v)
				}
			}()
			hooked := 0
			err := s.Batch(func(tx *Tx) error {
				tx.OnCommit(func() {
					hooked++ // and the store is free again, for batches, too
					if err := s.Batch(func(tx *Tx) error { return nil }); err != nil {
						t.Error(err)
					}
				})
				if err := apps.Put(tx, app{ID: Key(uint64(i))}); err != nil {
					return err
				}
				switch i % 3 {
				case 1:
					return refused
				case 2:
					panic(i)
				}
				return nil
			})
			if want := i%3 == 0; (err == nil) != want || (hooked == 1) != want {
				t.Errorf("writer %d: %v, hook ran %d times", i, err, hooked)
			}
		})
	}
	wg.Wait()
	view(t, s, func(tx *Tx) {
		if n := apps.Count(tx); n != 30 {
			t.Errorf("%d rows, want 30", n)
		}
	})
}

func TestASecondProcessIsToldWhoHasTheStore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p.db")
	s := open(t, path, Options{})
	out, err := child("open", path).Output()
	if want := fmt.Sprintln("locked by", os.Getpid()); err != nil || string(out) != want {
		t.Errorf("%q, %v, want %q", out, err, want)
	}
	var locked *LockedError
	if _, err := Open(path, Options{Timeout: 60 * time.Millisecond}); !errors.As(err, &locked) {
		t.Errorf("a second Open in one process: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	// A stale number keeps nobody out, and nobody is blamed for it.
	if err := os.WriteFile(pidFile(path), []byte("1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := child("open", path).Output(); err != nil || string(out) != "opened <nil>\n" {
		t.Errorf("%q, %v", out, err)
	}
	if _, err := os.Stat(pidFile(path)); !os.IsNotExist(err) {
		t.Errorf("pid file after Close: %v", err)
	}
}

func TestKillingTheWriterLosesNothingItHasCommitted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p.db")
	for round := range 5 {
		cmd := child("write", path)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		promised := 0
		for i := 0; lines.Scan(); i++ {
			if n, err := fmt.Sscan(lines.Text(), &promised); n != 1 {
				t.Errorf("child: %q %v", lines.Text(), err)
			}
			if i == 20+round*7 {
				if err := cmd.Process.Kill(); err != nil { // and read on to what it said before it died
					t.Fatal(err)
				}
			}
		}
		_ = cmd.Wait()
		s := open(t, path, Options{})
		view(t, s, func(tx *Tx) {
			n := apps.Count(tx)
			if n < promised || n%2 != 0 {
				t.Errorf("%d rows, promised %d", n, promised)
			}
			if tagged := strings.Fields(ids(t, apps.Where(tx, "tag", "x"))); len(tagged) != n {
				t.Errorf("%d rows in the index of %d", len(tagged), n)
			}
		})
		s.Close()
	}
}

func TestSnapshotOpensAsAStore(t *testing.T) {
	s := temp(t)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := uint64(0); ; i++ {
			select {
			case <-stop:
				return
			default:
				put(t, s, app{ID: Key(2 * i), Tags: []string{"x"}}, app{ID: Key(2*i + 1), Tags: []string{"x"}})
			}
		}
	})
	var copied bytes.Buffer
	for n := 0; n < 100; view(t, s, func(tx *Tx) { n = apps.Count(tx) }) {
	}
	if err := s.Snapshot(&copied); err != nil {
		t.Fatal(err)
	}
	close(stop)
	wg.Wait()
	path := filepath.Join(t.TempDir(), "copy.db")
	if err := os.WriteFile(path, copied.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	view(t, open(t, path, Options{}), func(tx *Tx) {
		n := apps.Count(tx)
		if n < 100 || n%2 != 0 || len(strings.Fields(ids(t, apps.All(tx)))) != n || len(strings.Fields(ids(t, apps.Where(tx, "tag", "x")))) != n {
			t.Errorf("the copy of %d rows is not consistent", n)
		}
	})
}

func TestTheFileIsPrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p.db")
	open(t, path, Options{})
	for _, p := range []string{path, pidFile(path)} {
		info, err := os.Stat(p)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", p, info, err)
		}
	}
	names, _ := filepath.Glob(path + ".new-*")
	if len(names) != 0 {
		t.Errorf("left behind: %v", names)
	}
}

func TestAFileThatIsNoStoreIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p.db")
	if err := os.WriteFile(path, bytes.Repeat([]byte("not a store "), 2000), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path, Options{}); err == nil || !strings.Contains(err.Error(), path) {
		t.Error(err)
	}
}
