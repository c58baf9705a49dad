package api

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"proximity/core"
)

// The cookies, named as the earlier project named them.
const (
	accessCookie  = "proximity-auth-cookie"
	refreshCookie = "proximity-refresh-cookie"
	csrfCookie    = "csrftoken"
	csrfHeader    = "X-CSRFToken"
)

// admit lets known people in: by the Authorization header, or else by the
// cookie, which browsers send along unasked and which therefore needs the
// proof that a page of ours has sent the request.
func (s *Server) admit(e endpoint, c huma.Context, next func(huma.Context)) {
	r, w := humago.Unwrap(c)
	a, f := s.known(r)
	if f == nil && e.verb != "" {
		if err := a.May(e.verb, ""); err != nil {
			f = s.mayNot(a, e.verb, err)
		}
	}
	if f != nil {
		if tagOf(e.path) == "auth" && f.status == http.StatusUnauthorized {
			f = drf(f)
		}
		f.write(w)
		return
	}
	note(c.Context()).user = a.User
	next(huma.WithValue(c, actorKey{}, a))
}

// known finds out who a request is from.
func (s *Server) known(r *http.Request) (core.Actor, *failure) {
	token, bearer := bearerOf(r)
	if !bearer {
		cookie, err := r.Cookie(accessCookie)
		if err != nil {
			return core.Actor{}, unauthorized(nil)
		}
		if f := s.checkCSRF(r); f != nil {
			return core.Actor{}, f
		}
		token = cookie.Value
	}
	a, err := s.core.Bearer(r.Context(), note(r.Context()).client, token)
	if err != nil {
		return core.Actor{}, unauthorized(err)
	}
	return a, nil
}

// bearerOf is the token of the Authorization header; ok says that there is such
// a header, whatever is in it: it wins over cookies.
func bearerOf(r *http.Request) (token string, ok bool) {
	h := r.Header.Get("Authorization")
	if h == "" {
		return "", false
	}
	scheme, token, _ := strings.Cut(h, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", true
	}
	return strings.TrimSpace(token), true
}

// unauthorized is the answer to who is not known; err says why, where they
// brought something.
func unauthorized(err error) *failure {
	f := fail(http.StatusUnauthorized, "Unauthorized")
	f.header.Set("WWW-Authenticate", `Bearer realm="proximity"`)
	var e *core.Error
	if errors.As(err, &e) {
		f.with("hint", e.Text)
	}
	return f
}

// drf is the same in the words of the routes under /api/auth.
func drf(f *failure) *failure {
	why, bad := f.body["hint"].(string)
	if !bad {
		f.body["detail"] = "Authentication credentials were not provided."
		return f
	}
	delete(f.body, "hint")
	f.body["detail"] = "Given token not valid for any token type"
	return f.with("code", "token_not_valid").with("messages", []map[string]string{{"token_class": "AccessToken", "token_type": "access", "message": sentence(why)}})
}

// mayNot says that a role, or a token, may not do something.
func (s *Server) mayNot(a core.Actor, v core.Verb, err error) *failure {
	var e *core.Error
	errors.As(err, &e)
	if a.Scope != "" && a.Role == core.RoleAdmin { // the person may, the token may not
		f := fail(http.StatusForbidden, e.Text).hint(e.Hint)
		if v == core.VerbSettings {
			f.with("error", e.Text)
		}
		return f
	}
	if v == core.VerbSettings {
		return fail(http.StatusForbidden, "Admin privileges required").with("error", "Admin privileges required")
	}
	return fail(http.StatusForbidden, "Admin privileges required to "+string(v)).hint(e.Hint)
}

// checkCSRF demands of a request that changes something that whoever sent it
// could read our cookie, and that no strange page sent it.
func (s *Server) checkCSRF(r *http.Request) *failure {
	if slices.Contains([]string{http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace}, r.Method) {
		return nil
	}
	cookie, err := r.Cookie(csrfCookie)
	given := r.Header.Get(csrfHeader)
	if err != nil || cookie.Value == "" || subtle.ConstantTimeCompare([]byte(cookie.Value), []byte(given)) != 1 {
		return fail(http.StatusForbidden, "CSRF check Failed").with("hint", "send the value of the cookie "+csrfCookie+" in the header "+csrfHeader)
	}
	if origin := r.Header.Get("Origin"); origin != "" && !s.friendly(origin, r) {
		return fail(http.StatusForbidden, "CSRF check Failed").with("hint", "the page it comes from is not one of CORS_ALLOWED_ORIGINS")
	}
	return nil
}

// friendly reports whether pages of an origin may act for whoever sees them:
// our own, and those that are allowed.
func (s *Server) friendly(origin string, r *http.Request) bool {
	if slices.Contains(s.o.Origins, origin) {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && strings.EqualFold(u.Host, r.Host)
}

// clientOf is the address of who asks: of the other side, or what a proxy on
// this machine says of its client.
func clientOf(r *http.Request) string {
	host, near := peerOf(r)
	if !near {
		return host
	}
	hops := strings.Split(r.Header.Get("X-Forwarded-For"), ",")
	if ip := net.ParseIP(strings.TrimSpace(hops[len(hops)-1])); ip != nil { // the last is what the proxy saw itself
		return ip.String()
	}
	return host
}

// secureFor reports whether nobody on the way can read along: the request came
// by TLS, to us or to a proxy on this machine.
func (s *Server) secureFor(r *http.Request) bool {
	_, near := peerOf(r)
	return s.o.TLS != nil || near && strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https")
}

// peerOf is the other side of the connection, and whether it is this machine.
func peerOf(r *http.Request) (host string, near bool) {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	ip := net.ParseIP(host)
	return host, ip != nil && ip.IsLoopback()
}

// loginCookies keep a pair of tokens in a browser, out of reach of scripts.
func (s *Server) loginCookies(ctx context.Context, t core.Tokens) []http.Cookie {
	return []http.Cookie{
		s.cookie(ctx, accessCookie, t.Access, time.Until(t.AccessExpires)),
		s.cookie(ctx, refreshCookie, t.Refresh, time.Until(t.RefreshExpires)),
	}
}

// cookie is one that scripts cannot read; no life deletes it.
func (s *Server) cookie(ctx context.Context, name, value string, life time.Duration) http.Cookie {
	c := http.Cookie{Name: name, Value: value, Path: "/", HttpOnly: true, Secure: note(ctx).secure, SameSite: http.SameSiteLaxMode, MaxAge: int(life.Round(time.Second).Seconds())}
	if life <= 0 {
		c.MaxAge = -1
	}
	return c
}

// csrf gives a browser the cookie that the check asks for, unless it has one.
// Its pages read it: that is its purpose.
func (s *Server) csrf(w http.ResponseWriter, r *http.Request) {
	if c, err := r.Cookie(csrfCookie); err == nil && c.Value != "" {
		return
	}
	http.SetCookie(w, &http.Cookie{Name: csrfCookie, Value: rand.Text(), Path: "/", Secure: s.secureFor(r), SameSite: http.SameSiteLaxMode, MaxAge: 365 * 24 * 3600})
}

type notesKey struct{}

// notes are what becomes known of a request on its way, for the log and the
// figures.
type notes struct {
	client string // address
	secure bool   // nobody on the way reads along
	user   string
}

func note(ctx context.Context) *notes {
	if n, ok := ctx.Value(notesKey{}).(*notes); ok {
		return n
	}
	return &notes{}
}
