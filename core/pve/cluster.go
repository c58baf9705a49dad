package pve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
)

// Version is what GET /version says.
type Version struct {
	Version string `json:"version"` // "9.2.11"
	Release string `json:"release"` // "9.2"
	RepoID  string `json:"repoid"`
}

// Version asks the server who it is. It is the cheapest call that proves the credentials.
func (c *Client) Version(ctx context.Context) (Version, error) {
	var v Version
	err := c.do(ctx, request{op: "ask for the version", path: "/version", into: &v})
	return v, err
}

// Permissions maps path to privilege: true when it also holds for the paths below.
type Permissions map[string]map[string]bool

// Requirement is one privilege needed on one path.
type Requirement struct{ Path, Privilege string }

// Has says whether privilege holds on path. Proxmox: the nearest path above that is listed decides,
// and hands on only what propagates.
func (p Permissions) Has(path, privilege string) bool {
	for at := path; ; at = parent(at) {
		if privileges, listed := p[at]; listed {
			propagates, granted := privileges[privilege]
			return granted && (at == path || propagates)
		}
		if at == "/" {
			return false
		}
	}
}

func parent(path string) string {
	if i := strings.LastIndexByte(path, '/'); i > 0 {
		return path[:i]
	}
	return "/"
}

// Permissions asks what the credentials may do.
func (c *Client) Permissions(ctx context.Context) (Permissions, error) {
	var answer map[string]map[string]flag
	if err := c.do(ctx, request{op: "ask for the permissions", path: "/access/permissions", into: &answer}); err != nil {
		return nil, err
	}
	all := make(Permissions, len(answer))
	for path, privileges := range answer {
		all[path] = make(map[string]bool, len(privileges))
		for name, propagates := range privileges {
			all[path][name] = bool(propagates)
		}
	}
	return all, nil
}

// ClusterStatus is who is in the cluster.
type ClusterStatus struct {
	Name     string // "" for a single node, or when the credentials may not see it
	Identity string // the same for the same cluster, whichever node is asked
	Quorate  bool   // true for a single node
	Nodes    []ClusterNode
}

// ClusterNode is one member.
type ClusterNode struct {
	Name        string
	IP          string // "" when the credentials may not see it
	Fingerprint string // of its API certificate, colon hex; "" when unknown
	Online      bool
	Local       bool // the one that answered
	ID          int  // 0 for a single node
}

// Cluster asks who is in the cluster, and learns from it how else the cluster can be reached and where the
// nodes' SSH is. Without Sys.Audit on / Proxmox tells the nodes' names and certificates only.
func (c *Client) Cluster(ctx context.Context) (ClusterStatus, error) {
	var members []struct {
		Type, Name, IP         string
		NodeID                 integer `json:"nodeid"`
		Online, Local, Quorate flag
	}
	var nodes []struct {
		Node, Status string
		Fingerprint  string `json:"ssl_fingerprint"`
	}
	at := c.endpoint()
	if err := c.do(ctx, request{op: "list the nodes", path: "/nodes", into: &nodes}); err != nil {
		return ClusterStatus{}, err
	}
	err := c.do(ctx, request{op: "ask for the cluster's status", path: "/cluster/status", into: &members})
	if err != nil && !errors.Is(err, ErrPermission) {
		return ClusterStatus{}, err
	}
	status := ClusterStatus{Quorate: true}
	for _, n := range nodes {
		status.Nodes = append(status.Nodes, ClusterNode{Name: n.Node, Fingerprint: n.Fingerprint,
			Online: n.Status == "online", Local: len(nodes) == 1})
	}
	for _, m := range members {
		if m.Type == "cluster" {
			status.Name, status.Quorate = m.Name, bool(m.Quorate)
			continue
		}
		i := slices.IndexFunc(status.Nodes, func(n ClusterNode) bool { return n.Name == m.Name })
		if i < 0 {
			i = len(status.Nodes)
			status.Nodes = append(status.Nodes, ClusterNode{Name: m.Name})
		}
		n := &status.Nodes[i]
		n.IP, n.ID, n.Online, n.Local = m.IP, int(m.NodeID), bool(m.Online), bool(m.Local)
	}
	slices.SortFunc(status.Nodes, func(a, b ClusterNode) int { return strings.Compare(a.Name, b.Name) })
	if c.endpoint() == at { // else Local is another node's
		c.learn(at, status)
	}
	if status.Identity, err = c.identity(ctx, status); err != nil {
		return ClusterStatus{}, err
	}
	return status, nil
}

