package pve

import (
	"context"
	"time"
)

// UPID names one task for ever.
type UPID string

// UPIDParts is what a UPID says.
type UPIDParts struct {
	Node        string
	PID, PStart uint64
	Start       time.Time
	Type, ID    string // "vzcreate", "100"
	User        string // "root@pam", "app@pve!token"
}

// ParseUPID takes a UPID apart.
func ParseUPID(u UPID) (UPIDParts, error) { return UPIDParts{}, ErrUnsupported }

// Task is one row of a node's task list.
type Task struct {
	UPID           UPID
	Node, Type, ID string
	User           string
	Start, End     time.Time // End is zero while it runs
	Running        bool
	Exit           string // "OK", "WARNINGS: 1", or the error; "" while it runs
}

// TaskFilter narrows a task list; zero values match everything.
type TaskFilter struct {
	VMID   int
	Since  time.Time
	Type   string
	Source string // "active", "archive"; "" = both
	Limit  int    // per source, default 50
}

// TaskStatus is a task now.
type TaskStatus struct {
	Running bool
	Exit    string // "" while it runs
}

// OK says whether the task ended well: "OK" or only warnings.
func (s TaskStatus) OK() bool { return false }

func (c *Client) Tasks(ctx context.Context, node string, f TaskFilter) ([]Task, error) {
	return nil, ErrUnsupported
}
func (c *Client) TaskStatus(ctx context.Context, u UPID) (TaskStatus, error) {
	return TaskStatus{}, ErrUnsupported
}
func (c *Client) TaskLog(ctx context.Context, u UPID, start int) (lines []string, next int, err error) {
	return nil, 0, ErrUnsupported
}

// Wait polls a task to its end.
func (c *Client) Wait(ctx context.Context, u UPID, line func(string)) error { return ErrUnsupported }

// StopTask asks the node to end a task.
func (c *Client) StopTask(ctx context.Context, u UPID) error { return ErrUnsupported }
