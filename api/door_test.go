package api

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"proximity/core"
)

// A browser that has never been here, as the web client is one: its first call
// is GET /api/auth/user/, and it sends nothing before it has the cookie.
func TestABrowserLogsIn(t *testing.T) {
	r := rigged(t)
	b := r.browser()
	b.header.Set("X-Forwarded-For", "192.0.2.30")
	first := b.get(t, "/api/auth/user/").is(401)
	k := first.cookies()[csrfCookie]
	if k == nil || k.HttpOnly || k.Path != "/" || k.SameSite != http.SameSiteLaxMode || k.MaxAge != 365*24*3600 || len(k.Value) < 20 {
		t.Fatalf("the CSRF cookie is %+v", k)
	}
	b.with(csrfHeader, k.Value).post(t, "/api/auth/login/", map[string]string{"username": "olga", "password": password}).is(200)
	if again := b.get(t, "/api/auth/user").is(200).cookies()[csrfCookie]; again != nil {
		t.Errorf("the CSRF cookie changes: %v", again)
	}
	act := "/api/apps/" + r.app.ID + "/action"
	body := map[string]string{"action": "start"} // refused: it runs; but only after the door
	b.post(t, act, body).is(403, "CSRF check Failed")
	b.with(csrfHeader, "wrong").post(t, act, body).is(403, "CSRF check Failed")
	b = b.with(csrfHeader, k.Value)
	b.post(t, act, body).is(409)
	b.with("Origin", "https://evil.example").post(t, act, body).is(403, "CSRF check Failed")
	b.with("Origin", "null").post(t, act, body).is(403)
	b.with("Origin", "http://localhost:5173").post(t, act, body).is(409)
	b.with("Origin", r.server.URL()).post(t, act, body).is(409)
	// A cookie that is worth nothing is no way around the check.
	r.client("a stranger").with("Cookie", accessCookie+"=x").post(t, act, body).is(403, "CSRF check Failed")
	r.client("a stranger").with("Cookie", accessCookie+"=x; "+csrfCookie+"=y").with(csrfHeader, "y").post(t, act, body).is(401)
	r.client("a stranger").with("Cookie", accessCookie+"=x; "+csrfCookie+"=").with(csrfHeader, "").post(t, act, body).is(403)
	r.owner.post(t, act, body).is(409) // a script with a Bearer needs none of it
	b.post(t, "/api/auth/logout/", nil).is(200)
	b.get(t, "/api/apps").is(401)
	u, _ := url.Parse(r.server.URL())
	for _, k := range b.jar.Cookies(u) {
		if k.Name != csrfCookie {
			t.Errorf("logout leaves the cookie %s", k.Name)
		}
	}
}

func TestOtherOrigins(t *testing.T) {
	r := rigged(t)
	const friend = "http://localhost:5173"
	ask := func(origin, path string) *reply {
		return r.client("a page").with("Origin", origin).with("Access-Control-Request-Method", "POST").with("Access-Control-Request-Headers", "content-type,x-csrftoken").send(t, http.MethodOptions, path, nil)
	}
	for _, path := range []string{"/api/apps/", "/api/auth/login/", "/api/proxmox/hosts/1", "/api/nothing"} {
		p := ask(friend, path).is(200)
		h := p.header
		if h.Get("Access-Control-Allow-Origin") != friend || h.Get("Access-Control-Allow-Credentials") != "true" {
			t.Errorf("%s is not allowed: %v", path, h)
		}
		for _, m := range []string{"DELETE", "GET", "OPTIONS", "PATCH", "POST", "PUT"} {
			if !strings.Contains(h.Get("Access-Control-Allow-Methods"), m) {
				t.Errorf("%s is not allowed on %s", m, path)
			}
		}
		for _, name := range []string{"accept", "authorization", "content-type", "user-agent", "x-csrftoken", "x-requested-with", "sentry-trace", "baggage"} {
			if !strings.Contains(h.Get("Access-Control-Allow-Headers"), name) {
				t.Errorf("%s is not allowed on %s", name, path)
			}
		}
		for _, origin := range []string{"https://evil.example", "null", "http://localhost:5173.evil.example", "http://localhost", "*"} {
			if p := ask(origin, path); p.header.Get("Access-Control-Allow-Origin") != "" || p.header.Get("Access-Control-Allow-Methods") != "" {
				t.Errorf("%s is allowed on %s", origin, path)
			}
		}
	}
	for path, status := range map[string]int{"/api/apps/": 401, "/api/nothing": 404, "/api/auth/login": 405, "/api/health": 200} {
		if p := r.client("a page").with("Origin", friend).get(t, path).is(status); p.header.Get("Access-Control-Allow-Origin") != friend || !strings.Contains(p.header.Get("Vary"), "Origin") {
			t.Errorf("%s: a page cannot read the answer: %v", path, p.header)
		}
	}
}

