package pvesim

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestFaultsStrikeTheCallsTheyName(t *testing.T) {
	r := start(t, Options{Nodes: 2, Faults: []Fault{{Path: "/version", After: 1, Times: 1, Do: "500:once"}}})
	r.ok("GET", "/version")
	r.fails(500, "once", "GET", "/version")
	r.ok("GET", "/version")

	remove := r.Inject(Fault{Method: "GET", Path: "/nodes/*/lxc", Node: "pve2", Do: "596"})
	if a := r.fails(596, "Connection timed out", "GET", "/nodes/pve2/lxc"); a.body != "" {
		t.Errorf("a 596 has the body %q", a.body)
	}
	r.ok("GET", "/nodes/pve1/lxc")
	remove()
	r.ok("GET", "/nodes/pve2/lxc")
	defer r.Inject(Fault{Path: "/nodes/*/status", Times: 1, Do: "401"})()
	r.fails(401, "Authentication failed!", "GET", "/nodes/pve1/status")
	defer r.Inject(Fault{Path: "/cluster/**", Times: 1, Do: "403:Permission check failed (/, Sys.Audit)"})()
	r.fails(403, "Permission check failed (/, Sys.Audit)", "GET", "/cluster/config/join")
}

func TestDroppedConnections(t *testing.T) {
	r := start(t, Options{})
	template := r.template("pve1")
	create := []any{"vmid", 100, "ostemplate", template, "rootfs", "local-lvm:1"}
	r.Inject(Fault{Method: "POST", Path: "/nodes/*/lxc", Times: 1, Do: "drop"})
	if _, err := r.try("POST", "/nodes/pve1/lxc", create...); err == nil {
		t.Error("a dropped call was answered")
	}
	if n := len(r.Guests()); n != 0 {
		t.Errorf("a dropped call made %d containers", n)
	}
	r.Inject(Fault{Method: "POST", Path: "/nodes/*/lxc", Times: 1, Do: "drop-after"})
	if _, err := r.try("POST", "/nodes/pve1/lxc", create...); err == nil {
		t.Error("a call dropped after it was handled was answered")
	}
	if n := len(r.Guests()); n != 1 {
		t.Errorf("a call dropped after it was handled made %d containers", n)
	}
}

func TestHangAndDelay(t *testing.T) {
	r := start(t, Options{})
	defer r.Inject(Fault{Path: "/version", Times: 1, Do: "delay:60ms"})()
	began := time.Now()
	r.ok("GET", "/version")
	if took := time.Since(began); took < 60*time.Millisecond {
		t.Errorf("answered after %v", took)
	}
	defer r.Inject(Fault{Path: "/version", Do: "hang"})()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, "GET", r.base+"/api2/json/version", nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp, err := r.client.Do(req); err == nil {
		resp.Body.Close()
		t.Error("a hanging call was answered")
	}
}

func TestFailedTasksLeaveNothing(t *testing.T) {
	r := start(t, Options{})
	template := r.template("pve1")
	create := []any{"vmid", 100, "ostemplate", template, "rootfs", "local-lvm:1"}
	r.Inject(Fault{Method: "POST", Path: "/nodes/*/lxc", Times: 1, Do: "fail-task:disk on fire"})
	if exit, log := r.task("POST", "/nodes/pve1/lxc", create...); exit != "unable to create CT 100 - disk on fire" || log[len(log)-1] != "TASK ERROR: "+exit {
		t.Errorf("ended %q: %q", exit, log)
	}
	r.Inject(Fault{Method: "POST", Path: "/nodes/*/lxc", Times: 1, Do: "full"})
	if exit, _ := r.task("POST", "/nodes/pve1/lxc", create...); !strings.Contains(exit, "No space left on device") {
		t.Errorf("ended %q", exit)
	}
	if exit, _ := r.task("POST", "/nodes/pve1/lxc", "vmid", 100, "ostemplate", "local:vztmpl/none.tar.xz", "rootfs", "local-lvm:1"); exit != "unable to create CT 100 - volume 'local:vztmpl/none.tar.xz' does not exist" {
		t.Errorf("ended %q", exit)
	}
	if n := len(r.Guests()); n != 0 {
		t.Errorf("%d containers are left", n)
	}
	if got := r.ok("GET", "/nodes/pve1/storage/local-lvm/content").([]any); len(got) != 0 {
		t.Errorf("disks are left: %v", got)
	}
	r.done("POST", "/nodes/pve1/lxc", create...)
	defer r.Inject(Fault{Path: "/nodes/*/lxc/*/**", Times: 2, Do: "lock:backup"})()
	r.fails(500, "CT is locked (backup)", "PUT", "/nodes/pve1/lxc/100/config", "cores", 1)
	if exit, _ := r.task("POST", "/nodes/pve1/lxc/100/status/start"); exit != "CT is locked (backup)" {
		t.Errorf("ended %q", exit)
	}
	r.ok("PUT", "/nodes/pve1/lxc/100/config", "cores", 1)
}

