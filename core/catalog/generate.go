package catalog

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/big"
	"strings"
)

// Generate makes the generated values that v lacks, from crypto/rand. What is there stays: a secret is made once and
// never again.
func (m *Manifest) Generate(v Values) error {
	for _, f := range m.Fields {
		if f.Generate == nil || v[f.Key] != "" || !f.active(v) {
			continue
		}
		value, err := f.Generate.make()
		if err != nil {
			return fmt.Errorf("generate %s: %w", f.Key, err)
		}
		v[f.Key] = value
	}
	return nil
}

// Alphabets without characters that are mistaken for one another when read aloud or typed from a screen, and without
// any that a shell, a URL or a compose file would interpret.
const (
	lower  = "abcdefghijkmnpqrstuvwxyz"
	upper  = "ABCDEFGHJKLMNPQRSTUVWXYZ"
	digits = "23456789"
	alnum  = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
)

// make generates one value. Length counts characters, prefix not included; for base64 the bytes before encoding.
func (g *Generator) make() (string, error) {
	value, err := g.random()
	return g.Prefix + value, err
}

func (g *Generator) random() (string, error) {
	length := func(normal int) int {
		if g.Length > 0 {
			return g.Length
		}
		return normal
	}
	switch g.Kind {
	case "password":
		return password(length(24))
	case "alnum":
		return pick(alnum, length(24))
	case "hex":
		n := length(32)
		raw := make([]byte, (n+1)/2)
		rand.Read(raw)
		return hex.EncodeToString(raw)[:n], nil
	case "base64":
		raw := make([]byte, length(32))
		rand.Read(raw)
		return base64.StdEncoding.EncodeToString(raw), nil
	case "uuid":
		return uuid(), nil
	case "username":
		first, err := pick(lower, 1)
		if err != nil {
			return "", err
		}
		rest, err := pick(lower+digits, length(8)-1)
		return first + rest, err
	}
	return "", fmt.Errorf("unknown kind %q", g.Kind)
}

// password has lower and upper case and a digit where it is long enough, because apps insist on them.
func password(n int) (string, error) {
	for {
		p, err := pick(lower+upper+digits, n)
		if err != nil {
			return "", err
		}
		if n < 4 || strings.ContainsAny(p, lower) && strings.ContainsAny(p, upper) && strings.ContainsAny(p, digits) {
			return p, nil
		}
	}
}

// pick draws n characters, each as likely as any other.
func pick(alphabet string, n int) (string, error) {
	out := make([]byte, n)
	size := big.NewInt(int64(len(alphabet)))
	for i := range out {
		at, err := rand.Int(rand.Reader, size)
		if err != nil {
			return "", err
		}
		out[i] = alphabet[at.Int64()]
	}
	return string(out), nil
}

// uuid is a random one (RFC 9562, version 4).
func uuid() string {
	var b [16]byte
	rand.Read(b[:])
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
