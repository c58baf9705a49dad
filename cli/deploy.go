package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"proximity/core"
)

// maxInput bounds a document on standard input, in bytes.
const maxInput = 1 << 20

func (r *run) deploy() *cobra.Command {
	var req core.DeployRequest
	var set []string
	var values string
	var wait bool
	c := &cobra.Command{
		Use:   "deploy ID --hostname NAME [--set KEY=VALUE]…",
		Short: "Deploy an app of the catalogue into a container of its own",
		Long: "Deploy an app of the catalogue into a container of its own.\n" +
			"Values that are secret belong on standard input: --values - reads a JSON document {\"KEY\": \"VALUE\", …}.",
		Example: "  deploy gitea --hostname git --wait\n  deploy miniflux --hostname reader --set TZ=Europe/Vienna --node pve2",
		Args:    takes("ID"),
		RunE: func(c *cobra.Command, args []string) error {
			req.CatalogID = args[0]
			if wait {
				if err := r.online("--wait"); err != nil {
					return err
				}
			}
			for name, n := range map[string]int{"cores": req.Cores, "memory": req.MemoryMB, "disk": req.DiskGB, "port": req.Port} {
				if c.Flags().Changed(name) && n < 1 {
					return &core.Error{Kind: core.ErrInvalid, Field: name, Text: fmt.Sprintf("%d is not enough", n), Hint: "give at least 1, or leave it out"}
				}
			}
			var err error
			if req.Values, err = r.values(c, set, values); err != nil {
				return err
			}
			return r.deployed(c, req, wait)
		},
	}
	f := c.Flags()
	f.StringVar(&req.Hostname, "hostname", "", "name of the app and its container: 3-63 of a-z 0-9 -")
	f.StringArrayVar(&set, "set", nil, "a field of the app, as KEY=VALUE; may be repeated")
	f.StringVar(&values, "values", "", "- reads fields as a JSON document from standard input")
	f.StringVar(&req.Host, "host", "", "the Proxmox host (default: the one with room)")
	f.StringVar(&req.Node, "node", "", "the node (default: the one with most free memory)")
	f.IntVar(&req.Cores, "cores", 0, "processor cores")
	f.IntVar(&req.MemoryMB, "memory", 0, "memory in MB")
	f.IntVar(&req.DiskGB, "disk", 0, "disk in GB")
	f.IntVar(&req.Port, "port", 0, "public port (default: the lowest free one)")
	f.StringVar(&req.IP, "ip", "", "dhcp, static (the lowest free one), or an address of the subnet (default: as the settings say)")
	f.BoolVar(&wait, "wait", false, "follow the job to its end; the exit code is the job's")
	return c
}

// deployed asks for the app and, with wait, sees it through.
func (r *run) deployed(c *cobra.Command, req core.DeployRequest, wait bool) error {
	a, j, err := r.Core.DeployApp(c.Context(), r.Actor, req)
	if err != nil {
		return err
	}
	return r.appAndJob(c, a, j, wait)
}

// appAndJob answers with a new app and the job that makes it, and with wait
// sees it through.
func (r *run) appAndJob(c *cobra.Command, a core.AppView, j core.JobView, wait bool) (err error) {
	if wait {
		if j, err = r.follow(c.Context(), j.ID); err != nil {
			return err
		}
		now, err := r.Core.App(c.Context(), r.Actor, a.ID)
		if errors.Is(err, core.ErrNotFound) { // what could not be made is gone again
			if err := r.print(j, func() error { return r.started(j) }); err != nil {
				return err
			}
			return outcome(j, true)
		}
		if err != nil {
			return err
		}
		a = now
		if r.Width > 0 && !r.json { // a person looks: passwords that are shown once do not go to waste in a file
			note, err := r.Core.WelcomeNote(c.Context(), r.Actor, a.ID)
			if err != nil {
				return err
			}
			a.Notes = or(note, a.Notes)
		}
	}
	return r.made(a, j, wait)
}

// values gathers the fields; --set wins over the document.
func (r *run) values(c *cobra.Command, set []string, source string) (map[string]string, error) {
	values := map[string]string{}
	if source != "" {
		if source != "-" {
			return nil, usage(c, "--values: no file is read here, only - (standard input)")
		}
		var doc map[string]any
		if err := r.input("values", &doc); err != nil {
			return nil, err
		}
		for k, v := range doc {
			switch v := v.(type) {
			case string:
				values[k] = v
			case json.Number, bool:
				values[k] = fmt.Sprint(v)
			default:
				return nil, &core.Error{Kind: core.ErrInvalid, Field: "values." + core.SafeText(k, 40), Text: "the value is neither text, number nor true/false"}
			}
		}
	}
	for _, s := range set {
		k, v, ok := strings.Cut(s, "=")
		if !ok || k == "" {
			return nil, &core.Error{Kind: core.ErrInvalid, Field: "set", Text: quote(k) + " has no value", Hint: "write --set KEY=VALUE"}
		}
		values[k] = v
	}
	return values, nil
}

// input reads the one JSON document of standard input. Its text never gets
// into an error: it may be a secret.
func (r *run) input(field string, into any) error {
	b, err := io.ReadAll(io.LimitReader(r.In, maxInput+1))
	if err != nil {
		return &core.Error{Kind: core.ErrFailed, Field: field, Text: "standard input cannot be read", Err: err}
	}
	if len(b) > maxInput {
		return &core.Error{Kind: core.ErrInvalid, Field: field, Text: "the document on standard input is larger than 1 MiB"}
	}
	if len(bytes.TrimSpace(b)) == 0 {
		return &core.Error{Kind: core.ErrInvalid, Field: field, Text: "standard input is empty", Hint: "send a JSON document, e.g. echo '{…}' | …"}
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil || dec.More() {
		return &core.Error{Kind: core.ErrInvalid, Field: field, Text: "standard input is not the JSON document expected" + where(err), Hint: "see `help`"}
	}
	return nil
}

// where tells the place of a fault in a document, and none of its text.
func where(err error) string {
	switch e := err.(type) {
	case *json.SyntaxError:
		return fmt.Sprintf(": fault at byte %d", e.Offset)
	case *json.UnmarshalTypeError:
		return fmt.Sprintf(": wrong type of %q", e.Field)
	case nil:
		return ": there is more than one"
	}
	if s := err.Error(); strings.HasPrefix(s, "json: unknown field ") {
		return ": " + core.SafeText(strings.TrimPrefix(s, "json: "), 80)
	}
	return ""
}
