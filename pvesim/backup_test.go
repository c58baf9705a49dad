package pvesim

import (
	"bytes"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// inside runs a command in a container.
func (r *rig) inside(vmid int, script string) string {
	r.t.Helper()
	var out bytes.Buffer
	if code := r.Machine(vmid).Exec(r.t.Context(), []string{"sh", "-c", script}, nil, nil, &out, &out); code != 0 {
		r.t.Fatalf("%s in CT %d exits %d: %s", script, vmid, code, out.String())
	}
	return out.String()
}

func (r *rig) backups(storage string) []map[string]any {
	r.t.Helper()
	var out []map[string]any
	for _, row := range r.ok("GET", "/nodes/pve1/storage/"+storage+"/content", "content", "backup").([]any) {
		out = append(out, row.(map[string]any))
	}
	return out
}

func TestBackupAndRestore(t *testing.T) {
	now := time.Date(2026, 11, 23, 4, 53, 10, 0, time.UTC)
	r := start(t, Options{Nodes: 2, Now: func() time.Time { return now }})
	r.create(100, "hostname", "app", "description", "demo")
	r.done("POST", "/nodes/pve1/lxc/100/status/start")
	r.inside(100, "echo before > /root/state")
	log := r.done("POST", "/nodes/pve1/vzdump", "vmid", 100, "storage", "local", "mode", "snapshot", "compress", "zstd", "notes-template", "{{guestname}} by test", "remove", 0)
	for _, want := range []string{
		"INFO: starting new backup job: vzdump 100 --compress zstd --mode snapshot --notes-template '{{guestname}} by test' --remove 0 --storage local --node pve1",
		"INFO: creating vzdump archive '/var/lib/vz/dump/vzdump-lxc-100-2026_11_23-04_53_10.tar.zst'", "INFO: Finished Backup of VM 100 (00:00:00)",
		"INFO: Backup job finished successfully", "TASK OK",
	} {
		if !slices.Contains(log, want) {
			t.Errorf("%q is not in the log\n%s", want, strings.Join(log, "\n"))
		}
	}
	b := r.backups("local")[0]
	volid := b["volid"].(string)
	if volid != "local:backup/vzdump-lxc-100-2026_11_23-04_53_10.tar.zst" || b["notes"] != "app by test" || b["format"] != "tar.zst" || b["subtype"] != "lxc" || b["size"].(float64) <= 0 {
		t.Errorf("backup is listed as %v", b)
	}
	r.inside(100, "echo after > /root/state")
	restore := []any{"vmid", 100, "ostemplate", volid, "restore", 1, "storage", "local-lvm"}
	r.fails(500, "CT 100 already exists on node 'pve1'", "POST", "/nodes/pve1/lxc", restore...)
	r.fails(500, "can't overwrite running container", "POST", "/nodes/pve1/lxc", append(restore, "force", 1)...)
	r.done("POST", "/nodes/pve1/lxc/100/status/stop")
	mac := netMAC(r.object("GET", "/nodes/pve1/lxc/100/config")["net0"].(string))
	r.done("POST", "/nodes/pve1/lxc", append(restore, "force", 1)...)
	r.done("POST", "/nodes/pve1/lxc/100/status/start")
	if got := r.inside(100, "cat /root/state"); got != "before\n" {
		t.Errorf("the restored container has %q", got)
	}
	r.done("POST", "/nodes/pve1/lxc", "vmid", 101, "ostemplate", volid, "restore", 1, "storage", "local-lvm", "hostname", "copy", "unique", 1, "start", 1)
	r.until("the start of the copy", func() bool { return r.object("GET", "/nodes/pve1/lxc/101/status/current")["status"] == "running" })
	conf := r.object("GET", "/nodes/pve1/lxc/101/config")
	if conf["hostname"] != "copy" || netMAC(conf["net0"].(string)) == mac || conf["description"] != "demo\n" {
		t.Errorf("the copy's configuration is %v", conf)
	}
	if got := r.inside(101, "hostname; cat /root/state"); got != "copy\nbefore\n" {
		t.Errorf("inside the copy: %q", got)
	}

	// A protected backup cannot be removed.
	at := "/nodes/pve1/storage/local/content/" + url.PathEscape(volid)
	r.ok("PUT", at, "protected", 1)
	if exit, _ := r.task("DELETE", at); exit != "cannot remove protected volume 'backup/vzdump-lxc-100-2026_11_23-04_53_10.tar.zst' on 'local'" {
		t.Errorf("ended %q", exit)
	}
	r.ok("PUT", at, "protected", 0)
	if upid := r.ok("DELETE", at).(string); !strings.Contains(upid, ":imgdel:100@local:") {
		t.Errorf("UPID %s", upid)
	} else {
		r.ended(upid)
	}
	if left := r.backups("local"); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
	if got := r.do("POST", "/nodes/pve2/vzdump", "vmid", 100, "storage", "local"); got.Data != "OK" {
		t.Errorf("vzdump on the wrong node: %s", got.body)
	}
	if exit, _ := r.task("POST", "/nodes/pve1/vzdump", "vmid", 100, "storage", "local-lvm"); exit != "could not get storage information for 'local-lvm': can't use storage 'local-lvm' for backups - wrong content type" {
		t.Errorf("ended %q", exit)
	}
	if exit, log := r.task("POST", "/nodes/pve1/vzdump", "vmid", 555, "storage", "local"); exit != "job errors" || !slices.Contains(log, "ERROR: Backup of VM 555 failed - unable to find VM '555'") {
		t.Errorf("ended %q: %q", exit, log)
	}
}

// A restore over a container that fails once its disks are gone leaves nothing; one that fails before leaves it alone.
func TestAFailedRestoreOverAContainer(t *testing.T) {
	r := start(t, Options{})
	r.create(100, "hostname", "app")
	r.done("POST", "/nodes/pve1/vzdump", "vmid", 100, "storage", "nas")
	volid := r.backups("nas")[0]["volid"].(string)
	over := func(volid string) (exit string) {
		exit, _ = r.task("POST", "/nodes/pve1/lxc", "vmid", 100, "ostemplate", volid, "restore", 1, "storage", "local-lvm", "force", 1)
		return exit
	}
	if exit := over("nas:backup/vzdump-lxc-100-2020_01_01-00_00_00.tar"); !strings.Contains(exit, "does not exist") {
		t.Errorf("an archive that is not there ends %q", exit)
	}
	if c := r.object("GET", "/nodes/pve1/lxc/100/config"); c["hostname"] != "app" || c["lock"] != nil {
		t.Errorf("after that the container is %v", c)
	}
	r.Inject(Fault{Method: "POST", Path: "/nodes/*/lxc", Times: 1, Do: "fail-task:tar: Unexpected EOF in archive"})
	if exit := over(volid); !strings.Contains(exit, "Unexpected EOF") {
		t.Errorf("a broken archive ends %q", exit)
	}
	r.fails(500, "Configuration file 'nodes/pve1/lxc/100.conf' does not exist", "GET", "/nodes/pve1/lxc/100/config")
	if exit := over(volid); exit != "OK" {
		t.Errorf("a restore into its place ends %q", exit)
	}
}

func TestBackupModes(t *testing.T) {
	r := start(t, Options{})
	r.create(100)
	r.done("POST", "/nodes/pve1/lxc/100/status/start")
	for mode, want := range map[string]string{"stop": "INFO: restarting vm", "suspend": "INFO: resuming guest", "snapshot": "INFO: create storage snapshot 'vzdump'"} {
		if log := r.done("POST", "/nodes/pve1/vzdump", "vmid", 100, "storage", "nas", "mode", mode); !slices.Contains(log, want) {
			t.Errorf("mode %s logs no %q", mode, want)
		}
		if s := r.object("GET", "/nodes/pve1/lxc/100/status/current"); s["status"] != "running" || s["lock"] != nil {
			t.Errorf("after mode %s: %v", mode, s)
		}
	}
	if n := len(r.backups("nas")); n != 3 {
		t.Errorf("%d backups of three in one second", n)
	}
	rows := r.ok("GET", "/nodes/pve1/storage/nas/prunebackups", "prune-backups", "keep-last=1").([]any)
	count := map[any]int{}
	for _, row := range rows {
		count[row.(map[string]any)["mark"]]++
	}
	if count["keep"] != 1 || count["remove"] != 2 {
		t.Errorf("marks are %v", count)
	}
	r.done("DELETE", "/nodes/pve1/storage/nas/prunebackups", "prune-backups", "keep-last=1", "vmid", 100)
	if n := len(r.backups("nas")); n != 1 {
		t.Errorf("%d backups are left", n)
	}
}

func TestRetention(t *testing.T) {
	day := func(d, h int) int64 { return time.Date(2026, 11, d, h, 0, 0, 0, time.UTC).Unix() }
	backups := []*volume{
		{Volid: "a", CTime: day(20, 1)}, {Volid: "b", CTime: day(20, 5)}, {Volid: "c", CTime: day(21, 5)}, {Volid: "d", CTime: day(22, 5)}, {Volid: "e", CTime: day(22, 9)},
		{Volid: "p", CTime: day(1, 1), Protected: true},
	}
	for keep, want := range map[string]string{
		"": "abcdep", "keep-all=1": "abcdep", "keep-last=0": "abcdep", "keep-last=2": "dep", "keep-daily=2": "cep", "keep-last=1,keep-daily=2": "bcep", "keep-hourly=3": "cdep", "keep-yearly=1": "ep",
	} {
		q := &call{p: map[string]string{"prune-backups": keep}}
		got := ""
		marked := marks(slices.Clone(backups), q.retentionOf(&storage{}))
		for _, v := range backups {
			if marked[v] != "remove" {
				got += v.Volid
			}
		}
		if got != want {
			t.Errorf("%q keeps %s, not %s", keep, got, want)
		}
	}
}

func TestSnapshotsRollBack(t *testing.T) {
	r := start(t, Options{})
	r.create(100)
	r.done("POST", "/nodes/pve1/lxc/100/status/start")
	r.inside(100, "echo one > /root/n")
	at := "/nodes/pve1/lxc/100/snapshot"
	r.done("POST", at, "snapname", "s1", "description", "first")
	r.inside(100, "echo two > /root/n")
	r.ok("PUT", "/nodes/pve1/lxc/100/config", "memory", 512)
	r.done("POST", at, "snapname", "s2")
	if exit, _ := r.task("POST", at, "snapname", "s1"); exit != "snapshot name 's1' already used" {
		t.Errorf("ended %q", exit)
	}
	r.fails(500, "unable to use snapshot name 'current' (reserved name)", "POST", at, "snapname", "current")
	rows := r.ok("GET", at).([]any)
	last := rows[2].(map[string]any)
	if rows[1].(map[string]any)["parent"] != "s1" || last["name"] != "current" || last["parent"] != "s2" || last["running"] != 1.0 || rows[0].(map[string]any)["description"] != "first\n" {
		t.Errorf("snapshots are %v", rows)
	}
	r.done("POST", at+"/s1/rollback", "start", 1)
	if got := r.inside(100, "cat /root/n"); got != "one\n" {
		t.Errorf("after the rollback: %q", got)
	}
	r.inside(100, "echo more >> /root/n; rm /etc/hostname")
	r.done("POST", at+"/s1/rollback", "start", 1)
	if got := r.inside(100, "cat /root/n /etc/hostname"); got != "one\nct100\n" {
		t.Errorf("after the second rollback: %q", got)
	}
	if c := r.object("GET", "/nodes/pve1/lxc/100/config"); c["memory"] != 256.0 {
		t.Errorf("memory is %v after the rollback", c["memory"])
	}
	if exit, _ := r.task("DELETE", at+"/none"); exit != "snapshot 'none' does not exist" {
		t.Errorf("ended %q", exit)
	}
	r.done("DELETE", at+"/s1")
	if rows := r.ok("GET", at).([]any); len(rows) != 2 || rows[0].(map[string]any)["parent"] != nil {
		t.Errorf("snapshots are %v", rows)
	}
}

func TestCloneTemplateResizeMigrate(t *testing.T) {
	r := start(t, Options{Nodes: 2})
	r.create(100, "hostname", "src", "tags", "x")
	r.done("POST", "/nodes/pve1/lxc/100/status/start")
	r.inside(100, "echo data > /root/n")
	clone := "/nodes/pve1/lxc/100/clone"
	r.fails(500, "Full clone of a running container is only possible from a snapshot", "POST", clone, "newid", 101, "full", 1)
	r.done("POST", "/nodes/pve1/lxc/100/snapshot", "snapname", "forclone")
	r.done("POST", clone, "newid", 101, "full", 1, "snapname", "forclone", "hostname", "dst")
	if !strings.HasPrefix(r.fails(500, "unable to create CT 101 - CT 101 already exists on node 'pve1'", "POST", clone, "newid", 101, "snapname", "forclone").Message, "unable") {
		t.Error("no message")
	}
	from, to := r.object("GET", "/nodes/pve1/lxc/100/config"), r.object("GET", "/nodes/pve1/lxc/101/config")
	if to["hostname"] != "dst" || to["tags"] != "x" || from["net0"] == to["net0"] || from["lock"] != nil || to["lock"] != nil {
		t.Errorf("cloned %v into %v", from, to)
	}
	r.done("POST", "/nodes/pve1/lxc/101/status/start")
	if got := r.inside(101, "hostname; cat /root/n"); got != "dst\ndata\n" {
		t.Errorf("inside the clone: %q", got)
	}
	resize := "/nodes/pve1/lxc/101/resize"
	r.done("PUT", resize, "disk", "rootfs", "size", "+2G")
	r.fails(500, "unable to shrink disk size", "PUT", resize, "disk", "rootfs", "size", "1G")
	r.fails(500, "disk is already at specified size", "PUT", resize, "disk", "rootfs", "size", "10G")
	if c := r.object("GET", "/nodes/pve1/lxc/101/config"); c["rootfs"] != "local-lvm:vm-101-disk-0,size=10G" {
		t.Errorf("rootfs is %v", c["rootfs"])
	}
	r.fails(500, "can't migrate running container without --online or --restart", "POST", "/nodes/pve1/lxc/101/migrate", "target", "pve2")
	r.done("POST", "/nodes/pve1/lxc/101/migrate", "target", "pve2", "restart", 1)
	if s := r.object("GET", "/nodes/pve2/lxc/101/status/current"); s["status"] != "running" {
		t.Errorf("after the migration: %v", s)
	}
	r.fails(500, "Configuration file 'nodes/pve1/lxc/101.conf' does not exist", "GET", "/nodes/pve1/lxc/101/config")
	r.done("POST", "/nodes/pve2/lxc/101/status/stop")
	r.ok("POST", "/nodes/pve2/lxc/101/template")
	r.fails(500, "you can't convert a template to a template", "POST", "/nodes/pve2/lxc/101/template")
	if exit, _ := r.task("POST", "/nodes/pve2/lxc/101/status/start"); exit != "you can't start a CT if it's a template" {
		t.Errorf("ended %q", exit)
	}
	r.done("POST", "/nodes/pve2/lxc/101/clone", "newid", 102)
	r.done("DELETE", "/nodes/pve2/lxc/101")
}
