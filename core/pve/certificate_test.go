package pve

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// selfSigned makes a certificate as a Proxmox node has one.
func selfSigned(t testing.TB, name string) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// newFakeWith is a fake with a certificate of its own, on an address.
func newFakeWith(t testing.TB, cert tls.Certificate, address string) *fakePVE {
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Skipf("cannot listen on %s: %v", address, err)
	}
	f := &fakePVE{routes: make(map[string]http.HandlerFunc)}
	f.Server = &httptest.Server{Listener: l, Config: &http.Server{Handler: http.HandlerFunc(f.serve), ErrorLog: quiet}}
	f.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	f.StartTLS()
	t.Cleanup(f.Server.Close)
	return f
}

func (f *fakePVE) leafFingerprint(t testing.TB) string {
	leaf, err := x509.ParseCertificate(f.TLS.Certificates[0].Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	return fingerprint(leaf)
}

// An attacker who answers in the host's place must not get to see a token, a ticket or a password.
func TestAChangedCertificateStopsEverythingBeforeCredentials(t *testing.T) {
	real, impostor := selfSigned(t, "pve1"), selfSigned(t, "pve1")
	leaf, _ := x509.ParseCertificate(real.Certificate[0])
	pinned := fingerprint(leaf)
	for name, c := range map[string]Config{"token": {}, "password": passwordConfig()} {
		t.Run(name, func(t *testing.T) {
			f := newFakeWith(t, impostor, "127.0.0.1:0")
			c.Fingerprint = pinned
			client := f.client(t, c)
			_, err := client.Version(testContext(t))
			if !errors.Is(err, ErrCertificate) || errors.Is(err, ErrUnreachable) {
				t.Errorf("got %v, want ErrCertificate", err)
			}
			if !strings.Contains(err.Error(), f.leafFingerprint(t)) {
				t.Errorf("the error does not say what answers now: %v", err)
			}
			if _, err := client.Start(testContext(t), "pve1", 100); !errors.Is(err, ErrCertificate) {
				t.Errorf("POST: got %v, want ErrCertificate", err)
			}
			if got := f.requests(""); len(got) != 0 {
				t.Errorf("the impostor saw %d requests, the first: %v", len(got), got[0].header)
			}
		})
	}
}

func TestAPinIsTakenHoweverItIsWritten(t *testing.T) {
	f := newFake(t)
	f.data("GET /version", `{"version":"9.2.11","release":"9.2","repoid":"14a22df3"}`)
	pin := f.fingerprint()
	for _, written := range []string{pin, strings.ToLower(pin), strings.ReplaceAll(pin, ":", ""), " " + pin + "\n"} {
		v, err := f.client(t, Config{Fingerprint: written}).Version(testContext(t))
		if err != nil || v.Version != "9.2.11" {
			t.Errorf("%q: %v, %v", written, v, err)
		}
	}
	for _, wrong := range []string{"AA:BB", pin + ":00", "zz"} {
		if _, err := New(Config{URL: f.URL, Fingerprint: wrong, TokenID: "a@pve!b", TokenSecret: "c"}); err == nil {
			t.Errorf("%q was taken for a fingerprint", wrong)
		}
	}
}

func TestWithoutAPinTheSystemDecides(t *testing.T) {
	f := newFake(t)
	c, err := New(Config{URL: f.URL, TokenID: "a@pve!bc", TokenSecret: "d"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Version(testContext(t)); !errors.Is(err, ErrCertificate) {
		t.Errorf("got %v, want ErrCertificate", err)
	}
	if len(f.requests("")) != 0 {
		t.Error("the request was sent all the same")
	}
}

func TestProbeSendsNothing(t *testing.T) {
	f := newFakeWith(t, selfSigned(t, "pve1.example"), "127.0.0.1:0")
	got, err := Probe(testContext(t), f.URL)
	if err != nil {
		t.Fatal(err)
	}
	if got.Fingerprint != f.leafFingerprint(t) || got.Trusted || !strings.Contains(got.Subject, "pve1.example") || got.NotAfter.Before(time.Now()) {
		t.Errorf("got %+v", got)
	}
	if len(f.requests("")) != 0 {
		t.Error("a request was sent")
	}
}

func TestProbeOfNobody(t *testing.T) {
	l, _ := net.Listen("tcp", "127.0.0.1:0")
	address := l.Addr().String()
	l.Close()
	if _, err := Probe(testContext(t), address); !errors.Is(err, ErrUnreachable) {
		t.Errorf("got %v, want ErrUnreachable", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Probe(ctx, address); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

func TestAddressesAreUnderstoodAsPeopleWriteThem(t *testing.T) {
	for address, want := range map[string]string{
		"10.0.0.1":              "https://10.0.0.1:8006",
		"pve.example":           "https://pve.example:8006",
		"pve.example:443":       "https://pve.example:443",
		"https://10.0.0.1:8006": "https://10.0.0.1:8006",
		"https://pve.example/":  "https://pve.example",
		"fd00::1":               "https://[fd00::1]:8006",
		"[fd00::1]:8007":        "https://[fd00::1]:8007",
	} {
		if u, err := baseURL(address); err != nil || u.String() != want {
			t.Errorf("%q is %v (%v), want %s", address, u, err, want)
		}
	}
	for _, address := range []string{"", "http://10.0.0.1:8006", "https://root:x@10.0.0.1", "https://", "https://a b"} {
		if u, err := baseURL(address); err == nil {
			t.Errorf("%q was taken for %v", address, u)
		}
	}
}

func TestNewRefusesHalfAConfiguration(t *testing.T) {
	for name, c := range map[string]Config{
		"no credentials": {URL: "https://10.0.0.1:8006"},
		"no secret":      {URL: "https://10.0.0.1:8006", TokenID: "a@pve!bc"},
		"no password":    {URL: "https://10.0.0.1:8006", User: "root@pam"},
		"no address":     {User: "root@pam", Password: "x"},
		"not a key":      {URL: "https://10.0.0.1:8006", User: "root@pam", Password: "x", SSH: SSHConfig{Key: []byte("nonsense")}},
	} {
		if _, err := New(c); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
