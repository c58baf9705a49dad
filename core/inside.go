package core

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"strings"

	"proximity/core/pve"
)

// runOnce is the shell frame that runs a script inside a container exactly
// once, however often it is asked to, and follows it.
//
//go:embed inside.sh
var runOnce string

// exitInterrupted is what the frame answers when the script was cut off, by a
// reboot of the container for example, without leaving a result.
const exitInterrupted = 250

// inside runs a script in an app's container once under a name: it is started
// detached, so that neither our death nor a cut connection harms it, and
// asking again follows the same run or reads its result. Every line it prints
// goes to line; the last ones come back for error texts.
func (c *Core) inside(ctx context.Context, l *liveHost, a app, name, script string, line func(string)) (exit int, tail []string, err error) {
	frame := strings.NewReplacer("@NAME@", name, "@SCRIPT@", strings.TrimRight(script, "\n")).Replace(runOnce)
	out := &lines{each: func(s string) {
		tail = append(tail, s)
		tail = tail[max(len(tail)-8, 0):]
		line(s)
	}}
	follow, detach := detached(ctx)
	defer detach()
	for range 3 {
		exit, err = l.client.Exec(follow, c.nodeOf(l, a), a.VMID, frame, out)
		out.flush()
		if ctx.Err() != nil {
			return exit, tail, ctx.Err()
		}
		if err != nil || exit != exitInterrupted {
			return exit, tail, err
		}
	}
	return exit, tail, passing{fmt.Errorf("%s was interrupted three times inside the container", name)}
}

// detached is ctx, but its end only stops the following of a script: the script
// itself goes on, for a later run to follow again.
func detached(ctx context.Context) (context.Context, context.CancelFunc) {
	follow, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { cancel(pve.ErrDetach) })
	return follow, func() { stop(); cancel(nil) }
}

// nodeOf is the node a container lives on now; it may have been migrated.
func (c *Core) nodeOf(l *liveHost, a app) string {
	if g, ok := l.poller.Snapshot().Guest(a.VMID); ok && g.Node != "" && a.Status != StatusDeploying {
		return g.Node
	}
	return a.Node
}

// lines hands over what is written to it line by line, made safe to show.
type lines struct {
	each func(string)
	part []byte
}

// maxLine bounds one line, in bytes.
const maxLine = 4096

func (w *lines) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		i := bytes.IndexAny(p, "\n\r")
		if i < 0 {
			w.part = append(w.part, p...)
			if len(w.part) > maxLine {
				w.flush()
			}
			break
		}
		w.part = append(w.part, p[:i]...)
		w.flush()
		p = p[i+1:]
	}
	return n, nil
}

func (w *lines) flush() {
	if s := strings.TrimSpace(SafeText(string(w.part), 500)); s != "" {
		w.each(s)
	}
	w.part = w.part[:0]
}

// scriptError is what a script that failed inside a container says.
func scriptError(what string, exit int, tail []string) error {
	said := strings.Join(tail[max(len(tail)-3, 0):], " | ")
	if said == "" {
		said = "it printed nothing"
	}
	err := &Error{Kind: ErrFailed, Text: fmt.Sprintf("%s failed with exit code %d: %s", what, exit, SafeText(said, 300))}
	if fault := pve.OutputKind(strings.Join(tail, "\n")); fault != nil {
		err.Err = fault
	}
	return err
}
