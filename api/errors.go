package api

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"proximity/core"
)

// failure is an answer that says no: a status, and a body of one of the shapes
// that clients know. Every body has a detail.
type failure struct {
	status int
	body   map[string]any
	header http.Header
}

func (f *failure) Error() string           { return fmt.Sprint(f.status, " ", f.body["detail"]) }
func (f *failure) GetStatus() int          { return f.status }
func (f *failure) GetHeaders() http.Header { return f.header }
func (f *failure) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	err := encode(&b, f.body)
	return b.Bytes(), err
}

// Schema is what the API's document says of errors.
func (*failure) Schema(r huma.Registry) *huma.Schema {
	if _, known := r.Map()["Error"]; !known {
		text := &huma.Schema{Type: huma.TypeString}
		fault := &huma.Schema{Type: huma.TypeObject, Required: []string{"type", "loc", "msg"}, Properties: map[string]*huma.Schema{
			"type": text, "loc": {Type: huma.TypeArray, Items: text}, "msg": text}}
		r.Map()["Error"] = &huma.Schema{Type: huma.TypeObject, Required: []string{"detail"}, AdditionalProperties: true, Properties: map[string]*huma.Schema{
			"detail": {Description: "what happened; a list where fields are wrong (422)", OneOf: []*huma.Schema{text, {Type: huma.TypeArray, Items: fault}}},
			"hint":   {Type: huma.TypeString, Description: "what to do next"},
			"job":    {Type: huma.TypeObject, Description: "the job that is in the way (409)"},
		}}
	}
	return &huma.Schema{Ref: "#/components/schemas/Error"}
}

func fail(status int, detail string) *failure {
	return &failure{status: status, body: map[string]any{"detail": detail}, header: http.Header{}}
}

// with adds a member to the body.
func (f *failure) with(name string, value any) *failure {
	f.body[name] = value
	return f
}

// hint adds what to do next, where there is something.
func (f *failure) hint(text string) *failure {
	if text == "" {
		return f
	}
	return f.with("hint", text)
}

// fault is one wrong field.
type fault struct {
	Type string   `json:"type"`
	Loc  []string `json:"loc"`
	Msg  string   `json:"msg"`
}

func unprocessable(faults ...fault) *failure {
	return &failure{status: http.StatusUnprocessableEntity, body: map[string]any{"detail": faults}}
}

// init gives huma our shapes for what it refuses by itself. Those hooks are
// all it offers, and there is one pair for the process.
func init() {
	huma.NewError = func(status int, text string, errs ...error) huma.StatusError {
		return refusal("", status, text, errs)
	}
	huma.NewErrorWithContext = func(c huma.Context, status int, text string, errs ...error) huma.StatusError {
		return refusal(c.Operation().Path, status, text, errs)
	}
}

// refusal is what is said of a request that no handler has seen.
func refusal(path string, status int, text string, errs []error) *failure {
	if text == "request body is required" {
		status = http.StatusUnprocessableEntity
		errs = []error{&huma.ErrorDetail{Location: "body", Message: "required "}}
	}
	switch status {
	case http.StatusBadRequest:
		return fail(status, "Cannot parse request body")
	case http.StatusInternalServerError:
		return fail(status, "Internal server error")
	case http.StatusUnprocessableEntity:
		faults := make([]fault, 0, len(errs))
		for _, err := range errs {
			faults = append(faults, faultOf(err))
		}
		if tagOf(path) == "auth" {
			return fieldErrors(listed(faults))
		}
		return unprocessable(faults...)
	}
	return fail(status, cmp.Or(text, http.StatusText(status)))
}

// listed sorts faults by their fields.
func listed(faults []fault) map[string][]string {
	lists := map[string][]string{}
	for _, f := range faults {
		name := f.Loc[len(f.Loc)-1]
		if len(f.Loc) < 3 {
			name = noField
		}
		lists[name] = append(lists[name], f.Msg+".")
	}
	return lists
}

