package api

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"proximity/core"
)

func TestAppsAreListedInPages(t *testing.T) {
	r := rigged(t)
	p := r.owner.get(t, "/api/apps/?page=1&per_page=20").is(200)
	if got := fmt.Sprint(p.keys()); got != "[apps page per_page total]" || p.at("total") != 1.0 || p.at("page") != 1.0 || p.at("per_page") != 20.0 {
		t.Errorf("a page is %s", p.body)
	}
	for _, want := range strings.Fields("id catalog_id name hostname status url iframe_url public_port internal_port lxc_id node host_id created_at updated_at config environment " +
		"cpu_usage memory_used memory_total disk_used disk_total node_name vmid catalog_app_id ports volumes") {
		if !slices.Contains(p.keys("apps", 0), want) {
			t.Errorf("an app has no %s", want)
		}
	}
	if p.at("apps", 0, "node_name") != p.at("apps", 0, "node") || p.at("apps", 0, "vmid") != p.at("apps", 0, "lxc_id") || p.at("apps", 0, "catalog_app_id") != "adminer" {
		t.Errorf("the same under two names differs: %s", p.body)
	}
	for query, want := range map[string]float64{
		"": 1, "?search=OLGA": 1, "?search=admin": 1, "?search=nothing": 0, "?status=running": 1, "?status=stopped": 0, "?status=running&search=olg": 1, "?page=7": 1, "?page=9223372036854775807&per_page=1000": 1,
		"?search=%5B%28": 0, "?search=%00": 0,
	} {
		p := r.owner.get(t, "/api/apps"+query).is(200)
		if p.at("total") != want {
			t.Errorf("%s: total %v, want %v", query, p.at("total"), want)
		}
		shown := p.at("apps").([]any)
		if page := strings.Contains(query, "page="); (len(shown) == 0) != (want == 0 || page) {
			t.Errorf("%s shows %d", query, len(shown))
		}
	}
	for _, query := range []string{"?page=0", "?page=-1", "?page=x", "?per_page=0", "?per_page=-5", "?per_page=1001", "?page=1.5", "?page=99999999999999999999"} {
		name, _, _ := strings.Cut(query[1:], "=")
		r.owner.get(t, "/api/apps/"+query).is(422, `"loc":["query","`+name+`"]`)
	}
	if total := r.other.get(t, "/api/apps/").is(200).at("total"); total != 0.0 {
		t.Errorf("another user sees %v apps", total)
	}
	r.viewer.get(t, "/api/apps/").is(200, r.app.ID)
}

func TestFiguresComeFromTheSharedSnapshot(t *testing.T) {
	r := rigged(t)
	known := func() bool {
		p := r.owner.get(t, "/api/apps/"+r.app.ID).is(200)
		return p.at("memory_used") != nil && p.at("memory_used").(float64) > 0
	}
	if err := r.until(func(*core.World) bool { return known() }); err != nil {
		t.Fatal(err)
	}
	p := r.owner.get(t, "/api/apps/"+r.app.ID)
	percent, used, total := p.at("cpu_usage").(float64), p.at("memory_used").(float64), p.at("memory_total").(float64)
	if percent < 0 || percent > 100 || total != 512<<20 || used > total || p.at("disk_total").(float64) != 6<<30 {
		t.Errorf("figures: %s", p.body)
	}
	if p.at("url") == nil || p.at("iframe_url") != p.at("url") || p.at("ports", fmt.Sprint(p.at("internal_port"))) != p.at("public_port") {
		t.Errorf("addresses: %s", p.body)
	}
	res, err := http.Get(p.at("url").(string))
	if err != nil || res.StatusCode != 200 {
		t.Errorf("its url does not answer: %v", err)
	}
	if err == nil {
		res.Body.Close()
	}
}

