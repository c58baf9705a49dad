package api

import (
	"encoding/json"
	"net/http"
)

// machineRoutes serve what looks after the server: whether it lives, whether
// it can be sent people.
func (s *Server) machineRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /healthz", s.well)
	mux.HandleFunc("GET /readyz", s.well)
}

// well turns to 503 when the store is not.
func (s *Server) well(w http.ResponseWriter, r *http.Request) {
	h := s.core.Health(r.Context())
	w.Header().Set("Content-Type", "application/json")
	if h.Status != "healthy" {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(h) // who left misses nothing
}
