package cli

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"proximity/core"
)

func (r *run) apps() *cobra.Command {
	return &cobra.Command{
		Use:   "apps",
		Short: "List the apps you may see",
		Args:  takes(),
		RunE: func(c *cobra.Command, _ []string) error {
			list, err := r.Core.Apps(c.Context(), r.Actor)
			if err != nil {
				return err
			}
			return r.print(all(list), func() error {
				if len(list) == 0 {
					r.note("no apps yet: `catalog` lists what can be deployed")
					return nil
				}
				return r.appTable(list)
			})
		},
	}
}

func (r *run) appTable(list []core.AppView) error {
	t := table{columns: []column{{title: "NAME"}, {title: "STATUS"}, {title: "APP", drop: 2}, {title: "URL", drop: 1}, {title: "NODE", drop: 3},
		{title: "CT", right: true, drop: 6}, {title: "CPU", right: true, drop: 4}, {title: "MEMORY", right: true, drop: 5}, {title: "UPTIME", right: true, drop: 7}, {title: "OWNER", drop: 8}}}
	hosts := map[string]bool{}
	for _, a := range list {
		hosts[a.Host] = true
	}
	delete(hosts, "") // no node is chosen yet
	for _, a := range list {
		node := or(a.Node, unknown)
		if len(hosts) > 1 && a.Node != "" {
			node = a.Host + "/" + node // every host may have a "pve"
		}
		cpu, mem, up := unknown, unknown, unknown
		if m := a.Metrics; m != nil {
			cpu, mem, up = percent(m.CPU), size(m.Mem), span(time.Duration(m.Uptime)*time.Second)
		}
		vmid := unknown
		if a.VMID != 0 {
			vmid = strconv.Itoa(a.VMID)
		}
		t.add(a.Hostname, r.status(a), a.CatalogID, or(a.URL, unknown), node, vmid, aged(cpu, a.Stale), aged(mem, a.Stale), aged(up, a.Stale), a.Owner)
	}
	return t.write(r.Out, r.Width)
}

// status is an app's state in a word, with the job that works on it.
func (r *run) status(a core.AppView) string {
	s := string(a.Status)
	if !a.DeletesAt.IsZero() {
		return s + " in " + span(max(a.DeletesAt.Sub(r.Now()), 0))
	}
	if a.Job != nil {
		s += fmt.Sprintf(" %d/%d", a.Job.Step, a.Job.Steps)
		if a.Job.Waiting != "" {
			s += " waiting"
		}
	}
	if a.Drift != "" {
		s += "!"
	}
	return s
}

func (r *run) app() *cobra.Command {
	secrets := false
	c := &cobra.Command{
		Use:   "app NAME [--secrets]",
		Short: "Show one app, by hostname or id",
		Args:  takes("NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			if secrets {
				return r.secrets(c, args[0])
			}
			a, err := r.Core.App(c.Context(), r.Actor, args[0])
			if err != nil {
				return err
			}
			return r.print(a, func() error { return r.appDetail(a) })
		},
	}
	c.Flags().BoolVar(&secrets, "secrets", false, "the passwords and keys it was given or made; leaves an audit record")
	return c
}

// secrets prints what an app keeps secret, to whoever may change it.
func (r *run) secrets(c *cobra.Command, name string) error {
	all, err := r.Core.AppSecrets(c.Context(), r.Actor, name)
	if err != nil {
		return err
	}
	return r.print(all, func() error {
		for _, key := range slices.Sorted(maps.Keys(all)) {
			fmt.Fprintf(r.Out, "%s=%s\n", key, core.SafeText(all[key], 0))
		}
		return nil
	})
}

