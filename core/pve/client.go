// Package pve talks to one Proxmox VE cluster: typed calls over its API, typed errors, tasks, live
// state, and commands inside its containers over the nodes' SSH. Only core uses it; nothing outside it
// knows what Proxmox says on the wire.
package pve

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// homeTimeout is what a try of the configured node may take of a poll while another one answers.
const homeTimeout = 2 * time.Second

// Config says how one cluster is reached. Either a token (TokenID and TokenSecret) or a login (User and
// Password) is needed; with both, the token is used.
type Config struct {
	Name string // what people call the host; only for messages
	URL  string // "https://10.0.0.1:8006"

	TokenID, TokenSecret string // "user@realm!id" and its secret
	User, Password       string // "root@pam"

	// Fingerprint is the SHA-256 of the server's leaf certificate as colon hex, as Proxmox prints it.
	// Empty: the certificate must be one the system's authorities vouch for.
	Fingerprint string

	// Peers are other nodes of the cluster that may answer when URL does not, as Client.Peers returned them
	// when all was well. More are learned with every call to Cluster.
	Peers []Peer

	// Changed is told of a key that is not the pinned one, each time one is met, from within the call that
	// met it: it must not wait for another one.
	Changed func(Change)

	SSH      SSHConfig
	Timeout  time.Duration // of one request, default 30 s
	TaskPoll time.Duration // pause between two looks at a running task, default 1 s
	Return   time.Duration // before a configured node that was gone is tried again, default 1 min
	Logger   *slog.Logger
}

// Peer is another way into the same cluster.
type Peer struct {
	Node, URL, Fingerprint string
}

// SSHConfig says how the nodes' SSH is reached. With neither Key nor Password there is no node SSH and
// every command ends in ErrNoSSH.
type SSHConfig struct {
	User     string // default "root"
	Port     int    // default 22
	Key      []byte // private key, PEM, without a passphrase
	Password string

	// Pinned returns the host key fingerprint ("SHA256:…") known for a node, "" when there is none yet.
	Pinned func(node string) string
	// Learn is told a node's fingerprint on first contact; an error refuses the connection. Without Learn
	// only pinned nodes are talked to.
	Learn func(node, fingerprint string) error
}

// Client is one cluster's client. It is safe for concurrent use and keeps connections: Close it.
type Client struct {
	config Config
	log    *slog.Logger
	login  login
	shells *shells
	halted atomic.Pointer[error]

	mu        sync.Mutex
	endpoints []*endpoint // the configured one first
	current   int         // the one that answered last
	left      time.Time   // when the configured one was last found gone
	status    ClusterStatus
}

// New checks the configuration and returns a client. It sends nothing.
func New(c Config) (*Client, error) {
	base, err := baseURL(c.URL)
	if err != nil {
		return nil, err
	}
	pin, err := plainFingerprint(c.Fingerprint)
	if err != nil {
		return nil, err
	}
	switch {
	case c.TokenID != "" && c.TokenSecret == "":
		return nil, fmt.Errorf("token %s has no secret", c.TokenID)
	case c.TokenID == "" && (c.User == "" || c.Password == ""):
		return nil, errors.New("no credentials: give an API token, or a user and a password")
	}
	c.Timeout = cmp.Or(c.Timeout, 30*time.Second)
	c.TaskPoll = cmp.Or(c.TaskPoll, time.Second)
	c.Return = cmp.Or(c.Return, time.Minute)
	c.SSH.User = cmp.Or(c.SSH.User, "root")
	c.SSH.Port = cmp.Or(c.SSH.Port, 22)
	client := &Client{
		config:    c,
		log:       c.Logger,
		login:     login{turn: make(chan struct{}, 1)},
		endpoints: []*endpoint{newEndpoint("", base, pin)},
	}
	if client.log == nil {
		client.log = slog.New(slog.DiscardHandler)
	}
	if client.shells, err = newShells(c.SSH, client.changed); err != nil {
		return nil, err
	}
	for _, p := range c.Peers {
		client.addPeer(p)
	}
	return client, nil
}

// Close drops every connection. SSH commands under way fail; no call may follow.
func (c *Client) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range c.endpoints {
		e.http.CloseIdleConnections()
	}
	return c.shells.close()
}

// Peers returns the other nodes that may answer for this cluster, to be kept for Config.Peers.
func (c *Client) Peers() []Peer {
	c.mu.Lock()
	defer c.mu.Unlock()
	peers := make([]Peer, 0, len(c.endpoints)-1)
	for _, e := range c.endpoints[1:] {
		peers = append(peers, Peer{Node: e.node, URL: e.url.String(), Fingerprint: e.pin})
	}
	return peers
}

// addPeer takes another node in, or its new certificate. One without a certificate to pin is left out:
// credentials go to known servers only.
func (c *Client) addPeer(p Peer) {
	base, err := baseURL(p.URL)
	pin, pinErr := plainFingerprint(p.Fingerprint)
	if err != nil || pinErr != nil || pin == "" {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, e := range c.endpoints {
		switch {
		case e.url.Host == base.Host && i == 0:
			return // the configured one is trusted as configured
		case e.url.Host == base.Host && e.pin == pin:
			return
		case e.url.Host == base.Host:
			e.http.CloseIdleConnections()
			c.endpoints[i] = newEndpoint(p.Node, base, pin)
			return
		}
	}
	c.endpoints = append(c.endpoints, newEndpoint(p.Node, base, pin))
}

// endpoint returns the node to ask: the one that answered last.
func (c *Client) endpoint() *endpoint {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.endpoints[c.current]
}

// moveOn makes the next node the one to ask, if e still is, and says whether there is another one.
func (c *Client) moveOn(e *endpoint) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.endpoints) == 1 {
		return false
	}
	if c.endpoints[c.current] == e {
		if c.current == 0 {
			c.left = time.Now()
		}
		c.current = (c.current + 1) % len(c.endpoints)
		c.log.Warn("node does not answer, asking another", "host", c.config.Name,
			"node", e.url.Host, "next", c.endpoints[c.current].url.Host)
	}
	return true
}

// goHome makes the configured node the one to ask once it answers again. While another one answers for it, it is
// tried now and then, and shortly: people chose it, and a certificate that changed meanwhile must not stay unseen.
func (c *Client) goHome(ctx context.Context) {
	c.mu.Lock()
	home, due := c.endpoints[0], c.current != 0 && c.halt() == nil && time.Since(c.left) >= c.config.Return
	if due {
		c.left = time.Now()
	}
	c.mu.Unlock()
	if !due {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, homeTimeout)
	defer cancel()
	err := asError(ctx, c.askAt(ctx, home, request{method: http.MethodGet, path: "/version"}))
	if err != nil && c.gone(home, err) {
		return
	}
	c.meetCertificate(home, err)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.current = 0
	c.log.Info("the configured node answers again", "host", c.config.Name, "node", home.url.Host)
}

// meetCertificate tells of a certificate that is not the pinned one, if that is what err is.
func (c *Client) meetCertificate(at *endpoint, err *Error) {
	if err != nil && err.Kind == ErrCertificate && err.Shown != "" {
		c.changed(Change{Kind: ErrCertificate, Address: at.url.Host, Known: err.Known, Shown: err.Shown})
	}
}
