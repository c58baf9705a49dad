package pvesim

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

func (c *Cluster) sortedGuests() []*guest {
	return slices.SortedFunc(maps.Values(c.guests), func(a, b *guest) int { return cmp.Compare(a.VMID, b.VMID) })
}

// guestRow is a guest in /cluster/resources. Fields are pointers where a guest that pvestatd does not know has none.
type guestRow struct {
	ID        string   `json:"id"`
	Type      string   `json:"type"`
	VMID      int      `json:"vmid"`
	Node      string   `json:"node"`
	Status    string   `json:"status"`
	Name      string   `json:"name,omitempty"`
	Template  *int     `json:"template,omitempty"`
	MaxCPU    *float64 `json:"maxcpu,omitempty"`
	CPU       *float64 `json:"cpu,omitempty"`
	Mem       *int64   `json:"mem,omitempty"`
	MaxMem    *int64   `json:"maxmem,omitempty"`
	MemHost   *int64   `json:"memhost,omitempty"`
	Disk      *int64   `json:"disk,omitempty"`
	MaxDisk   *int64   `json:"maxdisk,omitempty"`
	NetIn     *int64   `json:"netin,omitempty"`
	NetOut    *int64   `json:"netout,omitempty"`
	DiskRead  *int64   `json:"diskread,omitempty"`
	DiskWrite *int64   `json:"diskwrite,omitempty"`
	Uptime    *int64   `json:"uptime,omitempty"`
	Tags      string   `json:"tags,omitempty"`
	Lock      string   `json:"lock,omitempty"`
	Pool      string   `json:"pool,omitempty"`
}

func getResources(q *call) (any, error) {
	want := q.p["type"]
	rows := []any{}
	if want == "" || want == "vm" {
		rows = append(rows, q.guestRows()...)
	}
	if want == "" || want == "node" {
		loads := q.nodeLoads()
		for _, n := range q.Cluster.nodes {
			rows = append(rows, q.nodeRow(n, loads[n.Name]))
		}
	}
	if want == "" || want == "storage" {
		for _, n := range q.Cluster.nodes {
			for _, s := range q.storages {
				if q.seesStorage(s) {
					rows = append(rows, q.storageResource(s, n))
				}
			}
		}
	}
	if want == "" {
		for _, name := range sortedKeys(q.pools) {
			if q.may("/pool/"+name, "Pool.Audit") == nil {
				rows = append(rows, map[string]any{"id": "/pool/" + name, "pool": name, "type": "pool"})
			}
		}
	}
	if want == "" || want == "sdn" {
		for _, n := range q.Cluster.nodes {
			if q.mayAny("/sdn/zones/localnetwork", "SDN.Audit") == nil {
				rows = append(rows, map[string]any{
					"id": "network/" + n.Name + "/zone/localnetwork", "type": "network", "network-type": "zone", "network": "localnetwork", "node": n.Name,
					"status": map[bool]string{true: "ok", false: "unknown"}[n.up],
				})
			}
		}
	}
	return rows, nil
}

func (q *call) guestRows() []any {
	visible := q.audits("VM.Audit")
	last := q.lastStat()
	pool := map[int]string{}
	for name, p := range q.pools {
		for vmid := range p.Guests {
			pool[vmid] = name
		}
	}
	rows := make([]any, 0, len(q.guests))
	for _, g := range q.sortedGuests() {
		if visible(g.VMID) {
			row := q.resource(g, q.seen(g, last))
			row.Pool = pool[g.VMID]
			rows = append(rows, row)
		}
	}
	return rows
}

// resource is a guest's row as far as pvestatd has seen it.
func (c *Cluster) resource(g *guest, s sight) *guestRow {
	row := &guestRow{ID: fmt.Sprintf("%s/%d", g.Kind, g.VMID), Type: g.Kind, VMID: g.VMID, Node: g.Node, Status: "unknown", Tags: g.Conf["tags"], Lock: g.Conf["lock"]}
	if !s.known || !c.node(g.Node).up {
		return row
	}
	row.Status, row.Name = statusText(s.running), s.name
	use := sample{}
	var uptime int64
	if s.running {
		if g.Running {
			use = c.use(g)
		}
		uptime = max(int64(c.now().Sub(s.started).Seconds()), 0)
	}
	size := g.size()
	cpus, mem, zero, template := g.cpus(c.o.NodeCores), g.memory(), int64(0), bit(g.template())
	row.Template, row.MaxCPU, row.CPU, row.Mem, row.MaxMem, row.MemHost = &template, &cpus, &use.cpu, &use.mem, &mem, &zero
	row.Disk, row.MaxDisk, row.NetIn, row.NetOut = &use.disk, &size, &use.netIn, &use.netOut
	row.DiskRead, row.DiskWrite, row.Uptime = &use.diskRead, &use.diskWr, &uptime
	if g.Kind == "qemu" {
		row.Disk = &zero
	}
	return row
}

