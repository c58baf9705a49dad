package cli

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"proximity/core"
)

func (r *run) discover() *cobra.Command {
	var host string
	c := &cobra.Command{
		Use:   "discover [--host NAME]",
		Short: "List the containers that Proximity does not manage",
		Long:  "List the containers that Proximity does not manage. Those that run are looked into, to see on which ports something listens; nothing is changed.",
		Args:  takes(),
		RunE: func(c *cobra.Command, _ []string) error {
			found, err := r.Core.Discover(c.Context(), r.Actor, host)
			if err != nil && len(found) == 0 {
				return err
			}
			if e := r.print(all(found), func() error {
				if len(found) == 0 {
					r.note("every container is managed")
					return nil
				}
				return r.foundTable(found)
			}); e != nil {
				return e
			}
			return err // of the hosts that said nothing
		},
	}
	c.Flags().StringVar(&host, "host", "", "only those of one host")
	return c
}

func (r *run) foundTable(found []core.FoundGuest) error {
	t := table{columns: []column{{title: "CT", right: true}, {title: "NAME"}, {title: "NODE", drop: 4}, {title: "STATE", drop: 2}, {title: "OS", drop: 7},
		{title: "CORES", right: true, drop: 8}, {title: "MEMORY", right: true, drop: 6}, {title: "DISK", right: true, drop: 9}, {title: "LOOKS LIKE", drop: 1}, {title: "PORTS", drop: 3}, {title: "ADOPT AS", drop: 5}}}
	for _, f := range found {
		like := unknown
		if f.LooksLike != "" {
			if like = f.LooksLike; !f.Sure {
				like += "?"
			}
		}
		if f.Note != "" {
			like = f.Note
		}
		t.add(strconv.Itoa(f.VMID), f.Name, f.Host+"/"+f.Node, f.Status, or(f.OS, unknown), strconv.Itoa(f.Cores), size(int64(f.MemoryMB)<<20), size(int64(f.DiskGB)<<30), like, ports(f), f.Hostname)
	}
	return t.write(r.Out, r.Width)
}

// ports are the ports something listens on, as far as they were seen.
func ports(f core.FoundGuest) string {
	if !f.PortsKnown {
		return unknown
	}
	if len(f.Ports) == 0 {
		return "none"
	}
	var list []string
	for _, p := range f.Ports {
		list = append(list, strconv.Itoa(p))
	}
	return strings.Join(list, " ")
}

func (r *run) adopt() *cobra.Command {
	var req core.AdoptRequest
	var wait bool
	c := &cobra.Command{
		Use:   "adopt VMID [--host NAME] [--node N] [--type T] [--port P] [--hostname NAME] [--wait]",
		Short: "Manage a container that somebody else made",
		Long: "Manage a container that somebody else made. Nothing inside it changes, its port is published, and Proximity never destroys it: `release` gives it back.\n" +
			"The port is found from inside where it is not given.",
		Args: takes("VMID"),
		RunE: func(c *cobra.Command, args []string) error {
			n, err := strconv.Atoi(args[0])
			if err != nil || n < 1 {
				return usage(c, "%s is not the number of a container", quote(args[0]))
			}
			if c.Flags().Changed("port") && req.Port < 1 {
				return &core.Error{Kind: core.ErrInvalid, Field: "port", Text: fmt.Sprintf("%d is not a port", req.Port), Hint: "give 1-65535, or leave it out"}
			}
			if wait {
				if err := r.online("--wait"); err != nil {
					return err
				}
			}
			req.VMID = n
			return r.adopted(c, req, wait)
		},
	}
	f := c.Flags()
	f.StringVar(&req.Host, "host", "", "the Proxmox host (default: the default one)")
	f.StringVar(&req.Node, "node", "", "the node it is on")
	f.StringVar(&req.Type, "type", "", "what it is: an app of the catalogue or another word (default: what it looks like)")
	f.IntVar(&req.Port, "port", 0, "the port inside to publish (default: found from inside)")
	f.StringVar(&req.Hostname, "hostname", "", "name of the app (default: the container's own)")
	waits(c, &wait)
	return c
}

func (r *run) adopted(c *cobra.Command, req core.AdoptRequest, wait bool) error {
	a, j, err := r.Core.Adopt(c.Context(), r.Actor, req)
	if err != nil {
		return err
	}
	return r.appAndJob(c, a, j, wait)
}
