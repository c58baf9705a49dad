package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"proximity/core"
)

func (r *run) hostsEdit() *cobra.Command {
	var e core.HostEdit
	var add core.AddHostRequest
	var url, document, tokenText string
	var passwordStdin bool
	c := &cobra.Command{
		Use:   "edit NAME [--name NEW] [--url URL] [--token ID=SECRET | --user U --password-stdin | --credentials -]",
		Short: "Change how a host is reached, or what it is called",
		Long: "Change how a host is reached, or what it is called. It must stay the same cluster: a new way is tried before anything is written. A host is renamed only while no job is at work.\n\n" +
			"--credentials - reads a JSON document from standard input, as `hosts add` does; with ssh_key or ssh_password alone only the nodes' SSH changes.",
		Example: "  hosts edit homelab --url https://10.0.0.2:8006 --fingerprint AA:BB:…",
		Args:    takes("NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			if tokenText != "" {
				var t token
				if err := t.read(tokenText); err != nil {
					return &core.Error{Kind: core.ErrInvalid, Field: "token", Text: "this is not a token", Hint: "write it as --token 'USER@REALM!ID=SECRET'"}
				}
				add.TokenID, add.TokenSecret = t.ID, t.Secret
			}
			if err := r.credentials(c, &add, document, passwordStdin); err != nil {
				return err
			}
			e.URL, e.TokenID, e.TokenSecret, e.User, e.Password = url, add.TokenID, add.TokenSecret, add.User, add.Password
			e.SSHUser, e.SSHPort, e.SSHKey, e.SSHPassword, e.Fingerprint, e.Trust = add.SSHUser, add.SSHPort, add.SSHKey, add.SSHPassword, add.Fingerprint, add.Trust
			if e == (core.HostEdit{}) {
				return usage(c, "nothing is to be changed")
			}
			return r.hostChanged(c, args[0], e)
		},
	}
	f := c.Flags()
	f.StringVar(&e.Name, "name", "", "another name")
	f.StringVar(&url, "url", "", "address of a node, e.g. https://10.0.0.1:8006")
	f.StringVar(&tokenText, "token", "", "API token, as USER@REALM!ID=SECRET")
	f.StringVar(&add.User, "user", "", "user, as USER@REALM (default realm: pam)")
	f.BoolVar(&passwordStdin, "password-stdin", false, "read the user's password from standard input")
	f.StringVar(&document, "credentials", "", "- reads credentials as a JSON document from standard input")
	f.StringVar(&add.SSHUser, "ssh-user", "", "user of the nodes' SSH")
	f.IntVar(&add.SSHPort, "ssh-port", 0, "port of the nodes' SSH")
	f.StringVar(&add.Fingerprint, "fingerprint", "", "SHA-256 fingerprint the certificate must have")
	f.BoolVar(&add.Trust, "trust", false, "trust the certificate that answers now, and pin it")
	return c
}

// hostChanged changes a host and shows what it has become.
func (r *run) hostChanged(c *cobra.Command, name string, e core.HostEdit) error {
	h, err := r.Core.EditHost(c.Context(), r.Actor, name, e)
	if err != nil {
		return err
	}
	return r.print(h, func() error { return r.hostLine(h) })
}

func (r *run) hostLine(h core.HostView) error {
	more := ""
	if h.Default {
		more = "  default"
	}
	_, err := fmt.Fprintf(r.Out, "host %s  %s  %s  %s%s\n", h.Name, h.State, h.URL, h.User, more)
	return err
}

func (r *run) hostsSwitch(name, short string, disabled bool) *cobra.Command {
	return &cobra.Command{
		Use:   name + " NAME",
		Short: short,
		Args:  takes("NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			return r.hostChanged(c, args[0], core.HostEdit{Disabled: &disabled})
		},
	}
}

func (r *run) hostsDefault() *cobra.Command {
	return &cobra.Command{
		Use:   "default NAME",
		Short: "Make a host the one that comes first",
		Args:  takes("NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			h, err := r.Core.SetDefaultHost(c.Context(), r.Actor, args[0])
			if err != nil {
				return err
			}
			return r.print(h, func() error { return r.hostLine(h) })
		},
	}
}

func (r *run) hostsRemove() *cobra.Command {
	var yes bool
	c := &cobra.Command{
		Use:   "remove NAME --yes",
		Short: "Forget a host on which no app lives",
		Args:  takes("NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			if !yes {
				return &core.Error{Kind: core.ErrInvalid, Field: "yes", Text: "this forgets host " + args[0] + " and its credentials", Hint: "add --yes if you mean it; `hosts disable` leaves it alone for a while"}
			}
			if err := r.Core.RemoveHost(c.Context(), r.Actor, args[0]); err != nil {
				return err
			}
			return r.print(map[string]string{"removed": args[0]}, func() error {
				_, err := fmt.Fprintf(r.Out, "host %s is forgotten\n", core.SafeText(args[0], 64))
				return err
			})
		},
	}
	c.Flags().BoolVar(&yes, "yes", false, "yes, forget it")
	return c
}

func (r *run) hostsSync() *cobra.Command {
	return &cobra.Command{
		Use:   "sync NAME",
		Short: "Ask a host who is in its cluster now",
		Args:  takes("NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			n, err := r.Core.SyncNodes(c.Context(), r.Actor, args[0])
			if err != nil {
				return err
			}
			return r.print(map[string]int{"nodes": n}, func() error {
				_, err := fmt.Fprintf(r.Out, "host %s has %s\n", core.SafeText(args[0], 64), count(n, "node"))
				return err
			})
		},
	}
}

func (r *run) hostsTrust() *cobra.Command {
	var accept []string
	c := &cobra.Command{
		Use:   "trust NAME [--accept FINGERPRINT]…",
		Short: "Accept a key of a host that is not the pinned one",
		Long: "Accept a key of a host that is not the pinned one: its certificate, or the SSH host key of a node. Until then nothing is sent to that host.\n" +
			"Without --accept both fingerprints are shown. Compare the new one on the node itself: `pvenode cert info`, or `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub`.",
		Args: takes("NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			h, err := r.Core.TrustHost(c.Context(), r.Actor, args[0], accept)
			if err != nil {
				return err
			}
			return r.print(h, func() error { return r.hostLine(h) })
		},
	}
	c.Flags().StringArrayVar(&accept, "accept", nil, "the fingerprint of the new key; may be repeated")
	return c
}

func (r *run) hostsWrapper() *cobra.Command {
	return &cobra.Command{
		Use:   "wrapper",
		Short: "Print the script that Proximity's key on the nodes can be restricted to",
		Long: "Print the script that Proximity's key on the nodes can be restricted to: it allows the commands Proximity sends, on this installation's containers, and nothing else.\n" +
			"Install it on every node as /usr/local/sbin/proximity-wrapper (root, mode 0755), and put before the key in /root/.ssh/authorized_keys:\n" +
			"  command=\"/usr/local/sbin/proximity-wrapper\",restrict,pty",
		Example: "  hosts wrapper | ssh root@pve1 'cat >/usr/local/sbin/proximity-wrapper && chmod 755 /usr/local/sbin/proximity-wrapper'",
		Args:    takes(),
		RunE: func(_ *cobra.Command, _ []string) error {
			script, err := r.Core.HostWrapper(r.Actor)
			if err != nil {
				return err
			}
			return r.print(map[string]string{"script": script}, func() error {
				_, err := io.WriteString(r.Out, script)
				return err
			})
		},
	}
}
