package machine

import (
	"io"
	"math/rand/v2"
	"sync"
)

var eof = io.EOF

// randomBytes is /dev/urandom: the same bytes for the same seed.
func randomBytes(seed uint64) func(b []byte) (int, error) {
	var key [32]byte
	for i := range 8 {
		key[i] = byte(seed >> (8 * i))
	}
	var mu sync.Mutex
	source := rand.NewChaCha8(key)
	return func(b []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return source.Read(b)
	}
}
