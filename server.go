package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"syscall"

	"golang.org/x/sync/errgroup"

	"proximity/api"
	"proximity/core"
	"proximity/sshd"
	"proximity/store"
)

// server is one installation at work: the core and its doors.
type server struct {
	core *core.Core
	ssh  *sshd.Server
	http *api.Server // nil: none
	log  *slog.Logger
}

// doors are the addresses a server listens on; "" = not at all.
type doors struct {
	ssh, http string
	web       web
	login     string // what people type after ssh, but for the port: "admin@HOST"; "" = as sshd thinks
	// freeSSH and freeHTTP let it take another port where that one is busy.
	freeSSH, freeHTTP bool
}

// openServer opens the installation and listens. It works once run.
func openServer(cfg core.Config, d doors) (_ *server, err error) {
	socket, err := socketIn(cfg.Data)
	if err != nil {
		return nil, err
	}
	s := &server{log: cfg.Logger}
	if s.core, err = openCore(cfg); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.core.Close())
		}
	}()
	if err = s.openSSH(d, socket); err != nil {
		return nil, err
	}
	if d.http == "" {
		return s, nil
	}
	if err = s.openHTTP(d); err != nil {
		_ = s.ssh.Shutdown(context.Background()) // nobody is in yet
		return nil, err
	}
	return s, nil
}

func (s *server) openSSH(d doors, socket string) error {
	start := func(listen string) (err error) {
		if s.ssh, err = sshd.New(sshd.Options{Core: s.core, Keys: s.core.Keys(), Listen: listen, Socket: socket, Host: d.hint(listen), Logger: s.log}); err != nil {
			return err
		}
		return s.ssh.Start()
	}
	err := start(d.ssh)
	if d.freeSSH && errors.Is(err, syscall.EADDRINUSE) {
		return start(anyPort(d.ssh))
	}
	return busy(err, d.ssh, "--ssh")
}

func (s *server) openHTTP(d doors) error {
	secure, err := d.web.tls()
	if err != nil {
		return err
	}
	start := func(listen string) error {
		s.http = api.New(api.Options{Core: s.core, Listen: listen, TLS: secure, Origins: d.web.origins, Rate: d.web.rate, Crash: d.web.crash, Logger: s.log})
		return s.http.Start()
	}
	err = start(d.http)
	if d.freeHTTP && errors.Is(err, syscall.EADDRINUSE) {
		return start(anyPort(d.http))
	}
	return busy(err, d.http, "--http")
}

// busy says which flag chooses another address.
func busy(err error, address, flag string) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return &core.Error{Kind: core.ErrConflict, Text: "another program listens on " + address, Hint: "stop it, or choose another address with " + flag, Err: err}
	}
	return err
}

// anyPort is the same address with a port nobody uses now.
func anyPort(address string) string {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return net.JoinHostPort(host, "0")
	}
	defer l.Close()
	return l.Addr().String()
}

// hint is what people type after ssh to get in at an address.
func (d doors) hint(listen string) string {
	port := portOf(listen)
	switch {
	case d.login == "" || port == "0":
		return ""
	case port == "22":
		return d.login
	}
	return "-p " + port + " " + d.login
}

func portOf(address string) string {
	_, port, _ := net.SplitHostPort(address)
	return port
}

// openCore opens the installation, or says who has it open.
func openCore(cfg core.Config) (*core.Core, error) {
	c, err := core.Open(cfg)
	var locked *store.LockedError
	if errors.As(err, &locked) {
		return nil, &core.Error{Kind: core.ErrConflict, Text: locked.Error(), Hint: "stop it first; its data folder is " + cfg.Data, Err: err}
	}
	return c, err
}

// run works until ctx ends or a part fails, then closes everything: sessions
// are told goodbye, jobs stay where they are and go on at the next start.
func (s *server) run(ctx context.Context, others ...func(context.Context) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return named("core", s.core.Run(ctx)) })
	g.Go(func() error { return s.ssh.Run(ctx) })
	if s.http != nil {
		g.Go(func() error { return s.http.Run(ctx) })
	}
	for _, f := range others {
		g.Go(func() error { return f(ctx) })
	}
	err := g.Wait()
	return errors.Join(err, s.core.Close())
}

// httpURL is where HTTP is served.
func (s *server) httpURL() string {
	if s.http == nil {
		return "none"
	}
	return s.http.URL()
}

// close closes a server that was opened and never run.
func (s *server) close() error {
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	errs := []error{s.ssh.Shutdown(ended)}
	if s.http != nil {
		errs = append(errs, s.http.Shutdown(ended))
	}
	return errors.Join(append(errs, s.core.Close())...)
}

func named(part string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", part, err)
	}
	return nil
}
