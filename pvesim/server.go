package pvesim

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"proximity/pvesim/schema"
	"proximity/pvesim/wire"
)

// apiError is an answer that is not 200. Message may have several lines; the first becomes the reason phrase.
type apiError struct {
	status  int
	message string
	params  map[string]string
	bare    bool // without a body
}

func (e *apiError) Error() string { return e.message }

// failf is the answer to a call that the server could not do: 500 with a text.
func failf(format string, args ...any) error {
	return &apiError{status: 500, message: fmt.Sprintf(format, args...) + "\n"}
}

// paramErr is the answer to a wrong parameter: 400 with its name.
func paramErr(name, problem string) error {
	return paramErrs(map[string]string{name: problem})
}

func paramErrs(params map[string]string) error {
	return &apiError{status: 400, message: "Parameter verification failed.\n", params: params}
}

// denied is the answer to a missing privilege: 403; what is "" when the server does not say.
func denied(what string) error {
	if what != "" {
		what = " (" + what + ")"
	}
	return &apiError{status: 403, message: "Permission check failed" + what + "\n"}
}

// call is one request on its way through a handler. Handlers run with the cluster's lock held.
type call struct {
	*Cluster
	via    *node // that was asked
	node   *node // of the path, nil without
	who    identity
	method *schema.Method
	p      map[string]string
	fault  *armedFault
}

// handler does one API method. Its result becomes "data"; a page adds keys beside it.
type handler func(*call) (any, error)

// page is a result with keys beside "data".
type page struct {
	data  any
	extra map[string]any
}

// takeover is a result that speaks on the connection itself.
type takeover func(context.Context, *wire.Request) error

var apiPath = regexp.MustCompile(`\A/api2/([a-z0-9]+)(/.*)?\z`)

// serve answers one HTTPS request that reached a node.
func (c *Cluster) serve(ctx context.Context, n *node, r *wire.Request) (wire.Response, error) {
	path := r.Path
	parts := apiPath.FindStringSubmatch(path)
	if parts != nil {
		path = parts[2]
	}
	c.watch.note(Request{Method: r.Method, Path: path, Node: n.Name, Time: c.now()})
	if c.o.Latency > 0 && !wait(ctx, c.o.Latency) {
		return wire.Response{}, wire.ErrDrop
	}
	about := n.Name
	if p := strings.Split(path, "/"); len(p) > 2 && p[1] == "nodes" {
		about = p[2]
	}
	f := c.strike(r.Method, path, about)
	if f != nil {
		if resp, err, done := c.faulty(ctx, f, r); done {
			return resp, err
		}
	}
	if parts == nil {
		return landing(r), nil
	}
	resp, err := c.answer(ctx, n, r, parts[1], path, f)
	if f != nil && f.verb == "drop-after" {
		return wire.Response{}, wire.ErrDrop
	}
	return resp, err
}

// faulty does those faults that keep the call from being handled.
func (c *Cluster) faulty(ctx context.Context, f *armedFault, r *wire.Request) (wire.Response, error, bool) {
	switch f.verb {
	case "drop":
		return wire.Response{}, wire.ErrDrop, true
	case "hang":
		r.Gone(ctx)
		return wire.Response{}, wire.ErrDrop, true
	case "delay":
		if !wait(ctx, f.delay) {
			return wire.Response{}, wire.ErrDrop, true
		}
		return wire.Response{}, nil, false
	}
	status, err := strconv.Atoi(f.verb)
	if err != nil {
		return wire.Response{}, nil, false
	}
	text, bare := f.text, status == 401 || status >= 595
	if text == "" {
		text = map[int]string{401: "Authentication failed!", 403: "Permission check failed", 595: "Connection refused", 596: "Connection timed out"}[status]
	}
	e := &apiError{status: status, message: text + "\n", bare: bare}
	if status == 401 {
		c.delay401(ctx)
	}
	return reply("json", nil, e), nil, true
}

// landing is what a browser gets.
func landing(r *wire.Request) wire.Response {
	if r.Method == "GET" && r.Path == "/" {
		return wire.Response{Status: 200, Type: "text/html; charset=utf-8", Body: []byte("<!DOCTYPE html><title>Proxmox Virtual Environment</title><p>A simulated Proxmox VE. Its API is at /api2/json.\n")}
	}
	return wire.Response{Status: 501, Reason: "no such uri", Body: []byte("no such uri")}
}

// answer does an API request.
func (c *Cluster) answer(ctx context.Context, n *node, r *wire.Request, format, path string, f *armedFault) (wire.Response, error) {
	if path == "" || path == "/" && format != "json" && format != "extjs" {
		return wire.Response{Status: 501, Reason: "no such uri", Body: []byte("no such uri")}, nil
	}
	if format != "json" && format != "extjs" {
		text := fmt.Sprintf("no formatter for uri %s, %s", path, format)
		return wire.Response{Status: 501, Reason: text, Body: []byte(text)}, nil
	}
	data, err := c.dispatch(n, r, path, f)
	if take, ok := data.(takeover); ok && err == nil {
		if err := take(ctx, r); err != nil {
			return wire.Response{}, err
		}
		return wire.Response{}, wire.ErrTaken
	}
	if e := new(apiError); errors.As(err, &e) && e.status == 401 {
		c.delay401(ctx)
	}
	if ctx.Err() != nil {
		return wire.Response{}, wire.ErrDrop
	}
	return reply(format, data, err), nil
}

