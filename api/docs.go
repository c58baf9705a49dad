package api

import (
	"encoding/json"
	"net/http"
	"sync"

	"github.com/danielgtaylor/huma/v2"
)

// docRoutes serve what there is about the API: for machines and for people.
func (s *Server) docRoutes(api huma.API, mux *http.ServeMux) {
	doc := sync.OnceValues(func() ([]byte, error) { return json.Marshal(api.OpenAPI()) })
	mux.HandleFunc("GET /api/openapi.json", func(w http.ResponseWriter, r *http.Request) {
		b, err := doc()
		if err != nil {
			s.log.Error("describe the API", "error", err)
			fail(http.StatusInternalServerError, "Internal server error").write(w)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(b)
	})
}
