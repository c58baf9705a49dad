package core

import (
	"crypto/ed25519"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/url"
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

// A token for the API and a key that may do nothing but run Proximity's own
// commands on its own containers: the least that is needed is enough.
func TestATokenAndARestrictedKeyAreEnough(t *testing.T) {
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
	id, secret := sim.AddToken("root@pam", "px", false)
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
		if !k.OK {
			t.Errorf("%+v", k)
		}
	}
	app := r.running("adminer", "tool")
	if code, _, err := get(app.URL); err != nil || code != 200 {
		t.Errorf("it answers %d, %v", code, err)
	}
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
