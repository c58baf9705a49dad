// Package api is the JSON face of Proximity over HTTP: routes and shapes, no
// rules of its own. main starts it beside the SSH server.
//
// A request passes the chain of serve.go, is known by the door of door.go, and
// ends in a handler that asks core and turns its answer into one of the shapes
// that the earlier project's scripts and web client know.
package api

import (
	"context"
	"crypto/tls"
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
	Measures() core.Measures
	FreshWorld(a core.Actor) *core.World

	LoginPassword(ctx context.Context, from, name, password string) (core.Actor, core.UserView, error)
	StartLogin(ctx context.Context, a core.Actor) (core.Tokens, error)
	RefreshLogin(ctx context.Context, from, refresh string) (core.Tokens, error)
	EndLogin(ctx context.Context, from, token string)
	Bearer(ctx context.Context, from, token string) (core.Actor, error)
	Register(ctx context.Context, from string, r core.RegisterRequest) (core.Actor, core.UserView, error)
	User(ctx context.Context, a core.Actor, name string) (core.UserView, error)
	SetProfile(ctx context.Context, a core.Actor, name string, p core.Profile) (core.UserView, error)

	Settings() core.Settings
	SetResources(ctx context.Context, a core.Actor, r core.Resources) (core.Settings, error)
	SetNetwork(ctx context.Context, a core.Actor, n core.Network) (core.Settings, error)

	AddHost(ctx context.Context, a core.Actor, r core.AddHostRequest) (core.HostView, error)
	EditHost(ctx context.Context, a core.Actor, name string, e core.HostEdit) (core.HostView, error)
	RemoveHost(ctx context.Context, a core.Actor, name string) error
	SyncNodes(ctx context.Context, a core.Actor, name string) (int, error)
	TestHost(ctx context.Context, a core.Actor, name string) ([]core.HostCheck, error)

	App(ctx context.Context, a core.Actor, name string) (core.AppView, error)
	Catalogue(query, category string) []core.CatalogueItem
	Categories() []core.CategoryView
	CatalogueItem(id string) (core.CatalogueItem, error)
	ReloadCatalogue(ctx context.Context, a core.Actor) (core.CatalogueReload, error)

	DeployApp(ctx context.Context, a core.Actor, r core.DeployRequest) (core.AppView, core.JobView, error)
	DoApp(ctx context.Context, a core.Actor, verb core.AppVerb, name string) (core.JobView, error)
	Discover(ctx context.Context, a core.Actor, host string) ([]core.FoundGuest, error)
	Adopt(ctx context.Context, a core.Actor, r core.AdoptRequest) (core.AppView, core.JobView, error)
	CloneApp(ctx context.Context, a core.Actor, name string, r core.CloneRequest) (core.AppView, core.JobView, error)
	Backups(ctx context.Context, a core.Actor, name string) ([]core.BackupView, error)
	Backup(ctx context.Context, a core.Actor, id uint64) (core.BackupView, error)
	BackupStats(ctx context.Context, a core.Actor, name string) (core.BackupStats, error)
	BackupApp(ctx context.Context, a core.Actor, name string, r core.BackupRequest) (core.BackupView, core.JobView, error)
	RestoreBackup(ctx context.Context, a core.Actor, id uint64, r core.RestoreRequest) (core.AppView, core.JobView, error)
	DeleteBackup(ctx context.Context, a core.Actor, id uint64) (core.JobView, error)
	DeploymentLog(ctx context.Context, a core.Actor, name string, limit int) ([]core.LogLine, error)
	Job(ctx context.Context, a core.Actor, id uint64) (core.JobView, error)
}

var _ Core = (*core.Core)(nil)

// Options say where to serve what.
type Options struct {
	Core    Core
	Listen  string       // "127.0.0.1:8000"; port 0 = any free one
	TLS     *tls.Config  // nil: plain HTTP
	Origins []string     // of web clients elsewhere that may use the API
	Rate    int          // requests a second of one client; 0 = no limit
	Crash   bool         // serve an endpoint that fails, to try error reports
	Logger  *slog.Logger // default: discards
}

// Server serves the API from Start to Shutdown.
type Server struct {
	o        Options
	core     Core
	log      *slog.Logger
	metrics  *metrics
	http     *http.Server
	listener net.Listener
	served   chan error
}

// New makes a server; it listens once started.
func New(o Options) *Server {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{o: o, core: o.Core, log: o.Logger, metrics: newMetrics(o.Core), served: make(chan error, 1)}
	s.http = &http.Server{
		Handler:           s.handler(),
		TLSConfig:         o.TLS,
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
	l, err := net.Listen("tcp", s.o.Listen)
	if err != nil {
		return fmt.Errorf("listen for HTTP: %w", err)
	}
	s.listener = l
	go func() {
		if s.o.TLS != nil {
			s.served <- s.http.ServeTLS(l, "", "") // the certificate is in the configuration
			return
		}
		s.served <- s.http.Serve(l)
	}()
	return nil
}

// Addr is where it listens, once started.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// URL is where it serves, once started.
func (s *Server) URL() string {
	if s.o.TLS != nil {
		return "https://" + s.Addr().String()
	}
	return "http://" + s.Addr().String()
}

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
