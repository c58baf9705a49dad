package pve

import (
	"context"
	"net/http"
	"net/url"
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

// BackupConfig reads the configuration a backup holds, from the archive itself: hostname, description and network
// interfaces. It takes a node seconds, so ask for few.
func (c *Client) BackupConfig(ctx context.Context, node, volid string) (GuestConfig, error) {
	var text string
	err := c.do(ctx, request{op: "read the configuration in " + volid, node: node,
		path: nodePath(node, "vzdump", "extractconfig"), params: params{"volume": volid}, into: &text})
	if err != nil {
		return GuestConfig{}, err
	}
	raw := map[string]string{}
	var description []string
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if strings.HasPrefix(line, "[") { // Proxmox: what follows are snapshots and what is pending
			break
		}
		if comment, ok := strings.CutPrefix(line, "#"); ok {
			if plain, err := url.PathUnescape(comment); err == nil {
				comment = plain
			}
			description = append(description, comment)
			continue
		}
		if key, value, ok := strings.Cut(line, ":"); ok {
			raw[key] = strings.TrimSpace(value)
		}
	}
	raw["description"] = strings.Join(description, "\n")
	return guestConfig(raw), nil
}

// RestoreOptions describes a container made from a backup.
type RestoreOptions struct {
	VMID    int
	VolID   string // of the backup
	Storage string // of its disks. Proxmox: "" is not as in the backup but "local", which seldom takes disks
	// Force restores over an existing, stopped container on that node. Proxmox: its disks and snapshots are destroyed
	// before the archive is unpacked; when that fails the container is gone.
	Force  bool
	Unique bool // new MAC addresses. Proxmox: a static address stays, so two would share it
	Start  bool
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
