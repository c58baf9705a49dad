package pvesim

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// golden is one recorded request to the genuine server of Proxmox VE with its answer. The recording's handlers were
// stubs: an answer {"data":{"accepted":…}} says only that the parameters passed.
type golden struct {
	Note    string
	Request struct {
		Method, Path, Auth string
		Headers            map[string]string
		Body               *string
	}
	Response struct {
		Status  int
		Reason  string
		Headers map[string]string
		Body    any
	}
}

// differs are recorded answers that a running Proxmox VE does not give, because the recording's server lacked a format
// or its stub failed on purpose.
var differs = map[string]string{
	"create: nameserver bad":       "a running node checks the format: 400",
	"create: pool bad":             "a running node checks that the pool exists: 403",
	"query params merge into POST": "a running node refuses ostemplate=x: 500",
	"multi-line error":             "the recorder's own text; TestTextsOfSeveralLines has one of ours",
	"403":                          "the recorder's own refusal; TestPrivileges has ours",
}

func TestRecordedTraffic(t *testing.T) {
	raw, err := os.ReadFile("testdata/golden-wire.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	var skipped []string
	for i, line := range strings.Split(strings.TrimSpace(string(raw)), "\n") {
		var g golden
		if err := json.Unmarshal([]byte(line), &g); err != nil {
			t.Fatal(err)
		}
		if why := differs[g.Note]; why != "" {
			skipped = append(skipped, g.Note+": "+why)
			continue
		}
		t.Run(fmt.Sprintf("%d %s", i+1, g.Note), func(t *testing.T) {
			t.Parallel()
			replay(t, g)
		})
	}
	t.Logf("not replayed: %s", strings.Join(skipped, "; "))
}

// elided is how the recording shortens a body: "a=xxx...(524290 bytes)".
var elided = regexp.MustCompile(`(?s)\A(.*)\.\.\.\(([0-9]+) bytes\)\z`)

func replay(t *testing.T, g golden) {
	r := start(t, Options{Nodes: 2})
	target := strings.ReplaceAll(g.Request.Path, "/nodes/pve/", "/nodes/pve1/")
	r.prepare(target, g)
	body := ""
	if g.Request.Body != nil {
		body = *g.Request.Body
	}
	if parts := elided.FindStringSubmatch(body); parts != nil {
		n, _ := strconv.Atoi(parts[2])
		body = parts[1] + strings.Repeat("x", n-len(parts[1]))
		if strings.HasPrefix(g.Note, "create: description long") {
			body = "vmid=100&ostemplate=local%3Avztmpl%2Fx.tar.zst&description=" + strings.Repeat("x", 8193)
		}
	}
	headers := r.credentials(g)
	status, reason, got, answer := r.raw(g.Request.Method, target, headers, body)
	if status != g.Response.Status || reason != g.Response.Reason {
		t.Fatalf("got %d %q %s, recorded %d %q", status, reason, answer, g.Response.Status, g.Response.Reason)
	}
	for k, want := range g.Response.Headers {
		if k != "Content-Length" && got.Get(k) != want {
			t.Errorf("header %s is %q, recorded %q", k, got.Get(k), want)
		}
	}
	if g.Response.Headers["Content-Type"] == "" && got.Get("Content-Type") != "" {
		t.Errorf("Content-Type %q, recorded none", got.Get("Content-Type"))
	}
	same(t, answer, g.Response.Body)
}

// same compares bodies: errors word for word, answers of a stub by their keys.
func same(t *testing.T, answer string, want any) {
	t.Helper()
	text, isText := want.(string)
	if isText {
		if answer != text {
			t.Errorf("body %q, recorded %q", answer, text)
		}
		return
	}
	var got map[string]any
	if err := json.Unmarshal([]byte(answer), &got); err != nil {
		t.Fatalf("body %q: %v", answer, err)
	}
	recorded := want.(map[string]any)
	if data, ok := recorded["data"].(map[string]any); ok && data["accepted"] != nil {
		if _, ok := got["data"]; !ok {
			t.Errorf("body %s has no data", answer)
		}
		return
	}
	if !slices.Equal(slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(recorded))) {
		t.Errorf("body %s, recorded %v", answer, recorded)
	}
	for _, k := range []string{"message", "success", "status"} {
		if fmt.Sprint(got[k]) != fmt.Sprint(recorded[k]) {
			t.Errorf("%s is %v, recorded %v", k, got[k], recorded[k])
		}
	}
	errs, _ := got["errors"].(map[string]any)
	wanted, _ := recorded["errors"].(map[string]any)
	for k, v := range wanted {
		if s := v.(string); strings.Contains(s, "...(") {
			if !strings.HasPrefix(fmt.Sprint(errs[k]), s[:strings.Index(s, "...(")]) {
				t.Errorf("error of %s is %v, recorded %v", k, errs[k], s)
			}
		} else if errs[k] != v {
			t.Errorf("error of %s is %q, recorded %q", k, errs[k], v)
		}
	}
	if len(errs) != len(wanted) {
		t.Errorf("errors are %v, recorded %v", errs, wanted)
	}
}

