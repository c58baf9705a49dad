package pvesim

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestStateSurvivesARestart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "sim", "state.json")
	o := Options{Nodes: 2, Guests: 4, StateFile: file, Seed: 7}
	r := start(t, o)
	r.create(100, "hostname", "kept")
	r.done("POST", "/nodes/pve1/lxc/100/status/start")
	r.inside(100, "echo kept > /root/n")
	r.done("POST", "/nodes/pve1/lxc/100/snapshot", "snapname", "s1")
	r.done("POST", "/nodes/pve1/vzdump", "vmid", 100, "storage", "local")
	conf := r.object("GET", "/nodes/pve1/lxc/100/config")
	fingerprint, key := r.Fingerprint(), r.SSHHostKey("pve2")
	id, secret := r.AddToken("root@pam", "kept", false)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("state file: %v, %v", info, err)
	}

	r = start(t, o)
	if r.Fingerprint() != fingerprint || r.SSHHostKey("pve2") != key {
		t.Error("the cluster has other keys than before")
	}
	r.auth = "PVEAPIToken=" + id + "=" + secret
	got := r.object("GET", "/nodes/pve1/lxc/100/config")
	if a, b := mustJSON(t, conf), mustJSON(t, got); a != b {
		t.Errorf("configuration was %s, is %s", a, b)
	}
	if s := r.object("GET", "/nodes/pve1/lxc/100/status/current"); s["status"] != "running" {
		t.Errorf("status is %v", s)
	}
	if n := r.inside(100, "hostname; cat /root/n"); n != "kept\nkept\n" {
		t.Errorf("inside: %q", n)
	}
	if len(r.Guests()) != 5 || len(r.backups("local")) != 1 {
		t.Errorf("%d guests, %d backups", len(r.Guests()), len(r.backups("local")))
	}
	r.done("POST", "/nodes/pve1/lxc/100/snapshot/s1/rollback")
	if rows := r.ok("GET", "/nodes/pve1/tasks", "typefilter", "vzdump").([]any); len(rows) != 1 {
		t.Errorf("old tasks: %v", rows)
	}
}

func TestAKillInTheMiddleOfACreateLeavesNothing(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state.json")
	r := start(t, Options{TaskTime: 1, StateFile: file})
	r.Cluster.mu.Lock()
	r.addVolume(&volume{Volid: "local:vztmpl/debian-12.tar.zst", Storage: "local", Node: "pve1", Content: "vztmpl", Size: 200 << 20})
	r.Cluster.mu.Unlock()
	upid := r.ok("POST", "/nodes/pve1/lxc", "vmid", 100, "ostemplate", "local:vztmpl/debian-12.tar.zst", "rootfs", "local-lvm:8").(string)
	r.until("the disk", func() bool { return len(r.ok("GET", "/nodes/pve1/storage/local-lvm/content").([]any)) == 1 })
	if err := r.save(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	copied := file + ".copy"
	if err := os.WriteFile(copied, b, 0o600); err != nil {
		t.Fatal(err)
	}
	again := start(t, Options{StateFile: copied})
	if n := len(again.Guests()); n != 0 {
		t.Errorf("%d guests", n)
	}
	if left := again.ok("GET", "/nodes/pve1/storage/local-lvm/content").([]any); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
	if exit, _ := again.ended(upid); exit != "unexpected status" {
		t.Errorf("the task ended %q", exit)
	}
	// Proxmox takes a worker that is no more off the list of active ones.
	if active := again.ok("GET", "/nodes/pve1/tasks?source=active").([]any); len(active) != 0 {
		t.Errorf("still active: %v", active)
	}
	for _, row := range again.ok("GET", "/nodes/pve1/tasks?source=archive").([]any) {
		if end, _ := row.(map[string]any)["endtime"].(float64); end == 0 {
			t.Errorf("never ended: %v", row)
		}
	}
}

func mustJSON(t *testing.T, v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestDamagedStateIsRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state.json")
	if err := os.WriteFile(file, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Start(t.Context(), Options{StateFile: file}); err == nil || !strings.Contains(err.Error(), "remove it to start anew") {
		t.Errorf("got %v", err)
	}
}

func TestListensOnLoopbackOnly(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", "192.0.2.1:0", "[::]:0", "127.0.0.1", "127.0.0.1:http"} {
		if c, err := Start(t.Context(), Options{Listen: addr}); err == nil {
			c.Close()
			t.Errorf("listened on %s", addr)
		}
	}
}

func TestTwoClustersDoNotMeet(t *testing.T) {
	a, b := start(t, Options{}), start(t, Options{})
	if a.Network().Overlaps(b.Network()) || a.URL() == b.URL() || a.Fingerprint() == b.Fingerprint() {
		t.Errorf("%s %s and %s %s", a.URL(), a.Network(), b.URL(), b.Network())
	}
}
