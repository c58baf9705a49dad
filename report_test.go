package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"proximity/api"
	"proximity/core"
)

// receiver is a Sentry that keeps the events it gets.
func receiver(t *testing.T) (dsn string, events <-chan map[string]any) {
	t.Helper()
	got := make(chan map[string]any, 10)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/1/envelope/" || !strings.Contains(r.Header.Get("X-Sentry-Auth"), "sentry_key=public") {
			t.Errorf("%s %s, %v", r.Method, r.URL, r.Header)
		}
		lines := bufio.NewScanner(r.Body) // an envelope: a header, then pairs of an item's header and the item
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			var e map[string]any
			if json.Unmarshal(lines.Bytes(), &e) == nil && e["level"] != nil {
				got <- e
			}
		}
		_, _ = io.WriteString(w, "{}")
	}))
	t.Cleanup(s.Close)
	return strings.Replace(s.URL, "://", "://public@", 1) + "/1", got
}

func at(v any, path ...string) any {
	for _, name := range path {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	return v
}

func TestErrorsAreReportedWithoutSecrets(t *testing.T) {
	dsn, events := receiver(t)
	env := map[string]string{"SENTRY_DSN": dsn, "SENTRY_ENVIRONMENT": "attic"}
	p := program{getenv: func(k string) string { return env[k] }}
	var out strings.Builder
	log, flush, on, err := p.reporting(slog.New(slog.NewTextHandler(&out, nil)))
	if err != nil || !on {
		t.Fatal(on, err)
	}
	token := "px_abcdefghijkmnopqrstuvwxyz23456789abcdefg"
	log.Info("all is well", "user", "ann")
	for _, route := range []string{"GET /healthz", "GET /readyz", "GET /metrics", "GET /api/health", "GET /api/core/health"} {
		log.Error("answer a request", "user", "ann", "route", route, "error", errors.New("ill"))
	}
	jwt := "eyJhbGciOiJIUzI1NiJ9.eyJ1c2VyX2lkIjoiMSJ9.c2lnbmF0dXJl"
	log.With("host", "lab").Error("answer a request", "user", "ann", "route", "POST /api/apps", "password", "hunter2",
		"error", errors.New(`log in at https://root:hunter2@10.0.0.2: {"password": "hunter2"} Authorization: Bearer `+token+` and `+token),
		"asked", "Cookie: proximity-auth-cookie="+jwt+"; csrftoken=ABCDEFGH", "header", "PVEAPIToken=root@pam!px=0a1b2c3d-secret", "ssh", "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaA\n-----END OPENSSH PRIVATE KEY-----")
	flush()
	var e map[string]any
	select {
	case e = <-events:
	case <-time.After(30 * time.Second):
		t.Fatal("nothing was reported")
	}
	for _, c := range []struct {
		path []string
		want string
	}{
		{[]string{"user", "username"}, "ann"}, {[]string{"environment"}, "attic"}, {[]string{"tags", "route"}, "POST /api/apps"}, {[]string{"message"}, "answer a request"},
		{[]string{"contexts", "proximity", "host"}, "lab"}, {[]string{"contexts", "proximity", "password"}, removed},
	} {
		if got := at(e, c.path...); got != c.want {
			t.Errorf("%v is %v, want %q", c.path, got, c.want)
		}
	}
	if release, _ := e["release"].(string); !strings.HasPrefix(release, "proximity@") {
		t.Errorf("release %q", release)
	}
	raw, _ := json.Marshal(e)
	for _, secret := range []string{"hunter2", token, token[3:], jwt, "c2lnbmF0dXJl", "ABCDEFGH", "0a1b2c3d", "b3BlbnNzaA"} {
		if strings.Contains(string(raw), secret) {
			t.Errorf("%q is in the report: %s", secret, raw)
		}
	}
	if !strings.Contains(string(raw), "10.0.0.2") {
		t.Errorf("the error itself is lost: %s", raw)
	}
	select {
	case e := <-events:
		t.Errorf("a health check, or what is no error, is reported: %v", e)
	default:
	}
	if strings.Count(out.String(), "\n") != 7 {
		t.Errorf("not everything is logged as before:\n%s", out.String())
	}
}

// A request that crashes is reported with who sent it and on which route, and
// nothing that they sent.
func TestACrashedRequestIsReported(t *testing.T) {
	dsn, events := receiver(t)
	p := program{getenv: func(k string) string { return map[string]string{"SENTRY_DSN": dsn}[k] }}
	log, flush, on, err := p.reporting(slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	c, err := core.Open(core.Config{Data: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.AddUser(t.Context(), core.LocalAdmin("test"), "boss", core.RoleAdmin, nil); err != nil {
		t.Fatal(err)
	}
	token, err := c.CreateToken(t.Context(), core.Actor{User: "boss", Role: core.RoleAdmin}, "test", core.ScopeAdmin, 0)
	if err != nil {
		t.Fatal(err)
	}
	s := api.New(api.Options{Core: c, Listen: "127.0.0.1:0", Crash: on, Logger: log})
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Shutdown(t.Context()) })
	req, _ := http.NewRequest(http.MethodGet, s.URL()+"/api/core/sentry-debug/?q=hidden", nil)
	req.Header.Set("Authorization", "Bearer "+token.Secret)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	flush()
	if res.StatusCode != http.StatusInternalServerError {
		t.Errorf("answered with %s", res.Status)
	}
	select {
	case e := <-events:
		raw, _ := json.Marshal(e)
		if at(e, "user", "username") != "boss" || at(e, "tags", "route") != "GET /api/core/sentry-debug" || at(e, "environment") != "production" {
			t.Errorf("reported as %s", raw)
		}
		if strings.Contains(string(raw), token.Secret) || strings.Contains(string(raw), "hidden") || !strings.Contains(string(raw), "asked to fail") {
			t.Errorf("reported too much or too little: %s", raw)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("nothing was reported")
	}
}

func TestABadSentryAddressIsSaidAtStart(t *testing.T) {
	p := program{getenv: func(string) string { return "not an address" }}
	if _, _, _, err := p.reporting(slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "SENTRY_DSN") {
		t.Errorf("got %v", err)
	}
}
