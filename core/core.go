// Package core is the domain: apps, hosts, nodes, jobs, users, settings and
// the audit; who may do what; and the workflows that change containers. The
// faces (console, commands, API) call it and hold no rules of their own.
package core

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"proximity/core/catalog"
	"proximity/core/forward"
	"proximity/core/safe"
	"proximity/jobs"
	"proximity/keys"
	"proximity/store"
)

// Version of the program.
const Version = "0.1.0"

// Config is what a Core needs to know at start.
type Config struct {
	Data              string           // data folder, made with mode 0700
	PublicHost        string           // name people reach published apps by; default: the machine's name
	ListenHost        string           // address published ports listen on; "" = all
	AdminKeys         []string         // authorized_keys lines that may log in as admin, added at start
	AdminUser         string           // the user those keys belong to; default "admin"
	GuestNetworks     []string         // overrides the setting: CIDRs published ports may lead into
	Registration      Registration     // who may make an account over the API; "" = first
	Catalogue         []catalog.Source // further manifests beside the embedded ones
	CatalogueOverride []string         // ids that those may take from the embedded ones
	Logger            *slog.Logger     // default: discards
	Pace              Pace             // zero values: the real pace

	atStep func(kind, step, when string) error // trials put their kills here: called at "begin" and "end" of every step, and of "undo STEP"
}

// Pace is how often things are tried again; tests run faster.
type Pace struct {
	TaskPoll  time.Duration // between two looks at a Proxmox task, default 1 s
	Watched   time.Duration // between polls of a host while somebody looks, default 2 s
	Idle      time.Duration // otherwise, default 15 s
	Return    time.Duration // before a host's configured node that was gone is asked again, default 1 min
	HostRetry time.Duration // before a job that waits for a host looks again, default 5 s
	Backoff   time.Duration // first pause before a retry, default 60 s

	Settled    time.Duration // without a job of ours before an app counts as changed by others, default 30 s
	Outside    time.Duration // that a container may have no address but ones outside the guest networks, default 30 s
	DeleteWait time.Duration // before what is deleted is destroyed; default: the setting
}

func (p Pace) withDefaults() Pace {
	set := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	set(&p.TaskPoll, time.Second)
	set(&p.Watched, 2*time.Second)
	set(&p.Idle, 15*time.Second)
	set(&p.Return, time.Minute)
	set(&p.HostRetry, 5*time.Second)
	set(&p.Backoff, time.Minute)
	set(&p.Settled, 30*time.Second)
	set(&p.Outside, 30*time.Second)
	return p
}

// Core is one Proximity installation.
type Core struct {
	cfg          Config
	log          *slog.Logger
	now          func() time.Time
	store        *store.Store
	ring         *keys.Ring
	engine       *jobs.Engine
	catalogue    atomic.Pointer[listing]
	reloading    sync.Mutex // of the catalogue, one at a time
	forwarder    *forward.Forwarder
	settings     atomic.Pointer[Settings]
	access       *access
	started      time.Time
	running      atomic.Bool // Run is at work
	installation string      // id of this installation, in every container's description

	apps          *store.Table[app]
	hostTable     *store.Table[host]
	users         *store.Table[user]
	keys          *store.Table[key]
	knocks        *store.Table[knock]
	settingsTable *store.Table[settingsRow]
	auditTable    *store.Table[auditRecord]
	auditHeads    *store.Table[auditHead]
	places        *store.Table[place]
	metaTable     *store.Table[meta]
	snapshots     *store.Table[savedSnapshot]
	manifestTable *store.Table[keptManifest]
	manifests     sync.Map // those of the table, by key
	backups       *store.Table[backup]
	scheduleTable *store.Table[schedule]
	shelf         *shelf

	mu        sync.RWMutex // guards what follows
	appCache  map[string]app
	hosts     map[string]*liveHost
	present   map[*Presence]bool
	schedules map[uint64]schedule
	reading   map[string]int // logs being followed, by "host/node"

	hub hub
}

