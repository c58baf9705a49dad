package core

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"proximity/core/catalog"
	"proximity/core/pve"
	"proximity/jobs"
)

// render makes an app's files from its manifest and all its values.
func (c *Core) render(a app, m *catalog.Manifest) ([]catalog.File, error) {
	values, err := c.valuesOf(a)
	if err != nil {
		return nil, err
	}
	files, err := m.Render(values, c.builtins(a, m))
	if err != nil {
		return nil, fmt.Errorf("render %s: %w", m.ID, err)
	}
	return files, nil
}

// putFiles puts files of the app into its folder. What people may change there
// is kept as each says: never overwritten, or only while it is as we put it the
// last time.
func (d *work[D]) putFiles(ctx context.Context, files []catalog.File) error {
	kept, err := d.putInto(ctx, appDir(d.app), files)
	if err != nil {
		return err
	}
	d.Logf(jobs.Info, "put %d files into %s", len(files)-len(kept), appDir(d.app))
	for _, f := range files {
		if f.Overwrite == "if-unchanged" && slices.Contains(kept, f.Path) {
			d.Logf(jobs.Warning, "%s was edited inside the container: it stays as it is", f.Path)
		}
	}
	return nil
}

// putInto puts files into any folder of the container, in one call.
func (d *work[D]) putInto(ctx context.Context, dir string, files []catalog.File) (kept []string, err error) {
	send := make([]pve.File, len(files))
	for i, f := range files {
		send[i] = pve.File(f)
	}
	kept, err = d.host.client.PutFiles(ctx, d.app.Node, d.app.VMID, dir, send)
	if err != nil {
		return nil, fmt.Errorf("put the app's files into CT %d: %w", d.app.VMID, err)
	}
	return kept, nil
}

// becomeOwn makes what runs in a copied container the app's own: its files move
// from another app's folder to its own, and are written with its name, address
// and port in them.
func (d *work[D]) becomeOwn(ctx context.Context, from string) error {
	if d.manifest == nil {
		d.Logf(jobs.Info, "there is no recipe for %s: what runs in the container runs as it did", SafeText(d.app.CatalogID, 60))
		return nil
	}
	was, now := pve.Quote(path.Join(appsDir, from)), pve.Quote(appDir(d.app))
	move := "if [ -d " + was + " ] && [ ! -e " + now + " ]; then mv " + was + " " + now + "; fi"
	if err := d.must(ctx, "move", "moving the app's files", move, true); err != nil {
		return err
	}
	files, err := d.c.render(d.app, d.manifest)
	if err != nil {
		return err
	}
	if err := d.putFiles(ctx, files); err != nil {
		return err
	}
	d.Progress(1, "starting")
	return d.up(ctx, "up", d.manifest)
}

// changeRootPassword gives a copied container the root password of its own
// record. The script never touches a disk: it holds the password.
func (d *work[D]) changeRootPassword(ctx context.Context) error {
	password, err := d.c.ring.Unseal("app-root/"+d.app.ID, d.app.RootPassword)
	if err != nil {
		return fmt.Errorf("open the sealed root password of %s: %w", d.app.Hostname, err)
	}
	var said strings.Builder
	exit, err := d.host.client.Exec(ctx, d.app.Node, d.app.VMID, "chpasswd <<'PROXIMITY'\nroot:"+string(password)+"\nPROXIMITY\n", &said)
	if err != nil {
		return err
	}
	if exit != 0 {
		return passing{scriptError("changing the root password", exit, strings.Split(strings.TrimSpace(said.String()), "\n"))}
	}
	d.Log(jobs.Info, "the copy has a root password of its own")
	return nil
}
