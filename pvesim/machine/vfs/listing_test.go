package vfs

import (
	"os"
	"sync"
	"testing"
	"time"
)

// A directory is listed while virtual files in it tell how full the file system
// is and somebody else writes: nobody may wait for himself.
func TestListingVirtualFilesWhileOthersWrite(t *testing.T) {
	f := New(time.Now)
	f.Virtual("/proc/full", func() []byte { return []byte(time.Duration(f.Used()).String()) }, nil)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 2000 {
				if _, err := f.ReadDir("/proc"); err != nil {
					t.Error(err)
					return
				}
			}
		})
		wg.Go(func() {
			for range 2000 {
				h, err := f.Open("/file", os.O_RDWR|os.O_CREATE, 0o600)
				if err != nil {
					t.Error(err)
					return
				}
				_ = h.Close()
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		t.Fatal("a listing waits for itself")
	}
}
