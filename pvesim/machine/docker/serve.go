package docker

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"path"
	"strings"
	"time"
)

// Serve answers one connection from outside until the client leaves or the connection is closed. A service that is not
// ready yet cuts it at once, as docker-proxy does when nothing listens behind it.
func (e *Endpoint) Serve(c net.Conn) {
	if !e.Ready() {
		if t, ok := c.(interface{ SetLinger(int) error }); ok {
			t.SetLinger(0)
		}
		return
	}
	switch e.Kind {
	case "http":
		e.serveHTTP(c)
	case "https":
		config, err := e.TLS()
		if err != nil {
			return
		}
		e.serveHTTP(tls.Server(c, config))
	case "redis":
		r := bufio.NewReader(c)
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			if strings.HasPrefix(strings.ToUpper(strings.TrimSpace(line)), "PING") {
				io.WriteString(c, "+PONG\r\n")
			}
		}
	default:
		io.Copy(io.Discard, c)
	}
}

func (e *Endpoint) serveHTTP(c net.Conn) {
	r := bufio.NewReader(c)
	for {
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		io.Copy(io.Discard, io.LimitReader(req.Body, 64<<20))
		if !e.Ready() {
			return
		}
		status, kind, body := e.Answer(req.URL.Path)
		head := fmt.Sprintf("HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %d\r\nDate: %s\r\n\r\n", status, http.StatusText(status), kind, len(body), time.Now().UTC().Format(http.TimeFormat))
		if req.Method == http.MethodHead {
			body = ""
		}
		if _, err := io.WriteString(c, head+body); err != nil {
			return
		}
		if e.Served != nil {
			e.Served(0, len(body))
		}
		if req.Close {
			return
		}
	}
}

// Answer is the reply to a GET: a page for people, a short word for health probes.
func (e *Endpoint) Answer(url string) (status int, kind, body string) {
	word := strings.ToLower(path.Base(url))
	switch {
	case word == "alive" || word == "ping" || strings.HasPrefix(word, "health") || word == "ready" || word == "live":
		if strings.HasPrefix(url, "/api/") {
			return 200, "application/json", `{"status":"ok"}` + "\n"
		}
		return 200, "text/plain; charset=utf-8", "OK\n"
	case strings.HasPrefix(url, "/api/"):
		return 200, "application/json", fmt.Sprintf(`{"service":%q,"image":%q}`+"\n", e.Service, e.Image)
	}
	return 200, "text/html; charset=utf-8", Page(e)
}

// Inside finds what a process in a container reaches at a host and port: its own service on localhost, other services
// of its project by their names. It returns nil for a process outside containers and for everything else.
func (e *Engine) Inside(root, host string, port int) *Endpoint {
	if root == "" {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	var self *Container
	for _, c := range e.state.Containers {
		if rootfs(c) == root {
			self = c
		}
	}
	if self == nil {
		return nil
	}
	for _, c := range e.state.Containers {
		mine := c == self && (host == "localhost" || host == "127.0.0.1" || host == "::1")
		sibling := c.Project != "" && c.Project == self.Project && (c.Service == host || c.Name == host)
		r := e.running[c.ID]
		if !mine && !sibling || r == nil {
			continue
		}
		if spec := specOf(c.Image); spec.Port != 0 && spec.Port != port && spec.Kind != "http" {
			continue
		}
		return e.endpoint(c, r, port)
	}
	return nil
}
