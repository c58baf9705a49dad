// Package api is the JSON face of Proximity over HTTP: routes and shapes, no
// rules of its own. main starts it beside the SSH server.
package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"proximity/core"
)

// Core is what the API asks of the domain; *core.Core is what answers.
type Core interface {
	Health(ctx context.Context) core.Health
}

var _ Core = (*core.Core)(nil)

// Options say where to serve what.
type Options struct {
	Core   Core
	Listen string       // "127.0.0.1:8000"; port 0 = any free one
	Logger *slog.Logger // default: discards
}

// Server serves the API from Start to Shutdown.
type Server struct {
	options  Options
	http     *http.Server
	listener net.Listener
	served   chan error
}

// New makes a server; it listens once started.
func New(o Options) *Server {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{options: o, served: make(chan error, 1)}
	s.http = &http.Server{
		Handler:           s.routes(),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      60 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(o.Logger.Handler(), slog.LevelDebug), // broken clients are no news
	}
	return s
}

// Start listens and serves; when it returns, requests are answered.
func (s *Server) Start() error {
	l, err := net.Listen("tcp", s.options.Listen)
	if err != nil {
		return fmt.Errorf("listen for HTTP: %w", err)
	}
	s.listener = l
	go func() { s.served <- s.http.Serve(l) }()
	return nil
}

// Addr is where it listens, once started.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Run waits until ctx ends or the listener dies, then lets requests under way
// finish for up to five seconds. Start comes before.
func (s *Server) Run(ctx context.Context) error {
	select {
	case err := <-s.served:
		return fmt.Errorf("serve HTTP on %s: %w", s.Addr(), err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return s.Shutdown(grace)
}

// Shutdown lets requests under way finish until ctx ends, then cuts them.
func (s *Server) Shutdown(ctx context.Context) error {
	if err := s.http.Shutdown(ctx); err != nil {
		return errors.Join(err, s.http.Close())
	}
	return nil
}

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	for _, path := range []string{"/api/health", "/api/health/{$}", "/healthz"} {
		mux.HandleFunc("GET "+path, s.health)
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Allow", "GET, HEAD")
			answer(w, http.StatusMethodNotAllowed, map[string]string{"detail": "Method not allowed"})
		})
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusNotFound, map[string]string{"detail": "Not Found"})
	})
	return mux
}

// health answers 200 also when degraded, as the earlier project did; only
// /healthz, which machines watch, turns to 503.
func (s *Server) health(w http.ResponseWriter, r *http.Request) {
	h := s.options.Core.Health(r.Context())
	status := http.StatusOK
	if h.Status != "healthy" && r.URL.Path == "/healthz" {
		status = http.StatusServiceUnavailable
	}
	answer(w, status, struct {
		Status   string `json:"status"`
		Service  string `json:"service"`
		Version  string `json:"version"`
		Database string `json:"database"`
		Cache    string `json:"cache"`
	}{h.Status, "proximity-backend", h.Version, h.Database, "connected"}) // the cache is this process's memory
}

func answer(w http.ResponseWriter, status int, body any) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // a client who left misses nothing
}
