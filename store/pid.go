package store

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// The pid file only names the holder of the lock; the lock itself is the kernel's, on the store file, and goes with
// its process. So a stale pid file can at worst give a wrong number, never keep anybody out.

func pidFile(path string) string { return path + ".pid" }

func writePID(path string) error {
	return os.WriteFile(pidFile(path), []byte(strconv.Itoa(os.Getpid())+"\n"), 0o600)
}

func removePID(path string) { _ = os.Remove(pidFile(path)) }

// readPID returns the process that holds the store, or 0 when the file does not name a living one: the holder may
// just have taken the lock and not yet written its number over that of a dead one.
func readPID(path string) int {
	text, err := os.ReadFile(pidFile(path))
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || pid <= 0 || errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return 0
	}
	return pid
}
