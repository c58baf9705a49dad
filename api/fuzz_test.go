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

// deaf is a core with a host and an app that does nothing: it lets nobody log
// in, so hashes nothing, and refuses what would take long.
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

func (deaf) FreshWorld(core.Actor) *core.World {
	return &core.World{Hosts: []core.HostView{{ID: 1, Name: "lab", URL: "https://10.0.0.1:8006", User: "root@pam", State: "online"}}, Nodes: []core.NodeView{{ID: 7, Host: "lab", Name: "pve1"}},
		Apps: []core.AppView{deafApp, {ID: "gitea-00000000", CatalogID: "gitea", Hostname: "git", Status: core.StatusStopped}}}
}

var deafApp = core.AppView{ID: "adminer-00000000", CatalogID: "adminer", Name: "Adminer", Hostname: "olgas", Status: core.StatusRunning}

func (deaf) App(context.Context, core.Actor, string) (core.AppView, error) { return deafApp, nil }

func (deaf) Backup(_ context.Context, _ core.Actor, id uint64) (core.BackupView, error) {
	return core.BackupView{ID: id, AppID: deafApp.ID, Status: core.BackupCompleted}, nil
}

func (deaf) AddHost(context.Context, core.Actor, core.AddHostRequest) (core.HostView, error) {
	return core.HostView{}, &core.Error{Kind: core.ErrUnreachable, Text: "no"}
}

func (deaf) EditHost(context.Context, core.Actor, string, core.HostEdit) (core.HostView, error) {
	return core.HostView{}, &core.Error{Kind: core.ErrUnreachable, Text: "no"}
}

func (deaf) Discover(context.Context, core.Actor, string) ([]core.FoundGuest, error) { return nil, nil }

// busy is the answer to all that would begin a job.
func busy() error {
	return &core.Error{Kind: core.ErrConflict, Text: "busy", Busy: &core.BusyWith{Job: 1, Kind: "deploy"}}
}

func (deaf) DoApp(context.Context, core.Actor, core.AppVerb, string) (core.JobView, error) {
	return core.JobView{}, busy()
}

func (deaf) DeploymentLog(context.Context, core.Actor, string, int) ([]core.LogLine, error) {
	return []core.LogLine{{Job: 1, Seq: 1, Level: "info", Text: "done"}}, nil
}

func (deaf) Adopt(context.Context, core.Actor, core.AdoptRequest) (core.AppView, core.JobView, error) {
	return core.AppView{}, core.JobView{}, busy()
}

func (deaf) CloneApp(context.Context, core.Actor, string, core.CloneRequest) (core.AppView, core.JobView, error) {
	return core.AppView{}, core.JobView{}, busy()
}

func (deaf) BackupApp(context.Context, core.Actor, string, core.BackupRequest) (core.BackupView, core.JobView, error) {
	return core.BackupView{}, core.JobView{}, busy()
}

func (deaf) RestoreBackup(context.Context, core.Actor, uint64, core.RestoreRequest) (core.AppView, core.JobView, error) {
	return core.AppView{}, core.JobView{}, busy()
}

// fuzz sends whatever comes as a body, and as a query: the answer is JSON, no
// crash, and never blames the server.
func fuzz(f *testing.F, method, path, kind string, seeds ...string) {
	handler := deafServer(f)
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
		harmless(t, w, in)
	})
}

// deafServer is what answers, without a network.
func deafServer(f *testing.F) http.Handler {
	c, err := core.Open(core.Config{Data: f.TempDir()})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = c.Close() })
	return New(Options{Core: deaf{c}, Origins: []string{"http://localhost:5173"}}).http.Handler
}

// harmless demands an answer in JSON that says something, and blames nobody
// but who asked.
func harmless(t *testing.T, w *httptest.ResponseRecorder, in string) {
	t.Helper()
	var body struct{ Detail any }
	if w.Code == http.StatusInternalServerError || !json.Valid(w.Body.Bytes()) || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("%q is answered with %d: %s", in, w.Code, w.Body)
	}
	if w.Code >= 400 && (json.Unmarshal(w.Body.Bytes(), &body) != nil || body.Detail == nil || body.Detail == "") {
		t.Errorf("%q is answered with %d that says nothing: %s", in, w.Code, w.Body)
	}
}

