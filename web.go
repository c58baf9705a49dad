package main

import (
	"crypto/tls"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/pflag"

	"proximity/core"
)

// web is how HTTP is served.
type web struct {
	cert, key string // files; "" = plain HTTP
	insecure  bool   // plain HTTP also where others can listen in
	origins   []string
	rate      int
	crash     bool // errors are reported: serve the endpoint that makes one
}

// defaultOrigin is where the earlier project's web client is developed.
const defaultOrigin = "http://localhost:5173"

func (w *web) flags(f *pflag.FlagSet) {
	f.StringVar(&w.cert, "tls-cert", "", "certificate (PEM file, with its chain) to serve HTTPS with; read again when it changes")
	f.StringVar(&w.key, "tls-key", "", "the certificate's key (PEM file)")
	f.BoolVar(&w.insecure, "http-insecure", false, "serve plain HTTP on an address that others can reach: passwords and tokens can be read on the way")
	f.StringSliceVar(&w.origins, "cors-allowed-origins", nil, "origins of web clients elsewhere that may use the API (default: $CORS_ALLOWED_ORIGINS, else "+defaultOrigin+"); may be repeated")
	f.IntVar(&w.rate, "http-rate", 100, "HTTP requests a second that one client may make; 0 = any number")
}

// check completes the settings and refuses what would give secrets away.
func (w *web) check(listen string, getenv func(string) string) error {
	if len(w.origins) == 0 {
		for _, o := range strings.Split(getenv("CORS_ALLOWED_ORIGINS"), ",") {
			if o = strings.TrimSpace(o); o != "" {
				w.origins = append(w.origins, o)
			}
		}
	}
	if len(w.origins) == 0 {
		w.origins = []string{defaultOrigin}
	}
	switch {
	case slices.Contains(w.origins, "*"):
		return wrong("name the origins", "with * any web page could act for whoever visits it")
	case (w.cert == "") != (w.key == ""):
		return wrong("give both", "--tls-cert and --tls-key belong together")
	case w.rate < 0:
		return wrong("0 = any number", "--http-rate: %d is negative", w.rate)
	case w.cert == "" && !w.insecure && listen != "" && !loopback(listen):
		return wrong("give --tls-cert and --tls-key; or keep --http on 127.0.0.1, behind a proxy; or accept it with --http-insecure",
			"plain HTTP on %s: passwords and tokens could be read on the way", core.SafeText(listen, 60))
	}
	return nil
}

// loopback reports whether only this machine can reach the address.
func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// tls is the configuration to serve HTTPS with, nil for plain HTTP.
func (w *web) tls() (*tls.Config, error) {
	if w.cert == "" {
		return nil, nil
	}
	c := &certificate{cert: w.cert, key: w.key}
	if _, err := c.get(nil); err != nil {
		return nil, wrong("give PEM files that the server may read", "--tls-cert: %s", err)
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.get}, nil
}

// certificate is read again when its file has changed: renewals need no
// restart.
type certificate struct {
	cert, key string

	mu      sync.Mutex
	loaded  *tls.Certificate
	changed time.Time
}

func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	info, err := os.Stat(c.cert)
	if err == nil && (c.loaded == nil || !info.ModTime().Equal(c.changed)) {
		var pair tls.Certificate
		if pair, err = tls.LoadX509KeyPair(c.cert, c.key); err == nil {
			c.loaded, c.changed = &pair, info.ModTime()
		}
	}
	if c.loaded != nil { // half-written files: the one before will do
		return c.loaded, nil
	}
	return nil, err
}