func TestOneClientCannotAskForEver(t *testing.T) {
	t.Parallel()
	r := plain(t, core.RegistrationClosed, Options{Rate: 1})
	refused := func(from func(i int) *client) (n int) {
		for i := range 40 {
			if p := from(i).get(t, "/api/health"); p.status == 429 {
				if n++; p.header.Get("Retry-After") == "" {
					t.Errorf("no Retry-After: %v", p.header)
				}
			}
		}
		return n
	}
	somebody := func(from string) *client { return r.client("somebody").with("X-Forwarded-For", from) }
	if n := refused(func(int) *client { return somebody("203.0.113.5") }); n < 10 {
		t.Errorf("only %d of 40 requests were refused", n)
	}
	somebody("203.0.113.6").get(t, "/api/health").is(200)
	if n := refused(func(i int) *client { return somebody(fmt.Sprintf("10.9.9.%d, 203.0.113.7", i)) }); n < 10 { // what a client says of itself does not count
		t.Errorf("only %d of 40 requests of a liar were refused", n)
	}
	if n := refused(func(int) *client { return r.client("a program here") }); n != 0 {
		t.Errorf("%d requests of this machine were refused", n)
	}
}

func TestUnknownPathsAndMethodsAreAnsweredInJSON(t *testing.T) {
	r := rigged(t)
	for _, k := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/", 404}, {"GET", "/api", 404}, {"GET", "/api/nothing/", 404}, {"GET", "/api/apps/x/nothing", 404}, {"PUT", "/api/apps/", 405}, {"DELETE", "/api/apps/" + r.app.ID, 405},
		{"POST", "/api/health", 405}, {"GET", "/api/auth/token/refresh/", 405}, {"PATCH", "/api/core/settings/network", 405}, {"POST", "/healthz", 405},
	} {
		p := r.admin.send(t, k.method, k.path, nil).is(k.status)
		if p.status == 405 && p.header.Get("Allow") == "" {
			t.Errorf("%s: no Allow", p.what)
		}
	}
	if p := r.admin.send(t, "HEAD", "/api/apps/", nil).is(200); len(p.body) != 0 {
		t.Errorf("HEAD has a body: %s", p.body)
	}
	long := r.admin.with("X-Long", strings.Repeat("x", 64<<10))
	req, _ := http.NewRequest("GET", r.server.URL()+"/api/apps", nil)
	req.Header = long.header
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != 431 {
		t.Errorf("64 kB of headers are answered with %d", res.StatusCode)
	}
}

// A request that crashes harms nobody else.
func TestACrashIsAnAnswer(t *testing.T) {
	t.Parallel()
	r := plain(t, core.RegistrationFirst, Options{Crash: true})
	c := r.client("an admin")
	p := c.post(t, "/api/auth/registration", map[string]string{"username": "boss", "password": password}).is(201)
	c = c.bearer(p.at("access").(string))
	for range 3 {
		p := c.get(t, "/api/core/sentry-debug/").is(500, `"detail":"Internal server error"`)
		if strings.Contains(string(p.body), "panic") || strings.Contains(string(p.body), "asked to fail") {
			t.Errorf("too much is told: %s", p.body)
		}
	}
	c.get(t, "/api/auth/user").is(200)
}

func TestFiguresForPrometheus(t *testing.T) {
	r := rigged(t)
	r.admin.get(t, "/api/apps/"+r.app.ID+"/logs").is(200)
	for i := range 50 { // whatever strangers ask for, the figures stay as many
		r.client("nobody").get(t, fmt.Sprintf("/api/wherever/%d", i))
		r.client("nobody").get(t, fmt.Sprintf("/api/apps/wherever-%d", i)).is(401)
		r.client("nobody").send(t, fmt.Sprintf("BREW%d", i), "/api/apps", nil).is(405)
	}
	read := func(c *client) (int, string) {
		req, _ := http.NewRequest("GET", r.server.URL()+"/metrics", nil)
		req.Header = c.header.Clone()
		if c.token != "" {
			req.Header.Set("Authorization", "Bearer "+c.token)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		return res.StatusCode, readAll(t, res.Body)
	}
	code, text := read(r.client("prometheus"))
	for _, want := range []string{`proximity_apps{status="running"}`, `proximity_job_duration_seconds_count{kind="deploy",state="succeeded"}`, `proximity_host_up{host="lab"} 1`, `proximity_host_poll_seconds{host="lab"}`,
		`proximity_sessions{kind="console"}`, `proximity_sessions{kind="api"}`, `proximity_http_requests_total{route="GET /api/apps/{app_id}/logs",status="200"}`, `proximity_http_requests_total{route="none",status="404"}`,
		`proximity_http_request_duration_seconds_bucket{route="GET /api/apps/{app_id}/logs"`, "go_goroutines"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in %d:\n%.2000s", want, code, text)
		}
	}
	routes := map[string]bool{"none": true, "GET /healthz": true, "GET /readyz": true, "GET /metrics": true, "GET /api/docs": true, "GET /api/openapi.json": true}
	for _, o := range r.doc.operations() {
		routes[o.name()] = true
	}
	for _, m := range regexp.MustCompile(`route="([^"]*)"`).FindAllStringSubmatch(text, -1) {
		if !routes[m[1]] {
			t.Errorf("%s is a route", m[1])
		}
	}
	for _, not := range []string{r.app.ID, "wherever", "BREW", "olga"} {
		if strings.Contains(text, not) {
			t.Errorf("%s is a label", not)
		}
	}
	for who, want := range map[*client]int{r.client("nobody"): 401, r.owner: 403, r.viewer: 200, r.admin: 200} {
		if code, _ := read(who.with("X-Forwarded-For", "203.0.113.40")); code != want {
			t.Errorf("%s from elsewhere: %d, want %d", who.name, code, want)
		}
	}
}
