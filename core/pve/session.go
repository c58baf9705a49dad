package pve

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	proxmox "github.com/luthermonson/go-proxmox"
)

// Proxmox: a ticket lives two hours; as long as it does it can be exchanged for a new one.
const (
	ticketRenew    = time.Hour
	ticketLifetime = 2*time.Hour - 5*time.Minute
	refusedPause   = 30 * time.Second // a refused password is not tried again sooner: it costs 3 s and may get us banned
)

// session is a way to be known to the cluster: a token, or the ticket of a login. It never changes; a
// renewed login is another session. So is the go-proxmox client made from it, which would otherwise read
// its session without the lock it writes it under.
type session struct {
	tokenID, secret string
	ticket, csrf    string
	since           time.Time
}

func (s *session) token() bool { return s.tokenID != "" }

func (s *session) client(at *endpoint) *proxmox.Client {
	auth := proxmox.WithSession(s.ticket, s.csrf)
	if s.token() {
		auth = proxmox.WithAPIToken(s.tokenID, s.secret)
	}
	return newWire(at, auth)
}

// newWire makes the go-proxmox client for one request. It gets no credentials of its own, so that it
// never logs in by itself: its re-login answers a 403, too, and loses what was forbidden.
func newWire(at *endpoint, options ...proxmox.Option) *proxmox.Client {
	options = append(options, proxmox.WithHTTPClient(at.http), proxmox.WithUserAgent("proximity"))
	return proxmox.NewClient(at.url.String()+"/api2/json", options...)
}

// login is the state of the ticket; whoever holds turn may change it.
type login struct {
	turn      chan struct{}
	session   *session
	refused   error // the last login was
	refusedAt time.Time
}

// session returns the session to use, logging in or renewing when that is due. stale is one that the
// server has just refused.
func (c *Client) session(ctx context.Context, at *endpoint, stale *session) (*session, error) {
	if c.config.TokenID != "" {
		return &session{tokenID: c.config.TokenID, secret: c.config.TokenSecret}, nil
	}
	l := &c.login
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-ctx.Done():
		return nil, networkError(ctx, ctx.Err())
	}
	if s := l.session; s != nil && s != stale {
		age := time.Since(s.since)
		if age < ticketRenew {
			return s, nil
		}
		if age < ticketLifetime {
			renewed, err := c.fetchTicket(ctx, at, s.ticket)
			if err == nil {
				l.session = renewed
				return renewed, nil
			}
			if !errors.Is(err, ErrAuth) {
				return s, nil // it is still good for a while
			}
		}
	}
	if l.refused != nil && time.Since(l.refusedAt) < refusedPause {
		return nil, l.refused
	}
	fresh, err := c.fetchTicket(ctx, at, c.config.Password)
	switch {
	case err == nil:
		l.session, l.refused = fresh, nil
	case errors.Is(err, ErrAuth):
		l.session, l.refused, l.refusedAt = nil, err, time.Now()
	}
	return fresh, err
}

// fetchTicket logs in; a valid ticket is as good as the password.
func (c *Client) fetchTicket(ctx context.Context, at *endpoint, password string) (*session, error) {
	var answer struct {
		Ticket  string `json:"ticket"`
		CSRF    string `json:"CSRFPreventionToken"`
		NeedTFA flag   `json:"NeedTFA"`
	}
	err := newWire(at).Post(ctx, "/access/ticket",
		params{"username": c.config.User, "password": password}, &answer)
	if e := asError(ctx, err); e != nil {
		e = &Error{Kind: e.Kind, Op: "log in as " + c.config.User, Status: e.Status, Message: e.Message, Params: e.Params,
			Known: e.Known, Shown: e.Shown, cause: e.cause, unsent: e.unsent}
		return nil, e
	}
	if bool(answer.NeedTFA) || strings.HasPrefix(answer.Ticket, "PVE:!tfa!") || answer.Ticket == "" {
		return nil, &Error{Kind: ErrAuth, Op: "log in as " + c.config.User,
			Message: "the account wants a second factor: use an API token instead"}
	}
	return &session{ticket: answer.Ticket, csrf: answer.CSRF, since: time.Now()}, nil
}

// header is what a request needs that go-proxmox does not send for us.
func (s *session) header() http.Header {
	if s.token() {
		return http.Header{"Authorization": {"PVEAPIToken=" + s.tokenID + "=" + s.secret}}
	}
	return http.Header{"Cookie": {"PVEAuthCookie=" + url.QueryEscape(s.ticket)}}
}
