package core

import (
	"context"
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"proximity/core/catalog"
	"proximity/core/pve"
	"proximity/jobs"
)

// needsScript looks inside a new container whether the node can give what an
// app asks for.
//
//go:embed scripts/needs.sh
var needsScript string

// devices are what an app's container is handed of its node, by the manifest's
// word for it.
var devices = map[string]string{"tun": "/dev/net/tun", "gpu": "/dev/dri/renderD128"}

// rootOnly are the features that Proxmox gives to root@pam's own login alone.
var rootOnly = []string{"fuse", "gpu", "privileged", "tun"}

// checkNeeds refuses an app on a host whose login may not give what it needs.
func (c *Core) checkNeeds(p *plan) {
	l, err := c.liveHost(p.app.Host)
	if err != nil || l.rec.isRoot() {
		return // no host: that is a problem already
	}
	for _, feature := range p.manifest.Requirements.Features {
		if slices.Contains(rootOnly, feature) {
			p.problem(&Error{Kind: ErrUnavailable, Field: "host", Text: fmt.Sprintf("%s needs %s, and on %s only root@pam may give it to a container", p.manifest.Name, feature, l.rec.Name),
				Hint: "choose a host that is connected as root@pam with its password"})
		}
	}
}

// isRoot reports whether the host is used as root@pam itself: not even its
// tokens may all that it may.
func (h host) isRoot() bool { return !h.Token && h.User == "root@pam" }

// grant adds what an app needs to the options of its container.
func grant(o *pve.CreateOptions, m *catalog.Manifest) {
	for _, feature := range m.Requirements.Features {
		switch device := devices[feature]; {
		case device != "":
			o.Devices = append(o.Devices, device)
		case feature == "privileged":
			o.Unprivileged = false
		case feature == "fuse":
			o.Features += ",fuse=1"
		}
	}
}

// needs looks whether the node has what the app asks for: what cannot be
// helped ends the deploy, what an admin of the node can mend is told.
func (d *work[D]) needs(ctx context.Context) error {
	q := d.manifest.Requirements
	var given []string
	for _, feature := range q.Features {
		if device := devices[feature]; device != "" {
			given = append(given, device)
		}
	}
	if len(given)+len(q.Sysctls)+len(q.CPUFlags)+len(q.KernelModules) == 0 {
		return nil
	}
	words := func(name string, list []string) string { return name + "=" + pve.Quote(strings.Join(list, " ")) + "\n" }
	script := words("flags", q.CPUFlags) + words("devices", given) + words("modules", q.KernelModules) + words("sysctls", q.Settings()) + needsScript
	var out strings.Builder
	exit, err := d.host.client.Exec(ctx, d.app.Node, d.app.VMID, script, &out)
	if err != nil {
		return err
	}
	var missing []string
	for line := range strings.Lines(out.String()) {
		line = SafeText(strings.TrimSpace(line), 200)
		if text, warn := strings.CutPrefix(line, "warning: "); warn {
			d.Logf(jobs.Warning, "on %s, %s: %s may not start", d.app.Node, text, d.manifest.Name)
		} else if line != "" {
			missing = append(missing, line)
		}
	}
	if exit != 0 {
		return &Error{Kind: ErrFailed, Text: fmt.Sprintf("%s cannot run on %s: %s", d.manifest.Name, d.app.Node, strings.Join(missing, ", ")), Hint: "deploy it on another node"}
	}
	return nil
}