// identity names a cluster by its own certificate authority: every cluster (and single node) makes one when
// it is set up, all its nodes share it, it outlives nodes and their certificates, and anybody logged in may
// see it. The cluster's name is worth little beside it: people keep the one from the handbook. Where the
// authority cannot be had, the nodes' names and certificates have to do.
func (c *Client) identity(ctx context.Context, status ClusterStatus) (string, error) {
	i := slices.IndexFunc(status.Nodes, func(n ClusterNode) bool { return n.Local })
	if i < 0 {
		i = slices.IndexFunc(status.Nodes, func(n ClusterNode) bool { return n.Online })
	}
	if i < 0 {
		return nodesIdentity(status), nil
	}
	var certificates []struct{ Filename, Fingerprint text }
	err := c.do(ctx, request{op: "list the certificates", node: status.Nodes[i].Name,
		path: nodePath(status.Nodes[i].Name, "certificates", "info"), into: &certificates})
	switch {
	case errors.Is(err, ErrUnsupported), errors.Is(err, ErrPermission), errors.Is(err, ErrRefused):
		return nodesIdentity(status), nil
	case err != nil:
		return "", err
	}
	for _, cert := range certificates {
		if plain, err := plainFingerprint(string(cert.Fingerprint)); cert.Filename == "pve-root-ca.pem" && err == nil && plain != "" {
			return "ca:" + plain, nil
		}
	}
	return nodesIdentity(status), nil
}

// nodesIdentity is the second best. The cluster's name is left out where there are certificates: not
// everybody may see it.
func nodesIdentity(s ClusterStatus) string {
	var parts []string
	certificates := false
	for _, n := range s.Nodes {
		plain, _ := plainFingerprint(n.Fingerprint)
		certificates = certificates || plain != ""
		parts = append(parts, n.Name+"="+plain[:min(32, len(plain))])
	}
	name := s.Name
	if certificates {
		name = ""
	}
	return "nodes:" + name + " " + strings.Join(parts, " ")
}

// SameCluster says whether two identities are of one cluster. Those made of nodes are, when they share one
// by name and certificate, so that nodes may have joined or left in between.
func SameCluster(a, b string) bool {
	if a == b {
		return a != ""
	}
	nameA, nodesA, okA := strings.Cut(a, " ")
	nameB, nodesB, okB := strings.Cut(b, " ")
	if !okA || !okB || nameA != nameB {
		return false
	}
	known := make(map[string]bool)
	for _, n := range strings.Fields(nodesA) {
		known[n] = true
	}
	return slices.ContainsFunc(strings.Fields(nodesB), func(n string) bool { return known[n] })
}

// learn keeps the status for SSH addresses, and the other nodes as further ways in.
func (c *Client) learn(at *endpoint, status ClusterStatus) {
	c.mu.Lock()
	c.status = status
	port := c.endpoints[0].url.Port()
	c.mu.Unlock()
	for _, n := range status.Nodes {
		if n.Local {
			c.mu.Lock()
			at.node = n.Name
			c.mu.Unlock()
			continue
		}
		if n.IP != "" && n.Fingerprint != "" {
			u := url.URL{Scheme: "https", Host: net.JoinHostPort(n.IP, port)}
			if port == "" {
				u.Host = net.JoinHostPort(n.IP, "8006")
			}
			c.addPeer(Peer{Node: n.Name, URL: u.String(), Fingerprint: n.Fingerprint})
		}
	}
}

// nodeAddress finds where a node's SSH listens: the address we reach its API by, else the one the cluster
// knows it by.
func (c *Client) nodeAddress(ctx context.Context, node string) (string, error) {
	if host, known := c.knownAddress(node); known {
		return host, nil
	}
	status, err := c.Cluster(ctx)
	if host, known := c.knownAddress(node); known {
		return host, nil
	}
	if err != nil {
		return "", err
	}
	e := &Error{Op: "find the address of node", Node: node, Kind: ErrNotFound, Message: "the cluster has no node of that name"}
	for _, n := range status.Nodes {
		if n.Name == node {
			e.Kind, e.Privilege, e.Path = ErrPermission, "Sys.Audit", "/"
		}
	}
	return "", e
}

func (c *Client) knownAddress(node string) (string, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range c.endpoints {
		if e.node == node {
			return e.url.Hostname(), true
		}
	}
	for _, n := range c.status.Nodes {
		if n.Name == node && n.IP != "" {
			return n.IP, true
		}
	}
	return "", false
}

// NextID returns a vmid that is free now. Proxmox: it reserves nothing; two callers get the same one.
func (c *Client) NextID(ctx context.Context) (int, error) {
	var id integer
	if err := c.do(ctx, request{op: "ask for a free vmid", path: "/cluster/nextid", into: &id}); err != nil {
		return 0, err
	}
	if id <= 0 {
		return 0, &Error{Kind: ErrUnsupported, Op: "ask for a free vmid", Message: fmt.Sprintf("Proxmox answered %d", id)}
	}
	return int(id), nil
}

// CheckID says whether vmid is free now.
func (c *Client) CheckID(ctx context.Context, vmid int) (free bool, err error) {
	err = c.do(ctx, request{op: "ask whether a vmid is free", vmid: vmid, path: "/cluster/nextid", params: params{"vmid": vmid}})
	if errors.Is(err, ErrExists) {
		return false, nil
	}
	return err == nil, err
}
