package core

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"proximity/core/pve"
	"proximity/store"
)

// AddHostRequest connects a Proxmox host: with an API token, or with a user and
// password. Credentials never appear in views, logs or audit records.
type AddHostRequest struct {
	Name        string
	URL         string // https://10.0.0.1:8006
	TokenID     string // user@realm!id
	TokenSecret string
	User        string // user@realm
	Password    string
	SSHUser     string // default: root
	SSHPort     int    // default: 22
	SSHKey      string // private key, PEM
	SSHPassword string // default: Password, where User is the SSH user's PAM account
	Fingerprint string // expected SHA-256 of the certificate
	Trust       bool   // pin whatever certificate answers now
	Default     bool
}

// Certificate is what a host shows before any credential is sent.
type Certificate struct {
	Fingerprint string    `json:"fingerprint"`
	Subject     string    `json:"subject"`
	NotAfter    time.Time `json:"not_after"`
	Trusted     bool      `json:"trusted"` // verified by the system's authorities
}

// ProbeHost reads a host's certificate; nothing else is sent.
func (c *Core) ProbeHost(ctx context.Context, a Actor, address string) (Certificate, error) {
	if err := a.May(VerbChangeHosts, ""); err != nil {
		return Certificate{}, err
	}
	u, err := cleanURL(address)
	if err != nil {
		return Certificate{}, err
	}
	cert, err := pve.Probe(ctx, u)
	if err != nil {
		return Certificate{}, hostError(u, err)
	}
	return Certificate{Fingerprint: cert.Fingerprint, Subject: SafeText(cert.Subject, 120), NotAfter: cert.NotAfter, Trusted: cert.Trusted}, nil
}

// AddHost checks a host's certificate, logs in, and records it. The certificate
// comes first: no credential is sent to one that is neither expected, trusted
// by the request, nor verified.
func (c *Core) AddHost(ctx context.Context, a Actor, r AddHostRequest) (HostView, error) {
	h, err := c.addHost(ctx, a, r)
	c.audit(a, "host.add", r.Name, err, r.URL)
	if err != nil {
		return HostView{}, err
	}
	return hostView(h.rec, h.poller.Snapshot()), nil
}

func (c *Core) addHost(ctx context.Context, a Actor, r AddHostRequest) (*liveHost, error) {
	if err := a.May(VerbChangeHosts, ""); err != nil {
		return nil, err
	}
	h, err := c.hostFrom(r)
	if err != nil {
		return nil, err
	}
	if _, err := c.liveHost(h.Name); err == nil {
		return nil, &Error{Kind: ErrConflict, Field: "name", Text: fmt.Sprintf("there is already a host %q", h.Name), Hint: "choose another name"}
	}
	if err := c.trust(ctx, &h, r); err != nil {
		return nil, err
	}
	l, err := c.enliven(h)
	if err != nil {
		return nil, invalid("credentials", "", "%s", err)
	}
	status, err := l.client.Cluster(ctx)
	if err != nil {
		_ = l.client.Close()
		return nil, hostError(h.Name, err)
	}
	h.Cluster, h.Identity, h.Peers = status.Name, status.Identity, l.client.Peers()
	if err := c.recordHost(&h); err != nil {
		_ = l.client.Close()
		return nil, err
	}
	l.rec = h
	c.mu.Lock()
	c.hosts[h.Name] = l
	c.mu.Unlock()
	c.watchHost(l)
	fill(c.hub.hostsChanged)
	c.changed()
	return l, nil
}

// hostFrom checks a request and seals its credentials.
func (c *Core) hostFrom(r AddHostRequest) (host, error) {
	h := host{Name: r.Name, SSHUser: r.SSHUser, SSHPort: r.SSHPort, Default: r.Default, AddedAt: c.now()}
	if !goodHostName(h.Name) {
		return h, invalid("name", "1-100 printable characters, no /", "%q is not a name for a host", SafeText(r.Name, 40))
	}
	var err error
	if h.URL, err = cleanURL(r.URL); err != nil {
		return h, err
	}
	secret := r.Password
	switch {
	case r.TokenID != "" && r.User != "":
		return h, invalid("token", "give one of the two", "both a token and a user are given")
	case r.TokenID != "":
		h.Token, h.User, secret = true, r.TokenID, r.TokenSecret
		if !strings.Contains(h.User, "!") || !strings.Contains(h.User, "@") || secret == "" {
			return h, invalid("token", "write it as USER@REALM!ID=SECRET", "%q is not a token", SafeText(r.TokenID, 60))
		}
	case r.User != "":
		h.User = r.User
		if !strings.Contains(h.User, "@") {
			h.User += "@pam"
		}
		if secret == "" {
			return h, invalid("password", "send it on standard input with --password-stdin", "no password is given for %s", SafeText(h.User, 60))
		}
	default:
		return h, invalid("token", "give --token ID=SECRET, or --user and --password-stdin", "no credentials are given")
	}
	if h.Secret, err = c.ring.Seal("host/"+h.Name, []byte(secret)); err != nil {
		return h, err
	}
	return h, c.sealSSH(&h, r)
}

