package pve

import "context"

// RepoTags asks a node for the tags of a repository ("docker.io/library/nginx"), which the node asks its
// registry for. It is what Proxmox has since 9.1, a technology preview: ErrUnsupported before. It needs
// Sys.AccessNetwork on the node, and knows public repositories only.
func (c *Client) RepoTags(ctx context.Context, node, repository string) ([]string, error) {
	var tags []string
	err := c.do(ctx, request{op: "ask for the tags of " + repository, node: node,
		path: nodePath(node, "query-oci-repo-tags"), params: params{"reference": repository}, into: &tags})
	return tags, err
}
