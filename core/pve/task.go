package pve

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"time"
)

// UPID names one task for ever: "UPID:pve1:0000014A:00035C8C:6B03C4D8:vzstart:100:root@pam:".
type UPID string

// UPIDParts is what a UPID says.
type UPIDParts struct {
	Node        string
	PID, PStart uint64
	Start       time.Time
	Type, ID    string // "vzcreate", "100"; the id may be empty or not a vmid ("100@local")
	User        string // "root@pam", "app@pve!token"
}

// VMID is the guest the task is about, 0 when it is about none.
func (p UPIDParts) VMID() int {
	vmid, _ := strconv.Atoi(p.ID)
	return vmid
}

// Proxmox: pve-common UPID.pm. PStart has nine digits on a node that is up for long.
var upidPattern = regexp.MustCompile(`^UPID:([a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?):([0-9A-Fa-f]{8}):([0-9A-Fa-f]{8,9}):([0-9A-Fa-f]{8}):([^:\s]+):([^:\s]*):([^:\s]+):$`)

// ParseUPID takes a UPID apart.
func ParseUPID(u UPID) (UPIDParts, error) {
	m := upidPattern.FindStringSubmatch(string(u))
	if m == nil {
		return UPIDParts{}, fmt.Errorf("%q is not a task id of Proxmox (UPID)", string(u))
	}
	hex := func(s string) uint64 {
		v, _ := strconv.ParseUint(s, 16, 64) // digits, says the pattern
		return v
	}
	return UPIDParts{Node: m[1], PID: hex(m[2]), PStart: hex(m[3]), Start: time.Unix(int64(hex(m[4])), 0),
		Type: m[5], ID: m[6], User: m[7]}, nil
}

// Task is one row of a node's task list.
type Task struct {
	UPID           UPID
	Node, Type, ID string
	User           string    // with "!token" when a token started it
	Start, End     time.Time // End is zero while it runs
	Running        bool
	Exit           string // "OK", "WARNINGS: 1", or the error; "" while it runs
}

// TaskFilter narrows a task list; zero values match everything.
type TaskFilter struct {
	VMID   int
	Since  time.Time
	Type   string // "vzcreate"
	Source string // "active" or "archive"; "" = both
	Limit  int    // per source, default 500
}

// Tasks lists a node's tasks, newest first, running and finished ones. Proxmox: a token without Sys.Audit
// on the node sees its own.
func (c *Client) Tasks(ctx context.Context, node string, f TaskFilter) ([]Task, error) {
	sources := []string{"active", "archive"} // in this order: one that ends in between is seen twice, never missed
	if f.Source != "" {
		sources = []string{f.Source}
	}
	byUPID := make(map[UPID]Task)
	for _, source := range sources {
		rows, err := c.taskRows(ctx, node, source, f)
		if err != nil {
			return nil, err
		}
		for _, t := range rows {
			if known, twice := byUPID[t.UPID]; !twice || known.Running {
				byUPID[t.UPID] = t
			}
		}
	}
	tasks := make([]Task, 0, len(byUPID))
	for _, t := range byUPID {
		tasks = append(tasks, t)
	}
	slices.SortFunc(tasks, func(a, b Task) int {
		return cmp.Or(b.Start.Compare(a.Start), cmp.Compare(b.UPID, a.UPID))
	})
	return tasks, nil
}

func (c *Client) taskRows(ctx context.Context, node, source string, f TaskFilter) ([]Task, error) {
	p := params{"source": source, "limit": cmp.Or(f.Limit, 500)}
	if f.VMID != 0 {
		p["vmid"] = f.VMID
	}
	if !f.Since.IsZero() {
		p["since"] = f.Since.Unix()
	}
	if f.Type != "" {
		p["typefilter"] = f.Type
	}
	var answer []struct {
		UPID, Node, Type, ID, User, Status text
		Token                              text    `json:"tokenid"`
		Start                              integer `json:"starttime"`
		End                                integer `json:"endtime"`
	}
	err := c.do(ctx, request{op: "list the tasks", node: node, path: nodePath(node, "tasks"), params: p, into: &answer})
	if err != nil {
		return nil, err
	}
	tasks := make([]Task, 0, len(answer))
	for _, a := range answer {
		t := Task{UPID: UPID(a.UPID), Node: string(a.Node), Type: string(a.Type), ID: string(a.ID),
			User: string(a.User), Start: time.Unix(int64(a.Start), 0), Exit: string(a.Status)}
		if a.Token != "" { // Proxmox: finished rows have it apart, running ones within the user
			t.User += "!" + string(a.Token)
		}
		if a.End > 0 {
			t.End = time.Unix(int64(a.End), 0)
		}
		if t.Running = a.End == 0; t.Running {
			t.Exit = "" // Proxmox: "RUNNING" here
		}
		tasks = append(tasks, t)
	}
	return tasks, nil
}

// TaskStatus is a task now.
type TaskStatus struct {
	Running bool
	Exit    string // "" while it runs
}

var warningsPattern = regexp.MustCompile(`^WARNINGS: \d+$`)

// OK says whether the task ended well: Proxmox: "OK", or with warnings only.
func (s TaskStatus) OK() bool {
	return !s.Running && (s.Exit == "OK" || warningsPattern.MatchString(s.Exit))
}

// TaskStatus asks how a task is doing. ErrNotFound when the node does not know it.
func (c *Client) TaskStatus(ctx context.Context, u UPID) (TaskStatus, error) {
	var answer struct{ Status, ExitStatus text }
	if err := c.taskCall(ctx, u, request{op: "look at a task", into: &answer}, "status"); err != nil {
		return TaskStatus{}, err
	}
	return TaskStatus{Running: answer.Status == "running", Exit: string(answer.ExitStatus)}, nil
}

const logPage = 500 // lines

// TaskLog returns the log's lines from number start on (0 = the first), at most 500, and the number to go
// on with.
func (c *Client) TaskLog(ctx context.Context, u UPID, start int) (lines []string, next int, err error) {
	var answer []struct {
		N integer
		T text
	}
	err = c.taskCall(ctx, u, request{op: "read the log of a task", params: params{"start": start, "limit": logPage}, into: &answer}, "log")
	if err != nil {
		return nil, start, err
	}
	for _, a := range answer {
		lines = append(lines, string(a.T))
	}
	if len(lines) == 1 && emptyLog.MatchString(lines[0]) {
		return nil, start, nil
	}
	return lines, start + len(lines), nil
}

// Proxmox: an empty log, one read to its end, or one not yet made, is one line that is not in the log.
var emptyLog = regexp.MustCompile(`^(no content|unable to open file - .*)$`)

// StopTask asks the node to end a task: TERM, and KILL after 5 s. A task that was changing a guest's
// configuration may leave a lock behind that only root on the node can clear.
func (c *Client) StopTask(ctx context.Context, u UPID) error {
	return c.taskCall(ctx, u, request{op: "stop a task", method: http.MethodDelete})
}

func (c *Client) taskCall(ctx context.Context, u UPID, r request, further ...any) error {
	parts, err := ParseUPID(u)
	if err != nil {
		return &Error{Kind: ErrParameter, Op: r.op, Message: err.Error()}
	}
	if r.node, r.vmid = parts.Node, parts.VMID(); r.vmid != 0 {
		r.op += " of CT"
	}
	r.path = nodePath(parts.Node, append([]any{"tasks", u}, further...)...)
	return c.do(ctx, r)
}
