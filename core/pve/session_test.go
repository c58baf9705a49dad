package pve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// ticketServer adds a login to a fake: tickets are numbered, only the last one given is good.
type ticketServer struct {
	*fakePVE
	given atomic.Int64
}

func newTicketServer(t testing.TB) *ticketServer {
	s := &ticketServer{fakePVE: newFake(t)}
	s.on("POST /access/ticket", func(w http.ResponseWriter, _ *http.Request) {
		n := s.given.Add(1)
		reply(w, 200, "OK", fmt.Sprintf(`{"data":{"username":"root@pam","ticket":"PVE:root@pam:6B03C4F1::T%d+/=","CSRFPreventionToken":"6B03C4F1:C%d"}}`, n, n))
	})
	return s
}

// guarded answers as Proxmox would: 401 without the last ticket, and without its CSRF token when needed.
func (s *ticketServer) guarded(route, data string) {
	s.on(route, func(w http.ResponseWriter, r *http.Request) {
		n := s.given.Load()
		switch {
		case !strings.Contains(r.Header.Get("Cookie"), fmt.Sprintf("PVEAuthCookie=PVE:root@pam:6B03C4F1::T%d+/=", n)):
			reply(w, 401, "Authentication failed!", "")
		case r.Method != "GET" && r.Header.Get("CSRFPreventionToken") != fmt.Sprintf("6B03C4F1:C%d", n):
			reply(w, 401, "Permission denied - invalid csrf token", "")
		default:
			reply(w, 200, "OK", `{"data":`+data+`}`)
		}
	})
}

const (
	startRoute = "POST /nodes/pve1/lxc/100/status/start"
	someUPID   = "UPID:pve1:0000014A:00035C8C:6B03C4D8:vzstart:100:root@pam:"
)

func passwordConfig() Config { return Config{User: "root@pam", Password: "s3cret"} }

func TestATokenIsSentWithEveryRequestAndNothingElse(t *testing.T) {
	f := newFake(t)
	f.data(startRoute, `"`+someUPID+`"`)
	if _, err := f.client(t, Config{}).Start(testContext(t), "pve1", 100); err != nil {
		t.Fatal(err)
	}
	all := f.requests("")
	if len(all) != 1 {
		t.Fatalf("%d requests, want 1", len(all))
	}
	h := all[0].header
	if got := h.Get("Authorization"); got != "PVEAPIToken=app@pve!proximity=8a6c3b52-0000-4000-8000-1b5a4a9d9e11" {
		t.Errorf("Authorization is %q", got)
	}
	if h.Get("Cookie") != "" || h.Get("CSRFPreventionToken") != "" {
		t.Errorf("a token needs no cookie and no CSRF token: %v", h)
	}
}

// The first request without a ticket would cost the server's 3 s for every 401.
func TestLoginComesBeforeTheFirstRequest(t *testing.T) {
	s := newTicketServer(t)
	s.guarded(startRoute, `"`+someUPID+`"`)
	c := s.client(t, passwordConfig())
	for range 3 {
		if _, err := c.Start(testContext(t), "pve1", 100); err != nil {
			t.Fatal(err)
		}
	}
	if got := len(s.requests("POST /access/ticket")); got != 1 {
		t.Errorf("%d logins, want 1", got)
	}
	if got := s.requests("")[0].path; got != "/access/ticket" {
		t.Errorf("first request is %s", got)
	}
	var sent map[string]string
	json.Unmarshal([]byte(s.requests("POST /access/ticket")[0].body), &sent)
	if sent["username"] != "root@pam" || sent["password"] != "s3cret" {
		t.Errorf("login sent %v", sent)
	}
}

func TestManyAtOnceLogInOnce(t *testing.T) {
	s := newTicketServer(t)
	s.guarded("GET /version", `{"version":"9.2.11"}`)
	c := s.client(t, passwordConfig())
	ctx := testContext(t)
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			if _, err := c.Version(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got := s.given.Load(); got != 1 {
		t.Errorf("%d logins, want 1", got)
	}
}

func TestARefusedTicketIsReplacedAndTheCallRepeated(t *testing.T) {
	s := newTicketServer(t)
	s.guarded(startRoute, `"`+someUPID+`"`)
	c := s.client(t, passwordConfig())
	if _, err := c.Start(testContext(t), "pve1", 100); err != nil {
		t.Fatal(err)
	}
	s.given.Add(1) // the server forgets the ticket: its key was changed, say
	u, err := c.Start(testContext(t), "pve1", 100)
	if err != nil || u != someUPID {
		t.Fatalf("got %q, %v", u, err)
	}
	if got := len(s.requests("POST /access/ticket")); got != 2 {
		t.Errorf("%d logins, want 2", got)
	}
}

func TestATicketIsRenewedWithItself(t *testing.T) {
	s := newTicketServer(t)
	s.guarded("GET /version", `{"version":"9.2.11"}`)
	c := s.client(t, passwordConfig())
	if _, err := c.Version(testContext(t)); err != nil {
		t.Fatal(err)
	}
	old := *c.login.session
	old.since = time.Now().Add(-ticketRenew - time.Minute)
	c.login.session = &old
	if _, err := c.Version(testContext(t)); err != nil {
		t.Fatal(err)
	}
	logins := s.requests("POST /access/ticket")
	if len(logins) != 2 || !strings.Contains(logins[1].body, `"password":"PVE:root@pam:6B03C4F1::T1+/="`) {
		t.Errorf("renewal sent %v", logins)
	}
}

// A wrong password costs 3 s a try and may get our address banned.
func TestARefusedPasswordIsNotTriedAgainAtOnce(t *testing.T) {
	f := newFake(t)
	f.status("POST /access/ticket", 401, "authentication failure", `{"data":null,"message":"authentication failure\n"}`)
	c := f.client(t, passwordConfig())
	for range 3 {
		_, err := c.Version(testContext(t))
		if !errors.Is(err, ErrAuth) || !strings.Contains(err.Error(), "root@pam") || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("got %v", err)
		}
	}
	if got := len(f.requests("")); got != 1 {
		t.Errorf("%d requests, want 1", got)
	}
}

