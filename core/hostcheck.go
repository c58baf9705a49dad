package core

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"proximity/core/pve"
)

// HostCheck is one line of a host test.
type HostCheck struct {
	Name string `json:"name"`
	OK   bool   `json:"ok"`
	Warn bool   `json:"warn,omitempty"` // OK, but something will not work
	Text string `json:"text"`
	Hint string `json:"hint,omitempty"`
}

// TestHost asks the host now: API, privileges, and of every node SSH, clock,
// storages and templates.
func (c *Core) TestHost(ctx context.Context, a Actor, name string) ([]HostCheck, error) {
	if err := a.May(VerbChangeHosts, ""); err != nil {
		return nil, err
	}
	l, err := c.workingHost(name)
	if err != nil {
		return nil, err
	}
	return c.checkHost(ctx, l)
}

func (c *Core) checkHost(ctx context.Context, l *liveHost) ([]HostCheck, error) {
	v, err := l.client.Version(ctx)
	if err != nil {
		return nil, hostError(l.rec.Name, err)
	}
	checks := []HostCheck{{Name: "api", OK: true, Text: "Proxmox VE " + SafeText(v.Version, 20) + " at " + l.rec.URL}}
	checks = append(checks, c.checkPrivileges(ctx, l)...)
	status, err := l.client.Cluster(ctx)
	if err != nil {
		return nil, hostError(l.rec.Name, err)
	}
	if !status.Quorate {
		checks = append(checks, HostCheck{Name: "quorum", Text: "the cluster has none: nothing can be changed on it", Hint: "bring back the nodes that are offline"})
	}
	for _, n := range status.Nodes {
		checks = append(checks, c.checkNode(ctx, l, n)...)
	}
	l.poller.Refresh()
	return checks, nil
}

// privilege is one that Proximity needs, or can do without.
type privilege struct {
	pve.Requirement
	without string // what does not work without it; "" = nothing does
}

// privileges are all of them (docs/hosts.md).
func privileges() []privilege {
	var all []privilege
	add := func(path, without string, names ...string) {
		for _, n := range names {
			all = append(all, privilege{pve.Requirement{Path: path, Privilege: n}, without})
		}
	}
	add("/vms", "", "VM.Allocate", "VM.Audit", "VM.Config.CPU", "VM.Config.Disk", "VM.Config.Memory", "VM.Config.Network", "VM.Config.Options", "VM.PowerMgmt")
	add("/nodes", "", "Sys.Audit")
	add("/storage", "", "Datastore.AllocateSpace", "Datastore.Audit")
	add("/storage", "downloading system templates", "Datastore.AllocateTemplate")
	add("/vms", "cloning apps", "VM.Clone")
	add("/vms", "cloning apps that run", "VM.Snapshot")
	add("/vms", "backups", "VM.Backup")
	add("/nodes", "looking for newer images", "Sys.AccessNetwork")
	return all
}

func (c *Core) checkPrivileges(ctx context.Context, l *liveHost) []HostCheck {
	perms, err := l.client.Permissions(ctx)
	if err != nil {
		return []HostCheck{{Name: "privileges", Text: SafeText(err.Error(), 200)}}
	}
	const hint = "docs/hosts.md has the roles and the commands that grant them"
	var lacks []string
	var checks []HostCheck
	for _, p := range privileges() {
		switch {
		case perms.Has(p.Path, p.Privilege):
		case p.without == "":
			lacks = append(lacks, p.Privilege+" on "+p.Path)
		default:
			checks = append(checks, HostCheck{Name: "privileges", OK: true, Warn: true, Text: fmt.Sprintf("%s lacks %s on %s: no %s", l.rec.User, p.Privilege, p.Path, p.without), Hint: hint})
		}
	}
	if len(lacks) > 0 {
		return append([]HostCheck{{Name: "privileges", Text: l.rec.User + " lacks " + strings.Join(lacks, ", "), Hint: hint}}, checks...)
	}
	return append([]HostCheck{{Name: "privileges", OK: true, Text: l.rec.User + " may do all that is needed"}}, checks...)
}

