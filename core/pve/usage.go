package pve

import (
	"bytes"
	"context"
	"math"
	"slices"
	"strconv"
	"time"
)

// Usage is what a container used on average over one step of its history, which ended At. What is not known is nil:
// before the container was made, while it was stopped, while its node was down.
type Usage struct {
	At            time.Time
	CPU, Cores    *float64 // CPU: share 0..1 of its cores
	Mem, MaxMem   *float64 // bytes
	Disk, MaxDisk *float64 // bytes
	NetIn, NetOut *float64 // bytes per second
}

// Usages asks for what a container used in the last "hour", "day", "week", "month" or "year", oldest first. How many
// points that is differs: PVE 8 gives 70 from a day on, PVE 9 up to 1440.
func (c *Client) Usages(ctx context.Context, node string, vmid int, timeframe string) ([]Usage, error) {
	var answer []struct {
		Time                         integer
		CPU, MaxCPU, Mem, MaxMem     reading
		Disk, MaxDisk, NetIn, NetOut reading
	}
	err := c.do(ctx, request{op: "read the history of CT", node: node, vmid: vmid, path: guestPath(node, vmid, "rrddata"),
		params: params{"timeframe": timeframe, "cf": "AVERAGE"}, into: &answer})
	if err != nil {
		return nil, err
	}
	usages := make([]Usage, 0, len(answer))
	for _, a := range answer {
		if a.Time <= 0 || a.Time > math.MaxInt32*100 {
			continue
		}
		u := Usage{At: time.Unix(int64(a.Time), 0), CPU: a.CPU.value, Cores: a.MaxCPU.value, Mem: a.Mem.value, MaxMem: a.MaxMem.value,
			Disk: a.Disk.value, MaxDisk: a.MaxDisk.value, NetIn: a.NetIn.value, NetOut: a.NetOut.value}
		if u.Disk != nil && *u.Disk == 0 {
			u.Disk = nil // Proxmox: nobody can look into a stopped container; no running one has an empty disk
		}
		usages = append(usages, u)
	}
	slices.SortStableFunc(usages, func(a, b Usage) int { return a.At.Compare(b.At) })
	return usages, nil
}

// reading is a number that may not be known. Proxmox: then the key is missing, or it is null.
type reading struct{ value *float64 }

func (r *reading) UnmarshalJSON(b []byte) error {
	r.value = nil
	v, err := strconv.ParseFloat(string(bytes.Trim(b, `"`)), 64)
	if err == nil && v >= 0 && !math.IsInf(v, 0) {
		r.value = &v
	}
	return nil
}
