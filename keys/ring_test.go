package keys

import (
	"bytes"
	"crypto/hmac"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/crypto/ssh"
)

func ring(t testing.TB, dir string) *Ring {
	t.Helper()
	r, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestTheFirstStartMakesKeysAndLaterOnesKeepThem(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	first := ring(t, dir)
	for path, mode := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, hostKeyFile): 0o600, filepath.Join(dir, sealKeyFile): 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v", path, info, err)
		}
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 2 {
		t.Errorf("left in the folder: %v", entries)
	}
	sealed, err := first.Seal("c", []byte("s"))
	if err != nil {
		t.Fatal(err)
	}
	second := ring(t, dir)
	if plain, err := second.Unseal("c", sealed); err != nil || string(plain) != "s" {
		t.Errorf("Unseal after a restart: %q, %v", plain, err)
	}
	signer, err := ssh.ParsePrivateKey(second.HostKeyPEM())
	if err != nil || first.HostKeyFingerprint() != second.HostKeyFingerprint() || FingerprintOf(signer.PublicKey()) != first.HostKeyFingerprint() {
		t.Errorf("host key: %v, %s, %s", err, first.HostKeyFingerprint(), second.HostKeyFingerprint())
	}
	if !strings.HasPrefix(first.HostKeyFingerprint(), "SHA256:") || signer.PublicKey().Type() != ssh.KeyAlgoED25519 {
		t.Errorf("%s %s", signer.PublicKey().Type(), first.HostKeyFingerprint())
	}
}

func TestManyFirstStartsAtOnceAgreeOnTheKeys(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	var wg sync.WaitGroup
	rings := make([]*Ring, 8)
	for i := range rings {
		wg.Go(func() {
			r, err := Open(dir)
			if err != nil {
				t.Error(err)
				return
			}
			rings[i] = r
		})
	}
	wg.Wait()
	for _, r := range rings[1:] {
		if r == nil || rings[0] == nil || !bytes.Equal(r.seal, rings[0].seal) || r.fingerprint != rings[0].fingerprint {
			t.Fatal("two starts have different keys")
		}
	}
}

func TestAKeyThatCannotBeTrustedIsRefusedAndNotReplaced(t *testing.T) {
	for _, c := range []struct {
		what string
		do   func(dir string) error
		want string
	}{
		{"empty seal key", func(d string) error { return os.WriteFile(filepath.Join(d, sealKeyFile), nil, 0o600) }, "it is empty"},
		{"cut seal key", func(d string) error { return os.Truncate(filepath.Join(d, sealKeyFile), 20) }, "20 bytes"},
		{"cut host key", func(d string) error { return os.Truncate(filepath.Join(d, hostKeyFile), 100) }, hostKeyFile},
		{"readable seal key", func(d string) error { return os.Chmod(filepath.Join(d, sealKeyFile), 0o644) }, "chmod 600"},
		{"open folder", func(d string) error { return os.Chmod(d, 0o755) }, "chmod 700"},
		{"folder in the place of a key", func(d string) error {
			return errors.Join(os.Remove(filepath.Join(d, sealKeyFile)), os.Mkdir(filepath.Join(d, sealKeyFile), 0o700))
		}, "directory"},
	} {
		t.Run(c.what, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "keys")
			r := ring(t, dir)
			if err := c.do(dir); err != nil {
				t.Fatal(err)
			}
			before, _ := os.ReadFile(filepath.Join(dir, sealKeyFile))
			_, err := Open(dir)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("err = %v, want one that says %q", err, c.want)
			}
			if bytes.Contains([]byte(err.Error()), r.seal) {
				t.Error("the error tells the key")
			}
			if after, _ := os.ReadFile(filepath.Join(dir, sealKeyFile)); !bytes.Equal(before, after) {
				t.Error("the key was replaced")
			}
		})
	}
}

func TestASealedSecretOpensOnlyWhereItBelongs(t *testing.T) {
	r, other := ring(t, filepath.Join(t.TempDir(), "a")), ring(t, filepath.Join(t.TempDir(), "b"))
	const secret = "correct horse battery staple"
	sealed, err := r.Seal("hosts/1/password", []byte(secret))
	if err != nil || !strings.HasPrefix(sealed, "px1:") || strings.Contains(sealed, "horse") {
		t.Fatalf("%q, %v", sealed, err)
	}
	again, _ := r.Seal("hosts/1/password", []byte(secret))
	if again == sealed {
		t.Error("sealing twice gives the same text")
	}
	if plain, err := r.Unseal("hosts/1/password", sealed); err != nil || string(plain) != secret {
		t.Errorf("%q, %v", plain, err)
	}
	if plain, err := r.Unseal("x", mustSeal(t, r, "x", "")); err != nil || len(plain) != 0 {
		t.Errorf("empty secret: %q, %v", plain, err)
	}
	flipped := []byte(sealed)
	flipped[len(flipped)/2] ^= 1
	for what, try := range map[string]func() ([]byte, error){
		"another context": func() ([]byte, error) { return r.Unseal("hosts/2/password", sealed) },
		"another key":     func() ([]byte, error) { return other.Unseal("hosts/1/password", sealed) },
		"changed text":    func() ([]byte, error) { return r.Unseal("hosts/1/password", string(flipped)) },
		"cut text":        func() ([]byte, error) { return r.Unseal("hosts/1/password", sealed[:20]) },
		"plain text":      func() ([]byte, error) { return r.Unseal("hosts/1/password", secret) },
		"no text":         func() ([]byte, error) { return r.Unseal("hosts/1/password", "") },
	} {
		plain, err := try()
		if !errors.Is(err, ErrSealed) || plain != nil {
			t.Errorf("%s: %q, %v", what, plain, err)
		}
		if err != nil && strings.Contains(err.Error(), "horse") {
			t.Errorf("%s: the error tells the secret: %v", what, err)
		}
	}
}

