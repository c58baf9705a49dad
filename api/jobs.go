package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"proximity/core"
)

func (s *Server) jobRoutes(api huma.API) {
	route(s, api, endpoint{method: http.MethodGet, path: "/api/jobs/{job_id}", summary: "How far a job is", entry: person, errors: []int{404, 422}}, s.job)
}

func (s *Server) job(ctx context.Context, a core.Actor, in *struct {
	ID uint64 `path:"job_id"`
}) (*struct{ Body core.JobView }, error) {
	j, err := s.core.Job(ctx, a, in.ID)
	if err != nil {
		return nil, err
	}
	return &struct{ Body core.JobView }{j}, nil
}

// started answers what has begun a job: where to ask for it.
type started[T any] struct {
	Status   int
	Location string `header:"Location" doc:"the job: ask there until ended is true"`
	Body     T
}

func begun[T any](status int, j core.JobView, body T) *started[T] {
	return &started[T]{Status: status, Location: jobURL(j.ID), Body: body}
}
