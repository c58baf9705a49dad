package core

import (
	"crypto/ed25519"
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"proximity/core/pve"
	"proximity/pvesim"
)

// asRoot runs a command on a node with root's password, as its admin would.
func asRoot(t *testing.T, sim *pvesim.Cluster, address, command, stdin string) string {
	t.Helper()
	conn, err := ssh.Dial("tcp", net.JoinHostPort(address, fmt.Sprint(sim.SSHPort())), &ssh.ClientConfig{User: "root", Auth: []ssh.AuthMethod{ssh.Password(sim.RootPassword())}, HostKeyCallback: ssh.InsecureIgnoreHostKey()})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	session, err := conn.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	session.Stdin = strings.NewReader(stdin)
	out, err := session.CombinedOutput(command)
	if err != nil {
		t.Fatalf("%s: %v: %s", command, err, out)
	}
	return string(out)
}

// rootAPI calls the API as root@pam.
func rootAPI(t *testing.T, sim *pvesim.Cluster) func(method, path string, form url.Values) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	var ticket struct {
		Data struct{ Ticket, CSRFPreventionToken string }
	}
	call := func(method, path string, form url.Values) {
		t.Helper()
		req, _ := http.NewRequestWithContext(t.Context(), method, sim.URL()+"/api2/json"+path, strings.NewReader(form.Encode()))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("CSRFPreventionToken", ticket.Data.CSRFPreventionToken)
		req.AddCookie(&http.Cookie{Name: "PVEAuthCookie", Value: url.QueryEscape(ticket.Data.Ticket)})
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if res.StatusCode != http.StatusOK {
			t.Fatalf("%s %s: %s", method, path, res.Status)
		}
		if path == "/access/ticket" {
			if err := json.NewDecoder(res.Body).Decode(&ticket); err != nil {
				t.Fatal(err)
			}
		}
	}
	call("POST", "/access/ticket", url.Values{"username": {"root@pam"}, "password": {sim.RootPassword()}})
	return call
}

// documentedToken makes the token that docs/hosts.md describes, by its own
// commands.
func documentedToken(t *testing.T, sim *pvesim.Cluster) (id, secret string) {
	t.Helper()
	doc, err := os.ReadFile("../docs/hosts.md")
	if err != nil {
		t.Fatal(err)
	}
	call := rootAPI(t, sim)
	id, secret = sim.AddToken("proximity@pve", "main", true)
	n := 0
	for line := range strings.Lines(string(doc)) {
		w := strings.Fields(line)
		switch {
		case strings.HasPrefix(line, "pveum role add "):
			_, privs, _ := strings.Cut(line, `"`)
			call("POST", "/access/roles", url.Values{"roleid": {w[3]}, "privs": {strings.Trim(strings.TrimSpace(privs), `"`)}})
		case strings.HasPrefix(strings.TrimSpace(line), "pveum acl modify "):
			n++
			for kind, who := range map[string]string{"users": "proximity@pve", "tokens": id} {
				form := url.Values{"path": {w[3]}, kind: {who}, "roles": {w[6]}}
				if len(w) > 8 {
					form.Set("propagate", w[8])
				}
				call("PUT", "/access/acl", form)
			}
		}
	}
	if n != 5 {
		t.Fatalf("docs/hosts.md has %d rules", n)
	}
	return id, secret
}

// A token for the API and a key that may do nothing but run Proximity's own
// commands on its own containers: the least that is needed is enough.
func TestATokenAndARestrictedKeyAreEnough(t *testing.T) {
	t.Parallel()
	sim := startSim(t, pvesim.Options{TaskTime: 0.01, Nodes: 1, Guests: 3})
	r := openRig(t, testConfig(t.TempDir()))
	script, err := r.HostWrapper(admin)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.HostWrapper(Actor{User: "ann", Role: RoleOperator}); !errors.Is(err, ErrDenied) {
		t.Errorf("an operator gets it: %v", err)
	}
	u, _ := url.Parse(sim.URL())
	asRoot(t, sim, u.Hostname(), "mkdir -p /usr/local/sbin && cat >/usr/local/sbin/proximity-wrapper && chmod 755 /usr/local/sbin/proximity-wrapper", script)
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	key, _ := ssh.NewPublicKey(public)
	line := `command="/usr/local/sbin/proximity-wrapper",restrict,pty ` + string(ssh.MarshalAuthorizedKey(key))
	if err := sim.AuthorizeKey(line); err != nil {
		t.Fatal(err)
	}
	id, secret := documentedToken(t, sim)
	_, err = r.AddHost(t.Context(), admin, AddHostRequest{Name: "lab", URL: sim.URL(), TokenID: id, TokenSecret: secret, SSHPort: sim.SSHPort(), SSHKey: string(pem.EncodeToMemory(block)), Fingerprint: sim.Fingerprint()})
	if err != nil {
		t.Fatal(err)
	}
	r.until("the host answers", func() bool { return r.state("lab") == "online" })
	checks, err := r.TestHost(t.Context(), admin, "lab")
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range checks {
		if !k.OK || k.Warn && k.Name == "privileges" {
			t.Errorf("%+v", k)
		}
	}
	app := r.running("adminer", "tool")
	if code, _, err := get(app.URL); err != nil || code != 200 {
		t.Errorf("it answers %d, %v", code, err)
	}
	_, clone, err := r.CloneApp(t.Context(), admin, "tool", CloneRequest{Hostname: "copy"})
	if err != nil {
		t.Fatal(err)
	}
	r.succeeds(clone)
	r.second(slices.Concat(broken, backedUp)...)
	update, err := r.UpdateApp(t.Context(), admin, "copy", UpdateRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if j := r.end(update.ID); j.State != "failed" || j.Left != "" || !strings.Contains(j.Error, "did not answer") { // backed up and restored
		t.Errorf("the update ended %s: %s; left %s", j.State, j.Error, j.Left)
	}
	job, err := r.DeleteApp(t.Context(), admin, "copy", DeleteOptions{Now: true, WithBackups: true})
	if err != nil {
		t.Fatal(err)
	}
	r.succeeds(job)
	l, _ := r.liveHost("lab")
	var theirs pvesim.GuestInfo
	for _, g := range sim.Guests() {
		if g.Foreign && g.Type == "lxc" && g.Status == "running" {
			theirs = g
		}
	}
	if theirs.VMID == 0 {
		t.Fatal("the simulator has no container of its own")
	}
	var out strings.Builder
	if _, err := l.client.Exec(t.Context(), theirs.Node, theirs.VMID, "id", &out); !errors.Is(err, pve.ErrPermission) {
		t.Errorf("a command in a container that is not ours: %v %s", err, &out)
	}
	if err := l.client.AppendRawConfig(t.Context(), app.Node, app.VMID, []string{"lxc.apparmor.profile: unconfined"}); !errors.Is(err, pve.ErrPermission) {
		t.Errorf("a change on the node itself: %v", err)
	}
}