func TestDeploySaysWhatIsWrong(t *testing.T) {
	r := rigged(t)
	body := func(more map[string]any) map[string]any {
		b := map[string]any{"catalog_id": "adminer", "hostname": "fresh"}
		for k, v := range more {
			b[k] = v
		}
		return b
	}
	for _, k := range []struct {
		body   any
		status int
		want   string
	}{
		{map[string]any{}, 422, `{"type":"missing","loc":["body","payload","catalog_id"],"msg":"Field required"}`},
		{map[string]any{"catalog_id": "adminer"}, 422, `"loc":["body","payload","hostname"]`},
		{body(map[string]any{"hostname": "Upper"}), 422, `"loc":["body","payload","hostname"]`},
		{body(map[string]any{"hostname": "newline\n"}), 422, `"hostname"`},
		{body(map[string]any{"hostname": "ab"}), 422, `"hostname"`},
		{body(map[string]any{"hostname": "-abc"}), 422, `"hostname"`},
		{body(map[string]any{"hostname": strings.Repeat("a", 64)}), 422, `"hostname"`},
		{body(map[string]any{"hostname": 7}), 422, `Expected string`},
		{body(map[string]any{"hostname": nil}), 422, `"hostname"`},
		{body(map[string]any{"hostname": "olgas"}), 409, `"detail":"\"olgas\" is taken"`},
		{body(map[string]any{"catalog_id": "adminre"}), 404, `there is no app \"adminre\" in the catalogue`},
		{body(map[string]any{"node": "pve99"}), 400, `there is no node \"pve99\"`},
		{body(map[string]any{"config": map[string]any{"memory": 1 << 19}}), 503, `no node has enough memory`},
		{body(map[string]any{"config": map[string]any{"memory": 16}}), 422, `"loc":["body","payload","config","memory"],"msg":"Adminer needs at least 512 MB of memory`},
		{body(map[string]any{"config": map[string]any{"disk_size": 1}}), 422, `"loc":["body","payload","config","disk_size"]`},
		{body(map[string]any{"config": map[string]any{"public_port": 80}}), 422, `"loc":["body","payload","config","public_port"]`},
		{body(map[string]any{"config": map[string]any{"cores": "many"}}), 422, `"loc":["body","payload","config","cores"]`},
		{body(map[string]any{"environment": map[string]any{"NO_SUCH": "x"}}), 422, `"loc":["body","payload","environment","NO_SUCH"],"msg":"unknown field`},
		{body(map[string]any{"catalog_id": "miniflux", "environment": map[string]any{"ADMIN_USERNAME": "No Spaces"}}), 422, `"loc":["body","payload","environment","ADMIN_USERNAME"],"msg":`},
		{body(map[string]any{"catalog_id": "miniflux", "environment": map[string]any{"POLLING_FREQUENCY": "often"}}), 422, `"loc":["body","payload","environment","POLLING_FREQUENCY"],"msg":"must be a number`},
		{body(map[string]any{"catalog_id": "cloudflared"}), 422, `"loc":["body","payload","environment","TUNNEL_TOKEN"],"msg":"is required`},
		{body(map[string]any{"environment": "x"}), 422, `"environment"`},
		{"{", 400, `"detail":"Cannot parse request body"`},
		{"", 422, `"detail":`},
		{"null", 422, `"detail":`},
		{`"text"`, 422, `"detail":`},
		{`{"catalog_id":"adminer","hostname":"\ud800"}`, 422, `"hostname"`},
		{strings.Repeat("[", 100_000), 400, `Cannot parse`},
		{`{"hostname":"` + strings.Repeat("x", 1<<20) + `"}`, 413, `"detail":`},
	} {
		if p := r.owner.post(t, "/api/apps/", k.body).is(k.status, k.want); strings.Contains(string(p.body), `"hint":""`) {
			t.Errorf("a hint that says nothing: %s", p.body)
		}
	}
	for _, kind := range []string{"text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/xml", "+;", ";"} {
		p := r.owner.with("Content-Type", kind).post(t, "/api/apps/", `{"catalog_id":"adminer","hostname":"wrong-type"}`)
		if p.status == 201 || p.status >= 500 || p.at("detail") == nil {
			t.Errorf("%q is answered with %d: %s", kind, p.status, p.body)
		}
	}
	if p := r.admin.get(t, "/api/apps/?search=wrong-type"); p.at("total") != 0.0 {
		t.Error("a body of the wrong type deployed an app")
	}
	r.viewer.post(t, "/api/apps/", body(nil)).is(403, "may not deploy")
}

