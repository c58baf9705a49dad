package api

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// described is an operation as the API's document has it.
type described struct {
	method, path string
	op           map[string]any
}

// operations are all that the document has.
func (d *document) operations() (all []described) {
	for path, item := range d.paths {
		for method, op := range item {
			if op, ok := op.(map[string]any); ok {
				all = append(all, described{strings.ToUpper(method), path, op})
			}
		}
	}
	slices.SortFunc(all, func(a, b described) int { return strings.Compare(a.path+a.method, b.path+b.method) })
	return all
}

func (o described) name() string { return o.method + " " + o.path }
func (o described) person() bool { return o.op["security"] != nil }
func (o described) changes() bool {
	return o.method != http.MethodGet
}

// body is the schema of what is sent; nil where nothing is.
func (d *document) body(o described) map[string]any {
	body, ok := o.op["requestBody"].(map[string]any)
	if !ok {
		return nil
	}
	return d.resolve(body["content"].(map[string]any)["application/json"].(map[string]any)["schema"].(map[string]any))
}

// resolve follows a reference.
func (d *document) resolve(schema map[string]any) map[string]any {
	ref, ok := schema["$ref"].(string)
	if !ok {
		return schema
	}
	var at any = d.raw
	for _, step := range strings.Split(strings.TrimPrefix(ref, "#/"), "/") {
		at = at.(map[string]any)[step]
	}
	return at.(map[string]any)
}

// concrete is a path of this rig; what is named in it is there, but a backup.
func (r *rig) concrete(path string) string {
	return strings.NewReplacer("{app_id}", r.app.ID, "{host_id}", fmt.Sprint(r.host.ID), "{backup_id}", "99", "{job_id}", "1", "{category}", "media", "{catalog_id}", "gitea").Replace(path)
}

// Old scripts must find what they call.
func TestAllEndpointsOfTheEarlierProjectAreThere(t *testing.T) {
	r := rigged(t)
	endpoints := strings.Split(strings.TrimSpace(`
POST /api/auth/login
POST /api/auth/logout
POST /api/auth/registration
GET /api/auth/user
POST /api/auth/token/refresh
GET /api/health
GET /api/core/health
GET /api/core/system/info
GET /api/core/sentry-debug
GET /api/core/settings/resources
POST /api/core/settings/resources
GET /api/core/settings/network
POST /api/core/settings/network
GET /api/proxmox/hosts
POST /api/proxmox/hosts
GET /api/proxmox/hosts/{host_id}
PUT /api/proxmox/hosts/{host_id}
DELETE /api/proxmox/hosts/{host_id}
POST /api/proxmox/hosts/{host_id}/test
POST /api/proxmox/hosts/{host_id}/sync-nodes
GET /api/proxmox/nodes
GET /api/apps
POST /api/apps
GET /api/apps/{app_id}
POST /api/apps/{app_id}/action
POST /api/apps/{app_id}/clone
GET /api/apps/{app_id}/logs
GET /api/apps/discover
POST /api/apps/adopt
GET /api/apps/{app_id}/backups
POST /api/apps/{app_id}/backups
GET /api/apps/{app_id}/backups/stats
GET /api/apps/{app_id}/backups/{backup_id}
POST /api/apps/{app_id}/backups/{backup_id}/restore
DELETE /api/apps/{app_id}/backups/{backup_id}
GET /api/catalog
GET /api/catalog/search
GET /api/catalog/categories
GET /api/catalog/category/{category}
GET /api/catalog/stats
GET /api/catalog/{catalog_id}
POST /api/catalog/reload`), "\n")
	if len(endpoints) != 42 {
		t.Fatalf("%d endpoints", len(endpoints))
	}
	for _, e := range endpoints {
		method, path, _ := strings.Cut(e, " ")
		if r.doc.paths[path][strings.ToLower(method)] == nil {
			t.Errorf("%s is not there", e)
		}
	}
}

// refusedBody is the status of a body that is wrong in itself.
func refusedBody(o described) int {
	if tagOf(o.path) == "auth" {
		return 400
	}
	return 422
}

