package pve

import (
	"context"
	"net/http"
	"regexp"
	"strconv"
	"strings"
)

// BackupOptions describes one backup.
type BackupOptions struct {
	Storage   string // one that holds "backup"
	Mode      string // "snapshot" (the default), "suspend", "stop"
	Compress  string // "zstd", "gzip", "lzo", "0"; "" = zstd
	Notes     string
	Protected bool // nothing but an unprotect lets it be deleted
}

// Backup starts a vzdump of one container on its node. Proxmox runs one vzdump a node at a time and keeps
// others waiting. It is told to remove nothing: our retention decides, not the storage's. Find the volume
// it makes with ArchiveIn, in the task's log.
func (c *Client) Backup(ctx context.Context, node string, vmid int, o BackupOptions) (UPID, error) {
	p := params{"vmid": strconv.Itoa(vmid), "storage": o.Storage, "mode": "snapshot", "compress": "zstd", "remove": 0}
	if o.Mode != "" {
		p["mode"] = o.Mode
	}
	if o.Compress != "" {
		p["compress"] = o.Compress
	}
	if o.Notes != "" {
		p["notes-template"] = notesTemplate.Replace(o.Notes)
	}
	if o.Protected {
		p["protected"] = 1
	}
	return c.start(ctx, request{op: "back up CT", node: node, vmid: vmid, method: http.MethodPost, path: nodePath(node, "vzdump"), params: p})
}

// notesTemplate makes a text say itself. Proxmox: the template is one line, with {{variables}}.
var notesTemplate = strings.NewReplacer(`\`, `\\`, "\n", `\n`, "{{", "{ {")

var archivePattern = regexp.MustCompile(`creating (?:vzdump|Proxmox Backup Server) archive '(?:.*/)?(vzdump-[^'/]+|ct/\d+/[^'/]+)'`)

// ArchiveIn reads the volume id of a backup being made on storage from a line of its log; ok says whether
// the line names one. Proxmox: neither the UPID nor the task's status does.
func ArchiveIn(line, storage string) (volid string, ok bool) {
	m := archivePattern.FindStringSubmatch(line)
	if m == nil {
		return "", false
	}
	return storage + ":backup/" + m[1], true
}

// RestoreOptions describes a container made from a backup.
type RestoreOptions struct {
	VMID    int
	VolID   string // of the backup
	Storage string // of its disks; "" = as in the backup
	Force   bool   // over an existing, stopped container on that node; its snapshots are lost
	Unique  bool   // new MAC addresses. Proxmox: a static address stays, so two would share it
	Start   bool
	// Config is set instead of what the backup has, for instance hostname or net0.
	Config map[string]string
}

// Restore starts making a container from a backup. ErrExists: it is there and Force is not set, or it is
// on another node; ErrRunning: stop it first.
func (c *Client) Restore(ctx context.Context, node string, o RestoreOptions) (UPID, error) {
	p := params{"vmid": o.VMID, "ostemplate": o.VolID, "restore": 1}
	for key, value := range o.Config {
		p[key] = value
	}
	if o.Storage != "" {
		p["storage"] = o.Storage
	}
	for name, set := range map[string]bool{"force": o.Force, "unique": o.Unique, "start": o.Start} {
		if set {
			p[name] = 1
		}
	}
	return c.start(ctx, request{op: "restore CT", node: node, vmid: o.VMID, method: http.MethodPost, path: nodePath(node, "lxc"), params: p})
}
