package core

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"proximity/pvesim"
	"proximity/store"
)

// fillApps puts n running apps into a data folder, with a host that nobody
// answers for.
func fillApps(t testing.TB, cfg Config, n int) {
	t.Helper()
	c, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	secret, err := c.ring.Seal("host/gone", []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	err = c.store.Update(func(tx *store.Tx) error {
		if err := c.hostTable.Put(tx, host{Name: "gone", URL: "https://127.0.0.1:1", User: "root@pam", Secret: secret, Identity: "gone", Default: true}); err != nil {
			return err
		}
		for i := range n {
			a := app{ID: fmt.Sprintf("adminer-%08x", i), CatalogID: "adminer", Hostname: fmt.Sprintf("app-%04d", i), Owner: "admin", Status: StatusStopped, Host: "gone", Node: "pve1",
				VMID: 100 + i, MAC: newMAC(), Cores: 1, MemoryMB: 512, DiskGB: 4, OS: "alpine", Storage: "local-zfs", CreatedAt: time.Now(), ChangedAt: time.Now()}
			if err := c.putApp(tx, a); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// BenchmarkOpen is the time from nothing to a core that serves, with 1,000 apps
// in the store (target: 300 ms for the whole server).
func BenchmarkOpen(b *testing.B) {
	cfg := testConfig(b.TempDir())
	fillApps(b, cfg, 1000)
	for b.Loop() {
		c, err := Open(cfg)
		if err != nil {
			b.Fatal(err)
		}
		if len(c.World(admin).Apps) != 1000 {
			b.Fatal("the world is not there")
		}
		if err := c.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkWorld is what one rebuild of the world costs with 1,000 apps.
func BenchmarkWorld(b *testing.B) {
	cfg := testConfig(b.TempDir())
	fillApps(b, cfg, 1000)
	c, err := Open(cfg)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	for b.Loop() {
		c.rebuild()
	}
}

// BenchmarkCheckDeploy is what one key in the deploy form costs with 1,000 apps.
func BenchmarkCheckDeploy(b *testing.B) {
	cfg := testConfig(b.TempDir())
	fillApps(b, cfg, 1000)
	c, err := Open(cfg)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	for b.Loop() {
		c.CheckDeploy(admin, DeployRequest{CatalogID: "miniflux", Hostname: "reader"})
	}
}

// BenchmarkDeploys is the rate of whole deploys against a cluster that takes no
// time of its own.
func BenchmarkDeploys(b *testing.B) {
	sim := startSim(b, pvesim.Options{TaskTime: 0, NodeMemoryMB: 4 << 20, NodeDiskGB: 1 << 20})
	r := openRig(b, testConfig(b.TempDir()))
	r.connect(sim)
	i := 0
	for b.Loop() {
		i++
		_, j := r.deploy(DeployRequest{CatalogID: "adminer", Hostname: fmt.Sprintf("app-%05d", i)})
		if end := r.end(j.ID); end.State != "succeeded" {
			b.Fatal(end.Error)
		}
	}
}

func TestOneRequestPerHostAndRefreshHoweverManyLook(t *testing.T) {
	t.Parallel()
	sim := startSim(t, pvesim.Options{Guests: 200})
	r := openRig(t, testConfig(t.TempDir()))
	r.connect(sim)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for range 50 {
		r.Watch(ctx)
		r.World(admin)
	}
	seen := make(chan string, 64)
	sim.OnRequest(func(q pvesim.Request) {
		select {
		case seen <- q.Method + " " + q.Path:
		default:
		}
	})
	deadline := time.After(patience)
	for range 10 {
		select {
		case q := <-seen:
			if !strings.HasPrefix(q, "GET ") || !strings.HasSuffix(q, "/cluster/resources") {
				t.Errorf("somebody asked for %s", q)
			}
		case <-deadline:
			t.Fatal("nobody polls")
		}
	}
}
