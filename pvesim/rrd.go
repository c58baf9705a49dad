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
func (q *call) history(values func(at time.Time, step time.Duration) map[string]any) []map[string]any {
	f := rrdFrames[q.p["timeframe"]]
	end := q.now().Truncate(f.step)
	rows := make([]map[string]any, 0, f.count)
	for i := f.count - 1; i >= 0; i-- {
		at := end.Add(-time.Duration(i) * f.step)
		row := values(at, f.step)
		if row == nil {
			row = map[string]any{}
		}
		row["time"] = at.Unix()
		rows = append(rows, row)
	}
	return rows
}

// Proxmox: of a container that is stopped only its limits are recorded, and a disk use of 0. A step of which less than
// half is known is not known.
func getGuestRRD(q *call) (any, error) {
	g, err := q.container()
	if err != nil {
		return nil, err
	}
	_, size := g.rootfs()
	merge := mean
	if q.p["cf"] == "MAX" {
		merge = highest
	}
	return q.history(func(at time.Time, step time.Duration) map[string]any {
		if at.Before(g.made()) {
			return nil
		}
		row := map[string]any{"maxcpu": g.cpus(q.o.NodeCores), "maxmem": g.memory(), "maxdisk": size, "disk": 0}
		moments := []time.Time{at}
		if step > time.Minute {
			moments = nil
			for i := range 6 {
				moments = append(moments, at.Add(-time.Duration(i)*step/6))
			}
		}
		var loads []load
		for _, m := range moments {
			if g.ranAt(m) {
				loads = append(loads, q.loadAt(g, m))
			}
		}
		if len(loads)*2 < len(moments) {
			return row
		}
		l := merge(loads)
		row["cpu"], row["mem"], row["disk"] = l[loadCPU], l[loadMem], l[loadDisk]
		row["netin"], row["netout"], row["diskread"], row["diskwrite"] = l[loadNetIn], l[loadNetOut], l[loadRead], l[loadWrite]
		return row
	}), nil
}

func getNodeRRD(q *call) (any, error) {
	l := q.nodeLoads()[q.node.Name]
	total := int64(q.o.NodeMemoryMB) << 20
	return q.history(func(at time.Time, _ time.Duration) map[string]any {
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
	return q.history(func(time.Time, time.Duration) map[string]any { return map[string]any{"total": s.Total, "used": used} }), nil
}
