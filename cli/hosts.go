package cli

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"proximity/core"
)

func (r *run) hosts() *cobra.Command {
	c := &cobra.Command{
		Use:   "hosts",
		Short: "List the Proxmox hosts; add, test and change them",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return knownIn(c, args[0])
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error {
			list, err := r.Core.Hosts(c.Context(), r.Actor)
			if err != nil {
				return err
			}
			return r.print(all(list), func() error {
				if len(list) == 0 {
					r.note("no Proxmox host is connected yet: see `help hosts add`")
					return nil
				}
				t := table{columns: []column{{title: "HOST"}, {title: "STATE"}, {title: "NODES", right: true}, {title: "APPS", right: true, drop: 1}, {title: "URL", drop: 3},
					{title: "CLUSTER", drop: 5}, {title: "USER", drop: 6}, {title: "SSH", drop: 7}, {title: "SEEN", drop: 4}, {title: "TROUBLE", drop: 2}}}
				for _, h := range list {
					name := h.Name
					if h.Default {
						name += " *"
					}
					ssh := "none"
					if h.SSHUser != "" {
						ssh = fmt.Sprintf("%s:%d", h.SSHUser, h.SSHPort)
					}
					nodes := unknown
					if !h.LastSeen.IsZero() {
						nodes = aged(fmt.Sprintf("%d/%d", h.NodesOnline, h.Nodes), h.State != "online")
					}
					t.add(name, h.State, nodes, fmt.Sprint(h.Apps), h.URL, or(h.Cluster, unknown), h.User, ssh, r.when(h.LastSeen), h.Error)
				}
				return t.write(r.Out, r.Width)
			})
		},
	}
	c.AddCommand(r.hostsAdd(), r.hostsTest(), r.hostsEdit(), r.hostsRemove(), r.hostsDefault(), r.hostsSwitch("disable", "Leave a host alone: nothing is asked of it or placed on it", true),
		r.hostsSwitch("enable", "Work with a disabled host again", false), r.hostsSync(), r.hostsTrust(), r.hostsWrapper())
	return c
}

// credentials is the document of `hosts add … --credentials -`.
type credentials struct {
	Token       token  `json:"token"`
	User        string `json:"user"`
	Password    string `json:"password"`
	SSHUser     string `json:"ssh_user"`
	SSHKey      string `json:"ssh_key"`
	SSHPassword string `json:"ssh_password"`
}

// token is an API token: "ID=SECRET" or {"id": ID, "secret": SECRET}.
type token struct{ ID, Secret string }

// UnmarshalJSON reads either form. Its errors never hold the secret.
func (t *token) UnmarshalJSON(b []byte) error {
	var s string
	if json.Unmarshal(b, &s) == nil {
		return t.read(s)
	}
	var doc struct {
		ID     string `json:"id"`
		Secret string `json:"secret"`
	}
	if json.Unmarshal(b, &doc) != nil {
		return &json.UnmarshalTypeError{Field: "token"}
	}
	t.ID, t.Secret = doc.ID, doc.Secret
	return nil
}

func (t *token) read(s string) error {
	id, secret, ok := strings.Cut(s, "=")
	if !ok || id == "" || secret == "" {
		return errNoToken
	}
	t.ID, t.Secret = id, secret
	return nil
}

var errNoToken = errors.New("not USER@REALM!ID=SECRET")

func (r *run) hostsAdd() *cobra.Command {
	var req core.AddHostRequest
	var tokenText, document string
	var passwordStdin bool
	c := &cobra.Command{
		Use:   "add NAME URL (--token ID=SECRET | --user U --password-stdin | --credentials -)",
		Short: "Connect a Proxmox host or cluster",
		Long: "Connect a Proxmox host or cluster, e.g. https://10.0.0.1:8006.\n\n" +
			"--credentials - reads a JSON document from standard input: token (\"ID=SECRET\" or {\"id\", \"secret\"}) or user and password, and for the nodes' SSH\n" +
			"ssh_key or ssh_password. Without SSH credentials those of --user serve, where that is a PAM account.\n" +
			"Without --fingerprint or --trust nothing is sent to a host whose certificate no authority vouches for: its fingerprint is shown instead.",
		Example: "  hosts add homelab https://10.0.0.1:8006 --user root@pam --password-stdin --fingerprint AA:BB:…",
		Args:    takes("NAME", "URL"),
		RunE: func(c *cobra.Command, args []string) error {
			req.Name, req.URL = args[0], args[1]
			if req.Trust && req.Fingerprint != "" {
				return usage(c, "--trust takes any certificate, --fingerprint one: give one of the two")
			}
			if tokenText != "" {
				var t token
				if err := t.read(tokenText); err != nil {
					return &core.Error{Kind: core.ErrInvalid, Field: "token", Text: "this is not a token", Hint: "write it as --token 'USER@REALM!ID=SECRET'"}
				}
				req.TokenID, req.TokenSecret = t.ID, t.Secret
			}
			if err := r.credentials(c, &req, document, passwordStdin); err != nil {
				return err
			}
			h, err := r.Core.AddHost(c.Context(), r.Actor, req)
			if err != nil {
				return err
			}
			return r.print(h, func() error {
				fmt.Fprintf(r.Out, "host %s  %s  %s\n", h.Name, h.URL, or(h.Cluster, h.State))
				r.note("`hosts test %s` shows whether all is ready for apps", h.Name)
				return nil
			})
		},
	}
	f := c.Flags()
	f.StringVar(&tokenText, "token", "", "API token, as USER@REALM!ID=SECRET")
	f.StringVar(&req.User, "user", "", "user, as USER@REALM (default realm: pam)")
	f.BoolVar(&passwordStdin, "password-stdin", false, "read the user's password from standard input")
	f.StringVar(&document, "credentials", "", "- reads credentials as a JSON document from standard input")
	f.StringVar(&req.SSHUser, "ssh-user", "", "user of the nodes' SSH (default root)")
	f.IntVar(&req.SSHPort, "ssh-port", 0, "port of the nodes' SSH (default 22)")
	f.StringVar(&req.Fingerprint, "fingerprint", "", "SHA-256 fingerprint the certificate must have")
	f.BoolVar(&req.Trust, "trust", false, "trust the certificate that answers now, and pin it")
	f.BoolVar(&req.Default, "default", false, "make it the default host")
	return c
}