// meta is a fact about the store itself.
type meta struct{ ID, Value string }

// Open opens the installation in cfg.Data, making it at first start.
func Open(cfg Config) (*Core, error) {
	if cfg.Data == "" {
		return nil, errors.New("no data folder given")
	}
	if err := os.MkdirAll(cfg.Data, 0o700); err != nil {
		return nil, fmt.Errorf("make the data folder: %w", err)
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.PublicHost == "" {
		cfg.PublicHost, _ = os.Hostname()
	}
	if cfg.Registration == "" {
		cfg.Registration = RegistrationFirst
	}
	if cfg.AdminUser == "" {
		cfg.AdminUser = "admin"
	}
	cfg.Pace = cfg.Pace.withDefaults()
	st, err := store.Open(filepath.Join(cfg.Data, "proximity.db"), store.Options{Migrations: migrations()})
	if err != nil {
		return nil, err
	}
	c := &Core{
		cfg: cfg, log: cfg.Logger, now: time.Now, started: time.Now(), store: st, access: newAccess(),
		apps: newAppTable(), hostTable: newHostTable(), users: newUserTable(), keys: newKeyTable(), knocks: newKnockTable(),
		settingsTable: newSettingsTable(), auditTable: newAuditTable(), auditHeads: newAuditHeadTable(),
		places:        store.NewTable("places", func(p place) string { return p.ID }),
		metaTable:     store.NewTable("meta_facts", func(m meta) string { return m.ID }),
		snapshots:     store.NewTable("snapshots", func(s savedSnapshot) string { return s.Host }),
		manifestTable: newManifestTable(),
		backups:       newBackupTable(), scheduleTable: newScheduleTable(), shelf: newShelf(), schedules: map[uint64]schedule{},
		appCache: map[string]app{}, hosts: map[string]*liveHost{}, present: map[*Presence]bool{}, reading: map[string]int{},
	}
	c.hub.init()
	if err := c.open(); err != nil {
		_ = st.Close()
		return nil, err
	}
	return c, nil
}

func (c *Core) open() error {
	var err error
	if c.ring, err = keys.Open(filepath.Join(c.cfg.Data, "keys")); err != nil {
		return err
	}
	if err := c.identify(); err != nil {
		return err
	}
	if err := c.loadSettings(); err != nil {
		return err
	}
	if _, err := c.loadCatalogue(context.Background()); err != nil {
		return err
	}
	if err := c.loadManifests(); err != nil {
		return err
	}
	if err := c.loadApps(); err != nil {
		return err
	}
	if err := c.loadBackups(); err != nil {
		return err
	}
	if err := c.loadPeople(); err != nil {
		return err
	}
	if len(c.cfg.AdminKeys) > 0 {
		if err := c.admit(c.cfg.AdminUser, RoleAdmin, c.cfg.AdminKeys, "start"); err != nil {
			return err
		}
	}
	c.forwarder = forward.New(forward.Options{ListenHost: c.cfg.ListenHost, Allowed: c.guestAddress, Logger: c.log})
	c.engine = jobs.New(c.store, jobs.Options{
		Classify: classify, Changed: func(uint64) { c.hub.jobs.Store(true); c.changed() },
		WaitEvery: c.cfg.Pace.HostRetry, Logger: c.log, Keep: 2000, KeepFor: 90 * 24 * time.Hour,
	})
	register(c, c.deployWorkflow())
	register(c, c.cloneWorkflow())
	register(c, c.updateWorkflow())
	for _, w := range c.lifecycleWorkflows() {
		register(c, w)
	}
	register(c, c.deleteWorkflow())
	register(c, c.releaseWorkflow())
	register(c, c.configureWorkflow())
	register(c, c.adoptWorkflow())
	register(c, c.reconcileWorkflow())
	register(c, c.repairWorkflow())
	register(c, c.janitorWorkflow())
	register(c, c.diagnoseWorkflow())
	if err := c.keepHouse(); err != nil {
		return err
	}
	c.registerBackups()
	if err := c.loadHosts(); err != nil {
		return err
	}
	if err := c.loadSchedules(); err != nil {
		return err
	}
	c.rebuild()
	return nil
}

// register makes a workflow known to the engine.
func register[D any](c *Core, w jobs.Workflow[D]) {
	if c.cfg.atStep != nil {
		for i := range w.Steps {
			s := &w.Steps[i]
			s.Do = tripped(c, w.Kind, s.Name, s.Do)
			if s.Undo != nil {
				s.Undo = tripped(c, w.Kind, "undo "+s.Name, s.Undo)
			}
		}
	}
	jobs.Register(c.engine, w)
}

// tripped is a step, or the undoing of one, that trials may break into.
func tripped[D any](c *Core, kind, step string, do func(context.Context, *jobs.Run[D]) error) func(context.Context, *jobs.Run[D]) error {
	return func(ctx context.Context, r *jobs.Run[D]) error {
		if err := c.cfg.atStep(kind, step, "begin"); err != nil {
			return err
		}
		if err := do(ctx, r); err != nil {
			return err
		}
		return c.cfg.atStep(kind, step, "end")
	}
}

// identify reads or makes the installation's id.
func (c *Core) identify() error {
	return c.store.Update(func(tx *store.Tx) error {
		m, err := c.metaTable.Get(tx, "installation")
		if errors.Is(err, store.ErrNotFound) {
			m = meta{"installation", keys.RandomHex(16)}
			err = c.metaTable.Put(tx, m)
		}
		c.installation = m.Value
		return err
	})
}

func (c *Core) loadApps() error {
	return c.store.View(func(tx *store.Tx) error {
		for a, err := range c.apps.All(tx) {
			if err != nil {
				return err
			}
			c.appCache[a.ID] = a
		}
		return nil
	})
}

// Run owns every long-lived goroutine until ctx ends.
func (c *Core) Run(ctx context.Context) error {
	c.running.Store(true)
	defer c.running.Store(false)
	g, ctx := errgroup.WithContext(ctx)
	context.AfterFunc(ctx, func() { c.running.Store(false) })
	g.Go(func() error { return c.runHub(ctx) })
	g.Go(func() error { return c.runHosts(ctx) })
	g.Go(func() error { return c.runSync(ctx) })
	g.Go(func() error { return c.runAddresses(ctx) })
	g.Go(func() error { return c.engine.Run(ctx) })
	g.Go(func() error { return c.forwarder.Run(ctx) })
	err := g.Wait()
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// Close closes the store; call it after Run has returned.
func (c *Core) Close() error {
	c.mu.Lock()
	for _, h := range c.hosts {
		h.close()
	}
	c.mu.Unlock()
	return c.store.Close()
}

// Keys is the installation's key ring.
func (c *Core) Keys() *keys.Ring { return c.ring }

// Snapshot streams a consistent copy of the store.
func (c *Core) Snapshot(w io.Writer) error { return c.store.Snapshot(w) }

// Health is what /api/health and /healthz say.
type Health struct {
	Status   string `json:"status"` // "healthy" or "degraded"
	Version  string `json:"version"`
	Database string `json:"database"` // "connected" or "error: …"
	Running  bool   `json:"running"`  // it works on jobs and asks hosts: not before Run, nor once it is to end
}

// Health checks the store.
func (c *Core) Health(_ context.Context) Health {
	h := Health{Status: "healthy", Version: Version, Database: "connected", Running: c.running.Load()}
	if err := c.store.View(func(tx *store.Tx) error { _, err := c.metaTable.Get(tx, "installation"); return err }); err != nil {
		h.Status, h.Database = "degraded", "error: "+SafeText(err.Error(), 120)
	}
	return h
}

// SafeText makes foreign text fit for one line of a terminal, at most max cells
// (0: any length).
func SafeText(s string, max int) string { return safe.Text(s, max) }

// SafeEnv cleans an environment variable a client sent; false = not allowed.
func SafeEnv(name, value string) (string, bool) { return safe.Env(name, value) }
