package wire

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/url"
	"sync"
	"time"
)

// ErrDrop as a handler's error cuts the connection without an answer.
var ErrDrop = errors.New("connection dropped")

// ErrTaken as a handler's error says that the handler has spoken on the connection itself and is done with it.
var ErrTaken = errors.New("connection taken over")

// Server serves one listener.
type Server struct {
	TLS     *tls.Config
	Handler func(context.Context, *Request) (Response, error)
	Now     func() time.Time

	mu    sync.Mutex
	conns map[*connection]bool
	wg    sync.WaitGroup
}

// connection is one client's connection.
type connection struct {
	net.Conn          // secure, once the handshake is done
	raw      net.Conn // what is cut
	br       *bufio.Reader
}

// Serve answers connections of l until ctx ends, then cuts them all and returns.
func (s *Server) Serve(ctx context.Context, l net.Listener) {
	stop := context.AfterFunc(ctx, func() {
		_ = l.Close()
		s.mu.Lock()
		defer s.mu.Unlock()
		for c := range s.conns {
			_ = c.raw.Close()
		}
	})
	defer stop()
	for {
		raw, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				break
			}
			continue // out of files or a client that left: the next one may do
		}
		c := &connection{Conn: raw, raw: raw}
		if !s.keep(ctx, c) {
			break
		}
		s.wg.Go(func() { s.serve(ctx, c) })
	}
	s.wg.Wait()
}

// keep notes a connection so that it can be cut; false when the server has ended meanwhile.
func (s *Server) keep(ctx context.Context, c *connection) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ctx.Err() != nil {
		_ = c.raw.Close()
		return false
	}
	if s.conns == nil {
		s.conns = map[*connection]bool{}
	}
	s.conns[c] = true
	return true
}

func (s *Server) serve(ctx context.Context, c *connection) {
	ctx, cancel := context.WithCancel(ctx)
	raw := c.raw
	defer func() {
		cancel()
		_ = raw.Close()
		s.mu.Lock()
		delete(s.conns, c)
		s.mu.Unlock()
	}()
	peek := bufio.NewReader(raw)
	first, err := peek.Peek(1)
	if err != nil {
		return
	}
	const tlsHandshake = 0x16
	if first[0] != tlsHandshake {
		s.redirect(&connection{Conn: raw, raw: raw, br: peek})
		return
	}
	secure := tls.Server(peeked{raw, peek}, s.TLS)
	if err := secure.HandshakeContext(ctx); err != nil {
		return
	}
	c.Conn = secure
	c.br = bufio.NewReaderSize(secure, maxHeaderBytes)
	for n := 1; ; n++ {
		if !s.answer(ctx, c, n) {
			return
		}
	}
}

// peeked is a connection whose first bytes have been looked at.
type peeked struct {
	net.Conn
	br *bufio.Reader
}

func (p peeked) Read(b []byte) (int, error) { return p.br.Read(b) }

// answer serves one request and says whether the connection goes on.
func (s *Server) answer(ctx context.Context, c *connection, n int) bool {
	req, err := readRequest(c.br)
	var refused *refusal
	if errors.As(err, &refused) {
		resp := Response{Status: refused.status, Reason: refused.text}
		if !refused.silent {
			resp.Body = []byte(refused.text)
		}
		s.finish(c, resp.encode(req, false, s.Now()))
		return false
	}
	if err != nil {
		return false
	}
	req.conn = c
	resp, err := s.Handler(ctx, req)
	if err != nil {
		return false
	}
	keep := req.keep && resp.Status < 400 && n < maxRequests
	if _, err := c.Write(resp.encode(req, keep, s.Now())); err != nil || !keep {
		_ = c.Close()
		return false
	}
	return true
}

// finish sends an answer and reads the rest of the request, so that closing does not reset the connection before the
// client has read the answer.
func (s *Server) finish(c *connection, b []byte) {
	if _, err := c.Write(b); err != nil {
		return
	}
	if t, ok := c.Conn.(*tls.Conn); ok {
		_ = t.CloseWrite()
	}
	_ = c.SetReadDeadline(time.Now().Add(time.Second))
	for total := 0; total < 8*maxBody; {
		k, err := c.br.Discard(4096)
		if total += k; err != nil {
			return
		}
	}
}

// redirect answers plain HTTP on the HTTPS port.
func (s *Server) redirect(c *connection) {
	req, err := readRequest(c.br)
	if req == nil || err != nil && req.Header == nil {
		return
	}
	status, reason := 301, "Moved Permanently"
	if req.Method != "GET" {
		status, reason = 308, "Permanent Redirect"
	}
	target := url.URL{Scheme: "https", Host: req.Header.Get("Host"), Path: req.Path, RawQuery: req.Query.Encode()}
	resp := Response{Status: status, Reason: reason, Header: map[string]string{"Location": target.String()}}
	_, _ = c.Write(resp.encode(req, false, s.Now()))
}

// Gone returns when the client has closed the connection or ctx has ended. The request's connection must end after.
func (r *Request) Gone(ctx context.Context) {
	stop := context.AfterFunc(ctx, func() { _ = r.conn.raw.Close() })
	defer stop()
	for {
		if _, err := r.conn.br.ReadByte(); err != nil {
			return
		}
	}
}

// Take hands the connection over to the handler, which then returns ErrTaken.
func (r *Request) Take() (net.Conn, *bufio.Reader) { return r.conn.Conn, r.conn.br }
