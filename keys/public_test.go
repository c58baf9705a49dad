package keys

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"fmt"
	"math/big"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
)

// line returns the authorized_keys line of a crypto public key.
func line(t testing.TB, public any, comment string) string {
	t.Helper()
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key))) + " " + comment
}

func ed(t testing.TB) ed25519.PublicKey {
	t.Helper()
	public, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return public
}

// rsaOf returns a public key with a modulus of that many bits; nobody will ever sign with it.
func rsaOf(bits int) *rsa.PublicKey {
	n := new(big.Int).Lsh(big.NewInt(1), uint(bits-1))
	return &rsa.PublicKey{N: n.SetBit(n, 0, 1), E: 65537}
}

// dsaLine is a key as ssh-keygen made them long ago.
func dsaLine() string {
	one := big.NewInt(1)
	p := new(big.Int).Lsh(one, 1023)
	wire := struct {
		Name       string
		P, Q, G, Y *big.Int
	}{"ssh-dss", p.SetBit(p, 0, 1), new(big.Int).Lsh(one, 159), big.NewInt(2), big.NewInt(3)}
	return "ssh-dss " + base64.StdEncoding.EncodeToString(ssh.Marshal(wire)) + " x"
}

func certificate(t testing.TB, key ssh.PublicKey) *ssh.Certificate {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	authority, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert := &ssh.Certificate{Key: key, CertType: ssh.UserCert, ValidBefore: ssh.CertTimeInfinity}
	if err := cert.SignCert(rand.Reader, authority); err != nil {
		t.Fatal(err)
	}
	return cert
}

func TestGoodKeysAreTaken(t *testing.T) {
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	hardware := struct {
		Name, Key, Application string
	}{ssh.KeyAlgoSKED25519, string(ed(t)), "ssh:"}
	sk := ssh.KeyAlgoSKED25519 + " " + base64.StdEncoding.EncodeToString(ssh.Marshal(hardware)) + " token"
	for _, c := range []struct{ line, kind, comment string }{
		{line(t, ed(t), "ada@laptop"), "ssh-ed25519", "ada@laptop"},
		{line(t, ed(t), "ada on her  laptop\x1b[31m"), "ssh-ed25519", "ada on her  laptop[31m"},
		{line(t, ed(t), ""), "ssh-ed25519", ""},
		{"  " + line(t, rsaOf(2048), "old\n"), "ssh-rsa", "old"},
		{line(t, &curve.PublicKey, "c"), "ecdsa-sha2-nistp256", "c"},
		{sk, ssh.KeyAlgoSKED25519, "token"},
	} {
		got, err := ParsePublicKey(c.line)
		if err != nil || got.Type != c.kind || got.Comment != c.comment {
			t.Errorf("%s: %+v, %v", c.line, got, err)
			continue
		}
		if !strings.HasPrefix(got.Fingerprint, "SHA256:") || strings.ContainsAny(got.Line, "\n\x1b") {
			t.Errorf("%+v", got)
		}
		if again, err := ParsePublicKey(got.Line); err != nil || again != got {
			t.Errorf("its own line %q gives %+v, %v", got.Line, again, err)
		}
	}
}

func TestBadKeysAreRefusedWithAReason(t *testing.T) {
	good := line(t, ed(t), "x")
	private, err := newKeyPEM("x")
	if err != nil {
		t.Fatal(err)
	}
	cert := certificate(t, mustKey(t, ed(t)))
	for _, c := range []struct{ what, line, want string }{
		{"nothing", " \n", "no key given"},
		{"words", "hello there", "not an SSH public key"},
		{"cut", good[:40], "not an SSH public key"},
		{"private", string(private), "private key"},
		{"private, one line", strings.ReplaceAll(string(private), "\n", " "), "private key"},
		{"private, PuTTY", "PuTTY-User-Key-File-3: ssh-ed25519", "private key"},
		{"SSH2 form", "---- BEGIN SSH2 PUBLIC KEY ----\nAAAA", "ssh-keygen -i"},
		{"dsa", dsaLine(), "too weak"},
		{"small rsa", line(t, rsaOf(1024), "x"), "1024 bits is too weak"},
		{"almost", line(t, rsaOf(2047), "x"), "2047 bits is too weak"},
		{"options", `command="rm -rf /" ` + good, "options"},
		{"certificate", strings.TrimSpace(string(ssh.MarshalAuthorizedKey(cert))), "certificate"},
		{"two keys", good + "\n" + good, "one key at a time"},
		{"endless", "ssh-rsa " + strings.Repeat("A", 1<<20), "longer than any real one"},
	} {
		_, err := ParsePublicKey(c.line)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.what, err, c.want)
		}
		if err != nil && (strings.Contains(err.Error(), "AAAA") && !strings.Contains(err.Error(), "AAAA…") || strings.Contains(err.Error(), "\n")) {
			t.Errorf("%s: the error repeats the text: %v", c.what, err)
		}
	}
}