func mustSeal(t *testing.T, r *Ring, context, plain string) string {
	t.Helper()
	s, err := r.Seal(context, []byte(plain))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func FuzzUnsealNeverPanics(f *testing.F) {
	r := ring(f, filepath.Join(f.TempDir(), "keys"))
	good, _ := r.Seal("c", []byte("s"))
	for _, s := range []string{good, "px1:", "px1:AAAA", "px2:" + good[4:], good[:len(good)-1]} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if plain, err := r.Unseal("c", text); err == nil && text != good {
			t.Errorf("%q opened to %q", text, plain)
		}
	})
}

func TestTokensAreOursAndEnd(t *testing.T) {
	r, other := ring(t, filepath.Join(t.TempDir(), "a")), ring(t, filepath.Join(t.TempDir(), "b"))
	now := time.Unix(1_800_000_000, 0)
	sign := func(r *Ring, exp time.Time) string {
		token, err := r.SignToken(map[string]any{"sub": "ada", "user_id": 7, "exp": exp.Unix()})
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	good := sign(r, now.Add(time.Hour))
	claims, err := r.VerifyToken(good, now)
	if err != nil || claims["sub"] != "ada" || claims["user_id"] != float64(7) {
		t.Fatalf("%v, %v", claims, err)
	}
	none, err := jwt.NewWithClaims(jwt.SigningMethodNone, jwt.MapClaims{"sub": "ada", "exp": now.Add(time.Hour).Unix()}).SignedString(jwt.UnsafeAllowNoneSignatureType)
	if err != nil {
		t.Fatal(err)
	}
	wider, err := jwt.NewWithClaims(jwt.SigningMethodHS512, jwt.MapClaims{"sub": "ada", "exp": now.Add(time.Hour).Unix()}).SignedString(r.token)
	if err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		token string
		want  error
	}{
		"expired":            {sign(r, now.Add(-time.Second)), ErrTokenExpired},
		"expired, not ours":  {sign(other, now.Add(-time.Second)), ErrToken},
		"not ours":           {sign(other, now.Add(time.Hour)), ErrToken},
		"unsigned":           {none, ErrToken},
		"another algorithm":  {wider, ErrToken},
		"changed":            {good[:len(good)-3] + "AAA", ErrToken},
		"not a token at all": {"x", ErrToken},
		"empty":              {"", ErrToken},
	} {
		if claims, err := r.VerifyToken(c.token, now); !errors.Is(err, c.want) || claims != nil {
			t.Errorf("%s: %v, %v", what, claims, err)
		}
		past, err := r.PastToken(c.token) // it forgives the time, and nothing else
		if ours := c.want == ErrTokenExpired; ours != (err == nil) || ours != (past["sub"] == "ada") {
			t.Errorf("%s: %v, %v of the past", what, past, err)
		}
	}
	for what, exp := range map[string]any{"without end": nil, "with a silly end": "tomorrow"} {
		if _, err := r.SignToken(map[string]any{"exp": exp}); err == nil {
			t.Errorf("a token %s was signed", what)
		}
	}
}

func TestEachPurposeHasItsOwnMAC(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	r := ring(t, dir)
	a, b := r.MAC("audit", []byte("x")), r.MAC("other", []byte("x"))
	if hmac.Equal(a, b) || len(a) != 32 {
		t.Error("two purposes, one MAC")
	}
	if !hmac.Equal(a, ring(t, dir).MAC("audit", []byte("x"))) {
		t.Error("the MAC does not survive a restart")
	}
}

func TestClientKeyIsMadeOnceAndKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "demo_key")
	first, err := WriteClientKey(path)
	if err != nil {
		t.Fatal(err)
	}
	second, err := WriteClientKey(path)
	if err != nil || first != second {
		t.Errorf("%v, %v, %v", first, second, err)
	}
	if parsed, err := ParsePublicKey(first.Line); err != nil || parsed != first || parsed.Comment != "demo_key" {
		t.Errorf("%v, %v", parsed, err)
	}
	data, _ := os.ReadFile(path)
	if signer, err := ssh.ParsePrivateKey(data); err != nil || FingerprintOf(signer.PublicKey()) != first.Fingerprint {
		t.Error(err)
	}
	if err := os.WriteFile(path, []byte("garbage"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := WriteClientKey(path); err == nil {
		t.Error("a damaged key was taken")
	}
	if data, _ := os.ReadFile(path); string(data) != "garbage" {
		t.Error("a damaged key was replaced")
	}
}
