package pve

import (
	"cmp"
	"context"
	"io"
	"strconv"

	"golang.org/x/crypto/ssh"
)

// Terminal is what an interactive shell is shown on.
type Terminal struct {
	Type string      // TERM, default "xterm-256color"
	Size Size        // default 80x24
	New  <-chan Size // every change of size; may be nil
}

// Size is a terminal's size in characters.
type Size struct{ Columns, Rows int }

// Shell runs an interactive root shell in a running container until it, in or ctx ends, and returns its
// exit code. in is read until it ends, which may be after Shell has returned. It takes one of the few
// sessions there are to a node.
func (c *Client) Shell(ctx context.Context, node string, vmid int, t Terminal, in io.Reader, out io.Writer) (exit int, err error) {
	name := request{op: "open a shell in CT", node: node, vmid: vmid}
	if len(c.shells.auth) > 0 { // else run says it better
		// On a terminal pct's own complaint could not be told from the shell's output.
		status, err := c.Status(ctx, node, vmid)
		if err != nil {
			return 0, err
		}
		if !status.Running() {
			return 0, name.explain(&Error{Kind: ErrNotRunning, Message: "it is " + status.Status + ": start it first"})
		}
	}
	t.Type = cmp.Or(t.Type, "xterm-256color")
	t.Size = cmp.Or(t.Size, Size{80, 24})
	exit, err = c.run(ctx, node, command{line: c.asRoot("pct enter " + strconv.Itoa(vmid)), stdin: in, stdout: out, stderr: out, terminal: &t})
	if e := asError(ctx, err); e != nil {
		return 0, name.explain(e)
	}
	return exit, nil
}

// attach gives a session a terminal whose size follows t until ended.
func (t *Terminal) attach(session *ssh.Session, ended <-chan struct{}) error {
	if err := session.RequestPty(t.Type, t.Size.Rows, t.Size.Columns, ssh.TerminalModes{ssh.ECHO: 1}); err != nil {
		return err
	}
	go func() {
		for {
			select {
			case size, open := <-t.New:
				if !open {
					return
				}
				if size.Columns > 0 && size.Rows > 0 {
					session.WindowChange(size.Rows, size.Columns)
				}
			case <-ended:
				return
			}
		}
	}()
	return nil
}
