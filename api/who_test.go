package api

import (
	"flag"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// Every endpoint, asked by everybody: what is refused, and how. Where people
// are let in, the others tests say what they get; here it is only not a
// refusal. Each is asked with and without a slash at its end.
func TestWhoMayAskWhat(t *testing.T) {
	r := rigged(t)
	host := fmt.Sprintf("/api/proxmox/hosts/%d", r.host.ID)
	app := "/api/apps/" + r.app.ID
	const in = 0 // let in
	asked := map[string]bool{}
	for _, k := range []struct {
		method, path                        string
		nobody, other, owner, viewer, admin int
	}{
		{"GET", "/api/health", in, in, in, in, in},
		{"GET", "/api/core/health", in, in, in, in, in},
		{"GET", "/api/core/system/info", 401, in, in, in, in},
		{"GET", "/api/core/sentry-debug", 401, 403, 403, 403, 404},
		{"GET", "/api/core/settings/resources", 401, in, in, in, in},
		{"POST", "/api/core/settings/resources", 401, 403, 403, 403, in},
		{"GET", "/api/core/settings/network", 401, in, in, in, in},
		{"POST", "/api/core/settings/network", 401, 403, 403, 403, in},
		{"POST", "/api/auth/login", in, in, in, in, in},
		{"POST", "/api/auth/registration", in, in, in, in, in},
		{"POST", "/api/auth/token/refresh", 401, 401, 401, 401, 401}, // an access token is none
		{"GET", "/api/auth/user", 401, in, in, in, in},
		{"PUT", "/api/auth/user", 401, in, in, in, in},
		{"PATCH", "/api/auth/user", 401, in, in, in, in},
		{"GET", "/api/proxmox/hosts", 401, in, in, in, in},
		{"POST", "/api/proxmox/hosts", 401, 403, 403, 403, in},
		{"GET", host, 401, in, in, in, in},
		{"PUT", host, 401, 403, 403, 403, in},
		{"DELETE", host, 401, 403, 403, 403, in},
		{"POST", host + "/test", 401, 403, 403, 403, in},
		{"POST", host + "/sync-nodes", 401, 403, 403, 403, in},
		{"GET", "/api/proxmox/nodes", 401, 403, 403, 403, in},
		{"GET", "/api/apps", 401, in, in, in, in},
		{"POST", "/api/apps", 401, in, in, in, in},
		{"GET", "/api/apps/discover", 401, 403, 403, 403, in},
		{"POST", "/api/apps/adopt", 401, 403, 403, 403, in},
		{"GET", app, 401, 404, in, in, in},
		{"POST", app + "/action", 401, 404, in, 403, in},
		{"POST", app + "/clone", 401, 404, in, 403, in},
		{"GET", app + "/logs", 401, 404, in, in, in},
		{"GET", app + "/backups", 401, 404, in, in, in},
		{"POST", app + "/backups", 401, 404, in, 403, in},
		{"GET", app + "/backups/stats", 401, 404, in, in, in},
		{"GET", app + "/backups/99", 401, 404, 404, 404, 404},
		{"POST", app + "/backups/99/restore", 401, 404, 404, 404, 404},
		{"DELETE", app + "/backups/99", 401, 404, 404, 404, 404},
		{"GET", "/api/catalog", in, in, in, in, in},
		{"GET", "/api/catalog/search", in, in, in, in, in},
		{"GET", "/api/catalog/categories", in, in, in, in, in},
		{"GET", "/api/catalog/stats", in, in, in, in, in},
		{"GET", "/api/catalog/category/media", in, in, in, in, in},
		{"GET", "/api/catalog/gitea", in, in, in, in, in},
		{"POST", "/api/catalog/reload", 401, 403, 403, 403, in},
		{"GET", "/api/jobs/1", 401, 404, in, in, in},
	} {
		asked[k.method+" "+r.doc.template(k.path)] = true
		body := "{}"
		if strings.HasSuffix(k.path, "/action") {
			body = `{"action":"start"}`
		}
		if strings.HasSuffix(k.path, "/backups") {
			body = `{"storage":"no-such"}`
		}
		if strings.HasSuffix(k.path, "/clone") {
			body = `{"new_hostname":"olgas"}` // taken
		}
		for who, want := range map[*client]int{r.client("nobody"): k.nobody, r.other: k.other, r.owner: k.owner, r.viewer: k.viewer, r.admin: k.admin} {
			who = who.with("X-Forwarded-For", "192.0.2.99")
			p := who.send(t, k.method, k.path, body)
			if refused := slices.Contains([]int{401, 403, 404, 405}, p.status); p.status >= 500 || refused != (want != in) || want != in && p.status != want {
				t.Errorf("%s: %d, want %d: %s", p.what, p.status, want, p.body)
			}
			if q := who.send(t, k.method, k.path+"/", body); q.status != p.status {
				t.Errorf("%s: %d, without the slash %d", q.what, q.status, p.status)
			}
		}
	}
	for _, o := range r.doc.operations() {
		if !asked[o.name()] && o.path != "/api/auth/logout" { // which ends the logins it is asked with: TestTokensRotateAndCanBeTakenBack
			t.Errorf("%s is not asked by everybody", o.name())
		}
	}
}

// TestEveryEndpointWasTested comes after the others: each operation that the
// document has was asked, and answered with success, by one of them.
func TestEveryEndpointWasTested(t *testing.T) {
	if flag.Lookup("test.run").Value.String() != "" {
		t.Skip("only some of the tests run")
	}
	r := rigged(t)
	n := 0
	for path, item := range r.doc.paths {
		for method, op := range item {
			if _, ok := op.(map[string]any); !ok {
				continue
			}
			n++
			seen := r.doc.asked[strings.ToUpper(method)+" "+path]
			if path != "/api/core/sentry-debug" && !seen[200] && !seen[201] && !seen[202] {
				t.Errorf("%s %s was never asked with success: %v", method, path, seen)
			}
		}
	}
	if n < 25 {
		t.Errorf("the document has %d operations", n)
	}
}

func TestTheDocumentIsWellFormed(t *testing.T) {
	r := rigged(t)
	if v, _ := r.doc.raw["openapi"].(string); !strings.HasPrefix(v, "3.1") {
		t.Errorf("it is OpenAPI %s", v)
	}
	ids := map[string]bool{}
	for path, item := range r.doc.paths {
		for method, op := range item {
			o, ok := op.(map[string]any)
			if !ok {
				continue
			}
			id, _ := o["operationId"].(string)
			if id == "" || ids[id] {
				t.Errorf("%s %s: operation %q", method, path, id)
			}
			ids[id] = true
			if o["summary"] == nil || o["tags"] == nil {
				t.Errorf("%s %s says too little of itself", method, path)
			}
		}
	}
	for _, path := range []string{"/api/docs", "/api/docs/", "/api/openapi.json"} {
		res, err := http.Get(r.server.URL() + path)
		if err != nil {
			t.Fatal(err)
		}
		text := readAll(t, res.Body)
		res.Body.Close()
		if res.StatusCode != 200 || !strings.Contains(text, "/api/apps/{app_id}/action") {
			t.Errorf("%s: %d", path, res.StatusCode)
		}
		if path != "/api/openapi.json" && (strings.Contains(text, "<script") || strings.Contains(text, `src="http`) || strings.Contains(text, `<link`) || !strings.Contains(res.Header.Get("Content-Security-Policy"), "default-src 'none'")) {
			t.Errorf("%s needs the internet, or runs scripts", path)
		}
	}
}
