// Package core is the domain: apps, hosts, nodes, jobs, users, settings and
// the audit; who may do what; and the workflows that change containers. The
// faces (console, commands, API) call it and hold no rules of their own.
package core

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"time"
)

// Config is what a Core needs to know at start.
type Config struct {
	Data       string       // data folder, made with mode 0700
	PublicHost string       // name people reach published apps by; default: the machine's name
	ListenHost string       // address published ports listen on; "" = all
	AdminKeys  []string     // authorized_keys lines that may log in as admin, added at start
	AdminUser  string       // the user those keys belong to; default "admin"
	Logger     *slog.Logger // never nil after Open
	HTTP       *http.Client
}

// Core is one Proximity installation.
type Core struct{}

// Open opens the installation in cfg.Data.
func Open(cfg Config) (*Core, error) { return nil, nil }

// Run owns every long-lived goroutine until ctx ends.
func (c *Core) Run(ctx context.Context) error { return nil }

// Close closes the store.
func (c *Core) Close() error { return nil }

// World is what the actor may see now; from memory.
func (c *Core) World(a Actor) *World { return nil }

// Watch returns a mailbox of size one that is filled after changes of the
// world or of any job's log, until ctx ends. While it is open, hosts are polled
// often.
func (c *Core) Watch(ctx context.Context) <-chan struct{} { return nil }

// History is the short history of "app/ID" or "node/HOST/NAME" or "host/NAME".
func (c *Core) History(a Actor, object string) []Sample { return nil }

// Catalogue searches the catalogue; empty query and category give all.
func (c *Core) Catalogue(query, category string) []CatalogueItem { return nil }

// Categories lists the categories with counts.
func (c *Core) Categories() []CategoryView { return nil }

// CatalogueItem is one item; ErrNotFound with a suggestion.
func (c *Core) CatalogueItem(id string) (CatalogueItem, error) { return CatalogueItem{}, nil }

// CheckDeploy tells what would come of the request, from memory.
func (c *Core) CheckDeploy(a Actor, r DeployRequest) DeployCheck { return DeployCheck{} }

// DeployApp writes the app, its port and the job together.
func (c *Core) DeployApp(ctx context.Context, a Actor, r DeployRequest) (AppView, JobView, error) {
	return AppView{}, JobView{}, nil
}

// App finds a visible app by hostname or id.
func (c *Core) App(ctx context.Context, a Actor, name string) (AppView, error) { return AppView{}, nil }

// Apps lists the visible apps by hostname.
func (c *Core) Apps(ctx context.Context, a Actor) ([]AppView, error) { return nil, nil }

// Secrets of an app: the generated and given secret field values; leaves an
// audit record.
func (c *Core) AppSecrets(ctx context.Context, a Actor, name string) (map[string]string, error) {
	return nil, nil
}

// AppLogs streams what the app itself prints (docker compose logs), safe to
// show, line by line, until the tail ends or, with follow, ctx ends.
func (c *Core) AppLogs(ctx context.Context, a Actor, name string, tail int, follow bool, line func(string)) error {
	return nil
}

// Deployment log of an app: lines of all its jobs, oldest first.
func (c *Core) DeploymentLog(ctx context.Context, a Actor, name string, limit int) ([]LogLine, error) {
	return nil, nil
}

// JobFilter narrows Jobs.
type JobFilter struct {
	App    string // hostname or id
	Live   bool   // only unfinished
	Limit  int    // default 50
	Before uint64 // only jobs with a smaller number
}

// Jobs lists jobs, newest first.
func (c *Core) Jobs(ctx context.Context, a Actor, f JobFilter) ([]JobView, error) { return nil, nil }

// Job is one job.
func (c *Core) Job(ctx context.Context, a Actor, id uint64) (JobView, error) { return JobView{}, nil }

// JobLog gives the log lines with Seq > after, at most limit (0 = all).
func (c *Core) JobLog(ctx context.Context, a Actor, id, after uint64, limit int) ([]LogLine, error) {
	return nil, nil
}

// FollowJob calls line for every log line, old ones first, until the job has
// ended or ctx ends; it returns the job as it was last seen.
func (c *Core) FollowJob(ctx context.Context, a Actor, id uint64, line func(LogLine)) (JobView, error) {
	return JobView{}, nil
}

