package sshd

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"proximity/core"
	"proximity/keys"
)

// The stories in testdata/script are told with the OpenSSH client.
func TestOpenSSH(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			r := newRig(t, nil)
			at := func(name string) string { return filepath.Join(env.WorkDir, name) }
			for name, role := range map[string]core.Role{"anna": core.RoleUser, "mallory": core.RoleViewer, "admin": core.RoleAdmin, "stranger": ""} {
				key, err := keys.WriteClientKey(at(name))
				if err != nil {
					return err
				}
				if role == "" {
					continue
				}
				if name == "admin" { // of whom only the public half is here
					if err := os.Remove(at(name)); err != nil {
						return err
					}
					if err := os.WriteFile(at("admin.pub"), []byte(key.Line+"\n"), 0o600); err != nil {
						return err
					}
				}
				user := name
				if name == "admin" {
					user = "root"
				}
				if err := r.core.AddUser(t.Context(), core.LocalAdmin("test"), user, role, []string{key.Line}); err != nil {
					return err
				}
			}
			host, port, err := net.SplitHostPort(r.Addr().String())
			if err != nil {
				return err
			}
			common := fmt.Sprintf("HostName %s\nPort %s\nUser somebody\nIdentitiesOnly yes\nIdentityAgent none\nBatchMode yes\n"+
				"StrictHostKeyChecking no\nUserKnownHostsFile /dev/null\nGlobalKnownHostsFile /dev/null\nLogLevel ERROR\n", host, port)
			config := "Host p\nIdentityFile " + at("anna") + "\n" + common + "Host q\n" + common
			if err := os.WriteFile(at("config"), []byte(config), 0o600); err != nil {
				return err
			}
			env.Setenv("CONFIG", at("config"))
			env.Setenv("TERM", "xterm-256color")
			return nil
		},
	})
}
