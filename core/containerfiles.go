package core

import (
	"context"
	"fmt"
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

// putFiles writes files of the app into its container, in one call. Those that
// people may change there stay as each says: never overwritten, or only while
// they are as we wrote them the last time.
func (d *work[D]) putFiles(ctx context.Context, files []catalog.File) error {
	send := make([]pve.File, len(files))
	for i, f := range files {
		send[i] = pve.File(f)
	}
	kept, err := d.host.client.PutFiles(ctx, d.app.Node, d.app.VMID, appDir(d.app), send)
	if err != nil {
		return fmt.Errorf("put the app's files into CT %d: %w", d.app.VMID, err)
	}
	d.Logf(jobs.Info, "put %d files into %s", len(files)-len(kept), appDir(d.app))
	if len(kept) > 0 {
		d.Logf(jobs.Info, "kept as they are in the container: %s", SafeText(strings.Join(kept, ", "), 300))
	}
	return nil
}
