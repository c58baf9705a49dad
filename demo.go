package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"proximity/core"
	"proximity/keys"
	"proximity/pvesim"
)

// demoFile marks a folder as a demo's, and keeps where its cluster listens.
const demoFile = "demo.json"

// demo is a server on a simulated cluster, as asked for.
type demo struct {
	data, ssh, http, listenHost, publicHost, logLevel string
	freeSSH, freeHTTP                                 bool // another port will do
	adminKeys                                         []string
	nodes, guests                                     int
	taskTime                                          float64
	seed                                              int64
	headless                                          bool
	catalogue                                         catalogueSettings
	web                                               web
}

func defaultDemo() demo {
	return demo{data: "demo", ssh: "127.0.0.1:2222", http: "127.0.0.1:8000", listenHost: "127.0.0.1", logLevel: "info", nodes: 3, guests: 40, taskTime: 0.25, seed: 1}
}

func (p *program) demo() *cobra.Command {
	d := defaultDemo()
	c := &cobra.Command{
		Use:   "demo",
		Short: "Try it: a server on a built-in simulated cluster",
		Long: "Try it: a server on a built-in simulated cluster, with a throw-away key and password beside its data (demo_key, demo_password).\n" +
			"On a terminal the console opens at once and ends the demo when it is left; its apps are there again next time. " +
			"With --headless, one line beginning with `ready` says where it serves.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if p.data != "" {
				d.data = p.data
			}
			d.publicHost = d.listenHost
			d.freeSSH, d.freeHTTP = !c.Flags().Changed("ssh"), !c.Flags().Changed("http")
			return p.runDemo(c.Context(), d)
		},
	}
	f := c.Flags()
	f.BoolVar(&d.headless, "headless", false, "no console: say where it serves, and stay")
	f.StringVar(&d.ssh, "ssh", d.ssh, "address of the SSH server")
	f.StringVar(&d.http, "http", d.http, "address of the HTTP server")
	f.StringVar(&d.listenHost, "listen-host", d.listenHost, "address that published apps listen on and are reached at")
	f.IntVar(&d.nodes, "nodes", d.nodes, "nodes of the simulated cluster")
	f.IntVar(&d.guests, "guests", d.guests, "guests that are there already")
	f.Float64Var(&d.taskTime, "task-time", d.taskTime, "how long tasks take: 1 = as in reality")
	f.Int64Var(&d.seed, "seed", d.seed, "the same seed makes the same cluster")
	d.web.flags(f)
	f.StringVar(&d.logLevel, "log-level", d.logLevel, "debug, info, warn or error")
	d.catalogue.flags(f)
	return c
}

// runDemo runs a demo until ctx ends or its console is left.
func (p *program) runDemo(ctx context.Context, d demo) (err error) {
	if d.data, err = filepath.Abs(d.data); err != nil {
		return err
	}
	if err := d.web.check(d.http, p.getenv); err != nil {
		return err
	}
	if err := d.claim(); err != nil {
		return err
	}
	console := p.terminal() && !d.headless
	log, done, err := p.demoLogger(d, console)
	if err != nil {
		return err
	}
	defer done()
	log, flush, reports, err := p.reporting(log)
	if err != nil {
		return err
	}
	defer flush()
	d.web.crash = reports
	keyFile := filepath.Join(d.data, "demo_key")
	key, err := keys.WriteClientKey(keyFile)
	if err != nil {
		return fmt.Errorf("make the demo's key: %w", err)
	}
	socket, err := socketIn(d.data)
	if err != nil {
		return err
	}
	// The installation first: where it is locked, another demo has the cluster, too.
	cfg, err := d.catalogue.into(core.Config{Data: d.data, PublicHost: d.publicHost, ListenHost: d.listenHost, AdminKeys: append([]string{key.Line}, d.adminKeys...),
		GuestNetworks: []string{"127.0.0.0/8"}, Registration: core.RegistrationOpen, Logger: log, Pace: d.pace()})
	if err != nil {
		return err
	}
	s, err := openServer(cfg, doors{ssh: d.ssh, http: d.http, web: d.web, login: d.login(keyFile), freeSSH: d.freeSSH, freeHTTP: d.freeHTTP})
	if err != nil {
		return err
	}
	sim, err := d.cluster(ctx, log)
	if err == nil {
		defer func() { err = closing(sim, err) }()
		err = d.connect(ctx, s.core, sim)
	}
	if err != nil {
		return errors.Join(err, s.close())
	}
	if console {
		p.moved(s, d)
		return p.around(ctx, s, socket)
	}
	p.moved(s, d)
	fmt.Fprintf(p.out, "ready ssh=%s http=%s data=%s key=%s\n", s.ssh.Addr(), s.httpURL(), d.data, keyFile)
	return s.run(ctx, s.reloadOnHangup)
}

// claim marks the folder as a demo's. A real installation is left alone.
func (d demo) claim() error {
	if isDemo(d.data) {
		return nil
	}
	if !fresh(d.data) {
		return wrong("choose another folder with --data", "%s holds a real installation: a demo would mix with it", d.data)
	}
	if err := os.MkdirAll(d.data, 0o700); err != nil {
		return fmt.Errorf("make the data folder: %w", err)
	}
	return os.WriteFile(filepath.Join(d.data, demoFile), []byte("{}\n"), 0o600)
}

