package core

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"proximity/core/pve"
	"proximity/jobs"
)

// refill is what a job remembers of a restore it sends to Proxmox.
type refill struct {
	SentAt time.Time // zero = not sent, or the last one has failed
	Sent   bool      // ever
	Before pve.UPID  // the guest's latest vzrestore then: a later one is ours
	Task   pve.UPID
	Done   bool
}

// lasting is the configuration that a container keeps when an archive is put
// over it, and the storage of its disk.
func (d *work[D]) lasting(ctx context.Context) (keep map[string]string, disk string, err error) {
	cfg, err := d.host.client.GuestConfig(ctx, d.app.Node, d.app.VMID)
	if err != nil {
		return nil, "", err
	}
	keep = map[string]string{"unprivileged": "1"}
	for key, value := range cfg.Raw {
		switch {
		case strings.HasPrefix(key, "net"), key == "hostname", key == "description", key == "tags", key == "cores", key == "memory", key == "swap", key == "onboot":
			keep[key] = value
		}
	}
	if !cfg.Unprivileged {
		keep["unprivileged"] = "0"
	}
	disk, _, found := strings.Cut(cfg.RootFS, ":")
	if !found {
		disk = d.app.Storage
	}
	return keep, disk, nil
}

// identity is the configuration that makes a container an app's.
func (c *Core) identity(a app) map[string]string {
	set := map[string]string{"hostname": a.Hostname, "net0": c.net0(a), "description": c.mark(a), "unprivileged": "1"}
	for key, n := range map[string]int{"cores": a.Cores, "memory": a.MemoryMB} {
		if n > 0 {
			set[key] = strconv.Itoa(n)
		}
	}
	return set
}

// listed makes sure that a node sees the archive of a backup.
func (c *Core) listed(ctx context.Context, l *liveHost, node string, b backup) error {
	volumes, err := l.client.Content(ctx, node, b.Storage, "backup", b.VMID)
	if err != nil {
		return err
	}
	for _, v := range volumes {
		if v.VolID == b.VolID {
			return nil
		}
	}
	return &Error{Kind: ErrNotFound, Text: fmt.Sprintf("%s is not on storage %s of %s any more", SafeText(b.VolID, 200), SafeText(b.Storage, 64), node), Hint: "nothing was changed; `backups` lists the others"}
}

var diskSize = regexp.MustCompile(`(?:^|,)size=(\d+)G(?:,|$)`)

// diskGB is the size of a disk in a configuration; 0 = it has none in whole GB.
func diskGB(rootfs string) int {
	m := diskSize.FindStringSubmatch(rootfs)
	if m == nil {
		return 0
	}
	n, _ := strconv.Atoi(m[1])
	return n
}

// refill makes the app's container from an archive, once: over the one that is
// there, if that is ours, or in its place. Whose it is is looked at again right
// before.
func (d *work[D]) refill(ctx context.Context, f *refill, volid, disk string, keep map[string]string) error {
	for range 20 {
		if f.Done {
			return nil
		}
		if err := d.finishRefill(ctx, f); f.Done || err != nil {
			return err
		}
		d.expect()
		who, err := d.c.whose(ctx, d.host, d.app)
		switch {
		case err != nil:
			return err
		case who == foreign:
			return &Error{Kind: ErrConflict, Text: fmt.Sprintf("CT %d on %s does not carry our marks any more", d.app.VMID, d.app.Node), Hint: "look at it in Proxmox: nothing was restored over it"}
		case who == unready:
			err = pause(ctx, d.c.cfg.Pace.TaskPoll)
		default:
			err = d.sendRefill(ctx, f, pve.RestoreOptions{VMID: d.app.VMID, VolID: volid, Storage: disk, Force: who == ours, Config: keep})
		}
		if err != nil {
			return err
		}
	}
	return passing{&Error{Kind: ErrFailed, Text: fmt.Sprintf("CT %d on %s is locked by a restore that does not go on", d.app.VMID, d.app.Node),
		Hint: fmt.Sprintf("if no task of it runs there, `pct unlock %d` and `pct destroy %d` make room", d.app.VMID, d.app.VMID)}}
}

// finishRefill follows a restore that was sent, also one whose UPID never
// reached us: it is the guest's latest that was not there before.
func (d *work[D]) finishRefill(ctx context.Context, f *refill) error {
	if f.Task == "" && !f.SentAt.IsZero() {
		latest, err := d.latestTask(ctx, "vzrestore")
		if err != nil {
			return err
		}
		if latest != f.Before {
			f.Task = latest
			d.Log(jobs.Info, "found the restore that was already under way")
			if err := d.Save(); err != nil {
				return err
			}
		}
	}
	if f.Task == "" {
		return nil
	}
	if err := d.wait(ctx, &f.Task, "restore the archive"); err != nil {
		if f.Task == "" {
			f.SentAt = time.Time{} // that one is over
			err = errors.Join(err, d.Save())
		}
		return err
	}
	f.Done = true
	return d.Save()
}

// latestTask is the newest task of a kind of the app's container, "" = none.
func (d *work[D]) latestTask(ctx context.Context, kind string) (pve.UPID, error) {
	tasks, err := d.host.client.Tasks(ctx, d.app.Node, pve.TaskFilter{VMID: d.app.VMID, Type: kind, Limit: 5})
	if err != nil || len(tasks) == 0 {
		return "", err
	}
	return tasks[0].UPID, nil
}

// sendRefill records the intent, sends the restore once, and records its UPID.
func (d *work[D]) sendRefill(ctx context.Context, f *refill, o pve.RestoreOptions) error {
	before, err := d.latestTask(ctx, "vzrestore")
	if err != nil {
		return err
	}
	f.SentAt, f.Sent, f.Before = d.c.now(), true, before
	if err := d.Save(); err != nil {
		return err
	}
	upid, err := d.host.client.Restore(ctx, d.app.Node, o)
	if err != nil {
		return staleLock(fmt.Errorf("restore CT %d: %w", o.VMID, err), o.VMID)
	}
	f.Task = upid
	return d.Save()
}