// nodeRow is a node in lists; without Sys.Audit it shows little.
func (q *call) nodeRow(n *node, l nodeLoad) map[string]any {
	row := map[string]any{"id": "node/" + n.Name, "type": "node", "node": n.Name, "level": "", "status": "online"}
	if !n.up {
		row["status"] = "offline"
		return row
	}
	if q.may("/nodes/"+n.Name, "Sys.Audit") != nil {
		return row
	}
	row["cpu"], row["maxcpu"] = l.cpu, q.o.NodeCores
	row["mem"], row["maxmem"] = l.mem, int64(q.o.NodeMemoryMB)<<20
	row["disk"], row["maxdisk"] = l.disk, q.storages[0].Total
	row["uptime"] = int64(q.now().Sub(n.booted).Seconds())
	row["cgroup-mode"] = 2
	return row
}

func (q *call) storageResource(s *storage, n *node) map[string]any {
	row := map[string]any{
		"id": "storage/" + n.Name + "/" + s.Name, "type": "storage", "storage": s.Name, "node": n.Name, "plugintype": s.Type,
		"content": strings.Join(s.Content, ","), "shared": bit(s.Shared), "status": "available",
	}
	if !n.up {
		row["status"] = "unknown"
		return row
	}
	used, _ := q.usage(s, n.Name)
	row["disk"], row["maxdisk"] = used, s.Total
	return row
}

// statusRow is a guest as its own node sees it, without lag.
func (c *Cluster) statusRow(g *guest) map[string]any {
	use, size := c.use(g), g.size()
	row := map[string]any{
		"vmid": g.VMID, "name": g.name(), "type": g.Kind, "status": statusText(g.Running),
		"cpu": use.cpu, "cpus": g.Conf.number("cores", c.o.NodeCores), "mem": use.mem, "maxmem": g.memory(), "swap": 0, "maxswap": g.swap(),
		"disk": use.disk, "maxdisk": size, "diskread": use.diskRead, "diskwrite": use.diskWr, "netin": use.netIn, "netout": use.netOut, "uptime": 0,
	}
	// Proxmox: a cpulimit makes cpus a string.
	if limit := g.Conf["cpulimit"]; limit != "" && limit != "0" {
		row["cpus"] = limit
	}
	if g.creating() {
		row["maxmem"], row["maxdisk"] = int64(512)<<20, int64(4)<<30
	}
	if g.Running {
		row["uptime"], row["pid"] = int64(c.now().Sub(g.Started).Seconds()), g.PID
		for _, k := range []string{"cpusome", "cpufull", "iosome", "iofull", "memorysome", "memoryfull"} {
			row["pressure"+k] = "0.00"
		}
	}
	for _, k := range []string{"tags", "lock"} {
		if v := g.Conf[k]; v != "" {
			row[k] = v
		}
	}
	if g.template() {
		row["template"] = 1
	}
	return row
}

func (q *call) guestList(kind string) (any, error) {
	visible := q.audits("VM.Audit")
	rows := []map[string]any{}
	for _, g := range q.sortedGuests() {
		if g.Kind == kind && g.Node == q.node.Name && visible(g.VMID) {
			rows = append(rows, q.statusRow(g))
		}
	}
	return rows, nil
}

func getContainers(q *call) (any, error) { return q.guestList("lxc") }

func getMachines(q *call) (any, error) { return q.guestList("qemu") }

func getContainer(q *call) (any, error) {
	if _, err := q.container(); err != nil {
		return nil, err
	}
	return subdirs("config", "pending", "status", "vncproxy", "termproxy", "vncwebsocket", "spiceproxy", "migrate", "clone", "initlog", "rrd", "rrddata",
		"firewall", "snapshot", "resize", "interfaces", "feature", "move_volume", "template"), nil
}

func getStatusIndex(q *call) (any, error) {
	if _, err := q.container(); err != nil {
		return nil, err
	}
	return subdirs("current", "start", "stop", "shutdown", "migrate", "reboot", "suspend", "resume"), nil
}

func getStatus(q *call) (any, error) {
	g, err := q.container()
	if err != nil {
		return nil, err
	}
	row := q.statusRow(g)
	row["ha"] = map[string]int{"managed": 0}
	return row, nil
}

// virtual finds the virtual machine of the path.
func (q *call) virtual() (*guest, error) {
	g := q.guests[q.id()]
	if g == nil || g.Kind != "qemu" || g.Node != q.node.Name {
		return nil, failf("Configuration file 'nodes/%s/qemu-server/%d.conf' does not exist", q.node.Name, q.id())
	}
	return g, nil
}

func getMachineStatus(q *call) (any, error) {
	g, err := q.virtual()
	if err != nil {
		return nil, err
	}
	row := q.statusRow(g)
	row["ha"], row["qmpstatus"] = map[string]int{"managed": 0}, statusText(g.Running)
	return row, nil
}

func getMachineConfig(q *call) (any, error) {
	g, err := q.virtual()
	if err != nil {
		return nil, err
	}
	out := q.typed(g.Conf)
	out["digest"] = g.digest()
	return out, nil
}
