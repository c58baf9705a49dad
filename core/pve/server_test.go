package pve

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// fakePVE is an HTTPS server that speaks as Proxmox does: status lines with texts of its own, errors with
// and without bodies. Its routes are "METHOD /path" without /api2/json.
type fakePVE struct {
	*httptest.Server

	mu     sync.Mutex
	routes map[string]http.HandlerFunc
	seen   []seen
}

// quiet takes no notice of handshakes that a test means to fail.
var quiet = log.New(io.Discard, "", 0)

type seen struct {
	method, path, query, body string
	header                    http.Header
	length                    int64
}

func newFake(t testing.TB) *fakePVE {
	f := &fakePVE{routes: make(map[string]http.HandlerFunc)}
	f.Server = httptest.NewUnstartedServer(http.HandlerFunc(f.serve))
	f.Config.ErrorLog = quiet
	f.StartTLS()
	t.Cleanup(f.Server.Close)
	return f
}

func (f *fakePVE) serve(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	path := strings.TrimPrefix(r.URL.EscapedPath(), "/api2/json")
	f.mu.Lock()
	f.seen = append(f.seen, seen{r.Method, path, r.URL.RawQuery, string(body), r.Header.Clone(), r.ContentLength})
	handle := f.routes[r.Method+" "+path]
	f.mu.Unlock()
	if handle == nil {
		reply(w, 501, fmt.Sprintf("Method '%s %s' not implemented", r.Method, path), `{"data":null}`)
		return
	}
	handle(w, r)
}

func (f *fakePVE) on(route string, h http.HandlerFunc) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.routes[route] = h
}

// data answers a route with {"data": …}.
func (f *fakePVE) data(route, json string) {
	f.on(route, func(w http.ResponseWriter, _ *http.Request) { reply(w, 200, "OK", `{"data":`+json+`}`) })
}

// status answers a route with an error as Proxmox writes it.
func (f *fakePVE) status(route string, code int, reason, body string) {
	f.on(route, func(w http.ResponseWriter, _ *http.Request) { reply(w, code, reason, body) })
}

// requests returns what has come in, narrowed to "METHOD /path" when one is given.
func (f *fakePVE) requests(route string) []seen {
	f.mu.Lock()
	defer f.mu.Unlock()
	var list []seen
	for _, s := range f.seen {
		if route == "" || s.method+" "+s.path == route {
			list = append(list, s)
		}
	}
	return list
}

func (f *fakePVE) fingerprint() string { return fingerprint(f.Certificate()) }

// reply writes a status line with any reason phrase, which net/http's ResponseWriter cannot.
func reply(w http.ResponseWriter, code int, reason, body string) {
	conn, rw, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(err)
	}
	defer conn.Close()
	fmt.Fprintf(rw, "HTTP/1.1 %d %s\r\nServer: pve-api-daemon/3.0\r\nConnection: close\r\n", code, reason)
	if body != "" {
		fmt.Fprintf(rw, "Content-Type: application/json;charset=UTF-8\r\nContent-Length: %d\r\n", len(body))
	}
	fmt.Fprintf(rw, "\r\n%s", body)
	rw.Flush()
}

// cut ends the connection without an answer.
func cut(w http.ResponseWriter, _ *http.Request) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		conn.Close()
	}
}

// client talks to the fake with a token, or as c says.
func (f *fakePVE) client(t testing.TB, c Config) *Client {
	t.Helper()
	c.URL = cmp.Or(c.URL, f.URL)
	c.Fingerprint = cmp.Or(c.Fingerprint, f.fingerprint())
	if c.User == "" {
		c.TokenID, c.TokenSecret = "app@pve!proximity", "8a6c3b52-0000-4000-8000-1b5a4a9d9e11"
	}
	c.TaskPoll = cmp.Or(c.TaskPoll, time.Millisecond)
	client, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

func testContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// eventually waits for a condition that has no event.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}
