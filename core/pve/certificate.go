package pve

import (
	"context"
	"time"
)

// Certificate is what a server shows before anybody trusts it.
type Certificate struct {
	Fingerprint string // SHA-256 of the leaf, colon hex
	Subject     string
	NotAfter    time.Time
	Trusted     bool // by the system's authorities, for this name
}

// Probe fetches the server's certificate. No request and no credential is sent.
func Probe(ctx context.Context, url string) (Certificate, error) {
	return Certificate{}, ErrUnsupported
}