// CancelJob asks a job to stop; what it made is undone.
func (c *Core) CancelJob(ctx context.Context, a Actor, id uint64) (JobView, error) {
	return JobView{}, nil
}

// AddHostRequest connects a Proxmox host.
type AddHostRequest struct {
	Name        string `json:"name"`
	URL         string `json:"url"` // https://10.0.0.1:8006
	TokenID     string `json:"-"`
	TokenSecret string `json:"-"`
	User        string `json:"-"` // user@realm
	Password    string `json:"-"`
	SSHUser     string `json:"ssh_user"`    // default: root where credentials for it are given
	SSHPort     int    `json:"ssh_port"`    // default 22
	SSHKey      string `json:"-"`           // PEM
	SSHPassword string `json:"-"`           // default: Password when User is root@pam
	Fingerprint string `json:"fingerprint"` // expected SHA-256 of the certificate
	Trust       bool   `json:"trust"`       // pin whatever certificate answers now
	Default     bool   `json:"default"`
}

// Certificate is what a host shows before any credential is sent.
type Certificate struct {
	Fingerprint string    `json:"fingerprint"`
	Subject     string    `json:"subject"`
	NotAfter    time.Time `json:"not_after"`
	Trusted     bool      `json:"trusted"` // verified by the system's authorities
}

// ProbeHost reads a host's certificate.
func (c *Core) ProbeHost(ctx context.Context, a Actor, url string) (Certificate, error) {
	return Certificate{}, nil
}

// AddHost checks and records a host.
func (c *Core) AddHost(ctx context.Context, a Actor, r AddHostRequest) (HostView, error) {
	return HostView{}, nil
}

// HostCheck is one line of a host test.
type HostCheck struct {
	Name string `json:"name"` // "api", "certificate", "privileges", "node ssh", "storage", "template"
	OK   bool   `json:"ok"`
	Text string `json:"text"`
	Hint string `json:"hint,omitempty"`
}

// TestHost asks the host now.
func (c *Core) TestHost(ctx context.Context, a Actor, name string) ([]HostCheck, error) {
	return nil, nil
}

// Hosts lists the hosts, default first.
func (c *Core) Hosts(ctx context.Context, a Actor) ([]HostView, error) { return nil, nil }

// Nodes lists all nodes.
func (c *Core) Nodes(ctx context.Context, a Actor) ([]NodeView, error) { return nil, nil }

// Refresh asks all hosts (or the one named) now instead of at the next poll.
func (c *Core) Refresh(host string) {}

// Login tells who holds a key, by its fingerprint; ErrDenied for unknown ones.
func (c *Core) Login(fingerprint, from string) (Actor, error) { return Actor{}, nil }

// SeenUnknownKey notes a key that was refused, for an admin to approve.
func (c *Core) SeenUnknownKey(fingerprint, line, name, from string) {}

// Place is where a user's console was left: opaque to core.
func (c *Core) Place(a Actor, key string) []byte { return nil }

// SavePlace keeps it over disconnects and restarts.
func (c *Core) SavePlace(a Actor, key string, blob []byte) error { return nil }

// Enter counts a console session for presence until leave is called; place is
// what others see ("Apps › gitea").
func (c *Core) Enter(a Actor) (move func(place string), leave func()) { return nil, nil }

// Presence is who is here.
type Presence struct {
	User  string
	From  string
	Place string
	Since time.Time
}

// Present lists the console sessions.
func (c *Core) Present() []Presence { return nil }

// Health is what /api/health and /healthz say.
type Health struct {
	Status   string `json:"status"` // "healthy" or "degraded"
	Version  string `json:"version"`
	Database string `json:"database"` // "connected" or "error: …"
}

// Health checks the store.
func (c *Core) Health(ctx context.Context) Health { return Health{} }

// Snapshot streams a consistent copy of the store.
func (c *Core) Snapshot(w io.Writer) error { return nil }

// SafeText makes foreign text fit for one line of a terminal, at most max cells
// (0: any length).
func SafeText(s string, max int) string { return s }

// SafeEnv cleans an environment variable a client sent; false = not allowed.
func SafeEnv(name, value string) (string, bool) { return value, true }

// Version of the program.
const Version = "0.1.0"
