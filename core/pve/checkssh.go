package pve

import (
	"bytes"
	"context"
	"strings"
)

// CheckSSH logs in to a node and asks pct for its list, as commands in
// containers need it. Errors are those of Exec.
func (c *Client) CheckSSH(ctx context.Context, node string) error {
	name := request{op: "check the SSH of", node: node}
	var said bytes.Buffer
	exit, err := c.run(ctx, node, command{line: c.asRoot("pct list"), stdout: &bytes.Buffer{}, stderr: &said})
	if e := asError(ctx, err); e != nil {
		return name.explain(e)
	}
	if exit != 0 {
		return name.explain(notStarted(exit, strings.TrimSpace(said.String())))
	}
	return nil
}
