package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"proximity/core"
)

func (s *Server) cloneRoutes(api huma.API) {
	route(s, api, endpoint{method: http.MethodPost, path: "/api/apps/{app_id}/clone", summary: "A second app like this one, with its data", status: http.StatusAccepted, entry: person, errors: []int{404, 409, 422, 503}, names: map[string]string{"hostname": "new_hostname"}}, s.clone)
}

// newClone asks for a second app.
type newClone struct {
	Hostname  string `json:"new_hostname" minLength:"3" maxLength:"63" pattern:"^[a-z0-9]([a-z0-9-]{1,61}[a-z0-9])?$"`
	StopFirst bool   `json:"stop_first,omitempty" doc:"stop it, copy, start again: for storages without snapshots"`
}

// cloned says that a second app is being made.
type cloned struct {
	Success  bool   `json:"success"`
	Message  string `json:"message"`
	Source   string `json:"source_app_id"`
	App      string `json:"app_id" doc:"of the new one"`
	Hostname string `json:"new_hostname"`
}

func (s *Server) clone(ctx context.Context, a core.Actor, in *struct {
	AppPath
	Body newClone
}) (*started[cloned], error) {
	source, err := s.core.App(ctx, a, in.App)
	if err != nil {
		return nil, err
	}
	if source.Status != core.StatusRunning && source.Status != core.StatusStopped {
		return nil, fail(http.StatusBadRequest, source.Hostname+" is "+statusWord(source.Status)+": only an app that runs or is stopped can be cloned")
	}
	v, j, err := s.core.CloneApp(ctx, a, source.ID, core.CloneRequest{Hostname: in.Body.Hostname, StopFirst: in.Body.StopFirst})
	if err != nil {
		return nil, err
	}
	return begun(http.StatusAccepted, j, cloned{true, "Cloning " + source.Hostname + " as " + v.Hostname, source.ID, v.ID, v.Hostname}), nil
}
