package api

import (
	"net/url"
	"slices"
	"strings"
	"testing"
)

func TestCatalogue(t *testing.T) {
	r := rigged(t)
	nobody := r.client("nobody")
	all := nobody.get(t, "/api/catalog/").is(200)
	n := len(all.at("applications").([]any))
	if n < 50 || all.at("total") != float64(n) {
		t.Fatalf("total %v of %d apps", all.at("total"), n)
	}
	var names []string
	for i := range n {
		names = append(names, strings.ToLower(all.at("applications", i, "name").(string)))
	}
	if !slices.IsSorted(names) {
		t.Errorf("apps are listed as %v", names)
	}
	for _, want := range strings.Fields("id name version description icon category docker_compose ports volumes environment min_memory min_cpu tags author website fields") {
		if !slices.Contains(all.keys("applications", 0), want) {
			t.Errorf("an app has no %s", want)
		}
	}

	gitea := nobody.get(t, "/api/catalog/gitea").is(200, `"name":"Gitea"`, `"services":`)
	if gitea.at("ports", 0) != 3000.0 || gitea.at("min_cpu").(float64) < 1 || gitea.at("min_memory").(float64) < 64 || len(gitea.at("volumes").([]any)) == 0 {
		t.Errorf("gitea is %s", gitea.body)
	}
	for _, f := range gitea.at("fields").([]any) {
		f := f.(map[string]any)
		if _, given := gitea.at("environment").(map[string]any)[f["key"].(string)]; given != (f["secret"] != true) {
			t.Errorf("%v in environment: %t", f, given)
		}
	}
	nobody.get(t, "/api/catalog/no-such").is(404, "Application 'no-such' not found in catalog")
	nobody.get(t, "/api/catalog/"+strings.Repeat("x", 300)).is(404)

	count := func(path string) float64 {
		return nobody.get(t, path).is(200, `"applications":[`).at("total").(float64)
	}
	if count("/api/catalog/search?q=GITEA") < 1 || count("/api/catalog/search/?q="+url.QueryEscape("zzz no such")) != 0 || count("/api/catalog/search") != float64(n) || count("/api/catalog/search?q=.-/") != 0 {
		t.Error("search finds the wrong apps")
	}
	nobody.get(t, "/api/catalog/search?q="+strings.Repeat("x", 201)).is(422)

	categories := nobody.get(t, "/api/catalog/categories").is(200).at("categories").([]any)
	sum := 0.0
	for i, c := range categories {
		if i > 0 && categories[i-1].(string) >= c.(string) {
			t.Errorf("categories are not sorted: %v", categories)
		}
		here := count("/api/catalog/category/" + url.PathEscape(strings.ToUpper(c.(string))) + "/")
		if here == 0 {
			t.Errorf("category %v is empty", c)
		}
		sum += here
	}
	if sum != float64(n) || count("/api/catalog/category/no-such") != 0 {
		t.Errorf("the categories have %v apps of %d", sum, n)
	}
	stats := nobody.get(t, "/api/catalog/stats").is(200)
	if stats.at("total_apps") != float64(n) || stats.at("total_categories") != float64(len(categories)) {
		t.Errorf("stats: %s", stats.body)
	}

	nobody.post(t, "/api/catalog/reload", nil).is(401)
	r.owner.post(t, "/api/catalog/reload", nil).is(403)
	r.admin.post(t, "/api/catalog/reload/", nil).is(200, "Catalog reloaded successfully", `"total_apps":`)
}
