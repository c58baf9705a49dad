package api

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
)

// docRoutes serve what there is to say about the API, for machines and for
// people. Both are made once, from the operations that are registered.
func (s *Server) docRoutes(api huma.API, mux *http.ServeMux) {
	serve := func(path, kind, policy string, make func(*huma.OpenAPI) ([]byte, error)) {
		doc := sync.OnceValues(func() ([]byte, error) { return make(api.OpenAPI()) })
		handler := func(w http.ResponseWriter, r *http.Request) {
			b, err := doc()
			if err != nil {
				s.log.Error("describe the API", "route", r.Pattern, "error", err)
				fail(http.StatusInternalServerError, "Internal server error").write(w)
				return
			}
			w.Header().Set("Content-Type", kind)
			w.Header().Set("Content-Security-Policy", policy)
			_, _ = w.Write(b) // a client who left misses nothing
		}
		mux.HandleFunc("GET "+path, handler)
		mux.HandleFunc("GET "+path+"/{$}", handler)
	}
	serve("/api/openapi.json", "application/json", "default-src 'none'", func(d *huma.OpenAPI) ([]byte, error) { return json.Marshal(d) })
	serve("/api/docs", "text/html; charset=utf-8", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'", docPage)
}

//go:embed docs.html
var docHTML string

// chapter is what belongs together: the operations below one path.
type chapter struct {
	Name       string
	Operations []operation
}

// operation is an endpoint as people read it.
type operation struct {
	Method, Path, Summary string
	Public                bool
	Params                []field
	Body, Answer          []field
	Statuses              []string
}

// field is a parameter, or a member of a body.
type field struct{ Name, Type, Note string }

// docPage is a page that needs neither scripts nor the internet.
func docPage(d *huma.OpenAPI) ([]byte, error) {
	page, err := template.New("docs").Parse(docHTML)
	if err != nil {
		return nil, err
	}
	var chapters []chapter
	for _, path := range slices.Sorted(maps.Keys(d.Paths)) {
		item := d.Paths[path]
		for _, op := range []*huma.Operation{item.Get, item.Post, item.Put, item.Patch, item.Delete} {
			if op == nil {
				continue
			}
			i := slices.IndexFunc(chapters, func(c chapter) bool { return c.Name == op.Tags[0] })
			if i < 0 {
				i = len(chapters)
				chapters = append(chapters, chapter{Name: op.Tags[0]})
			}
			chapters[i].Operations = append(chapters[i].Operations, describe(d, op))
		}
	}
	var b bytes.Buffer
	err = page.Execute(&b, map[string]any{"Title": d.Info.Title, "Version": d.Info.Version, "About": d.Info.Description, "Chapters": chapters})
	return b.Bytes(), err
}

func describe(d *huma.OpenAPI, op *huma.Operation) operation {
	o := operation{Method: op.Method, Path: op.Path, Summary: op.Summary, Public: len(op.Security) == 0}
	for _, p := range op.Parameters {
		if p.In == "path" || p.In == "query" {
			o.Params = append(o.Params, field{p.Name, p.In + ", " + typeOf(p.Schema), noteOf(p.Schema)})
		}
	}
	if op.RequestBody != nil {
		o.Body = fieldsOf(d, op.RequestBody.Content["application/json"].Schema, true)
	}
	for _, status := range slices.Sorted(maps.Keys(op.Responses)) {
		if content := op.Responses[status].Content["application/json"]; content != nil && status < "300" {
			o.Answer = fieldsOf(d, content.Schema, false)
		}
		o.Statuses = append(o.Statuses, status)
	}
	return o
}

// fieldsOf lists the members of an object, or of the objects in a list.
func fieldsOf(d *huma.OpenAPI, s *huma.Schema, asked bool) []field {
	for s != nil && (s.Ref != "" || s.Type == huma.TypeArray) {
		if s.Ref != "" {
			s = d.Components.Schemas.SchemaFromRef(s.Ref)
		} else {
			s = s.Items
		}
	}
	if s == nil {
		return nil
	}
	var fields []field
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		p := s.Properties[name]
		kind := typeOf(p)
		if asked && slices.Contains(s.Required, name) {
			kind += ", required"
		}
		fields = append(fields, field{name, kind, noteOf(p)})
	}
	return fields
}

func typeOf(s *huma.Schema) string {
	kind := s.Type
	switch {
	case s.Ref != "":
		kind = "object"
	case kind == huma.TypeArray && s.Items != nil:
		kind = "list of " + typeOf(s.Items)
	case kind == "":
		kind = "any"
	}
	if s.Nullable && s.Type != huma.TypeArray {
		kind += " or null"
	}
	return kind
}

// noteOf is what else there is to know of a value.
func noteOf(s *huma.Schema) string {
	var notes []string
	if s.Description != "" {
		notes = append(notes, s.Description)
	}
	if len(s.Enum) > 0 {
		notes = append(notes, fmt.Sprintf("one of %v", s.Enum))
	}
	if s.Minimum != nil && s.Maximum != nil {
		notes = append(notes, fmt.Sprintf("%v-%v", *s.Minimum, *s.Maximum))
	}
	if s.Default != nil {
		notes = append(notes, fmt.Sprintf("default %v", s.Default))
	}
	return strings.Join(notes, "; ")
}
