package pve

import (
	"context"
	"errors"
	"regexp"
	"time"
)

const (
	waitOutage = 5 * time.Second // without an answer, before Wait gives the question back
	tailLines  = 20              // of a failed task's log, kept in its error
)

// Wait looks at a task until it ends, and tells line (if not nil) every line of its log once, the last one
// included. It returns nil when the task ended well, also with warnings, and a *TaskError when it failed.
//
// Looking may fail without harm to the task: for up to 5 s Wait tries again, then returns
// ErrUnreachable (or what else was wrong): the task may still be going on, and the same UPID can be waited
// for again. Neither that nor the end of ctx stops the task; StopTask does.
func (c *Client) Wait(ctx context.Context, u UPID, line func(string)) error {
	return c.WaitFrom(ctx, u, 0, line)
}

// WaitFrom is Wait for a task whose first lines have been told before.
func (c *Client) WaitFrom(ctx context.Context, u UPID, told int, line func(string)) error {
	w := waiting{client: c, upid: u, line: line, next: told}
	var failing time.Time // since when no look succeeded
	for {
		status, err := w.look(ctx)
		switch {
		case err == nil && !status.Running:
			return w.verdict(status)
		case err == nil:
			failing = time.Time{}
		case ctx.Err() != nil:
			return err
		case !Temporary(err):
			return err
		case failing.IsZero():
			failing = time.Now()
		case time.Since(failing) > waitOutage:
			return err
		}
		select {
		case <-ctx.Done():
			return (request{op: "wait for a task"}).explain(networkError(ctx, ctx.Err()))
		case <-time.After(c.config.TaskPoll):
		}
	}
}

type waiting struct {
	client *Client
	upid   UPID
	line   func(string)
	next   int      // line of the log to read next
	tail   []string // the last ones read
}

// look asks for the status first and then reads the log to its end, so that the log of a task that has
// ended is complete.
func (w *waiting) look(ctx context.Context) (TaskStatus, error) {
	status, err := w.client.TaskStatus(ctx, w.upid)
	if err != nil {
		return status, err
	}
	if w.line == nil && (status.Running || status.OK()) {
		return status, nil // nobody reads along
	}
	for {
		lines, next, err := w.client.TaskLog(ctx, w.upid, w.next)
		if err != nil {
			return status, err
		}
		w.next = next
		for _, l := range lines {
			if w.line != nil {
				w.line(l)
			}
		}
		w.tail = append(w.tail, lines...)
		w.tail = w.tail[max(0, len(w.tail)-tailLines):]
		if len(lines) < logPage {
			return status, nil
		}
	}
}

func (w *waiting) verdict(s TaskStatus) error {
	if s.OK() {
		return nil
	}
	return &TaskError{UPID: w.upid, Exit: s.Exit, Log: w.tail, Kind: kindOfTask(s.Exit, w.tail)}
}

// complaint is a line of a log that says what went wrong, as opposed to what is being done.
var complaint = regexp.MustCompile(`(?i)\berror\b|fail|cannot|can't|unable`)

// kindOfTask names the kind of a task's failure: by its exit status, or where that only says that
// something failed ("job errors", "startup for container '100' failed"), by its last complaint that means
// something.
func kindOfTask(exit string, tail []string) error {
	if exit == "unexpected status" || exit == "" {
		return ErrTaskLost // Proxmox: its worker vanished, by a reboot for instance
	}
	if kind := kindOfText(exit); kind != nil {
		return kind
	}
	for i := len(tail) - 1; i >= 0; i-- {
		if !complaint.MatchString(tail[i]) {
			continue
		}
		if kind := kindOfText(tail[i]); kind != nil {
			return kind
		}
	}
	return ErrTask
}

// IsTaskFailure says whether err is the failure of a task, rather than of looking at it.
func IsTaskFailure(err error) bool {
	var t *TaskError
	return errors.As(err, &t)
}