// demoLogger logs into the data folder while the console has the terminal.
func (p *program) demoLogger(d demo, console bool) (log *slog.Logger, done func(), err error) {
	if !console {
		log, err = newLogger(p.err, d.logLevel)
		return log, func() {}, err
	}
	log, file, err := fileLogger(d.data, d.logLevel)
	return log, func() { _ = file.Close() }, err
}

// pace makes the core look as often as the faster tasks are worth.
func (d demo) pace() core.Pace {
	return core.Pace{TaskPoll: scaled(time.Second, d.taskTime), Watched: scaled(2*time.Second, d.taskTime),
		Idle: scaled(15*time.Second, d.taskTime), HostRetry: scaled(5*time.Second, d.taskTime), Backoff: scaled(time.Minute, d.taskTime)}
}

// login is what people type after ssh, but for the port: the key as they
// would write it from here.
func (d demo) login(keyFile string) string {
	if wd, err := os.Getwd(); err == nil {
		if short, err := filepath.Rel(wd, keyFile); err == nil && len(short) < len(keyFile) {
			keyFile = short
		}
	}
	host, _, err := net.SplitHostPort(d.ssh)
	if err != nil || host == "" {
		host = "127.0.0.1"
	}
	return "-i " + keyFile + " admin@" + host
}

// moved says which other port was taken because the usual one is busy.
func (p *program) moved(s *server, d demo) {
	if d.freeSSH && portOf(s.ssh.Addr().String()) != portOf(d.ssh) {
		fmt.Fprintf(p.err, "%s is busy: SSH is on %s\n", d.ssh, s.ssh.Addr())
	}
	if d.freeHTTP && s.http != nil && portOf(s.http.Addr().String()) != portOf(d.http) {
		fmt.Fprintf(p.err, "%s is busy: HTTP is on %s\n", d.http, s.http.Addr())
	}
}

// place is what demoFile holds: the host's address is pinned in the store, so
// the cluster must come back where it was.
type place struct {
	Listen    string `json:"listen"`
	SSHListen string `json:"ssh_listen"`
	Nodes     int    `json:"nodes"`
	Guests    int    `json:"guests"`
	Seed      int64  `json:"seed"`
}

// cluster starts the simulated cluster, the same one again in the same folder.
func (d demo) cluster(ctx context.Context, log *slog.Logger) (*pvesim.Cluster, error) {
	at := place{Nodes: d.nodes, Guests: d.guests, Seed: d.seed}
	file := filepath.Join(d.data, demoFile)
	b, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(b, &at)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w; delete %s to begin anew", file, err, d.data)
	}
	// It outlives ctx: the core that ends with ctx still speaks to it.
	sim, err := pvesim.Start(context.WithoutCancel(ctx), pvesim.Options{Listen: at.Listen, SSHListen: at.SSHListen, Nodes: at.Nodes, Guests: at.Guests, Seed: at.Seed,
		TaskTime: d.taskTime, ClusterName: "homelab", StateFile: filepath.Join(d.data, "pvesim.json"), Logger: log})
	if err != nil {
		return nil, fmt.Errorf("start the simulated cluster: %w", err)
	}
	offerUpdates(ctx, sim)
	u, err := url.Parse(sim.URL())
	if err != nil {
		return nil, closing(sim, err)
	}
	at.Listen, at.SSHListen = u.Host, net.JoinHostPort(u.Hostname(), strconv.Itoa(sim.SSHPort()))
	if b, err = json.MarshalIndent(at, "", "  "); err != nil {
		return nil, closing(sim, err)
	}
	if err := os.WriteFile(file, append(b, '\n'), 0o600); err != nil {
		return nil, closing(sim, fmt.Errorf("remember where the simulated cluster is: %w", err))
	}
	return sim, nil
}

// connect registers the cluster as host "homelab" and gives the admin a
// password for the API, once.
func (d demo) connect(ctx context.Context, c *core.Core, sim *pvesim.Cluster) error {
	actor := core.LocalAdmin("demo")
	hosts, err := c.Hosts(ctx, actor)
	if err != nil {
		return err
	}
	if len(hosts) > 0 && hosts[0].Fingerprint != sim.Fingerprint() {
		return &core.Error{Kind: core.ErrConflict, Text: "the simulated cluster of " + d.data + " is not the one its apps are on", Hint: "delete the folder to begin anew"}
	}
	if len(hosts) == 0 {
		_, err := c.AddHost(ctx, actor, core.AddHostRequest{Name: "homelab", URL: sim.URL(), User: "root@pam", Password: sim.RootPassword(), SSHUser: "root", SSHPort: sim.SSHPort(),
			Fingerprint: sim.Fingerprint(), Default: true})
		if err != nil {
			return fmt.Errorf("connect the simulated cluster: %w", err)
		}
	}
	file := filepath.Join(d.data, "demo_password")
	if _, err := os.Stat(file); err == nil {
		return nil
	}
	password := keys.RandomPassword(20)
	if err := c.SetPassword(ctx, actor, "admin", password); err != nil {
		return fmt.Errorf("set the demo's password: %w", err)
	}
	return os.WriteFile(file, []byte(password+"\n"), 0o600)
}
