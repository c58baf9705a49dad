package pve

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"
)

// NodeStorage is a storage as a node reports it. Sizes in bytes; zero when not active.
type NodeStorage struct {
	Name, Type              string
	Content                 []string // "rootdir", "vztmpl", "backup", …, sorted
	Active, Enabled, Shared bool
	Total, Used, Avail      int64
}

// Holds says whether the storage may hold content: "rootdir", "vztmpl", "backup".
func (s NodeStorage) Holds(content string) bool { return slices.Contains(s.Content, content) }

// Volume is one file or disk on a storage. Size in bytes.
type Volume struct {
	VolID, Content, Format string
	Size                   int64
	Created                time.Time // zero when unknown
	VMID                   int       // whose it is, 0 when nobody's
	Notes                  string
	Protected              bool
	Subtype                string // of a backup: "lxc", "qemu"
}

// Storages lists the storages a node can use.
func (c *Client) Storages(ctx context.Context, node string) ([]NodeStorage, error) {
	var answer []struct {
		Storage, Type, Content  text
		Active, Enabled, Shared flag
		Total, Used, Avail      integer
	}
	if err := c.do(ctx, request{op: "list the storages", node: node, path: nodePath(node, "storage"), into: &answer}); err != nil {
		return nil, err
	}
	storages := make([]NodeStorage, len(answer))
	for i, a := range answer {
		content := splitList(string(a.Content)) // Proxmox: in random order
		slices.Sort(content)
		storages[i] = NodeStorage{Name: string(a.Storage), Type: string(a.Type), Content: content,
			Active: bool(a.Active), Enabled: bool(a.Enabled), Shared: bool(a.Shared),
			Total: int64(a.Total), Used: int64(a.Used), Avail: int64(a.Avail)}
	}
	slices.SortFunc(storages, func(a, b NodeStorage) int { return strings.Compare(a.Name, b.Name) })
	return storages, nil
}

// Templates lists the container templates on a storage.
func (c *Client) Templates(ctx context.Context, node, storage string) ([]Volume, error) {
	return c.Content(ctx, node, storage, "vztmpl", 0)
}

// Content lists a storage's volumes of one content ("backup", "vztmpl", …; "" = all), of one guest when
// vmid is not 0. Proxmox: what the credentials may not read is left out silently, and a vmid hides
// templates.
func (c *Client) Content(ctx context.Context, node, storage, content string, vmid int) ([]Volume, error) {
	p := params{}
	if content != "" {
		p["content"] = content
	}
	if vmid != 0 {
		p["vmid"] = vmid
	}
	var answer []struct {
		VolID, Content, Format, Notes, Subtype text
		Size, CTime, VMID                      integer
		Protected                              flag
	}
	err := c.do(ctx, request{op: "list the volumes of storage " + storage, node: node,
		path: nodePath(node, "storage", storage, "content"), params: p, into: &answer})
	if err != nil {
		return nil, err
	}
	volumes := make([]Volume, len(answer))
	for i, a := range answer {
		volumes[i] = Volume{VolID: string(a.VolID), Content: string(a.Content), Format: string(a.Format),
			Size: int64(a.Size), VMID: int(a.VMID), Notes: string(a.Notes),
			Protected: bool(a.Protected), Subtype: string(a.Subtype)}
		if a.CTime > 0 {
			volumes[i].Created = time.Unix(int64(a.CTime), 0)
		}
	}
	return volumes, nil
}

// DeleteVolume removes a volume. The UPID is empty when it is gone already.
func (c *Client) DeleteVolume(ctx context.Context, node, volid string) (UPID, error) {
	storage, _, _ := strings.Cut(volid, ":")
	r := request{op: "delete volume " + volid, node: node, method: http.MethodDelete,
		path: nodePath(node, "storage", storage, "content", volid)}
	var answer string
	r.into = &answer
	if err := c.do(ctx, r); err != nil {
		return "", err
	}
	return UPID(answer), nil
}

// SetVolume changes a backup's notes, or protects it from deletion; nil leaves either as it is.
func (c *Client) SetVolume(ctx context.Context, node, volid string, notes *string, protected *bool) error {
	storage, _, _ := strings.Cut(volid, ":")
	p := params{}
	if notes != nil {
		p["notes"] = *notes
	}
	if protected != nil {
		p["protected"] = bit(*protected)
	}
	return c.do(ctx, request{op: "change volume " + volid, node: node, method: http.MethodPut,
		path: nodePath(node, "storage", storage, "content", volid), params: p})
}

// Appliances lists the templates Proxmox offers, by their file names: what DownloadAppliance wants. The list is empty on
// a node that has never fetched the index (`pveam update`), so look for a template already on a storage first.
func (c *Client) Appliances(ctx context.Context, node string) ([]string, error) {
	var answer []struct{ Template text }
	if err := c.do(ctx, request{op: "list the appliances", node: node, path: nodePath(node, "aplinfo"), into: &answer}); err != nil {
		return nil, err
	}
	templates := make([]string, len(answer))
	for i, a := range answer {
		templates[i] = string(a.Template)
	}
	slices.Sort(templates)
	return templates, nil
}

// DownloadAppliance starts fetching a template (its file name) onto a storage that holds "vztmpl".
func (c *Client) DownloadAppliance(ctx context.Context, node, storage, template string) (UPID, error) {
	return c.start(ctx, request{op: "download " + template + " to storage " + storage, node: node,
		method: http.MethodPost, path: nodePath(node, "aplinfo"),
		params: params{"storage": storage, "template": template}})
}
