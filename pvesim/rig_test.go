package pvesim

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// rig is a cluster under test with a client that has root's token.
type rig struct {
	*Cluster
	t      testing.TB
	client *http.Client
	auth   string // Authorization header
	base   string
}

func start(t testing.TB, o Options) *rig {
	t.Helper()
	c, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	id, secret := c.AddToken("root@pam", "test", false)
	return &rig{Cluster: c, t: t, client: newClient(t), auth: "PVEAPIToken=" + id + "=" + secret, base: c.URL()}
}

func newClient(t testing.TB) *http.Client {
	tr := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

// answer is what a call got.
type answer struct {
	status  int
	reason  string
	body    string
	Data    any               `json:"data"`
	Message string            `json:"message"`
	Errors  map[string]string `json:"errors"`
	Total   int               `json:"total"`
}

// do makes a call; params are k, v pairs.
func (r *rig) do(method, path string, params ...any) answer {
	r.t.Helper()
	a, err := r.try(method, path, params...)
	if err != nil {
		r.t.Fatalf("%s %s: %v", method, path, err)
	}
	return a
}

func (r *rig) try(method, path string, params ...any) (answer, error) {
	form := url.Values{}
	for i := 0; i+1 < len(params); i += 2 {
		form.Set(fmt.Sprint(params[i]), fmt.Sprint(params[i+1]))
	}
	at := r.base + "/api2/json" + path
	var body io.Reader
	if method == "GET" || method == "DELETE" {
		if len(form) > 0 {
			at += "?" + form.Encode()
		}
	} else {
		body = strings.NewReader(form.Encode())
	}
	req, err := http.NewRequest(method, at, body)
	if err != nil {
		return answer{}, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	req.Header.Set("Authorization", r.auth)
	resp, err := r.client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return answer{}, err
	}
	a := answer{status: resp.StatusCode, reason: strings.TrimPrefix(resp.Status, fmt.Sprintf("%d ", resp.StatusCode)), body: string(raw)}
	if bytes.HasPrefix(raw, []byte("{")) {
		if err := json.Unmarshal(raw, &a); err != nil {
			return a, err
		}
	}
	return a, nil
}

// ok makes a call that must succeed and returns its data.
func (r *rig) ok(method, path string, params ...any) any {
	r.t.Helper()
	a := r.do(method, path, params...)
	if a.status != 200 {
		r.t.Fatalf("%s %s %v: %d %s %s", method, path, params, a.status, a.reason, a.body)
	}
	return a.Data
}

// object is ok for calls that answer an object.
func (r *rig) object(method, path string, params ...any) map[string]any {
	r.t.Helper()
	o, ok := r.ok(method, path, params...).(map[string]any)
	if !ok {
		r.t.Fatalf("%s %s did not answer an object", method, path)
	}
	return o
}

// fails makes a call that must fail with a status and a text in the reason phrase.
func (r *rig) fails(status int, text, method, path string, params ...any) answer {
	r.t.Helper()
	a := r.do(method, path, params...)
	if a.status != status || a.reason != text {
		r.t.Errorf("%s %s %v: got %d %q %s, want %d %q", method, path, params, a.status, a.reason, a.body, status, text)
	}
	return a
}

// task makes a call that starts a task and waits for its end.
func (r *rig) task(method, path string, params ...any) (exit string, log []string) {
	r.t.Helper()
	upid, ok := r.ok(method, path, params...).(string)
	if !ok {
		r.t.Fatalf("%s %s answered no UPID", method, path)
	}
	return r.ended(upid)
}

func (r *rig) ended(upid string) (exit string, log []string) {
	r.t.Helper()
	at := "/nodes/" + strings.Split(upid, ":")[1] + "/tasks/" + url.PathEscape(upid)
	r.until("the end of "+upid, func() bool {
		s := r.object("GET", at+"/status")
		exit, _ = s["exitstatus"].(string)
		return s["status"] == "stopped"
	})
	for _, line := range r.ok("GET", at+"/log", "limit", 0).([]any) {
		log = append(log, line.(map[string]any)["t"].(string))
	}
	return exit, log
}

// done is task for a task that must end OK.
func (r *rig) done(method, path string, params ...any) []string {
	r.t.Helper()
	exit, log := r.task(method, path, params...)
	if exit != "OK" {
		r.t.Fatalf("%s %s %v ended %q:\n%s", method, path, params, exit, strings.Join(log, "\n"))
	}
	return log
}

// until polls a condition.
func (r *rig) until(what string, cond func() bool) {
	r.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !cond() {
		if time.Now().After(deadline) {
			r.t.Fatalf("waited in vain for %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

const alpine = "alpine-3.22-default_20250617_amd64.tar.xz"

// template puts a template on a node and returns its volid.
func (r *rig) template(node string) string {
	r.t.Helper()
	r.done("POST", "/nodes/"+node+"/aplinfo", "storage", "local", "template", alpine)
	return "local:vztmpl/" + alpine
}

// create makes a container on pve1.
func (r *rig) create(vmid int, params ...any) {
	r.t.Helper()
	all := append([]any{"vmid", vmid, "ostemplate", r.template("pve1"), "hostname", fmt.Sprintf("ct%d", vmid), "rootfs", "local-lvm:8", "memory", 256, "cores", 1,
		"net0", "name=eth0,bridge=vmbr0,ip=dhcp"}, params...)
	r.done("POST", "/nodes/pve1/lxc", all...)
}