func TestNoEndpointTakesABadBody(t *testing.T) {
	r := rigged(t)
	large := `{"x":"` + strings.Repeat("x", 1<<20) + `"}`
	for _, o := range r.doc.operations() {
		if r.doc.body(o) == nil {
			continue
		}
		path := r.concrete(o.path)
		send := func(body any) *reply { t.Helper(); return r.admin.send(t, o.method, path, body) }
		for _, body := range []string{"{", `{"a":}`, "{}{}", "\x00", strings.Repeat("[", 100_000)} {
			send(body).is(400, `"detail":"Cannot parse request body"`)
		}
		for _, body := range []string{"[]", `"text"`, "7", "true"} {
			send(body).is(refusedBody(o), `"detail":`)
		}
		send(large).is(413, `"detail":"`)
		send(struct{ io.Reader }{strings.NewReader(large)}).is(413, `"detail":"`) // its length is not told before
		form := slices.Contains([]string{"/api/auth/login", "/api/auth/registration", "/api/auth/token/refresh"}, o.path)
		for _, kind := range []string{"text/plain", "application/xml", urlencoded, multiparted + "; boundary=x", "+;", "application/jsonp"} {
			if !form || kind != urlencoded && !strings.HasPrefix(kind, multiparted) {
				r.admin.with("Content-Type", kind).send(t, o.method, path, "{}").is(415, `"detail":"Send the body as application/json"`)
			}
		}
		if form {
			r.admin.with("Content-Type", urlencoded).send(t, o.method, path, large).is(413)
			r.admin.with("Content-Type", multiparted+"; boundary=x").send(t, o.method, path, large).is(413)
			r.admin.with("Content-Type", multiparted+"; boundary=x").send(t, o.method, path, "--x").is(400)
			r.admin.with("Content-Type", multiparted).send(t, o.method, path, "--x").is(400)
		}
	}
}

// wrongFor are values that a field must refuse, by its schema.
func wrongFor(schema map[string]any) (wrong []any) {
	types, _ := schema["type"].([]any)
	if one, ok := schema["type"].(string); ok {
		types = []any{one}
	}
	samples := map[string]any{"string": "x", "integer": 1, "boolean": true, "object": map[string]any{}, "array": []any{}}
	for _, kind := range []string{"string", "integer", "boolean", "object", "array"} {
		if !slices.Contains(types, any(kind)) {
			wrong = append(wrong, samples[kind])
		}
	}
	if slices.Contains(types, any("integer")) {
		wrong = append(wrong, 1.5)
	}
	if v, ok := number(schema["minimum"]); ok {
		wrong = append(wrong, v-1)
	}
	if v, ok := number(schema["maximum"]); ok {
		wrong = append(wrong, v+1)
	}
	if v, ok := number(schema["minLength"]); ok {
		wrong = append(wrong, strings.Repeat("x", int(v)-1))
	}
	if v, ok := number(schema["maxLength"]); ok {
		wrong = append(wrong, strings.Repeat("x", int(v)+1))
	}
	if schema["enum"] != nil {
		wrong = append(wrong, "something else", "")
	}
	return wrong
}

func number(v any) (float64, bool) {
	var f float64
	_, err := fmt.Sscan(fmt.Sprint(v), &f)
	return f, v != nil && err == nil
}

func TestEveryFieldIsHeldAgainstItsDescription(t *testing.T) {
	r := rigged(t)
	tried := 0
	for _, o := range r.doc.operations() {
		schema := r.doc.body(o)
		if schema == nil {
			continue
		}
		fields, _ := schema["properties"].(map[string]any)
		if len(fields) == 0 {
			t.Errorf("%s takes a body of no fields", o.name())
		}
		for name, field := range fields {
			for _, value := range wrongFor(r.doc.resolve(field.(map[string]any))) {
				tried++
				want := fmt.Sprintf(`"loc":["body","payload",%q]`, name)
				if tagOf(o.path) == "auth" {
					want = fmt.Sprintf(`%q:["Expected `, name)
				}
				p := r.admin.send(t, o.method, r.concrete(o.path), map[string]any{name: value}).is(refusedBody(o), want)
				if d, ok := p.at("detail").(string); ok && !strings.Contains(d, name+": Expected ") {
					t.Errorf("%s: the plain text does not say which field: %s", p.what, p.body)
				}
			}
		}
	}
	for field, body := range map[string]string{
		`"vmid"`: `{"vmid":1e30,"node_name":"pve1"}`, `"host_id"`: `{"vmid":1,"node_name":"pve1","host_id":1e19}`,
	} { // no type of ours is told about
		if p := r.admin.post(t, "/api/apps/adopt", body).is(422, `"loc":["body","payload",`+field+`],"msg":"Expected integer"`); strings.Contains(string(p.body), "Go ") {
			t.Errorf("too much is told: %s", p.body)
		}
	}
	r.owner.post(t, "/api/apps", `{"catalog_id":"adminer","hostname":"fresh","config":{"cores":2.0}}`).is(422, `"loc":["body","payload","config","cores"],"msg":"Expected integer"`)
	if tried < 250 {
		t.Errorf("only %d values were tried", tried)
	}
}