func TestASecondFactorIsToldApart(t *testing.T) {
	f := newFake(t)
	f.data("POST /access/ticket", `{"username":"root@pam","ticket":"PVE:!tfa!x","NeedTFA":1,"CSRFPreventionToken":"x"}`)
	_, err := f.client(t, passwordConfig()).Version(testContext(t))
	if !errors.Is(err, ErrAuth) || !strings.Contains(err.Error(), "API token") {
		t.Errorf("got %v", err)
	}
}

// go-proxmox answers a 403 with a new login, and then forgets which privilege was missing.
func TestForbiddenIsNoReasonToLogInAgain(t *testing.T) {
	s := newTicketServer(t)
	s.status("GET /version", 403, "Permission check failed (/, Sys.Audit)", "")
	_, err := s.client(t, passwordConfig()).Version(testContext(t))
	var e *Error
	if !errors.As(err, &e) || e.Privilege != "Sys.Audit" || e.Path != "/" {
		t.Errorf("got %v", err)
	}
	if got := s.given.Load(); got != 1 {
		t.Errorf("%d logins, want 1", got)
	}
}

// go-proxmox takes every status it does not know for success when no answer is wanted.
func TestA595IsNeverSuccess(t *testing.T) {
	f := newFake(t)
	for _, status := range []int{595, 596, 502, 599} {
		f.status("PUT /nodes/pve1/lxc/100/config", status, "Connection refused", "")
		err := f.client(t, Config{}).SetConfig(testContext(t), "pve1", 100, map[string]string{"cores": "2"}, "")
		if err == nil {
			t.Errorf("%d passed for success", status)
		}
	}
}

func TestAPostIsNeverReplayed(t *testing.T) {
	f := newFake(t)
	f.on(startRoute, cut)
	c := f.client(t, Config{Peers: []Peer{{Node: "pve2", URL: "https://127.0.0.1:1", Fingerprint: f.fingerprint()}}})
	_, err := c.Start(testContext(t), "pve1", 100)
	if !errors.Is(err, ErrUnreachable) {
		t.Errorf("got %v", err)
	}
	if got := len(f.requests("")); got != 1 {
		t.Errorf("sent %d times, want once", got)
	}
}

func TestBodiesHaveALength(t *testing.T) {
	f := newFake(t)
	f.data("POST /nodes/pve1/lxc", `"`+someUPID+`"`)
	f.data("DELETE /nodes/pve1/lxc/100", `"`+someUPID+`"`)
	c := f.client(t, Config{})
	if _, err := c.Create(testContext(t), "pve1", CreateOptions{VMID: 100, Template: "t", Description: strings.Repeat("ü+ =&", 2000)}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Destroy(testContext(t), "pve1", 100, DestroyOptions{Purge: true, Force: true}); err != nil {
		t.Fatal(err)
	}
	post, del := f.requests("")[0], f.requests("")[1]
	if post.length != int64(len(post.body)) || post.length < 10000 {
		t.Errorf("POST came with length %d for %d bytes", post.length, len(post.body))
	}
	if del.body != "" || del.query != "force=1&purge=1" {
		t.Errorf("DELETE came with body %q, query %q", del.body, del.query)
	}
}

func TestNoAnswerInTime(t *testing.T) {
	f := newFake(t)
	f.on("GET /version", func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	c := f.client(t, Config{Timeout: 30 * time.Millisecond})
	if _, err := c.Version(testContext(t)); !errors.Is(err, ErrTimeout) {
		t.Errorf("own limit: got %v, want ErrTimeout", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Millisecond)
	defer cancel()
	c = f.client(t, Config{})
	if _, err := c.Version(ctx); !errors.Is(err, ErrTimeout) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("caller's limit: got %v, want ErrTimeout", err)
	}
}

func TestTheListOfResourcesAfterALogin(t *testing.T) {
	s := newTicketServer(t)
	s.guarded("GET /cluster/resources", someResources)
	c := s.client(t, passwordConfig())
	for range 2 {
		r, err := c.Resources(testContext(t))
		if err != nil || len(r.Guests) != 3 {
			t.Fatalf("got %v, %v", r, err)
		}
		s.given.Add(1) // so that the next one has to log in again
	}
}
