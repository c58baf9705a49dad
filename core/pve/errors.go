package pve

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// The kinds of failure a caller decides on. Every error of this package that comes from Proxmox or from
// the way to it wraps one of them (or the context's own error, when the caller gave up).
var (
	ErrUnreachable = errors.New("unreachable")
	ErrTimeout     = errors.New("timed out")
	ErrAuth        = errors.New("login refused")
	ErrPermission  = errors.New("not permitted")
	ErrParameter   = errors.New("parameter refused")
	ErrNotFound    = errors.New("not found")
	ErrExists      = errors.New("already exists")
	ErrChanged     = errors.New("changed by somebody else meanwhile")
	ErrLocked      = errors.New("locked")
	ErrRunning     = errors.New("running")     // already running, or must be stopped first
	ErrNotRunning  = errors.New("not running") // must be started first
	ErrNoQuorum    = errors.New("no quorum")
	ErrNoSpace     = errors.New("no space left")
	ErrBusy        = errors.New("busy") // a file lock or a node that did not answer in time: try again
	ErrUnsupported = errors.New("not supported")
	ErrRefused     = errors.New("refused")       // by Proxmox, for a reason of no other kind
	ErrTask        = errors.New("task failed")   // for a reason of no other kind
	ErrTaskLost    = errors.New("task vanished") // how it ended nobody knows: look at its effect
	ErrCertificate = errors.New("certificate not trusted")
	ErrHostKey     = errors.New("host key not trusted")
	ErrNoSSH       = errors.New("no SSH access to the nodes")
	ErrAppArmor    = errors.New("refused by AppArmor")
	ErrProtected   = errors.New("protected") // a backup that nothing but an unprotect lets go
)

// Temporary says whether the same call may well succeed a little later.
func Temporary(err error) bool {
	for _, kind := range []error{ErrUnreachable, ErrTimeout, ErrLocked, ErrNoQuorum, ErrBusy} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

// Error is one failed call.
type Error struct {
	Kind      error             // one of the sentinels; nil only when the caller's context was cancelled
	Op        string            // what was tried: "start CT", "list storages", …
	Node      string            // where, "" when it concerns the cluster
	VMID      int               // of which guest, 0 when of none
	Status    int               // HTTP status, 0 when there was no answer
	Message   string            // Proxmox's own text, without its trailing newline
	Params    map[string]string // per parameter, for ErrParameter
	Privilege string            // what was missing, for ErrPermission: "VM.Allocate" (or "A|B": one of them)
	Path      string            // and on which path: "/vms/100"

	Known, Shown string // fingerprints: the pinned one and another, for ErrCertificate and ErrHostKey

	cause  error // what the network said
	unsent bool  // certainly no byte of the request reached the server
}

// Error says what was tried, on what, and why it failed.
func (e *Error) Error() string {
	var s strings.Builder
	if e.Op != "" {
		s.WriteString(e.Op)
	}
	if e.VMID != 0 {
		fmt.Fprintf(&s, " %d", e.VMID)
	}
	if e.Node != "" {
		fmt.Fprintf(&s, " on %s", e.Node)
	}
	if s.Len() > 0 {
		s.WriteString(": ")
	}
	switch {
	case e.Privilege != "":
		fmt.Fprintf(&s, "not permitted: needs %s on %s", strings.ReplaceAll(e.Privilege, "|", " or "), e.Path)
	case len(e.Params) > 0:
		var each []string
		for _, name := range sortedKeys(e.Params) {
			each = append(each, name+": "+e.Params[name])
		}
		s.WriteString(strings.TrimSuffix(e.Message, ".") + ": " + strings.Join(each, "; "))
	case e.Message != "":
		s.WriteString(e.Message)
	case e.Kind != nil:
		s.WriteString(e.Kind.Error())
	case e.cause != nil:
		s.WriteString(e.cause.Error())
	}
	return s.String()
}

// Unwrap gives the kind and, when there is one, what the network said.
func (e *Error) Unwrap() []error {
	var all []error
	if e.Kind != nil {
		all = append(all, e.Kind)
	}
	if e.cause != nil {
		all = append(all, e.cause)
	}
	return all
}

// TaskError is a task that ended badly.
type TaskError struct {
	UPID UPID
	Exit string   // exit status as Proxmox reports it
	Log  []string // its last lines
	Kind error    // ErrTask when there is no better one
}

// Error names the task by its type and id, and gives Proxmox's reason.
func (e *TaskError) Error() string {
	name := "task"
	if p, err := ParseUPID(e.UPID); err == nil {
		name = strings.TrimSpace(p.Type+" "+p.ID) + " on " + p.Node
	}
	if errors.Is(e.Kind, ErrTaskLost) { // Proxmox's "unexpected status" tells nobody anything
		return name + " was cut off: its node went down meanwhile, or somebody ended it there"
	}
	return name + " failed: " + e.Reason()
}

// dumpFailure is what vzdump says of one guest. Proxmox: the exit status is "job errors" whatever it was.
var dumpFailure = regexp.MustCompile(`^ERROR: Backup of VM \d+ failed - (.+)`)

// Reason is why it failed: the exit status, or for vzdump the line of the log that says more.
func (e *TaskError) Reason() string {
	for _, line := range slices.Backward(e.Log) {
		if m := dumpFailure.FindStringSubmatch(line); m != nil {
			return m[1]
		}
	}
	return e.Exit
}

// Unwrap gives the kind.
func (e *TaskError) Unwrap() error { return e.Kind }

// refusedParameter says whether err is Proxmox refusing that one parameter.
func refusedParameter(err error, name string) bool {
	var e *Error
	if !errors.As(err, &e) || e.Kind != ErrParameter {
		return false
	}
	_, refused := e.Params[name]
	return refused
}
