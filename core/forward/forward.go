// Package forward keeps TCP listeners in line with a desired set of public ports and carries their connections to the apps behind them.
package forward

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Target is where a public port leads.
type Target struct {
	App     string // whose port this is, for logs and errors
	Address string // "10.0.0.5:8080"; "" while the app is stopped or its address unknown: then the port is not listened on
}

// Options configure a Forwarder. Without Allowed nothing is dialled unless Dial is given.
type Options struct {
	ListenHost string                                                      // "" = all addresses
	Dial       func(ctx context.Context, address string) (net.Conn, error) // default: TCP to an address that Allowed accepts
	Allowed    func(netip.Addr) bool                                       // the guest networks: a container can claim any address
	Logger     *slog.Logger                                                // nil: silent
	MaxConns   int                                                         // live connections overall; 0 = 4096
}

const (
	dialTimeout = 5 * time.Second
	firstRetry  = 250 * time.Millisecond // of a port that could not be listened on; doubles
	lastRetry   = 30 * time.Second
)

// Forwarder owns the listeners and connections of all published ports. Its methods may be called from anywhere, before,
// during and after Run.
type Forwarder struct {
	o       Options
	slots   chan struct{} // one per live connection
	changed chan struct{} // desired was replaced, or a listener failed: Run must look

	mu      sync.Mutex
	desired map[int]Target
	ports   map[int]*port // what Run made of desired; touched by Run only, read by all
	news    chan struct{} // closed and replaced whenever ports or running change
	started bool
	ended   bool

	conns sync.WaitGroup // accept loops and connections
}

// New returns a Forwarder that listens on nothing until Run.
func New(o Options) *Forwarder {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.MaxConns <= 0 {
		o.MaxConns = 4096
	}
	f := &Forwarder{
		o:       o,
		slots:   make(chan struct{}, o.MaxConns),
		changed: make(chan struct{}, 1),
		ports:   map[int]*port{},
		news:    make(chan struct{}),
	}
	if f.o.Dial == nil {
		f.o.Dial = f.dialAllowed
	}
	return f
}

// Run listens and forwards until ctx ends; then it closes every listener and connection, waits for all of them and
// returns nil. It can be called once.
func (f *Forwarder) Run(ctx context.Context) error {
	f.mu.Lock()
	if f.started {
		f.mu.Unlock()
		return errors.New("port forwarding is already running or has ended")
	}
	f.started = true
	f.mu.Unlock()

	for ctx.Err() == nil {
		retry := f.align(ctx)
		select {
		case <-ctx.Done():
		case <-f.changed:
		case <-retry:
		}
	}

	f.mu.Lock()
	for n, p := range f.ports {
		p.close()
		delete(f.ports, n)
	}
	f.ended = true
	f.tell()
	f.mu.Unlock()
	f.conns.Wait()
	return nil
}

// Set replaces the desired ports (public port → target). Only differences are touched: connections of unchanged ports
// live on; those of a port that leads elsewhere now, or nowhere, end. The change is made by Run: Ready waits for it.
func (f *Forwarder) Set(desired map[int]Target) {
	f.mu.Lock()
	f.desired = maps.Clone(desired)
	f.mu.Unlock()
	f.look()
}

// Problems returns the desired ports that cannot be listened on now, and why. They are retried by themselves.
func (f *Forwarder) Problems() map[int]error {
	f.mu.Lock()
	defer f.mu.Unlock()
	problems := map[int]error{}
	for n, p := range f.ports {
		if p.err != nil {
			problems[n] = p.err
		}
	}
	return problems
}

// Ready waits until the desired port has been tried: nil when it is listened on, else why it is not.
func (f *Forwarder) Ready(ctx context.Context, number int) error {
	for {
		f.mu.Lock()
		target, wanted := f.desired[number]
		p := f.ports[number]
		tried := p != nil && p.target == target
		var err error
		if tried {
			err = p.err
		}
		ended, news := f.ended, f.news
		f.mu.Unlock()

		switch {
		case ended:
			return fmt.Errorf("port %d is not open: port forwarding has ended", number)
		case !wanted:
			return fmt.Errorf("port %d is not open: it is not published", number)
		case target.Address == "":
			return fmt.Errorf("port %d is not open: %s has no address; is it running?", number, target.App)
		case tried:
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for port %d: %w", number, ctx.Err())
		case <-news:
		}
	}
}

// look wakes Run.
func (f *Forwarder) look() {
	select {
	case f.changed <- struct{}{}:
	default: // it will look anyway
	}
}

// tell wakes whoever waits in Ready. The caller holds mu.
func (f *Forwarder) tell() {
	close(f.news)
	f.news = make(chan struct{})
}

// align makes ports what desired says. The channel tells when a failed port is due again; nil when none is.
func (f *Forwarder) align(ctx context.Context) <-chan time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	for n, p := range f.ports {
		if f.desired[n].Address == "" {
			p.close()
			delete(f.ports, n)
			f.o.Logger.Info("port closed", "port", n, "app", p.target.App)
		}
	}
	now, due := time.Now(), time.Time{}
	for n, target := range f.desired {
		if target.Address == "" {
			continue
		}
		p := f.ports[n]
		if p == nil {
			p = &port{number: n}
			f.ports[n] = p
		}
		if p.target != target {
			p.lead(ctx, target)
		}
		if p.listener == nil && !now.Before(p.retryAt) {
			f.open(ctx, p)
		}
		if p.listener == nil && (due.IsZero() || p.retryAt.Before(due)) {
			due = p.retryAt
		}
	}
	f.tell()
	if due.IsZero() {
		return nil
	}
	return time.After(due.Sub(now))
}

// open tries to listen on p and, when it works, starts accepting. The caller holds mu.
func (f *Forwarder) open(ctx context.Context, p *port) {
	listener, err := listen(f.o.ListenHost, p.number)
	if err != nil {
		if p.err == nil {
			f.o.Logger.Warn("port cannot be opened", "port", p.number, "app", p.target.App, "error", err)
		}
		p.failed(err)
		return
	}
	f.o.Logger.Info("port opened", "port", p.number, "app", p.target.App, "to", p.target.Address)
	p.listener, p.err, p.wait = listener, nil, 0
	f.conns.Go(func() { f.accept(ctx, p, listener) })
}

// dialAllowed connects to an address inside the guest networks and nowhere else.
func (f *Forwarder) dialAllowed(ctx context.Context, address string) (net.Conn, error) {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, fmt.Errorf("connect to %q: not an address and port", address)
	}
	if f.o.Allowed == nil || !f.o.Allowed(to.Addr().Unmap()) {
		return nil, fmt.Errorf("connect to %s: %s is outside the allowed guest networks; change them in the host's settings", address, to.Addr())
	}
	var d net.Dialer
	return d.DialContext(ctx, "tcp", to.String())
}
