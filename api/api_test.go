package api

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"proximity/core"
)

// start serves a core until the test ends.
func start(t *testing.T, o Options) (s *Server, stop func() error) {
	t.Helper()
	o.Listen = "127.0.0.1:0"
	s = New(o)
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

// ill is a core whose store is broken.
type ill struct{ *core.Core }

func (ill) Health(context.Context) core.Health {
	return core.Health{Status: "degraded", Version: "1.2.3", Database: "error: disk full"}
}

func TestHealthSaysHowTheStoreIs(t *testing.T) {
	s, _ := start(t, Options{Core: ill{}})
	for path, want := range map[string]int{"/api/health": 200, "/api/health/": 200, "/healthz": 503, "/readyz": 503} {
		res, err := http.Get(s.URL() + path)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if res.StatusCode != want || !strings.Contains(string(body), "error: disk full") {
			t.Errorf("%s: %d %s, want %d", path, res.StatusCode, body, want)
		}
	}
}

func TestBusyPortIsSaidAtStart(t *testing.T) {
	s, _ := start(t, Options{Core: ill{}})
	other := New(Options{Core: ill{}, Listen: s.Addr().String()})
	if err := other.Start(); err == nil || !strings.Contains(err.Error(), "listen for HTTP") || !strings.Contains(err.Error(), s.Addr().String()) {
		t.Fatalf("got %v", err)
	}
}

func TestStopsWhenAsked(t *testing.T) {
	s, stop := start(t, Options{Core: ill{}})
	begun := time.Now()
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("took %s", took)
	}
	if _, err := http.Get(s.URL() + "/healthz"); err == nil {
		t.Error("still answers")
	}
}

func TestDeadListenerEndsTheServer(t *testing.T) {
	s := New(Options{Core: ill{}, Listen: "127.0.0.1:0"})
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	_ = s.listener.Close()
	if err := s.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "serve HTTP on 127.0.0.1:") {
		t.Fatalf("got %v", err)
	}
}
