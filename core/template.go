package core

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"proximity/core/pve"
	"proximity/jobs"
)

// templateName takes a system template's file name apart:
// alpine-3.22-default_20250617_amd64.tar.xz, debian-13-standard_13.1-2_amd64.tar.zst.
var templateName = regexp.MustCompile(`^(alpine|debian)-(\d+(?:\.\d+)?)-(?:default|standard)_([^_]+)_amd64\.tar\.\w+$`)

// templateVersion is the version of a template of the given system; false if it
// is another one's.
func templateVersion(file, system string) ([]int, bool) {
	m := templateName.FindStringSubmatch(file)
	if m == nil || m[1] != system {
		return nil, false
	}
	var v []int
	for _, part := range strings.FieldsFunc(m[2]+"."+m[3], func(r rune) bool { return r == '.' || r == '-' }) {
		n, _ := strconv.Atoi(part)
		v = append(v, n)
	}
	return v, true
}

// findTemplate is the volid of the newest fitting template already there, or "".
func (d *deploying) findTemplate(ctx context.Context, storages []pve.NodeStorage) (string, error) {
	best, version := "", []int(nil)
	for _, s := range storages {
		volumes, err := d.host.client.Templates(ctx, d.app.Node, s.Name)
		if err != nil {
			return "", err
		}
		for _, v := range volumes {
			_, file, _ := strings.Cut(v.VolID, "/")
			if got, ok := templateVersion(file, d.app.OS); ok && slices.Compare(got, version) > 0 {
				best, version = v.VolID, got
			}
		}
	}
	return best, nil
}

// downloadTemplate asks Proxmox for the newest fitting template, onto the
// storage with the most room.
func (d *deploying) downloadTemplate(ctx context.Context, storages []pve.NodeStorage) error {
	offers, err := d.host.client.Appliances(ctx, d.app.Node)
	if err != nil {
		return err
	}
	best, version := "", []int(nil)
	for _, o := range offers {
		if got, ok := templateVersion(path.Base(o), d.app.OS); ok && slices.Compare(got, version) > 0 {
			best, version = o, got
		}
	}
	if best == "" {
		return &Error{Kind: ErrFailed, Text: fmt.Sprintf("node %s offers no %s template", d.app.Node, d.app.OS), Hint: "run `pveam update` on the node, or download one there"}
	}
	to := slices.MaxFunc(storages, func(a, b pve.NodeStorage) int { return cmp.Compare(a.Avail, b.Avail) })
	d.Logf(jobs.Info, "download %s to %s", best, to.Name)
	upid, err := d.host.client.DownloadAppliance(ctx, d.app.Node, to.Name, best)
	if err != nil {
		return fmt.Errorf("download %s: %w", best, err)
	}
	d.Data.TemplateTask = upid
	if err := d.Save(); err != nil {
		return err
	}
	if err := d.wait(ctx, &d.Data.TemplateTask, "download "+best); err != nil {
		return err
	}
	if d.Data.Template, err = d.findTemplate(ctx, storages); err != nil {
		return err
	}
	if d.Data.Template == "" {
		return passing{fmt.Errorf("%s was downloaded to %s but is not listed there", best, to.Name)}
	}
	d.Logf(jobs.Info, "template %s", d.Data.Template)
	return d.Save()
}
