package main

import (
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"

	"proximity/pvesim"
)

// simFlags are the flags of the simulated cluster alone.
type simFlags struct {
	pvesim.Options
	faults string
}

func (p *program) pvesim() *cobra.Command {
	var o simFlags
	c := &cobra.Command{
		Use:   "pvesim",
		Short: "Run a simulated Proxmox VE cluster alone, for trying and testing",
		Long: "Run a simulated Proxmox VE cluster alone, for trying and testing: its HTTPS API and its nodes' SSH.\n" +
			"The k-th node listens on the k-th following address. When it serves, one line beginning with `ready` says where.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			o.Logger = slog.New(slog.NewTextHandler(p.err, &slog.HandlerOptions{Level: slog.LevelWarn}))
			if err := o.readFaults(); err != nil {
				return err
			}
			sim, err := pvesim.Start(c.Context(), o.Options)
			if err != nil {
				return fmt.Errorf("start the simulated cluster: %w", err)
			}
			fmt.Fprintf(p.out, "ready url=%s fingerprint=%s ssh=%d user=%s\n", sim.URL(), sim.Fingerprint(), sim.SSHPort(), o.User)
			<-c.Context().Done()
			return sim.Close()
		},
	}
	f := c.Flags()
	f.StringVar(&o.Listen, "listen", "127.0.0.1:8006", "address of the first node's API; port 0 = any free one")
	f.StringVar(&o.SSHListen, "ssh-listen", "127.0.0.1:0", "address of the first node's SSH; port 0 = any free one")
	f.IntVar(&o.Nodes, "nodes", 3, "nodes of the cluster")
	f.IntVar(&o.Guests, "guests", 40, "guests that are there already")
	f.Int64Var(&o.Seed, "seed", 1, "the same seed makes the same cluster")
	f.DurationVar(&o.Latency, "latency", 0, "wait before every answer, e.g. 20ms")
	f.Float64Var(&o.TaskTime, "task-time", 1, "how long tasks take: 1 = as in reality, 0 = no time")
	f.StringVar(&o.faults, "faults", "", "file with a JSON list of faults to inject")
	f.StringVar(&o.User, "user", "root@pam", "user with a password")
	f.StringVar(&o.Password, "password", "proximity", "that user's password, on the nodes' SSH, too")
	f.StringVar(&o.StateFile, "state", "", "file that keeps the cluster's state from run to run")
	return c
}

func (o *simFlags) readFaults() error {
	if o.faults == "" {
		return nil
	}
	f, err := os.Open(o.faults)
	if err != nil {
		return wrong("give a file with a JSON list", "--faults: %s", err)
	}
	defer f.Close()
	if o.Faults, err = pvesim.ParseFaults(f); err != nil {
		return wrong("correct the file", "--faults: %s", err)
	}
	return nil
}

// scaled is how long something takes when tasks take the factor f of their
// real time, but never so short that looking would be all there is to do.
func scaled(d time.Duration, f float64) time.Duration {
	return min(d, max(20*time.Millisecond, time.Duration(float64(d)*f)))
}

// closing ends the simulated cluster after everything that talks to it.
func closing(sim *pvesim.Cluster, err error) error {
	if e := sim.Close(); err == nil {
		return e
	}
	return err
}
