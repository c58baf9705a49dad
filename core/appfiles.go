package core

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"slices"
	"strings"

	"proximity/core/catalog"
	"proximity/core/pve"
	"proximity/jobs"
)

// putFiles puts an app's files into its container. What people may have changed
// there is kept as the manifest says: a file that is never overwritten, or only
// while it is as we put it, which was says.
func (d *work[D]) putFiles(ctx context.Context, files, was []catalog.File) error {
	sums, err := d.fileSums(ctx, files)
	if err != nil {
		return err
	}
	n := 0
	for _, f := range files {
		at := path.Join(appDir(d.app), f.Path)
		if there := sums[at]; there != "" && !overwrites(f, there, was) {
			if f.Overwrite == "if-unchanged" {
				d.Logf(jobs.Warning, "%s was edited inside the container: it stays as it is", f.Path)
			}
			continue
		}
		if err := d.host.client.Put(ctx, d.app.Node, d.app.VMID, at, f.Mode, f.Content); err != nil {
			return fmt.Errorf("put %s into CT %d: %w", f.Path, d.app.VMID, err)
		}
		n++
	}
	d.Logf(jobs.Info, "put %d files into %s", n, appDir(d.app))
	return nil
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
	if err := d.putFiles(ctx, files, nil); err != nil {
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

// overwrites says whether a file takes the place of the one that is there.
func overwrites(f catalog.File, there string, was []catalog.File) bool {
	switch f.Overwrite {
	case "never":
		return false
	case "if-unchanged":
		return slices.ContainsFunc(was, func(w catalog.File) bool { return w.Path == f.Path && sumOf(w.Content) == there })
	}
	return true
}

func sumOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// fileSums are the SHA-256 of those files that are there already and may have
// to stay, by their path.
func (d *work[D]) fileSums(ctx context.Context, files []catalog.File) (map[string]string, error) {
	sums := map[string]string{}
	script := ""
	for _, f := range files {
		if f.Overwrite != "always" {
			script += "sha256sum " + pve.Quote(path.Join(appDir(d.app), f.Path)) + " 2>/dev/null\n"
		}
	}
	if script == "" {
		return sums, nil
	}
	var out strings.Builder
	if _, err := d.host.client.Exec(ctx, d.app.Node, d.app.VMID, script+"true", &out); err != nil {
		return nil, err
	}
	for line := range strings.Lines(out.String()) {
		if sum, at, ok := strings.Cut(strings.TrimSpace(line), "  "); ok {
			sums[at] = sum
		}
	}
	return sums, nil
}
