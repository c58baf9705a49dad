package core

import (
	"strconv"
	"strings"
)

// History is the short history of "app/ID", "node/HOST/NAME" or "host/NAME",
// oldest first.
func (c *Core) History(a Actor, object string) []Sample {
	kind, rest, _ := strings.Cut(object, "/")
	switch kind {
	case "app":
		c.mu.RLock()
		rec, ok := c.appCache[rest]
		c.mu.RUnlock()
		if ok && a.sees(rec.Owner) && rec.VMID != 0 {
			return c.samples(rec.Host, "lxc/"+strconv.Itoa(rec.VMID))
		}
	case "node":
		if hostName, node, ok := strings.Cut(rest, "/"); ok && a.May(VerbReadHosts, "") == nil {
			return c.samples(hostName, "node/"+node)
		}
	case "host":
		if a.May(VerbReadHosts, "") == nil {
			return c.hostHistory(rest)
		}
	}
	return nil
}

func (c *Core) samples(hostName, key string) []Sample {
	l, err := c.liveHost(hostName)
	if err != nil {
		return nil
	}
	var out []Sample
	for _, s := range l.poller.History(key) {
		out = append(out, Sample{At: s.At, CPU: s.CPU, Mem: s.Mem})
	}
	return out
}

// hostHistory is the mean of a host's nodes; "" means all hosts.
func (c *Core) hostHistory(name string) []Sample {
	var sum []Sample
	n := 0
	for _, l := range c.liveHosts() {
		if name != "" && l.rec.Name != name {
			continue
		}
		for _, node := range l.poller.Snapshot().Nodes {
			hist := l.poller.History("node/" + node.Name)
			if len(hist) == 0 {
				continue
			}
			n++
			for len(sum) < len(hist) {
				sum = append([]Sample{{}}, sum...)
			}
			off := len(sum) - len(hist)
			for i, s := range hist {
				d := &sum[off+i]
				d.At = s.At
				d.CPU += s.CPU
				d.Mem += s.Mem
			}
		}
	}
	for i := range sum {
		sum[i].CPU /= float64(n)
		sum[i].Mem /= float64(n)
	}
	return sum
}
