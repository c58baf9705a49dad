package api

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"proximity/core"
	"proximity/store"
)

// connections is how many clients ask at once.
const connections = 32

// appRow is an app as core keeps it, as far as a list shows it.
type appRow struct {
	ID, CatalogID, Hostname, Owner, Status, Host, Node, MAC, OS, Storage string
	VMID, PublicPort, InternalPort, Cores, MemoryMB, DiskGB, SwapMB      int
	CreatedAt, UpdatedAt, ChangedAt                                      time.Time
}

// manyApps is a server with 1,000 apps, and an admin who may see them.
func manyApps(b *testing.B) (url, token string, c *core.Core) {
	b.Helper()
	dir := b.TempDir()
	st, err := store.Open(filepath.Join(dir, "proximity.db"), store.Options{})
	if err != nil {
		b.Fatal(err)
	}
	apps := store.NewTable("apps", func(a appRow) string { return a.ID })
	err = st.Update(func(tx *store.Tx) error {
		for i := range 1000 {
			at := time.Now().Add(-time.Duration(i) * time.Minute)
			a := appRow{ID: fmt.Sprintf("adminer-%08x", i), CatalogID: "adminer", Hostname: fmt.Sprintf("app-%04d", i), Owner: "admin", Status: "stopped", Host: "lab", Node: "pve1", MAC: fmt.Sprintf("02:00:00:00:%02X:%02X", i>>8, i&255),
				OS: "alpine", Storage: "local-zfs", VMID: 100 + i, PublicPort: 8100 + i%900, InternalPort: 8080, Cores: 2, MemoryMB: 2048, DiskGB: 20, SwapMB: 512, CreatedAt: at, UpdatedAt: at, ChangedAt: at}
			if err := apps.Put(tx, a); err != nil {
				return err
			}
		}
		return nil
	})
	if err := errors.Join(err, st.Close()); err != nil {
		b.Fatal(err)
	}
	if c, err = core.Open(core.Config{Data: dir}); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = c.Close() })
	local := core.LocalAdmin("bench")
	if err := errors.Join(c.AddUser(b.Context(), local, "admin", core.RoleAdmin, nil), c.SetPassword(b.Context(), local, "admin", password)); err != nil {
		b.Fatal(err)
	}
	tokens, err := c.StartLogin(b.Context(), core.Actor{User: "admin", Role: core.RoleAdmin})
	if err != nil {
		b.Fatal(err)
	}
	s := New(Options{Core: c, Listen: "127.0.0.1:0", Rate: 100, Logger: slog.New(slog.DiscardHandler)})
	if err := s.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.http.Close() })
	return s.URL(), tokens.Access, c
}

// hammer sends b.N requests over the connections and reports how many there
// were a second and how long the slowest hundredth took.
func hammer(b *testing.B, url, token string) {
	b.Helper()
	client := &http.Client{Transport: &http.Transport{MaxConnsPerHost: connections, MaxIdleConnsPerHost: connections, DisableCompression: true}}
	defer client.CloseIdleConnections()
	ask := func() (time.Duration, error) {
		req, err := http.NewRequest(http.MethodGet, url, nil)
		if err != nil {
			return 0, err
		}
		req.Header.Set("Authorization", "Bearer "+token)
		begun := time.Now()
		res, err := client.Do(req)
		if err != nil {
			return 0, err
		}
		defer res.Body.Close()
		if _, err := io.Copy(io.Discard, res.Body); err != nil {
			return 0, err
		}
		if res.StatusCode != http.StatusOK {
			return 0, fmt.Errorf("answered with %s", res.Status)
		}
		return time.Since(begun), nil
	}
	var mu sync.Mutex
	var all []time.Duration
	work := make(chan struct{})
	var wg sync.WaitGroup
	for range connections {
		wg.Go(func() {
			var mine []time.Duration
			for range work {
				took, err := ask()
				if err != nil {
					b.Error(err)
					continue
				}
				mine = append(mine, took)
			}
			mu.Lock()
			all = append(all, mine...)
			mu.Unlock()
		})
	}
	b.ResetTimer()
	for range b.N {
		work <- struct{}{}
	}
	close(work)
	wg.Wait()
	b.StopTimer()
	slices.Sort(all)
	if len(all) > 0 {
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
		b.ReportMetric(float64(all[len(all)*99/100].Microseconds())/1000, "p99-ms")
	}
}

const listPath = "/api/apps/?per_page=20"

// BenchmarkListApps is a page of 20 of 1,000 apps (target: at least half of
// what BenchmarkBareHandler does, p99 at most 5 ms).
func BenchmarkListApps(b *testing.B) {
	url, token, _ := manyApps(b)
	hammer(b, url+listPath, token)
}

// BenchmarkBareHandler is what net/http alone does with the same bytes.
func BenchmarkBareHandler(b *testing.B) {
	url, token, _ := manyApps(b)
	req, _ := http.NewRequest(http.MethodGet, url+listPath, nil)
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		b.Fatal(err)
	}
	defer res.Body.Close()
	body := []byte(readAll(b, res.Body))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	bare := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body)
	})}
	go func() { _ = bare.Serve(l) }()
	defer bare.Close()
	hammer(b, "http://"+l.Addr().String()+listPath, token)
}

// BenchmarkListAppsDuringLogins is the same list while 50 people log in over
// and over: what they cost must not stall it.
func BenchmarkListAppsDuringLogins(b *testing.B) {
	url, token, c := manyApps(b)
	local := core.LocalAdmin("bench") // another user logs in: too many logins of one end the oldest, here the list's
	if err := errors.Join(c.AddUser(b.Context(), local, "visitor", core.RoleUser, nil), c.SetPassword(b.Context(), local, "visitor", password)); err != nil {
		b.Fatal(err)
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	var mu sync.Mutex
	logins := 0
	begun := time.Now()
	for range 50 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				res, err := http.Post(url+"/api/auth/login/", asJSON, strings.NewReader(`{"username":"visitor","password":"`+password+`"}`))
				if err != nil {
					b.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, res.Body)
				res.Body.Close()
				if res.StatusCode == http.StatusOK {
					mu.Lock()
					logins++
					mu.Unlock()
				}
			}
		})
	}
	hammer(b, url+listPath, token)
	close(stop)
	wg.Wait()
	b.ReportMetric(float64(logins)/time.Since(begun).Seconds(), "logins/s")
}