// delay401 is the pause before every 401.
// Proxmox: AnyEvent.pm delays them by three seconds.
func (c *Cluster) delay401(ctx context.Context) {
	wait(ctx, time.Duration(3*min(c.o.TaskTime, 1)*float64(time.Second)))
}

// dispatch finds the method, checks who asks and what with, and runs its handler.
func (c *Cluster) dispatch(n *node, r *wire.Request, path string, f *armedFault) (any, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	method, inPath := c.schema.Lookup(r.Method, path)
	who, err := c.authenticate(r, path)
	if err != nil {
		return nil, err
	}
	if method == nil {
		return nil, &apiError{status: 501, message: fmt.Sprintf("Method '%s %s' not implemented", r.Method, path)}
	}
	given, err := parameters(r, inPath)
	if err != nil {
		return nil, err
	}
	q := &call{Cluster: c, via: n, who: who, method: method, fault: f}
	if err := q.authorize(given); err != nil {
		return nil, err
	}
	if err := q.proxy(inPath["node"]); err != nil {
		return nil, err
	}
	var problems map[string]string
	if q.p, problems = method.Check(given); problems != nil {
		return nil, paramErrs(problems)
	}
	if q.node != nil {
		q.p["node"] = q.node.Name
	}
	if err := q.quorum(); err != nil {
		return nil, err
	}
	do := c.routes[r.Method+" "+method.Path]
	if do == nil {
		return nil, failf("%s %s is not simulated", r.Method, path)
	}
	return do(q)
}

// proxy finds the node that a call is for, as pveproxy does before anything is checked.
func (q *call) proxy(name string) error {
	switch name {
	case "":
		return nil
	case "localhost":
		q.node = q.via
	default:
		if q.node = q.Cluster.node(name); q.node == nil {
			return failf("hostname lookup '%s' failed - failed to get address info for: %s: Name or service not known", name, name)
		}
	}
	if !q.node.up {
		return &apiError{status: 595, message: "No route to host\n", bare: true}
	}
	return nil
}

// quorum refuses to change a cluster of which most nodes are gone. Guests can still be stopped.
// Proxmox: PVE/Cluster.pm check_cfs_quorum; /etc/pve is read-only without.
func (q *call) quorum() error {
	path := q.method.Path
	if q.method.Verb == "GET" || path == "/access/ticket" || strings.HasSuffix(path, "/status/stop") || strings.HasSuffix(path, "/status/shutdown") || strings.HasSuffix(path, "/tasks/{upid}") {
		return nil
	}
	up := 0
	for _, n := range q.Cluster.nodes {
		up += bit(n.up)
	}
	if 2*up <= len(q.Cluster.nodes) {
		return failf("cluster not ready - no quorum?")
	}
	return nil
}

// parameters collects those of the path, the query and the body. A query wins over the body; a value that contradicts
// the path is refused.
func parameters(r *wire.Request, inPath map[string]string) (map[string]any, error) {
	given := map[string]any{}
	if r.JSON() {
		d := json.NewDecoder(bytes.NewReader(r.Body))
		d.UseNumber()
		if err := d.Decode(&given); err != nil && len(r.Body) > 0 {
			return nil, &apiError{status: 500, message: "malformed JSON string, neither tag, array, object, number, string or atom: " + err.Error() + "\n"}
		}
	} else {
		for k, v := range r.Form() {
			given[k] = single(v)
		}
	}
	for k, v := range r.Query {
		given[k] = single(v)
	}
	delete(given, "_dc")
	for k, v := range inPath {
		if old, ok := given[k]; ok && fmt.Sprint(old) != v {
			return nil, paramErr(k, "duplicate parameter (already defined in URI) with conflicting values!")
		}
		given[k] = v
	}
	return given, nil
}

// single is a value given once, or the list of those given.
func single(v []string) any {
	if len(v) == 1 {
		return v[0]
	}
	list := make([]any, len(v))
	for i := range v {
		list[i] = v[i]
	}
	return list
}

// reply writes a result or an error in one of the two formats.
func reply(format string, data any, err error) wire.Response {
	const jsonType = "application/json;charset=UTF-8"
	body := map[string]any{"data": data}
	resp := wire.Response{Status: 200, Reason: "OK", Type: jsonType}
	if p, ok := data.(page); ok {
		body["data"] = p.data
		for k, v := range p.extra {
			body[k] = v
		}
	}
	e := new(apiError)
	if err != nil && !errors.As(err, &e) {
		e = &apiError{status: 500, message: err.Error() + "\n"}
	}
	if err != nil {
		resp.Status, resp.Reason = e.status, e.message
		if e.bare {
			resp.Type = ""
			return resp
		}
		body = map[string]any{"data": nil, "message": e.message}
		if e.params != nil {
			body["errors"] = e.params
		}
	}
	if format == "extjs" {
		body["success"] = 1
		if err != nil {
			body["success"], body["status"] = 0, strconv.Itoa(resp.Status)
			resp.Status, resp.Reason = 200, "OK"
		}
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(body); err != nil {
		return wire.Response{Status: 500, Reason: "unable to encode the answer: " + err.Error()}
	}
	resp.Body = bytes.TrimRight(b.Bytes(), "\n")
	return resp
}

// id is the vmid parameter.
func (q *call) id() int { return q.number("vmid") }

// number is an integer parameter, 0 without.
func (q *call) number(name string) int {
	n, _ := strconv.Atoi(q.p[name])
	return n
}

// flag is a boolean parameter, false without.
func (q *call) flag(name string) bool { return q.p[name] == "1" }

// has says whether a parameter was given.
func (q *call) has(name string) bool { _, ok := q.p[name]; return ok }
