package keys

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime"
	"strings"

	"golang.org/x/crypto/argon2"
)

// Cost of a password hash: OWASP's second choice for argon2id, about 20 ms. https://cheatsheetseries.owasp.org
const (
	argonMemory  = 19 << 10 // KiB
	argonTime    = 2
	argonThreads = 1
	saltLen      = 16
	hashLen      = 32
	maxPassword  = 1024 // bytes
)

// hashing bounds how many hashes are computed at once, in all of the process: a burst of logins must leave half of the
// processors, and the memory, to everybody else.
var hashing = make(chan struct{}, max(1, runtime.NumCPU()/2))

// argon computes a hash once it is its turn, unless ctx ends before.
func argon(ctx context.Context, pw string, salt []byte, time, memory uint32, threads uint8, length uint32) ([]byte, error) {
	select {
	case hashing <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-hashing }()
	return argon2.IDKey([]byte(pw), salt, time, memory, threads, length), nil
}

// HashPassword returns the argon2id hash of a password of at most 1024 bytes, with its salt and cost, as a PHC string.
func HashPassword(ctx context.Context, pw string) (string, error) {
	switch {
	case pw == "":
		return "", errors.New("a password must not be empty")
	case len(pw) > maxPassword:
		return "", fmt.Errorf("a password of %d bytes is too long (at most %d)", len(pw), maxPassword)
	}
	salt := make([]byte, saltLen)
	if _, err := rand.Read(salt); err != nil {
		return "", fmt.Errorf("hash password: %w", err)
	}
	hash, err := argon(ctx, pw, salt, argonTime, argonMemory, argonThreads, hashLen)
	if err != nil {
		return "", fmt.Errorf("hash password: %w", err)
	}
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonTime, argonThreads, b64(salt), b64(hash)), nil
}

// ErrHash is returned for a password hash that is not one of HashPassword's kind.
var ErrHash = errors.New("the stored password hash cannot be read: set the password anew")

// VerifyPassword reports whether pw is the password of the hash. It takes as long for a wrong one as for the right one.
func VerifyPassword(ctx context.Context, hash, pw string) (ok bool, err error) {
	var version int
	var memory, time uint32
	var threads uint8
	parts := strings.Split(hash, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" {
		return false, ErrHash
	}
	if _, err := fmt.Sscanf(parts[2], "v=%d", &version); err != nil || version != argon2.Version {
		return false, ErrHash
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &memory, &time, &threads); err != nil {
		return false, ErrHash
	}
	salt, err1 := base64.RawStdEncoding.DecodeString(parts[4])
	want, err2 := base64.RawStdEncoding.DecodeString(parts[5])
	if err1 != nil || err2 != nil || len(salt) < 8 || len(want) < 16 || len(want) > 64 {
		return false, ErrHash
	}
	// A hash that somebody put into the store must not become a way to use up all memory.
	if memory < 8 || memory > 256<<10 || time < 1 || time > 10 || threads < 1 || threads > 8 {
		return false, ErrHash
	}
	if len(pw) > maxPassword {
		return false, nil
	}
	got, err := argon(ctx, pw, salt, time, memory, threads, uint32(len(want)))
	return err == nil && subtle.ConstantTimeCompare(got, want) == 1, err
}

// VerifyNoPassword takes as long as VerifyPassword and says no: for names that nobody has, so that the time does not
// tell which there are.
func VerifyNoPassword(ctx context.Context, pw string) error {
	if len(pw) > maxPassword {
		return nil
	}
	_, err := argon(ctx, pw, make([]byte, saltLen), argonTime, argonMemory, argonThreads, hashLen)
	return err
}

// passwordAlphabet has no characters that look alike (0 O 1 l I) and none that shells or .env files treat specially.
const passwordAlphabet = "abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"

// RandomPassword returns n random letters and digits, almost 6 bits each.
func RandomPassword(n int) string {
	const fair = 256 - 256%len(passwordAlphabet) // bytes from here on would favour the first letters
	out := make([]byte, 0, n)
	var buf [64]byte
	for len(out) < n {
		_, _ = rand.Read(buf[:]) // never fails: crypto/rand ends the program instead
		for _, b := range buf {
			if int(b) < fair && len(out) < n {
				out = append(out, passwordAlphabet[int(b)%len(passwordAlphabet)])
			}
		}
	}
	return string(out)
}

// RandomHex returns n random hexadecimal digits, 4 bits each.
func RandomHex(n int) string {
	buf := make([]byte, (n+1)/2)
	_, _ = rand.Read(buf)
	return hex.EncodeToString(buf)[:n]
}
