package pve

import (
	"errors"
	"reflect"
	"testing"
	"time"
)

func TestBackupKeepsWhatIsThere(t *testing.T) {
	f := newFake(t)
	f.data("POST /nodes/pve1/vzdump", `"UPID:pve1:00000371:00041712:6B03C6B6:vzdump:101:root@pam!realpve:"`)
	c := f.client(t, Config{})
	for i, tt := range []struct {
		options BackupOptions
		want    map[string]any
	}{
		{BackupOptions{Storage: "local"}, map[string]any{"vmid": "101", "storage": "local", "mode": "snapshot", "compress": "zstd", "remove": 0.}},
		{BackupOptions{Storage: "nas", Mode: "stop", Compress: "gzip", Protected: true, Notes: "a\\b\n{{node}}"},
			map[string]any{"vmid": "101", "storage": "nas", "mode": "stop", "compress": "gzip", "remove": 0., "protected": 1., "notes-template": `a\\b\n{ {node}}`}},
	} {
		if _, err := c.Backup(testContext(t), "pve1", 101, tt.options); err != nil {
			t.Fatal(err)
		}
		if got := sentBody(t, f.requests("")[i]); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("sent %v, want %v", got, tt.want)
		}
	}
	f.data("POST /nodes/pve1/vzdump", `"OK"`) // Proxmox: it is on another node
	if _, err := c.Backup(testContext(t), "pve1", 101, BackupOptions{}); !errors.Is(err, ErrRefused) {
		t.Errorf("got %v", err)
	}
}

func TestTheArchiveIsNamedInTheLog(t *testing.T) {
	for line, want := range map[string]string{
		"INFO: creating vzdump archive '/var/lib/vz/dump/vzdump-lxc-101-2026_11_23-04_53_10.tar.zst'": "local:backup/vzdump-lxc-101-2026_11_23-04_53_10.tar.zst",
		"INFO: creating Proxmox Backup Server archive 'ct/100/2026-01-31T02:03:04Z'":                  "local:backup/ct/100/2026-01-31T02:03:04Z",
		"INFO: Starting Backup of VM 101 (lxc)":                                                       "",
		"INFO: creating vzdump archive '/var/lib/vz/dump/'":                                           "",
		"INFO: prune older backups: creating vzdump archive":                                          "",
	} {
		if got, ok := ArchiveIn(line, "local"); got != want || ok != (want != "") {
			t.Errorf("%s: got %q, %v", line, got, ok)
		}
	}
}

func TestABackupTellsWhatItHolds(t *testing.T) {
	f := newFake(t)
	f.data("GET /nodes/pve1/vzdump/extractconfig", `"#Managed by Proximity\n#\n#proximity-app%3A gitea-12ab34cd\narch: amd64\nhostname: git\nmemory: 512\nnet0: name=eth0,hwaddr=02:11:22:33:44:55,ip=dhcp\n\n[before]\nhostname: old\n"`)
	got, err := f.client(t, Config{}).BackupConfig(testContext(t), "pve1", "nas:backup/vzdump-lxc-101-2026_11_23-04_53_10.tar.zst")
	if err != nil || got.Hostname != "git" || got.MemoryMB != 512 || got.Nets[0].MAC != "02:11:22:33:44:55" || got.Description != "Managed by Proximity\n\nproximity-app: gitea-12ab34cd" {
		t.Errorf("got %+v, %v", got, err)
	}
	if got := f.requests("")[0].query; got != "volume=nas%3Abackup%2Fvzdump-lxc-101-2026_11_23-04_53_10.tar.zst" {
		t.Errorf("asked %s", got)
	}
}

