package api

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"proximity/core"
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

// A node that is down has no figures and takes no app.
func TestANodeIsDown(t *testing.T) {
	r := rigged(t)
	down := "pve1"
	if r.app.Node == down {
		down = "pve2"
	}
	state := func(want string) {
		t.Helper()
		if err := r.until(func(w *core.World) bool {
			return slices.ContainsFunc(w.Nodes, func(n core.NodeView) bool { return n.Name == down && n.State == want })
		}); err != nil {
			t.Fatal(err)
		}
	}
	r.sim.NodeDown(down)
	defer state("online")
	defer r.sim.NodeUp(down)
	state("offline")
	nodes := r.admin.get(t, "/api/proxmox/nodes").is(200)
	i := slices.IndexFunc(nodes.at().([]any), func(n any) bool { return n.(map[string]any)["name"] == down })
	if nodes.at(i, "status") != "offline" || nodes.at(i, "cpu_usage") != nil || nodes.at(i, "memory_used") != nil || nodes.at(i, "uptime") != nil {
		t.Errorf("a node that is down is %v", nodes.at(i))
	}
	r.owner.post(t, "/api/apps", map[string]string{"catalog_id": "adminer", "hostname": "nowhere", "node": down}).is(400, `"detail":"`+down+`: `, "offline", `"hint":"`)
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
		{map[string]any{"password": "wrong"}, 422, `"loc":["body","payload","password"]`},
		{map[string]any{"host": "no host"}, 422, `"loc":["body","payload","host"]`},
		{map[string]any{"user": "no!token"}, 422, `"loc":["body","payload","user"]`},
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
	one := fmt.Sprintf("/api/proxmox/hosts/%v", p.at("id"))
	was := r.admin.get(t, one).is(200, `"port":`+u.Port())

	put := func(body any) *reply { t.Helper(); return r.admin.send(t, "PUT", one, body) }
	put(map[string]any{}).is(200)
	put(string(was.body)).is(200) // what was got may be sent back
	put(map[string]any{"name": nil, "host": nil, "is_active": nil}).is(200)
	put(map[string]any{"password": ""}).is(422, `"password"`)
	put(map[string]any{"name": "lab"}).is(409, "already a host")
	put(map[string]any{"name": "a/b"}).is(422, `"loc":["body","payload","name"]`)
	put(map[string]any{"name": "Attic"}).is(200, `"name":"Attic"`)
	put(map[string]any{"name": "Attic Host 1", "port": nil}).is(200, `"name":"Attic Host 1"`)
	put(map[string]any{"port": 70000}).is(422, `"port"`)
	put(map[string]any{"password": "wrong"}).is(422, "authentication failure", `"loc":["body","payload","password"]`)
	put(map[string]any{"user": "other@pam"}).is(422, `"loc":["body","payload","password"]`)
	put(map[string]any{"host": "no host"}).is(422, `"loc":["body","payload","host"]`)
	put(map[string]any{"verify_ssl": true}).is(422, "certificate")
	put(map[string]any{"password": second.RootPassword(), "user": "root@pam"}).is(200)
	put(map[string]any{"is_active": false}).is(200, `"is_active":false`, `"state":"disabled"`)
	put(map[string]any{"is_active": true}).is(200, `"is_active":true`)
	put(map[string]any{"is_default": true}).is(200, `"is_default":true`)
	if all := r.admin.get(t, "/api/proxmox/hosts").is(200); all.at(0, "name") != "Attic Host 1" || all.at(1, "is_default") != false {
		t.Errorf("the default is not first, or not alone: %s", all.body)
	}
	r.admin.send(t, "PUT", fmt.Sprintf("/api/proxmox/hosts/%d", r.host.ID), map[string]any{"is_default": true}).is(200)
	r.owner.send(t, "PUT", one, map[string]any{"is_active": false}).is(403)
	r.admin.send(t, "PUT", "/api/proxmox/hosts/99", map[string]any{}).is(404)

	r.admin.post(t, one+"/sync-nodes/", nil).is(200, `"message":"Synced 1 nodes"`)
	r.owner.post(t, one+"/sync-nodes", nil).is(403)
	r.admin.post(t, "/api/proxmox/hosts/99/sync-nodes", nil).is(404)
	second.Close()
	r.admin.post(t, one+"/sync-nodes", nil).is(503, `"detail":"Connection to Proxmox host failed: `, `"success":false`)
	r.admin.post(t, one+"/test", nil).is(503, `"detail":"Connection to Proxmox host failed: `, `"success":false`, `"message":"Connection to Proxmox host failed: `)

	r.admin.send(t, "DELETE", fmt.Sprintf("/api/proxmox/hosts/%d", r.host.ID), nil).is(409) // olga's app lives there
	r.owner.send(t, "DELETE", one, nil).is(403)
	r.admin.send(t, "DELETE", one, nil).is(200, `{"success":true,"message":"Host Attic Host 1 deleted"}`)
	r.admin.get(t, one).is(404)
	r.admin.send(t, "DELETE", one, nil).is(404)
}
