package main

import (
	"cmp"
	"context"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/getsentry/sentry-go"

	"proximity/core"
)

// reporter is a log that sends its errors to Sentry as well: with who was
// there and on which route, and without a secret.
type reporter struct {
	slog.Handler
	client *sentry.Client
	attrs  []slog.Attr
}

// reporting makes the log report its errors, if SENTRY_DSN says where to.
// flush sends what is left; on reports whether there is anything to flush.
func (p *program) reporting(log *slog.Logger) (_ *slog.Logger, flush func(), on bool, err error) {
	dsn := p.getenv("SENTRY_DSN")
	if dsn == "" {
		return log, func() {}, false, nil
	}
	client, err := sentry.NewClient(sentry.ClientOptions{
		Dsn: dsn, Release: "proximity@" + core.Version, Environment: cmp.Or(p.getenv("SENTRY_ENVIRONMENT"), "production"),
		Integrations: func([]sentry.Integration) []sentry.Integration { return nil }, // they would send what this machine is made of
	})
	if err != nil {
		return nil, nil, false, wrong("correct it or unset it", "SENTRY_DSN is not the address of a project")
	}
	flush = func() {
		client.Flush(3 * time.Second)
		client.Close()
	}
	return slog.New(&reporter{Handler: log.Handler(), client: client}), flush, true, nil
}

// Enabled takes errors even where nobody logs them.
func (r *reporter) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelError || r.Handler.Enabled(ctx, level)
}

func (r *reporter) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &reporter{Handler: r.Handler.WithAttrs(attrs), client: r.client, attrs: slices.Concat(r.attrs, attrs)}
}

func (r *reporter) WithGroup(name string) slog.Handler {
	return &reporter{Handler: r.Handler.WithGroup(name), client: r.client, attrs: r.attrs}
}

// Handle logs, and reports an error unless it comes from a health check.
func (r *reporter) Handle(ctx context.Context, rec slog.Record) error {
	if rec.Level >= slog.LevelError {
		if e := r.event(rec); !slices.Contains(healthChecks(), e.Tags["route"]) {
			r.client.CaptureEvent(e, nil, nil)
		}
	}
	if !r.Handler.Enabled(ctx, rec.Level) {
		return nil
	}
	return r.Handler.Handle(ctx, rec)
}

// healthChecks are asked every few seconds: what is wrong with them is seen
// by who asks.
func healthChecks() []string {
	return []string{"GET /healthz", "GET /readyz", "GET /metrics", "GET /api/health", "GET /api/core/health"}
}

// event is a log record as Sentry knows one.
func (r *reporter) event(rec slog.Record) *sentry.Event {
	e := sentry.NewEvent()
	e.Level, e.Logger, e.Timestamp = sentry.LevelError, "proximity", rec.Time
	e.Message = scrub(rec.Message)
	facts := sentry.Context{}
	take := func(a slog.Attr) bool {
		value := scrub(a.Value.Resolve().String())
		switch {
		case secretive(a.Key):
			facts[a.Key] = removed
		case a.Key == "user":
			e.User = sentry.User{Username: value}
		case a.Key == "route":
			e.Tags["route"], e.Transaction = value, value
		case a.Key == "error":
			e.Exception = []sentry.Exception{{Type: e.Message, Value: value}}
		default:
			facts[a.Key] = value
		}
		return true
	}
	for _, a := range r.attrs {
		take(a)
	}
	rec.Attrs(take)
	if len(facts) > 0 {
		e.Contexts["proximity"] = facts
	}
	return e
}

// removed stands where a secret was.
const removed = "[removed]"

// secretive reports whether what has this name is nobody's business.
func secretive(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc([]string{"password", "secret", "token", "cookie", "authorization", "credential", "key"}, func(word string) bool { return strings.Contains(name, word) })
}

// secrets are what passwords and tokens look like in a text.
var secrets = []*regexp.Regexp{
	regexp.MustCompile(`px_[A-Za-z0-9]{16,}`),
	regexp.MustCompile(`eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+`),
	regexp.MustCompile(`(?i)(PVEAPIToken|PVEAuthCookie|Bearer|Basic)[= :]+[^\s"']+`),
	regexp.MustCompile(`(?i)("?[a-z_]*(password|passwd|secret|token|authorization|cookie|credential)[a-z_]*"?\s*[=:]\s*)("[^"]*"|'[^']*'|[^\s,;&]+)`),
	regexp.MustCompile(`://[^/\s:@]+:[^/\s@]+@`),
	regexp.MustCompile(`(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|$)`),
}

// scrub takes secrets out of a text.
func scrub(s string) string {
	for _, re := range secrets {
		s = re.ReplaceAllString(s, removed)
	}
	return s
}
