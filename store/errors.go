package store

import "fmt"

// LockedError says that another process has the file open.
type LockedError struct {
	PID int // 0 when it could not be learned
}

func (e *LockedError) Error() string {
	if e.PID == 0 {
		return "server is running (another process has the store open)"
	}
	return fmt.Sprintf("server is running (pid %d)", e.PID)
}

// NewerError says that the file was written by a newer version of the program.
type NewerError struct {
	File, Program int // schema versions
}

func (e *NewerError) Error() string {
	return fmt.Sprintf("the store has schema version %d, this program knows up to %d: use the newer Proximity that wrote it, or restore an older copy", e.File, e.Program)
}

// TakenError says that a value that must be unique belongs to another row.
type TakenError struct {
	Table string
	Index string // "key", or the name of the unique index
	Value string
	By    string // key of the row that has it
}

func (e *TakenError) Error() string {
	return fmt.Sprintf("%s: %s %q is taken by %s", e.Table, e.Index, e.Value, e.By)
}
