package pve

import (
	"errors"
	"io"
	"testing"

	"golang.org/x/crypto/ssh"
)

func TestAHostKeyIsLearntOnceAndThenHeld(t *testing.T) {
	n := newFakeNode(t)
	known := ""
	config := SSHConfig{
		Pinned: func(node string) string { return known },
		Learn: func(node, fingerprint string) error {
			if node != "pve1" {
				t.Errorf("learnt for %q", node)
			}
			known = fingerprint
			return nil
		},
	}
	if _, err := n.client(t, config).Exec(testContext(t), "pve1", 100, ":", io.Discard); err != nil {
		t.Fatal(err)
	}
	if want := ssh.FingerprintSHA256(n.hostKey.PublicKey()); known != want {
		t.Errorf("learnt %q, want %q", known, want)
	}
	config.Learn = func(string, string) error { t.Error("learnt again"); return nil }
	if _, err := n.client(t, config).Exec(testContext(t), "pve1", 100, ":", io.Discard); err != nil {
		t.Error(err)
	}
}

// Whoever answers in the node's place must see neither password nor script.
func TestAChangedHostKeyStopsEverything(t *testing.T) {
	n := newFakeNode(t, func(n *fakeNode) {
		n.config.PasswordCallback = func(ssh.ConnMetadata, []byte) (*ssh.Permissions, error) {
			t.Error("the password was sent")
			return nil, nil
		}
	})
	for name, config := range map[string]SSHConfig{
		"changed":  {Pinned: func(string) string { return "SHA256:something/else" }, Learn: func(string, string) error { return nil }},
		"refused":  {Pinned: func(string) string { return "" }, Learn: func(string, string) error { return errors.New("ask the admin") }},
		"no Learn": {Pinned: func(string) string { return "" }},
	} {
		_, err := n.client(t, config).Exec(testContext(t), "pve1", 100, "echo secret", io.Discard)
		if !errors.Is(err, ErrHostKey) || errors.Is(err, ErrUnreachable) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if ran := n.ran(); len(ran) > 0 {
		t.Errorf("ran %v", ran)
	}
}
