package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"proximity/core"
	"proximity/pvesim"
)

// rig is a server on a simulated cluster, shared by the tests: the people in
// it are an admin, the owner of an app that runs, another user, and a viewer.
type rig struct {
	core   *core.Core
	sim    *pvesim.Cluster
	server *Server
	doc    *document

	admin, owner, other, viewer *client
	app                         core.AppView // the owner's
	host                        core.HostView
}

const password = "correct horse battery"

var shared = sync.OnceValues(func() (*rig, error) { return newRig("shared", Options{}) })

// ends are what the shared servers need to end.
var ends struct {
	sync.Mutex
	all []func() error
}

func TestMain(m *testing.M) {
	code := m.Run()
	for _, end := range ends.all {
		if err := end(); err != nil {
			fmt.Fprintln(os.Stderr, "end:", err)
			code = max(code, 1)
		}
	}
	os.Exit(code)
}

// rigged gives the shared server to a test.
func rigged(t testing.TB) *rig {
	t.Helper()
	r, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// loopback is an address that only one rig publishes apps on.
func loopback(name string) string {
	n := os.Getpid() + len(name)
	return fmt.Sprintf("127.%d.%d.%d", 60+n%100, n/100%250, 1+n/25000%250)
}

func newRig(name string, o Options) (_ *rig, err error) {
	dir, err := os.MkdirTemp("", "proximity-api")
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &rig{}
	if r.sim, err = pvesim.Start(ctx, pvesim.Options{Nodes: 3, TaskTime: 0.01, Guests: 3, Listen: "127.0.0.1:0", SSHListen: "127.0.0.1:0"}); err != nil {
		cancel()
		return nil, err
	}
	log := slog.New(slog.DiscardHandler)
	if os.Getenv("PROXIMITY_TEST_LOG") != "" {
		log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	r.core, err = core.Open(core.Config{Data: dir, PublicHost: loopback(name), ListenHost: loopback(name), GuestNetworks: []string{"127.0.0.0/8"}, Registration: core.RegistrationOpen, Logger: log,
		Pace: core.Pace{TaskPoll: 15 * time.Millisecond, Watched: 30 * time.Millisecond, Idle: 60 * time.Millisecond, HostRetry: 50 * time.Millisecond, Backoff: 30 * time.Millisecond}})
	if err != nil {
		cancel()
		return nil, err
	}
	o.Core, o.Listen, o.Logger = r.core, "127.0.0.1:0", log
	if o.Origins == nil {
		o.Origins = []string{"http://localhost:5173"}
	}
	r.server = New(o)
	if err := r.server.Start(); err != nil {
		cancel()
		return nil, err
	}
	ran := make(chan error, 2)
	go func() { ran <- r.core.Run(ctx) }()
	go func() { ran <- r.server.Run(ctx) }()
	ends.Lock()
	ends.all = append(ends.all, func() error {
		cancel()
		return errors.Join(<-ran, <-ran, r.core.Close(), r.sim.Close(), os.RemoveAll(dir))
	})
	ends.Unlock()
	return r, r.furnish()
}

// furnish connects the cluster, makes the people, and deploys an app.
func (r *rig) furnish() (err error) {
	ctx, local := context.Background(), core.LocalAdmin("test")
	if r.doc, err = readDocument(r.server.URL()); err != nil {
		return err
	}
	r.host, err = r.core.AddHost(ctx, local, core.AddHostRequest{Name: "lab", URL: r.sim.URL(), User: "root@pam", Password: r.sim.RootPassword(), SSHPort: r.sim.SSHPort(), Fingerprint: r.sim.Fingerprint()})
	if err != nil {
		return err
	}
	for _, p := range []struct {
		name string
		role core.Role
		to   **client
	}{{"admin", core.RoleAdmin, &r.admin}, {"olga", core.RoleUser, &r.owner}, {"otto", core.RoleUser, &r.other}, {"vera", core.RoleViewer, &r.viewer}} {
		if err := r.core.AddUser(ctx, local, p.name, p.role, nil); err != nil {
			return err
		}
		if err := r.core.SetPassword(ctx, local, p.name, password); err != nil {
			return err
		}
		*p.to = r.client(p.name)
		a := core.Actor{User: p.name, Role: p.role, Via: core.ViaAPI}
		t, err := r.core.StartLogin(ctx, a)
		if err != nil {
			return err
		}
		(*p.to).token = t.Access
	}
	if err := r.until(func(w *core.World) bool { return len(w.Hosts) > 0 && w.Hosts[0].State == "online" }); err != nil {
		return err
	}
	var job core.JobView
	if r.app, job, err = r.core.DeployApp(ctx, core.Actor{User: "olga", Role: core.RoleUser, Via: core.ViaAPI}, core.DeployRequest{CatalogID: "adminer", Hostname: "olgas", MemoryMB: 512, DiskGB: 6}); err != nil {
		return err
	}
	if _, err := r.core.FollowJob(ctx, local, job.ID, func(core.LogLine) {}); err != nil {
		return err
	}
	r.app, err = r.core.App(ctx, local, r.app.ID)
	if err == nil && r.app.Status != core.StatusRunning {
		err = fmt.Errorf("the app is %s: %s", r.app.Status, r.app.Error)
	}
	return err
}

// until waits for the world to be so.
func (r *rig) until(so func(w *core.World) bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	changes := r.core.Watch(ctx)
	for !so(r.core.FreshWorld(core.LocalAdmin("test"))) {
		select {
		case <-changes:
		case <-ctx.Done():
			return errors.New("waited in vain")
		}
	}
	return nil
}

// client is one of the people with curl, or with a browser.
type client struct {
	r      *rig
	name   string
	token  string         // sent as Bearer, unless empty
	jar    *cookiejar.Jar // a browser's
	header http.Header    // sent with every request
	http   *http.Client
}

func (r *rig) client(name string) *client {
	return &client{r: r, name: name, header: http.Header{}, http: &http.Client{Timeout: time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// browser is a client that keeps cookies.
func (r *rig) browser() *client {
	c := r.client("a browser")
	c.jar, _ = cookiejar.New(nil) // cannot fail
	c.http.Jar = c.jar
	return c
}

// with is the client with one more header.
func (c *client) with(name, value string) *client {
	d := *c
	d.header = c.header.Clone()
	d.header.Set(name, value)
	return &d
}

// reply is what a server answers.
type reply struct {
	t      testing.TB
	what   string
	status int
	header http.Header
	body   []byte
}

// send sends a request and holds the answer against the API's document. body
// is a string or a reader, sent as it is, or anything that becomes JSON.
func (c *client) send(t testing.TB, method, path string, body any) *reply {
	t.Helper()
	var in io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		in = strings.NewReader(b)
	case io.Reader:
		in = b
	default:
		raw, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		in = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, c.r.server.URL()+path, in)
	if err != nil {
		t.Fatal(err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	for name, values := range c.header {
		req.Header[name] = values
	}
	res, err := c.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	p := &reply{t: t, what: c.name + ": " + method + " " + path, status: res.StatusCode, header: res.Header}
	if p.body, err = io.ReadAll(res.Body); err != nil {
		t.Fatal(err)
	}
	if method != http.MethodHead {
		if err := c.r.doc.check(method, path, p); err != nil {
			t.Errorf("%s: %d is not as documented: %v\n%s", p.what, p.status, err, p.body)
		}
	}
	return p
}

func (c *client) get(t testing.TB, path string) *reply {
	t.Helper()
	return c.send(t, http.MethodGet, path, nil)
}

func (c *client) post(t testing.TB, path string, body any) *reply {
	t.Helper()
	return c.send(t, http.MethodPost, path, body)
}

// is demands a status, and texts in the body.
func (p *reply) is(status int, texts ...string) *reply {
	p.t.Helper()
	if p.status != status {
		p.t.Errorf("%s: %d, want %d: %s", p.what, p.status, status, p.body)
	}
	for _, s := range texts {
		if !strings.Contains(string(p.body), s) {
			p.t.Errorf("%s: no %s in %s", p.what, s, p.body)
		}
	}
	return p
}

// at is the value at a path of keys and indexes.
func (p *reply) at(path ...any) any {
	p.t.Helper()
	var v any
	if err := json.Unmarshal(p.body, &v); err != nil {
		p.t.Fatalf("%s: %v: %s", p.what, err, p.body)
	}
	for _, step := range path {
		switch x := v.(type) {
		case map[string]any:
			v = x[fmt.Sprint(step)]
		case []any:
			i, ok := step.(int)
			if !ok || i >= len(x) {
				return nil
			}
			v = x[i]
		default:
			return nil
		}
	}
	return v
}

// job follows the job that an answer names to its end.
func (c *client) job(t testing.TB, p *reply) *reply {
	t.Helper()
	url := p.header.Get("Location")
	if !strings.HasPrefix(url, "/api/jobs/") {
		t.Fatalf("%s: Location is %q: %s", p.what, url, p.body)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	changes := c.r.core.Watch(ctx)
	for {
		j := c.get(t, url).is(200)
		if j.at("ended") == true {
			return j
		}
		select {
		case <-changes:
		case <-ctx.Done():
			t.Fatalf("%s does not end: %s", url, j.body)
		}
	}
}

// document is the API's own description, to hold answers against.
type document struct {
	raw   map[string]any
	paths map[string]map[string]any

	mu      sync.Mutex
	schemas *jsonschema.Compiler
	asked   map[string]map[int]bool // statuses seen by "GET /api/apps"
}

func readDocument(url string) (*document, error) {
	res, err := http.Get(url + "/api/openapi.json")
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	doc, err := jsonschema.UnmarshalJSON(res.Body)
	if err != nil {
		return nil, err
	}
	d := &document{raw: doc.(map[string]any), paths: map[string]map[string]any{}, schemas: jsonschema.NewCompiler(), asked: map[string]map[int]bool{}}
	d.schemas.AssertFormat()
	for path, item := range d.raw["paths"].(map[string]any) {
		d.paths[path] = item.(map[string]any)
	}
	return d, d.schemas.AddResource("api.json", doc)
}

// template finds the documented path that a path is one of.
func (d *document) template(path string) string {
	path, _, _ = strings.Cut(path, "?")
	words := strings.Split(strings.Trim(path, "/"), "/")
	best, literal := "", -1
	for t := range d.paths {
		pattern := strings.Split(strings.Trim(t, "/"), "/")
		if len(pattern) != len(words) {
			continue
		}
		same, n := true, 0
		for i, p := range pattern {
			if p == words[i] {
				n++
			} else if !strings.HasPrefix(p, "{") {
				same = false
			}
		}
		if same && n > literal {
			best, literal = t, n
		}
	}
	return best
}

// check says how an answer differs from what is documented. Paths and methods
// that are not are answered with 404 and 405 only.
func (d *document) check(method, path string, p *reply) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	t := d.template(path)
	op, ok := d.paths[t][strings.ToLower(method)].(map[string]any)
	if !ok || p.status == http.StatusRequestEntityTooLarge || p.status == http.StatusUnsupportedMediaType || p.status == http.StatusTooManyRequests {
		return isDetail(p)
	}
	key := method + " " + t
	if d.asked[key] == nil {
		d.asked[key] = map[int]bool{}
	}
	d.asked[key][p.status] = true
	at := fmt.Sprintf("api.json#/paths/%s/%s/responses/%d/content/application~1json/schema", strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D").Replace(t), strings.ToLower(method), p.status)
	if _, ok := op["responses"].(map[string]any)[fmt.Sprint(p.status)]; !ok {
		return errors.New("the status is not there")
	}
	schema, err := d.schemas.Compile(at)
	if err != nil {
		return err
	}
	if kind := p.header.Get("Content-Type"); kind != "application/json" {
		return fmt.Errorf("it is %q", kind)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(p.body))
	if err != nil {
		return err
	}
	return schema.Validate(v)
}

func isDetail(p *reply) error {
	if p.status >= 400 && (p.header.Get("Content-Type") != "application/json" || p.at("detail") == nil) {
		return errors.New("an error without a detail")
	}
	return nil
}

func readAll(t testing.TB, r io.Reader) string {
	t.Helper()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
