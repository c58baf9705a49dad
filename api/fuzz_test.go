package api

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"proximity/core"
)

// deaf is a core without hosts that lets nobody log in, and so hashes nothing.
type deaf struct{ *core.Core }

func (deaf) LoginPassword(context.Context, string, string, string) (core.Actor, core.UserView, error) {
	return core.Actor{}, core.UserView{}, &core.Error{Kind: core.ErrDenied, Text: "no"}
}

func (deaf) Register(context.Context, string, core.RegisterRequest) (core.Actor, core.UserView, error) {
	return core.Actor{}, core.UserView{}, &core.Error{Kind: core.ErrInvalid, Field: "username", Text: "no"}
}

func (deaf) Bearer(_ context.Context, from, token string) (core.Actor, error) {
	return core.Actor{User: "admin", Role: core.RoleAdmin, Via: core.ViaAPI, From: from}, nil
}

func (deaf) AddHost(context.Context, core.Actor, core.AddHostRequest) (core.HostView, error) {
	return core.HostView{}, &core.Error{Kind: core.ErrUnreachable, Text: "no"}
}

// fuzz sends whatever comes as a body, and as a query: the answer is JSON, no
// crash, and never blames the server.
func fuzz(f *testing.F, method, path, kind string, seeds ...string) {
	c, err := core.Open(core.Config{Data: f.TempDir()})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = c.Close() })
	handler := New(Options{Core: deaf{c}}).http.Handler
	for _, s := range append(seeds, "", "{}", "null", "[]", `{"`, `{"a":`, "\x00", `{"hostname":"\ud800"}`, strings.Repeat(`{"a":`, 1000)) {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		r := httptest.NewRequest(method, "http://127.0.0.1"+path, strings.NewReader(in))
		if method == http.MethodGet {
			r = httptest.NewRequest(method, "http://127.0.0.1"+path, nil)
			r.URL.RawQuery = in
		}
		r.Header.Set("Content-Type", kind)
		r.Header.Set("Authorization", "Bearer x")
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code == http.StatusInternalServerError || !json.Valid(w.Body.Bytes()) || w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%q is answered with %d: %s", in, w.Code, w.Body)
		}
	})
}

const asJSON = "application/json"

func FuzzLogin(f *testing.F) {
	fuzz(f, "POST", "/api/auth/login", asJSON, `{"username":"a","password":"b"}`, `{"email":"a@b.c","password":"b"}`)
}

func FuzzLoginForm(f *testing.F) {
	fuzz(f, "POST", "/api/auth/login", "application/x-www-form-urlencoded", url.Values{"username": {"a"}, "password": {"b"}}.Encode(), "%", "a=%zz", "username=a;password=b")
}

func FuzzRegistration(f *testing.F) {
	fuzz(f, "POST", "/api/auth/registration", asJSON, `{"username":"a","password1":"b","password2":"b","email":"a@b.c"}`)
}

func FuzzRefresh(f *testing.F) {
	fuzz(f, "POST", "/api/auth/token/refresh", asJSON, `{"refresh":"eyJhbGciOiJIUzI1NiJ9.e30.x"}`)
}

func FuzzProfile(f *testing.F) {
	fuzz(f, "PATCH", "/api/auth/user", asJSON, `{"email":"a@b.c","first_name":"A"}`)
}

func FuzzResources(f *testing.F) {
	fuzz(f, "POST", "/api/core/settings/resources", asJSON, `{"default_cpu_cores":2,"default_memory_mb":2048,"default_disk_gb":20,"default_swap_mb":512}`)
}

func FuzzNetwork(f *testing.F) {
	fuzz(f, "POST", "/api/core/settings/network", asJSON, `{"default_subnet":"10.0.0.0/24","default_gateway":"10.0.0.1","default_dns_primary":"8.8.8.8","default_dns_secondary":null,"default_bridge":"vmbr0"}`)
}

func FuzzHost(f *testing.F) {
	fuzz(f, "POST", "/api/proxmox/hosts", asJSON, `{"name":"n","host":"10.0.0.1","port":8006,"user":"root@pam","password":"x","verify_ssl":false}`)
}

func FuzzHostChange(f *testing.F) {
	fuzz(f, "PUT", "/api/proxmox/hosts/1", asJSON, `{"name":"n","port":8006,"is_active":false,"verify_ssl":null}`)
}

func FuzzBackup(f *testing.F) {
	fuzz(f, "POST", "/api/apps/adminer-00000000/backups", asJSON, `{"backup_type":"snapshot","compression":"zstd"}`)
}

func FuzzRestore(f *testing.F) {
	fuzz(f, "POST", "/api/apps/adminer-00000000/backups/1/restore", asJSON, `{"as":"twin","no_safety":true}`)
}

func FuzzClone(f *testing.F) {
	fuzz(f, "POST", "/api/apps/adminer-00000000/clone", asJSON, `{"new_hostname":"twin"}`)
}

func FuzzDeploy(f *testing.F) {
	fuzz(f, "POST", "/api/apps", asJSON, `{"catalog_id":"adminer","hostname":"abc","config":{"memory":512},"environment":{"A":"b"},"node":"pve1"}`)
}

func FuzzAction(f *testing.F) {
	fuzz(f, "POST", "/api/apps/adminer-00000000/action", asJSON, `{"action":"start"}`)
}

func FuzzAdoption(f *testing.F) {
	fuzz(f, "POST", "/api/apps/adopt", asJSON, `{"vmid":100,"node_name":"pve1","suggested_type":"custom","port_to_expose":80}`)
}

func FuzzListQuery(f *testing.F) {
	fuzz(f, "GET", "/api/apps", asJSON, "page=1&per_page=20&status=running&search=a", "page=-1", "page=%", "page=1;page=2", "search=%ff%fe")
}

func FuzzLogQuery(f *testing.F) {
	fuzz(f, "GET", "/api/apps/adminer-00000000/logs", asJSON, "limit=5&tail=7", "limit=99999999999999999999")
}

func FuzzCatalogueQuery(f *testing.F) {
	fuzz(f, "GET", "/api/catalog/search", asJSON, "q=git", "q=%ff", "q=%", "q=a;q=b")
}
