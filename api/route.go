package api

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"proximity/core"
)

// entry says who may come in at a route.
type entry int

const (
	public entry = iota // everybody; what they carry is not looked at
	person              // whoever is known
)

// endpoint is one row of the API: what the document says of it, and who may
// call it. Everything else is in its handler's types.
type endpoint struct {
	method, path string
	summary      string
	status       int // of success; 0 = 200
	entry        entry
	verb         core.Verb         // what the caller must be allowed before the body is read; "" = core decides later
	form         bool              // a form is taken as well as JSON
	errors       []int             // statuses it answers beside those of its entry and its body
	names        map[string]string // where in the body a field is that core calls otherwise: "config.memory" by "memory_mb"
}

// where is the place in the body of a field that core names.
func (e endpoint) where(field string) []string {
	if field == "" {
		return nil
	}
	field, key, nested := strings.Cut(field, ".")
	loc := strings.Split(cmp.Or(e.names[field], field), ".")
	if nested {
		loc = append(loc, key)
	}
	return loc
}

// maxBody is how large a body may be, in bytes.
const maxBody = 256 << 10

// takesForm marks an operation in huma's keeping.
const takesForm = "form"

// adapter puts huma's operations on a mux: each with and without a slash at
// its end.
type adapter struct{ mux *http.ServeMux }

func (a adapter) Handle(op *huma.Operation, handler func(huma.Context)) {
	_, form := op.Metadata[takesForm]
	serve := func(w http.ResponseWriter, r *http.Request) {
		if op.RequestBody != nil {
			if f := accept(r, form); f != nil {
				f.write(w)
				return
			}
		}
		handler(humago.NewContext(op, r, w))
	}
	a.mux.HandleFunc(op.Method+" "+op.Path, serve)
	a.mux.HandleFunc(op.Method+" "+op.Path+"/{$}", serve)
}

func (a adapter) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.mux.ServeHTTP(w, r) }

// encoded is a body that has been turned into JSON before.
type encoded interface{ encoded() []byte }

// sized answers with such a body, whose length is known before it is sent.
type sized[T encoded] struct {
	Length int `header:"Content-Length" hidden:"true"`
	Body   T
}

func sizedOf[T encoded](body T) *sized[T] { return &sized[T]{len(body.encoded()), body} }

// newHuma makes the API whose operations land on the mux.
func newHuma(mux *http.ServeMux) huma.API {
	c := huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{Title: "Proximity", Version: core.Version,
				Description: "Self-hosted apps on Proxmox VE. Log in with a password, or send a personal token: Authorization: Bearer px_…"},
			Components: &huma.Components{
				Schemas: huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer),
				SecuritySchemes: map[string]*huma.SecurityScheme{
					"bearer": {Type: "http", Scheme: "bearer", Description: "an access token (JWT) or a personal token (px_…)"},
					"cookie": {Type: "apiKey", In: "cookie", Name: accessCookie, Description: "set by login; changes need the header X-CSRFToken with the value of the cookie csrftoken"},
				},
			},
		},
		Formats: map[string]huma.Format{"application/json": {Unmarshal: decode, Marshal: func(w io.Writer, v any) error {
			if e, ok := v.(encoded); ok {
				_, err := w.Write(e.encoded())
				return err
			}
			return encode(w, v)
		}}},
		DefaultFormat: "application/json",
	}
	c.AllowAdditionalPropertiesByDefault = true // old clients send more than is read
	return huma.NewAPI(c, adapter{mux})
}

// misfit begins what is said of a number that its field cannot hold: 2.5 of
// nodes, 1e30 of megabytes. The field follows.
const misfit = "no integer: "

// decode says of such numbers where they are; else huma would tell clients
// about our types.
func decode(b []byte, v any) error {
	err := json.Unmarshal(b, v)
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		return errors.New(misfit + wrong.Field)
	}
	return err
}

func encode(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// route registers an endpoint. do gets who asks (nobody, where the entry is
// public) and may answer with core's errors.
func route[I, O any](s *Server, api huma.API, e endpoint, do func(ctx context.Context, a core.Actor, in *I) (*O, error)) {
	op := huma.Operation{
		OperationID: operationID(e), Method: e.method, Path: e.path, Summary: e.summary, Tags: []string{tagOf(e.path)},
		DefaultStatus: e.status, MaxBodyBytes: maxBody, Errors: slices.Clone(e.errors),
	}
	if e.entry == person {
		op.Security = []map[string][]string{{"bearer": {}}, {"cookie": {}}}
		op.Errors = append(op.Errors, http.StatusUnauthorized, http.StatusTooManyRequests)
		if e.method != http.MethodGet || e.verb != "" {
			op.Errors = append(op.Errors, http.StatusForbidden)
		}
		op.Middlewares = append(op.Middlewares, func(c huma.Context, next func(huma.Context)) { s.admit(e, c, next) })
	}
	if _, body := reflect.TypeFor[I]().FieldByName("Body"); body { // cut off, too large, of another kind
		op.Errors = append(op.Errors, http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	}
	if e.form {
		op.Metadata = map[string]any{takesForm: true}
	}
	huma.Register(api, op, func(ctx context.Context, in *I) (*O, error) {
		a := actorOf(ctx)
		out, err := do(ctx, a, in)
		if err != nil {
			return nil, s.refuse(ctx, a, e, err)
		}
		return out, nil
	})
}

// operationID is a name for the route: get-apps-id-logs.
func operationID(e endpoint) string {
	words := strings.FieldsFunc(strings.TrimPrefix(e.path, "/api"), func(r rune) bool { return strings.ContainsRune("/{}_", r) })
	return strings.ToLower(e.method) + "-" + strings.Join(words, "-")
}

// tagOf is the chapter of the document: the first word of the path.
func tagOf(path string) string {
	word, _, _ := strings.Cut(strings.TrimPrefix(path, "/api/"), "/")
	return word
}

type actorKey struct{}

// actorOf is who the door has let in.
func actorOf(ctx context.Context) core.Actor {
	a, _ := ctx.Value(actorKey{}).(core.Actor)
	return a
}
