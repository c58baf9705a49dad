package pvesim

import (
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestTasksTakeTimeAndShowTheirState(t *testing.T) {
	r := start(t, Options{TaskTime: 0.2})
	upid := r.ok("POST", "/nodes/pve1/aplinfo", "storage", "local", "template", alpine).(string)
	if parts := upidText.FindStringSubmatch(upid); parts == nil || parts[5] != "download" || parts[6] != "" || parts[7] != "root@pam!test" {
		t.Fatalf("UPID %s", upid)
	}
	at := "/nodes/pve1/tasks/" + url.PathEscape(upid)
	s := r.object("GET", at+"/status")
	if s["status"] != "running" || s["exitstatus"] != nil || s["user"] != "root@pam" || s["tokenid"] != "test" {
		t.Errorf("while it runs: %v", s)
	}
	active := r.ok("GET", "/nodes/pve1/tasks", "source", "active").([]any)[0].(map[string]any)
	if active["status"] != "RUNNING" || active["user"] != "root@pam!test" || active["endtime"] != nil {
		t.Errorf("active row %v", active)
	}
	if rows := r.ok("GET", "/nodes/pve1/tasks").([]any); len(rows) != 0 {
		t.Errorf("finished tasks: %v", rows)
	}
	if row := r.ok("GET", "/cluster/tasks").([]any)[0].(map[string]any); row["status"] != nil || row["endtime"] != nil {
		t.Errorf("cluster row %v", row)
	}
	exit, log := r.ended(upid)
	if exit != "OK" || !slices.ContainsFunc(log, func(l string) bool { return strings.Contains(l, " 50% ") }) {
		t.Errorf("ended %q: %q", exit, log)
	}
	a := r.do("GET", at+"/log", "start", 2, "limit", 3)
	if rows := a.Data.([]any); len(rows) != 3 || rows[0].(map[string]any)["n"] != 3.0 || a.Total != len(log) {
		t.Errorf("log page %v of %d", rows, a.Total)
	}
	done := r.ok("GET", "/nodes/pve1/tasks", "typefilter", "download", "since", time.Now().Unix()-60).([]any)[0].(map[string]any)
	if done["status"] != "OK" || done["endtime"] == nil {
		t.Errorf("finished row %v", done)
	}
	if a := r.fails(400, "Parameter verification failed.", "GET", "/nodes/pve1/tasks/UPID:bogus/status"); a.Errors["upid"] != "unable to parse worker upid" {
		t.Errorf("%v", a.Errors)
	}
	unknown := url.PathEscape("UPID:pve1:00000001:00000001:60000000:vzstart:1:root@pam:")
	if a := r.fails(400, "Parameter verification failed.", "GET", "/nodes/pve1/tasks/"+unknown+"/status"); a.Errors["upid"] != "no such task" {
		t.Errorf("%v", a.Errors)
	}
}

func TestKilledCreateLeavesALockedContainer(t *testing.T) {
	r := start(t, Options{TaskTime: 1})
	r.Cluster.mu.Lock()
	r.addVolume(&volume{Volid: "local:vztmpl/debian-12.tar.zst", Storage: "local", Node: "pve1", Content: "vztmpl", Size: 200 << 20})
	r.Cluster.mu.Unlock()
	upid := r.ok("POST", "/nodes/pve1/lxc", "vmid", 100, "ostemplate", "local:vztmpl/debian-12.tar.zst", "rootfs", "local-lvm:8", "hostname", "x").(string)
	conf := r.object("GET", "/nodes/pve1/lxc/100/config")
	if len(conf) != 2 || conf["lock"] != "create" || conf["digest"] == nil {
		t.Errorf("while it is made: %v", conf)
	}
	if s := r.object("GET", "/nodes/pve1/lxc/100/status/current"); s["name"] != "CT100" || s["lock"] != "create" {
		t.Errorf("while it is made: %v", s)
	}
	r.ok("DELETE", "/nodes/pve1/tasks/"+url.PathEscape(upid))
	if exit, _ := r.ended(upid); exit != "unexpected status" {
		t.Errorf("ended %q", exit)
	}
	r.fails(500, "CT is locked (create)", "DELETE", "/nodes/pve1/lxc/100")
}

func TestRacingCreatesMakeOneContainer(t *testing.T) {
	r := start(t, Options{})
	template := r.template("pve1")
	var wg sync.WaitGroup
	answers := make([]answer, 8)
	for i := range answers {
		wg.Go(func() {
			answers[i], _ = r.try("POST", "/nodes/pve1/lxc", "vmid", 130, "ostemplate", template, "rootfs", "local-lvm:1")
		})
	}
	wg.Wait()
	made := 0
	for _, a := range answers {
		if a.status == 200 {
			made++
		} else if a.reason != "CT 130 already exists on node 'pve1'" {
			t.Errorf("%d %s", a.status, a.reason)
		}
	}
	if made != 1 {
		t.Errorf("%d calls succeeded", made)
	}
}

func TestResourcesLagBehind(t *testing.T) {
	var mu sync.Mutex
	now := time.Date(2026, 11, 23, 5, 0, 0, 0, time.UTC)
	pass := func(d time.Duration) { mu.Lock(); now = now.Add(d); mu.Unlock() }
	r := start(t, Options{TaskTime: 0.05, Now: func() time.Time { mu.Lock(); defer mu.Unlock(); return now }})
	row := func() map[string]any {
		return r.ok("GET", "/cluster/resources", "type", "vm").([]any)[0].(map[string]any)
	}
	pass(time.Millisecond)
	r.create(100)
	if got := row(); got["status"] != "unknown" || got["name"] != nil || got["maxmem"] != nil {
		t.Errorf("just created: %v", got)
	}
	pass(500 * time.Millisecond) // a round of pvestatd at this speed
	if got := row(); got["status"] != "stopped" || got["name"] != "ct100" {
		t.Errorf("after a round: %v", got)
	}
	r.done("POST", "/nodes/pve1/lxc/100/status/start")
	if got := row(); got["status"] != "stopped" {
		t.Errorf("just started: %v", got)
	}
	if got := r.object("GET", "/nodes/pve1/lxc/100/status/current"); got["status"] != "running" {
		t.Errorf("its node says %v", got)
	}
	if got := r.ok("GET", "/nodes/pve1/lxc/100/interfaces").([]any)[1].(map[string]any); got["inet"] != nil {
		t.Errorf("an address before DHCP answered: %v", got)
	}
	pass(500 * time.Millisecond)
	if got := row(); got["status"] != "running" || got["mem"].(float64) <= 0 {
		t.Errorf("after a round: %v", got)
	}
	if got := r.ok("GET", "/nodes/pve1/lxc/100/interfaces").([]any)[1].(map[string]any); got["inet"] == nil {
		t.Errorf("no address: %v", got)
	}
}

func TestConfigurationChanges(t *testing.T) {
	r := start(t, Options{})
	r.create(100)
	at := "/nodes/pve1/lxc/100/config"
	r.done("POST", "/nodes/pve1/lxc/100/status/start")
	digest := r.object("GET", at)["digest"].(string)
	r.ok("PUT", at, "memory", 512, "features", "nesting=1", "nameserver", "1.1.1.1", "digest", digest)
	r.fails(500, "detected modified configuration - file changed by other user? Try again.", "PUT", at, "memory", 64, "digest", digest)
	r.fails(500, "no options specified", "PUT", at)
	pending := map[string]any{}
	for _, row := range r.ok("GET", "/nodes/pve1/lxc/100/pending").([]any) {
		row := row.(map[string]any)
		pending[row["key"].(string)] = row["pending"]
	}
	if pending["features"] != "nesting=1" || pending["nameserver"] != "1.1.1.1" || pending["memory"] != nil {
		t.Errorf("pending: %v", pending)
	}
	if conf := r.object("GET", at, "current", 1); conf["memory"] != 512.0 || conf["features"] != nil {
		t.Errorf("in force: %v", conf)
	}
	r.ok("PUT", at, "revert", "nameserver")
	r.done("POST", "/nodes/pve1/lxc/100/status/reboot")
	if conf := r.object("GET", at, "current", 1); conf["features"] != "nesting=1" || conf["nameserver"] != nil {
		t.Errorf("after the reboot: %v", conf)
	}
	r.ok("PUT", at, "delete", "features,memory", "cpulimit", 0.5, "tags", "z a")
	if s := r.object("GET", "/nodes/pve1/lxc/100/status/current"); s["cpus"] != "0.5" || s["tags"] != "a;z" {
		t.Errorf("status: %v", s)
	}
	r.ok("PUT", at, "lock", "backup")
	r.fails(500, "CT is locked (backup)", "PUT", at, "protection", 1)
	r.fails(500, "CT is locked (backup)", "DELETE", "/nodes/pve1/lxc/100", "force", 1)
}

func TestMissingBridgeShowsAtTheStart(t *testing.T) {
	r := start(t, Options{})
	r.create(100, "net0", "name=eth0,bridge=nosuch")
	if exit, _ := r.task("POST", "/nodes/pve1/lxc/100/status/start"); exit != "bridge 'nosuch' does not exist" {
		t.Errorf("ended %q", exit)
	}
}
