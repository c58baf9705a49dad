package pvesim

import (
	"math"
	"time"
)

// sample is what a guest or a node uses at one moment.
type sample struct {
	at                              time.Time
	cpu                             float64 // 0..1 of its cores
	mem, disk                       int64   // bytes
	netIn, netOut, diskRead, diskWr int64   // bytes since its start
}

// loadStep is the shortest time between two different loads: as often as pvestatd looks.
const loadStep = 2 * time.Second

// use is what a guest uses now. The same seed and time give the same loads.
func (c *Cluster) use(g *guest) sample {
	if !g.Running {
		return sample{}
	}
	at := c.now().Truncate(loadStep)
	if g.sample.at.Equal(at) && g.sample.mem > 0 {
		return g.sample
	}
	s := c.madeUp(g, at)
	if g.machine != nil && g.machine.Running() {
		u := g.machine.Usage()
		s.cpu, s.mem, s.disk, s.netIn, s.netOut = u.CPU, u.MemBytes, u.DiskBytes, u.NetIn, u.NetOut
		volid, _ := g.rootfs()
		c.grow(c.volume(g.Node, volid), s.disk)
	}
	g.sample = s
	return s
}

// madeUp is the load of a guest that nobody has looked into.
func (c *Cluster) madeUp(g *guest, at time.Time) sample {
	r := random(c.o.Seed, g.VMID)
	unit := func(shift uint) float64 { return float64(r>>shift&0xff) / 255 }
	t := float64(at.Unix())
	up := max(at.Sub(g.Started).Seconds(), 0)
	wave := (math.Sin(t/(40+200*unit(0))+10*unit(8)) + math.Sin(t/(500+3000*unit(16))) + 2) / 4
	cpu := 0.002 + 0.25*unit(24)*unit(32)*wave + 0.02*unit(40)
	size := g.size()
	s := sample{at: at, cpu: min(cpu, 1), disk: int64(float64(size) * (0.1 + 0.5*unit(48)))}
	s.mem = int64(float64(g.memory()) * (0.15 + 0.5*unit(56) + 0.1*wave) * c.squeeze())
	rate := 400 + 60000*unit(24)*unit(8)
	s.netIn, s.netOut = int64(rate*up)+1024, int64(rate*up*(0.2+unit(16)))+512
	s.diskRead, s.diskWr = int64(2000*unit(32)*up)+(20<<20), int64(9000*unit(40)*up)+(4<<20)
	return s
}

// squeeze is the factor that keeps the memory of a crowd of guests inside their nodes.
func (c *Cluster) squeeze() float64 {
	perNode := float64(c.o.Guests) / float64(c.o.Nodes)
	budget := 0.5 * float64(c.o.NodeMemoryMB)
	const each = 900 // MB that a made-up guest uses on average
	if need := perNode * each; need > budget {
		return budget / need
	}
	return 1
}

// nodeLoad is what a node uses, its guests included.
type nodeLoad struct {
	cpu  float64 // 0..1 of its cores
	mem  int64
	disk int64 // of its root file system
}

// nodeLoads sums up all guests, once for all nodes.
func (c *Cluster) nodeLoads() map[string]nodeLoad {
	loads := map[string]nodeLoad{}
	t := float64(c.now().Truncate(loadStep).Unix())
	for i, n := range c.nodes {
		phase := float64(random(c.o.Seed, n.Name)%1000) / 100
		local := c.storages[0]
		used, _ := c.usage(local, n.Name)
		loads[n.Name] = nodeLoad{cpu: 0.012 + 0.006*(1+math.Sin(t/37+phase)), mem: int64(1400+90*i) << 20, disk: used}
	}
	for _, g := range c.guests {
		if !g.Running {
			continue
		}
		l := loads[g.Node]
		s := c.use(g)
		l.cpu += s.cpu * g.cpus(c.o.NodeCores) / float64(c.o.NodeCores)
		l.mem += s.mem
		loads[g.Node] = l
	}
	total := int64(c.o.NodeMemoryMB) << 20
	for name, l := range loads {
		l.cpu, l.mem = min(l.cpu, 0.98), min(l.mem, total*97/100)
		loads[name] = l
	}
	return loads
}

// historyLength is how many samples of a guest are kept: an hour of them.
const historyLength = 360

// statd looks at the guests from time to time, as pvestatd does.
func (c *Cluster) statd() {
	look := time.NewTicker(max(c.scaled(statPeriod), time.Second))
	defer look.Stop()
	for {
		select {
		case <-c.ctx.Done():
			return
		case <-look.C:
			c.sample()
		}
	}
}

// sample adds to the history of every running guest.
func (c *Cluster) sample() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, g := range c.guests {
		if g.machine == nil || !g.Running {
			continue
		}
		g.history = append(g.history, c.use(g))
		if len(g.history) > historyLength {
			g.history = g.history[1:]
		}
	}
}
