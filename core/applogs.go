package core

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"proximity/core/pve"
)

// maxReading is how many logs may be followed at once on one node: each holds
// one of the few sessions a node's SSH allows, and deploys need them, too.
const maxReading = 4

// readAlong counts somebody who follows a log on a node until done is called.
func (c *Core) readAlong(node string) (done func(), err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reading[node] >= maxReading {
		return nil, &Error{Kind: ErrUnavailable, Text: fmt.Sprintf("%d logs are being followed on %s already", maxReading, node), Hint: "read it without following, or try again when somebody has left"}
	}
	c.reading[node]++
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.reading[node]--; c.reading[node] == 0 {
			delete(c.reading, node)
		}
	}, nil
}

// systemLog prints the log of a container that others made: what its docker
// containers print, else the system's journal or log file.
//
//go:embed systemlog.sh
var systemLog string

// exitNoLog is what systemLog answers where there is neither.
const exitNoLog = 64

// logScript prints an app's log inside its container.
func logScript(a app, tail int, follow bool) string {
	flag := ""
	if follow {
		flag = "--follow"
	}
	if a.othersMade() {
		return strings.NewReplacer("@TAIL@", strconv.Itoa(tail), "@FOLLOW@", flag).Replace(systemLog)
	}
	return compose(a) + "logs --no-color --tail " + strconv.Itoa(tail) + " " + flag
}

// AppLogs streams what the app itself prints (docker compose logs; of an adopted
// container and its copies what they log), safe to show, line by line, until the tail ends or,
// with follow, ctx ends.
func (c *Core) AppLogs(ctx context.Context, a Actor, name string, tail int, follow bool, line func(string)) error {
	rec, err := c.appNamed(a, name)
	if err != nil {
		return err
	}
	if rec.VMID == 0 {
		return &Error{Kind: ErrConflict, Text: rec.Hostname + " has no container", Hint: "`logs " + rec.Hostname + " --deployment` shows what happened"}
	}
	l, err := c.liveHost(rec.Host)
	if err != nil {
		return err
	}
	if tail <= 0 || tail > 10000 {
		tail = 200
	}
	node := c.nodeOf(l, rec)
	if follow {
		done, err := c.readAlong(rec.Host + "/" + node)
		if err != nil {
			return err
		}
		defer done()
	}
	out := &lines{each: line}
	exit, err := l.client.Exec(ctx, node, rec.VMID, logScript(rec, tail, follow), out)
	out.flush()
	switch {
	case ctx.Err() != nil:
		return nil // the reader has gone
	case errors.Is(err, pve.ErrNotRunning):
		return &Error{Kind: ErrConflict, Text: rec.Hostname + " is not running", Hint: "its log can be read once it runs", Err: err}
	case err != nil:
		return hostError(rec.Host, err)
	case rec.othersMade() && exit == exitNoLog:
		return &Error{Kind: ErrFailed, Text: rec.Hostname + " keeps no log that can be read", Hint: "inside are neither docker containers nor a journal, /var/log/messages or /var/log/syslog"}
	case rec.othersMade() && exit != 0:
		return &Error{Kind: ErrFailed, Text: fmt.Sprintf("the log of %s cannot be read (exit code %d)", rec.Hostname, exit), Hint: "look into the container"}
	case exit != 0:
		return &Error{Kind: ErrFailed, Text: fmt.Sprintf("docker compose logs of %s ended with exit code %d", rec.Hostname, exit), Hint: "`logs " + rec.Hostname + " --deployment` shows how far the app was set up"}
	}
	return nil
}
