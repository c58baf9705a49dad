package pvesim

import (
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"net"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

func TestUsersTokensAndRolesAreManaged(t *testing.T) {
	r := start(t, Options{})
	r.ok("POST", "/access/users", "userid", "u@pve", "password", "first-secret", "comment", "c")
	r.fails(500, "create user failed: user 'u@pve' already exists", "POST", "/access/users", "userid", "u@pve")
	r.ok("PUT", "/access/users/u@pve", "email", "u@example.org")
	if u := r.object("GET", "/access/users/u@pve"); u["comment"] != "c" || u["email"] != "u@example.org" || u["enable"] != 1.0 {
		t.Errorf("user is %v", u)
	}
	at := "/access/users/u@pve/token/deploy"
	made := r.object("POST", at, "privsep", 0)
	if made["full-tokenid"] != "u@pve!deploy" || made["info"].(map[string]any)["privsep"] != "0" {
		t.Errorf("token is %v", made)
	}
	if a := r.fails(400, "Parameter verification failed.", "POST", at); a.Errors["tokenid"] != "Token already exists." {
		t.Errorf("%v", a.Errors)
	}
	root := r.auth
	r.auth = "PVEAPIToken=u@pve!deploy=" + made["value"].(string)
	r.ok("GET", "/version")
	r.fails(403, "Permission check failed (/access, Sys.Modify)", "POST", "/access/roles", "roleid", "mine", "privs", "VM.Audit")
	r.auth = root
	r.ok("POST", "/access/roles", "roleid", "mine", "privs", "VM.Audit")
	r.ok("PUT", "/access/roles/mine", "privs", "VM.Console", "append", 1)
	if got := r.object("GET", "/access/roles/mine"); got["VM.Audit"] != 1.0 || got["VM.Console"] != 1.0 {
		t.Errorf("role is %v", got)
	}
	r.fails(500, "auto-generated role 'PVEAdmin' cannot be deleted", "DELETE", "/access/roles/PVEAdmin")
	r.ok("PUT", "/access/acl", "path", "/vms", "users", "u@pve", "roles", "mine")
	r.fails(500, "role 'none' does not exist", "PUT", "/access/acl", "path", "/vms", "users", "u@pve", "roles", "none")
	if list := r.ok("GET", "/access/acl").([]any); len(list) != 1 || list[0].(map[string]any)["ugid"] != "u@pve" {
		t.Errorf("access list is %v", list)
	}
	r.ok("PUT", at, "expire", time.Now().Add(-time.Hour).Unix())
	r.auth = "PVEAPIToken=u@pve!deploy=" + made["value"].(string)
	r.fails(401, "Authentication failed!", "GET", "/version")
	r.auth = root
	r.ok("DELETE", at)
	r.fails(500, "no such token 'deploy' for user 'u@pve'", "GET", at)
	r.ok("PUT", "/access/users/u@pve", "enable", 0)
	r.fails(401, "authentication failure", "POST", "/access/ticket", "username", "u@pve", "password", "first-secret")
	r.ok("DELETE", "/access/roles/mine")
	r.ok("DELETE", "/access/users/u@pve")
	if list := r.ok("GET", "/access/acl").([]any); len(list) != 0 {
		t.Errorf("access list is %v", list)
	}
}

func TestPoolsAreManaged(t *testing.T) {
	r := start(t, Options{Guests: 3})
	r.ok("POST", "/pools", "poolid", "a", "comment", "first")
	r.ok("POST", "/pools", "poolid", "b")
	r.ok("PUT", "/pools/a", "vms", "1000,1001")
	r.fails(500, "update pool failed: VM 1000 belongs already to pool 'a' and 'allow-move' is not set", "PUT", "/pools/b", "vms", "1000")
	r.ok("PUT", "/pools/b", "vms", "1000", "allow-move", 1)
	if p := r.object("GET", "/pools/a"); p["comment"] != "first" || len(p["members"].([]any)) != 1 {
		t.Errorf("pool is %v", p)
	}
	r.fails(500, "delete pool failed: pool 'a' is not empty", "DELETE", "/pools/a")
	r.ok("PUT", "/pools/a", "vms", "1001", "delete", 1)
	r.ok("DELETE", "/pools/a")
	r.fails(500, "pool 'a' does not exist", "GET", "/pools/a")
}

func TestAuthorizedKeysLogIn(t *testing.T) {
	r := start(t, Options{})
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	login := func() error {
		c, err := ssh.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", r.SSHPort()), &ssh.ClientConfig{
			User: "root", Auth: []ssh.AuthMethod{ssh.PublicKeys(signer)},
			HostKeyCallback: func(string, net.Addr, ssh.PublicKey) error { return nil },
		})
		if err == nil {
			c.Close()
		}
		return err
	}
	if login() == nil {
		t.Error("an unknown key logged in")
	}
	if err := r.AuthorizeKey(string(ssh.MarshalAuthorizedKey(signer.PublicKey()))); err != nil {
		t.Fatal(err)
	}
	if err := login(); err != nil {
		t.Error(err)
	}
	if r.AuthorizeKey("nonsense") == nil {
		t.Error("nonsense was taken for a key")
	}
}
