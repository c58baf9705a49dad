// Package pve talks to one Proxmox VE cluster: typed calls over its API, typed errors, tasks, live
// state, and commands inside its containers over the nodes' SSH. Only core uses it; nothing outside it
// knows what Proxmox says on the wire.
package pve

import (
	"log/slog"
	"time"
)

// Config says how one cluster is reached. Either a token (TokenID and TokenSecret) or a login (User and
// Password) is needed.
type Config struct {
	Name string // what people call the host; only for messages
	URL  string // "https://10.0.0.1:8006"

	TokenID, TokenSecret string // "user@realm!id" and its secret
	User, Password       string // "root@pam"

	// Fingerprint is the SHA-256 of the server's leaf certificate as colon hex, as Proxmox prints it.
	// Empty: the certificate must be one the system's authorities vouch for.
	Fingerprint string

	SSH      SSHConfig
	Timeout  time.Duration // of one request, default 30 s
	TaskPoll time.Duration // pause between two looks at a running task, default 1 s
	Logger   *slog.Logger
}

// SSHConfig says how the nodes' SSH is reached. With neither Key nor Password there is no node SSH and
// every command ends in ErrNoSSH.
type SSHConfig struct {
	User     string // default "root"
	Port     int    // default 22
	Key      []byte // private key, PEM
	Password string

	// Pinned returns the host key fingerprint ("SHA256:…") known for a node, "" when there is none yet.
	Pinned func(node string) string
	// Learn is told a node's fingerprint on first contact; an error refuses the connection.
	Learn func(node, fingerprint string) error
}

// Client is one cluster's client. It is safe for concurrent use and keeps connections: Close it.
type Client struct {
	config Config
}

// New checks the configuration and returns a client. It sends nothing.
func New(c Config) (*Client, error) { return nil, ErrUnsupported }

// Close drops every connection. Calls under way fail.
func (c *Client) Close() error { return nil }
