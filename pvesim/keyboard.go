package pvesim

import (
	"bytes"
	"io"
	"strconv"
	"sync"
)

// keyboard hands what a client types to whoever reads now.
type keyboard struct {
	mu     sync.Mutex
	to     *io.PipeWriter
	closed bool
}

// attach makes a new reader; the last one gets nothing more.
func (k *keyboard) attach() *io.PipeReader {
	k.mu.Lock()
	defer k.mu.Unlock()
	r, w := io.Pipe()
	if k.closed {
		_ = w.Close()
	}
	k.to = w
	return r
}

func (k *keyboard) close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.closed = true
	if k.to != nil {
		_ = k.to.Close()
	}
}

// feed reads termproxy's messages ("0:LENGTH:DATA" keys, "1:COLS:ROWS:" a resize, "2" a sign of life) and returns what
// is not complete yet.
func (k *keyboard) feed(b []byte) (rest []byte) {
	for len(b) > 0 {
		switch b[0] {
		case '2':
			b = b[1:]
		case '1':
			parts := bytes.SplitN(b, []byte(":"), 4)
			if len(parts) < 4 {
				return b
			}
			b = parts[3]
		case '0':
			parts := bytes.SplitN(b, []byte(":"), 3)
			if len(parts) < 3 {
				return b
			}
			n, err := strconv.Atoi(string(parts[1]))
			if err != nil || n < 0 {
				return nil
			}
			if len(parts[2]) < n {
				return b
			}
			k.press(parts[2][:n])
			b = parts[2][n:]
		default:
			return nil
		}
	}
	return nil
}

func (k *keyboard) press(b []byte) {
	k.mu.Lock()
	to := k.to
	k.mu.Unlock()
	if to != nil {
		_, _ = to.Write(b) // nobody reads any more: the keys are lost
	}
}
