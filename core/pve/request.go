package pve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	proxmox "github.com/luthermonson/go-proxmox"
)

// params are a call's parameters. Proxmox: booleans are 1 and 0 on the wire.
type params map[string]any

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

// request is one call: what goes out, where the answer's data goes, and how errors name it.
type request struct {
	op   string // "start CT"
	node string
	vmid int

	method string // default GET
	path   string
	params params // the query of GET and DELETE, the body of POST and PUT
	into   any
	decode func(data []byte) error // instead of into, for long answers
}

// do sends a request to the node that answered last, and to the others when that one is gone and asking
// twice cannot do anything twice.
func (c *Client) do(ctx context.Context, r request) error {
	if r.method == "" {
		r.method = http.MethodGet
	}
	if err := c.halt(); err != nil {
		return r.explain(asError(ctx, err))
	}
	ctx, cancel := context.WithTimeout(ctx, c.config.Timeout)
	defer cancel()
	var first *Error
	for range c.endpointCount() {
		at := c.endpoint()
		err := asError(ctx, c.askAt(ctx, at, r))
		if err == nil {
			return nil
		}
		if first == nil {
			first = err
		}
		if !c.gone(at, err) {
			c.meetCertificate(at, err)
			return r.explain(err)
		}
		again := err.unsent || r.method == http.MethodGet
		if !c.moveOn(at) || !again || ctx.Err() != nil {
			break
		}
	}
	return r.explain(first)
}

// gone says whether a failure means that this node's API is not to be had, so that another's may be asked.
// A changed certificate of the configured node is no such thing: that is for people to look at.
func (c *Client) gone(at *endpoint, err *Error) bool {
	c.mu.Lock()
	configured := at == c.endpoints[0]
	c.mu.Unlock()
	switch err.Kind {
	case ErrUnreachable, ErrTimeout:
		return err.Status == 0
	case ErrCertificate:
		return !configured
	}
	return false
}

func (c *Client) endpointCount() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.endpoints)
}

// askAt sends a request to one node, logging in first and once more when the ticket is refused.
// A refused ticket is the one case in which a POST may be sent again: a 401 has done nothing.
func (c *Client) askAt(ctx context.Context, at *endpoint, r request) error {
	s, err := c.session(ctx, at, nil)
	if err != nil {
		return unsent(err)
	}
	err = r.send(ctx, s.client(at))
	if !errors.Is(err, ErrAuth) || s.token() {
		return err
	}
	if s, err = c.session(ctx, at, s); err != nil {
		return unsent(err)
	}
	return r.send(ctx, s.client(at))
}

// unsent marks a failed login: the request behind it never left.
func unsent(err error) error {
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	marked := *e
	marked.unsent = true
	return &marked
}

func (r request) send(ctx context.Context, wire *proxmox.Client) error {
	path := r.path
	if r.decode != nil {
		ctx = withDecoder(ctx, r.decode)
	}
	switch r.method {
	case http.MethodPost:
		return wire.Post(ctx, path, r.body(), r.into)
	case http.MethodPut:
		return wire.Put(ctx, path, r.body(), r.into)
	}
	// Proxmox: a body on GET or DELETE is refused; their parameters go into the query.
	if len(r.params) > 0 {
		query := make(url.Values, len(r.params))
		for name, value := range r.params {
			query.Set(name, fmt.Sprint(value))
		}
		path += "?" + query.Encode()
	}
	if r.method == http.MethodDelete {
		return wire.Delete(ctx, path, r.into)
	}
	return wire.Get(ctx, path, r.into)
}

func (r request) body() any {
	if len(r.params) == 0 {
		return nil
	}
	return r.params
}

// explain tells an error what was being tried.
func (r request) explain(e *Error) error {
	named := *e
	if named.Op == "" {
		named.Op, named.Node, named.VMID = r.op, r.node, r.vmid
	}
	return &named
}

// asError makes an *Error of whatever came back; nil stays nil.
func asError(ctx context.Context, err error) *Error {
	if err == nil {
		return nil
	}
	var e *Error
	var syntax *json.SyntaxError
	var wrongType *json.UnmarshalTypeError
	switch {
	case errors.As(err, &e):
		return e
	case ctx.Err() != nil:
		return networkError(ctx, ctx.Err())
	case errors.As(err, &syntax), errors.As(err, &wrongType), errors.Is(err, errNotUnderstood):
		return &Error{Kind: ErrUnsupported, Status: http.StatusOK, Message: "the answer is not one of Proxmox's: " + err.Error(), cause: err}
	}
	return networkError(ctx, err)
}

// nodePath builds "/nodes/NODE/…", escaping every part.
func nodePath(node string, parts ...any) string {
	var s strings.Builder
	s.WriteString("/nodes/" + url.PathEscape(node))
	for _, p := range parts {
		s.WriteString("/" + url.PathEscape(fmt.Sprint(p)))
	}
	return s.String()
}

// guestPath builds "/nodes/NODE/lxc/ID/…"; further may hold slashes.
func guestPath(node string, vmid int, further string) string {
	path := nodePath(node, "lxc", vmid)
	if further != "" {
		path += "/" + further
	}
	return path
}

// start sends a call that starts a task and returns its UPID.
func (c *Client) start(ctx context.Context, r request) (UPID, error) {
	var answer string
	r.into = &answer
	if err := c.do(ctx, r); err != nil {
		return "", err
	}
	if _, err := ParseUPID(UPID(answer)); err != nil {
		// Proxmox: a vzdump sent to the wrong node answers 200 with "OK" and does nothing.
		return "", r.explain(&Error{Kind: ErrRefused, Status: http.StatusOK, Message: fmt.Sprintf("Proxmox started no task (it answered %q)", answer)})
	}
	return UPID(answer), nil
}
