package api

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"proximity/core"
)

// health is a core that is as well as it says.
type health core.Health

func (h health) Health(context.Context) core.Health { return core.Health(h) }

func start(t *testing.T, h health) (s *Server, stop func() error) {
	t.Helper()
	s = New(Options{Core: h, Listen: "127.0.0.1:0"})
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	stopped := false
	stop = func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		return <-done
	}
	t.Cleanup(func() { _ = stop() })
	return s, stop
}

func TestHealthSaysHowTheStoreIs(t *testing.T) {
	well := health{Status: "healthy", Version: "1.2.3", Database: "connected"}
	ill := health{Status: "degraded", Version: "1.2.3", Database: "error: disk full"}
	for _, c := range []struct {
		h            health
		method, path string
		status       int
		want         string
	}{
		{well, "GET", "/api/health", 200, `"database":"connected"`},
		{well, "GET", "/api/health/", 200, `"service":"proximity-backend"`},
		{well, "GET", "/healthz", 200, `"version":"1.2.3"`},
		{ill, "GET", "/api/health", 200, `"status":"degraded"`},
		{ill, "GET", "/healthz", 503, `"database":"error: disk full"`},
		{well, "POST", "/api/health", 405, `{"detail":"Method not allowed"}`},
		{well, "GET", "/api/healthy", 404, `{"detail":"Not Found"}`},
		{well, "GET", "/api/health/x", 404, `{"detail":"Not Found"}`},
	} {
		s, _ := start(t, c.h)
		req, _ := http.NewRequest(c.method, "http://"+s.Addr().String()+c.path, nil)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if res.StatusCode != c.status || !strings.Contains(string(body), c.want) {
			t.Errorf("%s %s: %d %s, want %d with %s", c.method, c.path, res.StatusCode, body, c.status, c.want)
		}
		if !json.Valid(body) || res.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %s: not JSON: %s", c.method, c.path, body)
		}
	}
}

func TestBusyPortIsSaidAtStart(t *testing.T) {
	s, _ := start(t, health{})
	other := New(Options{Core: health{}, Listen: s.Addr().String()})
	if err := other.Start(); err == nil || !strings.Contains(err.Error(), "listen for HTTP") || !strings.Contains(err.Error(), s.Addr().String()) {
		t.Fatalf("got %v", err)
	}
}

func TestStopsWhenAsked(t *testing.T) {
	s, stop := start(t, health{})
	begun := time.Now()
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("took %s", took)
	}
	if _, err := http.Get("http://" + s.Addr().String() + "/healthz"); err == nil {
		t.Error("still answers")
	}
}

func TestDeadListenerEndsTheServer(t *testing.T) {
	s := New(Options{Core: health{}, Listen: "127.0.0.1:0"})
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	_ = s.listener.Close()
	if err := s.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "serve HTTP on 127.0.0.1:") {
		t.Fatalf("got %v", err)
	}
}
