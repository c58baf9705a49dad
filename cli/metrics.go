package cli

import (
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"proximity/core"
)

// metricRows is how many rows the table has at most.
const metricRows = 24

func (r *run) metrics() *cobra.Command {
	var period string
	var names []string
	for _, p := range core.Periods() {
		names = append(names, string(p))
	}
	c := &cobra.Command{
		Use:   "metrics NAME [--period " + strings.Join(names, "|") + "]",
		Short: "Show what an app has used: processor, memory, disk, network",
		Long: "Show what an app has used over a period, as its Proxmox host has recorded it: means, a few rows of them.\n" +
			"With --json all of them; what is not known, as while the app was stopped, is absent.",
		Args: takes("NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			v, err := r.Core.AppHistory(c.Context(), r.Actor, args[0], core.Period(period))
			if err != nil {
				return err
			}
			return r.print(v, func() error { return r.metricTable(v) })
		},
	}
	c.Flags().StringVar(&period, "period", "hour", "how far back: "+strings.Join(names, ", "))
	return c
}

func (r *run) metricTable(v core.HistoryView) error {
	points := v.Points
	for len(points) > 0 && points[0].MaxMem == nil && points[0].CPU == nil { // from before there was a container
		points = points[1:]
	}
	if len(points) == 0 {
		r.note("%s has recorded nothing of %s in the last %s", core.SafeText(v.Node, 64), core.SafeText(v.Hostname, 64), v.Period)
		return nil
	}
	format := "2006-01-02 15:04"
	if v.Period.Length() <= 24*time.Hour {
		format = "15:04"
	}
	t := table{columns: []column{{title: "TIME"}, {title: "CPU", right: true}, {title: "MEMORY", right: true}, {title: "DISK", right: true, drop: 3}, {title: "IN", right: true, drop: 2}, {title: "OUT", right: true, drop: 1}}}
	rows := min(len(points), metricRows)
	for i := range rows {
		p := points[len(points)-1]
		if rows > 1 {
			p = points[i*(len(points)-1)/(rows-1)]
		}
		t.add(p.Time.In(r.zone).Format(format), figure(p.CPU, share), figure(p.Mem, sized), figure(p.Disk, sized), figure(p.NetIn, perSecond), figure(p.NetOut, perSecond))
	}
	return t.write(r.Out, r.Width)
}

// figure is a value in words, if there is one.
func figure(v *float64, word func(float64) string) string {
	if v == nil {
		return unknown
	}
	return word(*v)
}

// share is a percentage; of small ones a tenth counts.
func share(f float64) string {
	if f < 0.0995 {
		return strconv.FormatFloat(100*f, 'f', 1, 64) + "%"
	}
	return percent(f)
}

func sized(f float64) string { return size(int64(f)) }

func perSecond(f float64) string { return size(int64(f)) + "/s" }
