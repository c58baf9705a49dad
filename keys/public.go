package keys

import (
	"bufio"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/crypto/ssh"
)

// PublicKey is one SSH public key as a person would recognise it.
type PublicKey struct {
	Type        string // ssh-ed25519, ssh-rsa, …
	Fingerprint string // SHA256:…
	Comment     string // printable characters only
	Line        string // the authorized_keys line: type, key, comment
}

const (
	minRSABits = 2048
	maxRSABits = 16384 // what OpenSSH takes; more only costs time
	maxLine    = 16 << 10
)

// accepted key types. Old and weak ones (dsa) are missing on purpose.
var accepted = []string{
	ssh.KeyAlgoED25519, ssh.KeyAlgoSKED25519, ssh.KeyAlgoRSA,
	ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521, ssh.KeyAlgoSKECDSA256,
}

// FingerprintOf returns the fingerprint as ssh prints it. A certificate has that of the key it certifies.
func FingerprintOf(key ssh.PublicKey) string {
	if cert, ok := key.(*ssh.Certificate); ok {
		key = cert.Key
	}
	return ssh.FingerprintSHA256(key)
}

// ParsePublicKey reads one line of an authorized_keys or .pub file. It refuses weak keys, certificates, options
// (they would be ignored, which may not be what their author counts on) and private keys pasted by mistake. No error
// repeats the text.
func ParsePublicKey(line string) (PublicKey, error) {
	line = strings.TrimSpace(line)
	if err := checkText(line); err != nil {
		return PublicKey{}, err
	}
	if kind := strings.Fields(line)[0]; kind == "ssh-dss" {
		return PublicKey{}, errors.New("dsa keys are too weak: make a new one with ssh-keygen -t ed25519")
	}
	key, comment, options, _, err := ssh.ParseAuthorizedKey([]byte(line))
	if err != nil {
		return PublicKey{}, errors.New("not an SSH public key: paste the whole line of a .pub file, as in ssh-ed25519 AAAA… name")
	}
	if len(options) > 0 {
		return PublicKey{}, errors.New("the key has options before it, which are not supported: paste it without them")
	}
	if err := checkKey(key); err != nil {
		return PublicKey{}, err
	}
	return publicKey(key, comment), nil
}

// checkText recognises what people paste by mistake.
func checkText(text string) error {
	switch {
	case text == "":
		return errors.New("no key given: paste the line of a .pub file")
	case isPrivate(text):
		return errors.New("this is a private key, which must never leave its owner: paste the line of the .pub file instead, and if others may have seen this one, make a new pair")
	case strings.HasPrefix(text, "---- BEGIN SSH2"):
		return errors.New("this is a public key in another form: turn it into a line with ssh-keygen -i -f FILE")
	case len(text) > maxLine:
		return fmt.Errorf("a key of %d bytes is longer than any real one", len(text))
	case strings.ContainsAny(text, "\r\n"):
		return errors.New("a key is one line: give one key at a time")
	}
	return nil
}

func isPrivate(text string) bool {
	return strings.Contains(text, "PRIVATE KEY-----") || strings.Contains(text, "PuTTY-User-Key-File")
}

func checkKey(key ssh.PublicKey) error {
	if _, ok := key.(*ssh.Certificate); ok {
		return errors.New("this is a certificate: paste the line of the key itself, from the .pub file without -cert")
	}
	if !slices.Contains(accepted, key.Type()) {
		return fmt.Errorf("keys of type %s are not supported: make one with ssh-keygen -t ed25519", key.Type())
	}
	crypto, ok := key.(ssh.CryptoPublicKey)
	if !ok {
		return nil // keys in hardware
	}
	if rsaKey, ok := crypto.CryptoPublicKey().(*rsa.PublicKey); ok {
		switch bits := rsaKey.N.BitLen(); {
		case bits < minRSABits:
			return fmt.Errorf("an rsa key of %d bits is too weak (at least %d): make a new one with ssh-keygen -t ed25519", bits, minRSABits)
		case bits > maxRSABits:
			return fmt.Errorf("an rsa key of %d bits is larger than ssh takes (%d)", bits, maxRSABits)
		}
	}
	return nil
}

// ParseAuthorizedKeys reads the keys of an authorized_keys file. A bad line gives an error with its number and spoils
// no other. Empty lines and comments are passed over, a key that comes twice is returned once.
func ParseAuthorizedKeys(text string) ([]PublicKey, []error) {
	var found []PublicKey
	var errs []error
	if isPrivate(text) {
		return nil, []error{checkText(text)}
	}
	lines := bufio.NewScanner(strings.NewReader(text))
	lines.Buffer(nil, 16*maxLine)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		key, err := ParsePublicKey(line)
		if err != nil {
			errs = append(errs, fmt.Errorf("line %d: %w", n, err))
			continue
		}
		if !slices.ContainsFunc(found, func(k PublicKey) bool { return k.Fingerprint == key.Fingerprint }) {
			found = append(found, key)
		}
	}
	if err := lines.Err(); err != nil {
		errs = append(errs, fmt.Errorf("the rest cannot be read: %w", err))
	}
	return found, errs
}

func publicKey(key ssh.PublicKey, comment string) PublicKey {
	comment = strings.TrimSpace(strings.Map(func(c rune) rune {
		if unicode.IsPrint(c) {
			return c
		}
		return -1
	}, strings.ToValidUTF8(comment, "")))
	line := key.Type() + " " + base64.StdEncoding.EncodeToString(key.Marshal()) + " " + comment
	return PublicKey{
		Type:        key.Type(),
		Fingerprint: FingerprintOf(key),
		Comment:     comment,
		Line:        strings.TrimSpace(line),
	}
}
