// Package wire speaks HTTP/1.1 as Proxmox VE's own server does: reason phrases of its own, its limits, its headers.
// Proxmox: pve-http-server src/PVE/APIServer/AnyEvent.pm. Go's net/http cannot write a reason phrase.
package wire

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

const (
	maxHeaders     = 64
	maxHeaderBytes = 8 << 10
	maxBody        = 512 << 10
	maxRequests    = 100 // of one connection
)

// Request is one request, read to its end.
type Request struct {
	Method string
	Path   string // unescaped
	Query  url.Values
	Header http.Header
	Body   []byte
	proto  string
	keep   bool
	conn   *connection
}

// refusal is an answer that the server gives before any handler is asked.
type refusal struct {
	status int
	text   string
	silent bool // no body
}

func (r *refusal) Error() string { return r.text }

var errHeader = errors.New("http header too large")

// readRequest reads one request. A *refusal as error is to be sent; any other error ends the connection.
func readRequest(br *bufio.Reader) (*Request, error) {
	head, err := readHead(br)
	if err != nil {
		return nil, err
	}
	line, _, _ := bytes.Cut(head, []byte("\n"))
	method, rest, _ := strings.Cut(strings.TrimRight(string(line), "\r"), " ")
	target, proto, ok := strings.Cut(rest, " ")
	req := &Request{Method: method, proto: proto}
	if !ok || !strings.HasPrefix(proto, "HTTP/") {
		return nil, errors.New("not an HTTP request")
	}
	if proto != "HTTP/1.1" && proto != "HTTP/1.0" {
		req.proto = "HTTP/1.1"
		return req, &refusal{status: 506, text: "http protocol version " + strings.TrimPrefix(proto, "HTTP/") + " not supported"}
	}
	parsed, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(head)))
	if err != nil {
		return nil, err
	}
	req.Header = parsed.Header
	req.Header.Set("Host", parsed.Host)
	req.keep = keepAlive(proto, req.Header.Get("Connection"))
	switch method {
	case "GET", "POST", "PUT", "DELETE":
	default:
		return req, &refusal{status: 501, text: fmt.Sprintf("method '%s' not available", method), silent: true}
	}
	path, query, _ := strings.Cut(target, "?")
	if req.Path, err = url.PathUnescape(path); err != nil {
		return req, &refusal{status: 400, text: "bad request '" + path + "'"}
	}
	req.Query = parseForm(query)
	return req, readBody(br, req, len(parsed.TransferEncoding) > 0)
}

// readHead reads up to and with the empty line after the headers.
func readHead(br *bufio.Reader) ([]byte, error) {
	var head []byte
	for lines := 0; ; lines++ {
		line, err := br.ReadSlice('\n')
		if err != nil {
			return nil, err
		}
		if lines == 0 && len(bytes.TrimSpace(line)) == 0 {
			lines--
			continue
		}
		head = append(head, line...)
		if lines > maxHeaders || len(head) > maxHeaderBytes {
			return nil, errHeader
		}
		if len(bytes.TrimRight(line, "\r\n")) == 0 {
			return head, nil
		}
	}
}

func readBody(br *bufio.Reader, req *Request, chunked bool) error {
	if chunked {
		return &refusal{status: 501, text: "chunked transfer encoding not supported"}
	}
	length := req.Header.Get("Content-Length")
	if length == "" || length == "0" {
		return nil
	}
	n, err := strconv.ParseInt(length, 10, 64)
	if err != nil || n < 0 {
		return &refusal{status: 400, text: "bad content length '" + length + "'"}
	}
	if req.Method == "GET" || req.Method == "DELETE" {
		return &refusal{status: 501, text: fmt.Sprintf("Unexpected content for method '%s'", req.Method)}
	}
	kind, _, _ := strings.Cut(req.Header.Get("Content-Type"), ";")
	switch strings.TrimSpace(strings.ToLower(kind)) {
	case "", "application/x-www-form-urlencoded", "application/json":
	default:
		return &refusal{status: 506, text: fmt.Sprintf("upload 'Content-Type '%s' not implemented", req.Header.Get("Content-Type"))}
	}
	if n > maxBody {
		return &refusal{status: 501, text: "for data too large"}
	}
	req.Body = make([]byte, n)
	_, err = io.ReadFull(br, req.Body)
	return err
}

// JSON says whether the body is JSON; otherwise it is a form.
func (r *Request) JSON() bool {
	return strings.HasPrefix(strings.ToLower(r.Header.Get("Content-Type")), "application/json")
}

// Form reads the body as a form.
func (r *Request) Form() url.Values { return parseForm(string(r.Body)) }

// parseForm reads what it can and skips what is broken.
func parseForm(s string) url.Values {
	values := url.Values{}
	for _, pair := range strings.Split(s, "&") {
		if pair == "" {
			continue
		}
		k, v, _ := strings.Cut(pair, "=")
		key, err := url.QueryUnescape(k)
		value, err2 := url.QueryUnescape(v)
		if err == nil && err2 == nil {
			values.Add(key, value)
		}
	}
	return values
}

func keepAlive(proto, connection string) bool {
	connection = strings.ToLower(connection)
	if proto == "HTTP/1.0" {
		return strings.Contains(connection, "keep-alive")
	}
	return !strings.Contains(connection, "close")
}
