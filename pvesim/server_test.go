package pvesim

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestEveryMethodOfTheSchemaIsServed(t *testing.T) {
	c := start(t, Options{}).Cluster
	known := map[string]bool{}
	for _, m := range c.schema.Methods() {
		known[m.Verb+" "+m.Path] = true
		if c.routes[m.Verb+" "+m.Path] == nil {
			t.Errorf("%s %s is in the schema but has no handler", m.Verb, m.Path)
		}
	}
	for route := range c.routes {
		if !known[route] {
			t.Errorf("%s has a handler but is not in the schema", route)
		}
	}
}

func TestEveryGetAnswers(t *testing.T) {
	r := start(t, Options{Nodes: 2, Guests: 12})
	r.create(100)
	r.done("POST", "/nodes/pve1/lxc/100/snapshot", "snapname", "s1")
	r.done("POST", "/nodes/pve1/vzdump", "vmid", 100, "storage", "local")
	backup := r.ok("GET", "/nodes/pve1/storage/local/content", "content", "backup").([]any)[0].(map[string]any)["volid"].(string)
	upid := r.ok("POST", "/nodes/pve1/lxc/100/status/start").(string)
	r.ended(upid)
	fill := strings.NewReplacer("{node}", "pve1", "{vmid}", "100", "{storage}", "local", "{upid}", url.PathEscape(upid), "{userid}", "root@pam", "{tokenid}", "test",
		"{roleid}", "PVEAdmin", "{iface}", "vmbr0", "{snapname}", "s1", "{volume}", backup, "{poolid}", "p")
	r.ok("POST", "/pools", "poolid", "p")
	more := map[string][]any{
		"/nodes/{node}/lxc/{vmid}/feature": {"feature", "snapshot"}, "/nodes/{node}/rrddata": {"timeframe", "hour"}, "/nodes/{node}/lxc/{vmid}/rrddata": {"timeframe", "day"},
		"/nodes/{node}/storage/{storage}/rrddata": {"timeframe", "week"}, "/nodes/{node}/query-oci-repo-tags": {"reference", "docker.io/library/nginx"},
		"/nodes/{node}/query-url-metadata": {"url", "https://example.org/a.iso"}, "/nodes/{node}/vzdump/extractconfig": {"volume", backup},
	}
	for _, m := range r.schema.Methods() {
		if m.Verb != "GET" || strings.HasSuffix(m.Path, "/vncwebsocket") {
			continue
		}
		path := fill.Replace(m.Path)
		if strings.Contains(path, "/qemu/") {
			path = strings.Replace(path, "pve1/qemu/100", "pve2/qemu/1005", 1)
		}
		if a := r.do("GET", path, more[m.Path]...); a.status != 200 || !strings.Contains(a.body, `"data":`) {
			t.Errorf("GET %s: %d %s %s", path, a.status, a.reason, a.body)
		}
	}
}

func TestTextsOfSeveralLines(t *testing.T) {
	r := start(t, Options{})
	r.create(100)
	a := r.fails(500, "Cannot remove image, a guest with VMID '100' exists!", "DELETE", "/nodes/pve1/storage/local-lvm/content/local-lvm:vm-100-disk-0")
	if a.Message != "Cannot remove image, a guest with VMID '100' exists!\nYou can delete the image from the guest's hardware pane\n" {
		t.Errorf("the body says %q", a.Message)
	}
}

func TestUnauthorizedIsDelayed(t *testing.T) {
	r := start(t, Options{TaskTime: 0.05})
	r.auth = "PVEAPIToken=root@pam!test=wrong"
	began := time.Now()
	a := r.fails(401, "Authentication failed!", "GET", "/version")
	if took := time.Since(began); took < 150*time.Millisecond || a.body != "" {
		t.Errorf("answered after %v with %q", took, a.body)
	}
}