// goodHostName takes what can be shown, and written into "host/node".
func goodHostName(s string) bool {
	return s != "" && utf8.RuneCountInString(s) <= 100 && !strings.Contains(s, "/") && strings.TrimSpace(s) == s && s[0] != '-' && SafeText(s, 0) == s
}

// sealSSH keeps the nodes' SSH credentials; without any of their own, those of
// a PAM login serve, since it is the same account.
func (c *Core) sealSSH(h *host, r AddHostRequest) error {
	s := sshSecret{Key: r.SSHKey, Password: r.SSHPassword}
	account, realm, _ := strings.Cut(h.User, "@")
	if s == (sshSecret{}) && !h.Token && realm == "pam" && (r.SSHUser == "" || r.SSHUser == account) {
		s.Password, h.SSHUser = r.Password, account
	}
	if s == (sshSecret{}) {
		return nil
	}
	if h.SSHUser == "" {
		h.SSHUser = "root"
	}
	if h.SSHPort == 0 {
		h.SSHPort = 22
	}
	if h.SSHPort < 1 || h.SSHPort > 65535 {
		return invalid("ssh_port", "1-65535", "%d is not a port", h.SSHPort)
	}
	plain, err := json.Marshal(s)
	if err != nil {
		return err
	}
	h.SSHSecret, err = c.ring.Seal("host-ssh/"+h.Name, plain)
	return err
}

// trust settles which certificate the host must show.
func (c *Core) trust(ctx context.Context, h *host, r AddHostRequest) error {
	cert, err := pve.Probe(ctx, h.URL)
	if err != nil {
		return hostError(h.Name, err)
	}
	switch {
	case r.Fingerprint != "":
		if normalFingerprint(r.Fingerprint) != normalFingerprint(cert.Fingerprint) {
			return &Error{Kind: ErrConflict, Field: "fingerprint", Text: "the host shows another certificate: " + cert.Fingerprint,
				Hint: "nothing was sent to it; compare with `pvenode cert info` on the node"}
		}
		h.Fingerprint = cert.Fingerprint
	case cert.Trusted:
	case r.Trust:
		h.Fingerprint = cert.Fingerprint
		c.log.Warn("pinned the certificate of a host at first contact", "host", h.Name, "fingerprint", cert.Fingerprint)
	default:
		return &Error{Kind: ErrInvalid, Field: "fingerprint", Text: "the host's certificate is not known yet",
			Hint: "compare with `pvenode cert info` on the node, then repeat with --fingerprint " + cert.Fingerprint + " (or --trust)"}
	}
	return nil
}

func normalFingerprint(s string) string {
	return strings.ToUpper(strings.NewReplacer(":", "", " ", "", "sha256/", "", "SHA256/", "").Replace(s))
}

// recordHost writes the record; the first host is the default one.
func (c *Core) recordHost(h *host) error {
	return c.store.Update(func(tx *store.Tx) error {
		if c.hostTable.Count(tx) == 0 {
			h.Default = true
		}
		if h.Default {
			if err := c.makeDefault(tx, h); err != nil {
				return err
			}
		}
		var err error
		if h.ID, err = c.hostTable.Next(tx); err != nil {
			return err
		}
		err = c.hostTable.Insert(tx, *h)
		var taken *store.TakenError
		if errors.As(err, &taken) {
			if taken.Index == "identity" {
				return &Error{Kind: ErrConflict, Field: "url", Text: fmt.Sprintf("this cluster is already connected as %s", taken.By), Hint: "one cluster is one host: any of its nodes answers for all", Err: err}
			}
			return &Error{Kind: ErrConflict, Field: "name", Text: fmt.Sprintf("there is already a host %q", h.Name), Hint: "choose another name", Err: err}
		}
		return err
	})
}

// hostError says in domain terms why a host did not do what it was asked.
func hostError(name string, err error) error {
	if u, e := url.Parse(name); e == nil && u.Host != "" {
		name = u.Host
	}
	var own *Error
	if errors.As(err, &own) {
		return err
	}
	e := &Error{Kind: ErrFailed, Text: fmt.Sprintf("host %s: %s", name, SafeText(err.Error(), 300)), Err: err}
	switch {
	case errors.Is(err, pve.ErrUnreachable), errors.Is(err, pve.ErrTimeout):
		e.Kind, e.Hint = ErrUnreachable, "check the address, and that port 8006 can be reached from here"
	case errors.Is(err, pve.ErrAuth):
		e.Kind, e.Field, e.Hint = ErrInvalid, "credentials", "check the user and realm (root@pam) or the token's id and secret"
	case errors.Is(err, pve.ErrPermission):
		e.Kind, e.Hint = ErrInvalid, "give the account the privileges listed in docs/hosts.md"
	case errors.Is(err, pve.ErrCertificate), errors.Is(err, pve.ErrHostKey):
		e.Hint = "it is not the one that was pinned: find out why before you trust it"
	}
	return e
}
