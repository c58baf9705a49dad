package pve

import "context"

// Version is what GET /version says.
type Version struct {
	Version string `json:"version"` // "9.2.11"
	Release string `json:"release"` // "9.2"
	RepoID  string `json:"repoid"`
}

// Permissions maps path to privilege: true when it propagates to paths below.
type Permissions map[string]map[string]bool

// Requirement is one privilege needed on one path.
type Requirement struct{ Path, Privilege string }

// Missing returns those of required that p does not grant, in the given order.
func (p Permissions) Missing(required []Requirement) []Requirement { return nil }

// ClusterStatus is who is in the cluster.
type ClusterStatus struct {
	Name     string // "" for a single node
	Identity string // the same for the same cluster, whichever node is asked
	Quorate  bool
	Nodes    []ClusterNode
}

// ClusterNode is one member.
type ClusterNode struct {
	Name, IP      string
	Online, Local bool
	ID            int
}

func (c *Client) Version(ctx context.Context) (Version, error)         { return Version{}, ErrUnsupported }
func (c *Client) Permissions(ctx context.Context) (Permissions, error) { return nil, ErrUnsupported }
func (c *Client) Cluster(ctx context.Context) (ClusterStatus, error) {
	return ClusterStatus{}, ErrUnsupported
}

// NextID returns a vmid that is free now. It reserves nothing.
func (c *Client) NextID(ctx context.Context) (int, error) { return 0, ErrUnsupported }

// CheckID says whether vmid is free now.
func (c *Client) CheckID(ctx context.Context, vmid int) (free bool, err error) {
	return false, ErrUnsupported
}