// A server that no host is connected to yet says so, and nothing is lost.
func TestNothingIsConnectedYet(t *testing.T) {
	t.Parallel()
	r := plain(t, core.RegistrationFirst, Options{})
	p := r.client("the first").post(t, "/api/auth/registration", map[string]string{"username": "boss", "password": password}).is(201)
	c := r.client("the admin").bearer(p.at("access").(string))
	c.post(t, "/api/apps/", map[string]string{"catalog_id": "adminer", "hostname": "too-early"}).is(503, `"detail":"no Proxmox host is connected"`, `"hint":"`)
	c.get(t, "/api/apps/").is(200, `"apps":[]`, `"total":0`)
	c.get(t, "/api/apps/discover").is(503, `"detail":"`)
	c.post(t, "/api/apps/adopt", map[string]any{"vmid": 100, "node_name": "pve1"}).is(404)
	c.get(t, "/api/proxmox/hosts").is(200, "[]")
	c.get(t, "/api/proxmox/nodes").is(200, "[]")
	c.get(t, "/api/core/settings/resources").is(200, `"default_cpu_cores":2,"default_memory_mb":2048,"default_disk_gb":20,"default_swap_mb":512`)
	c.get(t, "/api/core/settings/network").is(200, `"default_subnet":"10.0.0.0/24","default_gateway":"10.0.0.1","default_dns_primary":"8.8.8.8","default_dns_secondary":"8.8.4.4","default_bridge":"vmbr0"`)
}

// A life over the API, as the web client leads one.
func TestLifeOfAnApp(t *testing.T) {
	r := rigged(t)
	c := r.other
	p := c.post(t, "/api/apps", map[string]any{"catalog_id": "adminer", "hostname": "ottos", "config": map[string]any{"cores": 1, "memory": 512, "disk_size": 6, "ostemplate": "ignored"},
		"environment": map[string]string{"ADMINER_DESIGN": ""}, "ports": map[string]int{"80": 80}, "network_cidr": "10.0.0.0/24"})
	if p.status == 422 { // the fields of the recipe may have other names by now
		p = c.post(t, "/api/apps", map[string]any{"catalog_id": "adminer", "hostname": "ottos", "config": map[string]any{"cores": 1, "memory": 512, "disk_size": 6}})
	}
	p.is(201, `"status":"deploying"`)
	path := "/api/apps/" + p.at("id").(string)
	if id := p.at("id").(string); !strings.HasPrefix(id, "adminer-") || len(id) != len("adminer-")+8 {
		t.Errorf("its id is %s", id)
	}
	busy := c.post(t, path+"/action/", map[string]string{"action": "stop"}).is(409, "busy", "(deploy) by otto since", `"kind":"deploy"`, `"owner":"otto"`, `"since":"`)
	if busy.header.Get("Location") != p.header.Get("Location") {
		t.Errorf("busy points to %q", busy.header.Get("Location"))
	}
	c.job(t, p).is(200, `"state":"succeeded"`)
	c.get(t, path+"/").is(200, `"status":"running"`)

	c.job(t, c.post(t, path+"/action/", map[string]string{"action": "STOP"}).is(200, `{"success":true,"message":"Stopping ottos"}`))
	stopped := c.get(t, path).is(200, `"status":"stopped"`)
	if stopped.at("cpu_usage") != nil || stopped.at("memory_used") != nil {
		t.Errorf("a stopped app has figures: %s", stopped.body)
	}
	c.post(t, path+"/action", map[string]string{"action": "stop"}).is(409, "is not running")
	c.job(t, c.post(t, path+"/action", map[string]string{"action": "start"}).is(200, "Starting ottos"))
	c.job(t, c.post(t, path+"/action", map[string]string{"action": "restart"}).is(200, "Restarting ottos"))
	c.post(t, path+"/action", map[string]string{"action": "explode"}).is(400, "Invalid action: explode")
	c.post(t, path+"/action", map[string]string{}).is(422, `"loc":["body","payload","action"]`)

	logs := c.get(t, path+"/logs/?limit=3").is(200)
	if logs.at("total") != 3.0 || logs.at("app_id") != p.at("id") || logs.at("logs", 0, "timestamp").(string) < logs.at("logs", 2, "timestamp").(string) {
		t.Errorf("logs: %s", logs.body)
	}
	if all := c.get(t, path+"/logs?tail=1000").is(200); all.at("total").(float64) < 10 || !strings.Contains(string(all.body), `"step":"docker_setup"`) || !strings.Contains(string(all.body), `"step":"restart"`) {
		t.Errorf("the whole log: %s", all.body)
	}
	for _, query := range []string{"?limit=-1", "?limit=x", "?tail=-1"} {
		c.get(t, path+"/logs"+query).is(422)
	}
	c.get(t, path+"/logs?limit=0").is(200, `"logs":[]`)

	twin := c.post(t, path+"/clone", map[string]string{"new_hostname": "ottos-twin"}).is(202, `"success":true`, `"new_hostname":"ottos-twin"`, `"source_app_id":"`)
	c.job(t, twin).is(200, `"state":"succeeded"`)
	c.get(t, "/api/apps/"+twin.at("app_id").(string)).is(200, `"owner":"otto"`, `-clone","hostname":"ottos-twin"`)
	c.post(t, path+"/clone", map[string]string{"new_hostname": "ottos-twin"}).is(409, "taken")
	c.post(t, path+"/clone", map[string]string{"new_hostname": "Ottos"}).is(422, `"new_hostname"`)
	c.post(t, path+"/clone", map[string]string{}).is(422, `"new_hostname"`)
	r.clear(t, twin.at("app_id").(string))

	for _, stranger := range []*client{r.owner, r.client("nobody")} {
		want := 404
		if stranger.token == "" {
			want = 401
		}
		stranger.get(t, path).is(want)
		stranger.get(t, path+"/logs").is(want)
		stranger.post(t, path+"/action", map[string]string{"action": "delete"}).is(want)
		stranger.post(t, path+"/clone", map[string]string{"new_hostname": "stolen"}).is(want)
		stranger.get(t, p.header.Get("Location")).is(want)
	}
	r.viewer.post(t, path+"/action", map[string]string{"action": "delete"}).is(403)
	r.admin.get(t, path).is(200)

	gone := c.post(t, path+"/action", map[string]string{"action": "delete"}).is(200, "Deleting ottos")
	c.job(t, gone).is(200, `"state":"succeeded"`) // at once: nobody waits over the API
	c.get(t, path).is(404)
}

