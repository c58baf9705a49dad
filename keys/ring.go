// Package keys holds the installation's own keys and does all that is done with keys, sealed secrets, tokens and passwords.
package keys

import (
	"crypto/cipher"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/chacha20poly1305"
	"golang.org/x/crypto/ssh"
)

const (
	hostKeyFile = "host_ed25519"
	sealKeyFile = "seal.key"
)

// Ring is the installation's keys, read once. It is safe for concurrent use.
type Ring struct {
	hostPEM     []byte
	fingerprint string
	seal        []byte
	aead        cipher.AEAD
	token       []byte
}

// Open reads the keys in dir, and makes those that do not exist yet. The folder (0700) and the files (0600) must be
// the owner's alone. A key that cannot be read is an error, never replaced: what it sealed would be lost, and clients
// who know the host key would be locked out.
func Open(dir string) (*Ring, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder for keys: %w", err)
	}
	if err := checkPrivate(dir, "700"); err != nil {
		return nil, err
	}
	hostPEM, err := readOrMake(filepath.Join(dir, hostKeyFile), func() ([]byte, error) { return newKeyPEM("proximity") })
	if err != nil {
		return nil, err
	}
	seal, err := readOrMake(filepath.Join(dir, sealKeyFile), newSealKey)
	if err != nil {
		return nil, err
	}
	signer, err := ssh.ParsePrivateKey(hostPEM)
	if err != nil {
		return nil, damaged(filepath.Join(dir, hostKeyFile), err)
	}
	if len(seal) != chacha20poly1305.KeySize {
		return nil, damaged(filepath.Join(dir, sealKeyFile), fmt.Errorf("it has %d bytes, want %d", len(seal), chacha20poly1305.KeySize))
	}
	aead, err := chacha20poly1305.NewX(seal)
	if err != nil {
		return nil, err
	}
	r := &Ring{hostPEM: hostPEM, fingerprint: FingerprintOf(signer.PublicKey()), seal: seal, aead: aead}
	if r.token, err = r.derive("token signing"); err != nil {
		return nil, err
	}
	return r, nil
}

func newSealKey() ([]byte, error) {
	key := make([]byte, chacha20poly1305.KeySize)
	_, err := rand.Read(key)
	return key, err
}

// newKeyPEM makes an ed25519 key in OpenSSH's own form.
func newKeyPEM(comment string) ([]byte, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	block, err := ssh.MarshalPrivateKey(private, comment)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(block), nil
}

// HostKeyPEM returns the private SSH host key in OpenSSH's form.
func (r *Ring) HostKeyPEM() []byte { return append([]byte(nil), r.hostPEM...) }

// HostKeyFingerprint returns the host key's fingerprint as ssh prints it: SHA256:…
func (r *Ring) HostKeyFingerprint() string { return r.fingerprint }

// derive makes a key of its own for each purpose, so that none can be used for another.
func (r *Ring) derive(purpose string) ([]byte, error) {
	return hkdf.Key(sha256.New, r.seal, nil, "proximity 1: "+purpose, sha256.Size)
}

// MAC returns 32 bytes that only this installation can compute from the data, for instance to sign a record.
// Compare with hmac.Equal.
func (r *Ring) MAC(purpose string, data []byte) []byte {
	key, err := r.derive("mac: " + purpose)
	if err != nil {
		panic(err) // only for a length that SHA-256 cannot give
	}
	h := hmac.New(sha256.New, key)
	h.Write(data)
	return h.Sum(nil)
}

// sealPrefix names the format, so that it can change without guessing.
const sealPrefix = "px1:"

// ErrSealed is returned when a sealed text cannot be opened: it was damaged, made for another context, or sealed by
// another installation's key.
var ErrSealed = errors.New("the sealed secret cannot be opened: it is damaged, belongs elsewhere, or was sealed with another seal.key")

// Seal encrypts a secret for one context (table, row and field, say), in which alone it can be opened again.
func (r *Ring) Seal(context string, plain []byte) (string, error) {
	nonce := make([]byte, chacha20poly1305.NonceSizeX, chacha20poly1305.NonceSizeX+len(plain)+chacha20poly1305.Overhead)
	if _, err := rand.Read(nonce); err != nil {
		return "", fmt.Errorf("seal: %w", err)
	}
	sealed := r.aead.Seal(nonce, nonce, plain, []byte(context))
	return sealPrefix + base64.RawStdEncoding.EncodeToString(sealed), nil
}

// Unseal returns what was sealed in the same context, or ErrSealed.
func (r *Ring) Unseal(context, sealed string) ([]byte, error) {
	text, ok := strings.CutPrefix(sealed, sealPrefix)
	if !ok {
		return nil, fmt.Errorf("%w (it does not begin with %s)", ErrSealed, sealPrefix)
	}
	data, err := base64.RawStdEncoding.Strict().DecodeString(text)
	if err != nil || len(data) < chacha20poly1305.NonceSizeX {
		return nil, ErrSealed
	}
	nonce, box := data[:chacha20poly1305.NonceSizeX], data[chacha20poly1305.NonceSizeX:]
	plain, err := r.aead.Open(nil, nonce, box, []byte(context))
	if err != nil {
		return nil, ErrSealed
	}
	return plain, nil
}
