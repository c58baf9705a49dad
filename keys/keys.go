// Package keys holds the installation's own keys and everything that is done with keys, passwords and tokens.
package keys

import (
	"time"

	"golang.org/x/crypto/ssh"
)

// Ring is the installation's keys, read once. It is safe for concurrent use.
type Ring struct{}

// PublicKey is one SSH public key as a person would recognise it.
type PublicKey struct {
	Type        string // ssh-ed25519, ssh-rsa, …
	Fingerprint string // SHA256:…
	Comment     string
	Line        string // the authorized_keys line: type, key, comment
}

func Open(dir string) (*Ring, error)                                            { panic("not yet") }
func (r *Ring) HostKeyPEM() []byte                                              { panic("not yet") }
func (r *Ring) HostKeyFingerprint() string                                      { panic("not yet") }
func (r *Ring) Seal(context string, plain []byte) (string, error)               { panic("not yet") }
func (r *Ring) Unseal(context, sealed string) ([]byte, error)                   { panic("not yet") }
func (r *Ring) MAC(purpose string, data []byte) []byte                          { panic("not yet") }
func (r *Ring) SignToken(claims map[string]any) (string, error)                 { panic("not yet") }
func (r *Ring) VerifyToken(token string, now time.Time) (map[string]any, error) { panic("not yet") }
func ParsePublicKey(line string) (PublicKey, error)                             { panic("not yet") }
func ParseAuthorizedKeys(text string) ([]PublicKey, []error)                    { panic("not yet") }
func FingerprintOf(key ssh.PublicKey) string                                    { panic("not yet") }
func WriteClientKey(path string) (PublicKey, error)                             { panic("not yet") }
func HashPassword(pw string) (string, error)                                    { panic("not yet") }
func VerifyPassword(hash, pw string) (ok bool, err error)                       { panic("not yet") }
func RandomPassword(n int) string                                               { panic("not yet") }
func RandomHex(n int) string                                                    { panic("not yet") }