func TestTwoAskForTheSameNameOrPort(t *testing.T) {
	r := rigged(t)
	race := func(body func(i int) map[string]any) (won []*reply) {
		replies := make([]*reply, 8)
		var wg sync.WaitGroup
		for i := range replies {
			wg.Go(func() { replies[i] = r.owner.post(t, "/api/apps", body(i)) })
		}
		wg.Wait()
		for _, p := range replies {
			if p.status == http.StatusCreated {
				won = append(won, p)
			} else {
				p.is(409, `"detail":"`, `"hint":"`)
			}
		}
		return won
	}
	names := race(func(int) map[string]any {
		return map[string]any{"catalog_id": "adminer", "hostname": "contested", "config": map[string]any{"memory": 512, "disk_size": 6}}
	})
	if len(names) != 1 {
		t.Errorf("%d got the same name", len(names))
	}
	// Without a wish for a port everybody gets one, and no two the same.
	var ports []any
	all := race(func(i int) map[string]any {
		return map[string]any{"catalog_id": "adminer", "hostname": fmt.Sprintf("racer-%d", i), "config": map[string]any{"memory": 512, "disk_size": 6}}
	})
	for _, p := range all {
		if slices.Contains(ports, p.at("public_port")) {
			t.Errorf("two got port %v", p.at("public_port"))
		}
		ports = append(ports, p.at("public_port"))
	}
	if len(ports) != 8 {
		t.Errorf("%d of 8 got a port", len(ports))
	}
	// One port that all wish for is one's.
	wish := ports[len(ports)-1].(float64) + 50
	same := race(func(i int) map[string]any {
		return map[string]any{"catalog_id": "adminer", "hostname": fmt.Sprintf("wisher-%d", i), "config": map[string]any{"memory": 512, "disk_size": 6, "public_port": wish}}
	})
	if len(same) != 1 || same[0].at("public_port") != wish {
		t.Errorf("%d got port %v", len(same), wish)
	}
	for _, p := range slices.Concat(names, all, same) {
		r.clear(t, p.at("id").(string))
	}
}