// faultOf turns what huma found into the earlier project's words. The value is
// left out: it may be a password.
func faultOf(err error) fault {
	var d *huma.ErrorDetail
	if !errors.As(err, &d) {
		return fault{"value_error", []string{"body"}, "is not valid"}
	}
	loc := strings.Split(d.Location, ".")
	if loc[0] == "body" {
		loc = append([]string{"body", "payload"}, loc[1:]...)
	}
	if field, ok := strings.CutPrefix(d.Message, misfit); ok {
		return fault{"value_error", append(loc, strings.Split(field, ".")...), "Expected integer"}
	}
	if rest, ok := strings.CutPrefix(d.Message, "expected required property "); ok {
		return fault{"missing", append(loc, strings.TrimSuffix(rest, " to be present")), "Field required"}
	}
	if strings.HasPrefix(d.Message, "required ") {
		return fault{"missing", loc, "Field required"}
	}
	return fault{"value_error", loc, strings.ToUpper(d.Message[:1]) + d.Message[1:]}
}

// statusOf is the status of core's kinds of refusal.
func statusOf(err error) int {
	for _, k := range []struct {
		kind   error
		status int
	}{
		{core.ErrInvalid, http.StatusUnprocessableEntity},
		{core.ErrNotFound, http.StatusNotFound},
		{core.ErrDenied, http.StatusForbidden},
		{core.ErrConflict, http.StatusConflict},
		{core.ErrTooMany, http.StatusTooManyRequests},
		{core.ErrUnreachable, http.StatusServiceUnavailable},
		{core.ErrUnavailable, http.StatusServiceUnavailable},
		{core.ErrFailed, http.StatusServiceUnavailable}, // the earlier project's word for Proxmox saying no
	} {
		if errors.Is(err, k.kind) {
			return k.status
		}
	}
	return http.StatusInternalServerError
}

// refuse turns an error of core into an answer. What core did not put a kind
// on is ours to mend: it is logged, and nothing of it is told.
func (s *Server) refuse(ctx context.Context, a core.Actor, at endpoint, err error) error {
	var ours *failure
	if errors.As(err, &ours) {
		return ours
	}
	status := statusOf(err)
	var e *core.Error
	switch {
	case ctx.Err() != nil: // whoever asked has left
		return fail(499, "Client closed request")
	case !errors.As(err, &e) || status == http.StatusInternalServerError:
		s.log.Error("answer a request", "user", a.User, "route", at.method+" "+at.path, "error", err)
		return fail(http.StatusInternalServerError, "Internal server error")
	case status == http.StatusUnprocessableEntity:
		return unprocessable(fault{"value_error", append([]string{"body", "payload"}, at.where(e.Field)...), e.Text}).hint(e.Hint)
	case status == http.StatusNotFound && e.Field == "":
		return fail(status, "Not Found")
	}
	f := fail(status, e.Text).hint(e.Hint)
	if e.Busy != nil {
		f.with("job", e.Busy)
		f.header.Set("Location", jobURL(e.Busy.Job))
	}
	if e.After > 0 {
		f.header.Set("Retry-After", strconv.Itoa(int(math.Ceil(e.After.Seconds()))))
	}
	return f
}

func jobURL(id uint64) string { return "/api/jobs/" + strconv.FormatUint(id, 10) }

// write answers outside of huma: before a route is found.
func (f *failure) write(w http.ResponseWriter) {
	for name, values := range f.header {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(f.status)
	_ = encode(w, f.body) // a client who left misses nothing
}

// deployFailure says that a node cannot take an app as the earlier project
// did: 400.
func deployFailure(err error) error {
	var e *core.Error
	if errors.As(err, &e) && e.Field == "node" && errors.Is(err, core.ErrInvalid) {
		return fail(http.StatusBadRequest, e.Text).hint(e.Hint)
	}
	return err
}

// settingsFailure says what is wrong with a setting under both names that
// clients of the earlier project look for.
func settingsFailure(err error) error {
	var e *core.Error
	if errors.As(err, &e) && errors.Is(err, core.ErrInvalid) {
		return fail(http.StatusBadRequest, e.Text).with("error", e.Text).hint(e.Hint)
	}
	return err
}
