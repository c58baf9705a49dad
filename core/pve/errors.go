package pve

import "errors"

// The kinds of failure a caller decides on. Every error of this package that comes from Proxmox or from
// the way to it wraps one of them.
var (
	ErrUnreachable = errors.New("unreachable")
	ErrTimeout     = errors.New("timed out")
	ErrAuth        = errors.New("login refused")
	ErrPermission  = errors.New("not permitted")
	ErrParameter   = errors.New("parameter refused")
	ErrNotFound    = errors.New("not found")
	ErrExists      = errors.New("already exists")
	ErrLocked      = errors.New("locked")
	ErrRunning     = errors.New("running")     // already running, or must be stopped first
	ErrNotRunning  = errors.New("not running") // must be started first
	ErrNoQuorum    = errors.New("no quorum")
	ErrNoSpace     = errors.New("no space left")
	ErrBusy        = errors.New("busy") // a file lock or a node that did not answer in time: try again
	ErrUnsupported = errors.New("not supported")
	ErrTask        = errors.New("task failed") // with no better kind
	ErrCertificate = errors.New("certificate not trusted")
	ErrHostKey     = errors.New("host key not trusted")
	ErrNoSSH       = errors.New("no SSH access to the nodes")
	ErrAppArmor    = errors.New("refused by AppArmor")
)

// Error is one failed call.
type Error struct {
	Kind      error             // one of the sentinels, or nil when the failure is of no known kind
	Op        string            // what was tried: "start", "create", …
	Node      string            // where, "" when it concerns the cluster
	VMID      int               // of which guest, 0 when of none
	Status    int               // HTTP status, 0 when there was no answer
	Message   string            // Proxmox's own text, without trailing newline
	Params    map[string]string // per parameter, for ErrParameter
	Privilege string            // what was missing, for ErrPermission: "VM.Allocate"
	Path      string            // and on which path: "/vms/100"
	cause     error
}

func (e *Error) Error() string { return e.Message }

// TaskError is a task that ended badly.
type TaskError struct {
	UPID UPID
	Exit string   // exit status as Proxmox reports it
	Log  []string // its last lines
	Kind error    // ErrTask when there is no better one
}

func (e *TaskError) Error() string { return e.Exit }