func mustKey(t testing.TB, public any) ssh.PublicKey {
	t.Helper()
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestACertificateHasItsKeysFingerprint(t *testing.T) {
	key := mustKey(t, ed(t))
	if cert := certificate(t, key); FingerprintOf(cert) != FingerprintOf(key) {
		t.Errorf("%s, want %s", FingerprintOf(cert), FingerprintOf(key))
	}
}

func TestABadLineDoesNotSpoilTheOthers(t *testing.T) {
	a, b := line(t, ed(t), "a"), line(t, ed(t), "b")
	found, errs := ParseAuthorizedKeys("# my keys\n\n" + a + "\r\nrubbish\n" + line(t, rsaOf(1024), "weak") + "\n" + b + "\n" + a + " again")
	if len(found) != 2 || found[0].Comment != "a" || found[1].Comment != "b" {
		t.Errorf("found %+v", found)
	}
	if len(errs) != 2 || !strings.HasPrefix(errs[0].Error(), "line 4: not") || !strings.HasPrefix(errs[1].Error(), "line 5: an rsa") {
		t.Errorf("errors %v", errs)
	}
	private, _ := newKeyPEM("x")
	if found, errs := ParseAuthorizedKeys(string(private)); len(found) != 0 || len(errs) != 1 || !strings.Contains(errs[0].Error(), "private key") {
		t.Errorf("a private key: %v, %v", found, errs)
	}
	if found, errs := ParseAuthorizedKeys(""); len(found)+len(errs) != 0 {
		t.Errorf("nothing: %v, %v", found, errs)
	}
}

func FuzzParsePublicKey(f *testing.F) {
	f.Add(line(f, ed(f), "comment"))
	f.Add(`no-pty,command="x" ` + line(f, rsaOf(2048), "y"))
	f.Add("ssh-rsa AAAAB3NzaC1yc2E")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := ParsePublicKey(text)
		if err != nil {
			return
		}
		if again, err := ParsePublicKey(got.Line); err != nil || again != got {
			t.Errorf("%q was taken, but its own line gives %+v, %v", text, again, err)
		}
	})
}

func TestPasswordsAreCheckedAgainstTheirHash(t *testing.T) {
	hash, err := HashPassword(t.Context(), "swordfish")
	if err != nil || !strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Fatal(hash, err)
	}
	if again, _ := HashPassword(t.Context(), "swordfish"); again == hash {
		t.Error("two hashes share a salt")
	}
	for pw, want := range map[string]bool{"swordfish": true, "Swordfish": false, "": false, "swordfish ": false, strings.Repeat("x", 5000): false} {
		if ok, err := VerifyPassword(t.Context(), hash, pw); ok != want || err != nil {
			t.Errorf("%.20q: %v, %v", pw, ok, err)
		}
	}
	parts := strings.Split(hash, "$")
	for _, bad := range []string{"", "x", "swordfish", "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$", "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$AAAA", strings.Replace(hash, "argon2id", "argon2i", 1), strings.Replace(hash, "v=19", "v=18", 1),
		strings.Replace(hash, "m=19456", "m=4000000000", 1), strings.Replace(hash, "t=2", "t=4000000", 1), strings.Replace(hash, "p=1", "p=0", 1), strings.Join(parts[:5], "$")} {
		if ok, err := VerifyPassword(t.Context(), bad, "swordfish"); ok || err == nil {
			t.Errorf("%q: %v, %v", bad, ok, err)
		}
	}
	for _, pw := range []string{"", strings.Repeat("x", 1025)} {
		if _, err := HashPassword(t.Context(), pw); err == nil {
			t.Errorf("a password of %d bytes was taken", len(pw))
		}
	}
}

func TestRandomTextsHaveTheirLengthAndLetters(t *testing.T) {
	for _, n := range []int{0, 1, 7, 8, 24, 500} {
		for what, c := range map[string]struct{ got, letters string }{
			"RandomHex":      {RandomHex(n), "0123456789abcdef"},
			"RandomPassword": {RandomPassword(n), passwordAlphabet},
		} {
			if len(c.got) != n || strings.Trim(c.got, c.letters) != "" {
				t.Errorf("%s(%d) = %q", what, n, c.got)
			}
			if n == 500 {
				for _, l := range c.letters {
					if !strings.ContainsRune(c.got+RandomPassword(500)+RandomHex(500), l) {
						t.Errorf("%s never gives %q", what, l)
					}
				}
			}
		}
	}
	seen := map[string]bool{}
	for range 1000 {
		s := RandomHex(16)
		if seen[s] {
			t.Fatal("repeats")
		}
		seen[s] = true
	}
}

func ExampleParsePublicKey() {
	k, err := ParsePublicKey("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl github")
	fmt.Println(k.Type, k.Fingerprint, k.Comment, err)
	// Output: ssh-ed25519 SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU github <nil>
}

func BenchmarkHashPassword(b *testing.B) {
	for b.Loop() {
		if _, err := HashPassword(b.Context(), "swordfish"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	dir := filepath.Join(b.TempDir(), "keys")
	for b.Loop() {
		ring(b, dir)
	}
}
