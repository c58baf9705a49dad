package pvesim

import "time"

// rrdFrame is the resolution of one timeframe.
// Proxmox: those of PVE 9.
type rrdFrame struct {
	step  time.Duration
	count int
}

var rrdFrames = map[string]rrdFrame{
	"hour": {time.Minute, 60}, "day": {time.Minute, 1440}, "week": {30 * time.Minute, 336}, "month": {30 * time.Minute, 1440}, "year": {6 * time.Hour, 1440},
}

// history builds the rows of a timeframe; a row whose values are not known has its time alone.
func (q *call) history(values func(at time.Time) map[string]any) []map[string]any {
	f := rrdFrames[q.p["timeframe"]]
	end := q.now().Truncate(f.step)
	rows := make([]map[string]any, 0, f.count)
	for i := f.count - 1; i >= 0; i-- {
		at := end.Add(-time.Duration(i) * f.step)
		row := values(at)
		if row == nil {
			row = map[string]any{}
		}
		row["time"] = at.Unix()
		rows = append(rows, row)
	}
	return rows
}

func getGuestRRD(q *call) (any, error) {
	g, err := q.container()
	if err != nil {
		return nil, err
	}
	_, size := g.rootfs()
	return q.history(func(at time.Time) map[string]any {
		if !g.Running || at.Before(g.Started) {
			return nil
		}
		s, before := q.useAt(g, at), q.useAt(g, at.Add(-time.Minute))
		perSecond := func(now, then int64) float64 { return float64(max(now-then, 0)) / 60 }
		return map[string]any{
			"cpu": s.cpu, "maxcpu": g.cpus(q.o.NodeCores), "mem": s.mem, "maxmem": g.memory(), "disk": s.disk, "maxdisk": size,
			"netin": perSecond(s.netIn, before.netIn), "netout": perSecond(s.netOut, before.netOut),
			"diskread": perSecond(s.diskRead, before.diskRead), "diskwrite": perSecond(s.diskWr, before.diskWr),
		}
	}), nil
}

// useAt is what a guest used at a past moment: measured where it was, else what its kind of guest would have used.
func (c *Cluster) useAt(g *guest, at time.Time) sample {
	if len(g.history) > 0 && !at.Before(g.history[0].at) {
		last := g.history[0]
		for _, s := range g.history {
			if s.at.After(at) {
				break
			}
			last = s
		}
		return last
	}
	return c.madeUp(g, at)
}

func getNodeRRD(q *call) (any, error) {
	l := q.nodeLoads()[q.node.Name]
	total := int64(q.o.NodeMemoryMB) << 20
	return q.history(func(at time.Time) map[string]any {
		if at.Before(q.node.booted) {
			return nil
		}
		wobble := 0.9 + float64(random(q.o.Seed, q.node.Name, at.Unix())%200)/1000
		return map[string]any{
			"cpu": l.cpu * wobble, "maxcpu": q.o.NodeCores, "iowait": l.cpu / 40, "loadavg": l.cpu * wobble * float64(q.o.NodeCores),
			"memused": float64(l.mem) * wobble, "memtotal": total, "swapused": 0, "swaptotal": 8 << 30,
			"roottotal": q.storages[0].Total, "rootused": l.disk, "netin": 40000 * wobble, "netout": 30000 * wobble,
		}
	}), nil
}

func getStorageRRD(q *call) (any, error) {
	s, err := q.pathStorage()
	if err != nil {
		return nil, err
	}
	used, _ := q.usage(s, q.node.Name)
	return q.history(func(time.Time) map[string]any { return map[string]any{"total": s.Total, "used": used} }), nil
}
