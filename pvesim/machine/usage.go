package machine

import "math"

// Usage is what the node would measure of a machine.
type Usage struct {
	CPU       float64 // 0..1 of its cores
	MemBytes  int64
	DiskBytes int64
	NetIn     int64 // bytes since boot
	NetOut    int64 // bytes since boot
}

// Usage measures the machine now. It moves with time, is the same for the same seed and time, and builds nothing.
func (m *Machine) Usage() Usage {
	m.mu.Lock()
	o := m.opts.withDefaults()
	in, running, booted := m.inner, m.running, m.booted
	m.mu.Unlock()
	u := Usage{DiskBytes: baseDisk[o.OS]}
	var cores float64
	var memory int64
	if in != nil {
		u.DiskBytes = m.diskUsed(in)
		cores, memory, _ = in.engine.Usage()
	}
	if !running {
		return u
	}
	now := o.Now()
	up := max(now.Sub(booted).Seconds(), 0)
	t, phase := float64(now.UnixMilli())/1000, float64(uint64(o.Seed)*2654435761%1000)/1000*2*math.Pi
	cores += 0.012 + 0.010*math.Sin(t/23+phase) + 0.006*math.Sin(t/7+2*phase)
	if in != nil {
		cores += 0.15 * float64(len(in.kernel.Procs()))
	}
	u.CPU = min(max(cores/float64(o.Cores), 0.0005), 1)
	memory += baseMemory[o.OS] + int64(float64(6<<20)*(1+math.Sin(t/61+phase)))
	u.MemBytes = min(memory, int64(o.MemoryMB)<<20*97/100)
	rate := 900 + 4000*cores + float64(uint64(o.Seed)%700)
	u.NetIn, u.NetOut = int64(rate*up)+4096, int64(rate*up*0.7)+2048
	if in != nil {
		served, sent := in.net.traffic()
		u.NetIn, u.NetOut = u.NetIn+served, u.NetOut+sent
	}
	return u
}

var (
	baseDisk   = map[string]int64{"alpine": 9 << 20, "debian": 560 << 20}
	baseMemory = map[string]int64{"alpine": 14 << 20, "debian": 42 << 20}
)

func (m *Machine) diskUsed(in *inner) int64 {
	_, _, images := in.engine.Usage()
	return baseDisk[m.opts.OS] + in.fs.Used() + in.packages.size() + images
}