func TestParseFaults(t *testing.T) {
	faults, err := ParseFaults(strings.NewReader(`[{"method": "POST", "path": "/nodes/*/lxc", "times": 1, "do": "500:no"}, {"path": "ssh", "probability": 0.5, "do": "drop"}]`))
	if err != nil || len(faults) != 2 || faults[1].Probability != 0.5 {
		t.Errorf("%v, %v", faults, err)
	}
	for _, bad := range []string{`{}`, `[{"do":"drop"}]`, `[{"path":"/x","do":"explode"}]`, `[{"path":"/x","do":"delay:soon"}]`, `[{"path":"/x","do":"drop","probability":2}]`, `[{"path":"/x","do":"drop","color":"red"}]`} {
		if _, err := ParseFaults(strings.NewReader(bad)); err == nil {
			t.Errorf("%s was read", bad)
		}
	}
}

func TestRequestsAreSeen(t *testing.T) {
	r := start(t, Options{})
	seen := make(chan Request, 1)
	r.OnRequest(func(q Request) { seen <- q })
	r.ok("GET", "/cluster/nextid")
	if q := <-seen; q.Method != "GET" || q.Path != "/cluster/nextid" || q.Node != "pve1" {
		t.Errorf("saw %+v", q)
	}
	if all := r.Requests(); len(all) != 1 {
		t.Errorf("%d requests are kept", len(all))
	}
}

func TestDisconnectAndNodeDown(t *testing.T) {
	r := start(t, Options{Nodes: 2})
	r.create(100)
	r.done("POST", "/nodes/pve1/lxc/100/status/start")
	url, port := r.URL(), r.SSHPort()
	r.Disconnect()
	if _, err := r.try("GET", "/version"); err == nil {
		t.Error("a disconnected cluster answers")
	}
	r.Reconnect()
	if r.URL() != url || r.SSHPort() != port {
		t.Errorf("came back at %s and port %d, was at %s and %d", r.URL(), r.SSHPort(), url, port)
	}
	r.ok("GET", "/version")

	r.NodeDown("pve1")
	if _, err := r.try("GET", "/version"); err == nil {
		t.Error("a node that is down answers")
	}
	r.base = "https://" + r.ports.https(1)
	r.fails(595, "No route to host", "GET", "/nodes/pve1/lxc/100/config")
	r.fails(500, "cluster not ready - no quorum?", "POST", "/nodes/pve2/lxc", "vmid", 101, "ostemplate", "local:vztmpl/x.tar.zst", "rootfs", "local-lvm:1")
	for _, row := range r.ok("GET", "/cluster/resources").([]any) {
		row := row.(map[string]any)
		switch row["id"] {
		case "lxc/100", "storage/pve1/local":
			if row["status"] != "unknown" {
				t.Errorf("%v is %v", row["id"], row["status"])
			}
		case "node/pve1":
			if row["status"] != "offline" {
				t.Errorf("the node is %v", row["status"])
			}
		}
	}
	r.NodeUp("pve1")
	r.base = url
	if s := r.object("GET", "/nodes/pve1/lxc/100/status/current"); s["status"] != "stopped" {
		t.Errorf("a container without onboot is %v after its node's boot", s["status"])
	}
}