func TestEveryNumberInAPathOrQueryIsOne(t *testing.T) {
	r := rigged(t)
	tried := 0
	for _, o := range r.doc.operations() {
		params, _ := o.op["parameters"].([]any)
		for _, p := range params {
			p := p.(map[string]any)
			name, in := p["name"].(string), p["in"].(string)
			schema := p["schema"].(map[string]any)
			if schema["type"] != "integer" {
				continue
			}
			values := []string{"x", "-1", "1.5", "99999999999999999999"}
			if least, ok := number(schema["minimum"]); ok && in == "query" {
				values = append(values, fmt.Sprint(least-1))
			}
			if most, ok := number(schema["maximum"]); ok && in == "query" {
				values = append(values, fmt.Sprint(most+1))
			}
			for _, v := range values {
				tried++
				path := r.concrete(o.path) + "?" + name + "=" + v
				if in == "path" {
					path = r.concrete(strings.Replace(o.path, "{"+name+"}", v, 1))
				}
				var body any
				if r.doc.body(o) != nil {
					body = "{}"
				}
				r.admin.send(t, o.method, path, body).is(422, fmt.Sprintf(`"loc":[%q,%q]`, in, name))
			}
		}
	}
	if tried < 40 {
		t.Errorf("only %d values were tried", tried)
	}
}

// A browser sends its cookies along whatever page it is on: each endpoint that
// changes something demands the proof that ours was meant, and those that
// cookies say nothing to do not.
func TestEveryChangeByCookieNeedsProof(t *testing.T) {
	r := rigged(t)
	b := r.client("a browser").with("Cookie", accessCookie+"="+r.owner.token+"; "+csrfCookie+"=proof")
	checked := 0
	for _, o := range r.doc.operations() {
		if !o.changes() || o.path == "/api/auth/logout" { // which would end the owner's login; see TestABrowserLogsIn
			continue
		}
		ask := func(c *client) *reply { t.Helper(); return c.send(t, o.method, r.concrete(o.path), "[]") } // what no endpoint with a body takes
		if !o.person() {
			if p := ask(b); strings.Contains(string(p.body), "CSRF") {
				t.Errorf("%s asks for a proof: %s", p.what, p.body)
			}
			continue
		}
		checked++
		ask(b).is(403, "CSRF check Failed")
		ask(b.with(csrfHeader, "another")).is(403, "CSRF check Failed")
		ask(b.with(csrfHeader, "proof").with("Origin", "https://evil.example")).is(403, "CSRF check Failed")
		for _, c := range []*client{b.with(csrfHeader, "proof"), b.with(csrfHeader, "proof").with("Origin", "http://localhost:5173"), r.owner} {
			if p := ask(c); p.status == 401 || strings.Contains(string(p.body), "CSRF") || p.status < 400 {
				t.Errorf("%s is answered with %d: %s", p.what, p.status, p.body)
			}
		}
	}
	if checked < 17 {
		t.Errorf("only %d endpoints were tried", checked)
	}
}

// The decoders are where strangers' bytes arrive: each is fuzzed.
func TestEveryDecoderHasAFuzzTarget(t *testing.T) {
	r := rigged(t)
	source, err := os.ReadFile("fuzz_test.go")
	if err != nil {
		t.Fatal(err)
	}
	fuzzed := map[string]bool{}
	for _, m := range regexp.MustCompile(`fuzz\(f, "([A-Z]+)", "([^"]+)"`).FindAllStringSubmatch(string(source), -1) {
		fuzzed[m[1]+" "+r.doc.template(m[2])] = true
	}
	for _, o := range r.doc.operations() {
		decodes := r.doc.body(o) != nil
		params, _ := o.op["parameters"].([]any)
		for _, p := range params {
			decodes = decodes || p.(map[string]any)["in"] == "query"
		}
		same := o.method == http.MethodPut && fuzzed["PATCH "+o.path] // the same decoder
		if decodes && !fuzzed[o.name()] && !same {
			t.Errorf("%s has no fuzz target", o.name())
		}
	}
}
