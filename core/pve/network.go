package pve

import (
	"context"
	"slices"
	"strings"
)

// Bridge is a network of a node that containers can be put on.
type Bridge struct {
	Name, Type string // type: "bridge", "OVSBridge", …
	CIDR       string // the node's own address on it, "" when it has none
	Comment    string
	Active     bool
}

// Bridges lists the networks of a node that containers can be put on.
func (c *Client) Bridges(ctx context.Context, node string) ([]Bridge, error) {
	var answer []struct {
		Iface, Type, CIDR, Comments text
		Active                      flag
	}
	err := c.do(ctx, request{op: "list the bridges", node: node, path: nodePath(node, "network"), params: params{"type": "any_bridge"}, into: &answer})
	if err != nil {
		return nil, err
	}
	bridges := make([]Bridge, len(answer))
	for i, a := range answer {
		bridges[i] = Bridge{Name: string(a.Iface), Type: string(a.Type), CIDR: string(a.CIDR),
			Comment: strings.TrimSpace(string(a.Comments)), Active: bool(a.Active)}
	}
	slices.SortFunc(bridges, func(a, b Bridge) int { return strings.Compare(a.Name, b.Name) })
	return bridges, nil
}
