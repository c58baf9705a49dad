package wire

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// serve starts a server with a handler and returns its address.
func serve(t *testing.T, h func(context.Context, *Request) (Response, error)) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	s := &Server{TLS: &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, Now: time.Now, Handler: h}
	done := make(chan struct{})
	go func() { s.Serve(ctx, l); close(done) }()
	t.Cleanup(func() { cancel(); <-done })
	return l.Addr().String()
}

func echo(_ context.Context, r *Request) (Response, error) {
	return Response{Status: 200, Reason: "OK", Body: fmt.Appendf(nil, "%s %s %v %s", r.Method, r.Path, r.Query, r.Body)}, nil
}

func dial(t *testing.T, addr string) *tls.Conn {
	t.Helper()
	c, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestRequestsAreRefusedAsTheRealServerDoes(t *testing.T) {
	addr := serve(t, echo)
	for _, x := range []struct{ request, want string }{
		{"GET /api2/json/x%2Fy?a=1+2&a=3 HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 200 OK"},
		{"HEAD / HTTP/1.1\r\n\r\n", "HTTP/1.1 501 method 'HEAD' not available"},
		{"GET / HTTP/2.0\r\n\r\n", "HTTP/1.1 506 http protocol version 2.0 not supported"},
		{"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "HTTP/1.1 501 chunked transfer encoding not supported"},
		{"DELETE / HTTP/1.1\r\nContent-Length: 1\r\n\r\nx", "HTTP/1.1 501 Unexpected content for method 'DELETE'"},
		{"POST / HTTP/1.1\r\nContent-Type: text/plain\r\nContent-Length: 1\r\n\r\nx", "HTTP/1.1 506 upload 'Content-Type 'text/plain' not implemented"},
		{"POST / HTTP/1.1\r\nContent-Length: 524289\r\n\r\nx", "HTTP/1.1 501 for data too large"},
		{"GET /x HTTP/1.0\r\n\r\n", "HTTP/1.0 200 OK"},
	} {
		c := dial(t, addr)
		go func() { _, _ = io.WriteString(c, x.request) }()
		line, err := bufio.NewReader(c).ReadString('\n')
		if err != nil || strings.TrimRight(line, "\r\n") != x.want {
			t.Errorf("%q: %q, %v", x.request, line, err)
		}
	}
}

func TestTooLargeHeadersEndTheConnection(t *testing.T) {
	addr := serve(t, echo)
	for _, head := range []string{strings.Repeat("A: b\r\n", 70), "A: " + strings.Repeat("x", 9000) + "\r\n"} {
		c := dial(t, addr)
		go func() { _, _ = io.WriteString(c, "GET / HTTP/1.1\r\n"+head+"\r\n") }()
		if b, err := io.ReadAll(c); len(b) > 0 {
			t.Errorf("answered %q, %v", b, err)
		}
	}
}

func TestConnectionsAreKeptForHundredRequestsAndClosedOnErrors(t *testing.T) {
	addr := serve(t, func(_ context.Context, r *Request) (Response, error) {
		if r.Path == "/bad" {
			return Response{Status: 500, Reason: "first line\nsecond"}, nil
		}
		return Response{Status: 200, Body: []byte(strings.Repeat("x", 2000))}, nil
	})
	c := dial(t, addr)
	br := bufio.NewReader(c)
	ask := func(path string) *http.Response {
		fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: h\r\nAccept-Encoding: gzip\r\n\r\n", path)
		resp, err := http.ReadResponse(br, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		return resp
	}
	for i := 1; i <= maxRequests; i++ {
		if resp := ask("/"); resp.Header.Get("Content-Encoding") != "gzip" || resp.Close != (i == maxRequests) {
			t.Fatalf("answer %d: close %v, %v", i, resp.Close, resp.Header)
		}
	}
	c = dial(t, addr)
	br = bufio.NewReader(c)
	if resp := ask("/bad"); resp.Status != "500 first line" || !resp.Close {
		t.Errorf("%s, close %v", resp.Status, resp.Close)
	}
}

func FuzzReadRequest(f *testing.F) {
	for _, s := range []string{"GET / HTTP/1.1\r\n\r\n", "POST /x?y HTTP/1.1\r\nContent-Length: 3\r\n\r\na=b", "\r\n\r\n", "GET  HTTP/1.1\r\n\r\n", "PUT /%zz HTTP/1.0\r\n\r\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		req, err := readRequest(bufio.NewReaderSize(strings.NewReader(s), maxHeaderBytes))
		if err == nil && (req == nil || req.Header == nil || len(req.Body) > maxBody) {
			t.Errorf("%q was read as %+v", s, req)
		}
	})
}