// prepare makes what the recorded call is about, so that the real handlers can do it.
func (r *rig) prepare(target string, g golden) {
	if g.Response.Status != 200 {
		return
	}
	c := r.Cluster
	c.mu.Lock()
	defer c.mu.Unlock()
	if strings.Contains(target, "/lxc/100") || strings.Contains(target, "vzdump") {
		guest := c.foreign(0)
		guest.VMID, guest.Running = 100, strings.Contains(target, "/status/")
		guest.Conf["description"], guest.Conf["tags"], guest.Conf["rootfs"] = "x\n", "x", "local-lvm:vm-100-disk-0,size=1G"
		if strings.Contains(g.Note, "resize 2") {
			guest.Conf["rootfs"] = "local-lvm:vm-100-disk-0,size=0"
		}
		c.guests[100] = guest
		other := *guest
		other.VMID = 101
		c.guests[101] = &other
	}
	if i := strings.Index(target, "content/local:"); i > 0 {
		volid, _, _ := strings.Cut(target[i+len("content/"):], "?")
		c.addVolume(&volume{Volid: volid, Storage: "local", Node: "pve1", Content: "backup", Format: "tar.zst", VMID: 100})
	}
	c.addVolume(&volume{Volid: "local:vztmpl/debian-12-standard_12.12-1_amd64.tar.zst", Storage: "local", Node: "pve1", Content: "vztmpl", Size: 1 << 20})
	c.storages = append(c.storages, &storage{Name: "x", Type: "dir", Content: []string{"vztmpl"}, Total: 1 << 30, Path: "/x"})
	c.storages[0].Content = append(c.storages[0].Content, "rootdir")
}

// credentials are headers that say what the recorded ones said.
func (r *rig) credentials(g golden) map[string]string {
	headers := map[string]string{}
	for k, v := range g.Request.Headers {
		headers[k] = v
	}
	c := r.Cluster
	c.mu.Lock()
	defer c.mu.Unlock()
	if cookie := headers["Cookie"]; strings.HasPrefix(cookie, "PVEAuthCookie=PVE%3Aroot") {
		headers["Cookie"] = "PVEAuthCookie=" + url.QueryEscape(c.ticket("root@pam"))
	} else if strings.HasPrefix(cookie, "PVEAuthCookie=PVE:root@pam:") && strings.Contains(cookie, "::") {
		headers["Cookie"] = "PVEAuthCookie=" + c.ticket("root@pam")
	}
	if _, ok := headers["CSRFPreventionToken"]; ok && g.Response.Status == 200 {
		headers["CSRFPreventionToken"] = c.csrf("root@pam")
	}
	switch {
	case g.Request.Auth == "token":
		headers["Authorization"] = r.auth
	case strings.HasPrefix(g.Note, "token with space"):
		headers["Authorization"] = strings.Replace(r.auth, "PVEAPIToken=", "PVEAPIToken ", 1)
	case g.Note == "bad token":
		headers["Authorization"] = "PVEAPIToken=root@pam!test=00000000-0000-0000-0000-000000000000"
	}
	return headers
}

// raw sends a request over a connection of its own and returns the status line as it came.
func (r *rig) raw(method, target string, headers map[string]string, body string) (int, string, http.Header, string) {
	r.t.Helper()
	conn, err := tls.Dial("tcp", strings.TrimPrefix(r.base, "https://"), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		r.t.Fatal(err)
	}
	defer conn.Close()
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: pve\r\n", method, target)
	for k, v := range headers {
		fmt.Fprintf(&b, "%s: %s\r\n", k, v)
	}
	if body != "" || method == "POST" || method == "PUT" {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(body))
	}
	b.WriteString("\r\n" + body)
	go func() { _, _ = io.WriteString(net.Conn(conn), b.String()) }()
	br := bufio.NewReader(conn)
	line, err := br.ReadString('\n')
	if err != nil {
		r.t.Fatalf("no answer: %v", err)
	}
	parts := strings.SplitN(strings.TrimRight(line, "\r\n"), " ", 3)
	status, _ := strconv.Atoi(parts[1])
	resp, err := http.ReadResponse(bufio.NewReader(io.MultiReader(strings.NewReader(line), br)), &http.Request{Method: method})
	if err != nil {
		r.t.Fatal(err)
	}
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	h := resp.Header
	if resp.Close && h.Get("Connection") == "" {
		h.Set("Connection", "close")
	}
	return status, parts[2], h, string(answer)
}
