package docker

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// What listens where is not known of an image that is not run. Its kind says it, its compose file, and custom.

// endpoint is what answers on a port that a container listens on.
func (e *Engine) endpoint(c *Container, r *running, port int) *Endpoint {
	spec := specOf(c.Image)
	kind := spec.Kind
	switch {
	case kind == "base" || kind == "oneshot", spec.Port != 0 && spec.Port != port && kind != "http":
		kind = "http"
	}
	end := &Endpoint{Kind: kind, Image: c.Image, Service: c.Service, Ready: func() bool { e.mu.Lock(); defer e.mu.Unlock(); return r.ready }}
	if kind == "http" && c.speaksTLS(port) {
		end.Kind, end.TLS = "https", e.secure
	}
	return end
}

// securePorts are those on which servers speak TLS by custom.
var securePorts = []int{443, 4443, 8443, 9443}

// speaksTLS: what the healthcheck says of the port counts, and else custom.
func (c *Container) speaksTLS(port int) bool {
	if c.Health != nil {
		for _, m := range ownPort.FindAllStringSubmatch(strings.Join(c.Health.Test, " "), -1) {
			if m[1] != "" && m[2] == strconv.Itoa(port) {
				return m[1] == "https://"
			}
		}
	}
	return slices.Contains(securePorts, port)
}

// ownPort is where a check of health looks for its own container.
var ownPort = regexp.MustCompile(`(https?://)?(?:localhost|127\.0\.0\.1|\[::1\]|0\.0\.0\.0):(\d{1,5})\b`)

// hostPorts are the ports that a container on the host's network listens on: its image's, those its healthcheck looks
// at, or those its environment names.
func (e *Engine) hostPorts(c *Container) []int {
	var ports []int
	add := func(text string) {
		if n, err := strconv.Atoi(text); err == nil && 0 < n && n < 1<<16 && !slices.Contains(ports, n) {
			ports = append(ports, n)
		}
	}
	add(strconv.Itoa(specOf(c.Image).Port))
	if c.Health != nil {
		for _, m := range ownPort.FindAllStringSubmatch(strings.Join(c.Health.Test, " "), -1) {
			add(m[2])
		}
	}
	for _, name := range sortedNames(c.Env) {
		if len(ports) == 0 && (name == "PORT" || strings.HasSuffix(name, "_PORT")) {
			add(c.Env[name])
		}
	}
	if len(ports) == 0 {
		add("8080")
	}
	return ports
}

// listenOnHost opens what a container on the host's network listens on. A port that is taken is the container's own
// trouble, not docker's: it says so in its log.
func (e *Engine) listenOnHost(c *Container, r *running) {
	for _, port := range e.hostPorts(c) {
		end := e.endpoint(c, r, port)
		end.Process = imageBase(c.Image)
		end.Served = func(in, out int) { e.served(c, in, out) }
		release, err := e.Listen("", port, end)
		if err != nil {
			e.log(c, fmt.Sprintf("Error: listen tcp 0.0.0.0:%d: bind: %s", port, err), true)
			continue
		}
		r.release = append(r.release, release)
	}
}

func imageBase(image string) string {
	n, err := parseImage(image)
	if err != nil {
		return image
	}
	return n.base()
}

// selfSigned makes the certificate of servers that speak TLS.
func selfSigned() (*tls.Config, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	cert := &x509.Certificate{SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(10, 0, 0), KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, key.Public(), key)
	if err != nil {
		return nil, err
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, nil
}
