package main

import (
	"context"
	"errors"
	"net"
	"strings"
	"time"

	"proximity/core"
)

// earlierHost connects the host that the earlier project's variables name,
// unless one is connected already. A host that does not answer is asked again,
// ever more slowly, until ctx ends.
func (p *program) earlierHost(ctx context.Context, s *server) error {
	request, ok := earlierRequest(p.getenv)
	if !ok {
		return nil
	}
	actor := core.LocalAdmin("PROXMOX_HOST")
	known, err := s.core.Hosts(ctx, actor)
	if err != nil || len(known) > 0 {
		return err
	}
	for pause := 5 * time.Second; ; pause = min(2*pause, 5*time.Minute) {
		_, err := s.core.AddHost(ctx, actor, request)
		switch {
		case err == nil:
			s.log.Info("connected the host of PROXMOX_HOST", "url", request.URL)
			return nil
		case !errors.Is(err, core.ErrUnreachable):
			s.log.Error("the host of PROXMOX_HOST is not connected", "url", request.URL, "error", err)
			return nil
		}
		s.log.Warn("the host of PROXMOX_HOST does not answer", "url", request.URL, "error", err, "again in", pause)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
	}
}

// earlierRequest reads PROXMOX_HOST and its companions. Unless PROXMOX_VERIFY_SSL
// or PROXMOX_FINGERPRINT ask for more, the certificate is pinned at first contact.
func earlierRequest(getenv func(string) string) (core.AddHostRequest, bool) {
	host := getenv("PROXMOX_HOST")
	if host == "" {
		return core.AddHostRequest{}, false
	}
	r := core.AddHostRequest{Name: "proxmox", URL: host, User: getenv("PROXMOX_USER"), Password: getenv("PROXMOX_PASSWORD"), Fingerprint: getenv("PROXMOX_FINGERPRINT")}
	if r.User == "" {
		r.User = "root@pam"
	}
	if port := getenv("PROXMOX_PORT"); port != "" && !strings.Contains(host, "://") {
		r.URL = net.JoinHostPort(strings.Trim(host, "[]"), port)
	}
	r.Trust = r.Fingerprint == "" && !truthy(getenv("PROXMOX_VERIFY_SSL"))
	return r, true
}