func (c *Core) checkNode(ctx context.Context, l *liveHost, n pve.ClusterNode) []HostCheck {
	node := SafeText(n.Name, 64)
	if !n.Online {
		return []HostCheck{{Name: "node " + node, Text: "offline", Hint: "its apps cannot be reached until it is back"}}
	}
	checks := []HostCheck{c.checkSSH(ctx, l, n), c.checkClock(ctx, l, n)}
	storages, err := l.client.Storages(ctx, n.Name)
	if err != nil {
		return append(checks, HostCheck{Name: "storage on " + node, Text: SafeText(err.Error(), 200)})
	}
	holding := func(content string) (found []pve.NodeStorage, names string) {
		var list []string
		for _, s := range storages {
			if s.Active && s.Enabled && s.Holds(content) {
				found, list = append(found, s), append(list, SafeText(s.Name, 40))
			}
		}
		return found, strings.Join(list, ", ")
	}
	disks := HostCheck{Name: "storage on " + node, OK: true}
	if _, names := holding("rootdir"); names != "" {
		disks.Text = "containers: " + names
	} else {
		disks.OK, disks.Text, disks.Hint = false, "no active storage takes containers", "enable the content type rootdir on one"
	}
	backups := HostCheck{Name: "backups on " + node, OK: true}
	if _, names := holding("backup"); names != "" {
		backups.Text = "backups: " + names
	} else {
		backups.Warn, backups.Text, backups.Hint = true, "no active storage takes backups: its apps cannot be backed up", "enable the content type backup on one"
	}
	templates, _ := holding("vztmpl")
	return append(checks, disks, c.checkTemplates(ctx, l, n.Name, templates), backups)
}

// checkTemplates looks whether a container can be made from a template that is
// there, or can be had.
func (c *Core) checkTemplates(ctx context.Context, l *liveHost, node string, storages []pve.NodeStorage) HostCheck {
	check := HostCheck{Name: "templates on " + SafeText(node, 64)}
	if len(storages) == 0 {
		check.Text, check.Hint = "no active storage takes templates", "enable the content type vztmpl on one"
		return check
	}
	there := map[string]bool{}
	for _, s := range storages {
		volumes, err := l.client.Templates(ctx, node, s.Name)
		if err != nil {
			check.Text = SafeText(err.Error(), 200)
			return check
		}
		for _, v := range volumes {
			_, file, _ := strings.Cut(v.VolID, "/")
			noteSystem(there, file)
		}
	}
	if len(there) == len(systems) {
		check.OK, check.Text = true, strings.Join(systems, " and ")+" are there"
		return check
	}
	offers, err := l.client.Appliances(ctx, node)
	if err != nil {
		check.Text = SafeText(err.Error(), 200)
		return check
	}
	for _, o := range offers {
		noteSystem(there, path.Base(o))
	}
	check.OK, check.Text = true, "there, or downloaded when needed"
	var missing []string
	for _, s := range systems {
		if !there[s] {
			missing = append(missing, s)
		}
	}
	if len(missing) > 0 {
		check.OK, check.Text, check.Hint = len(missing) < len(systems), "no template of "+strings.Join(missing, " nor of "), "run `pveam update` on the node, or download one there"
		check.Warn = check.OK
	}
	return check
}

// systems are what containers are made of.
var systems = []string{"alpine", "debian"}

// noteSystem notes which system a template file is of.
func noteSystem(there map[string]bool, file string) {
	for _, s := range systems {
		if _, ok := templateVersion(file, s); ok {
			there[s] = true
		}
	}
}

// How far a node's clock may be off: tickets and backups' names go by it.
const (
	clockOdd   = 10 * time.Second
	clockWrong = 5 * time.Minute
)

func (c *Core) checkClock(ctx context.Context, l *liveHost, n pve.ClusterNode) HostCheck {
	check := HostCheck{Name: "clock of " + SafeText(n.Name, 64)}
	asked := c.now()
	at, err := l.client.NodeTime(ctx, n.Name)
	if err != nil {
		check.Text = SafeText(err.Error(), 200)
		return check
	}
	answered := c.now()
	off := max(asked.Sub(at.Add(time.Second)), at.Sub(answered), 0) // the node tells whole seconds
	check.OK, check.Text = off < clockWrong, "agrees with this machine's"
	if off >= clockOdd {
		check.Warn = check.OK
		check.Text, check.Hint = fmt.Sprintf("differs from this machine's by %s", off.Round(time.Second)), "let both ask a time server: `timedatectl set-ntp true`"
	}
	return check
}

func (c *Core) checkSSH(ctx context.Context, l *liveHost, n pve.ClusterNode) HostCheck {
	check := HostCheck{Name: "ssh to " + SafeText(n.Name, 64)}
	err := l.client.CheckSSH(ctx, n.Name)
	switch {
	case err == nil:
		check.OK, check.Text = true, fmt.Sprintf("%s may run pct (port %d)", l.rec.SSHUser, l.rec.SSHPort)
	case errors.Is(err, pve.ErrNoSSH):
		check.Text, check.Hint = "no credentials for the nodes' SSH", "apps are set up through `pct exec` on the node: add an SSH key or password"
	default:
		check.Text, check.Hint = SafeText(err.Error(), 200), "check the user, port and credentials of the node's SSH"
	}
	return check
}
