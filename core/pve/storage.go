package pve

import (
	"context"
	"time"
)

// NodeStorage is a storage as a node reports it. Sizes in bytes; zero when not active.
type NodeStorage struct {
	Name, Type              string
	Content                 []string
	Active, Enabled, Shared bool
	Total, Used, Avail      int64
}

// Volume is one file or disk on a storage. Size in bytes.
type Volume struct {
	VolID, Content, Format string
	Size                   int64
	Created                time.Time
	VMID                   int
	Notes                  string
	Protected              bool
	Subtype                string // "lxc", "qemu"
}

// Appliance is a template Proxmox offers for download.
type Appliance struct {
	Package, Version, OS, Section    string
	Architecture, Headline, Template string
	Description, Location, Source    string
}

func (c *Client) Storages(ctx context.Context, node string) ([]NodeStorage, error) {
	return nil, ErrUnsupported
}
func (c *Client) Templates(ctx context.Context, node, storage string) ([]Volume, error) {
	return nil, ErrUnsupported
}
func (c *Client) Content(ctx context.Context, node, storage, content string, vmid int) ([]Volume, error) {
	return nil, ErrUnsupported
}
func (c *Client) Appliances(ctx context.Context, node string) ([]Appliance, error) {
	return nil, ErrUnsupported
}
func (c *Client) DownloadAppliance(ctx context.Context, node, storage, template string) (UPID, error) {
	return "", ErrUnsupported
}
