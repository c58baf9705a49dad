package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"proximity/core"
)

// handler is all that is served, and what every request passes before.
func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	api := newHuma(mux)
	s.authRoutes(api)
	s.coreRoutes(api)
	s.hostRoutes(api)
	s.appRoutes(api)
	s.adoptRoutes(api)
	s.cloneRoutes(api)
	s.backupRoutes(api)
	s.jobRoutes(api)
	s.catalogueRoutes(api)
	s.docRoutes(api, mux)
	s.machineRoutes(mux)
	throttle := s.throttle()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := &notes{client: clientOf(r), secure: s.secureFor(r)}
		r = r.WithContext(context.WithValue(r.Context(), notesKey{}, n))
		out := &answer{ResponseWriter: w, r: r}
		defer s.finish(out, n, time.Now())
		head(out, r)
		if s.cors(out, r) {
			return
		}
		if wait := throttle(n.client); wait > 0 {
			f := fail(http.StatusTooManyRequests, "Too many requests")
			f.header.Set("Retry-After", strconv.Itoa(int(wait/time.Second)+1))
			f.write(out)
			return
		}
		if strings.HasPrefix(r.URL.Path, "/api/") {
			s.csrf(out, r)
		}
		r.Body = http.MaxBytesReader(out, r.Body, maxBody+1)
		mux.ServeHTTP(out, r)
	})
}

// head sets what every answer says.
func head(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("X-Frame-Options", "DENY")
}

// cors lets pages of allowed origins use the API; it answers the question
// browsers ask before, and then says true.
func (s *Server) cors(w http.ResponseWriter, r *http.Request) (answered bool) {
	h := w.Header()
	h.Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	allowed := false
	for _, o := range s.o.Origins {
		allowed = allowed || o == origin && origin != ""
	}
	if allowed {
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Allow-Credentials", "true")
		h.Set("Access-Control-Expose-Headers", "Location, Retry-After")
	}
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		return false
	}
	if allowed {
		h.Set("Access-Control-Allow-Methods", "DELETE, GET, OPTIONS, PATCH, POST, PUT")
		h.Set("Access-Control-Allow-Headers", "accept, authorization, content-type, user-agent, x-csrftoken, x-requested-with, sentry-trace, baggage")
		h.Set("Access-Control-Max-Age", "86400")
	}
	w.WriteHeader(http.StatusOK)
	return true
}

// throttle bounds the requests of one client. This machine itself is not
// bound: whoever runs programs on it need not ask us for its processors.
func (s *Server) throttle() func(client string) time.Duration {
	if s.o.Rate <= 0 {
		return func(string) time.Duration { return 0 }
	}
	t := core.NewThrottle(3*s.o.Rate, time.Second/time.Duration(s.o.Rate))
	return func(client string) time.Duration {
		if here(client) {
			return 0
		}
		return t.Take(client, time.Now())
	}
}

// finish ends a request: a panic in it is ours to mend, and harms nobody else.
func (s *Server) finish(w *answer, n *notes, begun time.Time) {
	if v := recover(); v != nil {
		if v == http.ErrAbortHandler {
			panic(v)
		}
		s.log.Error("a request crashed", "user", n.user, "route", w.route(), "error", fmt.Sprint(v), "stack", string(debug.Stack()))
		if w.status == 0 {
			fail(http.StatusInternalServerError, "Internal server error").write(w)
		}
	}
	took := time.Since(begun)
	s.metrics.answered(w.route(), w.status, took)
	s.log.Debug("answered", "route", w.route(), "status", w.status, "user", n.user, "took", took)
}

// answer is a response on its way out. It knows its status, and says in JSON
// what the mux says in text: that there is no such path, or no such method.
type answer struct {
	http.ResponseWriter
	r      *http.Request
	status int
	muted  bool // the rest of the body is the mux's text
}

func (w *answer) WriteHeader(status int) {
	if w.status != 0 {
		return
	}
	w.status = status
	unknown := w.r.Pattern == "" && (status == http.StatusNotFound || status == http.StatusMethodNotAllowed)
	if !unknown {
		w.ResponseWriter.WriteHeader(status)
		return
	}
	w.muted = true
	text := "Not Found"
	if status == http.StatusMethodNotAllowed {
		text = "Method not allowed"
	}
	fail(status, text).write(w.ResponseWriter)
}

func (w *answer) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	if w.muted {
		return len(b), nil
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (w *answer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// route is the template of the path: "GET /api/apps/{id}"; never what a client
// wrote.
func (w *answer) route() string { return templateOf(w.r.Pattern) }

func templateOf(pattern string) string {
	if pattern == "" {
		return "none"
	}
	return strings.TrimSuffix(strings.TrimSuffix(pattern, "{$}"), "/")
}

// The kinds of forms.
const (
	urlencoded  = "application/x-www-form-urlencoded"
	multiparted = "multipart/form-data"
)

// accept refuses bodies that are no JSON by their own account. Where a form
// is taken, as the earlier project's logins took one, it becomes JSON.
func accept(r *http.Request, form bool) *failure {
	kind := r.Header.Get("Content-Type")
	if kind == "" { // said by nobody: JSON
		return nil
	}
	kind, params, err := mime.ParseMediaType(kind)
	switch {
	case err == nil && kind == "application/json":
		return nil
	case err != nil || !form || kind != urlencoded && kind != multiparted:
		return fail(http.StatusUnsupportedMediaType, "Send the body as application/json")
	}
	values, f := formOf(r, kind, params["boundary"])
	if f != nil {
		return f
	}
	doc := map[string]string{}
	for name := range values {
		doc[name] = values.Get(name)
	}
	b, _ := json.Marshal(doc) // strings: cannot fail
	r.Body = io.NopCloser(bytes.NewReader(b))
	r.Header.Set("Content-Type", "application/json")
	return nil
}

// formOf reads the fields of a form; files in it are nobody's wish.
func formOf(r *http.Request, kind, boundary string) (url.Values, *failure) {
	b, err := io.ReadAll(r.Body)
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return nil, fail(http.StatusRequestEntityTooLarge, "request body is too large")
	}
	var values url.Values
	switch {
	case err != nil:
	case kind == urlencoded:
		values, err = url.ParseQuery(string(b))
	default:
		var form *multipart.Form
		if form, err = multipart.NewReader(bytes.NewReader(b), boundary).ReadForm(maxBody); err == nil {
			values = form.Value
			err = form.RemoveAll()
		}
	}
	if err != nil {
		return nil, fail(http.StatusBadRequest, "Cannot parse request body")
	}
	return values, nil
}
