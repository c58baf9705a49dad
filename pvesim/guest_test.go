package pvesim

import (
	"bytes"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func TestLifeOfAContainer(t *testing.T) {
	r := start(t, Options{})
	if got := r.ok("GET", "/cluster/nextid"); got != "100" {
		t.Errorf("nextid answered %v, not the string 100", got)
	}
	template := r.template("pve1")
	log := r.done("POST", "/nodes/pve1/lxc", "vmid", 100, "ostemplate", template, "hostname", "web", "rootfs", "local-lvm:8", "memory", 256,
		"net0", "name=eth0,bridge=vmbr0,ip=dhcp,hwaddr=bc:24:11:00:00:07", "features", "nesting=1", "tags", "b;A", "description", "two\nlines")
	if !slices.Contains(log, "extracting archive '/var/lib/vz/template/cache/"+alpine+"'") || log[len(log)-1] != "TASK OK" {
		t.Errorf("create logged\n%s", strings.Join(log, "\n"))
	}
	conf := r.object("GET", "/nodes/pve1/lxc/100/config")
	for k, want := range map[string]any{
		"hostname": "web", "memory": 256.0, "swap": 512.0, "unprivileged": 1.0, "ostype": "alpine", "arch": "amd64", "features": "nesting=1", "tags": "a;b",
		"description": "two\nlines\n", "rootfs": "local-lvm:vm-100-disk-0,size=8G", "net0": "name=eth0,bridge=vmbr0,hwaddr=BC:24:11:00:00:07,ip=dhcp,type=veth",
	} {
		if conf[k] != want {
			t.Errorf("config has %s %v, not %v", k, conf[k], want)
		}
	}
	if _, has := conf["lock"]; has {
		t.Error("the lock is still there")
	}
	if got := r.do("GET", "/nodes/pve1/lxc/100/interfaces").body; got != `{"data":null}` {
		t.Errorf("interfaces of a stopped container: %s", got)
	}
	r.fails(500, "CT 100 not running", "POST", "/nodes/pve1/lxc/100/status/stop")
	r.fails(500, "VM 100 not running", "POST", "/nodes/pve1/lxc/100/status/reboot")
	r.done("POST", "/nodes/pve1/lxc/100/status/start")
	r.fails(500, "CT 100 already running", "POST", "/nodes/pve1/lxc/100/status/start")
	if s := r.object("GET", "/nodes/pve1/lxc/100/status/current"); s["status"] != "running" || s["name"] != "web" || s["maxmem"] != float64(256<<20) || s["pid"] == nil {
		t.Errorf("status is %v", s)
	}
	eth0 := r.ok("GET", "/nodes/pve1/lxc/100/interfaces").([]any)[1].(map[string]any)
	prefix, err := netip.ParsePrefix(eth0["inet"].(string))
	if err != nil || !r.Network().Contains(prefix.Addr()) || eth0["hwaddr"] != "bc:24:11:00:00:07" {
		t.Errorf("eth0 is %v", eth0)
	}
	var out bytes.Buffer
	if code := r.Machine(100).Exec(t.Context(), []string{"hostname"}, nil, nil, &out, &out); code != 0 || out.String() != "web\n" {
		t.Errorf("hostname inside exits %d with %q", code, out.String())
	}
	r.fails(500, "unable to destroy CT 100 - container is running", "DELETE", "/nodes/pve1/lxc/100")
	r.done("POST", "/nodes/pve1/lxc/100/status/reboot")
	r.done("POST", "/nodes/pve1/lxc/100/status/shutdown", "timeout", 10)
	if log := r.done("DELETE", "/nodes/pve1/lxc/100", "purge", 1); !slices.Equal(log, []string{"purging CT 100 from related configurations..", "TASK OK"}) {
		t.Errorf("destroy logged %q", log)
	}
	r.fails(500, "Configuration file 'nodes/pve1/lxc/100.conf' does not exist", "GET", "/nodes/pve1/lxc/100/config")
	if got := r.ok("GET", "/nodes/pve1/storage/local-lvm/content").([]any); len(got) != 0 {
		t.Errorf("the destroyed container left %v", got)
	}
}

func TestShutdownsThatTakeTooLong(t *testing.T) {
	r := start(t, Options{})
	r.create(100)
	r.done("POST", "/nodes/pve1/lxc/100/status/start")
	if exit, _ := r.task("POST", "/nodes/pve1/lxc/100/status/shutdown", "timeout", 1); exit != "container did not stop" {
		t.Errorf("ended %q", exit)
	}
	r.done("POST", "/nodes/pve1/lxc/100/status/shutdown", "timeout", 1, "forceStop", 1)
	if log := r.done("DELETE", "/nodes/pve1/lxc/100", "force", 1, "purge", 1); len(log) != 2 {
		t.Errorf("destroying a stopped container logs %q", log)
	}
	r.create(101, "protection", 1)
	r.fails(500, "can't remove CT 101 - protection mode enabled", "DELETE", "/nodes/pve1/lxc/101")
}

func TestWrittenConfigurationFilesAreRead(t *testing.T) {
	g := &guest{Conf: config{"description": "two\nlines, 100% ü\n", "hostname": "x", "memory": "512"}, Raw: [][2]string{{"lxc.apparmor.profile", "unconfined"}}, Parent: "s"}
	g.Snaps = []*snapshot{{Name: "s", Time: 1, Conf: config{"hostname": "old"}}}
	again := &guest{Snaps: g.Snaps, Parent: "s"}
	again.parseConfig(g.text())
	if again.text() != g.text() || again.Conf["description"] != g.Conf["description"] || !slices.Equal(again.Raw, g.Raw) {
		t.Errorf("wrote\n%s\nread\n%s", g.text(), again.text())
	}
}
