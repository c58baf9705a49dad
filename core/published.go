package core

import (
	"net"
	"slices"
	"strconv"
	"strings"

	"proximity/core/catalog"
	"proximity/core/forward"
)

// steer keeps the published ports in line with the apps.
func (c *Core) steer() {
	desired := map[int]forward.Target{}
	for _, a := range c.cachedApps() {
		if a.PublicPort == 0 || a.InternalPort == 0 || !slices.Contains([]AppStatus{StatusRunning, StatusDeploying, StatusCloning, StatusAdopting, StatusUpdating}, a.Status) {
			continue
		}
		t := forward.Target{App: a.Hostname}
		if a.Address != "" {
			t.Address = net.JoinHostPort(a.Address, strconv.Itoa(a.InternalPort))
		}
		desired[a.PublicPort] = t
	}
	c.forwarder.Set(desired)
}

// schemeOf is how a port inside a container is probably spoken to.
func schemeOf(port int) string {
	if port == 443 || port == 8443 {
		return "https"
	}
	return "http"
}

// publicURL is how people reach a published port.
func (c *Core) publicURL(port int, scheme, path string) string {
	if scheme == "" {
		scheme = "http"
	}
	if path == "" {
		path = "/"
	}
	return scheme + "://" + net.JoinHostPort(c.cfg.PublicHost, strconv.Itoa(port)) + path
}

// builtins are what every app is told about itself.
func (c *Core) builtins(a app, m *catalog.Manifest) catalog.Builtins {
	b := catalog.Builtins{Host: c.cfg.PublicHost, Port: a.PublicPort, Address: a.Address, TZ: "UTC", Instance: a.ID}
	switch {
	case a.PublicPort == 0:
	case m.Access.Kind == "web":
		b.URL = strings.TrimSuffix(c.publicURL(a.PublicPort, m.Access.Scheme, "/"), "/")
	default: // no browser goes there
		b.URL = net.JoinHostPort(c.cfg.PublicHost, strconv.Itoa(a.PublicPort))
	}
	return b
}