func TestTicketsLoginRenewAndCSRF(t *testing.T) {
	now := time.Now()
	r := start(t, Options{Now: func() time.Time { return now }, ClusterName: "lab"})
	r.auth = ""
	r.fails(401, "No ticket", "GET", "/version")
	r.fails(401, "authentication failure", "POST", "/access/ticket", "username", "root@pam", "password", "wrong")
	data := r.object("POST", "/access/ticket", "username", "root", "realm", "pam", "password", r.RootPassword())
	if data["clustername"] != "lab" || data["cap"].(map[string]any)["vms"].(map[string]any)["VM.Allocate"] != 1.0 {
		t.Errorf("login answered %v", data)
	}
	ask := func(method, ticket, csrf string) (int, string) {
		req, err := http.NewRequest(method, r.base+"/api2/json/pools", strings.NewReader(""))
		if err != nil {
			t.Fatal(err)
		}
		if method == "POST" {
			req.Body, req.ContentLength = io.NopCloser(strings.NewReader("poolid=p")), 8
		}
		req.Header.Set("Cookie", "PVEAuthCookie="+url.QueryEscape(ticket))
		if csrf != "" {
			req.Header.Set("CSRFPreventionToken", csrf)
		}
		resp, err := r.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		return resp.StatusCode, strings.TrimPrefix(resp.Status, "401 ")
	}
	ticket, csrf := data["ticket"].(string), data["CSRFPreventionToken"].(string)
	if code, _ := ask("GET", ticket, ""); code != 200 {
		t.Errorf("GET with the ticket: %d", code)
	}
	if code, reason := ask("POST", ticket, ""); code != 401 || reason != "Permission denied - invalid csrf token" {
		t.Errorf("POST without CSRF token: %d %s", code, reason)
	}
	if code, _ := ask("POST", ticket, csrf); code != 200 {
		t.Errorf("POST with CSRF token: %d", code)
	}
	now = now.Add(110 * time.Minute)
	renewed := r.object("POST", "/access/ticket", "username", "root@pam", "password", ticket)["ticket"].(string)
	now = now.Add(20 * time.Minute)
	if code, reason := ask("GET", ticket, ""); code != 401 || reason != "Authentication failed!" {
		t.Errorf("expired ticket: %d %s", code, reason)
	}
	if code, _ := ask("GET", renewed, ""); code != 200 {
		t.Errorf("renewed ticket: %d", code)
	}
}

func TestPlainHTTPIsRedirected(t *testing.T) {
	r := start(t, Options{})
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Get(strings.Replace(r.base, "https", "http", 1) + "/api2/json/version?x=1")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != 301 || resp.Header.Get("Location") != r.base+"/api2/json/version?x=1" {
		t.Errorf("%s to %s", resp.Status, resp.Header.Get("Location"))
	}
}

func TestClusterEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c, err := Start(ctx, Options{Nodes: 2})
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{Cluster: c, t: t, client: newClient(t), base: c.URL()}
	id, secret := c.AddToken("root@pam", "t1", false)
	r.auth = "PVEAPIToken " + id + "=" + secret
	r.ok("GET", "/version")
	cancel()
	r.until("the end", func() bool { _, err := r.try("GET", "/version"); return err != nil })
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

func TestTenThousandGuestsStartAtOnce(t *testing.T) {
	began := time.Now()
	r := start(t, Options{Nodes: 8, Guests: 10000, NodeMemoryMB: 1 << 20})
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("start took %v", took)
	}
	rows := r.ok("GET", "/cluster/resources", "type", "vm").([]any)
	if len(rows) != 10000 {
		t.Fatalf("%d rows", len(rows))
	}
	for _, n := range r.ok("GET", "/nodes").([]any) {
		n := n.(map[string]any)
		if used, all := n["mem"].(float64), n["maxmem"].(float64); used > 0.9*all || used < 0.1*all {
			t.Errorf("%v uses %.0f of %.0f bytes of memory", n["node"], used, all)
		}
	}
}

func BenchmarkResourcesOfTenThousandGuests(b *testing.B) {
	r := start(b, Options{Nodes: 8, Guests: 10000})
	for b.Loop() {
		r.ok("GET", "/cluster/resources")
	}
}
