package api

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"proximity/pvesim"
)

func TestHosts(t *testing.T) {
	r := rigged(t)
	one := fmt.Sprintf("/api/proxmox/hosts/%d", r.host.ID)
	p := r.owner.get(t, "/api/proxmox/hosts/").is(200, `"name":"lab"`)
	for _, want := range strings.Fields("id name host port user is_active is_default last_seen verify_ssl ssh_port") {
		if !slices.Contains(p.keys(0), want) {
			t.Errorf("a host has no %s", want)
		}
	}
	if p.at(0, "is_default") != true || p.at(0, "is_active") != true || p.at(0, "user") != "root@pam" || p.at(0, "last_seen") == nil {
		t.Errorf("the host is %s", p.body)
	}
	if strings.Contains(string(p.body), r.sim.RootPassword()) {
		t.Error("the password is shown")
	}
	r.owner.get(t, one).is(200, `"name":"lab"`)
	r.owner.get(t, "/api/proxmox/hosts/99").is(404, `"detail":"Not Found"`)
	r.owner.get(t, "/api/proxmox/hosts/lab").is(422, `"loc":["path","host_id"]`)
	r.admin.post(t, one+"/test/", nil).is(200, `"success":true`, "Connection successful")
	r.owner.post(t, one+"/test", nil).is(403, "Admin privileges required to change hosts")
	r.admin.post(t, "/api/proxmox/hosts/99/test", nil).is(404)

	nodes := r.admin.get(t, "/api/proxmox/nodes").is(200)
	if len(nodes.at().([]any)) != 3 || nodes.at(0, "host_name") != "lab" || nodes.at(0, "status") != "online" || nodes.at(0, "cpu_usage").(float64) > 1 || nodes.at(0, "memory_total").(float64) < 1<<30 {
		t.Errorf("nodes: %s", nodes.body)
	}
	if n := r.admin.get(t, fmt.Sprintf("/api/proxmox/nodes/?host_id=%d", r.host.ID)).is(200); len(n.at().([]any)) != 3 {
		t.Errorf("nodes of the host: %s", n.body)
	}
	r.admin.get(t, "/api/proxmox/nodes?host_id=99").is(200, "[]")
	r.owner.get(t, "/api/proxmox/nodes").is(403)
}

func TestConnectingAHost(t *testing.T) {
	r := rigged(t)
	second, err := pvesim.Start(t.Context(), pvesim.Options{Nodes: 1, TaskTime: 0.01, ClusterName: "attic", Listen: "127.0.0.1:0", SSHListen: "127.0.0.1:0", Seed: 7})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = second.Close() })
	u, _ := url.Parse(second.URL())
	port, _ := strconv.Atoi(u.Port())
	body := func(more map[string]any) map[string]any {
		b := map[string]any{"name": "Attic Host 1", "host": u.Hostname(), "port": port, "user": "root@pam", "password": second.RootPassword(), "ssh_port": second.SSHPort()}
		for k, v := range more {
			b[k] = v
		}
		return b
	}
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = silent.Close()
	for _, k := range []struct {
		more   map[string]any
		status int
		want   string
	}{
		{map[string]any{"name": ""}, 422, `"name"`},
		{map[string]any{"name": strings.Repeat("n", 101)}, 422, `"name"`},
		{map[string]any{"name": "a/b"}, 422, `"name"`},
		{map[string]any{"name": "lab"}, 409, `already a host`},
		{map[string]any{"host": ""}, 422, `"host"`},
		{map[string]any{"port": 0}, 422, `"port"`},
		{map[string]any{"port": 65536}, 422, `"port"`},
		{map[string]any{"port": "x"}, 422, `"port"`},
		{map[string]any{"password": ""}, 422, `"password"`},
		{map[string]any{"password": nil}, 422, `"password"`},
		{map[string]any{"password": "wrong"}, 422, `authentication failure`},
		{map[string]any{"verify_ssl": true}, 422, `certificate`},
		{map[string]any{"fingerprint": strings.Repeat("00:", 31) + "00"}, 409, `another certificate`},
		{map[string]any{"port": silent.Addr().(*net.TCPAddr).Port}, 503, `"detail"`},
	} {
		p := r.admin.post(t, "/api/proxmox/hosts", body(k.more)).is(k.status, k.want)
		if strings.Contains(string(p.body), second.RootPassword()) {
			t.Errorf("the password comes back: %s", p.body)
		}
	}
	r.owner.post(t, "/api/proxmox/hosts", body(nil)).is(403, "Admin privileges required to change hosts")
	p := r.admin.post(t, "/api/proxmox/hosts/", body(nil)).is(201, `"name":"Attic Host 1"`, `"is_default":false`, `"verify_ssl":false`)
	r.admin.post(t, "/api/proxmox/hosts/", body(map[string]any{"name": "again"})).is(409, "already connected")
	r.admin.get(t, fmt.Sprintf("/api/proxmox/hosts/%v", p.at("id"))).is(200, `"port":`+u.Port())
}
