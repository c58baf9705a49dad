package pve

import (
	"context"
	"time"
)

// PollerOptions sets a poller's pace.
type PollerOptions struct {
	Watched, Idle time.Duration // between polls while somebody looks, and otherwise; default 2 s, 15 s
	Timeout       time.Duration // of one poll, default 5 s
	Changed       func()        // called after every new snapshot, from Run's goroutine: must not block
	Samples       int           // kept per guest and node, default 60
	Now           func() time.Time
}

// Poller keeps one cluster's live state for everybody.
type Poller struct{}

// Snapshot is what the host last said. It never changes once published.
type Snapshot struct {
	At      time.Time // when the host last answered; zero = never
	Err     error     `json:"-"` // of the last try; nil = fresh
	Since   time.Time // first failure of the present outage
	Tries   int       // failures since
	NextTry time.Time
	Resources
}

// Sample is one point of a history. CPU and Mem are shares 0..1, the rates bytes per second.
type Sample struct {
	At            time.Time
	CPU, Mem      float64
	NetIn, NetOut float64
}

func NewPoller(c *Client, o PollerOptions) *Poller { return &Poller{} }

func (p *Poller) Run(ctx context.Context) error { return ErrUnsupported }
func (p *Poller) Snapshot() *Snapshot           { return &Snapshot{} }
func (p *Poller) Watch() (release func())       { return func() {} }
func (p *Poller) Refresh()                      {}
func (p *Poller) History(key string) []Sample   { return nil }
func (p *Poller) Restore(s *Snapshot)           {}

func (s *Snapshot) Guest(vmid int) (Guest, bool)  { return Guest{}, false }
func (s *Snapshot) Node(name string) (Node, bool) { return Node{}, false }
