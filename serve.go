package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"proximity/core"
	"proximity/keys"
)

// serveSettings are serve's flags.
type serveSettings struct {
	ssh, http, publicHost, listenHost, logLevel, registration string
	adminKeys, guestNetworks                                  []string
	web                                                       web
	catalogue                                                 catalogueSettings
}

func (p *program) serve() *cobra.Command {
	var o serveSettings
	c := &cobra.Command{
		Use:   "serve",
		Short: "Run the server: SSH, HTTP, jobs and their schedule",
		Long: "Run the server: SSH, HTTP, jobs and their schedule, until SIGTERM or SIGINT.\n\n" +
			"Every flag has a variable: --public-host is PROXIMITY_PUBLIC_HOST, and so on; --admin-key is PROXIMITY_ADMIN_KEYS, one key or file per line. " +
			"With PROXMOX_HOST set (and PROXMOX_USER, PROXMOX_PASSWORD, PROXMOX_PORT, PROXMOX_VERIFY_SSL, PROXMOX_FINGERPRINT) the first start connects that host. " +
			"TESTING_MODE=1 or USE_MOCK_PROXMOX=1 serves a simulated cluster from a data folder of its own.",
		Example: "  proximity serve --admin-key ~/.ssh/id_ed25519.pub --public-host apps.example.org",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := fromEnvironment(c.Flags(), p.getenv); err != nil {
				return err
			}
			if truthy(p.getenv("TESTING_MODE")) || truthy(p.getenv("USE_MOCK_PROXMOX")) {
				data, err := p.dataFolder()
				if err != nil {
					return err
				}
				d := defaultDemo()
				d.data, d.ssh, d.http, d.listenHost, d.headless = filepath.Join(data, "simulated"), o.ssh, o.http, o.listenHost, true
				d.publicHost, d.logLevel, d.adminKeys, d.web, d.catalogue = o.publicHost, o.logLevel, o.adminKeys, o.web, o.catalogue
				return p.runDemo(c.Context(), d)
			}
			return p.runServer(c.Context(), o)
		},
	}
	f := c.Flags()
	f.StringVar(&o.ssh, "ssh", ":2222", "address of the SSH server")
	f.StringVar(&o.http, "http", "127.0.0.1:8000", "address of the HTTP server; empty = none")
	f.StringArrayVar(&o.adminKeys, "admin-key", nil, "public key, or file of them, that may log in as admin (default at the first start: ~/.ssh/*.pub); may be repeated")
	f.StringVar(&o.publicHost, "public-host", "", "name people reach published apps by (default: this machine's name)")
	f.StringVar(&o.listenHost, "listen-host", "", "address that published apps listen on (default: all)")
	f.StringSliceVar(&o.guestNetworks, "guest-network", nil, "CIDR of containers that published ports may lead to (default: the setting's); may be repeated")
	f.StringVar(&o.registration, "registration", "first", "who may make an account over the API: first (only while there is no admin; makes one), open, closed")
	o.web.flags(f)
	f.StringVar(&o.logLevel, "log-level", "info", "debug, info, warn or error")
	o.catalogue.flags(f)
	return c
}

func truthy(s string) bool {
	switch strings.ToLower(s) {
	case "1", "true", "yes", "on":
		return true
	}
	return false
}

func (p *program) runServer(ctx context.Context, o serveSettings) error {
	data, err := p.dataFolder()
	if err != nil {
		return err
	}
	if isDemo(data) {
		return wrong("run `proximity demo --data "+data+"`, or choose another --data", "%s holds a demo", data)
	}
	registration, err := core.ParseRegistration(o.registration)
	if err != nil {
		return err
	}
	if err := o.web.check(o.http, p.getenv); err != nil {
		return err
	}
	log, err := newLogger(p.err, o.logLevel)
	if err != nil {
		return err
	}
	log, flush, reports, err := p.reporting(log)
	if err != nil {
		return err
	}
	defer flush()
	o.web.crash = reports
	first := fresh(data)
	admins, err := p.adminKeys(o.adminKeys, first, log)
	if err != nil {
		return err
	}
	cfg, err := o.catalogue.into(core.Config{Data: data, PublicHost: o.publicHost, ListenHost: o.listenHost, AdminKeys: admins, GuestNetworks: o.guestNetworks, Registration: registration, Logger: log})
	if err != nil {
		return err
	}
	s, err := openServer(cfg, doors{ssh: o.ssh, http: o.http, web: o.web, login: o.publicHost})
	if err != nil {
		return err
	}
	p.welcome(s, data, first, admins)
	return s.run(ctx, func(ctx context.Context) error { return p.earlierHost(ctx, s) }, s.reloadOnHangup)
}

// welcome says where the server is and, at first, who may log in.
func (p *program) welcome(s *server, data string, first bool, admins []string) {
	fmt.Fprintf(p.out, "host key %s\n", s.core.Keys().HostKeyFingerprint())
	if first {
		for _, line := range admins {
			if k, err := keys.ParsePublicKey(line); err == nil {
				fmt.Fprintf(p.out, "admin may log in with %s %s\n", k.Fingerprint, core.SafeText(k.Comment, 60))
			}
		}
		if len(admins) == 0 {
			fmt.Fprintln(p.out, "nobody may log in over SSH yet: start with --admin-key FILE, or run `proximity` on this machine")
		}
	}
	fmt.Fprintf(p.out, "ready ssh=%s http=%s data=%s\n", s.ssh.Addr(), s.httpURL(), data)
}

// isDemo reports whether a folder belongs to a demo.
func isDemo(data string) bool {
	_, err := os.Stat(filepath.Join(data, demoFile))
	return err == nil
}
