package api

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"proximity/core"
)

// machineRoutes serve what looks after the server: whether it lives, whether
// people can be sent to it, and its figures.
func (s *Server) machineRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /healthz", s.well(false))
	mux.HandleFunc("GET /readyz", s.well(true))
	figures := promhttp.HandlerFor(s.metrics.registry, promhttp.HandlerOpts{ErrorLog: metricsLog{s.log}})
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, r *http.Request) {
		if f := s.mayMeasure(r); f != nil {
			f.write(w)
			return
		}
		figures.ServeHTTP(w, r)
	})
}

// well turns to 503 when the store is not, or where it must be at work and is
// not.
func (s *Server) well(working bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		h := s.core.Health(r.Context())
		status := http.StatusOK
		if h.Status != "healthy" || working && !h.Running {
			status = http.StatusServiceUnavailable
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = encode(w, h) // a client who left misses nothing
	}
}

// mayMeasure lets this machine see the figures, and whoever may see all hosts
// and apps.
func (s *Server) mayMeasure(r *http.Request) *failure {
	if here(note(r.Context()).client) {
		return nil
	}
	a, f := s.known(r)
	if f != nil {
		return f
	}
	for _, v := range []core.Verb{core.VerbReadHosts, core.VerbReadApp} {
		if err := a.May(v, ""); err != nil {
			return s.mayNot(a, v, err)
		}
	}
	return nil
}

// here reports whether a client is this machine itself.
func here(client string) bool { return client == "127.0.0.1" || client == "::1" }
