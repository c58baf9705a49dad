package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"proximity/core"
)

// itemBody is an app of the catalogue as the earlier project's clients know
// one, and the questions of its deploy form.
type itemBody struct {
	ID          string            `json:"id"`
	Name        string            `json:"name"`
	Version     string            `json:"version"`
	Description string            `json:"description"`
	Icon        *string           `json:"icon"`
	Category    string            `json:"category"`
	Compose     json.RawMessage   `json:"docker_compose" doc:"the compose file, with {{placeholders}} for what is asked"`
	Ports       []int             `json:"ports" nullable:"false" doc:"inside the container"`
	Volumes     []string          `json:"volumes" nullable:"false"`
	Environment map[string]string `json:"environment" doc:"what can be given at deploy, with what it is otherwise"`
	MinMemory   int               `json:"min_memory" doc:"MB"`
	MinCPU      int               `json:"min_cpu" doc:"cores"`
	MinDisk     int               `json:"min_disk" doc:"GB"`
	Tags        []string          `json:"tags" nullable:"false"`
	Author      *string           `json:"author"`
	Website     *string           `json:"website"`
	Status      string            `json:"status" doc:"active, beta, deprecated or broken"`
	Fields      []core.FieldView  `json:"fields" nullable:"false" doc:"what is asked at deploy: their keys go into environment"`
}

func itemOf(it core.CatalogueItem) itemBody {
	b := itemBody{
		ID: it.ID, Name: it.Name, Version: it.Version, Description: it.Description, Icon: some(it.Icon), Category: it.Category, Compose: json.RawMessage(it.Recipe),
		Ports: []int{}, Volumes: append([]string{}, it.Volumes...), Environment: map[string]string{}, MinMemory: it.MinMemoryMB, MinCPU: max(1, it.MinCores), MinDisk: it.MinDiskGB,
		Tags: append([]string{}, it.Tags...), Author: some(it.Author), Website: some(it.Website), Status: it.Status, Fields: []core.FieldView{},
	}
	if len(b.Compose) == 0 {
		b.Compose = json.RawMessage("{}")
	}
	if it.Port != 0 {
		b.Ports = append(b.Ports, it.Port)
	}
	for _, f := range it.Fields {
		if f.Hidden {
			continue
		}
		b.Fields = append(b.Fields, f)
		if !f.Secret {
			b.Environment[f.Key] = f.Default
		}
	}
	return b
}

func itemsOf(items []core.CatalogueItem) []itemBody {
	list := make([]itemBody, 0, len(items))
	for _, it := range items {
		list = append(list, itemOf(it))
	}
	return list
}

func (s *Server) catalogueRoutes(api huma.API) {
	route(s, api, endpoint{method: http.MethodGet, path: "/api/catalog", summary: "All apps that can be deployed, by name"}, s.catalogue)
	route(s, api, endpoint{method: http.MethodGet, path: "/api/catalog/search", summary: "Those whose name, description or tags have a text", errors: []int{422}}, s.searchCatalogue)
	route(s, api, endpoint{method: http.MethodGet, path: "/api/catalog/categories", summary: "The categories"}, s.categories)
	route(s, api, endpoint{method: http.MethodGet, path: "/api/catalog/category/{category}", summary: "The apps of a category", errors: []int{422}}, s.category)
	route(s, api, endpoint{method: http.MethodGet, path: "/api/catalog/stats", summary: "How many apps and categories there are"}, s.catalogueStats)
	route(s, api, endpoint{method: http.MethodGet, path: "/api/catalog/{catalog_id}", summary: "One app of the catalog", errors: []int{404}}, s.catalogueItem)
	route(s, api, endpoint{method: http.MethodPost, path: "/api/catalog/reload", summary: "Read all manifests again", entry: person, verb: core.VerbReloadCatalogue}, s.reloadCatalogue)
}