func (r *run) appDetail(a core.AppView) error {
	where, job, now := "", "", ""
	if a.VMID != 0 {
		where = fmt.Sprintf("CT %d on %s/%s", a.VMID, a.Host, a.Node)
	}
	if j := a.Job; j != nil {
		job = fmt.Sprintf("job %d: %s, step %d of %d (%s) %s", j.ID, j.State, j.Step, j.Steps, j.Title, percent(j.Progress))
		if j.Waiting != "" {
			job += ", " + j.Waiting
		}
	}
	if m := a.Metrics; m != nil {
		now = aged(fmt.Sprintf("CPU %s, memory %s, disk %s, up %s", percent(m.CPU), use(m.Mem, m.MaxMem), use(m.Disk, m.MaxDisk), span(time.Duration(m.Uptime)*time.Second)), a.Stale)
		if a.Stale {
			now += " " + r.when(a.AsOf)
		}
	}
	port := ""
	if a.PublicPort != 0 {
		port = fmt.Sprintf("%d, forwarded to %s:%d", a.PublicPort, or(a.Address, unknown), a.InternalPort)
	}
	gone, adopted, made := "", "", r.when(a.CreatedAt)
	if a.ClonedFrom != "" {
		made += ", a clone of " + a.ClonedFrom
	}
	if !a.DeletesAt.IsZero() {
		gone = r.when(a.DeletesAt) + ": `undelete " + a.Hostname + "` keeps it"
	}
	if k := a.Adoption; k != nil {
		adopted = r.when(k.At) + " by " + k.By + ", was " + k.Name + ", " + k.Status
	}
	fmt.Fprintf(r.Out, "%s  %s\n", core.SafeText(a.Hostname, 0), a.Status)
	return r.facts(fact{"error", a.Error}, fact{"what to do", a.Hint}, fact{"drift", a.Drift}, fact{"destroyed", gone},
		fact{"app", strings.TrimSpace(a.Name + " " + a.Version)}, fact{"id", a.ID}, fact{"owner", a.Owner},
		fact{"url", a.URL}, fact{"reached at", a.Published}, fact{"port", port}, fact{"address", a.Address}, fact{"network", a.Network}, fact{"container", where},
		fact{"size", fmt.Sprintf("%d cores, %d MB memory, %d GB disk on %s", a.Cores, a.MemoryMB, a.DiskGB, or(a.Storage, unknown))}, fact{"system", a.OS},
		fact{"now", now}, fact{"job", job}, fact{"backups", r.protection(a.Protection)},
		fact{"adopted", adopted}, fact{"made", made}, fact{"notes", a.Notes})
}

func (r *run) logs() *cobra.Command {
	var follow, deployment bool
	var tail int
	c := &cobra.Command{
		Use:   "logs NAME [-f] [--tail N] [--deployment]",
		Short: "Print what an app says, or with --deployment what was done to it",
		Long:  "Print what an app says, or with --deployment what was done to it.\nWith --json every line is a document of its own.",
		Args:  takes("NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			if tail < 0 {
				return usage(c, "--tail: %d is no number of lines", tail)
			}
			if deployment {
				if !c.Flags().Changed("tail") {
					tail = 0 // all that core keeps handy
				}
				return r.deploymentLog(c, args[0], tail, follow)
			}
			if follow {
				if err := r.online("-f"); err != nil {
					return err
				}
			}
			return r.Core.AppLogs(c.Context(), r.Actor, args[0], tail, follow, func(s string) {
				if r.json {
					_ = r.row(r.Out, map[string]string{"line": s}) // a reader who left is noticed by ctx
					return
				}
				fmt.Fprintln(r.Out, s)
			})
		},
	}
	c.Flags().BoolVarP(&follow, "follow", "f", false, "go on as new lines come")
	c.Flags().IntVar(&tail, "tail", 100, "how many of the last lines (default with --deployment: 500)")
	c.Flags().BoolVar(&deployment, "deployment", false, "the log of the app's jobs instead")
	return c
}

// deploymentLog prints what was done to an app, and follows the job that works on it.
func (r *run) deploymentLog(c *cobra.Command, name string, tail int, follow bool) error {
	lines, err := r.Core.DeploymentLog(c.Context(), r.Actor, name, tail)
	if err != nil {
		return err
	}
	seen := map[uint64]uint64{}
	for _, l := range lines {
		seen[l.Job] = l.Seq
		r.logLine(r.Out, l)
	}
	if !follow {
		return nil
	}
	if err := r.online("-f"); err != nil {
		return err
	}
	a, err := r.Core.App(c.Context(), r.Actor, name)
	if err != nil || a.Job == nil {
		return err
	}
	_, err = r.Core.FollowJob(c.Context(), r.Actor, a.Job.ID, func(l core.LogLine) {
		if l.Seq > seen[l.Job] {
			r.logLine(r.Out, l)
		}
	})
	return err
}