// credentials reads what is secret from standard input into the request.
func (r *run) credentials(c *cobra.Command, req *core.AddHostRequest, document string, passwordStdin bool) error {
	switch {
	case document != "" && passwordStdin:
		return usage(c, "--credentials and --password-stdin both read standard input")
	case document != "" && document != "-":
		return usage(c, "--credentials: no file is read here, only - (standard input)")
	case passwordStdin:
		text, err := bufio.NewReader(io.LimitReader(r.In, 4096)).ReadString('\n')
		if err != nil && err != io.EOF {
			return &core.Error{Kind: core.ErrFailed, Field: "password", Text: "standard input cannot be read", Err: err}
		}
		req.Password = strings.TrimRight(text, "\r\n")
		if req.Password == "" {
			return &core.Error{Kind: core.ErrInvalid, Field: "password", Text: "standard input holds no password", Hint: "pipe it in: printf %s PASSWORD | …"}
		}
	case document != "":
		var d credentials
		if err := r.input("credentials", &d); err != nil {
			return err
		}
		if d.Token.ID != "" {
			req.TokenID, req.TokenSecret = d.Token.ID, d.Token.Secret
		}
		req.User, req.SSHUser = or(req.User, d.User), or(req.SSHUser, d.SSHUser)
		req.Password, req.SSHKey, req.SSHPassword = d.Password, d.SSHKey, d.SSHPassword
	}
	return nil
}

func (r *run) hostsTest() *cobra.Command {
	return &cobra.Command{
		Use:   "test NAME",
		Short: "Ask a host whether all is ready for apps",
		Args:  takes("NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			checks, err := r.Core.TestHost(c.Context(), r.Actor, args[0])
			if err != nil {
				return err
			}
			failed := 0
			t := table{columns: []column{{title: ""}, {title: "CHECK"}, {title: "RESULT"}, {title: "WHAT TO DO", drop: 1}}}
			for _, k := range checks {
				mark := "ok"
				switch {
				case !k.OK:
					mark = "NO"
					failed++
				case k.Warn:
					mark = "warn"
				}
				t.add(mark, k.Name, k.Text, k.Hint)
			}
			if err := r.print(all(checks), func() error { return t.write(r.Out, r.Width) }); err != nil {
				return err
			}
			if failed > 0 {
				return &core.Error{Kind: core.ErrFailed, Text: fmt.Sprintf("%d of %s failed", failed, count(len(checks), "check"))}
			}
			return nil
		},
	}
}

func (r *run) nodes() *cobra.Command {
	return &cobra.Command{
		Use:   "nodes",
		Short: "List the nodes of all hosts",
		Args:  takes(),
		RunE: func(c *cobra.Command, _ []string) error {
			list, err := r.Core.Nodes(c.Context(), r.Actor)
			if err != nil {
				return err
			}
			return r.print(all(list), func() error {
				if len(list) == 0 {
					r.note("no node is known yet: `hosts` shows which hosts have answered")
					return nil
				}
				t := table{columns: []column{{title: "NODE"}, {title: "HOST", drop: 4}, {title: "STATE"}, {title: "CPU", right: true, drop: 2}, {title: "MEMORY", right: true, drop: 1},
					{title: "FREE", right: true, drop: 5}, {title: "APPS", right: true, drop: 3}, {title: "GUESTS", right: true, drop: 6}, {title: "UPTIME", right: true, drop: 7}}}
				for _, n := range list {
					cpu, mem, free, up := unknown, unknown, unknown, unknown
					if m := n.Metrics; m != nil {
						cpu, mem, free = percent(m.CPU), use(m.Mem, m.MaxMem), fmt.Sprintf("%d MB", n.FreeMB)
						up = span(time.Duration(m.Uptime) * time.Second)
					}
					t.add(n.Name, n.Host, n.State, aged(cpu, n.Stale), aged(mem, n.Stale), aged(free, n.Stale), fmt.Sprint(n.Apps), fmt.Sprint(n.Guests), aged(up, n.Stale))
				}
				return t.write(r.Out, r.Width)
			})
		},
	}
}
