package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"proximity/api"
	"proximity/core"
)

func TestPlainHTTPStaysOnThisMachine(t *testing.T) {
	for _, k := range []struct {
		listen string
		w      web
		want   string // in the error; "" = none
	}{
		{"127.0.0.1:8000", web{}, ""}, {"localhost:8000", web{}, ""}, {"[::1]:8000", web{}, ""}, {"", web{}, ""},
		{":8000", web{}, "--http-insecure"}, {"0.0.0.0:8000", web{}, "--http-insecure"}, {"10.0.0.1:8000", web{}, "--tls-cert"},
		{":8000", web{insecure: true}, ""}, {":8000", web{cert: "a", key: "b"}, ""},
		{"127.0.0.1:8000", web{cert: "a"}, "belong together"}, {"127.0.0.1:8000", web{key: "a"}, "belong together"},
		{"127.0.0.1:8000", web{origins: []string{"*"}}, "any web page"}, {"127.0.0.1:8000", web{rate: -1}, "negative"},
	} {
		err := k.w.check(k.listen, func(string) string { return "" })
		if (err == nil) != (k.want == "") || err != nil && !strings.Contains(err.Error(), k.want) {
			t.Errorf("%s %+v: %v, want %q", k.listen, k.w, err, k.want)
		}
	}
	w := web{}
	if err := w.check("", func(name string) string {
		return map[string]string{"CORS_ALLOWED_ORIGINS": "https://a.example, https://b.example"}[name]
	}); err != nil || len(w.origins) != 2 || w.origins[1] != "https://b.example" {
		t.Errorf("origins %v, %v", w.origins, err)
	}
}

// certify writes a certificate for 127.0.0.1 with a number.
func certify(t *testing.T, dir string, serial int64) (cert, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	x := &x509.Certificate{SerialNumber: big.NewInt(serial), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, x, x, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, b := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(b), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

// A renewed certificate is served without a restart, and cookies travel under
// TLS alone.
func TestHTTPSWithARenewedCertificate(t *testing.T) {
	dir := t.TempDir()
	cert, key := certify(t, dir, 1)
	w := web{cert: cert, key: key}
	cfg, err := w.tls()
	if err != nil {
		t.Fatal(err)
	}
	c, err := core.Open(core.Config{Data: filepath.Join(dir, "data")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	s := api.New(api.Options{Core: c, Listen: "127.0.0.1:0", TLS: cfg})
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Shutdown(t.Context()) })
	ask := func() (serial int64, cookie string) {
		client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
		res, err := client.Get(s.URL() + "/api/health")
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		return res.TLS.PeerCertificates[0].SerialNumber.Int64(), res.Header.Get("Set-Cookie")
	}
	if !strings.HasPrefix(s.URL(), "https://") {
		t.Errorf("it serves %s", s.URL())
	}
	if serial, cookie := ask(); serial != 1 || !strings.Contains(cookie, "; Secure") {
		t.Errorf("certificate %d, cookie %q", serial, cookie)
	}
	if res, err := http.Get(strings.Replace(s.URL(), "https", "http", 1) + "/api/health"); err == nil {
		if res.Body.Close(); res.StatusCode == http.StatusOK {
			t.Error("plain HTTP is served, too")
		}
	}
	certify(t, dir, 2)
	later := time.Now().Add(time.Minute) // the clock of the file system may be coarse
	if err := os.Chtimes(cert, later, later); err != nil {
		t.Fatal(err)
	}
	if serial, _ := ask(); serial != 2 {
		t.Errorf("certificate %d after the renewal", serial)
	}
	if err := os.WriteFile(cert, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if serial, _ := ask(); serial != 2 {
		t.Errorf("certificate %d while a new one is written", serial)
	}
	if _, err := (&web{cert: "/nowhere", key: key}).tls(); err == nil || !strings.Contains(err.Error(), "--tls-cert") {
		t.Errorf("a missing certificate: %v", err)
	}
}