func TestRestore(t *testing.T) {
	f := newFake(t)
	f.data("POST /nodes/pve1/lxc", `"UPID:pve1:00000371:00041712:6B03C6B6:vzrestore:101:root@pam:"`)
	c := f.client(t, Config{})
	_, err := c.Restore(testContext(t), "pve1", RestoreOptions{VMID: 101, VolID: "local:backup/x.tar.zst", Storage: "zfs", Force: true, Config: map[string]string{"hostname": "new"}})
	want := map[string]any{"vmid": 101., "ostemplate": "local:backup/x.tar.zst", "restore": 1., "storage": "zfs", "force": 1., "hostname": "new"}
	if got := sentBody(t, f.requests("")[0]); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("sent %v, %v", got, err)
	}
	f.status("POST /nodes/pve1/lxc", 500, "can't overwrite running container", `{"data":null}`)
	if _, err := c.Restore(testContext(t), "pve1", RestoreOptions{VMID: 101, Force: true}); !errors.Is(err, ErrRunning) {
		t.Errorf("got %v", err)
	}
}

func TestClone(t *testing.T) {
	f := newFake(t)
	route := "POST /nodes/pve1/lxc/100/clone"
	f.data(route, `"UPID:pve1:00000371:00041712:6B03C6B6:vzclone:100:root@pam:"`)
	c := f.client(t, Config{})
	_, err := c.Clone(testContext(t), "pve1", 100, CloneOptions{NewID: 101, Hostname: "copy", Snapshot: "tmp"})
	want := map[string]any{"newid": 101., "full": 1., "hostname": "copy", "snapname": "tmp"}
	if got := sentBody(t, f.requests("")[0]); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("sent %v, %v", got, err)
	}
	f.status(route, 500, "Full clone of a running container is only possible from a snapshot", `{"data":null}`)
	if _, err := c.Clone(testContext(t), "pve1", 100, CloneOptions{NewID: 101}); !errors.Is(err, ErrRunning) {
		t.Errorf("got %v", err)
	}
}

func TestSnapshots(t *testing.T) {
	f := newFake(t)
	base := "/nodes/pve1/lxc/101/snapshot"
	f.data("GET "+base, `[{"name":"current","running":1,"digest":"x","description":"You are here!","parent":"b"},
		{"name":"b","description":"","snaptime":"1795409600","parent":"a"},{"name":"a","description":"first\n","snaptime":1795409539}]`)
	f.data("GET /nodes/pve1/lxc/101/feature", `{"hasFeature":1}`)
	upid := `"UPID:pve1:00000298:000403AE:6B03C684:vzsnapshot:101:root@pam:"`
	for _, route := range []string{"POST " + base, "DELETE " + base + "/a", "PUT /nodes/pve1/lxc/101/resize"} {
		f.data(route, upid)
	}
	c, ctx := f.client(t, Config{}), testContext(t)
	got, err := c.Snapshots(ctx, "pve1", 101)
	want := []GuestSnapshot{{"a", time.Unix(1795409539, 0)}, {"b", time.Unix(1795409600, 0)}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
	if can, err := c.CanSnapshot(ctx, "pve1", 101); err != nil || !can {
		t.Errorf("snapshots are possible: %v, %v", can, err)
	}
	for name, call := range map[string]func() (UPID, error){
		"create": func() (UPID, error) { return c.CreateSnapshot(ctx, "pve1", 101, "a", "first") },
		"delete": func() (UPID, error) { return c.DeleteSnapshot(ctx, "pve1", 101, "a", true) },
		"resize": func() (UPID, error) { return c.Resize(ctx, "pve1", 101, "rootfs", 2) },
	} {
		if u, err := call(); err != nil || `"`+string(u)+`"` != upid {
			t.Errorf("%s: %q, %v", name, u, err)
		}
	}
	if got := sentBody(t, f.requests("PUT /nodes/pve1/lxc/101/resize")[0]); !reflect.DeepEqual(got, map[string]any{"disk": "rootfs", "size": "2G"}) {
		t.Errorf("resize sent %v", got)
	}
	if got := f.requests("DELETE " + base + "/a")[0]; got.query != "force=1" || got.body != "" {
		t.Errorf("delete sent %q, %q", got.query, got.body)
	}
}
