package core

import "syscall"

// freeSpace is what may still be written to the file system of a folder, in
// bytes; false if that cannot be told.
func freeSpace(dir string) (int64, bool) {
	var s syscall.Statfs_t
	if syscall.Statfs(dir, &s) != nil {
		return 0, false
	}
	return int64(s.Bavail) * s.Bsize, true
}
