package core

import "sync"

// maxMemo bounds what is kept beside one world, in bytes.
const maxMemo = 4 << 20

// memo is what faces have made from a world. It goes with it.
type memo struct {
	mu   sync.RWMutex
	kept map[string][]byte
	size int // bytes
}

// Memo gives what make makes of the world, and keeps it under the key for as
// long as the world lasts. What it returns is shared: it must not be changed.
func (w *World) Memo(key string, make func() ([]byte, error)) ([]byte, error) {
	if w.memo == nil {
		return make()
	}
	w.memo.mu.RLock()
	b, ok := w.memo.kept[key]
	w.memo.mu.RUnlock()
	if ok {
		return b, nil
	}
	b, err := make()
	if err != nil {
		return nil, err
	}
	w.memo.mu.Lock()
	defer w.memo.mu.Unlock()
	if w.memo.kept == nil {
		w.memo.kept = map[string][]byte{}
	}
	if cost := len(key) + len(b); w.memo.size+cost <= maxMemo {
		w.memo.kept[key] = b
		w.memo.size += cost
	}
	return b, nil
}