const asJSON = "application/json"

func FuzzLogin(f *testing.F) {
	fuzz(f, "POST", "/api/auth/login", asJSON, `{"username":"a","password":"b"}`, `{"email":"a@b.c","password":"b"}`)
}

func FuzzLoginForm(f *testing.F) {
	fuzz(f, "POST", "/api/auth/login", "application/x-www-form-urlencoded", url.Values{"username": {"a"}, "password": {"b"}}.Encode(), "%", "a=%zz", "username=a;password=b")
}

func FuzzLoginMultipart(f *testing.F) {
	fuzz(f, "POST", "/api/auth/login", multiparted+"; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"username\"\r\n\r\na\r\n--x\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\nb\r\n--x--\r\n", "--x--", "--x\r\n\r\n")
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

func FuzzNodeQuery(f *testing.F) {
	fuzz(f, "GET", "/api/proxmox/nodes", asJSON, "host_id=1", "host_id=-1", "host_id=&host_id=2")
}

func FuzzDiscoverQuery(f *testing.F) {
	fuzz(f, "GET", "/api/apps/discover", asJSON, "host_id=1", "host_id=99999999999999999999")
}

// Whatever is asked for, with whatever method, is answered in JSON.
func FuzzPath(f *testing.F) {
	handler := deafServer(f)
	for _, s := range []string{"jobs/1", "jobs/-1", "proxmox/hosts/1", "apps/adminer-00000000/backups/1", "apps/a/backups/x/restore", "catalog/category/%2f", "apps//x", "apps/../..", "catalog/gitea/", "/", "\x00", "%zz"} {
		f.Add("GET", s)
		f.Add("POST", s)
	}
	f.Fuzz(func(t *testing.T, method, in string) {
		r := httptest.NewRequest(http.MethodGet, "http://127.0.0.1/api/", nil)
		r.Method, r.URL.Path = method, "/api/"+in
		r.Header.Set("Authorization", "Bearer x")
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		switch { // what is not in JSON
		case w.Code == http.StatusTemporaryRedirect && w.Header().Get("Location") != "": // the same path, written well
		case method == http.MethodHead, method == http.MethodOptions, w.Code == http.StatusOK && (in == "docs" || in == "docs/"):
		default:
			harmless(t, w, method+" "+in)
		}
	})
}

// What strangers say of themselves lets nobody in and breaks nothing.
func FuzzDoor(f *testing.F) {
	c, err := core.Open(core.Config{Data: f.TempDir()})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = c.Close() })
	handler := New(Options{Core: c, Origins: []string{"http://localhost:5173"}}).http.Handler
	f.Add("Bearer eyJhbGciOiJIUzI1NiJ9.e30.x", "", "http://localhost:5173", "192.0.2.1, ::1")
	f.Add("bearer px_", csrfCookie+"=a; "+accessCookie+"=b", "null", "127.0.0.1")
	f.Add("Basic YTpi", accessCookie+"=eyJhbGciOiJub25lIn0.e30.", "://", ",")
	f.Add("", accessCookie+`="x`, "http://[::1", "fe80::1%eth0")
	f.Fuzz(func(t *testing.T, authorization, cookies, origin, forwarded string) {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			r := httptest.NewRequest(method, "http://127.0.0.1/api/apps", strings.NewReader("{}"))
			r.RemoteAddr = "127.0.0.1:1"
			r.Header = http.Header{"Authorization": {authorization}, "Cookie": {cookies}, "Origin": {origin}, "X-Forwarded-For": {forwarded}, "X-Csrftoken": {"a"}}
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			if w.Code != http.StatusUnauthorized && w.Code != http.StatusForbidden || !json.Valid(w.Body.Bytes()) {
				t.Errorf("%q is answered with %d: %s", r.Header, w.Code, w.Body)
			}
			if allowed := w.Header().Get("Access-Control-Allow-Origin"); allowed != "" && allowed != "http://localhost:5173" {
				t.Errorf("%q may read answers", allowed)
			}
		}
	})
}
