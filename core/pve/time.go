package pve

import (
	"context"
	"time"
)

// NodeTime asks for a node's clock, in whole seconds.
func (c *Client) NodeTime(ctx context.Context, node string) (time.Time, error) {
	var answer struct{ Time integer }
	err := c.do(ctx, request{op: "ask for the clock of", node: node, path: nodePath(node, "time"), into: &answer})
	return time.Unix(int64(answer.Time), 0), err
}