func TestDiscoverAndAdopt(t *testing.T) {
	r := rigged(t)
	r.owner.get(t, "/api/apps/discover").is(403, "Admin privileges required to adopt")
	found := r.admin.get(t, fmt.Sprintf("/api/apps/discover?host_id=%d", r.host.ID)).is(200)
	list := found.at().([]any)
	if len(list) == 0 {
		t.Fatalf("nothing is found: %s", found.body)
	}
	for _, want := range strings.Fields("vmid name status node memory disk uptime cpus") {
		if !slices.Contains(found.keys(0), want) {
			t.Errorf("a container has no %s", want)
		}
	}
	if strings.Contains(string(found.body), `"name":"olgas"`) {
		t.Error("an app of ours is found")
	}
	r.admin.get(t, "/api/apps/discover?host_id=99").is(503)
	r.admin.get(t, "/api/apps/discover?host_id=x").is(422, `["query","host_id"]`)
	vmid, node := found.at(0, "vmid"), found.at(0, "node")
	r.owner.post(t, "/api/apps/adopt", map[string]any{"vmid": vmid, "node_name": node}).is(403)
	r.admin.post(t, "/api/apps/adopt", map[string]any{"vmid": vmid, "node_name": "pve99"}).is(404)
	r.admin.post(t, "/api/apps/adopt", map[string]any{"vmid": 99999, "node_name": node}).is(404)
	r.admin.post(t, "/api/apps/adopt", map[string]any{"vmid": vmid, "node_name": node, "suggested_type": "a type!"}).is(422, `"loc":["body","payload","suggested_type"]`)
	r.admin.post(t, "/api/apps/adopt", map[string]any{"vmid": 0, "node_name": node}).is(422, `"vmid"`)
	r.admin.post(t, "/api/apps/adopt", map[string]any{"vmid": vmid, "node_name": node, "port_to_expose": 65536}).is(422, `"port_to_expose"`)
	p := r.admin.post(t, "/api/apps/adopt/", map[string]any{"vmid": vmid, "node_name": node, "suggested_type": "wiki", "port_to_expose": 8080}).is(202, `"success":true`, `"type":"wiki"`, `"port_detection":"manual:8080"`)
	r.admin.job(t, p).is(200, `"state":"succeeded"`)
	app := r.admin.get(t, "/api/apps/"+url.PathEscape(p.at("app_id").(string))).is(200)
	if name := app.at("config", "original_name"); app.at("name") != name || app.at("hostname") != name || name == "" {
		t.Errorf("the container %v is called %v, at %v", name, app.at("name"), app.at("hostname"))
	}
	if n := r.admin.get(t, "/api/apps?search="+url.QueryEscape(app.at("name").(string))).is(200).at("total"); n != 1.0 {
		t.Errorf("%v apps are found by its name", n)
	}
	for _, want := range strings.Fields("adopted original_vmid original_name adoption_date suggested_type container_port detected_ports proxmox_config_snapshot resources_at_adoption status_at_adoption") {
		if !slices.Contains(app.keys("config"), want) {
			t.Errorf("an adopted app's config has no %s", want)
		}
	}
	r.admin.post(t, "/api/apps/adopt", map[string]any{"vmid": vmid, "node_name": node}).is(409)
	// Deleting it only forgets it.
	r.admin.job(t, r.admin.post(t, "/api/apps/"+p.at("app_id").(string)+"/action", map[string]string{"action": "delete"}).is(200))
	again := r.admin.get(t, "/api/apps/discover").is(200)
	if !slices.ContainsFunc(again.at().([]any), func(g any) bool { return g.(map[string]any)["vmid"] == vmid }) {
		t.Error("the container is not there any more")
	}
}

// clear ends what goes on with an app, and deletes it.
func (r *rig) clear(t *testing.T, id string) {
	t.Helper()
	local := core.LocalAdmin("test")
	end := func(job core.JobView, err error) {
		if err == nil {
			_, err = r.core.FollowJob(t.Context(), local, job.ID, func(core.LogLine) {})
		}
		if err != nil {
			t.Error(err)
		}
	}
	if v, err := r.core.App(t.Context(), local, id); err == nil && v.Job != nil {
		_, _ = r.core.CancelJob(t.Context(), local, v.Job.ID) // it may have ended
		end(core.JobView{ID: v.Job.ID}, nil)
	}
	if _, err := r.core.App(t.Context(), local, id); err == nil {
		end(r.core.DoApp(t.Context(), local, core.DeleteApp, id))
	}
}
