package pve

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"
)

// Certificate is what a server shows before anybody trusts it.
type Certificate struct {
	Fingerprint string // SHA-256 of the leaf, colon hex
	Subject     string
	NotAfter    time.Time
	Trusted     bool // by the system's authorities, for this name
}

// Probe fetches the server's certificate: it shakes hands and hangs up. No request and no credential is
// sent. It returns ErrUnreachable when nobody answers.
func Probe(ctx context.Context, address string) (Certificate, error) {
	base, err := baseURL(address)
	if err != nil {
		return Certificate{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	host := base.Hostname()
	dialer := tls.Dialer{Config: &tls.Config{
		ServerName:         host,
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: true, // looked at, not trusted: nothing is sent
	}}
	conn, err := dialer.DialContext(ctx, "tcp", hostPort(base))
	if err != nil {
		e := networkError(ctx, err)
		e.Op = "look at the certificate of " + base.Host
		return Certificate{}, e
	}
	defer conn.Close()
	chain := conn.(*tls.Conn).ConnectionState().PeerCertificates
	leaf := chain[0]
	rest := x509.NewCertPool()
	for _, c := range chain[1:] {
		rest.AddCert(c)
	}
	_, err = leaf.Verify(x509.VerifyOptions{DNSName: host, Intermediates: rest})
	return Certificate{
		Fingerprint: fingerprint(leaf),
		Subject:     leaf.Subject.String(),
		NotAfter:    leaf.NotAfter,
		Trusted:     err == nil,
	}, nil
}

// fingerprint is the SHA-256 of a certificate as Proxmox prints it.
func fingerprint(cert *x509.Certificate) string {
	sum := sha256.Sum256(cert.Raw)
	parts := make([]string, len(sum))
	for i, b := range sum {
		parts[i] = fmt.Sprintf("%02X", b)
	}
	return strings.Join(parts, ":")
}

// plainFingerprint reads a fingerprint however people paste it: with or without colons, in any case.
func plainFingerprint(s string) (string, error) {
	plain := strings.ToUpper(strings.ReplaceAll(strings.TrimSpace(s), ":", ""))
	if plain == "" {
		return "", nil
	}
	if b, err := hex.DecodeString(plain); err != nil || len(b) != sha256.Size {
		return "", fmt.Errorf("fingerprint %q is not a SHA-256 in hex: take it from the node's certificate page in Proxmox", s)
	}
	return plain, nil
}

// colons writes a plain fingerprint as Proxmox prints it.
func colons(plain string) string {
	var parts []string
	for ; len(plain) >= 2; plain = plain[2:] {
		parts = append(parts, plain[:2])
	}
	return strings.Join(parts, ":")
}

// trust is the TLS configuration that accepts exactly the pinned leaf, or without a pin what the system's
// authorities vouch for. It decides before the first byte of a request is sent.
func trust(host, pin string) *tls.Config {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if pin == "" {
		return config
	}
	config.InsecureSkipVerify = true // replaced by VerifyConnection
	config.VerifyConnection = func(state tls.ConnectionState) error {
		got := fingerprint(state.PeerCertificates[0])
		if plain, _ := plainFingerprint(got); plain == pin {
			return nil
		}
		return &Error{Kind: ErrCertificate, unsent: true, Known: colons(pin), Shown: got, Message: fmt.Sprintf(
			"the certificate of %s is not the one pinned: it is now %s, pinned is %s. If it was renewed, accept the new one; if not, somebody else answers there", host, got, colons(pin))}
	}
	return config
}

// baseURL reads the address of a Proxmox API: https only; a bare host means port 8006.
func baseURL(address string) (*url.URL, error) {
	address = strings.TrimSpace(address)
	if !strings.Contains(address, "://") {
		if _, _, err := net.SplitHostPort(address); err != nil {
			address = net.JoinHostPort(strings.Trim(address, "[]"), "8006")
		}
		address = "https://" + address
	}
	u, err := url.Parse(address)
	switch {
	case err != nil:
		return nil, fmt.Errorf("address %q is not a URL: write it like https://10.0.0.1:8006", address)
	case u.Scheme != "https":
		return nil, fmt.Errorf("address %q is not https: Proxmox speaks TLS only", address)
	case u.Hostname() == "" || u.User != nil || u.RawQuery != "":
		return nil, fmt.Errorf("address %q is not of the form https://host:8006", address)
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host}, nil
}

// hostPort is what to dial.
func hostPort(u *url.URL) string {
	if u.Port() != "" {
		return u.Host
	}
	return net.JoinHostPort(u.Hostname(), "443")
}