// itemList is all apps of the catalogue.
type itemList struct {
	Total int        `json:"total"`
	Apps  []itemBody `json:"applications" nullable:"false"`

	json []byte
}

func (l itemList) encoded() []byte { return l.json }

// catalogue gives all; encoded once for as long as nothing changes.
func (s *Server) catalogue(context.Context, core.Actor, *struct{}) (*sized[itemList], error) {
	b, err := s.core.FreshWorld(core.Actor{}).Memo("catalog", func() ([]byte, error) {
		var b bytes.Buffer
		items := itemsOf(s.core.Catalogue("", ""))
		err := encode(&b, itemList{Total: len(items), Apps: items})
		return b.Bytes(), err
	})
	return sizedOf(itemList{json: b}), err
}

type foundItems struct {
	Total int        `json:"total"`
	Apps  []itemBody `json:"applications" nullable:"false"`
}

// searchCatalogue looks for the text as it is, as the earlier project did; the
// console's search knows words, ranks and typing errors.
func (s *Server) searchCatalogue(_ context.Context, _ core.Actor, in *struct {
	Query string `query:"q" maxLength:"200"`
}) (*struct{ Body foundItems }, error) {
	part := strings.ToLower(in.Query)
	has := func(text string) bool { return strings.Contains(strings.ToLower(text), part) }
	found := itemsOf(slices.DeleteFunc(s.core.Catalogue("", ""), func(it core.CatalogueItem) bool {
		return !has(it.Name) && !has(it.Description) && !slices.ContainsFunc(it.Tags, has)
	}))
	return &struct{ Body foundItems }{foundItems{len(found), found}}, nil
}

func (s *Server) category(_ context.Context, _ core.Actor, in *struct {
	Category string `path:"category" maxLength:"200"`
}) (*struct{ Body foundItems }, error) {
	found := itemsOf(s.core.Catalogue("", in.Category))
	return &struct{ Body foundItems }{foundItems{len(found), found}}, nil
}

type categoriesBody struct {
	Categories []string `json:"categories" nullable:"false"`
}

func (s *Server) categories(context.Context, core.Actor, *struct{}) (*struct{ Body categoriesBody }, error) {
	b := categoriesBody{Categories: []string{}}
	for _, c := range s.core.Categories() {
		b.Categories = append(b.Categories, c.Name)
	}
	slices.Sort(b.Categories)
	return &struct{ Body categoriesBody }{b}, nil
}

type catalogueStats struct {
	Apps       int `json:"total_apps"`
	Categories int `json:"total_categories"`
}

func (s *Server) stats() catalogueStats {
	return catalogueStats{len(s.core.Catalogue("", "")), len(s.core.Categories())}
}

func (s *Server) catalogueStats(context.Context, core.Actor, *struct{}) (*struct{ Body catalogueStats }, error) {
	return &struct{ Body catalogueStats }{s.stats()}, nil
}

func (s *Server) catalogueItem(_ context.Context, _ core.Actor, in *struct {
	ID string `path:"catalog_id"`
}) (*struct{ Body itemBody }, error) {
	it, err := s.core.CatalogueItem(in.ID)
	if err != nil {
		return nil, fail(http.StatusNotFound, fmt.Sprintf("Application '%s' not found in catalog", core.SafeText(in.ID, 100)))
	}
	return &struct{ Body itemBody }{itemOf(it)}, nil
}

type reloadBody struct {
	Message string               `json:"message"`
	Stats   catalogueStats       `json:"stats"`
	Changes core.CatalogueReload `json:"changes"`
}

func (s *Server) reloadCatalogue(ctx context.Context, a core.Actor, _ *struct{}) (*struct{ Body reloadBody }, error) {
	r, err := s.core.ReloadCatalogue(ctx, a)
	if err != nil {
		return nil, err
	}
	return &struct{ Body reloadBody }{reloadBody{"Catalog reloaded successfully", s.stats(), r}}, nil
}
